//! Following events: who may, from where, and in which order. `tests/clients/live.test.mjs` does it with real clients.

use futures_util::{Stream, StreamExt as _};
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

const FOLLOW: &str = "subscription F($tenant: ID, $after: String) {
    invitationEvents(tenantId: $tenant, after: $after) { cursor node { kind subject { ... on Invitation { email } } } } }";

/// What the service sends to who follows, one result at a time.
async fn follow(client: &Client, variables: Value) -> impl Stream<Item = Value> + Unpin + use<> {
    let body = json!({ "query": FOLLOW, "variables": variables }).to_string();
    let mut request = client.request(&body);
    request.headers_mut().insert("accept", "text/event-stream".parse().unwrap());
    let response = client.open(request).await;
    assert_eq!(response.content_type(), Some("text/event-stream; charset=utf-8"));
    let chunks = response.into_body().into_bytes_stream();
    Box::pin(chunks.filter_map(async |chunk| {
        let text = String::from_utf8(chunk.unwrap().to_vec()).unwrap();
        let data = text.strip_prefix("event: next\ndata: ")?.split("\n\n").next()?;
        Some(serde_json::from_str(data).unwrap())
    }))
}

async fn next(stream: &mut (impl Stream<Item = Value> + Unpin)) -> Value {
    let soon = tokio::time::timeout(std::time::Duration::from_secs(20), stream.next());
    soon.await.expect("something comes").expect("the stream goes on")
}

fn email(result: &Value) -> &str {
    result["data"]["invitationEvents"]["node"]["subject"]["email"]
        .as_str()
        .unwrap_or_else(|| panic!("{result}"))
}

#[tokio::test]
async fn t37_who_may_invite_may_follow_and_nobody_else() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "ann@acme.test", "admin").await;
    let member = app.member(&owner, "max@acme.test", "member").await;
    let foreign = app.owner_of("globex").await;
    app.mails().await;
    let tenant = owner.me().await["activeMembership"]["tenant"]["id"].clone();
    for (who, client, code) in [
        ("stranger", app.stranger(), "UNAUTHENTICATED"),
        ("member", member, "FORBIDDEN"),
        ("foreigner", foreign.clone(), "NOT_FOUND"),
    ] {
        let refused = next(&mut follow(&client, json!({ "tenant": tenant })).await).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], code, "{who}: {refused}");
    }
    for (n, client) in [owner.clone(), admin].into_iter().enumerate() {
        let mut stream = follow(&client, json!({ "tenant": tenant })).await;
        let waiting = tokio::spawn(async move { next(&mut stream).await });
        while app.app.feed.followers() == 0 {
            tokio::task::yield_now().await;
        }
        let address = format!("guest{n}@x.test");
        owner.invite(json!({ "email": address, "delivery": "LINK_ONLY" })).await;
        assert_eq!(email(&waiting.await.unwrap()), address);
    }
    let cursors = owner.ask("{ events(first: 1) { edges { cursor } } }", json!({})).await;
    let cursor = &cursors["data"]["events"]["edges"][0]["cursor"];
    let stolen = next(&mut follow(&foreign, json!({ "after": cursor })).await).await;
    assert_eq!(stolen["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{stolen}");
}

#[tokio::test]
async fn a_cursor_of_the_list_of_events_is_a_place_to_begin() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    for n in 0..3 {
        owner.invite(json!({ "email": format!("guest{n}@x.test"), "delivery": "LINK_ONLY" })).await;
    }
    guestlist::event::service::seal_due(&app.app).await.unwrap();
    let listed = owner.ask("{ events(last: 100) { edges { cursor node { kind } } } }", json!({})).await;
    let edges = listed["data"]["events"]["edges"].as_array().unwrap();
    let oldest = &edges.last().unwrap()["cursor"];
    let mut stream = follow(&owner, json!({ "after": oldest })).await;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let result = next(&mut stream).await;
        let node = &result["data"]["invitationEvents"]["node"];
        if node["kind"] == "invitation.created" && email(&result).starts_with("guest") {
            seen.push(email(&result).to_owned());
        }
    }
    assert_eq!(seen, ["guest0@x.test", "guest1@x.test", "guest2@x.test"]);
}

mod postgres_only {
    use guestlist::actor::Actor;
    use guestlist::event::{self, EventKind, NewEvent, Subject};
    use guestlist::id::{InvitationId, TypedId as _};

    use super::*;

    #[tokio::test]
    #[ignore = "needs PostgreSQL: run by tests/postgres.rs"]
    async fn what_was_recorded_earlier_and_committed_later_is_not_passed_over() {
        let app = TestApp::new().await;
        let owner = app.owner().await;
        let me = owner.me().await;
        let tenant =
            guestlist::id::TenantId::from_global(me["activeMembership"]["tenant"]["id"].as_str().unwrap())
                .unwrap();
        let slow = owner.invite(json!({ "email": "slow@x.test", "delivery": "LINK_ONLY" })).await;
        let id = InvitationId::from_global(slow["invitation"]["id"].as_str().unwrap()).unwrap();
        let mut stream = follow(&owner, json!({ "tenant": me["activeMembership"]["tenant"]["id"] })).await;
        let (send, mut results) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(result) = stream.next().await {
                let _ = send.send(result);
            }
        });
        while app.app.feed.followers() == 0 {
            tokio::task::yield_now().await;
        }
        let open = app.app.db.begin_write().await.unwrap();
        let fact = NewEvent::of(EventKind::InvitationResent, Some(tenant), Subject::Invitation(id));
        event::service::record(&app.app, &open, &Actor::operator(), fact).await.unwrap();
        owner.invite(json!({ "email": "quick@x.test", "delivery": "LINK_ONLY" })).await;
        assert_eq!(email(&results.recv().await.unwrap()), "quick@x.test");
        open.commit().await.unwrap();
        assert_eq!(email(&results.recv().await.unwrap()), "slow@x.test");
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: run by tests/postgres.rs"]
    async fn another_replica_is_told_of_what_was_recorded() {
        let app = TestApp::new().await;
        let owner = app.owner().await;
        let me = owner.me().await;
        let other = app.replica().await;
        other.feed.rely_on_bells();
        let tenant = me["activeMembership"]["tenant"]["id"].as_str().unwrap();
        let tenant = guestlist::id::TenantId::from_global(tenant).unwrap();
        let mut head = event::service::follow(&other, tenant).await.unwrap();
        // It looks once when somebody begins to follow; from then on it waits for a bell.
        let mut known = *head.borrow_and_update();
        for n in 0..3 {
            owner.invite(json!({ "email": format!("p{n}@x.test"), "delivery": "LINK_ONLY" })).await;
            let told = tokio::time::timeout(std::time::Duration::from_secs(60), head.changed()).await;
            told.expect("the other replica is told").unwrap();
            assert!(*head.borrow() > known);
            known = *head.borrow_and_update();
        }
    }
}
