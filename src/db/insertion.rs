//! Statements that insert a row. The text is the same for every row of a table, and is made once.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use sea_orm::{
    ActiveModelTrait, ActiveValue, DbBackend, EntityTrait, Insert, Iterable as _, QueryTrait as _, Statement,
    Values,
};

/// A text for each table and kind of database.
static KNOWN: LazyLock<RwLock<HashMap<(TypeId, bool), String>>> = LazyLock::new(RwLock::default);

/// The statement that inserts `row`, as SeaORM makes it.
pub fn insertion<A: ActiveModelTrait>(mut row: A, backend: DbBackend) -> Statement {
    let columns = <A::Entity as EntityTrait>::Column::iter;
    if columns().any(|column| row.is_not_set(column)) {
        // What is left to the database has no place in the text.
        return Insert::one(row).build(backend);
    }
    let key = (TypeId::of::<A::Entity>(), backend == DbBackend::Postgres);
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    let Some(sql) = known else {
        let statement = Insert::one(row).build(backend);
        KNOWN.write().unwrap_or_else(PoisonError::into_inner).insert(key, statement.sql.clone());
        return statement;
    };
    let values = columns().filter_map(|column| match row.take(column) {
        ActiveValue::Set(value) | ActiveValue::Unchanged(value) => Some(value),
        ActiveValue::NotSet => None,
    });
    Statement { sql, values: Some(Values(values.collect())), db_backend: backend }
}

#[cfg(test)]
mod tests {
    use sea_orm::entity::prelude::*;
    use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, DbBackend, Insert, QueryTrait as _};

    use super::insertion;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "thing")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub name: String,
        pub ended_at: Option<DateTimeUtc>,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    #[test]
    fn a_statement_is_the_one_that_seaorm_makes() {
        for backend in [DbBackend::Sqlite, DbBackend::Postgres] {
            for id in 0..3 {
                let mut row = ActiveModel { id: Set(id), name: Set(format!("{id}")), ended_at: Set(None) };
                assert_eq!(insertion(row.clone(), backend), Insert::one(row.clone()).build(backend));
                row.ended_at = NotSet;
                assert_eq!(insertion(row.clone(), backend), Insert::one(row).build(backend));
            }
        }
    }
}
