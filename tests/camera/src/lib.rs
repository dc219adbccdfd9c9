//! A network camera on loopback.
