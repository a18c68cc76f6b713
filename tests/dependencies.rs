//! The crates and features that each function is built of, against a golden file: none comes in unseen. And those of
//! the local host, beside those of the whole workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const GOLDEN: &str = "tests/golden/dependencies.txt";
const FUNCTIONS: [&str; 5] =
    ["alipay-auth-url", "authorization-query", "get-authorization-url", "openid-callback", "openid-delivery"];

/// Each crate that `cargo tree` names, of Debian's and Lambda's kind of machine: name, version and features.
fn tree(arguments: &[&str]) -> BTreeSet<(String, String, String)> {
    let form = ["--target", "x86_64-unknown-linux-gnu", "--prefix", "none", "--format", "{p}|{f}"];
    let mut command = Command::new(env!("CARGO"));
    let output =
        command.current_dir(ROOT).args(["tree", "--locked", "--offline"]).args(arguments).args(form).output();
    let output = output.expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (package, features) = line.trim_end_matches(" (*)").split_once('|').expect("a package");
            let mut words = package.split(' ');
            let (name, version) = (words.next().expect("a name"), words.next().expect("a version"));
            (name.to_owned(), version.trim_start_matches('v').to_owned(), features.to_owned())
        })
        .collect()
}

/// The crates of a function on Lambda, those that build others included, each with the compatible part of its version
/// and its features.
fn crates(function: &str) -> BTreeSet<String> {
    let crates = tree(&["--package", function, "--edges", "normal,build"]).into_iter();
    crates
        .map(|(name, version, features)| {
            let features = features.split(',').filter(|feature| !feature.is_empty());
            let features: Vec<_> = features.map(|feature| format!(" {feature}")).collect();
            format!("{name} {}{}", compatible(&version), features.concat())
        })
        .collect()
}

/// `1` of 1.2.3, `0.4` of 0.4.5: an update that Cargo makes by itself changes nothing here.
fn compatible(version: &str) -> String {
    let mut numbers = version.split('.');
    let major = numbers.next().unwrap_or_default();
    if major == "0" { format!("0.{}", numbers.next().unwrap_or_default()) } else { major.to_owned() }
}

#[test]
fn no_crate_and_no_feature_comes_into_a_function_unseen() {
    let mut users: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for function in FUNCTIONS {
        for package in crates(function) {
            users.entry(package).or_default().push(function);
        }
    }
    let is_ours = |package: &str| {
        package.starts_with("shared ") || FUNCTIONS.iter().any(|name| package.starts_with(name))
    };
    let lines = users.iter().filter(|(package, _)| !is_ours(package)).map(|(package, users)| {
        if users.len() == FUNCTIONS.len() {
            format!("{package}\n")
        } else {
            format!("{package} ({})\n", users.join(" "))
        }
    });
    let now: String = lines.collect();
    let golden = fs::read_to_string(Path::new(ROOT).join(GOLDEN)).expect("a golden file");
    if now == golden {
        return;
    }
    let [before, after]: [BTreeSet<&str>; 2] = [&golden, &now].map(|text| text.lines().collect());
    let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dependencies.txt");
    fs::write(&written, &now).expect("a place to write");
    panic!(
        "new: {:#?}\ngone: {:#?}\nif that is meant so: cp {} {GOLDEN}",
        after.difference(&before).collect::<Vec<_>>(),
        before.difference(&after).collect::<Vec<_>>(),
        written.display(),
    );
}

/// Otherwise `cargo run` and `cargo test --workspace` compile some three hundred crates twice between them.
#[test]
fn the_local_host_is_built_of_what_the_tests_are_built_of() {
    let alone = tree(&["--package", "local", "--edges", "normal,build"]);
    let together = tree(&["--workspace", "--edges", "normal,build,dev"]);
    let of_others: Vec<_> = alone
        .difference(&together)
        // Without what they need on Lambda.
        .filter(|(name, ..)| !FUNCTIONS.contains(&name.as_str()))
        .collect();
    assert!(
        of_others.is_empty(),
        "name these crates with the tests' features in local/Cargo.toml: {of_others:?}"
    );
}
