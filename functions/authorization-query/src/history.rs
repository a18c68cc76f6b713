//! The attempts that a record tells of. Those that were concluded are listed in it; of the others only the number is
//! known.

use shared::model::authorization::{Attempt, Attempts};

/// An attempt, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptEntry<'a> {
    /// Its outcome was recorded.
    Concluded(&'a Attempt),
    /// It was begun, and no more is known: it is under way, or its worker died or was too slow.
    Begun(u32),
}

/// The attempts of each round, oldest first: the first round begins with the settlement, each later one with a resend,
/// and the last one may be without any.
///
/// Numbers begin again with each round, and a record says of the last round alone how many were begun. So an attempt
/// that was begun at the end of an earlier round and not concluded has left no trace. `held` says that a worker is at
/// the last attempt that was begun.
pub(crate) fn rounds(attempts: &Attempts, held: bool) -> Vec<Vec<AttemptEntry<'_>>> {
    let mut closed = Vec::new();
    let mut round = Vec::new();
    let mut last = 0;
    for attempt in &attempts.history {
        if attempt.number <= last {
            closed.push(std::mem::take(&mut round));
            last = 0;
        }
        round.extend((last + 1..attempt.number).map(AttemptEntry::Begun));
        round.push(AttemptEntry::Concluded(attempt));
        last = attempt.number;
    }
    // An attempt that somebody holds is not concluded: the last one in the list is of an earlier round.
    let resent = attempts.begun < last || (attempts.begun == last && held);
    if resent {
        closed.push(std::mem::take(&mut round));
        last = 0;
    }
    round.extend((last + 1..=attempts.begun).map(AttemptEntry::Begun));
    closed.push(round);
    closed
}

#[cfg(test)]
mod tests {
    use shared::model::clock::UnixMillis;
    use shared::model::delivery_outcome::DeliveryOutcome;

    use super::*;

    /// Attempts with these in their history and so many begun since the settlement or the last resend.
    fn attempts(history: &[u32], begun: u32) -> Attempts {
        let attempt = |number| Attempt::new(number, UnixMillis(7), DeliveryOutcome::Timeout);
        Attempts { begun, history: history.iter().copied().map(attempt).collect() }
    }

    #[test]
    fn rounds_are_told_apart_by_numbers_that_begin_again() {
        // A minus stands for an attempt that was begun and not concluded.
        for (history, begun, held, expected) in [
            (&[][..], 0, false, &[&[][..]][..]),
            (&[], 1, true, &[&[-1]]),
            (&[1], 1, false, &[&[1]]),
            (&[1], 2, true, &[&[1, -2]]),
            (&[2], 2, false, &[&[-1, 2]]),
            (&[1, 4], 6, false, &[&[1, -2, -3, 4, -5, -6]]),
            // Resent, and no attempt concluded since.
            (&[1, 2], 0, false, &[&[1, 2], &[]]),
            (&[1, 2], 1, true, &[&[1, 2], &[-1]]),
            (&[1, 2], 2, true, &[&[1, 2], &[-1, -2]]),
            (&[1], 1, true, &[&[1], &[-1]]),
            // Resent, and attempts concluded since.
            (&[1, 2, 1], 1, false, &[&[1, 2], &[1]]),
            (&[1, 2, 2], 2, false, &[&[1, 2], &[-1, 2]]),
            (&[1, 2, 1, 3, 1], 2, true, &[&[1, 2], &[1, -2, 3], &[1, -2]]),
        ] {
            let attempts = attempts(history, begun);
            let number = |known: &AttemptEntry<'_>| match known {
                AttemptEntry::Concluded(attempt) => i64::from(attempt.number),
                AttemptEntry::Begun(number) => -i64::from(*number),
            };
            let rounds: Vec<Vec<_>> =
                rounds(&attempts, held).iter().map(|round| round.iter().map(number).collect()).collect();
            assert_eq!(rounds, expected, "{history:?}, {begun} begun, held: {held}");
        }
    }
}
