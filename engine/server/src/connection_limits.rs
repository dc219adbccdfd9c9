//! The limits on connections, by which no client can make the server unreachable for others.
//!
//! They count connections, not requests: each takes a descriptor of the process before anything is known of its client.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

/// Time in which a client has to send the header of a request, after connecting or after the response before.
pub(crate) const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Time in which a request is read and answered.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Time in which a client has to take the next piece of a response.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest size of the header of a request, in bytes.
pub(crate) const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Largest number of lines in the header of a request.
pub(crate) const MAX_HEADER_LINES: usize = 64;
/// Largest size of the body of a request, in bytes; a standing query has a few thousand.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// Most connections in all, whatever number of descriptors there is.
const MOST_CONNECTIONS: u64 = 256;
/// One of this many descriptors may be a connection: cameras, recordings, sinks and indexes need the others.
const DESCRIPTOR_SHARE: u64 = 4;
/// Most connections of one client.
const MOST_PER_CLIENT: usize = 32;

/// The limits on open connections.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    pub(crate) total: usize,
    pub(crate) per_client: usize,
    trusted_proxies: Vec<IpAddr>,
}

impl ConnectionLimits {
    /// Returns the limits for a process that may have this many descriptors. Behind each of the trusted proxies are many
    /// clients, so only the limit on all connections holds for it.
    pub fn new(descriptors: u64, trusted_proxies: Vec<IpAddr>) -> Self {
        let total = (descriptors / DESCRIPTOR_SHARE).clamp(8, MOST_CONNECTIONS) as usize;
        Self {
            total,
            per_client: MOST_PER_CLIENT.min(total),
            trusted_proxies: trusted_proxies.iter().map(IpAddr::to_canonical).collect(),
        }
    }

    /// Returns true if an address is a trusted proxy.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.contains(&address.to_canonical())
    }
}

/// Returns the client that an address belongs to: an IPv6 client has a whole network of 64 bits.
pub(crate) fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_most_descriptors_to_the_run() {
        let total = |descriptors| ConnectionLimits::new(descriptors, Vec::new()).total;
        assert_eq!([1024, 1_000_000, 256, 16].map(total), [256, 256, 64, 8]);
    }

    #[test]
    fn an_ipv6_network_is_one_client_and_a_mapped_address_is_its_ipv4_client() {
        let client_of = |text: &str| client(text.parse().unwrap());
        assert_eq!(client_of("2001:db8::1"), client_of("2001:db8::2:3"));
        assert_ne!(client_of("2001:db8::1"), client_of("2001:db8:0:1::1"));
        assert_eq!(client_of("::ffff:192.0.2.7"), client_of("192.0.2.7"));
        assert_ne!(client_of("192.0.2.8"), client_of("192.0.2.7"));
        let limits = ConnectionLimits::new(1024, vec!["192.0.2.7".parse().unwrap()]);
        assert!(limits.trusts("::ffff:192.0.2.7".parse().unwrap()));
        assert!(!limits.trusts("192.0.2.8".parse().unwrap()));
    }
}
