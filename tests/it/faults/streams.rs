//! Streams of events on connections of their own, as they look from the wire.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::process::Serving;
use crate::support::replica::{INVITE, owner};

const SUBSCRIBE: &str = "subscription { invitationEvents { cursor node { kind } } }";

/// A request for a stream.
fn asks(version: &str, token: Option<&str>) -> String {
    let body = json!({ "query": SUBSCRIBE }).to_string();
    let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!(
        "POST /graphql HTTP/{version}\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n\
         {bearer}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads until what was read ends in this way.
async fn until(stream: &mut TcpStream, end: &str) -> String {
    let reads = async {
        let mut read = Vec::new();
        while !read.ends_with(end.as_bytes()) {
            read.push(stream.read_u8().await.unwrap());
        }
        String::from_utf8(read).unwrap()
    };
    tokio::time::timeout(Duration::from_secs(20), reads).await.expect("it comes")
}

/// A stream that has begun.
async fn follow(address: &str, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(asks("1.1", Some(token)).as_bytes()).await.unwrap();
    let head = until(&mut stream, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    for line in [
        "content-type: text/event-stream; charset=utf-8",
        "transfer-encoding: chunked",
        "connection: close",
        "x-content-type-options: nosniff",
        "date: ",
    ] {
        assert!(head.contains(&format!("\r\n{line}")), "{line}: {head}");
    }
    stream
}

/// The data of the next event that has some.
async fn next(stream: &mut TcpStream) -> Value {
    loop {
        let size = until(stream, "\r\n").await;
        let mut chunk = vec![0; usize::from_str_radix(size.trim(), 16).unwrap() + 2];
        stream.read_exact(&mut chunk).await.unwrap();
        let chunk = String::from_utf8(chunk).unwrap();
        let event = chunk.strip_suffix("\n\n\r\n").expect("a chunk is an event");
        if let Some(data) = event.strip_prefix("event: next\ndata: ") {
            return serde_json::from_str(data).unwrap();
        }
        assert_eq!(event, ":", "nothing else comes meanwhile");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_counts_among_the_connections_and_ends_whole() {
    let folder = tempfile::tempdir().unwrap();
    let env = [("GUESTLIST_MAX_CONNECTIONS", "3"), ("GUESTLIST_CLIENT_TIMEOUT", "2s")];
    let server = Serving::start(folder.path(), &env);
    let address = server.url.strip_prefix("http://").unwrap();
    let token = owner(folder.path(), &server).await;
    let (gone, mut stays) = (follow(address, &token).await, follow(address, &token).await);
    let mut inviting = Vec::from_iter(0..20);
    let event = {
        let mut heard = std::pin::pin!(next(&mut stays));
        loop {
            // Nobody is told from when on they hear, so that one may come too early.
            let number = inviting.pop().expect("none was heard of");
            let input = json!({ "email": format!("guest{number}@x.test"), "delivery": "LINK_ONLY" });
            server.ask(Some(&token), INVITE, json!({ "input": input })).await.unwrap();
            if let Ok(event) = tokio::time::timeout(Duration::from_secs(1), &mut heard).await {
                break event;
            }
        }
    };
    assert_eq!(event["data"]["invitationEvents"]["node"]["kind"], "invitation.created", "{event}");

    // Another one that lasts, and nobody else has a place.
    let other = follow(address, &token).await;
    let mut waits = TcpStream::connect(address).await.unwrap();
    waits.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    let waiting = tokio::time::timeout(Duration::from_millis(500), waits.read_exact(&mut head)).await;
    assert!(waiting.is_err(), "it has its turn when a stream ends");
    drop((gone, other));
    let answered = tokio::time::timeout(Duration::from_secs(20), waits.read_exact(&mut head)).await;
    answered.expect("a client that has gone makes room").unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    drop(waits);

    let stopping = tokio::task::spawn_blocking(|| server.stop());
    let rest = until(&mut stays, "0\r\n\r\n").await;
    assert!(!rest.contains("complete"), "whoever follows connects again: {rest}");
    assert_eq!(stays.read(&mut head).await.unwrap(), 0, "the connection is closed");
    let stopped = tokio::time::timeout(Duration::from_secs(10), stopping).await;
    assert_eq!(stopped.expect("half the time that requests have to end").unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_before_a_stream_is_answered_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Serving::start(folder.path(), &[]);
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).await.unwrap();
    let earlier = 400;
    let mut all = "GET /schema.graphql HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(earlier);
    all.push_str(&asks("1.1", None));
    let (mut reads, mut writes) = stream.split();
    let reading = async {
        let mut read = Vec::new();
        let mut part = [0; 4096];
        while !read.ends_with(b"0\r\n\r\n") {
            let count = reads.read(&mut part).await.unwrap();
            assert!(count > 0, "it ends before the stream does");
            read.extend_from_slice(&part[..count]);
        }
        String::from_utf8(read).unwrap()
    };
    let (read, written) = tokio::join!(reading, writes.write_all(all.as_bytes()));
    written.unwrap();
    assert_eq!(read.matches("HTTP/1.1 200 OK\r\n").count(), earlier + 1);
    let last = read.rsplit("HTTP/1.1 200 OK\r\n").next().unwrap();
    assert!(last.contains("UNAUTHENTICATED") && last.contains("event: complete"), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_knows_no_chunks_gets_none() {
    let folder = tempfile::tempdir().unwrap();
    let server = Serving::start(folder.path(), &[]);
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(asks("1.0", None).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("event: complete\ndata:\n\n"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_a_head_gets_no_stream() {
    let folder = tempfile::tempdir().unwrap();
    let server = Serving::start(folder.path(), &[]);
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = "HEAD /graphql?query=subscription%7BinvitationEvents%7Bcursor%7D%7D HTTP/1.1\r\nHost: localhost\r\n\
                Accept: text/event-stream\r\nApollo-Require-Preflight: 1\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("text/event-stream"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n") && answer.matches("\r\n\r\n").count() == 1, "{answer}");
}
