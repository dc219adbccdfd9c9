//! Downloads from a loopback hub: redirects, tokens, refusals, waits, and parts that are continued or begun anew.

use std::{fs, path::PathBuf};

use crate::OriginError;

use super::{
    hub_address::HubAddress,
    hub_download::{StatedFacts, download},
    hub_settings::HubSettings,
    loopback_hub::{LoopbackHub, Reply},
};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const CONTENT: &[u8] = b"0123456789";

/// A download of `hub:org/model@main:onnx/f.onnx` into a temporary folder.
struct Trial {
    folder: tempfile::TempDir,
    progress: u64,
}

impl Trial {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            progress: 0,
        }
    }

    fn path(&self, suffix: &str) -> PathBuf {
        self.folder.path().join(format!("f.onnx{suffix}"))
    }

    /// Leaves a part of an earlier attempt.
    fn with_part(self, content: &[u8], tag: &str) -> Self {
        fs::write(self.path(".part"), content).unwrap();
        fs::write(self.path(".part.tag"), tag).unwrap();
        self
    }

    fn run(&mut self, settings: &HubSettings) -> Result<StatedFacts, OriginError> {
        let address = HubAddress::parse("hub:org/model@main:onnx/f.onnx").unwrap();
        self.progress = 0;
        download(&address, settings, &self.path(""), &mut |bytes| {
            self.progress += bytes;
        })
    }

    fn run_with(&mut self, hub: &LoopbackHub) -> Result<StatedFacts, OriginError> {
        self.run(&hub.settings())
    }

    /// Asserts that the file is complete and that nothing is left of its download.
    fn assert_complete(&self) {
        assert_eq!(fs::read(self.path("")).unwrap(), CONTENT);
        assert_eq!(self.progress, CONTENT.len() as u64);
        assert!(!self.path(".part").exists() && !self.path(".part.tag").exists());
    }
}

fn ranges(hub: &LoopbackHub) -> Vec<Option<String>> {
    let range = |value: Option<&str>| value.map(str::to_owned);
    let requests = hub.requests();
    requests.iter().map(|r| range(r.header("range"))).collect()
}

fn message(outcome: Result<StatedFacts, OriginError>) -> String {
    crate::error_chain(&outcome.unwrap_err())
}

#[test]
fn redirects_are_followed_and_only_the_hub_gets_the_token() {
    let checksum = "a".repeat(64);
    let store = LoopbackHub::start([Reply::file(CONTENT).with("ETag", "\"of-the-store\"")]);
    let hub = LoopbackHub::start([
        Reply::status(307)
            .with("Location", "/api/files?at=1")
            .with("X-Repo-Commit", COMMIT),
        Reply::status(302)
            .with("Location", format!("{}/signed?key=x", store.url))
            .with("X-Linked-Size", CONTENT.len())
            .with("X-Linked-Etag", format!("\"{checksum}\"")),
    ]);
    let mut trial = Trial::new();
    let stated = trial.run_with(&hub).unwrap();
    assert_eq!(stated.commit.as_deref(), Some(COMMIT));
    assert_eq!(stated.sha256, Some(checksum));
    trial.assert_complete();
    let asked = hub.requests();
    assert_eq!(asked[0].path, "/org/model/resolve/main/onnx/f.onnx");
    assert_eq!(asked[1].path, "/api/files?at=1");
    for request in asked {
        assert_eq!(request.header("authorization"), Some("Bearer hf_secret"));
    }
    assert_eq!(store.requests()[0].path, "/signed?key=x");
    assert_eq!(store.requests()[0].header("authorization"), None);
}

#[test]
fn redirects_without_end_or_target_are_errors() {
    let endless = LoopbackHub::start(vec![Reply::status(302).with("Location", "/again"); 20]);
    let error = message(Trial::new().run_with(&endless));
    assert!(error.contains("redirects"), "{error}");
    assert_eq!(endless.requests().len(), 11);
    let hub = LoopbackHub::start([Reply::status(302).with("Location", "file:///etc/passwd")]);
    let error = message(Trial::new().run_with(&hub));
    assert!(error.contains("redirects"), "{error}");
}

#[test]
fn a_part_of_the_same_file_is_continued() {
    let hub = LoopbackHub::start([Reply::file(CONTENT).with("ETag", "\"one\"")]);
    let mut trial = Trial::new().with_part(b"0123", "one");
    trial.run_with(&hub).unwrap();
    trial.assert_complete();
    assert_eq!(ranges(&hub), [Some("bytes=4-".to_owned())]);
}

#[test]
fn a_complete_part_needs_no_more_bytes() {
    let hub = LoopbackHub::start([Reply::file(CONTENT).with("ETag", "one")]);
    let mut trial = Trial::new().with_part(CONTENT, "one");
    trial.run_with(&hub).unwrap();
    assert_eq!(fs::read(trial.path("")).unwrap(), CONTENT);
}

#[test]
fn a_part_of_another_file_is_begun_anew() {
    let reply = Reply::file(CONTENT).with("X-Linked-Etag", "\"two\"");
    let hub = LoopbackHub::start([reply.clone(), reply]);
    let mut trial = Trial::new().with_part(b"wrong", "one");
    trial.run_with(&hub).unwrap();
    trial.assert_complete();
    assert_eq!(ranges(&hub), [Some("bytes=5-".to_owned()), None]);
}

#[test]
fn a_part_without_a_tag_is_begun_anew() {
    let hub = LoopbackHub::start([Reply::file(CONTENT)]);
    let mut trial = Trial::new();
    fs::write(trial.path(".part"), "wrong").unwrap();
    trial.run_with(&hub).unwrap();
    trial.assert_complete();
    assert_eq!(ranges(&hub), [None]);
}

#[test]
fn a_content_that_is_cut_off_is_continued() {
    let reply = Reply::file(CONTENT).with("ETag", "\"one\"");
    let hub = LoopbackHub::start([reply.clone().cut_at(4), reply.clone().cut_at(2), reply]);
    let mut trial = Trial::new();
    trial.run_with(&hub).unwrap();
    trial.assert_complete();
    let from = |n| Some(format!("bytes={n}-"));
    assert_eq!(ranges(&hub), [None, from(4), from(6)]);
}

#[test]
fn a_content_that_ends_without_progress_leaves_the_part_for_the_next_attempt() {
    let reply = Reply::file(CONTENT).with("ETag", "\"one\"");
    let hub = LoopbackHub::start([reply.clone().cut_at(4), reply.clone().cut_at(0), reply]);
    let mut trial = Trial::new();
    let error = message(trial.run_with(&hub));
    assert!(error.contains("/resolve/main/onnx/f.onnx"), "{error}");
    assert_eq!(fs::read(trial.path(".part")).unwrap(), &CONTENT[..4]);
    trial.run_with(&hub).unwrap();
    trial.assert_complete();
}

#[test]
fn a_content_of_another_size_than_stated_is_refused() {
    let hub = LoopbackHub::start([Reply::file(CONTENT).with("X-Linked-Size", 7)]);
    let mut trial = Trial::new();
    let error = message(trial.run_with(&hub));
    assert!(error.contains("size 7, but it sent 10"), "{error}");
    assert!(!trial.path("").exists() && !trial.path(".part").exists());
}

#[test]
fn a_gated_repository_is_answered_with_how_to_give_a_token() {
    for status in [401, 403] {
        let hub = LoopbackHub::start([Reply::status(status)]);
        let error = message(Trial::new().run_with(&hub));
        let page = format!("{}/org/model", hub.url);
        for part in ["HF_TOKEN", "licence", "in spite of", &page] {
            assert!(error.contains(part), "{error}");
        }
        assert!(!error.contains("hf_secret"), "{error}");
    }
}

#[test]
fn a_missing_file_is_named_with_its_repository_and_revision() {
    let hub = LoopbackHub::start([Reply::status(404)]);
    let error = message(Trial::new().run_with(&hub));
    for part in ["org/model", "main", "onnx/f.onnx"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_hub_that_limits_requests_is_asked_again_three_times() {
    let limited = Reply::status(429).with("Retry-After", 0);
    let hub = LoopbackHub::start([limited.clone(), limited.clone(), Reply::file(CONTENT)]);
    let mut trial = Trial::new();
    trial.run_with(&hub).unwrap();
    trial.assert_complete();
    let hub = LoopbackHub::start(vec![limited; 5]);
    let error = message(Trial::new().run_with(&hub));
    assert!(error.contains("429"), "{error}");
    assert_eq!(hub.requests().len(), 4);
}

#[test]
fn a_failing_server_is_asked_again_once() {
    let hub = LoopbackHub::start([Reply::status(503), Reply::file(CONTENT)]);
    Trial::new().run_with(&hub).unwrap();
    let hub = LoopbackHub::start(vec![Reply::status(500); 3]);
    let error = message(Trial::new().run_with(&hub));
    assert!(error.contains("500"), "{error}");
    assert_eq!(hub.requests().len(), 2);
}

#[test]
fn offline_nothing_is_requested() {
    let hub = LoopbackHub::start([Reply::file(CONTENT)]);
    let mut settings = hub.settings();
    settings.offline = true;
    let error = message(Trial::new().run(&settings));
    assert!(error.contains("offline"), "{error}");
    assert!(error.contains("hub:org/model@main:onnx/f.onnx"), "{error}");
    assert!(hub.requests().is_empty());
}
