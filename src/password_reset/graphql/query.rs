//! Queries of this slice.

use async_graphql::{Context, ID, Object};

use super::inputs::{ResetRequestFilter, ResetRequestOrder};
use super::object::ResetRequestObject;
use crate::graphql::{Connection, GqlResult, OrderDirection, RequestContext as _, parse_optional_id};
use crate::page::PageArgs;
use crate::password_reset::service::{self, Filter, SortBy};

/// Queries of this slice.
#[derive(Debug, Default)]
pub struct PasswordQuery;

#[Object]
impl PasswordQuery {
    /// Reset requests that the caller may decide, or might have; needs APPROVE_RESETS.
    ///
    /// Never one's own, nor those of people with permissions that the caller lacks. Administrators of the platform
    /// whose session speaks for no tenant get those of all.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a Relay connection")]
    async fn reset_requests(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Tenant to list; the active one by default.")] tenant_id: Option<ID>,
        #[graphql(desc = "So many rows from the start, or after `after`; 20 by default, 100 at the most.")]
        first: Option<i32>,
        #[graphql(desc = "Rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many rows from the end, or before `before`; 100 at the most.")] last: Option<
            i32,
        >,
        #[graphql(desc = "Rows before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which requests; all by default.")] filter: Option<ResetRequestFilter>,
        #[graphql(desc = "In which order; latest first by default.")] order_by: Option<ResetRequestOrder>,
    ) -> Option<GqlResult<Connection<ResetRequestObject>>> {
        let count = ctx.look_ahead().field("totalCount").exists();
        let order_by = order_by.map(|order| (SortBy::from(order.field), order.direction));
        let (by, direction) = order_by.unwrap_or((SortBy::CreatedAt, OrderDirection::Desc));
        let page = PageArgs { first, after, last, before };
        let filter = filter.unwrap_or_default();
        let ends = filter.created_at.map(|range| (range.from, range.to)).unwrap_or_default();
        let filter = Filter { status: filter.status, from: ends.0.map(|at| at.0), to: ends.1.map(|at| at.0) };
        let listed = async {
            let tenant_id = parse_optional_id("tenantId", "tenant", tenant_id.as_ref())?;
            let descending = direction == OrderDirection::Desc;
            service::list(ctx.app(), ctx.actor(), tenant_id, filter, (by, descending), page, count).await
        };
        let shown = |slice| Connection::new(slice, |row| by.cursor(row), ResetRequestObject);
        Some(Box::pin(listed).await.map(shown).map_err(Into::into))
    }
}
