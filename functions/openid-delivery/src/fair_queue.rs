//! A fair queue: the owners take turns while there are more attempts than can be made at once.
//!
//! A merchant that does not answer holds an attempt for the 10 s that a POST may take, so in the order of arrival its
//! backlog would soon hold every one. Owners therefore take turns, and none has more than its part at once. On AWS the
//! queue takes turns among owners by itself; this is for whoever makes attempts without it.

use std::collections::{HashMap, VecDeque};

use shared::model::id::AuthorizationId;
use shared::model::owner::Owner;
use shared::queue::Hint;

/// The attempts that are made at once, and the hints that may wait for theirs.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub at_once: usize,
    /// Of these, attempts of one owner.
    pub at_once_of_one: usize,
    pub waiting: usize,
    /// Of these, hints of one owner.
    pub waiting_of_one: usize,
}

/// Hints that have arrived, in a line for each owner. Every hint that [`take`](Self::take) gives out is under way until
/// [`ended`](Self::ended) is told of it.
#[derive(Debug)]
pub struct FairQueue {
    limits: Limits,
    lines: HashMap<Owner, Line>,
    /// The owners that have a hint waiting and may have one more attempt under way, each once.
    order: VecDeque<Owner>,
    waiting: usize,
    under_way: usize,
}

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<(AuthorizationId, u32)>,
    under_way: usize,
}

impl FairQueue {
    /// Nobody waits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, lines: HashMap::new(), order: VecDeque::new(), waiting: 0, under_way: 0 }
    }

    /// Puts a hint at the end of its owner's line. A hint too many is lost, as hints may be; whether it was taken.
    pub fn push(&mut self, hint: Hint) -> bool {
        if self.waiting >= self.limits.waiting {
            return false;
        }
        let line = self.lines.entry(hint.owner.clone()).or_default();
        if line.waiting.len() >= self.limits.waiting_of_one {
            return false;
        }
        line.waiting.push_back((hint.id, hint.attempt));
        self.waiting += 1;
        if line.waiting.len() == 1 && line.under_way < self.limits.at_once_of_one {
            self.order.push_back(hint.owner);
        }
        true
    }

    /// The hint whose attempt is next, if one more may be made.
    pub fn take(&mut self) -> Option<Hint> {
        if self.under_way >= self.limits.at_once {
            return None;
        }
        let owner = self.order.pop_front()?;
        let line = self.lines.get_mut(&owner)?;
        let (id, attempt) = line.waiting.pop_front()?;
        line.under_way += 1;
        self.under_way += 1;
        self.waiting -= 1;
        if !line.waiting.is_empty() && line.under_way < self.limits.at_once_of_one {
            self.order.push_back(owner.clone());
        }
        Some(Hint::new(id, owner, attempt))
    }

    /// The hints that wait for their turns.
    #[must_use]
    pub const fn hints_waiting(&self) -> usize {
        self.waiting
    }

    /// Who waits for a turn, in the order of the turns. Whoever has as many attempts under way as one owner may have is
    /// left out.
    #[must_use]
    pub fn owners_waiting(&self) -> Vec<Owner> {
        self.order.iter().cloned().collect()
    }

    /// An attempt of `owner` is over.
    pub fn ended(&mut self, owner: &Owner) {
        let Some(line) = self.lines.get_mut(owner).filter(|line| line.under_way > 0) else { return };
        let was_full = line.under_way >= self.limits.at_once_of_one;
        line.under_way -= 1;
        self.under_way -= 1;
        if was_full && !line.waiting.is_empty() {
            self.order.push_back(owner.clone());
        } else if line.waiting.is_empty() && line.under_way == 0 {
            self.lines.remove(owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { at_once: 6, at_once_of_one: 2, waiting: 10, waiting_of_one: 5 };

    /// Of one letter for the owner and a number, as `a1`.
    fn hint(word: &str) -> Hint {
        let owner = Owner::Business(word[..1].to_owned());
        Hint::new(AuthorizationId::from_serial(&word[..1], &word[1..]), owner, 0)
    }

    /// Does what each word of `script` says, and tells what came of it: `+a1` a hint arrives, `-a` an attempt ends,
    /// `>a1` it is given out, `.` nothing is, `!a1` it is lost.
    fn plays(script: &str) {
        let mut queue = FairQueue::new(LIMITS);
        for (place, word) in script.split_whitespace().enumerate() {
            let (what, name) = word.split_at(1);
            let happened = match what {
                "+" => queue.push(hint(name)),
                "!" => !queue.push(hint(name)),
                "-" => {
                    queue.ended(&Owner::Business(name.to_owned()));
                    true
                }
                ">" => queue.take() == Some(hint(name)),
                _ => queue.take().is_none(),
            };
            assert!(happened, "{word}, word {place} of {script}");
        }
    }

    #[test]
    fn owners_take_turns_and_none_has_more_than_its_part() {
        for script in [
            ".",
            "+a1 >a1 . -a .",
            "+a1 +a2 +a3 +b1 >a1 >b1 >a2 . -a >a3 .",
            "+a1 +a2 +a3 +b1 +b2 +b3 >a1 >b1 >a2 >b2 . -b >b3 -a >a3 .",
            "+a1 +a2 +a3 >a1 >a2 . +b1 >b1 . +b2 >b2 . -b -b +b3 >b3 .",
            "+a1 +a2 +b1 +b2 +c1 +c2 +d1 >a1 >b1 >c1 >d1 >a2 >b2 . -d >c2 .",
        ] {
            plays(script);
        }
    }

    #[test]
    fn one_owners_backlog_loses_its_own_hints_and_no_others() {
        plays("+a1 +a2 +a3 +a4 +a5 !a6 +b1 >a1 +a6 !a7 >b1");
        plays("+a1 +a2 +a3 +a4 +a5 +b1 +b2 +b3 +b4 +b5 !c1 >a1 +c1 !c2");
    }

    #[test]
    fn an_end_that_nobody_began_changes_nothing() {
        plays("-a +a1 -a +a2 +a3 >a1 >a2 . -a -a -a >a3 .");
    }

    #[test]
    fn owners_without_hints_are_forgotten() {
        let mut queue = FairQueue::new(LIMITS);
        queue.push(hint("a1"));
        queue.push(hint("b1"));
        assert_eq!((queue.take(), queue.take()), (Some(hint("a1")), Some(hint("b1"))));
        queue.ended(&hint("a1").owner);
        assert_eq!((queue.lines.len(), queue.order.len(), queue.waiting, queue.under_way), (1, 0, 0, 1));
    }
}
