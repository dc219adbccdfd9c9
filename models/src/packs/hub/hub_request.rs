//! One request to a hub: redirects are followed, waits that the hub asks for are kept, refusals become errors.
//!
//! The token goes to the hub's own server only, never to one that it redirects to. An error names the file on the hub, not the
//! address of a redirect, which may hold a signature.

use std::time::Duration;

use ureq::{
    Body,
    http::{HeaderMap, Response},
};

use crate::OriginError;

use super::{
    hub_address::HubAddress,
    hub_settings::HubSettings,
    url_parts::{redirected, server},
};

/// Most redirects of a request.
const REDIRECTS: usize = 10;
/// Most waits because the hub limits the rate of requests (HTTP status 429).
const RATE_WAITS: usize = 3;
/// Longest of these waits.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The wait if the hub does not say how long.
const USUAL_WAIT: Duration = Duration::from_secs(5);
/// The wait after an error of the server (HTTP status 5xx), which is repeated once.
const ERROR_WAIT: Duration = Duration::from_secs(1);

/// A file that is requested from a hub.
#[derive(Clone, Copy)]
pub(super) struct HubRequest<'r> {
    pub(super) address: &'r HubAddress,
    pub(super) settings: &'r HubSettings,
}

/// The response with the file's content, and the facts that the hub states about the file.
#[derive(Debug)]
pub(super) struct HubResponse {
    /// The last response.
    pub(super) content: Response<Body>,
    /// The commit of the revision.
    pub(super) commit: Option<String>,
    /// The size in bytes, unless only the content's length says it.
    pub(super) size: Option<u64>,
    /// The tag, which is the same for the same content only.
    pub(super) tag: Option<String>,
    /// The checksum, if the hub's tag is one.
    pub(super) sha256: Option<String>,
}

impl HubRequest<'_> {
    /// Requests the content from the byte `from` on.
    ///
    /// # Errors
    /// If there is no response, or none that leads to the content.
    pub(super) fn send(&self, from: u64) -> Result<HubResponse, OriginError> {
        if self.settings.offline {
            return Err(OriginError::Offline(self.address.to_string()));
        }
        let (mut rate_waits, mut repeated) = (0, false);
        loop {
            let (response, url) = self.follow(from)?;
            let status = response.content.status().as_u16();
            match status {
                200 | 206 | 416 => return Ok(response),
                429 if rate_waits < RATE_WAITS => {
                    rate_waits += 1;
                    (self.settings.wait)(asked_wait(response.content.headers()));
                }
                500..=599 if !repeated => {
                    repeated = true;
                    (self.settings.wait)(ERROR_WAIT);
                }
                _ => return Err(self.refusal(status, &url)),
            }
        }
    }

    /// Requests the content and follows redirects. Returns also the URL of the last response.
    fn follow(&self, from: u64) -> Result<(HubResponse, String), OriginError> {
        let hub = server(&self.settings.endpoint);
        let mut url = self.address.url(&self.settings.endpoint);
        let mut facts = Facts::default();
        for _ in 0..=REDIRECTS {
            let at_hub = server(&url) == hub;
            let content = self.get(&url, at_hub, from)?;
            facts.add(content.headers(), at_hub);
            let location = text(content.headers(), "location");
            if !content.status().is_redirection() {
                return Ok((facts.response(content), url));
            }
            let target = location.and_then(|location| redirected(&url, location));
            url = target.ok_or_else(|| OriginError::Redirect(self.address.to_string()))?;
        }
        Err(OriginError::Redirect(self.address.to_string()))
    }

    /// Sends one request; only the hub gets the token.
    fn get(&self, url: &str, at_hub: bool, from: u64) -> Result<Response<Body>, OriginError> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .into();
        // A compressed content would have another size than the hub states.
        let mut request = agent.get(url).header("Accept-Encoding", "identity");
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
        }
        let token = self.settings.token.as_ref().filter(|_| at_hub);
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        request.call().map_err(|source| OriginError::Request {
            url: self.address.url(&self.settings.endpoint),
            source: Box::new(source),
        })
    }

    /// Returns the error for a response that refuses the file.
    fn refusal(&self, status: u16, url: &str) -> OriginError {
        let endpoint = &self.settings.endpoint;
        let HubAddress {
            repository,
            revision,
            path,
        } = self.address.clone();
        match status {
            401 | 403 if server(url) == server(endpoint) => OriginError::Gated {
                page: format!("{endpoint}/{repository}"),
                repository,
                status,
                token_sent: self.settings.token.is_some(),
            },
            404 => OriginError::NotOnHub {
                repository,
                revision,
                path,
            },
            _ => OriginError::Status {
                url: self.address.url(endpoint),
                status,
            },
        }
    }
}

/// The facts that the responses on the way to a file state about it.
#[derive(Debug, Default)]
struct Facts {
    commit: Option<String>,
    linked_size: Option<u64>,
    linked_tag: Option<String>,
    hub_tag: Option<String>,
    last_tag: Option<String>,
}

impl Facts {
    /// Adds what a response states; of a server that the hub redirects to, only the tag is of use.
    fn add(&mut self, headers: &HeaderMap, at_hub: bool) {
        self.last_tag = text(headers, "etag").map(plain_tag);
        if !at_hub {
            return;
        }
        if let Some(commit) = text(headers, "x-repo-commit").filter(|commit| is_hex(commit, 40)) {
            self.commit = Some(commit.to_ascii_lowercase());
        }
        if let Some(size) = text(headers, "x-linked-size").and_then(|size| size.parse().ok()) {
            self.linked_size = Some(size);
        }
        if let Some(tag) = text(headers, "x-linked-etag") {
            self.linked_tag = Some(plain_tag(tag));
        }
        if self.last_tag.is_some() {
            self.hub_tag.clone_from(&self.last_tag);
        }
    }

    fn response(self, content: Response<Body>) -> HubResponse {
        // Another server's tag may have the form of a checksum without being one.
        let stated = self.linked_tag.or(self.hub_tag);
        HubResponse {
            content,
            commit: self.commit,
            size: self.linked_size,
            sha256: stated.clone().filter(|tag| is_hex(tag, 64)),
            tag: stated.or(self.last_tag),
        }
    }
}

/// Returns the wait that a response asks for, bounded; a date counts as no answer.
fn asked_wait(headers: &HeaderMap) -> Duration {
    let seconds = text(headers, "retry-after").and_then(|value| value.trim().parse().ok());
    let wait = seconds.map_or(USUAL_WAIT, Duration::from_secs);
    wait.min(LONGEST_WAIT)
}

/// Returns a header's value, if it is text.
pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Removes the mark of a weak tag and the quotation marks.
fn plain_tag(tag: &str) -> String {
    let tag = tag.trim();
    tag.strip_prefix("W/")
        .unwrap_or(tag)
        .trim_matches('"')
        .to_owned()
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.chars().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_never_longer_than_a_minute() {
        let wait = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", value.parse().unwrap());
            asked_wait(&headers)
        };
        assert_eq!(wait("7"), Duration::from_secs(7));
        assert_eq!(wait("86400"), LONGEST_WAIT);
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), USUAL_WAIT);
        assert_eq!(asked_wait(&HeaderMap::new()), USUAL_WAIT);
    }
}
