//! One read across three slices, for almost every request: a tenant, and what somebody is in it.

use std::sync::LazyLock;

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::MembershipStatus;
use crate::actor::Authority;
use crate::clock::Instant;
use crate::id::{RoleId, TenantId, UserId};
use crate::permission::Permissions;
use crate::role;
use crate::tenant::{ResetPolicy, Tenant, TenantStatus};

/// A tenant, with the membership and role of one user where there is one.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Standing {
    id: TenantId,
    slug: String,
    name: String,
    status: TenantStatus,
    reset_policy: ResetPolicy,
    created_at: Instant,
    deleted_at: Option<Instant>,
    membership_status: Option<MembershipStatus>,
    role_id: Option<RoleId>,
    role_key: Option<String>,
    role_built_in: Option<bool>,
    role_permissions: Option<Permissions>,
}

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
        "SELECT t.id, t.slug, t.name, t.status, t.reset_policy, t.created_at, t.deleted_at,
                m.status AS membership_status, r.id AS role_id, r.key AS role_key, r.built_in AS role_built_in,
                r.permissions AS role_permissions{columns}
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
    Standing::find_by_statement(select).one(db).await
}

impl Standing {
    /// The tenant, and the role of the user if they are an active member.
    pub(in crate::membership) fn split(self) -> (Tenant, Option<Held>) {
        let active = self.membership_status == Some(MembershipStatus::Active);
        let held = match (self.role_id, self.role_key, self.role_built_in, self.role_permissions) {
            (Some(id), Some(key), Some(built_in), Some(permissions)) if active => {
                Some(Held { id, key, built_in, permissions })
            }
            _ => None,
        };
        let tenant = Tenant {
            id: self.id,
            slug: self.slug,
            name: self.name,
            status: self.status,
            reset_policy: self.reset_policy,
            created_at: self.created_at,
            deleted_at: self.deleted_at,
        };
        (tenant, held)
    }
}
