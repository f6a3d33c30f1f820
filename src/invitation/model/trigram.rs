//! Rows of `search_trigram`: in which blocks of a tenant three bytes follow each other in an address.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, QuerySelect};

use super::search::padded;
use crate::db;
use crate::id::TenantId;

/// Blocks that one row speaks of.
pub(super) const SPAN: i32 = 1_024;
/// Trigrams of a text that are looked for; more would hardly leave fewer blocks.
const MOST: usize = 16;

/// Which blocks of a span hold a trigram.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "search_trigram")]
pub struct Model {
    /// Whose blocks they are.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// Three bytes, the first of them the highest.
    #[sea_orm(primary_key, auto_increment = false)]
    pub trigram: i32,
    /// Which 1,024 blocks: their numbers divided by that.
    #[sea_orm(primary_key, auto_increment = false)]
    pub span: i32,
    /// A bit for each block from the lowest of the first byte on; those that are left out are 0.
    pub blocks: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}

/// The trigrams of a text.
fn of(text: &str) -> impl Iterator<Item = i32> {
    text.as_bytes().windows(3).map(|three| three.iter().fold(0, |all, byte| all << 8 | i32::from(*byte)))
}

/// Trigrams to look for; none where the text is too short to have any.
pub(super) fn sought(text: &str) -> BTreeSet<i32> {
    of(text).take(MOST).collect()
}

/// The place of a block: its span, its byte there, and its bit there.
fn place(number: i32) -> (i32, usize, u8) {
    let bit = number.rem_euclid(SPAN);
    (number.div_euclid(SPAN), usize::try_from(bit / 8).unwrap_or_default(), 1 << (bit % 8))
}

/// Which blocks hold each of some trigrams, read span by span.
#[derive(Debug, Default)]
pub(super) struct Common {
    /// How many trigrams of a span were read, and the blocks that hold all of these.
    spans: BTreeMap<i32, (usize, Vec<u8>)>,
}

impl Common {
    /// One of the trigrams is in these blocks of a span.
    pub(super) fn add(&mut self, span: i32, blocks: Vec<u8>) {
        self.spans
            .entry(span)
            .and_modify(|(read, common)| {
                *read += 1;
                common.truncate(blocks.len());
                for (common, blocks) in common.iter_mut().zip(&blocks) {
                    *common &= blocks;
                }
            })
            .or_insert((1, blocks));
    }

    /// Numbers of the blocks that hold all of so many trigrams, in order.
    pub(super) fn numbers(&self, trigrams: usize) -> Vec<i32> {
        let whole = self.spans.iter().filter(|(_, (read, _))| *read == trigrams);
        whole
            .flat_map(|(span, (_, blocks))| {
                let bits = blocks.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
                (span * SPAN..).zip(bits).filter(|(_, held)| *held).map(|(number, _)| number)
            })
            .collect()
    }
}

/// How many blocks from this one on are of the same span.
pub(super) fn left(number: i32) -> u16 {
    u16::try_from(SPAN - number.rem_euclid(SPAN)).unwrap_or(1)
}

/// Which trigrams some blocks of one span hold.
#[derive(Debug, Default)]
pub(super) struct Held {
    span: i32,
    /// For each trigram the blocks that hold it, as bytes of its row.
    blocks: BTreeMap<i32, BTreeMap<usize, u8>>,
}

impl Held {
    /// A block holds the trigrams of some addresses.
    pub(super) fn add<'a>(&mut self, number: i32, addresses: impl Iterator<Item = &'a str>) {
        let (span, byte, bit) = place(number);
        self.span = span;
        for trigram in addresses.flat_map(of) {
            *self.blocks.entry(trigram).or_default().entry(byte).or_default() |= bit;
        }
    }

    /// Records it. Nobody else writes the trigrams of this tenant meanwhile.
    pub(super) async fn record(self, db: &impl ConnectionTrait, tenant: TenantId) -> Result<(), DbErr> {
        let held: Vec<(i32, BTreeMap<usize, u8>)> = self.blocks.into_iter().collect();
        for held in held.chunks(db::ROWS) {
            let trigrams: Vec<i32> = held.iter().map(|(trigram, _)| *trigram).collect();
            let known = Entity::find()
                .select_only()
                .columns([Column::Trigram, Column::Blocks])
                .filter(Column::TenantId.eq(tenant))
                .filter(Column::Trigram.is_in(padded(&trigrams)))
                .filter(Column::Span.eq(self.span));
            let mut known: BTreeMap<i32, Vec<u8>> =
                known.into_tuple::<(i32, Vec<u8>)>().all(db).await?.into_iter().collect();
            let rows = held.iter().map(|(trigram, bytes)| {
                let mut blocks = known.remove(trigram).unwrap_or_default();
                for (byte, bits) in bytes {
                    blocks.resize(blocks.len().max(byte + 1), 0);
                    blocks[*byte] |= bits;
                }
                ActiveModel {
                    tenant_id: Set(tenant),
                    trigram: Set(*trigram),
                    span: Set(self.span),
                    blocks: Set(blocks),
                }
            });
            let replaced = OnConflict::columns([Column::TenantId, Column::Trigram, Column::Span])
                .update_column(Column::Blocks)
                .to_owned();
            Entity::insert_many(rows).on_conflict(replaced).exec_without_returning(db).await?;
        }
        Ok(())
    }
}

/// Deletes what is known of a span of a tenant's blocks.
pub(super) async fn forget(db: &impl ConnectionTrait, tenant: TenantId, span: i32) -> Result<(), DbErr> {
    let old = Entity::delete_many().filter(Column::TenantId.eq(tenant)).filter(Column::Span.eq(span));
    old.exec(db).await.map(drop)
}

/// Deletes what is known of a tenant's blocks.
pub(super) async fn erase(db: &impl ConnectionTrait, tenant: TenantId) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::TenantId.eq(tenant)).exec(db).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_a_trigram_for_each_three_bytes_of_it() {
        assert_eq!(of("abcd").collect::<Vec<_>>(), [0x0061_6263, 0x0062_6364]);
        assert_eq!(of("ab").count(), 0);
        assert_eq!(of("ü@").collect::<Vec<_>>(), [0x00c3_bc40]);
        assert_eq!(sought("aaaaaa").len(), 1);
        assert_eq!(sought("abcdefghijklmnopqrstuvwxyz").len(), MOST);
    }

    #[test]
    fn blocks_hold_a_text_where_each_of_its_trigrams_says_so() {
        let mut common = Common::default();
        common.add(0, vec![0b1010_0001, 0b0000_0010]);
        common.add(0, vec![0b1000_0011]);
        common.add(2, vec![0b0000_0001]);
        assert_eq!(common.numbers(2), [0, 7], "of the second span only one trigram is known");
        common.add(2, vec![0, 0b1000_0000]);
        assert_eq!(common.numbers(2), [0, 7]);
        assert!(Common::default().numbers(2).is_empty());
    }

    #[test]
    fn blocks_that_are_laid_together_are_of_one_span() {
        for (number, blocks) in [(0, 1_024), (1, 1_023), (1_023, 1), (1_024, 1_024), (2_047, 1)] {
            assert_eq!(left(number), blocks, "{number}");
            assert_eq!(place(number).0, place(number + i32::from(blocks) - 1).0);
        }
    }

    #[test]
    fn what_blocks_hold_is_gathered_for_each_trigram() {
        let mut held = Held::default();
        held.add(1_024 + 7, ["abc", "abcd"].into_iter());
        held.add(1_024 + 8, ["bcd"].into_iter());
        let [abc, bcd] = [0x0061_6263, 0x0062_6364];
        assert_eq!(held.span, 1);
        assert_eq!(held.blocks[&abc], BTreeMap::from([(0, 0b1000_0000)]));
        assert_eq!(held.blocks[&bcd], BTreeMap::from([(0, 0b1000_0000), (1, 0b0000_0001)]));
    }

    #[test]
    fn each_block_has_a_bit_of_its_own() {
        for number in [0, 7, 8, 1_023, 1_024, 5_000] {
            let (span, byte, bit) = place(number);
            let mut blocks = vec![0; byte + 1];
            blocks[byte] |= bit;
            let mut common = Common::default();
            common.add(span, blocks);
            assert_eq!(common.numbers(1), [number]);
        }
    }
}
