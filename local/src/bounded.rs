//! Files that a person names are read, and no more of them than they may have.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use shared::runtime::start::StartError;
use zeroize::Zeroizing;

/// The most bytes of a document or a key: as much as Secrets Manager holds.
pub(crate) const MAX_TEXT_BYTES: usize = 64 * 1024;

/// The bytes of a file.
///
/// # Errors
/// It cannot be read, or has more than `max_bytes`.
pub(crate) fn file(path: &Path, max_bytes: usize) -> Result<Vec<u8>, StartError> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| StartError::new(format!("cannot read {name}: {error}")))?;
    read(file, max_bytes, &name)
}

/// The bytes of a source that is called `name`.
///
/// # Errors
/// It cannot be read, or has more than `max_bytes`.
pub(crate) fn read(source: impl Read, max_bytes: usize, name: &str) -> Result<Vec<u8>, StartError> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    source
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| StartError::new(format!("cannot read {name}: {error}")))?;
    if bytes.len() > max_bytes {
        return Err(StartError::new(format!("{name} is larger than {max_bytes} bytes")));
    }
    Ok(bytes)
}

/// The text of a document or a key.
///
/// # Errors
/// It cannot be read, is no text, or has more than [`MAX_TEXT_BYTES`].
pub(crate) fn text(path: &Path) -> Result<Zeroizing<String>, StartError> {
    let bytes = Zeroizing::new(file(path, MAX_TEXT_BYTES)?);
    let text = std::str::from_utf8(&bytes).map(str::to_owned);
    text.map(Zeroizing::new).map_err(|_| StartError::new(format!("{} is no text", path.display())))
}

/// A shared key or a secret that a file holds: without the white space around it, such as an editor's line end, for no
/// document has such a key.
///
/// # Errors
/// As [`text`].
pub(crate) fn shared_key(path: &Path) -> Result<Zeroizing<String>, StartError> {
    Ok(Zeroizing::new(text(path)?.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_far_as_it_may_reach_and_a_key_without_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.txt");
        for kept in ["0123456789abcdef", "0123456789abcdef\n", " 0123456789abcdef\r\n\n"] {
            std::fs::write(&path, kept).unwrap();
            assert_eq!(shared_key(&path).unwrap().as_str(), "0123456789abcdef", "{kept:?}");
        }
        std::fs::write(&path, b"\xff").unwrap();
        assert!(text(&path).unwrap_err().to_string().ends_with("is no text"));
        std::fs::write(&path, vec![b'x'; MAX_TEXT_BYTES + 1]).unwrap();
        assert!(text(&path).unwrap_err().to_string().contains("is larger than 65536 bytes"));
        assert!(text(&folder.path().join("none")).is_err());
    }
}
