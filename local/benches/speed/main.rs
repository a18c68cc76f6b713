//! `make bench`: what an invocation of each function costs on Lambda's runtime, beside a baseline function, and what a
//! request costs inside of it, beside aws-lc-rs alone. `make bench-all` measures longer, and peers in Node and Python and
//! the local host under load as well, and writes the result file and the README's tables.
//!
//! A time alone says more about the machine than about the program, so whatever can be is a ratio to something that is
//! measured in turns with it. Needs Linux, whose `/proc` tells what a process used.

mod artifact;
mod at_once;
mod authorization_url;
mod aws;
mod backlog;
mod bounds;
mod caller;
mod callgrind;
mod cost;
mod endurance;
mod events;
mod figures;
mod fill;
mod first_use;
mod growth;
mod host;
mod lives;
mod load;
mod long;
mod machine;
mod merchant;
mod outside;
mod peers;
mod plain_http;
mod process;
mod readme;
mod record;
mod results;
mod runtime_api;
mod scene;
mod section;
mod subject;
mod tables;

use std::path::Path;
use std::process::ExitCode;

use local::folder::Folder;

use crate::caller::Caller;
use crate::events::Senders;
use crate::figures::Figures;
use crate::lives::Scale;
use crate::long::Long;
use crate::machine::{Machine, beside_that_cpu};
use crate::merchant::Merchant;
use crate::results::Results;
use crate::subject::Subject;
use crate::tables::TABLES;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Long enough that a peer's just-in-time compiler has done its work; for both forms, because they are compared.
const WARMING: u32 = 1_000;
const SHORT: Scale = Scale { rounds: 9, warming: WARMING, warm: 300 };
const LONG: Scale = Scale { rounds: 11, warming: WARMING, warm: 500 };

fn main() -> Result<ExitCode, Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = |name: &str| arguments.iter().any(|argument| argument == name);
    if let [first, address] = arguments.as_slice()
        && first == first_use::ARGUMENT
    {
        first_use::be_measured(address)?;
    } else if asked("--render") {
        readme::render(&Results::committed()?)?;
    } else if let Some(at) = arguments.iter().position(|argument| argument == "--callgrind") {
        profile(arguments.get(at + 1).ok_or("--callgrind names no function")?)?;
    } else if let Some(long) = Long::asked_for()? {
        return long.measure(Path::new(env!("CARGO_TARGET_TMPDIR")));
    } else if asked("--bench") {
        return measure(asked("--all"));
    } else {
        // As `cargo test` starts it.
        readme::check()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn profile(function: &str) -> Result<(), Error> {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let folder = folder_in(place.path())?;
    let (merchant, caller) = (Merchant::of(&folder)?, Caller::of(&folder)?);
    let subjects = Subject::of_this_repository(&folder)?;
    let subject = subjects.iter().find(|subject| subject.name == function);
    let senders = Senders { merchant: &merchant, caller: &caller };
    callgrind::profile(subject.ok_or_else(|| format!("there is no function {function}"))?, &senders)
}

/// The keys and documents of a local run.
fn folder_in(place: &Path) -> Result<Folder, Error> {
    let folder = Folder::make(place)?;
    folder.point_schemes_to(&"https://merchant.example.com/".parse()?)?;
    Ok(folder)
}

fn measure(all: bool) -> Result<ExitCode, Error> {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // On the build's own disk, because the local host's store waits for the disk at every commit.
    let place = tempfile::tempdir_in(scratch)?;
    let folder = folder_in(place.path())?;
    let merchant = Merchant::of(&folder)?;
    let before = Results::committed().unwrap_or_default();

    let (ours, peers, over_budget) = beside_that_cpu(|| live(&folder, &merchant, all))?;
    let measured = Results {
        machine: Machine::describe()?,
        functions: ours,
        peers,
        costs: cost::measure(&merchant, &folder)?,
        first_use: Some(beside_that_cpu(|| first_use::measure(&merchant))?),
        host: if all { Some(host::measure(&merchant, &folder)?) } else { None },
        others: before.others.clone(),
    };
    println!("{}", measured.machine);
    for (_, table) in TABLES {
        println!("\n{}", table(&measured));
    }
    let mut failed = bounds::missed(&measured);
    failed.extend(over_budget);
    if all {
        measured.commit()?;
        readme::render(&Results::committed()?)?;
    } else {
        failed.extend(bounds::worse(&measured, &before));
        let json = scratch.with_file_name("bench.json");
        std::fs::write(&json, measured.json()?)?;
        println!("The same as JSON: {}", json.display());
    }
    for failure in &failed {
        println!("MISSED: {failure}");
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

type Lived = (Vec<Figures>, Vec<Figures>, Vec<String>);

/// The figures of the functions and of the peers, and which budget of calls was not kept.
fn live(folder: &Folder, merchant: &Merchant, all: bool) -> Result<Lived, Error> {
    let caller = Caller::of(folder)?;
    let mut subjects = Subject::of_this_repository(folder)?;
    if all {
        for peer in peers::install(merchant)? {
            subjects.push(Subject::of_peer(peer, folder)?);
        }
    }
    let senders = Senders { merchant, caller: &caller };
    let lives = lives::measure(&subjects, &senders, if all { LONG } else { SHORT })?;
    let figures = Figures::of_all(&subjects, &lives);
    let over_budget =
        figures.iter().zip(&subjects).filter_map(|(figures, of)| figures.over_budget(of)).collect();
    let split = subjects.iter().take_while(|subject| subject.artifact.is_some()).count();
    let (ours, peers) = figures.split_at(split);
    Ok((ours.to_vec(), peers.to_vec(), over_budget))
}
