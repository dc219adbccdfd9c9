//! Certificates of servers: which are accepted, and how one that is not is described.
//!
//! A description names the subject, the issuer and the fingerprint, so that a user can compare them with what the camera's own
//! page shows, and copy the fingerprint into the settings.

use atom_pipelines::{Fingerprint, PlannedSource, TlsCheck};
use gio::{TlsCertificateFlags, prelude::*};
use sha2::{Digest, Sha256};

/// The certificates that are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertificateTrust {
    /// Those that an authority known to the system signed for the host.
    #[default]
    Authorities,
    /// The one with this fingerprint.
    Exactly(Fingerprint),
    /// Any.
    Anything,
}

impl CertificateTrust {
    /// Returns what the settings of a source accept. They were checked before.
    pub(crate) fn of(source: &PlannedSource) -> Self {
        let settings = &source.settings;
        let fingerprint = settings.tls_fingerprint.as_deref();
        match (fingerprint.and_then(Fingerprint::parse), settings.tls) {
            (Some(fingerprint), _) => Self::Exactly(fingerprint),
            (None, TlsCheck::Insecure) => Self::Anything,
            (None, TlsCheck::Verify) => Self::Authorities,
        }
    }
}

/// The package with GIO's TLS.
const TLS_PACKAGE: &str = "glib-networking";

/// Returns the reason why no encrypted connection can be made at all, if there is one.
pub(crate) fn missing_tls() -> Option<String> {
    (!gio::TlsBackend::default().supports_tls()).then(|| {
        format!(
            "encrypted connections need the TLS plugin of GIO; install the package {TLS_PACKAGE}"
        )
    })
}

/// Returns the fingerprint of a certificate.
pub(crate) fn fingerprint_of(certificate: &gio::TlsCertificate) -> Option<Fingerprint> {
    let der = certificate.certificate()?;
    Some(Fingerprint(Sha256::digest(&der[..]).into()))
}

/// Describes a certificate that is refused because of these flags.
pub(crate) fn described(
    certificate: &gio::TlsCertificate,
    flags: TlsCertificateFlags,
    trust: CertificateTrust,
) -> String {
    let name = |property: &str| {
        let has = certificate.find_property(property).is_some();
        let name = has.then(|| certificate.property::<Option<String>>(property));
        name.flatten().unwrap_or_else(|| "unknown".to_owned())
    };
    let refused = match trust {
        CertificateTrust::Exactly(_) => {
            "the server's certificate does not match tls_fingerprint".to_owned()
        }
        _ => format!(
            "the server's certificate is not trusted: {}",
            reasons(flags)
        ),
    };
    format!(
        "{refused}; subject {:?}, issuer {:?}, SHA-256 fingerprint {}",
        name("subject-name"),
        name("issuer-name"),
        fingerprint_text(certificate),
    )
}

/// Returns the hint for accepting the certificate of a camera from now on.
pub(crate) fn fingerprint_hint(certificate: &gio::TlsCertificate) -> String {
    format!(
        "; if this is your camera, set tls_fingerprint = \"{}\" for the source",
        fingerprint_text(certificate)
    )
}

/// The hint for accepting a certificate where no fingerprint can be set.
pub(crate) const NO_FINGERPRINT_HINT: &str =
    "; add it to the trusted certificates of the system, or set tls = \"insecure\" for the source";

fn fingerprint_text(certificate: &gio::TlsCertificate) -> String {
    fingerprint_of(certificate).map_or_else(String::new, |fingerprint| fingerprint.to_string())
}

/// Returns the faults of a certificate in words.
fn reasons(flags: TlsCertificateFlags) -> String {
    let words = [
        (
            TlsCertificateFlags::UNKNOWN_CA,
            "it is not signed by a trusted authority",
        ),
        (
            TlsCertificateFlags::BAD_IDENTITY,
            "it is for a different host name",
        ),
        (TlsCertificateFlags::NOT_ACTIVATED, "it is not valid yet"),
        (TlsCertificateFlags::EXPIRED, "it has expired"),
        (TlsCertificateFlags::REVOKED, "it has been revoked"),
        (
            TlsCertificateFlags::INSECURE,
            "it uses an insecure algorithm",
        ),
    ];
    let present: Vec<_> = words
        .iter()
        .filter(|(flag, _)| flags.contains(*flag))
        .map(|(_, words)| *words)
        .collect();
    match present.is_empty() {
        true => "it cannot be verified".to_owned(),
        false => present.join(", "),
    }
}
