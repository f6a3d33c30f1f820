//! An endpoint for webhooks on loopback, which keeps what it is posted and answers what it is told to.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A request as the server took it.
#[derive(Clone, Debug)]
pub struct Posted {
    /// Method, path and version.
    pub line: String,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Posted {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// What happened, as the body says.
    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }
}

#[derive(Default)]
struct Kept {
    posted: Vec<Posted>,
    answers: VecDeque<(u16, String)>,
    otherwise: Option<(u16, String)>,
}

/// A running server; it goes with the runtime of its test.
#[derive(Clone)]
pub struct HookServer {
    pub address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
}

impl HookServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), kept: Arc::default() };
        let kept = server.kept.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, kept.clone()));
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}/hooks?key=deep", self.address)
    }

    /// Answers the next request like this; a text that begins with a header's name and a colon is a header.
    pub fn answer(&self, status: u16, text: &str) {
        self.kept.lock().unwrap().answers.push_back((status, text.to_owned()));
    }

    /// Answers every request like this, unless told otherwise.
    pub fn always(&self, status: u16) {
        self.kept.lock().unwrap().otherwise = Some((status, String::new()));
    }

    /// What was posted, and forgets it.
    pub fn posted(&self) -> Vec<Posted> {
        std::mem::take(&mut self.kept.lock().unwrap().posted)
    }
}

async fn serve(mut stream: TcpStream, kept: Arc<Mutex<Kept>>) {
    let Some(posted) = read(&mut stream).await else { return };
    let (status, text) = {
        let mut kept = kept.lock().unwrap();
        kept.posted.push(posted);
        let otherwise = kept.otherwise.clone();
        kept.answers.pop_front().or(otherwise).unwrap_or((200, "thanks".to_owned()))
    };
    let (header, body) =
        if text.starts_with("location:") { (format!("{text}\r\n"), "") } else { (String::new(), &*text) };
    let answer = format!(
        "HTTP/1.1 {status} Said\r\n{header}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

async fn read(stream: &mut TcpStream) -> Option<Posted> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap().to_owned();
    let pairs = lines.filter_map(|line| line.split_once(": "));
    let headers: HashMap<String, String> =
        pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Posted { line, headers, body: String::from_utf8(bytes[end + 4..].to_vec()).unwrap() })
}
