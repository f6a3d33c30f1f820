//! Commands about people and tenants.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;

use secrecy::SecretString;
use serde_json::json;

use super::operate::{mailbox, send_at_once};
use super::output::{say, say_json, talk};
use super::{Failure, Outcome, open};
use crate::actor::Actor;
use crate::app::App;
use crate::config::Options;
use crate::id::TypedId as _;
use crate::invitation::service::{Delivery, Invite};
use crate::mail::Mail;
use crate::tenant::Tenant;
use crate::{invitation, onboarding, password_reset, tenant, user};

/// Where a password comes from; never from a flag, which others on the host could read.
pub(super) enum PasswordSource {
    Prompt,
    Stdin,
    File(PathBuf),
}

impl PasswordSource {
    pub(super) fn new(stdin: bool, file: Option<PathBuf>) -> Self {
        match (stdin, file) {
            (true, _) => Self::Stdin,
            (false, Some(path)) => Self::File(path),
            (false, None) => Self::Prompt,
        }
    }

    fn read(self) -> Result<SecretString, Failure> {
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            Failure::new(Failure::USAGE, format!("cannot read the password from {what}: {error}"))
        };
        let text = match self {
            Self::Stdin => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).map_err(|e| failed("standard input", &e))?;
                text
            }
            Self::File(path) => {
                std::fs::read_to_string(&path).map_err(|e| failed(&path.display().to_string(), &e))?
            }
            Self::Prompt if std::io::stdin().is_terminal() => {
                rpassword::prompt_password("Password: ").map_err(|e| failed("the terminal", &e))?
            }
            Self::Prompt => {
                let advice = "give the password with --password-stdin or --password-file";
                return Err(Failure::new(Failure::USAGE, advice));
            }
        };
        Ok(text.trim_end_matches(['\r', '\n']).to_owned().into())
    }
}

fn ask(question: &str) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(Failure::USAGE, "give the address with --email"));
    }
    let mut answer = String::new();
    let mut out = std::io::stderr();
    let asked = write!(out, "{question}: ").and_then(|()| out.flush());
    asked
        .and_then(|()| std::io::stdin().read_line(&mut answer))
        .map_err(|error| Failure::new(Failure::USAGE, error.to_string()))?;
    Ok(answer.trim().to_owned())
}

pub(super) async fn create_superuser(
    options: &Options,
    email: Option<String>,
    name: Option<String>,
    password: PasswordSource,
) -> Outcome {
    let app = open(options).await?;
    let email = match email {
        Some(email) => email,
        None => ask("E-mail address")?,
    };
    let name = name.unwrap_or_else(|| email.split('@').next().unwrap_or(&email).to_owned());
    let user = user::service::create_superuser(&app, &email, &name, &password.read()?).await?;
    say(format_args!("{} administers this platform now ({}).", user.email, user.id.global()));
    Ok(())
}

pub(super) async fn create_tenant(
    options: &Options,
    name: &str,
    slug: &str,
    owner: &str,
    json: bool,
) -> Outcome {
    let app = open(options).await?;
    let created =
        onboarding::service::create_tenant(&app, &Actor::operator(), name, slug, Some(owner)).await?;
    let invitation = created.invitation.as_ref();
    if json {
        say_json(&json!({
            "id": created.tenant.id.global(),
            "slug": created.tenant.slug,
            "name": created.tenant.name,
            "invitationId": invitation.map(|i| i.id.global()),
        }));
    } else {
        say(format_args!(
            "{} is made ({}); {owner} is invited as owner.",
            created.tenant.name, created.tenant.slug
        ));
        talk("The mail leaves as soon as `guestlist serve` or `guestlist worker` runs.");
    }
    Ok(())
}

pub(super) async fn list_tenants(options: &Options, json: bool) -> Outcome {
    let app = open(options).await?;
    let tenants = tenant::service::list_all_tenants(app.db.reader()).await?;
    if json {
        let rows: Vec<_> = tenants
            .iter()
            .map(
                |t| json!({ "id": t.id.global(), "slug": t.slug, "name": t.name, "createdAt": t.created_at }),
            )
            .collect();
        say_json(&json!(rows));
        return Ok(());
    }
    for tenant in &tenants {
        say(format_args!(
            "{:24} {:10} {}",
            tenant.slug,
            format!("{:?}", tenant.status).to_lowercase(),
            tenant.name
        ));
    }
    if tenants.is_empty() {
        talk("No tenants yet; make one with `guestlist tenant create NAME --slug SLUG --owner EMAIL`.");
    }
    Ok(())
}

pub(super) async fn setup_link(options: &Options, mail: Option<&str>, json: bool) -> Outcome {
    let app = open(options).await?;
    let to = mail.map(mailbox).transpose()?;
    let Some(setup) = onboarding::service::setup_link(&app).await? else {
        let message = "there is an administrator already; `guestlist create-superuser` makes another one";
        return Err(Failure::new(Failure::FAILED, message));
    };
    let onboarding::service::SetupLink { link, token, expires_at } = setup;
    if let Some(to) = to {
        return send_at_once(&app.mailer, &Mail::Setup { to, link, token, expires_at }).await;
    }
    if json {
        say_json(&json!({ "link": link, "expiresAt": expires_at }));
        return Ok(());
    }
    say(link);
    talk(format_args!("It can be used once, until {expires_at}, by whoever is to be the administrator."));
    Ok(())
}

pub(super) async fn reset_link(options: &Options, email: &str, json: bool) -> Outcome {
    let app = open(options).await?;
    let (link, expires_at) = password_reset::service::reset_link(&app, email).await?;
    if json {
        say_json(&json!({ "email": email, "link": link, "expiresAt": expires_at }));
        return Ok(());
    }
    say(link);
    talk(format_args!(
        "It can be used once, until {expires_at}. Hand it over by a way that nobody else reads."
    ));
    Ok(())
}

/// Whom to invite.
pub(super) struct Wanted {
    pub(super) email: String,
    pub(super) tenant: String,
    pub(super) role: String,
    pub(super) name: Option<String>,
    pub(super) note: Option<String>,
    pub(super) link_only: bool,
}

pub(super) async fn invite(options: &Options, wanted: Wanted, json: bool) -> Outcome {
    let app = open(options).await?;
    let tenant = tenant_of(&app, &wanted.tenant).await?;
    let input = Invite {
        name: wanted.name,
        note: wanted.note,
        delivery: if wanted.link_only { Delivery::LinkOnly } else { Delivery::Email },
        ..Invite::plain(Some(tenant.id), &wanted.email, &wanted.role)
    };
    let invited = invitation::service::invite(&app, &Actor::operator(), input).await.map_err(|r| r.error)?;
    let row = &invited.invitation;
    if json {
        say_json(&json!({
            "id": row.id.global(), "email": row.email, "created": invited.created,
            "expiresAt": row.expires_at, "link": invited.link,
        }));
        return Ok(());
    }
    match (&invited.link, invited.created) {
        (Some(link), _) => say(link),
        (None, true) => {
            say(format_args!("{} is invited to {} until {}.", row.email, tenant.name, row.expires_at));
            talk("The mail leaves as soon as `guestlist serve` or `guestlist worker` runs.");
        }
        (None, false) => say(format_args!("{} was invited already, until {}.", row.email, row.expires_at)),
    }
    Ok(())
}

/// The tenant with a slug.
pub(super) async fn tenant_of(app: &App, slug: &str) -> Result<Tenant, Failure> {
    let missing = || format!("no tenant has the slug {slug}; see `guestlist tenant list`");
    let found = tenant::service::by_slug(app.db.reader(), slug).await?;
    found.ok_or_else(|| Failure::new(Failure::NOT_FOUND, missing()))
}
