//! A resolver that panics.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo};
use async_graphql::{ServerResult, Value as GraphQLValue};
use guestlist::http::{self, Readiness};
use guestlist::schema;
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::slow::{text, websocket};
use crate::support::{Client, PASSWORD, TestApp};

/// Panics where `me` is resolved.
struct Fault;

impl ExtensionFactory for Fault {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for Fault {
    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<GraphQLValue>> {
        assert_ne!(info.name, "me", "a fault on purpose");
        next.run(ctx, info).await
    }
}

#[tokio::test]
async fn r26_a_resolver_that_panics_fails_its_own_request_and_no_other() {
    let app = TestApp::new().await;
    app.superuser().await;
    let faulty = schema::over(&app.app).extension(Fault).finish();
    let endpoint = http::endpoint_over(&app.app, faulty, Readiness::default()).unwrap();
    let mut client = Client::new(Arc::new(endpoint));
    for _ in 0..3 {
        let reply =
            client.send(client.request(r#"{"query":"{ invitations { totalCount } me { id } }"}"#)).await;
        assert_eq!(reply.status, 500);
        let answer = reply.json();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INTERNAL");
        assert_eq!(answer["errors"][0]["extensions"]["requestId"], reply.header("x-request-id"));
        assert!(!reply.text.contains("on purpose") && answer.get("data").is_none());
        client.login("root@platform.test", PASSWORD).await.expect("everything else goes on");
        assert_eq!(
            client.ask("{ nodes(ids: []) { id } }", json!({})).await,
            json!({ "data": { "nodes": [] } })
        );
    }
}

#[tokio::test]
async fn r26_an_operation_over_a_websocket_that_panics_ends_for_its_client() {
    let app = TestApp::new().await;
    let faulty = schema::over(&app.app).extension(Fault).finish();
    let endpoint = http::endpoint_over(&app.app, faulty, Readiness::default()).unwrap();
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = acceptor.local_addr()[0].as_socket_addr().unwrap().to_string();
    let serving = tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(endpoint));
    let mut socket = websocket(&address).await;
    let hear = async |socket: &mut _| {
        let heard = tokio::time::timeout(Duration::from_secs(20), hear(socket)).await;
        heard.expect("it says something")
    };
    for (query, kind) in [("{ me { id } }", "error"), ("{ __typename }", "next")] {
        // The identifier is free again.
        let subscribe = json!({ "type": "subscribe", "id": "1", "payload": { "query": query } });
        socket.write_all(&text(&subscribe.to_string())).await.unwrap();
        let said = hear(&mut socket).await;
        assert_eq!((&said["type"], &said["id"]), (&json!(kind), &json!("1")), "{said}");
        if kind == "error" {
            assert_eq!(said["payload"][0]["extensions"]["code"], "INTERNAL");
            assert!(said["payload"][0]["extensions"]["requestId"].is_string());
        }
    }
    assert_eq!(hear(&mut socket).await["type"], "complete");
    serving.abort();
}

/// The next message of the server about an operation (RFC 6455, 5.2).
async fn hear(socket: &mut tokio::net::TcpStream) -> Value {
    loop {
        assert_eq!(socket.read_u8().await.unwrap(), 0x81, "a text");
        let length = match socket.read_u8().await.unwrap() {
            126 => socket.read_u16().await.unwrap().into(),
            length => usize::from(length),
        };
        let mut said = vec![0; length];
        socket.read_exact(&mut said).await.unwrap();
        let said: Value = serde_json::from_slice(&said).unwrap();
        if said["type"] != "ping" {
            return said;
        }
    }
}
