//! Signing in under full load with somebody else beside it, starting, and very many subscriptions.

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::process::{PASSWORD, Server, administrator, on_core};
use crate::report::{Report, Target};
use crate::rows::{body, seed};
use crate::wrk::{Load, median};

/// Hashes for a while on one core, over memory that is used again, and says how many it were a second.
pub fn hash_for(time: Duration) {
    let params = Params::new(19_456, 2, 1, None).expect("parameters");
    let mut memory = vec![Block::default(); params.block_count()];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let (begun, mut count, mut out) = (Instant::now(), 0_u32, [0; 32]);
    while begun.elapsed() < time {
        argon
            .hash_password_into_with_memory(PASSWORD.as_bytes(), b"0123456789abcdef", &mut out, &mut memory)
            .expect("a hash");
        count += 1;
    }
    println!("{}", f64::from(count) / begun.elapsed().as_secs_f64());
}

/// As [`hash_for`], by a process on the core of servers.
fn hashes_alone() -> f64 {
    let this = std::env::current_exe().expect("a path");
    let output = on_core("0", &this).arg("--argon").output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

/// Sign-ins at full load, and `me` beside them.
pub async fn login(report: &mut Report) {
    let mut raw: Vec<f64> = (0..3).map(|_| hashes_alone()).collect();
    raw.sort_by(f64::total_cmp);
    let raw = raw[1];
    let folder = tempfile::tempdir().expect("a folder");
    administrator(folder.path(), None);
    let open =
        [("GUESTLIST_LIMIT_LOGIN_PER_ADDRESS", "100000000"), ("GUESTLIST_LIMIT_LOGIN_PER_IP", "100000000")];
    let server = Server::guestlist(folder.path(), None, &open);
    let (token, _) = server.sign_in("root@bench.test").await;
    let me = Load {
        path: "/graphql",
        body: body("{ me { id } }"),
        tokens: std::slice::from_ref(&token),
        connections: 2,
        seconds: 4,
    };
    let idle = median(|| me.run(&server));
    let size = server.resident();
    let query = format!(
        "mutation {{ login(input: {{ email: \"root@bench.test\", password: \"{PASSWORD}\" }}) {{ tokens {{ accessToken }} userErrors {{ code }} }} }}"
    );
    let logins = Load { path: "/graphql", body: body(&query), tokens: &[], connections: 8, seconds: 4 };
    let alone = median(|| logins.run(&server));
    report.figure(
        "`login` at full load on one core, a second",
        alone.rate,
        raw,
        "argon2 alone",
        Target::AtLeast(0.93),
    );
    let beside = std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            Load {
                seconds: 15,
                body: body(&query),
                ..Load { path: "/graphql", body: String::new(), tokens: &[], connections: 8, seconds: 15 }
            }
            .run(&server)
        });
        std::thread::sleep(Duration::from_millis(500));
        let beside = median(|| me.run(&server));
        let _ = flood.join();
        beside
    });
    report.figure(
        "99th percentile of `me` under eight logins at once, ms",
        beside.p99,
        idle.p99,
        "idle",
        Target::AtMost(3.0),
    );
    report.limit("more memory under a flood of logins, MiB", server.resident() - size, 19.0 * 2.0 + 30.0);
}

/// From nothing to ready on a database that is there, and what an idle process takes.
pub async fn start(report: &mut Report) {
    let folder = tempfile::tempdir().expect("a folder");
    administrator(folder.path(), None);
    drop(Server::guestlist(folder.path(), None, &[]));
    let mut times: Vec<f64> =
        (0..3).map(|_| Server::guestlist(folder.path(), None, &[]).took.as_secs_f64() * 1e3).collect();
    times.sort_by(f64::total_cmp);
    report.limit("start to ready on an existing database, ms", times[1], 100.0);
    let server = Server::guestlist(folder.path(), None, &[]);
    // Nobody has signed in for a while, so that the memory for hashes has been given back.
    tokio::time::sleep(Duration::from_secs(15)).await;
    report.limit("resident size, idle, MiB", server.resident(), 40.0);
    let binary = std::fs::metadata(env!("CARGO_BIN_EXE_guestlist")).expect("the binary").len();
    report.limit("binary, stripped, MiB", binary as f64 / 1048576.0, 30.0);
}

/// Subscriptions that wait.
const SUBSCRIPTIONS: usize = 10_000;
const SUBSCRIBE: &str = "subscription { invitationEvents { cursor } }";

/// Ten thousand subscriptions that wait, over server-sent events and over WebSockets.
pub async fn subscriptions(report: &mut Report) {
    waiting(report, "over server-sent events", async |address, token| {
        let text = body(SUBSCRIBE);
        let request = format!(
            "POST /graphql HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n\
             Authorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        let mut open = Vec::with_capacity(SUBSCRIPTIONS);
        for _ in 0..SUBSCRIPTIONS {
            open.push(exchange(address, request.as_bytes(), b"HTTP/1.1 200").await);
        }
        open
    })
    .await;
    waiting(report, "over a WebSocket each", async |address, token| websockets(address, token, 1).await)
        .await;
    waiting(report, "over WebSockets, 20 on each", async |address, token| {
        websockets(address, token, 20).await
    })
    .await;
}

/// What each of them takes, given how they are begun.
async fn waiting(report: &mut Report, how: &str, begin: impl AsyncFn(&str, &str) -> Vec<TcpStream>) {
    let folder = tempfile::tempdir().expect("a folder");
    administrator(folder.path(), None);
    let server = Server::guestlist(folder.path(), None, &[("GUESTLIST_MAX_CONNECTIONS", "11000")]);
    let (token, _) = seed(&server).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let before = server.resident();
    let open = begin(server.url.trim_start_matches("http://"), &token).await;
    // As long as operations begin, they have the memory that beginning takes.
    let mut worked = server.cpu();
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let known = std::mem::replace(&mut worked, server.cpu());
        if worked - known < 0.2 {
            break;
        }
    }
    // Nor does the allocator give it back at once.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let after = server.resident();
    let each = (after - before) * 1024.0 / SUBSCRIPTIONS as f64;
    for stream in &open {
        let mut further = [0; 4096];
        let count = stream.try_read(&mut further).unwrap_or_default();
        let said = String::from_utf8_lossy(&further[..count]).into_owned();
        assert!(!said.contains("error") && !said.contains("complete"), "{said}");
    }
    report.limit(&format!("memory of each of 10,000 subscriptions {how}, KiB"), each, 12.0);
    drop(open);
}

/// A new connection on which this was said, and answered as expected.
async fn exchange(address: &str, said: &[u8], expected: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(said).await.expect("it is sent");
    let mut answer = vec![0; expected.len()];
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(answer, expected);
    stream
}

/// WebSockets with so many subscriptions on each, in the words of `graphql-transport-ws`.
async fn websockets(address: &str, token: &str, on_each: usize) -> Vec<TcpStream> {
    let handshake = format!(
        "GET /graphql HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    );
    let mut open = Vec::new();
    for _ in 0..SUBSCRIPTIONS / on_each {
        let mut stream = exchange(address, handshake.as_bytes(), b"HTTP/1.1 101").await;
        let mut frames = frame(
            &json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {token}") } }),
        );
        for number in 0..on_each {
            let payload = json!({ "query": SUBSCRIBE });
            frames
                .extend(frame(&json!({ "type": "subscribe", "id": number.to_string(), "payload": payload })));
        }
        stream.write_all(&frames).await.expect("it is sent");
        let mut heard = Vec::new();
        while !heard.ends_with(b"\"connection_ack\"}") {
            heard.push(stream.read_u8().await.expect("an answer"));
        }
        open.push(stream);
    }
    open
}

/// A text frame of a client, under a mask of zeros (RFC 6455, 5.2).
fn frame(message: &Value) -> Vec<u8> {
    let text = message.to_string().into_bytes();
    let length = u16::try_from(text.len()).expect("a short message");
    let mut frame = vec![0x81];
    match length {
        0..=125 => frame.push(0x80 | length as u8),
        _ => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text);
    frame
}
