//! One operation over a WebSocket, which may be a subscription that waits for long.

use futures_channel::mpsc;
use futures_util::stream::{self, BoxStream};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};

use crate::actor::Actor;
use crate::graphql::SessionCookie;
use crate::http::State;
use crate::http::gate::{Kind, Refused};
use crate::http::graphql::answer::Answer;
use crate::http::graphql::parameters::Parameters;
use crate::http::graphql::prepare::{Caller, Ended, Prepared, Who, prepare};

/// What an operation has to say; `None` where it ended without a word, as one that panics does.
pub(super) type Reply = Box<(Run, Option<Value>)>;

/// Which of the connection's operations it is: a client may use an identifier again.
pub(super) type Run = u64;

/// What is asked in a message.
pub(super) struct Operation {
    pub(super) state: State,
    pub(super) answer: Answer,
    pub(super) parameters: Parameters,
    pub(super) actor: Actor,
}

/// Where what an operation yields goes to.
pub(super) struct Address {
    pub(super) run: Run,
    pub(super) id: String,
    pub(super) said: mpsc::Sender<Reply>,
    /// Whether the last word was said.
    pub(super) ended: bool,
}

impl Drop for Address {
    fn drop(&mut self) {
        if !self.ended {
            // This sender has no room as long as what it said last was not heard; another one has.
            let _ = self.said.clone().try_send(Box::new((self.run, None)));
        }
    }
}

impl Address {
    /// Whether the connection still hears.
    async fn send(&mut self, kind: &str, payload: Option<Value>) -> bool {
        let mut message = json!({ "type": kind, "id": self.id });
        if let Some(payload) = payload {
            message["payload"] = payload;
        }
        self.said.feed(Box::new((self.run, Some(message)))).await.is_ok()
    }
}

/// Runs one operation to its end. Its task has no room but for what waits: there can be very many.
pub(super) async fn run(operation: Box<Operation>, mut to: Address) {
    let last = match Box::pin(operation.begin()).await {
        Ok(mut results) => {
            while let Some(payload) = results.next().await {
                if !to.send("next", Some(payload)).await {
                    return;
                }
            }
            to.send("complete", None).await
        }
        Err(errors) => to.send("error", Some(errors)).await,
    };
    to.ended = last;
}

impl Operation {
    /// What it yields: one result, or those of a subscription.
    ///
    /// # Errors
    /// The errors for which it is not executed.
    async fn begin(self: Box<Self>) -> Result<BoxStream<'static, Value>, Value> {
        let Self { state, answer, parameters, actor } = *self;
        let caller = Caller {
            who: Who::Known(actor),
            cookie: SessionCookie::default(),
            large: false,
            reading: false,
            streaming: true,
            sent: false,
            key: None,
        };
        let refused = match prepare(&state, parameters, caller).await {
            Ok(prepared) => return Ok(results(state, prepared, answer)),
            Err(Ended::Answered(found)) => return Ok(stream::once(async { found }).boxed()),
            Err(Ended::Refused(refused)) => refused,
            Err(Ended::Bad(_, message)) => Refused::one("BAD_REQUEST", &message),
            Err(_) => Refused::one("OVERLOADED", "Try again in a moment."),
        };
        Err(answer.body(refused)["errors"].take())
    }
}

/// What an operation yields as it is sent. Each kind is boxed by itself, since the future of an operation is many times as large as a stream
/// that waits.
fn results(state: State, prepared: Prepared, answer: Answer) -> BoxStream<'static, Value> {
    let shown = move |mut response| {
        answer.complete(&mut response);
        serde_json::to_value(response).unwrap_or_default()
    };
    match prepared.kind {
        Kind::Subscription => prepared.stream(&state).map(shown).boxed(),
        Kind::Query | Kind::Mutation => {
            let once = async move {
                let late = || async_graphql::ServerError::new("The operation took too long.", None);
                let executed = prepared.execute(&state).await;
                executed.unwrap_or_else(|| async_graphql::Response::from_errors(vec![late()]))
            };
            stream::once(once).map(shown).boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_operation_that_goes_away_is_heard_of_behind_what_it_said() {
        let (said, mut heard) = mpsc::channel(0);
        let mut to = Address { run: 7, id: "1".to_owned(), said, ended: false };
        assert!(to.send("next", Some(json!(1))).await);
        drop(to);
        let said = heard.next().await.expect("what it said");
        assert_eq!(*said, (7, Some(json!({ "type": "next", "id": "1", "payload": 1 }))));
        assert_eq!(*heard.next().await.expect("that it went away"), (7, None));
        assert!(heard.next().await.is_none());
    }
}
