//! Metrics, saved queries and the dashboard of template.yaml on real log lines: each finds there what it speaks of.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::telemetry::Metric;
use strum::VariantArray as _;
use tests::cloudwatch::{MetricFilter, Number, embedded};
use tests::insights::{Query, at};
use tests::logs::NAMESPACE;
use tests::observed::Observed;
use tests::template::{resources_of, widgets};

const CAPACITY: &str = include_str!("../docs/capacity.md");
/// The namespace as the template writes it.
const IN_TEMPLATE: &str = "authlink/${AWS::StackName}";

fn filters() -> Vec<(String, MetricFilter)> {
    let filters = resources_of("AWS::Logs::MetricFilter").into_iter();
    filters.map(|(name, properties)| (name, MetricFilter::read(&properties))).collect()
}

/// Every number that the lines have made.
fn numbers(observed: &Observed) -> Vec<Number> {
    let mut numbers = Vec::new();
    for (_, filter) in filters() {
        numbers.extend(observed.0[filter.log_group.as_str()].iter().filter_map(|line| filter.number(line)));
    }
    numbers.extend(observed.0.values().flatten().flat_map(embedded));
    numbers
}

/// A metric and the names of its dimensions.
type Kind = (String, BTreeSet<String>);

fn kind(number: &Number) -> Kind {
    (number.metric.clone(), number.dimensions.keys().cloned().collect())
}

#[tokio::test]
async fn every_filter_counts_some_lines_of_its_group_and_not_all() {
    let observed = Observed::everything().await;
    for (name, filter) in filters() {
        let lines = &observed.0[filter.log_group.as_str()];
        let counted: Vec<_> = lines.iter().filter_map(|line| filter.number(line)).collect();
        assert!(!counted.is_empty() && counted.len() < lines.len(), "{name} counts {}", counted.len());
        assert!(counted.iter().all(|number| number.namespace == IN_TEMPLATE), "{name}");
    }
}

#[tokio::test]
async fn a_line_carries_the_metric_of_what_its_words_say_and_no_other() {
    let observed = Observed::everything().await;
    let is = |line: &Value, field: &str, words: &[&str]| words.iter().any(|word| line[field] == *word);
    let of_words = |metric: Metric, line: &Value| match metric {
        Metric::LinksAsked => {
            (line["route"] == "alipay-auth-url" && line["status"] == 0)
                || (line["route"] == "get-authorization-url" && line["code"] == "OK")
        }
        Metric::PagesOpened => {
            line["route"] == "landing" && is(line, "outcome", &["redirect", "open", "scan"])
        }
        Metric::Consents => {
            line["route"] == "openid-callback" && is(line, "outcome", &["authorized", "SUCCESS"])
        }
        Metric::Attempts => line["message"] == "attempt",
        Metric::OldestDue => line["message"] == "sweep",
    };
    let mut seen = BTreeSet::new();
    for line in observed.0.values().flatten() {
        let expected: Vec<_> = Metric::VARIANTS
            .iter()
            .filter(|metric| of_words(**metric, line))
            .map(|metric| {
                let dimension = |name: &str| (name.to_owned(), line[name].as_str().expect("text").to_owned());
                Number {
                    namespace: NAMESPACE.to_owned(),
                    metric: metric.as_str().to_owned(),
                    unit: metric.unit().map(str::to_owned),
                    dimensions: metric.dimension().map(dimension).into_iter().collect(),
                    value: line["oldest_due_secs"].as_f64().unwrap_or(1.0),
                }
            })
            .collect();
        assert_eq!(embedded(line), expected, "{line}");
        seen.extend(expected.into_iter().map(|number| (number.metric, number.dimensions)));
    }
    let metrics: BTreeSet<_> = seen.iter().map(|(metric, _)| metric.as_str()).collect();
    assert_eq!(metrics, Metric::VARIANTS.iter().map(|metric| metric.as_str()).collect());
    let outcomes: Vec<_> = seen.iter().filter_map(|(_, of)| of.get("outcome").map(String::as_str)).collect();
    assert_eq!(outcomes, ["status", "success", "timeout", "tls"]);
    for opening in ["open", "redirect", "scan", "in-wechat"] {
        assert!(observed.0.values().flatten().any(|line| line["outcome"] == opening), "{opening}");
    }
}

#[tokio::test]
async fn every_metric_that_is_looked_at_is_made_and_every_one_that_is_made_is_shown() {
    let made = numbers(&Observed::everything().await);
    let made_kinds: BTreeSet<_> = made.iter().map(kind).collect();
    let (mut shown, mut values) = (BTreeSet::new(), vec![json!(widgets())]);
    while let Some(value) = values.pop() {
        match &value {
            Value::Array(items) => {
                if let [Value::String(namespace), Value::String(metric), dimensions @ ..] = &items[..]
                    && namespace == IN_TEMPLATE
                {
                    let pairs = dimensions.iter().map_while(Value::as_str).collect::<Vec<_>>();
                    let pairs =
                        pairs.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect();
                    let is_it = |number: &Number| number.metric == *metric && number.dimensions == pairs;
                    assert!(made.iter().any(is_it), "nothing makes {metric} of {pairs:?}");
                    shown.insert((metric.clone(), pairs.into_keys().collect()));
                }
                values.extend(items.iter().cloned());
            }
            Value::Object(fields) => values.extend(fields.values().cloned()),
            Value::String(text) => shown.extend(searched(text)),
            _ => {}
        }
    }
    assert_eq!(shown, made_kinds, "shown, and made");
    for (name, alarm) in resources_of("AWS::CloudWatch::Alarm") {
        if alarm["Namespace"] == IN_TEMPLATE {
            let dimensions = alarm["Dimensions"].as_array().cloned().unwrap_or_default();
            let names = dimensions.iter().map(|of| of["Name"].as_str().expect("a name").to_owned());
            let watched = (alarm["MetricName"].as_str().expect("a name").to_owned(), names.collect());
            assert!(made_kinds.contains(&watched), "{name} watches {watched:?}");
        }
    }
}

/// The metrics that an expression of a widget searches for.
fn searched(expression: &str) -> Option<Kind> {
    let (schema, terms) = expression.strip_prefix("SEARCH('{")?.split_once("} ")?;
    let (namespace, dimensions) = schema.split_once(',')?;
    assert_eq!(namespace, IN_TEMPLATE);
    let metric = terms.split("MetricName=\"").nth(1)?.split('"').next()?;
    Some((metric.to_owned(), dimensions.split(',').map(str::to_owned).collect()))
}

#[tokio::test]
async fn every_saved_query_finds_lines_with_the_fields_and_words_that_it_names() {
    let observed = Observed::everything().await;
    let saved = resources_of("AWS::Logs::QueryDefinition").into_iter().map(|(name, query)| {
        let groups: Vec<String> = serde_json::from_value(query["LogGroupNames"].clone()).expect("names");
        (name, groups, query["QueryString"].as_str().expect("a query").to_owned())
    });
    let of_widgets = widgets().into_iter().filter(|(kind, _)| kind == "log").map(|(_, properties)| {
        let query = properties["query"].as_str().expect("a query").to_owned();
        let group = query.split("${").nth(1).and_then(|rest| rest.split('}').next()).expect("a source");
        (properties["title"].to_string(), vec![group.to_owned()], query)
    });
    let queries: Vec<_> = saved.chain(of_widgets).collect();
    assert_eq!(queries.len(), 12);
    for (name, groups, query) in queries {
        let query = Query::read(&query);
        for condition in query.conditions() {
            assert!(observed.of(&groups).any(|line| condition.is_about(line)), "{name}: {condition:?}");
        }
        let found: Vec<_> = observed.of(&groups).filter(|line| query.lets_through(line)).collect();
        assert!(!found.is_empty(), "{name} finds nothing");
        for field in &query.fields {
            assert!(found.iter().any(|line| !at(line, field).is_null()), "{name}: no line has {field}");
        }
    }
}

#[tokio::test]
async fn an_authorizations_lines_carry_so_many_bytes_for_metrics_as_the_document_of_costs_says() {
    let observed = Observed::everything().await;
    let bytes = |metric: Metric| {
        let line = observed.0.values().flatten().find(|line| !line[metric.as_str()].is_null());
        let line = line.expect("a line that counts");
        format!(r#","_aws":{},"{}":{}"#, line["_aws"], metric.as_str(), line[metric.as_str()]).len()
    };
    let bytes: usize = [Metric::LinksAsked, Metric::Consents, Metric::Attempts].map(bytes).iter().sum();
    assert!(CAPACITY.contains(&format!("{bytes} bytes of them [for metrics]")), "{bytes}");
}

#[test]
fn the_dashboard_has_its_widgets() {
    let titles: Vec<_> = widgets().iter().map(|(_, properties)| properties["title"].clone()).collect();
    for wanted in [
        "Funnel: asked, opened, consented, delivered",
        "Attempts by outcome",
        "Oldest due delivery, in seconds",
        "Duration of functions, p50, in ms",
        "Duration of functions, p99, in ms",
        "Errors of functions",
        "Throttles",
        "What costs: requests, starts, messages",
        "What costs: units of DynamoDB",
        "What costs: bytes of logs",
        "Businesses with the most links",
        "Owners with the most attempts",
    ] {
        assert!(titles.iter().any(|title| title == wanted), "{wanted}");
    }
}
