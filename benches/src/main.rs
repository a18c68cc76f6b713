//! Measures what an event costs each function, as a whole program on Lambda's Runtime API, beside a baseline function;
//! and parts of it in process. `docs/performance.md` says how, and has the tables; `load/load.py` loads the local host.

mod bounds;
mod cold;
mod diagnosis;
mod first_event;
mod in_process;
mod life;
mod lists;
mod requests;
mod results;
mod servers;
mod subject;
mod tables;

use std::fs;
use std::process::{Command, ExitCode};

use clap::Parser;
use local::folder::Folder;

use crate::bounds::On;
use crate::life::{Scale, on_measured_cpu};
use crate::requests::Senders;
use crate::results::{Results, Row, median, smaller_ratio, summary, values};
use crate::subject::{Subject, target};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
enum Action {
    /// Measure the functions and what is in process; hold them to what is the same on every machine
    Short { rounds: Option<u32> },
    /// Measure longer, with the peers; write results and documents
    All,
    /// Write the documents from the last results
    Render,
    /// Send the first requests of 1,000 businesses to a fresh process, alone and beside a flood of invented names
    Cold,
    /// List a page of 50 of an embedded store with a million records, and hold it to its bound
    Lists,
    /// Send a process its first event, with the connections to AWS that its start makes, and without
    FirstEvent,
    /// Count the instructions of a warm event with callgrind
    Profile { function: String },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    let place = tempfile::tempdir()?;
    let folder = Folder::make(place.path())?;
    folder.point_schemes_to(&"https://merchant.example.com/".parse()?)?;
    let senders = Senders::new(folder)?;
    let mut results = Results::committed()?;
    // Before a measurement holds this process to one of the cores.
    let machine = machine()?;
    let missed = match Action::parse() {
        Action::Short { rounds } => {
            let mut short = Results { machine, ..Results::default() };
            let scale = Scale { rounds: rounds.unwrap_or(9), warming: 100, warm: 300 };
            functions(&mut short, &senders, scale, false).await?;
            println!("{}", tables::tables(&short)?);
            fs::write(target()?.join("bench.json"), short.json()?)?;
            [bounds::missed(&short, On::AnyMachine), bounds::grown(&short, &results)].concat()
        }
        Action::All => {
            // A thousand events are enough for a peer's just-in-time compiler.
            functions(&mut results, &senders, Scale { rounds: 11, warming: 1_000, warm: 500 }, true).await?;
            results.machine = machine;
            tables::render(&results)?;
            bounds::missed(&results, On::QuietMachine)
        }
        Action::Render => {
            tables::render(&results)?;
            bounds::missed(&results, On::QuietMachine)
        }
        Action::Cold => cold::measure(&senders).await?,
        Action::Lists => lists::measure().await?,
        Action::FirstEvent => first_event::measure(&senders).await?,
        Action::Profile { function } => {
            let subjects = Subject::functions(&senders).await?;
            let subject = subjects.iter().find(|subject| subject.name == function);
            let counted = life::instructions(subject.ok_or("there is no such function")?, &senders).await?;
            println!("{function}: {:.0} instructions for one event", counted["warmInstructions"]);
            println!("callgrind_annotate --inclusive=yes target/release/{function}.500.callgrind");
            Vec::new()
        }
    };
    missed.iter().for_each(|missed| println!("MISSED: {missed}"));
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Measures the functions and what is in process, and the peers too if they are wanted.
async fn functions(results: &mut Results, senders: &Senders, scale: Scale, peers: bool) -> Result<(), Error> {
    let mut subjects = Subject::functions(senders).await?;
    let count = subjects.len();
    if peers {
        subjects.extend(Subject::peers(senders).await?);
    }
    let lives = life::measure(&subjects, senders, scale).await?;
    let mut rows: Vec<Row> = Vec::new();
    for (index, (subject, own)) in subjects.iter().zip(&lives).enumerate() {
        let mut row = Row { name: subject.name.clone(), figures: summary(own, &lives[0]) };
        if index < count {
            let [program, zip] = subject.sizes()?;
            row.figures.extend(results::figures([("programBytes", program), ("zipBytes", zip)]));
            row.figures.extend(life::instructions(subject, senders).await?);
            let baseline = rows.first().unwrap_or(&row).figures["warmInstructions"];
            let to_baseline = row.figures["warmInstructions"] / baseline;
            row.figures.insert("instructionsToBaseline".to_owned(), to_baseline);
        }
        for (peer, its) in subjects.iter().zip(&lives).skip(count) {
            let language = peer.name.split(' ').next().unwrap_or_default();
            let start = median(values(own, "startMillis")) / median(values(its, "startMillis"));
            row.figures.insert(format!("cpuTo{language}"), smaller_ratio(own, its, "warmCpuMicros"));
            row.figures.insert(format!("startTo{language}"), start);
        }
        rows.push(row);
    }
    if peers {
        results.sections.insert("peers".to_owned(), rows.split_off(count));
    }
    results.sections.insert("functions".to_owned(), rows);
    // On a thread of its own, because this one has a runtime already.
    let measured = || on_measured_cpu(|| in_process::measure(senders));
    let rows = std::thread::scope(|scope| scope.spawn(measured).join());
    results.sections.insert("inProcess".to_owned(), rows.unwrap_or_else(|_| Err("it panicked".into()))?);
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
