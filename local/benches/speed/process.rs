//! What a process has used, by `/proc`.

use std::fs;
use std::time::Duration;

use crate::Error;

/// CPU time of all threads, in the kernel and out of it. Exact to the nanosecond, where `stat` counts ticks of 10 ms, but
/// only for a process whose threads have not ended.
pub(crate) fn cpu_time(process: u32) -> Result<Duration, Error> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let schedule = fs::read_to_string(thread?.path().join("schedstat"))?;
        let on_cpu = schedule.split_whitespace().next().ok_or("schedstat is empty")?;
        nanoseconds += on_cpu.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The resident size now.
pub(crate) fn resident_bytes(process: u32) -> Result<u64, Error> {
    status_bytes(process, "VmRSS:")
}

/// The largest resident size so far.
pub(crate) fn peak_resident_bytes(process: u32) -> Result<u64, Error> {
    status_bytes(process, "VmHWM:")
}

fn status_bytes(process: u32, field: &str) -> Result<u64, Error> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let size = status.lines().find_map(|line| line.strip_prefix(field)?.strip_suffix("kB"));
    Ok(size.ok_or_else(|| format!("status has no {field}"))?.trim().parse::<u64>()? * 1_024)
}
