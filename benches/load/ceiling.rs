//! What is measured against: the same libraries with nothing of ours. A static GraphQL field behind poem, and the rows of an
//! invitation written by hand, in one transaction, on the same settings of the database.

use std::time::Duration;

use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
use async_graphql_poem::GraphQL;
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::web::Data;
use poem::{EndpointExt as _, Route, Server, handler, post};
use sea_orm::sqlx::postgres::PgPoolOptions;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::sqlx::{self, AssertSqlSafe, PgPool, SqlitePool};

struct Query;

#[Object]
impl Query {
    async fn me(&self) -> &'static str {
        "root@bench.test"
    }
}

/// Rows of the three tables an invitation touches, as wide as ours.
const TABLES: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS c_invitation (id text PRIMARY KEY, tenant text, email text, inviter text, role text, status text, created_at bigint, expires_at bigint)",
    "CREATE TABLE IF NOT EXISTS c_outbox (id text PRIMARY KEY, subject text, kind text, state text, due bigint)",
    "CREATE TABLE IF NOT EXISTS c_event (id text PRIMARY KEY, tenant text, kind text, subject text, actor text, at bigint, data text)",
];
const INDEXES: [&str; 6] = [
    "CREATE UNIQUE INDEX IF NOT EXISTS c_pending ON c_invitation (tenant, email) WHERE status = 'pending'",
    "CREATE INDEX IF NOT EXISTS c_created ON c_invitation (tenant, created_at, id)",
    "CREATE INDEX IF NOT EXISTS c_expires ON c_invitation (tenant, expires_at, id)",
    "CREATE INDEX IF NOT EXISTS c_due ON c_outbox (due)",
    "CREATE INDEX IF NOT EXISTS c_tenant ON c_event (tenant, at, id)",
    "CREATE INDEX IF NOT EXISTS c_subject ON c_event (subject, id)",
];
const INSERTS: [&str; 3] = [
    "INSERT INTO c_invitation VALUES ($1, 'tnt', $1, 'usr', 'rol', 'pending', 1, 2)",
    "INSERT INTO c_outbox VALUES ($1, $1, 'invitation', 'queued', 1)",
    "INSERT INTO c_event VALUES ($1, 'tnt', 'invitation.created', $1, 'usr', 1, '{}')",
];

#[derive(Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Pool {
    async fn open(url: &str) -> Result<Self, sqlx::Error> {
        let prepare = TABLES.iter().chain(&INDEXES);
        if let Some(path) = url.strip_prefix("sqlite:") {
            let options = SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .pragma("wal_autocheckpoint", "4000")
                .busy_timeout(Duration::from_secs(5));
            let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
            for statement in prepare {
                sqlx::query(*statement).execute(&pool).await?;
            }
            return Ok(Self::Sqlite(pool));
        }
        let pool = PgPoolOptions::new().max_connections(16).connect(url).await?;
        for statement in prepare {
            sqlx::query(*statement).execute(&pool).await?;
        }
        Ok(Self::Postgres(pool))
    }

    /// One transaction with so many invitations, `rows` values to a statement.
    async fn insert(&self, count: usize) -> Result<(), sqlx::Error> {
        let ids: Vec<String> = (0..count).map(|_| uuid::Uuid::now_v7().to_string()).collect();
        let single = count == 1;
        let statements: Vec<String> = INSERTS.iter().map(|sql| many(sql, count.min(250))).collect();
        macro_rules! write {
            ($begun:expr) => {{
                let mut txn = $begun;
                for part in ids.chunks(250) {
                    for (index, sql) in INSERTS.iter().enumerate() {
                        if single {
                            sqlx::query(*sql).bind(&part[0]).execute(&mut *txn).await?;
                        } else {
                            let mut query = sqlx::query(AssertSqlSafe(statements[index].clone()));
                            for id in part {
                                query = query.bind(id);
                            }
                            query.execute(&mut *txn).await?;
                        }
                    }
                }
                txn.commit().await
            }};
        }
        match self {
            Self::Sqlite(pool) => write!(pool.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => write!(pool.begin().await?),
        }
    }
}

/// A statement with so many rows of values.
fn many(sql: &str, rows: usize) -> String {
    let (head, values) = sql.split_once("VALUES ").unwrap_or_default();
    let values: Vec<String> = (1..=rows).map(|row| values.replace("$1", &format!("${row}"))).collect();
    format!("{head}VALUES {}", values.join(", "))
}

#[handler]
async fn insert(Data(pool): Data<&Pool>) -> poem::Result<&'static str> {
    pool.insert(1).await.map_err(poem::error::InternalServerError)?;
    Ok("{}")
}

#[handler]
async fn bulk(Data(pool): Data<&Pool>) -> poem::Result<&'static str> {
    pool.insert(1_000).await.map_err(poem::error::InternalServerError)?;
    Ok("{}")
}

/// Serves until it is ended.
pub async fn serve(database: &str) -> Result<(), Box<dyn std::error::Error>> {
    let pool = Pool::open(database).await?;
    let schema = Schema::build(Query, EmptyMutation, EmptySubscription).finish();
    let routes = Route::new()
        .at("/graphql", post(GraphQL::new(schema)))
        .at("/insert", post(insert))
        .at("/bulk", post(bulk))
        .data(pool);
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await?;
    let address = acceptor.local_addr().first().map(|address| address.to_string()).unwrap_or_default();
    println!("ceiling http://{}/graphql", address.trim_start_matches("socket://"));
    Server::new_with_acceptor(acceptor).run(routes).await?;
    Ok(())
}
