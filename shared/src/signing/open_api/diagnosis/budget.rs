//! The bound on the work of one diagnosis, in strings and in bytes, whatever the machine's speed.

use std::ops::ControlFlow;

/// The most strings that are tried.
pub(super) const MAX_STRINGS: usize = 320;
/// The most bytes of strings, those that are written on the way included.
pub(super) const MAX_BYTES: usize = 256 * 1024;

/// The work that is left.
#[derive(Debug)]
pub(super) struct Budget {
    strings: usize,
    bytes: usize,
}

impl Budget {
    pub(super) const fn whole() -> Self {
        Self { strings: MAX_STRINGS, bytes: MAX_BYTES }
    }

    /// Pays for one string of `bytes`; breaks when that is more than is left.
    pub(super) fn pay(&mut self, bytes: usize) -> ControlFlow<()> {
        let (Some(strings), Some(bytes)) = (self.strings.checked_sub(1), self.bytes.checked_sub(bytes))
        else {
            (self.strings, self.bytes) = (0, 0);
            return ControlFlow::Break(());
        };
        (self.strings, self.bytes) = (strings, bytes);
        ControlFlow::Continue(())
    }

    /// The bytes that are left.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_once_a_string_was_too_much() {
        let mut budget = Budget::whole();
        assert_eq!(budget.pay(MAX_BYTES - 10), ControlFlow::Continue(()));
        assert_eq!(budget.pay(11), ControlFlow::Break(()));
        assert_eq!(budget.pay(0), ControlFlow::Break(()));
        let mut budget = Budget::whole();
        assert!((0..MAX_STRINGS).all(|_| budget.pay(1).is_continue()));
        assert_eq!(budget.pay(1), ControlFlow::Break(()));
    }
}
