//! The endpoint as clients and attackers see it.

use poem::Request;
use poem::http::Method;
use serde_json::json;

use crate::support::{TestApp, json_post, post};

const ME: &str = r#"{"query":"{ me { id } }"}"#;

#[tokio::test]
async fn t51_only_application_json_is_read() {
    let app = TestApp::new().await;
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/graphql"),
        Some("application/json; charset=latin1"),
    ] {
        let reply = post(&app, content_type, None, ME).await;
        assert_eq!(reply.status, 415, "{content_type:?}");
        assert_eq!(reply.json()["errors"][0]["extensions"]["code"], "BAD_REQUEST");
    }
    for content_type in
        ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
    {
        let reply = post(&app, Some(content_type), None, ME).await;
        assert_eq!(reply.json(), json!({ "data": { "me": null } }), "{content_type}");
    }
}

#[tokio::test]
async fn t51_nothing_is_changed_by_get() {
    let app = TestApp::new().await;
    let root = app.superuser().await;
    let path = "/graphql?query=mutation%7BlogoutAll%7BrevokedSessions%7D%7D";
    assert_eq!(root.get(path).await.status, 400, "a browser can be made to send this");
    let request = Request::builder().uri_str(path).header("graphql-require-preflight", "1");
    let request = request.header("authorization", format!("Bearer {}", root.access.as_ref().unwrap()));
    let reply = root.send(request.finish()).await;
    assert_eq!((reply.status, reply.header("allow")), (405, "POST"));
    assert!(root.me().await["id"].is_string());
    let page = Request::builder().uri_str("/graphql").header("accept", "text/html,*/*").finish();
    let reply = app.stranger().send(page).await;
    assert_eq!((reply.status, reply.header("location")), (303, "/graphiql"));
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let request = Request::builder()
            .method(method.clone())
            .uri_str("/graphql")
            .content_type("application/json")
            .body(ME);
        assert_eq!(app.stranger().send(request).await.status, 405, "{method}");
    }
}

#[tokio::test]
async fn t5_arrays_and_misshapen_parameters_are_refused() {
    let app = TestApp::new().await;
    for body in [
        "[]",
        &format!("[{ME},{ME}]"),
        r#"["{ me { id } }"]"#,
        "",
        "{",
        "null",
        "7",
        r#""text""#,
        "{}",
        r#"{"query":null}"#,
        r#"{"query":7}"#,
        r#"{"query":"{ me { id } }","variables":[]}"#,
        r#"{"query":"{ me { id } }","variables":"x"}"#,
        r#"{"query":"{ me { id } }","operationName":7}"#,
        r#"{"query":"{ me { id } }","surprise":1}"#,
    ] {
        let reply = json_post(&app, body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.json().get("data").is_none() && reply.json()["errors"][0]["message"].is_string());
    }
}

#[tokio::test]
async fn r24_a_body_over_the_limit_is_refused_without_being_read_whole() {
    let app = TestApp::new().await;
    let body = format!(r#"{{"query":"{{ me {{ id }} }}","variables":{{"x":"{}"}}}}"#, "y".repeat(70_000));
    assert_eq!(json_post(&app, &body).await.status, 413);
    let wider = TestApp::with(&["--body-limit=100000"]).await;
    assert_eq!(json_post(&wider, &body).await.status, 200);
}

#[tokio::test]
async fn the_media_type_follows_accept_and_request_errors_have_no_data() {
    let app = TestApp::new().await;
    let graphql = "application/graphql-response+json";
    let broken = r#"{"query":"{ nothing }"}"#;
    for (accept, media, good, bad) in [
        (None, "application/json; charset=utf-8", 200, 200),
        (Some("*/*"), "application/json; charset=utf-8", 200, 200),
        (Some("application/json"), "application/json; charset=utf-8", 200, 200),
        (Some(graphql), "application/graphql-response+json; charset=utf-8", 200, 400),
        (
            Some("application/graphql-response+json, application/json;q=0.9"),
            "application/graphql-response+json; charset=utf-8",
            200,
            400,
        ),
    ] {
        let reply = post(&app, Some("application/json"), accept, ME).await;
        assert_eq!((reply.status, reply.header("content-type")), (good, media), "{accept:?}");
        let reply = post(&app, Some("application/json"), accept, broken).await;
        assert_eq!((reply.status, reply.header("content-type")), (bad, media), "{accept:?}");
        assert!(reply.json().get("data").is_none());
    }
    assert_eq!(post(&app, Some("application/json"), Some("text/html"), ME).await.status, 406);
}

#[tokio::test]
async fn t55_errors_say_nothing_of_the_inside_and_carry_the_request_id() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.sql("ALTER TABLE invitation RENAME TO gone").await;
    let request = Request::builder()
        .method(Method::POST)
        .uri_str("/graphql")
        .content_type("application/json")
        .header("authorization", format!("Bearer {}", owner.access.as_ref().unwrap()))
        .body(json!({ "query": "{ me { name } invitations { totalCount } }" }).to_string());
    let reply = owner.send(request).await;
    let body = reply.json();
    assert_eq!(body["data"], json!({ "me": { "name": "Olivia Owner" }, "invitations": null }));
    assert_eq!(body["errors"][0]["extensions"]["code"], "INTERNAL");
    assert_eq!(body["errors"][0]["extensions"]["requestId"], reply.header("x-request-id"));
    for word in ["SQL", "table", "relation", "gone", "sqlx"] {
        assert!(!reply.text.contains(word), "{}", reply.text);
    }
}

#[tokio::test]
async fn t38_no_answer_to_an_inviter_holds_a_mailed_token() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let created = owner.invite(json!({ "email": "ann@x.test" })).await;
    app.tick().await;
    let token = app.mail_to("ann@x.test").await.token.unwrap();
    app.advance(chrono::TimeDelta::seconds(60));
    let resent = owner.act("resendInvitation", &created["invitation"]["id"]).await;
    let listed = owner
        .ask("{ invitations { nodes { id email metadata note delivery { lastReply } } } }", json!({}))
        .await;
    for answer in [created, resent, listed] {
        assert!(!answer.to_string().contains("gl_inv_"), "{answer}");
    }
    assert!(token.starts_with("gl_inv_"));
    assert!(!guestlist::schema::sdl().contains("tokenHash"));
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_undo_what_it_began() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let query = "mutation I($input: InviteInput!) { invite(input: $input) { created } }";
    let mut asking = Box::pin(owner.ask(query, json!({ "input": { "email": "ann@x.test" } })));
    // Polled a few times, then dropped, as a server drops the handler of a closed connection.
    let waker = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(waker);
    let _ = asking.as_mut().poll(&mut context);
    drop(asking);
    let found = async {
        while app.number("SELECT COUNT(*) FROM invitation WHERE email_norm = 'ann@x.test'").await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), found).await.expect("the work goes on");
}
