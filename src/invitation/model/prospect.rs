//! One read across four slices, for every invitation: what stands for and against it.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use crate::clock::Instant;
use crate::email::Email;
use crate::id::{RoleId, TenantId};
use crate::permission::Permissions;
use crate::role::Role;

/// What is known of an address that is to be invited.
#[derive(Debug, FromQueryResult)]
pub(in crate::invitation) struct Prospect {
    role_id: Option<RoleId>,
    role_key: Option<String>,
    role_name: Option<String>,
    role_permissions: Option<Permissions>,
    role_built_in: Option<bool>,
    role_created_at: Option<Instant>,
    /// Whether its owner is in the tenant already, suspended or not.
    pub(in crate::invitation) is_member: bool,
    /// Whether an invitation of it is recorded as pending, overdue or not.
    pub(in crate::invitation) is_pending: bool,
    /// Invitations of the tenant that are recorded as pending.
    pub(in crate::invitation) pending: i64,
}

impl Prospect {
    /// The role on offer, where the tenant has it.
    pub(in crate::invitation) fn role(&self, tenant_id: TenantId) -> Option<Role> {
        Some(Role {
            id: self.role_id?,
            tenant_id,
            key: self.role_key.clone()?,
            name: self.role_name.clone()?,
            permissions: self.role_permissions.clone()?,
            built_in: self.role_built_in?,
            created_at: self.role_created_at?,
        })
    }
}

const SELECT: &str = r#"
    SELECT r.id AS role_id, r.key AS role_key, r.name AS role_name, r.permissions AS role_permissions,
           r.built_in AS role_built_in, r.created_at AS role_created_at,
           EXISTS (SELECT 1 FROM membership m
                     JOIN "user" u ON u.id = m.user_id
                    WHERE m.tenant_id = $1 AND u.email_norm = $3) AS is_member,
           EXISTS (SELECT 1 FROM invitation i
                    WHERE i.tenant_id = $1 AND i.email_norm = $3 AND i.status = 'pending') AS is_pending,
           (SELECT COUNT(*) FROM invitation i WHERE i.tenant_id = $1 AND i.status = 'pending') AS pending
      FROM (SELECT 1) one
      LEFT JOIN role r ON r.tenant_id = $1 AND r.key = $2"#;

pub(in crate::invitation) async fn prospect(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    role: &str,
    email: &Email,
) -> Result<Option<Prospect>, DbErr> {
    let values = [Value::from(tenant), Value::from(role), Value::from(email.norm())];
    let select = Statement::from_sql_and_values(db.get_database_backend(), SELECT, values);
    Prospect::find_by_statement(select).one(db).await
}
