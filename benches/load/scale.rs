//! The service among 10,000,000 invitations, 1,000,000 users and 1,000 tenants, beside itself in a database that is almost empty:
//! `just scale`.

use std::path::Path;

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqliteSynchronous};
use sea_orm::sqlx::{self, AssertSqlSafe, PgPool};
use serde_json::json;

use crate::cluster::{Cluster, programs};
use crate::depth::{UNINDEXED, indexed};
use crate::process::{Server, administrator};
use crate::report::{Report, Target};
use crate::rows::{INVITE, ME, OPEN, PAGE, SECONDS, body, seed};
use crate::wrk::{Load, Run, median};

const TENANTS: u64 = 1_000;
/// In the tenant that is looked at, and in all others together.
const INVITATIONS: (u64, u64) = (1_000_000, 9_000_000);
const USERS: u64 = 1_000_000;

/// How a database writes what the others write otherwise.
struct Words {
    /// The numbers from 1 to so many, as `i`.
    numbers: fn(u64) -> String,
    /// An identifier with a number in it, and another number before that.
    id: fn(&str, &str) -> String,
    /// So many seconds before a time.
    before: fn(&str, &str) -> String,
    no: &'static str,
}

const SQLITE: Words = Words {
    numbers: |most| {
        format!(
            "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {most}) SELECT i FROM n) n"
        )
    },
    id: |kind, number| format!("unhex(printf('%016x%016x', {kind}, {number}))"),
    before: |time, seconds| {
        format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', {time}, '-' || ({seconds}) || ' seconds')")
    },
    no: "0",
};

const POSTGRES: Words = Words {
    numbers: |most| format!("generate_series(1, {most}) n(i)"),
    id: |kind, number| format!("(lpad(to_hex({kind}), 16, '0') || lpad(to_hex({number}), 16, '0'))::uuid"),
    before: |time, seconds| format!("{time} - ({seconds}) * interval '1 second'"),
    no: "false",
};

impl Words {
    /// Everything that is filled in, or one part of so many of it, in the order in which the rows refer to each other.
    fn statements(&self, of: u64) -> Vec<String> {
        let Self { numbers, id, before, no } = self;
        let (others, users) = (TENANTS / of - 1, USERS / of);
        let (one, all) = (INVITATIONS.0 / of, INVITATIONS.1 / of);
        let tenants = numbers(others);
        let (tenant, user) = (id("1", "i"), id("3", "i"));
        let invitations = |tenant: &str, kind: &str, most: u64| {
            // Most have an end: a tenant has a thousand pending ones at the most.
            format!(
                "INSERT INTO invitation SELECT {id}, {tenant}, 'person' || i || '@scale.test', 'person' || i || '@scale.test',
                   s.name, s.role_id, s.inviter_id, s.inviter_name, s.note, s.metadata, s.locale, s.ip_address, s.user_agent,
                   CASE WHEN i % 2500 = 0 THEN 'pending' WHEN i % 3 = 0 THEN 'cancelled' WHEN i % 3 = 1 THEN 'accepted' ELSE 'expired' END,
                   NULL, s.generation, s.resends, s.lifetime_seconds, NULL, {created}, s.issued_at, s.expires_at,
                   CASE WHEN i % 2500 = 0 THEN NULL ELSE s.expires_at END, NULL
                   FROM (SELECT * FROM invitation ORDER BY id LIMIT 1) s, {numbers}",
                id = id(kind, "i"),
                created = before("s.created_at", "i"),
                numbers = numbers(most),
            )
        };
        vec![
            format!(
                "INSERT INTO tenant SELECT {tenant}, 'scale-' || i, 'Scale', s.status, s.reset_policy, s.created_at, NULL
                   FROM (SELECT * FROM tenant ORDER BY id LIMIT 1) s, {tenants}"
            ),
            format!(
                "INSERT INTO role SELECT {}, {tenant}, s.key, s.name, s.permissions, s.built_in, s.created_at
                   FROM (SELECT * FROM role WHERE key = 'member' ORDER BY id LIMIT 1) s, {tenants}",
                id("2", "i")
            ),
            format!(
                "INSERT INTO \"user\" SELECT {user}, 'user' || i || '@scale.test', 'user' || i || '@scale.test', NULL, 'User', NULL,
                   {no}, s.status, NULL, NULL, s.created_at
                   FROM (SELECT * FROM \"user\" ORDER BY id LIMIT 1) s, {}",
                numbers(users)
            ),
            format!(
                "INSERT INTO membership SELECT {}, {}, {user}, {}, s.status, s.joined_at, NULL
                   FROM (SELECT * FROM membership ORDER BY id LIMIT 1) s, {}",
                id("4", "i"),
                id("1", &format!("1 + i % {others}")),
                id("2", &format!("1 + i % {others}")),
                numbers(users)
            ),
            invitations("s.tenant_id", "5", one),
            invitations(&id("1", &format!("1 + i / {}", all / others + 1)), "6", all),
            "INSERT INTO pending_bound (tenant_id, at_most, unindexed)
             SELECT tenant_id, SUM(CASE status WHEN 'pending' THEN 1 ELSE 0 END), COUNT(*) FROM invitation WHERE true GROUP BY tenant_id
                 ON CONFLICT (tenant_id) DO UPDATE SET at_most = excluded.at_most, unindexed = excluded.unindexed"
                .to_owned(),
        ]
    }
}

async fn fill_sqlite(folder: &Path, of: u64) {
    let options = SqliteConnectOptions::new()
        .filename(folder.join("data/guestlist.db"))
        .synchronous(SqliteSynchronous::Off)
        .foreign_keys(false)
        .pragma("cache_size", "-4000000");
    let pool = SqlitePool::connect_with(options).await.expect("it opens");
    for statement in SQLITE.statements(of) {
        sqlx::query(AssertSqlSafe(statement)).execute(&pool).await.expect("it is filled");
    }
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&pool).await.expect("it is written");
    pool.close().await;
}

async fn fill_postgres(url: &str, of: u64) {
    let pool = PgPool::connect(url).await.expect("it opens");
    let mut connection = pool.acquire().await.expect("a connection");
    // What the rows refer to is there; looking at it ten million times is not what is measured.
    sqlx::query("SET session_replication_role = replica").execute(&mut *connection).await.expect("it is set");
    for statement in POSTGRES.statements(of) {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection).await.expect("it is filled");
    }
    sqlx::query("VACUUM ANALYZE").execute(&mut *connection).await.expect("it is tidy");
}

/// What is asked of both: a name and the request.
fn questions() -> Vec<(&'static str, String)> {
    let filtered =
        |filter: &str| body(&PAGE.replace("first: 50", &format!("first: 50, filter: {{ {filter} }}")));
    let invite = json!({ "query": INVITE, "variables": { "i": { "email": "guest%d@bench.test" } } });
    vec![
        ("`me`", body(ME)),
        ("page of 50 invitations with inviter, role, tenant, delivery", body(PAGE)),
        ("the same, filtered by status", filtered("status: [PENDING]")),
        ("the same, filtered by time", filtered("createdAt: { to: \"2099-01-01T00:00:00Z\" }")),
        ("the same, filtered by a part that every address has", filtered("emailContains: \".test\"")),
        ("the same, filtered by a part that one address has", filtered("emailContains: \"person777777@\"")),
        (
            "the same, filtered by a part that one address has, whose trigrams many have",
            filtered("emailContains: \"777777@\""),
        ),
        (
            "page of 20 members",
            body(
                "{ me { activeMembership { tenant { members(first: 20) { nodes { user { name } role { key } } } } } } }",
            ),
        ),
        ("`invite`, 1 at once", invite.to_string()),
    ]
}

async fn asked(folder: &Path, database: Option<&str>) -> Vec<Run> {
    let server = Server::without_worker(folder, database, OPEN);
    let (token, _) = server.sign_in("root@bench.test").await;
    let ask = |body: &String| {
        let tokens = std::slice::from_ref(&token);
        median(|| {
            Load { path: "/graphql", body: body.clone(), tokens, connections: 1, seconds: SECONDS }
                .run(&server)
        })
    };
    questions().iter().map(|(_, body)| ask(body)).collect()
}

/// Has a worker lay every address in blocks.
async fn index(folder: &Path, database: Option<&str>) {
    let _server = Server::guestlist(folder, database, OPEN);
    match database {
        None => {
            let options = SqliteConnectOptions::new().filename(folder.join("data/guestlist.db"));
            let pool = SqlitePool::connect_with(options).await.expect("it opens");
            indexed(async || sqlx::query_scalar(UNINDEXED).fetch_one(&pool).await.expect("a number")).await;
        }
        Some(url) => {
            let pool = PgPool::connect(url).await.expect("it opens");
            indexed(async || sqlx::query_scalar(UNINDEXED).fetch_one(&pool).await.expect("a number")).await;
            sqlx::query("VACUUM ANALYZE").execute(&pool).await.expect("it is tidy");
        }
    }
}

async fn both(report: &mut Report, name: &str, folder: &Path, database: Option<&str>, of: u64) {
    administrator(folder, database);
    seed(&Server::guestlist(folder, database, OPEN)).await;
    let small = asked(folder, database).await;
    match database {
        None => fill_sqlite(folder, of).await,
        Some(url) => fill_postgres(url, of).await,
    }
    index(folder, database).await;
    let large = asked(folder, database).await;
    for (((question, _), small), large) in questions().iter().zip(small).zip(large) {
        report.cpu(&format!("{question} ({name})"), large, small, Target::AtMost(1.3));
    }
}

/// Both databases, one after the other, with one part of so many of all rows.
pub async fn measure(report: &mut Report, of: u64) {
    {
        let folder = tempfile::tempdir().expect("a folder");
        both(report, "SQLite", folder.path(), None, of).await;
    }
    let Some(programs) = programs() else { return };
    let cluster = Cluster::start(&programs, true);
    let url = format!("{}/postgres", cluster.url);
    crate::rows::answers(&url).await;
    let folder = tempfile::tempdir().expect("a folder");
    both(report, "PostgreSQL", folder.path(), Some(&url), of).await;
}
