//! What pages of other origins may do, and the cookie that a page keeps its session in.

use poem::Request;
use poem::http::Method;
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, Reply, TestApp};

const APP: &str = "https://app.example.com";
const OWN: &str = "https://id.example.com";

async fn service() -> TestApp {
    let origins = format!("--allowed-origins={APP},http://localhost:5173");
    TestApp::with(&[&format!("--public-url={OWN}"), &origins]).await
}

async fn with_headers(client: &Client, body: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = client.request(body);
    for (name, value) in headers {
        let name: poem::http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    client.send(request).await
}

#[tokio::test]
async fn t52_only_configured_origins_may_read_answers() {
    let app = service().await;
    let me = r#"{"query":"{ me { id } }"}"#;
    for origin in [
        "null",
        "*",
        "https://evil.test",
        "https://app.example.com.evil.test",
        "https://evilapp.example.com",
        "https://app.example.com:444",
        "http://app.example.com",
        "https://APP.example.com",
        "https://app.example.com/",
        "http://localhost:5174",
    ] {
        let reply = with_headers(&app.stranger(), me, &[("origin", origin)]).await;
        assert!(!reply.headers.keys().any(|name| name.as_str().starts_with("access-control")), "{origin}");
        assert_eq!(reply.header("vary"), "Accept", "{origin}");
        let asks = Request::builder().method(Method::OPTIONS).uri_str("/graphql").header("origin", origin);
        let asks = asks.header("access-control-request-method", "POST").finish();
        let reply = app.stranger().send(asks).await;
        assert!(!reply.headers.keys().any(|name| name.as_str().starts_with("access-control")), "{origin}");
    }
    for origin in [APP, "http://localhost:5173"] {
        let reply = with_headers(&app.stranger(), me, &[("origin", origin)]).await;
        assert_eq!(reply.header("access-control-allow-origin"), origin);
        assert_eq!(reply.header("access-control-allow-credentials"), "true");
        let vary: Vec<_> = reply.headers.get_all("vary").iter().map(|v| v.to_str().unwrap()).collect();
        assert_eq!(vary, ["Accept", "Origin"]);
        let asks = Request::builder().method(Method::OPTIONS).uri_str("/graphql").header("origin", origin);
        let asks = asks.header("access-control-request-method", "POST").finish();
        let reply = app.stranger().send(asks).await;
        assert_eq!((reply.status, reply.header("access-control-allow-methods")), (204, "GET, POST"));
        assert!(reply.header("access-control-allow-headers").contains("x-guestlist-session"));
    }
    let closed = TestApp::new().await;
    let reply = with_headers(&closed.stranger(), me, &[("origin", APP)]).await;
    assert!(reply.headers.get("access-control-allow-origin").is_none(), "none is configured by default");
}

const LOGIN: &str = "mutation L($input: LoginInput!) { login(input: $input) { tokens { accessToken refreshToken } userErrors { code } } }";
const REFRESH: &str = "mutation R($input: RefreshInput!) { refresh(input: $input) { tokens { accessToken refreshToken } userErrors { code } } }";

async fn sign_in(app: &TestApp, headers: &[(&str, &str)]) -> Reply {
    let input = json!({ "input": { "email": "owner@acme.test", "password": PASSWORD } });
    with_headers(&app.stranger(), &json!({ "query": LOGIN, "variables": input }).to_string(), headers).await
}

async fn renew(app: &TestApp, headers: &[(&str, &str)]) -> Reply {
    let body = json!({ "query": REFRESH, "variables": { "input": {} } });
    with_headers(&app.stranger(), &body.to_string(), headers).await
}

/// The pair that a browser sends back.
fn pair(reply: &Reply) -> String {
    reply.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn t51_a_browser_keeps_its_session_in_a_cookie_that_only_its_own_pages_can_use() {
    let app = service().await;
    app.owner().await;
    let (wanted, page) = (("x-guestlist-session", "cookie"), ("origin", OWN));
    let reply = sign_in(&app, &[wanted, page]).await;
    let tokens = reply.json()["data"]["login"]["tokens"].clone();
    assert!(tokens["accessToken"].is_string() && tokens["refreshToken"].is_null(), "{tokens}");
    let cookie = reply.header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-guestlist_refresh=gl_"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=1209600; Secure; HttpOnly; SameSite=Strict"), "{cookie}");
    assert!(!reply.text.contains("gl_ref"), "{}", reply.text);

    let held = pair(&reply);
    for headers in [
        vec![("x-guestlist-session", "cookie")],
        vec![wanted, ("origin", "https://evil.test")],
        vec![wanted, ("origin", "null")],
        vec![wanted, ("sec-fetch-site", "cross-site")],
        vec![wanted, ("sec-fetch-site", "same-site")],
        vec![("x-guestlist-session", "yes"), page],
    ] {
        let all = [&headers[..], &[("cookie", held.as_str())]].concat();
        let refused = renew(&app, &all).await;
        assert_eq!((refused.status, refused.header("set-cookie")), (403, ""), "{headers:?}");
    }
    let ignored = renew(&app, &[page, ("cookie", &held)]).await.json();
    let code = &ignored["data"]["refresh"]["userErrors"][0]["code"];
    assert_eq!(code, "TOKEN_INVALID", "a cookie is nothing to who does not ask for it");

    let other = format!("theme=dark; {held}; x=y");
    let next = renew(&app, &[wanted, ("sec-fetch-site", "same-origin"), ("cookie", &other)]).await;
    assert!(next.json()["data"]["refresh"]["tokens"]["refreshToken"].is_null());
    let second = pair(&next);
    assert_ne!(second, held);
    let third = renew(&app, &[wanted, ("origin", APP), ("cookie", &second)]).await;
    assert!(third.json()["data"]["refresh"]["tokens"]["accessToken"].is_string(), "a configured frontend");
    let third = pair(&third);

    let stale = renew(&app, &[wanted, page, ("cookie", &held)]).await;
    assert_eq!(stale.json()["data"]["refresh"]["userErrors"][0]["code"], "TOKEN_INVALID");
    assert!(stale.header("set-cookie").contains("Max-Age=0"), "what is of no use is taken away");
    let dead = renew(&app, &[wanted, page, ("cookie", &third)]).await;
    assert_eq!(
        dead.json()["data"]["refresh"]["userErrors"][0]["code"],
        "TOKEN_INVALID",
        "reuse ended the session"
    );
}

#[tokio::test]
async fn logging_out_and_accepting_use_the_cookie_too() {
    let app = service().await;
    let owner = app.owner().await;
    let (wanted, page) = (("x-guestlist-session", "cookie"), ("origin", OWN));
    let held = pair(&sign_in(&app, &[wanted, page]).await);
    let out = r#"{"query":"mutation { logout { userErrors { code } } }"}"#;
    let reply = with_headers(&app.stranger(), out, &[wanted, page, ("cookie", &held)]).await;
    assert!(reply.header("set-cookie").starts_with("__Host-guestlist_refresh=; Path=/; Max-Age=0"));
    let dead = renew(&app, &[wanted, page, ("cookie", &held)]).await.json();
    assert_eq!(dead["data"]["refresh"]["userErrors"][0]["code"], "TOKEN_INVALID");

    owner.invited("ann@x.test").await;
    app.tick().await;
    let token = app.mail_to("ann@x.test").await.token.unwrap();
    let query = "mutation A($input: AcceptInvitationInput!) { acceptInvitation(input: $input) { tokens { accessToken refreshToken } userErrors { code } } }";
    let input: Value = json!({ "token": token, "name": "Ann", "password": PASSWORD });
    let body = json!({ "query": query, "variables": { "input": input } }).to_string();
    let reply = with_headers(&app.stranger(), &body, &[wanted, page]).await;
    assert!(reply.json()["data"]["acceptInvitation"]["tokens"]["refreshToken"].is_null(), "{}", reply.text);
    assert!(reply.header("set-cookie").starts_with("__Host-guestlist_refresh=gl_"));
}
