//! template.yaml as it is written. Tags are left out: `!Ref Api` is `Api`, `!Sub x` is `x`.

use std::collections::BTreeMap;

use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

const TEMPLATE: &str = include_str!("../../template.yaml");

/// The properties of every resource of this type, by the resource's name.
pub fn resources_of(wanted: &str) -> BTreeMap<String, Value> {
    let template = json(&YamlLoader::load_from_str(TEMPLATE).expect("YAML")[0]);
    let resources = template["Resources"].as_object().expect("resources").iter();
    resources
        .filter(|(_, resource)| resource["Type"] == wanted)
        .map(|(name, resource)| (name.clone(), resource["Properties"].clone()))
        .collect()
}

/// The widgets of the dashboard: the type and the properties of each.
pub fn widgets() -> Vec<(String, Value)> {
    let (_, dashboard) = resources_of("AWS::CloudWatch::Dashboard").pop_first().expect("a dashboard");
    let body = dashboard["DashboardBody"][0].as_str().expect("a body");
    let body: Value = serde_json::from_str(body).expect("JSON before its names are put in");
    let widgets = body["widgets"].as_array().expect("widgets").iter();
    let kind = |widget: &Value| widget["type"].as_str().expect("a type").to_owned();
    widgets.map(|widget| (kind(widget), widget["properties"].clone())).collect()
}

fn json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Integer(number) => (*number).into(),
        Yaml::String(text) | Yaml::Real(text) => text.as_str().into(),
        Yaml::Boolean(flag) => (*flag).into(),
        Yaml::Array(items) => items.iter().map(json).collect(),
        Yaml::Hash(pairs) => {
            let text = |key: &Yaml| match json(key) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            pairs.iter().map(|(key, value)| (text(key), json(value))).collect()
        }
        Yaml::Null => Value::Null,
        Yaml::Alias(_) | Yaml::BadValue => panic!("{yaml:?} has no place here"),
    }
}
