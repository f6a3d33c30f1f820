//! Statements of first pages without a condition, by far the most frequent ones: their text is the same for every tenant, and is made once.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use sea_orm::{Statement, Value};

use super::{Columns, SortBy};
use crate::id::TenantId;

/// What the text of such a statement depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub(super) postgres: bool,
    pub(super) by: SortBy,
    pub(super) ascending: bool,
    /// Rows that are read at the most.
    pub(super) limit: u64,
    pub(super) columns: Columns,
}

/// As many as are remembered; clients have a few lists with a size each.
const MOST: usize = 256;

static KNOWN: LazyLock<RwLock<HashMap<Shape, Statement>>> = LazyLock::new(RwLock::default);

/// The statement of this shape for a tenant, as `make` would make it.
pub(super) fn statement(shape: Shape, tenant: TenantId, make: impl FnOnce() -> Statement) -> Statement {
    if let Some(known) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&shape) {
        let mut statement = known.clone();
        for value in statement.values.iter_mut().flat_map(|values| values.0.iter_mut()) {
            if is_nobody(value) {
                *value = Value::from(tenant);
            }
        }
        return statement;
    }
    let statement = make();
    let mut general = statement.clone();
    let mut is_general = false;
    for value in general.values.iter_mut().flat_map(|values| values.0.iter_mut()) {
        if *value == Value::from(tenant) {
            *value = nobody();
            is_general = true;
        }
    }
    if !is_general {
        // Whoever asked is in it in some other way: it is theirs alone.
        return statement;
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(shape, general);
    statement
}

/// What stands for the tenant in a statement that is remembered: NULL, with which nothing is found.
fn nobody() -> Value {
    Value::Uuid(None)
}

fn is_nobody(value: &Value) -> bool {
    matches!(value, Value::Uuid(None))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use sea_orm::DbBackend;
    use uuid::Uuid;

    use super::*;

    /// What is remembered is looked at by one test at a time: another one may have it forgotten.
    static TURN: Mutex<()> = Mutex::new(());

    fn shape(limit: u64) -> Shape {
        Shape {
            postgres: true,
            by: SortBy::Email,
            ascending: true,
            limit,
            columns: Columns { names: true, ..Columns::default() },
        }
    }

    fn of(tenant: TenantId, limit: u64) -> Statement {
        statement(shape(limit), tenant, || {
            let values = [Value::from(tenant), Value::from(limit)];
            Statement::from_sql_and_values(DbBackend::Postgres, format!("SELECT {limit}"), values)
        })
    }

    #[test]
    fn a_statement_that_is_remembered_is_the_one_that_would_be_made() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let [one, other] = [1, 2].map(|number| TenantId::from(Uuid::from_u128(number)));
        // Sizes that no list of another test has.
        for limit in [100_001, 100_002, 100_001, 100_002] {
            for tenant in [one, other, one] {
                let found = of(tenant, limit);
                assert_eq!(found.sql, format!("SELECT {limit}"));
                assert_eq!(found.values.unwrap().0, [Value::from(tenant), Value::from(limit)]);
            }
            assert!(KNOWN.read().unwrap().contains_key(&shape(limit)));
        }
    }

    #[test]
    fn a_statement_that_names_its_tenant_in_another_way_is_not_remembered() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let tenant = TenantId::from(Uuid::from_u128(4));
        let make = || Statement::from_string(DbBackend::Postgres, "SELECT 'acme'");
        let _ = statement(shape(100_003), tenant, make);
        assert!(!KNOWN.read().unwrap().contains_key(&shape(100_003)));
    }

    #[test]
    fn as_many_are_remembered_as_there_is_room_for() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let tenant = TenantId::from(Uuid::from_u128(3));
        for limit in 200_000..200_000 + 2 * MOST as u64 {
            let _ = of(tenant, limit);
            assert!(KNOWN.read().unwrap().len() <= MOST);
        }
    }
}
