//! A network camera on loopback that plays a video in a loop and causes faults on request, for tests and demos.
//!
//! An [`EncodedVideo`] is encoded once and kept in memory. A [`Camera`] serves videos over RTSP; it can stall, change the
//! frame size, and require a login. A [`FaultProxy`] stands between a client and a camera and causes the faults of bad
//! networks. Everything listens on 127.0.0.1 only, and releases its threads and file descriptors when it is dropped.
//!
//! | file | content |
//! |---|---|
//! | `encoded_video.rs` | a video as encoded frames in memory, from a file or a test pattern |
//! | `pacer.rs` | the thread that sends the frames to all clients, at the video's frame rate |
//! | `camera.rs` | the RTSP server: addresses, login, transport, start and end |
//! | `rtsp_message.rs` | RTSP over TCP as messages: text and interleaved RTP packets |
//! | `faults.rs` | the active faults: stalls, damaged packets, restarted clocks |
//! | `proxy_connection.rs` | one connection through the proxy |
//! | `fault_proxy.rs` | the proxy in front of a camera, which can also cut connections |
//! | `sound.rs` | the sound of a camera, and its refusal |
//! | `web_camera.rs` | JPEG images over HTTP, in the forms that web cameras send |
//! | `tls_server.rs` | TLS before a camera, with a self-signed certificate |
//! | `main.rs` | the program `atom-camera`: a camera behind a proxy, controlled by commands on stdin |
//! | `commands.rs` | the commands, and the timers that end faults |
//!
//! ```no_run
//! use atom_camera::{Camera, CameraOptions, EncodedVideo, FaultProxy, VideoFormat};
//!
//! let video = EncodedVideo::from_test_pattern("ball", 10, VideoFormat::default())?;
//! let camera = Camera::start(CameraOptions::playing(video))?;
//! let proxy = FaultProxy::to(camera.address())?;
//! let uri = proxy.uri(camera.path());
//! proxy.cut();
//! proxy.restore();
//! # assert!(uri.starts_with("rtsp://127.0.0.1:"));
//! # anyhow::Ok(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod camera;
mod encoded_video;
mod fault_proxy;
mod faults;
mod pacer;
mod proxy_connection;
mod rtsp_message;
mod sound;
mod tls_server;
mod web_camera;

pub use camera::{Camera, CameraOptions, Transport};
pub use encoded_video::{EncodedVideo, VideoCodec, VideoFormat};
pub use fault_proxy::FaultProxy;
pub use sound::Sound;
pub use tls_server::{SUBJECT, TlsServer};
pub use web_camera::{WebCamera, WebForm};
