//! Reading one record where it is.

use std::fs::File;
use std::io;

/// How much is read at once: most records are shorter.
const BLOCK: usize = 4096;

/// Reads from `offset` up to the next line break or the end of the file; the
/// break is not part of it.
pub(in crate::journal) fn stretch_at(file: &File, offset: u64) -> io::Result<Vec<u8>> {
    let mut stretch = vec![0; BLOCK];
    let mut filled = 0;
    loop {
        let read = match read_at(file, &mut stretch[filled..], offset + filled as u64) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = memchr::memchr(b'\n', &stretch[filled..filled + read]);
        if let Some(end) = end {
            stretch.truncate(filled + end);
            return Ok(stretch);
        }
        filled += read;
        if read == 0 {
            stretch.truncate(filled);
            return Ok(stretch);
        }
        if filled == stretch.len() {
            stretch.resize(4 * filled, 0);
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, bytes, offset)
}
