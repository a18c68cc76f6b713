//! The local host under load: the program itself, in a process of its own, with the embedded store on the disk.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use local::folder::Folder;
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::load::send;
use crate::merchant::Merchant;
use crate::process::peak_resident_bytes;

/// The documented limit of `GetAuthorizationUrl` for one user.
pub(crate) const RATE: u32 = 1_000;
const SECONDS: u32 = 15;
const FLOOD_REQUESTS: u32 = 10_000;

/// One kind of load and what the host made of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Held {
    pub(crate) requests: u32,
    pub(crate) granted: u32,
    /// Authorizations in the database that this load asked for, each with its nonce.
    pub(crate) recorded: u32,
    pub(crate) granted_per_second: f64,
    pub(crate) p50_millis: f64,
    pub(crate) p99_millis: f64,
    pub(crate) longest_millis: f64,
    /// The host's CPU time, for one request.
    pub(crate) cpu_micros: f64,
    /// The host's largest resident size so far.
    pub(crate) peak_resident_bytes: u64,
}

/// Both kinds of load.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct HostMeasured {
    /// [`RATE`] requests a second.
    pub(crate) paced: Held,
    /// As many as the host answers.
    pub(crate) flood: Held,
}

/// Starts the host, loads it, and stops it.
pub(crate) fn measure(merchant: &Merchant, folder: &Folder) -> Result<HostMeasured, Error> {
    let host = Host::start(folder)?;
    let pace = Duration::from_secs(1) / RATE;
    Ok(HostMeasured {
        paced: host.hold(merchant, folder, "paced", RATE * SECONDS, Some(pace))?,
        flood: host.hold(merchant, folder, "flood", FLOOD_REQUESTS, None)?,
    })
}

/// A running host, ended when it is dropped.
pub(crate) struct Host {
    child: Child,
    pub(crate) authlink: SocketAddr,
    /// Kept open, for a program that prints to nobody fails.
    _output: BufReader<ChildStdout>,
}

impl Host {
    pub(crate) fn start(folder: &Folder) -> Result<Self, Error> {
        let place = folder.database().with_file_name("");
        let mut child = Command::new(env!("CARGO_BIN_EXE_authlink"))
            .arg("--folder")
            .arg(&place)
            .args(["--port", "0", "--emulator-port", "0", "--merchant-port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(place.join("authlink.log"))?)
            .spawn()?;
        let mut output = BufReader::new(child.stdout.take().ok_or("the host has no output")?);
        match address(&mut output) {
            Ok(authlink) => Ok(Self { child, authlink, _output: output }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    fn hold(
        &self,
        merchant: &Merchant,
        folder: &Folder,
        series: &str,
        sent: u32,
        pace: Option<Duration>,
    ) -> Result<Held, Error> {
        let messages = merchant.messages(series, sent)?;
        let before = self.cpu()?;
        let load = send(self.authlink, &messages, pace)?;
        let millis = |share| load.latency(share).as_secs_f64() * 1e3;
        Ok(Held {
            requests: sent,
            granted: u32::try_from(load.latencies.len())?,
            recorded: recorded(folder, series)?,
            granted_per_second: load.rate(),
            p50_millis: millis(0.5),
            p99_millis: millis(0.99),
            longest_millis: millis(1.0),
            cpu_micros: ((self.cpu()? - before) / sent).as_secs_f64() * 1e6,
            peak_resident_bytes: peak_resident_bytes(self.child.id())?,
        })
    }

    fn cpu(&self) -> Result<Duration, Error> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The second field is the program's name and may hold anything; user and system time are 14th and 15th.
        let (_, fields) = stat.rsplit_once(')').ok_or("stat has no name")?;
        let ticks =
            fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where authlink is, by the host's greeting.
fn address(output: &mut BufReader<ChildStdout>) -> Result<SocketAddr, Error> {
    for line in output.by_ref().lines() {
        let line = line?;
        let words: Vec<_> = line.split_whitespace().collect();
        if let ["authlink", url] = words[..]
            && let Some(address) = url.strip_prefix("http://")
        {
            return Ok(address.trim_end_matches('/').parse()?);
        }
    }
    Err("the host did not start; it has said why in authlink.log".into())
}

fn recorded(folder: &Folder, series: &str) -> Result<u32, Error> {
    let database = Connection::open_with_flags(folder.database(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let count = database.query_row(
        "SELECT count(*) FROM authorizations JOIN nonces ON nonce = requested ->> '$.merchant.serialNo'
         WHERE nonce LIKE ?1 AND status = 'ISSUED'",
        [format!("{series}-%")],
        |row| row.get(0),
    )?;
    Ok(count)
}
