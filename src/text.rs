//! Short texts that people type: checked once at the edge.

use unicode_normalization::UnicodeNormalization;

use crate::error::{Error, Result};

/// Longest name of a person, role or tenant, in characters.
pub const NAME_MAX: usize = 100;
/// Longest note on an invitation, in characters.
pub const NOTE_MAX: usize = 500;

/// A name of a person, a role or a tenant: trimmed, composed (NFC), on one line.
///
/// # Errors
/// `BAD_USER_INPUT` at `field` when it is empty, longer than [`NAME_MAX`] or holds control characters.
pub fn name(field: &str, text: &str) -> Result<String> {
    let text: String = text.trim().nfc().collect();
    if text.is_empty() {
        return Err(Error::bad_input(field, "Give a name."));
    }
    if text.chars().count() > NAME_MAX {
        return Err(Error::bad_input(field, "A name has at most 100 characters."));
    }
    if text.chars().any(is_unsafe) {
        return Err(Error::bad_input(field, "A name has no control characters."));
    }
    Ok(text)
}

/// A note in plain text; line breaks are welcome. Blank notes are no notes.
///
/// # Errors
/// `BAD_USER_INPUT` at `field` when it is longer than [`NOTE_MAX`] or holds other control characters.
pub fn note(field: &str, text: &str) -> Result<Option<String>> {
    let text: String = text.trim().nfc().collect();
    if text.chars().count() > NOTE_MAX {
        return Err(Error::bad_input(field, "A note has at most 500 characters."));
    }
    if text.chars().any(|c| is_unsafe(c) && c != '\n' && c != '\r' && c != '\t') {
        return Err(Error::bad_input(field, "A note has no control characters other than line breaks."));
    }
    Ok((!text.is_empty()).then_some(text))
}

/// A language tag such as `en` or `pt-BR` (the shape of RFC 5646, not its registry).
///
/// # Errors
/// `BAD_USER_INPUT` at `field`.
pub fn locale(field: &str, text: &str) -> Result<String> {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    let sound = (2..=8).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
    if sound && text.len() <= 35 {
        Ok(text.to_owned())
    } else {
        Err(Error::bad_input(field, "A locale is a language tag such as \"en\" or \"pt-BR\"."))
    }
}

/// A tenant's slug or a role's key: 2 to 63 lower-case letters, digits and inner hyphens.
///
/// # Errors
/// `BAD_USER_INPUT` at `field`.
pub fn slug(field: &str, text: &str) -> Result<String> {
    let inner = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    let edges = !text.starts_with('-') && !text.ends_with('-');
    if inner && edges && (2..=63).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err(Error::bad_input(
            field,
            "Use 2 to 63 lower-case letters, digits and hyphens, with no hyphen at either end.",
        ))
    }
}

/// Cuts a text to `max` bytes on a character boundary; for headers that callers send.
#[must_use]
pub fn clip(text: &str, max: usize) -> String {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].chars().filter(|c| !c.is_control()).collect()
}

/// Control characters, and the marks that turn the direction of writing around.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t41_names_take_no_line_breaks_and_no_direction_marks() {
        assert_eq!(name("name", "  Ann  ").unwrap(), "Ann");
        for text in ["", "  ", "a\nb", "a\u{202E}b", &"x".repeat(101)] {
            assert!(name("name", text).is_err(), "{text:?}");
        }
        assert_eq!(name("name", "e\u{301}").unwrap(), "é");
    }

    #[test]
    fn notes_keep_their_lines_and_end_at_500_characters() {
        assert_eq!(note("note", "a\nb").unwrap().as_deref(), Some("a\nb"));
        assert_eq!(note("note", " ").unwrap(), None);
        assert!(note("note", &"é".repeat(500)).is_ok());
        assert!(note("note", &"é".repeat(501)).is_err());
        assert!(note("note", "a\0").is_err());
    }

    #[test]
    fn slugs_and_locales_have_their_shapes() {
        assert!(slug("slug", "acme-2").is_ok());
        for text in ["", "a", "-ab", "ab-", "Acme", "a_b", "ä1", &"a".repeat(64)] {
            assert!(slug("slug", text).is_err(), "{text}");
        }
        assert!(locale("locale", "pt-BR").is_ok());
        for text in ["", "e", "en_US", "en-", "1n"] {
            assert!(locale("locale", text).is_err(), "{text}");
        }
    }

    #[test]
    fn clipping_keeps_characters_whole() {
        assert_eq!(clip("aé\n", 2), "a");
        assert_eq!(clip("a\nb", 9), "ab");
    }
}
