//! The rows of an invitation written by hand: into the service's own tables, and into narrow ones of the same names and purpose.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sqlx::postgres::PgPoolOptions;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::sqlx::{self, AssertSqlSafe, PgPool, SqlitePool};
use uuid::Uuid;

/// Tables with the least that an invitation could be made of.
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
const NARROW: [Insert; 3] = [
    Insert {
        sql: "INSERT INTO c_outbox VALUES ($1, $1, 'invitation', 'queued', 1)",
        values: &[Value::InvitationText],
    },
    Insert {
        sql: "INSERT INTO c_invitation VALUES ($1, 'tnt', $1, 'usr', 'rol', 'pending', 1, 2)",
        values: &[Value::InvitationText],
    },
    Insert {
        sql: "INSERT INTO c_event VALUES ($1, 'tnt', 'invitation.created', $1, 'usr', 1, '{}')",
        values: &[Value::InvitationText],
    },
];
/// What the service writes of an invitation by mail, and nothing that it reads or counts.
const OWN: [Insert; 3] = [
    Insert {
        sql: "INSERT INTO outbox (id, tenant_id, kind, subject_id, generation, state, attempts, created_at, next_attempt_at, give_up_at) \
              VALUES ($1, $2, 'invitation', $3, 0, 'queued', 0, $4, $4, $5)",
        values: &[Value::Mail, Value::Tenant, Value::Invitation, Value::Now, Value::Ends],
    },
    Insert {
        sql: "INSERT INTO invitation (id, tenant_id, email, email_norm, role_id, inviter_id, inviter_name, locale, ip_address, \
              status, generation, resends, lifetime_seconds, outbox_id, created_at, issued_at, expires_at) \
              VALUES ($1, $2, $3, $3, $4, $5, 'Inviter', 'en', '127.0.0.1', 'pending', 0, 0, 604800, $6, $7, $7, $8)",
        values: &[
            Value::Invitation,
            Value::Tenant,
            Value::Email,
            Value::Role,
            Value::Inviter,
            Value::Mail,
            Value::Now,
            Value::Ends,
        ],
    },
    Insert {
        sql: "INSERT INTO event (id, tenant_id, kind, at, actor_id, subject_type, subject_id, data, ip_address, request_id, mac) \
              VALUES ($1, $2, 'invitation.created', $3, $4, 'invitation', $5, \
              '{\"delivery\":\"EMAIL\",\"roleKey\":\"member\"}', '127.0.0.1', substr($6, 1, 32), $6)",
        values: &[Value::Event, Value::Tenant, Value::Now, Value::Inviter, Value::Invitation, Value::Random],
    },
];
/// Rows of one statement where there are many.
const ROWS: usize = 250;

/// A statement for one row, and what its parameters are.
struct Insert {
    sql: &'static str,
    values: &'static [Value],
}

impl Insert {
    /// The statement for so many rows.
    fn many(&self, rows: usize) -> String {
        let (head, row) = self.sql.split_once("VALUES ").unwrap();
        let numbered = |number: usize| {
            let mut pieces = row.split('$');
            let begin = pieces.next().unwrap().to_owned();
            // No statement has ten parameters.
            pieces.fold(begin, |text, piece| {
                let at: usize = piece[..1].parse().unwrap();
                text + &format!("${}{}", number * self.values.len() + at, &piece[1..])
            })
        };
        let rows: Vec<String> = (0..rows).map(numbered).collect();
        format!("{head}VALUES {}", rows.join(", "))
    }
}

#[derive(Clone, Copy)]
enum Value {
    Invitation,
    InvitationText,
    Mail,
    Event,
    Tenant,
    Role,
    Inviter,
    Email,
    Now,
    Ends,
    Random,
}

/// Whoever invites in the service's tables.
#[derive(Clone, Copy)]
struct Inviter {
    tenant: Uuid,
    role: Uuid,
    user: Uuid,
}

struct Row {
    invitation: Uuid,
    mail: Uuid,
    event: Uuid,
    inviter: Inviter,
    email: String,
    now: DateTime<Utc>,
}

impl Row {
    fn new(inviter: Inviter, email: String) -> Self {
        let (invitation, mail, event) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        Self { invitation, mail, event, inviter, email, now: Utc::now() }
    }
}

/// Binds what a parameter is; a macro, since the types of the two databases have no name in common.
macro_rules! bind {
    ($query:expr, $value:expr, $row:expr) => {
        match $value {
            Value::Invitation => $query.bind($row.invitation),
            Value::InvitationText => $query.bind($row.invitation.to_string()),
            Value::Mail => $query.bind($row.mail),
            Value::Event => $query.bind($row.event),
            Value::Tenant => $query.bind($row.inviter.tenant),
            Value::Role => $query.bind($row.inviter.role),
            Value::Inviter => $query.bind($row.inviter.user),
            Value::Email => $query.bind($row.email.clone()),
            Value::Now => $query.bind($row.now),
            Value::Ends => $query.bind($row.now + TimeDelta::days(7)),
            Value::Random => $query.bind(format!("{0}{0}", $row.event.simple())),
        }
    };
}

enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A database that rows are written to by hand.
pub struct Database {
    pool: Pool,
    inserts: &'static [Insert; 3],
    /// The same for [`ROWS`] rows.
    many: [String; 3],
    inviters: Vec<Inviter>,
    next: AtomicUsize,
}

impl Database {
    /// Opens a database, of the service where that is `own`.
    pub async fn open(url: &str, own: bool) -> Result<Self, sqlx::Error> {
        let pool = if let Some(path) = url.strip_prefix("sqlite:") {
            let options = SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .pragma("temp_store", "MEMORY")
                .pragma("mmap_size", "268435456")
                .pragma("cache_size", "-4096")
                .pragma("wal_autocheckpoint", "4000")
                .busy_timeout(Duration::from_secs(5));
            Pool::Sqlite(SqlitePoolOptions::new().max_connections(1).connect_with(options).await?)
        } else {
            Pool::Postgres(PgPoolOptions::new().max_connections(16).connect(url).await?)
        };
        let find = "SELECT m.tenant_id, m.role_id, m.user_id FROM membership m JOIN \"user\" u ON u.id = m.user_id \
                    WHERE u.email_norm LIKE 'inviter%'";
        let mut inviters = Vec::new();
        macro_rules! prepare {
            ($pool:expr) => {
                if own {
                    for (tenant, role, user) in
                        sqlx::query_as::<_, (Uuid, Uuid, Uuid)>(find).fetch_all($pool).await?
                    {
                        inviters.push(Inviter { tenant, role, user });
                    }
                } else {
                    for statement in TABLES.iter().chain(&INDEXES) {
                        sqlx::query(*statement).execute($pool).await?;
                    }
                    inviters.push(Inviter { tenant: Uuid::nil(), role: Uuid::nil(), user: Uuid::nil() });
                }
            };
        }
        match &pool {
            Pool::Sqlite(pool) => prepare!(pool),
            Pool::Postgres(pool) => prepare!(pool),
        }
        assert!(!inviters.is_empty(), "nobody invites in this database");
        let inserts = if own { &OWN } else { &NARROW };
        let many = inserts.each_ref().map(|insert| insert.many(ROWS));
        // No address is pending that another process has invited.
        let next = AtomicUsize::new(usize::try_from(Utc::now().timestamp_micros()).unwrap());
        Ok(Self { pool, inserts, many, inviters, next })
    }

    /// One transaction with one invitation or some [`ROWS`], of one inviter; each inviter in their turn.
    pub async fn insert(&self, count: usize) -> Result<(), sqlx::Error> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let inviter = self.inviters[turn % self.inviters.len()];
        // In the order in which the requests to the service have them.
        let rows: Vec<Row> =
            (0..count).map(|n| Row::new(inviter, format!("by{n}x{turn}@bench.test"))).collect();
        macro_rules! write {
            ($begun:expr) => {{
                let mut txn = $begun;
                for part in rows.chunks(ROWS) {
                    for (insert, many) in self.inserts.iter().zip(&self.many) {
                        let mut query = match part.len() {
                            1 => sqlx::query(insert.sql),
                            _ => sqlx::query(AssertSqlSafe(many.clone())),
                        };
                        for row in part {
                            for value in insert.values {
                                query = bind!(query, value, row);
                            }
                        }
                        query.execute(&mut *txn).await?;
                    }
                }
                txn.commit().await
            }};
        }
        match &self.pool {
            Pool::Sqlite(pool) => write!(pool.begin_with("BEGIN IMMEDIATE").await?),
            Pool::Postgres(pool) => write!(pool.begin().await?),
        }
    }
}
