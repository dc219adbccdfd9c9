//! A web camera on loopback: JPEG images over HTTP, in the forms that real cameras send, right and wrong.
//!
//! Every client gets the same few images in a loop, from a thread of its own, until it disconnects or the camera is dropped.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result};
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;

/// Number of different images.
const IMAGES: i32 = 10;
/// The time between two images of a stream.
const FRAME_TIME: Duration = Duration::from_millis(100);
const BOUNDARY: &str = "frame";

/// The form in which a web camera sends its images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebForm {
    /// A stream as the standard wants it: boundary, type, length.
    Standard,
    /// The announced boundary has the dashes that belong before it.
    BoundaryWithDashes,
    /// The announced boundary stands in quotation marks.
    QuotedBoundary,
    /// Spaces around the equals sign.
    SpacedBoundary,
    /// No announced boundary.
    NoBoundary,
    /// The first image has no boundary before it.
    NoFirstBoundary,
    /// No lengths.
    NoLength,
    /// Lengths that are too large.
    WrongLength,
    /// Nothing between the images.
    OnlyImages,
    /// Every third image is cut short.
    Truncated,
    /// One image for each request.
    Snapshot,
    /// A web page.
    Page,
    /// Nothing: the server refuses with this status.
    Refusal(u16),
}

/// A running web camera. Dropping it ends its threads.
pub struct WebCamera {
    served: Arc<Served>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

struct Served {
    images: Vec<Vec<u8>>,
    form: WebForm,
    stopped: AtomicBool,
    requests: AtomicU64,
}

impl WebCamera {
    /// Starts to listen on a free port.
    ///
    /// # Errors
    /// The images cannot be encoded, or no port is free.
    pub fn start(form: WebForm) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
        let address = listener.local_addr()?;
        let served = Arc::new(Served {
            images: encoded_images()?,
            form,
            stopped: AtomicBool::default(),
            requests: AtomicU64::default(),
        });
        let serving = Arc::clone(&served);
        let listen = move || {
            thread::scope(|scope| {
                for client in listener.incoming() {
                    if serving.stopped.load(Relaxed) {
                        return;
                    }
                    // A client that disconnects is an error here and nowhere else.
                    scope.spawn(|| client.and_then(|client| serving.serve(client)));
                }
            });
        };
        let thread = thread::Builder::new().name("web camera".into());
        Ok(Self {
            served,
            address,
            thread: Some(thread.spawn(listen).context("cannot start a thread")?),
        })
    }

    /// Returns the URI of the images.
    pub fn uri(&self) -> String {
        format!("http://{}/images", self.address)
    }

    /// Returns the address on which the camera listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the number of requests so far.
    pub fn requests(&self) -> u64 {
        self.served.requests.load(Relaxed)
    }
}

impl Drop for WebCamera {
    fn drop(&mut self) {
        self.served.stopped.store(true, Relaxed);
        // The listening thread wakes up only for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Served {
    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_read_timeout(Some(Duration::from_secs(5)))?;
        client.set_write_timeout(Some(Duration::from_secs(5)))?;
        let read = client.read(&mut [0; 4096])?;
        if read == 0 {
            return Ok(());
        }
        self.requests.fetch_add(1, Relaxed);
        match self.form {
            WebForm::Refusal(status) => {
                let head = format!(
                    "HTTP/1.1 {status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                client.write_all(head.as_bytes())
            }
            WebForm::Page => client.write_all(&response("text/html", b"<html>camera</html>")),
            WebForm::Snapshot => client.write_all(&response("image/jpeg", &self.images[0])),
            form => self.stream(client, form),
        }
    }

    fn stream(&self, mut client: TcpStream, form: WebForm) -> io::Result<()> {
        let boundary = match form {
            WebForm::BoundaryWithDashes => format!("; boundary=--{BOUNDARY}"),
            WebForm::QuotedBoundary => format!("; boundary=\"{BOUNDARY}\""),
            WebForm::SpacedBoundary => format!("; boundary = {BOUNDARY}"),
            WebForm::NoBoundary => String::new(),
            _ => format!("; boundary={BOUNDARY}"),
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace{boundary}\r\nConnection: close\r\n\r\n"
        );
        client.write_all(head.as_bytes())?;
        for (n, image) in self.images.iter().cycle().enumerate() {
            if self.stopped.load(Relaxed) {
                break;
            }
            client.write_all(&part(form, n, image))?;
            thread::sleep(FRAME_TIME);
        }
        Ok(())
    }
}

/// Returns an image of a stream with what stands before and after it.
fn part(form: WebForm, n: usize, image: &[u8]) -> Vec<u8> {
    let mut part = Vec::new();
    if form != WebForm::OnlyImages {
        if n > 0 || form != WebForm::NoFirstBoundary {
            part.extend_from_slice(format!("--{BOUNDARY}\r\n").as_bytes());
        }
        part.extend_from_slice(b"Content-Type: image/jpeg\r\n");
        let length = image.len() + if form == WebForm::WrongLength { 7 } else { 0 };
        if form != WebForm::NoLength {
            part.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
        }
        part.extend_from_slice(b"\r\n");
    }
    let cut = form == WebForm::Truncated && n % 3 == 2;
    part.extend_from_slice(if cut {
        &image[..image.len() / 2]
    } else {
        image
    });
    if form != WebForm::OnlyImages {
        part.extend_from_slice(b"\r\n");
    }
    part
}

fn response(content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Encodes a few small images of a pattern.
fn encoded_images() -> Result<Vec<Vec<u8>>> {
    gst::init().context("cannot start GStreamer")?;
    let launch = format!(
        "videotestsrc pattern=ball num-buffers={IMAGES} ! video/x-raw,width=320,height=240,framerate=10/1 \
         ! jpegenc quality=50 ! appsink name=images sync=false"
    );
    let pipeline = gst::parse::launch(&launch).context("no encoder for JPEG")?;
    let bin = pipeline.clone().downcast::<gst::Bin>().ok();
    let sink = bin.and_then(|bin| bin.by_name("images"));
    let sink = sink.and_then(|sink| sink.downcast::<AppSink>().ok());
    let sink = sink.context("the pipeline has no sink")?;
    pipeline.set_state(gst::State::Playing)?;
    let timeout = gst::ClockTime::from_seconds(20);
    let samples = std::iter::from_fn(|| sink.try_pull_sample(timeout));
    let images = samples
        .filter_map(|sample| Some(sample.buffer()?.map_readable().ok()?.to_vec()))
        .collect::<Vec<_>>();
    pipeline.set_state(gst::State::Null)?;
    anyhow::ensure!(
        images.len() == IMAGES as usize,
        "the images were not encoded"
    );
    Ok(images)
}
