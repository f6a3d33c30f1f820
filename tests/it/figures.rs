//! What Prometheus is told.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::process::{Serving, run, run_with_input};

const PASSWORD: &str = "correct horse battery staple";

/// Runs promtool, where there is one; said aloud where there is none, and a failure where somebody insists.
fn promtool(args: &[&str], input: &str) {
    let Ok(mut child) = Command::new("promtool")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    else {
        assert!(std::env::var_os("GUESTLIST_TEST_REQUIRE_PROMTOOL").is_none(), "promtool is not installed");
        println!(
            "PART OF THE TEST DID NOT RUN: promtool is not installed (Debian: apt-get install prometheus)"
        );
        return;
    };
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{input}");
}

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

async fn figures(server: &Serving) -> String {
    let line = server.banner.lines().find_map(|line| line.trim().strip_prefix("metrics ")).unwrap();
    reqwest::get(line.trim()).await.unwrap().text().await.unwrap()
}

/// The value of the one line that begins like this.
fn value(figures: &str, line: &str) -> f64 {
    let found: Vec<&str> = figures.lines().filter_map(|l| l.strip_prefix(line)).collect();
    assert_eq!(found.len(), 1, "{line}: {figures}");
    found[0].trim().parse().unwrap()
}

#[tokio::test]
async fn what_happens_is_counted_and_prometheus_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let env = [("GUESTLIST_METRICS_LISTEN", "127.0.0.1:0")];
    let server = Serving::start(folder.path(), &env);
    let arguments = ["create-superuser", "--email", "root@platform.test", "--password-stdin"];
    assert!(run_with_input(folder.path(), &arguments, PASSWORD).status.success());

    let login = "mutation L($input: LoginInput!) { login(input: $input) { tokens { accessToken } userErrors { code } } }";
    let wrong = json!({ "input": { "email": "root@platform.test", "password": "wrong" } });
    for query in [login, &login.replace("{ code }", "{ code: message }")] {
        server.ask(None, query, wrong.clone()).await.unwrap();
    }
    let right = json!({ "input": { "email": "root@platform.test", "password": PASSWORD } });
    let answer = server.ask(None, login, right).await.unwrap();
    let token = answer["data"]["login"]["tokens"]["accessToken"].as_str().unwrap();
    let create = "mutation { createTenant(input: { name: \"Acme\", slug: \"acme\" }) { tenant { id } } }";
    server.ask(Some(token), create, json!({})).await.unwrap();
    let invite = "mutation { invite(input: { email: \"ann@x.test\" }) { created userErrors { code } } }";
    server.ask(Some(token), invite, json!({})).await.unwrap();
    server.ask(None, "{ nothing }", json!({})).await.unwrap();
    server.ask(None, "{ invitations { totalCount } }", json!({})).await.unwrap();
    reqwest::get(format!("{}/console/one/two?three", server.url)).await.unwrap();
    reqwest::get(format!("{}/wp-admin/{}", server.url, "x".repeat(100))).await.unwrap();

    // Mail and events are looked after by tasks: they are asked for until they were.
    let text = loop {
        let text = figures(&server).await;
        if text.contains("template=\"invitation\",outcome=\"sent\"")
            && text.contains("kind=\"invitation.created\"")
        {
            break text;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    promtool(&["check", "metrics"], &text);
    let operations = |rest: &str| value(&text, &format!("guestlist_graphql_operations_total{rest}"));
    let login = |outcome: &str| format!("{{type=\"mutation\",operation=\"login\",outcome=\"{outcome}\"}}");
    assert_eq!(operations(&login("ok")), 1.0);
    assert_eq!(operations(&login("INVALID_CREDENTIALS")), 1.0);
    assert_eq!(operations(&login("refused")), 1.0, "a client's own names are no values");
    assert_eq!(operations("{type=\"mutation\",operation=\"invite\",outcome=\"ok\"}"), 1.0);
    assert_eq!(operations("{type=\"query\",operation=\"invitations\",outcome=\"UNAUTHENTICATED\"}"), 1.0);
    assert_eq!(value(&text, "guestlist_graphql_errors_total{code=\"UNAUTHENTICATED\"}"), 1.0);
    assert!(value(&text, "guestlist_graphql_errors_total{code=\"GRAPHQL_VALIDATION_FAILED\"}") >= 1.0);
    assert_eq!(value(&text, "guestlist_events_total{kind=\"invitation.created\"}"), 1.0);
    assert_eq!(value(&text, "guestlist_mail_queue_depth"), 0.0);
    assert!(value(&text, "guestlist_password_hash_seconds_count") >= 3.0);
    assert!(value(&text, "process_resident_memory_bytes") > 1_000_000.0);
    for route in ["/console", "/graphql", "other"] {
        assert!(text.contains(&format!("http_route=\"{route}\"")), "{route}: {text}");
    }
    for secret in ["x.test", "platform.test", "acme", "wp-admin", "three", "Address or password"] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }

    // Mail that is held back waits, and is seen to wait.
    assert!(run(folder.path(), &["outbox", "hold"]).status.success());
    server.ask(Some(token), &invite.replace("ann@", "bea@"), json!({})).await.unwrap();
    let text = figures(&server).await;
    assert_eq!(value(&text, "guestlist_mail_queue_depth"), 1.0);
    assert_eq!(value(&text, "guestlist_mail_held"), 1.0);
    let oldest = value(&text, "guestlist_mail_oldest_queued_seconds");
    assert!(oldest > 0.0 && oldest < 600.0, "{oldest}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_port_that_was_asked_for_and_is_taken_is_an_error_and_off_is_off() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = crate::support::process::command(folder.path(), &["serve"]);
    command.env("GUESTLIST_LISTEN", "127.0.0.1:0").env("GUESTLIST_METRICS_LISTEN", &address);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&output.stderr).contains("GUESTLIST_METRICS_LISTEN"));
    let server = Serving::start(folder.path(), &[("GUESTLIST_METRICS_LISTEN", "off")]);
    assert!(!server.banner.contains("metrics"), "{}", server.banner);
    assert_eq!(server.stop(), Some(0));
}

/// Names of figures in an expression or a page.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("guestlist_") || word.starts_with("http_server_"));
    let plain = |word: &str| {
        let stem = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| word.strip_suffix(suffix));
        stem.unwrap_or(word).to_owned()
    };
    ours.map(plain).collect()
}

#[test]
fn pages_alerts_and_the_dashboard_name_what_there_is() {
    let there: BTreeSet<String> = guestlist::telemetry::metrics::names().map(str::to_owned).collect();
    let section = file("docs/OPERATIONS.md");
    let section = section.split("## Metrics").nth(1).unwrap();
    assert_eq!(named(section), there);
    let alerts = file("deploy/alerts.yml");
    promtool(&["check", "rules", concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/alerts.yml")], "");
    let dashboard = file("deploy/grafana.json");
    let panels: Value = serde_json::from_str(&dashboard).unwrap();
    let targets = panels["panels"].as_array().unwrap().iter().flat_map(|p| p["targets"].as_array().unwrap());
    let expressions: Vec<&str> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    for used in named(&alerts).iter().chain(&named(&expressions.join(" "))) {
        assert!(there.contains(used), "{used}");
    }
}

#[tokio::test]
async fn the_log_names_the_operation_and_who_asked_by_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut serve = crate::support::process::command(folder.path(), &["serve", "--no-worker"]);
    serve.env("GUESTLIST_LISTEN", "127.0.0.1:0").env("GUESTLIST_METRICS_LISTEN", "off");
    serve.env("GUESTLIST_LOG_FORMAT", "json").stderr(std::fs::File::create(&path).unwrap());
    let server = Serving::spawn(serve);
    let token = crate::support::replica::owner(folder.path(), &server).await;
    let me =
        server.ask(Some(&token), "query Mine { me { id } }", json!({})).await.unwrap()["data"]["me"]["id"]
            .clone();
    let answer = reqwest::Client::new()
        .post(format!("{}/graphql", server.url))
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .json(&json!({ "query": "{ node(id: \"x\") { id } }" }));
    assert!(answer.send().await.unwrap().status().is_success());
    let forbidden = server.ask(None, "{ tenants { totalCount } }", json!({})).await.unwrap();
    assert_eq!(server.stop(), Some(0));
    let log = std::fs::read_to_string(path).unwrap();
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |operation: &str| lines.iter().rfind(|line| line["operation"] == operation).unwrap();
    let mine = of("me");
    assert_eq!(
        (&mine["user"], &mine["outcome"], &mine["path"]),
        (&me, &json!("ok"), &json!("/graphql")),
        "{mine}"
    );
    assert!(mine["session"].is_string() && mine["tenant"].is_string() && mine["millis"].is_u64());
    assert_eq!(
        (&of("node")["trace_id"], &mine["trace_id"]),
        (&json!("4bf92f3577b34da6a3ce929d0e0e4736"), &Value::Null)
    );
    let refused = of("tenants");
    assert_eq!((&refused["outcome"], &refused["user"]), (&json!("UNAUTHENTICATED"), &Value::Null));
    assert_eq!(refused["request_id"], forbidden["errors"][0]["extensions"]["requestId"]);
    for text in ["Mine", "platform.test", &token] {
        assert!(!log.contains(text), "{text} is logged");
    }
}
