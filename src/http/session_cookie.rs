//! Reads the session cookie, and only for who shows that the request comes from a page that may use it.

use poem::Request;
use poem::http::header;

use crate::config::Network;
use crate::graphql::SessionCookie;

/// Says `cookie` where the client wants its refresh token kept in a cookie.
const WANTED: &str = "x-guestlist-session";

/// How the client keeps its refresh token.
///
/// # Errors
/// A sentence for the client, when the cookie is asked for by a page of another origin, or by nobody knows whom.
pub(super) fn read(network: &Network, request: &Request) -> Result<SessionCookie, &'static str> {
    match request.header(WANTED) {
        None => return Ok(SessionCookie::default()),
        Some("cookie") => {}
        Some(_) => return Err("X-Guestlist-Session can be `cookie`, or be left out."),
    }
    let own = match request.header(header::ORIGIN) {
        Some(origin) => network.knows_origin(origin),
        None => request.header("sec-fetch-site") == Some("same-origin"),
    };
    if !own {
        return Err("The session cookie is for pages of this service and of GUESTLIST_ALLOWED_ORIGINS.");
    }
    Ok(SessionCookie::asked(token(request)))
}

/// The refresh token in the cookie, if there is one.
pub(super) fn token(request: &Request) -> Option<String> {
    let prefix = format!("{}=", SessionCookie::NAME);
    let cookies = request.headers().get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).map(str::trim);
    let token = pairs.find_map(|pair| pair.strip_prefix(&prefix)).filter(|token| !token.is_empty());
    token.map(str::to_owned)
}

/// Whether a form was sent by a page of this very host: browsers say so themselves, older ones name the origin.
pub(super) fn from_own_page(network: &Network, request: &Request) -> bool {
    match (request.header("sec-fetch-site"), request.header(header::ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            origin == network.own_origin || (host.is_some() && host == request.header(header::HOST))
        }
        (None, None) => false,
    }
}
