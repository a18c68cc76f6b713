//! Fuzzing of everything that strangers and other parties write. Each target starts from a corpus, in `tests/corpora`
//! or signed here, and from what failed once, in `fuzz.regressions`; `PROPTEST_CASES` is the number of its cases.

mod documents;
mod requests;
mod texts;

use std::fs;
use std::path::{Path, PathBuf};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};

/// Hands draws of `strategy` to `check`, which panics of what must not be.
fn fuzz<S: Strategy>(strategy: S, check: impl Fn(S::Value)) {
    fuzz_one_in(1, strategy, check);
}

/// The same with a share of the cases, for a check that is slow.
fn fuzz_one_in<S: Strategy>(share: u32, strategy: S, check: impl Fn(S::Value)) {
    let cases = (Config::default().cases / share).max(100);
    // For `tests/scripts/fuzz.sh`.
    println!("{cases} cases");
    let config = Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        source_file: Some(file!()),
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&strategy, |value| {
        check(value);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora")
}

/// The lines of a corpus.
fn lines(name: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(corpora().join(name)).expect("a corpus");
    text.lines().map(|line| line.as_bytes().to_vec()).collect()
}

/// The JSON files of a folder, with their names.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_str().expect("text").to_owned();
            (name, fs::read(path).expect("a file"))
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no corpus", folder.display());
    files
}
