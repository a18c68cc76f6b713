//! The question before what cannot be undone.

use std::io::{self, BufRead, IsTerminal as _, Write as _};

use shared::runtime::start::StartError;

/// Asks, unless it was answered beforehand by `--yes`.
///
/// # Errors
/// The answer is no, or there is nobody to ask.
pub fn confirm(what: &str, yes: bool) -> Result<(), StartError> {
    let input = io::stdin();
    let asked = input.is_terminal().then(|| input.lock());
    confirm_by(asked, what, yes)
}

fn confirm_by(asked: Option<impl BufRead>, what: &str, yes: bool) -> Result<(), StartError> {
    if yes {
        return Ok(());
    }
    let Some(mut asked) = asked else {
        return Err(StartError::new(format!("{what} Nobody can be asked here: say --yes")));
    };
    eprint!("{what} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    asked.read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes" | "是") {
        return Ok(());
    }
    Err(StartError::new("nothing was done".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_one() {
        let confirm =
            |answer: Option<&str>, yes| confirm_by(answer.map(str::as_bytes), "Resend 7?", yes).is_ok();
        assert!(
            confirm(Some("y\n"), false) && confirm(Some(" yes \n"), false) && confirm(Some("是\n"), false)
        );
        assert!(!confirm(Some("\n"), false) && !confirm(Some(""), false) && !confirm(Some("no\n"), false));
        assert!(confirm(None, true) && !confirm(None, false));
    }
}
