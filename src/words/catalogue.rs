//! Catalogues: the English one, which says what messages there are, and those of a folder, held against it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use fluent_bundle::FluentResource;
use fluent_syntax::ast::{CallArguments, Entry, Expression, InlineExpression, Pattern, PatternElement};
use unic_langid::LanguageIdentifier;

/// The English catalogue as it is written, in parts.
const ENGLISH: [&str; 3] =
    [include_str!("en/pages.ftl"), include_str!("en/console.ftl"), include_str!("en/mails.ftl")];

/// The functions that a message may call.
const FUNCTIONS: [&str; 1] = ["NUMBER"];

static PARSED: LazyLock<Vec<Arc<FluentResource>>> = LazyLock::new(|| {
    // What cannot be parsed is left out; a test looks for it.
    let parse =
        |source: &str| FluentResource::try_new(source.to_owned()).unwrap_or_else(|(parsed, _)| parsed);
    ENGLISH.into_iter().map(|source| Arc::new(parse(source))).collect()
});

static MESSAGES: LazyLock<BTreeMap<&'static str, BTreeSet<&'static str>>> = LazyLock::new(|| {
    let parsed: &'static Vec<Arc<FluentResource>> = &PARSED;
    let entries = parsed.iter().flat_map(|resource| resource.entries());
    let messages = entries.filter_map(|entry| match entry {
        Entry::Message(message) => {
            let mut used = Used::default();
            message.value.iter().for_each(|pattern| used.pattern(pattern));
            Some((message.id.name, used.variables))
        }
        _ => None,
    });
    messages.collect()
});

/// A message of the English catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// Its name.
    pub key: &'static str,
    /// Names of the values that it is said with.
    pub variables: &'static BTreeSet<&'static str>,
}

/// Every message there is.
pub fn english() -> impl Iterator<Item = Message> {
    MESSAGES.iter().map(|(key, variables)| Message { key, variables })
}

/// The English catalogue, to be copied and translated.
#[must_use]
pub fn english_source() -> String {
    ENGLISH.map(str::trim_end).join("\n\n") + "\n"
}

pub(super) fn english_resources() -> &'static [Arc<FluentResource>] {
    &PARSED
}

/// What is wrong with a catalogue, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, and the line where there is one.
    place: String,
    said: String,
}

impl Fault {
    fn new(place: impl fmt::Display, said: impl Into<String>) -> Self {
        Self { place: place.to_string(), said: said.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.said)
    }
}

/// The catalogues of a folder, a file `<language>.ftl` each; other files are left alone.
pub(super) fn read(folder: &Path) -> Result<Vec<(LanguageIdentifier, FluentResource)>, Vec<Fault>> {
    let unreadable = |place: &Path, error: std::io::Error| {
        Fault::new(place.display(), format!("cannot be read: {error}."))
    };
    let entries = std::fs::read_dir(folder).map_err(|error| vec![unreadable(folder, error)])?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| vec![unreadable(folder, error)])?.path();
        if path.extension().is_some_and(|extension| extension == "ftl") {
            paths.push(path);
        }
    }
    paths.sort();
    let (mut found, mut faults): (Vec<(LanguageIdentifier, FluentResource)>, _) = (Vec::new(), Vec::new());
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let Ok(tag) = stem.parse::<LanguageIdentifier>() else {
            let said = "its name is no language tag; name it like de.ftl or pt-BR.ftl.";
            faults.push(Fault::new(name, said));
            continue;
        };
        if found.iter().any(|(known, _)| *known == tag) {
            faults.push(Fault::new(name, format!("another file is for {tag} as well; keep one of them.")));
            continue;
        }
        match std::fs::read_to_string(&path) {
            Err(error) => faults.push(unreadable(&path, error)),
            Ok(text) => match checked(&name, text) {
                Ok(resource) => found.push((tag, resource)),
                Err(all) => faults.extend(all),
            },
        }
    }
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

/// The line, counted from 1, at which a part of a text begins.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// A catalogue that says nothing which the English one does not know.
fn checked(name: &str, text: String) -> Result<FluentResource, Vec<Fault>> {
    let text = text.trim_start_matches('\u{feff}').to_owned();
    let resource = FluentResource::try_new(text).map_err(|(resource, errors)| {
        let fault = |error: &fluent_syntax::parser::ParserError| {
            let place = format!("{name}:{}", line(resource.source(), error.pos.start));
            Fault::new(place, format!("it cannot be read as Fluent: {}. Mend that line.", error.kind))
        };
        errors.iter().map(fault).collect::<Vec<_>>()
    })?;
    let faults = Checking::of(name, &resource).faults;
    if faults.is_empty() { Ok(resource) } else { Err(faults) }
}

/// A walk through a catalogue that notes what is wrong.
struct Checking<'r> {
    name: &'r str,
    source: &'r str,
    terms: BTreeSet<&'r str>,
    faults: Vec<Fault>,
}

impl<'r> Checking<'r> {
    fn of(name: &'r str, resource: &'r FluentResource) -> Self {
        let terms = resource.entries().filter_map(|entry| match entry {
            Entry::Term(term) => Some(term.id.name),
            _ => None,
        });
        let mut checking =
            Self { name, source: resource.source(), terms: terms.collect(), faults: Vec::new() };
        let mut seen = BTreeSet::new();
        for entry in resource.entries() {
            let mut used = Used::default();
            match entry {
                Entry::Message(message) => {
                    let key = message.id.name;
                    if !seen.insert(key) {
                        checking.fault(key, format!("`{key}` is there twice; take one of them out."));
                    }
                    for attribute in &message.attributes {
                        let said = "messages have no attributes here; take it out.";
                        checking.fault(attribute.id.name, format!("`{key}.{}`: {said}", attribute.id.name));
                    }
                    message.value.iter().for_each(|pattern| used.pattern(pattern));
                    checking.message(key, &used);
                }
                Entry::Term(term) => {
                    used.pattern(&term.value);
                    term.attributes.iter().for_each(|attribute| used.pattern(&attribute.value));
                }
                _ => continue,
            }
            checking.references(&used);
        }
        checking
    }

    /// Notes a fault at a part of the text.
    fn fault(&mut self, part: &str, said: String) {
        // Where a part stands is how far its first byte is from that of the text.
        let at = (part.as_ptr() as usize).saturating_sub(self.source.as_ptr() as usize);
        self.faults.push(Fault::new(format_args!("{}:{}", self.name, line(self.source, at)), said));
    }

    fn message(&mut self, key: &str, used: &Used<'r>) {
        let Some(variables) = MESSAGES.get(key) else {
            let said = "no page or mail says it; take it out, or find its name in `guestlist words export`.";
            return self.fault(key, format!("there is no message `{key}`: {said}"));
        };
        for unknown in used.variables.iter().filter(|name| !variables.contains(*name)) {
            let known: Vec<String> = variables.iter().map(|name| format!("${name}")).collect();
            let has = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            self.fault(unknown, format!("`{key}` is said without ${unknown}; what it has: {has}."));
        }
    }

    fn references(&mut self, used: &Used<'r>) {
        for message in &used.messages {
            let said = "messages do not refer to each other; write it out, or make it a term.";
            self.fault(message, format!("{{ {message} }}: {said}"));
        }
        for term in used.terms.iter().filter(|term| !self.terms.contains(*term)).copied().collect::<Vec<_>>()
        {
            self.fault(term, format!("there is no term -{term} in this file; add it, or write it out."));
        }
        for function in used.functions.iter().filter(|name| !FUNCTIONS.contains(*name)) {
            self.fault(function, format!("there is no function {function}(); the one there is is NUMBER()."));
        }
    }
}

/// What a pattern refers to.
#[derive(Default)]
struct Used<'r> {
    variables: BTreeSet<&'r str>,
    messages: Vec<&'r str>,
    terms: Vec<&'r str>,
    functions: Vec<&'r str>,
}

impl<'r> Used<'r> {
    fn pattern(&mut self, pattern: &Pattern<&'r str>) {
        for element in &pattern.elements {
            if let PatternElement::Placeable { expression } = element {
                self.expression(expression);
            }
        }
    }

    fn expression(&mut self, expression: &Expression<&'r str>) {
        match expression {
            Expression::Inline(inline) => self.inline(inline),
            Expression::Select { selector, variants } => {
                self.inline(selector);
                variants.iter().for_each(|variant| self.pattern(&variant.value));
            }
        }
    }

    fn arguments(&mut self, arguments: &CallArguments<&'r str>) {
        arguments.positional.iter().for_each(|argument| self.inline(argument));
        arguments.named.iter().for_each(|argument| self.inline(&argument.value));
    }

    fn inline(&mut self, inline: &InlineExpression<&'r str>) {
        match inline {
            InlineExpression::VariableReference { id } => {
                self.variables.insert(id.name);
            }
            InlineExpression::MessageReference { id, .. } => self.messages.push(id.name),
            InlineExpression::TermReference { id, arguments, .. } => {
                self.terms.push(id.name);
                arguments.iter().for_each(|arguments| self.arguments(arguments));
            }
            InlineExpression::FunctionReference { id, arguments } => {
                self.functions.push(id.name);
                self.arguments(arguments);
            }
            InlineExpression::Placeable { expression } => self.expression(expression),
            InlineExpression::StringLiteral { .. } | InlineExpression::NumberLiteral { .. } => {}
        }
    }
}
