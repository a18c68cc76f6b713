//! The clock of one host, set while it runs. Nobody else's is: the library libfaketime stands before the system's clock
//! in the host's process alone, and reads from a file how far that one is set ahead.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use shared::model::clock::{Clock, Monotonic, SystemClock, UnixMillis};

/// libfaketime for programs of many threads, below one of the folders in `/usr/lib`.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// The library, where Debian's package `faketime` puts it.
///
/// # Errors
/// It is not installed.
pub fn installed_library() -> io::Result<PathBuf> {
    let folders = fs::read_dir("/usr/lib")?.filter_map(Result::ok);
    let found = folders.map(|folder| folder.path().join(LIBRARY)).find(|library| library.exists());
    found.ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, "no libfaketime here; Debian's package `faketime` has it")
    })
}

/// The clock of a host.
#[derive(Debug)]
pub struct HostClock {
    file: PathBuf,
    ahead_secs: AtomicI64,
}

impl HostClock {
    /// A clock that is right; `file` keeps what it is set to.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn right(file: PathBuf) -> io::Result<Self> {
        let clock = Self { file, ahead_secs: AtomicI64::new(0) };
        clock.set(0)?;
        Ok(clock)
    }

    /// Sets it so far ahead of the right time, or behind it if that is below zero.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set(&self, ahead_secs: i64) -> io::Result<()> {
        let beside = self.file.with_extension("new");
        fs::write(&beside, format!("{ahead_secs:+}\n"))?;
        fs::rename(beside, &self.file)?;
        self.ahead_secs.store(ahead_secs, Ordering::SeqCst);
        Ok(())
    }

    /// The environment that has a process go by it. Its waits run by the time that passes, and its files have the
    /// right time, as on a machine whose clock is set.
    #[must_use]
    pub fn settings(&self, library: &Path) -> [(&'static str, String); 5] {
        [
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
    }
}

/// As the host sees it.
impl Clock for HostClock {
    fn now(&self) -> UnixMillis {
        let ahead_secs = self.ahead_secs.load(Ordering::SeqCst);
        let by = Duration::from_secs(ahead_secs.unsigned_abs());
        let now = SystemClock.now();
        if ahead_secs < 0 { now - by } else { now + by }
    }

    fn monotonic(&self) -> Monotonic {
        SystemClock.monotonic()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_what_the_clock_is_set_to() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("clock");
        let clock = HostClock::right(file.clone()).unwrap();
        for (ahead_secs, text) in [(0, "+0\n"), (3_600, "+3600\n"), (-3_600, "-3600\n")] {
            clock.set(ahead_secs).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
            let ahead = (clock.now().0 - SystemClock.now().0) as f64 / 1_000.0;
            assert!((ahead - ahead_secs as f64).abs() < 60.0, "{ahead}");
        }
    }
}
