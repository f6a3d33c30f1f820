//! One mail of each kind about nobody in particular: what templates are tried with as the service starts, and what
//! `guestlist mail preview` writes.

use chrono::TimeDelta;
use lettre::message::Mailbox;

use super::{InvitationAcceptedMail, InvitationMail, Mail, ResetRequestedMail};
use crate::clock::Instant;
use crate::error::{Error, Result};

/// When the samples are written, so that they are the same each time: the first of January 2026 at nine.
const WRITTEN: i64 = 1_767_258_000_000;

/// A mail of each kind.
pub(super) fn mails() -> Result<Vec<Mail>> {
    let now = written();
    let to: Mailbox = "ann@example.com".parse().map_err(Error::internal)?;
    let name = || "Ann".to_owned();
    let link = |page: &str, token: &str| format!("https://id.example.com/{page}#{token}");
    let invitation = InvitationMail {
        to: to.clone(),
        reply_to: Some("olivia@example.com".parse().map_err(Error::internal)?),
        tenant_name: "Acme".to_owned(),
        inviter_name: "Olivia".to_owned(),
        role_name: "Member".to_owned(),
        note: Some("See you on Monday.\nThe keys are at the reception.".to_owned()),
        link: link("accept", "gl_inv_sample"),
        token: "gl_inv_sample".to_owned(),
        expires_at: now + TimeDelta::days(7),
        locale: "en".to_owned(),
    };
    let requested = ResetRequestedMail {
        to: to.clone(),
        name: name(),
        requester_name: "Bob".to_owned(),
        requester_email: "bob@example.com".to_owned(),
        tenant_name: Some("Acme".to_owned()),
        ip_address: Some("192.0.2.7".to_owned()),
        at: now,
        link: "https://id.example.com/console/resets/rst_sample".to_owned(),
        expires_at: now + TimeDelta::hours(72),
    };
    let accepted = InvitationAcceptedMail {
        to: to.clone(),
        name: name(),
        tenant_name: "Acme".to_owned(),
        member_name: "Bob".to_owned(),
        member_email: "bob@example.com".to_owned(),
        role_name: "Member".to_owned(),
        at: now,
        link: "https://id.example.com/console/members".to_owned(),
    };
    Ok(vec![
        Mail::Invitation(Box::new(invitation)),
        Mail::InvitationAccepted(Box::new(accepted)),
        Mail::ResetRequested(Box::new(requested)),
        Mail::ResetLink {
            to: to.clone(),
            name: name(),
            link: link("reset", "gl_rst_sample"),
            token: "gl_rst_sample".to_owned(),
            expires_at: now + TimeDelta::hours(1),
        },
        Mail::ResetRejected {
            to: to.clone(),
            name: name(),
            reason: Some("Please call me first.".to_owned()),
        },
        Mail::PasswordChanged { to: to.clone(), name: name(), at: now },
        Mail::Setup {
            to: to.clone(),
            link: link("setup", "gl_set_sample"),
            token: "gl_set_sample".to_owned(),
            expires_at: now + TimeDelta::minutes(30),
        },
        Mail::Test { to },
    ])
}

/// When the samples are written.
pub(super) fn written() -> Instant {
    Instant::from_timestamp_millis(WRITTEN).unwrap_or_default()
}
