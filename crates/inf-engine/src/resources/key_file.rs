//! A key in a file of its own, as container platforms hand them out.

use std::fs::File;
use std::io::{ErrorKind, Read};

use secrecy::SecretString;

/// More than any key has, and little enough to read whatever the file is.
const LONGEST_KEY: u64 = 64 * 1024;

/// The key in the file at `path`, without the white space around it; otherwise a
/// sentence that says what is wrong and never what the file holds.
pub(super) fn read(path: &str) -> Result<SecretString, String> {
    if looks_like_a_key(path) {
        return Err(
            "this looks like a key and not like the path of a file; take it out of the \
                    configuration, put it into a file and write that file's path"
                .to_owned(),
        );
    }
    let mut text = String::new();
    let read = File::open(path).and_then(|file| {
        if !file.metadata()?.is_file() {
            return Err(ErrorKind::IsADirectory.into());
        }
        file.take(LONGEST_KEY + 1).read_to_string(&mut text)
    });
    let why = match read {
        Ok(length) if length as u64 > LONGEST_KEY => "is far too long for a key",
        Ok(_) if text.trim().is_empty() => "is empty",
        Ok(_) if text.trim().contains(['\n', '\r']) => "has several lines",
        Ok(_) => return Ok(SecretString::from(text.trim())),
        Err(error) => match error.kind() {
            ErrorKind::NotFound => "does not exist",
            ErrorKind::PermissionDenied => "may not be read by this user",
            ErrorKind::IsADirectory => "is no file",
            ErrorKind::InvalidData => "is no text",
            _ => "can't be read",
        },
    };
    Err(format!(
        "the file `{path}` {why}: it has to hold the key and nothing else"
    ))
}

/// Whether somebody put the key itself where its path belongs.
fn looks_like_a_key(path: &str) -> bool {
    path.starts_with("sk-") && !path.contains(['/', '\\', '.'])
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_key_is_read_without_its_line_break() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("key");
        let path = place.to_str().expect("a plain path");
        let check = |content: &[u8], expected: Result<&str, &str>| {
            std::fs::write(path, content).expect("writable");
            match (read(path), expected) {
                (Ok(key), Ok(expected)) => assert_eq!(key.expose_secret(), expected),
                (Err(told), Err(expected)) => {
                    assert!(told.contains(expected), "{told}");
                    assert!(!told.contains("sk-"), "{told}");
                }
                (result, _) => panic!("{result:?}"),
            }
        };
        check(b"sk-123456\n", Ok("sk-123456"));
        check(b"  sk-123456\r\n", Ok("sk-123456"));
        check(b" \n", Err("is empty"));
        check(b"sk-1\nsk-2\n", Err("has several lines"));
        check(b"sk-\xff", Err("is no text"));
        check(&"k".repeat(70_000).into_bytes(), Err("far too long"));
        let told = |path: &str| read(path).expect_err("no key");
        assert!(told(folder.path().to_str().expect("a path")).contains("is no file"));
        assert!(told("/no/such/key").contains("`/no/such/key` does not exist"));
        assert!(!told("sk-proj-SECRET").contains("SECRET"));
    }
}
