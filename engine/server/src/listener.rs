//! The address that the server listens on.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use atom_runtime::{RunHandles, StartServer};

use crate::{
    app_state::AppState,
    bearer_token::{BearerToken, MIN_CHARACTERS},
    connection_limits::ConnectionLimits,
    connections::Connections,
    error::ServerError,
    http_server::HttpServer,
    routes::router,
};

/// A bound address, the token that requests need, and the limits on connections.
pub struct Listener {
    listener: TcpListener,
    token: Option<BearerToken>,
    limits: ConnectionLimits,
}

/// Parses an address to listen on: `ADDRESS:PORT`, or a port of the loopback address.
///
/// # Errors
/// If it is neither; the error says what was expected.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let port = text.strip_prefix(':').unwrap_or(text).parse().ok();
    let localhost_port = || text.strip_prefix("localhost:")?.parse().ok();
    port.or_else(localhost_port)
        .map(loopback)
        .or_else(|| text.parse().ok())
        .ok_or_else(|| "expected ADDRESS:PORT or a port, for example 127.0.0.1:9600".to_owned())
}

impl Listener {
    /// Binds the address, so that no other program can have it.
    ///
    /// # Errors
    /// If it is in use or not of this machine, or if other machines can reach it and it has no token, or a short one.
    pub fn bind(
        address: SocketAddr,
        token: Option<BearerToken>,
        limits: ConnectionLimits,
    ) -> Result<Self, ServerError> {
        if !address.ip().is_loopback() {
            let characters = token.as_ref().map(BearerToken::characters);
            let characters = characters.ok_or(ServerError::Unprotected { address })?;
            if characters < MIN_CHARACTERS {
                return Err(ServerError::WeakToken {
                    address,
                    characters,
                });
            }
        }
        let listener = TcpListener::bind(address).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => ServerError::AddressInUse { address },
            _ => ServerError::Bind { address, source },
        })?;
        Ok(Self {
            listener,
            token,
            limits,
        })
    }

    /// Returns a function that serves a run here until the run ends.
    pub fn serve(self) -> StartServer {
        Box::new(|handles: RunHandles| {
            let state = AppState {
                status: handles.status,
                metrics: handles.metrics,
                token: self.token,
                indexes: handles.index_paths,
            };
            let connections = Connections::new(router(state), self.limits);
            Ok(Box::new(HttpServer::start(self.listener, connections)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_means_this_machine() {
        for text in ["9600", ":9600", "127.0.0.1:9600", "localhost:9600"] {
            assert_eq!(
                parse_address(text).unwrap(),
                ([127, 0, 0, 1], 9600).into(),
                "{text}"
            );
        }
        assert!(parse_address("[::1]:9600").unwrap().ip().is_loopback());
        let error = parse_address("nowhere").unwrap_err();
        assert!(error.contains("127.0.0.1:9600"), "{error}");
    }

    #[test]
    fn other_machines_need_a_token_and_a_port_has_one_owner() {
        let bind = |address: &str, token: &str| {
            let limits = ConnectionLimits::new(1024, Vec::new());
            let bound = Listener::bind(address.parse().unwrap(), BearerToken::new(token), limits);
            bound.map_err(|refused| refused.to_string())
        };
        let refusal = |address: &str, token: &str| bind(address, token).err().unwrap();
        assert!(refusal("0.0.0.0:0", "").contains("--token-file"));
        let weak = refusal("0.0.0.0:0", "x");
        assert!(
            weak.contains("1 character, expected at least 16")
                && weak.contains("openssl rand -hex 16"),
            "{weak}"
        );
        assert!(bind("0.0.0.0:0", "0123456789abcdef").is_ok());
        assert!(bind("127.0.0.1:0", "x").is_ok());
        let first = bind("127.0.0.1:0", "").unwrap();
        let in_use = first.listener.local_addr().unwrap().to_string();
        assert!(refusal(&in_use, "").contains("another program listens there"));
    }
}
