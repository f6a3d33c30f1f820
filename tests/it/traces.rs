//! What a collector of traces is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as Ended;
use poem::http::StatusCode;
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::web::Data;
use poem::{EndpointExt as _, Request, Route, Server, handler};
use prost::Message as _;
use serde_json::{Value, json};

use crate::support::hook_server::HookServer;
use crate::support::process::{Serving, command};
use crate::support::replica;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const INVITE: &str =
    "mutation Hello { invite(input: { email: \"ann@guests.test\", note: \"psst\" }) { invitation { id } } }";

/// A request: the key in its header, and its body.
type Told = (String, Vec<u8>);

/// A collector on loopback that keeps what it is told.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Told>>>);

#[handler]
async fn take(request: &Request, body: Vec<u8>, Data(collector): Data<&Collector>) -> StatusCode {
    let key = request.header("api-key").unwrap_or_default().to_owned();
    collector.0.lock().unwrap().push((key, body));
    StatusCode::OK
}

impl Collector {
    /// Begins to listen, and says where.
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let address = acceptor.local_addr()[0].as_socket_addr().unwrap().to_owned();
        let routes = Route::new().at("/base/v1/traces", poem::post(take)).data(collector.clone());
        tokio::spawn(Server::new_with_acceptor(acceptor).run(routes));
        (collector, format!("http://{address}/base"))
    }

    /// What it was told, as bytes.
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().iter().flat_map(|(_, body)| body.clone()).collect()
    }

    fn told(&self) -> Vec<ExportTraceServiceRequest> {
        let kept = self.0.lock().unwrap();
        kept.iter().map(|(_, body)| ExportTraceServiceRequest::decode(&**body).unwrap()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let resources = self.told().into_iter().flat_map(|told| told.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The attributes of a span, as text.
fn attributes(span: &Span) -> HashMap<&str, String> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Of;
    let text = |value: &Of| match value {
        Of::StringValue(text) => text.clone(),
        Of::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let pairs = span.attributes.iter();
    pairs.filter_map(|pair| Some((pair.key.as_str(), text(pair.value.as_ref()?.value.as_ref()?)))).collect()
}

fn children<'s>(spans: &'s [Span], parent: &Span) -> Vec<&'s Span> {
    spans.iter().filter(|span| span.parent_span_id == parent.span_id).collect()
}

fn named<'s>(spans: &[&'s Span], name: &str) -> &'s Span {
    let found: Vec<&&Span> = spans.iter().filter(|span| span.name == name).collect();
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(found.len(), 1, "{name}: {names:?}");
    found[0]
}

/// Invites within a trace of the client's, until the mail is sent.
async fn invite(server: &Serving, token: &str) -> Value {
    let post = reqwest::Client::new().post(format!("{}/graphql", server.url)).bearer_auth(token);
    let post =
        post.header("traceparent", format!("00-{TRACE}-{PARENT}-01")).json(&json!({ "query": INVITE }));
    let answer: Value = post.send().await.unwrap().json().await.unwrap();
    let id = answer["data"]["invite"]["invitation"]["id"].clone();
    assert!(id.is_string(), "{answer}");
    let query = "query($id: ID!) { node(id: $id) { ... on Invitation { delivery { state } } } }";
    while server.ask(Some(token), query, json!({ "id": id })).await.unwrap()["data"]["node"]["delivery"]["state"]
        != "SENT"
    {}
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_span_of_its_clients_trace_with_what_it_did_within() {
    let folder = tempfile::tempdir().unwrap();
    let (collector, address) = Collector::start().await;
    let log = folder.path().join("log");
    let mut serve = command(folder.path(), &["serve"]);
    serve.env("GUESTLIST_LISTEN", "127.0.0.1:0").env("GUESTLIST_METRICS_LISTEN", "off");
    serve.env("GUESTLIST_LOG_FORMAT", "json").stderr(std::fs::File::create(&log).unwrap());
    serve.env("GUESTLIST_OTLP_ENDPOINT", address).env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret");
    serve.env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test");
    let server = Serving::spawn(serve);
    let token = replica::owner(folder.path(), &server).await;
    invite(&server, &token).await;
    // Whoever sends no trace begins one.
    server.ask(Some(&token), "{ me { id } }", json!({})).await.unwrap();
    assert_eq!(server.stop(), Some(0));

    let told = collector.told();
    let resource = told[0].resource_spans[0].resource.as_ref().unwrap();
    let said = format!("{resource:?}");
    for text in ["guestlist", env!("CARGO_PKG_VERSION"), "deployment.environment.name"] {
        assert!(said.contains(text), "{text}: {said}");
    }
    assert!(collector.0.lock().unwrap().iter().all(|(key, _)| key == "s3cret"));

    let spans = collector.spans();
    let request: Vec<&Span> = spans.iter().filter(|span| hex(&span.parent_span_id) == PARENT).collect();
    let request = named(&request, "POST /graphql");
    assert_eq!((hex(&request.trace_id), request.kind()), (TRACE.to_owned(), SpanKind::Server));
    let of_request = attributes(request);
    assert_eq!(of_request["http.response.status_code"], "200");
    assert_eq!(of_request["http.route"], "/graphql");
    let operation = named(&children(&spans, request), "mutation invite");
    assert_eq!(attributes(operation)["guestlist.outcome"], "ok");
    let within = children(&spans, operation);
    let statements = within.iter().filter(|span| span.name.starts_with("sea_orm.") || span.name == "query");
    let written = statements
        .filter(|span| attributes(span).get("db.statement").is_some_and(|sql| sql.contains("SELECT")));
    assert!(written.count() > 0, "{within:?}");
    if crate::support::database::of_folder(folder.path()).is_none() {
        named(&within, "turn to write");
        named(&within, "shared commit");
    }
    let all: Vec<&Span> = spans.iter().collect();
    let login = children(&spans, named(&all, "mutation login"));
    named(&login, "password hash");
    assert_eq!(attributes(named(&all, "mail invitation"))["guestlist.outcome"], "sent");

    // Work that looks whether there is something to do is no trace.
    let roots = spans.iter().filter(|span| span.parent_span_id.is_empty());
    let roots: Vec<&str> = roots.map(|span| span.name.as_str()).collect();
    assert!(roots.iter().all(|name| name.starts_with("POST /") || name.starts_with("mail ")), "{roots:?}");

    let log = std::fs::read_to_string(log).unwrap();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let lines: Vec<Value> = lines.filter(|line| line["message"] == "request").collect();
    let of = |operation: &str| lines.iter().rfind(|line| line["operation"] == operation).unwrap();
    assert_eq!(of("invite")["trace_id"], TRACE);
    assert_eq!(of("invite")["request_id"], of_request["guestlist.request_id"].as_str());
    let me = spans.iter().rfind(|span| span.name == "query me").unwrap();
    assert_eq!(of("me")["trace_id"], hex(&me.trace_id));

    let bytes = collector.bytes();
    for text in
        ["psst", "hostile", "guests.test", "platform.test", "Hello", &token, "correct horse", "gl_inv_"]
    {
        let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!found, "{text} is told to the collector");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_of_a_webhook_is_told_the_trace() {
    let folder = tempfile::tempdir().unwrap();
    let ((collector, address), hook) = (Collector::start().await, HookServer::start().await);
    hook.always(503);
    let env = [
        ("GUESTLIST_OTLP_ENDPOINT", address.as_str()),
        ("GUESTLIST_WEBHOOK_ALLOW_PRIVATE", "true"),
        ("GUESTLIST_METRICS_LISTEN", "off"),
    ];
    let server = Serving::start(folder.path(), &env);
    let token = replica::owner(folder.path(), &server).await;
    let create = "mutation($url: String!) { createWebhookEndpoint(input: { url: $url }) { webhookEndpoint { id } userErrors { message } } }";
    let answer = server.ask(Some(&token), create, json!({ "url": hook.url() })).await.unwrap();
    assert!(answer["data"]["createWebhookEndpoint"]["webhookEndpoint"]["id"].is_string(), "{answer}");
    invite(&server, &token).await;
    let posted = loop {
        if let Some(posted) = hook.posted().pop() {
            break posted;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(server.stop(), Some(0));
    let parts: Vec<&str> = posted.header("traceparent").split('-').collect();
    let spans = collector.spans();
    let span = spans.iter().find(|span| hex(&span.span_id) == parts[2]).unwrap();
    assert_eq!(
        (span.name.as_str(), span.kind(), hex(&span.trace_id).as_str()),
        ("POST", SpanKind::Client, parts[1])
    );
    assert_eq!(attributes(span)["http.response.status_code"], "503");
    assert_eq!(span.status.as_ref().unwrap().code(), Ended::Error);
}

#[tokio::test]
async fn a_collector_that_is_away_harms_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let log = folder.path().join("log");
    let mut serve = command(folder.path(), &["serve"]);
    serve.env("GUESTLIST_LISTEN", "127.0.0.1:0").env("GUESTLIST_METRICS_LISTEN", "off");
    serve.env("GUESTLIST_OTLP_ENDPOINT", address).stderr(std::fs::File::create(&log).unwrap());
    let server = Serving::spawn(serve);
    let token = replica::owner(folder.path(), &server).await;
    invite(&server, &token).await;
    assert_eq!(server.stop(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("opentelemetry"), "{log}");
}

#[test]
fn an_address_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for address in ["collector", "ftp://127.0.0.1", "http://127.0.0.1:4318?x", "unix:///socket"] {
        let output = crate::support::process::run(folder.path(), &["serve", "--otlp-endpoint", address]);
        assert_eq!(output.status.code(), Some(2), "{address}");
        assert!(crate::support::process::stderr(&output).contains("http://127.0.0.1:4318"), "{address}");
    }
}
