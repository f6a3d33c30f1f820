//! The one read across slices: session, user, membership and tenant in one statement, for every request
//! that carries a token.

use std::sync::LazyLock;

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use crate::clock::Instant;
use crate::id::{MembershipId, SessionId, TenantId, UserId};

/// What stands behind a session now.
#[derive(Clone, Debug, FromQueryResult)]
pub(in crate::auth) struct Row {
    pub(in crate::auth) user_id: UserId,
    pub(in crate::auth) tenant_id: Option<TenantId>,
    pub(in crate::auth) refresh_counter: i64,
    pub(in crate::auth) revoked_at: Option<Instant>,
    pub(in crate::auth) expires_at: Instant,
    pub(in crate::auth) ends_at: Instant,
    pub(in crate::auth) name: String,
    pub(in crate::auth) email: String,
    pub(in crate::auth) email_verified_at: Option<Instant>,
    pub(in crate::auth) is_superuser: bool,
    pub(in crate::auth) user_status: String,
    pub(in crate::auth) created_at: Instant,
    pub(in crate::auth) membership_id: Option<MembershipId>,
    pub(in crate::auth) membership_status: Option<String>,
    pub(in crate::auth) tenant_status: Option<String>,
}

/// As many sessions as are read by one statement at the most.
pub(in crate::auth) const MOST: usize = 16;

/// What stands behind a session, beside the session.
#[derive(FromQueryResult)]
struct OfSession {
    session_id: SessionId,
    #[sea_orm(nested)]
    row: Row,
}

const SELECT: &str = r#"
    SELECT s.id AS session_id, s.user_id, s.tenant_id, s.refresh_counter, s.revoked_at, s.expires_at, s.ends_at,
           u.name, u.email, u.email_verified_at, u.is_superuser, u.status AS user_status, u.created_at,
           m.id AS membership_id, m.status AS membership_status, t.status AS tenant_status
      FROM session s
      JOIN "user" u ON u.id = s.user_id
      LEFT JOIN tenant t ON t.id = s.tenant_id
      LEFT JOIN membership m ON m.tenant_id = s.tenant_id AND m.user_id = s.user_id
     WHERE s.id "#;

/// For one session, and for 2, 4, 8 and 16: few statements, which connections keep prepared.
static SELECTS: LazyLock<[String; 5]> = LazyLock::new(|| {
    [1, 2, 4, 8, MOST].map(|count| {
        let places: Vec<String> = (1..=count).map(|place| format!("${place}")).collect();
        if count == 1 { format!("{SELECT} = $1") } else { format!("{SELECT} IN ({})", places.join(", ")) }
    })
});

fn select(db: &impl ConnectionTrait, ids: &[SessionId]) -> Statement {
    // The last one stands in for those that a statement has room for.
    let size = ids.len().next_power_of_two().min(MOST);
    let padded = ids.iter().chain(ids.last().into_iter().cycle()).take(size);
    let sql = &SELECTS[size.ilog2() as usize];
    Statement::from_sql_and_values(db.get_database_backend(), sql, padded.map(|id| Value::from(*id)))
}

pub(in crate::auth) async fn find(db: &impl ConnectionTrait, id: SessionId) -> Result<Option<Row>, DbErr> {
    Row::find_by_statement(select(db, &[id])).one(db).await
}

/// As [`find`], for at most [`MOST`] different sessions, in no order; those that are none are left out.
pub(in crate::auth) async fn find_many(
    db: &impl ConnectionTrait,
    ids: &[SessionId],
) -> Result<Vec<(SessionId, Row)>, DbErr> {
    let rows = OfSession::find_by_statement(select(db, ids)).all(db).await?;
    Ok(rows.into_iter().map(|of| (of.session_id, of.row)).collect())
}
