//! Rows of `search_block`: the addresses of a tenant's older invitations, a few hundred in a row, in the order in which they were made.

use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel as _, QueryOrder, QuerySelect};

use super::search::{Made, padded};
use crate::clock::Instant;
use crate::id::{InvitationId, TenantId, TypedId as _};

/// Invitations in a block.
pub(in crate::invitation) const ROWS: usize = 256;
/// Bytes of an identifier.
const ID: usize = 16;
/// What stands behind each address but the last; no address holds it.
const END: u8 = b'\n';

/// Invitations that follow each other.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "search_block")]
pub struct Model {
    /// Whose invitations they are.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// Its place among the blocks of the tenant; a number is not given again.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    /// When the last of them was made.
    pub last_created_at: Instant,
    /// Their identifiers, 16 bytes each.
    pub ids: Vec<u8>,
    /// Their canonical addresses, a line each.
    pub addresses: String,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The block with this number of some invitations, the last of which was made at `last`.
    pub(super) fn of(tenant_id: TenantId, number: i32, rows: &[Made], last: Instant) -> Self {
        let ids = rows.iter().flat_map(|row| row.id.uuid().into_bytes()).collect();
        let addresses: Vec<&str> = rows.iter().map(|row| row.email_norm.as_str()).collect();
        Self { tenant_id, number, last_created_at: last, ids, addresses: addresses.join("\n") }
    }

    /// The invitations whose addresses hold a text, in their order. A text of several lines, which no address holds, may be found where
    /// addresses meet.
    pub(in crate::invitation) fn holding(&self, text: &str) -> Vec<InvitationId> {
        let addresses = self.addresses.as_bytes();
        let (mut row, mut counted, mut found) = (0, 0, Vec::new());
        for at in memchr::memmem::find_iter(addresses, text.as_bytes()) {
            let passed = memchr::memchr_iter(END, &addresses[counted..at]).count();
            if passed == 0 && !found.is_empty() {
                continue;
            }
            (row, counted) = (row + passed, at);
            let id = self.ids.chunks_exact(ID).nth(row).and_then(|id| Uuid::from_slice(id).ok());
            found.extend(id.map(InvitationId::from));
        }
        found
    }
}

/// The blocks of a tenant with these numbers, as many of them as there are.
pub(in crate::invitation) async fn numbered(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    numbers: &[i32],
) -> Result<Vec<Model>, DbErr> {
    let numbers = padded(numbers);
    let blocks = Entity::find().filter(Column::TenantId.eq(tenant)).filter(Column::Number.is_in(numbers));
    blocks.order_by_asc(Column::Number).all(db).await
}

/// Writes a block.
pub(super) async fn insert(db: &impl ConnectionTrait, block: Model) -> Result<(), DbErr> {
    Entity::insert(block.into_active_model()).exec_without_returning(db).await.map(drop)
}

/// The lowest number that a block of a tenant has.
pub(super) async fn lowest(db: &impl ConnectionTrait, tenant: TenantId) -> Result<Option<i32>, DbErr> {
    let numbers = Entity::find().select_only().column(Column::Number).filter(Column::TenantId.eq(tenant));
    numbers.order_by_asc(Column::Number).into_tuple().one(db).await
}

/// Deletes the blocks of a tenant whose numbers are lower than this one.
pub(super) async fn forget(db: &impl ConnectionTrait, tenant: TenantId, below: i32) -> Result<(), DbErr> {
    let old = Entity::delete_many().filter(Column::TenantId.eq(tenant)).filter(Column::Number.lt(below));
    old.exec(db).await.map(drop)
}

/// Deletes every block of a tenant.
pub(super) async fn erase(db: &impl ConnectionTrait, tenant: TenantId) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::TenantId.eq(tenant)).exec(db).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(addresses: &[&str]) -> (Model, Vec<InvitationId>) {
        let rows: Vec<Made> = (1..)
            .zip(addresses)
            .map(|(n, address)| Made {
                id: Uuid::from_u128(n).into(),
                email_norm: (*address).to_owned(),
                created_at: Instant::default(),
            })
            .collect();
        let block = Model::of(Uuid::nil().into(), 7, &rows, Instant::default());
        (block, rows.iter().map(|row| row.id).collect())
    }

    #[test]
    fn a_part_is_found_in_each_address_that_holds_it_once() {
        let (block, ids) = block(&["anna@a.test", "nana@b.test", "bob@a.test", "ann@a.test"]);
        assert_eq!(block.holding("an"), [ids[0], ids[1], ids[3]]);
        assert_eq!(block.holding("ana"), [ids[1]]);
        assert_eq!(block.holding("a.test"), [ids[0], ids[2], ids[3]]);
        assert_eq!(block.holding("anna@"), [ids[0]]);
        assert_eq!(block.holding("ann@a.test"), [ids[3]]);
        assert!(block.holding("carl").is_empty());
    }

    #[test]
    fn a_part_that_begins_and_ends_alike_is_found_where_it_overlaps_with_itself() {
        let (block, ids) = block(&["xaaax@a.test", "aaa@a.test"]);
        assert_eq!(block.holding("aa"), [ids[0], ids[1]]);
    }
}
