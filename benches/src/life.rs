//! Lives of functions: the start until the process asks for its first event, the first event, and many warm ones.
//!
//! The process has one CPU for itself; this program and its servers keep to the others. Each round is one life of every
//! subject, so that a ratio compares times that lie close together.

use std::fs;
use std::process::Child;
use std::time::Duration;

use tokio::time::Instant;

use crate::Error;
use crate::requests::Senders;
use crate::results::{Figures, figures, percentile};
use crate::servers::{Call, RuntimeApi, Service};
use crate::subject::Subject;

/// Events whose instructions are counted: the difference is of warm events alone.
const COUNTED: [usize; 2] = [100, 500];

/// Ends the process when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // A process that has ended by itself cannot be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    /// Odd, so that there is a median.
    pub(crate) rounds: u32,
    /// Events of a round that come before the measured ones.
    pub(crate) warming: usize,
    /// Measured events of a round.
    pub(crate) warm: usize,
}

/// Returns the lives of each subject, in the order of the rounds.
pub(crate) async fn measure(
    subjects: &[Subject],
    senders: &Senders,
    scale: Scale,
) -> Result<Vec<Vec<Figures>>, Error> {
    let mut lives: Vec<Vec<Figures>> = subjects.iter().map(|_| Vec::new()).collect();
    // In the first round the programs come from the disk.
    for round in 0..=scale.rounds {
        for (place, (subject, lives)) in subjects.iter().zip(&mut lives).enumerate() {
            let count = 1 + scale.warming + scale.warm;
            let events = events(subject, senders, &format!("life-{place}-{round}"), count)?;
            let life = live(subject, events, scale.warming).await;
            let life = life.map_err(|error| format!("{} in round {round}: {error}", subject.name))?;
            if round > 0 {
                lives.push(life);
            }
        }
    }
    Ok(lives)
}

fn events(subject: &Subject, senders: &Senders, series: &str, count: usize) -> Result<Vec<String>, Error> {
    (0..count).map(|index| senders.event(subject.function, &format!("{series}-{index:06}"))).collect()
}

async fn live(subject: &Subject, mut events: Vec<String>, warming: usize) -> Result<Figures, Error> {
    let mut api = RuntimeApi::start().await?;
    let mut command = subject.command(&[], &api.origin)?;
    let (process, began) = on_measured_cpu(|| {
        let began = Instant::now();
        Ok((Running(command.spawn()?), began))
    })?;
    let id = process.0.id();
    let asks = api.next().await?;
    let (start, start_cpu) = (asks.at - began, cpu_time(id)?);
    let resident_at_start = status_bytes(id, "VmHWM:")?;
    let (warm_events, warming) = (events.split_off(1 + warming), events.split_off(1));
    let (asks, first) = serve(subject, &mut api, asks, events).await?;
    let first_cpu = cpu_time(id)? - start_cpu;
    let (asks, _) = serve(subject, &mut api, asks, warming).await?;

    let (cpu_before, calls_before, count) =
        (cpu_time(id)?, subject.fake_services.calls(), warm_events.len() as f64);
    let (_asks, mut warm) = serve(subject, &mut api, asks, warm_events).await?;
    let (warm_cpu, calls) = (cpu_time(id)? - cpu_before, subject.fake_services.calls());
    let per_event =
        |service: Service| f64::from(calls[service as usize] - calls_before[service as usize]) / count;
    warm.sort_unstable();
    Ok(figures([
        ("startMillis", start.as_secs_f64() * 1e3),
        ("startCpuMillis", start_cpu.as_secs_f64() * 1e3),
        ("firstMillis", first[0].as_secs_f64() * 1e3),
        ("firstCpuMillis", first_cpu.as_secs_f64() * 1e3),
        ("warmP50Micros", percentile(&warm, 0.5).as_secs_f64() * 1e6),
        ("warmP99Micros", percentile(&warm, 0.99).as_secs_f64() * 1e6),
        ("warmCpuMicros", warm_cpu.as_secs_f64() * 1e6 / count),
        ("residentAtStartBytes", resident_at_start),
        ("residentBytes", status_bytes(id, "VmRSS:")?),
        ("storeCalls", per_event(Service::Store)),
        ("secretCalls", per_event(Service::Secrets)),
        ("queueCalls", per_event(Service::Queue)),
        ("otherCalls", per_event(Service::Other)),
    ]))
}

/// Has all `events` served one after another, until the function asks for one more; returns what each took.
async fn serve(
    subject: &Subject,
    api: &mut RuntimeApi,
    mut asks: Call,
    events: Vec<String>,
) -> Result<(Call, Vec<Duration>), Error> {
    let mut took = Vec::with_capacity(events.len());
    for event in events {
        let began = Instant::now();
        let (at, answer) = api.invoke(asks, event).await?;
        took.push(at - began);
        let answer = String::from_utf8_lossy(&answer);
        if !answer.contains(subject.answer) {
            return Err(format!("it answered {answer}").into());
        }
        asks = api.next().await?;
    }
    Ok((asks, took))
}

/// The instructions of a warm event, and those of a start with what the first event takes beyond a warm one. Valgrind's
/// callgrind counts them the same on every machine, however fast it is and whatever else it does; it keeps a profile.
pub(crate) async fn instructions(subject: &Subject, senders: &Senders) -> Result<Figures, Error> {
    let mut totals = Vec::new();
    for count in COUNTED {
        let total = counted(subject, senders, count).await;
        totals.push(total.map_err(|error| format!("{}, counted by callgrind: {error}", subject.name))?);
    }
    let warm = (totals[1] - totals[0]) / (COUNTED[1] - COUNTED[0]) as f64;
    let start = totals[0] - warm * COUNTED[0] as f64;
    Ok(figures([("warmInstructions", warm), ("startInstructions", start)]))
}

/// All instructions of a process that serves `count` events.
async fn counted(subject: &Subject, senders: &Senders, count: usize) -> Result<f64, Error> {
    let profile = subject.profile(count);
    let out = format!("--callgrind-out-file={}", profile.display());
    let valgrind = ["/usr/bin/valgrind", "--tool=callgrind", "--quiet", &out];
    let mut api = RuntimeApi::start().await?;
    let mut process = Running(subject.command(&valgrind, &api.origin)?.spawn()?);
    let events = events(subject, senders, &format!("callgrind-{count}"), count)?;
    let asks = api.next().await?;
    let (_asks, _) = serve(subject, &mut api, asks, events).await?;
    // Unlike a killed process, one that is asked to end writes its profile.
    std::process::Command::new("kill").arg(process.0.id().to_string()).status()?;
    process.0.wait()?;
    let profile = fs::read_to_string(profile)?;
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: ")).ok_or("no total")?;
    Ok(total.trim().parse()?)
}

/// CPU time of all threads of a process, none of which has ended; `/proc/…/stat` counts ticks of 10 ms only.
fn cpu_time(process: u32) -> Result<Duration, Error> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let schedule = fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += schedule.split_whitespace().next().ok_or("schedstat is empty")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// A size of a process: `VmRSS:`, the resident size, or `VmHWM:`, the largest so far.
fn status_bytes(process: u32, field: &str) -> Result<f64, Error> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let size = status.lines().find_map(|line| line.strip_prefix(field)?.strip_suffix("kB"));
    Ok(size.ok_or_else(|| format!("no {field}"))?.trim().parse::<f64>()? * 1_024.0)
}

/// Does `work` on the measured CPU, the last one, where the processes that it starts stay; then leaves that CPU to
/// them.
pub(crate) fn on_measured_cpu<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
        static ALLOWED: std::sync::OnceLock<CpuSet> = std::sync::OnceLock::new();
        let now = sched_getaffinity(None)?;
        let allowed = *ALLOWED.get_or_init(|| now);
        let last = (0..CpuSet::MAX_CPU).rev().find(|&cpu| allowed.is_set(cpu)).ok_or("there is no CPU")?;
        let (mut measured, mut others) = (CpuSet::new(), allowed);
        measured.set(last);
        others.unset(last);
        sched_setaffinity(None, &measured)?;
        let done = work();
        sched_setaffinity(None, if others.count() > 0 { &others } else { &allowed })?;
        done
    }
    #[cfg(not(target_os = "linux"))]
    work()
}
