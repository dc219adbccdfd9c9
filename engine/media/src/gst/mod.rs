//! GStreamer: pipelines, their errors, selective decoding, and conversion of frames to RGB.

pub(crate) mod frame_converter;
pub(crate) mod missing_plugin_hints;
pub(crate) mod packet_selector;
pub(crate) mod pipeline_error;
pub(crate) mod selective_decoding;
pub(crate) mod source_elements;
pub(crate) mod video_pipeline;
