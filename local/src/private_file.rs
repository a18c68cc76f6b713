//! Files and folders that only their owner may read.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Makes a folder and those above it, as far as they are not there.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes the file, unless it has this text already. It is whole at every moment: written beside its place, and put
/// there once it is on the disk.
pub(crate) fn write(file: &Path, text: &str) -> io::Result<()> {
    if fs::read(file).is_ok_and(|now| now == text.as_bytes()) {
        return Ok(());
    }
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    let mut beside = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    beside.write_all(text.as_bytes())?;
    beside.as_file().sync_all()?;
    beside.persist(file)?;
    File::open(folder)?.sync_all()
}

/// The text of a file, if it is there.
pub(crate) fn read_if_there(file: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Writes a new file. One that is there is not replaced.
pub(crate) fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::options().create_new(true).write(true).mode(0o600).open(path).map_err(|error| {
        io::Error::new(error.kind(), format!("{}: {error}; move it away first", path.display()))
    })?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_file_that_says_the_same_is_left_alone_and_another_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("note");
        let number = || fs::metadata(&file).unwrap().ino();
        write(&file, "one").unwrap();
        // Whoever has opened it reads the old one to its end.
        let mut read = File::open(&file).unwrap();
        let first = number();
        write(&file, "one").unwrap();
        assert_eq!(number(), first);
        write(&file, "two").unwrap();
        assert_eq!(io::read_to_string(&mut read).unwrap(), "one");
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_new_file_is_for_its_owner_alone_and_replaces_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.pem");
        create(&file, "key").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert!(create(&file, "other").is_err());
        assert_eq!(fs::read_to_string(file).unwrap(), "key");
    }
}
