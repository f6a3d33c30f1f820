//! What the slices' resolvers share: context access, errors, scalars, global ids, paging.
//!
//! A resolver reads the context and its input, calls one service function and returns. A nullable field
//! returns `Option<GqlResult<T>>`: an `Err` of a bare `Result` would null the parent as well.
//!
//! Resolvers await services in a box: each field of each row is a future that has room for the largest resolver of its type, also
//! where it only says a name.

mod connection;
mod cookie;
mod error;
mod loading;
mod repeated;
mod scalars;
mod written;

use std::hash::Hash;

use async_graphql::dataloader::{self, DataLoader};
use async_graphql::runtime::{TokioSpawner, TokioTimer};
use async_graphql::{Context, ID};
use futures_util::future::BoxFuture;

use crate::actor::Actor;
use crate::app::App;
use crate::error::{Error, Result};
use crate::id::TypedId;

pub use connection::{Connection, Edge, OrderDirection, PageInfo};
pub use cookie::SessionCookie;
pub use error::{GqlError, GqlResult, UserError, settle, settle_with, show_refused, user_errors};
pub use loading::Loads;
pub use repeated::Repeated;
pub use scalars::{DateTime, DateTimeRange, EmailAddress, JsonValue};
pub use written::{AtHand, Plain, Writes, Written, WrittenEdges, append, write_object, write_value};

/// Loads rows of any slice in batches; each slice implements `Loader` for its keys.
#[derive(Clone, Debug)]
pub struct Rows(pub App);

/// Batches and remembers rows for one request.
pub type Loader = DataLoader<Rows>;

/// A loader for a subscription, whose loads are tasks of their own.
#[must_use]
pub fn loader(app: &App) -> Loader {
    DataLoader::new(Rows(app.clone()), TokioSpawner::current(), TokioTimer::default())
}

/// What loading a key comes to.
pub type Loaded<K> = std::result::Result<
    Option<<Rows as dataloader::Loader<K>>::Value>,
    <Rows as dataloader::Loader<K>>::Error,
>;

/// Access to what every request carries.
pub trait RequestContext {
    /// The service.
    fn app(&self) -> &App;
    /// Who asks.
    fn actor(&self) -> &Actor;
    /// The row of a key, read together with the others that the operation asks for; `None` where there is none.
    fn load<K>(&self, key: K) -> BoxFuture<'_, Loaded<K>>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        Rows: dataloader::Loader<K>;
    /// How the client keeps its refresh token.
    fn session_cookie(&self) -> &SessionCookie;
}

impl RequestContext for Context<'_> {
    fn app(&self) -> &App {
        self.data_unchecked()
    }

    fn actor(&self) -> &Actor {
        self.data_unchecked()
    }

    fn load<K>(&self, key: K) -> BoxFuture<'_, Loaded<K>>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        Rows: dataloader::Loader<K>,
    {
        Box::pin(self.data_unchecked::<Loader>().load_one(key))
    }

    fn session_cookie(&self) -> &SessionCookie {
        self.data_unchecked()
    }
}

/// The typed identifier behind a global id of the input.
///
/// # Errors
/// `NOT_FOUND` at `field` for an id of another kind or of no kind, as for one that does not exist.
pub fn parse_id<T: TypedId>(field: &str, what: &str, id: &ID) -> Result<T> {
    T::from_global(id).ok_or_else(|| Error::not_found(what).at(field))
}

/// As [`parse_id`], for an optional id.
///
/// # Errors
/// As [`parse_id`].
pub fn parse_optional_id<T: TypedId>(field: &str, what: &str, id: Option<&ID>) -> Result<Option<T>> {
    id.map(|id| parse_id(field, what, id)).transpose()
}

/// The global id of an object.
pub fn global<T: TypedId>(id: T) -> ID {
    ID(id.global())
}
