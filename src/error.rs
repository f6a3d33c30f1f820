//! One error type, sorted by who can act on it.
//!
//! A [`Error::Refused`] is for the person at the keyboard and comes back in the `userErrors` of a payload;
//! everything else is a top-level GraphQL error with `extensions.code`. The cause of [`Error::Internal`] is
//! logged with the request id and never sent.

use std::borrow::Cow;
use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

use crate::permission::Permission;

/// Result of everything the service does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a write was refused, or a request failed; values may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, async_graphql::Enum)]
pub enum ErrorCode {
    /// A value is missing or not of the form asked for; `path` names it.
    BadUserInput,
    /// Address or password is wrong. Says nothing about which, or whether there is such an account.
    InvalidCredentials,
    /// Password is too short, too long or too easily guessed.
    WeakPassword,
    /// Token is unknown, malformed or no longer of use.
    TokenInvalid,
    /// Token was good and is overdue; ask for a new one.
    TokenExpired,
    /// Link was replaced by a newer one; use the latest mail.
    Superseded,
    /// Person is a member of the tenant already.
    AlreadyMember,
    /// Invitation with another role is pending for this address.
    PendingWithOtherRole,
    /// Role is above what the caller may grant.
    RoleNotAllowed,
    /// Role still has members or pending invitations.
    RoleInUse,
    /// Role is built in and cannot be changed.
    RoleBuiltIn,
    /// Account exists for this address; sign in, then accept.
    SignInRequired,
    /// Signed in with another address than the invited one.
    EmailMismatch,
    /// Invitation was accepted before.
    AlreadyAccepted,
    /// Invitation is in a final state, which is shown.
    NotPending,
    /// No such object, or none that the caller may see.
    NotFound,
    /// Reset request was decided before.
    AlreadyDecided,
    /// Caller may not decide this request.
    NotEligible,
    /// Tenant would be left without an active owner.
    LastOwner,
    /// Slug belongs to another tenant.
    SlugTaken,
    /// Tenant is suspended or deleted.
    TenantUnavailable,
    /// Account is suspended.
    AccountSuspended,
    /// A limit on invitations or webhooks is reached.
    QuotaExceeded,
    /// The same thing was done a moment ago; try again later.
    TooSoon,
    /// No valid access token; sign in or refresh.
    Unauthenticated,
    /// Signed in, and not allowed to.
    Forbidden,
    /// Too many attempts; `extensions.retryAfterSeconds` says when to try again.
    RateLimited,
    /// Server is too busy; try again in a moment.
    Overloaded,
    /// Fault of the server; `extensions.requestId` finds it in the logs.
    Internal,
}

impl ErrorCode {
    /// The code as it stands in the schema.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::InvalidCredentials => "INVALID_CREDENTIALS",
            Self::WeakPassword => "WEAK_PASSWORD",
            Self::TokenInvalid => "TOKEN_INVALID",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::Superseded => "SUPERSEDED",
            Self::AlreadyMember => "ALREADY_MEMBER",
            Self::PendingWithOtherRole => "PENDING_WITH_OTHER_ROLE",
            Self::RoleNotAllowed => "ROLE_NOT_ALLOWED",
            Self::RoleInUse => "ROLE_IN_USE",
            Self::RoleBuiltIn => "ROLE_BUILT_IN",
            Self::SignInRequired => "SIGN_IN_REQUIRED",
            Self::EmailMismatch => "EMAIL_MISMATCH",
            Self::AlreadyAccepted => "ALREADY_ACCEPTED",
            Self::NotPending => "NOT_PENDING",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyDecided => "ALREADY_DECIDED",
            Self::NotEligible => "NOT_ELIGIBLE",
            Self::LastOwner => "LAST_OWNER",
            Self::SlugTaken => "SLUG_TAKEN",
            Self::TenantUnavailable => "TENANT_UNAVAILABLE",
            Self::AccountSuspended => "ACCOUNT_SUSPENDED",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::TooSoon => "TOO_SOON",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::RateLimited => "RATE_LIMITED",
            Self::Overloaded => "OVERLOADED",
            Self::Internal => "INTERNAL",
        }
    }
}

/// A refusal that a person can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of refusal it is.
    pub code: ErrorCode,
    /// A sentence that says what to do.
    pub message: Cow<'static, str>,
    /// Names from the input inward to the offending value; empty when it concerns the whole input.
    pub path: Vec<String>,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A person can act on it.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// There is no valid access token.
    #[error("Sign in first: this needs a valid access token in the Authorization header.")]
    Unauthenticated,
    /// The caller's role lacks a permission.
    #[error("Your role in this tenant lacks the permission {}.", .0.as_str())]
    Lacks(Permission),
    /// Only a platform administrator may do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Too many attempts.
    #[error("Too many attempts; try again in {} seconds.", .0.as_secs())]
    RateLimited(Duration),
    /// More work is waiting than is sensible.
    #[error("The server is busy; try again in {} seconds.", .0.as_secs())]
    Overloaded(Duration),
    /// A fault of ours; the text is for the log.
    #[error("Something went wrong on the server; the request id finds it in the logs.")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A refusal that concerns the input as a whole.
    pub fn refused(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused(Refusal { code, message: message.into(), path: Vec::new() })
    }

    /// A value of the input that is not of the form asked for.
    pub fn bad_input(field: &str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(ErrorCode::BadUserInput, message).at(field)
    }

    /// An object that is absent, or hidden from the caller.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::refused(ErrorCode::NotFound, format!("There is no such {what}, or none that you may see."))
    }

    /// A token that is of no use, whatever the reason.
    #[must_use]
    pub fn token_invalid() -> Self {
        Self::refused(
            ErrorCode::TokenInvalid,
            "This token is not valid. Use the latest link, or ask for a new one.",
        )
    }

    /// A fault of ours, with a cause for the log.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// The same refusal, pointing at `field` of the input; other errors are left as they are.
    #[must_use]
    pub fn at(mut self, field: &str) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.path.insert(0, field.to_owned());
        }
        self
    }

    /// What kind of error it is.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(refusal) => refusal.code,
            Self::Unauthenticated => ErrorCode::Unauthenticated,
            Self::Lacks(_) | Self::Forbidden(_) => ErrorCode::Forbidden,
            Self::RateLimited(_) => ErrorCode::RateLimited,
            Self::Overloaded(_) => ErrorCode::Overloaded,
            Self::Internal(_) => ErrorCode::Internal,
        }
    }
}

/// Why something was not done with an object, and the object as it is, where the caller may see it.
#[derive(Debug)]
pub struct Refused<T> {
    /// Why not.
    pub error: Error,
    /// The object in its present state.
    pub object: Option<Box<T>>,
}

impl<T> Refused<T> {
    /// A refusal that shows the object.
    pub fn with(error: Error, object: T) -> Self {
        Self { error, object: Some(Box::new(object)) }
    }
}

impl<T, E: Into<Error>> From<E> for Refused<T> {
    fn from(error: E) -> Self {
        Self { error: error.into(), object: None }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match error {
            DbErr::ConnectionAcquire(_) => Self::Overloaded(Duration::from_secs(1)),
            other if is_unstorable(&other) => {
                Self::refused(ErrorCode::BadUserInput, "Text cannot hold the character U+0000.")
            }
            other if passes(&other) => {
                tracing::warn!(cause = ?other, "the database gave a statement up");
                Self::Overloaded(Duration::from_secs(1))
            }
            other => Self::internal(other),
        }
    }
}

/// Whether a text holds what PostgreSQL has no place for: `character_not_in_repertoire`, `untranslatable_character`.
fn is_unstorable(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error
    else {
        return false;
    };
    let code = cause.as_database_error().and_then(|refused| refused.code());
    code.is_some_and(|code| ["22021", "22P05"].contains(&&*code))
}

/// Whether the same request may succeed in a moment: the statement lost a race or its time, or the database is going
/// away or not there yet. PostgreSQL says so by its codes (appendix A of its manual).
fn passes(error: &DbErr) -> bool {
    let (DbErr::Exec(cause) | DbErr::Query(cause) | DbErr::Conn(cause)) = error else { return false };
    let RuntimeErr::SqlxError(cause) = cause else { return false };
    match &**cause {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(refused) => refused.code().is_some_and(|code| {
            if code.len() == 5 {
                // Lost races and dead locks; time-outs; connections; too many of them; shutting down.
                return ["40", "55P03", "57014", "08", "53", "57P"]
                    .iter()
                    .any(|class| code.starts_with(class));
            }
            // SQLite: busy, locked, input and output, disk full; the bits above the eighth say more.
            code.parse::<u32>().is_ok_and(|code| [5, 6, 10, 13].contains(&(code & 0xff)))
        }),
        _ => false,
    }
}

/// Unique constraints that the service relies on and answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unique {
    /// One account per address.
    UserEmail,
    /// One tenant per slug.
    TenantSlug,
    /// One role per tenant and key.
    RoleKey,
    /// One membership per tenant and user.
    Membership,
    /// One pending invitation per tenant and address.
    PendingInvitation,
    /// One open reset request per user.
    OpenReset,
}

impl Unique {
    /// Which constraint is behind an error that has come up through several functions.
    #[must_use]
    pub fn behind(error: &Error) -> Option<Self> {
        let Error::Internal(cause) = error else { return None };
        cause.downcast_ref::<DbErr>().and_then(Self::violated)
    }

    /// Which of the constraints `error` is about. PostgreSQL names the index, SQLite its columns.
    #[must_use]
    pub fn violated(error: &DbErr) -> Option<Self> {
        let Some(SqlErr::UniqueConstraintViolation(text)) = error.sql_err() else { return None };
        [
            (Self::UserEmail, "user_email_norm_key", "user.email_norm"),
            (Self::TenantSlug, "tenant_slug_key", "tenant.slug"),
            (Self::RoleKey, "role_tenant_key_key", "role.tenant_id"),
            (Self::Membership, "membership_tenant_user_key", "membership.tenant_id"),
            (Self::PendingInvitation, "invitation_pending_address_key", "invitation.tenant_id"),
            (Self::OpenReset, "reset_request_open_key", "reset_request.user_id"),
        ]
        .into_iter()
        .find(|(_, index, column)| text.contains(index) || text.contains(column))
        .map(|(unique, _, _)| unique)
    }
}
