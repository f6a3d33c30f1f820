//! Random operations by several actors, against a small model that says what each has to answer and what is true then. The
//! services are asked without HTTP in front of them; a run has a tenant of its own in a database that all runs share.

mod invitation;
mod reset;
mod session;

use std::fmt::Debug;

use guestlist::actor::{Actor, Origin};
use guestlist::app::App;
use guestlist::email::Email;
use guestlist::error::{Error, ErrorCode};
use guestlist::id::{MembershipId, SessionId, TenantId, TypedId as _, UserId};
use guestlist::user::User;
use guestlist::user::service::NewUser;
use guestlist::{auth, membership, role, tenant, user};
use proptest::collection::vec;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::support::{PASSWORD, TestApp};

/// Operations of one run.
const STEPS: usize = 30;
/// Runs of one test; `GUESTLIST_MODEL_RUNS` asks for another number, as `.ci/run` does.
const RUNS: u32 = 100;

/// Plays random runs until one differs from its model; then the shortest that does is shown.
fn run<S: Strategy>(step: S, args: &[&str], play: impl AsyncFn(&World, Vec<S::Value>) -> Result<(), String>)
where
    S::Value: Clone + Debug,
{
    let runs = std::env::var("GUESTLIST_MODEL_RUNS").map_or(RUNS, |runs| runs.parse().unwrap());
    let config = Config { cases: runs, failure_persistence: None, ..Config::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new(args));
    let outcome = TestRunner::new(config)
        .run(&vec(step, STEPS), |steps| runtime.block_on(play(&world, steps)).map_err(TestCaseError::fail));
    if let Err(difference) = outcome {
        panic!("{difference}");
    }
}

/// The service and the people of every run.
pub struct World {
    app: TestApp,
    owner: User,
    admin: User,
    member: User,
    stranger: User,
    hash: String,
}

/// The tenant of one run, with everybody signed in.
pub struct Cast {
    tenant: TenantId,
    owner: Actor,
    admin: Actor,
    admin_membership: MembershipId,
    member: Actor,
    /// Somebody with an account who is not in the tenant.
    stranger: Actor,
}

impl World {
    async fn new(args: &[&str]) -> Self {
        let app = TestApp::with(args).await;
        let hash = app.app.hasher.hash(&PASSWORD.to_owned().into()).await.unwrap();
        let mut people = Vec::new();
        for name in ["owner", "admin", "member", "stranger"] {
            people.push(account(&app.app, &hash, &format!("{name}@x.test")).await);
        }
        let [owner, admin, member, stranger] = people.try_into().unwrap();
        Self { app, owner, admin, member, stranger, hash }
    }

    /// An address that nobody has.
    fn address(&self) -> String {
        format!("{}@x.test", self.app.app.fresh_id::<UserId>().global())
    }

    /// A new account with a verified address, and the password that every test uses.
    async fn account(&self, email: &str) -> User {
        account(&self.app.app, &self.hash, email).await
    }

    /// A tenant of its own for a run.
    async fn cast(&self) -> Cast {
        let app = &self.app.app;
        let txn = app.db.begin_write().await.unwrap();
        let slug = app.fresh_id::<TenantId>().global().replace('_', "-");
        let tenant = tenant::service::insert(app, &txn, "Acme", &slug).await.unwrap().id;
        role::service::insert_built_in(app, &txn, tenant).await.unwrap();
        let mut actors = Vec::new();
        let mut admin_membership = None;
        for (user, key) in [
            (&self.owner, Some("owner")),
            (&self.admin, Some("admin")),
            (&self.member, Some("member")),
            (&self.stranger, None),
        ] {
            if let Some(key) = key {
                let role = role::service::by_key(&txn, tenant, key).await.unwrap();
                let joined = membership::service::join(app, &txn, tenant, user.id, role.id).await.unwrap().0;
                admin_membership = if key == "admin" { Some(joined.id) } else { admin_membership };
            }
            let session = auth::service::begin_session(app, &txn, &Origin::default(), user, None).await;
            actors.push(signed_in(app, &txn, session.unwrap().id).await.unwrap());
        }
        txn.commit().await.unwrap();
        let [owner, admin, member, stranger] = actors.try_into().unwrap();
        Cast { tenant, owner, admin, admin_membership: admin_membership.unwrap(), member, stranger }
    }

    /// Somebody's account in a session of its own.
    async fn sign_in(&self, user: &User) -> Actor {
        let app = &self.app.app;
        let txn = app.db.begin_write().await.unwrap();
        let session = auth::service::begin_session(app, &txn, &Origin::default(), user, None).await.unwrap();
        let actor = signed_in(app, &txn, session.id).await.unwrap();
        txn.commit().await.unwrap();
        actor
    }
}

async fn account(app: &App, hash: &str, email: &str) -> User {
    let new = NewUser {
        email: Email::parse(email).unwrap(),
        verified_at: Some(app.clock.now()),
        name: "Somebody".to_owned(),
        password_hash: hash.to_owned(),
        is_superuser: false,
    };
    user::service::insert(app, app.db.writer(), new).await.unwrap().unwrap()
}

/// The actor of a session as it is now.
async fn signed_in(app: &App, db: &impl sea_orm::ConnectionTrait, id: SessionId) -> Option<Actor> {
    let principal = auth::service::principal_of(app, db, id).await.unwrap()?;
    Some(Actor::user(principal, Origin::default()))
}

/// What an operation answers, as far as models tell answers apart.
fn code<T, E: Into<Error>>(done: Result<T, E>) -> Result<T, ErrorCode> {
    done.map_err(|error| match error.into() {
        Error::Internal(cause) => panic!("{cause:?}"),
        other => other.code(),
    })
}

/// Says where the service and its model differ.
fn same<T: PartialEq + Debug>(what: &str, step: &dyn Debug, is: &T, expected: &T) -> Result<(), String> {
    if is == expected {
        return Ok(());
    }
    Err(format!("{what} after {step:?}: it is {is:?}, and the model says {expected:?}"))
}
