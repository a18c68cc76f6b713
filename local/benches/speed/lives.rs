//! Lives of functions: from the process's start until it asks for its first event, the first event, and then many, when
//! all is warm.
//!
//! The process has one CPU for itself; who measures, and all who stand in for somebody, keep to the others. Each round is
//! one life of every subject, so that a ratio is one of times that lie close together.

use std::process::Child;
use std::time::Duration;

use tokio::time::Instant;

use crate::Error;
use crate::aws::Calls;
use crate::events::Senders;
use crate::machine::on_one_cpu;
use crate::process::{cpu_time, peak_resident_bytes, resident_bytes};
use crate::runtime_api::{Asking, RuntimeApi};
use crate::subject::Subject;

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    /// Odd, so that there is one in the middle.
    pub(crate) rounds: u32,
    /// Events before all is warm.
    pub(crate) warming: u32,
    /// Events that are measured after that.
    pub(crate) warm: u32,
}

/// One life.
pub(crate) struct Life {
    /// Until the first event was asked for.
    pub(crate) start: Duration,
    /// CPU time until then.
    pub(crate) start_cpu: Duration,
    /// From the first event until its answer.
    pub(crate) first: Duration,
    /// CPU time of it.
    pub(crate) first_cpu: Duration,
    /// From each warm event until its answer, in ascending order.
    pub(crate) warm: Vec<Duration>,
    /// CPU time of one warm event.
    pub(crate) warm_cpu: Duration,
    /// The largest resident size until the first event.
    pub(crate) start_resident_bytes: u64,
    /// The resident size at the end.
    pub(crate) resident_bytes: u64,
    /// What was asked of AWS in the warm events.
    pub(crate) calls: Calls,
    /// What was asked of others in them.
    pub(crate) outside: u32,
}

/// The lives of each of `subjects`, in the order of the rounds.
pub(crate) fn measure(
    subjects: &[Subject],
    senders: &Senders<'_>,
    scale: Scale,
) -> Result<Vec<Vec<Life>>, Error> {
    let api = RuntimeApi::start()?;
    let mut lives: Vec<Vec<Life>> = subjects.iter().map(|_| Vec::new()).collect();
    // In the first round the programs come from the disk.
    for round in 0..=scale.rounds {
        for (place, (subject, lives)) in subjects.iter().zip(&mut lives).enumerate() {
            let series = format!("life-{place}-{round}");
            let events = senders.events(subject.kind, &series, 1 + scale.warming + scale.warm)?;
            let life = live(subject, &api, &events, scale)
                .map_err(|error| format!("{} in round {round}: {error}", subject.name))?;
            if round > 0 {
                lives.push(life);
            }
        }
    }
    Ok(lives)
}

fn live(subject: &Subject, api: &RuntimeApi, events: &[Vec<u8>], scale: Scale) -> Result<Life, Error> {
    let mut command = subject.command(api.address.to_string());
    let (process, began) = on_one_cpu(|| {
        let began = Instant::now();
        Ok((Running(command.spawn()?), began))
    })?;
    let id = process.0.id();
    let mut asking = api.next()?;
    let start = asking.since - began;
    let (start_cpu, start_resident_bytes) = (cpu_time(id)?, peak_resident_bytes(id)?);

    let (first_events, rest) = events.split_at(1);
    let mut first = Vec::new();
    asking = serve(subject, api, asking, first_events, &mut first)?;
    let first_cpu = cpu_time(id)? - start_cpu;
    let (warming, warm_events) = rest.split_at(usize::try_from(scale.warming)?);
    asking = serve(subject, api, asking, warming, &mut Vec::new())?;

    let (cpu_before, (calls_before, outside_before)) = (cpu_time(id)?, subject.calls());
    let mut warm = Vec::with_capacity(warm_events.len());
    serve(subject, api, asking, warm_events, &mut warm)?;
    let (calls, outside) = subject.calls();
    let warm_cpu = (cpu_time(id)? - cpu_before) / scale.warm;
    warm.sort_unstable();
    Ok(Life {
        start,
        start_cpu,
        first: first[0],
        first_cpu,
        warm,
        warm_cpu,
        start_resident_bytes,
        resident_bytes: resident_bytes(id)?,
        calls: calls - calls_before,
        outside: outside - outside_before,
    })
}

/// Has all `events` served, one after another, until it asks for one more: then it has done with the last.
pub(crate) fn serve(
    subject: &Subject,
    api: &RuntimeApi,
    mut asking: Asking,
    events: &[Vec<u8>],
    took: &mut Vec<Duration>,
) -> Result<Asking, Error> {
    for event in events {
        let began = Instant::now();
        let answer = api.invoke(asking, event)?;
        took.push(began.elapsed());
        let answer = String::from_utf8(answer)?;
        if !answer.contains(subject.answer) {
            return Err(format!("it answered {answer}").into());
        }
        asking = api.next()?;
    }
    Ok(asking)
}

/// Ends the process when it is not needed any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
