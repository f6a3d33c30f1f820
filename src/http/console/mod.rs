//! Pages that have a session: rendered here, and fed by the public schema executed in-process as the viewer. There is no second
//! way to read or write. Forms are posted, answered with 303, and work without scripts.

#![expect(clippy::result_large_err, reason = "the error is the answer, made once and sent")]

mod account;
mod dashboard;
mod export;
mod guest;
mod import;
mod list;
mod platform;
mod settings;
mod start;
mod strength;
mod visit;
mod webhooks;

use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use poem::http::{HeaderMap, HeaderValue, header};
use poem::web::Redirect;
use poem::{IntoResponse as _, Response, Route, get, post};

use self::visit::{Done, Fields, Visit};
use super::State;
use crate::words::{self, Key, Words};

/// Our pages run our scripts, send forms to us, and do nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

macro_rules! operations {
    ($($name:ident = $file:literal,)*) => {
        $(const $name: &str = include_str!(concat!("../../../web/operations/", $file, ".graphql"));)*
        /// Every operation of the pages.
        #[cfg(test)]
        const OPERATIONS: &[&str] = &[$($name),*];
    };
}

operations! {
    VIEWER = "viewer",
    LOGIN = "login",
    LOGOUT = "logout",
    LOGOUT_ALL = "logoutAll",
    INVITATION = "invitation",
    ACCEPT_INVITATION = "acceptInvitation",
    DECLINE_INVITATION = "declineInvitation",
    REQUEST_RESET = "requestReset",
    RESET_PASSWORD = "resetPassword",
    RATE_PASSWORD = "ratePassword",
    CANCEL_RESET = "cancelReset",
    ACCOUNT = "account",
    UPDATE_PROFILE = "updateProfile",
    CHANGE_PASSWORD = "changePassword",
    REVOKE_SESSION = "revokeSession",
    SWITCH_TENANT = "switchTenant",
    LEAVE_TENANT = "leaveTenant",
    DASHBOARD = "dashboard",
    INVITATIONS = "invitations",
    MAIL = "mail",
    MAILS = "mails",
    RETRY_MAIL = "retryMail",
    CANCEL_MAIL = "cancelMail",
    INVITE = "invite",
    INVITE_MANY = "inviteMany",
    RESEND_INVITATION = "resendInvitation",
    CANCEL_INVITATION = "cancelInvitation",
    MEMBERS = "members",
    CHANGE_MEMBER_ROLE = "changeMemberRole",
    SUSPEND_MEMBER = "suspendMember",
    REINSTATE_MEMBER = "reinstateMember",
    REMOVE_MEMBER = "removeMember",
    TRANSFER_OWNERSHIP = "transferOwnership",
    RESETS = "resets",
    REQUEST = "request",
    APPROVE_RESET = "approveReset",
    REJECT_RESET = "rejectReset",
    EVENTS = "events",
    SETTINGS = "settings",
    UPDATE_TENANT = "updateTenant",
    DELETE_TENANT = "deleteTenant",
    CREATE_ROLE = "createRole",
    UPDATE_ROLE = "updateRole",
    DELETE_ROLE = "deleteRole",
    WEBHOOKS = "webhooks",
    WEBHOOK = "webhook",
    CREATE_WEBHOOK = "createWebhookEndpoint",
    UPDATE_WEBHOOK = "updateWebhookEndpoint",
    DELETE_WEBHOOK = "deleteWebhookEndpoint",
    ROTATE_WEBHOOK = "rotateWebhookSecret",
    REDELIVER_WEBHOOK = "redeliverWebhook",
    USERS = "users",
    REVOKE_USER_SESSIONS = "revokeUserSessions",
    PLATFORM = "platform",
    PLATFORM_SETTINGS = "platformSettings",
    TENANTS = "tenants",
    CREATE_TENANT = "createTenant",
    SUSPEND_TENANT = "suspendTenant",
    REINSTATE_TENANT = "reinstateTenant",
}

/// What a page says after something was done, by the word in its address.
const DONE: &[(&str, Key)] = &[
    ("invited", Key("done-invited")),
    ("standing", Key("done-standing")),
    ("retried", Key("done-retried")),
    ("stopped", Key("done-stopped")),
    ("resent", Key("done-resent")),
    ("cancelled", Key("done-cancelled")),
    ("joined", Key("done-joined")),
    ("declined", Key("done-declined")),
    ("role", Key("done-role")),
    ("suspended", Key("done-suspended")),
    ("reinstated", Key("done-reinstated")),
    ("removed", Key("done-removed")),
    ("transferred", Key("done-transferred")),
    ("approved", Key("done-approved")),
    ("rejected", Key("done-rejected")),
    ("asked", Key("done-asked")),
    ("reset", Key("done-reset")),
    ("withdrawn", Key("done-withdrawn")),
    ("saved", Key("done-saved")),
    ("password", Key("done-password")),
    ("ended", Key("done-ended")),
    ("sessions", Key("done-sessions")),
    ("switched", Key("done-switched")),
    ("left", Key("done-left")),
    ("made", Key("done-made")),
    ("deleted", Key("done-deleted")),
    ("enabled", Key("done-enabled")),
    ("disabled", Key("done-disabled")),
    ("redelivered", Key("done-redelivered")),
];

macro_rules! templates {
    ($($name:literal,)*) => {
        const TEMPLATES: &[(&str, &str)] =
            &[$((concat!($name, ".html"), include_str!(concat!("../../../web/console/", $name, ".html")))),*];
    };
}

templates! {
    "layout", "macros", "setup", "gone", "login", "choose", "accept", "forgot", "reset", "failed", "dashboard",
    "invitations", "import", "mail", "mails", "members", "resets", "request", "events", "settings", "webhooks",
    "webhook", "platform", "users", "health", "options", "account",
}

/// The pages, compiled once, for each language in its turn.
///
/// # Errors
/// When one does not parse.
pub(super) fn templates(words: &Words) -> Result<Vec<Environment<'static>>, minijinja::Error> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Chainable);
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    // What is not there is not shown.
    env.set_formatter(
        |out, state, value| {
            if value.is_none() { Ok(()) } else { minijinja::escape_formatter(out, state, value) }
        },
    );
    for (name, source) in TEMPLATES {
        env.add_template(name, source)?;
    }
    let speaking = words.languages().iter().map(|language| {
        // A copy has the compiled pages in common with the others.
        let mut env = env.clone();
        words::install(&mut env, language);
        env.add_global("language", language.tag());
        env.add_global("direction", language.direction());
        env
    });
    Ok(speaking.collect())
}

/// Adds the pages.
pub(super) fn mount(routes: Route) -> Route {
    routes
        .at("/setup", get(start::setup).post(start::set_up))
        .at("/login", get(start::login).post(start::sign_in))
        .at("/login/tenant", get(start::choose))
        .at("/logout", post(start::sign_out))
        .at("/accept", get(guest::invitation).post(guest::decide))
        .at("/forgot", get(guest::forgot).post(guest::ask))
        .at("/reset", get(guest::reset).post(guest::set_password))
        .at("/password/strength", post(strength::rate))
        .at("/console", get(dashboard::show))
        .at("/console/invitations", get(list::invitations).post(list::invite))
        .at("/console/invitations.csv", get(export::invitations))
        .at("/console/import", get(import::show).post(import::import))
        .at("/console/mail", get(list::mail))
        .at("/console/members", get(list::members))
        .at("/console/members.csv", get(export::members))
        .at("/console/resets", get(list::resets))
        .at("/console/resets/:id", get(list::one_request))
        .at("/console/events", get(list::events))
        .at("/console/events.csv", get(export::events))
        .at("/console/settings", get(settings::show).post(settings::save))
        .at("/console/roles", post(settings::create_role))
        .at("/console/webhooks", get(webhooks::list).post(webhooks::create))
        .at("/console/webhooks/:id", get(webhooks::show))
        .at("/console/webhooks/:id/:action", post(webhooks::act))
        .at("/console/:list/:id/:action", post(list::act))
        .at("/platform", get(platform::show).post(platform::create))
        .at("/platform/users", get(platform::users))
        .at("/platform/users/:id/end", post(platform::end_sessions))
        .at("/platform/health", get(platform::health))
        .at("/platform/settings", get(platform::settings))
        .at("/platform/mail/:id/:action", post(platform::mail))
        .at("/platform/:id/:action", post(platform::act))
        .at("/account", get(account::show))
        .at("/account/name", post(account::rename))
        .at("/account/password", post(account::change_password))
        .at("/account/tenant", post(account::switch))
        .at("/account/leave", post(account::leave))
        .at("/account/reset/withdraw", post(account::withdraw_reset))
        .at("/account/invitations/:id/:action", post(account::answer))
        .at("/account/sessions/end", post(account::end_sessions))
        .at("/account/sessions/:id/end", post(account::end_session))
}

fn see(path: &str) -> Response {
    Redirect::see_other(path).into_response()
}

/// Adds the cookies of an operation to an answer.
fn with(mut response: Response, headers: HeaderMap) -> Response {
    for cookie in headers.get_all(header::SET_COOKIE) {
        response.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::config::Options;
    use crate::http::gate::Gate;

    #[derive(clap::Parser)]
    struct Settings {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn every_operation_of_the_pages_passes_the_gate() {
        let folder = tempfile::tempdir().unwrap();
        let data = format!("--data-dir={}", folder.path().display());
        let config = Settings::parse_from(["guestlist", &data]).options.check().unwrap();
        let gate = Gate::new(&crate::schema::sdl(), &config).unwrap();
        for operation in super::OPERATIONS {
            gate.document(operation).unwrap_or_else(|refused| panic!("{operation}: {refused:?}"));
        }
    }

    #[test]
    fn every_page_parses() {
        super::templates(&crate::words::Words::load(None).unwrap()).unwrap();
    }
}
