//! Media types and statuses of GraphQL over HTTP.
//!
//! With `application/json` a request that was understood is answered with 200 whatever became of it; with
//! `application/graphql-response+json` a request error is 400. Every status is decided here, for the draft
//! specification and its audits differ (it says 422 and 294 where they say 400 and 200).

use poem::Request;
use poem::http::{HeaderValue, StatusCode, header};

/// Which of the media types the client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    Json,
    GraphQL,
    /// Server-sent events.
    Events,
}

impl Media {
    /// The best of what the client accepts; without a wish, JSON.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let lines: Vec<&str> =
            request.headers().get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok()).collect();
        if lines.is_empty() { Some(Self::Json) } else { Self::choose(&lines.join(",")) }
    }

    fn choose(accept: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "application/graphql-response+json" => Self::GraphQL,
                "text/event-stream" => Self::Events,
                "application/json" | "application/*" | "*/*" | "" => Self::Json,
                _ => continue,
            };
            let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse);
            let quality: f32 = quality.unwrap_or(0.0);
            if quality > best.map_or(0.0, |(best, _)| best) {
                best = Some((quality, media));
            }
        }
        best.map(|(_, media)| media)
    }

    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            // Whoever wanted events and gets none is told why in JSON.
            Self::Json | Self::Events => "application/json; charset=utf-8",
            Self::GraphQL => "application/graphql-response+json; charset=utf-8",
        })
    }

    /// The status of a request that was understood and not executed.
    pub(super) fn request_error(self) -> StatusCode {
        match self {
            Self::Json => StatusCode::OK,
            Self::GraphQL | Self::Events => StatusCode::BAD_REQUEST,
        }
    }
}

/// Whether a body is what is taken: JSON, in UTF-8.
pub(super) fn is_json(content_type: Option<&str>) -> bool {
    let Some(content_type) = content_type else { return false };
    let mut parts = content_type.split(';').map(|part| part.trim().to_ascii_lowercase());
    let json = parts.next().as_deref() == Some("application/json");
    json && parts.all(|p| p.is_empty() || p == "charset=utf-8" || p == "charset=\"utf-8\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_s_best_wish_is_granted() {
        for (accept, media) in [
            ("*/*", Some(Media::Json)),
            ("application/json", Some(Media::Json)),
            ("application/graphql-response+json", Some(Media::GraphQL)),
            ("application/graphql-response+json, application/json;q=0.9", Some(Media::GraphQL)),
            ("application/json;q=0.9, application/graphql-response+json", Some(Media::GraphQL)),
            ("application/graphql-response+json;q=0.5,application/json", Some(Media::Json)),
            ("text/html, application/json", Some(Media::Json)),
            ("application/graphql-response+json; charset=utf-8", Some(Media::GraphQL)),
            ("application/json;q=0", None),
            ("text/event-stream", Some(Media::Events)),
            ("text/html", None),
            ("image/png, application/xml;q=0.5", None),
        ] {
            assert_eq!(Media::choose(accept), media, "{accept}");
        }
    }
}
