//! Events that are posted to endpoints of a tenant's own.

mod attempts;
mod console;
mod managed;
mod signed;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::hook_server::{HookServer, Posted};
use crate::support::{Client, TestApp, codes};

const FIELDS: &str = "webhookEndpoint { id url description eventKinds status disabledReason createdAt }";

async fn start() -> (TestApp, HookServer) {
    let app = TestApp::with(&["--webhook-allow-private=true", "--access-ttl=13d"]).await;
    (app, HookServer::start().await)
}

async fn create(client: &Client, url: &str, kinds: &[&str]) -> Value {
    let input = json!({ "url": url, "eventKinds": kinds });
    client.mutate("createWebhookEndpoint", &format!("secret {FIELDS}"), input).await
}

/// An endpoint for invitations: its id and its secret.
async fn endpoint(client: &Client, server: &HookServer) -> (Value, String) {
    let made = create(client, &server.url(), &["invitation"]).await;
    assert_eq!(made["userErrors"], json!([]), "{made}");
    (made["webhookEndpoint"]["id"].clone(), made["secret"].as_str().unwrap().to_owned())
}

/// Makes an event that is posted; its invitation.
async fn invite(client: &Client, email: &str) -> Value {
    client.invite(json!({ "email": email, "delivery": "LINK_ONLY" })).await["invitation"]["id"].clone()
}

async fn update(client: &Client, id: &Value, change: Value) -> Value {
    let mut input = json!({ "webhookEndpointId": id });
    input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    client.mutate("updateWebhookEndpoint", FIELDS, input).await
}

async fn rotate(client: &Client, id: &Value) -> String {
    let payload = client.mutate("rotateWebhookSecret", "secret", json!({ "webhookEndpointId": id })).await;
    payload["secret"].as_str().unwrap().to_owned()
}

async fn redeliver(client: &Client, id: &Value) -> Value {
    client
        .mutate(
            "redeliverWebhook",
            "webhookDelivery { id state attempts }",
            json!({ "webhookDeliveryId": id }),
        )
        .await
}

/// An endpoint as it is shown now, with its deliveries.
async fn shown(client: &Client, id: &Value) -> Value {
    let query = "query Q($id: ID!) { node(id: $id) { ... on WebhookEndpoint { url status disabledReason eventKinds
        deliveries { totalCount nodes { id state attempts lastStatus lastReply createdAt lastAttemptAt nextAttemptAt
            event { id kind } } } } } }";
    client.ask(query, json!({ "id": id })).await["data"]["node"].clone()
}

/// The one delivery of an endpoint.
async fn only(client: &Client, id: &Value) -> Value {
    let shown = shown(client, id).await;
    assert_eq!(shown["deliveries"]["totalCount"], 1, "{shown}");
    shown["deliveries"]["nodes"][0].clone()
}

/// The latest delivery of an endpoint.
async fn latest(client: &Client, id: &Value) -> Value {
    shown(client, id).await["deliveries"]["nodes"][0].clone()
}

/// HMAC-SHA-256 as RFC 2104 writes it.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let sha = |parts: &[&[u8]]| digest::digest(&digest::SHA256, &parts.concat()).as_ref().to_vec();
    let mut block = key.to_vec();
    block.resize(64, 0);
    let pad = |byte: u8| block.iter().map(|b| b ^ byte).collect::<Vec<u8>>();
    sha(&[&pad(0x5c), &sha(&[&pad(0x36), text])])
}

/// The signature that a secret makes of a request.
fn signature(secret: &str, posted: &Posted) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    assert_eq!(key.len(), 32);
    let (id, at) = (posted.header("webhook-id"), posted.header("webhook-timestamp"));
    format!("v1,{}", STANDARD.encode(hmac(&key, format!("{id}.{at}.{}", posted.body).as_bytes())))
}
