//! What a list leaves out because this version cannot read it.

use shared::web::language::Language;

use crate::printable::line;

/// The most that are named to people; programs get all.
const NAMED: usize = 3;

/// Says how many there are, and which, without a full stop; nothing if there are none.
#[must_use]
pub fn left_out(references: &[String], language: Language) -> Option<String> {
    let named: Vec<_> = references.iter().take(NAMED).map(|reference| line(reference)).collect();
    let (number, others) = (references.len(), if references.len() > NAMED { ", …" } else { "" });
    let named = format!("{}{others}", named.join(", "));
    (number > 0).then(|| match language {
        Language::Chinese => {
            format!("另有 {number} 条未列出：由更新的版本写入或已损坏，本版本无法读取（{named}）")
        }
        Language::English => {
            format!("not listed: {number} that this version cannot read, of a newer one or damaged: {named}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_named_and_all_are_counted() {
        let references: Vec<_> = (1..=4).map(|number| format!("ref{number}")).collect();
        assert_eq!(left_out(&[], Language::English), None);
        for (number, english, chinese) in [
            (1, "1 that this version cannot read, of a newer one or damaged: ref1", "1 条"),
            (3, "3 that this version cannot read, of a newer one or damaged: ref1, ref2, ref3", "3 条"),
            (4, "4 that this version cannot read, of a newer one or damaged: ref1, ref2, ref3, …", "4 条"),
        ] {
            let said = |language| left_out(&references[..number], language).unwrap();
            assert_eq!(said(Language::English), format!("not listed: {english}"));
            assert!(said(Language::Chinese).starts_with(&format!("另有 {chinese}未列出")));
        }
    }
}
