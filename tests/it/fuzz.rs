//! Text from outside, at random: beginning with what is in `tests/corpus`, cut, doubled, flipped and joined. Nothing panics, and
//! what holds for one input holds for all of them. `GUESTLIST_FUZZ_RUNS` says how often each is tried (512 by default).

use std::time::Duration;

use guestlist::config::Options;
use guestlist::email::Email;
use guestlist::http::gate::{Gate, Passed};
use guestlist::keys::{Keys, TokenKind};
use guestlist::page::PageArgs;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use serde_json::json;
use tokio::time::Instant;

use crate::support::options;

/// The lines of a corpus.
fn corpus(name: &str) -> Vec<String> {
    let path = format!("{}/tests/corpus/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Texts like those of a corpus.
fn like(name: &str) -> impl Strategy<Value = String> {
    let lines = corpus(name);
    let place = || any::<Index>();
    let edits = proptest::collection::vec((0..5_u8, place(), place(), any::<char>()), 0..4);
    (select(lines.clone()), select(lines), edits).prop_map(|(text, other, edits)| {
        let mut chars: Vec<char> = text.chars().collect();
        for (edit, from, to, letter) in edits {
            let (at, end) = (from.index(chars.len() + 1), to.index(chars.len() + 1));
            let (low, high) = (at.min(end), at.max(end));
            match edit {
                0 => drop(chars.drain(low..high)),
                1 => chars.insert(at, letter),
                2 => chars.splice(at..at, other.chars()).for_each(drop),
                3 => {
                    let piece: Vec<char> = chars[low..high].to_vec();
                    chars.splice(at..at, piece).for_each(drop);
                }
                _ => chars[low..high].reverse(),
            }
        }
        chars.into_iter().collect()
    })
}

/// Tries every line of the corpus as it is, and then texts like them.
fn fuzz(name: &str, holds: impl Fn(&str) -> Result<(), TestCaseError>) {
    for line in corpus(name) {
        holds(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
    }
    let cases = std::env::var("GUESTLIST_FUZZ_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(512);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config).run(&like(name), |text| holds(&text)).unwrap();
}

fn settings(args: &[&str]) -> Options {
    options(&tempfile::tempdir().unwrap(), args)
}

#[test]
fn addresses_have_one_canonical_form_and_no_control_characters() {
    fuzz("emails", |text| {
        let Ok(email) = Email::parse(text) else { return Ok(()) };
        let norm = email.norm();
        let again = Email::parse(norm).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(again.norm(), norm);
        prop_assert!(
            norm.is_ascii()
                && !norm.contains(|c: char| c.is_control() || c.is_whitespace() || "<>,;\"".contains(c))
        );
        prop_assert!(norm.len() <= 254 && norm.matches('@').count() == 1);
        prop_assert!(!email.typed().contains(char::is_control));
        prop_assert!(email.deliverable().parse::<lettre::Address>().is_ok());
        Ok(())
    });
}

#[test]
fn no_token_is_opened_that_was_not_made() {
    let keys = Keys::new(&"kJ8sPq2vXw9zL4mN7bR1tY6uI3oA5dF0".to_owned().into(), &[]);
    fuzz("tokens", |text| {
        for kind in [TokenKind::Invitation, TokenKind::Reset, TokenKind::Refresh] {
            prop_assert!(keys.open(kind, text).is_none());
            let id = uuid::Uuid::from_u128(7);
            let made = keys.token(kind, id, 3);
            let longer = format!("{made}{text}");
            prop_assert!(text.is_empty() || keys.open(kind, &longer).is_none());
        }
        Ok(())
    });
}

#[test]
fn a_cursor_is_refused_or_names_a_place() {
    fuzz("cursors", |text| {
        for timed in [true, false] {
            let order = if timed { "AT" } else { "EMAIL" };
            let args = PageArgs { after: Some(text.to_owned()), ..PageArgs::default() };
            if let Ok(page) = args.check(order, timed, 100) {
                let cursor = page.after.unwrap();
                let args = PageArgs { after: Some(cursor.encode()), ..PageArgs::default() };
                prop_assert_eq!(args.check(order, timed, 100).unwrap().after, Some(cursor));
            }
        }
        Ok(())
    });
}

#[test]
fn a_forwarded_header_moves_no_client_past_the_last_hop_that_is_trusted() {
    let network = settings(&["--trusted-proxies=10.0.0.0/8"]).check().unwrap().network;
    let (proxy, stranger) = ("10.0.0.1".parse().unwrap(), "198.51.100.1".parse().unwrap());
    fuzz("forwarded", |text| {
        prop_assert_eq!(network.client(stranger, [text].into_iter()), stranger);
        let line = format!("{text}, 203.0.113.77, 10.0.0.9");
        prop_assert_eq!(network.client(proxy, [line.as_str()].into_iter()).to_string(), "203.0.113.77");
        let _ = network.client(proxy, [text, text].into_iter());
        Ok(())
    });
}

#[test]
fn every_document_is_refused_or_admitted_at_once() {
    let config = settings(&[]).check().unwrap();
    let gate = Gate::new(&guestlist::schema::sdl(), &config).unwrap();
    fuzz("documents", |text| {
        let begun = Instant::now();
        if let Ok(checked) = gate.document(text)
            && let Ok(Passed::Execute { document, .. }) = gate.admit(&checked, None, json!({}), true)
        {
            prop_assert!(document.operations.iter().count() > 0);
        }
        // A stock server takes seconds for what is in the corpus; this bound is for finding that, not for measuring.
        prop_assert!(begun.elapsed() < Duration::from_secs(2));
        Ok(())
    });
}
