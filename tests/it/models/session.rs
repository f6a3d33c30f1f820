//! One person's sessions.

use chrono::{SubsecRound as _, TimeDelta};
use guestlist::actor::{Actor, Origin};
use guestlist::app::App;
use guestlist::auth::service::{self, Tokens};
use guestlist::clock::Instant;
use guestlist::error::ErrorCode;
use guestlist::id::{SessionId, TypedId as _};
use guestlist::keys::TokenKind;
use guestlist::password_reset::service::change_password;
use guestlist::user::User;
use proptest::prelude::*;

use super::{World, code, same};
use crate::support::PASSWORD;

/// Which refresh token is presented, counted back from the present one.
#[derive(Clone, Debug)]
enum Step {
    Login,
    Refresh { session: usize, back: i64 },
    Logout { session: usize, by_refresh_token: bool },
    LogoutAll { session: usize },
    Revoke { session: usize, target: usize },
    Change { session: usize },
    Advance(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let session = || 0..4usize;
    let back = prop_oneof![6 => Just(0), 3 => Just(1), 1 => Just(2), 1 => Just(-1)];
    prop_oneof![
        4 => Just(Step::Login),
        12 => (session(), back).prop_map(|(session, back)| Step::Refresh { session, back }),
        1 => (session(), any::<bool>())
            .prop_map(|(session, by_refresh_token)| Step::Logout { session, by_refresh_token }),
        1 => session().prop_map(|session| Step::LogoutAll { session }),
        1 => (session(), session()).prop_map(|(session, target)| Step::Revoke { session, target }),
        1 => session().prop_map(|session| Step::Change { session }),
        7 => prop::sample::select(vec![1_000, 9_999, 10_000, 629_999, 630_000, 600_000_000, 1_209_600_000])
            .prop_map(Step::Advance),
    ]
}

/// What the model knows of a session, and the access token that was given out last.
struct Known {
    id: SessionId,
    counter: i64,
    rotated_at: Option<Instant>,
    expires_at: Instant,
    ends_at: Instant,
    revoked: bool,
    access: String,
    access_ends_at: Instant,
}

impl Known {
    fn is_live(&self, now: Instant) -> bool {
        !self.revoked && now < self.expires_at && now < self.ends_at
    }

    /// Whether the access token speaks for its user: 30 seconds longer than it says, while the session lives.
    fn speaks(&self, now: Instant) -> bool {
        self.is_live(now) && now < self.access_ends_at + TimeDelta::seconds(30)
    }

    fn rotate(&mut self, steps: i64, now: Instant) {
        self.counter += steps;
        self.rotated_at = Some(now);
        self.expires_at = (now + TimeDelta::days(14)).min(self.ends_at);
    }

    fn refresh(&mut self, presented: i64, now: Instant) -> Result<(), ErrorCode> {
        if self.revoked {
            return Err(ErrorCode::TokenInvalid);
        }
        if !self.is_live(now) {
            return Err(ErrorCode::TokenExpired);
        }
        if presented == self.counter {
            self.rotate(1, now);
            return Ok(());
        }
        let lost = self.rotated_at.is_some_and(|at| now - at < TimeDelta::seconds(10));
        if presented + 1 == self.counter && lost {
            return Ok(());
        }
        self.revoked = presented < self.counter;
        Err(ErrorCode::TokenInvalid)
    }
}

struct Play<'a> {
    world: &'a World,
    app: &'a App,
    user: User,
    password: String,
    sessions: Vec<Known>,
}

impl Play<'_> {
    /// A session of the model, by a number that a step has drawn.
    fn pick(&self, session: usize) -> Option<usize> {
        let newest = self.sessions.len().checked_sub(1)?;
        newest.checked_sub(session)
    }

    async fn actor(&self, at: usize) -> Actor {
        let bearer = Some(self.sessions[at].access.as_str());
        service::authenticate(self.app, bearer, Origin::default()).await.unwrap()
    }

    fn adopt(&mut self, at: usize, tokens: Tokens) -> Result<(), String> {
        let known = &mut self.sessions[at];
        known.access = tokens.access_token;
        known.access_ends_at = tokens.access_expires_at;
        let counter = u32::try_from(known.counter).unwrap();
        let expected = self.app.keys.token(TokenKind::Refresh, known.id.uuid(), counter);
        same("the refresh token", &at, &tokens.refresh_token, &expected)?;
        same("its end", &at, &tokens.refresh_expires_at, &known.expires_at)
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        let (app, now) = (self.app, self.app.clock.now());
        let stranger = Actor::stranger(Origin::default());
        match *step {
            Step::Login => {
                let password = self.password.clone().into();
                let done = service::login(app, &stranger, &self.user.email, &password, None).await;
                let login = code(done).map_err(|code| format!("a login answers {code:?}"))?;
                self.sessions.push(Known {
                    id: login.principal.session_id,
                    counter: 0,
                    rotated_at: None,
                    expires_at: now + TimeDelta::days(14),
                    ends_at: now + TimeDelta::days(90),
                    revoked: false,
                    access: login.tokens.access_token,
                    access_ends_at: login.tokens.access_expires_at,
                });
                same(
                    "the life of an access token",
                    step,
                    &login.tokens.access_expires_at,
                    &(now + TimeDelta::minutes(10)).trunc_subsecs(0),
                )
            }
            Step::Refresh { session, back } => {
                let Some(at) = self.pick(session) else { return Ok(()) };
                let presented = (self.sessions[at].counter - back).max(0);
                let generation = u32::try_from(presented).unwrap();
                let token = app.keys.token(TokenKind::Refresh, self.sessions[at].id.uuid(), generation);
                let done = code(service::refresh(app, &stranger, &token).await);
                let expected = self.sessions[at].refresh(presented, now);
                same("the answer", step, &done.as_ref().map(|_| ()).map_err(|code| *code), &expected)?;
                done.map_or(Ok(()), |tokens| self.adopt(at, tokens))
            }
            Step::Logout { session, by_refresh_token } => {
                let Some(at) = self.pick(session) else { return Ok(()) };
                let token = app.keys.token(TokenKind::Refresh, self.sessions[at].id.uuid(), 0);
                let actor = if by_refresh_token { stranger } else { self.actor(at).await };
                self.sessions[at].revoked |= by_refresh_token || self.sessions[at].speaks(now);
                let done = service::logout(app, &actor, by_refresh_token.then_some(token.as_str())).await;
                same("the answer", step, &code(done), &Ok(()))
            }
            Step::LogoutAll { session } => {
                let Some(at) = self.pick(session) else { return Ok(()) };
                let done = code(service::logout_all(app, &self.actor(at).await).await);
                if !self.sessions[at].speaks(now) {
                    return same("the answer", step, &done, &Err(ErrorCode::Unauthenticated));
                }
                let live = self.sessions.iter().filter(|known| known.is_live(now)).count();
                self.sessions.iter_mut().for_each(|known| known.revoked |= known.is_live(now));
                same("the answer", step, &done, &Ok(live))
            }
            Step::Revoke { session, target } => {
                let (Some(at), Some(target)) = (self.pick(session), self.pick(target)) else { return Ok(()) };
                let done =
                    service::revoke_session(app, &self.actor(at).await, self.sessions[target].id).await;
                let expected =
                    if self.sessions[at].speaks(now) { Ok(()) } else { Err(ErrorCode::Unauthenticated) };
                self.sessions[target].revoked |= expected.is_ok();
                same("the answer", step, &code(done.map(drop)), &expected)
            }
            Step::Change { session } => {
                let Some(at) = self.pick(session) else { return Ok(()) };
                let new = format!("{PASSWORD} {now}");
                let (old, next) = (self.password.clone().into(), new.clone().into());
                let done = code(change_password(app, &self.actor(at).await, &old, &next).await);
                if !self.sessions[at].speaks(now) {
                    return same("the answer", step, &done.map(drop), &Err(ErrorCode::Unauthenticated));
                }
                self.password = new;
                for (other, known) in self.sessions.iter_mut().enumerate() {
                    known.revoked |= other != at && known.is_live(now);
                }
                self.sessions[at].rotate(2, now);
                let tokens = done.map_err(|code| format!("a change of password answers {code:?}"))?;
                self.adopt(at, tokens)
            }
            Step::Advance(millis) => {
                self.world.app.advance(TimeDelta::milliseconds(millis));
                Ok(())
            }
        }
    }

    /// Compares whom the access tokens speak for, and which sessions are listed.
    async fn compare(&self, step: &Step) -> Result<(), String> {
        let now = self.app.clock.now();
        for (at, known) in self.sessions.iter().enumerate() {
            let speaks = self.actor(at).await.user_id() == Some(self.user.id);
            same("an access token", step, &speaks, &known.speaks(now))?;
        }
        let listed = service::sessions(self.app, self.user.id).await.unwrap();
        let listed: Vec<SessionId> = listed.iter().rev().map(|row| row.id).collect();
        let live = self.sessions.iter().filter(|known| known.is_live(now)).map(|known| known.id);
        same("the live sessions", step, &listed, &live.collect())
    }
}

async fn play(world: &World, steps: Vec<Step>) -> Result<(), String> {
    let user = world.account(&world.address()).await;
    let (app, password) = (&world.app.app, PASSWORD.to_owned());
    let mut play = Play { world, app, user, password, sessions: Vec::new() };
    for step in &steps {
        play.step(step).await?;
        play.compare(step).await?;
    }
    Ok(())
}

#[test]
fn the_session_machine_and_its_model_agree() {
    let limits = [
        "--limit-login-per-ip=1000000",
        "--limit-login-per-address=1000000",
        "--limit-tokens-per-ip=1000000",
        "--password-score=0",
    ];
    super::run(step(), &limits, play);
}
