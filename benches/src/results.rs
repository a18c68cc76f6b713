//! The results: rows of named figures, what is made of the rounds, and the file that keeps the last whole run.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Figures by name; its ending is the unit.
pub(crate) type Figures = BTreeMap<String, f64>;

pub(crate) fn figures<const COUNT: usize>(figures: [(&str, f64); COUNT]) -> Figures {
    figures.map(|(name, figure)| (name.to_owned(), figure)).into()
}

/// A figure with the unit that its name ends with.
pub(crate) fn shown(name: &str, figure: f64) -> String {
    match name {
        _ if name.ends_with("Millis") => format!("{figure:.2} ms"),
        _ if name.ends_with("Micros") && figure < 100.0 => format!("{figure:.1} µs"),
        _ if name.ends_with("Micros") => format!("{figure:.0} µs"),
        _ if name.ends_with("Bytes") => format!("{:.1} MB", figure / 1e6),
        _ if name.contains("To") || name.starts_with("to") || figure.fract() > 0.0 && figure < 10.0 => {
            format!("{figure:.2}")
        }
        _ => format!("{figure:.0}"),
    }
}

/// A program's name, a single word, as code; other names as they are.
pub(crate) fn code(name: &str) -> String {
    if name.contains('-') && !name.contains(' ') { format!("`{name}`") } else { name.to_owned() }
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) figures: Figures,
}

/// A section that a run leaves out stays as it was.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) machine: String,
    #[serde(flatten)]
    pub(crate) sections: BTreeMap<String, Vec<Row>>,
}

impl Results {
    /// Reads the file of the last whole run.
    pub(crate) fn committed() -> Result<Self, Error> {
        Ok(serde_json::from_str(&fs::read_to_string(file("benches/results.json"))?)?)
    }

    /// JSON with a row a line, each figure to three digits after the point.
    pub(crate) fn json(&self) -> Result<String, Error> {
        let mut json = format!("{{\n\"machine\": {}", serde_json::to_string(&self.machine)?);
        for (section, rows) in &self.sections {
            let rounded = rows.iter().cloned().map(|mut row| {
                row.figures.values_mut().for_each(|figure| *figure = (*figure * 1e3).round() / 1e3);
                serde_json::to_string(&row)
            });
            json +=
                &format!(",\n\"{section}\": [\n{}\n]", rounded.collect::<Result<Vec<_>, _>>()?.join(",\n"));
        }
        Ok(json + "\n}\n")
    }

    pub(crate) fn rows(&self, section: &str) -> &[Row] {
        self.sections.get(section).map_or(&[], Vec::as_slice)
    }

    /// A figure of the first row whose name begins with `row`.
    pub(crate) fn figure(&self, section: &str, row: &str, figure: &str) -> Option<f64> {
        self.rows(section).iter().find(|of| of.name.starts_with(row))?.figures.get(figure).copied()
    }
}

/// The medians of the rounds of one subject, and ratios to the baseline.
///
/// There are two ratios of CPU time, the median of the rounds' own ratios and the ratio of the quietest rounds. A
/// disturbance raises one of them; higher costs raise both, so the smaller one, `cpuToBaseline`, is held to bounds.
pub(crate) fn summary(lives: &[Figures], baseline: &[Figures]) -> Figures {
    let names = lives.iter().flat_map(BTreeMap::keys);
    let mut summary: Figures = names.map(|name| (name.clone(), median(values(lives, name)))).collect();
    let (start, cpu) = ("startMillis", "warmCpuMicros");
    let over =
        values(lives, start).into_iter().zip(values(baseline, start)).map(|(own, base)| own - base).collect();
    summary.extend(figures([
        ("startOverBaselineMillis", median(over)),
        ("warmCpuLeastMicros", least(values(lives, cpu))),
        ("cpuToBaselineMedian", median_ratio(lives, baseline, cpu)),
        ("cpuToBaselineLeast", least(values(lives, cpu)) / least(values(baseline, cpu))),
        ("cpuToBaseline", smaller_ratio(lives, baseline, cpu)),
    ]));
    summary
}

/// The smaller of the median of the rounds' own ratios and the ratio of the quietest rounds.
pub(crate) fn smaller_ratio(rounds: &[Figures], base: &[Figures], name: &str) -> f64 {
    median_ratio(rounds, base, name).min(least(values(rounds, name)) / least(values(base, name)))
}

fn median_ratio(rounds: &[Figures], base: &[Figures], name: &str) -> f64 {
    median(values(rounds, name).into_iter().zip(values(base, name)).map(|(own, base)| own / base).collect())
}

/// The figures of one name.
pub(crate) fn values(rounds: &[Figures], name: &str) -> Vec<f64> {
    rounds.iter().map(|figures| figures[name]).collect()
}

pub(crate) fn least(values: Vec<f64>) -> f64 {
    values.into_iter().fold(f64::INFINITY, f64::min)
}

/// The value that this share of `sorted` does not exceed; zero if there are none.
pub(crate) fn percentile<T: Copy + Default>(sorted: &[T], share: f64) -> T {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}

/// The value in the middle; zero if there are none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A file of the repository.
pub(crate) fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).with_file_name(path)
}
