//! Where an endpoint may be: which URLs, which names, which addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::error::{Error, Result};

/// Longest URL, in bytes.
const URL_MAX: usize = 2_000;
/// What private names end with.
const LOCAL: [&str; 7] = ["localhost", "localdomain", "local", "internal", "intranet", "lan", "home.arpa"];

/// A URL that can be posted to, as far as it says so itself.
///
/// # Errors
/// `BAD_USER_INPUT` at `url`.
pub(super) fn parse(text: &str, allow_private: bool) -> Result<Url> {
    let refused = |message: &'static str| Err(Error::bad_input("url", message));
    if text.len() > URL_MAX {
        return refused("A URL has at most 2,000 characters.");
    }
    let Ok(mut url) = Url::parse(text.trim()) else {
        return refused("Give a URL such as https://app.example.com/hooks.");
    };
    let scheme_fits = url.scheme() == "https" || allow_private && url.scheme() == "http";
    if !scheme_fits {
        return refused("A webhook is posted by https only.");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("Leave name and password out of the URL: whoever is posted to checks the signature.");
    }
    let private = match url.host() {
        None => return refused("The URL names no host."),
        Some(Host::Domain(name)) => is_local_name(name),
        Some(Host::Ipv4(ip)) => !is_public(ip.into()),
        Some(Host::Ipv6(ip)) => !is_public(ip.into()),
    };
    if private && !allow_private {
        return refused("This host is in a private network; a webhook goes to public ones only.");
    }
    url.set_fragment(None);
    Ok(url)
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name.is_empty()
        || LOCAL
            .iter()
            .any(|local| name == *local || name.strip_suffix(local).is_some_and(|n| n.ends_with('.')))
}

/// Whether an address is one of the public internet.
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// IANA's registry of special-purpose addresses, as far as they are not globally reachable, and multicast.
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        // This network, private, loopback, multicast, reserved and broadcast.
        [0 | 10 | 127 | 224.., ..] => true,
        // Carrier-grade NAT.
        [100, b, ..] => b & 0xc0 == 64,
        // Link-local, where clouds keep their metadata.
        [169, 254, ..] | [192, 168, ..] => true,
        [172, b, ..] => b & 0xf0 == 16,
        // Protocol assignments, documentation, relays of 6to4.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        // Benchmarking.
        [198, 18 | 19, ..] => true,
        _ => false,
    };
    !special
}

/// Global unicast alone, without what stands in it for another address or for nobody. An address that carries one of version
/// 4 is as good as that one.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        // Mapped, and NAT64's well-known prefix.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // Protocol assignments with Teredo and benchmarking, documentation, 6to4.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x2002, ..] => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t63_addresses_that_are_nobodys_on_the_internet_are_refused() {
        let refused = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "fd00:ec2::254",
        ];
        for text in refused {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:200::1",
            "2a00:1450::1",
            "3fff:1000::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ];
        for text in public {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn t63_a_url_is_https_without_credentials_to_a_public_host_however_it_is_spelled() {
        for text in [
            "",
            "nothing",
            "http://example.com/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com/",
            "https://",
            "https://user@example.com/",
            "https://user:word@example.com/",
            "https://:word@example.com/",
            "https://localhost/",
            "https://LOCALHOST:8443/",
            "https://localhost./",
            "https://a.localhost/",
            "https://host.localdomain/",
            "https://printer.local/",
            "https://metadata.google.internal/",
            "https://router.home.arpa/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.0.0.1/",
            "https://0177.0.0.1/",
            "https://0x7f000001/",
            "https://0/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[fe80::1]/",
            "https://169.254.169.254/latest/meta-data/",
            "https://１２７.0.0.1/",
            "https://127。0。0。1/",
            "https://10.0.0.1:8443/",
            "https://[fd00::1]/",
        ] {
            assert!(parse(text, false).is_err(), "{text}");
        }
        for text in [
            "https://example.com/",
            "https://example.com:8443/a?b=c#d",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
        ] {
            assert_eq!(parse(text, false).unwrap().fragment(), None, "{text}");
        }
        // The host is the one that is connected to: one parser reads the URL for both.
        let confusing = parse("https://example.com\\@127.0.0.1:99999/", false).unwrap();
        assert_eq!(confusing.host_str(), Some("example.com"));
        assert!(parse(&format!("https://example.com/{}", "a".repeat(2_000)), false).is_err());
        for text in ["http://127.0.0.1:8080/", "https://localhost/"] {
            assert!(parse(text, true).is_ok(), "{text}");
        }
        for text in ["ftp://127.0.0.1/", "http://user@127.0.0.1/"] {
            assert!(parse(text, true).is_err(), "{text}");
        }
    }
}
