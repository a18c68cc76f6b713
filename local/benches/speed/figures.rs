//! What the lives of a program come to: medians of the rounds, and what the quietest took: what disturbs a round adds to
//! it. They stand in the result file, and so have a form of their own.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::lives::Life;
use crate::subject::Subject;

/// One program.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Figures {
    pub(crate) name: String,
    pub(crate) start_millis: f64,
    pub(crate) start_cpu_millis: f64,
    /// The median of the rounds' differences.
    pub(crate) start_over_baseline_millis: f64,
    /// The least start, in those of the baseline.
    pub(crate) start_to_baseline: f64,
    pub(crate) first_millis: f64,
    pub(crate) first_cpu_millis: f64,
    pub(crate) warm_p50_micros: f64,
    pub(crate) warm_p99_micros: f64,
    pub(crate) warm_cpu_micros: f64,
    pub(crate) warm_cpu_least_micros: f64,
    /// The median of the rounds' ratios.
    pub(crate) cpu_to_baseline_median: f64,
    /// The least CPU time, in those of the baseline.
    pub(crate) cpu_to_baseline_least: f64,
    pub(crate) resident_bytes_at_start: u64,
    pub(crate) resident_bytes: u64,
    pub(crate) store_calls: f64,
    pub(crate) secret_calls: f64,
    pub(crate) hints: f64,
    pub(crate) other_calls: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) program_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) zip_bytes: Option<u64>,
}

impl Figures {
    /// The figures of all `subjects`, of which the first is the baseline.
    pub(crate) fn of_all(subjects: &[Subject], lives: &[Vec<Life>]) -> Vec<Self> {
        let baseline = lives.first().map_or(&[][..], Vec::as_slice);
        subjects.iter().zip(lives).map(|(subject, lives)| Self::of(subject, lives, baseline)).collect()
    }

    fn of(subject: &Subject, lives: &[Life], baseline: &[Life]) -> Self {
        let median_of = |value: &dyn Fn(&Life) -> f64| median(lives.iter().map(value).collect());
        let against = |value: &dyn Fn(&Life, &Life) -> f64| -> Vec<f64> {
            lives.iter().zip(baseline).map(|(life, its_baseline)| value(life, its_baseline)).collect()
        };
        let least_of = |lives: &[Life], value: &dyn Fn(&Life) -> Duration| {
            millis(lives.iter().map(value).min().unwrap_or_default())
        };
        let least_to_baseline =
            |value: &dyn Fn(&Life) -> Duration| least_of(lives, value) / least_of(baseline, value);
        let per_event = |value: &dyn Fn(&Life) -> u32| {
            median_of(&|life| f64::from(value(life)) / life.warm.len().max(1) as f64)
        };
        Self {
            name: subject.name.clone(),
            start_millis: median_of(&|life| millis(life.start)),
            start_cpu_millis: median_of(&|life| millis(life.start_cpu)),
            start_over_baseline_millis: median(against(&|life, its_baseline| {
                millis(life.start) - millis(its_baseline.start)
            })),
            start_to_baseline: least_to_baseline(&|life| life.start),
            first_millis: median_of(&|life| millis(life.first)),
            first_cpu_millis: median_of(&|life| millis(life.first_cpu)),
            warm_p50_micros: median_of(&|life| millis(share(&life.warm, 0.5)) * 1e3),
            warm_p99_micros: median_of(&|life| millis(share(&life.warm, 0.99)) * 1e3),
            warm_cpu_micros: median_of(&|life| millis(life.warm_cpu) * 1e3),
            warm_cpu_least_micros: least_of(lives, &|life| life.warm_cpu) * 1e3,
            cpu_to_baseline_median: median(against(&|life, its_baseline| {
                millis(life.warm_cpu) / millis(its_baseline.warm_cpu)
            })),
            cpu_to_baseline_least: least_to_baseline(&|life| life.warm_cpu),
            resident_bytes_at_start: median_of(&|life| life.start_resident_bytes as f64) as u64,
            resident_bytes: median_of(&|life| life.resident_bytes as f64) as u64,
            store_calls: per_event(&|life| life.calls.store),
            secret_calls: per_event(&|life| life.calls.secrets),
            hints: per_event(&|life| life.calls.queue),
            other_calls: per_event(&|life| life.outside),
            program_bytes: subject.artifact.as_ref().map(|artifact| artifact.bytes),
            zip_bytes: subject.artifact.as_ref().map(|artifact| artifact.zip_bytes),
        }
    }

    /// Whether the calls of a warm event keep to what they may be; in words if not.
    pub(crate) fn over_budget(&self, subject: &Subject) -> Option<String> {
        let budget = subject.budget;
        let kept = (budget.store.floor()..=budget.store).contains(&self.store_calls)
            && self.secret_calls == 0.0
            && self.hints == budget.queue
            && self.other_calls == budget.outside;
        (!kept).then(|| {
            format!(
                "{} makes {} calls of the store, {} of the secrets, {} of the queue and {} of others for one event",
                self.name, self.store_calls, self.secret_calls, self.hints, self.other_calls
            )
        })
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The one that `share` of the sorted `times` keep to; zero if there are none.
fn share(times: &[Duration], share: f64) -> Duration {
    let last = times.len().saturating_sub(1);
    times.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}

/// The one in the middle; zero if there are none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
