//! What the manual says of a cause, in both languages: the rows of its table are the one source.

use shared::signing::open_api::diagnosis::Cause;
use shared::web::language::Language;

use crate::manual::{open_api, plain};

/// What happened and what to do, as plain text.
pub(super) fn of(cause: Cause, language: Language) -> (String, String) {
    let row =
        open_api(language).lines().find_map(|line| line.strip_prefix(&format!("| `{}` | ", cause.as_str())));
    let mut cells = row.unwrap_or_default().trim_end_matches(" |").split(" | ");
    let mut next = || plain(cells.next().unwrap_or_default());
    (next(), next())
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn every_cause_is_explained_in_both_languages() {
        for cause in Cause::VARIANTS {
            for language in [Language::Chinese, Language::English] {
                let (what, remedy) = of(*cause, language);
                assert!(!what.is_empty() && !remedy.is_empty(), "{cause:?}");
                assert!(!format!("{what}{remedy}").contains(['`', '[', '|']), "{what} {remedy}");
            }
        }
        let (_, remedy) = of(Cause::HeaderNames, Language::English);
        assert_eq!(remedy, "as in the table of headers");
    }
}
