//! What the codes of errors mean where no status goes with them.

use crate::clients::openai;

/// The status of an error's `code`
/// ([list](https://platform.openai.com/docs/api-reference/responses/object#responses/object-error)).
pub(super) fn status_of(code: &str) -> Option<u16> {
    match code {
        "vector_store_timeout" => Some(504),
        "failed_to_download_image" => Some(424),
        code if code.contains("image") => Some(400),
        code => openai::status_of(code),
    }
}
