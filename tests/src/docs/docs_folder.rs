//! The folder and the processes of a page's commands.
//!
//! The folder is the home of the user `eve` and is filled by `scripts/docs-folder.sh`. The only substitutions in commands
//! and in their output are those of [`DocsFolder::to_real`]: the home, the camera, the port, the address that listens
//! for other machines, and the player that is installed.

use std::{
    cell::OnceCell,
    env, fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
};

use atom_camera::{Camera, CameraOptions, EncodedVideo, VideoFormat};
use tempfile::TempDir;

use crate::{
    pack_cache,
    program::{Process, TIMEOUT, program, workspace},
};

/// The home that pages show.
const HOME: &str = "/home/eve";
/// The camera that pages show: an address reserved for documentation.
const CAMERA: &str = "rtsp://192.0.2.7/door";
/// The port that pages show.
const PORT: &str = "9600";
/// The characters before a port in commands and files. A number elsewhere is not a port.
const BEFORE_PORT: [&str; 2] = [":", "--listen "];
/// Variables that change what the program prints or loads.
const UNSET: [&str; 12] = [
    "ATOM_CACHE",
    "ATOM_LOG",
    "COLUMNS",
    "LANG",
    "LANGUAGE",
    "NO_COLOR",
    "NO_PROXY",
    "ORT_DYLIB_PATH",
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
];
/// The address that listens for other machines; tests listen on this one only.
const ALL_ADDRESSES: (&str, &str) = ("0.0.0.0", "127.0.0.1");
/// The beginnings of other players' command lines, each with that of the player that pages show.
const PLAYERS: [(&str, &str); 2] = [
    ("mpv --start=", "ffplay -ss "),
    ("vlc --start-time=", "ffplay -ss "),
];
/// The frames of the camera: as wide and high as those of the demo video, and fewer.
const CAMERA_FORMAT: VideoFormat = VideoFormat {
    width: 640,
    height: 272,
    fps: 10,
};

/// The folder of a page.
pub struct DocsFolder {
    folder: TempDir,
    home: String,
    port: u16,
    camera: OnceCell<Camera>,
}

impl Default for DocsFolder {
    fn default() -> Self {
        Self::new()
    }
}

impl DocsFolder {
    /// Creates and fills a folder.
    ///
    /// # Panics
    /// The demo video or the default pack is missing.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut script = Command::new(workspace().join("scripts/docs-folder.sh"));
        script
            .arg(folder.path())
            .env("ATOM_CACHE", pack_cache::installed());
        Process::start(script).wait(TIMEOUT).ok();
        let home = fs::canonicalize(folder.path()).expect("the folder exists");
        Self {
            home: home.to_str().expect("test paths are UTF-8").to_owned(),
            folder,
            port: free_port(),
            camera: OnceCell::new(),
        }
    }

    /// Returns the path of a file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that a page shows.
    ///
    /// # Panics
    /// The file cannot be written.
    pub fn save(&self, name: &str, text: &str) {
        let path = self.path(name);
        let parent = path.parent().expect("the path has a parent");
        fs::create_dir_all(parent).expect("the temporary folder can be written");
        fs::write(path, self.to_real(text)).expect("the temporary folder can be written");
    }

    /// Starts a command with the shell; both streams go into the standard output. The command and its children are
    /// a process group, which a signal reaches as a whole, as Ctrl-C does in a terminal.
    pub fn start(&self, command: &str) -> Process {
        let programs = program();
        let programs = programs.parent().expect("the program is in a folder");
        let path = env::var("PATH").expect("PATH is set");
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(format!("exec 2>&1\n{}", self.to_real(command)))
            .current_dir(self.folder.path())
            .env("HOME", &self.home)
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            // A proxy of this machine may be needed for packages, but it does not reach a server of the test.
            .env("no_proxy", "127.0.0.1,localhost");
        for name in UNSET {
            shell.env_remove(name);
        }
        Process::start_group(shell)
    }

    /// Replaces what pages show by what there is.
    pub fn to_real(&self, text: &str) -> String {
        let mut text = text.replace(HOME, &self.home);
        if text.contains(CAMERA) {
            text = text.replace(CAMERA, &self.camera().uri());
        }
        for before in BEFORE_PORT {
            let real = format!("{before}{}", self.port);
            text = text.replace(&format!("{before}{PORT}"), &real);
        }
        text.replace(ALL_ADDRESSES.0, ALL_ADDRESSES.1)
    }

    /// Replaces what there is by what pages show.
    pub fn to_shown(&self, output: &str) -> String {
        let mut output = output.replace(&self.home, HOME);
        if let Some(camera) = self.camera.get() {
            output = output.replace(&camera.uri(), CAMERA);
            let address = camera.address().to_string();
            output = output.replace(&address, "192.0.2.7:554");
        }
        for (player, shown) in PLAYERS {
            output = output.replace(player, shown);
        }
        let served = |port: &str| format!("{}:{port}", Ipv4Addr::LOCALHOST);
        output.replace(&served(&self.port.to_string()), &served(PORT))
    }

    /// Returns true if a pipeline file has a source that goes on until it is interrupted.
    pub fn is_live(&self, name: &str) -> bool {
        let is_file = Path::new(name).extension().is_some_and(|e| e == "toml");
        let text = fs::read_to_string(self.path(name)).unwrap_or_default();
        let live = [
            "rtsp://",
            "rtsps://",
            "v4l2://",
            "live = true",
            "watch = true",
        ];
        is_file && live.iter().any(|word| text.contains(word))
    }

    /// Returns true if something listens on the port that pages show.
    pub fn is_served(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
    }

    fn camera(&self) -> &Camera {
        self.camera.get_or_init(|| {
            let video = self.path("street.mp4");
            let video = EncodedVideo::from_file(&video, CAMERA_FORMAT);
            let options = CameraOptions {
                path: "/door".into(),
                ..CameraOptions::playing(video.expect("the demo video can be read"))
            };
            Camera::start(options).expect("the camera starts")
        })
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.local_addr().expect("it has an address").port()
}
