//! The manuals of the two APIs, whose tables say what a field or a cause means: pages show what stands there.

use shared::web::language::Language;

pub(crate) const fn open_api(language: Language) -> &'static str {
    match language {
        Language::Chinese => include_str!("../../docs/zh/open-api.md"),
        Language::English => include_str!("../../docs/open-api.md"),
    }
}

pub(crate) const fn get_authorization_url(language: Language) -> &'static str {
    match language {
        Language::Chinese => include_str!("../../docs/zh/get-authorization-url.md"),
        Language::English => include_str!("../../docs/get-authorization-url.md"),
    }
}

/// The text without backticks, and its links as their labels.
pub(crate) fn plain(markdown: &str) -> String {
    let mut parts = markdown.split("](");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.split_once(')').map_or(part, |(_, rest)| rest));
    }
    text.replace(['[', '`'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_shown_by_its_label() {
        for (text, shown) in [
            ("leads [back to](merchants.md#the-way-back); of an origin", "leads back to; of an origin"),
            ("[`one`](a.md), [two](b.md)", "one, two"),
            ("none (at all)", "none (at all)"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }
}
