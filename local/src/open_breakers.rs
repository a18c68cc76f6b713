//! The parties that hang, in a file of the folder: the running host knows them, and `authlink status`, another process,
//! tells of them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use shared::egress::breakers::Hanging;
use tokio_util::sync::CancellationToken;

use crate::host::Functions;
use crate::private_file;

/// A breaker is open for ten times as long.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Keeps `file` as the functions have it, until `stop`: who has stopped leaves nobody alone. It is written when
/// something has changed.
pub(crate) async fn keep(functions: Arc<Functions>, file: PathBuf, stop: CancellationToken) {
    let mut kept = None;
    stop.run_until_cancelled(async {
        loop {
            let hanging = functions.hanging();
            if kept.as_ref() != Some(&hanging) && written(&file, &hanging) {
                kept = Some(hanging);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    })
    .await;
    written(&file, &[]);
}

/// True if it could be written; the log says why not.
fn written(file: &Path, hanging: &[Hanging]) -> bool {
    let written = write(file, hanging);
    if let Err(error) = &written {
        tracing::warn!(%error, "the parties that hang could not be written down");
    }
    written.is_ok()
}

fn write(file: &Path, hanging: &[Hanging]) -> io::Result<()> {
    private_file::write(file, &format!("{}\n", serde_json::to_string(hanging)?))
}

/// The parties that hung when the last host of the folder wrote of them; `None` before the first one.
pub(crate) fn read(file: &Path) -> io::Result<Option<Vec<Hanging>>> {
    let Some(text) = private_file::read_if_there(file)? else { return Ok(None) };
    let hanging = serde_json::from_str(&text);
    hanging.map(Some).map_err(|error| io::Error::other(format!("{}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use shared::model::clock::UnixMillis;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("breakers.json");
        assert_eq!(read(&file).unwrap(), None);
        let gateway = Hanging {
            party: "alipay-gateway".to_owned(),
            breaker: "open".to_owned(),
            since: UnixMillis(1_795_305_600_000),
        };
        for hanging in [vec![], vec![gateway]] {
            write(&file, &hanging).unwrap();
            assert_eq!(read(&file).unwrap(), Some(hanging));
        }
        std::fs::write(&file, "{").unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("breakers.json"));
    }
}
