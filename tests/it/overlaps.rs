//! Two changes that overlap on several connections: what is promised of each alone holds of both together.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::bounds;
use crate::support::{Client, TestApp, codes};

const OPEN: &str = "SELECT COUNT(*) FROM invitation WHERE status = 'pending'";

async fn tenant_of(client: &Client) -> Value {
    client.me().await["activeMembership"]["tenant"]["id"].clone()
}

/// Somebody who did not answer anything else than these codes.
fn only(answer: &Value, allowed: &[&str]) {
    for code in codes(answer) {
        assert!(allowed.contains(&code), "{answer}");
    }
}

/// Whatever was pending runs out.
async fn pass(app: &TestApp, owner: &mut Client) {
    app.advance(TimeDelta::days(7));
    app.tick().await;
    owner.renew().await;
}

/// Forty are invited at once where there is room for fewer.
async fn forty_at_once(limit: &str, room: usize) {
    let app = TestApp::with(&[limit]).await;
    let owner = app.owner().await;
    let mut tasks = JoinSet::new();
    for n in 0..40 {
        let owner = owner.clone();
        tasks.spawn(async move { owner.invite(json!({ "email": format!("p{n}@x.test") })).await });
    }
    let answers = tasks.join_all().await;
    let made = answers.iter().filter(|answer| answer["created"] == true).count();
    answers.iter().for_each(|answer| only(answer, &["QUOTA_EXCEEDED"]));
    assert_eq!((made, app.number(OPEN).await), (room, i64::try_from(room).unwrap()), "{limit}");
    assert_eq!(app.number(bounds::TOO_LOW).await, 0, "{limit}");
    app.tick().await;
    app.mails().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_invite_at_once_no_more_are_pending_than_may_be() {
    forty_at_once("--limit-pending-per-tenant=20", 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_makes_invitations_pending_at_once_no_more_are_than_may_be() {
    const MOST: i64 = 9;
    let limits = ["--limit-pending-per-tenant=9", "--limit-invites-per-hour=1000"];
    let app = TestApp::with(&limits).await;
    let mut owner = app.owner().await;
    for round in 0..3 {
        let mut overdue = Vec::new();
        for n in 0..4 {
            overdue.push(owner.invited(&format!("old{n}-{round}@x.test")).await["id"].clone());
        }
        pass(&app, &mut owner).await;
        let standing = owner.invited(&format!("standing{round}@x.test")).await["id"].clone();
        let mut tasks = JoinSet::new();
        for id in overdue {
            let owner = owner.clone();
            tasks.spawn(async move { owner.act("resendInvitation", &id).await });
        }
        for n in 0..3 {
            let owner = owner.clone();
            let rows: Vec<Value> =
                (0..3).map(|i| json!({ "email": format!("row{i}-{n}-{round}@x.test") })).collect();
            tasks.spawn(async move { owner.mutate("inviteMany", "invited", json!({ "rows": rows })).await });
        }
        for n in 0..8 {
            let owner = owner.clone();
            tasks.spawn(
                async move { owner.invite(json!({ "email": format!("new{n}-{round}@x.test") })).await },
            );
        }
        let (canceller, replacer) = (owner.clone(), owner.clone());
        tasks.spawn(async move { canceller.act("cancelInvitation", &standing).await });
        let other = json!({ "email": format!("standing{round}@x.test"), "roleKey": "admin", "onConflict": "REPLACE" });
        tasks.spawn(async move { replacer.invite(other).await });
        for answer in tasks.join_all().await {
            only(&answer, &["QUOTA_EXCEEDED", "NOT_PENDING"]);
        }
        let pending = app.number(OPEN).await;
        assert!((MOST - 1..=MOST).contains(&pending), "round {round}: {pending}");
        assert_eq!(app.number(bounds::TOO_LOW).await, 0, "round {round}");
        pass(&app, &mut owner).await;
    }
    app.mails().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_invite_at_once_no_quota_is_overrun() {
    forty_at_once("--limit-invites-per-hour=20", 20).await;
    // The owner was invited as well.
    forty_at_once("--limit-invites-per-tenant-day=20", 19).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_pending_in_a_tenant_that_was_deleted_while_somebody_sent_again() {
    let app = TestApp::new().await;
    for n in 0..12 {
        let slug = format!("t{n}");
        let owner = app.owner_of(&slug).await;
        let invitation = owner.invited(&format!("guest@{slug}.test")).await["id"].clone();
        let tenant = tenant_of(&owner).await;
        app.advance(TimeDelta::seconds(61));
        let (sender, deleter) = (owner.clone(), owner.clone());
        let sending = tokio::spawn(async move { sender.act("resendInvitation", &invitation).await });
        let deleting = tokio::spawn(async move {
            let input = json!({ "tenantId": tenant, "slug": slug });
            deleter.mutate("deleteTenant", "tenant { status }", input).await
        });
        let (sent, deleted) = (sending.await.unwrap(), deleting.await.unwrap());
        only(&sent, &["NOT_PENDING", "NOT_FOUND", "TENANT_UNAVAILABLE"]);
        assert_eq!(deleted["tenant"]["status"], "DELETED", "{deleted}");
        assert_eq!(app.number(OPEN).await, 0, "round {n}: {sent}");
    }
    app.tick().await;
    app.mails().await;
}

mod postgres_only {
    use sea_orm::ConnectionTrait as _;

    use super::*;
    use crate::support::PASSWORD;

    /// Waits until so many of the database's connections wait for a lock.
    async fn until_waiting(app: &TestApp, most: i64) {
        let waits = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while app.number(waits).await < most {}
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs PostgreSQL: run by tests/postgres.rs"]
    async fn who_has_just_accepted_is_not_invited_by_replacing_the_invitation() {
        let app = TestApp::new().await;
        let owner = app.owner().await;
        let payload = owner.invite(json!({ "email": "ann@x.test", "delivery": "LINK_ONLY" })).await;
        let token = payload["link"].as_str().unwrap().split('#').nth(1).unwrap().to_owned();
        let holding = app.app.db.begin_write().await.unwrap();
        let row = "SELECT id FROM invitation WHERE email_norm = 'ann@x.test' FOR UPDATE";
        holding.execute_unprepared(row).await.unwrap();
        let (stranger, inviter) = (app.stranger(), owner.clone());
        let accepting = tokio::spawn(async move {
            stranger.accept(json!({ "token": token, "name": "Ann", "password": PASSWORD })).await
        });
        until_waiting(&app, 1).await;
        let replace = json!({ "email": "ann@x.test", "roleKey": "admin", "onConflict": "REPLACE" });
        let replacing = tokio::spawn(async move { inviter.invite(replace).await });
        // It has seen the pending one, and stands behind who accepts it.
        until_waiting(&app, 2).await;
        drop(holding);
        let (accepted, replaced) = (accepting.await.unwrap(), replacing.await.unwrap());
        assert!(codes(&accepted).is_empty(), "{accepted}");
        assert_eq!(codes(&replaced), ["ALREADY_MEMBER"], "{replaced}");
        assert_eq!(app.number(OPEN).await, 0);
        app.tick().await;
        app.mails().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs PostgreSQL: run by tests/postgres.rs"]
    async fn a_tenant_that_is_opened_again_while_others_are_erased_stays() {
        let app = TestApp::new().await;
        let root = app.superuser().await;
        let mut ids = Vec::new();
        for slug in ["first", "second"] {
            let owner = app.owner_of(slug).await;
            ids.push(tenant_of(&owner).await);
            let input = json!({ "tenantId": ids.last(), "slug": slug });
            root.mutate("deleteTenant", "tenant { status }", input).await;
        }
        app.advance(TimeDelta::days(31));
        let root = app.signed_in("root@platform.test").await;
        // As a slow erasure holds it.
        let holding = app.app.db.begin_write().await.unwrap();
        holding.execute_unprepared("SELECT id FROM tenant WHERE slug = 'first' FOR UPDATE").await.unwrap();
        let erasing = {
            let app = app.app.clone();
            tokio::spawn(async move { guestlist::tenancy::service::erase_deleted(&app).await.unwrap() })
        };
        // It has read which ones are due once it waits for the first of them.
        until_waiting(&app, 1).await;
        let open = root.mutate("reinstateTenant", "tenant { status }", json!({ "tenantId": ids[1] })).await;
        assert_eq!(open["tenant"]["status"], "ACTIVE");
        drop(holding);
        assert_eq!(erasing.await.unwrap(), 1);
        assert_eq!(app.number("SELECT COUNT(*) FROM tenant WHERE slug = 'second'").await, 1);
        let events = app.events(ids[1].as_str().unwrap()).await;
        assert_eq!(events.last().unwrap(), "tenant.reinstated");
    }
}
