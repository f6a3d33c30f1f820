//! A language that has other letters for everything: what is read in plain letters did not go through a catalogue.

use fluent_syntax::ast::{Entry, Expression, Pattern, PatternElement, Resource};
use mail_parser::MessageParser;
use tempfile::TempDir;

use super::page::visible;
use super::tour;
use crate::support::{self, TestApp};

/// Tag of the language, as Unicode has it for such.
const PSEUDO: &str = "en-XA";

/// What the tests typed themselves, and names that are the same in every language.
const TYPED: [&str; 24] = [
    "ACME",
    "GLOBEX",
    "Acme",
    "acme",
    "Olivia",
    "Owner",
    "Admin",
    "Member",
    "Max",
    "Root",
    "Ann",
    "Bob",
    "CRM",
    "Cooks",
    "cooks",
    "SEE-YOU",
    "NO-REASON",
    "NO-ROOM",
    "NO-URL",
    "NOWHERE",
    "FINE-BY-ME",
    "HELD",
    "Guestlist",
    "UTC",
];

/// Families of events, by which programs know them.
const FAMILIES: [&str; 9] =
    ["user", "tenant", "role", "membership", "invitation", "reset", "session", "mail", "webhook"];

/// What the API says, which is English in every language.
const API: [&str; 19] = [
    "An invitation is pending already; it is left as it is.",
    "An invitation with another role is pending; cancel it first.",
    "A row before this one has the same address.",
    "Another tenant has this slug; choose another one.",
    "Give a URL such as https://app.example.com/hooks.",
    "The e-mail address or the password is wrong.",
    "There is no such invitation, or none that you may see.",
    "There is no such role here, or it is above what you may grant.",
    "This is no cursor of this list; use one from its pageInfo or edges.",
    "This is not an e-mail address; it looks like name@example.com.",
    "This is not the link that the service printed.",
    "This person is a member already.",
    "This tenant has a role with that key; choose another one.",
    "This token is not valid. Use the latest link, or ask for a new one.",
    "Type the tenant's slug to show that you mean it.",
    "Use at least 8 characters.",
    "Your role in this tenant lacks the permission INVITE.",
    "250 kept in memory",
    "Standard Webhooks",
];

fn other_letter(c: char) -> char {
    let (plain, other) = (
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "ȧƀƈḓḗƒɠħīĵķŀḿƞǿƥɋřşŧŭṽẇẋẏẑȦƁƇḒḖƑƓĦĪĴĶĿḾȠǾƤɊŘŞŦŬṼẆẊẎẐ",
    );
    plain.chars().zip(other.chars()).find(|(known, _)| *known == c).map_or(c, |(_, other)| other)
}

fn disguise(pattern: &mut Pattern<String>) {
    for element in &mut pattern.elements {
        match element {
            PatternElement::TextElement { value } => *value = value.chars().map(other_letter).collect(),
            PatternElement::Placeable { expression: Expression::Select { variants, .. } } => {
                variants.iter_mut().for_each(|variant| disguise(&mut variant.value));
            }
            PatternElement::Placeable { .. } => {}
        }
    }
}

/// A folder with the English catalogue in other letters.
fn catalogue() -> TempDir {
    let mut parsed: Resource<String> =
        fluent_syntax::parser::parse(guestlist::words::english_source()).unwrap();
    for entry in &mut parsed.body {
        if let Entry::Message(message) = entry {
            message.value.iter_mut().for_each(disguise);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let text = fluent_syntax::serializer::serialize(&parsed);
    std::fs::write(folder.path().join(format!("{PSEUDO}.ftl")), text).unwrap();
    folder
}

/// Words in plain letters that are neither typed by a test nor said by the API.
fn forgotten(text: &str, phrases: &[String]) -> Vec<String> {
    let mut text = text.to_owned();
    for phrase in phrases {
        text = text.replace(phrase.as_str(), " ");
    }
    text.split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        // Addresses, paths, names of settings and kinds of events.
        .filter(|word| !word.contains(['@', '/', '_']) && !inner_dot(word))
        .filter(|word| !TYPED.contains(word))
        .filter(|word| {
            let letters: Vec<bool> = word.chars().map(|c| c.is_ascii_alphabetic()).collect();
            letters.windows(2).any(|pair| pair == [true, true])
        })
        .map(str::to_owned)
        .collect()
}

fn inner_dot(word: &str) -> bool {
    word.split_once('.').is_some_and(|(before, after)| !before.is_empty() && !after.is_empty())
}

fn settings(folder: &TempDir) -> [String; 2] {
    [format!("--words-dir={}", folder.path().display()), format!("--language={PSEUDO}")]
}

#[tokio::test]
async fn every_word_of_every_page_comes_from_a_catalogue() {
    let folder = catalogue();
    let args = settings(&folder);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let data = tempfile::tempdir().unwrap();
    let config = support::options(&data, &args).check().unwrap();
    let mut phrases: Vec<String> = API.map(str::to_owned).to_vec();
    for setting in config.settings() {
        phrases.push(setting.help);
        phrases.extend(setting.value.filter(|value| value.len() > 1));
    }
    phrases.push(guestlist::mail::Mailer::new(&config).unwrap().describe());
    phrases.push(TestApp::new().await.app.db.server_version().await.unwrap());
    phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
    phrases.retain(|phrase| !phrase.is_empty());
    let mut found = Vec::new();
    for (name, html) in tour::take(&args).await.0 {
        assert!(html.contains("<html lang=\"en-XA\">"), "{name}");
        for text in visible(&html).iter().filter(|text| !FAMILIES.contains(&text.trim())) {
            for word in forgotten(text, &phrases) {
                found.push(format!("{name}: {word:?} in {text:?}"));
            }
        }
    }
    assert!(found.is_empty(), "these words went through no catalogue:\n{}", found.join("\n"));
}

#[tokio::test]
async fn every_word_of_every_mail_comes_from_a_catalogue() {
    let folder = catalogue();
    let args = settings(&folder);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let app = TestApp::with(&args).await;
    let typed: Vec<String> =
        ["See you on Monday.", "The keys are at the reception.", "Please call me first."]
            .map(str::to_owned)
            .to_vec();
    for mail in app.app.mailer.preview().unwrap() {
        let parsed = MessageParser::new().parse(&mail.message).unwrap();
        let mut texts = visible(&mail.html);
        texts.push(mail.text);
        texts.push(parsed.subject().unwrap().to_owned());
        texts.push(parsed.from().unwrap().first().unwrap().name().unwrap().to_owned());
        for text in texts {
            let found = forgotten(&text, &typed);
            assert!(found.is_empty(), "{}: {found:?} in {text:?}", mail.name);
        }
        assert_eq!(parsed.header_raw("Content-Language").map(str::trim), Some(PSEUDO));
    }
}

#[test]
fn a_word_that_was_left_out_is_found() {
    let typed = ["As the API says.".to_owned()];
    assert_eq!(forgotten("Şȧṽḗ for ACME, ann@x.test on user.created", &typed), ["for", "on"]);
    assert!(forgotten("As the API says. Şȧṽḗ 3", &typed).is_empty());
}
