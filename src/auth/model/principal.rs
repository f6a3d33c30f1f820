//! The one read across slices: session, user, membership and tenant in one statement, for every request
//! that carries a token.

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

const SELECT: &str = r#"
    SELECT s.user_id, s.tenant_id, s.refresh_counter, s.revoked_at, s.expires_at, s.ends_at,
           u.name, u.email, u.email_verified_at, u.is_superuser, u.status AS user_status, u.created_at,
           m.id AS membership_id, m.status AS membership_status, t.status AS tenant_status
      FROM session s
      JOIN "user" u ON u.id = s.user_id
      LEFT JOIN tenant t ON t.id = s.tenant_id
      LEFT JOIN membership m ON m.tenant_id = s.tenant_id AND m.user_id = s.user_id
     WHERE s.id = $1"#;

pub(in crate::auth) async fn find(db: &impl ConnectionTrait, id: SessionId) -> Result<Option<Row>, DbErr> {
    let select = Statement::from_sql_and_values(db.get_database_backend(), SELECT, [Value::from(id)]);
    Row::find_by_statement(select).one(db).await
}
