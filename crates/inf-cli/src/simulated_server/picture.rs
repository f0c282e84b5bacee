//! Pictures, as requests hold them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use inf_engine::conversation::Image;

/// The picture at `url`, or in it if it is a `data:` URL; else what is wrong.
pub(super) fn at_url(url: &str) -> Result<Image, String> {
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(Image::url(url));
    }
    let in_it = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(','));
    let Some((media_type, data)) = in_it else {
        return Err("is no URL that starts with `https://`, `http://` or `data:`".to_owned());
    };
    match media_type.strip_suffix(";base64") {
        Some(media_type) if media_type.starts_with("image/") => in_base64(media_type, data),
        _ => Err("is no `data:image/…;base64,` URL".to_owned()),
    }
}

/// The picture that `data` is; else what is wrong.
pub(super) fn in_base64(media_type: &str, data: &str) -> Result<Image, String> {
    let bytes = STANDARD.decode(data);
    let bytes = bytes.map_err(|error| format!("is not base64: {error}"))?;
    if bytes.is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(Image::bytes(media_type, bytes))
}

/// The picture that `data` is, its type told by its first bytes.
pub(super) fn of_unsaid_type(data: &str) -> Result<Image, String> {
    let image = in_base64("application/octet-stream", data)?;
    let Image::Bytes { data, .. } = &image else {
        return Ok(image);
    };
    let known: [(&[u8], &str); 4] = [
        (b"\x89PNG", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"RIFF", "image/webp"),
    ];
    match known.iter().find(|(magic, _)| data.starts_with(magic)) {
        Some((_, media_type)) => Ok(Image::bytes(*media_type, data.clone())),
        None => Err("is no PNG, JPEG, GIF or WebP picture".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_at_addresses_or_in_them() {
        let png = || Image::bytes("image/png", &b"\x89PNG"[..]);
        assert_eq!(at_url("data:image/png;base64,iVBORw=="), Ok(png()));
        assert_eq!(of_unsaid_type("iVBORw=="), Ok(png()));
        assert_eq!(at_url("https://h/a.png"), Ok(Image::url("https://h/a.png")));
        let check = |url, expected: &str| {
            let error = at_url(url).expect_err("no picture");
            assert!(error.contains(expected), "{error}");
        };
        check("a.png", "`https://`");
        check("data:image/png;base64,!", "not base64");
        check("data:image/png;base64,", "is empty");
        check("data:text/plain;base64,iVBORw==", "no `data:image/");
        check("data:image/png,abc", "no `data:image/");
        assert!(of_unsaid_type("aGVsbG8=").is_err());
    }
}
