//! How many pending invitations a tenant has at the most is known without counting them, and never too low.

use chrono::TimeDelta;
use sea_orm::ConnectionTrait as _;
use serde_json::json;

use crate::support::{Client, TestApp, codes};

/// Tenants that have more pending than their bound says; where nothing is overdue that is not recorded.
pub const TOO_LOW: &str = "SELECT COUNT(*) FROM tenant t
  WHERE (SELECT COUNT(*) FROM invitation i WHERE i.tenant_id = t.id AND i.status = 'pending')
      > COALESCE((SELECT b.at_most FROM pending_bound b WHERE b.tenant_id = t.id), 0)";
const AT_MOST: &str = "SELECT at_most FROM pending_bound";

async fn many(owner: &Client, emails: &[&str], dry_run: bool) {
    let rows: Vec<_> = emails.iter().map(|email| json!({ "email": email })).collect();
    let payload = owner.mutate("inviteMany", "invited", json!({ "rows": rows, "dryRun": dry_run })).await;
    assert!(codes(&payload).is_empty(), "{payload}");
}

#[tokio::test]
async fn whatever_makes_an_invitation_pending_raises_the_bound() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    assert_eq!(app.number(AT_MOST).await, 1, "the owner was invited");
    owner.invited("ann@x.test").await;
    assert_eq!(app.number(AT_MOST).await, 2);
    owner.invited("ann@x.test").await;
    assert_eq!(app.number(AT_MOST).await, 2, "it stands");
    many(&owner, &["bob@x.test", "cid@x.test", "ann@x.test"], false).await;
    assert_eq!(app.number(AT_MOST).await, 4, "one of the three stands");
    many(&owner, &["dan@x.test"], true).await;
    assert_eq!(app.number(AT_MOST).await, 4, "a dry run makes none");
    let other = json!({ "email": "ann@x.test", "roleKey": "admin", "onConflict": "REPLACE" });
    assert_eq!(owner.invite(other).await["created"], true);
    assert_eq!(app.number(AT_MOST).await, 5, "nothing lowers it");
    assert_eq!(app.number(TOO_LOW).await, 0);
}

#[tokio::test]
async fn one_that_is_sent_again_raises_the_bound_overdue_or_not() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    let invitation = owner.invited("ann@x.test").await;
    app.advance(TimeDelta::minutes(2));
    assert_eq!(owner.act("resendInvitation", &invitation["id"]).await["invitation"]["status"], "PENDING");
    assert_eq!(app.number(AT_MOST).await, 3, "by another clock it may have been overdue");
    app.advance(TimeDelta::days(7));
    app.tick().await;
    owner.renew().await;
    assert_eq!(owner.act("resendInvitation", &invitation["id"]).await["invitation"]["status"], "PENDING");
    assert_eq!((app.number(AT_MOST).await, app.number(TOO_LOW).await), (4, 0));
    app.mails().await;
}

#[tokio::test]
async fn where_the_bound_leaves_no_room_it_becomes_what_is_counted() {
    let app = TestApp::with(&["--limit-pending-per-tenant=3"]).await;
    let mut owner = app.owner().await;
    let first = owner.invited("ann@x.test").await;
    owner.act("cancelInvitation", &first["id"]).await;
    owner.invited("bob@x.test").await;
    assert_eq!(app.number(AT_MOST).await, 3, "the owner's, and two of which one was cancelled");
    owner.invited("cid@x.test").await;
    assert_eq!(app.number(AT_MOST).await, 2);
    owner.invited("dan@x.test").await;
    assert_eq!(app.number(AT_MOST).await, 3);
    let refused = owner.invite(json!({ "email": "eve@x.test" })).await;
    assert_eq!(codes(&refused), ["QUOTA_EXCEEDED"]);
    app.advance(TimeDelta::days(7));
    owner.renew().await;
    owner.invited("eve@x.test").await;
    assert_eq!(app.number(AT_MOST).await, 1, "what is overdue does not count, recorded or not");
}

#[tokio::test]
async fn a_database_from_before_is_counted_when_it_is_migrated() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let globex = app.owner_of("globex").await;
    owner.invited("ann@x.test").await;
    owner.invited("bob@x.test").await;
    globex.invited("ann@x.test").await;
    for table in ["pending_bound", "search_trigram", "search_block"] {
        app.sql(&format!("DROP TABLE {table}")).await;
    }
    let later = "'m0021_pending_bound', 'm0023_search_block'";
    app.sql(&format!("DELETE FROM seaql_migrations WHERE version IN ({later})")).await;
    assert_eq!(app.app.db.migrate().await.unwrap(), 2);
    let backend = app.app.db.reader().get_database_backend();
    let select = sea_orm::Statement::from_string(backend, format!("{AT_MOST} ORDER BY at_most"));
    let rows = app.app.db.reader().query_all_raw(select).await.unwrap();
    let bounds: Vec<i64> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    assert_eq!(bounds, [1, 2]);
    owner.invited("cid@x.test").await;
    assert_eq!(app.number(TOO_LOW).await, 0);
}
