//! E-mail addresses: one typed form that is shown, one canonical form that is compared.

use std::fmt;

use email_address::{EmailAddress, Options};

/// Longest address in bytes (RFC 5321 §4.5.3.1.3 less the angle brackets).
pub const MAX_BYTES: usize = 254;

/// An address that passed the door: ASCII local part, domain in ASCII (IDNA), compared in lower case.
///
/// Dots and `+tags` are kept: whether they matter is the receiving server's business.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email {
    typed: String,
    norm: String,
}

/// Why a text is not taken as an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// Longer than [`MAX_BYTES`].
    #[error("An e-mail address has at most 254 bytes.")]
    TooLong,
    /// A control character, a line break among them.
    #[error("An e-mail address has no control characters.")]
    Control,
    /// A quoted or non-ASCII part before the `@`.
    #[error("The part before the @ takes letters a-z, digits and .!#$%&'*+/=?^_`{{|}}~- only.")]
    LocalPart,
    /// A domain that IDNA refuses, or that is no host name.
    #[error("The part after the @ is not a domain name.")]
    Domain,
    /// Anything else.
    #[error("This is not an e-mail address; it looks like name@example.com.")]
    Malformed,
}

impl Email {
    /// Reads an address as a person typed it.
    ///
    /// # Errors
    /// [`InvalidEmail`] with a sentence for that person.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        if text.len() > MAX_BYTES {
            return Err(InvalidEmail::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidEmail::Control);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidEmail::Malformed)?;
        if local.is_empty() || domain.is_empty() {
            return Err(InvalidEmail::Malformed);
        }
        if !local.is_ascii()
            || local.contains(['"', '(', ')', ',', ':', ';', '<', '>', '@', '[', '\\', ']', ' '])
        {
            return Err(InvalidEmail::LocalPart);
        }
        let ascii = idna::domain_to_ascii_strict(domain).map_err(|_| InvalidEmail::Domain)?;
        if !ascii.contains('.') && ascii != "localhost" || mixes_scripts(domain) {
            return Err(InvalidEmail::Domain);
        }
        let norm = format!("{}@{ascii}", local.to_ascii_lowercase());
        let options = Options::default().without_display_text().without_domain_literal();
        EmailAddress::parse_with_options(&norm, options).map_err(|_| InvalidEmail::Malformed)?;
        if norm.len() > MAX_BYTES {
            return Err(InvalidEmail::TooLong);
        }
        Ok(Self { typed: format!("{local}@{domain}"), norm })
    }

    /// The address as it was typed, for showing.
    #[must_use]
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// The canonical address: what is compared.
    #[must_use]
    pub fn norm(&self) -> &str {
        &self.norm
    }

    /// The address that mail goes to: the typed part before the `@`, the domain in ASCII.
    #[must_use]
    pub fn deliverable(&self) -> String {
        let local = self.typed.rsplit_once('@').map_or("", |(local, _)| local);
        let domain = self.norm.rsplit_once('@').map_or("", |(_, domain)| domain);
        format!("{local}@{domain}")
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

/// Whether one label holds ASCII letters beside others: how look-alike domains are made.
fn mixes_scripts(domain: &str) -> bool {
    domain.split('.').any(|label| {
        let ascii = label.chars().any(|c| c.is_ascii_alphabetic());
        let other = label.chars().any(|c| c.is_alphabetic() && !c.is_ascii() && !is_latin(c));
        ascii && other
    })
}

fn is_latin(c: char) -> bool {
    // Latin-1 letters and Latin Extended-A and -B. Dotless ı looks like i and has no place in a domain.
    matches!(c, '\u{00C0}'..='\u{024F}') && c != 'ı'
}

/// Hides most of an address: `a•••@e•••.com`, enough for its owner to know it.
#[must_use]
pub fn mask(address: &str) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let (host, top) = domain.rsplit_once('.').unwrap_or((domain, ""));
    let first = |s: &str| s.chars().next().map(String::from).unwrap_or_default();
    format!("{}•••@{}•••.{top}", first(local), first(host))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn norm(text: &str) -> Result<String, InvalidEmail> {
        Email::parse(text).map(|email| email.norm().to_owned())
    }

    #[test]
    fn addresses_are_compared_without_regard_to_letter_case_and_blanks() {
        for text in ["A@X.t", " a@x.t", "a@X.T", "a@x.t\n"] {
            assert_eq!(norm(text).as_deref(), Ok("a@x.t"), "{text:?}");
        }
        assert_eq!(Email::parse(" Ann.B+c@Example.com ").unwrap().typed(), "Ann.B+c@Example.com");
        assert_eq!(norm("Ann.B+c@Example.com").as_deref(), Ok("ann.b+c@example.com"));
    }

    #[test]
    fn t42_domains_become_ascii_and_look_alikes_are_refused() {
        assert_eq!(norm("a@Bücher.example").as_deref(), Ok("a@xn--bcher-kva.example"));
        assert_eq!(norm("a@xn--bcher-kva.example").as_deref(), Ok("a@xn--bcher-kva.example"));
        for text in [
            "mıke@example.org",
            "a@gmaıl.com",
            "\u{212A}@example.org",
            "ﬁ@example.org",
            "a@p\u{0430}ypal.com",
        ] {
            assert!(norm(text).is_err(), "{text}");
        }
        // A Kelvin sign in a domain folds to the letter k, by the rules of IDNA.
        assert_eq!(norm("a@\u{212A}.example").as_deref(), Ok("a@k.example"));
    }

    #[test]
    fn t43_control_characters_quotes_and_lists_are_refused() {
        for text in [
            "a@x.t\r\nBcc: e@x.t",
            "a\0@x.t",
            "\"a b\"@x.t",
            "a@x.t,b@x.t",
            "a@x.t;b@x.t",
            "Ann <a@x.t>",
            "a@b@x.t",
            "a b@x.t",
            "",
            "@x.t",
            "a@",
            "a",
            "a@x..t",
            "a@-x.t",
            ".a@x.t",
            "a@[127.0.0.1]",
        ] {
            assert!(norm(text).is_err(), "{text:?}");
        }
        assert_eq!(norm(&format!("{}@x.t", "a".repeat(260))), Err(InvalidEmail::TooLong));
    }

    #[test]
    fn a_mask_keeps_the_first_letters_only() {
        assert_eq!(mask("ann@example.com"), "a•••@e•••.com");
        assert_eq!(mask("nonsense"), "n•••@•••.");
    }

    proptest! {
        #[test]
        fn any_text_is_answered_and_a_canonical_form_is_stable(text in "\\PC{0,40}@?\\PC{0,40}") {
            if let Ok(email) = Email::parse(&text) {
                let again = norm(email.norm());
                prop_assert_eq!(again.as_deref(), Ok(email.norm()));
                prop_assert!(email.norm().is_ascii());
            }
        }
    }
}
