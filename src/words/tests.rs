//! Negotiation, and what a message looks like in text and in HTML.

use fluent_bundle::FluentArgs;
use minijinja::{AutoEscape, Environment, context};

use super::language::Given;
use super::{Key, Language, Words, install, negotiate};
use crate::clock::Instant;

fn english() -> Language {
    Words::load(None).unwrap().default_language().clone()
}

#[test]
fn a_header_is_read_by_its_weights() {
    let wanted =
        |header: &str| -> Vec<String> { negotiate::wanted(header).iter().map(ToString::to_string).collect() };
    for (header, tags) in [
        ("", vec![]),
        ("de", vec!["de"]),
        ("de-ch;q=0.5 , fr ; q=0.7,en-us", vec!["en-US", "fr", "de-CH"]),
        ("en;q=0, de;q=1.5, fr;q=-1, it;q=nan, es;q=0.001", vec!["es"]),
        ("*;q=0.5, @@, de;level=1", vec!["de"]),
    ] {
        assert_eq!(wanted(header), tags, "{header}");
    }
    assert_eq!(wanted(&"de,".repeat(10_000)).len(), 20, "as many as a browser sends, and no more");
}

#[test]
fn plurals_are_chosen_by_number() {
    let english = english();
    for (n, says) in [(0, "0 users"), (1, "1 user"), (2, "2 users"), (1_000, "1000 users")] {
        assert_eq!(english.text(Key("users-count"), &[("n", n.into())]), says);
    }
    let at = Instant::from_timestamp_millis(604_800_000).unwrap();
    assert_eq!(english.moment(at), "Thursday, 8 January 1970 at 00:00 UTC");
}

#[test]
fn every_value_but_html_is_escaped() {
    let english = english();
    let html = |inviter: Given<'_>| english.html("choose-invited", &[("inviter", inviter)]).unwrap();
    assert_eq!(
        html(Given::Text("<b> & \"c\" 'd'")),
        "&lt;b&gt; &amp; &quot;c&quot; &#x27;d&#x27; invites you"
    );
    assert_eq!(html(Given::Html("<b>A</b>")), "<b>A</b> invites you");
    assert_eq!(html(Given::Text("\u{fdd0}")), "\u{fffd} invites you", "nobody types a mark");
    assert_eq!(html(Given::Number(3.0)), "3 invites you");
    let mut args = FluentArgs::new();
    args.set("inviter", "<b>");
    assert_eq!(english.message("choose-invited", &args).unwrap(), "<b> invites you");
    assert!(english.message("no-such-message", &args).is_none());
    assert!(english.message("choose-invited", &FluentArgs::new()).is_none(), "a value is not left out");
}

#[test]
fn templates_say_messages_as_what_they_are() {
    let mut env = Environment::new();
    env.set_auto_escape_callback(
        |name| if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None },
    );
    install(&mut env, &english());
    for (name, source, says) in [
        ("a.html", "{{ t('choose-invited', inviter=who) }}", "&lt;a&gt; invites you"),
        (
            "b.html",
            "{{ t('choose-invited', inviter=strong(who)) }}",
            "<strong>&lt;a&gt;</strong> invites you",
        ),
        ("c.txt", "{{ t('choose-invited', inviter=who) }}", "<a> invites you"),
        (
            "d.html",
            "{{ t('gone-text', sign_in=anchor('/x?a&b', who)) }}",
            "<a href=\"/x?a&amp;b\">&lt;a&gt;</a>.",
        ),
        ("e.html", "{{ t('choose-invited', inviter=none) }}", " invites you"),
        ("f.html", "{{ t('users-count', n=1) }} {{ code(who) }}", "1 user <code>&lt;a&gt;</code>"),
    ] {
        env.add_template(name, source).unwrap();
        let said = env.get_template(name).unwrap().render(context! { who => "<a>" }).unwrap();
        assert!(said.ends_with(says), "{source}: {said}");
    }
    for wrong in ["{{ t('no-such-message') }}", "{{ t('choose-invited') }}"] {
        let error = env.render_str(wrong, context! {}).unwrap_err().to_string();
        assert!(error.contains("guestlist words export"), "{error}");
    }
}
