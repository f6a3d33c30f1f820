//! Roles in the schema.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use async_graphql::parser::types::Field;
use async_graphql::{ID, Object, Positioned};

use super::{Role, service};
use crate::error::Error;
use crate::graphql::{AtHand, Rows, global, write_value};
use crate::id::{RoleId, TenantId, TypedId as _};
use crate::permission::Permission;

/// A role as members of its tenant see it.
#[derive(Clone, Debug)]
pub struct RoleObject(pub Role);

impl AtHand for RoleObject {
    fn write(&self, field: &Positioned<Field>, text: &mut Vec<u8>) -> Option<()> {
        match field.node.name.node.as_str() {
            "id" => write_value(&self.0.id.global(), text),
            "key" => write_value(&self.0.key, text),
            "name" => write_value(&self.0.name, text),
            _ => None,
        }
    }
}

/// What a member is in a tenant: a set of permissions with a name.
#[Object(name = "Role")]
impl RoleObject {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Lower-case key, unique in the tenant: owner, admin, member or the tenant's own.
    async fn key(&self) -> &str {
        &self.0.key
    }

    /// Name that people see.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What its members may do.
    async fn permissions(&self) -> Vec<Permission> {
        self.0.permissions.iter().collect()
    }

    /// Whether it came with the tenant and cannot be changed.
    async fn built_in(&self) -> bool {
        self.0.built_in
    }
}

impl Loader<RoleId> for Rows {
    type Value = Role;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[RoleId]) -> Result<HashMap<RoleId, Role>, Arc<Error>> {
        let rows = service::by_ids_now(&self.0, keys).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

/// Key that loads every role of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RolesOf(pub TenantId);

impl Loader<RolesOf> for Rows {
    type Value = Vec<Role>;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[RolesOf]) -> Result<HashMap<RolesOf, Vec<Role>>, Arc<Error>> {
        let tenants: Vec<TenantId> = keys.iter().map(|key| key.0).collect();
        let rows = service::of_tenants(self.0.db.reader(), &tenants).await.map_err(Arc::new)?;
        let mut roles: HashMap<RolesOf, Vec<Role>> = HashMap::new();
        for row in rows {
            roles.entry(RolesOf(row.tenant_id)).or_default().push(row);
        }
        Ok(roles)
    }
}
