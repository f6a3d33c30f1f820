//! A part of an address finds what holds it, wherever that is: in blocks that were laid, behind them, or with no block at all.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::watched::Watched;
use crate::support::{Client, TestApp, codes};

const QUERY: &str = "query Q($first: Int, $after: String, $last: Int, $before: String, $filter: InvitationFilter,
    $orderBy: InvitationOrder, $total: Boolean = false) {
    invitations(first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $orderBy) {
        totalCount @include(if: $total) nodes { email status delivery { state } role { key } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
const BLOCKS: &str = "SELECT COUNT(*) FROM search_block";
const RELIED_ON: &str = "SELECT COUNT(*) FROM pending_bound WHERE indexed_until IS NOT NULL";
const LIMITS: [&str; 2] = ["--limit-invites-per-tenant-day=100000", "--limit-pending-per-tenant=100000"];

/// Addresses from few letters, so that some parts are everywhere and others rare; each ends with a number of its own.
fn address(n: u32) -> String {
    let letters = (0..6)
        .map(|place| char::from(b"aabbcx"[(n.wrapping_mul(2_654_435_761) >> (place * 5)) as usize % 6]));
    format!("{}.{n}@x.test", letters.collect::<String>())
}

async fn invite_many(owner: &Client, numbers: impl Iterator<Item = u32>) {
    let rows: Vec<Value> = numbers.map(|n| json!({ "email": address(n) })).collect();
    let payload = owner.mutate("inviteMany", "invited", json!({ "rows": rows })).await;
    assert!(codes(&payload).is_empty(), "{payload}");
    assert_eq!(payload["invited"], rows.len());
}

/// Two tenants with the same 1,400 invitations, half of them made at one moment, 1,280 of them in blocks, and of the first a few more. Every tenth is
/// cancelled.
async fn indexed() -> (TestApp, Client) {
    let app = TestApp::with(&LIMITS).await;
    let mut owner = app.owner().await;
    let other = app.owner_of("globex").await;
    for first in [0, 700] {
        app.advance(TimeDelta::seconds(7));
        invite_many(&owner, first..first + 700).await;
        invite_many(&other, first..first + 700).await;
    }
    let cancelled =
        "UPDATE invitation SET status = 'cancelled', cancel_reason = 'requested', decided_at = created_at";
    app.sql(&format!("{cancelled} WHERE email LIKE '%7@x.test'")).await;
    app.advance(TimeDelta::minutes(3));
    app.tick().await;
    invite_many(&owner, 1_400..1_420).await;
    app.mails().await;
    owner.renew().await;
    assert_eq!(app.number(BLOCKS).await, 10, "five of each tenant");
    assert_eq!(app.number(RELIED_ON).await, 2);
    (app, owner)
}

async fn page(client: &Client, variables: &Value) -> Value {
    let answer = client.ask(QUERY, variables.clone()).await;
    assert!(answer.get("errors").is_none(), "{variables}: {answer}");
    answer["data"]["invitations"].clone()
}

/// Every address of a list, page by page, from its beginning or from its end.
async fn pages(client: &Client, variables: &Value, size: u32, backward: bool) -> Vec<String> {
    let (count, place, cursor, more) = match backward {
        true => ("last", "before", "startCursor", "hasPreviousPage"),
        false => ("first", "after", "endCursor", "hasNextPage"),
    };
    let mut variables = variables.clone();
    variables[count] = json!(size);
    let mut found = Vec::new();
    loop {
        let page = page(client, &variables).await;
        if let Some(total) = &variables.get("expected") {
            assert_eq!(&page["totalCount"], *total, "{variables}");
        }
        let nodes = page["nodes"].as_array().unwrap().iter();
        let emails: Vec<String> = nodes.map(|node| node["email"].as_str().unwrap().to_owned()).collect();
        match backward {
            true => drop(found.splice(0..0, emails)),
            false => found.extend(emails),
        }
        variables[place] = page["pageInfo"][cursor].clone();
        if page["pageInfo"][more] == false {
            return found;
        }
    }
}

#[tokio::test]
async fn a_part_finds_what_reading_every_address_finds() {
    let (_app, owner) = indexed().await;
    for order in [
        json!({ "field": "CREATED_AT", "direction": "DESC" }),
        json!({ "field": "CREATED_AT", "direction": "ASC" }),
        json!({ "field": "EXPIRES_AT", "direction": "DESC" }),
        json!({ "field": "EMAIL", "direction": "ASC" }),
    ] {
        for status in [Value::Null, json!(["CANCELLED"])] {
            let all =
                pages(&owner, &json!({ "orderBy": order, "filter": { "status": status } }), 100, false).await;
            // Everywhere, often, seldom, once in a block, once behind the blocks, nowhere; too short to be looked up; across two addresses.
            for part in ["x.test", "aab", "xxb", ".77", ".777@", ".1405@", "nobody", "b", "test\naab"] {
                let expected: Vec<&String> = all.iter().filter(|email| email.contains(part)).collect();
                let filter = json!({ "status": status, "emailContains": part });
                let mut variables = json!({ "orderBy": order, "filter": filter });
                let size = if expected.len() > 300 { 100 } else { 7 };
                for (backward, total) in [(false, false), (true, false), (false, true), (true, true)] {
                    if total {
                        variables["total"] = json!(true);
                        variables["expected"] = json!(expected.len());
                    }
                    let found = pages(&owner, &variables, size, backward).await;
                    assert!(found.iter().eq(expected.iter().copied()), "{variables} {backward}: {found:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_part_finds_only_what_was_made_in_the_time_that_is_asked_for() {
    let (_app, owner) = indexed().await;
    let times = owner.ask("{ invitations(first: 1, orderBy: { field: CREATED_AT, direction: ASC }, filter: { emailContains: \".700@\" }) { nodes { createdAt } } }", json!({})).await;
    let middle = times["data"]["invitations"]["nodes"][0]["createdAt"].clone();
    let part = async |part: &str, time: Value| {
        let filter = json!({ "emailContains": part, "createdAt": time });
        pages(&owner, &json!({ "filter": filter }), 100, false).await.len()
    };
    assert_eq!(part(".1", json!({})).await, 1 + 10 + 100 + 420);
    assert_eq!(part(".1", json!({ "from": middle })).await, 420, "of the second half and behind it");
    assert_eq!(part(".69", json!({})).await, 1 + 10);
    assert_eq!(part(".69", json!({ "from": middle })).await, 0);
    assert_eq!(part(".10", json!({ "from": middle })).await, 100);
    assert_eq!(
        part(".14", json!({ "to": middle })).await,
        1 + 10,
        "14 and 140 to 149; of the second half none"
    );
    assert_eq!(part(".14", json!({ "from": "2030-01-01T00:00:00Z" })).await, 0);
    assert_eq!(part(".14", json!({ "to": "2001-01-01T00:00:00Z" })).await, 0);
}

#[tokio::test]
async fn an_invitation_whose_place_is_among_blocks_is_found_at_once() {
    // By a clock that is behind, of another replica say: in the midst of them, and at the moment at which the last of them was made.
    for (behind, many) in [(185, false), (180, false), (180, true)] {
        let (app, mut owner) = indexed().await;
        app.advance(TimeDelta::seconds(-behind));
        owner.renew().await;
        match many {
            true => {
                let payload = json!({ "rows": [{ "email": "late.comer@x.test" }] });
                assert_eq!(owner.mutate("inviteMany", "invited", payload).await["invited"], 1);
            }
            false => drop(owner.invited("late.comer@x.test").await),
        }
        let late = json!({ "filter": { "emailContains": "late.c" } });
        assert_eq!(pages(&owner, &late, 10, false).await, ["late.comer@x.test"]);
        assert_eq!(app.number(RELIED_ON).await, 1, "the blocks of the other tenant are good");
        assert!(
            app.number("SELECT MAX(unindexed) FROM pending_bound").await > 1_400,
            "as many are to be laid anew"
        );
        app.advance(TimeDelta::minutes(6));
        app.tick().await;
        assert_eq!((app.number(RELIED_ON).await, app.number(BLOCKS).await), (2, 10), "they are laid anew");
        assert_eq!(pages(&owner, &late, 10, false).await, ["late.comer@x.test"]);
        let part = json!({ "filter": { "emailContains": ".77" } });
        assert_eq!(pages(&owner, &part, 3, true).await.len(), 11);
        app.mails().await;
    }
}

#[tokio::test]
async fn one_that_is_sent_again_leaves_blocks_as_they_are() {
    let (app, mut owner) = indexed().await;
    let unindexed = "SELECT CAST(SUM(unindexed) AS bigint) FROM pending_bound";
    let before = app.number(unindexed).await;
    app.advance(TimeDelta::seconds(-180));
    owner.renew().await;
    let found =
        owner.ask("{ invitations(filter: { emailContains: \".1234@\" }) { nodes { id } } }", json!({})).await;
    let id = found["data"]["invitations"]["nodes"][0]["id"].clone();
    app.advance(TimeDelta::seconds(60));
    assert_eq!(owner.act("resendInvitation", &id).await["invitation"]["status"], "PENDING");
    assert_eq!((app.number(RELIED_ON).await, app.number(unindexed).await), (2, before));
    app.mails().await;
}

#[tokio::test]
async fn blocks_are_laid_of_what_is_settled_and_once() {
    let app = TestApp::with(&LIMITS).await;
    let owner = app.owner().await;
    invite_many(&owner, 0..600).await;
    app.tick().await;
    assert_eq!(app.number(BLOCKS).await, 0, "clocks may differ by a moment");
    app.advance(TimeDelta::minutes(3));
    app.tick().await;
    app.tick().await;
    assert_eq!(app.number(BLOCKS).await, 2);
    let unindexed = app.number("SELECT unindexed FROM pending_bound").await;
    assert_eq!(unindexed, 600 + 1 - 512, "the owner was invited as well");
    invite_many(&owner, 600..1_100).await;
    app.tick().await;
    assert_eq!(app.number(BLOCKS).await, 2, "the last of the next block was made a moment ago");
    app.mails().await;
}

#[tokio::test]
async fn workers_lay_each_block_once() {
    let app = TestApp::with(&LIMITS).await;
    let owner = app.owner().await;
    for first in [0, 1_000] {
        invite_many(&owner, first..first + 1_000).await;
    }
    app.advance(TimeDelta::minutes(3));
    let laid = guestlist::invitation::service::index_addresses;
    let other = app.app.clone();
    let (one, two) = tokio::join!(laid(&app.app), laid(&other));
    assert_eq!(one.unwrap() + two.unwrap(), 7, "seven blocks of 256");
    assert_eq!(app.number(BLOCKS).await, 7);
    let part = json!({ "filter": { "emailContains": ".1234@" } });
    assert_eq!(pages(&owner, &part, 10, false).await, [address(1_234)]);
    app.mails().await;
}

#[tokio::test]
async fn a_part_is_found_in_whichever_block_holds_it() {
    let app = TestApp::with(&LIMITS).await;
    let mut owner = app.owner().await;
    for first in (0..5_000).step_by(1_000) {
        app.advance(TimeDelta::seconds(1));
        invite_many(&owner, first..first + 1_000).await;
    }
    app.advance(TimeDelta::minutes(3));
    app.tick().await;
    owner.renew().await;
    assert_eq!(app.number(BLOCKS).await, 19);
    for direction in ["ASC", "DESC"] {
        let order = json!({ "field": "CREATED_AT", "direction": direction });
        let found = async |part: &str, status: &[&str], size: u32| {
            let status = if status.is_empty() { Value::Null } else { json!(status) };
            let filter = json!({ "emailContains": part, "status": status });
            pages(&owner, &json!({ "orderBy": order, "filter": filter }), size, false).await.len()
        };
        for number in (7..5_000).step_by(499) {
            assert_eq!(found(&format!(".{number}@"), &[], 10).await, 1, "{number}");
        }
        // Each of its trigrams is in every block, and all of them in no address.
        assert_eq!(found(".123.", &[], 10).await, 0);
        assert_eq!(found("@x.test", &["DECLINED"], 10).await, 0, "more than is looked at one by one");
        assert_eq!(found(".4", &["PENDING"], 100).await, 1 + 10 + 100 + 1_000);
    }
    app.mails().await;
}

#[tokio::test]
async fn an_erased_tenant_leaves_no_address_behind() {
    let (app, owner) = indexed().await;
    let tenant = owner.me().await["activeMembership"]["tenant"]["id"].clone();
    let input = json!({ "tenantId": tenant, "slug": "acme" });
    let payload = owner.mutate("deleteTenant", "tenant { id }", input).await;
    assert!(codes(&payload).is_empty(), "{payload}");
    app.advance(TimeDelta::days(31));
    app.tick().await;
    assert_eq!(app.number(BLOCKS).await, 5, "of the other tenant");
    assert_eq!(app.number("SELECT COUNT(DISTINCT tenant_id) FROM search_trigram").await, 1);
    app.mails().await;
}

#[tokio::test]
async fn a_database_from_before_is_indexed_after_it_is_migrated() {
    let app = TestApp::with(&LIMITS).await;
    let owner = app.owner().await;
    let other = app.owner_of("globex").await;
    invite_many(&owner, 0..600).await;
    invite_many(&other, 0..600).await;
    app.mails().await;
    for undo in [
        "DROP TABLE search_block",
        "DROP TABLE search_trigram",
        "ALTER TABLE pending_bound DROP COLUMN unindexed",
        "ALTER TABLE pending_bound DROP COLUMN blocks",
        "ALTER TABLE pending_bound DROP COLUMN indexed_until",
        "ALTER TABLE pending_bound DROP COLUMN indexed_id",
        "DELETE FROM pending_bound WHERE tenant_id = (SELECT id FROM tenant WHERE slug = 'globex')",
        "DELETE FROM seaql_migrations WHERE version = 'm0023_search_block'",
    ] {
        app.sql(undo).await;
    }
    assert_eq!(app.app.db.migrate().await.unwrap(), 1);
    app.advance(TimeDelta::minutes(3));
    app.tick().await;
    assert_eq!(app.number(BLOCKS).await, 4, "of a tenant whose pending ones had a bound, and of one without");
    let part = json!({ "filter": { "emailContains": ".345@" } });
    assert_eq!(pages(&owner, &part, 10, false).await, [address(345)]);
    app.mails().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_looked_for_by_indexes_and_in_few_statements() {
    let watched = Watched::start().await;
    watched.invite(120..660).await;
    assert_eq!(watched.index().await, 2);
    let known = usize::from(crate::support::database::server().is_some());
    for order in ["CREATED_AT", "EMAIL", "EXPIRES_AT"] {
        // In the block, behind it, and in neither.
        for part in ["guest77@", "guest659@", "nobody"] {
            let arguments =
                format!("first: 10, orderBy: {{ field: {order} }}, filter: {{ emailContains: \"{part}\" }}");
            let query = format!(
                "{{ invitations({arguments}) {{ nodes {{ id email }} pageInfo {{ hasNextPage }} }} }}"
            );
            let sent = watched.fewest(&query).await;
            assert!(sent.len() <= known + 3, "{query}: {sent:#?}");
            let reads: Vec<&String> = sent.iter().filter(|sql| sql.contains("invitation")).collect();
            let plans = crate::support::plans::of(watched.folder.path(), &reads).await;
            for (sql, plan) in reads.iter().zip(&plans) {
                let named = ["(id=?)", "created_at,id)>", "(id = ANY", "ROW(created_at, id) >"];
                let steps = plan.iter().any(|step| named.iter().any(|named| step.contains(named)));
                assert!(steps, "only what is behind the blocks, or was found in them: {sql}\n{plan:#?}");
            }
            assert!(!reads.is_empty(), "{sent:#?}");
        }
    }
}
