//! Accepting connections: a bounded number of them, each with deadlines, and none cut off in the middle of its request when
//! the service stops.
//!
//! poem's own server sets no deadline for the head of a request, so that a client that sends a byte a second keeps its
//! connection for ever. Here hyper serves the connections (HTTP/1.1; TLS and HTTP/2 are the proxy's).

mod lasting;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::UPGRADE;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::endpoint::BoxEndpoint;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint as _, Request};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_io_timeout::TimeoutStream;

pub use self::lasting::Lasting;
use self::lasting::{Shared, Taken};

/// Longest head of a request in bytes.
const HEAD_BYTES: usize = 32 * 1024;
/// Pause after the system has no descriptor left for another connection.
const PAUSE: Duration = Duration::from_millis(50);

/// A connection's place among those that may be open at once. Who takes a connection over by an upgrade finds it among the extensions of the
/// request, and keeps it as long as the connection.
#[derive(Clone, Debug)]
pub struct Permit(#[expect(dead_code, reason = "given back when dropped")] Arc<OwnedSemaphorePermit>);

/// How many connections are open at once, and how patient the service is with their clients.
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    /// Connections that are open at once; further ones wait in the system's queue.
    pub most: usize,
    /// How long the head of a request may take, a connection be idle, and a client read no part of its answer.
    pub patience: Duration,
}

/// Serves until `stop` is done, then finishes what has begun for at most `drain`.
pub async fn serve(
    listener: TcpListener,
    endpoint: BoxEndpoint<'static>,
    connections: Connections,
    stop: impl Future<Output = ()>,
    drain: Duration,
) {
    let endpoint = Arc::new(endpoint);
    let permits = Arc::new(Semaphore::new(connections.most));
    let (stopping, stopped) = watch::channel(false);
    let mut stop = std::pin::pin!(stop);
    loop {
        let next = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            () = &mut stop => break,
            next = next => next,
        };
        let Ok(permit) = permit else { break };
        match accepted {
            Ok((socket, peer)) => {
                let endpoint = Arc::clone(&endpoint);
                tokio::spawn(connection(
                    (socket, peer),
                    connections.patience,
                    endpoint,
                    stopped.clone(),
                    permit,
                ));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    let _ = stopping.send(true);
    let all = u32::try_from(connections.most).unwrap_or(u32::MAX);
    if tokio::time::timeout(drain, permits.acquire_many(all)).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
}

async fn told(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Serves a connection to its end, and gives its permit back then. It is spawned as it is: a task that awaits it would have room for it twice.
async fn connection(
    (socket, peer): (TcpStream, SocketAddr),
    patience: Duration,
    endpoint: Arc<BoxEndpoint<'static>>,
    mut stopped: watch::Receiver<bool>,
    permit: OwnedSemaphorePermit,
) {
    let permit = Permit(Arc::new(permit));
    let _ = socket.set_nodelay(true);
    let (Ok(local), remote) = (socket.local_addr(), RemoteAddr(Addr::SocketAddr(peer))) else { return };
    let local = LocalAddr(Addr::SocketAddr(local));
    let mut socket = TimeoutStream::new(socket);
    socket.set_write_timeout(Some(patience));
    let socket = Shared::new(Box::pin(socket));
    let io = TokioIo::new(socket.clone());
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        if request.headers().contains_key(UPGRADE) {
            request.extensions_mut().insert(permit.clone());
        }
        let (endpoint, local, remote) = (Arc::clone(&endpoint), local.clone(), remote.clone());
        let (socket, permit) = (socket.clone(), permit.clone());
        // Boxed: hyper keeps the room for it as long as the connection, while an answer is sent and when there is none.
        Box::pin(async move {
            let (version, method) = (request.version(), request.method().clone());
            let request = Request::from((request, local, remote, Scheme::HTTP));
            let response = endpoint.get_response(request).await;
            if lasting::lasts(version, &method, &response)
                && let Some(socket) = socket.take()
            {
                tokio::spawn(lasting::send(socket, response, permit));
                return Err(Taken);
            }
            Ok(hyper::Response::from(response))
        })
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(io, service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = told(&mut stopped) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
