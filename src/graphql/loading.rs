//! When rows are loaded: whenever nothing else of an operation can go on. By then every field of a level has said which rows it needs,
//! so that each kind of row is one statement, and nobody waits for a timer to find that out.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use async_graphql::dataloader::DataLoader;
use async_graphql::runtime::Timer;
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use futures_util::task::{FutureObj, Spawn, SpawnError};

use super::{Loader, Rows};
use crate::app::App;

/// What an operation wants loaded and has not begun to load.
#[derive(Clone, Debug, Default)]
pub struct Loads(Arc<Mutex<Vec<FutureObj<'static, ()>>>>);

impl Spawn for Loads {
    fn spawn_obj(&self, load: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(load);
        Ok(())
    }
}

/// Rows are loaded once nothing else goes on; there is nothing to wait for beyond that.
struct AtOnce;

impl Timer for AtOnce {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        ready(()).boxed()
    }
}

impl Loads {
    /// A loader whose loads are done while [`Loads::during`] executes the operation.
    #[must_use]
    pub fn loader(&self, app: &App) -> Loader {
        DataLoader::new(Rows(app.clone()), self.clone(), AtOnce)
    }

    fn take(&self) -> Vec<FutureObj<'static, ()>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Executes an operation, and loads what it asks for whenever it waits.
    pub async fn during<F: Future>(&self, operation: F) -> F::Output {
        let mut operation = pin!(operation);
        let mut loading: Option<FuturesUnordered<_>> = None;
        std::future::poll_fn(|context| {
            loop {
                if let Poll::Ready(output) = operation.as_mut().poll(context) {
                    return Poll::Ready(output);
                }
                let begun = self.take();
                if loading.is_none() && begun.is_empty() {
                    return Poll::Pending;
                }
                let loading = loading.get_or_insert_default();
                loading.extend(begun);
                let mut loaded = false;
                while let Poll::Ready(Some(())) = loading.poll_next_unpin(context) {
                    loaded = true;
                }
                if !loaded {
                    return Poll::Pending;
                }
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures_util::future::join_all;
    use futures_util::task::SpawnExt as _;
    use tokio::sync::oneshot;

    use super::Loads;

    #[tokio::test]
    async fn loads_begin_when_everything_else_waits() {
        let loads = Loads::default();
        let order = RefCell::new(Vec::new());
        let field = async |n: u8| {
            let (sender, loaded) = oneshot::channel();
            loads.spawn(async move { sender.send(n).unwrap() }).unwrap();
            order.borrow_mut().push(("asked", n));
            let n = loaded.await.unwrap();
            order.borrow_mut().push(("loaded", n));
        };
        let all = loads.during(join_all([field(1), field(2)]));
        tokio::time::timeout(std::time::Duration::from_secs(20), all).await.unwrap();
        assert_eq!(*order.borrow(), [("asked", 1), ("asked", 2), ("loaded", 1), ("loaded", 2)]);
    }

    #[tokio::test]
    async fn a_load_that_waits_for_something_else_is_woken_by_it() {
        let loads = Loads::default();
        let (outside, inside) = oneshot::channel::<u8>();
        let (sender, loaded) = oneshot::channel();
        loads.spawn(async move { sender.send(inside.await.unwrap()).unwrap() }).unwrap();
        let waiting = tokio::spawn(async move { loads.during(loaded).await });
        tokio::task::yield_now().await;
        outside.send(7).unwrap();
        let got = tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await;
        assert_eq!(got.unwrap().unwrap(), Ok(7));
    }
}
