//! Mail: a variant per mail, rendered from templates, handed to a transport.
//!
//! Each mail has a text part, written by hand, and an HTML part. Its `Message-ID` comes from the outbox row,
//! so that a copy sent twice is recognised as one.

pub mod capture;
mod render;
mod sample;
pub mod smtp;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use lettre::message::Mailbox;

use crate::clock::Instant;
use crate::config::{Config, MailTarget};
use crate::email::Email;
use crate::error::{Error, Result};
use crate::id::OutboxId;
use crate::words::Words;
use capture::CapturedMail;
use render::Templates;
use smtp::Smtp;

/// A mail, with everything that its text needs.
#[derive(Clone, Debug)]
pub enum Mail {
    /// Somebody is invited to a tenant.
    Invitation(Box<InvitationMail>),
    /// Somebody accepted the recipient's invitation.
    InvitationAccepted(Box<InvitationAcceptedMail>),
    /// Somebody's reset waits for the recipient's decision.
    ResetRequested(Box<ResetRequestedMail>),
    /// The recipient's reset was approved.
    ResetLink {
        /// Address of the account.
        to: Mailbox,
        /// Name of the user.
        name: String,
        /// Link that resets.
        link: String,
        /// The token in the link, for mail gateways that cut fragments.
        token: String,
        /// When the link ends.
        expires_at: Instant,
    },
    /// The recipient's reset was turned down.
    ResetRejected {
        /// Address of the account.
        to: Mailbox,
        /// Name of the user.
        name: String,
        /// Why, plain text.
        reason: Option<String>,
    },
    /// The recipient's password was changed.
    PasswordChanged {
        /// Address of the account.
        to: Mailbox,
        /// Name of the user.
        name: String,
        /// When it was changed.
        at: Instant,
    },
    /// Leads to the page that makes the first administrator.
    Setup {
        /// Whoever is to be that.
        to: Mailbox,
        /// Link to the page.
        link: String,
        /// The token in the link.
        token: String,
        /// When the link ends.
        expires_at: Instant,
    },
    /// Proves that the settings work.
    Test {
        /// Who asked for it.
        to: Mailbox,
    },
}

/// What stands in an invitation mail.
#[derive(Clone, Debug)]
pub struct InvitationMail {
    /// The invited address.
    pub to: Mailbox,
    /// Where answers go: the inviter.
    pub reply_to: Option<Mailbox>,
    /// Name of the tenant.
    pub tenant_name: String,
    /// Name of the inviter.
    pub inviter_name: String,
    /// Name of the role.
    pub role_name: String,
    /// Note to the invitee, plain text.
    pub note: Option<String>,
    /// Link that accepts.
    pub link: String,
    /// The token in the link, for mail gateways that cut fragments.
    pub token: String,
    /// When the invitation ends.
    pub expires_at: Instant,
    /// Language of the mail.
    pub locale: String,
}

/// What stands in the mail to somebody whose invitation was accepted.
#[derive(Clone, Debug)]
pub struct InvitationAcceptedMail {
    /// The inviter.
    pub to: Mailbox,
    /// Their name.
    pub name: String,
    /// Name of the tenant.
    pub tenant_name: String,
    /// Name of the member.
    pub member_name: String,
    /// Address of the member's account.
    pub member_email: String,
    /// Name of the role that was offered.
    pub role_name: String,
    /// When it was accepted.
    pub at: Instant,
    /// Link to the members of the tenant.
    pub link: String,
}

/// What stands in the mail to somebody who may decide a reset.
#[derive(Clone, Debug)]
pub struct ResetRequestedMail {
    /// Who may decide.
    pub to: Mailbox,
    /// Their name.
    pub name: String,
    /// Name of the requester.
    pub requester_name: String,
    /// Address of the requester's account, where the link would go.
    pub requester_email: String,
    /// Name of the tenant that both are in, if there is one.
    pub tenant_name: Option<String>,
    /// Where it was asked for.
    pub ip_address: Option<String>,
    /// When.
    pub at: Instant,
    /// Link to the request.
    pub link: String,
    /// Until when it can be decided.
    pub expires_at: Instant,
}

impl Mail {
    /// Name of its templates, which is its name everywhere.
    #[must_use]
    pub fn template(&self) -> &'static str {
        match self {
            Self::Invitation(_) => "invitation",
            Self::InvitationAccepted(_) => "invitation_accepted",
            Self::ResetRequested(_) => "reset_requested",
            Self::ResetLink { .. } => "reset_link",
            Self::ResetRejected { .. } => "reset_rejected",
            Self::PasswordChanged { .. } => "password_changed",
            Self::Setup { .. } => "setup",
            Self::Test { .. } => "test",
        }
    }
}

/// The mailbox behind an address that was checked when it was stored.
///
/// # Errors
/// `INTERNAL` for a row that holds no address.
pub fn mailbox(stored: &str) -> Result<Mailbox> {
    let email = Email::parse(stored).map_err(Error::internal)?;
    Ok(Mailbox::new(None, email.deliverable().parse().map_err(Error::internal)?))
}

/// Why a mail was not sent; the text is the server's answer or what went wrong on the way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The server refused this mail for good.
    #[error("the mail server refused the mail: {0}")]
    Refused(String),
    /// Another attempt at this mail may succeed.
    #[error("the mail server did not take the mail: {0}")]
    PutOff(String),
    /// This mail cannot be made, and trying again would not help.
    #[error("the mail cannot be made: {0}")]
    Unmakeable(String),
    /// The server is away or will not talk to us as configured: no mail would do better.
    #[error("the mail server cannot be used: {0}")]
    Unavailable(String),
}

/// Mails that are tried at once, which is as many connections as there are.
const AT_ONCE: u64 = 8;
/// How long nothing is tried after the server could not be used the first time; doubled each time after that.
const FIRST_REST: TimeDelta = TimeDelta::seconds(5);
/// The longest rest.
const LONGEST_REST: TimeDelta = TimeDelta::seconds(60);

/// Keeps a server that cannot be used from being asked for every mail: after a failure nothing is tried for a while, then
/// one mail, and all of them as soon as one was answered.
#[derive(Debug, Default)]
struct Breaker {
    failures: u32,
    rests_until: Option<Instant>,
}

impl Breaker {
    fn failed(&mut self, now: Instant, scale: f64) {
        let doubled = FIRST_REST * 2_i32.saturating_pow(self.failures.min(10));
        let millis = doubled.min(LONGEST_REST).num_milliseconds() as f64 * scale;
        self.failures = self.failures.saturating_add(1);
        self.rests_until = Some(now + TimeDelta::milliseconds(millis as i64));
    }
}

#[derive(Clone, Debug)]
enum Transport {
    Smtp(Box<Smtp>),
    Folder(PathBuf),
    Captured(PathBuf),
    Memory(Arc<Mutex<Vec<CapturedMail>>>),
}

/// A mail as it would be sent to nobody in particular.
#[derive(Clone, Debug)]
pub struct Preview {
    /// Name of its templates.
    pub name: &'static str,
    /// Text part.
    pub text: String,
    /// HTML part.
    pub html: String,
    /// The whole message, as a mail program opens it.
    pub message: Vec<u8>,
}

/// The templates, each tried with a sample in every language, so that one that is wrong is found as the service starts and not by a mail.
fn tried(words: &Words, folder: Option<&std::path::Path>) -> Result<Templates, TemplateError> {
    let failed = |error: minijinja::Error| TemplateError(format!("{error:#}"));
    let templates = Templates::new(words, folder).map_err(failed)?;
    for mail in sample::mails().map_err(|error| TemplateError(error.to_string()))? {
        for position in 0..words.languages().len() {
            templates.render_in(position, &mail).map_err(failed)?;
        }
    }
    Ok(templates)
}

/// A mail template that is not sound.
#[derive(Debug, thiserror::Error)]
#[error(
    "a mail template is not sound: {0}. Mend it in GUESTLIST_MAIL_TEMPLATES, or take it away to use ours."
)]
pub struct TemplateError(String);

/// Renders mails and hands them over.
#[derive(Debug)]
pub struct Mailer {
    templates: Templates,
    transport: Transport,
    from: lettre::Address,
    breaker: Mutex<Breaker>,
    retry_scale: f64,
}

impl Mailer {
    /// A mailer for the configured target. Every template is compiled here.
    ///
    /// # Errors
    /// When a template, the sender or the mail server's certificate authority is unsound.
    pub fn new(config: &Config) -> Result<Self> {
        let transport = match &config.mail {
            MailTarget::Smtp(url) => Transport::Smtp(Box::new(Smtp::new(url).map_err(Error::internal)?)),
            MailTarget::Folder(folder) => Transport::Folder(folder.clone()),
            MailTarget::Captured(folder) => Transport::Captured(folder.clone()),
            MailTarget::Memory => Transport::Memory(Arc::default()),
        };
        let from = config.mail_from.parse().map_err(Error::internal)?;
        let templates = tried(&config.words, config.mail_templates.as_deref()).map_err(Error::internal)?;
        Ok(Self {
            templates,
            transport,
            from,
            breaker: Mutex::default(),
            retry_scale: config.mail_retry_scale,
        })
    }

    /// A sample of each mail in the default language: name, the parts as text and HTML, and the whole message.
    ///
    /// # Errors
    /// When one cannot be made, which starting has ruled out.
    pub fn preview(&self) -> Result<Vec<Preview>> {
        let id = OutboxId::from(uuid::Uuid::nil());
        sample::mails()?
            .into_iter()
            .map(|mail| {
                let rendered = self.templates.render_by_default(&mail).map_err(Error::internal)?;
                let message = render::message(&self.from, id, &mail, &rendered, sample::written());
                let message = message.map_err(Error::internal)?.formatted();
                Ok(Preview { name: mail.template(), text: rendered.text, html: rendered.html, message })
            })
            .collect()
    }

    /// Sends one mail and returns the server's answer.
    ///
    /// # Errors
    /// [`SendError`] with what the server said.
    pub async fn send(&self, id: OutboxId, mail: &Mail, now: Instant) -> Result<String, SendError> {
        let failed = |e: &dyn std::fmt::Display| SendError::Unmakeable(e.to_string());
        let rendered = self.templates.render(mail).map_err(|e| failed(&e))?;
        let message = render::message(&self.from, id, mail, &rendered, now).map_err(|e| failed(&e))?;
        let sent = self.hand_over(id, mail, rendered, message, now).await;
        let mut breaker = self.breaker.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &sent {
            Err(SendError::Unavailable(reply)) => {
                breaker.failed(now, self.retry_scale);
                tracing::error!(%reply, until = ?breaker.rests_until, "the mail server cannot be used; mail waits");
            }
            _ => *breaker = Breaker::default(),
        }
        sent
    }

    /// How many mails may be tried at once: none while the server rests, one to see whether it is back.
    #[must_use]
    pub fn capacity(&self, now: Instant) -> u64 {
        let breaker = self.breaker.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match breaker.rests_until {
            None => AT_ONCE,
            Some(until) => u64::from(now >= until),
        }
    }

    /// Until when nothing is tried, after the server could not be used.
    #[must_use]
    pub fn rests_until(&self, now: Instant) -> Option<Instant> {
        let breaker = self.breaker.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        breaker.rests_until.filter(|until| now < *until)
    }

    async fn hand_over(
        &self,
        id: OutboxId,
        mail: &Mail,
        rendered: render::Rendered,
        message: lettre::Message,
        now: Instant,
    ) -> Result<String, SendError> {
        match &self.transport {
            Transport::Smtp(smtp) => smtp.send(message).await,
            Transport::Folder(folder) => capture::write_eml(folder, id, &message.formatted()).await,
            Transport::Captured(folder) => {
                capture::store(folder, CapturedMail::new(id, mail, &rendered, &message, now)).await
            }
            Transport::Memory(mails) => {
                let captured = CapturedMail::new(id, mail, &rendered, &message, now);
                mails.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(captured);
                Ok("250 kept in memory".to_owned())
            }
        }
    }

    /// Mails that were kept instead of sent, oldest first; empty where mail is sent.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn captured(&self) -> std::io::Result<Vec<CapturedMail>> {
        match &self.transport {
            Transport::Captured(folder) => capture::list(folder).await,
            Transport::Memory(mails) => {
                Ok(mails.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone())
            }
            Transport::Smtp(_) | Transport::Folder(_) => Ok(Vec::new()),
        }
    }

    /// Where mail goes, in a few words for the banner.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.transport {
            Transport::Smtp(smtp) => smtp.describe(),
            Transport::Folder(folder) => format!("written to {}", folder.display()),
            Transport::Captured(_) | Transport::Memory(_) => "captured, not sent".to_owned(),
        }
    }
}
