//! One language: its catalogue, and what it says.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::{CharacterDirection, LanguageIdentifier};

use super::catalogue;
use crate::clock::Instant;

/// Characters that stand for values that are safe already while a message is formatted. Unicode keeps them for such use, and
/// they are taken out of every other value.
const MARKS: std::ops::RangeInclusive<char> = '\u{fdd0}'..='\u{fdef}';

/// The name of a message in the catalogues. Written as `Key("…")` where it is used, so that a test finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(pub &'static str);

/// A language and its catalogue. Cheap to clone.
#[derive(Clone)]
pub struct Language(Arc<Inner>);

struct Inner {
    identifier: LanguageIdentifier,
    tag: String,
    bundle: FluentBundle<Arc<FluentResource>>,
    missing: Vec<&'static str>,
    /// What says that for which this language has no words.
    english: Option<Language>,
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Language").field(&self.0.tag).finish()
    }
}

fn bundle(identifier: &LanguageIdentifier) -> FluentBundle<Arc<FluentResource>> {
    let mut bundle = FluentBundle::new_concurrent(vec![identifier.clone()]);
    bundle.set_use_isolating(false);
    // It can only fail where the functions are there already.
    let _ = bundle.add_builtins();
    bundle
}

impl Language {
    /// Tag of the language that the binary holds.
    pub const ENGLISH: &'static str = "en";

    /// English, with messages of the operator's own in place of ours.
    pub(super) fn english(own: Option<FluentResource>) -> Self {
        let identifier: LanguageIdentifier = Self::ENGLISH.parse().unwrap_or_default();
        let mut bundle = bundle(&identifier);
        for resource in catalogue::english_resources() {
            bundle.add_resource_overriding(resource.clone());
        }
        if let Some(own) = own {
            bundle.add_resource_overriding(Arc::new(own));
        }
        let tag = identifier.to_string();
        Self(Arc::new(Inner { identifier, tag, bundle, missing: Vec::new(), english: None }))
    }

    /// Another language, and English for what it does not have.
    pub(super) fn over(identifier: LanguageIdentifier, resource: FluentResource, english: Self) -> Self {
        let mut bundle = bundle(&identifier);
        bundle.add_resource_overriding(Arc::new(resource));
        let missing = catalogue::english().map(|message| message.key);
        let missing = missing.filter(|key| !bundle.has_message(key)).collect();
        let tag = identifier.to_string();
        Self(Arc::new(Inner { identifier, tag, bundle, missing, english: Some(english) }))
    }

    pub(super) fn identifier(&self) -> &LanguageIdentifier {
        &self.0.identifier
    }

    /// Its tag, such as `en` or `pt-BR`.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.0.tag
    }

    /// Which way it is written: `ltr` or `rtl`, as the attribute `dir` has it.
    #[must_use]
    pub fn direction(&self) -> &'static str {
        match self.0.identifier.character_direction() {
            CharacterDirection::RTL => "rtl",
            CharacterDirection::LTR | CharacterDirection::TTB => "ltr",
        }
    }

    /// Names of the messages that it has no words for, which are said in English.
    #[must_use]
    pub fn missing(&self) -> &[&'static str] {
        &self.0.missing
    }

    /// A message as plain text.
    #[must_use]
    pub fn text(&self, key: Key, values: &[(&str, FluentValue<'_>)]) -> String {
        let mut args = FluentArgs::with_capacity(values.len());
        for (name, value) in values {
            args.set(*name, value.clone());
        }
        self.message(key.0, &args).unwrap_or_else(|| {
            tracing::error!(key = key.0, "a message is not in the catalogue");
            key.0.to_owned()
        })
    }

    /// A message without values, as plain text.
    #[must_use]
    pub fn say(&self, key: Key) -> String {
        self.text(key, &[])
    }

    /// A message as plain text; `None` where there is none of that name, or it cannot be said with those values.
    pub(super) fn message(&self, key: &str, args: &FluentArgs<'_>) -> Option<String> {
        self.own(key, args).or_else(|| self.0.english.as_ref()?.own(key, args))
    }

    fn own(&self, key: &str, args: &FluentArgs<'_>) -> Option<String> {
        let bundle = &self.0.bundle;
        let pattern = bundle.get_message(key)?.value()?;
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(args), &mut errors).into_owned();
        if errors.is_empty() {
            return Some(text);
        }
        tracing::error!(language = self.tag(), key, ?errors, "a message cannot be said");
        None
    }

    /// A message as HTML, good for text and for attributes in quotes: whatever the catalogue and the values say is escaped, but
    /// for values that are HTML already.
    pub(super) fn html(&self, key: &str, values: &[(&str, Given<'_>)]) -> Option<String> {
        let mut args = FluentArgs::with_capacity(values.len());
        let mut safe = Vec::new();
        for (name, value) in values {
            args.set(
                *name,
                match value {
                    Given::Html(html) => match MARKS.clone().nth(safe.len()) {
                        Some(mark) => {
                            safe.push((mark, *html));
                            FluentValue::from(mark.to_string())
                        }
                        None => FluentValue::from(String::new()),
                    },
                    Given::Text(text) => FluentValue::from(text.replace(|c| MARKS.contains(&c), "\u{fffd}")),
                    Given::Number(number) => FluentValue::from(*number),
                },
            );
        }
        let text = self.message(key, &args)?;
        let escaped = escape(&text);
        if safe.is_empty() {
            return Some(escaped.into_owned());
        }
        let mut html = String::with_capacity(escaped.len() + 64);
        for character in escaped.chars() {
            match safe.iter().find(|(mark, _)| *mark == character) {
                Some((_, value)) => html.push_str(value),
                None => html.push(character),
            }
        }
        Some(html)
    }

    /// A point in time in words, as mails write it.
    #[must_use]
    pub fn moment(&self, at: Instant) -> String {
        let part = |format: &str| FluentValue::from(at.format(format).to_string());
        let lower = |format: &str| FluentValue::from(at.format(format).to_string().to_lowercase());
        let values = [
            ("weekday", lower("%A")),
            ("day", part("%-d")),
            ("month", lower("%B")),
            ("year", part("%Y")),
            ("time", part("%H:%M")),
        ];
        self.text(Key("moment"), &values)
    }
}

/// A value of a message on its way into HTML.
pub(super) enum Given<'v> {
    /// HTML already.
    Html(&'v str),
    /// Text, which is escaped.
    Text(&'v str),
    /// A number, which chooses among plurals.
    Number(f64),
}

/// Text as HTML, also between quotes.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut html = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#x27;"),
            other => html.push(other),
        }
    }
    Cow::Owned(html)
}
