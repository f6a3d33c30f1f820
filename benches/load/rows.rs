//! Requests one by one: reading oneself, a page of a list, inviting, refreshing.

use std::path::Path;

use serde_json::json;

use crate::cluster::{Cluster, programs};
use crate::process::{PASSWORD, Server, administrator};
use crate::report::{Report, Target};
use crate::wrk::{Load, Run, median};

pub const SECONDS: u32 = 4;
/// People who invite, sixteen of them at once.
const INVITERS: u32 = 64;
/// Connections of a common load.
const CONNECTIONS: u32 = 16;
/// Quotas are counted and never reached.
pub const OPEN: &[(&str, &str)] = &[
    ("GUESTLIST_LIMIT_INVITES_PER_HOUR", "1000000000"),
    ("GUESTLIST_LIMIT_INVITES_PER_TENANT_DAY", "1000000000"),
    ("GUESTLIST_LIMIT_PENDING_PER_TENANT", "1000000000"),
    ("GUESTLIST_LIMIT_LOGIN_PER_IP", "1000000000"),
];

/// A request body with one operation.
pub fn body(query: &str) -> String {
    json!({ "query": query }).to_string()
}

pub const ME: &str = "{ me { id name email } }";
pub const PAGE: &str = "{ invitations(first: 50) { nodes { id email status invitedBy { id name } role { key name } tenant { id name } \
    delivery { state attempts } } pageInfo { hasNextPage endCursor } } }";
pub const INVITE: &str = "mutation I($i: InviteInput!) { invite(input: $i) { created userErrors { code } } }";

/// A tenant with five hundred invitations, as many as the quota of a day allows; the access and refresh token of its owner.
pub async fn seed(server: &Server) -> (String, String) {
    let (token, refresh) = server.sign_in("root@bench.test").await;
    let create = "mutation { createTenant(input: { name: \"Bench\", slug: \"bench\" }) { tenant { id } userErrors { code } } }";
    server.ask(Some(&token), create, json!({})).await;
    let rows: Vec<_> = (0..500).map(|n| json!({ "email": format!("seed{n}@bench.test") })).collect();
    let query = "mutation M($i: InviteManyInput!) { inviteMany(input: $i) { invited userErrors { code } } }";
    let made = server.ask(Some(&token), query, json!({ "i": { "rows": rows } })).await;
    assert_eq!(made["inviteMany"]["invited"], 500, "{made}");
    (token, refresh)
}

fn inviter(number: u32) -> String {
    format!("inviter{number}@bench.test")
}

/// People who invite, each into a tenant of their own: what two of them do at once is kept apart.
async fn join(server: &Server, root: &str) {
    let create = "mutation C($i: CreateTenantInput!) { createTenant(input: $i) { tenant { id } } }";
    let invite = "mutation I($i: InviteInput!) { invite(input: $i) { link userErrors { code } } }";
    let accept = "mutation A($i: AcceptInvitationInput!) { acceptInvitation(input: $i) { tokens { accessToken } userErrors { code } } }";
    for number in 0..INVITERS {
        let input = json!({ "i": { "name": "Bench", "slug": format!("bench-{number}") } });
        let tenant = server.ask(Some(root), create, input).await["createTenant"]["tenant"]["id"].clone();
        let input = json!({ "i": {
            "email": inviter(number), "tenantId": tenant, "roleKey": "admin", "delivery": "LINK_ONLY"
        } });
        let invited = server.ask(Some(root), invite, input).await;
        let link = invited["invite"]["link"].as_str().unwrap_or_else(|| panic!("{invited}"));
        let token = link.split('#').nth(1).unwrap_or_default();
        let input = json!({ "i": { "token": token, "name": "Inviter", "password": PASSWORD } });
        let accepted = server.ask(None, accept, input).await;
        assert!(accepted["acceptInvitation"]["tokens"].is_object(), "{accepted}");
    }
}

/// Access tokens of those who invite, and the refresh token of one of them.
async fn inviters(server: &Server) -> (Vec<String>, String) {
    let mut tokens = Vec::new();
    let mut last = String::new();
    for number in 0..INVITERS {
        let (access, refresh) = server.sign_in(&inviter(number)).await;
        tokens.push(access);
        last = refresh;
    }
    (tokens, last)
}

fn load<'l>(path: &'l str, body: String, tokens: &'l [String], connections: u32) -> Load<'l> {
    Load { path, body, tokens, connections, seconds: SECONDS }
}

/// Sends a body to a server, three times; before and after, what it answers is looked at.
fn measure(server: &Server, path: &str, body: &str, tokens: &[String], connections: u32) -> Run {
    let look = || {
        let mut curl = std::process::Command::new("curl");
        let number = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
        curl.args([
            "-s",
            "-H",
            "Content-Type: application/json",
            "--data-binary",
            "@-",
            &format!("{}{path}", server.url),
        ]);
        if let Some(token) = tokens.first() {
            curl.args(["-H", &format!("Authorization: Bearer {token}")]);
        }
        let mut child = curl
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("curl starts");
        let text = body.replace("%d", &number.to_string());
        std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), text.as_bytes())
            .expect("it is sent");
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let refused =
            said.contains("errors\":[{") || said.contains("userErrors\":[{") || said.contains("invited\":0");
        assert!(!refused && !said.is_empty(), "{}: {said}", &body[..body.len().min(200)]);
    };
    look();
    let run = measured(server, path, body, tokens, connections);
    look();
    run
}

fn measured(server: &Server, path: &str, body: &str, tokens: &[String], connections: u32) -> Run {
    median(|| load(path, body.to_owned(), tokens, connections).run(server))
}

/// A thousand people in one mutation; each `%d` is another number in each request.
fn thousand() -> String {
    let rows: Vec<_> = (0..1_000).map(|n| json!({ "email": format!("p{n}x%d@bench.test") })).collect();
    let query = "mutation M($i: InviteManyInput!) { inviteMany(input: $i) { invited userErrors { code } } }";
    json!({ "query": query, "variables": { "i": { "rows": rows } } }).to_string()
}

async fn all(report: &mut Report, name: &str, folder: &Path, databases: (Option<&str>, &str)) {
    administrator(folder, databases.0);
    let field = {
        let ceiling = Server::ceiling(databases.1);
        let field = measure(&ceiling, "/graphql", &body("{ me }"), &[], CONNECTIONS);
        report.plain(&format!("static field behind poem and async-graphql ({name})"), field);
        field
    };
    let ours = Server::guestlist(folder, databases.0, OPEN);
    let (token, _) = seed(&ours).await;
    join(&ours, &token).await;
    let token = [token];
    // The mails of the seed leave first, so that nothing else is going on.
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    // Of as many people as would ask at once, rather than one.
    let (tokens, _) = inviters(&ours).await;
    let me = measure(&ours, "/graphql", &body(ME), &tokens, CONNECTIONS);
    let at_most = if databases.0.is_none() { 2.5 } else { 4.0 };
    report.cpu(&format!("`me` ({name})"), me, field, Target::AtMost(at_most));
    let nobody = measure(&ours, "/graphql", &body("{ __typename }"), &[], CONNECTIONS);
    report.cpu(&format!("`__typename` without a token ({name})"), nobody, field, Target::None);
    let page = measure(&ours, "/graphql", &body(PAGE), &token, CONNECTIONS);
    report.cpu(
        &format!("page of 50 invitations with inviter, role, tenant, delivery ({name})"),
        page,
        field,
        Target::AtMost(12.0),
    );
    drop(ours);

    for connections in [1, CONNECTIONS] {
        let by_hand = inserts(report, name, folder, databases, ("/insert", connections));
        let ours = Server::without_worker(folder, databases.0, OPEN);
        // Tokens are for the address they were given at, and every server has another port.
        let (tokens, refresh) = inviters(&ours).await;
        let body = json!({ "query": INVITE, "variables": { "i": { "email": "guest%d@bench.test" } } });
        let invite = measure(&ours, "/graphql", &body.to_string(), &tokens, connections);
        let at_least = if databases.0.is_none() { 0.7 } else { 0.6 };
        let target = if connections > 1 { Target::AtLeast(at_least) } else { Target::None };
        let what = format!("`invite`, {connections} at once ({name}) beside the same three inserts by hand");
        report.rate(&what, invite, by_hand, target);
        if connections == 1 {
            let renewed = refreshes(&ours, &refresh);
            report.cpu(&format!("`refresh` beside `invite` ({name})"), renewed, invite, Target::AtMost(2.0));
        }
    }
    let by_hand = inserts(report, name, folder, databases, ("/bulk", 1));
    let ours = Server::without_worker(folder, databases.0, OPEN);
    let (tokens, _) = inviters(&ours).await;
    let before = ours.own_memory();
    let many = measure(&ours, "/graphql", &thousand(), &tokens, 1);
    let what = format!("`inviteMany` of 1,000 ({name}) beside the same 3,000 rows in bulk by hand");
    report.inverse_rate(&what, many, by_hand, Target::AtMost(2.0));
    report.limit(
        &format!("more memory of its own after `inviteMany` of 1,000 again and again, MiB ({name})"),
        ours.own_memory() - before,
        10.0,
    );
}

/// What inserting by hand costs, one server at a time: into narrow tables, which is said, and into those of the service, which is said
/// and compared with.
fn inserts(
    report: &mut Report,
    name: &str,
    folder: &Path,
    databases: (Option<&str>, &str),
    (path, connections): (&str, u32),
) -> Run {
    let what = if path == "/bulk" { "3,000 rows in bulk" } else { "three inserts" };
    let narrow = measure(&Server::ceiling(databases.1), path, "", &[], connections);
    report.plain(&format!("{what} by hand into narrow tables, {connections} at once ({name})"), narrow);
    let own = match databases.0 {
        Some(url) => url.to_owned(),
        None => format!("sqlite:{}", folder.join("data/guestlist.db").display()),
    };
    let same = measure(&Server::ceiling_on_own(&own), path, "", &[], connections);
    report.plain(&format!("{what} by hand into the service's tables, {connections} at once ({name})"), same);
    same
}

/// Refreshes one session again and again, each time with the token of the answer before.
fn refreshes(server: &Server, token: &str) -> Run {
    let script = tempfile::NamedTempFile::with_suffix(".lua").expect("a file");
    let mut token = token.to_owned();
    median(|| {
        let text = format!(
            "wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\nlocal token = \"{token}\"\n\
             request = function() return wrk.format(nil, nil, nil, '{{\"query\":\"mutation {{ refresh(input: {{ refreshToken: \\\\\"' .. token .. '\\\\\" }}) {{ tokens {{ accessToken refreshToken }} userErrors {{ code }} }} }}\"}}') end\n\
             response = function(status, headers, body)\n  local next = body:match('\"refreshToken\":\"([^\"]+)\"')\n  if next then token = next; local f = io.open('{path}.token', 'w'); f:write(token); f:close() else print('REFUSED ' .. body) end\nend\n\
             done = function(summary, latency)\n  io.write(string.format('RESULT {{\"requests\":%d,\"micros\":%d,\"p50\":%d,\"p99\":%d}}\\n', summary.requests, summary.duration, latency:percentile(50), latency:percentile(99)))\nend\n",
            path = script.path().display(),
        );
        std::fs::write(script.path(), text).expect("it is written");
        let load = load("/graphql", String::new(), &[], 1);
        let before = server.cpu();
        let output = load.command(server, script.path()).output().expect("wrk runs");
        let spent = server.cpu() - before;
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(!said.contains("REFUSED"), "{said}");
        let kept = format!("{}.token", script.path().display());
        token = std::fs::read_to_string(&kept).expect("a token");
        let _ = std::fs::remove_file(kept);
        let result: serde_json::Value = said
            .lines()
            .find_map(|line| line.strip_prefix("RESULT "))
            .map(|text| serde_json::from_str(text).expect("JSON"))
            .expect("a result");
        let number = |name: &str| result[name].as_f64().unwrap_or_default();
        Run {
            rate: number("requests") / (number("micros") / 1e6),
            cpu: spent * 1e6 / number("requests").max(1.0),
            p50: number("p50") / 1e3,
            p99: number("p99") / 1e3,
        }
    })
}

/// Everything on SQLite.
pub async fn sqlite(report: &mut Report) {
    let folder = tempfile::tempdir().expect("a folder");
    let by_hand = format!("sqlite:{}", folder.path().join("ceiling.db").display());
    all(report, "SQLite", folder.path(), (None, &by_hand)).await;
}

/// Waits until a PostgreSQL that was started answers.
pub async fn answers(url: &str) {
    use sea_orm::sqlx::Connection as _;
    for _ in 0..100 {
        if sea_orm::sqlx::PgConnection::connect(url).await.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// Everything on PostgreSQL, as durable as it comes.
pub async fn postgres(report: &mut Report) {
    let Some(programs) = programs() else {
        report.note(
            "PostgreSQL is not installed here (Debian: apt-get install postgresql); its rows are missing.",
        );
        return;
    };
    let cluster = Cluster::start(&programs, true);
    let url = format!("{}/postgres", cluster.url);
    answers(&url).await;
    let folder = tempfile::tempdir().expect("a folder");
    all(report, "PostgreSQL", folder.path(), (Some(&url), &url)).await;
}
