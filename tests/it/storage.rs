//! How data is kept.

use guestlist::db::{Db, OpenError, sqlite_path};
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn uniqueness_is_the_databases() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    owner.invited("ann@x.test").await;
    use sea_orm::ConnectionTrait as _;
    let (id, no) = match app.app.db.writer().get_database_backend() {
        sea_orm::DbBackend::Sqlite => ("X'02'", "0"),
        _ => ("gen_random_uuid()", "false"),
    };
    for statement in [
        &format!(
            "INSERT INTO \"user\" SELECT {id}, email, email_norm, NULL, name, NULL, {no}, 'active', NULL, NULL, created_at FROM \"user\""
        ),
        &format!(
            "INSERT INTO membership SELECT {id}, tenant_id, user_id, role_id, status, joined_at, NULL FROM membership"
        ),
        &format!(
            "INSERT INTO tenant SELECT {id}, slug, name, status, reset_policy, created_at, NULL FROM tenant"
        ),
        "UPDATE invitation SET status = 'pending', email_norm = 'ann@x.test'",
    ] {
        let refused = app.app.db.writer().execute_unprepared(statement).await;
        assert!(guestlist::error::Unique::violated(&refused.unwrap_err()).is_some(), "{statement}");
    }
}

#[tokio::test]
async fn an_older_binary_leaves_a_newer_database_alone() {
    let app = TestApp::new().await;
    app.sql("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 0)").await;
    let db = Db::open(&app.app.config.database_url).await.unwrap();
    let refused = db.migrate().await.unwrap_err();
    assert!(matches!(refused, OpenError::Newer(name) if name == "m9999_future"));
    assert_eq!(app.stranger().get("/readyz").await.status, 503);
}

#[tokio::test]
async fn r17_many_writers_at_once_meet_no_busy_database() {
    let app =
        TestApp::with(&["--limit-invites-per-hour=10000", "--limit-invites-per-tenant-day=10000"]).await;
    let owner = app.owner().await;
    let query = "mutation I($input: InviteInput!) { invite(input: $input) { created } }";
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..64 {
        let client = owner.clone();
        tasks.spawn(async move {
            client.ask(query, json!({ "input": { "email": format!("a{n}@x.test") } })).await
        });
    }
    let answers = tasks.join_all().await;
    assert!(answers.iter().all(|answer| answer["data"]["invite"]["created"] == true), "{answers:?}");
}

/// What SQLite alone does.
mod sqlite_only {
    use super::*;

    #[tokio::test]
    async fn sqlite_is_opened_for_durability_and_its_file_is_private() {
        let app = TestApp::new().await;
        assert_eq!(
            app.number("SELECT COUNT(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'").await,
            1
        );
        assert_eq!(app.number("SELECT synchronous FROM pragma_synchronous").await, 2, "FULL");
        assert_eq!(app.number("SELECT foreign_keys FROM pragma_foreign_keys").await, 1);
        assert_eq!(app.number("SELECT query_only FROM pragma_query_only").await, 1, "readers cannot write");
        use std::os::unix::fs::PermissionsExt as _;
        let path = sqlite_path(&app.app.config.database_url).unwrap();
        for file in [path.clone(), path.with_extension("db-wal"), path.with_extension("db-shm")] {
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        }
    }

    #[tokio::test]
    async fn lists_are_read_through_indexes() {
        let app = TestApp::new().await;
        app.owner().await;
        let plan = async |query: &str| {
            use sea_orm::ConnectionTrait as _;
            let db = app.app.db.reader();
            let statement = sea_orm::Statement::from_string(
                db.get_database_backend(),
                format!("EXPLAIN QUERY PLAN {query}"),
            );
            let rows = db.query_all_raw(statement).await.unwrap();
            rows.iter().map(|row| row.try_get::<String>("", "detail").unwrap()).collect::<Vec<_>>().join("; ")
        };
        for (column, index) in [
            ("created_at", "invitation_list_idx"),
            ("expires_at", "invitation_expires_idx"),
            ("email_norm", "invitation_email_idx"),
        ] {
            let page = format!(
                "SELECT * FROM invitation WHERE tenant_id = X'01' AND ({column}, id) < ('2026', X'01') ORDER BY {column} DESC, id DESC LIMIT 21"
            );
            let plan = plan(&page).await;
            assert!(
                plan.contains(index) && !plan.contains("SCAN") && !plan.contains("TEMP B-TREE"),
                "{plan}"
            );
        }
        let due =
        plan("SELECT * FROM outbox WHERE next_attempt_at <= '2026' AND (lease_until IS NULL OR lease_until <= '2026') ORDER BY next_attempt_at LIMIT 8")
            .await;
        assert!(due.contains("outbox_due_idx"), "{due}");
    }
}
