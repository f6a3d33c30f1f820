//! Operations over a WebSocket, in the words of `graphql-transport-ws` (the protocol of the npm package graphql-ws).
//!
//! The access token comes in `connection_init`, as `authorization: "Bearer …"`. The connection lives as long as the session:
//! who is behind it is read again for each operation, and a subscription looks again while it runs. Where nobody signed in, it lives as long as
//! something is asked.

mod operation;

use std::time::Duration;

use futures_channel::mpsc;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use poem::http::{StatusCode, header};
use poem::web::websocket::{CloseCode, Message, WebSocket, WebSocketConfig, WebSocketStream};
use poem::{FromRequest as _, IntoResponse as _, Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::answer::Answer;
use super::media::Media;
use super::parameters::Parameters;
use super::prepare::identify;
use crate::actor::{Actor, Origin};
use crate::auth;
use crate::http::State;
use crate::http::gate::Refused;
use crate::http::server::Permit;
use crate::http::wrap::RequestId;
use crate::id::SessionId;

use self::operation::{Address, Operation, Reply, Run, run};

const PROTOCOL: &str = "graphql-transport-ws";
/// How long the client may take for `connection_init`.
const GREETING: Duration = Duration::from_secs(5);
/// How often the client is asked whether it is there; a client that says nothing for two of these is gone.
const PULSE: Duration = Duration::from_secs(20);
/// Bytes that are read at once. The memory for them is kept, and written over, as long as the connection: most messages are an operation,
/// and there can be very many connections that say nothing.
const READ_BYTES: usize = 512;
/// Operations under way on one connection.
const OPERATIONS: usize = 20;

/// What a client sends.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    ConnectionInit {
        payload: Option<Value>,
    },
    Subscribe {
        id: String,
        payload: Parameters,
    },
    Complete {
        id: String,
    },
    Ping {
        payload: Option<Value>,
    },
    Pong {
        #[serde(rename = "payload")]
        _payload: Option<Value>,
    },
}

/// Why the service ends a connection: code and reason of the protocol.
struct Close(u16, &'static str);

/// Turns a request into a WebSocket, for pages of our own and configured origins and for who is no page.
pub(super) async fn upgrade(state: &State, request: &Request) -> Response {
    if let Some(origin) = request.header(header::ORIGIN)
        && !state.app.config.network.knows_origin(origin)
    {
        return (StatusCode::FORBIDDEN, "This origin is not in GUESTLIST_ALLOWED_ORIGINS.\n").into_response();
    }
    let Ok(socket) = WebSocket::from_request_without_body(request).await else {
        return (StatusCode::BAD_REQUEST, "This is no WebSocket handshake.\n").into_response();
    };
    let offered = request.header(header::SEC_WEBSOCKET_PROTOCOL).unwrap_or_default();
    if !offered.split(',').any(|name| name.trim() == PROTOCOL) {
        return (StatusCode::BAD_REQUEST, "Speak graphql-transport-ws.\n").into_response();
    }
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let origin = super::origin(state, request, request_id.clone());
    let answer = Answer { media: Media::Json, request_id };
    let most = Some(state.app.config.body_limit);
    let config =
        WebSocketConfig::default().read_buffer_size(READ_BYTES).max_message_size(most).max_frame_size(most);
    // Each operation has room for one message besides.
    let (said, heard) = mpsc::channel(0);
    // Boxed, since it moves between tasks: each has room for it else.
    let talk = Box::new(Talk {
        state: state.clone(),
        origin,
        answer,
        said,
        session: None,
        ready: false,
        stirred: false,
        running: Vec::new(),
        begun: 0,
        _permit: request.extensions().get::<Permit>().cloned(),
    });
    socket
        .protocols([PROTOCOL])
        .config(config)
        .on_upgrade(move |stream| {
            let (sink, stream) = stream.split();
            // The task that waited for the upgrade keeps the room that this took; the one that goes on has none of it.
            tokio::spawn(talk.go_on(sink, stream, heard));
            std::future::ready(())
        })
        .into_response()
}

/// An operation under way.
struct Running {
    /// What the client calls it.
    id: String,
    run: Run,
    task: AbortHandle,
}

/// One connection.
struct Talk {
    state: State,
    origin: Origin,
    answer: Answer,
    said: mpsc::Sender<Reply>,
    /// The session that the client signed in with.
    session: Option<SessionId>,
    /// Whether the connection was acknowledged.
    ready: bool,
    /// Whether an operation has begun or ended since the last look.
    stirred: bool,
    running: Vec<Running>,
    /// Operations that have begun so far.
    begun: Run,
    /// As long as it lives, the connection counts among those that are open, and stopping waits for its farewell.
    _permit: Option<Permit>,
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.running.iter().for_each(|running| running.task.abort());
    }
}

impl Talk {
    async fn go_on(
        mut self: Box<Self>,
        mut sink: SplitSink<WebSocketStream, Message>,
        mut stream: SplitStream<WebSocketStream>,
        mut heard: mpsc::Receiver<Reply>,
    ) {
        // Whoever has not said who they are has so long to greet, and to ask for something then: no place is held for nothing.
        let idle = tokio::time::sleep(GREETING);
        tokio::pin!(idle);
        let mut pulse = tokio::time::interval(PULSE);
        let mut silent = 0;
        let readiness = self.state.readiness.clone();
        let stopping = readiness.withdrawn();
        tokio::pin!(stopping);
        let Close(code, reason) = loop {
            tokio::select! {
                message = stream.next() => {
                    silent = 0;
                    let outcome = match message {
                        // Boxed, as what follows: most of the time there is nothing to hear, and no room is kept for it.
                        Some(Ok(Message::Text(text))) => Box::pin(self.hear(&text)).await,
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
                        Some(Ok(Message::Binary(_))) => Err(Close(4400, "Send text.")),
                        Some(Ok(Message::Close(_))) => {
                            // Sends the answer to the client's farewell, which is queued already.
                            let _ = sink.close().await;
                            return;
                        }
                        Some(Err(_)) | None => return,
                    };
                    match outcome {
                        Ok(None) => {}
                        Ok(Some(reply)) => if say(&mut sink, &reply).await.is_err() { return },
                        Err(close) => break close,
                    }
                }
                Some(reply) = heard.next() => {
                    let (run, message) = *reply;
                    // What was said of one that the client has ended since is of no use any more.
                    let Some(place) = self.running.iter().position(|running| running.run == run) else { continue };
                    let message = message.unwrap_or_else(|| self.broken(&self.running[place].id));
                    if matches!(message["type"].as_str(), Some("complete" | "error")) {
                        self.running.swap_remove(place);
                        self.stirred = true;
                    }
                    if say(&mut sink, &message).await.is_err() { return }
                }
                _ = pulse.tick() => {
                    silent += 1;
                    if silent > 3 || self.ready && say(&mut sink, &json!({ "type": "ping" })).await.is_err() { return }
                    if self.ready && self.session.is_some() && Box::pin(self.actor()).await.is_err() {
                        break Close(4403, "Forbidden");
                    }
                }
                () = &mut idle, if self.session.is_none() && self.running.is_empty() => break match self.ready {
                    false => Close(4408, "Connection initialisation timeout"),
                    true => Close(1000, "Nobody is signed in, and nothing is asked"),
                },
                () = &mut stopping => break Close(1001, "The service stops; connect again"),
            }
            if std::mem::take(&mut self.stirred) {
                idle.as_mut().reset(Instant::now() + self.state.app.config.client_timeout);
            }
        };
        let _ = sink.send(Message::close_with(CloseCode::from(code), reason)).await;
    }

    /// Hears a message; a reply to send, if there is one at once.
    async fn hear(&mut self, text: &str) -> Result<Option<Value>, Close> {
        let said: Said = serde_json::from_str(text).map_err(|_| Close(4400, "Invalid message"))?;
        match said {
            Said::ConnectionInit { .. } if self.ready => Err(Close(4429, "Too many initialisation requests")),
            Said::ConnectionInit { payload } => {
                let token = payload.as_ref().and_then(token);
                let known = identify(&self.state.app, token, self.origin.clone()).await;
                let actor = known.map_err(|_| Close(1013, "Try again later"))?;
                self.session = actor.principal().map(|principal| principal.session_id);
                if token.is_some() && self.session.is_none() {
                    return Err(Close(4403, "Forbidden"));
                }
                self.ready = true;
                self.stirred = true;
                Ok(Some(json!({ "type": "connection_ack" })))
            }
            Said::Ping { payload } => Ok(Some(json!({ "type": "pong", "payload": payload }))),
            Said::Pong { .. } => Ok(None),
            Said::Complete { id } => {
                if let Some(place) = self.named(&id) {
                    self.running.swap_remove(place).task.abort();
                    self.stirred = true;
                }
                Ok(None)
            }
            Said::Subscribe { .. } if !self.ready => Err(Close(4401, "Unauthorized")),
            Said::Subscribe { id, .. } if self.named(&id).is_some() => {
                Err(Close(4409, "Subscriber for this id already exists"))
            }
            Said::Subscribe { .. } if self.running.len() >= OPERATIONS => {
                Err(Close(4429, "Too many operations"))
            }
            Said::Subscribe { id, payload } => {
                let operation = Operation {
                    actor: self.actor().await?,
                    parameters: payload,
                    state: self.state.clone(),
                    answer: self.answer.clone(),
                };
                self.begun += 1;
                let to = Address { run: self.begun, id: id.clone(), said: self.said.clone(), ended: false };
                let task = tokio::spawn(run(Box::new(operation), to)).abort_handle();
                self.running.push(Running { id, run: self.begun, task });
                self.stirred = true;
                Ok(None)
            }
        }
    }

    /// What is said of an operation that went away without a word.
    fn broken(&self, id: &str) -> Value {
        let errors = self.answer.body(Refused::broken())["errors"].take();
        json!({ "type": "error", "id": id, "payload": errors })
    }

    /// The place of an operation under way.
    fn named(&self, id: &str) -> Option<usize> {
        self.running.iter().position(|running| running.id == id)
    }

    /// Who is behind the connection at this moment.
    async fn actor(&self) -> Result<Actor, Close> {
        let Some(session) = self.session else { return Ok(Actor::stranger(self.origin.clone())) };
        match auth::service::of_session(&self.state.app, session, self.origin.clone()).await {
            Ok(actor) if actor.principal().is_some() => Ok(actor),
            Ok(_) => Err(Close(4403, "Forbidden")),
            Err(_) => Err(Close(1013, "Try again later")),
        }
    }
}

async fn say(sink: &mut SplitSink<WebSocketStream, Message>, message: &Value) -> Result<(), std::io::Error> {
    sink.send(Message::text(message.to_string())).await
}

/// The access token in the payload of `connection_init`.
fn token(payload: &Value) -> Option<&str> {
    let named = ["authorization", "Authorization"].into_iter().find_map(|name| payload[name].as_str())?;
    let (scheme, token) = named.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
