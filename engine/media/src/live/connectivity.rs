//! Why a place on the network cannot be reached: GStreamer only says that it could not connect.

use std::{
    io::ErrorKind,
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why nobody answers at a uri; nothing if somebody does.
pub(crate) fn trouble(uri: &str) -> Option<String> {
    let (host, port) = host_and_port(uri)?;
    let named = format!("{host}:{port}");
    let Ok(addresses) = (host.as_str(), port).to_socket_addrs() else {
        return Some(format!("no host named {host:?} is known"));
    };
    let mut said = format!("the host {host:?} has no address");
    for address in addresses {
        let Err(error) = TcpStream::connect_timeout(&address, PATIENCE) else {
            return None;
        };
        said = match error.kind() {
            ErrorKind::ConnectionRefused => {
                format!("nobody answers at {named}: the connection was refused")
            }
            ErrorKind::TimedOut => format!("nobody answers at {named}"),
            _ => format!("cannot connect to {named}: {error}"),
        };
    }
    Some(said)
}

fn host_and_port(uri: &str) -> Option<(String, u16)> {
    let (scheme, rest) = uri.split_once("://")?;
    let usual = match scheme.to_ascii_lowercase().as_str() {
        "rtsp" => 554,
        "rtsps" => 322,
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let place = rest.split(['/', '?', '#']).next()?;
    // The address of a host may hold colons of its own, in brackets.
    let (host, port) = match place
        .strip_prefix('[')
        .and_then(|place| place.split_once(']'))
    {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = port.map_or(Some(usual), |port| port.parse().ok())?;
    Some((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn reads_host_and_port() {
        let place = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(host_and_port("rtsp://cam/x"), place("cam", 554));
        assert_eq!(host_and_port("http://[::1]:81/x"), place("::1", 81));
        assert_eq!(host_and_port("https://h:8443"), place("h", 8443));
        assert_eq!(host_and_port("test://ball"), None);
    }

    #[test]
    fn tells_who_does_not_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("rtsp://{}/x", listener.local_addr().unwrap());
        assert_eq!(trouble(&uri), None);
        drop(listener);
        let said = trouble(&uri).unwrap();
        assert!(
            said.contains("refused") && said.contains("127.0.0.1"),
            "{said}"
        );
    }
}
