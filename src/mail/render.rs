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
use crate::words::{self, Key, Language, Words};

/// Longest name that is shown in a mail, in characters.
const NAME_SHOWN: usize = 60;

/// The parts of a mail as text.
#[derive(Clone, Debug)]
pub(super) struct Rendered {
    /// Tag of the language that it is in.
    pub(super) language: String,
    /// Name that it comes from.
    pub(super) sender: String,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// The templates, in every language.
#[derive(Debug)]
pub(super) struct Templates {
    words: Words,
    /// In the order of the languages.
    environments: Vec<Environment<'static>>,
}

/// The templates: those in `folder` in place of our own of the same name.
fn compiled(folder: Option<&Path>) -> Result<Environment<'static>, minijinja::Error> {
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
        ("setup.txt", include_str!("templates/setup.txt")),
        ("setup.html", include_str!("templates/setup.html")),
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

impl Templates {
    pub(super) fn new(words: &Words, folder: Option<&Path>) -> Result<Self, minijinja::Error> {
        let compiled = compiled(folder)?;
        let speaking = words.languages().iter().map(|language| {
            // A copy has the compiled templates in common with the others.
            let mut env = compiled.clone();
            words::install(&mut env, language);
            env.add_global("language", language.tag());
            env.add_global("direction", language.direction());
            env
        });
        Ok(Self { words: words.clone(), environments: speaking.collect() })
    }

    /// A mail in the language that suits whoever gets it.
    pub(super) fn render(&self, mail: &Mail) -> Result<Rendered, minijinja::Error> {
        match mail {
            Mail::Invitation(invitation) => self.render_in(self.words.suiting(&invitation.locale), mail),
            _ => self.render_by_default(mail),
        }
    }

    /// A mail in the language of whoever asks for none.
    pub(super) fn render_by_default(&self, mail: &Mail) -> Result<Rendered, minijinja::Error> {
        self.render_in(self.words.default_position(), mail)
    }

    /// A mail in the language at a position.
    pub(super) fn render_in(&self, position: usize, mail: &Mail) -> Result<Rendered, minijinja::Error> {
        let (language, env) = (&self.words.languages()[position], &self.environments[position]);
        let (subject, tenant, values) = said(language, mail);
        let sender = match tenant {
            Some(tenant) => language.text(Key("mail-from-tenant"), &[("tenant", tenant.into())]),
            None => language.say(Key("mail-from")),
        };
        let part = |extension: &str| {
            let name = mail.template();
            env.get_template(&format!("{name}.{extension}"))?.render(&values)
        };
        Ok(Rendered {
            language: language.tag().to_owned(),
            sender: one_line(&sender),
            subject: one_line(&subject),
            text: part("txt")?,
            html: part("html")?,
        })
    }
}

/// The subject of a mail, the tenant that it comes from, and what its templates know.
fn said(language: &Language, mail: &Mail) -> (String, Option<String>, minijinja::Value) {
    let in_words = |at: Instant| language.moment(at);
    match mail {
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
            let subject = language.text(Key("invitation-subject"), &[("tenant", tenant.as_str().into())]);
            (subject, Some(tenant), values)
        }
        Mail::InvitationAccepted(mail) => {
            let tenant = shown(&mail.tenant_name);
            let values = context! {
                locale => language.tag(),
                name => shown(&mail.name),
                tenant => &tenant,
                member => shown(&mail.member_name),
                email => &mail.member_email,
                role => shown(&mail.role_name),
                at => in_words(mail.at),
                link => &mail.link,
            };
            let subject = language.text(Key("accepted-subject"), &[("tenant", tenant.as_str().into())]);
            (subject, Some(tenant), values)
        }
        Mail::ResetRequested(mail) => {
            let values = context! {
                locale => language.tag(),
                name => shown(&mail.name),
                requester => shown(&mail.requester_name),
                email => &mail.requester_email,
                tenant => mail.tenant_name.as_deref().map(shown),
                ip => &mail.ip_address,
                at => in_words(mail.at),
                link => &mail.link,
                expires => in_words(mail.expires_at),
            };
            (language.say(Key("requested-subject")), None, values)
        }
        Mail::ResetLink { name, link, token, expires_at, .. } => {
            let values = context! {
                locale => language.tag(),
                name => shown(name),
                link => link,
                token => token,
                expires => in_words(*expires_at),
            };
            (language.say(Key("link-subject")), None, values)
        }
        Mail::ResetRejected { name, reason, .. } => {
            let values = context! { locale => language.tag(), name => shown(name), reason => reason };
            (language.say(Key("rejected-subject")), None, values)
        }
        Mail::PasswordChanged { name, at, .. } => {
            let values = context! { locale => language.tag(), name => shown(name), at => in_words(*at) };
            (language.say(Key("changed-subject")), None, values)
        }
        Mail::Setup { to, link, token, expires_at } => {
            let values = context! {
                locale => language.tag(),
                to => to.email.to_string(),
                link => link,
                token => token,
                expires => in_words(*expires_at),
            };
            (language.say(Key("setup-subject")), None, values)
        }
        Mail::Test { to } => {
            let values = context! { locale => language.tag(), to => to.email.to_string() };
            (language.say(Key("test-subject")), None, values)
        }
    }
}

/// Text of a header: whatever a catalogue says, it is one line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

pub(super) fn message(
    from: &lettre::Address,
    id: OutboxId,
    mail: &Mail,
    rendered: &Rendered,
    now: Instant,
) -> Result<Message, lettre::error::Error> {
    let (to, reply_to) = match mail {
        Mail::Invitation(mail) => (&mail.to, mail.reply_to.clone()),
        Mail::InvitationAccepted(mail) => (&mail.to, None),
        Mail::ResetRequested(mail) => (&mail.to, None),
        Mail::ResetLink { to, .. }
        | Mail::ResetRejected { to, .. }
        | Mail::PasswordChanged { to, .. }
        | Mail::Setup { to, .. }
        | Mail::Test { to } => (to, None),
    };
    let mut builder = Message::builder()
        .from(Mailbox::new(Some(rendered.sender.clone()), from.clone()))
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
        (HeaderName::new_from_ascii_str("Content-Language"), rendered.language.as_str()),
    ] {
        message.headers_mut().insert_raw(HeaderValue::new(name, value.to_owned()));
    }
    Ok(message)
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
