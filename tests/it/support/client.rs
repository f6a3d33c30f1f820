//! Somebody who sends requests.

use std::sync::Arc;

use guestlist::http::BoxEndpoint;
use poem::{Endpoint as _, Request, Response};
use serde_json::{Value, json};

use super::{INVITATION, input};

/// Speaks GraphQL to the routes, in process.
#[derive(Clone)]
pub struct Client {
    endpoint: Arc<BoxEndpoint<'static>>,
    pub access: Option<String>,
    pub refresh: Option<String>,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: poem::http::HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Client {
    pub fn new(endpoint: Arc<BoxEndpoint<'static>>) -> Self {
        Self { endpoint, access: None, refresh: None }
    }

    /// Uses the tokens of a payload from here on.
    pub fn adopt(&mut self, tokens: &Value) {
        self.access = Some(tokens["accessToken"].as_str().expect("an access token").to_owned());
        self.refresh = Some(tokens["refreshToken"].as_str().expect("a refresh token").to_owned());
    }

    /// Sends a request and leaves the answer's body to be read.
    pub async fn open(&self, request: Request) -> Response {
        self.endpoint.get_response(request).await
    }

    pub async fn send(&self, request: Request) -> Reply {
        let response = self.open(request).await;
        let (parts, body) = response.into_parts();
        let text = body.into_string().await.unwrap();
        Reply { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Request::builder().uri_str(path).finish()).await
    }

    /// Sends an operation and returns the whole answer.
    pub async fn ask(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        self.send(self.request(&body.to_string())).await.json()
    }

    /// A body on its way to the endpoint, with the access token if there is one.
    pub fn request(&self, body: &str) -> Request {
        let mut request = Request::builder()
            .method(poem::http::Method::POST)
            .uri_str("/graphql")
            .content_type("application/json");
        if let Some(token) = &self.access {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request.body(body.to_owned())
    }

    /// Sends a mutation with one input and returns its payload.
    pub async fn mutate(&self, name: &str, fields: &str, value: Value) -> Value {
        let kind = format!("{}{}Input!", name[..1].to_uppercase(), &name[1..]);
        let query = format!(
            "mutation Do($input: {kind}) {{ {name}(input: $input) {{ {fields} userErrors {{ code message path }} }} }}"
        );
        let mut answer = self.ask(&query, input(value)).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"][name].take()
    }

    /// Sends a mutation that fails at the top level and returns the error's code.
    pub async fn mutate_err(&self, name: &str, value: Value) -> String {
        let kind = format!("{}{}Input!", name[..1].to_uppercase(), &name[1..]);
        let query =
            format!("mutation Do($input: {kind}) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}");
        let answer = self.ask(&query, input(value)).await;
        assert_eq!(answer["data"], json!({ name: null }), "{answer}");
        answer["errors"][0]["extensions"]["code"].as_str().expect("a code").to_owned()
    }

    pub async fn login(&mut self, email: &str, password: &str) -> Result<Value, Value> {
        let fields = "tokens { accessToken refreshToken accessTokenExpiresAt refreshTokenExpiresAt }
            viewer { id email activeMembership { tenant { slug } role { key } } }";
        let payload = self.mutate("login", fields, json!({ "email": email, "password": password })).await;
        if payload["tokens"].is_null() {
            return Err(payload["userErrors"].clone());
        }
        self.adopt(&payload["tokens"]);
        Ok(payload)
    }

    /// Exchanges a refresh token; the payload.
    pub async fn refresh_with(&self, token: &str) -> Value {
        self.mutate(
            "refresh",
            "tokens { accessToken refreshToken refreshTokenExpiresAt }",
            json!({ "refreshToken": token }),
        )
        .await
    }

    /// Goes on with the next pair of tokens.
    pub async fn renew(&mut self) {
        let token = self.refresh.clone().expect("a refresh token");
        let payload = self.refresh_with(&token).await;
        self.adopt(&payload["tokens"]);
    }

    pub async fn invite(&self, value: Value) -> Value {
        self.mutate("invite", &format!("created link invitation {{ {INVITATION} }}"), value).await
    }

    /// Invites an address as a member and returns the invitation.
    pub async fn invited(&self, email: &str) -> Value {
        let payload = self.invite(json!({ "email": email })).await;
        assert_eq!(payload["userErrors"], json!([]), "{payload}");
        payload["invitation"].clone()
    }

    pub async fn accept(&self, value: Value) -> Value {
        let fields = format!(
            "invitation {{ {INVITATION} }} membership {{ id role {{ key }} user {{ email name }} tenant {{ slug }} }}
             viewer {{ id email emailVerified name }} tokens {{ accessToken refreshToken }}"
        );
        self.mutate("acceptInvitation", &fields, value).await
    }

    /// A mutation that takes an `invitationId` and shows the invitation.
    pub async fn act(&self, name: &str, id: &Value) -> Value {
        self.mutate(name, &format!("invitation {{ {INVITATION} }}"), json!({ "invitationId": id })).await
    }

    pub async fn decline(&self, value: Value) -> Value {
        self.mutate("declineInvitation", &format!("invitation {{ {INVITATION} }}"), value).await
    }

    pub async fn me(&self) -> Value {
        let query = "{ me { id email emailVerified name isSuperuser activeMembership { id role { key } tenant { id slug } }
            memberships { id tenant { slug } } invitations { id email invitedByName ipAddress metadata tenant { slug } invitedBy { name } }
            sessions { id current } } }";
        self.ask(query, json!({})).await["data"]["me"].clone()
    }
}

/// The codes of a payload's `userErrors`.
pub fn codes(payload: &Value) -> Vec<&str> {
    payload["userErrors"]
        .as_array()
        .expect("userErrors")
        .iter()
        .map(|e| e["code"].as_str().unwrap())
        .collect()
}
