//! What does not depend on the clock: how many statements an operation sends, and that each finds its rows by an index.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::watched::Watched;

const PAGE: &str = "nodes { id email status invitedBy { id name } role { key name } tenant { id name } delivery { state attempts } }
    pageInfo { hasNextPage endCursor }";

const MAILS: &str = "nodes { id kind state recipient } pageInfo { hasNextPage endCursor }";
const USERS: &str =
    "nodes { id email isSuperuser lastSignedInAt sessionCount memberships { tenant { name } role { name } } }
    pageInfo { hasNextPage endCursor }";

#[tokio::test(flavor = "multi_thread")]
async fn operations_send_as_many_statements_as_they_need_whatever_the_page() {
    let watched = Watched::start().await;
    // On SQLite a session that was looked at costs nothing until something is written.
    let postgres = crate::support::database::server().is_some();
    let known = usize::from(postgres);
    // Inviters and roles stand beside the rows on PostgreSQL, and are remembered on SQLite.
    let beside = if postgres { 0 } else { 2 };
    for (query, most) in [
        ("{ me { id name email } }".to_owned(), known),
        ("{ me { id activeMembership { role { key } tenant { name } } } }".to_owned(), known + 3),
        (format!("{{ invitations(first: 2) {{ {PAGE} }} }}"), known + 1 + beside),
        (format!("{{ invitations(first: 100) {{ {PAGE} }} }}"), known + 1 + beside),
        (format!("{{ invitations(first: 100) {{ totalCount {PAGE} }} }}"), known + 2 + beside),
        ("{ me { activeMembership { tenant { members(first: 100) { nodes { user { name } role { key } } } } } } }".to_owned(), known + 6),
        (format!("{{ users(first: 2) {{ {USERS} }} }}"), known + 5),
        (format!("{{ users(first: 50) {{ {USERS} }} }}"), known + 5),
        (format!("{{ me {{ activeMembership {{ tenant {{ mails(first: 100) {{ {MAILS} }} }} }} }} }}"), known + 6),
        ("mutation { invite(input: { email: \"one%d@x.test\" }) { created } }".to_owned(), 2 * known + 4),
    ] {
        let sent = watched.fewest(&query).await;
        assert!(sent.len() <= most, "{query}: {} statements, at most {most}: {sent:#?}", sent.len());
    }
}

/// Fields of an invitation that are values of its own row.
async fn own_values(watched: &Watched) -> Vec<String> {
    let shape = "{ __type(name: \"Invitation\") { fields { name type { kind ofType { kind } } } } }";
    let fields = watched.ask(shape, json!({})).await["__type"]["fields"].clone();
    let is_object = |kind: &Value| kind["kind"] == "OBJECT" || kind["ofType"]["kind"] == "OBJECT";
    let own = fields.as_array().unwrap().iter().filter(|field| !is_object(&field["type"]));
    own.map(|field| field["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_reads_the_details_that_it_is_asked_for_with_its_rows() {
    let watched = Watched::start().await;
    let list = |fields: &str| format!("{{ invitations(first: 100) {{ {fields} }} }}");
    let brief = watched.fewest(&list("nodes { id email name status createdAt expiresAt }")).await;
    let has_details = |sent: &[String]| sent.iter().any(|sql| sql.contains("user_agent"));
    assert!(!has_details(&brief), "{brief:#?}");
    let mut fields = own_values(&watched).await;
    assert!(fields.len() > 12, "{fields:?}");
    // Nobody has accepted, so that nobody is looked up.
    fields.push("acceptedBy { id }".to_owned());
    for field in &fields {
        let sent = watched.fewest(&list(&format!("nodes {{ {field} }}"))).await;
        assert_eq!(sent.len(), brief.len(), "{field}: {sent:#?}");
    }
    for fields in [
        "edges { node { note } }",
        "edges { ... { node { note } } }",
        "nodes { id ... on Node { ... on Invitation { other: note } } }",
        "nodes { id } nodes { note @include(if: true) }",
    ] {
        let sent = watched.fewest(&list(fields)).await;
        assert!(has_details(&sent) && sent.len() == brief.len(), "{fields}: {sent:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_read_by_their_indexes() {
    let watched = Watched::start().await;
    let mut seen = BTreeSet::new();
    for arguments in [
        "",
        ", filter: { status: [PENDING] }",
        ", filter: { status: [CANCELLED] }",
        ", filter: { createdAt: { to: \"2030-01-01T00:00:00Z\" } }",
        ", orderBy: { field: EXPIRES_AT }",
        ", orderBy: { field: EMAIL, direction: ASC }",
    ] {
        let first = watched
            .ask(
                &format!("{{ invitations(first: 10{arguments}) {{ pageInfo {{ endCursor }} }} }}"),
                json!({}),
            )
            .await;
        // The first page, and one after it.
        seen.extend(watched.fewest(&format!("{{ invitations(first: 10{arguments}) {{ {PAGE} }} }}")).await);
        let after = match first["invitations"]["pageInfo"]["endCursor"].as_str() {
            Some(cursor) => format!(", after: \"{cursor}\""),
            None => String::new(),
        };
        let query = format!("{{ invitations(first: 10{arguments}{after}) {{ {PAGE} }} }}");
        seen.extend(watched.fewest(&query).await);
    }
    seen.extend(watched.fewest("{ events(first: 10) { nodes { kind } } }").await);
    for arguments in ["first: 10", "last: 10"] {
        let of = format!(
            "{{ me {{ activeMembership {{ tenant {{ members({arguments}) {{ nodes {{ user {{ name }} }} }} }} }} }} }}"
        );
        seen.extend(watched.fewest(&of).await);
    }
    seen.extend(watched.fewest("{ resetRequests(first: 10) { nodes { status } } }").await);
    let first = watched.ask("{ users(first: 1) { pageInfo { endCursor } } }", json!({})).await;
    let after = first["users"]["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
    for arguments in ["first: 10".to_owned(), format!("first: 10, after: \"{after}\""), "last: 10".to_owned()]
    {
        seen.extend(watched.fewest(&format!("{{ users({arguments}) {{ {USERS} }} }}")).await);
    }
    for filter in [
        "",
        ", filter: { state: [SENT] }",
        ", filter: { state: [QUEUED, FAILED] }",
        ", filter: { kind: [INVITATION] }",
    ] {
        let of = |arguments: &str| {
            format!(
                "{{ me {{ activeMembership {{ tenant {{ mails({arguments}{filter}) {{ totalCount {MAILS} }} }} }} }} }}"
            )
        };
        let first = watched.ask(&of("first: 10"), json!({})).await;
        seen.extend(watched.fewest(&of("first: 10")).await);
        if let Some(cursor) =
            first["me"]["activeMembership"]["tenant"]["mails"]["pageInfo"]["endCursor"].as_str()
        {
            seen.extend(watched.fewest(&of(&format!("first: 10, after: \"{cursor}\""))).await);
        }
    }
    seen.extend(
        watched.fewest(&format!("{{ platform {{ mails(first: 10) {{ totalCount {MAILS} }} }} }}")).await,
    );
    watched
        .ask("mutation { createWebhookEndpoint(input: { url: \"https://1.1.1.1/\" }) { secret } }", json!({}))
        .await;
    let deliveries = "{ me { activeMembership { tenant { webhookEndpoints { deliveries(first: 10) { totalCount nodes { event { kind } } } } } } } }";
    seen.extend(watched.fewest(deliveries).await);
    let selects: Vec<&String> = seen.iter().filter(|sql| sql.starts_with("SELECT")).collect();
    assert!(selects.len() > 8, "{selects:#?}");
    let plans = crate::support::plans::of(watched.folder.path(), &selects).await;
    for (sql, plan) in selects.iter().zip(&plans) {
        let scans = plan.iter().find(|step| {
            let large = [
                "invitation",
                "event",
                "outbox",
                "membership",
                "user",
                "session",
                "reset_request",
                "webhook_delivery",
            ];
            large.iter().any(|table| {
                step.contains(&format!("Seq Scan on {table}"))
                    || step.contains(&format!("Seq Scan on \"{table}\""))
                    || (step.starts_with(&format!("SCAN {table}")) && !step.contains("USING"))
            })
        });
        assert!(scans.is_none(), "{sql}\n{plan:#?}");
        let sorts = plan.iter().any(|step| step.contains("USE TEMP B-TREE FOR ORDER BY"));
        let from = sql.split(" FROM ").nth(1).unwrap_or_default();
        let listed = ["invitation", "outbox", "membership", "event", "user"];
        let listed =
            sql.contains("LIMIT") && listed.iter().any(|table| from.starts_with(&format!("\"{table}\"")));
        assert!(!(sorts && listed), "a page is read in its order: {sql}\n{plan:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pending_for_an_address_is_found_by_it_although_nothing_was_pending_before() {
    let watched = Watched::start().await;
    let mut seen = Vec::new();
    for mutation in [
        "mutation { invite(input: { email: \"one%d@x.test\" }) { created } }",
        "mutation { inviteMany(input: { rows: [{ email: \"one%d@x.test\" }, { email: \"two%d@x.test\" }] }) { invited } }",
    ] {
        seen.extend(watched.fewest(mutation).await);
    }
    // What PostgreSQL knows is of a time when every invitation was accepted.
    for sql in ["UPDATE invitation SET status = 'accepted', decided_at = created_at", "ANALYZE invitation"] {
        watched.sql(sql).await;
    }
    let looked = |sql: &&String| sql.starts_with("SELECT") && sql.contains("decided_at IS NULL");
    let selects: Vec<&String> = seen.iter().filter(looked).collect();
    assert!(selects.len() >= 2, "{seen:#?}");
    let plans = crate::support::plans::of(watched.folder.path(), &selects).await;
    for (sql, plan) in selects.iter().zip(&plans) {
        let found = plan.iter().any(|step| step.contains("invitation_email_idx"));
        assert!(found, "{sql}\n{plan:#?}");
    }
}
