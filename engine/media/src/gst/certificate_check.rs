//! Checks the certificate of a server that is reached over TLS, and names one that is refused.
//!
//! GIO checks it against the system's authorities. With a fingerprint in the settings nothing but that decides. Invariant: a
//! connection whose certificate was refused carries no login, because GStreamer closes it during the handshake.

use std::sync::Arc;

use gio::prelude::*;
use gstreamer as gst;
use parking_lot::Mutex;

use super::no_authorities::no_authorities;
use crate::server_certificate::{CertificateTrust, described, fingerprint_hint, fingerprint_of};

/// The check of one connection.
#[derive(Clone)]
pub(super) struct CertificateCheck {
    trust: CertificateTrust,
    refusal: Arc<Mutex<Option<String>>>,
}

impl CertificateCheck {
    /// Returns the check of a connection.
    ///
    /// # Errors
    /// If a fingerprint cannot replace the system's authorities.
    pub(super) fn new(trust: CertificateTrust) -> Result<Self, String> {
        if matches!(trust, CertificateTrust::Exactly(_)) {
            no_authorities()?;
        }
        Ok(Self {
            trust,
            refusal: Arc::default(),
        })
    }

    /// Sets up a source element, before it connects.
    pub(super) fn attach(&self, source: &gst::Element) {
        if source.find_property("ssl-strict").is_some() {
            source.set_property("ssl-strict", self.trust != CertificateTrust::Anything);
        }
        if source.find_property("tls-validation-flags").is_none() {
            return;
        }
        match self.trust {
            CertificateTrust::Anything => {
                source.set_property("tls-validation-flags", gio::TlsCertificateFlags::empty());
            }
            CertificateTrust::Exactly(_) => {
                // It could be made a moment ago.
                match no_authorities() {
                    Ok(nobody) => source.set_property("tls-database", nobody),
                    Err(error) => {
                        gst::element_error!(source, gst::ResourceError::Settings, ["{error}"]);
                    }
                }
            }
            CertificateTrust::Authorities => {}
        }
        let check = self.clone();
        source.connect("accept-certificate", false, move |values| {
            let certificate = values.get(2)?.get::<gio::TlsCertificate>().ok()?;
            let flags = values.get(3)?.get::<gio::TlsCertificateFlags>().ok()?;
            Some(check.accepts(&certificate, flags).to_value())
        });
    }

    /// Decides about a certificate that GIO does not accept by itself.
    fn accepts(&self, certificate: &gio::TlsCertificate, flags: gio::TlsCertificateFlags) -> bool {
        let accepted = match self.trust {
            CertificateTrust::Anything => true,
            CertificateTrust::Authorities => false,
            CertificateTrust::Exactly(wanted) => fingerprint_of(certificate) == Some(wanted),
        };
        if !accepted {
            let text = described(certificate, flags, self.trust) + &fingerprint_hint(certificate);
            *self.refusal.lock() = Some(text);
        }
        accepted
    }

    /// Returns the text about the certificate that was refused, if one was.
    pub(super) fn refusal(&self) -> Option<String> {
        self.refusal.lock().clone()
    }
}
