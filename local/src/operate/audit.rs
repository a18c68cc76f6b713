//! Audit lines: who did what that cannot be undone, when, to how many.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use shared::model::clock::{Clock as _, SystemClock};

use crate::private_file::make_folder;

const FILE: &str = "audit.jsonl";

/// The line is missing. What it was to tell of has been done.
#[derive(Debug, thiserror::Error)]
#[error("it is done, but {} takes no line about it", .file.display())]
pub struct AuditError {
    file: PathBuf,
    source: io::Error,
}

/// Adds a line to `audit.jsonl` in `folder`, about what has been done.
///
/// # Errors
/// The file cannot be written.
pub fn note(folder: &Path, place: &str, action: &str, details: &Value) -> Result<(), AuditError> {
    let file = folder.join(FILE);
    write(folder, &file, place, action, details).map_err(|source| AuditError { file, source })
}

fn write(folder: &Path, file: &Path, place: &str, action: &str, details: &Value) -> io::Result<()> {
    make_folder(folder)?;
    let mut file = File::options().create(true).append(true).mode(0o600).open(file)?;
    let line = json!({
        "at": SystemClock.now(), "uid": rustix::process::getuid().as_raw(), "place": place, "action": action,
        "details": details,
    });
    file.write_all(format!("{line}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_cannot_be_written_says_that_its_work_is_done() {
        let folder = tempfile::tempdir().unwrap();
        note(folder.path(), "here", "disable", &json!({})).unwrap();
        let file = folder.path().join(FILE);
        assert!(std::fs::read_to_string(&file).unwrap().contains(r#""action":"disable""#));
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        let error = note(folder.path(), "here", "enable", &json!({})).unwrap_err().to_string();
        assert!(
            error.starts_with("it is done, but ") && error.ends_with("takes no line about it"),
            "{error}"
        );
    }
}
