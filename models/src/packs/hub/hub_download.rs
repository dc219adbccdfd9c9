//! The download of a file from a hub into a part, which is continued where it was cut off.
//!
//! A part is continued only if the hub's tag is the one that it was begun with; otherwise the download starts again. A file is
//! complete when it has the size that the hub states.

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
};

use ureq::{Body, http::Response};

use crate::OriginError;

use super::{
    hub_address::HubAddress,
    hub_request::{HubRequest, HubResponse, text},
    hub_settings::HubSettings,
    part_file::PartFile,
};

/// Most continuations of a content that is cut off again and again; the next attempt continues at the same place.
const CONTINUATIONS: usize = 3;

/// The facts that an origin stated about the file that it delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::packs) struct StatedFacts {
    /// The commit that holds the file.
    pub(in crate::packs) commit: Option<String>,
    /// Its checksum.
    pub(in crate::packs) sha256: Option<String>,
}

impl StatedFacts {
    /// Compares the checksum of the file received with the one stated, if there is one.
    pub(in crate::packs) fn check(&self, origin: &str, found: &str) -> Result<(), OriginError> {
        match &self.sha256 {
            Some(expected) if !expected.eq_ignore_ascii_case(found) => Err(OriginError::Stated {
                address: origin.to_owned(),
                property: "sha256",
                expected: expected.clone(),
                found: found.to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

/// Downloads a file and returns what the hub states about it. `progress` receives the number of bytes of each block.
///
/// # Errors
/// If the hub refuses the file, or its content is cut off. The part stays for the next attempt.
pub(in crate::packs) fn download(
    address: &HubAddress,
    settings: &HubSettings,
    target: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<StatedFacts, OriginError> {
    let mut download = HubDownload {
        request: HubRequest { address, settings },
        part: PartFile::of(target),
        reported: 0,
        progress,
    };
    for _ in 0..CONTINUATIONS {
        let before = download.part.size();
        match download.attempt(target) {
            Err(OriginError::Body { .. }) if download.part.size() > before => {}
            outcome => return outcome,
        }
    }
    download.attempt(target)
}

/// A download in progress.
struct HubDownload<'d> {
    request: HubRequest<'d>,
    part: PartFile,
    /// Bytes of the file that were reported as progress; bytes that come again are not.
    reported: u64,
    progress: &'d mut dyn FnMut(u64),
}

impl HubDownload<'_> {
    /// Requests the rest of the file, or the whole of it if there is no part that it continues.
    fn attempt(&mut self, target: &Path) -> Result<StatedFacts, OriginError> {
        let begun_with = self.part.tag();
        let mut from = begun_with.as_ref().map_or(0, |_| self.part.size());
        let mut response = self.request.send(from)?;
        let same = begun_with.is_some() && begun_with == response.tag;
        if from > 0 && response.content.status() != 200 && !(same && continues(&response, from)) {
            self.part.discard();
            from = 0;
            response = self.request.send(0)?;
        }
        self.receive(&mut response, from)?;
        self.part.finish(target)?;
        Ok(StatedFacts {
            commit: response.commit,
            sha256: response.sha256,
        })
    }

    /// Stores the content of a response.
    fn receive(&mut self, response: &mut HubResponse, from: u64) -> Result<(), OriginError> {
        let (mut file, begin) = match response.content.status().as_u16() {
            206 if from > 0 => (self.part.continue_at_end()?, self.part.size()),
            // A part that is as long as the file.
            416 if from > 0 => return self.check_size(response.size),
            200 => (self.part.begin(response.tag.as_deref())?, 0),
            status => {
                return Err(OriginError::Status {
                    url: self.request.address.url(&self.request.settings.endpoint),
                    status,
                });
            }
        };
        let size = response
            .size
            .or_else(|| content_size(&response.content, begin));
        self.report(begin);
        self.copy(&mut response.content, &mut file, begin)?;
        self.check_size(size)
    }

    /// Copies the content to the part, whose end is at `position`.
    fn copy(
        &mut self,
        content: &mut Response<Body>,
        file: &mut File,
        mut position: u64,
    ) -> Result<(), OriginError> {
        let (mut reader, mut buffer) = (content.body_mut().as_reader(), vec![0; 1 << 16]);
        loop {
            let read = reader.read(&mut buffer).map_err(|e| self.cut_off(e))?;
            if read == 0 {
                return Ok(());
            }
            let written = file.write_all(&buffer[..read]);
            written.map_err(|source| self.part.write_error(source))?;
            position += read as u64;
            self.report(position);
        }
    }

    /// Reports the bytes up to a position that were not reported before.
    fn report(&mut self, position: u64) {
        if position > self.reported {
            (self.progress)(position - self.reported);
            self.reported = position;
        }
    }

    /// Compares the part with the size that the hub states. One that is too long is of no use.
    fn check_size(&self, stated: Option<u64>) -> Result<(), OriginError> {
        let found = self.part.size();
        match stated {
            Some(expected) if found < expected => {
                let reason = format!("it ended after {found} of {expected} bytes");
                Err(self.cut_off(std::io::Error::new(
                    std::io::ErrorKind::UnexpectedEof,
                    reason,
                )))
            }
            Some(expected) if found > expected => {
                self.part.discard();
                Err(OriginError::Stated {
                    address: self.request.address.to_string(),
                    property: "size",
                    expected: expected.to_string(),
                    found: found.to_string(),
                })
            }
            _ => Ok(()),
        }
    }

    fn cut_off(&self, source: std::io::Error) -> OriginError {
        OriginError::Body {
            url: self.request.address.url(&self.request.settings.endpoint),
            source,
        }
    }
}

/// True if the response continues a part of `size` bytes, or says that nothing follows them.
fn continues(response: &HubResponse, size: u64) -> bool {
    match response.content.status().as_u16() {
        206 => content_range(&response.content).is_some_and(|(from, _)| from == size),
        416 => response.size.is_none_or(|stated| stated == size),
        _ => false,
    }
}

/// Returns the size of the file as the content's own headers state it.
fn content_size(content: &Response<Body>, begin: u64) -> Option<u64> {
    match content_range(content) {
        Some((_, size)) => size,
        None => {
            let length: u64 = text(content.headers(), "content-length")?.parse().ok()?;
            Some(begin + length)
        }
    }
}

/// Returns the first byte of a partial content and the size of the whole, if it is known.
fn content_range(content: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let range = text(content.headers(), "content-range")?.strip_prefix("bytes ")?;
    let (range, size) = range.split_once('/')?;
    let from = range.split_once('-')?.0.parse().ok()?;
    Some((from, size.parse().ok()))
}
