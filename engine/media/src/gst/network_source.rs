//! Settings of the element that connects to a network camera or a web address, and what its server offered.
//!
//! The same settings apply to every kind of address, as far as the element has them.

use gstreamer::{self as gst, prelude::*};

use super::{certificate_check::CertificateCheck, stream_selection::StreamSelection};
use crate::{server_certificate::missing_tls, source_location::NetworkAddress};

/// The transport over which a network camera sends its frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Inside the RTSP connection: nothing is lost on the way, and firewalls let it through.
    #[default]
    Tcp,
    /// Packets beside the connection (UDP); some cameras offer nothing else.
    Udp,
}

/// Time that frames from the network wait for late ones, in milliseconds.
const LATENCY_MS: u32 = 100;
/// Number of packets in a row after which a stream counts as valid. GStreamer waits for two, which never come from a camera that
/// sends every packet twice.
const PROBATION: u32 = 1;

/// The connection of one pipeline to its server.
#[derive(Clone)]
pub(super) struct NetworkSource {
    pub(super) address: NetworkAddress,
    transport: Transport,
    streams: StreamSelection,
    certificate: CertificateCheck,
}

impl NetworkSource {
    /// Returns the connection to an address.
    ///
    /// # Errors
    /// If it is encrypted and cannot be.
    pub(super) fn new(address: &NetworkAddress, transport: Transport) -> Result<Self, String> {
        if let Some(reason) = missing_tls().filter(|_| address.has_tls()) {
            return Err(reason);
        }
        Ok(Self {
            address: address.clone(),
            transport,
            streams: StreamSelection::default(),
            certificate: CertificateCheck::new(address.trust)?,
        })
    }

    /// Sets up a source element, before it connects.
    pub(super) fn configure(&self, source: &gst::Element) {
        let has = |name: &str| source.find_property(name).is_some();
        if has("protocols") {
            source.set_property_from_str(
                "protocols",
                match self.transport {
                    Transport::Tcp => "tcp",
                    Transport::Udp => "udp",
                },
            );
            source.set_property("latency", LATENCY_MS);
            source.set_property("probation", PROBATION);
            self.streams.attach(source);
        }
        if let Some(login) = self.address.login.as_ref().filter(|_| has("user-id")) {
            source.set_property("user-id", &login.user);
            source.set_property("user-pw", login.password.reveal());
        }
        self.certificate.attach(source);
    }

    /// Returns the reason why the server's offer was refused here, if it was.
    pub(super) fn refusal(&self) -> Option<String> {
        self.certificate
            .refusal()
            .or_else(|| self.streams.no_video())
    }
}
