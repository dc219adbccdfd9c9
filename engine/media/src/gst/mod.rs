//! GStreamer: pipelines, their errors, selective decoding, concealed pictures, and conversion of frames to RGB.

mod access_point;
mod alpha_over_black;
mod certificate_check;
pub(crate) mod concealment;
mod decoder_buffers;
pub(crate) mod error_class;
pub(crate) mod frame_converter;
mod jpeg_splitter;
mod jpeg_stream;
mod kept_back;
pub(crate) mod missing_plugin_hints;
mod nal_units;
pub(crate) mod network_source;
mod no_authorities;
mod orientation;
pub(crate) mod packet_selector;
pub(crate) mod picture_gate;
pub(crate) mod pipeline_error;
pub(crate) mod reading_progress;
mod repeated_times;
pub(crate) mod selective_decoding;
mod server_status;
pub(crate) mod source_elements;
mod stream_selection;
mod track_choice;
mod transport_stream;
pub(crate) mod video_pipeline;
