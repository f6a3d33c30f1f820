//! What is served beside the API, and the headers around everything.

use poem::Request;
use poem::http::Method;
use serde_json::json;

use crate::support::{TestApp, json_post};

#[tokio::test]
async fn t44_links_come_from_the_configuration_whatever_the_headers_say() {
    let app = TestApp::with(&["--public-url=https://id.example.com/"]).await;
    let owner = app.owner().await;
    let mut request =
        Request::builder().method(Method::POST).uri_str("/graphql").content_type("application/json");
    for (name, value) in [
        ("host", "id.example.com:443"),
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "ftp"),
        ("forwarded", "host=evil.test"),
        ("origin", "https://evil.test"),
    ] {
        request = request.header(name, value);
    }
    let request = request.header("authorization", format!("Bearer {}", owner.access.as_ref().unwrap()));
    let query = "mutation { invite(input: { email: \"ann@x.test\", delivery: LINK_ONLY }) { link } }";
    let reply = owner.send(request.body(json!({ "query": query }).to_string())).await.json();
    let link = reply["data"]["invite"]["link"].as_str().unwrap();
    assert!(link.starts_with("https://id.example.com/accept#gl_inv_"), "{link}");
    for (path, status) in [("/accept", 421), ("/graphql", 421), ("/livez", 200), ("/readyz", 200)] {
        for (uri, host) in [
            (path.to_owned(), "evil.test"),
            (path.to_owned(), "id.example.com.evil.test"),
            (path.to_owned(), "id.example.com@evil.test"),
            (format!("http://evil.test{path}"), "id.example.com"),
        ] {
            let request = Request::builder().uri_str(&uri).header("host", host).finish();
            assert_eq!(app.stranger().send(request).await.status, status, "{uri} {host}");
        }
    }
    for host in ["id.example.com", "ID.example.com:8443", "id.example.com."] {
        let request = Request::builder().uri_str("/accept").header("host", host).finish();
        assert_eq!(app.stranger().send(request).await.status, 200, "{host}");
    }

    let own = TestApp::with(&["--accept-url=https://app.example.com/join?code={token}"]).await;
    let owner = own.owner().await;
    let link = owner.invite(json!({ "email": "ann@x.test", "delivery": "LINK_ONLY" })).await["link"].clone();
    assert!(link.as_str().unwrap().starts_with("https://app.example.com/join?code=gl_inv_"), "{link}");
}

#[tokio::test]
async fn every_answer_has_the_headers_that_keep_browsers_safe() {
    let app = TestApp::with(&["--public-url=https://id.example.com"]).await;
    for path in [
        "/graphql",
        "/schema.graphql",
        "/livez",
        "/accept",
        "/reset",
        "/dev/mail",
        "/nowhere",
        "/.well-known/jwks.json",
    ] {
        let reply = app.stranger().get(path).await;
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("referrer-policy"), "no-referrer", "{path}");
        assert!(reply.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(reply.header("strict-transport-security").contains("max-age"), "{path}");
        assert!(reply.headers.get("access-control-allow-origin").is_none(), "{path}");
    }
    assert_eq!(json_post(&app, r#"{"query":"{ me { id } }"}"#).await.header("cache-control"), "no-store");
}

#[tokio::test]
async fn pages_and_health_answer() {
    let app = TestApp::new().await;
    let stranger = app.stranger();
    assert_eq!(stranger.get("/livez").await.text, "ok\n");
    assert!(stranger.get("/readyz").await.text.starts_with("ok\n"));
    assert_eq!(stranger.get("/nowhere").await.status, 404);
    let sdl = stranger.get("/schema.graphql").await;
    assert_eq!(sdl.text, guestlist::schema::sdl());
    for (page, says) in [
        ("/accept", "Your invitation"),
        ("/reset", "Choose a new password"),
        ("/forgot", "Forgot your password?"),
    ] {
        let html = stranger.get(page).await.text;
        assert!(html.contains(says), "{page}");
        for asset in html.split("\"/assets/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert_eq!(stranger.get(&format!("/assets/{asset}")).await.status, 200, "{page} loads {asset}");
        }
    }
    assert!(stranger.get("/assets/console.js").await.header("content-type").starts_with("text/javascript"));
    assert!(stranger.get("/assets/console.css").await.header("content-type").starts_with("text/css"));
}

#[tokio::test]
async fn captured_mail_can_be_read_and_filtered_and_is_shown_as_text() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    owner.invite(json!({ "email": "ann@x.test", "note": "<script>alert(1)</script>" })).await;
    app.tick().await;
    let token = app.mail_to("ann@x.test").await.token.unwrap();
    let all = app.stranger().get("/dev/mail.json").await.json();
    assert_eq!(all.as_array().unwrap().len(), 2);
    let hers = app.stranger().get("/dev/mail.json?to=ANN@x.test").await.json();
    assert_eq!(hers[0]["token"], json!(token));
    assert!(hers[0]["raw"].as_str().unwrap().contains("Message-ID"));
    let later = app.stranger().get("/dev/mail.json?after=2026-03-02T12:00:00.000Z").await.json();
    assert_eq!(later, json!([]));
    let page = app.stranger().get("/dev/mail").await.text;
    assert!(page.contains("You are invited to join ACME") && !page.contains("<script>"), "{page}");

    let production = [
        "--environment=production",
        "--public-url=https://id.example.com",
        "--smtp-url=file:///tmp/unused",
        "--secret-key=kJ8sPq2vXw9zL4mN7bR1tY6uI3oA5dF0",
        "--argon2-m=7168",
    ];
    let app = TestApp::with(&production).await;
    for path in ["/dev/mail", "/dev/mail.json", "/graphiql"] {
        assert_eq!(app.stranger().get(path).await.status, 404, "{path}");
    }
}
