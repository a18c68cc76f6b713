//! The plan of a resend of many, in a file: one that was broken off goes on where it was, and does nothing twice.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use shared::model::clock::UnixMillis;
use shared::model::id::AuthorizationId;

use super::refusal::{OperatorRefusal, StepError};
use crate::private_file::{self, read_if_there};

/// A list of authorizations, and those of it that are done. Nobody else has it meanwhile.
pub(super) struct Plan {
    file: PathBuf,
    /// The ids that are done, a line each; the lock on the plan as well.
    done_file: File,
    all: Vec<AuthorizationId>,
    done: HashSet<AuthorizationId>,
    begun: Option<UnixMillis>,
}

impl Plan {
    /// Takes hold of the plan of this `selection`: the one that was broken off, or one that has not begun.
    pub(super) fn hold(folder: &Path, selection: &str) -> Result<Self, StepError> {
        let file = path(folder, selection);
        private_file::make_folder(file.parent().unwrap_or(folder))?;
        let done_file = locked(&done_path(&file))?;
        let mut plan = Self { file, done_file, all: Vec::new(), done: HashSet::new(), begun: None };
        if let Some(text) = read_if_there(&plan.file)? {
            let (first, rest) = text.split_once('\n').unwrap_or_default();
            plan.begun = first.parse().ok().map(UnixMillis);
            plan.all = ids(rest);
            let done = read_if_there(&done_path(&plan.file))?.unwrap_or_default();
            plan.done = ids(&done).into_iter().collect();
        }
        Ok(plan)
    }

    /// The time at which it was begun, if it was.
    pub(super) const fn begun(&self) -> Option<UnixMillis> {
        self.begun
    }

    /// Its length.
    pub(super) const fn len(&self) -> usize {
        self.all.len()
    }

    /// Begins it with these, in place of what it was before.
    pub(super) fn begin(&mut self, all: Vec<AuthorizationId>, now: UnixMillis) -> io::Result<()> {
        self.clear()?;
        let ids: String = all.iter().map(|id| format!("{id}\n")).collect();
        private_file::write(&self.file, &format!("{now}\n{ids}"))?;
        (self.all, self.begun) = (all, Some(now));
        Ok(())
    }

    /// Empties it, in an order in which no moment has a plan without what is done of it.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.done_file.set_len(0)?;
        (self.all, self.done, self.begun) = (Vec::new(), HashSet::new(), None);
        Ok(())
    }

    /// Those that are left, in their order.
    pub(super) fn left(&self) -> Vec<AuthorizationId> {
        self.all.iter().filter(|id| !self.done.contains(*id)).cloned().collect()
    }

    /// Remembers that `id` is done.
    pub(super) fn done(&mut self, id: &AuthorizationId) -> io::Result<()> {
        self.done_file.write_all(format!("{id}\n").as_bytes())
    }

    /// All of it is done.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.clear()
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        if self.begun.is_none() {
            // A file that is left over is empty, and does no harm.
            let _ = fs::remove_file(done_path(&self.file));
        }
    }
}

/// The file, locked: not one that another holder has removed meanwhile.
fn locked(path: &Path) -> Result<File, StepError> {
    let under_way = || StepError::from(OperatorRefusal::ResendUnderWay);
    let file = File::options().create(true).append(true).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(under_way()),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    let is_there =
        fs::metadata(path).is_ok_and(|there| file.metadata().is_ok_and(|it| it.ino() == there.ino()));
    if is_there { Ok(file) } else { Err(under_way()) }
}

fn ids(text: &str) -> Vec<AuthorizationId> {
    // A last line without its end was cut: its resend is made again, under the same conditions.
    text.lines().filter_map(AuthorizationId::parse).collect()
}

fn path(folder: &Path, selection: &str) -> PathBuf {
    let digest = hex::encode(&Sha256::digest(selection)[..8]);
    folder.join("resends").join(format!("{digest}.plan"))
}

fn done_path(plan: &Path) -> PathBuf {
    plan.with_extension("done")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_355_000_123);

    fn id(serial_no: &str) -> AuthorizationId {
        AuthorizationId::from_serial("B1", serial_no)
    }

    fn ids_of<const N: usize>(serial_nos: [&str; N]) -> Vec<AuthorizationId> {
        serial_nos.map(id).into()
    }

    fn left_files(folder: &Path) -> usize {
        fs::read_dir(folder.join("resends")).unwrap().count()
    }

    #[test]
    fn a_plan_that_was_broken_off_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut plan = Plan::hold(folder.path(), "all").unwrap();
        assert_eq!(plan.begun(), None);
        plan.begin(ids_of(["1", "2", "3"]), NOW).unwrap();
        plan.done(&id("2")).unwrap();
        drop(plan);
        let plan = Plan::hold(folder.path(), "all").unwrap();
        assert_eq!((plan.begun(), plan.len(), plan.left()), (Some(NOW), 3, ids_of(["1", "3"])));
        assert_eq!(Plan::hold(folder.path(), "others").unwrap().begun(), None);
        plan.end().unwrap();
        assert_eq!(Plan::hold(folder.path(), "all").unwrap().begun(), None);
        assert_eq!(left_files(folder.path()), 0);
    }

    #[test]
    fn one_at_a_time_has_a_plan_and_a_second_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Plan::hold(folder.path(), "all").unwrap();
        assert!(Plan::hold(folder.path(), "all").is_err(), "before it has begun, too");
        first.begin(ids_of(["1", "2"]), NOW).unwrap();
        let second = Plan::hold(folder.path(), "all").map(drop);
        assert!(matches!(second, Err(StepError::Refused(OperatorRefusal::ResendUnderWay))));
        first.done(&id("1")).unwrap();
        drop(first);
        assert_eq!(Plan::hold(folder.path(), "all").unwrap().left(), ids_of(["2"]));
    }

    #[test]
    fn what_an_earlier_plan_had_done_is_not_done_in_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut plan = Plan::hold(folder.path(), "all").unwrap();
        plan.begin(ids_of(["1"]), NOW).unwrap();
        plan.done(&id("1")).unwrap();
        // Its end was broken off: the plan is gone, the list of what was done is not.
        fs::remove_file(&plan.file).unwrap();
        drop(plan);
        let mut plan = Plan::hold(folder.path(), "all").unwrap();
        assert_eq!(plan.begun(), None);
        plan.begin(ids_of(["1", "2"]), NOW).unwrap();
        drop(plan);
        assert_eq!(Plan::hold(folder.path(), "all").unwrap().left(), ids_of(["1", "2"]));
    }

    #[test]
    fn a_plan_that_is_cleared_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut plan = Plan::hold(folder.path(), "all").unwrap();
        plan.begin(ids_of(["1"]), NOW).unwrap();
        plan.clear().unwrap();
        drop(plan);
        drop(Plan::hold(folder.path(), "all").unwrap());
        assert_eq!(left_files(folder.path()), 0);
    }
}
