//! Rust source as tokens: the paths that a file names, the modules that it declares, and its doc comments.
//!
//! Tokens and not text, because a `use` list spans lines and a path in a string or a comment is no dependency. What
//! stands under `#[cfg(test)]` is left out: a test may name what it likes.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A path, as its segments: `["crate", "store", "StoreError"]`.
pub(super) type Path = Vec<String>;

/// The paths, modules and doc comments of one file.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// The paths named in it that are longer than one segment, as they are written, with the module they stand in
    /// (below the file's own).
    pub(super) paths: Vec<(Path, Path)>,
    /// The names that `use` brings into a module, by that module (below the file's own) and name. A glob's is `*`.
    pub(super) imports: BTreeMap<Path, Vec<(String, Path)>>,
    /// The modules of files of their own, below this file's.
    pub(super) files: Vec<Path>,
    /// Those among them that are compiled for tests only.
    pub(super) test_files: Vec<Path>,
    /// The first line of each doc comment, with those of tests.
    pub(super) doc_comments: Vec<String>,
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// Of a text that is not Rust.
    pub(super) fn read(text: &str) -> Result<Self, proc_macro2::LexError> {
        let mut source = Self::default();
        let tokens: TokenStream = text.parse()?;
        source.read_module(tokens.clone(), &Vec::new());
        source.read_doc_comments(tokens);
        Ok(source)
    }

    fn read_module(&mut self, tokens: TokenStream, module: &Path) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut rest = &tokens[..];
        let mut for_tests = false;
        while let Some(first) = rest.first() {
            if let Some(after) = attribute(rest) {
                for_tests |= is_for_tests(&rest[..rest.len() - after.len()]);
                rest = after;
                continue;
            }
            if let Some((name, inline, after)) = declared_module(rest) {
                let inner = [&module[..], &[name]].concat();
                match inline {
                    Some(tokens) if !for_tests => self.read_module(tokens, &inner),
                    Some(_) => {}
                    None if for_tests => self.test_files.push(inner),
                    None => self.files.push(inner),
                }
                rest = after;
                for_tests = false;
                continue;
            }
            if for_tests {
                rest = after_item(rest);
                for_tests = false;
                continue;
            }
            if is_ident(first, "use") {
                let end = rest.iter().position(|token| is_punct(token, ';')).unwrap_or(rest.len());
                let mut tree = Vec::new();
                read_use(&rest[1..end], &Vec::new(), &mut tree);
                self.paths.extend(tree.iter().map(|(_, path)| (module.clone(), path.clone())));
                self.imports.entry(module.clone()).or_default().extend(tree);
                rest = &rest[end..];
                continue;
            }
            rest = self.read_token(rest, module);
        }
    }

    /// Reads a path, or what a group holds, or skips a token.
    fn read_token<'a>(&mut self, tokens: &'a [TokenTree], module: &Path) -> &'a [TokenTree] {
        match &tokens[0] {
            TokenTree::Group(group) => self.read_module(group.stream(), module),
            TokenTree::Ident(_) => {
                let (path, after) = plain_path(tokens);
                if path.len() > 1 {
                    self.paths.push((module.clone(), path));
                }
                return after;
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        &tokens[1..]
    }

    fn read_doc_comments(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut rest = &tokens[..];
        // An inner comment, `//!`, ends where an outer one begins.
        let mut comment = None;
        while let Some(first) = rest.first() {
            if let Some(after) = attribute(rest) {
                let attribute = &rest[..rest.len() - after.len()];
                let line = doc_line(attribute);
                let style = line.is_some().then_some(attribute.len());
                if let Some(line) = line.filter(|_| style != comment) {
                    self.doc_comments.push(line);
                }
                comment = style;
                rest = after;
                continue;
            }
            comment = None;
            if let TokenTree::Group(group) = first {
                self.read_doc_comments(group.stream());
            }
            rest = &rest[1..];
        }
    }
}

fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if *ident == name)
}

fn is_punct(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

/// The tokens after an attribute; `None` if they begin with none.
fn attribute(tokens: &[TokenTree]) -> Option<&[TokenTree]> {
    let [first, rest @ ..] = tokens else { return None };
    let rest = rest.strip_prefix_if(|token| is_punct(token, '!'));
    match rest {
        [TokenTree::Group(group), rest @ ..]
            if is_punct(first, '#') && group.delimiter() == Delimiter::Bracket =>
        {
            Some(rest)
        }
        _ => None,
    }
}

trait StripPrefixIf {
    fn strip_prefix_if(&self, is: impl Fn(&TokenTree) -> bool) -> &Self;
}

impl StripPrefixIf for [TokenTree] {
    fn strip_prefix_if(&self, is: impl Fn(&TokenTree) -> bool) -> &Self {
        if self.first().is_some_and(is) { &self[1..] } else { self }
    }
}

fn attribute_text(attribute: &[TokenTree]) -> Vec<TokenTree> {
    match attribute.last() {
        Some(TokenTree::Group(group)) => group.stream().into_iter().collect(),
        _ => Vec::new(),
    }
}

fn is_for_tests(attribute: &[TokenTree]) -> bool {
    match &attribute_text(attribute)[..] {
        [name, TokenTree::Group(condition)] if is_ident(name, "cfg") => {
            let condition = condition.to_string();
            let mut words = condition.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            words.any(|word| word == "test") && !condition.contains("not")
        }
        [name] => is_ident(name, "test"),
        _ => false,
    }
}

fn doc_line(attribute: &[TokenTree]) -> Option<String> {
    match &attribute_text(attribute)[..] {
        [name, _, TokenTree::Literal(line)] if is_ident(name, "doc") => {
            let line = line.to_string();
            Some(line.trim_start_matches(['r', '#']).trim_matches('"').trim().to_owned())
        }
        _ => None,
    }
}

/// The name of a module that is declared here, its content unless it has a file of its own, and what follows.
fn declared_module(tokens: &[TokenTree]) -> Option<(String, Option<TokenStream>, &[TokenTree])> {
    match tokens {
        [keyword, TokenTree::Ident(name), TokenTree::Group(content), rest @ ..]
            if is_ident(keyword, "mod") =>
        {
            Some((name.to_string(), Some(content.stream()), rest))
        }
        [keyword, TokenTree::Ident(name), end, rest @ ..]
            if is_ident(keyword, "mod") && is_punct(end, ';') =>
        {
            Some((name.to_string(), None, rest))
        }
        [visibility, TokenTree::Group(to), rest @ ..]
            if is_ident(visibility, "pub") && to.delimiter() == Delimiter::Parenthesis =>
        {
            declared_module(rest)
        }
        [visibility, rest @ ..] if is_ident(visibility, "pub") => declared_module(rest),
        _ => None,
    }
}

/// The tokens after an item, which ends with a semicolon or with a body in braces.
fn after_item(tokens: &[TokenTree]) -> &[TokenTree] {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        token => is_punct(token, ';'),
    };
    let end = tokens.iter().position(ends).map_or(tokens.len(), |place| place + 1);
    &tokens[end..]
}

/// The tokens after `::`; `None` if they do not begin with it.
fn after_separator(tokens: &[TokenTree]) -> Option<&[TokenTree]> {
    match tokens {
        [one, two, rest @ ..] if is_punct(one, ':') && is_punct(two, ':') => Some(rest),
        _ => None,
    }
}

/// The path that the tokens begin with, an identifier at least, and what follows it.
fn plain_path(tokens: &[TokenTree]) -> (Path, &[TokenTree]) {
    let mut path = vec![tokens[0].to_string()];
    let mut rest = &tokens[1..];
    while let Some([TokenTree::Ident(name), after @ ..]) = after_separator(rest) {
        path.push(name.to_string());
        rest = after;
    }
    (path, rest)
}

/// The names that a `use` brings in, each with its path; `prefix` stands before the tokens.
fn read_use(tokens: &[TokenTree], prefix: &Path, names: &mut Vec<(String, Path)>) {
    let tokens = after_separator(tokens).unwrap_or(tokens);
    match tokens {
        [TokenTree::Group(list)] => {
            let list: Vec<_> = list.stream().into_iter().collect();
            for branch in list.split(|token| is_punct(token, ',')).filter(|branch| !branch.is_empty()) {
                read_use(branch, prefix, names);
            }
        }
        [TokenTree::Ident(_), ..] => {
            let (path, rest) = plain_path(tokens);
            let mut path = [&prefix[..], &path].concat();
            match rest {
                [keyword, TokenTree::Ident(name), ..] if is_ident(keyword, "as") => {
                    names.push((name.to_string(), path));
                }
                [] => {
                    if path.last().is_some_and(|name| name == "self") {
                        path.pop();
                    }
                    names.push((path.last().cloned().unwrap_or_default(), path));
                }
                _ => read_use(rest, &path, names),
            }
        }
        [star, ..] if is_punct(star, '*') => names.push(("*".to_owned(), prefix.clone())),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let source = Source::read(text).expect("Rust");
        source.paths.iter().map(|(_, path)| path.join("::")).collect()
    }

    #[test]
    fn every_branch_of_a_use_is_a_path() {
        let text = "use crate::{a::{self, B as C}, d::*,\n e};\npub(crate) use super::f;";
        assert_eq!(paths(text), ["crate::a", "crate::a::B", "crate::d", "crate::e", "super::f"]);
    }

    #[test]
    fn paths_in_bodies_and_macros_count_and_those_in_texts_do_not() {
        let text = r#"
            /// crate::no
            fn f() -> Option<crate::a::B> { format!("{} crate::no", shared::c::d()) } // crate::no
        "#;
        assert_eq!(paths(text), ["crate::a::B", "shared::c::d"]);
    }

    #[test]
    fn what_is_for_tests_is_left_out() {
        let text = "
            #[cfg(test)] use crate::no;
            #[cfg(all(test, feature = \"aws\"))] mod inline { use crate::no; }
            #[cfg(test)] pub(crate) mod fixtures;
            #[cfg(test)] impl crate::no::No { fn no() { crate::no::no() } }
            #[cfg(feature = \"aws\")] mod there;
            fn yes() { crate::yes::yes() }
        ";
        assert_eq!(paths(text), ["crate::yes::yes"]);
        let source = Source::read(text).expect("Rust");
        assert_eq!(source.test_files, [["fixtures"]]);
        assert_eq!(source.files, [["there"]]);
    }

    #[test]
    fn a_doc_comment_is_its_first_line() {
        let text = "//! Of the file.\n//! More.\n/// One.\n///\n/// More.\n#[derive(Debug)]\nstruct S {\n /// Two.\n a: u8 }";
        assert_eq!(Source::read(text).expect("Rust").doc_comments, ["Of the file.", "One.", "Two."]);
    }
}
