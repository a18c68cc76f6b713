//! A function as it is deployed: its release build and the zip of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// What every database file begins with, and so every program that has SQLite in it contains.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// The baseline and the functions; what they need of `shared` is the same, so that one build serves all.
const PACKAGES: [&str; 6] = [
    "baseline-function",
    "alipay-auth-url",
    "get-authorization-url",
    "authorization-query",
    "openid-callback",
    "openid-delivery",
];

/// The program of a function.
pub(crate) struct Artifact {
    pub(crate) program: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) zip_bytes: u64,
}

impl Artifact {
    /// Builds all of them, without anything that would ask for other features.
    pub(crate) fn build_all() -> Result<(), Error> {
        let mut arguments = vec!["build".to_owned()];
        arguments.extend(PACKAGES.map(|package| format!("--package={package}")));
        cargo(&arguments)
    }

    /// Builds one of them again, with the names that a profile shows; until the next build.
    pub(crate) fn keep_symbols(package: &str) -> Result<(), Error> {
        cargo(&["rustc", "--package", package, "--bin", package, "--", "-C", "strip=none"].map(str::to_owned))
    }

    /// One of them, as it was built.
    pub(crate) fn of(package: &str) -> Result<Self, Error> {
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

fn cargo(arguments: &[String]) -> Result<(), Error> {
    let [command, arguments @ ..] = arguments else { return Ok(()) };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("");
    let built = Command::new(env!("CARGO"))
        .args([command, "--release", "--locked", "--quiet"])
        .args(arguments)
        .current_dir(root)
        .status()?;
    if built.success() { Ok(()) } else { Err(format!("cargo {command} failed").into()) }
}
