//! One address and its invitations to one tenant.

use chrono::TimeDelta;
use guestlist::actor::{Actor, Origin};
use guestlist::app::App;
use guestlist::clock::Instant;
use guestlist::error::ErrorCode;
use guestlist::id::{InvitationId, TypedId as _};
use guestlist::invitation::service::{self, Accept, Delivery, Filter, Invite, OnConflict, SortBy, Wanted};
use guestlist::invitation::{Columns, Invitation, InvitationStatus as Status};
use guestlist::keys::TokenKind;
use guestlist::page::PageArgs;
use guestlist::{membership, outbox, roster, tenancy, user};
use proptest::prelude::*;

use super::{Cast, World, code, same};
use crate::support::PASSWORD;

const ROLES: [&str; 3] = ["member", "admin", "owner"];
const COUNT_PENDING: &str = "UPDATE pending_bound SET at_most =
    (SELECT COUNT(*) FROM invitation i WHERE i.tenant_id = pending_bound.tenant_id AND i.status = 'pending')";

/// Who manages invitations, or tries to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Staff {
    Owner,
    Admin,
    Member,
}

/// Who answers one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Anybody,
    Invitee,
    Somebody,
}

/// What they hold in their hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Token,
    TokenBeforeResend,
    Id,
}

#[derive(Clone, Debug)]
enum Step {
    Invite { by: Staff, role: usize, replace: bool, link_only: bool },
    Resend { by: Staff, first: bool },
    Cancel { by: Staff, first: bool },
    Accept { who: Who, held: Held, first: bool },
    Decline { who: Who, held: Held, first: bool },
    Demote,
    Promote,
    Suspend,
    Reinstate,
    Advance(i64),
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    let staff = || prop_oneof![4 => Just(Staff::Owner), 4 => Just(Staff::Admin), 1 => Just(Staff::Member)];
    let who = || prop_oneof![3 => Just(Who::Anybody), 3 => Just(Who::Invitee), 1 => Just(Who::Somebody)];
    let held =
        || prop_oneof![4 => Just(Held::Token), 1 => Just(Held::TokenBeforeResend), 2 => Just(Held::Id)];
    let first = || prop::bool::weighted(0.2);
    prop_oneof![
        8 => (staff(), 0..3usize, any::<bool>(), prop::bool::weighted(0.2))
            .prop_map(|(by, role, replace, link_only)| Step::Invite { by, role, replace, link_only }),
        5 => (staff(), first()).prop_map(|(by, first)| Step::Resend { by, first }),
        3 => (staff(), first()).prop_map(|(by, first)| Step::Cancel { by, first }),
        3 => (who(), held(), first()).prop_map(|(who, held, first)| Step::Accept { who, held, first }),
        2 => (who(), held(), first()).prop_map(|(who, held, first)| Step::Decline { who, held, first }),
        1 => Just(Step::Demote),
        2 => Just(Step::Promote),
        1 => Just(Step::Suspend),
        3 => Just(Step::Reinstate),
        5 => prop::sample::select(vec![59, 60, 3_600, 604_799, 604_800]).prop_map(Step::Advance),
        2 => Just(Step::Sweep),
    ]
}

/// What the model knows of an invitation.
#[derive(Clone, Debug)]
struct Known {
    id: InvitationId,
    status: Status,
    role: usize,
    by: Staff,
    mailed: bool,
    generation: i64,
    resends: i64,
    issued_at: Instant,
    expires_at: Instant,
    accepted: bool,
}

impl Known {
    fn status_at(&self, now: Instant) -> Status {
        if self.status == Status::Pending && now >= self.expires_at { Status::Expired } else { self.status }
    }
}

#[derive(Default)]
struct Model {
    invitations: Vec<Known>,
    /// Whether the address has an account, and whether it is known to be its owner's.
    account: Option<bool>,
    role: Option<usize>,
    demoted: bool,
    suspended: bool,
}

type Expected = Result<(), ErrorCode>;

impl Model {
    fn may_invite(&self, by: Staff) -> Expected {
        let may = by == Staff::Owner || (by == Staff::Admin && !self.demoted);
        if may { Ok(()) } else { Err(ErrorCode::Forbidden) }
    }

    fn may_grant(by: Staff, role: usize) -> Expected {
        let above = ROLES[role] == "owner" && by != Staff::Owner;
        if above { Err(ErrorCode::RoleNotAllowed) } else { Ok(()) }
    }

    fn open(&self) -> Expected {
        if self.suspended { Err(ErrorCode::TenantUnavailable) } else { Ok(()) }
    }

    /// Records that what is overdue has expired.
    fn sweep(&mut self, now: Instant) {
        for known in &mut self.invitations {
            known.status = known.status_at(now);
        }
    }

    /// `Ok(true)` when a new invitation is to be made.
    fn invite(&mut self, by: Staff, role: usize, replace: bool, now: Instant) -> Result<bool, ErrorCode> {
        self.may_invite(by)?;
        self.open()?;
        Self::may_grant(by, role)?;
        if self.role.is_some() {
            return Err(ErrorCode::AlreadyMember);
        }
        let Some(pending) = self.invitations.iter_mut().find(|known| known.status == Status::Pending) else {
            return Ok(true);
        };
        if pending.status_at(now) == Status::Expired {
            pending.status = Status::Expired;
        } else if pending.role == role {
            return Ok(false);
        } else if replace {
            pending.status = Status::Cancelled;
        } else {
            return Err(ErrorCode::PendingWithOtherRole);
        }
        Ok(true)
    }

    fn resend(&mut self, by: Staff, at: usize, now: Instant) -> Expected {
        self.may_invite(by)?;
        self.open()?;
        let known = self.invitations[at].clone();
        let status = known.status_at(now);
        if !matches!(status, Status::Pending | Status::Expired) {
            return Err(ErrorCode::NotPending);
        }
        Self::may_grant(by, known.role)?;
        self.may_invite(known.by).map_err(|_| ErrorCode::RoleNotAllowed)?;
        if self.role.is_some() {
            return Err(ErrorCode::AlreadyMember);
        }
        if !known.mailed {
            return Err(ErrorCode::BadUserInput);
        }
        if now < known.issued_at + TimeDelta::seconds(60) {
            return Err(ErrorCode::TooSoon);
        }
        if known.resends >= 5 {
            return Err(ErrorCode::QuotaExceeded);
        }
        if status == Status::Expired {
            if self.invitations.iter().any(|other| other.status_at(now) == Status::Pending) {
                return Err(ErrorCode::NotPending);
            }
            self.sweep(now);
        }
        let known = &mut self.invitations[at];
        known.status = Status::Pending;
        known.generation += 1;
        known.resends += 1;
        known.issued_at = now;
        known.expires_at = now + TimeDelta::days(7);
        Ok(())
    }

    fn cancel(&mut self, by: Staff, at: usize, now: Instant) -> Expected {
        self.may_invite(by)?;
        match self.invitations[at].status_at(now) {
            Status::Cancelled => Ok(()),
            Status::Pending => {
                self.invitations[at].status = Status::Cancelled;
                Ok(())
            }
            _ => Err(ErrorCode::NotPending),
        }
    }

    /// Whether what somebody holds leads them to the invitation.
    fn reach(&self, who: Who, held: Held, at: usize) -> Expected {
        match (held, who) {
            (Held::Token, _) => Ok(()),
            (Held::TokenBeforeResend, _) if self.invitations[at].generation > 0 => Err(ErrorCode::Superseded),
            (Held::TokenBeforeResend, _) => Ok(()),
            (Held::Id, Who::Anybody) => Err(ErrorCode::Unauthenticated),
            (Held::Id, Who::Invitee) if self.account == Some(true) => Ok(()),
            (Held::Id, _) => Err(ErrorCode::NotFound),
        }
    }

    fn is_invitee(&self, who: Who) -> Expected {
        match who {
            Who::Somebody => Err(ErrorCode::EmailMismatch),
            Who::Anybody if self.account.is_some() => Err(ErrorCode::SignInRequired),
            Who::Anybody | Who::Invitee => Ok(()),
        }
    }

    fn accept(&mut self, who: Who, held: Held, at: usize, now: Instant) -> Expected {
        self.reach(who, held, at)?;
        let known = &self.invitations[at];
        if who == Who::Invitee && known.accepted {
            return Ok(());
        }
        match known.status_at(now) {
            Status::Pending => {}
            Status::Accepted => return Err(ErrorCode::AlreadyAccepted),
            _ => return Err(ErrorCode::NotPending),
        }
        self.open()?;
        self.is_invitee(who)?;
        let proven = held != Held::Id && known.mailed;
        self.account = Some(self.account.unwrap_or(false) || proven);
        self.role = self.role.or(Some(known.role));
        let known = &mut self.invitations[at];
        known.status = Status::Accepted;
        known.accepted = true;
        Ok(())
    }

    fn decline(&mut self, who: Who, held: Held, at: usize, now: Instant) -> Expected {
        self.reach(who, held, at)?;
        let status = self.invitations[at].status_at(now);
        if !matches!(status, Status::Pending | Status::Declined) {
            return Err(ErrorCode::NotPending);
        }
        self.is_invitee(who)?;
        self.invitations[at].status = Status::Declined;
        Ok(())
    }

    fn demote(&mut self, now: Instant) {
        self.demoted = true;
        for known in self.invitations.iter_mut().filter(|known| known.by == Staff::Admin) {
            if known.status_at(now) == Status::Pending {
                known.status = Status::Cancelled;
            }
        }
    }
}

/// A run on its way.
struct Play<'a> {
    app: &'a App,
    cast: Cast,
    email: String,
    model: Model,
}

impl Play<'_> {
    fn staff(&self, by: Staff) -> &Actor {
        match by {
            Staff::Owner => &self.cast.owner,
            Staff::Admin => &self.cast.admin,
            Staff::Member => &self.cast.member,
        }
    }

    async fn invitee(&self, world: &World) -> Option<Actor> {
        let email = guestlist::email::Email::parse(&self.email).unwrap();
        let user = user::service::by_email(self.app.db.reader(), &email).await.unwrap()?;
        Some(world.sign_in(&user).await)
    }

    fn which(&self, first: bool) -> Option<usize> {
        let last = self.model.invitations.len().checked_sub(1)?;
        Some(if first { 0 } else { last })
    }

    /// Token or identifier, as `acceptInvitation` and `declineInvitation` take them.
    fn hold(&self, held: Held, at: usize) -> (Option<String>, Option<InvitationId>) {
        let known = &self.model.invitations[at];
        let generation = match held {
            Held::Token => known.generation,
            Held::TokenBeforeResend => (known.generation - 1).max(0),
            Held::Id => return (None, Some(known.id)),
        };
        let generation = u32::try_from(generation).unwrap();
        (Some(self.app.keys.token(TokenKind::Invitation, known.id.uuid(), generation)), None)
    }

    async fn actor(&self, world: &World, who: Who) -> (Who, Actor) {
        match who {
            Who::Anybody => (who, Actor::stranger(Origin::default())),
            Who::Somebody => (who, self.cast.stranger.clone()),
            // Without an account nobody can be signed in as the invitee.
            Who::Invitee => match self.invitee(world).await {
                Some(actor) => (who, actor),
                None => (Who::Anybody, Actor::stranger(Origin::default())),
            },
        }
    }

    async fn invite(
        &mut self,
        step: &Step,
        by: Staff,
        role: usize,
        replace: bool,
        link_only: bool,
    ) -> Result<(), String> {
        let now = self.app.clock.now();
        let input = Invite {
            delivery: if link_only { Delivery::LinkOnly } else { Delivery::Email },
            on_conflict: if replace { OnConflict::Replace } else { OnConflict::Keep },
            ..Invite::plain(Some(self.cast.tenant), &self.email, ROLES[role])
        };
        let done =
            code(service::invite(self.app, self.staff(by), input).await.map_err(|refused| refused.error));
        let expected = self.model.invite(by, role, replace, now);
        same(
            "the answer",
            step,
            &done.as_ref().map(|invited| invited.created).map_err(|e| *e),
            &expected.as_ref().copied().map_err(|e| *e),
        )?;
        if let (Ok(invited), Ok(true)) = (done, expected) {
            self.model.invitations.push(Known {
                id: invited.invitation.id,
                status: Status::Pending,
                role,
                by,
                mailed: !link_only,
                generation: 0,
                resends: 0,
                issued_at: now,
                expires_at: now + TimeDelta::days(7),
                accepted: false,
            });
        }
        Ok(())
    }

    async fn step(&mut self, world: &World, step: &Step) -> Result<(), String> {
        let (app, now) = (self.app, self.app.clock.now());
        let operator = Actor::operator();
        let (done, expected) = match *step {
            Step::Invite { by, role, replace, link_only } => {
                return self.invite(step, by, role, replace, link_only).await;
            }
            Step::Resend { by, first } => {
                let Some(at) = self.which(first) else { return Ok(()) };
                let done = service::resend(app, self.staff(by), self.model.invitations[at].id).await;
                (code(done.map(drop).map_err(|refused| refused.error)), self.model.resend(by, at, now))
            }
            Step::Cancel { by, first } => {
                let Some(at) = self.which(first) else { return Ok(()) };
                let done = service::cancel(app, self.staff(by), self.model.invitations[at].id).await;
                (code(done.map(drop).map_err(|refused| refused.error)), self.model.cancel(by, at, now))
            }
            Step::Accept { who, held, first } => {
                let Some(at) = self.which(first) else { return Ok(()) };
                let (who, actor) = self.actor(world, who).await;
                let (token, invitation_id) = self.hold(held, at);
                let (name, password) = (Some("Ann".to_owned()), Some(PASSWORD.to_owned().into()));
                let done =
                    service::accept(app, &actor, Accept { token, invitation_id, name, password }).await;
                (code(done.map(drop).map_err(|refused| refused.error)), self.model.accept(who, held, at, now))
            }
            Step::Decline { who, held, first } => {
                let Some(at) = self.which(first) else { return Ok(()) };
                let (who, actor) = self.actor(world, who).await;
                let (token, id) = self.hold(held, at);
                let done = service::decline(app, &actor, token.as_deref(), id).await;
                (
                    code(done.map(drop).map_err(|refused| refused.error)),
                    self.model.decline(who, held, at, now),
                )
            }
            Step::Demote | Step::Promote => {
                let demote = matches!(step, Step::Demote);
                let key = if demote { "member" } else { "admin" };
                let done =
                    roster::service::change_member_role(app, &operator, self.cast.admin_membership, key)
                        .await;
                if demote {
                    self.model.demote(now)
                } else {
                    self.model.demoted = false
                }
                (code(done.map(drop)), Ok(()))
            }
            Step::Suspend => {
                self.model.suspended = true;
                (
                    code(
                        tenancy::service::suspend_tenant(app, &operator, self.cast.tenant, None)
                            .await
                            .map(drop),
                    ),
                    Ok(()),
                )
            }
            Step::Reinstate => {
                self.model.suspended = false;
                (
                    code(
                        tenancy::service::reinstate_tenant(app, &operator, self.cast.tenant).await.map(drop),
                    ),
                    Ok(()),
                )
            }
            Step::Advance(seconds) => {
                world.app.advance(TimeDelta::seconds(seconds));
                (Ok(()), Ok(()))
            }
            Step::Sweep => {
                self.model.sweep(now);
                (code(service::expire_due(app).await.map(drop)), Ok(()))
            }
        };
        same("the answer", step, &done, &expected)
    }

    async fn list(&self, filter: Filter) -> Vec<Invitation> {
        let page = PageArgs { first: Some(100), ..PageArgs::default() };
        let (owner, tenant) = (&self.cast.owner, Some(self.cast.tenant));
        let columns = Columns { details: true, ..Columns::default() };
        let wanted = Wanted { total: false, columns };
        let order = (SortBy::CreatedAt, false);
        let listed = service::list(self.app, owner, tenant, filter, order, page, wanted).await.unwrap();
        listed.slice.rows.into_iter().filter_map(|row| row.whole.map(|whole| *whole)).collect()
    }

    /// Compares what is stored with the model.
    async fn compare(&self, step: &Step) -> Result<(), String> {
        let now = self.app.clock.now();
        let rows = self.list(Filter::default()).await;
        let stored: Vec<_> = rows.iter().map(|row| (row.id, row.status_at(now), row.generation)).collect();
        let known: Vec<_> =
            self.model.invitations.iter().map(|k| (k.id, k.status_at(now), k.generation)).collect();
        same("what is stored", step, &stored, &known)?;
        // What is pending for an address is found by this.
        let undecided: Vec<_> =
            rows.iter().filter(|row| row.decided_at.is_none()).map(|row| row.id).collect();
        let pending = rows.iter().filter(|row| row.status == Status::Pending);
        same("what is undecided", step, &undecided, &pending.map(|row| row.id).collect())
    }

    /// Compares what is true at the end: the mails that are owed, the account and its role.
    async fn compare_end(&self, world: &World, steps: &[Step]) -> Result<(), String> {
        let db = self.app.db.reader();
        let queued =
            Filter { delivery: Some(vec![Some(outbox::DeliveryState::Queued)]), ..Filter::default() };
        let waiting: Vec<_> = self.list(queued).await.iter().map(|row| row.id).collect();
        let owed = self.model.invitations.iter().filter(|k| k.mailed && k.status == Status::Pending);
        same("owed mail", &steps, &waiting, &owed.map(|known| known.id).collect())?;
        let invitee = self.invitee(world).await;
        let verified = invitee.as_ref().map(|actor| actor.principal().unwrap().email_verified);
        same("the account", &steps, &verified, &self.model.account)?;
        let membership = match invitee.and_then(|actor| actor.user_id()) {
            Some(id) => membership::service::of_member(db, self.cast.tenant, id).await.unwrap(),
            None => None,
        };
        let role = match membership.and_then(|authority| authority.role_id) {
            Some(id) => Some(guestlist::role::service::get(db, id).await.unwrap().key),
            None => None,
        };
        same("the role", &steps, &role.as_deref(), &self.model.role.map(|role| ROLES[role]))
    }
}

async fn play(world: &World, steps: Vec<Step>) -> Result<(), String> {
    let app = &world.app.app;
    let email = world.address();
    let mut play = Play { app, cast: world.cast().await, email, model: Model::default() };
    world.app.sql("DELETE FROM pending_bound").await;
    for step in &steps {
        // The bound is what is recorded as pending, so that whoever adds to that without raising it is noticed.
        world.app.sql(COUNT_PENDING).await;
        play.step(world, step).await?;
        play.compare(step).await?;
        let at_most = world.app.number("SELECT COALESCE(MAX(at_most), 0) FROM pending_bound").await;
        let pending = play.list(Filter::default()).await;
        let pending = pending.iter().filter(|row| row.status == Status::Pending).count();
        same("bounded", step, &(pending as i64 <= at_most), &true)?;
    }
    play.compare_end(world, &steps).await?;
    // The next run begins with nothing overdue from this one.
    code(service::expire_due(app).await).map(drop).map_err(|code| format!("{code:?}"))
}

#[test]
fn the_invitation_machine_and_its_model_agree() {
    let limits = [
        "--limit-invites-per-hour=1000000",
        "--limit-invites-per-tenant-day=1000000",
        "--limit-invites-per-recipient-day=1000000",
        "--password-score=0",
    ];
    super::run(step(), &limits, play);
}
