//! The result file: what was measured last on a quiet machine. It is what later runs are compared to, and what the
//! README's tables show.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::cost::Cost;
use crate::figures::Figures;
use crate::first_use::FirstUse;
use crate::host::HostMeasured;
use crate::machine::Machine;

/// Everything that was measured; a section that a run leaves out stays as it was.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) costs: Vec<Cost>,
    pub(crate) first_use: Option<FirstUse>,
    /// The baseline first.
    pub(crate) functions: Vec<Figures>,
    #[serde(default)]
    pub(crate) peers: Vec<Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<HostMeasured>,
    /// Sections that are measured by others.
    #[serde(flatten)]
    pub(crate) others: Map<String, Value>,
}

impl Results {
    /// Those of the result file.
    pub(crate) fn committed() -> Result<Self, Error> {
        Ok(serde_json::from_str(&fs::read_to_string(file())?)?)
    }

    /// Makes them those of the result file.
    pub(crate) fn commit(&self) -> Result<(), Error> {
        Ok(fs::write(file(), self.json()?)?)
    }

    pub(crate) fn json(&self) -> Result<String, Error> {
        let rounded = rounded(serde_json::to_value(self)?);
        Ok(format!("{rounded:#}\n"))
    }

    /// The figures of `name`.
    pub(crate) fn function(&self, name: &str) -> Option<&Figures> {
        self.functions.iter().find(|figures| figures.name == name)
    }
}

fn file() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "benches", "results.json"].iter().collect()
}

/// Three digits after the point say all that a measurement knows.
fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            number.as_f64().map_or(Value::Null, |number| ((number * 1e3).round() / 1e3).into())
        }
        Value::Array(values) => values.into_iter().map(rounded).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, rounded(value))).collect(),
        other => other,
    }
}
