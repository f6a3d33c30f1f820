//! What a transaction begins with on PostgreSQL, on the same way to the database.

mod postgres_only {
    use std::sync::Arc;

    use guestlist::db::once::{Mark, marked};
    use guestlist::db::{Db, Opening, WriteTransaction};
    use guestlist::tenant::service::{by_slug, held};
    use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, Statement};

    use crate::support::TestApp;

    /// A tenant, and what holds it.
    async fn tenant(app: &TestApp) -> Opening {
        app.owner().await;
        held(by_slug(app.app.db.reader(), "acme").await.unwrap().unwrap().id)
    }

    /// Looks whether a transaction holds the tenant, and ends it: others can hold the tenant meanwhile, and nobody can lock it.
    async fn holds(db: &Db, opening: Opening, txn: Result<WriteTransaction, DbErr>) {
        let txn = txn.unwrap();
        for (lock, free) in [("FOR SHARE NOWAIT", true), ("FOR NO KEY UPDATE NOWAIT", false)] {
            let other = db.begin_write().await.unwrap();
            let select = format!("SELECT FROM tenant WHERE id = '{}' {lock}", opening.id);
            assert_eq!(other.execute_unprepared(&select).await.is_ok(), free, "{lock}");
        }
        txn.commit().await.unwrap();
    }

    /// Connections are lent again in the order in which they were given back, the last one first.
    async fn on_one_connection(db: &Db, sql: &str) {
        let txn = db.begin_write().await.unwrap();
        txn.execute_unprepared(sql).await.unwrap();
        txn.commit().await.unwrap();
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: run by tests/postgres.rs"]
    async fn a_transaction_that_begins_with_it_holds_the_tenant() {
        let app = TestApp::new().await;
        let (opening, db) = (tenant(&app).await, &app.app.db);
        for _ in 0..2 {
            holds(db, opening, db.begin_write_with(opening).await).await;
        }
        let now = app.app.clock.now();
        let text = |text: &str| text.to_owned();
        let mark = Mark { key: text("k"), request: text("r"), owner: text("o"), now, ends_at: now };
        let txn = marked(Arc::new(mark), db.begin_write_with(opening)).await;
        holds(db, opening, txn).await;
        let nobody = Opening { id: uuid::Uuid::nil(), ..opening };
        db.begin_write_with(nobody).await.unwrap().commit().await.unwrap();
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: run by tests/postgres.rs"]
    async fn where_a_pooler_changes_connections_it_holds_the_tenant_all_the_same() {
        let names = ["DEALLOCATE guestlist_hold_tenant", "PREPARE guestlist_hold_tenant AS SELECT 1"];
        for (prepared, name) in [true, false].into_iter().zip(names) {
            let app = TestApp::new().await;
            let (opening, db) = (tenant(&app).await, &app.app.db);
            if prepared {
                db.begin_write_with(opening).await.unwrap().commit().await.unwrap();
            }
            on_one_connection(db, name).await;
            for _ in 0..2 {
                holds(db, opening, db.begin_write_with(opening).await).await;
            }
        }
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: run by tests/postgres.rs"]
    async fn a_row_is_looked_for_by_its_index_however_small_its_table_is() {
        let app = TestApp::new().await;
        assert_eq!(cost(&app.app.db).await, "1");
        let url = app.app.config.database_url.to_string();
        let join = if url.contains('?') { '&' } else { '?' };
        let db = Db::open(&format!("{url}{join}options=-c%20random_page_cost%3D3")).await.unwrap();
        assert_eq!(cost(&db).await, "3", "what the operator chose stands");
        db.close().await;
    }

    async fn cost(db: &Db) -> String {
        let show = Statement::from_string(DbBackend::Postgres, "SHOW random_page_cost");
        db.reader().query_one_raw(show).await.unwrap().unwrap().try_get_by_index(0).unwrap()
    }
}
