//! How the database would find the rows of statements that were seen in the log.

use std::path::Path;

use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::sqlite::SqliteConnection;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, Row as _};

use super::database;

/// The steps of the plan of each statement, over the database of a folder.
pub async fn of(folder: &Path, statements: &[&String]) -> Vec<Vec<String>> {
    let mut plans = Vec::new();
    if let Some(url) = database::of_folder(folder) {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        // With few rows a scan is the cheapest; where it is the only way, it shows all the same.
        for setting in ["enable_seqscan = off", "plan_cache_mode = force_generic_plan"] {
            sqlx::raw_sql(AssertSqlSafe(format!("SET {setting}"))).execute(&mut connection).await.unwrap();
        }
        for (index, sql) in statements.iter().enumerate() {
            let count = (1..100).take_while(|n| sql.contains(&format!("${n}"))).count();
            let nulls = vec!["NULL"; count].join(", ");
            let execute = if count == 0 { format!("p{index}") } else { format!("p{index} ({nulls})") };
            sqlx::raw_sql(AssertSqlSafe(format!("PREPARE p{index} AS {sql}")))
                .execute(&mut connection)
                .await
                .unwrap();
            let explain = AssertSqlSafe(format!("EXPLAIN EXECUTE {execute}"));
            let rows = sqlx::raw_sql(explain).fetch_all(&mut connection).await.unwrap();
            plans.push(rows.iter().map(|row| row.get::<String, _>(0)).collect());
        }
        return plans;
    }
    let path = folder.join("data/guestlist.db");
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    for sql in statements {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let rows = sqlx::query(explain).fetch_all(&mut connection).await.unwrap();
        plans.push(rows.iter().map(|row| row.get::<String, _>("detail")).collect());
    }
    plans
}
