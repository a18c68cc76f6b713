//! The structure of the sources: arrows that must never be, circles, doc comments that begin with a question, and
//! comments that are too wide.

mod house;
mod planted;
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use house::{Arrow, House, circles};

/// The folders that hold to [`QUESTIONS_LIMIT_PERCENT`].
const WITHOUT_QUESTIONS: &[&str] = &["shared/", "functions/", "local/", "tests/", "benches/"];
/// The share of doc comments that may begin with a question word.
const QUESTIONS_LIMIT_PERCENT: usize = 5;
const QUESTION_WORDS: [&str; 11] =
    ["Who", "Whose", "Whom", "What", "When", "Where", "Why", "How", "Which", "Whether", "If"];
/// The columns of a comment, rows of tables excepted, which cannot be broken.
const COMMENT_COLUMNS: usize = 120;

/// An arrow that must never be.
struct Never {
    /// The beginnings of the files' paths.
    from: &'static [&'static str],
    /// The ends of paths of files that may all the same, or their beginnings.
    but_from: &'static [&'static str],
    /// The beginnings of what they must not name.
    to: &'static [&'static str],
    /// The beginnings of what they may name all the same.
    but_to: &'static [&'static str],
    because: &'static str,
}

const FUNCTIONS: [(&str, &str); 5] = [
    ("functions/alipay-auth-url/", "alipay_auth_url"),
    ("functions/authorization-query/", "authorization_query"),
    ("functions/get-authorization-url/", "get_authorization_url"),
    ("functions/openid-callback/", "openid_callback"),
    ("functions/openid-delivery/", "openid_delivery"),
];

/// The files of `shared` that call AWS.
const CALL_AWS: &[&str] = &[
    "shared/src/aws/",
    "shared/src/queue/sqs.rs",
    "shared/src/runtime/",
    "shared/src/secrets/secrets_manager.rs",
    "shared/src/store/dynamodb/",
];

/// The files of `local` that sign, check and read keys for an operator, who is to see what the product does.
const OPERATORS_SIGNATURES: &[&str] =
    &["local/src/caller.rs", "local/src/cli/", "local/src/doctor/", "local/src/documents/"];

const NEVER: &[Never] = &[
    Never {
        from: &["shared/src/model/"],
        but_from: &[],
        to: &["shared::"],
        but_to: &["shared::model"],
        because: "the model knows nothing of ours",
    },
    Never {
        from: &["shared/src/signing/"],
        but_from: &[],
        to: &["shared::registry", "shared::secrets", "shared::store"],
        but_to: &[],
        because: "a signature is made of a key and a text, wherever they are kept",
    },
    Never {
        from: &["shared/src/protocol/"],
        but_from: &[],
        to: &["shared::aws", "shared::secrets", "shared::store"],
        but_to: &[],
        because: "a protocol is spoken with what it is handed",
    },
    Never {
        from: &["shared/src/egress/"],
        but_from: &[],
        to: &["shared::delivery"],
        but_to: &[],
        because: "where requests may go does not depend on why they are sent",
    },
    Never {
        from: &["shared/src/store/"],
        but_from: &["shared/src/store/dynamodb/"],
        to: &["shared::aws"],
        but_to: &[],
        because: "the store's traits are of no vendor",
    },
    Never {
        from: &["shared/", "functions/"],
        but_from: &[],
        to: &["faults::", "local::", "tests::"],
        but_to: &[],
        because: "the product does not know what it is tried with",
    },
    Never {
        from: &["shared/"],
        but_from: &["shared/src/runtime/"],
        to: &["shared::runtime"],
        but_to: &[],
        because: "main.rs and the local host wire, nobody else",
    },
    Never {
        from: &["shared/"],
        but_from: CALL_AWS,
        to: &["shared::aws"],
        but_to: &[],
        because: "only the files that call AWS name its clients",
    },
    Never {
        from: &["functions/"],
        but_from: &["/src/main.rs"],
        to: &["shared::aws", "shared::runtime"],
        but_to: &[],
        because: "main.rs and the local host wire, nobody else",
    },
    Never {
        from: &["local/src/", "tests/src/", "tests/faults/"],
        but_from: OPERATORS_SIGNATURES,
        to: &["shared::signing"],
        but_to: &[],
        because: "who signs with the product's code would make its mistakes",
    },
];

/// The arrows that must never be and are, each with the reason.
fn forbidden(arrows: &BTreeSet<Arrow>) -> Vec<String> {
    let found = |from: &str, to: &str, because: &str| format!("{from} names {to}: {because}");
    let mut all = Vec::new();
    for Arrow { from, to, .. } in arrows {
        if let Some(never) = NEVER.iter().find(|never| never.forbids(from, to)) {
            all.push(found(from, to, never.because));
        }
        let other = |(folder, name): &(&str, &str)| !from.starts_with(folder) && begins(to, name);
        if from.starts_with("functions/") && FUNCTIONS.iter().any(other) {
            all.push(found(from, to, "a function knows no other"));
        }
    }
    all
}

impl Never {
    fn forbids(&self, from: &str, to: &str) -> bool {
        self.from.iter().any(|folder| from.starts_with(folder))
            && !self.but_from.iter().any(|file| from.starts_with(file) || from.ends_with(file))
            && self.to.iter().any(|path| begins(to, path))
            && !self.but_to.iter().any(|path| begins(to, path))
    }
}

/// True if a path begins with the whole segments of another, and of one with `::` at its end if more follow.
fn begins(path: &str, with: &str) -> bool {
    path.strip_prefix(with)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || with.ends_with("::"))
}

/// The circles of files within a crate.
fn circles_of_files(arrows: &BTreeSet<Arrow>) -> Vec<Vec<String>> {
    let folder = |path: &str| path.split_once("/src/").map(|(folder, _)| folder.to_owned());
    let inside = arrows.iter().filter(|arrow| folder(&arrow.from) == folder(&arrow.at));
    circles(inside.map(|arrow| (arrow.from.as_str(), arrow.at.as_str())))
}

/// The circles of the top-level modules of `shared`.
fn circles_of_modules(arrows: &BTreeSet<Arrow>) -> Vec<Vec<String>> {
    let pairs = arrows
        .iter()
        .filter_map(|arrow| Some((module_of_shared(&arrow.from)?, module_of_shared(&arrow.at)?)));
    circles(pairs.filter(|(from, to)| from != to))
}

fn module_of_shared(path: &str) -> Option<&str> {
    let name = path.strip_prefix("shared/src/")?.split('/').next()?;
    Some(name.strip_suffix(".rs").unwrap_or(name))
}

fn begins_with_a_question(comment: &str) -> bool {
    let word = comment.split(|letter: char| !letter.is_alphabetic()).next();
    word.is_some_and(|word| QUESTION_WORDS.contains(&word))
}

/// Every source under these folders.
fn sources(folders: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a root");
    let mut texts = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).expect("below the root").to_str().expect("text").to_owned();
            texts.push((name, fs::read_to_string(&path).expect("a file")));
        }
    }
    texts.sort();
    texts
}

fn house() -> House {
    let functions = FUNCTIONS.map(|(folder, _)| format!("{folder}src"));
    let folders = functions.iter().map(String::as_str).chain([
        "shared/src",
        "local/src",
        "tests/src",
        "tests/faults/src",
        "benches/src",
    ]);
    House::read(&sources(&folders.collect::<Vec<_>>()))
}

fn arrows() -> BTreeSet<Arrow> {
    let arrows = house().arrows();
    assert!(arrows.len() > 500, "{} arrows: the sources were not read", arrows.len());
    arrows
}

#[test]
fn every_file_of_a_test_program_is_compiled() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf();
    for (folder, program) in [(tests.clone(), "authlink.rs"), (tests.join("aws"), "main.rs")] {
        let mounts = fs::read_to_string(folder.join(program)).expect("a program");
        for entry in fs::read_dir(&folder).expect("a folder") {
            let file = entry.expect("an entry").file_name().into_string().expect("a name");
            let Some(module) = file.strip_suffix(".rs").filter(|_| file != program) else { continue };
            assert!(mounts.contains(&format!("mod {module};")), "{program} does not name {module}");
        }
    }
}

#[test]
fn no_file_names_what_it_must_not_know() {
    let found = forbidden(&arrows());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_files_and_no_modules_name_each_other_in_a_circle() {
    let arrows = arrows();
    let found = [circles_of_files(&arrows), circles_of_modules(&arrows)].concat();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn hardly_a_doc_comment_begins_with_a_question_word() {
    let house = house();
    for folder in WITHOUT_QUESTIONS {
        let comments = house.doc_comments().filter(|(path, _)| path.starts_with(folder));
        let (questions, others): (Vec<_>, Vec<_>) =
            comments.partition(|(_, comment)| begins_with_a_question(comment));
        let all = questions.len() + others.len();
        assert!(
            questions.len() * 100 <= all * QUESTIONS_LIMIT_PERCENT,
            "{} of {all} in {folder}: {questions:#?}",
            questions.len(),
        );
    }
}

#[test]
fn no_comment_is_wider_than_a_line_of_code() {
    let sources = sources(&["shared", "functions", "local", "tests", "benches"]);
    let lines = sources.iter().flat_map(|(path, text)| {
        text.lines().enumerate().map(move |(number, line)| (format!("{path}:{}", number + 1), line))
    });
    let wide = lines.filter(|(_, line)| line.chars().count() > COMMENT_COLUMNS).filter(|(_, line)| {
        let comment = line.trim_start().strip_prefix("//");
        comment.is_some_and(|text| !text.trim_start_matches(['/', '!', ' ']).starts_with('|'))
    });
    let found: Vec<String> = wide.map(|(place, _)| place).collect();
    assert!(found.is_empty(), "{found:#?}");
}
