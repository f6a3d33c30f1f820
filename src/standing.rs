//! What somebody is in a tenant, as its rows say it: read for almost every request, and known to whoever acts before any slice is.

use sea_orm::{DbErr, FromQueryResult};
use uuid::Uuid;

use crate::clock::Instant;
use crate::db::Values;
use crate::id::{RoleId, TenantId};

/// A tenant, with the membership and role of one user where there is one.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Standing {
    /// The tenant.
    #[sea_orm(from_alias = "of_tenant")]
    pub tenant_id: TenantId,
    /// Its short name.
    pub tenant_slug: String,
    /// Its name.
    pub tenant_name: String,
    /// Its status as it is stored.
    pub tenant_status: String,
    /// Its reset policy as it is stored.
    pub tenant_reset_policy: String,
    /// When it was made.
    pub tenant_created_at: Instant,
    /// When it was deleted.
    pub tenant_deleted_at: Option<Instant>,
    /// The status of the membership as it is stored.
    pub membership_status: Option<String>,
    /// The role of the member.
    pub role_id: Option<RoleId>,
    /// Its key.
    pub role_key: Option<String>,
    /// Whether it came with the tenant.
    pub role_built_in: Option<bool>,
    /// What it permits, as it is stored: a permission that this version does not know is to stop nobody but who relies on it.
    pub role_permissions: Option<String>,
}

impl Standing {
    /// Reads [`COLUMNS`]; `None` where there is no tenant.
    ///
    /// # Errors
    /// For values that are something else.
    pub fn read(values: &mut Values<'_>) -> Result<Option<Self>, DbErr> {
        let Some(tenant_id) = values.optional::<Uuid>()? else { return Ok(None) };
        Ok(Some(Self {
            tenant_id: tenant_id.into(),
            tenant_slug: values.value()?,
            tenant_name: values.value()?,
            tenant_status: values.value()?,
            tenant_reset_policy: values.value()?,
            tenant_created_at: values.instant()?,
            tenant_deleted_at: values.optional_instant()?,
            membership_status: values.optional()?,
            role_id: values.optional::<Uuid>()?.map(Into::into),
            role_key: values.optional()?,
            role_built_in: values.optional()?,
            role_permissions: values.optional()?,
        }))
    }
}

/// The columns of a [`Standing`], of a statement in which `t` is the tenant, `m` the membership and `r` the role.
pub const COLUMNS: &str = "
    t.id AS of_tenant, t.slug AS tenant_slug, t.name AS tenant_name, t.status AS tenant_status, t.reset_policy AS tenant_reset_policy,
    t.created_at AS tenant_created_at, t.deleted_at AS tenant_deleted_at, m.status AS membership_status, r.id AS role_id,
    r.key AS role_key, r.built_in AS role_built_in, r.permissions AS role_permissions";
