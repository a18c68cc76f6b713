//! JSON in the order of its text, written in the styles of the usual libraries.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// A JSON value whose objects keep their order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// What stands between the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spacing {
    /// Between entries, on one line.
    pub(super) comma: &'static str,
    pub(super) colon: &'static str,
    /// The indent of one level; `None` for all on one line.
    pub(super) indent: Option<&'static str>,
}

/// The characters that are escaped beside those that must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Escapes {
    /// All beyond ASCII, as `\u`.
    pub(super) non_ascii: bool,
    pub(super) slash: bool,
    /// As `\u`: `<`, `>`, `&` and the like.
    pub(super) also: &'static str,
}

impl Tree {
    /// Reads a whole text.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    /// The same with the names of every object in order.
    pub(super) fn sorted(&self) -> Self {
        match self {
            Self::List(items) => Self::List(items.iter().map(Self::sorted).collect()),
            Self::Object(entries) => {
                let mut entries: Vec<_> =
                    entries.iter().map(|(name, value)| (name.clone(), value.sorted())).collect();
                entries.sort_by(|one, other| one.0.cmp(&other.0));
                Self::Object(entries)
            }
            other => other.clone(),
        }
    }

    /// Writes the value; `None` once it is longer than `limit` bytes.
    pub(super) fn write(&self, spacing: Spacing, escapes: Escapes, limit: usize) -> Option<Vec<u8>> {
        let mut writer = Writer { text: String::new(), spacing, escapes, limit };
        writer.value(self, 0)?;
        Some(writer.text.into_bytes())
    }

    /// The texts in it, names left out.
    pub(super) fn texts(&self) -> Vec<&str> {
        match self {
            Self::Text(text) => vec![text],
            Self::List(items) => items.iter().flat_map(Self::texts).collect(),
            Self::Object(entries) => entries.iter().flat_map(|(_, value)| value.texts()).collect(),
            Self::Null | Self::Bool(_) | Self::Number(_) => Vec::new(),
        }
    }
}

struct Writer {
    text: String,
    spacing: Spacing,
    escapes: Escapes,
    limit: usize,
}

impl Writer {
    fn value(&mut self, tree: &Tree, depth: usize) -> Option<()> {
        match tree {
            Tree::Null => self.text.push_str("null"),
            Tree::Bool(value) => self.text.push_str(if *value { "true" } else { "false" }),
            Tree::Number(number) => self.text.push_str(&number.to_string()),
            Tree::Text(text) => self.quoted(text),
            Tree::List(items) => {
                self.text.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.before_entry(index, depth + 1);
                    self.value(item, depth + 1)?;
                }
                self.end(']', items.is_empty(), depth);
            }
            Tree::Object(entries) => {
                self.text.push('{');
                for (index, (name, value)) in entries.iter().enumerate() {
                    self.before_entry(index, depth + 1);
                    self.quoted(name);
                    self.text.push_str(self.spacing.colon);
                    self.value(value, depth + 1)?;
                }
                self.end('}', entries.is_empty(), depth);
            }
        }
        (self.text.len() <= self.limit).then_some(())
    }

    fn before_entry(&mut self, index: usize, depth: usize) {
        if index > 0 {
            self.text.push_str(self.spacing.comma);
        }
        self.new_line(depth);
    }

    fn end(&mut self, bracket: char, is_empty: bool, depth: usize) {
        if !is_empty {
            self.new_line(depth);
        }
        self.text.push(bracket);
    }

    fn new_line(&mut self, depth: usize) {
        if let Some(indent) = self.spacing.indent {
            self.text.push('\n');
            (0..depth).for_each(|_| self.text.push_str(indent));
        }
    }

    fn quoted(&mut self, text: &str) {
        self.text.push('"');
        for character in text.chars() {
            self.character(character);
        }
        self.text.push('"');
    }

    fn character(&mut self, character: char) {
        let escapes = self.escapes;
        match character {
            '"' => self.text.push_str("\\\""),
            '\\' => self.text.push_str("\\\\"),
            '\n' => self.text.push_str("\\n"),
            '\r' => self.text.push_str("\\r"),
            '\t' => self.text.push_str("\\t"),
            '\u{8}' => self.text.push_str("\\b"),
            '\u{c}' => self.text.push_str("\\f"),
            '/' if escapes.slash => self.text.push_str("\\/"),
            _ if character < ' '
                || (escapes.non_ascii && !character.is_ascii())
                || escapes.also.contains(character) =>
            {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    self.text.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => self.text.push(character),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Tree, E> {
        Ok(Number::from_f64(value).map_or(Tree::Null, Tree::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut object = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            object.push(entry);
        }
        Ok(Tree::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Escapes = Escapes { non_ascii: false, slash: false, also: "" };
    const LINES: Spacing = Spacing { comma: ",", colon: ": ", indent: Some("  ") };

    #[test]
    fn what_serde_json_writes_in_lines_is_written_alike() {
        let text = r#"{"a":[1,[2.5,null],{}],"b":{"c":true,"d":[]},"e":"\"\\\n\r\t\b\f\u0001/é a"}"#;
        let written = Tree::read(text.as_bytes()).and_then(|tree| tree.write(LINES, PLAIN, 1_000)).unwrap();
        let read: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string_pretty(&read).unwrap());
    }

    #[test]
    fn what_is_longer_than_the_limit_is_not_written() {
        let tree = Tree::read(b"[1,2]").unwrap();
        let on_one_line = Spacing { comma: ",", colon: ":", indent: None };
        assert_eq!(tree.write(on_one_line, PLAIN, 5).as_deref(), Some(&b"[1,2]"[..]));
        assert_eq!(tree.write(on_one_line, PLAIN, 4), None);
    }

    #[test]
    fn more_is_escaped_where_a_library_does_so() {
        let tree = Tree::Text("</é😀>".to_owned());
        let on_one_line = Spacing { comma: ",", colon: ":", indent: None };
        let escapes = Escapes { non_ascii: true, slash: true, also: "<" };
        let written = tree.write(on_one_line, escapes, 100).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), r#""\u003c\/\u00e9\ud83d\ude00>""#);
    }
}
