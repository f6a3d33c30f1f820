//! Every account.

use crate::actor::Actor;
use crate::app::App;
use crate::error::Result;
use crate::id::TypedId as _;
use crate::page::{Cursor, PageArgs, Slice, SortKey};
use crate::user::{self, Filter, User};

/// Name of the order of a list of accounts, as cursors carry it.
const ORDER: &str = "ACCOUNT";

/// The place of an account in a list.
#[must_use]
pub fn cursor(user: &User) -> Cursor {
    Cursor { order: ORDER.into(), key: SortKey::Text(String::new()), id: user.id.uuid() }
}

/// One page of all accounts, latest made first; `count` asks for the total as well.
///
/// # Errors
/// `UNAUTHENTICATED`; `FORBIDDEN` unless the actor administers the platform; `BAD_USER_INPUT` for paging arguments.
pub async fn users(
    app: &App,
    actor: &Actor,
    filter: Filter,
    page: PageArgs,
    count: bool,
) -> Result<Slice<User>> {
    actor.require_platform()?;
    let page = page.check(ORDER, false, app.config.max_page)?;
    user::service::page_of_all(app.db.reader(), &filter, &page, count).await
}
