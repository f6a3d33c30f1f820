//! A list as it grows: a million invitations in one tenant, and the pages far down.

use std::time::{Duration, Instant};

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sea_orm::sqlx::{self, Row as _};

use crate::process::{Server, administrator};
use crate::report::{Report, Target};
use crate::rows::{body, seed};
use crate::wrk::{Load, Run, median};

const ROWS: u32 = 1_000_000;

/// Copies an invitation of the seed a million times, each with an address, times and a state of its own.
const FILL: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1),
    one AS (SELECT * FROM invitation LIMIT 1)
  INSERT INTO invitation
  SELECT randomblob(16), tenant_id, 'person' || i || '@bench.test', 'person' || i || '@bench.test', name, role_id, inviter_id,
         inviter_name, note, metadata, locale, ip_address, user_agent,
         CASE i % 10 WHEN 0 THEN 'cancelled' WHEN 1 THEN 'accepted' WHEN 2 THEN 'expired' ELSE 'pending' END, NULL, generation, resends,
         lifetime_seconds, NULL, strftime('%Y-%m-%dT%H:%M:%f+00:00', created_at, '-' || i || ' seconds'), issued_at, expires_at,
         CASE WHEN i % 10 < 3 THEN expires_at END, NULL
    FROM n, one";

/// Tenants with invitations that are to be in blocks and are in none yet.
pub const UNINDEXED: &str = "SELECT COUNT(*) FROM pending_bound WHERE unindexed >= 256";
/// Those with more of them than were made in the last two minutes, which are not laid before they are that old.
const BEHIND: &str = "SELECT COUNT(*) FROM pending_bound WHERE unindexed >= 2000";

/// Waits until a worker has laid every block.
pub async fn indexed(unindexed: impl AsyncFn() -> i64) {
    while unindexed().await > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn page(arguments: &str) -> String {
    format!(
        "{{ invitations(first: 50{arguments}) {{ nodes {{ id email status }} pageInfo {{ hasNextPage endCursor }} }} }}"
    )
}

/// The pages far down beside the first one.
pub async fn measure(report: &mut Report) {
    let folder = tempfile::tempdir().expect("a folder");
    administrator(folder.path(), None);
    {
        let server =
            Server::guestlist(folder.path(), None, &[("GUESTLIST_LIMIT_INVITES_PER_TENANT_DAY", "1000000")]);
        seed(&server).await;
    }
    let path = folder.path().join("data/guestlist.db");
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(path)).await.expect("it opens");
    sqlx::query(FILL).bind(ROWS).execute(&pool).await.expect("it is filled");
    sqlx::query("UPDATE pending_bound SET unindexed = $1")
        .bind(ROWS)
        .execute(&pool)
        .await
        .expect("it is known");
    let deep: String = sqlx::query(
        "SELECT strftime('%s', created_at) || substr(strftime('%f', created_at), 4) AS at FROM invitation ORDER BY created_at DESC, id DESC LIMIT 1 OFFSET 900000",
    )
    .fetch_one(&pool)
    .await
    .expect("a row")
    .get("at");
    let begun = Instant::now();
    let server = Server::guestlist(folder.path(), None, &[]);
    let count = async |sql: &'static str| sqlx::query_scalar(sql).fetch_one(&pool).await.expect("a number");
    indexed(async || count(BEHIND).await).await;
    report.note(&format!(
        "A million addresses were indexed in {:.0} s by the worker.",
        begun.elapsed().as_secs_f64()
    ));
    indexed(async || count(UNINDEXED).await).await;
    pool.close().await;
    let cursor = guestlist::page::Cursor {
        order: "CREATED_AT".into(),
        key: guestlist::page::SortKey::Time(deep.parse().expect("milliseconds")),
        id: uuid::Uuid::max(),
    };
    let after = format!(", after: \\\"{}\\\"", cursor.encode()).replace("\\\"", "\"");
    let (token, _) = server.sign_in("root@bench.test").await;
    let once = async |query: &str| -> Run {
        // What the system has put out of its memory meanwhile is read from the disk before anything is measured.
        server.ask(Some(&token), query, serde_json::json!({})).await;
        median(|| {
            Load {
                path: "/graphql",
                body: body(query),
                tokens: std::slice::from_ref(&token),
                connections: 4,
                seconds: 3,
            }
            .run(&server)
        })
    };
    let first = once(&page("")).await;
    report.plain("first page of 1,000,000 invitations (SQLite)", first);
    for (name, arguments) in [
        ("page at depth 900,000", after.as_str()),
        ("filtered by status", ", filter: { status: [CANCELLED] }"),
        ("filtered by status, pending", ", filter: { status: [PENDING] }"),
        ("filtered by time", ", filter: { createdAt: { to: \"2026-11-20T00:00:00Z\" } }"),
        ("filtered by a common part of the address", ", filter: { emailContains: \"person9\" }"),
        ("filtered by a rare part of the address", ", filter: { emailContains: \"person777777@\" }"),
        ("filtered by a part that no address has", ", filter: { emailContains: \"nobody@\" }"),
    ] {
        report.cpu(
            &format!("{name} beside the first page"),
            once(&page(arguments)).await,
            first,
            Target::AtMost(1.3),
        );
    }
}
