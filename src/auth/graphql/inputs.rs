//! Inputs and payloads.

use async_graphql::{ID, InputObject, SimpleObject};

use super::object::{AuthTokens, SessionObject, ViewerObject};
use crate::graphql::{DateTime, EmailAddress, UserError};
use crate::membership::graphql::MembershipObject;

/// Address and password.
#[derive(InputObject)]
pub(super) struct LoginInput {
    /// Address of the account.
    pub(super) email: EmailAddress,
    /// Password of the account.
    #[graphql(secret)]
    pub(super) password: String,
    /// Tenant to speak for; by default the one used last.
    pub(super) tenant_id: Option<ID>,
}

/// Refresh token to exchange.
#[derive(InputObject)]
pub(super) struct RefreshInput {
    /// Token from the last `login`, `refresh` or `acceptInvitation`.
    #[graphql(secret)]
    pub(super) refresh_token: Option<String>,
}

/// Session to end, where it is not that of the access token.
#[derive(InputObject)]
pub(super) struct LogoutInput {
    /// Any refresh token of the session.
    #[graphql(secret)]
    pub(super) refresh_token: Option<String>,
}

/// Outcome of `login`.
#[derive(SimpleObject)]
pub(super) struct LoginPayload {
    /// Tokens of the session; null when it was refused.
    pub(super) tokens: Option<AuthTokens>,
    /// Who is signed in; null when it was refused.
    pub(super) viewer: Option<ViewerObject>,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}

/// Outcome of `refresh`.
#[derive(SimpleObject)]
pub(super) struct RefreshPayload {
    /// Next pair of tokens; null when it was refused.
    pub(super) tokens: Option<AuthTokens>,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}

/// Outcome of `logout`.
#[derive(SimpleObject)]
pub(super) struct LogoutPayload {
    /// Always empty: whether there was a session to end is nobody's business.
    pub(super) user_errors: Vec<UserError>,
}

/// Outcome of `logoutAll`.
#[derive(SimpleObject)]
pub(super) struct LogoutAllPayload {
    /// How many sessions were ended.
    pub(super) revoked_sessions: i32,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}

/// Session to end.
#[derive(InputObject)]
pub(super) struct RevokeSessionInput {
    /// Global id from `me { sessions }`.
    pub(super) session_id: ID,
}

/// Tenant to speak for.
#[derive(InputObject)]
pub(super) struct SwitchTenantInput {
    /// Global id of the tenant.
    pub(super) tenant_id: ID,
}

/// What to change of the own account; an absent value stays as it is.
#[derive(InputObject)]
pub(super) struct UpdateProfileInput {
    /// Name that people see.
    pub(super) name: Option<String>,
}

/// Outcome of `revokeSession`.
#[derive(SimpleObject)]
pub(super) struct RevokeSessionPayload {
    /// Session that was ended; null when it was refused.
    pub(super) session: Option<SessionObject>,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}

/// Outcome of `switchTenant`.
#[derive(Default, SimpleObject)]
pub(super) struct SwitchTenantPayload {
    /// JWT that speaks for the tenant; the refresh token stays as it is.
    #[graphql(secret)]
    pub(super) access_token: Option<String>,
    /// When the access token ends.
    pub(super) access_token_expires_at: Option<DateTime>,
    /// Membership that the session speaks for.
    pub(super) membership: Option<MembershipObject>,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}

/// Outcome of `updateProfile`.
#[derive(SimpleObject)]
pub(super) struct UpdateProfilePayload {
    /// Account as it is now; null when it was refused.
    pub(super) viewer: Option<ViewerObject>,
    /// Why it was refused; empty when it was not.
    pub(super) user_errors: Vec<UserError>,
}
