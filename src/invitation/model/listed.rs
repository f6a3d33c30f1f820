//! Rows of a list, with what stands beside them.

use std::sync::Arc;

use sea_orm::sea_query::{Asterisk, Order, Query, SelectStatement};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult as _, Iterable as _, Statement};

use super::{Brief, Column, Columns, Entity, Model, SortBy};
use crate::outbox::{self, Standing};
use crate::role::{self, Role};
use crate::user::{self, Person};

/// An invitation in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What was asked for of it, but for details.
    pub brief: Brief,
    /// The whole of its row, where details were asked for; apart, for what a list moves about is to be small.
    pub whole: Option<Box<Model>>,
    /// Where its mail stands, where that was asked for; `None` within where there is no mail.
    pub mail: Option<Option<Standing>>,
    /// Who invited, where that was read with the row and they are there.
    pub inviter: Option<Arc<Person>>,
    /// The role on offer, where that was read with the row and it was not deleted.
    pub role: Option<Arc<Role>>,
}

impl From<Brief> for Listed {
    fn from(brief: Brief) -> Self {
        Self { brief, whole: None, mail: None, inviter: None, role: None }
    }
}

impl From<Model> for Listed {
    fn from(whole: Model) -> Self {
        let brief = Brief::from(&whole);
        Self { whole: Some(Box::new(whole)), ..Self::from(brief) }
    }
}

/// The columns of its own that a row of a list has; `norm` says whether it is in the order of canonical addresses.
fn own(columns: Columns, norm: bool) -> Vec<Column> {
    if columns.details { Column::iter().collect() } else { Brief::columns(columns, norm) }
}

/// What the rows of a page are named in its statement.
const PAGE: &str = "page";

/// The statement that reads rows with what `columns` asks for, in the order of a column.
///
/// Whoever invited and roles are read with them on PostgreSQL, where each statement is a way there and back. On SQLite they are few that are
/// remembered, and a value costs as much as it is long.
pub(super) fn statement(
    backend: DbBackend,
    mut rows: SelectStatement,
    columns: Columns,
    (by, order): (SortBy, Order),
) -> Statement {
    let own = own(columns, by == SortBy::Email);
    rows.columns(own.into_iter().map(|column| (Entity, column)));
    if columns.mails {
        outbox::join_standing(&mut rows, (Entity, Column::OutboxId), columns.attempts);
    }
    rows.order_by((Entity, by.column()), order.clone()).order_by((Entity, Column::Id), order.clone());
    if backend != DbBackend::Postgres || !(columns.inviters || columns.roles) {
        return backend.build(&rows);
    }
    let mut page = Query::select();
    page.from_subquery(rows, PAGE).column((PAGE, Asterisk));
    if columns.inviters {
        user::select_named(&mut page, (PAGE, Column::InviterId));
    }
    if columns.roles {
        role::select_named(&mut page, (PAGE, Column::RoleId));
    }
    page.order_by((PAGE, by.column()), order.clone()).order_by((PAGE, Column::Id), order);
    backend.build(&page)
}

/// Reads the rows of [`statement`].
pub(super) async fn read(
    db: &impl ConnectionTrait,
    statement: Statement,
    columns: Columns,
    norm: bool,
) -> Result<Vec<Listed>, DbErr> {
    let named = db.get_database_backend() == DbBackend::Postgres;
    let own = own(columns, norm).len();
    let rows = db.query_all_raw(statement).await?;
    let (mut users, mut roles) = (Beside::default(), Beside::default());
    let mut listed = Vec::with_capacity(rows.len());
    for found in &rows {
        let mut row = if columns.details {
            Listed::from(Model::from_query_result(found, "")?)
        } else {
            Listed::from(Brief::read(found, columns, norm)?)
        };
        if columns.mails {
            row.mail = Some(Standing::behind(own, found, columns.attempts)?);
        }
        if named && columns.inviters {
            let user = Person::named(found, usize::from(columns.roles))?;
            row.inviter = users.of(row.brief.inviter_id.flatten(), user.map(|user| (user.id, user)));
        }
        if named && columns.roles {
            let role = Role::named(found, 0)?;
            row.role = roles.of(row.brief.role_id, role.map(|role| (role.id, role)));
        }
        listed.push(row);
    }
    Ok(listed)
}

/// What stands beside rows that follow each other: with the first of those that name the same one.
struct Beside<K, V>(Option<(K, Arc<V>)>);

impl<K, V> Default for Beside<K, V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: PartialEq, V> Beside<K, V> {
    /// What a row names, and what came with it.
    fn of(&mut self, named: Option<K>, came: Option<(K, V)>) -> Option<Arc<V>> {
        if let Some((id, value)) = came {
            self.0 = Some((id, Arc::new(value)));
        }
        let (id, value) = self.0.as_ref()?;
        (Some(id) == named.as_ref()).then(|| Arc::clone(value))
    }
}
