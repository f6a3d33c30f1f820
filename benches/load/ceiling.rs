//! What is measured against: the same libraries with nothing of ours. A static GraphQL field behind poem, and the rows of an
//! invitation written by hand, in one transaction, on the same settings of the database.

use std::sync::Arc;

use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
use async_graphql_poem::GraphQL;
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::web::Data;
use poem::{EndpointExt as _, Route, Server, handler, post};

use crate::by_hand::Database;

struct Query;

#[Object]
impl Query {
    async fn me(&self) -> &'static str {
        "root@bench.test"
    }
}

#[handler]
async fn insert(Data(database): Data<&Arc<Database>>) -> poem::Result<&'static str> {
    database.insert(1).await.map_err(poem::error::InternalServerError)?;
    Ok("{}")
}

#[handler]
async fn bulk(Data(database): Data<&Arc<Database>>) -> poem::Result<&'static str> {
    database.insert(1_000).await.map_err(poem::error::InternalServerError)?;
    Ok("{}")
}

/// Serves until it is ended; rows go into the service's own tables where that is `own`.
pub async fn serve(database: &str, own: bool) -> Result<(), Box<dyn std::error::Error>> {
    let database = Arc::new(Database::open(database, own).await?);
    let schema = Schema::build(Query, EmptyMutation, EmptySubscription).finish();
    let routes = Route::new()
        .at("/graphql", post(GraphQL::new(schema)))
        .at("/insert", post(insert))
        .at("/bulk", post(bulk))
        .data(database);
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await?;
    let address = acceptor.local_addr().first().map(|address| address.to_string()).unwrap_or_default();
    println!("ceiling http://{}/graphql", address.trim_start_matches("socket://"));
    Server::new_with_acceptor(acceptor).run(routes).await?;
    Ok(())
}
