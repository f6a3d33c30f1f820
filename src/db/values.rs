//! The values of a row, read one after another. A list has hundreds of them; asking each whether it is of the type that its column has, by
//! its name, costs more than reading it.

use std::cell::RefCell;

use chrono::{DateTime, Utc};
use sea_orm::sqlx::postgres::{PgRow, PgValueFormat, Postgres};
use sea_orm::sqlx::sqlite::{Sqlite, SqliteRow};
use sea_orm::sqlx::{self, Decode, Row as _, TypeInfo as _, ValueRef as _};
use sea_orm::{ActiveEnum, DbErr, QueryResult, RuntimeErr};

use crate::clock::Instant;

thread_local! {
    /// The word that is read: SeaORM takes it from a `String`, of which a list would make hundreds.
    static WORD: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The values of a row that has not been read to its end.
pub struct Values<'r> {
    row: Row<'r>,
    next: usize,
}

enum Row<'r> {
    Sqlite(&'r SqliteRow),
    Postgres(&'r PgRow),
}

impl<'r> Values<'r> {
    /// The values of a row from the one with this number on.
    ///
    /// # Errors
    /// For a row of a database that the service has none of.
    pub fn from(row: &'r QueryResult, next: usize) -> Result<Self, DbErr> {
        let sqlite = row.try_as_sqlite_row().map(Row::Sqlite);
        let row = sqlite.or_else(|| row.try_as_pg_row().map(Row::Postgres));
        row.map(|row| Self { row, next }).ok_or_else(|| DbErr::Type("a row of neither database".to_owned()))
    }

    /// The next value.
    ///
    /// # Errors
    /// Where there is none, or none of this type.
    pub fn value<T>(&mut self) -> Result<T, DbErr>
    where
        T: Decode<'r, Sqlite> + Decode<'r, Postgres>,
    {
        let place = self.next;
        self.optional()?.ok_or_else(|| nothing_at(place))
    }

    /// The next value, or none.
    ///
    /// # Errors
    /// Where it is not of this type.
    pub fn optional<T>(&mut self) -> Result<Option<T>, DbErr>
    where
        T: Decode<'r, Sqlite> + Decode<'r, Postgres>,
    {
        let place = self.next;
        self.next += 1;
        match self.row {
            Row::Sqlite(row) => row.try_get_unchecked(place),
            Row::Postgres(row) => row.try_get_unchecked(place),
        }
        .map_err(failed)
    }

    /// The next value, a moment.
    ///
    /// # Errors
    /// As [`Values::value`].
    pub fn instant(&mut self) -> Result<Instant, DbErr> {
        let place = self.next;
        self.optional_instant()?.ok_or_else(|| nothing_at(place))
    }

    /// The next value, a moment or none.
    ///
    /// # Errors
    /// As [`Values::optional`].
    pub fn optional_instant(&mut self) -> Result<Option<Instant>, DbErr> {
        let usual = match self.row {
            Row::Sqlite(row) => {
                let value = row.try_get_raw(self.next).map_err(failed)?;
                let text = value.type_info().name() == "TEXT";
                text.then(|| <&str as Decode<Sqlite>>::decode(value).ok().and_then(usual)).flatten()
            }
            Row::Postgres(row) => {
                let value = row.try_get_raw(self.next).map_err(failed)?;
                match value.as_bytes() {
                    Ok(bytes) if value.format() == PgValueFormat::Binary => {
                        Some(since_2000(bytes).ok_or_else(|| DbErr::Type("no moment".to_owned()))?)
                    }
                    _ => None,
                }
            }
        };
        if usual.is_some() {
            self.next += 1;
            return Ok(usual);
        }
        self.optional::<DateTime<Utc>>()
    }

    /// The next value, one of a few words; `None` where there is none.
    ///
    /// # Errors
    /// As [`Values::value`].
    pub fn word<E: ActiveEnum<Value = String>>(&mut self) -> Result<Option<E>, DbErr> {
        let Some(text) = self.optional::<&str>()? else { return Ok(None) };
        WORD.with_borrow_mut(|word| {
            word.clear();
            word.push_str(text);
            E::try_from_value(word).map(Some)
        })
    }
}

fn nothing_at(place: usize) -> DbErr {
    DbErr::Type(format!("nothing at place {place} of a row"))
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

/// A moment as PostgreSQL sends it: microseconds since 2000; none for `infinity`.
fn since_2000(bytes: &[u8]) -> Option<Instant> {
    const BEGIN: i64 = 946_684_800_000_000;
    let micros = i64::from_be_bytes(bytes.try_into().ok()?);
    DateTime::from_timestamp_micros(micros.checked_add(BEGIN)?)
}

/// A moment in SQLite as the service writes it, `2026-01-31T12:00:00.000+00:00`, or without its milliseconds.
fn usual(text: &str) -> Option<Instant> {
    let text = text.as_bytes();
    let (date, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest.split_at_checked(9)?;
    let millis = match rest {
        b"+00:00" => 0,
        [b'.', a, b, c, b'+', b'0', b'0', b':', b'0', b'0'] => number(&[*a, *b, *c])?,
        _ => return None,
    };
    let ([y, y2, y3, y4, b'-', m, m2, b'-', d, d2], [b'T', h, h2, b':', n, n2, b':', s, s2]) = (date, time)
    else {
        return None;
    };
    let year = i32::try_from(number(&[*y, *y2, *y3, *y4])?).ok()?;
    let date = chrono::NaiveDate::from_ymd_opt(year, number(&[*m, *m2])?, number(&[*d, *d2])?)?;
    let (hour, minute, second) = (number(&[*h, *h2])?, number(&[*n, *n2])?, number(&[*s, *s2])?);
    Some(date.and_hms_milli_opt(hour, minute, second, millis)?.and_utc())
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;
    use sea_orm::{ConnectionTrait as _, Database, DbBackend, Statement};

    use super::*;

    #[test]
    fn what_is_no_moment_is_not_taken_for_one() {
        for text in [
            "2026-02-30T12:00:00.000+00:00",
            "2026-01-31T25:00:00.000+00:00",
            "2026-01-3xT12:00:00.000+00:00",
            "2026-01-31T12:00:00.000+01:00",
            "2026-01-31 12:00:00",
            "2026-01-31",
            "",
        ] {
            assert_eq!(usual(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_moment_that_the_service_writes_is_read_as_it_was(millis in -62_167_219_200_000_i64..=253_402_300_799_999) {
            let at = DateTime::from_timestamp_millis(millis).unwrap();
            let written = at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false);
            prop_assert_eq!(usual(&written), Some(at), "{}", written);
        }

        #[test]
        fn what_is_read_of_any_text_is_what_rfc_3339_says(text in "[0-9T:.+-]{0,30}|\\PC{0,40}") {
            if let Some(at) = usual(&text) {
                prop_assert_eq!(DateTime::parse_from_rfc3339(&text).map(|at| at.to_utc()), Ok(at));
            }
        }
    }

    #[tokio::test]
    async fn values_are_read_in_their_order_and_of_their_type() {
        let db = Database::connect("sqlite::memory:").await.unwrap();
        let sql = "SELECT 'a' AS a, NULL AS b, 7 AS c, 'no time' AS d, x'00' AS e,
            '2026-01-31T12:00:00.007+00:00' AS f, '2026-01-31 12:00:00.007' AS g, 1769860800 AS h, NULL AS i, NULL AS j";
        let row = db.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap().unwrap();
        let mut values = Values::from(&row, 0).unwrap();
        assert_eq!(values.value::<String>().unwrap(), "a");
        assert_eq!(values.optional::<String>().unwrap(), None);
        assert_eq!(values.value::<i64>().unwrap(), 7);
        assert!(values.instant().is_err());
        assert!(values.value::<uuid::Uuid>().is_err());
        let at = DateTime::from_timestamp_millis(1_769_860_800_007).unwrap();
        assert_eq!((values.instant().unwrap(), values.instant().unwrap()), (at, at));
        assert_eq!(values.instant().unwrap().timestamp(), at.timestamp());
        assert!(values.instant().is_err(), "it is NULL");
        assert_eq!(values.optional_instant().unwrap(), None);
        assert!(values.optional::<String>().is_err(), "there is no more");
    }
}
