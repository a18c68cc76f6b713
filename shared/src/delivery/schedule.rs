//! The schedule of attempts: a list of waits, and a pure function over it.

use std::time::Duration;

use crate::model::random::{Random, RandomError};

/// The open API's waits after the first, second, … failed attempt: 10 attempts in all, over 11 h 3 min 45 s.
pub const OPEN_API_WAITS_SECS: [u64; 9] = [15, 30, 180, 600, 1_200, 1_800, 3_600, 10_800, 21_600];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(Vec<Duration>);

impl Default for Schedule {
    fn default() -> Self {
        Self::from_secs(&OPEN_API_WAITS_SECS)
    }
}

impl Schedule {
    /// A schedule with these waits, in seconds, and so one attempt more.
    #[must_use]
    pub fn from_secs(waits: &[u64]) -> Self {
        Self(waits.iter().copied().map(Duration::from_secs).collect())
    }

    /// The time that a record has to be kept once its delivery is due: a day more than all attempts may take, with
    /// every wait stretched to its double.
    #[must_use]
    pub fn keeps_for(&self) -> Duration {
        self.0.iter().map(|wait| *wait * 2).sum::<Duration>() + Duration::from_hours(24)
    }

    /// The greatest number of attempts.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        u32::try_from(self.0.len() + 1).unwrap_or(u32::MAX)
    }

    /// The wait after failed attempt `number` (1 for the first); `None` after the last.
    ///
    /// The wait of the list, and up to a tenth of it by `jitter`, so that a merchant who comes back is not met by all
    /// its deliveries at once; never less. What the merchant asked for by Retry-After may stretch it to twice the
    /// list's, not more.
    #[must_use]
    pub fn wait_after(&self, number: u32, jitter: Jitter, retry_after: Option<Duration>) -> Option<Duration> {
        let wait = *self.0.get(usize::try_from(number).ok()?.checked_sub(1)?)?;
        let jittered = wait + wait / 10 * u32::from(jitter.0) / u32::from(u8::MAX);
        let asked_for = retry_after.unwrap_or_default().min(wait * 2);
        Some(jittered.max(asked_for))
    }
}

/// The part of the greatest jitter that is added: 0 none, 255 all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jitter(pub u8);

impl Jitter {
    /// No delay, for want of randomness.
    pub const NONE: Self = Self(0);

    /// Draws one.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        let mut byte = [0];
        random.fill(&mut byte)?;
        Ok(Self(byte[0]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn ten_attempts_over_eleven_hours() {
        let schedule = Schedule::default();
        assert_eq!(schedule.attempts(), 10);
        let waits: Vec<_> = (1..=10).map(|number| schedule.wait_after(number, Jitter(0), None)).collect();
        let listed = [15, 30, 180, 600, 1_200, 1_800, 3_600, 10_800, 21_600].map(|wait| Some(secs(wait)));
        assert_eq!(waits[..9], listed);
        assert_eq!(waits[9], None);
        assert_eq!(waits.into_iter().flatten().sum::<Duration>(), secs(11 * 3_600 + 3 * 60 + 45));
    }

    #[test]
    fn jitter_adds_a_tenth_at_most_and_takes_nothing_away() {
        let schedule = Schedule::from_secs(&[600]);
        assert_eq!(schedule.wait_after(1, Jitter(0), None), Some(secs(600)));
        assert_eq!(schedule.wait_after(1, Jitter(255), None), Some(secs(660)));
        for byte in 0..=255 {
            let wait = schedule.wait_after(1, Jitter(byte), None).expect("a second attempt");
            assert!((secs(600)..=secs(660)).contains(&wait), "{byte}: {wait:?}");
        }
    }

    #[test]
    fn retry_after_stretches_a_step_to_twice_its_length_at_most() {
        let schedule = Schedule::from_secs(&[600]);
        for (asked_for, wait) in [(10, 600), (600, 600), (900, 900), (1_200, 1_200), (86_400, 1_200)] {
            assert_eq!(
                schedule.wait_after(1, Jitter(0), Some(secs(asked_for))),
                Some(secs(wait)),
                "{asked_for}"
            );
        }
        assert_eq!(schedule.wait_after(1, Jitter(255), Some(secs(610))), Some(secs(660)));
    }
}
