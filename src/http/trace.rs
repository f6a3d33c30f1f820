//! The trace that a request is part of, where whoever sent it says so: W3C Trace Context, `traceparent`.

use poem::Request;

/// Identifier of the trace, 32 hexadecimal digits, from a header that is of the form asked for.
///
/// What a later version of the format adds after the flags is passed over, as its section 4.3 says.
pub(super) fn id(request: &Request) -> Option<String> {
    let mut headers = request.headers().get_all("traceparent").iter();
    // Two of them name no one trace.
    let (Some(header), None) = (headers.next(), headers.next()) else { return None };
    let (version, rest) = header.to_str().ok()?.split_once('-')?;
    let mut parts = rest.split('-');
    let (trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?);
    let sound = is_hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && names(trace, 32)
        && names(parent, 16)
        && is_hex(flags, 2);
    sound.then(|| trace.to_owned())
}

/// Whether a text is so many lower-case hexadecimal digits, of which one is not 0.
fn names(text: &str, digits: usize) -> bool {
    is_hex(text, digits) && text.bytes().any(|byte| byte != b'0')
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use poem::Request;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn id(headers: &[&str]) -> Option<String> {
        let mut request = Request::builder();
        for header in headers {
            request = request.header("traceparent", *header);
        }
        super::id(&request.finish())
    }

    #[test]
    fn a_header_of_this_version_or_a_later_one_names_a_trace() {
        for rest in ["00f067aa0ba902b7-01", "00f067aa0ba902b7-00"] {
            assert_eq!(id(&[&format!("00-{TRACE}-{rest}")]).as_deref(), Some(TRACE));
        }
        assert_eq!(id(&[&format!("cc-{TRACE}-00f067aa0ba902b7-01-more")]).as_deref(), Some(TRACE));
    }

    #[test]
    fn anything_else_names_none() {
        let good = format!("00-{TRACE}-00f067aa0ba902b7-01");
        assert_eq!(id(&[]), None);
        assert_eq!(id(&[&good, &good]), None);
        for header in [
            "",
            "00",
            TRACE,
            &good.to_uppercase(),
            &good.replace("00-4", "ff-4"),
            &format!("{good}-more"),
            &good[1..],
            &good.replace("-01", ""),
            &good.replace(TRACE, &"0".repeat(32)),
            &good.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &good.replace('b', "\n").replace('\n', "g"),
        ] {
            assert_eq!(id(&[header]), None, "{header}");
        }
    }
}
