//! What it is measured on: the machine, and one CPU of it.

use std::fmt;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::Error;

/// A machine, as far as it matters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) rustc: String,
}

impl Machine {
    /// This one.
    pub(crate) fn describe() -> Result<Self, Error> {
        let cpus = std::fs::read_to_string("/proc/cpuinfo")?;
        let model = cpus.lines().find(|line| line.starts_with("model name"));
        let cpu = model.and_then(|line| line.split_once(": ")).map_or("an unnamed CPU", |(_, name)| name);
        let rustc = Command::new("rustc").arg("--version").output()?.stdout;
        Ok(Self {
            cpu: cpu.to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            rustc: String::from_utf8(rustc)?.trim().to_owned(),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} cores, {}", self.cpu, self.cores, self.rustc)
    }
}

/// Does `work` on a thread that keeps to one CPU, as will the processes that it starts.
pub(crate) fn on_one_cpu<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    on(Share::Measured, work)
}

/// Does `work` on a thread that leaves that one CPU alone if there is another, as will the threads that it starts.
pub(crate) fn beside_that_cpu<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    on(Share::Rest, work)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Share {
    Measured,
    Rest,
}

fn on<T: Send>(share: Share, work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| keep_to(share).and_then(|()| work()));
        thread.join().unwrap_or_else(|_| Err("it panicked".into()))
    })
}

/// Of what the process may use, which its first thread never gives up, the last CPU is the measured one.
#[cfg(target_os = "linux")]
fn keep_to(share: Share) -> Result<(), Error> {
    use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};
    let first_thread = Pid::from_raw(std::process::id().try_into()?);
    let allowed = sched_getaffinity(first_thread)?;
    let last = (0..CpuSet::MAX_CPU).rev().find(|&cpu| allowed.is_set(cpu)).ok_or("there is no CPU")?;
    let mut kept = CpuSet::new();
    match share {
        Share::Rest if allowed.count() > 1 => {
            kept = allowed;
            kept.unset(last);
        }
        Share::Measured | Share::Rest => kept.set(last),
    }
    Ok(sched_setaffinity(None, &kept)?)
}

#[cfg(not(target_os = "linux"))]
fn keep_to(_: Share) -> Result<(), Error> {
    Ok(())
}
