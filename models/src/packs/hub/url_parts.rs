//! The little of URLs that a download with redirects needs: their server, the target of a redirect, and percent-encoding.

/// Returns a path in which every byte is encoded that has a meaning in URLs or is not ASCII; slashes stay.
pub(super) fn percent_encoded(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    let encoded = path.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    encoded.collect()
}

/// Returns scheme, host and port of an absolute URL, such as `https://host:8080`, in lower case and without login.
pub(super) fn server(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let scheme = scheme.to_ascii_lowercase();
    let port = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(port).unwrap_or(host);
    format!("{scheme}://{}", host.to_ascii_lowercase())
}

/// Returns the URL to which a response from `base` redirects; none if it is of another scheme or leaves HTTPS.
pub(super) fn redirected(base: &str, location: &str) -> Option<String> {
    let (scheme, rest) = base.split_once("://")?;
    let target = if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        let authority = rest.split(['/', '?', '#']).next()?;
        format!("{scheme}://{authority}{location}")
    } else if has_scheme(location) {
        location.to_owned()
    } else {
        let path = base.split(['?', '#']).next()?;
        let folder = path.rsplit_once('/').filter(|_| rest.contains('/'));
        format!("{}/{location}", folder.map_or(path, |(folder, _)| folder))
    };
    let lower = target.to_ascii_lowercase();
    let allowed =
        lower.starts_with("https://") || (lower.starts_with("http://") && scheme == "http");
    allowed.then_some(target)
}

/// True if a redirect's target begins with a scheme.
fn has_scheme(location: &str) -> bool {
    let before = location.split(['/', '?', '#']).next().unwrap_or_default();
    before.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_resolved_as_browsers_do() {
        let base = "https://hub.example/a/b?query=/x";
        for (location, target) in [
            ("https://cdn.example/f", Some("https://cdn.example/f")),
            ("//cdn.example/f", Some("https://cdn.example/f")),
            ("/c/d?e", Some("https://hub.example/c/d?e")),
            ("c", Some("https://hub.example/a/c")),
            ("http://cdn.example/f", None),
            ("file:///etc/passwd", None),
        ] {
            assert_eq!(redirected(base, location).as_deref(), target, "{location}");
        }
        assert!(redirected("http://127.0.0.1:1/a", "http://127.0.0.1:2/b").is_some());
    }

    #[test]
    fn a_server_is_scheme_host_and_port() {
        assert_eq!(server("HTTPS://Hub.Example/a"), "https://hub.example");
        assert_eq!(server("https://hub.example:443"), "https://hub.example");
        assert_eq!(server("http://127.0.0.1:8080/a"), "http://127.0.0.1:8080");
        let login = "https://hub.example@evil.example/a";
        assert_eq!(server(login), "https://evil.example");
        assert_ne!(server("http://hub.example"), server("https://hub.example"));
    }
}
