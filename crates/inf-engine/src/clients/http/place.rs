//! Where a call goes, for messages.

use url::Url;

/// `url` without what may be secret: credentials, query and fragment.
pub(crate) fn place(url: &Url) -> String {
    let mut place = format!(
        "{}://{}",
        url.scheme(),
        url.host_str().unwrap_or("(no host)")
    );
    if let Some(port) = url.port() {
        place.push(':');
        place.push_str(&port.to_string());
    }
    place.push_str(url.path());
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_a_url_are_left_out() {
        let url =
            Url::parse("https://me:pass@host.example:8443/v1/chat?key=abc#top").expect("a URL");
        assert_eq!(place(&url), "https://host.example:8443/v1/chat");
    }
}
