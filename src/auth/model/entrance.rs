//! The one read across slices as somebody signs in: who they are, and every tenant that they are in, with their role there.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement, Value};

use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::id::{MembershipId, TenantId, UserId};
use crate::membership::MembershipStatus;
use crate::permission::Permissions;
use crate::tenant::TenantStatus;
use crate::user::UserStatus;

/// A user who signs in.
#[derive(Debug, FromQueryResult)]
pub(in crate::auth) struct Entrant {
    pub(in crate::auth) name: String,
    pub(in crate::auth) email: String,
    pub(in crate::auth) email_verified_at: Option<Instant>,
    pub(in crate::auth) password_hash: Option<String>,
    pub(in crate::auth) is_superuser: bool,
    pub(in crate::auth) status: UserStatus,
    pub(in crate::auth) last_tenant_id: Option<TenantId>,
    pub(in crate::auth) created_at: Instant,
}

/// A tenant that somebody is in, whatever their state there and its own.
#[derive(Clone, Debug)]
pub(in crate::auth) struct Place {
    pub(in crate::auth) tenant_id: TenantId,
    pub(in crate::auth) tenant_status: TenantStatus,
    pub(in crate::auth) membership: Option<Membership>,
}

/// What somebody is in a tenant.
#[derive(Clone, Debug)]
pub(in crate::auth) struct Membership {
    pub(in crate::auth) id: MembershipId,
    pub(in crate::auth) status: MembershipStatus,
    role_key: String,
    role_permissions: String,
}

impl Membership {
    /// Key of the role, and what it permits.
    ///
    /// # Errors
    /// For a permission that this version does not know.
    pub(in crate::auth) fn role(self) -> Result<(String, Permissions)> {
        Ok((self.role_key, self.role_permissions.parse().map_err(Error::internal)?))
    }
}

#[derive(FromQueryResult)]
struct Joined {
    #[sea_orm(nested)]
    entrant: Entrant,
    membership_id: Option<MembershipId>,
    membership_status: Option<MembershipStatus>,
    tenant_id: Option<TenantId>,
    tenant_status: Option<TenantStatus>,
    role_key: Option<String>,
    role_permissions: Option<String>,
}

impl Joined {
    fn place(&self) -> Option<Place> {
        let membership = Membership {
            id: self.membership_id?,
            status: self.membership_status?,
            role_key: self.role_key.clone()?,
            role_permissions: self.role_permissions.clone()?,
        };
        Some(Place {
            tenant_id: self.tenant_id?,
            tenant_status: self.tenant_status?,
            membership: Some(membership),
        })
    }
}

const SELECT: &str = r#"
    SELECT u.name, u.email, u.email_verified_at, u.password_hash, u.is_superuser, u.status, u.last_tenant_id, u.created_at,
           m.id AS membership_id, m.status AS membership_status, t.id AS tenant_id, t.status AS tenant_status,
           r.key AS role_key, r.permissions AS role_permissions
      FROM "user" u
      LEFT JOIN membership m ON m.user_id = u.id
      LEFT JOIN tenant t ON t.id = m.tenant_id
      LEFT JOIN role r ON r.id = m.role_id
     WHERE u.id = $1
     ORDER BY m.id"#;

/// For PostgreSQL, where a statement that waits for a row would read all others as they were before it waited.
const LOCK: &str = r#"SELECT 1 FROM "user" u WHERE u.id = $1 FOR NO KEY UPDATE"#;

/// The user, whose row is locked until the transaction ends, and the tenants they are in, oldest membership first. SQLite needs no
/// lock: its writers come one after another.
pub(in crate::auth) async fn find(
    db: &impl ConnectionTrait,
    user: UserId,
) -> Result<Option<(Entrant, Vec<Place>)>, DbErr> {
    let backend = db.get_database_backend();
    let statement = |sql| Statement::from_sql_and_values(backend, sql, [Value::from(user)]);
    if backend != DbBackend::Sqlite {
        db.query_one_raw(statement(LOCK)).await?;
    }
    let rows = Joined::find_by_statement(statement(SELECT)).all(db).await?;
    let places = rows.iter().filter_map(Joined::place).collect();
    Ok(rows.into_iter().next().map(|row| (row.entrant, places)))
}
