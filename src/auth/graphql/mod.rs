//! Sessions and the viewer in the schema.

mod inputs;
mod mutation;
mod object;

use async_graphql::{Context, Object};

use crate::graphql::RequestContext as _;

pub use mutation::AuthMutation;
pub use object::{AuthTokens, SessionObject, ViewerObject};

/// Queries of this slice.
#[derive(Debug, Default)]
pub struct AuthQuery;

#[Object]
impl AuthQuery {
    /// Who is asking; null without a valid access token.
    async fn me(&self, ctx: &Context<'_>) -> Option<ViewerObject> {
        ctx.actor().principal().cloned().map(ViewerObject)
    }
}
