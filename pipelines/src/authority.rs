//! The host and port of a URI on the network.
//!
//! Only impossible addresses are refused: an empty host, a port that is not a number, and an IPv6 address whose port cannot
//! be distinguished from it. Invariant: an error shows an address only if it is an IPv6 address, because text that cannot be read may
//! be part of a password.

use std::net::Ipv6Addr;

use thiserror::Error;

/// An error for a host and port that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// An IPv6 address without the brackets that separate it from the port; holds the address as it should be written.
    #[error("uri has an IPv6 address without brackets; write {0}")]
    BareIpv6(String),
    /// A host is missing, or the text after it is not a port.
    #[error("uri has no valid host and port; expected HOST or HOST:PORT after ://")]
    HostOrPort,
}

/// Checks the part of a URI between the login and the path.
///
/// # Errors
/// If it names no host, no valid port, or an IPv6 address without brackets.
pub(crate) fn check_authority(authority: &str) -> Result<(), AuthorityError> {
    if let Some(written) = with_brackets(authority) {
        return Err(AuthorityError::BareIpv6(written));
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !authority.ends_with(']') => (host, port),
        _ => (authority, ""),
    };
    // An empty port is the usual one (RFC 3986).
    let valid_port = port.is_empty() || port.parse::<u16>().is_ok_and(|port| port > 0);
    match valid_port && !host.is_empty() {
        true => Ok(()),
        false => Err(AuthorityError::HostOrPort),
    }
}

/// Returns an IPv6 address without brackets as it should be written. A last group that can be a port is taken as one.
fn with_brackets(authority: &str) -> Option<String> {
    let is_address = |text: &str| text.parse::<Ipv6Addr>().is_ok();
    if let Some((host, port)) = authority.rsplit_once(':')
        && is_address(host)
        && port.parse::<u16>().is_ok_and(|port| port > 0)
    {
        return Some(format!("[{host}]:{port}"));
    }
    is_address(authority).then(|| format!("[{authority}]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_without_brackets_is_told_how_to_write_it() {
        let written = |text: &str| match check_authority(text) {
            Err(AuthorityError::BareIpv6(written)) => written,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(written("::1:8554"), "[::1]:8554");
        assert_eq!(written("fe80::1"), "[fe80::1]");
        assert_eq!(
            written("2001:db8:0:0:0:0:0:7:554"),
            "[2001:db8:0:0:0:0:0:7]:554"
        );
    }

    #[test]
    fn a_host_must_be_there_and_a_port_a_number() {
        for right in [
            "cam",
            "cam:554",
            "cam:",
            "[::1]",
            "[fe80::1%eth0]:80",
            "10.0.0.7:1",
        ] {
            assert_eq!(check_authority(right), Ok(()), "{right}");
        }
        for wrong in ["", ":80", "cam:0", "cam:70000", "cam:rtsp", "a:b:c"] {
            assert_eq!(
                check_authority(wrong),
                Err(AuthorityError::HostOrPort),
                "{wrong}"
            );
        }
    }
}
