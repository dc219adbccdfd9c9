//! The camera: an RTSP server on loopback that plays videos in real time.
//!
//! Every client has its own pipeline, which is created when the client requests the stream and destroyed with its
//! connection. One [`Pacer`] provides the frames for all of them. All sockets, also those for UDP, are bound to
//! 127.0.0.1.

use std::{
    net::{Ipv4Addr, SocketAddr},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use gstreamer::{self as gst, glib, prelude::*};
use gstreamer_app::AppSrc;
use gstreamer_rtsp_server::{
    RTSPAddressPool, RTSPAuth, RTSPClient, RTSPFilterResult, RTSPMedia, RTSPMediaFactory,
    RTSPServer, RTSPToken, gst_rtsp::RTSPLowerTrans, prelude::*,
};

use crate::{
    encoded_video::{EncodedVideo, VideoCodec},
    fault_proxy::FaultProxy,
    pacer::{self, Pacer},
    sound::{Sound, refuse_second_stream},
};

/// The time that clients have to notice that their connection is closed.
const DISCONNECT_TIMEOUT: Duration = Duration::from_millis(500);
const HOST: &str = "127.0.0.1";
/// The first and last UDP port, below the ephemeral ports of the system.
const UDP_PORTS: (u16, u16) = (20_000, 30_000);
/// The server's role for clients that have logged in.
const ROLE: &str = "viewer";
const SOURCE: &str = "appsrc name=frames is-live=true do-timestamp=true format=time";

/// The transport of a camera's RTP packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// The client chooses.
    #[default]
    Any,
    /// Only interleaved in the RTSP connection.
    TcpOnly,
    /// Only as UDP datagrams.
    UdpOnly,
}

/// The settings of a camera.
#[derive(Clone, Debug)]
pub struct CameraOptions {
    /// The videos, at least one. The first one plays until [`Camera::next_video`].
    pub videos: Vec<EncodedVideo>,
    /// The port; 0 chooses a free one.
    pub port: u16,
    /// The path of the stream, with its leading slash.
    pub path: String,
    /// The user and the password that a client must provide.
    pub login: Option<(String, String)>,
    /// The transport of RTP packets.
    pub transport: Transport,
    /// True if clients join at whatever frame is next, as with a real camera; otherwise they first receive a key frame.
    pub joins_at_any_frame: bool,
    /// The sound.
    pub sound: Sound,
}

impl CameraOptions {
    /// Returns the settings of a camera that plays one video without a login, at `/live` on a free port.
    pub fn playing(video: EncodedVideo) -> Self {
        Self {
            videos: vec![video],
            port: 0,
            path: "/live".into(),
            login: None,
            transport: Transport::Any,
            joins_at_any_frame: false,
            sound: Sound::None,
        }
    }
}

/// A running camera. Dropping it disconnects every client and ends its threads.
pub struct Camera {
    pacer: Pacer,
    server: RTSPServer,
    context: glib::MainContext,
    /// The event source that accepts clients.
    accept_source: Option<glib::Source>,
    main_loop: glib::MainLoop,
    thread: Option<JoinHandle<()>>,
    /// The proxy to which clients connect. When the server itself closes a client, that client's thread may keep spinning
    /// on the closed connection; when the client disconnects, the thread ends properly. So the proxy disconnects.
    proxy: Option<FaultProxy>,
    port: u16,
    path: String,
}

impl Camera {
    /// Starts to play and to listen.
    ///
    /// # Errors
    /// There is no video, or the port is in use.
    pub fn start(options: CameraOptions) -> Result<Self> {
        gst::init().context("cannot start GStreamer")?;
        let pacer = Pacer::start(options.videos.clone(), options.joins_at_any_frame)?;
        let server = server(&options, &pacer)?;
        let context = glib::MainContext::new();
        let attached = server.attach(Some(&context));
        let id = attached.context("the server cannot listen on any port")?;
        let server_port = u16::try_from(server.bound_port()).context("the server has no port")?;
        let proxy = FaultProxy::on_port(options.port, (Ipv4Addr::LOCALHOST, server_port).into())?;
        let port = proxy.port();
        let main_loop = glib::MainLoop::new(Some(&context), false);
        let mut camera = Self {
            pacer,
            accept_source: context.find_source_by_id(&id),
            server,
            context,
            main_loop,
            thread: None,
            proxy: Some(proxy),
            port,
            path: options.path,
        };
        camera.thread = Some(camera.serve()?);
        Ok(camera)
    }

    /// Returns the URI of the stream, without the login.
    pub fn uri(&self) -> String {
        format!("rtsp://{HOST}:{}{}", self.port, self.path)
    }

    /// Returns the port on which the camera listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the address on which the camera listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Returns the path of the stream.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Switches to the first frame of the next video, which is a key frame; the first video follows the last. If the videos
    /// have different sizes, the stream changes its size.
    pub fn next_video(&self) {
        self.pacer.next_video();
    }

    /// While true, sends no frames; connections stay open, and the video continues where it stopped. A client that connects
    /// meanwhile gets no response to DESCRIBE before the stall ends (the server stops waiting after 20 s).
    pub fn stall(&self, stalled: bool) {
        self.pacer.stall(stalled);
    }

    /// Returns the number of frames played since the start, with or without clients.
    pub fn frames_sent(&self) -> u64 {
        self.pacer.frames_sent()
    }

    fn serve(&self) -> Result<JoinHandle<()>> {
        let (context, main_loop) = (self.context.clone(), self.main_loop.clone());
        thread::Builder::new()
            .name("camera".into())
            .spawn(move || {
                let _ = context.with_thread_default(|| main_loop.run());
            })
            .context("cannot start a thread")
    }

    /// Waits until every client has noticed that its connection is closed, which takes longer in the middle of a request.
    fn wait_for_clients(&self) {
        let started = Instant::now();
        while !self.server.client_filter(None).is_empty() && started.elapsed() < DISCONNECT_TIMEOUT
        {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops accepting clients, closes the current ones, and quits the main loop. This runs on the thread that accepts
    /// clients, so that no client is accepted meanwhile, and as an event source, because a main loop that is not running
    /// yet would miss a call of `quit`.
    fn close(&mut self) {
        let (server, main_loop) = (self.server.clone(), self.main_loop.clone());
        let accept_source = self.accept_source.take();
        let close = move || {
            if let Some(source) = &accept_source {
                source.destroy();
            }
            let mut all = |_: &RTSPServer, _: &RTSPClient| RTSPFilterResult::Remove;
            server.client_filter(Some(&mut all));
            main_loop.quit();
            glib::ControlFlow::Break
        };
        let source = glib::idle_source_new(None, glib::Priority::DEFAULT, close);
        source.attach(Some(&self.context));
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        drop(self.proxy.take());
        self.wait_for_clients();
        self.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.pacer.wait_for_clients();
    }
}

fn server(options: &CameraOptions, pacer: &Pacer) -> Result<RTSPServer> {
    let server = RTSPServer::new();
    server.set_address(HOST);
    server.set_service("0");
    // A thread for each client, so that a client that waits for its first frame does not block the others.
    if let Some(threads) = server.thread_pool() {
        threads.set_max_threads(-1);
    }
    let factory = factory(options, pacer)?;
    if options.sound == Sound::Refused {
        server.connect_client_connected(|_, client| refuse_second_stream(client));
    }
    if let Some((user, password)) = &options.login {
        server.set_auth(Some(&auth(user, password, &factory)));
    }
    let mounts = server.mount_points().context("the server has no paths")?;
    mounts.add_factory(&options.path, factory);
    Ok(server)
}

/// Returns the elements that send the frames of a video. Those of a copied video need no parser, which would wait for a key
/// frame.
fn frames(video: &EncodedVideo) -> String {
    let payloader = match video.copied() {
        None => "h264parse ! rtph264pay",
        Some((VideoCodec::H264, _)) => "rtph264pay",
        Some((VideoCodec::H265, _)) => "rtph265pay",
    };
    format!("{SOURCE} ! {payloader} pt=96 config-interval=-1")
}

fn factory(options: &CameraOptions, pacer: &Pacer) -> Result<RTSPMediaFactory> {
    let video = options.videos.first().context("a camera needs a video")?;
    let video = video.clone();
    let factory = RTSPMediaFactory::new();
    factory.set_launch(&options.sound.launch(&frames(&video)));
    factory.set_protocols(match options.transport {
        Transport::Any => RTSPLowerTrans::TCP | RTSPLowerTrans::UDP,
        Transport::TcpOnly => RTSPLowerTrans::TCP,
        Transport::UdpOnly => RTSPLowerTrans::UDP,
    });
    let ports = RTSPAddressPool::new();
    let (first, last) = UDP_PORTS;
    ports
        .add_range(HOST, HOST, first, last, 0)
        .context("no ports for UDP")?;
    factory.set_address_pool(Some(&ports));
    let add_client = pacer.client_adder();
    factory.connect_media_configure(move |_, media| {
        if let Some(appsrc) = appsrc_of(media, &video) {
            add_client(&appsrc);
        }
    });
    Ok(factory)
}

/// Returns the appsrc of a client's pipeline, with its caps set.
fn appsrc_of(media: &RTSPMedia, video: &EncodedVideo) -> Option<AppSrc> {
    let bin = media.element().downcast::<gst::Bin>().ok()?;
    let appsrc = bin.by_name("frames")?.downcast::<AppSrc>().ok()?;
    appsrc.set_caps(Some(&pacer::caps(video)));
    Some(appsrc)
}

/// Allows only clients with this user and password.
fn auth(user: &str, password: &str, factory: &RTSPMediaFactory) -> RTSPAuth {
    let auth = RTSPAuth::new();
    let token = RTSPToken::builder()
        .field(gstreamer_rtsp_server::RTSP_TOKEN_MEDIA_FACTORY_ROLE, ROLE)
        .build();
    auth.add_basic(&RTSPAuth::make_basic(user, password), &token);
    let rights = gst::Structure::builder(ROLE)
        .field(gstreamer_rtsp_server::RTSP_PERM_MEDIA_FACTORY_ACCESS, true)
        .field(
            gstreamer_rtsp_server::RTSP_PERM_MEDIA_FACTORY_CONSTRUCT,
            true,
        )
        .build();
    factory.add_role_from_structure(&rights);
    auth
}
