//! What a page shows and says: text, and the attributes that are read out or shown.

/// Attributes that people see or hear.
const SEEN: [&str; 4] = ["aria-label", "placeholder", "title", "alt"];
/// Elements whose content is no text of ours: programs, styles, identifiers, points in time.
const SILENT: [&str; 4] = ["script", "style", "code", "time"];

/// Everything of a page that people read or hear.
pub fn visible(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = html;
    let mut silent: Option<String> = None;
    while let Some(open) = rest.find('<') {
        if silent.is_none() {
            found.push(unescaped(&rest[..open]));
        }
        let length = tag_length(&rest[open..]);
        let tag = &rest[open + 1..open + length - 1];
        rest = &rest[open + length..];
        let name: String = tag.chars().take_while(|c| !c.is_whitespace() && *c != '>').collect();
        match &silent {
            Some(within) if name == format!("/{within}") => silent = None,
            Some(_) => {}
            None => {
                found
                    .extend(attributes(tag).filter(|(name, value)| is_seen(name, value, tag)).map(|it| it.1));
                if SILENT.contains(&name.as_str()) {
                    silent = Some(name);
                }
            }
        }
    }
    found.push(unescaped(rest));
    found.retain(|text| !text.trim().is_empty());
    found
}

fn is_seen(name: &str, _value: &str, tag: &str) -> bool {
    SEEN.contains(&name)
        || name.starts_with("data-word")
        || (name == "value" && tag.starts_with("input") && tag.contains("type=\"submit\""))
}

/// How long a tag is, with its brackets; a bracket in quotes does not end it.
fn tag_length(text: &str) -> usize {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '>' if !quoted => return at + 1,
            _ => {}
        }
    }
    panic!("a tag has no end: {text}");
}

fn attributes(tag: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let mut parts = tag.split("=\"");
    let mut name = parts.next().unwrap_or_default().rsplit(char::is_whitespace).next().unwrap_or_default();
    parts.map(move |part| {
        let (value, after) = part.split_once('"').unwrap_or((part, ""));
        let found = (name.to_owned(), unescaped(value));
        name = after.rsplit(char::is_whitespace).next().unwrap_or_default();
        found
    })
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&#x27;", "'").replace("&#39;", "'").replace("&#x2f;", "/").replace("&amp;", "&")
}

#[test]
fn what_people_see_or_hear_is_found() {
    let html = "<p title=\"A &lt;b&gt;\">One <code>two</code> <b>three</b></p><style>no</style>\
        <input type=\"text\" value=\"typed\"><img alt=\"four > five\"><button value=\"x\" data-word-show=\"six\">seven";
    let found = ["A <b>", "One ", "three", "four > five", "six", "seven"];
    assert_eq!(visible(html), found);
}
