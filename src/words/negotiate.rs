//! Which language suits somebody best.

use fluent_langneg::{NegotiationStrategy, negotiate_languages};
use unic_langid::LanguageIdentifier;

use super::Language;

/// Languages of a header that are looked at.
const MOST: usize = 20;

/// The languages that an `Accept-Language` header asks for, the most wanted first. What cannot be read is left out.
pub(super) fn wanted(header: &str) -> Vec<LanguageIdentifier> {
    let ranges = header.split(',').take(MOST).filter_map(|range| {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
        let quality = match parameters.trim().strip_prefix("q=") {
            Some(quality) => quality.trim().parse::<f32>().ok()?,
            None => 1.0,
        };
        let tag: LanguageIdentifier = tag.trim().parse().ok()?;
        (quality > 0.0 && quality <= 1.0).then_some((tag, quality))
    });
    let mut ranges: Vec<(LanguageIdentifier, f32)> = ranges.collect();
    ranges.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    ranges.into_iter().map(|(tag, _)| tag).collect()
}

/// The position of the language that suits best, where one does.
pub(super) fn best(wanted: &[LanguageIdentifier], languages: &[Language]) -> Option<usize> {
    let tags: Vec<&LanguageIdentifier> = languages.iter().map(Language::identifier).collect();
    let found = negotiate_languages(wanted, &tags, None, NegotiationStrategy::Filtering);
    let first = found.first()?;
    tags.iter().position(|tag| tag == *first)
}
