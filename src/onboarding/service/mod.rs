//! Making a tenant, and the first administrator.

mod setup;

use crate::actor::Actor;
use crate::app::App;
use crate::db::WriteTransaction;
use crate::error::{Error, Result};
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::invitation::Invitation;
use crate::tenant::Tenant;
use crate::{auth, invitation, membership, role, tenant};

pub use setup::{FirstSteps, SetupLink, set_up, setup_link};

/// A tenant that was made, and the invitation to its owner where one was named.
#[derive(Debug)]
pub struct Created {
    /// The tenant.
    pub tenant: Tenant,
    /// The invitation to its owner.
    pub invitation: Option<Invitation>,
}

/// Makes a tenant. Its maker becomes the owner, or names the address of the owner to be.
///
/// # Errors
/// `UNAUTHENTICATED`; `FORBIDDEN` unless the actor administers the platform or `GUESTLIST_ALLOW_TENANT_CREATION`
/// is on; `BAD_USER_INPUT`, `SLUG_TAKEN`.
pub async fn create_tenant(
    app: &App,
    actor: &Actor,
    name: &str,
    slug: &str,
    owner_email: Option<&str>,
) -> Result<Created> {
    actor.known()?;
    if !actor.is_platform_admin() && !app.config.allow_tenant_creation {
        return Err(Error::Forbidden("Only platform administrators make tenants here."));
    }
    if owner_email.is_some() && !actor.is_platform_admin() {
        return Err(Error::Forbidden("Only platform administrators make tenants for others."));
    }
    let txn = app.db.begin_write().await?;
    let created = create_in(app, &txn, actor, name, slug, owner_email).await?;
    txn.commit().await?;
    app.mail_waiting.notify_one();
    Ok(created)
}

/// Makes a tenant, in the caller's transaction; whether the actor may is the caller's question.
async fn create_in(
    app: &App,
    txn: &WriteTransaction,
    actor: &Actor,
    name: &str,
    slug: &str,
    owner_email: Option<&str>,
) -> Result<Created> {
    let tenant = tenant::service::insert(app, txn, name, slug).await?;
    let owner = role::service::insert_built_in(app, txn, tenant.id).await?;
    let created = NewEvent::of(EventKind::TenantCreated, Some(tenant.id), Subject::Tenant(tenant.id));
    event::service::record(app, txn, actor, created).await?;
    let invitation = match (owner_email, actor.user_id()) {
        (Some(email), _) => {
            let invited = invitation::service::invite_owner(app, txn, actor, tenant.id, email).await;
            let refused = |refused: invitation::Refused| match refused.error {
                Error::Refused(mut refusal) => {
                    refusal.path = vec!["ownerEmail".to_owned()];
                    Error::Refused(refusal)
                }
                other => other,
            };
            Some(invited.map_err(refused)?)
        }
        (None, Some(user_id)) => {
            let (membership, _) = membership::service::join(app, txn, tenant.id, user_id, owner.id).await?;
            let joined = NewEvent::of(
                EventKind::MembershipCreated,
                Some(tenant.id),
                Subject::Membership(membership.id),
            )
            .with(serde_json::json!({ "roleKey": owner.key }));
            event::service::record(app, txn, actor, joined).await?;
            auth::service::adopt_tenant(txn, actor, tenant.id).await?;
            None
        }
        (None, None) => {
            return Err(Error::bad_input("ownerEmail", "Name the address of the tenant's owner."));
        }
    };
    Ok(Created { tenant, invitation })
}
