//! What takes minutes, and is measured only when it is asked for: `cargo bench -p local --bench speed -- --long`. It goes
//! into the result file and the README.
//!
//! `--only load`, `growth` or `backlog` leaves out the others, and `--divided-by 20` makes everything that much smaller and
//! shorter, to try the measurement itself: its figures then say little, and go nowhere.

use std::path::Path;
use std::process::ExitCode;

use crate::results::Results;
use crate::section::Section;
use crate::{Error, backlog, endurance, growth, readme};

type Measure = fn(&Path, u32) -> Result<Section, Error>;

const SECTIONS: [(&str, Measure); 3] =
    [("load", endurance::measure), ("growth", growth::measure), ("backlog", backlog::measure)];

/// Where the result file keeps a section's table.
const TABLE: &str = "table";

/// What is asked for.
pub(crate) struct Long {
    only: Option<String>,
    divided_by: u32,
}

impl Long {
    /// By the program's arguments; `None` without `--long`.
    pub(crate) fn asked_for() -> Result<Option<Self>, Error> {
        let mut arguments = std::env::args().skip(1);
        let (mut long, mut only, mut divided_by) = (false, None, 1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--long" => long = true,
                "--only" => only = arguments.next(),
                "--divided-by" => divided_by = arguments.next().ok_or("--divided-by what?")?.parse()?,
                _ => {}
            }
        }
        if let Some(name) = &only
            && SECTIONS.iter().all(|(known, _)| known != name)
        {
            return Err(format!("there is no {name} to measure").into());
        }
        Ok(long.then_some(Self { only, divided_by: divided_by.max(1) }))
    }

    /// Measures what is asked for, each on a fresh store, and prints it as it comes.
    pub(crate) fn measure(&self, scratch: &Path) -> Result<ExitCode, Error> {
        let (mut results, mut kept) = (Results::committed()?, true);
        for (_, measure) in SECTIONS.iter().filter(|(name, _)| self.wants(name)) {
            let section = measure(scratch, self.divided_by)?;
            println!("{section}");
            kept &= section.missed.is_empty();
            let mut values = section.json;
            values["missed"] = section.missed.into();
            values[TABLE] = section.table.trim_end().into();
            results.others.insert(section.name.to_owned(), values);
        }
        if self.divided_by == 1 {
            results.commit()?;
            readme::render(&results)?;
        }
        Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == name)
    }
}

/// The table of a section as it was measured last; empty if it never was.
pub(crate) fn table(results: &Results, section: &str) -> String {
    let table = results.others.get(section).and_then(|values| values[TABLE].as_str());
    table.map(|table| format!("{table}\n")).unwrap_or_default()
}
