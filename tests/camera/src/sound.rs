//! The sound of a camera, which a viewer of its pictures does not need and which causes trouble nevertheless.

use gstreamer_rtsp_server::{RTSPClient, gst_rtsp::RTSPStatusCode, prelude::*};

/// The pipeline of the sound, without the number of the stream.
const SOUND: &str = "audiotestsrc is-live=true wave=silence ! audio/x-raw,rate=8000,channels=1 \
                     ! mulawenc ! rtppcmupay pt=0";
/// The end of the address of the second stream.
const SECOND_STREAM: &str = "stream=1";

/// The sound of a camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sound {
    /// None.
    #[default]
    None,
    /// Offered before the pictures.
    First,
    /// Offered after the pictures, but a client that asks for it gets 404.
    Refused,
    /// Offered without any pictures.
    Only,
}

impl Sound {
    /// Returns the pipeline of a camera with this sound, and with these elements for its pictures.
    pub(crate) fn launch(self, frames: &str) -> String {
        match self {
            Self::None => format!("( {frames} name=pay0 )"),
            Self::First => format!("( {SOUND} name=pay0 {frames} name=pay1 )"),
            Self::Refused => format!("( {frames} name=pay0 {SOUND} name=pay1 )"),
            Self::Only => format!("( {SOUND} name=pay0 )"),
        }
    }
}

/// Makes a client's request for the second stream fail.
pub(crate) fn refuse_second_stream(client: &RTSPClient) {
    client.connect_pre_setup_request(|_, request| {
        let uri = request.uri().map(|uri| uri.request_uri());
        match uri.is_some_and(|uri| uri.contains(SECOND_STREAM)) {
            true => RTSPStatusCode::NotFound,
            false => RTSPStatusCode::Ok,
        }
    });
}
