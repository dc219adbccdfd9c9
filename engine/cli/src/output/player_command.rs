//! Command lines that play a moment of a recording, to be pasted into a shell.

use std::{
    env,
    ffi::OsStr,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
};

/// The players, the preferred one first, each with its option for the start in seconds.
const PLAYERS: [(&str, &str); 3] = [
    ("mpv", "--start="),
    ("vlc", "--start-time="),
    ("ffplay", "-ss "),
];

/// A video player that is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Player {
    name: &'static str,
    start_option: &'static str,
}

impl Player {
    /// The names of all players that are looked for.
    pub const NAMES: &str = "mpv, vlc or ffplay";

    /// Returns the first player in the folders of the variable `PATH`.
    pub fn find() -> Option<Self> {
        Self::find_in(&env::var_os("PATH")?)
    }

    fn find_in(folders: &OsStr) -> Option<Self> {
        let is_installed =
            |name: &str| env::split_paths(folders).any(|folder| is_program(&folder.join(name)));
        let (name, start_option) = PLAYERS.into_iter().find(|(name, _)| is_installed(name))?;
        Some(Self { name, start_option })
    }

    /// Returns the command line that plays the file at this absolute path from a media time on.
    pub fn command(self, path: &Path, start_ms: u64) -> String {
        let seconds = start_ms as f64 / 1000.0;
        let Self { name, start_option } = self;
        format!("{name} {start_option}{seconds} {}", shell_word(path))
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// Quotes a path as one word of a shell. A path with control characters, bytes that are not UTF-8 or symbols becomes `$'...'` with
/// escaped bytes, which bash, zsh, ksh and POSIX 2024 read; so the word has no character that a terminal could misinterpret.
fn shell_word(path: &Path) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || c == ' ' || c.is_ascii_graphic();
    match path.to_str().filter(|text| text.chars().all(is_plain)) {
        Some(text) => format!("'{}'", text.replace('\'', r"'\''")),
        None => {
            let escaped = path.as_os_str().as_bytes().iter().map(|byte| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(*byte)),
                b' '..=b'~' => char::from(*byte).to_string(),
                // Three octal digits end by themselves, whatever comes next.
                byte => format!("\\{byte:03o}"),
            });
            format!("$'{}'", escaped.collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;

    #[test]
    fn a_shell_reads_every_path_back_as_it_was() {
        let odd: [&[u8]; 9] = [
            b"/v/a.mp4",
            b"/v/a b.mp4",
            b"/v/it's \"quoted\" $(x) `y` !z.mp4",
            b"/v/line\nbreak1.mp4",
            b"/v/caf\xe9 7's.mp4",
            b"/v/back\\slash\\n.mp4",
            "/v/stra\u{df}e \u{1f6aa}.mp4".as_bytes(),
            "/v/\u{202e}4pm.mp4".as_bytes(),
            b"/v/\x1b[31m\\'.mp4",
        ];
        for bytes in odd {
            let word = shell_word(Path::new(OsStr::from_bytes(bytes)));
            assert!(!word.contains(char::is_control), "{word:?}");
            let script = format!("printf %s {word}");
            let output = Command::new("bash").args(["-c", &script]).output().unwrap();
            assert_eq!(output.stdout, bytes, "{word}");
        }
    }

    #[test]
    fn the_first_installed_player_starts_at_the_moment() {
        let folder = tempfile::tempdir().unwrap();
        let install = |name: &str, mode| {
            let path = folder.path().join(name);
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let found = || Player::find_in(folder.path().as_os_str());
        assert_eq!(found(), None);
        install("mpv", 0o644);
        assert_eq!(found(), None, "a file that is no program");
        let commands = [
            ("ffplay", "ffplay -ss 83.2 '/v/a.mp4'"),
            ("vlc", "vlc --start-time=83.2 '/v/a.mp4'"),
            ("mpv", "mpv --start=83.2 '/v/a.mp4'"),
        ];
        for (name, command) in commands {
            install(name, 0o755);
            let player = found().unwrap();
            assert_eq!(player.command(Path::new("/v/a.mp4"), 83_200), command);
        }
    }
}
