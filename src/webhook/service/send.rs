//! Posting to an endpoint: one connection to an address that was looked at, one request, the beginning of the answer.
//!
//! The name is resolved once for each attempt, and the addresses that passed are what is connected to, so that a name cannot
//! mean one thing while it is looked at and another one afterwards. There is no proxy, no redirect and no second request.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tracing::{Instrument as _, Span};
use url::{Host, Position, Url};

use super::target;
use crate::telemetry::traces;
use crate::text;

/// How long an attempt may take from the first look at the name to the last byte that is read.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long one address may take to accept a connection.
const CONNECTING: Duration = Duration::from_secs(5);
/// How long a name may take to be resolved while somebody waits.
const RESOLVING: Duration = Duration::from_secs(5);
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;
/// So much of an answer is read and kept, in bytes.
const REPLY_MAX: usize = 1_024;
/// Room for the head of an answer, in bytes.
const HEAD_MAX: usize = 16 * 1_024;
/// What is said of a name that leads nowhere, or into a private network: which of them is nobody's business.
const UNREACHABLE: &str = "The host does not resolve to a public address.";

type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
/// Resolves a name.
type Lookup = fn(String, u16) -> Found;

/// Posts to endpoints.
pub struct Client {
    allow_private: bool,
    lookup: Lookup,
    patience: Duration,
    tls: OnceLock<Option<Arc<ClientConfig>>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("allow_private", &self.allow_private).finish_non_exhaustive()
    }
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Status of the answer; `None` when there was none.
    pub(super) status: Option<u16>,
    /// The beginning of the answer, or why there was none.
    pub(super) reply: String,
}

/// What is posted besides the URL.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) id: String,
    pub(super) timestamp: i64,
    pub(super) signature: String,
    pub(super) body: Bytes,
}

impl Client {
    /// A client that stays out of private networks, unless it may go there.
    #[must_use]
    pub fn new(allow_private: bool) -> Self {
        let lookup = |name, port| -> Found { Box::pin(resolve(name, port)) };
        Self { allow_private, lookup, patience: PATIENCE, tls: OnceLock::new() }
    }

    /// A URL that can be posted to, as far as it says so itself.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` at `url`.
    pub(super) fn parse(&self, url: &str) -> crate::error::Result<Url> {
        target::parse(url, self.allow_private)
    }

    /// Whether the host of a URL resolves to an address that may be reached.
    pub(super) async fn resolves(&self, url: &Url) -> bool {
        matches!(timeout(RESOLVING, self.addresses(url)).await, Ok(Ok(_)))
    }

    /// Makes one attempt. The URL is looked at again: what is allowed may have changed since it was kept.
    pub(super) async fn post(&self, url: &str, post: Post, attempt: i64) -> Answer {
        let Ok(url) = self.parse(url) else { return Answer::none(UNREACHABLE) };
        let span = traces::webhook(url.host_str().unwrap_or_default(), attempt);
        let answer = self.attempt(&url, post).instrument(span.clone()).await;
        traces::answered(&span, answer.status);
        answer
    }

    async fn attempt(&self, url: &Url, post: Post) -> Answer {
        let deadline = Instant::now() + self.patience;
        let mut connection = JoinSet::new();
        match timeout_at(deadline, self.exchange(url, post, &mut connection)).await {
            Err(_) => Answer::none("There was no answer in time."),
            Ok(Err(why)) => Answer::none(&why),
            Ok(Ok(response)) => {
                let status = response.status().as_u16();
                let mut kept = Vec::new();
                // A body that never ends changes nothing of the status.
                let _ = timeout_at(deadline, read(response, &mut kept)).await;
                Answer { status: Some(status), reply: text::clip(&String::from_utf8_lossy(&kept), REPLY_MAX) }
            }
        }
    }

    /// The addresses of a URL's host that may be connected to.
    async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, String> {
        let port = url.port_or_known_default().unwrap_or(443);
        let found = match url.host() {
            Some(Host::Ipv4(ip)) => vec![SocketAddr::new(IpAddr::V4(ip), port)],
            Some(Host::Ipv6(ip)) => vec![SocketAddr::new(IpAddr::V6(ip), port)],
            Some(Host::Domain(name)) => (self.lookup)(name.to_owned(), port).await.unwrap_or_default(),
            None => Vec::new(),
        };
        let may = |address: &SocketAddr| self.allow_private || target::is_public(address.ip());
        let fit: Vec<SocketAddr> = found.into_iter().filter(may).take(ADDRESSES_MAX).collect();
        if fit.is_empty() { Err(UNREACHABLE.to_owned()) } else { Ok(fit) }
    }

    async fn connect(&self, url: &Url) -> Result<TcpStream, String> {
        let mut why = UNREACHABLE.to_owned();
        for address in self.addresses(url).await? {
            match timeout(CONNECTING, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => why = format!("No connection could be made: {}.", error.kind()),
                Err(_) => why = "No connection could be made: timed out.".to_owned(),
            }
        }
        Err(why)
    }

    async fn exchange(
        &self,
        url: &Url,
        post: Post,
        connection: &mut JoinSet<()>,
    ) -> Result<Response<Incoming>, String> {
        let request = request(url, post);
        let mut request = request.map_err(|_| "The request cannot be made of this URL.".to_owned())?;
        traces::tell(&Span::current(), request.headers_mut());
        let stream = self.connect(url).await?;
        if url.scheme() == "http" {
            return speak(stream, request, connection).await;
        }
        let tls = self.tls().ok_or("This host has no list of certificate authorities.")?;
        let host = match url.host() {
            Some(Host::Ipv6(ip)) => ip.to_string(),
            _ => url.host_str().unwrap_or_default().trim_end_matches('.').to_owned(),
        };
        let name =
            ServerName::try_from(host).map_err(|_| "No certificate can be for this name.".to_owned())?;
        match TlsConnector::from(tls).connect(name, stream).await {
            Ok(stream) => speak(stream, request, connection).await,
            Err(error) => Err(format!("TLS failed: {error}.")),
        }
    }

    /// TLS with the certificate authorities of this host, read when it is needed first.
    fn tls(&self) -> Option<Arc<ClientConfig>> {
        self.tls
            .get_or_init(|| {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() { None } else { trusting(roots) }
            })
            .clone()
    }
}

fn trusting(roots: RootCertStore) -> Option<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    Some(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

async fn resolve(name: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((name, port)).await?.collect())
}

impl Answer {
    /// There was none.
    pub(super) fn none(why: &str) -> Self {
        Self { status: None, reply: text::clip(why, REPLY_MAX) }
    }
}

fn request(url: &Url, post: Post) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    Request::builder()
        .method(Method::POST)
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .header("host", &url[Position::BeforeHost..Position::AfterPort])
        .header("content-type", "application/json")
        .header("user-agent", concat!("Guestlist/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", post.id)
        .header("webhook-timestamp", post.timestamp)
        .header("webhook-signature", post.signature)
        .body(Full::new(post.body))
}

/// Speaks HTTP over a connection; what drives it ends with `connection`.
async fn speak<T>(
    stream: T,
    request: Request<Full<Bytes>>,
    connection: &mut JoinSet<()>,
) -> Result<Response<Incoming>, String>
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let broken = |_: hyper::Error| "The answer was no HTTP, or broke off.".to_owned();
    let builder = http1::Builder::new().max_buf_size(HEAD_MAX).to_owned();
    let (mut sender, driver) = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    connection.spawn(async move {
        let _ = driver.await;
    });
    sender.send_request(request).await.map_err(broken)
}

async fn read(response: Response<Incoming>, kept: &mut Vec<u8>) {
    let mut body = response.into_body();
    while kept.len() < REPLY_MAX {
        let Some(Ok(frame)) = body.frame().await else { return };
        if let Some(data) = frame.data_ref() {
            kept.extend_from_slice(&data[..data.len().min(REPLY_MAX - kept.len())]);
        }
    }
}

#[cfg(test)]
mod tests {
    use rustls::ServerConfig;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// A name server under a stranger's hand.
    fn to_loopback(_: String, port: u16) -> Found {
        Box::pin(async move {
            Ok(["127.0.0.1", "::1", "169.254.169.254", "10.0.0.1"]
                .map(|ip| SocketAddr::new(ip.parse().unwrap(), port))
                .into())
        })
    }

    fn post() -> Post {
        let body = Bytes::from_static(b"{}");
        Post { id: "whd_1".to_owned(), timestamp: 1, signature: "v1,x".to_owned(), body }
    }

    async fn listen() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[tokio::test]
    async fn t63_a_name_that_resolves_into_a_private_network_is_not_connected_to() {
        let (listener, port) = listen().await;
        let client = Client { lookup: to_loopback, ..Client::new(false) };
        let url = format!("https://hooks.example.com:{port}/");
        assert!(!client.resolves(&client.parse(&url).unwrap()).await);
        assert_eq!(client.post(&url, post(), 1).await, Answer::none(UNREACHABLE));
        let listener = listener.into_std().unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "nobody came");
        // The same name, where private networks are allowed, leads there.
        let allowed = Client { lookup: to_loopback, ..Client::new(true) };
        assert!(allowed.resolves(&allowed.parse(&url).unwrap()).await);
    }

    #[tokio::test]
    async fn a_certificate_is_that_of_the_name_and_of_an_authority_that_is_known() {
        let made = rcgen::generate_simple_self_signed(vec!["hooks.example.com".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config =
            config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        let (listener, port) = listen().await;
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let _ = stream.read(&mut [0; 4_096]).await;
                let _ = stream.write_all(b"HTTP/1.1 204 Fine\r\n\r\n").await;
            }
        });
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let knowing =
            Client { lookup: to_loopback, tls: OnceLock::from(trusting(roots)), ..Client::new(true) };
        let answer = knowing.post(&format!("https://hooks.example.com:{port}/"), post(), 1).await;
        assert_eq!(answer, Answer { status: Some(204), reply: String::new() });
        for url in [format!("https://other.example.com:{port}/"), format!("https://127.0.0.1:{port}/")] {
            let answer = knowing.post(&url, post(), 1).await;
            assert!(answer.status.is_none() && answer.reply.starts_with("TLS failed"), "{url} {answer:?}");
        }
        let nobody = OnceLock::from(trusting(RootCertStore::empty()));
        let unknowing = Client { lookup: to_loopback, tls: nobody, ..Client::new(true) };
        let answer = unknowing.post(&format!("https://hooks.example.com:{port}/"), post(), 1).await;
        assert!(answer.reply.starts_with("TLS failed: invalid peer certificate"), "{answer:?}");
    }

    #[tokio::test]
    async fn an_answer_that_never_ends_is_an_answer_and_none_is_none() {
        for (said, status, reply) in [
            ("HTTP/1.1 200 Fine\r\ncontent-length: 9999\r\n\r\nthanks\u{7}", Some(200), "thanks"),
            ("HTTP/1.1 200 Fine\r\n", None, "There was no answer in time."),
            ("", None, "There was no answer in time."),
            ("220 mail.example.com ESMTP\r\n", None, "The answer was no HTTP, or broke off."),
        ] {
            let (listener, port) = listen().await;
            let server = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(said.as_bytes()).await.unwrap();
                // Held open until the other side has had enough.
                let _ = stream.read_to_end(&mut Vec::new()).await;
            });
            let client = Client { patience: Duration::from_millis(300), ..Client::new(true) };
            let answer = client.post(&format!("http://127.0.0.1:{port}/"), post(), 1).await;
            assert_eq!(answer, Answer { status, reply: reply.to_owned() }, "{said}");
            server.await.unwrap();
        }
    }
}
