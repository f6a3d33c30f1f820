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
use url::{Host, Position, Url};

use super::target;
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
        Self { allow_private, lookup: |name, port| Box::pin(resolve(name, port)), tls: OnceLock::new() }
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
    pub(super) async fn post(&self, url: &str, post: Post) -> Answer {
        let Ok(url) = self.parse(url) else { return failed(UNREACHABLE.to_owned()) };
        let deadline = Instant::now() + PATIENCE;
        let mut connection = JoinSet::new();
        match timeout_at(deadline, self.exchange(&url, post, &mut connection)).await {
            Err(_) => failed("There was no answer within 15 seconds.".to_owned()),
            Ok(Err(why)) => failed(why),
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
        let request = request(url, post).map_err(|_| "The request cannot be made of this URL.".to_owned())?;
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

fn failed(reply: String) -> Answer {
    Answer { status: None, reply: text::clip(&reply, REPLY_MAX) }
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
