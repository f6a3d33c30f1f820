//! One person's forgotten password in one tenant.

use chrono::TimeDelta;
use guestlist::actor::Actor;
use guestlist::app::App;
use guestlist::clock::Instant;
use guestlist::error::ErrorCode;
use guestlist::id::{MembershipId, ResetRequestId, TypedId as _};
use guestlist::keys::TokenKind;
use guestlist::page::PageArgs;
use guestlist::password_reset::ResetStatus as Status;
use guestlist::password_reset::service::{self, Filter, SortBy};
use guestlist::tenancy::service::Change;
use guestlist::tenant::ResetPolicy as Policy;
use guestlist::user::User;
use guestlist::{auth, membership, role, roster, tenancy};
use proptest::prelude::*;

use super::{Cast, World, code, same};
use crate::support::PASSWORD;

const ROLES: [&str; 3] = ["member", "admin", "owner"];
const HOUR: TimeDelta = TimeDelta::hours(1);

/// Who decides, or tries to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Owner,
    Admin,
    Member,
    Stranger,
    Requester,
}

#[derive(Clone, Debug)]
enum Step {
    Ask,
    Approve(By),
    Reject(By),
    Cancel,
    Use { generation: u32, weak: bool },
    Change,
    Policy(Policy),
    Role(usize),
    Demote,
    Promote,
    Suspend,
    Reinstate,
    Advance(i64),
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    let by = || {
        prop_oneof![
            4 => Just(By::Owner),
            4 => Just(By::Admin),
            1 => Just(By::Member),
            1 => Just(By::Stranger),
            1 => Just(By::Requester),
        ]
    };
    let policy =
        prop_oneof![3 => Just(Policy::Approval), 2 => Just(Policy::SelfService), 1 => Just(Policy::Off)];
    prop_oneof![
        9 => Just(Step::Ask),
        5 => by().prop_map(Step::Approve),
        3 => by().prop_map(Step::Reject),
        1 => Just(Step::Cancel),
        5 => (prop_oneof![5 => Just(1), 1 => Just(2)], prop::bool::weighted(0.2))
            .prop_map(|(generation, weak)| Step::Use { generation, weak }),
        1 => Just(Step::Change),
        2 => policy.prop_map(Step::Policy),
        1 => (0..3usize).prop_map(Step::Role),
        1 => Just(Step::Demote),
        1 => Just(Step::Promote),
        1 => Just(Step::Suspend),
        3 => Just(Step::Reinstate),
        6 => prop::sample::select(vec![1, 899, 900, 3_599, 3_600, 259_200]).prop_map(Step::Advance),
        2 => Just(Step::Sweep),
    ]
}

/// What the model knows of a request.
#[derive(Clone, Debug)]
struct Known {
    status: Status,
    generation: i64,
    expires_at: Instant,
    decided_at: Option<Instant>,
    mailed_at: Instant,
}

impl Known {
    fn status_at(&self, now: Instant) -> Status {
        let open = matches!(self.status, Status::Requested | Status::Approved);
        if open && now >= self.expires_at { Status::Expired } else { self.status }
    }

    fn approve(&mut self, now: Instant) {
        self.status = Status::Approved;
        self.generation = 1;
        self.expires_at = now + HOUR;
        self.decided_at = Some(now);
        self.mailed_at = now;
    }
}

/// Mails that are owed, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Owed {
    news: i64,
    links: i64,
    refusals: i64,
    notices: i64,
}

struct Model {
    requests: Vec<Known>,
    policy: Policy,
    role: usize,
    demoted: bool,
    suspended: bool,
    sessions: usize,
    owed: Owed,
}

type Expected = Result<(), ErrorCode>;

impl Model {
    /// How many may decide.
    fn deciders(&self) -> i64 {
        match (self.suspended, ROLES[self.role]) {
            (true, _) => 0,
            (false, "owner") => 1,
            (false, _) => 1 + i64::from(!self.demoted),
        }
    }

    fn may_decide(&self, by: By) -> Expected {
        match by {
            By::Requester => Err(ErrorCode::NotEligible),
            _ if self.suspended => Err(ErrorCode::NotFound),
            By::Stranger => Err(ErrorCode::NotFound),
            By::Member => Err(ErrorCode::Forbidden),
            By::Admin if self.demoted => Err(ErrorCode::Forbidden),
            By::Admin if ROLES[self.role] == "owner" => Err(ErrorCode::NotEligible),
            By::Admin | By::Owner => Ok(()),
        }
    }

    fn ask(&mut self, now: Instant) {
        let deciders = self.deciders();
        if let Some(open) = self.requests.last_mut() {
            open.status = open.status_at(now);
            if matches!(open.status, Status::Requested | Status::Approved) {
                if now - open.mailed_at >= TimeDelta::minutes(15) {
                    open.mailed_at = now;
                    let approved = open.status == Status::Approved;
                    self.owed.links += i64::from(approved);
                    self.owed.news += if approved { 0 } else { deciders };
                }
                return;
            }
        }
        let policy = if self.suspended { Policy::Approval } else { self.policy };
        if policy == Policy::Off {
            return;
        }
        let mut known = Known {
            status: Status::Requested,
            generation: 0,
            expires_at: now + HOUR * 72,
            decided_at: None,
            mailed_at: now,
        };
        if policy == Policy::SelfService {
            known.approve(now);
            self.owed.links += 1;
        } else {
            self.owed.news += deciders;
        }
        self.requests.push(known);
    }

    fn approve(&mut self, by: By, now: Instant) -> Expected {
        self.may_decide(by)?;
        let known = self.requests.last_mut().expect("a request");
        if known.status_at(now) != Status::Requested {
            return Err(ErrorCode::AlreadyDecided);
        }
        known.approve(now);
        self.owed.links += 1;
        Ok(())
    }

    fn reject(&mut self, by: By, now: Instant) -> Expected {
        self.may_decide(by)?;
        let known = self.requests.last_mut().expect("a request");
        let can = match known.status_at(now) {
            Status::Requested => true,
            Status::Approved => known.decided_at.is_some_and(|at| at < now),
            _ => false,
        };
        if !can {
            return Err(ErrorCode::AlreadyDecided);
        }
        known.status = Status::Rejected;
        self.owed.refusals += 1;
        Ok(())
    }

    fn cancel(&mut self, now: Instant) {
        if let Some(known) = self.requests.last_mut() {
            known.status = match known.status_at(now) {
                Status::Requested | Status::Approved => Status::Cancelled,
                other => other,
            };
        }
    }

    fn set_password(&mut self, generation: u32, weak: bool, now: Instant) -> Expected {
        let known = self.requests.last_mut().expect("a request");
        if known.generation != i64::from(generation) {
            return Err(ErrorCode::TokenInvalid);
        }
        match known.status_at(now) {
            Status::Approved if weak => Err(ErrorCode::WeakPassword),
            Status::Approved => {
                known.status = Status::Completed;
                self.sessions = 0;
                self.owed.notices += 1;
                Ok(())
            }
            Status::Expired => Err(ErrorCode::TokenExpired),
            _ => Err(ErrorCode::TokenInvalid),
        }
    }
}

/// A run on its way.
struct Play<'a> {
    world: &'a World,
    app: &'a App,
    cast: Cast,
    requester: User,
    membership: MembershipId,
    password: String,
    before: Owed,
    model: Model,
}

impl<'a> Play<'a> {
    async fn new(world: &'a World) -> Self {
        let app = &world.app.app;
        let cast = world.cast().await;
        let requester = world.account(&world.address()).await;
        let txn = app.db.begin_write().await.unwrap();
        let role = role::service::by_key(&txn, cast.tenant, ROLES[0]).await.unwrap();
        let joined =
            membership::service::join(app, &txn, cast.tenant, requester.id, role.id).await.unwrap().0;
        txn.commit().await.unwrap();
        let model = Model {
            requests: Vec::new(),
            policy: Policy::Approval,
            role: 0,
            demoted: false,
            suspended: false,
            sessions: 0,
            owed: Owed::default(),
        };
        let before = owed(world).await;
        let password = PASSWORD.to_owned();
        Self { world, app, cast, requester, membership: joined.id, password, before, model }
    }

    async fn latest(&self) -> Option<ResetRequestId> {
        let order = (SortBy::CreatedAt, true);
        let (owner, tenant) = (&self.cast.owner, Some(self.cast.tenant));
        let page = PageArgs { first: Some(1), ..PageArgs::default() };
        let listed = service::list(self.app, owner, tenant, Filter::default(), order, page, false).await;
        listed.unwrap().rows.first().map(|row| row.id)
    }

    async fn decider(&mut self, by: By) -> Actor {
        match by {
            By::Owner => self.cast.owner.clone(),
            By::Admin => self.cast.admin.clone(),
            By::Member => self.cast.member.clone(),
            By::Stranger => self.cast.stranger.clone(),
            By::Requester => {
                self.model.sessions += 1;
                self.world.sign_in(&self.requester).await
            }
        }
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        let (app, now) = (self.app, self.app.clock.now());
        let operator = Actor::operator();
        let latest = if self.model.requests.is_empty() { None } else { self.latest().await };
        let (done, expected) = match (step, latest) {
            (Step::Ask, _) => {
                self.model.ask(now);
                let stranger = Actor::stranger(guestlist::actor::Origin::default());
                code(service::request_reset(app, &stranger, &self.requester.email).await)
                    .map_err(|code| format!("{code:?}"))?;
                (code(service::look_at_wishes(app).await.map(drop)), Ok(()))
            }
            (Step::Approve(by), Some(id)) => {
                let actor = self.decider(*by).await;
                let done = service::approve(app, &actor, id).await.map(drop).map_err(|refused| refused.error);
                (code(done), self.model.approve(*by, now))
            }
            (Step::Reject(by), Some(id)) => {
                let actor = self.decider(*by).await;
                let done = service::reject(app, &actor, id, None).await;
                (code(done.map(drop).map_err(|refused| refused.error)), self.model.reject(*by, now))
            }
            (Step::Use { generation, weak }, Some(id)) => {
                let token = app.keys.token(TokenKind::Reset, id.uuid(), *generation);
                let new = if *weak { "short".to_owned() } else { format!("{PASSWORD} {now}") };
                let stranger = Actor::stranger(guestlist::actor::Origin::default());
                let done = service::reset_password(app, &stranger, &token, &new.clone().into()).await;
                if done.is_ok() {
                    self.password = new;
                }
                (code(done.map(drop)), self.model.set_password(*generation, *weak, now))
            }
            (Step::Approve(_) | Step::Reject(_) | Step::Use { .. }, None) => return Ok(()),
            (Step::Cancel, _) => {
                let actor = self.decider(By::Requester).await;
                self.model.cancel(now);
                (code(service::cancel(app, &actor).await.map(drop)), Ok(()))
            }
            (Step::Change, _) => {
                let actor = self.decider(By::Requester).await;
                let new = format!("{PASSWORD} {now} changed");
                let (old, next) = (self.password.clone().into(), new.clone().into());
                let done = service::change_password(app, &actor, &old, &next).await;
                self.password = new;
                self.model.cancel(now);
                self.model.sessions = 1;
                self.model.owed.notices += 1;
                (code(done.map(drop)), Ok(()))
            }
            (Step::Policy(policy), _) => {
                if self.model.suspended {
                    return Ok(());
                }
                self.model.policy = *policy;
                let change = Change {
                    tenant_id: Some(self.cast.tenant),
                    reset_policy: Some(*policy),
                    ..Change::default()
                };
                (code(tenancy::service::update_tenant(app, &operator, change).await.map(drop)), Ok(()))
            }
            (Step::Role(role), _) => {
                self.model.role = *role;
                let changed =
                    roster::service::change_member_role(app, &operator, self.membership, ROLES[*role]).await;
                (code(changed.map(drop)), Ok(()))
            }
            (Step::Demote | Step::Promote, _) => {
                self.model.demoted = matches!(step, Step::Demote);
                let key = if self.model.demoted { "member" } else { "admin" };
                let admin = self.cast.admin_membership;
                (
                    code(roster::service::change_member_role(app, &operator, admin, key).await.map(drop)),
                    Ok(()),
                )
            }
            (Step::Suspend, _) => {
                self.model.suspended = true;
                let done = tenancy::service::suspend_tenant(app, &operator, self.cast.tenant, None).await;
                (code(done.map(drop)), Ok(()))
            }
            (Step::Reinstate, _) => {
                self.model.suspended = false;
                let done = tenancy::service::reinstate_tenant(app, &operator, self.cast.tenant).await;
                (code(done.map(drop)), Ok(()))
            }
            (Step::Advance(seconds), _) => {
                self.world.app.advance(TimeDelta::seconds(*seconds));
                (Ok(()), Ok(()))
            }
            (Step::Sweep, _) => (code(service::expire_due(app).await.map(drop)), Ok(())),
        };
        same("the answer", step, &done, &expected)
    }

    /// Compares what is stored with the model.
    async fn compare(&self, step: &Step) -> Result<(), String> {
        let now = self.app.clock.now();
        let page = PageArgs { first: Some(100), ..PageArgs::default() };
        let order = (SortBy::CreatedAt, false);
        let (owner, tenant) = (&self.cast.owner, Some(self.cast.tenant));
        let rows = service::list(self.app, owner, tenant, Filter::default(), order, page, false).await;
        let stored: Vec<_> = rows
            .unwrap()
            .rows
            .iter()
            .map(|row| (row.status_at(now), row.generation, row.expires_at))
            .collect();
        let known: Vec<_> =
            self.model.requests.iter().map(|k| (k.status_at(now), k.generation, k.expires_at)).collect();
        same("what is stored", step, &stored, &known)
    }

    async fn compare_end(&self, steps: &[Step]) -> Result<(), String> {
        let now = owed(self.world).await;
        let since = Owed {
            news: now.news - self.before.news,
            links: now.links - self.before.links,
            refusals: now.refusals - self.before.refusals,
            notices: now.notices - self.before.notices,
        };
        same("owed mail", &steps, &since, &self.model.owed)?;
        let live = auth::service::sessions(self.app, self.requester.id).await.unwrap().len();
        same("live sessions", &steps, &live, &self.model.sessions)
    }
}

/// Mails of every run so far.
async fn owed(world: &World) -> Owed {
    let count =
        async |kind| world.app.number(&format!("SELECT COUNT(*) FROM outbox WHERE kind = '{kind}'")).await;
    Owed {
        news: count("reset_requested").await,
        links: count("reset_link").await,
        refusals: count("reset_rejected").await,
        notices: count("password_changed").await,
    }
}

async fn play(world: &World, steps: Vec<Step>) -> Result<(), String> {
    let mut play = Play::new(world).await;
    for step in &steps {
        play.step(step).await?;
        play.compare(step).await?;
    }
    play.compare_end(&steps).await?;
    // The next run begins with nothing overdue from this one.
    code(service::expire_due(play.app).await).map(drop).map_err(|code| format!("{code:?}"))
}

#[test]
fn the_reset_machine_and_its_model_agree() {
    let limits = [
        "--limit-resets-per-address=1000000",
        "--limit-login-per-ip=1000000",
        "--limit-login-per-address=1000000",
        "--password-score=0",
        "--refresh-ttl=3650d",
        "--session-max=3650d",
    ];
    super::run(step(), &limits, play);
}
