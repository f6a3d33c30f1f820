//! The endpoint as clients and attackers see it.

use poem::Request;
use poem::http::Method;
use serde_json::{Value, json};

use crate::support::{PASSWORD, Reply, TestApp};

const ME: &str = r#"{"query":"{ me { id } }"}"#;

async fn post(app: &TestApp, content_type: Option<&str>, accept: Option<&str>, body: &str) -> Reply {
    let mut request = Request::builder().method(Method::POST).uri_str("/graphql");
    if let Some(content_type) = content_type {
        request = request.content_type(content_type);
    }
    if let Some(accept) = accept {
        request = request.header("accept", accept);
    }
    app.stranger().send(request.body(body.to_owned())).await
}

async fn json_post(app: &TestApp, body: &str) -> Reply {
    post(app, Some("application/json"), None, body).await
}

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
async fn t51_nothing_is_executed_by_get() {
    let app = TestApp::new().await;
    let root = app.superuser().await;
    let reply = root.get("/graphql?query=mutation%7BlogoutAll%7BrevokedSessions%7D%7D").await;
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
async fn syntax_validation_operation_and_variables_have_codes_of_their_own() {
    let app = TestApp::new().await;
    for (body, code) in [
        (json!({ "query": "{ me " }), "GRAPHQL_PARSE_FAILED"),
        (json!({ "query": "" }), "GRAPHQL_PARSE_FAILED"),
        (json!({ "query": "{ nothing }" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": "{ me { id } me: __typename }" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": "query A { me { id } } query B { me { id } }" }), "OPERATION_RESOLUTION_FAILURE"),
        (json!({ "query": "query A { me { id } }", "operationName": "B" }), "OPERATION_RESOLUTION_FAILURE"),
        (json!({ "query": "query A($t: String!) { invitation(token: $t) { email } }" }), "BAD_USER_INPUT"),
        (
            json!({ "query": "query A($t: String!) { invitation(token: $t) { email } }", "variables": { "t": 7 } }),
            "BAD_USER_INPUT",
        ),
    ] {
        let reply = json_post(&app, &body.to_string()).await.json();
        assert_eq!(reply["errors"][0]["extensions"]["code"], code, "{body}: {reply}");
        assert!(reply.get("data").is_none());
    }
    let named = json!({ "query": "query A { me { id } } query B { __typename }", "operationName": "B" });
    assert_eq!(
        json_post(&app, &named.to_string()).await.json(),
        json!({ "data": { "__typename": "Query" } })
    );
}

#[tokio::test]
async fn t5_one_document_holds_one_mutation_with_a_secret() {
    let app = TestApp::new().await;
    app.owner().await;
    let before = app.app.hasher.verifications();
    let login = |n: usize| {
        format!(
            "a{n}: login(input: {{ email: \"owner@acme.test\", password: \"guess {n}\" }}) {{ userErrors {{ code }} }}"
        )
    };
    let aliased: Vec<String> = (0..9).map(login).collect();
    let fragments = format!(
        "mutation {{ ...F ...G }} fragment F on Mutation {{ {} }} fragment G on Mutation {{ {} }}",
        login(1),
        login(2)
    );
    let mixed = format!(
        "mutation {{ {} refresh(input: {{ refreshToken: \"x\" }}) {{ userErrors {{ code }} }} }}",
        login(1)
    );
    let hundred: Vec<String> = (0..100).map(login).collect();
    for query in [
        format!("mutation {{ {} }}", aliased.join(" ")),
        fragments,
        mixed,
        format!("mutation {{ {} }}", hundred.join(" ")),
    ] {
        let reply = json_post(&app, &json!({ "query": query }).to_string()).await.json();
        let code = reply["errors"][0]["extensions"]["code"].as_str().unwrap();
        assert!(["QUERY_TOO_COMPLEX", "GRAPHQL_PARSE_FAILED"].contains(&code), "{reply}");
    }
    assert_eq!(app.app.hasher.verifications(), before, "nothing was tried");
}

#[tokio::test]
async fn t53_documents_that_cost_too_much_are_refused() {
    let app = TestApp::with(&["--body-limit=2000000"]).await;
    let deep = {
        let mut query = "id".to_owned();
        for _ in 0..11 {
            query = format!("tenant {{ roles {{ {query} }} }}")
                .replace("roles { tenant", "roles { id } slug ...on Tenant { id } tenant");
        }
        format!("{{ me {{ memberships {{ {query} }} }} }}")
    };
    let nested = "{ me { memberships { tenant { roles { id } } user { id } } invitations { tenant { roles { id } } role { id } } } }";
    let wide = format!("{{ me {{ {} }} }}", "id name ".repeat(300));
    let aliases: String = (0..40).map(|n| format!("a{n}: name ")).collect();
    let roots: String = (0..11).map(|n| format!("a{n}: __typename ")).collect();
    let directives = format!("{{ me {{ id {} }} }}", "@include(if: true) ".repeat(6));
    let mut bomb = "query { ...F0 } ".to_owned();
    for n in 0..24 {
        bomb.push_str(&format!("fragment F{n} on Query {{ ...F{0} ...F{0} }} ", n + 1));
    }
    bomb.push_str("fragment F24 on Query { me { id } }");
    let mut spread = "query { me { ...F0 } } ".to_owned();
    for n in 0..7 {
        spread.push_str(&format!("fragment F{n} on Viewer {{ {} }} ", format!("...F{} ", n + 1).repeat(10)));
    }
    spread.push_str("fragment F7 on Viewer { id }");
    let cycle = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }".to_owned();
    let tokens = format!("{{ me {{ {} }} }}", "id ".repeat(5_000));
    let recursion = format!("{{ me {} {} }}", "{ a ".repeat(500), "}".repeat(500));
    for (what, query) in [
        ("deep", deep),
        ("wide", wide),
        ("aliases", format!("{{ me {{ {aliases} }} }}")),
        ("roots", format!("{{ me {{ id }} {roots} }}")),
        ("typenames", format!("{{ {roots} }}")),
        (
            "schemas",
            format!(
                "{{ {} }}",
                (0..12).map(|n| format!("a{n}: __schema {{ types {{ name }} }} ")).collect::<String>()
            ),
        ),
        ("directives", directives),
        ("bomb", bomb),
        ("spread", spread),
        ("cycle", cycle),
        ("tokens", tokens),
        ("recursion", recursion),
    ] {
        let reply = json_post(&app, &json!({ "query": query }).to_string()).await.json();
        assert!(reply.get("data").is_none(), "{what}: {reply}");
        assert!(reply["errors"].as_array().unwrap().len() <= 5, "{what}");
    }
    let reply = json_post(&app, &json!({ "query": nested }).to_string()).await.json();
    assert_eq!(reply, json!({ "data": { "me": null } }), "what screens need passes");
    let strict = TestApp::with(&["--max-depth=3"]).await;
    let reply = json_post(&strict, &json!({ "query": nested }).to_string()).await.json();
    assert_eq!(reply["errors"][0]["extensions"]["code"], "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn t54_introspection_and_the_explorer_follow_their_switches() {
    let schema = json!({ "query": "{ __schema { queryType { name } } }" }).to_string();
    let open = TestApp::new().await;
    assert_eq!(json_post(&open, &schema).await.json()["data"]["__schema"]["queryType"]["name"], "Query");
    assert_eq!(open.stranger().get("/graphiql").await.status, 200);

    let closed = TestApp::with(&["--introspection=false", "--graphiql=false"]).await;
    let reply = json_post(&closed, &schema).await.json();
    assert_eq!(reply["errors"][0]["extensions"]["code"], "FORBIDDEN");
    assert_eq!(closed.stranger().get("/graphiql").await.status, 404);
    let owner = closed.owner().await;
    let seen = owner.ask("{ __schema { queryType { name } } }", json!({})).await;
    assert_eq!(seen["data"]["__schema"]["queryType"]["name"], "Query", "who is signed in may look");
    let typo = json_post(&closed, r#"{"query":"{ mee { id } }"}"#).await;
    assert!(!typo.text.to_lowercase().contains("did you mean"), "{}", typo.text);
}

#[tokio::test]
async fn t55_errors_say_nothing_of_the_inside_and_carry_the_request_id() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.sql("ALTER TABLE role RENAME TO gone").await;
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
    for word in ["role", "SQL", "table", "gone", "sqlx"] {
        assert!(!reply.text.contains(word), "{}", reply.text);
    }
}

#[tokio::test]
async fn t44_links_come_from_the_configuration_whatever_the_headers_say() {
    let app = TestApp::with(&["--public-url=https://id.example.com/"]).await;
    let owner = app.owner().await;
    let mut request =
        Request::builder().method(Method::POST).uri_str("/graphql").content_type("application/json");
    for (name, value) in [
        ("host", "evil.test"),
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
    assert_eq!(json_post(&app, ME).await.header("cache-control"), "no-store");
}

#[tokio::test]
async fn pages_and_health_answer() {
    let app = TestApp::new().await;
    let stranger = app.stranger();
    assert_eq!(stranger.get("/livez").await.text, "ok\n");
    assert_eq!(stranger.get("/readyz").await.text, "ok\n");
    assert_eq!(stranger.get("/nowhere").await.status, 404);
    let sdl = stranger.get("/schema.graphql").await;
    assert_eq!(sdl.text, guestlist::schema::sdl());
    assert!(stranger.get("/accept").await.text.contains("Your invitation"));
    assert!(stranger.get("/assets/accept.js").await.header("content-type").starts_with("text/javascript"));
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

#[tokio::test]
async fn enumerations_and_ids_are_read_as_the_specification_says() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let order = "query Q($o: InvitationOrder) { invitations(orderBy: $o) { totalCount } }";
    let lower = owner.ask(order, json!({ "o": { "field": "email" } })).await;
    assert_eq!(lower["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    let skip = owner.ask("query Q($no: Boolean = true) { me { name @skip(if: $no) id } }", json!({})).await;
    assert!(skip["data"]["me"].get("name").is_none(), "defaults of variables count in directives");
    let mut who = app.stranger();
    who.login("owner@acme.test", PASSWORD).await.unwrap();
    let typed = who
        .ask(
            "query Q($by: TenantBy!) { tenant(by: $by) { id } }",
            json!({ "by": { "id": "x", "slug": "y" } }),
        )
        .await;
    assert_eq!(typed["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "one of them, not both");
    assert_ne!(typed["errors"][0]["message"], Value::Null);
}
