//! What it was measured on.

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
