//! Who is listened to: the hosts that requests may name, the origins of browser frontends, and the proxies whose word on
//! a client's address is believed; and where figures are served.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use url::Url;

use super::{Options, Problem};

/// Names by which a development set-up is reached.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Where `/metrics` is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsListen {
    /// Nowhere, and nothing is counted.
    Off,
    /// At this address, which must be free.
    At(SocketAddr),
}

impl std::str::FromStr for MetricsListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse().map(Self::At).map_err(|_| "give an address and a port, or off".to_owned())
    }
}

/// Checked hosts, origins and proxies.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Origin of our own pages.
    pub own_origin: String,
    /// Origins of browser frontends, as browsers send them.
    pub origins: HashSet<String>,
    hosts: HashSet<String>,
    proxies: Vec<IpNet>,
}

impl Network {
    /// Reads the settings.
    pub(super) fn check(
        options: &Options,
        public_url: &str,
        development: bool,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut problem = |setting, advice: String| problems.push(Problem { setting, advice });
        let own = Url::parse(public_url).ok();
        let mut network = Self {
            own_origin: own.as_ref().map(|url| url.origin().ascii_serialization()).unwrap_or_default(),
            ..Self::default()
        };
        network.hosts.extend(own.as_ref().and_then(|url| url.host_str()).map(str::to_lowercase));
        if development {
            network.hosts.extend(LOOPBACK.map(str::to_owned));
        }
        for host in given(&options.allowed_hosts) {
            match Url::parse(&format!("http://{host}")).ok().filter(|url| url.path() == "/") {
                Some(url) => network.hosts.extend(url.host_str().map(str::to_lowercase)),
                None => problem(
                    "GUESTLIST_ALLOWED_HOSTS",
                    format!("{host} is no host name such as id.example.com."),
                ),
            }
        }
        for origin in given(&options.allowed_origins) {
            let parsed = Url::parse(origin).ok().filter(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.origin().ascii_serialization() == origin.trim_end_matches('/')
            });
            match parsed {
                Some(url) => drop(network.origins.insert(url.origin().ascii_serialization())),
                None => problem(
                    "GUESTLIST_ALLOWED_ORIGINS",
                    format!(
                        "{origin} is no origin: write scheme, host and port, such as https://app.example.com."
                    ),
                ),
            }
        }
        for proxy in given(&options.trusted_proxies) {
            let single = || proxy.parse::<IpAddr>().ok().map(IpNet::from);
            match proxy.parse().ok().or_else(single) {
                Some(net) => network.proxies.push(net),
                None => problem(
                    "GUESTLIST_TRUSTED_PROXIES",
                    format!("{proxy} is no address or network such as 10.0.0.0/8."),
                ),
            }
        }
        if problems.is_empty() { Ok(network) } else { Err(problems) }
    }

    /// Whether a request may name this host; a port beside it does not matter.
    #[must_use]
    pub fn knows_host(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        self.hosts.contains(&name.trim_end_matches('.').to_ascii_lowercase())
    }

    /// Whether pages of this origin may use the session cookie.
    #[must_use]
    pub fn knows_origin(&self, origin: &str) -> bool {
        origin == self.own_origin || self.origins.contains(origin)
    }

    /// The client behind a connection: the peer, unless that is a trusted proxy; then the right-most address of
    /// `X-Forwarded-For` that is none. What cannot be read ends the walk, for whoever wrote it wrote all before it.
    #[must_use]
    pub fn client<'h>(&self, peer: IpAddr, forwarded: impl DoubleEndedIterator<Item = &'h str>) -> IpAddr {
        let mut client = peer.to_canonical();
        let hops = forwarded.flat_map(|line| line.split(',')).collect::<Vec<_>>();
        for hop in hops.into_iter().rev() {
            if !self.trusts(client) {
                break;
            }
            let Some(address) = address(hop.trim()) else { break };
            client = address;
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|net| net.contains(&address))
    }
}

fn given(list: &[String]) -> impl Iterator<Item = &str> {
    list.iter().map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    bare.or_else(with_port).or_else(in_brackets).map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(proxies: &[&str]) -> Network {
        let proxies = proxies.iter().map(|net| net.parse().unwrap()).collect();
        Network { proxies, ..Network::default() }
    }

    fn client(network: &Network, peer: &str, lines: &[&str]) -> String {
        network.client(peer.parse().unwrap(), lines.iter().copied()).to_string()
    }

    #[test]
    fn t6_only_trusted_proxies_are_believed_and_only_about_their_own_neighbour() {
        let none = network(&[]);
        assert_eq!(client(&none, "192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        let one = network(&["10.0.0.0/8"]);
        assert_eq!(client(&one, "192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(client(&one, "10.0.0.1", &["198.51.100.7, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(client(&one, "10.0.0.1", &["198.51.100.7", "203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(client(&one, "::ffff:10.0.0.1", &["203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(client(&one, "10.0.0.1", &["[2001:db8::1]:80"]), "2001:db8::1");
        assert_eq!(client(&one, "10.0.0.1", &["198.51.100.7, unknown"]), "10.0.0.1");
        assert_eq!(client(&one, "10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client(&one, "10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
    }

    proptest! {
        #[test]
        fn t6_nothing_that_a_client_writes_moves_the_address_its_proxy_saw(
            forged in "[ -~]{0,60}", seen in any::<[u8; 4]>().prop_filter("no proxy", |ip| ip[0] != 10)
        ) {
            let seen = IpAddr::from(seen).to_canonical();
            let network = network(&["10.0.0.0/8"]);
            let line = format!("{forged}, {seen}");
            prop_assert_eq!(network.client("10.0.0.1".parse().unwrap(), [line.as_str()].into_iter()), seen);
        }
    }
}
