//! The one read across slices: session, user, membership, role and tenant in one statement, for every request
//! that carries a token.

use std::sync::{Arc, LazyLock};

use sea_orm::{ActiveEnum as _, ConnectionTrait, DbErr, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::clock::Instant;
use crate::db::Values;
use crate::id::{MembershipId, SessionId, TenantId, UserId};
use crate::membership::MembershipStatus;
use crate::standing::{COLUMNS, Standing};
use crate::tenant::TenantStatus;

/// What stands behind a session now.
#[derive(Clone, Debug)]
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
    /// Whether the user is an active member of the tenant of the session.
    pub(in crate::auth) is_member: bool,
    /// The status of that tenant, where there is one; none that this version does not know, which opens nothing.
    pub(in crate::auth) tenant_status: Option<TenantStatus>,
    /// What the user is in it.
    pub(in crate::auth) standing: Option<Arc<Standing>>,
}

/// As many sessions as are read by one statement at the most.
pub(in crate::auth) const MOST: usize = 16;

impl Row {
    /// Reads a row of [`SELECT`], and which session it is about.
    fn read(row: &QueryResult) -> Result<(SessionId, Self), DbErr> {
        let mut values = Values::from(row, 0)?;
        let session = values.value::<Uuid>()?.into();
        let mut row = Self {
            user_id: values.value::<Uuid>()?.into(),
            tenant_id: values.optional::<Uuid>()?.map(Into::into),
            refresh_counter: values.value()?,
            revoked_at: values.optional_instant()?,
            expires_at: values.instant()?,
            ends_at: values.instant()?,
            name: values.value()?,
            email: values.value()?,
            email_verified_at: values.optional_instant()?,
            is_superuser: values.value()?,
            user_status: values.value()?,
            created_at: values.instant()?,
            membership_id: values.optional::<Uuid>()?.map(Into::into),
            is_member: false,
            tenant_status: None,
            standing: None,
        };
        if let Some(standing) = Standing::read(&mut values)? {
            let member = standing.membership_status.as_ref();
            let member = member.and_then(|status| MembershipStatus::try_from_value(status).ok());
            row.is_member = member == Some(MembershipStatus::Active);
            row.tenant_status = TenantStatus::try_from_value(&standing.tenant_status).ok();
            row.standing = Some(Arc::new(standing));
        }
        Ok((session, row))
    }
}

/// What is read of sessions; which ones follows.
static SELECT: LazyLock<String> = LazyLock::new(|| {
    format!(
        r#"SELECT s.id AS session_id, s.user_id, s.tenant_id, s.refresh_counter, s.revoked_at, s.expires_at, s.ends_at,
                  u.name, u.email, u.email_verified_at, u.is_superuser, u.status AS user_status, u.created_at,
                  m.id AS membership_id, {COLUMNS}
             FROM session s
             JOIN "user" u ON u.id = s.user_id
             LEFT JOIN tenant t ON t.id = s.tenant_id
             LEFT JOIN membership m ON m.tenant_id = s.tenant_id AND m.user_id = s.user_id
             LEFT JOIN role r ON r.id = m.role_id
            WHERE s.id "#
    )
});

/// For one session, and for 2, 4, 8 and 16: few statements, which connections keep prepared.
static SELECTS: LazyLock<[String; 5]> = LazyLock::new(|| {
    [1, 2, 4, 8, MOST].map(|count| {
        let places: Vec<String> = (1..=count).map(|place| format!("${place}")).collect();
        let select = SELECT.as_str();
        if count == 1 { format!("{select}= $1") } else { format!("{select}IN ({})", places.join(", ")) }
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
    let row = db.query_one_raw(select(db, &[id])).await?;
    Ok(row.as_ref().map(Row::read).transpose()?.map(|(_, row)| row))
}

/// As [`find`], for at most [`MOST`] different sessions, in no order; those that are none are left out.
pub(in crate::auth) async fn find_many(
    db: &impl ConnectionTrait,
    ids: &[SessionId],
) -> Result<Vec<(SessionId, Row)>, DbErr> {
    db.query_all_raw(select(db, ids)).await?.iter().map(Row::read).collect()
}
