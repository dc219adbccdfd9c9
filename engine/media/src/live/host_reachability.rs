//! Checks whether a server on the network can be reached: GStreamer only reports that it could not connect.
//!
//! The certificate of a web server is checked as well, because GStreamer's HTTP client gives no reason for a refused certificate;
//! its RTSP client does.

use std::{
    cell::RefCell,
    io::ErrorKind,
    net::{TcpStream, ToSocketAddrs},
    rc::Rc,
    time::Duration,
};

use gio::prelude::*;
use http::uri::Authority;

use crate::server_certificate::{CertificateTrust, NO_FINGERPRINT_HINT, described};

/// Time that a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Returns the reason why no server answers at a uri, or why its certificate is refused; none if the server can be used,
/// or the scheme is unknown.
pub(crate) fn unreachable_reason(uri: &str, trust: CertificateTrust) -> Option<String> {
    let (host, port) = host_and_port(uri)?;
    let address = format!("{host}:{port}");
    let Ok(resolved) = (host.as_str(), port).to_socket_addrs() else {
        return Some(format!("the host name {host:?} cannot be resolved"));
    };
    let mut reason = format!("the host {host:?} has no address");
    for candidate in resolved {
        let Err(error) = TcpStream::connect_timeout(&candidate, CONNECT_TIMEOUT) else {
            let https = uri.to_ascii_lowercase().starts_with("https:");
            return https
                .then(|| refused_certificate(&host, port, trust))
                .flatten();
        };
        reason = match error.kind() {
            ErrorKind::ConnectionRefused => {
                format!("no server listens at {address}: the connection was refused")
            }
            ErrorKind::TimedOut => format!(
                "no answer from {address} within {} s",
                CONNECT_TIMEOUT.as_secs()
            ),
            _ => format!("cannot connect to {address}: {error}"),
        };
    }
    Some(reason)
}

/// Returns the reason why the certificate of a server is refused, if it is.
fn refused_certificate(host: &str, port: u16, trust: CertificateTrust) -> Option<String> {
    if trust == CertificateTrust::Anything {
        return None;
    }
    let client = gio::SocketClient::new();
    client.set_tls(true);
    client.set_enable_proxy(false);
    client.set_timeout(CONNECT_TIMEOUT.as_secs() as u32);
    let refusal = Rc::new(RefCell::new(None));
    let refused = Rc::clone(&refusal);
    client.connect_event(move |_, event, _, connection| {
        let connection = connection.and_then(|stream| stream.downcast_ref::<gio::TlsConnection>());
        let Some(connection) =
            connection.filter(|_| event == gio::SocketClientEvent::TlsHandshaking)
        else {
            return;
        };
        let refused = Rc::clone(&refused);
        connection.connect_accept_certificate(move |_, certificate, flags| {
            let text = described(certificate, flags, trust) + NO_FINGERPRINT_HINT;
            *refused.borrow_mut() = Some(text);
            false
        });
    });
    let address = match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    // Only the certificate counts: another error is GStreamer's to report.
    let _ = client.connect_to_host(&address, port, gio::Cancellable::NONE);
    refusal.take()
}

/// Returns the host of a uri and its port, or else the scheme's usual one.
fn host_and_port(uri: &str) -> Option<(String, u16)> {
    let (scheme, rest) = uri.split_once("://")?;
    let usual = match scheme.to_ascii_lowercase().as_str() {
        "rtsp" => 554,
        "rtsps" => 322,
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    // Only the authority counts: cameras have paths that a strict parser of uris rejects.
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority: Authority = authority.parse().ok()?;
    let has_port = authority.as_str().rsplit('@').next()? != authority.host();
    let port = if has_port {
        authority.port_u16()?
    } else {
        usual
    };
    // An IPv6 address is in brackets.
    let host = authority.host().trim_matches(['[', ']']);
    Some((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn reads_host_and_port() {
        let expected = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(host_and_port("rtsp://cam/x"), expected("cam", 554));
        assert_eq!(host_and_port("http://[::1]:81/x"), expected("::1", 81));
        assert_eq!(host_and_port("https://h:8443"), expected("h", 8443));
        assert_eq!(
            host_and_port("rtsp://me:pass@cam:8554/Channel 1?a=<b>"),
            expected("cam", 8554)
        );
        for wrong in ["test://ball", "rtsp://cam:99999/x", "rtsp://cam:/x", "cam"] {
            assert_eq!(host_and_port(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn explains_why_nobody_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("rtsp://{}/x", listener.local_addr().unwrap());
        assert_eq!(unreachable_reason(&uri, CertificateTrust::default()), None);
        drop(listener);
        let reason = unreachable_reason(&uri, CertificateTrust::default()).unwrap();
        assert!(
            reason.contains("refused") && reason.contains("127.0.0.1"),
            "{reason}"
        );
    }
}
