//! What it is measured on: the machine, and one CPU of it.

use std::fmt;
use std::process::Command;

use crate::Error;

/// A machine, as far as it matters.
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
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| keep_to_one_cpu().and_then(|()| work()));
        thread.join().unwrap_or_else(|_| Err("it panicked".into()))
    })
}

#[cfg(target_os = "linux")]
fn keep_to_one_cpu() -> Result<(), Error> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let allowed = sched_getaffinity(None)?;
    let mut one = CpuSet::new();
    one.set((0..CpuSet::MAX_CPU).rev().find(|&cpu| allowed.is_set(cpu)).ok_or("there is no CPU")?);
    Ok(sched_setaffinity(None, &one)?)
}

#[cfg(not(target_os = "linux"))]
fn keep_to_one_cpu() -> Result<(), Error> {
    Ok(())
}
