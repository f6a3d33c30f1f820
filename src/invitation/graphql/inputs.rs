//! Inputs and payloads.

use async_graphql::{Enum, ID, InputObject, SimpleObject};

use super::delivery::DeliveryState;
use super::object::InvitationObject;
use crate::auth::graphql::{AuthTokens, ViewerObject};
use crate::graphql::{DateTimeRange, EmailAddress, JsonValue, OrderDirection, UserError};
use crate::invitation::InvitationStatus;
use crate::invitation::service;
use crate::membership::graphql::MembershipObject;

/// How the link reaches the invitee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "service::Delivery")]
pub enum InviteDelivery {
    /// By mail to the invited address.
    Email,
    /// Returned once, to be handed over by other means; proves nothing about the address.
    LinkOnly,
}

/// What to do when an invitation with another role is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "service::OnConflict")]
pub enum OnConflict {
    /// Leave it and refuse.
    Keep,
    /// Cancel it and make the one asked for.
    Replace,
}

/// Whom to invite, and how.
#[derive(InputObject)]
pub(super) struct InviteInput {
    /// Tenant to invite into; the active one by default.
    pub(super) tenant_id: Option<ID>,
    /// Address to invite.
    pub(super) email: EmailAddress,
    /// Name of the invitee, a default for theirs.
    pub(super) name: Option<String>,
    /// Key of the role on offer.
    #[graphql(default = "member")]
    pub(super) role_key: String,
    /// Note to the invitee, plain text of at most 500 characters.
    pub(super) note: Option<String>,
    /// JSON object of the inviting application, at most 4096 bytes.
    pub(super) metadata: Option<JsonValue>,
    /// Language of the mail, as a language tag; that of the service by default.
    pub(super) locale: Option<String>,
    /// Lifetime in seconds, at most the tenant's maximum; 604800 by default.
    pub(super) expires_in_seconds: Option<i32>,
    /// How the link travels.
    #[graphql(default_with = "InviteDelivery::Email")]
    pub(super) delivery: InviteDelivery,
    /// What to do when an invitation with another role is pending.
    #[graphql(default_with = "OnConflict::Keep")]
    pub(super) on_conflict: OnConflict,
}

/// People to invite by mail.
#[derive(InputObject)]
pub(super) struct InviteManyInput {
    /// Tenant to invite into; the active one by default.
    pub(super) tenant_id: Option<ID>,
    /// Whom to invite, at most 1000.
    pub(super) rows: Vec<InviteRow>,
    /// Say what would become of each row, and change nothing.
    #[graphql(default)]
    pub(super) dry_run: bool,
}

/// One person to invite.
#[derive(InputObject)]
pub(super) struct InviteRow {
    /// Address to invite; one that is none is an outcome of its row.
    pub(super) email: String,
    /// Name of the invitee, a default for theirs.
    pub(super) name: Option<String>,
    /// Key of the role on offer.
    #[graphql(default = "member")]
    pub(super) role_key: String,
    /// Note to the invitee, plain text of at most 500 characters.
    pub(super) note: Option<String>,
    /// JSON object of the inviting application, at most 4096 bytes.
    pub(super) metadata: Option<JsonValue>,
    /// Language of the mail, as a language tag; that of the service by default.
    pub(super) locale: Option<String>,
}

impl From<InviteRow> for service::Row {
    fn from(row: InviteRow) -> Self {
        Self {
            email: row.email,
            name: row.name,
            role_key: row.role_key,
            note: row.note,
            metadata: row.metadata.map(|json| json.0),
            locale: row.locale,
        }
    }
}

/// What became of one row.
#[derive(SimpleObject)]
pub(super) struct InviteResult {
    /// Place of the row in `rows`, from 0.
    pub(super) row: i32,
    /// Address as it was given.
    pub(super) email: String,
    /// What became of it.
    pub(super) outcome: service::Outcome,
    /// Sentence for a person that says why it was not invited; null when it was.
    pub(super) message: Option<String>,
    /// Invitation that was made, or is pending already.
    pub(super) invitation: Option<InvitationObject>,
}

impl From<service::RowResult> for InviteResult {
    fn from(result: service::RowResult) -> Self {
        Self {
            row: i32::try_from(result.row).unwrap_or(i32::MAX),
            email: result.email,
            outcome: result.outcome,
            message: result.message,
            invitation: result.invitation.map(InvitationObject::managed),
        }
    }
}

/// Outcome of `inviteMany`.
#[derive(SimpleObject)]
pub(super) struct InviteManyPayload {
    /// One per row, in their order; empty when the whole was refused.
    pub(super) results: Vec<InviteResult>,
    /// How many were invited, or would be in a dry run.
    pub(super) invited: i32,
    /// Why the whole was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}

/// Invitation to send again.
#[derive(InputObject)]
pub(super) struct ResendInvitationInput {
    /// Global id of the invitation.
    pub(super) invitation_id: ID,
}

/// Invitation to withdraw.
#[derive(InputObject)]
pub(super) struct CancelInvitationInput {
    /// Global id of the invitation.
    pub(super) invitation_id: ID,
}

/// Invitation to accept, and the account to make where there is none.
#[derive(InputObject)]
pub(super) struct AcceptInvitationInput {
    /// From the mail; or null with `invitationId` when signed in.
    #[graphql(secret)]
    pub(super) token: Option<String>,
    /// Global id from `me { invitations }`, when signed in.
    pub(super) invitation_id: Option<ID>,
    /// Name of a new account; the inviter's word for it by default.
    pub(super) name: Option<String>,
    /// Password of a new account; never used for one that exists.
    #[graphql(secret)]
    pub(super) password: Option<String>,
}

/// Invitation to turn down.
#[derive(InputObject)]
pub(super) struct DeclineInvitationInput {
    /// From the mail; or null with `invitationId` when signed in.
    #[graphql(secret)]
    pub(super) token: Option<String>,
    /// Global id from `me { invitations }`, when signed in.
    pub(super) invitation_id: Option<ID>,
}

/// Which invitations to list: all conditions hold, an absent one always does.
#[derive(Default, InputObject)]
pub(super) struct InvitationFilter {
    /// In any of these states now.
    pub(super) status: Option<Vec<InvitationStatus>>,
    /// Whose latest mail is in any of these states.
    pub(super) delivery: Option<Vec<DeliveryState>>,
    /// With any of these roles.
    pub(super) role_key: Option<Vec<String>>,
    /// Whose address holds this text, without regard to letter case.
    pub(super) email_contains: Option<String>,
    /// Made by this user.
    pub(super) invited_by_id: Option<ID>,
    /// Made in this time.
    pub(super) created_at: Option<DateTimeRange>,
    /// Ending in this time.
    pub(super) expires_at: Option<DateTimeRange>,
}

/// What invitations can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "service::SortBy")]
pub enum InvitationOrderField {
    /// When they were made.
    CreatedAt,
    /// When they end.
    ExpiresAt,
    /// Address.
    Email,
}

/// Order of a list of invitations; the id breaks ties.
#[derive(InputObject)]
pub(super) struct InvitationOrder {
    /// What to sort by.
    pub(super) field: InvitationOrderField,
    /// In which direction.
    #[graphql(default_with = "OrderDirection::Desc")]
    pub(super) direction: OrderDirection,
}

/// Outcome of `invite`.
///
/// `created` is false where a pending invitation stood already. `link` is set once, for LINK_ONLY.
#[derive(Default, SimpleObject)]
pub(super) struct InvitePayload {
    /// Invitation that stands, or the one in the way.
    pub(super) invitation: Option<InvitationObject>,
    /// Whether it was made now.
    pub(super) created: bool,
    /// Link to hand over, for LINK_ONLY.
    #[graphql(secret)]
    pub(super) link: Option<String>,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}

/// Outcome of `resendInvitation`.
#[derive(SimpleObject)]
pub(super) struct ResendInvitationPayload {
    /// Invitation in its present state.
    pub(super) invitation: Option<InvitationObject>,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}

/// Outcome of `cancelInvitation`.
#[derive(SimpleObject)]
pub(super) struct CancelInvitationPayload {
    /// Invitation in its present state.
    pub(super) invitation: Option<InvitationObject>,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}

/// Outcome of `acceptInvitation`.
#[derive(Default, SimpleObject)]
pub(super) struct AcceptInvitationPayload {
    /// Invitation in its present state.
    pub(super) invitation: Option<InvitationObject>,
    /// Membership that it made, or found.
    pub(super) membership: Option<MembershipObject>,
    /// Who is signed in.
    pub(super) viewer: Option<ViewerObject>,
    /// Tokens of a new account's first session; null for who was signed in already.
    pub(super) tokens: Option<AuthTokens>,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}

/// Outcome of `declineInvitation`.
#[derive(SimpleObject)]
pub(super) struct DeclineInvitationPayload {
    /// Invitation in its present state.
    pub(super) invitation: Option<InvitationObject>,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}
