//! Clients that take their time: half a head, a dripping body, an answer that nobody reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::process::Serving;

const HEAD: &[u8] = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\n";
const BODY: &[u8] = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{";

/// What a slow client begins with and goes on with, a byte at a time.
#[derive(Clone, Copy)]
struct Drip(&'static [u8], Option<u8>);

/// Drips until the server ends the connection, and says how long that took.
async fn drip(address: &str, Drip(begin, byte): Drip, every: Duration) -> Duration {
    let begun = Instant::now();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let mut rest = [0_u8; 4096];
    if socket.write_all(begin).await.is_err() {
        return begun.elapsed();
    }
    loop {
        match tokio::time::timeout(every, socket.read(&mut rest)).await {
            Ok(Ok(0) | Err(_)) => return begun.elapsed(),
            Ok(Ok(_)) => {}
            Err(_) => {
                let dripped = match byte {
                    Some(byte) => socket.write_all(&[byte]).await,
                    None => Ok(()),
                };
                if dripped.is_err() {
                    return begun.elapsed();
                }
            }
        }
    }
}

/// Slow clients in three kinds, and meanwhile one that is quick; returns the longest that a slow one was kept and the quick
/// one's 99th percentile.
async fn attack(server: &Serving, heads: usize, bodies: usize, every: Duration) -> (Duration, Duration) {
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let begin = |drip_: Drip| {
        let address = address.clone();
        tokio::spawn(async move { drip(&address, drip_, every).await })
    };
    let mut slow: Vec<_> = (0..heads).map(|n| begin(Drip(HEAD, (n % 4 > 0).then_some(b'X')))).collect();
    slow.extend((0..bodies).map(|_| begin(Drip(BODY, Some(b' ')))));
    slow.push(begin(Drip(b"", None)));

    let over = Arc::new(AtomicBool::new(false));
    let healthy = tokio::spawn({
        let (over, url) = (over.clone(), format!("{}/graphql", server.url));
        async move {
            let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
            let mut took = Vec::new();
            while !over.load(Ordering::SeqCst) {
                let begun = Instant::now();
                let body = serde_json::json!({ "query": "{ me { id } }" });
                assert_eq!(client.post(&url).json(&body).send().await.unwrap().status(), 200);
                took.push(begun.elapsed());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            took.sort();
            took[took.len() * 99 / 100]
        }
    });
    let mut longest = Duration::ZERO;
    for one in slow {
        longest = longest.max(one.await.unwrap());
    }
    over.store(true, Ordering::SeqCst);
    (longest, healthy.await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn r23_slow_clients_are_cut_and_healthy_ones_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let server = Serving::start(folder.path(), &[("GUESTLIST_CLIENT_TIMEOUT", "2s")]);
    let (longest, _) = attack(&server, 60, 20, Duration::from_millis(200)).await;
    assert!(longest < Duration::from_secs(20), "{longest:?}");

    let address = server.url.strip_prefix("http://").unwrap();
    let mut deaf = TcpStream::connect(address).await.unwrap();
    let asks = b"GET /schema.graphql HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(400);
    deaf.write_all(&asks).await.unwrap();
    let closed = async {
        // The server gives up, which shows as a reset once the client says something again.
        while deaf.write_all(b"GET / HTTP/1.1\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), closed)
        .await
        .expect("an answer that nobody reads is given up");
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_over_the_bound_wait_for_their_turn() {
    let folder = tempfile::tempdir().unwrap();
    let env = [("GUESTLIST_MAX_CONNECTIONS", "2"), ("GUESTLIST_CLIENT_TIMEOUT", "1s")];
    let server = Serving::start(folder.path(), &env);
    let address = server.url.strip_prefix("http://").unwrap();
    let _idle = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
    let answer = server.ask(None, "{ __typename }", serde_json::json!({})).await.unwrap();
    assert_eq!(answer["data"]["__typename"], "Query", "the idle ones were cut and made room");
}

/// A short text frame under a mask of zeros (RFC 6455, 5.2).
pub(super) fn text(said: &str) -> Vec<u8> {
    let mut frame = vec![0x81, 0x80 | said.len() as u8, 0, 0, 0, 0];
    frame.extend(said.as_bytes());
    frame
}

/// A WebSocket on which the client has said who it is, as far as it wants to.
pub(super) async fn websocket(address: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let handshake = format!(
        "GET /graphql HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    );
    socket.write_all(handshake.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    socket.write_all(&text(r#"{"type":"connection_init"}"#)).await.unwrap();
    let mut acknowledged = vec![0; 2 + br#"{"type":"connection_ack"}"#.len()];
    socket.read_exact(&mut acknowledged).await.unwrap();
    assert!(acknowledged.ends_with(br#""connection_ack"}"#));
    socket
}

/// Hears what the server says until it closes the WebSocket, and returns the code that it gives.
async fn closing(mut socket: impl AsyncRead + Unpin) -> u16 {
    let hears = async {
        loop {
            let (kind, length) = (socket.read_u8().await.unwrap(), socket.read_u8().await.unwrap());
            let mut said = vec![0; length.into()];
            socket.read_exact(&mut said).await.unwrap();
            if kind == 0x88 {
                return u16::from_be_bytes([said[0], said[1]]);
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), hears).await.expect("it is closed")
}

#[tokio::test(flavor = "multi_thread")]
async fn websockets_count_among_the_connections_that_are_open() {
    let folder = tempfile::tempdir().unwrap();
    let server = Serving::start(folder.path(), &[("GUESTLIST_MAX_CONNECTIONS", "2")]);
    let address = server.url.strip_prefix("http://").unwrap();
    let (one, other) = (websocket(address).await, websocket(address).await);
    let mut third = TcpStream::connect(address).await.unwrap();
    third.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    let waiting = tokio::time::timeout(Duration::from_millis(500), third.read_exact(&mut head)).await;
    assert!(waiting.is_err(), "it has its turn when a WebSocket ends");
    drop(one);
    let answered = tokio::time::timeout(Duration::from_secs(20), third.read_exact(&mut head)).await;
    answered.expect("a WebSocket that has ended makes room").unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    drop(third);
    let stopping = tokio::task::spawn_blocking(|| server.stop());
    assert_eq!(closing(other).await, 1001, "it is told");
    let stopped = tokio::time::timeout(Duration::from_secs(10), stopping).await;
    assert_eq!(stopped.expect("half the time that requests have to end").unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn r23_a_websocket_of_nobody_that_asks_for_nothing_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Serving::start(folder.path(), &[("GUESTLIST_CLIENT_TIMEOUT", "1s")]);
    let address = server.url.strip_prefix("http://").unwrap();
    let mut socket = websocket(address).await;
    let asks = r#"{"type":"subscribe","id":"1","payload":{"query":"{ __typename }"}}"#;
    socket.write_all(&text(asks)).await.unwrap();
    let (hears, mut says) = socket.into_split();
    let drips = tokio::spawn(async move {
        // Until it is closed: what is said without asking for anything keeps no place.
        while says.write_all(&text(r#"{"type":"ping"}"#)).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    assert_eq!(closing(hears).await, 1000);
    drips.abort();
}

mod chaos {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "takes a minute: just chaos"]
    async fn r23_800_half_open_heads_and_200_dripping_bodies_for_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let server = Serving::start(folder.path(), &[]);
        let begun = Instant::now();
        let (mut longest, mut slowest) = (Duration::ZERO, Duration::ZERO);
        while begun.elapsed() < Duration::from_secs(60) {
            let (kept, p99) = attack(&server, 800, 200, Duration::from_secs(1)).await;
            (longest, slowest) = (longest.max(kept), slowest.max(p99));
        }
        eprintln!(
            "R23: slow clients were kept {longest:?} at most; 99 of 100 requests of a healthy one took {slowest:?}"
        );
        assert!(longest < Duration::from_secs(20), "{longest:?}");
        assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    }
}
