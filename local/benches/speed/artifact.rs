//! A function as it is deployed: its release build and the zip of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// What every database file begins with, and so every program that has SQLite in it contains.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// The program of a function.
pub(crate) struct Artifact {
    pub(crate) program: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) zip_bytes: u64,
}

impl Artifact {
    /// Builds the package in `folder` by itself, as SAM does, so that it has only its own features.
    pub(crate) fn build(folder: &str, package: &str) -> Result<Self, Error> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--locked", "--quiet", "--manifest-path"])
            .arg(root.join(folder).join("Cargo.toml"))
            .current_dir(&root)
            .status()?;
        if !built.success() {
            return Err(format!("{package} does not build").into());
        }
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let program = scratch.with_file_name("release").join(package);
        let content = fs::read(&program)?;
        if content.windows(SQLITE.len()).any(|bytes| bytes == SQLITE) {
            return Err(format!("{package} has SQLite in it").into());
        }
        let zip = scratch.join(package).with_extension("zip");
        let zipped = Command::new("python3").args(["-m", "zipfile", "-c"]).args([&zip, &program]).status()?;
        if !zipped.success() {
            return Err(format!("{package} cannot be zipped").into());
        }
        Ok(Self { bytes: fs::metadata(&program)?.len(), zip_bytes: fs::metadata(&zip)?.len(), program })
    }
}
