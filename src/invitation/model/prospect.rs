//! One read across four slices, for every invitation: what whoever asks is in the tenant, and what stands for and against it.

use std::sync::LazyLock;

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::UNDECIDED;
use crate::clock::Instant;
use crate::email::Email;
use crate::id::{RoleId, TenantId, UserId};
use crate::limits::Reservation;
use crate::membership;
use crate::permission::Permissions;
use crate::role::Role;
use crate::standing::Standing;

/// What is known of an address that is to be invited.
#[derive(Debug, FromQueryResult)]
pub(in crate::invitation) struct Prospect {
    offer_id: Option<RoleId>,
    offer_key: Option<String>,
    offer_name: Option<String>,
    offer_permissions: Option<Permissions>,
    offer_built_in: Option<bool>,
    offer_created_at: Option<Instant>,
    /// Whether its owner is in the tenant already, suspended or not.
    pub(in crate::invitation) is_member: bool,
    /// Whether an invitation of it is recorded as pending, overdue or not.
    pub(in crate::invitation) is_pending: bool,
    /// How many invitations of the tenant are pending at the most; see `bound`.
    pub(in crate::invitation) pending_at_most: i64,
    /// Whether every quota has room, and keeps it until the transaction ends.
    pub(in crate::invitation) has_room: bool,
}

impl Prospect {
    /// The role on offer, where the tenant has it.
    pub(in crate::invitation) fn role(&self, tenant_id: TenantId) -> Option<Role> {
        Some(Role {
            id: self.offer_id?,
            tenant_id,
            key: self.offer_key.clone()?,
            name: self.offer_name.clone()?,
            permissions: self.offer_permissions.clone()?,
            built_in: self.offer_built_in?,
            created_at: self.offer_created_at?,
        })
    }
}

/// What somebody is in a tenant, and what is known of an address that they would invite into it.
#[derive(Debug, FromQueryResult)]
pub(in crate::invitation) struct Seen {
    #[sea_orm(nested)]
    pub(in crate::invitation) standing: Standing,
    #[sea_orm(nested)]
    pub(in crate::invitation) prospect: Prospect,
}

/// Quotas of an invitation: its inviter's, its tenant's and its recipient's.
const QUOTAS: usize = 3;

static SELECT: LazyLock<String> = LazyLock::new(|| select("FALSE"));
static SELECT_WITH_ROOM: LazyLock<String> = LazyLock::new(|| select(&Reservation::room_condition(QUOTAS, 5)));

fn select(has_room: &str) -> String {
    let columns = format!(
        r#",
        o.id AS offer_id, o.key AS offer_key, o.name AS offer_name, o.permissions AS offer_permissions,
        o.built_in AS offer_built_in, o.created_at AS offer_created_at,
        EXISTS (SELECT 1 FROM membership n
                  JOIN "user" u ON u.id = n.user_id
                 WHERE n.tenant_id = t.id AND u.email_norm = $4) AS is_member,
        EXISTS (SELECT 1 FROM invitation
                 WHERE invitation.tenant_id = t.id AND invitation.email_norm = $4 AND {UNDECIDED}) AS is_pending,
        COALESCE(b.at_most, 0) AS pending_at_most,
        {has_room} AS has_room"#
    );
    let joins = "
           LEFT JOIN role o ON o.tenant_id = t.id AND o.key = $3
           LEFT JOIN pending_bound b ON b.tenant_id = t.id";
    membership::standing_statement(&columns, joins)
}

/// `None` where there is no such tenant. Quotas are looked at where they are not reserved by everybody at once.
pub(in crate::invitation) async fn seen(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    user: Option<UserId>,
    role: &str,
    email: &Email,
    quotas: Option<&Reservation>,
) -> Result<Option<Seen>, DbErr> {
    let mut values =
        vec![Value::from(tenant), Value::from(user), Value::from(role), Value::from(email.norm())];
    let mut select = SELECT.as_str();
    if let Some(room) = quotas.and_then(|quotas| quotas.room_values(QUOTAS)) {
        values.extend(room);
        select = &SELECT_WITH_ROOM;
    }
    let select = Statement::from_sql_and_values(db.get_database_backend(), select, values);
    Seen::find_by_statement(select).one(db).await
}
