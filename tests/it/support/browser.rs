//! A browser without scripts: forms, cookies, redirects.

use poem::http::Method;
use poem::{Request, RequestBuilder, Response};

use super::{Client, PASSWORD, Reply, TestApp};

pub const OWN: &str = "http://localhost:8000";

/// A browser: it keeps its cookie and sends its origin.
pub struct Browser {
    client: Client,
    pub cookie: String,
    /// What it says of the languages that its person reads; empty for nothing.
    pub languages: &'static str,
}

impl Browser {
    pub fn new(app: &TestApp) -> Self {
        Self { client: app.stranger(), cookie: String::new(), languages: "" }
    }

    pub async fn signed_in(app: &TestApp, email: &str) -> Self {
        let mut browser = Self::new(app);
        let reply = browser.post("/login", &[("email", email), ("password", PASSWORD)]).await;
        assert_eq!(reply.status, 303, "{}", reply.text);
        browser
    }

    pub async fn send(&mut self, request: Request) -> Reply {
        let reply = self.client.send(request).await;
        for cookie in reply.headers.get_all("set-cookie") {
            self.cookie = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        }
        reply
    }

    pub async fn get(&mut self, path: &str) -> Reply {
        let request = self.asking(path);
        self.send(request).await
    }

    /// As [`Browser::get`], with a body that has not been read.
    pub async fn open(&self, path: &str) -> Response {
        self.client.open(self.asking(path)).await
    }

    fn asking(&self, path: &str) -> Request {
        let request = Request::builder().uri_str(path).header("cookie", &self.cookie);
        self.in_languages(request).finish()
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.post_from(OWN, path, fields).await
    }

    pub async fn post_from(&mut self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let request = Request::builder()
            .method(Method::POST)
            .uri_str(path)
            .content_type("application/x-www-form-urlencoded")
            .header("cookie", &self.cookie)
            .header("origin", origin);
        let request = self.in_languages(request).body(body.finish());
        self.send(request).await
    }

    fn in_languages(&self, request: RequestBuilder) -> RequestBuilder {
        if self.languages.is_empty() { request } else { request.header("accept-language", self.languages) }
    }
}
