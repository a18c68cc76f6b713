//! `make profile`: how many instructions a warm event takes, by Valgrind's callgrind, which counts the same each time,
//! and a profile of where they go.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;
use crate::artifact::Artifact;
use crate::events::Senders;
use crate::lives::serve;
use crate::runtime_api::RuntimeApi;
use crate::subject::Subject;

/// Events of the shorter run; the longer one has ten times as many, so that the start hardly counts in its profile.
const FEW: u32 = 100;
const MANY: u32 = 10 * FEW;

/// Prints the instructions that a warm event of `subject` takes, and where the profile is.
pub(crate) fn profile(subject: &Subject, senders: &Senders<'_>) -> Result<(), Error> {
    Artifact::keep_symbols(&subject.name)?;
    let few = instructions(subject, senders, FEW)?;
    let many = instructions(subject, senders, MANY)?;
    let each = (many - few) / u64::from(MANY - FEW);
    println!("{}: {each} instructions for one event", subject.name);
    println!("callgrind_annotate --inclusive=yes {}", file(MANY).display());
    Ok(())
}

/// Those of a whole life with `count` events.
fn instructions(subject: &Subject, senders: &Senders<'_>, count: u32) -> Result<u64, Error> {
    let api = RuntimeApi::start()?;
    let events = senders.events(subject.kind, &format!("callgrind-{count}"), count)?;
    let plain = subject.command(api.address.to_string());
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", file(count).display()));
    command.arg(plain.get_program()).args(plain.get_args());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let served = api.next().and_then(|asking| serve(subject, &api, asking, &events, &mut Vec::new()));
    // Unlike a killed one, a process that is asked to end still writes its profile.
    Command::new("kill").arg(process.id().to_string()).status()?;
    process.wait()?;
    served?;
    let profile = std::fs::read_to_string(file(count))?;
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.ok_or("a profile without a total")?.trim().parse()?)
}

fn file(count: u32) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name(format!("callgrind.{count}.out"))
}
