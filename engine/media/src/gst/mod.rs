//! GStreamer: pipelines, their errors, selective decoding, and conversion of frames to RGB.

pub(crate) mod elements;
pub(crate) mod frame_converter;
pub(crate) mod packet_selector;
pub(crate) mod pipeline;
pub(crate) mod pipeline_error;
pub(crate) mod plugin_hints;
pub(crate) mod selective_decoding;
