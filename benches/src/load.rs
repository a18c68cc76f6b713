//! The program `authlink` under load by wrk: at several numbers of connections, and with stores of several sizes.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};

use local::folder::Folder;
use rusqlite::Connection;
use shared::signing::open_api::Signer;

use crate::Error;
use crate::life::{Running, cpu_time, status_bytes};
use crate::requests::{Senders, link_body};
use crate::results::{Figures, Row, figures, file, median, of, smaller_ratio};

/// Connections, and milliseconds that each waits between two requests; the first level warms up.
const LEVELS: [(&str, u32, u32); 6] = [
    ("256 connections, first", 256, 0),
    ("1 connection", 1, 0),
    ("8 connections", 8, 0),
    ("64 connections", 64, 0),
    ("256 connections", 256, 0),
    ("about 1,000 a second, 64 connections", 64, 63),
];
const SIZES: [u32; 3] = [1_000, 100_000, 1_000_000];
const GROWTH_ROUNDS: u32 = 9;

/// Measures every level for `seconds`.
pub(crate) fn levels(folder: &Folder, senders: &Senders, seconds: u32) -> Result<Vec<Row>, Error> {
    let host = Host::start(folder, folder.database())?;
    let (mut rows, mut at_first) = (Vec::new(), None);
    for (name, connections, wait) in LEVELS {
        let before = host.recorded()?;
        let mut level = host.load(senders, name, connections, wait, seconds, 4)?;
        let recorded = host.recorded()? - before;
        let resident = status_bytes(host.process.0.id(), "VmRSS:")?;
        level.extend(figures([
            ("recorded", recorded),
            ("lost", level["errors"] + (level["requests"] - recorded).max(0.0)),
            ("residentBytes", resident),
            ("grownBytes", (resident - *at_first.get_or_insert(resident)).max(0.0)),
        ]));
        rows.push(Row { name: name.to_owned(), figures: level });
    }
    Ok(rows)
}

/// Measures one connection at every size of the store up to `largest`, in turns.
pub(crate) fn growth(folder: &Folder, senders: &Senders, largest: u32) -> Result<Vec<Row>, Error> {
    let mut hosts = Vec::new();
    for size in SIZES.into_iter().filter(|size| *size <= largest) {
        let database = folder.database().with_file_name(format!("{size}.db"));
        Host::start(folder, database.clone())?.load(senders, "fill", 1, 0, 1, u32::MAX)?;
        fill(&database, size)?;
        hosts.push((size, Host::start(folder, database)?, Vec::new()));
    }
    for round in 0..=GROWTH_ROUNDS {
        for (_, host, rounds) in &mut hosts {
            let figures = host.load(senders, &format!("growth-{round}"), 1, 0, 2, u32::MAX)?;
            if round > 0 {
                rounds.push(figures);
            }
        }
    }
    let rows = hosts.iter().map(|(size, _, rounds)| {
        let middle = |name| median(of(rounds, name));
        let figures = figures([
            ("cpuMicros", middle("cpuMicros")),
            ("cpuToSmallest", smaller_ratio(rounds, &hosts[0].2, "cpuMicros")),
            ("p50Millis", middle("p50Millis")),
            ("p99Millis", middle("p99Millis")),
        ]);
        Row { name: size.to_string(), figures }
    });
    Ok(rows.collect())
}

/// Multiplies one authorization of a database, which no host has open, until there are `size`.
fn fill(database: &Path, size: u32) -> Result<(), Error> {
    let mut connection = Connection::open(database)?;
    connection.execute_batch(
        "PRAGMA synchronous = OFF; PRAGMA cache_size = -524288;
         CREATE TEMP TABLE one AS SELECT * FROM authorizations LIMIT 1; DELETE FROM authorizations;",
    )?;
    let transaction = connection.transaction()?;
    for _ in 0..size {
        transaction.execute_batch(
            "UPDATE one SET id = lower(hex(randomblob(16))), state_digest = lower(hex(randomblob(32))),
                 retain_until = retain_until + 1;
             INSERT INTO authorizations SELECT * FROM one;",
        )?;
    }
    transaction.commit()?;
    Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
}

struct Host {
    process: Running,
    authlink: String,
    database: PathBuf,
    /// Open, because a program that prints to nobody fails.
    _output: BufReader<ChildStdout>,
}

impl Host {
    fn start(folder: &Folder, database: PathBuf) -> Result<Self, Error> {
        let place = folder.database().with_file_name("");
        let mut child = Command::new(std::env::current_exe()?.with_file_name("authlink"))
            .args(["--port", "0", "--emulator-port", "0", "--merchant-port", "0", "--folder"])
            .arg(&place)
            .env("AUTHLINK_DATABASE", &database)
            .stdout(Stdio::piped())
            .stderr(File::create(place.join("authlink.log"))?)
            .spawn()?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let (process, mut line) = (Running(child), String::new());
        while output.read_line(&mut line)? > 0 {
            if let Some((_, url)) = line.split_once("authlink  ") {
                let authlink = url.trim().to_owned();
                return Ok(Self { process, authlink, database, _output: output });
            }
            line.clear();
        }
        Err(std::fs::read_to_string(place.join("authlink.log"))?.into())
    }

    /// Lets wrk send requests whose nonces begin with `series`, every so many signed by RSA and the others by MD5.
    fn load(
        &self,
        senders: &Senders,
        series: &str,
        connections: u32,
        wait_millis: u32,
        seconds: u32,
        rsa_every: u32,
    ) -> Result<Figures, Error> {
        let signed = self.database.with_extension("requests");
        let mut lines = BufWriter::new(File::create(&signed)?);
        let series = series.replace([' ', ','], "");
        for index in 0..seconds * if connections == 1 { 6_000 } else { 25_000 } {
            let by_rsa = index % rsa_every == 0;
            let signer = if by_rsa { Signer::Rsa(&senders.rsa) } else { Signer::Md5(&senders.md5) };
            let request = senders.link(signer, &format!("{series}-{index:07}"))?;
            let header = |name| request.headers().get(name).map_or(Ok(""), |value| value.to_str());
            let (nonce, timestamp, sign) = (header("nonce")?, header("timestamp")?, header("sign")?);
            writeln!(lines, "{nonce} {timestamp} {sign} {}", header("signType")?)?;
        }
        lines.flush()?;
        let cpu = cpu_time(self.process.0.id())?;
        let output = Command::new("wrk")
            .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "-s"])
            .arg(file("benches/src/load.lua"))
            .args([&self.authlink, "--"])
            .arg(&signed)
            .args([alipay_auth_url::PATH, &link_body("SERIAL"), &wait_millis.to_string()])
            .output()?;
        let cpu = cpu_time(self.process.0.id())? - cpu;
        let text = String::from_utf8(output.stdout)?;
        let json = text.lines().find(|line| line.starts_with('{'));
        let json = json.ok_or_else(|| format!("{text}{}", String::from_utf8_lossy(&output.stderr)))?;
        let mut measured: Figures = serde_json::from_str(json)?;
        measured.extend(figures([
            ("perSecond", measured["requests"] / measured["seconds"]),
            ("cpuMicros", cpu.as_secs_f64() * 1e6 / measured["requests"]),
        ]));
        Ok(measured)
    }

    fn recorded(&self) -> Result<f64, Error> {
        let count = "SELECT count(*) FROM authorizations WHERE status = 'ISSUED'";
        Ok(Connection::open(&self.database)?.query_row(count, [], |row| row.get(0))?)
    }
}
