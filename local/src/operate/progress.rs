//! What people are told of a run of many while it lasts: a line now and then, and none of a short one.

use std::time::Duration;

const EVERY: Duration = Duration::from_secs(10);

/// A run, and the time of its last line.
pub(super) struct Progress {
    all: usize,
    /// Done before it began, by the run that was broken off.
    before: usize,
    told: Duration,
}

impl Progress {
    pub(super) const fn new(all: usize, before: usize) -> Self {
        Self { all, before, told: Duration::ZERO }
    }

    /// The line that is due when so many of all are done, `passed` after the run's beginning, if one is.
    pub(super) fn line(&mut self, done: usize, passed: Duration) -> Option<String> {
        if passed < self.told + EVERY || done >= self.all {
            return None;
        }
        self.told = passed;
        let (all, so_far) = (self.all, done.saturating_sub(self.before));
        let left = u32::try_from(all - done).unwrap_or(u32::MAX);
        let lasts =
            u32::try_from(so_far).ok().and_then(|so_far| passed.saturating_mul(left).checked_div(so_far));
        let lasts = lasts.map_or_else(String::new, |lasts| format!(", about {} to go", span(lasts)));
        Some(format!("{done} of {all} done{lasts}"))
    }
}

fn span(time: Duration) -> String {
    let secs = time.as_secs_f64().ceil();
    if secs < 100.0 { format!("{secs} s") } else { format!("{} min", (secs / 60.0).ceil()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_each_ten_seconds_with_the_time_that_is_left_at_this_pace() {
        let secs = Duration::from_secs;
        let mut run = Progress::new(10_000, 0);
        for (done, passed, line) in [
            (199, Duration::from_millis(9_999), None),
            (200, secs(10), Some("200 of 10000 done, about 9 min to go")),
            (201, secs(11), None),
            (400, secs(20), Some("400 of 10000 done, about 8 min to go")),
            (9_000, secs(450), Some("9000 of 10000 done, about 50 s to go")),
            (10_000, secs(500), None),
        ] {
            assert_eq!(run.line(done, passed).as_deref(), line, "{done}");
        }
        let mut rest = Progress::new(10_000, 9_000);
        assert_eq!(
            rest.line(9_000, secs(10)).as_deref(),
            Some("9000 of 10000 done"),
            "nothing tells the pace"
        );
        assert_eq!(rest.line(9_200, secs(20)).as_deref(), Some("9200 of 10000 done, about 80 s to go"));
    }
}
