//! Measures what an event costs each function, as a whole program on Lambda's Runtime API, beside a baseline function;
//! parts of it in process; and the local host under load. `docs/performance.md` says how, and has the tables.

mod bounds;
mod in_process;
mod life;
mod load;
mod requests;
mod results;
mod servers;
mod subject;
mod tables;

use std::fs;
use std::process::{Command, ExitCode};

use clap::Parser;
use local::folder::Folder;

use crate::life::on_measured_cpu;
use crate::requests::Senders;
use crate::results::{Results, Row, file, median, of, smaller_ratio, summary};
use crate::subject::Subject;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
enum Action {
    /// Measure the functions and what is in process; compare with the last whole run
    Short {
        #[arg(long, default_value_t = 9)]
        rounds: u32,
    },
    /// Measure longer, with the peers; write results and documents
    All,
    /// Measure load and growth; write results and documents
    Long {
        #[arg(long, default_value_t = 10)]
        seconds: u32,
        /// Authorizations in the largest store
        #[arg(long, default_value_t = 1_000_000)]
        largest: u32,
        /// Write nothing
        #[arg(long)]
        dry: bool,
    },
    /// Write the documents from the last results
    Render,
    /// Count the instructions of a warm event with callgrind
    Profile { function: String },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    let action = Action::parse();
    let mut results = Results::committed()?;
    if matches!(action, Action::Render) {
        tables::render(&results)?;
        return Ok(ExitCode::SUCCESS);
    }
    // On the build's own disk, because the local host waits for the disk at every commit.
    let place = tempfile::tempdir_in(std::env::current_exe()?.with_file_name(""))?;
    let folder = Folder::make(place.path())?;
    folder.point_schemes_to(&"https://merchant.example.com/".parse()?)?;
    let senders = Senders::new(&folder)?;
    let (mut before, mut keep) = (Results::default(), true);
    results.machine = machine()?;
    match action {
        Action::Short { rounds } => {
            (before, keep) = (results.clone(), false);
            functions(&mut results, &folder, &senders, rounds, 300, false).await?;
        }
        Action::All => functions(&mut results, &folder, &senders, 11, 500, true).await?,
        Action::Long { seconds, largest, dry } => {
            keep = !dry;
            results.sections.insert("load".to_owned(), load::levels(&folder, &senders, seconds)?);
            results.sections.insert("growth".to_owned(), load::growth(&folder, &senders, largest)?);
        }
        Action::Profile { function } => {
            let subjects = Subject::functions(&folder).await?;
            let subject = subjects.iter().find(|subject| subject.name == function);
            life::profile(subject.ok_or("there is no such function")?, &senders).await?;
            return Ok(ExitCode::SUCCESS);
        }
        Action::Render => {}
    }
    println!("{}", tables::tables(&results)?);
    if keep {
        fs::write(file("benches/results.json"), results.json()?)?;
        tables::render(&Results::committed()?)?;
    } else {
        fs::write(std::env::current_exe()?.with_file_name("bench.json"), results.json()?)?;
    }
    let missed = bounds::missed(&results, &before);
    missed.iter().for_each(|missed| println!("MISSED: {missed}"));
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Measures the functions and what is in process, and the peers too if they are wanted.
async fn functions(
    results: &mut Results,
    folder: &Folder,
    senders: &Senders,
    rounds: u32,
    warm: usize,
    with_peers: bool,
) -> Result<(), Error> {
    let mut subjects = Subject::functions(folder).await?;
    let count = subjects.len();
    if with_peers {
        subjects.extend(Subject::peers(folder, senders).await?);
    }
    let lives = life::measure(&subjects, senders, rounds, warm).await?;
    let (mut functions, mut peers) = (Vec::new(), Vec::new());
    for (index, (subject, own)) in subjects.iter().zip(&lives).enumerate() {
        let mut row = Row { name: subject.name.clone(), figures: summary(own, &lives[0]) };
        if index >= count {
            peers.push(row);
            continue;
        }
        let [program, zip] = subject.sizes()?;
        row.figures.extend(results::figures([("programBytes", program), ("zipBytes", zip)]));
        for (peer, its) in subjects.iter().zip(&lives).skip(count) {
            let language = peer.name.split(' ').next().unwrap_or_default();
            let start = median(of(own, "startMillis")) / median(of(its, "startMillis"));
            row.figures.insert(format!("cpuTo{language}"), smaller_ratio(own, its, "warmCpuMicros"));
            row.figures.insert(format!("startTo{language}"), start);
        }
        functions.push(row);
    }
    results.sections.insert("functions".to_owned(), functions);
    if with_peers {
        results.sections.insert("peers".to_owned(), peers);
    }
    let place = folder.database().with_file_name("criterion");
    let in_process = std::thread::scope(|scope| {
        let thread = scope.spawn(|| on_measured_cpu(|| in_process::measure(folder, senders, &place)));
        thread.join().unwrap_or_else(|_| Err("it panicked".into()))
    })?;
    results.sections.insert("inProcess".to_owned(), in_process);
    Ok(())
}

/// The machine and its compiler, in words.
fn machine() -> Result<String, Error> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let cpu = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let rustc = String::from_utf8(Command::new("rustc").arg("--version").output()?.stdout)?;
    let (cpu, cores) =
        (cpu.map_or("an unnamed CPU", |(_, name)| name), std::thread::available_parallelism()?);
    Ok(format!("{cpu}, {cores} cores, {}", rustc.trim()))
}
