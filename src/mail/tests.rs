//! Mails as their readers get them.

use mail_parser::{HeaderValue, MessageParser};

use super::render::{Templates, message, shown};
use super::{InvitationMail, Mail};
use crate::clock::Instant;
use crate::words::Words;

fn invitation(tenant: &str, note: Option<&str>) -> Mail {
    Mail::Invitation(Box::new(InvitationMail {
        to: "Ann <ann@example.com>".parse().unwrap(),
        reply_to: Some("bob@example.com".parse().unwrap()),
        tenant_name: tenant.to_owned(),
        inviter_name: "Bob <b>".to_owned(),
        role_name: "Member".to_owned(),
        note: note.map(str::to_owned),
        link: "https://id.example.com/accept#gl_inv_x".to_owned(),
        token: "gl_inv_x".to_owned(),
        expires_at: Instant::from_timestamp_millis(604_800_000).unwrap(),
        locale: "en".to_owned(),
    }))
}

fn templates() -> Templates {
    Templates::new(&Words::load(None).unwrap(), None).unwrap()
}

fn raw(mail: &Mail) -> Vec<u8> {
    let rendered = templates().render(mail).unwrap();
    let from = "guestlist@id.example.com".parse().unwrap();
    let id = uuid::Uuid::from_u128(7).into();
    message(&from, id, mail, &rendered, Instant::default()).unwrap().formatted()
}

#[test]
fn an_invitation_parses_back_with_its_headers_and_both_parts() {
    let raw = raw(&invitation("Acme", Some("Hello\nthere")));
    let parsed = MessageParser::new().parse(&raw).unwrap();
    assert_eq!(parsed.subject(), Some("You are invited to join Acme"));
    assert_eq!(parsed.message_id(), Some("out_00000000000000000000000000000007@id.example.com"));
    assert_eq!(parsed.from().unwrap().first().unwrap().name(), Some("Acme via Guestlist"));
    assert_eq!(parsed.reply_to().unwrap().first().unwrap().address(), Some("bob@example.com"));
    for (name, value) in [
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        ("Content-Language", "en"),
    ] {
        let header = parsed.header(name).cloned();
        let text = match header {
            Some(HeaderValue::Text(text)) => text.into_owned(),
            Some(HeaderValue::TextList(list)) => list.join(","),
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(text, value);
    }
    let text = parsed.body_text(0).unwrap();
    let html = parsed.body_html(0).unwrap();
    for part in [&text, &html] {
        assert!(part.contains("https://id.example.com/accept#gl_inv_x"), "{part}");
        assert!(part.contains("Thursday, 8 January 1970 at 00:00 UTC"), "{part}");
    }
    assert!(text.contains("\ngl_inv_x"), "{text}");
    assert!(text.contains("Hello\r\nthere") && html.contains("Hello\r\nthere"));
}

#[test]
fn t41_names_are_escaped_and_make_no_links() {
    let raw = raw(&invitation("<img src=x> http://evil.example", Some("<script>alert(1)</script>")));
    let parsed = MessageParser::new().parse(&raw).unwrap();
    let html = parsed.body_html(0).unwrap();
    assert!(!html.contains("<img") && !html.contains("<script>"), "{html}");
    for part in [html, parsed.body_text(0).unwrap(), parsed.subject().unwrap().into()] {
        assert!(!part.contains("evil.example") && !part.contains("http://"), "{part}");
    }
}

#[test]
fn t43_a_line_break_in_a_name_adds_no_header() {
    let raw = raw(&invitation("Acme\r\nBcc: evil@example.com", None));
    let parsed = MessageParser::new().parse(&raw).unwrap();
    assert!(parsed.bcc().is_none());
    assert_eq!(parsed.to().unwrap().iter().count(), 1);
}

#[test]
fn names_are_cut_to_60_characters() {
    assert_eq!(shown(&"x".repeat(61)).chars().count(), 61);
    assert!(shown(&"x".repeat(61)).ends_with('…'));
    assert_eq!(shown("Dr. No"), "Dr. No");
}

#[test]
fn t43_whatever_names_and_notes_hold_a_mail_has_one_recipient_and_its_own_headers() {
    let corpus = include_str!("../../tests/corpus/names.jsonl");
    let names: Vec<String> = corpus.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let templates = templates();
    for (tenant, note) in names.iter().flat_map(|name| names.iter().map(move |note| (name, note))) {
        let Mail::Invitation(mut mail) = invitation(tenant, Some(note)) else { unreachable!("it is one") };
        mail.inviter_name.clone_from(note);
        let mail = Mail::Invitation(mail);
        let rendered = templates.render(&mail).unwrap();
        let from = "guestlist@id.example.com".parse().unwrap();
        let id = uuid::Uuid::from_u128(7).into();
        let Ok(built) = message(&from, id, &mail, &rendered, Instant::default()) else { continue };
        let raw = built.formatted();
        let parsed = MessageParser::new().parse(&raw).unwrap();
        let to: Vec<_> = parsed.to().unwrap().iter().filter_map(|to| to.address()).collect();
        assert_eq!(to, ["ann@example.com"], "{tenant:?} {note:?}");
        assert!(parsed.bcc().is_none() && parsed.cc().is_none(), "{tenant:?} {note:?}");
        assert_eq!(parsed.from().unwrap().first().unwrap().address(), Some("guestlist@id.example.com"));
        let html = parsed.body_html(0).unwrap();
        assert!(!html.contains("<script") && html.matches("<a ").count() == 1, "{tenant:?} {note:?}: {html}");
    }
}

#[test]
fn every_mail_is_as_its_picture_says() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mails");
    let templates = templates();
    for mail in super::sample::mails().unwrap() {
        let name = mail.template();
        let rendered = templates.render(&mail).unwrap();
        for (extension, part) in [("txt", &rendered.text), ("html", &rendered.html)] {
            let file = folder.join(format!("{name}.{extension}"));
            let kept = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(
                kept == *part,
                "{name}.{extension} differs; look at it and write it anew with: cargo run -- mail preview tests/mails"
            );
        }
    }
}

#[test]
fn a_template_of_ones_own_takes_the_place_of_ours_and_a_wrong_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let put = |text: &str| std::fs::write(folder.path().join("invitation.txt"), text).unwrap();
    let words = Words::load(None).unwrap();
    put("Join {{ tenant }} at {{ link }}");
    let own = super::tried(&words, Some(folder.path())).unwrap();
    let mail = invitation("Acme", None);
    assert_eq!(own.render(&mail).unwrap().text, "Join Acme at https://id.example.com/accept#gl_inv_x");
    assert!(own.render(&mail).unwrap().html.contains("See the invitation"), "ours where there is none");
    for wrong in ["{{ nothing_of_this_name }}", "{% if %}", "{{ tenant"] {
        put(wrong);
        let error = super::tried(&words, Some(folder.path())).unwrap_err().to_string();
        assert!(error.contains("invitation.txt") && error.contains("GUESTLIST_MAIL_TEMPLATES"), "{error}");
    }
}
