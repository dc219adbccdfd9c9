//! A network camera on loopback that plays a film for ever and misbehaves when told to: for tests and demos.
//!
//! A [`Film`] is encoded once and kept in memory; a [`Camera`] serves films over RTSP and can stall, change its picture
//! size, ask for a login; a [`Wire`] stands between a client and a camera and does what bad networks do. Everything
//! listens on 127.0.0.1 only, and ends, threads and descriptors included, when it is dropped.
//!
//! | file | what it holds |
//! |---|---|
//! | `film.rs` | a video as encoded pictures in memory, from a file or drawn |
//! | `camera.rs` | the RTSP server: addresses, login, transport, start and end |
//! | `pacer.rs` | the thread that hands the pictures of the film to all clients, at the film's rate |
//! | `interleaved.rs` | RTSP over TCP cut into messages: text and numbered frames |
//! | `wire.rs` | the proxy in front of a camera: cuts, stalls, damage, clocks that restart |
//! | `link.rs` | one connection through a wire |
//! | `main.rs` | the program `atom-camera`: a camera behind a wire, told what to do on stdin |
//! | `commands.rs` | what can be said to the program, and when each misbehaviour ends |
//!
//! ```no_run
//! use atom_camera::{Camera, CameraOptions, Film, FilmOptions, Wire};
//!
//! let film = Film::drawn("ball", 10, FilmOptions::default())?;
//! let camera = Camera::start(CameraOptions::playing(film))?;
//! let wire = Wire::to(camera.address())?;
//! let seen_by_clients = wire.uri(camera.path());
//! wire.cut();
//! wire.mend();
//! # assert!(seen_by_clients.starts_with("rtsp://127.0.0.1:"));
//! # anyhow::Ok(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod camera;
mod film;
mod interleaved;
mod link;
mod pacer;
mod wire;

pub use camera::{Camera, CameraOptions, Transport};
pub use film::{Film, FilmOptions};
pub use wire::Wire;
