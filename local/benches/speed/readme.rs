//! The README's tables: between `<!-- measured:begin costs -->` and `<!-- measured:end -->` stands what the result file
//! says, and nothing by hand.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::results::Results;
use crate::tables::TABLES;

const END: &str = "<!-- measured:end -->";

/// Writes the tables of `results` into the README.
pub(crate) fn render(results: &Results) -> Result<(), Error> {
    let readme = fs::read_to_string(file())?;
    Ok(fs::write(file(), rendered(&readme, results)?)?)
}

/// Holds the README against the result file.
pub(crate) fn check() -> Result<(), Error> {
    let readme = fs::read_to_string(file())?;
    if rendered(&readme, &Results::committed()?)? == readme {
        return Ok(());
    }
    Err("the README's tables are not those of local/benches/results.json; `make bench-render` writes them"
        .into())
}

fn rendered(readme: &str, results: &Results) -> Result<String, Error> {
    let mut text = readme.to_owned();
    for (name, table) in TABLES {
        let begin = format!("<!-- measured:begin {name} -->\n");
        let (before, rest) =
            text.split_once(&begin).ok_or_else(|| format!("the README has no place for {name}"))?;
        let (_, after) = rest.split_once(END).ok_or_else(|| format!("the README's {name} has no end"))?;
        text = format!("{before}{begin}\n{}\n{END}{after}", table(results));
    }
    Ok(text)
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("README.md")
}
