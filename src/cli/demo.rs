//! `demo`: a throw-away service to look around in, with two tenants, invitations in every state and two reset requests.

use chrono::TimeDelta;
use secrecy::SecretString;

use super::{Failure, Outcome, checked, serve};
use crate::actor::{Actor, Origin};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Environment, Options};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::id::{TenantId, TypedId as _};
use crate::invitation::Invitation;
use crate::invitation::service::{Accept, Invite};
use crate::keys::TokenKind;
use crate::{auth, invitation, onboarding, password_reset, user, worker};

/// Password of everybody in the demo.
const PASSWORD: &str = "seven quiet lanterns";
/// How long ago the demo begins, so that there is something to look back on.
const BEGUN: TimeDelta = TimeDelta::days(8);

/// What the demo says once it is served.
pub(super) const GREETING: &[&str] = &[
    "A demo: nothing is sent, and all of it is gone when it ends. Sign in at {url}/login as",
    "  olivia@acme.example (owner), ann@acme.example (admin), max@acme.example (member),",
    "  gus@globex.example (owner of the other tenant), root@example.com (the platform);",
    "  everybody's password: seven quiet lanterns",
];

/// Serves the demo until it is told to stop, and removes it.
pub(super) async fn demo(mut options: Options) -> Outcome {
    if !options.listen.ip().is_loopback() {
        let message = "a demo has passwords that everybody knows; it listens on a loopback address only";
        return Err(Failure::new(Failure::USAGE, message));
    }
    let unwritable = |error: std::io::Error| Failure::new(Failure::UNAVAILABLE, error.to_string());
    // A folder that nobody else can guess or read, gone when this ends.
    let folder = tempfile::Builder::new().prefix("guestlist-demo-").tempdir().map_err(unwritable)?;
    options.environment = Some(Environment::Development);
    options.data_dir = folder.path().to_owned();
    (options.database_url, options.smtp_url, options.smtp_url_file) = (None, None, None);
    let config = checked(&options)?;
    let db = Db::open(&config.database_url).await?;
    db.migrate().await?;
    let clock = Clock::fixed(Clock::System.now() - BEGUN);
    let app = App::new(config, db, clock).await?;
    fill(&app).await?;
    app.db.clone().close().await;
    drop(app);
    serve::serve(options, true, GREETING).await
}

/// Somebody who has just joined by an invitation.
async fn join(app: &App, invitation: &Invitation, name: &str) -> Result<Actor> {
    let token = app.keys.token(TokenKind::Invitation, invitation.id.uuid(), 0);
    let input = Accept {
        token: Some(token),
        invitation_id: None,
        name: Some(name.to_owned()),
        password: Some(PASSWORD.into()),
    };
    let stranger = Actor::stranger(Origin::default());
    let accepted =
        invitation::service::accept(app, &stranger, input).await.map_err(|refused| refused.error)?;
    Ok(Actor::user(accepted.viewer, Origin::default()))
}

async fn invited(app: &App, by: &Actor, tenant: TenantId, email: &str, role: &str) -> Result<Invitation> {
    let mut wanted = Invite::plain(Some(tenant), email, role);
    wanted.note = Some("See you on Monday!".to_owned());
    let made = invitation::service::invite(app, by, wanted).await.map_err(|refused| refused.error)?;
    Ok(made.invitation)
}

async fn tenant(app: &App, name: &str, slug: &str, owner: (&str, &str)) -> Result<(TenantId, Actor)> {
    let made = onboarding::service::create_tenant(app, &Actor::operator(), name, slug, Some(owner.0)).await?;
    let invitation = made.invitation.ok_or_else(|| Error::internal("an owner was named and not invited"))?;
    Ok((made.tenant.id, join(app, &invitation, owner.1).await?))
}

async fn fill(app: &App) -> Result<()> {
    let password = SecretString::from(PASSWORD);
    user::service::create_superuser(app, "root@example.com", "Root", &password).await?;
    let (acme, olivia) = tenant(app, "Acme", "acme", ("olivia@acme.example", "Olivia Owner")).await?;
    let (globex, gus) = tenant(app, "Globex", "globex", ("gus@globex.example", "Gus Globex")).await?;
    for (email, name, role) in
        [("ann@acme.example", "Ann Admin", "admin"), ("max@acme.example", "Max Member", "member")]
    {
        let invitation = invited(app, &olivia, acme, email, role).await?;
        join(app, &invitation, name).await?;
    }
    invited(app, &olivia, acme, "too-late@example.com", "member").await?;
    worker::tick(app).await?;

    app.clock.advance(BEGUN);
    for email in ["paula@example.com", "peter@example.com", "priya@example.com"] {
        invited(app, &olivia, acme, email, "member").await?;
    }
    let changed_mind = invited(app, &olivia, acme, "changed-mind@example.com", "admin").await?;
    invitation::service::cancel(app, &olivia, changed_mind.id).await.map_err(|refused| refused.error)?;
    let no_thanks = invited(app, &olivia, acme, "no-thanks@example.com", "member").await?;
    let token = app.keys.token(TokenKind::Invitation, no_thanks.id.uuid(), 0);
    let stranger = Actor::stranger(Origin::default());
    invitation::service::decline(app, &stranger, Some(&token), None)
        .await
        .map_err(|refused| refused.error)?;
    invited(app, &gus, globex, "olivia@acme.example", "admin").await?;
    for email in ["max@acme.example", "ann@acme.example"] {
        password_reset::service::request_reset(app, &stranger, email).await?;
    }
    for _ in 0..2 {
        worker::tick(app).await?;
    }
    auth::service::login(app, &stranger, "max@acme.example", &password, None).await?;
    Ok(())
}
