//! The session of a browser that uses the pages: the token in its cookie is exchanged once in a while, and the cookie with it.

use poem::http::{HeaderValue, header};
use poem::{Endpoint, Request, Response, Result};

use super::wrap::RequestId;
use super::{State, graphql, session_cookie};
use crate::actor::Origin;
use crate::auth;
use crate::graphql::SessionCookie;

/// Pages for whoever is signed in, with everything below them.
const PAGES: [&str; 3] = ["/account", "/console", "/platform"];

/// What keeps the cookie of the pages fresh.
pub(super) struct PageSession<E> {
    state: State,
    inner: E,
}

impl<E> PageSession<E> {
    pub(super) fn new(state: State, inner: E) -> Self {
        Self { state, inner }
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for PageSession<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let page = is_page(request.uri().path());
        let token = page.then(|| session_cookie::token(&request)).flatten();
        let Some(token) = token else { return self.inner.call(request).await };
        let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
        let origin = graphql::origin(&self.state, &request, request_id);
        let mut response = self.inner.call(request).await?;
        // After the page, so that nothing stands between the exchange and the answer that holds the cookie. A page that signs somebody
        // in or out has set it by itself.
        let good = response.status().is_success() || response.status().is_redirection();
        if good
            && !response.headers().contains_key(header::SET_COOKIE)
            && let Some(cookie) = self.renewed(&token, origin).await
        {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }
}

impl<E> PageSession<E> {
    /// The header that puts what has taken the place of a token into the cookie.
    async fn renewed(&self, token: &str, origin: Origin) -> Option<HeaderValue> {
        let app = &self.state.app;
        let tokens = auth::service::renew_page(app, token, origin).await?;
        let ends_in = tokens.refresh_expires_at - app.clock.now();
        HeaderValue::try_from(SessionCookie::header(&tokens.refresh_token, ends_in)).ok()
    }
}

fn is_page(path: &str) -> bool {
    let below =
        |page: &str| path.strip_prefix(page).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    PAGES.iter().any(|page| below(page))
}
