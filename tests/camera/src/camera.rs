//! The camera: an RTSP server on loopback which plays films live.
//!
//! Every client has a pipeline of its own, made when it asks for the stream and gone with its connection; the pictures
//! come from one [`Pacer`]. All sockets, those for UDP too, are bound to 127.0.0.1.

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
    film::Film,
    pacer::{self, Pacer},
    wire::Wire,
};

/// How long clients have to notice that they are gone.
const FAREWELL: Duration = Duration::from_millis(500);
const HOST: &str = "127.0.0.1";
/// Ports for UDP, below those the system gives out by itself.
const UDP_PORTS: (u16, u16) = (20_000, 30_000);
/// What a client who knows the password may be called by the server.
const ROLE: &str = "viewer";
const LAUNCH: &str = "( appsrc name=film is-live=true do-timestamp=true format=time \
                      ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )";

/// How a camera sends its pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// As the client likes.
    #[default]
    Any,
    /// Inside the RTSP connection only.
    TcpOnly,
    /// As datagrams only.
    UdpOnly,
}

/// What a camera plays, where, and for whom.
#[derive(Clone, Debug)]
pub struct CameraOptions {
    /// The films; the first plays until [`Camera::next_film`]. At least one.
    pub films: Vec<Film>,
    /// The port; 0 chooses a free one.
    pub port: u16,
    /// The path of the stream, with its leading slash.
    pub path: String,
    /// User and password that a client must give.
    pub login: Option<(String, String)>,
    /// How pictures are sent.
    pub transport: Transport,
}

impl CameraOptions {
    /// A camera that plays one film to anyone, at `/live` on a free port.
    pub fn playing(film: Film) -> Self {
        Self {
            films: vec![film],
            port: 0,
            path: "/live".into(),
            login: None,
            transport: Transport::Any,
        }
    }
}

/// A running camera. Dropping it closes every client and ends its threads.
pub struct Camera {
    pacer: Pacer,
    server: RTSPServer,
    context: glib::MainContext,
    accepting: Option<glib::Source>,
    main_loop: glib::MainLoop,
    thread: Option<JoinHandle<()>>,
    /// What clients connect to. A server that closes a client itself can leave that client's thread spinning on a connection that
    /// is gone; one whose client hangs up ends it in good order. So this end hangs up.
    front: Option<Wire>,
    port: u16,
    path: String,
}

impl Camera {
    /// Starts to play and to listen.
    ///
    /// # Errors
    /// If there is no film, or the port is taken.
    pub fn start(options: CameraOptions) -> Result<Self> {
        gst::init().context("cannot start GStreamer")?;
        let pacer = Pacer::start(options.films.clone())?;
        let server = server(&options, &pacer)?;
        let context = glib::MainContext::new();
        let attached = server.attach(Some(&context));
        let id = attached.context("the server cannot listen on any port")?;
        let behind = u16::try_from(server.bound_port()).context("the server has no port")?;
        let front = Wire::on(options.port, (Ipv4Addr::LOCALHOST, behind).into())?;
        let port = front.port();
        let main_loop = glib::MainLoop::new(Some(&context), false);
        let mut camera = Self {
            pacer,
            accepting: context.find_source_by_id(&id),
            server,
            context,
            main_loop,
            thread: None,
            front: Some(front),
            port,
            path: options.path,
        };
        camera.thread = Some(camera.serve()?);
        Ok(camera)
    }

    /// Where the stream is, without the login.
    pub fn uri(&self) -> String {
        format!("rtsp://{HOST}:{}{}", self.port, self.path)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address it listens on, as [`crate::Wire::to`] wants it.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The path of the stream.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Goes to the beginning of the next film, which is a key frame; after the last comes the first. With films of other
    /// sizes the stream changes its size under way.
    pub fn next_film(&self) {
        self.pacer.next_film();
    }

    /// Sends no pictures while true; connections stay, and the film goes on where it stood. Who connects meanwhile gets
    /// no answer to DESCRIBE before the stall ends (the server gives up after 20 s).
    pub fn stall(&self, stalled: bool) {
        self.pacer.stall(stalled);
    }

    /// Pictures sent since the start, whether or not anyone watched.
    pub fn frames_sent(&self) -> u64 {
        self.pacer.sent()
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

    /// Waits until every client has noticed that its connection is gone; one in the middle of something takes a while.
    fn wait_for_clients(&self) {
        let begun = Instant::now();
        while !self.server.client_filter(None).is_empty() && begun.elapsed() < FAREWELL {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Takes no more clients, closes those there are, and ends the loop: all on the thread that takes clients, so none
    /// slips in, and as a source of its own, because a loop that has not begun to run would miss being told to quit.
    fn close(&mut self) {
        let (server, main_loop) = (self.server.clone(), self.main_loop.clone());
        let accepting = self.accepting.take();
        let close = move || {
            if let Some(source) = &accepting {
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
        drop(self.front.take());
        self.wait_for_clients();
        self.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.pacer.farewell();
    }
}

fn server(options: &CameraOptions, pacer: &Pacer) -> Result<RTSPServer> {
    let server = RTSPServer::new();
    server.set_address(HOST);
    server.set_service("0");
    // A thread for each client: one that waits for its first picture keeps no other waiting.
    if let Some(threads) = server.thread_pool() {
        threads.set_max_threads(-1);
    }
    let factory = factory(options.transport, pacer)?;
    if let Some((user, password)) = &options.login {
        server.set_auth(Some(&auth(user, password, &factory)));
    }
    let mounts = server.mount_points().context("the server has no paths")?;
    mounts.add_factory(&options.path, factory);
    Ok(server)
}

fn factory(transport: Transport, pacer: &Pacer) -> Result<RTSPMediaFactory> {
    let factory = RTSPMediaFactory::new();
    factory.set_launch(LAUNCH);
    factory.set_protocols(match transport {
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
    let door = pacer.door();
    factory.connect_media_configure(move |_, media| {
        if let Some(feed) = feed(media) {
            door(&feed);
        }
    });
    Ok(factory)
}

/// The source of a client's pipeline, made ready.
fn feed(media: &RTSPMedia) -> Option<AppSrc> {
    let bin = media.element().downcast::<gst::Bin>().ok()?;
    let feed = bin.by_name("film")?.downcast::<AppSrc>().ok()?;
    feed.set_caps(Some(&pacer::format()));
    Some(feed)
}

/// Lets in who knows the password, and nobody else.
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
