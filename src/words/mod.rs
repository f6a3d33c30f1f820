//! The words of pages and mails: a Fluent catalogue for each language, English in the binary, others in a folder of the operator's.
//!
//! A catalogue holds text and no markup: whatever it says is escaped where it is shown, and emphasis comes from the template as a
//! value that is safe already. A message that a language does not have is said in English. Catalogues are parsed once, as the
//! settings are checked; nothing is parsed while a page is made.

mod catalogue;
mod language;
mod negotiate;
mod template;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use unic_langid::LanguageIdentifier;

pub use catalogue::{Fault, Message, english, english_source};
pub use fluent_bundle::FluentValue as Value;
pub use language::{Key, Language};
pub use template::install;

/// Every language there is a catalogue for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Words(Arc<Known>);

#[derive(Debug)]
struct Known {
    /// English first, then the others by their tags.
    languages: Vec<Language>,
    /// Position of the language of whoever asks for none that is here.
    default: usize,
}

impl Words {
    /// English, and the catalogues in `folder`, each of which is checked.
    ///
    /// # Errors
    /// Everything that is wrong with the catalogues, never an empty list.
    pub fn load(folder: Option<&Path>) -> Result<Self, Vec<Fault>> {
        let mut found = folder.map_or_else(|| Ok(Vec::new()), catalogue::read)?;
        found.sort_by_key(|(tag, _)| tag.to_string());
        let own_english = found.iter().position(|(tag, _)| *tag == Language::ENGLISH);
        let english = Language::english(own_english.map(|at| found.remove(at).1));
        let mut languages = vec![english.clone()];
        languages
            .extend(found.into_iter().map(|(tag, resource)| Language::over(tag, resource, english.clone())));
        Ok(Self(Arc::new(Known { languages, default: 0 })))
    }

    /// The same, with another language for whoever asks for none that is here; `None` where there is no catalogue for it.
    #[must_use]
    pub fn speaking(self, default: &str) -> Option<Self> {
        let wanted: LanguageIdentifier = default.parse().ok()?;
        let default = negotiate::best(&[wanted], &self.0.languages)?;
        Some(Self(Arc::new(Known { languages: self.0.languages.clone(), default })))
    }

    /// The languages, English first.
    #[must_use]
    pub fn languages(&self) -> &[Language] {
        &self.0.languages
    }

    /// The language of whoever asks for none that is here.
    #[must_use]
    pub fn default_language(&self) -> &Language {
        &self.0.languages[self.0.default]
    }

    /// Its position among the languages.
    #[must_use]
    pub fn default_position(&self) -> usize {
        self.0.default
    }

    /// The position of the language that suits the value of an `Accept-Language` header best (RFC 9110, 12.5.4).
    #[must_use]
    pub fn accepted(&self, header: &str) -> usize {
        // With one language there is nothing to choose.
        if self.0.languages.len() == 1 {
            return self.0.default;
        }
        negotiate::best(&negotiate::wanted(header), &self.0.languages).unwrap_or(self.0.default)
    }

    /// The position of the language that suits a language tag best.
    #[must_use]
    pub fn suiting(&self, tag: &str) -> usize {
        let wanted: Option<LanguageIdentifier> = tag.parse().ok();
        wanted.and_then(|tag| negotiate::best(&[tag], &self.0.languages)).unwrap_or(self.0.default)
    }

    /// Logs, once, how many messages each language says in English for want of words.
    pub fn warn_of_missing(&self) {
        let lacking = self.languages().iter().filter(|language| !language.missing().is_empty());
        let lacking: Vec<String> =
            lacking.map(|language| format!("{} {}", language.tag(), language.missing().len())).collect();
        if !lacking.is_empty() {
            let missing = lacking.join(", ");
            tracing::warn!(%missing, "messages are said in English: `guestlist words check` names them");
        }
    }
}
