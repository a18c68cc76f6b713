//! All files together: which file names what, where that is, and which files name each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Path, Source};

/// The crates that a path may begin with, by their folders.
const CRATES: [(&str, &str); 10] = [
    ("shared", "shared/src"),
    ("alipay_auth_url", "functions/alipay-auth-url/src"),
    ("authorization_query", "functions/authorization-query/src"),
    ("get_authorization_url", "functions/get-authorization-url/src"),
    ("openid_callback", "functions/openid-callback/src"),
    ("openid_delivery", "functions/openid-delivery/src"),
    ("local", "local/src"),
    ("tests", "tests/src"),
    ("faults", "tests/faults/src"),
    ("benches", "benches/src"),
];

/// A file names something of ours in another file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arrow {
    /// The path of the file.
    pub(super) from: String,
    /// The whole path of what it names, with the crate's name: `shared::store::StoreError`.
    pub(super) to: String,
    /// The path of the file where that is.
    pub(super) at: String,
}

struct File {
    path: String,
    /// With the crate's name: `["shared", "store", "sqlite"]`.
    module: Path,
    source: Source,
}

/// Every file of the repository that is not for tests only.
pub(super) struct House {
    files: Vec<File>,
    by_module: BTreeMap<Path, usize>,
}

impl House {
    /// Reads the files, each a path from the repository's root and a text.
    pub(super) fn read(texts: &[(String, String)]) -> Self {
        let mut files = Vec::new();
        for (path, text) in texts {
            let Some(module) = module_of(path) else { panic!("{path} is in no crate of ours") };
            let source = Source::read(text).unwrap_or_else(|error| panic!("{path}: {error}"));
            files.push(File { path: path.clone(), module, source });
        }
        let for_tests: Vec<Path> = files
            .iter()
            .flat_map(|file| file.source.test_files.iter().map(|name| [&file.module[..], name].concat()))
            .collect();
        files.retain(|file| !for_tests.iter().any(|module| file.module.starts_with(module)));
        let by_module =
            files.iter().enumerate().map(|(number, file)| (file.module.clone(), number)).collect();
        Self { files, by_module }
    }

    /// Every arrow between two files, in order. A module's own files are part of it: it has no arrow down to them.
    pub(super) fn arrows(&self) -> BTreeSet<Arrow> {
        let mut arrows = BTreeSet::new();
        for file in &self.files {
            for (inner, path) in &file.source.paths {
                let module = [&file.module[..], inner].concat();
                let Some(to) = self.absolute(&module, path, 0) else { continue };
                let Some(at) = self.file_of(&to) else { continue };
                if !self.files[at].module.starts_with(&file.module) {
                    let (to, at) = (to.join("::"), self.files[at].path.clone());
                    arrows.insert(Arrow { from: file.path.clone(), to, at });
                }
            }
        }
        arrows
    }

    /// The doc comments' first lines, by the files' paths.
    pub(super) fn doc_comments(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .flat_map(|file| file.source.doc_comments.iter().map(|line| (file.path.as_str(), line.as_str())))
    }

    /// The whole path of what `path` names in `module`; `None` of what is not ours.
    fn absolute(&self, module: &[String], path: &[String], depth: usize) -> Option<Path> {
        // Two files that import one name from each other would never end.
        if depth > 8 {
            return None;
        }
        let root = &module[..1];
        let (first, rest) = path.split_first()?;
        let start = match first.as_str() {
            "crate" => root.to_vec(),
            "self" => module.to_vec(),
            "super" => module[..module.len().checked_sub(1).filter(|length| *length > 0)?].to_vec(),
            name if CRATES.iter().any(|(known, _)| *known == name) => vec![name.to_owned()],
            name => {
                let inner = [module, &[name.to_owned()]].concat();
                if self.by_module.contains_key(&inner) {
                    inner
                } else {
                    let imported = self.import(module, name)?;
                    if imported == path {
                        return None;
                    }
                    self.absolute(module, imported, depth + 1)?
                }
            }
        };
        if rest.first().is_some_and(|second| second == "super") {
            return self.absolute(&start, rest, depth + 1);
        }
        Some(self.follow(&[&start[..], rest].concat(), depth))
    }

    /// The path behind the imports on the way: `shared::egress::Url` may be `shared::egress::url::Url`.
    fn follow(&self, path: &[String], depth: usize) -> Path {
        for length in 1..path.len() {
            let (module, rest) = path.split_at(length);
            if self.by_module.contains_key(&path[..=length]) {
                continue;
            }
            let imported = self.import(module, &rest[0]);
            if let Some(start) = imported.and_then(|path| self.absolute(module, path, depth + 1)) {
                return [&start[..], &rest[1..]].concat();
            }
            break;
        }
        path.to_vec()
    }

    /// The path that `use` gives a name in a module.
    fn import(&self, module: &[String], name: &str) -> Option<&Path> {
        let (file, inner) = self.file_and_inner(module)?;
        let imports = self.files[file].source.imports.get(inner)?;
        imports.iter().find(|(known, _)| known == name).map(|(_, path)| path)
    }

    fn file_of(&self, path: &[String]) -> Option<usize> {
        self.file_and_inner(path).map(|(file, _)| file)
    }

    /// The file with the longest part of the path, and the rest.
    fn file_and_inner<'a>(&self, path: &'a [String]) -> Option<(usize, &'a [String])> {
        let lengths = (1..=path.len()).rev();
        lengths.into_iter().find_map(|length| Some((*self.by_module.get(&path[..length])?, &path[length..])))
    }
}

/// The module that a file is, with its crate's name before it; of a program's `main.rs`, `…::main`.
fn module_of(path: &str) -> Option<Path> {
    let (name, folder) = CRATES.iter().find(|(_, folder)| path.starts_with(&format!("{folder}/")))?;
    let inside = path.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(".rs")?;
    let mut module = vec![(*name).to_owned()];
    if inside == "main" {
        return Some(vec![format!("{name}'s program")]);
    }
    module.extend(inside.split('/').map(str::to_owned));
    if module.last().is_some_and(|last| last == "mod") || inside == "lib" {
        module.pop();
    }
    Some(module)
}

/// The groups of nodes that reach each other, each in order.
pub(super) fn circles<'a>(edges: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Vec<String>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in edges {
        next.entry(from).or_default().insert(to);
        next.entry(to).or_default();
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        next.keys().map(|node| (*node, reach(&next, node))).collect();
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (node, reaches) in &reached {
        let circle: Vec<_> =
            reaches.iter().filter(|other| reached[**other].contains(node)).copied().collect();
        if !circle.is_empty() && seen.insert(circle.clone()) {
            found.push(circle.into_iter().map(str::to_owned).collect());
        }
    }
    found
}

fn reach<'a>(next: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = next[from].iter().copied().collect();
    while let Some(node) = open.pop() {
        if reached.insert(node) {
            open.extend(&next[node]);
        }
    }
    reached
}
