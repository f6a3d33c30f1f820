//! A real mail server on loopback (mailin), which keeps what it takes and refuses what it is told to.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mailin_embedded::response::{AUTH_OK, INVALID_CREDENTIALS, OK};
use mailin_embedded::{AuthMechanism, Handler, Response, Server, SslConfig};
use tokio::sync::watch;

/// User and password that a server with authentication takes.
pub const LOGIN: (&str, &str) = ("mailer", "mail secret");

/// A message as the server took it.
#[derive(Clone, Debug)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    pub raw: Vec<u8>,
}

/// A running server; it goes with the test process.
#[derive(Clone)]
pub struct SmtpServer {
    pub address: SocketAddr,
    taken: Arc<watch::Sender<Vec<Received>>>,
    refusals: Arc<Mutex<HashMap<String, Response>>>,
    delay: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Session {
    server: SmtpServer,
    open: Received,
}

impl Handler for Session {
    fn rcpt(&mut self, to: &str) -> Response {
        self.server.refusals.lock().unwrap().get(to).cloned().unwrap_or(OK)
    }

    fn data_start(&mut self, _domain: &str, from: &str, _is8bit: bool, to: &[String]) -> Response {
        self.open = Received { from: from.to_owned(), to: to.to_vec(), raw: Vec::new() };
        OK
    }

    fn data(&mut self, buf: &[u8]) -> io::Result<()> {
        self.open.raw.extend_from_slice(buf);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        // Between the final dot and the answer: the time in which a sender that dies leaves a copy behind.
        std::thread::sleep(Duration::from_millis(self.server.delay.load(Ordering::Relaxed)));
        self.server.taken.send_modify(|taken| taken.push(self.open.clone()));
        OK
    }

    fn auth_plain(&mut self, _authorization: &str, user: &str, password: &str) -> Response {
        if (user, password) == LOGIN { AUTH_OK } else { INVALID_CREDENTIALS }
    }

    fn helo(&mut self, _ip: IpAddr, _domain: &str) -> Response {
        OK
    }
}

impl SmtpServer {
    /// Plain, for anybody.
    pub fn start() -> Self {
        Self::run(SslConfig::None, &[])
    }

    /// With STARTTLS and, over it, authentication.
    pub fn start_tls(certificate: &Certificate) -> Self {
        let tls = SslConfig::SelfSigned {
            cert_path: certificate.cert.display().to_string(),
            key_path: certificate.key.display().to_string(),
        };
        Self::run(tls, &[AuthMechanism::Plain])
    }

    /// Plain, for anybody, at an address.
    pub fn start_at(address: SocketAddr) -> Self {
        Self::over(TcpListener::bind(address).unwrap(), SslConfig::None, &[])
    }

    fn run(tls: SslConfig, auth: &[AuthMechanism]) -> Self {
        Self::over(TcpListener::bind("127.0.0.1:0").unwrap(), tls, auth)
    }

    fn over(listener: TcpListener, tls: SslConfig, auth: &[AuthMechanism]) -> Self {
        let server = Self {
            address: listener.local_addr().unwrap(),
            taken: Arc::default(),
            refusals: Arc::default(),
            delay: Arc::default(),
        };
        let open = Received { from: String::new(), to: Vec::new(), raw: Vec::new() };
        let mut mailin = Server::new(Session { server: server.clone(), open });
        mailin.with_name("mail.test").with_num_threads(16).with_tcp_listener(listener).with_ssl(tls).unwrap();
        for mechanism in auth {
            mailin.with_auth(mechanism.clone());
        }
        std::thread::spawn(move || mailin.serve().unwrap());
        server
    }

    /// From here on the server answers `response` to mail for `address`.
    pub fn answer(&self, address: &str, response: Response) {
        self.refusals.lock().unwrap().insert(address.to_owned(), response);
    }

    /// From here on the server thinks so many milliseconds about each mail.
    pub fn think(&self, millis: u64) {
        self.delay.store(millis, Ordering::Relaxed);
    }

    /// Everything taken so far.
    pub fn taken(&self) -> Vec<Received> {
        self.taken.borrow().clone()
    }

    /// Waits until what was taken is `enough`, for a minute at most.
    pub async fn taken_when(&self, enough: impl FnMut(&Vec<Received>) -> bool) -> Vec<Received> {
        let mut changes = self.taken.subscribe();
        let waited = tokio::time::timeout(Duration::from_secs(60), changes.wait_for(enough)).await;
        waited.expect("the mail arrives within a minute").unwrap().clone()
    }
}

/// A certificate for 127.0.0.1 and localhost that nobody knows, in files.
pub struct Certificate {
    pub cert: std::path::PathBuf,
    pub key: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

impl Certificate {
    pub fn make() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let made =
            rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        std::fs::write(&cert, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        Self { cert, key, _folder: folder }
    }
}

/// Puts TLS from the first byte in front of a plain server, and says where.
pub async fn tls_in_front(server: SocketAddr, certificate: &Certificate) -> SocketAddr {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let read = |path: &Path| std::fs::read(path).unwrap();
    let cert = CertificateDer::from_pem_slice(&read(&certificate.cert)).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&read(&certificate.key)).unwrap();
    let config =
        rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut outside = acceptor.accept(stream).await?;
                let mut inside = tokio::net::TcpStream::connect(server).await?;
                tokio::io::copy_bidirectional(&mut outside, &mut inside).await
            });
        }
    });
    address
}
