//! The address of a file on a model hub: `hub:OWNER/NAME@REVISION:PATH`.
//!
//! The revision is a commit, a branch or a tag. Only a commit always names the same file; the lock holds the file of a branch.

use std::fmt;

use super::url_parts::percent_encoded;

/// The address of a file on a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::packs) struct HubAddress {
    /// `OWNER/NAME`.
    pub(in crate::packs) repository: String,
    /// A commit, branch or tag.
    pub(in crate::packs) revision: String,
    /// The path in the repository.
    pub(in crate::packs) path: String,
}

impl HubAddress {
    /// Parses an origin; none if it has another form.
    pub(in crate::packs) fn parse(origin: &str) -> Option<Self> {
        let (repository, rest) = origin.strip_prefix("hub:")?.split_once('@')?;
        let (revision, path) = rest.split_once(':')?;
        let (owner, name) = repository.split_once('/')?;
        let valid = valid_name(owner)
            && valid_name(name)
            && valid_segments(revision)
            && valid_segments(path);
        valid.then(|| Self {
            repository: repository.to_owned(),
            revision: revision.to_owned(),
            path: path.to_owned(),
        })
    }

    /// Returns the URL of the file; `endpoint` has no slash at its end.
    pub(super) fn url(&self, endpoint: &str) -> String {
        let revision = percent_encoded(&self.revision).replace('/', "%2F");
        let path = percent_encoded(&self.path);
        format!("{endpoint}/{}/resolve/{revision}/{path}", self.repository)
    }
}

impl fmt::Display for HubAddress {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "hub:{}@{}:{}", self.repository, self.revision, self.path)
    }
}

fn valid_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && !name.starts_with('.') && name.chars().all(allowed)
}

/// True if no segment between slashes is empty or leads elsewhere.
fn valid_segments(path: &str) -> bool {
    let valid = |segment: &str| !["", ".", ".."].contains(&segment);
    path.split('/').all(valid) && !path.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gives_the_url_of_its_file() {
        let origin = "hub:Org/Some-Model_2.5@refs/pr/1:onnx/a b.onnx";
        let address = HubAddress::parse(origin).unwrap();
        assert_eq!(address.to_string(), origin);
        assert_eq!(
            address.url("https://hub.example"),
            "https://hub.example/Org/Some-Model_2.5/resolve/refs%2Fpr%2F1/onnx/a%20b.onnx"
        );
    }

    #[test]
    fn other_forms_are_no_addresses() {
        for wrong in [
            "hub:a/b:c",
            "hub:a/b@main",
            "hub:a/b@main:",
            "hub:a@main:c",
            "hub:a/b/c@main:d",
            "hub:../b@main:c",
            "hub:a/b@main:../c",
            "hub:a/b@:c",
            "a/b@main:c",
        ] {
            assert_eq!(HubAddress::parse(wrong), None, "{wrong}");
        }
    }
}
