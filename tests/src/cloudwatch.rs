//! What CloudWatch makes of log lines: metrics, by metric filters and by the embedded metric format.

use std::collections::BTreeMap;

use serde_json::Value;

/// A number of a metric that a line has made.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    pub namespace: String,
    pub metric: String,
    pub unit: Option<String>,
    pub dimensions: BTreeMap<String, String>,
    pub value: f64,
}

/// The numbers that the embedded metric format has `line` make. A line that breaks a rule of its specification fails
/// the test.
pub fn embedded(line: &Value) -> Vec<Number> {
    let metadata = &line["_aws"];
    if metadata.is_null() {
        return Vec::new();
    }
    assert!(metadata["Timestamp"].is_i64(), "milliseconds: {line}");
    assert_eq!(names(metadata), ["CloudWatchMetrics", "Timestamp"]);
    let mut numbers = Vec::new();
    for directive in list(&metadata["CloudWatchMetrics"]) {
        assert_eq!(names(directive), ["Dimensions", "Metrics", "Namespace"]);
        for set in list(&directive["Dimensions"]) {
            let keys = list(set).iter().map(text);
            let dimensions: BTreeMap<_, _> = keys.map(|key| (key.clone(), text(&line[&key]))).collect();
            assert!(dimensions.values().all(|value| (1..=1024).contains(&value.len())), "{line}");
            for definition in list(&directive["Metrics"]) {
                let metric = text(&definition["Name"]);
                numbers.push(Number {
                    namespace: text(&directive["Namespace"]),
                    unit: definition["Unit"].as_str().map(str::to_owned),
                    dimensions: dimensions.clone(),
                    value: line[&metric].as_f64().expect("the member that is named is a number"),
                    metric,
                });
            }
        }
    }
    assert!(!numbers.is_empty(), "metadata for nothing: {line}");
    numbers
}

/// A metric filter of template.yaml.
pub struct MetricFilter {
    /// The log group, by its name in the template.
    pub log_group: String,
    pattern: Pattern,
    namespace: String,
    metric: String,
    value: String,
    unit: Option<String>,
    /// Dimension to selector.
    dimensions: BTreeMap<String, String>,
}

impl MetricFilter {
    /// Reads the properties of `AWS::Logs::MetricFilter`.
    pub fn read(properties: &Value) -> Self {
        let [transformation] = list(&properties["MetricTransformations"]) else {
            panic!("one transformation: {properties}");
        };
        let dimensions = transformation["Dimensions"].as_array().cloned().unwrap_or_default();
        Self {
            log_group: text(&properties["LogGroupName"]),
            pattern: Pattern::read(&text(&properties["FilterPattern"])),
            namespace: text(&transformation["MetricNamespace"]),
            metric: text(&transformation["MetricName"]),
            value: text(&transformation["MetricValue"]),
            unit: transformation["Unit"].as_str().map(str::to_owned),
            dimensions: dimensions.iter().map(|of| (text(&of["Key"]), text(&of["Value"]))).collect(),
        }
    }

    /// The number that `line` makes, if the pattern matches it.
    pub fn number(&self, line: &Value) -> Option<Number> {
        let dimension = |(name, selector): (&String, &String)| (name.clone(), text(at(line, selector)));
        self.pattern.matches(line).then(|| Number {
            namespace: self.namespace.clone(),
            metric: self.metric.clone(),
            unit: self.unit.clone(),
            dimensions: self.dimensions.iter().map(dimension).collect(),
            value: self.value.parse().expect("a number"),
        })
    }
}

/// A pattern of one comparison: `{ $.field = * }`, `{ $.field = "text" }`, `{ $.field = 0 }`.
struct Pattern {
    selector: String,
    wanted: Wanted,
}

enum Wanted {
    Anything,
    Value(Value),
}

impl Pattern {
    fn read(pattern: &str) -> Self {
        let inner = pattern.strip_prefix("{ ").and_then(|rest| rest.strip_suffix(" }"));
        let (selector, wanted) =
            inner.and_then(|inner| inner.split_once(" = ")).expect("a pattern of one comparison");
        let wanted = match wanted {
            "*" => Wanted::Anything,
            literal => Wanted::Value(serde_json::from_str(literal).expect("a text or a number")),
        };
        Self { selector: selector.to_owned(), wanted }
    }

    fn matches(&self, line: &Value) -> bool {
        let found = at(line, &self.selector);
        match &self.wanted {
            Wanted::Anything => !found.is_null(),
            Wanted::Value(value) => found == value,
        }
    }
}

fn at<'l>(line: &'l Value, selector: &str) -> &'l Value {
    let path = selector.strip_prefix("$.").expect("a selector");
    path.split('.').fold(line, |value, name| &value[name])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("text, not {value}")).to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("a list, not {value}"))
}

fn names(value: &Value) -> Vec<&String> {
    value.as_object().unwrap_or_else(|| panic!("an object, not {value}")).keys().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_filter_counts_what_its_pattern_matches() {
        let filter = |pattern: &str| {
            MetricFilter::read(&json!({
                "LogGroupName": "Logs", "FilterPattern": pattern,
                "MetricTransformations": [{
                    "MetricNamespace": "n", "MetricName": "m", "MetricValue": "1",
                    "Dimensions": [{"Key": "kind", "Value": "$.alarm"}],
                }],
            }))
        };
        let line = json!({"alarm": "keys", "status": 0, "span": {"id": "x"}});
        for (pattern, matches) in [
            ("{ $.alarm = * }", true),
            ("{ $.alarms = * }", false),
            ("{ $.alarm = \"keys\" }", true),
            ("{ $.alarm = \"key\" }", false),
            ("{ $.status = 0 }", true),
            ("{ $.status = \"0\" }", false),
            ("{ $.span.id = \"x\" }", true),
        ] {
            let number = filter(pattern).number(&line);
            let kinds = number.map(|number| number.dimensions["kind"].clone());
            assert_eq!(kinds, matches.then(|| "keys".to_owned()), "{pattern}");
        }
    }
}
