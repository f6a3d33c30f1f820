//! Tenants in the schema.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use async_graphql::{Context, ID, Object, OneofObject};

use super::{ResetPolicy, Tenant, TenantStatus, service};
use crate::error::Error;
use crate::graphql::{DateTime, GqlResult, RequestContext as _, Rows, global};
use crate::id::TenantId;
use crate::role::graphql::RoleObject;

/// Which tenant: by one of its names.
#[derive(Clone, Debug, OneofObject)]
pub enum TenantBy {
    /// Global id.
    Id(ID),
    /// Slug.
    Slug(String),
}

/// A tenant as its members see it; whoever makes one has checked that the viewer may.
#[derive(Clone, Debug)]
pub struct TenantObject(pub Tenant);

/// Organisation that people are invited to.
#[Object(name = "Tenant")]
impl TenantObject {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Unique short name for URLs.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Name that people see.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether it can be used.
    async fn status(&self) -> TenantStatus {
        self.0.status
    }

    /// How passwords of members are reset.
    async fn reset_policy(&self) -> ResetPolicy {
        self.0.reset_policy
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Roles that members can have, built-in ones first.
    async fn roles(&self, ctx: &Context<'_>) -> GqlResult<Vec<RoleObject>> {
        let roles = ctx.rows().load_one(crate::role::graphql::RolesOf(self.0.id)).await?;
        Ok(roles.unwrap_or_default().into_iter().map(RoleObject).collect())
    }
}

impl Loader<TenantId> for Rows {
    type Value = Tenant;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[TenantId]) -> Result<HashMap<TenantId, Tenant>, Arc<Error>> {
        let rows = service::by_ids(self.0.db.reader(), keys).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}
