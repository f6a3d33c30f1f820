//! Inputs and payloads.

use async_graphql::{Enum, ID, InputObject, SimpleObject};

use super::object::ResetRequestObject;
use crate::auth::graphql::AuthTokens;
use crate::graphql::{DateTimeRange, EmailAddress, OrderDirection, UserError};
use crate::password_reset::ResetStatus;
use crate::password_reset::service;
use crate::user::graphql::UserObject;

/// Which reset requests to list: all conditions hold, an absent one always does.
#[derive(Default, InputObject)]
pub(super) struct ResetRequestFilter {
    /// In any of these states.
    pub(super) status: Option<Vec<ResetStatus>>,
    /// Made in this time.
    pub(super) created_at: Option<DateTimeRange>,
}

/// What a list of reset requests is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "service::SortBy")]
pub enum ResetRequestOrderField {
    /// When they were made.
    CreatedAt,
    /// Until when they can be approved, or their link be used.
    ExpiresAt,
}

/// In which order to list reset requests.
#[derive(InputObject)]
pub(super) struct ResetRequestOrder {
    /// What to sort by.
    pub(super) field: ResetRequestOrderField,
    /// Direction; latest first by default.
    #[graphql(default_with = "OrderDirection::Desc")]
    pub(super) direction: OrderDirection,
}

/// Present and next password.
#[derive(InputObject)]
pub(super) struct ChangePasswordInput {
    /// Password of the account now.
    #[graphql(secret)]
    pub(super) current_password: String,
    /// Password of the account from here on.
    #[graphql(secret)]
    pub(super) new_password: String,
}

/// Outcome of `changePassword`.
#[derive(SimpleObject)]
pub(super) struct ChangePasswordPayload {
    /// Next pair of tokens of this session, the only one that goes on; null when it was refused.
    pub(super) tokens: Option<AuthTokens>,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}

/// Password that somebody is about to choose.
#[derive(InputObject)]
pub(super) struct RatePasswordInput {
    /// What was typed so far.
    #[graphql(secret)]
    pub(super) password: String,
    /// What must not be in it, such as name and address; at most 10 words.
    #[graphql(default)]
    pub(super) context: Vec<String>,
}

/// Outcome of `ratePassword`.
#[derive(SimpleObject)]
pub(super) struct RatePasswordPayload {
    /// How hard it is to guess, from 0 to 4; null when it was refused.
    pub(super) score: Option<i32>,
    /// Score that the service asks for; null when it was refused.
    pub(super) required: Option<i32>,
    /// Whether it could be chosen.
    pub(super) acceptable: bool,
    /// What to do better; null for one that could be chosen.
    pub(super) hint: Option<String>,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}

/// Account whose password was forgotten.
#[derive(InputObject)]
pub(super) struct RequestResetInput {
    /// Address of the account.
    pub(super) email: EmailAddress,
}

/// Outcome of `requestReset`.
#[derive(SimpleObject)]
pub(super) struct RequestResetPayload {
    /// Whether the wish was written down; says nothing about whether there is such an account.
    pub(super) accepted: bool,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}

/// Reset request to approve.
#[derive(InputObject)]
pub(super) struct ApproveResetInput {
    /// Global id of the request.
    pub(super) reset_request_id: ID,
}

/// Reset request to turn down.
#[derive(InputObject)]
pub(super) struct RejectResetInput {
    /// Global id of the request.
    pub(super) reset_request_id: ID,
    /// Why, plain text of at most 500 characters; the requester reads it.
    pub(super) reason: Option<String>,
}

/// Outcome of `approveReset`.
#[derive(SimpleObject)]
pub(super) struct ApproveResetPayload {
    /// Request as it is, also beside `ALREADY_DECIDED`.
    pub(super) reset_request: Option<ResetRequestObject>,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}

/// Outcome of `rejectReset`.
#[derive(SimpleObject)]
pub(super) struct RejectResetPayload {
    /// Request as it is, also beside `ALREADY_DECIDED`.
    pub(super) reset_request: Option<ResetRequestObject>,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}

/// Outcome of `cancelReset`.
#[derive(SimpleObject)]
pub(super) struct CancelResetPayload {
    /// Request that was withdrawn; null when none was open.
    pub(super) reset_request: Option<ResetRequestObject>,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}

/// Token from the mail, and the next password.
#[derive(InputObject)]
pub(super) struct ResetPasswordInput {
    /// Token from the mail.
    #[graphql(secret)]
    pub(super) token: String,
    /// Password of the account from here on.
    #[graphql(secret)]
    pub(super) new_password: String,
}

/// Outcome of `resetPassword`.
#[derive(SimpleObject)]
pub(super) struct ResetPasswordPayload {
    /// Whose password was set; sign in with it. Null when it was refused.
    pub(super) user: Option<UserObject>,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}
