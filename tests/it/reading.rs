//! Queries by GET, persisted queries, and places of errors.

use poem::Request;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp, json_post};

fn encoded(pairs: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    format!("/graphql?{}", query.extend_pairs(pairs).finish())
}

async fn read(app: &TestApp, pairs: &[(&str, &str)]) -> Reply {
    let request = Request::builder().uri_str(encoded(pairs)).header("graphql-require-preflight", "1");
    app.stranger().send(request.finish()).await
}

#[tokio::test]
async fn queries_are_read_by_get() {
    let app = TestApp::new().await;
    let token = r#"{"t":"gl_inv_x"}"#;
    let named = "query A { me { id } } query B($t: String!) { invitation(token: $t) { email } }";
    for (pairs, answer) in [
        (vec![("query", "{ me { id } }")], json!({ "data": { "me": null } })),
        (vec![("query", named), ("operationName", "A")], json!({ "data": { "me": null } })),
        (
            vec![("query", "{ __typename }"), ("variables", ""), ("operationName", "")],
            json!({ "data": { "__typename": "Query" } }),
        ),
    ] {
        let reply = read(&app, &pairs).await;
        assert_eq!((reply.status, reply.json()), (200, answer), "{pairs:?}");
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    let reply = read(&app, &[("query", named), ("operationName", "B"), ("variables", token)]).await.json();
    assert_eq!(reply["errors"][0]["extensions"]["code"], "TOKEN_INVALID", "{reply}");
    for pairs in [
        vec![],
        vec![("query", "{ me { id } }"), ("query", "{ me { name } }")],
        vec![("query", "{ me { id } }"), ("variables", "7")],
        vec![("query", "{ me { id } }"), ("variables", "[]")],
        vec![("query", "{ me { id } }"), ("extensions", "x")],
        vec![("query", "{ me { id } }"), ("surprise", "1")],
        vec![("documentId", "1")],
    ] {
        assert_eq!(read(&app, &pairs).await.status, 400, "{pairs:?}");
    }
    let strict = TestApp::with(&["--body-limit=1000"]).await;
    assert_eq!(read(&strict, &[("query", &"x".repeat(1_001))]).await.status, 413);
}

fn persisted(query: Option<&str>, hash: &str) -> String {
    let mut body = json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } });
    if let Some(query) = query {
        body["query"] = json!(query);
    }
    body.to_string()
}

fn hash(text: &str) -> String {
    guestlist::http::gate::Gate::hash(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_query_that_passed_can_be_named_by_its_hash() {
    let app = TestApp::new().await;
    let query = "query Who { me { id } }";
    let unknown = json_post(&app, &persisted(None, &hash(query))).await.json();
    assert_eq!(unknown["errors"][0]["message"], "PersistedQueryNotFound", "Apollo's clients look for it");
    assert_eq!(unknown["errors"][0]["extensions"]["code"], "PERSISTED_QUERY_NOT_FOUND");
    let seen = json!({ "data": { "me": null } });
    assert_eq!(json_post(&app, &persisted(Some(query), &hash(query))).await.json(), seen);
    assert_eq!(json_post(&app, &persisted(None, &hash(query))).await.json(), seen);
    let extensions = format!(r#"{{"persistedQuery":{{"version":1,"sha256Hash":"{}"}}}}"#, hash(query));
    assert_eq!(read(&app, &[("extensions", &extensions)]).await.json(), seen);

    let wrong = json_post(&app, &persisted(Some(query), &hash("other"))).await;
    assert_eq!(wrong.status, 400, "nobody puts a document under another one's hash");
    for bad in ["", "xyz", &"g".repeat(64), &"é".repeat(32)] {
        assert_eq!(json_post(&app, &persisted(None, bad)).await.status, 400, "{bad}");
    }
    let broken = "{ nothing }";
    json_post(&app, &persisted(Some(broken), &hash(broken))).await;
    let kept = json_post(&app, &persisted(None, &hash(broken))).await.json();
    assert_eq!(kept["errors"][0]["message"], "PersistedQueryNotFound", "only what passed is kept");
}

#[tokio::test]
async fn a_kept_document_is_executed_with_the_variables_of_each_request() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let query = "query Q($with: Boolean = false) { me { name email @include(if: $with) } }";
    let seen = async |variables: Value| owner.ask(query, variables).await["data"]["me"].clone();
    assert_eq!(seen(json!({})).await, json!({ "name": "Olivia Owner" }));
    assert_eq!(seen(json!({ "with": true })).await["email"], "owner@acme.test");
    assert_eq!(seen(json!({})).await, json!({ "name": "Olivia Owner" }));
}

#[tokio::test]
async fn errors_point_into_the_text_that_was_sent() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let query = "query Q {\n  me { name }\n  ...Lists\n}\nfragment Lists on Query {\n    first: invitations(first: 0) { totalCount }\n}";
    let answer = owner.ask(query, json!({})).await;
    assert_eq!(answer["errors"][0]["path"], json!(["first"]));
    assert_eq!(answer["errors"][0]["locations"], json!([{ "line": 6, "column": 5 }]), "{answer}");
}

#[tokio::test]
async fn t53_each_limit_can_be_set_and_says_its_name() {
    let aliases: String = (0..5).map(|n| format!("a{n}: name ")).collect();
    for (setting, limit, query) in [
        ("--max-depth=2", "depth", "{ me { memberships { id } } }".to_owned()),
        ("--max-complexity=9", "complexity", "{ me { memberships { id } sessions { id } } }".to_owned()),
        ("--max-aliases=4", "aliases", format!("{{ me {{ {aliases} }} }}")),
        ("--max-root-fields=1", "rootFields", "{ me { id } __typename }".to_owned()),
        ("--max-directives=1", "directives", "{ me { id @include(if: true) @skip(if: false) } }".to_owned()),
        ("--max-tokens=5", "tokens", "{ me { id name } }".to_owned()),
    ] {
        let strict = TestApp::with(&[setting]).await;
        let reply = json_post(&strict, &json!({ "query": query }).to_string()).await.json();
        let extensions = &reply["errors"][0]["extensions"];
        assert_eq!(
            (&extensions["code"], &extensions["limit"]),
            (&json!("QUERY_TOO_COMPLEX"), &json!(limit)),
            "{reply}"
        );
        let open = TestApp::new().await;
        let reply = json_post(&open, &json!({ "query": query }).to_string()).await.json();
        assert_eq!(reply["data"]["me"], json!(null), "{reply}");
        assert!(reply.get("errors").is_none(), "{reply}");
    }
    let strict = TestApp::with(&["--max-page=7"]).await;
    let owner = strict.owner().await;
    let answer = owner.ask("{ invitations(first: 8) { totalCount } }", json!({})).await;
    assert_eq!(answer["errors"][0]["message"], "A page has 1 to 7 rows.");
}

mod sqlite_only {
    use super::*;

    #[tokio::test]
    async fn t53_what_takes_too_long_is_given_up() {
        let app = TestApp::with(&["--request-timeout=50ms"]).await;
        let writing = app.app.db.begin_write().await.unwrap();
        let reply = json_post(&app, r#"{"query":"mutation { logout { userErrors { code } } }"}"#).await;
        assert_eq!((reply.status, reply.header("retry-after")), (503, "1"));
        let error = &reply.json()["errors"][0]["extensions"];
        assert_eq!((&error["code"], &error["limit"]), (&json!("OVERLOADED"), &json!("time")));
        drop(writing);
        let reply = json_post(&app, r#"{"query":"{ me { id } }"}"#).await;
        assert_eq!(reply.status, 200);
    }
}

#[tokio::test]
async fn t53_a_list_in_a_list_costs_what_it_fetches() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let query = "query Q($n: Int) { tenants(first: $n) { nodes { members(first: 2) { totalCount } } } }";
    for (rows, code) in [(90, "FORBIDDEN"), (100, "QUERY_TOO_COMPLEX")] {
        let answer = owner.ask(query, json!({ "n": rows })).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{answer}");
    }
    let many: Vec<String> = (0..100).map(|n| format!("user_{n}")).collect();
    let query = "query Q($ids: [ID!]!) { nodes(ids: $ids) { ... on Tenant { members { totalCount } } } }";
    let answer = owner.ask(query, json!({ "ids": many })).await;
    assert_eq!(answer["errors"][0]["extensions"]["limit"], "complexity", "{answer}");
    let answer = owner.ask(query, json!({ "ids": many[..9] })).await;
    assert!(answer.get("errors").is_none(), "{answer}");
}
