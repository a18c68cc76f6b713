//! The place of a fault in a document: its line and column, in bytes from 1, as editors count them for ASCII.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::value::RawValue;

/// A line and a column of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    line: usize,
    column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

impl Place {
    /// The place at which the JSON is broken.
    pub(super) fn of_error(error: &serde_json::Error) -> Self {
        Self { line: error.line(), column: error.column() }
    }

    fn at(json: &str, offset: usize) -> Self {
        let before = &json.as_bytes()[..offset];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Self { line, column: 1 + offset - line_start }
    }

    /// The place of the value at `path`, which is a field's name, or that of a list with an index (`md5Keys[1]`).
    pub(super) fn of_value(json: &str, path: &str) -> Option<Self> {
        let (name, index) = match path.split_once('[') {
            Some((name, index)) => (name, Some(index.strip_suffix(']')?.parse::<usize>().ok()?)),
            None => (path, None),
        };
        let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(json).ok()?;
        let mut value = *fields.get(name)?;
        if let Some(index) = index {
            value = serde_json::from_str::<Vec<&RawValue>>(value.get()).ok()?.get(index).copied()?;
        }
        // A raw value borrows from the text that it was read from.
        let offset = (value.get().as_ptr() as usize).checked_sub(json.as_ptr() as usize)?;
        (offset < json.len()).then(|| Self::at(json, offset))
    }

    /// True if it is that of a bracket that closes after a comma.
    pub(super) fn follows_a_comma(self, json: &str) -> bool {
        let line_start: usize =
            json.split_inclusive('\n').take(self.line.saturating_sub(1)).map(str::len).sum();
        let at = line_start + self.column.saturating_sub(1);
        let closes = json.as_bytes().get(at).is_some_and(|byte| matches!(byte, b'}' | b']'));
        closes && json.get(..at).is_some_and(|before| before.trim_ascii_end().ends_with(','))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_path() {
        let json = "{\n  \"keys\": [\"a\",\n    \"b\"], \"url\": \"c\"\n}";
        for (path, place) in [
            ("keys", Some("line 2 column 11")),
            ("keys[0]", Some("line 2 column 12")),
            ("keys[1]", Some("line 3 column 5")),
            ("url", Some("line 3 column 18")),
            ("keys[2]", None),
            ("other", None),
            ("url[0]", None),
        ] {
            let found = Place::of_value(json, path).map(|place| place.to_string());
            assert_eq!(found.as_deref(), place, "{path}");
        }
    }
}
