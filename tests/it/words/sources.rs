//! What templates and code say, held against the English catalogue.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fluent_syntax::ast::{Entry, Expression, PatternElement, VariantKey};
use guestlist::words;

use super::page::visible;

/// A use of a message: where, its name, and the names of its values where a template gives them.
struct Use {
    place: String,
    key: String,
    values: Option<BTreeSet<String>>,
}

fn files(folder: &str, extensions: &[&str]) -> Vec<(String, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| extensions.iter().any(|known| e == *known)) {
                found.push(path);
            }
        }
    }
    found.iter().map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap())).collect()
}

fn templates() -> Vec<(String, String)> {
    [files("web/console", &["html"]), files("src/mail/templates", &["html", "txt"])].concat()
}

/// The text behind each call of a function.
fn calls<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let found = text
        .match_indices(name)
        .filter(|(at, _)| !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
    found.map(|(at, _)| &text[at + name.len()..]).collect()
}

/// The key and the names of the values of a call of `t`, from behind its bracket.
fn arguments(call: &str) -> Option<(String, BTreeSet<String>)> {
    let call = call.strip_prefix('"')?;
    let (key, rest) = call.split_once('"')?;
    let (mut depth, mut quoted, mut word, mut names) = (1, false, String::new(), BTreeSet::new());
    let mut chars = rest.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '=' if depth == 1 && chars.peek() != Some(&'=') && !word.is_empty() => {
                names.insert(word.clone());
            }
            _ => {}
        }
        if depth == 0 {
            return Some((key.to_owned(), names));
        }
        if c.is_alphanumeric() || c == '_' { word.push(c) } else { word.clear() }
    }
    None
}

fn uses() -> Vec<Use> {
    let mut uses = Vec::new();
    for (place, text) in templates() {
        for call in calls(&text, "t(") {
            let (key, values) = arguments(call).unwrap_or_else(|| {
                panic!(
                    "{place}: the key of a message is written where it is said: t({}",
                    &call[..call.len().min(60)]
                )
            });
            uses.push(Use { place: place.clone(), key, values: Some(values) });
        }
    }
    for (place, text) in files("src", &["rs"]) {
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        if place.ends_with("/tests.rs") {
            continue;
        }
        for call in calls(text, "Key(") {
            // Where the type is made, and another of that name in the database's migrations.
            if call.starts_with("pub ") {
                continue;
            }
            let call = call.strip_prefix('"');
            let call =
                call.unwrap_or_else(|| panic!("{place}: the key of a message is written where it is said"));
            let key = call.split('"').next().unwrap().to_owned();
            // A call in a comment shows how it is written.
            if key != "…" {
                uses.push(Use { place: place.clone(), key, values: None });
            }
        }
    }
    uses
}

#[test]
fn every_message_that_is_said_is_in_the_catalogue_and_every_one_in_it_is_said() {
    let known: BTreeMap<&str, _> = words::english().map(|message| (message.key, message.variables)).collect();
    let uses = uses();
    for used in &uses {
        let Use { place, key, values } = used;
        let Some(variables) = known.get(key.as_str()) else {
            panic!("{place} says {key}, which is not there")
        };
        if let Some(values) = values {
            let variables: BTreeSet<String> = variables.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(*values, variables, "{place}: what {key} is said with");
        } else {
            let text = std::fs::read_to_string(place).unwrap();
            for name in variables.iter() {
                assert!(text.contains(&format!("(\"{name}\", ")), "{place} says {key} without ${name}");
            }
        }
    }
    let said: BTreeSet<&str> = uses.iter().map(|used| used.key.as_str()).collect();
    let unsaid: Vec<&&str> = known.keys().filter(|key| !said.contains(*key)).collect();
    assert!(unsaid.is_empty(), "nothing says {unsaid:?}");
}

#[test]
fn no_template_holds_words_of_its_own() {
    for (place, text) in templates() {
        let mut bare = text.clone();
        for (open, close) in [("{{", "}}"), ("{%", "%}")] {
            while let Some(start) = bare.find(open) {
                let end = start + bare[start..].find(close).unwrap() + 2;
                bare.replace_range(start..end, "");
            }
        }
        for shown in visible(&bare) {
            let known =
                ["Guestlist", "UTC", "Standard Webhooks", "https://example.com/hooks", " class=\"card\""];
            let rest = known.iter().fold(shown.clone(), |text, known| text.replace(known, ""));
            assert!(!rest.contains(|c: char| c.is_alphabetic()), "{place}: {shown:?}");
        }
    }
}

/// The texts in quotes of the expressions that a template shows, but for keys of messages and what something is compared with.
fn shown_texts(template: &str) -> Vec<String> {
    let mut found = Vec::new();
    for shown in template.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap()) {
        let parts: Vec<&str> = shown.split('"').collect();
        let mut lists = 0;
        for pair in parts.chunks(2).filter(|pair| pair.len() == 2) {
            let before = pair[0].trim_end();
            lists += before.matches('[').count();
            lists -= before.matches(']').count();
            if lists == 0 && !["t(", "==", "!="].iter().any(|end| before.ends_with(end)) {
                found.push(pair[1].to_owned());
            }
        }
    }
    found
}

#[test]
fn no_expression_of_a_template_shows_words_of_its_own() {
    // Names of fields and their values, and a command.
    let known = ["password", "new-password", "current-password", "current", "new", "guestlist serve"];
    for (place, text) in templates() {
        for shown in shown_texts(&text) {
            let path = shown.starts_with('/');
            let letters = shown.contains(|c: char| c.is_alphabetic());
            assert!(!letters || path || known.contains(&shown.as_str()), "{place}: {shown:?}");
        }
    }
    assert_eq!(shown_texts("{{ x or \"never\" }} {{ t(\"a\") if y == \"B\" else \"c\" }}"), ["never", "c"]);
}

#[test]
fn the_embedded_catalogue_parses_and_has_text_only() {
    let source = words::english_source();
    let parsed =
        fluent_syntax::parser::parse(source.as_str()).unwrap_or_else(|(_, errors)| panic!("{errors:?}"));
    let mut keys = BTreeSet::new();
    for entry in &parsed.body {
        match entry {
            Entry::Message(message) => {
                assert!(keys.insert(message.id.name), "{} is there twice", message.id.name);
                assert!(message.value.is_some() && message.attributes.is_empty(), "{}", message.id.name);
            }
            Entry::Term(term) => panic!("-{}: there are no terms", term.id.name),
            _ => {}
        }
    }
    assert_eq!(keys.len(), words::english().count());
    assert!(!source.contains('<') && !source.contains("&amp;"), "no markup");
}

/// The values of an enum of the schema in small letters, or the names of the objects behind an interface.
fn values_of(name: &str) -> Vec<String> {
    use apollo_compiler::schema::ExtendedType;
    let schema = guestlist::schema::sdl();
    let schema = apollo_compiler::Schema::parse_and_validate(&schema, "schema.graphql").unwrap();
    match &schema.types[name] {
        ExtendedType::Enum(found) => found.values.keys().map(|value| value.to_lowercase()).collect(),
        _ => schema.implementers_map()[name].objects.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn every_state_that_the_schema_knows_has_a_word() {
    let source = words::english_source();
    let parsed = fluent_syntax::parser::parse(source.as_str()).unwrap();
    for (key, name) in [
        ("member-state", "MembershipStatus"),
        ("tenant-state", "TenantStatus"),
        ("reset-state", "ResetStatus"),
        ("invitation-mail-state", "DeliveryState"),
        ("mail-state", "MailState"),
        ("mail-kind", "MailKind"),
        ("endpoint-state", "WebhookEndpointStatus"),
        ("delivery-state", "WebhookDeliveryState"),
        ("outcome", "InviteOutcome"),
        ("permission", "Permission"),
        ("subject", "Node"),
    ] {
        let pattern = parsed.body.iter().find_map(|entry| match entry {
            Entry::Message(message) if message.id.name == key => message.value.as_ref(),
            _ => None,
        });
        let [PatternElement::Placeable { expression: Expression::Select { variants, .. } }] =
            &pattern.unwrap().elements[..]
        else {
            panic!("{key} is a choice")
        };
        let known: BTreeSet<&str> = variants
            .iter()
            .map(|variant| match &variant.key {
                VariantKey::Identifier { name } => *name,
                VariantKey::NumberLiteral { value } => *value,
            })
            .collect();
        for value in values_of(name) {
            assert!(known.contains(value.as_str()), "{key} has no word for {value}");
        }
    }
}
