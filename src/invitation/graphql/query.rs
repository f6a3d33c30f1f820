//! Queries of this slice.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};

use super::delivery::DeliveryState;
use super::inputs::{InvitationFilter, InvitationOrder};
use super::object::{InvitationObject, InvitationPreview};
use super::related::{Related, asked};
use crate::error::{Error, Result};
use crate::graphql::{
    Connection, DateTimeRange, GqlResult, OrderDirection, RequestContext as _, parse_optional_id,
};
use crate::invitation::service::{self, Filter, Range, SortBy, Wanted};
use crate::page::PageArgs;

/// Queries of this slice.
#[derive(Debug, Default)]
pub struct InvitationQuery;

#[Object]
impl InvitationQuery {
    /// What the holder of an invitation token sees; needs no session.
    ///
    /// `TOKEN_INVALID` for anything that is no token; `SUPERSEDED` for the link before a resend.
    async fn invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(secret, desc = "Token from the mail.")] token: String,
    ) -> Option<GqlResult<InvitationPreview>> {
        let seen = Box::pin(service::preview(ctx.app(), ctx.actor(), &token)).await;
        Some(seen.map(InvitationPreview::from).map_err(Into::into))
    }

    /// Invitations of a tenant (the active one by default); needs INVITE.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a Relay connection")]
    async fn invitations(
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
        #[graphql(desc = "Which invitations; all by default.")] filter: Option<InvitationFilter>,
        #[graphql(desc = "In which order; latest first by default.")] order_by: Option<InvitationOrder>,
    ) -> Option<GqlResult<Connection<InvitationObject>>> {
        let total = ctx.look_ahead().field("totalCount").exists();
        let columns = asked(ctx);
        let wanted = Wanted { total, columns };
        let order_by = order_by.map(|order| (SortBy::from(order.field), order.direction));
        let (by, direction) = order_by.unwrap_or((SortBy::CreatedAt, OrderDirection::Desc));
        let page = PageArgs { first, after, last, before };
        let listed = async {
            let tenant_id = parse_optional_id("tenantId", "tenant", tenant_id.as_ref())?;
            let filter = read_filter(filter.unwrap_or_default())?;
            let descending = direction == OrderDirection::Desc;
            let order = (by, descending);
            let listing =
                service::list(ctx.app(), ctx.actor(), tenant_id, filter, order, page, wanted).await?;
            let related = Arc::new(Related::read(ctx, columns, &listing).await?);
            let show = |row| InvitationObject::listed(row, &related);
            Ok(Connection::new(listing.slice, |row| by.cursor(&row.brief), show))
        };
        Some(Box::pin(listed).await.map_err(|error: Error| error.into()))
    }
}

fn read_filter(filter: InvitationFilter) -> Result<Filter> {
    Ok(Filter {
        status: filter.status,
        delivery: filter.delivery.map(|states| states.into_iter().map(DeliveryState::stored).collect()),
        role_keys: filter.role_key,
        email_contains: filter.email_contains,
        invited_by: parse_optional_id("filter.invitedById", "user", filter.invited_by_id.as_ref())?,
        created: range(filter.created_at),
        expires: range(filter.expires_at),
    })
}

fn range(range: Option<DateTimeRange>) -> Range {
    let ends = range.map(|range| (range.from, range.to)).unwrap_or_default();
    Range { from: ends.0.map(|at| at.0), to: ends.1.map(|at| at.0) }
}
