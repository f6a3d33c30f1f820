//! From a [`Mail`] to a MIME message.

use std::path::Path;
use std::time::SystemTime;

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use super::Mail;
use crate::clock::Instant;
use crate::id::{OutboxId, TypedId as _};

/// Longest name that is shown in a mail, in characters.
const NAME_SHOWN: usize = 60;

/// The parts of a mail as text.
#[derive(Clone, Debug)]
pub(super) struct Rendered {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// The templates: those in `folder` in place of our own of the same name.
pub(super) fn templates(folder: Option<&Path>) -> Result<Environment<'static>, minijinja::Error> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_auto_escape_callback(
        |name| if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None },
    );
    env.add_filter("url", |text: String| minijinja::Value::from_safe_string(escape_url(&text)));
    for (name, source) in [
        ("base.html", include_str!("templates/base.html")),
        ("invitation.txt", include_str!("templates/invitation.txt")),
        ("invitation.html", include_str!("templates/invitation.html")),
        ("invitation_accepted.txt", include_str!("templates/invitation_accepted.txt")),
        ("invitation_accepted.html", include_str!("templates/invitation_accepted.html")),
        ("password_changed.txt", include_str!("templates/password_changed.txt")),
        ("password_changed.html", include_str!("templates/password_changed.html")),
        ("reset_requested.txt", include_str!("templates/reset_requested.txt")),
        ("reset_requested.html", include_str!("templates/reset_requested.html")),
        ("reset_link.txt", include_str!("templates/reset_link.txt")),
        ("reset_link.html", include_str!("templates/reset_link.html")),
        ("reset_rejected.txt", include_str!("templates/reset_rejected.txt")),
        ("reset_rejected.html", include_str!("templates/reset_rejected.html")),
        ("test.txt", include_str!("templates/test.txt")),
        ("test.html", include_str!("templates/test.html")),
    ] {
        match folder.map(|folder| std::fs::read_to_string(folder.join(name))) {
            Some(Ok(own)) => env.add_template_owned(name, own)?,
            Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                let message = format!("{name} cannot be read: {error}");
                return Err(minijinja::Error::new(minijinja::ErrorKind::TemplateNotFound, message));
            }
            _ => env.add_template(name, source)?,
        }
    }
    Ok(env)
}

pub(super) fn render(env: &Environment<'_>, mail: &Mail) -> Result<Rendered, minijinja::Error> {
    let (subject, values) = match mail {
        Mail::Invitation(mail) => {
            let tenant = shown(&mail.tenant_name);
            let values = context! {
                locale => &mail.locale,
                to => mail.to.email.to_string(),
                tenant => &tenant,
                inviter => shown(&mail.inviter_name),
                role => shown(&mail.role_name),
                note => &mail.note,
                link => &mail.link,
                token => &mail.token,
                expires => in_words(mail.expires_at),
            };
            (format!("You are invited to join {tenant}"), values)
        }
        Mail::InvitationAccepted(mail) => {
            let tenant = shown(&mail.tenant_name);
            let values = context! {
                locale => "en",
                name => shown(&mail.name),
                tenant => &tenant,
                member => shown(&mail.member_name),
                email => &mail.member_email,
                role => shown(&mail.role_name),
                at => in_words(mail.at),
                link => &mail.link,
            };
            (format!("Your invitation to {tenant} was accepted"), values)
        }
        Mail::ResetRequested(mail) => {
            let values = context! {
                locale => "en",
                name => shown(&mail.name),
                requester => shown(&mail.requester_name),
                email => &mail.requester_email,
                tenant => mail.tenant_name.as_deref().map(shown),
                ip => &mail.ip_address,
                at => in_words(mail.at),
                link => &mail.link,
                expires => in_words(mail.expires_at),
            };
            ("A password reset waits for your decision".to_owned(), values)
        }
        Mail::ResetLink { name, link, token, expires_at, .. } => {
            let values = context! {
                locale => "en",
                name => shown(name),
                link => link,
                token => token,
                expires => in_words(*expires_at),
            };
            ("Choose a new password".to_owned(), values)
        }
        Mail::ResetRejected { name, reason, .. } => {
            let values = context! { locale => "en", name => shown(name), reason => reason };
            ("Your password was not reset".to_owned(), values)
        }
        Mail::PasswordChanged { name, at, .. } => {
            let values = context! { locale => "en", name => shown(name), at => in_words(*at) };
            ("Your password was changed".to_owned(), values)
        }
        Mail::Test { to } => {
            ("Guestlist can send mail".to_owned(), context! { locale => "en", to => to.email.to_string() })
        }
    };
    let part = |extension: &str| {
        let name = mail.template();
        env.get_template(&format!("{name}.{extension}"))?.render(&values)
    };
    Ok(Rendered { subject, text: part("txt")?, html: part("html")? })
}

pub(super) fn message(
    from: &lettre::Address,
    id: OutboxId,
    mail: &Mail,
    rendered: &Rendered,
    now: Instant,
) -> Result<Message, lettre::error::Error> {
    let (to, sender, reply_to, locale) = match mail {
        Mail::Invitation(mail) => {
            let sender = format!("{} via Guestlist", shown(&mail.tenant_name));
            (&mail.to, sender, mail.reply_to.clone(), mail.locale.as_str())
        }
        Mail::InvitationAccepted(mail) => {
            (&mail.to, format!("{} via Guestlist", shown(&mail.tenant_name)), None, "en")
        }
        Mail::ResetRequested(mail) => (&mail.to, "Guestlist".to_owned(), None, "en"),
        Mail::ResetLink { to, .. }
        | Mail::ResetRejected { to, .. }
        | Mail::PasswordChanged { to, .. }
        | Mail::Test { to } => (to, "Guestlist".to_owned(), None, "en"),
    };
    let mut builder = Message::builder()
        .from(Mailbox::new(Some(sender), from.clone()))
        .to(to.clone())
        .subject(&rendered.subject)
        .date(SystemTime::from(now))
        .message_id(Some(format!("<{}@{}>", id.global(), from.domain())));
    if let Some(reply_to) = reply_to {
        builder = builder.reply_to(reply_to);
    }
    let parts = MultiPart::alternative_plain_html(rendered.text.clone(), rendered.html.clone());
    let mut message = builder.multipart(parts)?;
    for (name, value) in [
        (HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated"),
        (HeaderName::new_from_ascii_str("X-Auto-Response-Suppress"), "All"),
        (HeaderName::new_from_ascii_str("Content-Language"), locale),
    ] {
        message.headers_mut().insert_raw(HeaderValue::new(name, value.to_owned()));
    }
    Ok(message)
}

fn in_words(at: Instant) -> String {
    at.format("%A, %-d %B %Y at %H:%M UTC").to_string()
}

/// Escapes a URL for HTML and leaves its slashes alone, so that mail programs that look for links see one.
fn escape_url(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// A name as mails show it: on one line, cut to 60 characters, and with nothing that a mail program would
/// turn into a link.
pub(super) fn shown(name: &str) -> String {
    let line: String = name.chars().filter(|c| !c.is_control()).collect();
    let mut short: String = line.chars().take(NAME_SHOWN).collect();
    if line.chars().count() > NAME_SHOWN {
        short.push('…');
    }
    let mut out = String::with_capacity(short.len());
    let mut chars = short.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        let joins = matches!(c, '.' | ':' | '@') && chars.peek().is_some_and(|next| !next.is_whitespace());
        if joins {
            out.push(' ');
        }
    }
    out
}
