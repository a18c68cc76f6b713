//! The local host for minutes on end: as many requests as 1, 8, 64 and 256 connections can make, and what is left of them
//! in its memory.
//!
//! Requests are signed as they are sent, because nobody could sign so many beforehand within the five minutes that a
//! time stamp is good for: every fourth by RSA, which costs the sender more than all else does the host.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use local::folder::Folder;
use rusqlite::{Connection as Database, OpenFlags};
use serde_json::{Value, json};
use shared::signing::open_api::Signer;
use tokio::time::Instant;

use crate::Error;
use crate::host::Host;
use crate::load::{Connection, STACK_BYTES};
use crate::merchant::{Merchant, message};
use crate::process::{peak_resident_bytes, resident_bytes};
use crate::section::{Section, millis, within};
use crate::tables::megabytes;

const CONNECTIONS: [usize; 4] = [1, 8, 64, 256];
const EACH_FOR: Duration = Duration::from_secs(60);
/// With the most connections, so that each has had its buffers before the memory is looked at.
const WARM_UP: Duration = Duration::from_secs(10);
const RSA_EVERY: u64 = 4;

/// The connections that the bounds are for.
const JUDGED_AT: usize = 64;
const RATE_AT_LEAST: f64 = 3_000.0;
const P99_AT_MOST: Duration = Duration::from_millis(50);
/// Four minutes make well over half a million requests: 16 bytes left behind by each would be seen.
const GROWTH_BYTES_AT_MOST: u64 = 10_000_000;

/// One number of connections.
struct Level {
    connections: usize,
    /// Of the requests that were granted, in ascending order.
    latencies: Vec<Duration>,
    errors: u64,
    /// Authorizations that the database holds more than before.
    recorded: u64,
    elapsed: Duration,
    resident_bytes: u64,
}

/// Measures every number of connections for its minute.
pub(crate) fn measure(scratch: &Path, divided_by: u32) -> Result<Section, Error> {
    let place = tempfile::tempdir_in(scratch)?;
    let folder = Folder::make(place.path())?;
    let merchant = Merchant::of(&folder)?;
    let host = Host::start(&folder)?;
    let at_start = resident_bytes(host.process())?;
    let next = AtomicU64::new(0);
    let most = CONNECTIONS.into_iter().max().unwrap_or(1);
    send(host.authlink, &merchant, most, WARM_UP / divided_by, &next)?;
    let after_warm_up = resident_bytes(host.process())?;
    let mut levels = Vec::new();
    for connections in CONNECTIONS {
        let before = recorded(&folder)?;
        let (latencies, errors, elapsed) =
            send(host.authlink, &merchant, connections, EACH_FOR / divided_by, &next)?;
        levels.push(Level {
            connections,
            latencies,
            errors,
            recorded: recorded(&folder)? - before,
            elapsed,
            resident_bytes: resident_bytes(host.process())?,
        });
    }
    let peak = peak_resident_bytes(host.process())?;
    let at_end = levels.last().map_or(0, |level| level.resident_bytes);
    let memory = Memory { at_start, after_warm_up, at_end, peak };
    Ok(Section {
        name: "load",
        json: json!({
            "levels": levels.iter().map(Level::json).collect::<Vec<_>>(),
            "residentBytes": {"start": at_start, "afterWarmUp": after_warm_up, "end": at_end, "peak": peak},
            "bounds": {
                "atConnections": JUDGED_AT,
                "perSecondAtLeast": RATE_AT_LEAST,
                "p99MillisAtMost": millis(P99_AT_MOST),
                "residentGrowthBytesAtMost": GROWTH_BYTES_AT_MOST,
            },
        }),
        table: table(&levels, &memory)?,
        missed: levels.iter().flat_map(Level::missed).chain(memory.missed()).collect(),
    })
}

struct Memory {
    at_start: u64,
    after_warm_up: u64,
    at_end: u64,
    peak: u64,
}

impl Memory {
    fn missed(&self) -> Option<String> {
        let growth = self.at_end.saturating_sub(self.after_warm_up);
        (growth > GROWTH_BYTES_AT_MOST)
            .then(|| format!("the host grew by {growth} bytes, allowed are {GROWTH_BYTES_AT_MOST}"))
    }
}

impl Level {
    fn rate(&self) -> f64 {
        self.recorded as f64 / self.elapsed.as_secs_f64()
    }

    fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        let granted = self.latencies.len() as u64;
        let connections = self.connections;
        if self.errors > 0 || self.recorded != granted {
            let (errors, recorded) = (self.errors, self.recorded);
            missed.push(format!(
                "{connections} connections: {granted} granted, {recorded} recorded, {errors} errors"
            ));
        }
        if connections == JUDGED_AT && self.rate() < RATE_AT_LEAST {
            missed.push(format!("{:.0} a second, wanted are {RATE_AT_LEAST:.0}", self.rate()));
        }
        let p99 = within(&self.latencies, 0.99);
        if connections == JUDGED_AT && p99 > P99_AT_MOST {
            missed.push(format!("99 % within {:.1} ms, allowed are {P99_AT_MOST:?}", millis(p99)));
        }
        missed
    }

    fn json(&self) -> Value {
        json!({
            "connections": self.connections,
            "seconds": self.elapsed.as_secs_f64(),
            "granted": self.latencies.len(),
            "recorded": self.recorded,
            "errors": self.errors,
            "recordedPerSecond": self.rate(),
            "p50Millis": millis(within(&self.latencies, 0.5)),
            "p99Millis": millis(within(&self.latencies, 0.99)),
            "maxMillis": millis(within(&self.latencies, 1.0)),
            "residentBytes": self.resident_bytes,
        })
    }
}

fn table(levels: &[Level], memory: &Memory) -> Result<String, Error> {
    let mut table = String::new();
    writeln!(
        table,
        "| connections | recorded | a second | median | 99 % within | longest | errors | resident |"
    )?;
    writeln!(table, "|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    for level in levels {
        let latency = |share| millis(within(&level.latencies, share));
        writeln!(
            table,
            "| {} | {} | {:.0} | {:.1} ms | {:.1} ms | {:.1} ms | {} | {} |",
            level.connections,
            level.recorded,
            level.rate(),
            latency(0.5),
            latency(0.99),
            latency(1.0),
            level.errors,
            megabytes(level.resident_bytes)
        )?;
    }
    writeln!(
        table,
        "| bound at {JUDGED_AT} | all granted | ≥ {RATE_AT_LEAST:.0} | | ≤ {:.0} ms | | 0 | ≤ {} more than after the \
         warm-up |",
        millis(P99_AT_MOST),
        megabytes(GROWTH_BYTES_AT_MOST)
    )?;
    writeln!(
        table,
        "\nResident at the start {}, after the warm-up {}, at the end {}, at most {}.",
        megabytes(memory.at_start),
        megabytes(memory.after_warm_up),
        megabytes(memory.at_end),
        megabytes(memory.peak)
    )?;
    Ok(table)
}

type Sent = (Vec<Duration>, u64);

fn send(
    to: SocketAddr,
    merchant: &Merchant,
    connections: usize,
    time: Duration,
    next: &AtomicU64,
) -> Result<(Vec<Duration>, u64, Duration), Error> {
    let began = Instant::now();
    let until = began + time;
    let sent = std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for _ in 0..connections {
            let work = move || work(to, merchant, until, next);
            workers.push(std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work)?);
        }
        let ended = |worker: std::thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|_| Err("a connection's thread panicked".into()))
        };
        workers.into_iter().map(ended).collect::<Result<Vec<Sent>, Error>>()
    })?;
    let elapsed = began.elapsed();
    let errors = sent.iter().map(|(_, errors)| errors).sum();
    let mut latencies: Vec<_> = sent.into_iter().flat_map(|(latencies, _)| latencies).collect();
    latencies.sort_unstable();
    Ok((latencies, errors, elapsed))
}

fn work(to: SocketAddr, merchant: &Merchant, until: Instant, next: &AtomicU64) -> Result<Sent, Error> {
    let mut connection = Connection::open(to)?;
    let (mut latencies, mut errors) = (Vec::new(), 0);
    while Instant::now() < until {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let by_rsa = index.is_multiple_of(RSA_EVERY);
        let signer = if by_rsa { Signer::Rsa(&merchant.rsa_key) } else { Signer::Md5(&merchant.md5_key) };
        let message = message(signer, &format!("endurance-{index:09}"))?;
        let began = Instant::now();
        match connection.exchange(&message) {
            Ok(true) => latencies.push(began.elapsed()),
            Ok(false) => errors += 1,
            Err(_) => {
                errors += 1;
                connection = Connection::open(to)?;
            }
        }
    }
    Ok((latencies, errors))
}

fn recorded(folder: &Folder) -> Result<u64, Error> {
    let database = Database::open_with_flags(folder.database(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let count: i64 =
        database
            .query_row("SELECT count(*) FROM authorizations WHERE status = 'ISSUED'", [], |row| row.get(0))?;
    Ok(u64::try_from(count)?)
}
