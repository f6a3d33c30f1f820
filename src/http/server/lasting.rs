//! Answers that last: a stream of events takes over the connection that it was asked on.
//!
//! hyper keeps 16 KiB of buffers for as long as a connection is open, whatever it waits for. What is left to do for a stream is to cut it in
//! chunks (RFC 9112, 7.1) and to notice when the client has gone; nothing else is answered on the connection, which ends with the stream.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use chrono::Utc;
use futures_util::StreamExt as _;
use poem::http::{Method, Version};
use poem::{Body, Response};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;

use super::Permit;

/// What a client may say on a connection that a stream has taken, in bytes. Nobody who means well says anything.
const SURPLUS: usize = 32 * 1024;

/// Marks an answer that lasts, among its extensions.
#[derive(Clone, Copy, Debug)]
pub struct Lasting;

/// That an answer has taken the connection over.
#[derive(Debug, thiserror::Error)]
#[error("an answer has taken the connection over")]
pub(super) struct Taken;

/// A connection's end on this side.
pub(super) type Socket = Pin<Box<TimeoutStream<TcpStream>>>;

/// A socket that is read and written here until somebody takes it.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Mutex<End>>);

#[derive(Debug)]
struct End {
    socket: Option<Socket>,
    /// Whether whoever writes has handed on everything it had. hyper flushes when nothing is left in its own buffer.
    flushed: bool,
}

impl Shared {
    pub(super) fn new(socket: Socket) -> Self {
        Self(Arc::new(Mutex::new(End { socket: Some(socket), flushed: true })))
    }

    /// Takes it from everybody else, unless an earlier answer is still on its way.
    pub(super) fn take(&self) -> Option<Socket> {
        let mut end = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if end.flushed { end.socket.take() } else { None }
    }

    fn with<T>(
        &self,
        poll: impl FnOnce(Pin<&mut TimeoutStream<TcpStream>>, &mut bool) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let mut end = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let End { socket, flushed } = &mut *end;
        match socket {
            Some(socket) => poll(socket.as_mut(), flushed),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncRead for Shared {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.with(|socket, _| socket.poll_read(cx, buf))
    }
}

impl AsyncWrite for Shared {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|socket, flushed| {
            *flushed = false;
            socket.poll_write(cx, buf)
        })
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|socket, flushed| {
            let done = socket.poll_flush(cx);
            *flushed = done.is_ready();
            done
        })
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|socket, _| socket.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.with(|socket, flushed| {
            *flushed = false;
            socket.poll_write_vectored(cx, bufs)
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

/// Whether an answer takes its connection over. HTTP/1.0 knows no chunks, and has few clients left; to HEAD there is nothing to send.
pub(super) fn lasts(version: Version, method: &Method, response: &Response) -> bool {
    version == Version::HTTP_11 && *method != Method::HEAD && response.extensions().get::<Lasting>().is_some()
}

/// Sends an answer to its end, and closes the connection.
pub(super) async fn send(mut socket: Socket, mut response: Response, permit: Permit) {
    let head = head(&response);
    let body = response.take_body();
    drop(response);
    if socket.write_all(&head).await.is_ok() {
        drop(head);
        if stream(&mut socket, body).await.is_ok() {
            let _ = socket.shutdown().await;
        }
    }
    drop(permit);
}

fn head(response: &Response) -> Vec<u8> {
    let status = response.status();
    let mut head =
        format!("HTTP/1.1 {} {}\r\n", status.as_u16(), status.canonical_reason().unwrap_or_default())
            .into_bytes();
    for (name, value) in response.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "says when it answers, as hyper does elsewhere; decides nothing"
    )]
    let now = Utc::now();
    let date = now.format("%a, %d %b %Y %H:%M:%S GMT");
    let own = format!("date: {date}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n");
    head.extend_from_slice(own.as_bytes());
    head
}

/// Hands on what comes, as long as the client is there.
async fn stream(socket: &mut Socket, body: Body) -> io::Result<()> {
    let mut chunks = body.into_bytes_stream();
    let (mut further, mut surplus) = ([0; 64], 0);
    loop {
        tokio::select! {
            data = chunks.next() => {
                let Some(data) = data else { return socket.write_all(b"0\r\n\r\n").await };
                let data = data?;
                if !data.is_empty() {
                    let mut chunk = format!("{:x}\r\n", data.len()).into_bytes();
                    chunk.extend_from_slice(&data);
                    chunk.extend_from_slice(b"\r\n");
                    socket.write_all(&chunk).await?;
                }
            }
            // Whatever the client asks for besides is not answered.
            read = socket.read(&mut further) => {
                let read = read?;
                surplus += read;
                if read == 0 || surplus > SURPLUS {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
    }
}
