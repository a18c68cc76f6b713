//! The program around a command: its runtime, and what it asks of the system.

use std::future::Future;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Builder;

/// Three ports with all their connections, and what their requests open, several times over. macOS allows no more.
const DESCRIPTORS: u64 = 10_240;

/// Runs `command` to its end, and leaves at once: a look-up of a name that hangs cannot be cut off, and is not waited
/// for.
///
/// # Errors
/// There can be no runtime.
pub fn run<T>(command: impl Future<Output = T>) -> io::Result<T> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(command);
    runtime.shutdown_background();
    Ok(ended)
}

/// Takes as many descriptors as this process may have, [`DESCRIPTORS`] at most; most systems give 1,024 or 256 to who
/// does not ask.
pub(crate) fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let Some(current) = raised(limit.current, limit.maximum) else { return };
    let raised = Rlimit { current: Some(current), maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit on descriptors stays as it is");
    }
}

/// The limit to ask for, if it is higher than the current one; no limit is `None`, as the system has it.
fn raised(current: Option<u64>, maximum: Option<u64>) -> Option<u64> {
    let wanted = maximum.unwrap_or(DESCRIPTORS).min(DESCRIPTORS);
    current.is_some_and(|current| current < wanted).then_some(wanted)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_look_up_that_hangs_does_not_hold_the_end() {
        let (end, hangs) = mpsc::channel::<()>();
        let ended = run(async move {
            let (begun, begins) = mpsc::channel();
            tokio::task::spawn_blocking(move || {
                let _ = begun.send(());
                let _ = hangs.recv();
            });
            begins.recv()
        });
        assert_eq!(ended.unwrap(), Ok(()));
        drop(end);
    }

    #[test]
    fn a_limit_is_raised_and_never_lowered() {
        for (current, maximum, wanted) in [
            (Some(1_024), Some(1_048_576), Some(DESCRIPTORS)),
            (Some(1_024), Some(4_096), Some(4_096)),
            (Some(256), None, Some(DESCRIPTORS)),
            (Some(64), Some(64), None),
            (Some(65_536), Some(65_536), None),
            (None, None, None),
        ] {
            assert_eq!(raised(current, maximum), wanted, "{current:?} of {maximum:?}");
        }
    }
}
