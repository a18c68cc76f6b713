//! Queries of CloudWatch Logs Insights, as far as template.yaml has them: which lines a query lets through, and which
//! fields it names.

use std::collections::BTreeSet;

use serde_json::Value;

/// The fields that CloudWatch Logs finds itself.
const DISCOVERED: [&str; 5] = ["@timestamp", "@log", "@type", "@initDuration", "@maxMemoryUsed"];
/// What stands in a saved query for what its reader puts in.
const PLACEHOLDERS: [&str; 2] = ["ID", "REFERENCE"];

/// A query.
pub struct Query {
    /// Of each command `filter`, alternatives of conditions that hold together.
    filters: Vec<Vec<Vec<Condition>>>,
    /// Every field that is named, but those that CloudWatch finds.
    pub fields: BTreeSet<String>,
}

/// A condition on one field.
#[derive(Debug)]
pub struct Condition {
    field: String,
    holds: Holds,
}

#[derive(Debug)]
enum Holds {
    IfPresent,
    If(Value),
    Unless(Value),
    IfBeginningWithOneOf(String),
}

impl Query {
    /// Reads a query. What is of no known form fails the test.
    pub fn read(text: &str) -> Self {
        let (mut filters, mut fields, mut named) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for command in text.split('|').map(str::trim).filter(|command| !command.is_empty()) {
            let (verb, rest) = command.split_once(char::is_whitespace).expect("a command and its words");
            match verb {
                "SOURCE" | "limit" => {}
                "fields" => fields.extend(rest.split(',').map(|field| field.trim().to_owned())),
                "sort" => fields.extend(rest.split(' ').next().map(str::to_owned)),
                "filter" => filters.push(alternatives(rest)),
                "stats" => {
                    let (aggregates, groups) = rest.split_once(" by ").expect("groups");
                    for aggregate in split_outside_brackets(aggregates) {
                        let (value, name) = aggregate.split_once(" as ").expect("a name");
                        named.insert(name.to_owned());
                        fields.extend(arguments(value));
                    }
                    for group in split_outside_brackets(groups) {
                        fields.extend(if group.contains('(') { arguments(&group) } else { vec![group] });
                    }
                }
                other => panic!("unknown command {other}"),
            }
        }
        let conditions = filters.iter().flatten().flatten();
        fields.extend(conditions.map(|condition: &Condition| condition.field.clone()));
        fields.retain(|field| !named.contains(field));
        let (discovered, fields): (BTreeSet<_>, BTreeSet<_>) =
            fields.into_iter().partition(|field| field.starts_with('@'));
        assert!(discovered.iter().all(|field| DISCOVERED.contains(&field.as_str())), "{discovered:?}");
        Self { filters, fields }
    }

    /// Whether every `filter` lets `line` through.
    pub fn lets_through(&self, line: &Value) -> bool {
        let holds = |condition: &Condition| condition.holds_of(line);
        self.filters.iter().all(|filter| filter.iter().any(|together| together.iter().all(holds)))
    }

    /// Every condition.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.filters.iter().flatten().flatten()
    }
}

impl Condition {
    fn read(text: &str) -> Self {
        let of = |field: &str, holds| Self { field: field.trim().to_owned(), holds };
        if let Some(field) = text.strip_prefix("ispresent(").and_then(|rest| rest.strip_suffix(')')) {
            return of(field, Holds::IfPresent);
        }
        if let Some((field, regex)) = text.split_once(" like ") {
            let regex = regex.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).expect("a regex");
            let beginning = regex.trim_start_matches("(?i)").strip_prefix('^').expect("a beginning");
            let one_of = beginning.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let placeholder = PLACEHOLDERS.contains(&beginning).then_some(Holds::IfPresent);
            let holds = one_of.map(|one_of| Holds::IfBeginningWithOneOf(one_of.to_owned())).or(placeholder);
            return of(field, holds.expect("a beginning that this reader knows"));
        }
        if let Some((field, word)) = text.split_once(" != ") {
            return of(field, Holds::Unless(literal(word)));
        }
        let (field, word) = text.split_once(" = ").expect("a comparison");
        let word = literal(word);
        let is_placeholder = PLACEHOLDERS.iter().any(|placeholder| word == *placeholder);
        of(field, if is_placeholder { Holds::IfPresent } else { Holds::If(word) })
    }

    fn holds_of(&self, line: &Value) -> bool {
        let found = at(line, &self.field);
        // What CloudWatch finds itself is in no line of ours.
        self.field.starts_with('@')
            || match &self.holds {
                Holds::IfPresent => !found.is_null(),
                Holds::If(value) => found == value,
                Holds::Unless(value) => !found.is_null() && found != value,
                Holds::IfBeginningWithOneOf(one_of) => {
                    found.as_str().is_some_and(|text| text.starts_with(|first| one_of.contains(first)))
                }
            }
    }

    /// Whether `line` has what the condition speaks of: the word that it compares with, or the field.
    pub fn is_about(&self, line: &Value) -> bool {
        match &self.holds {
            Holds::Unless(value) => at(line, &self.field) == value,
            _ => self.holds_of(line),
        }
    }
}

/// The member of `line` that a query calls `field`.
pub fn at<'l>(line: &'l Value, field: &str) -> &'l Value {
    field.split('.').fold(line, |value, name| &value[name])
}

fn alternatives(filter: &str) -> Vec<Vec<Condition>> {
    let together = |text: &str| text.split(" and ").map(|text| Condition::read(text.trim())).collect();
    filter.split(" or ").map(together).collect()
}

fn literal(word: &str) -> Value {
    let quoted = word.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    quoted.map_or_else(|| serde_json::from_str(word).expect("a text or a number"), Value::from)
}

/// The fields among the arguments of a function, of functions within it, too.
fn arguments(call: &str) -> Vec<String> {
    let words = call.split(|letter: char| !(letter.is_ascii_alphanumeric() || "@._'-(".contains(letter)));
    let fields = words.flat_map(|word| word.rsplit('(').next()).filter(|word| {
        let first = word.chars().next();
        first.is_some_and(|first| first == '@' || first == '_' || first.is_ascii_alphabetic())
    });
    fields.map(str::to_owned).collect()
}

fn split_outside_brackets(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0_u32);
    for letter in text.chars() {
        match letter {
            ',' if depth == 0 => parts.push(String::new()),
            _ => {
                depth =
                    if letter == '(' { depth + 1 } else { depth.saturating_sub(u32::from(letter == ')')) };
                parts.last_mut().expect("a part").push(letter);
            }
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(query: &str) -> Vec<String> {
        Query::read(query).fields.into_iter().collect()
    }

    #[test]
    fn fields_are_those_of_all_commands_without_names_that_the_query_gives() {
        let query = "fields @timestamp, a, span.b | filter c = 'x' or ispresent(d) and e != 1 | sort f desc | limit 3";
        assert_eq!(fields(query), ["a", "c", "d", "e", "f", "span.b"]);
        let query = "filter @type = 'R' | stats count(*) as n, sum(strcontains(a, 'x')) as s, pct(b, 99) as p by c, bin(5m)\n| sort n desc";
        assert_eq!(fields(query), ["a", "b", "c"]);
        let query = "stats max(@maxMemoryUsed / 1000000) as m by @log";
        assert_eq!(fields(query), [""; 0]);
    }

    #[test]
    fn a_line_passes_if_the_conditions_of_one_alternative_hold() {
        let line = json!({"a": "x", "n": 0, "status": "429", "span": {"id": "1"}});
        for (filter, passes) in [
            ("a = 'x'", true),
            ("a = 'y'", false),
            ("a != 'y'", true),
            ("missing != 'y'", false),
            ("n = 0 and a = 'x'", true),
            ("n = 1 and a = 'x'", false),
            ("n = 1 or ispresent(a)", true),
            ("span.id = 'ID'", true),
            ("span.other = 'ID'", false),
            ("a like /(?i)^REFERENCE/", true),
            ("status like /^[45]/", true),
            ("status like /^[23]/", false),
        ] {
            assert_eq!(Query::read(&format!("filter {filter}")).lets_through(&line), passes, "{filter}");
        }
    }
}
