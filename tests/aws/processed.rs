//! template.yaml after the SAM transform, as `tests/scripts/processed_template.py` prints it, and ways through it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// The checkout.
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The whole document.
pub(crate) struct Template(pub Value);

impl Template {
    pub(crate) fn read() -> Self {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("template.json");
        let text =
            std::fs::read_to_string(&file).expect("tests/scripts/aws.sh writes the processed template");
        Self(serde_json::from_str(&text).expect("JSON"))
    }

    fn resources(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        let resources = self.0["Resources"].as_object().expect("resources");
        resources.iter().map(|(name, resource)| {
            (name.as_str(), resource["Type"].as_str().expect("a type"), &resource["Properties"])
        })
    }

    pub(crate) fn of_type(&self, wanted: &str) -> BTreeMap<&str, &Value> {
        self.resources()
            .filter(|(_, kind, _)| *kind == wanted)
            .map(|(name, _, properties)| (name, properties))
            .collect()
    }

    pub(crate) fn properties(&self, name: &str) -> &Value {
        &self.0["Resources"][name]["Properties"]
    }

    /// Every function by the binary that is built for it.
    pub(crate) fn functions(&self) -> BTreeMap<&str, (&str, &Value)> {
        let binary = |name: &str| self.0["Resources"][name]["Metadata"]["BuildProperties"]["Binary"].as_str();
        self.of_type("AWS::Lambda::Function")
            .into_iter()
            .map(|(name, properties)| (binary(name).expect("a binary"), (name, properties)))
            .collect()
    }

    pub(crate) fn function(&self, binary: &str) -> &Value {
        self.functions()[binary].1
    }

    pub(crate) fn timeout(&self, binary: &str) -> Duration {
        Duration::from_secs(self.function(binary)["Timeout"].as_u64().expect("seconds"))
    }

    /// Route key to binary.
    pub(crate) fn routes(&self) -> BTreeMap<String, String> {
        let names: BTreeMap<_, _> =
            self.functions().iter().map(|(binary, (name, _))| (*name, *binary)).collect();
        let routes = self.of_type("AWS::ApiGatewayV2::Route");
        let target = |route: &Value| {
            let target = route["Target"]["Fn::Sub"].as_str().expect("a target");
            let integration = target.trim_start_matches("integrations/${").trim_end_matches('}');
            let function = function_of(&self.properties(integration)["IntegrationUri"]);
            names[function].to_owned()
        };
        routes
            .values()
            .map(|route| (route["RouteKey"].as_str().expect("a key").to_owned(), target(route)))
            .collect()
    }

    pub(crate) fn alarms_of(&self, metric: &str, dimension: &Value) -> usize {
        let alarms = self.of_type("AWS::CloudWatch::Alarm");
        let dimensions = |alarm: &Value| alarm["Dimensions"].as_array().cloned().unwrap_or_default();
        alarms
            .values()
            .filter(|alarm| alarm["MetricName"] == metric && dimensions(alarm).contains(dimension))
            .count()
    }
}

/// The alias that callers are led to.
const ALIAS: &str = "Aliaslive";

/// The function of a reference to its alias.
pub(crate) fn function_of(alias: &Value) -> &str {
    let name = alias["Ref"].as_str().expect("a reference");
    name.strip_suffix(ALIAS).expect("an alias, for a function without one is not rolled out step by step")
}
