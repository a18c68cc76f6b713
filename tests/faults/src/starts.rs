//! Starts of the program `authlink` that are killed in the middle, and starts of two at once: the folder stays whole,
//! and the next start works.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fastrand::Rng;
use local::folder::Folder;
use tokio::time::sleep;

use crate::host::Host;

/// A start is killed within this time.
const KILLED_WITHIN_MILLIS: u64 = 60;
/// The file that a host locks; it is empty for good.
const IN_USE: &str = "in-use";

/// How many starts there are of each kind.
#[derive(Clone, Copy, Debug)]
pub struct Starts {
    /// Killed in the middle, at a time that is drawn from the seed.
    pub kills: u32,
    /// Of two processes at once.
    pub pairs: u32,
    pub seed: u64,
}

/// What must not be, each case in words.
pub type Broken = Vec<String>;

impl Starts {
    /// Makes the starts of `program` on a folder in `place`.
    ///
    /// # Errors
    /// The folder cannot be made, or a process not be started or killed.
    pub async fn make(self, program: &Path, place: &Path) -> io::Result<Broken> {
        let folder = place.join("folder");
        drop(Folder::make(&folder)?);
        let host = |log: &str| Host {
            program: program.to_owned(),
            folder: folder.clone(),
            port: 0,
            settings: Vec::new(),
            log: place.join(log),
            process: None,
        };
        let (mut one, mut other, mut broken) = (host("one.log"), host("other.log"), Broken::new());
        let mut lots = Rng::with_seed(self.seed);
        for number in 0..self.kills {
            one.spawn()?;
            let lives = Duration::from_millis(lots.u64(..=KILLED_WITHIN_MILLIS));
            sleep(lives).await;
            one.kill()?;
            let empty = empty_files(&folder)?;
            if !empty.is_empty() {
                broken.push(format!("a kill after {lives:?}, number {number}, left {empty:?} empty"));
            }
        }
        if let Err(error) = one.start().await {
            broken.push(format!("no start after the kills: {error}"));
        }
        one.kill()?;
        for number in 0..self.pairs {
            let served = tokio::join!(one.start(), other.start());
            let served = [served.0.is_ok(), served.1.is_ok()];
            if served[0] == served[1] {
                broken.push(format!("of pair {number}, which served: {served:?}"));
            }
            one.kill()?;
            other.kill()?;
        }
        Ok(broken)
    }
}

/// The files in `folder`, however deep, that hold nothing.
fn empty_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut empty = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            empty.extend(empty_files(&path)?);
        } else if entry.metadata()?.len() == 0 && is_ours(&path) {
            empty.push(path);
        }
    }
    Ok(empty)
}

/// True of the files that a start writes: those of SQLite may be empty, and so may one that waits beside its place.
fn is_ours(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name != IN_USE && !name.contains(".db") && !name.starts_with(".new-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_of_a_start_is_found() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("secrets/scheme")).unwrap();
        for (name, text) in [
            ("in-use", ""),
            ("authlink.db-wal", ""),
            (".new-x", ""),
            ("complete", "3\n"),
            ("secrets/scheme/234.json", ""),
        ] {
            fs::write(place.path().join(name), text).unwrap();
        }
        assert_eq!(empty_files(place.path()).unwrap(), [place.path().join("secrets/scheme/234.json")]);
    }
}
