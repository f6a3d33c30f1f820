//! Sending through a mail server (RFC 5321), with STARTTLS or implicit TLS (RFC 8314).

use std::path::PathBuf;
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{Error as SmtpError, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::SendError;

/// Patience with the server at each step. Some look at a mail for a while before they take it: who gives up earlier sends
/// it twice.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);
/// Patience with all steps of one mail together, less than a worker's lease.
const TIMEOUT: Duration = Duration::from_secs(150);

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not at all; for a server on this machine.
    Plain,
    /// STARTTLS, or no mail.
    StartTls,
    /// STARTTLS where the server offers it.
    Opportunistic,
    /// TLS from the first byte.
    Implicit,
}

/// A mail server as configured. `Debug` shows no password.
#[derive(Clone, Debug)]
pub struct SmtpUrl {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// User name and password.
    pub login: Option<(String, SecretString)>,
    /// PEM file with its certificate authority.
    pub ca_file: Option<PathBuf>,
}

impl SmtpUrl {
    /// Reads `smtp://user:password@host:587?tls=required` or `smtps://…`.
    ///
    /// Without `tls`, a server on this machine is talked to in plain text and any other one must offer TLS.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn parse(url: &SecretString, ca_file: Option<PathBuf>) -> Result<Self, String> {
        let example = "write it like smtp://user:password@mail.example.com:587, smtps://… or file:///folder";
        let url = Url::parse(url.expose_secret()).map_err(|e| format!("{e}; {example}."))?;
        let host = url.host().ok_or_else(|| format!("names no host; {example}."))?;
        let local = match &host {
            // Schemes that the URL standard does not know keep IPv4 addresses as text.
            Host::Domain(name) => {
                *name == "localhost" || name.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
            }
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        };
        let tls = url.query_pairs().find(|(key, _)| key == "tls").map(|(_, value)| value.into_owned());
        let security = match (url.scheme(), tls.as_deref()) {
            ("smtps", _) => Security::Implicit,
            ("smtp", Some("required")) => Security::StartTls,
            ("smtp", Some("opportunistic")) => Security::Opportunistic,
            ("smtp", Some("none")) => Security::Plain,
            ("smtp", None) if local => Security::Plain,
            ("smtp", None) => Security::StartTls,
            ("smtp", Some(_)) => return Err("takes tls=required, tls=opportunistic or tls=none.".to_owned()),
            _ => return Err(format!("has an unknown scheme; {example}.")),
        };
        let default_port = if security == Security::Implicit { 465 } else { 587 };
        let decode = |text: &str| percent_decode(text);
        let login = match (url.username(), url.password()) {
            ("", _) => None,
            (user, password) => Some((decode(user), decode(password.unwrap_or_default()).into())),
        };
        let host = match host {
            Host::Ipv6(ip) => ip.to_string(),
            other => other.to_string(),
        };
        Ok(Self { host, port: url.port().unwrap_or(default_port), security, login, ca_file })
    }
}

/// Undoes the percent-encoding of user names and passwords.
fn percent_decode(text: &str) -> String {
    let form = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(form.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// A pool of connections to one mail server.
#[derive(Clone, Debug)]
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    place: String,
}

/// Why a mail server cannot be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The certificate authority cannot be read.
    #[error("cannot read GUESTLIST_SMTP_CA_FILE: {0}")]
    CaFile(std::io::Error),
    /// TLS cannot be set up.
    #[error("cannot set up TLS for mail: {0}")]
    Tls(SmtpError),
}

impl Smtp {
    pub(super) fn new(url: &SmtpUrl) -> Result<Self, SetupError> {
        let tls = match url.security {
            Security::Plain => Tls::None,
            Security::StartTls => Tls::Required(parameters(url)?),
            Security::Opportunistic => Tls::Opportunistic(parameters(url)?),
            Security::Implicit => Tls::Wrapper(parameters(url)?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&url.host)
            .port(url.port)
            .tls(tls)
            .timeout(Some(STEP_TIMEOUT))
            .pool_config(PoolConfig::new().max_size(8).idle_timeout(Duration::from_secs(30)));
        if let Some((user, password)) = &url.login {
            builder =
                builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
        }
        let place = format!("{}:{} ({:?})", url.host, url.port, url.security);
        Ok(Self { transport: builder.build(), place })
    }

    pub(super) async fn send(&self, message: Message) -> Result<String, SendError> {
        let Ok(sent) = tokio::time::timeout(TIMEOUT, self.transport.send(message)).await else {
            return Err(SendError::Unavailable("The mail server took too long.".to_owned()));
        };
        match sent {
            Ok(reply) => {
                let text: Vec<&str> = reply.message().collect();
                Ok(format!("{} {}", reply.code(), text.join(" ")).trim_end().to_owned())
            }
            Err(error) => Err(self.sort(&error).await),
        }
    }

    /// Tells a refusal of this mail from trouble with the server or our settings, which gives no mail up.
    async fn sort(&self, error: &SmtpError) -> SendError {
        let text = describe(error);
        match error.status().map(u16::from) {
            // Authentication or TLS is wanted: ours to mend.
            Some(530 | 534 | 535 | 538) => SendError::Unavailable(text),
            // Either the greeting of a server that takes no mail at all, or a refusal of this one.
            Some(554) if !self.transport.test_connection().await.unwrap_or(false) => {
                SendError::Unavailable(text)
            }
            Some(_) if error.is_permanent() => SendError::Refused(text),
            Some(_) => SendError::PutOff(text),
            None => SendError::Unavailable(text),
        }
    }

    pub(super) fn describe(&self) -> String {
        format!("sent through {}", self.place)
    }
}

fn parameters(url: &SmtpUrl) -> Result<TlsParameters, SetupError> {
    let mut builder = TlsParameters::builder(url.host.clone());
    if let Some(path) = &url.ca_file {
        let pem = std::fs::read(path).map_err(SetupError::CaFile)?;
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(SetupError::Tls)?);
    }
    builder.build().map_err(SetupError::Tls)
}

fn describe(error: &SmtpError) -> String {
    let mut text = match error.status() {
        Some(code) => format!("{code} "),
        None => String::new(),
    };
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    if cause.is_none() {
        text.push_str(&error.to_string());
    }
    while let Some(inner) = cause {
        text.push_str(&inner.to_string());
        cause = inner.source();
        if cause.is_some() {
            text.push_str(": ");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<SmtpUrl, String> {
        SmtpUrl::parse(&url.to_owned().into(), None)
    }

    #[test]
    fn a_server_elsewhere_must_offer_tls_unless_told_otherwise() {
        assert_eq!(parse("smtp://mail.example.com").unwrap().security, Security::StartTls);
        assert_eq!(parse("smtp://127.0.0.1:1025").unwrap().security, Security::Plain);
        assert_eq!(parse("smtp://localhost:1025?tls=required").unwrap().security, Security::StartTls);
        assert_eq!(parse("smtp://mail.example.com?tls=none").unwrap().security, Security::Plain);
        let implicit = parse("smtps://mail.example.com").unwrap();
        assert_eq!((implicit.security, implicit.port), (Security::Implicit, 465));
    }

    #[test]
    fn user_and_password_are_decoded() {
        let url = parse("smtp://ann%40example.com:p%3A%2Fss+@mail.example.com:25").unwrap();
        let (user, password) = url.login.unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("ann@example.com", "p:/ss+"));
    }

    #[test]
    fn what_cannot_be_a_mail_server_is_refused() {
        for url in ["", "mail.example.com", "http://mail.example.com", "smtp://h?tls=maybe", "smtp://"] {
            assert!(parse(url).is_err(), "{url}");
        }
    }
}
