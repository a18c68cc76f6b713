//! The cause of a process that did not start, or ended: one line for its operator.

use std::error::Error;
use std::fmt;

/// A cause with the causes behind it. `main` may return it: its `Debug` is what people should read.
pub struct StartError(String);

impl StartError {
    /// A cause in words.
    #[must_use]
    pub const fn new(cause: String) -> Self {
        Self(cause)
    }
}

impl<E: Error> From<E> for StartError {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let more = error.to_string();
            // Many errors repeat their cause in their own words.
            if !text.ends_with(&more) {
                text = format!("{text}: {more}");
            }
            cause = error.source();
        }
        Self(text)
    }
}

impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the door is shut")]
    struct Shut(#[source] fmt::Error);

    #[test]
    fn a_cause_is_shown_with_what_is_behind_it() {
        let error = StartError::from(Shut(fmt::Error));
        assert_eq!(format!("{error:?}"), format!("the door is shut: {}", fmt::Error));
    }
}
