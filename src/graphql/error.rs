//! How errors leave: refusals in `userErrors`, everything else at the top level with `extensions.code`.

use std::sync::Arc;

use async_graphql::{ErrorExtensions as _, SimpleObject};

use crate::error::{Error, ErrorCode, Refused};

/// What a resolver fails with. It has no `Display`, so that no other error can reach a client by `?`:
/// async-graphql would turn anything that can be shown into a message.
#[derive(Clone, Debug)]
pub struct GqlError(Arc<Error>);

/// Result of a resolver.
pub type GqlResult<T> = Result<T, GqlError>;

impl From<Error> for GqlError {
    fn from(error: Error) -> Self {
        Self(Arc::new(error))
    }
}

impl From<Arc<Error>> for GqlError {
    fn from(error: Arc<Error>) -> Self {
        Self(error)
    }
}

impl From<GqlError> for async_graphql::Error {
    fn from(GqlError(error): GqlError) -> Self {
        if let Error::Internal(cause) = &*error {
            tracing::error!(?cause, "request failed");
        }
        Self::new(error.to_string()).extend_with(|_, extensions| {
            extensions.set("code", error.code().as_str());
            match &*error {
                Error::RateLimited(wait) | Error::Overloaded(wait) => {
                    extensions.set("retryAfterSeconds", wait.as_secs());
                }
                Error::Refused(refusal) if !refusal.path.is_empty() => {
                    extensions.set("argument", refusal.path.join("."));
                }
                _ => {}
            }
        })
    }
}

/// One reason why a write was refused.
#[derive(Clone, Debug, SimpleObject)]
pub struct UserError {
    /// What kind of refusal it is.
    pub code: ErrorCode,
    /// Sentence that says what to do.
    pub message: String,
    /// Path of the offending value from `input` inward; null when it concerns the whole input.
    pub path: Option<Vec<String>>,
}

/// A refusal as the `userErrors` of a payload; any other error as it is, for the top level.
///
/// # Errors
/// Every error that is no refusal.
pub fn user_errors(error: Error) -> GqlResult<Vec<UserError>> {
    match error {
        Error::Refused(refusal) => Ok(vec![UserError {
            code: refusal.code,
            message: refusal.message.into_owned(),
            path: (!refusal.path.is_empty()).then_some(refusal.path),
        }]),
        other => Err(other.into()),
    }
}

/// A payload of what was done, or of why it was refused.
///
/// # Errors
/// Every error that is no refusal.
pub fn settle<T, P>(
    done: crate::error::Result<T>,
    payload: impl FnOnce(Option<T>, Vec<UserError>) -> P,
) -> GqlResult<P> {
    match done {
        Ok(value) => Ok(payload(Some(value), Vec::new())),
        Err(error) => user_errors(error).map(|errors| payload(None, errors)),
    }
}

/// An object beside the errors of its payload.
pub type Shown<O> = (Option<O>, Vec<UserError>);

/// The object that was changed, or was refused to be, beside the errors of its payload.
///
/// # Errors
/// Every error that is no refusal.
pub fn settle_with<T, O>(done: Result<T, Refused<T>>, show: impl FnOnce(T) -> O) -> GqlResult<Shown<O>> {
    match done {
        Ok(object) => Ok((Some(show(object)), Vec::new())),
        Err(refused) => show_refused(refused, show),
    }
}

/// A refusal beside the object that it concerns.
///
/// # Errors
/// Every error that is no refusal.
pub fn show_refused<T, O>(refused: Refused<T>, show: impl FnOnce(T) -> O) -> GqlResult<Shown<O>> {
    let errors = user_errors(refused.error)?;
    Ok((refused.object.map(|object| show(*object)), errors))
}
