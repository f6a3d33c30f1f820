//! Keyset paging: a cursor names the sort key and identifier of a row, and is read back strictly.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, Result};

/// Rows in a page when the caller does not say.
pub const DEFAULT_SIZE: u64 = 20;
/// Last millisecond of the year 9999, the latest time that a cursor can name.
const LATEST: i64 = 253_402_300_799_999;

/// Value that a list is sorted by; the identifier breaks ties.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SortKey {
    /// Milliseconds since the Unix epoch.
    #[serde(rename = "t")]
    Time(i64),
    /// Text in the database's own order.
    #[serde(rename = "s")]
    Text(String),
}

/// Place in a list, right beside a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Name of the order it belongs to; a cursor of another order is refused.
    #[serde(rename = "o")]
    pub order: Cow<'static, str>,
    /// The row's sort key.
    #[serde(rename = "k")]
    pub key: SortKey,
    /// The row's identifier.
    #[serde(rename = "i")]
    pub id: Uuid,
}

impl Cursor {
    /// The opaque text that clients see.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn decode(text: &str, order: &str, timed: bool) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let cursor: Self = serde_json::from_slice(&bytes).ok()?;
        let sound = match &cursor.key {
            SortKey::Time(millis) => timed && (0..=LATEST).contains(millis),
            SortKey::Text(_) => !timed,
        };
        (cursor.order == order && sound).then_some(cursor)
    }
}

/// Paging arguments as the caller gave them.
#[derive(Clone, Debug, Default)]
pub struct PageArgs {
    /// So many rows from the start, or after `after`.
    pub first: Option<i32>,
    /// Rows after this cursor.
    pub after: Option<String>,
    /// So many rows from the end, or before `before`.
    pub last: Option<i32>,
    /// Rows before this cursor.
    pub before: Option<String>,
}

/// Checked paging arguments.
#[derive(Clone, Debug)]
pub struct Page {
    /// Most rows to return.
    pub size: u64,
    /// Whether to count from the end.
    pub backward: bool,
    /// Rows after this place.
    pub after: Option<Cursor>,
    /// Rows before this place.
    pub before: Option<Cursor>,
}

impl PageArgs {
    /// Checks the arguments for a list in the given order; `timed` says whether its keys are times,
    /// `most` how many rows a page may have.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` naming the argument.
    pub fn check(self, order: &str, timed: bool, most: u32) -> Result<Page> {
        if self.first.is_some() && self.last.is_some() {
            return Err(Error::bad_input("last", "Give either first or last, not both."));
        }
        let backward = self.last.is_some();
        let (name, size) = if backward { ("last", self.last) } else { ("first", self.first) };
        let size = match size {
            None => DEFAULT_SIZE,
            Some(size) => u64::try_from(size)
                .ok()
                .filter(|size| (1..=u64::from(most)).contains(size))
                .ok_or_else(|| Error::bad_input(name, format!("A page has 1 to {most} rows.")))?,
        };
        let cursor = |name: &str, text: Option<String>| {
            text.map(|text| {
                Cursor::decode(&text, order, timed).ok_or_else(|| {
                    Error::bad_input(
                        name,
                        "This is no cursor of this list; use one from its pageInfo or edges.",
                    )
                })
            })
            .transpose()
        };
        Ok(Page {
            size,
            backward,
            after: cursor("after", self.after)?,
            before: cursor("before", self.before)?,
        })
    }
}

/// Rows of one page, and whether there are more on either side.
#[derive(Clone, Debug)]
pub struct Slice<T> {
    /// The rows in the order of the list.
    pub rows: Vec<T>,
    /// Whether rows follow.
    pub has_next: bool,
    /// Whether rows stand before.
    pub has_previous: bool,
    /// Rows in all pages together; 0 when nobody asked.
    pub total: u64,
}

impl<T> Slice<T> {
    /// Makes a page of the `size + 1` rows that the query asked for, in the order of the query.
    #[must_use]
    pub fn cut(mut rows: Vec<T>, page: &Page, total: u64) -> Self {
        let size = usize::try_from(page.size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        if page.backward {
            rows.reverse();
            Self { rows, has_next: page.before.is_some(), has_previous: more, total }
        } else {
            Self { rows, has_next: more, has_previous: page.after.is_some(), total }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn args(first: Option<i32>, last: Option<i32>) -> PageArgs {
        PageArgs { first, last, ..PageArgs::default() }
    }

    #[test]
    fn a_page_has_1_to_100_rows() {
        for size in [0, -1, 101, i32::MIN] {
            assert!(args(Some(size), None).check("x", false, 100).is_err(), "{size}");
            assert!(args(None, Some(size)).check("x", false, 100).is_err(), "{size}");
        }
        assert_eq!(args(None, None).check("x", false, 100).unwrap().size, 20);
        assert_eq!(args(Some(100), None).check("x", false, 100).unwrap().size, 100);
        assert!(args(Some(1), Some(1)).check("x", false, 100).is_err());
    }

    #[test]
    fn t56_a_cursor_is_good_for_its_own_order_and_kind_of_key_only() {
        let cursor = Cursor { order: "EMAIL".into(), key: SortKey::Text("a'; --".into()), id: Uuid::nil() };
        let check = |text: &str, order| {
            PageArgs { after: Some(text.to_owned()), ..PageArgs::default() }.check(
                order,
                order != "EMAIL",
                100,
            )
        };
        assert_eq!(check(&cursor.encode(), "EMAIL").unwrap().after, Some(cursor.clone()));
        assert!(check(&cursor.encode(), "CREATED_AT").is_err());
        let timed = |millis| {
            Cursor { order: "CREATED_AT".into(), key: SortKey::Time(millis), id: Uuid::nil() }.encode()
        };
        assert!(check(&timed(1), "CREATED_AT").is_ok());
        for millis in [i64::MAX, i64::MIN, -1] {
            assert!(check(&timed(millis), "CREATED_AT").is_err(), "{millis}");
        }
        let mistyped = Cursor { order: "EMAIL".into(), key: SortKey::Time(1), id: Uuid::nil() };
        assert!(check(&mistyped.encode(), "EMAIL").is_err());
        assert!(check("", "EMAIL").is_err());
        assert!(check("bm9uc2Vuc2U", "EMAIL").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_refused_without_a_panic(text in "\\PC{0,80}") {
            prop_assert!(Cursor::decode(&text, "EMAIL", false).is_none());
        }
    }
}
