//! One read across three slices, for almost every request: a tenant, and what somebody is in it.

use std::sync::LazyLock;

use sea_orm::{ActiveEnum as _, ConnectionTrait, DbErr, Statement, Value};

use super::MembershipStatus;
use crate::actor::Authority;
use crate::db::Values;
use crate::id::{RoleId, TenantId, UserId};
use crate::permission::Permissions;
use crate::role;
use crate::standing::{COLUMNS, Standing};
use crate::tenant::{ResetPolicy, Tenant, TenantStatus};

/// The role of an active member.
pub(in crate::membership) struct Held {
    pub(in crate::membership) id: RoleId,
    pub(in crate::membership) key: String,
    pub(in crate::membership) built_in: bool,
    pub(in crate::membership) permissions: Permissions,
}

impl Held {
    /// What the role lets its member do in the tenant.
    pub(in crate::membership) fn authority(self, tenant_id: TenantId) -> Authority {
        Authority {
            tenant_id,
            role_id: Some(self.id),
            is_owner: self.built_in && self.key == role::OWNER,
            is_platform_admin: false,
            permissions: self.permissions,
        }
    }
}

/// A statement that reads the [`Standing`] of user `$2` in tenant `$1`, with further columns and joins.
pub(crate) fn statement(columns: &str, joins: &str) -> String {
    format!(
        "SELECT {COLUMNS}{columns}
           FROM tenant t
           LEFT JOIN membership m ON m.tenant_id = t.id AND m.user_id = $2
           LEFT JOIN role r ON r.id = m.role_id{joins}
          WHERE t.id = $1"
    )
}

static SELECT: LazyLock<String> = LazyLock::new(|| statement("", ""));

pub(in crate::membership) async fn find(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    user: Option<UserId>,
) -> Result<Option<Standing>, DbErr> {
    let values = [Value::from(tenant), Value::from(user)];
    let select = Statement::from_sql_and_values(db.get_database_backend(), SELECT.as_str(), values);
    let row = db.query_one_raw(select).await?;
    row.map(|row| Standing::read(&mut Values::from(&row, 0)?)).transpose().map(Option::flatten)
}

/// The tenant, and the role of the user if they are an active member.
///
/// # Errors
/// For a status or a permission that this version does not know.
pub(in crate::membership) fn split(found: Standing) -> Result<(Tenant, Option<Held>), DbErr> {
    let active = found.membership_status.as_deref() == Some(MembershipStatus::Active.to_value().as_str());
    let held = match (found.role_id, found.role_key, found.role_built_in, found.role_permissions) {
        (Some(id), Some(key), Some(built_in), Some(permissions)) if active => {
            let permissions = permissions.parse::<Permissions>();
            let permissions = permissions.map_err(|unknown| DbErr::Type(unknown.to_string()))?;
            Some(Held { id, key, built_in, permissions })
        }
        _ => None,
    };
    let tenant = Tenant {
        id: found.tenant_id,
        slug: found.tenant_slug,
        name: found.tenant_name,
        status: TenantStatus::try_from_value(&found.tenant_status)?,
        reset_policy: ResetPolicy::try_from_value(&found.tenant_reset_policy)?,
        created_at: found.tenant_created_at,
        deleted_at: found.tenant_deleted_at,
    };
    Ok((tenant, held))
}
