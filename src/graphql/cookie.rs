//! The cookie that a browser keeps its refresh token in, where it asks for that.

use async_graphql::Context;
use chrono::TimeDelta;
use poem::http::header;
use secrecy::{ExposeSecret as _, SecretString};

use super::RequestContext as _;
use crate::clock::Instant;

/// How the client of a request keeps its refresh token: in its own hands, or in a cookie that scripts cannot read.
#[derive(Clone, Debug, Default)]
pub struct SessionCookie {
    asked: bool,
    token: Option<SecretString>,
}

impl SessionCookie {
    /// Name of the cookie; the prefix binds it to this host, to TLS and to the root path (RFC 6265bis §4.1.3.2).
    pub const NAME: &'static str = "__Host-guestlist_refresh";

    /// A client that asked for the cookie, and the token in the one it sent.
    #[must_use]
    pub fn asked(token: Option<String>) -> Self {
        Self { asked: true, token: token.map(Into::into) }
    }

    /// The header that puts a refresh token into the cookie, or takes the cookie away.
    #[must_use]
    pub fn header(token: &str, ends_in: TimeDelta) -> String {
        let (name, seconds) = (Self::NAME, ends_in.num_seconds().max(0));
        format!("{name}={token}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict")
    }

    /// The refresh token that the cookie holds.
    #[must_use]
    pub fn token(&self) -> Option<String> {
        self.token.as_ref().map(|token| token.expose_secret().to_owned())
    }

    /// Puts a refresh token into the cookie and returns true, if the client asked for that.
    pub fn keep(&self, ctx: &Context<'_>, token: &str, ends_at: Instant) -> bool {
        self.set(ctx, token, ends_at - ctx.app().clock.now())
    }

    /// Takes the cookie away, if the client uses it.
    pub fn clear(&self, ctx: &Context<'_>) {
        self.set(ctx, "", TimeDelta::zero());
    }

    fn set(&self, ctx: &Context<'_>, value: &str, ends_in: TimeDelta) -> bool {
        if self.asked {
            ctx.append_http_header(header::SET_COOKIE, Self::header(value, ends_in));
        }
        self.asked
    }
}
