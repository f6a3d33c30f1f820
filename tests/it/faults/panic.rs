//! A resolver that panics.

use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo};
use async_graphql::{ServerResult, Value as GraphQLValue};
use guestlist::http::{self, Readiness};
use guestlist::schema;
use serde_json::json;

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
