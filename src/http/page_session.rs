//! The session of a browser that uses the pages: the token in its cookie is exchanged once in a while, and the cookie with it.

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, header};
use poem::{Endpoint, Request, Response, Result};

use super::wrap::RequestId;
use super::{State, graphql, session_cookie};
use crate::auth;
use crate::graphql::SessionCookie;

/// Pages for whoever is signed in, with everything below them.
const PAGES: [&str; 3] = ["/account", "/console", "/platform"];

/// What keeps the cookie of the pages fresh.
pub(super) struct PageSession {
    state: State,
    inner: BoxEndpoint<'static, Response>,
}

impl PageSession {
    pub(super) fn new(state: State, inner: BoxEndpoint<'static, Response>) -> Self {
        Self { state, inner }
    }
}

impl Endpoint for PageSession {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let cookie = match session_cookie::token(&request) {
            Some(token) if is_page(request.uri().path()) => self.renewed(&request, &token).await,
            _ => None,
        };
        let Some((token, cookie)) = cookie else { return self.inner.call(request).await };
        request.extensions_mut().insert(session_cookie::Renewed(token));
        let mut response = self.inner.call(request).await?;
        let headers = response.headers_mut();
        // A page that signs somebody in or out has set it by itself.
        if !headers.contains_key(header::SET_COOKIE) {
            headers.insert(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }
}

impl PageSession {
    /// The token in place of one that is due, and the header that puts it into the cookie.
    async fn renewed(&self, request: &Request, token: &str) -> Option<(String, HeaderValue)> {
        let app = &self.state.app;
        let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
        let origin = graphql::origin(&self.state, request, request_id);
        let tokens = auth::service::renew_page(app, token, origin).await?;
        let ends_in = tokens.refresh_expires_at - app.clock.now();
        let cookie = HeaderValue::try_from(SessionCookie::header(&tokens.refresh_token, ends_in)).ok()?;
        Some((tokens.refresh_token, cookie))
    }
}

fn is_page(path: &str) -> bool {
    let below =
        |page: &str| path.strip_prefix(page).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    PAGES.iter().any(|page| below(page))
}
