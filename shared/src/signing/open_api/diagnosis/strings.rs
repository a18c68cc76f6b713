//! The search for the string that was signed: the usual mistakes with headers and body, one at a time and then some in
//! pairs, until one fits or the budget is used up.

use std::ops::ControlFlow;

use crate::signing::open_api::diagnosis::bodies::{self, Form};
use crate::signing::open_api::diagnosis::budget::Budget;
use crate::signing::open_api::diagnosis::cause::Cause;
use crate::signing::open_api::diagnosis::json::Tree;
use crate::signing::open_api::headers::{AuthHeaders, SignType};

/// The string that was signed, and the mistakes that lead to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) causes: Vec<Cause>,
    pub(super) string: Vec<u8>,
}

/// The headers of a string, in its order.
type Head<'a> = Vec<(&'a str, &'a str)>;

/// What has stood between headers and body.
const SEPARATORS: [&str; 9] = ["\n", "&", "\r\n", "&body=", "&data=", "?", " ", "|", ":"];
/// The milliseconds by which a clock that was asked twice has gone on.
const CLOCK_STEPS: i64 = 12;

/// Searches for a string that `is_signed`.
pub(super) fn find(headers: &AuthHeaders, body: &[u8], is_signed: &dyn Fn(&[u8]) -> bool) -> Option<Found> {
    let mut search = Search { headers, body, is_signed, budget: Budget::whole(), found: None };
    // It breaks when it has found, or may do no more.
    let _ = search.run();
    search.found
}

struct Search<'a> {
    headers: &'a AuthHeaders,
    body: &'a [u8],
    is_signed: &'a dyn Fn(&[u8]) -> bool,
    budget: Budget,
    found: Option<Found>,
}

impl Search<'_> {
    fn run(&mut self) -> ControlFlow<()> {
        let headers = self.headers;
        let head = head(headers, headers.sent_sign_type);
        for (cause, other) in other_sign_types(headers) {
            self.attempt(&[cause], &joined(&other), self.body)?;
        }
        self.attempt(&[Cause::BodyNotSigned], &joined(&head), b"")?;
        self.attempt(&[Cause::HeadersNotSigned], "", self.body)?;
        for separator in SEPARATORS {
            self.attempt(&[Cause::SeparatorBeforeBody], &format!("{}{separator}", joined(&head)), self.body)?;
        }
        for lower in [true, false] {
            let renamed = |name: &str| if lower { name.to_lowercase() } else { capitalized(name) };
            let names: Vec<_> =
                head.iter().map(|(name, value)| format!("{}={value}", renamed(name))).collect();
            self.attempt(&[Cause::HeaderNames], &names.join("&"), self.body)?;
        }
        self.times(&head)?;
        self.parameters(&head)?;
        let forms = self.forms(&joined(&head))?;
        self.orders(&head)?;
        for (cause, other) in other_sign_types(headers) {
            for form in &forms {
                self.attempt(&[form.cause, cause], &joined(&other), &form.bytes)?;
            }
            self.attempt(&[Cause::BodyNotSigned, cause], &joined(&other), b"")?;
            self.attempt(&[Cause::SeparatorBeforeBody, cause], &format!("{}\n", joined(&other)), self.body)?;
            self.orders(&other)?;
        }
        ControlFlow::Continue(())
    }

    /// Tries one string.
    fn attempt(&mut self, causes: &[Cause], head: &str, body: &[u8]) -> ControlFlow<()> {
        self.budget.pay(head.len() + body.len())?;
        let string = [head.as_bytes(), body].concat();
        if (self.is_signed)(&string) {
            self.found = Some(Found { causes: causes.to_vec(), string });
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Tries the body's other forms, and returns them for further use.
    fn forms(&mut self, head: &str) -> ControlFlow<(), Vec<Form>> {
        let (is_signed, found) = (self.is_signed, &mut self.found);
        let mut forms = Vec::new();
        bodies::each(self.body, &mut self.budget, &mut |budget, form| {
            budget.pay(head.len() + form.bytes.len())?;
            let string = [head.as_bytes(), &form.bytes].concat();
            if is_signed(&string) {
                *found = Some(Found { causes: vec![form.cause], string });
                return ControlFlow::Break(());
            }
            forms.push(form);
            ControlFlow::Continue(())
        })?;
        ControlFlow::Continue(forms)
    }

    /// Tries every order of the headers.
    fn orders(&mut self, head: &Head) -> ControlFlow<()> {
        for order in permutations(head) {
            if order != *head {
                self.attempt(&[Cause::OrderOfHeaders], &joined(&order), self.body)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Tries the time in seconds, in whole seconds, and a little off.
    fn times(&mut self, head: &Head) -> ControlFlow<()> {
        let sent = self.headers.timestamp().0;
        let steps = (1..=CLOCK_STEPS).flat_map(|step| [sent - step, sent + step]);
        for time in [sent / 1_000, sent / 1_000 * 1_000].into_iter().chain(steps) {
            let time = time.to_string();
            let changed: Head = head
                .iter()
                .map(|(name, value)| (*name, if *name == "timestamp" { &time } else { *value }))
                .collect();
            self.attempt(&[Cause::OtherBytes], &joined(&changed), self.body)?;
        }
        ControlFlow::Continue(())
    }

    /// Tries the body's fields as `name=value`: sorted among the headers, and after them.
    fn parameters(&mut self, head: &Head) -> ControlFlow<()> {
        let Some(Tree::Object(entries)) = Tree::read(self.body) else { return ControlFlow::Continue(()) };
        let mut fields: Head = Vec::new();
        for (name, value) in &entries {
            let Tree::Text(value) = value else { return ControlFlow::Continue(()) };
            fields.push((name, value));
        }
        fields.sort_unstable();
        let mut merged: Head = head.iter().chain(&fields).copied().collect();
        merged.sort_unstable();
        merged.dedup();
        for string in [joined(&merged), format!("{}&{}", joined(head), joined(&fields)), joined(&fields)] {
            self.attempt(&[Cause::BodyAsParameters], &string, b"")?;
        }
        ControlFlow::Continue(())
    }
}

fn head(headers: &AuthHeaders, sign_type: Option<SignType>) -> Head<'_> {
    let mut head = vec![("businessId", headers.business_id.as_str()), ("nonce", &headers.nonce)];
    head.extend(sign_type.map(|sign_type| ("signType", sign_type.as_str())));
    head.push(("timestamp", &headers.timestamp));
    head
}

/// The headers with the other values of `signType`, none included.
fn other_sign_types(headers: &AuthHeaders) -> Vec<(Cause, Head<'_>)> {
    let cause = |sign_type| match (headers.sent_sign_type, sign_type) {
        (Some(_), None) => Cause::SignTypeNotSigned,
        (None, _) => Cause::SignTypeSigned,
        (Some(_), Some(_)) => Cause::SignTypeOther,
    };
    let others = [None, Some(SignType::Sha256Rsa), Some(SignType::Md5)];
    let others = others.into_iter().filter(|other| *other != headers.sent_sign_type);
    others.map(|other| (cause(other), head(headers, other))).collect()
}

fn joined(head: &Head) -> String {
    let parts: Vec<_> = head.iter().map(|(name, value)| format!("{name}={value}")).collect();
    parts.join("&")
}

fn capitalized(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_uppercase() + rest
}

fn permutations<'a>(head: &[(&'a str, &'a str)]) -> Vec<Head<'a>> {
    let Some((first, rest)) = head.split_first() else { return vec![Vec::new()] };
    let inserted = |shorter: Head<'a>| {
        (0..=shorter.len()).map(move |at| {
            let mut longer = shorter.clone();
            longer.insert(at, *first);
            longer
        })
    };
    permutations(rest).into_iter().flat_map(inserted).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use http::{HeaderMap, HeaderValue};

    use super::*;
    use crate::signing::open_api::diagnosis::budget::{MAX_BYTES, MAX_STRINGS};

    #[test]
    fn the_work_is_bounded_however_long_the_body_is() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("businessId", "B1"),
            ("nonce", "n1"),
            ("timestamp", "1628772138668"),
            ("sign", "x"),
            ("signType", "MD5"),
        ] {
            headers.insert(http::HeaderName::try_from(name).unwrap(), HeaderValue::from_static(value));
        }
        let headers = AuthHeaders::read(&headers).unwrap();
        for length in [0, 100, 1_000, 16_384, 100_000, 1_000_000] {
            let body = format!("{{\"userId\":\"{}\"}}", "客".repeat(length / 3));
            let (strings, bytes) = (Cell::new(0), Cell::new(0));
            let found = find(&headers, body.as_bytes(), &|string| {
                strings.set(strings.get() + 1);
                bytes.set(bytes.get() + string.len());
                false
            });
            assert_eq!(found, None);
            assert!(
                strings.get() <= MAX_STRINGS && bytes.get() <= MAX_BYTES,
                "{length}: {strings:?} {bytes:?}"
            );
            assert!(strings.get() > 0 || length > MAX_BYTES, "{length}");
        }
    }
}
