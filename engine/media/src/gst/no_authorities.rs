//! A list of certificate authorities under which no certificate is valid, so that GIO asks about every one.
//!
//! GIO refuses an empty list and reads a list only from a file. So the list holds one authority, whose key is for X25519: such a
//! key agrees on secrets and cannot sign. Invariant: no certificate can ever be valid under it, whoever knows its private key.

use std::{
    io::{self, Write},
    path,
};

use tempfile::NamedTempFile;

/// The authority, named `nobody`.
const NOBODY: &str = include_str!("no_authorities.pem");

/// Returns the list.
///
/// # Errors
/// If no temporary file can be written; the text is for people.
pub(super) fn no_authorities() -> Result<gio::TlsFileDatabase, String> {
    let explained = |error: &dyn std::fmt::Display| {
        format!("cannot verify a certificate by its fingerprint: {error}")
    };
    let file = written().map_err(|error| explained(&error))?;
    // GIO takes no relative path, which the folder for temporary files may have.
    let path = path::absolute(file.path()).map_err(|error| explained(&error))?;
    gio::TlsFileDatabase::new(path).map_err(|error| explained(&error))
}

fn written() -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    file.write_all(NOBODY.as_bytes())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use gio::prelude::*;

    use super::*;

    /// The authorities of Debian's package ca-certificates.
    const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";
    /// The purpose of a server's certificate (RFC 5280).
    const SERVER: &str = "1.3.6.1.5.5.7.3.1";

    #[test]
    fn not_even_an_authority_of_the_system_is_valid_under_it() {
        let list = no_authorities().unwrap();
        let certificates = gio::TlsCertificate::list_new_from_file(SYSTEM).unwrap();
        assert!(!certificates.is_empty());
        for certificate in certificates.iter().take(5) {
            let flags = list.verify_chain(
                certificate,
                SERVER,
                None::<&gio::SocketConnectable>,
                None::<&gio::TlsInteraction>,
                gio::TlsDatabaseVerifyFlags::NONE,
                None::<&gio::Cancellable>,
            );
            assert!(
                flags
                    .unwrap()
                    .contains(gio::TlsCertificateFlags::UNKNOWN_CA)
            );
        }
    }
}
