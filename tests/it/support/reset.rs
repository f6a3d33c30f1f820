//! Steps of a password reset.

use serde_json::{Value, json};

use super::{Client, TestApp};

/// A password that every rule likes, and that nobody has yet.
pub const NEW: &str = "seven quiet lanterns drifting";

const FIELDS: &str = "resetRequest { id status reason ipAddress createdAt expiresAt decidedAt user { email }
    decidedBy { email } }";

/// Asks for a reset; the payload.
pub async fn ask(client: &Client, email: &str) -> Value {
    client.mutate("requestReset", "accepted", json!({ "email": email })).await
}

/// Asks for a reset and returns the id of the request, as `decider` sees it.
pub async fn asked(app: &TestApp, decider: &Client, email: &str) -> Value {
    assert_eq!(ask(&app.stranger(), email).await["accepted"], true);
    app.tick().await;
    let query = "{ resetRequests(filter: { status: [REQUESTED] }) { nodes { id user { email } } } }";
    let nodes = decider.ask(query, json!({})).await["data"]["resetRequests"]["nodes"].clone();
    let of_user = |node: &&Value| node["user"]["email"] == json!(email.to_lowercase());
    nodes.as_array().unwrap().iter().find(of_user).expect("a request")["id"].clone()
}

/// Asks for a reset, approves it and returns the token from the mail.
pub async fn approved(app: &TestApp, decider: &Client, email: &str) -> String {
    let id = asked(app, decider, email).await;
    assert_eq!(approve(decider, &id).await["userErrors"], json!([]));
    app.tick().await;
    app.mail_to(email).await.token.unwrap()
}

pub async fn approve(client: &Client, id: &Value) -> Value {
    client.mutate("approveReset", FIELDS, json!({ "resetRequestId": id })).await
}

pub async fn reject(client: &Client, id: &Value, reason: Option<&str>) -> Value {
    client.mutate("rejectReset", FIELDS, json!({ "resetRequestId": id, "reason": reason })).await
}

pub async fn cancel(client: &Client) -> Value {
    let query = "mutation { cancelReset { resetRequest { id status } userErrors { code } } }";
    client.ask(query, json!({})).await["data"]["cancelReset"].clone()
}

pub async fn set(client: &Client, token: &str, password: &str) -> Value {
    client.mutate("resetPassword", "user { email }", json!({ "token": token, "newPassword": password })).await
}

/// `me { openResetRequest }`.
pub async fn open_of(client: &Client) -> Value {
    client.ask("{ me { openResetRequest { id status } } }", json!({})).await["data"]["me"]["openResetRequest"]
        .clone()
}
