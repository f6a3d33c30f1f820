//! Values of rows as PostgreSQL sends them.

mod postgres_only {
    use guestlist::clock::Instant;
    use guestlist::db::Values;
    use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

    use crate::support::TestApp;

    #[tokio::test]
    #[ignore = "needs PostgreSQL: run by tests/postgres.rs"]
    async fn moments_are_read_as_the_driver_reads_them() {
        let app = TestApp::new().await;
        let times = [
            "2026-11-29 12:00:00.007+00",
            "1999-12-31 23:59:59.999999+00",
            "0001-01-01 00:00:00+00",
            "9999-12-31 23:59:59+00",
        ];
        for time in times {
            let select = format!(
                "SELECT timestamptz '{time}' AS at, timestamptz '{time}', 7::bigint, NULL::timestamptz, timestamptz 'infinity'"
            );
            let select = Statement::from_string(DbBackend::Postgres, select);
            let row = app.app.db.reader().query_one_raw(select).await.unwrap().unwrap();
            let driver: Instant = row.try_get("", "at").unwrap();
            let mut values = Values::from(&row, 0).unwrap();
            assert_eq!([values.instant().unwrap(), values.instant().unwrap()], [driver; 2]);
            assert_eq!(values.value::<i64>().unwrap(), 7, "the place goes on");
            assert_eq!(values.optional_instant().unwrap(), None);
            assert!(values.optional_instant().is_err(), "it has no end");
        }
    }
}
