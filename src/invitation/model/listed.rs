//! Rows of a list, with what stands beside them.

use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::sea_query::SelectStatement;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult as _, Iterable as _, Statement};

use super::{Brief, Column, Columns, Entity, Model};
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

/// The statement that reads rows with what `columns` asks for.
///
/// Whoever invited and roles are joined on PostgreSQL, where each statement is a way there and back. On SQLite they are few that are remembered,
/// and a value costs as much as it is long.
pub(super) fn statement(
    backend: DbBackend,
    mut rows: SelectStatement,
    columns: Columns,
    norm: bool,
) -> Statement {
    rows.columns(own(columns, norm).into_iter().map(|column| (Entity, column)));
    if columns.mails {
        outbox::join_standing(&mut rows, (Entity, Column::OutboxId), columns.attempts);
    }
    if backend == DbBackend::Postgres && columns.inviters {
        user::join(&mut rows, (Entity, Column::InviterId));
    }
    if backend == DbBackend::Postgres && columns.roles {
        role::join(&mut rows, (Entity, Column::RoleId));
    }
    backend.build(&rows)
}

/// Reads the rows of [`statement`].
pub(super) async fn read(
    db: &impl ConnectionTrait,
    statement: Statement,
    columns: Columns,
    norm: bool,
) -> Result<Vec<Listed>, DbErr> {
    let joins = db.get_database_backend() == DbBackend::Postgres;
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
        if joins && columns.inviters {
            row.inviter = users.of(row.brief.inviter_id.flatten(), || Person::joined(found))?;
        }
        if joins && columns.roles {
            row.role = roles.of(row.brief.role_id, || Role::joined(found))?;
        }
        listed.push(row);
    }
    Ok(listed)
}

/// What stands beside many rows, made once.
struct Beside<K, V>(HashMap<K, Option<Arc<V>>>);

impl<K, V> Default for Beside<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: std::hash::Hash + Eq, V> Beside<K, V> {
    fn of(
        &mut self,
        key: Option<K>,
        read: impl FnOnce() -> Result<Option<V>, DbErr>,
    ) -> Result<Option<Arc<V>>, DbErr> {
        use std::collections::hash_map::Entry;
        let Some(key) = key else { return Ok(None) };
        Ok(match self.0.entry(key) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(place) => place.insert(read()?.map(Arc::new)).clone(),
        })
    }
}
