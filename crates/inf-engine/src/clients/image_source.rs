//! [`ImageSource`]: a picture as wire formats write it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Image;

/// Where a picture is, or what it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ImageSource<'i> {
    /// An address.
    Url(&'i str),
    /// The picture itself.
    Base64 {
        /// What it is: `image/png`, ….
        media_type: &'i str,
        /// The file's content.
        data: Cow<'i, str>,
    },
}

impl<'i> ImageSource<'i> {
    /// How `image` is sent; a `data:` URL is its content.
    pub(crate) fn of(image: &'i Image) -> Self {
        match image {
            Image::Bytes { media_type, data } => Self::Base64 {
                media_type,
                data: Cow::Owned(STANDARD.encode(data)),
            },
            Image::Url(url) => content(url).unwrap_or(Self::Url(url)),
        }
    }

    /// As one address, whatever it is.
    pub(crate) fn url(image: &'i Image) -> Cow<'i, str> {
        match image {
            Image::Url(url) => Cow::Borrowed(url),
            Image::Bytes { media_type, data } => {
                let mut url = format!("data:{media_type};base64,");
                STANDARD.encode_string(data, &mut url);
                Cow::Owned(url)
            }
        }
    }
}

/// The content of a `data:` URL ([RFC 2397](https://www.rfc-editor.org/rfc/rfc2397))
/// in base64, the only form that pictures have.
fn content(url: &str) -> Option<ImageSource<'_>> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let head = head.strip_suffix(";base64")?;
    let media_type = head.split(';').next()?;
    Some(ImageSource::Base64 {
        media_type,
        data: Cow::Borrowed(data),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_data_urls_are_content_and_others_are_addresses() {
        let content = |media_type, data: &'static str| ImageSource::Base64 {
            media_type,
            data: data.into(),
        };
        let bytes = Image::bytes("image/png", b"abc".as_slice());
        assert_eq!(ImageSource::of(&bytes), content("image/png", "YWJj"));
        assert_eq!(ImageSource::url(&bytes), "data:image/png;base64,YWJj");
        for (url, expected) in [
            ("data:image/png;base64,YWJj", content("image/png", "YWJj")),
            ("data:image/png;x=1;base64,", content("image/png", "")),
            (
                "data:image/svg+xml,<svg>",
                ImageSource::Url("data:image/svg+xml,<svg>"),
            ),
            ("https://host/a.png", ImageSource::Url("https://host/a.png")),
        ] {
            assert_eq!(ImageSource::of(&Image::url(url)), expected);
        }
    }
}
