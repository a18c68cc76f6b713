//! The names of a body's fields against those that a route reads: what is unknown, what is nearly known, what is
//! missing.
//!
//! A caller whose field nobody reads has to learn of it, or it waits for a callback that was never asked for. A name
//! that is nearly a known one is a slip and refused; any other is the caller's own business and only told.

use strsim::osa_distance;

use crate::protocol::open_api::error::OpenApiCallError;
use crate::protocol::open_api::fields::{Fields, shown};
use crate::protocol::open_api::warning::Warning;

/// The names that a route reads.
pub struct FieldNames {
    /// Of each group at least one field must be there.
    pub required: &'static [&'static [&'static str]],
    /// The others.
    pub optional: &'static [&'static str],
}

/// The most unknown names that are compared, and the most that are named in an answer.
const MAX_COMPARED: usize = 64;
const MAX_TOLD: usize = 8;

/// A known name of fewer characters is two letters away from names that mean something else (`userIp`).
const SHORT: usize = 8;
/// The most letters that a slip changes.
const MAX_SLIPS: usize = 2;

impl FieldNames {
    /// Checks the names of `fields`. Unknown ones are named in the warnings that it returns.
    ///
    /// # Errors
    /// [`OpenApiCallError::FieldMisspelt`], then [`OpenApiCallError::FieldMissing`], each with all that it concerns.
    pub fn check(&self, fields: &Fields) -> Result<Vec<Warning>, OpenApiCallError> {
        let unknown: Vec<_> = fields.names().filter(|name| !self.knows(name)).collect();
        let slips: Vec<_> = unknown
            .iter()
            .take(MAX_COMPARED)
            .filter_map(|name| self.meant(name, fields).map(|meant| (shown(name), meant)))
            .take(MAX_TOLD)
            .collect();
        if !slips.is_empty() {
            return Err(OpenApiCallError::FieldMisspelt(slips));
        }
        let missing: Vec<_> = self.missing(fields).map(|group| group[0]).collect();
        if !missing.is_empty() {
            return Err(OpenApiCallError::FieldMissing(missing));
        }
        Ok(warnings(&unknown))
    }

    fn known(&self) -> impl Iterator<Item = &'static str> {
        self.required.iter().copied().flatten().chain(self.optional).copied()
    }

    fn knows(&self, name: &str) -> bool {
        self.known().any(|known| known == name)
    }

    fn missing<'f>(&'f self, fields: &'f Fields) -> impl Iterator<Item = &'static [&'static str]> + 'f {
        self.required.iter().copied().filter(|group| !group.iter().any(|name| fields.has(name)))
    }

    /// The known name that `name` was to be: the same but for case, or but for a slip.
    fn meant(&self, name: &str, fields: &Fields) -> Option<&'static str> {
        let lower = name.to_ascii_lowercase();
        let slips = |known: &str| {
            let known = known.to_ascii_lowercase();
            // A slip changes the length by no more than itself; the rest need not be compared.
            (known.len().abs_diff(lower.len()) <= MAX_SLIPS * 4).then(|| osa_distance(&known, &lower))
        };
        let is_missing = |known: &str| self.missing(fields).any(|group| group.contains(&known));
        let may_be = |known: &str, slips: usize| match slips {
            0 => true,
            1 => known.len() >= SHORT || is_missing(known),
            // Two letters away from one that is there may be another word: `merchantNo`.
            _ => slips <= MAX_SLIPS && known.len() >= SHORT && !fields.has(known),
        };
        let near = self.known().filter_map(|known| Some((slips(known)?, known)));
        near.filter(|(slips, known)| may_be(known, *slips)).min().map(|(_, known)| known)
    }
}

/// The one of `known` that `name` is but for case or one letter.
#[must_use]
pub fn likely_meant(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let is_near = |known: &str| {
        known.len().abs_diff(name.len()) <= 1 && osa_distance(&known.to_ascii_lowercase(), &lower) <= 1
    };
    known.iter().copied().find(|known| is_near(known))
}

fn warnings(unknown: &[&str]) -> Vec<Warning> {
    let mut warnings: Vec<_> =
        unknown.iter().take(MAX_TOLD).map(|name| Warning::FieldUnknown(shown(name))).collect();
    if let Some(more @ 1..) = unknown.len().checked_sub(MAX_TOLD) {
        warnings.push(Warning::MoreFieldsUnknown(more));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: FieldNames = FieldNames {
        required: &[&["merchantId"], &["businessId"], &["serialNo"], &["userId", "thirdAccount"]],
        optional: &["callbackUrl"],
    };

    fn check(rest: &str) -> Result<Vec<Warning>, OpenApiCallError> {
        let body = format!(r#"{{"merchantId":"m","businessId":"b","serialNo":"s","userId":"u"{rest}}}"#);
        NAMES.check(&Fields::read(body.as_bytes()).unwrap())
    }

    #[test]
    fn a_name_that_is_nearly_known_is_refused() {
        for (name, meant) in [
            ("callbackURL", "callbackUrl"),
            ("CALLBACKURL", "callbackUrl"),
            ("callback_url", "callbackUrl"),
            ("callbackUlr", "callbackUrl"),
            ("calbackUr", "callbackUrl"),
            ("callbackUrls", "callbackUrl"),
            ("userid", "userId"),
            ("merchant_id", "merchantId"),
            ("bussinessId", "businessId"),
            ("thirdAcount", "thirdAccount"),
        ] {
            let refused = check(&format!(r#","{name}":1"#));
            assert_eq!(
                refused,
                Err(OpenApiCallError::FieldMisspelt(vec![(name.to_owned(), meant)])),
                "{name}"
            );
        }
    }

    #[test]
    fn another_name_is_told_and_no_more() {
        for name in [
            "userIp",
            "userNo",
            "merchantNo",
            "businessNo",
            "user",
            "orderNo",
            "callback",
            "notifyUrl",
            "url",
            "id",
            "",
            "备注",
        ] {
            let warned = check(&format!(r#","{name}":1"#));
            assert_eq!(warned, Ok(vec![Warning::FieldUnknown(name.to_owned())]), "{name}");
        }
        assert_eq!(check(r#","callbackUrl":"x","thirdAccount":"u""#), Ok(Vec::new()));
    }

    #[test]
    fn two_letters_are_a_slip_while_the_name_itself_is_missing() {
        let body = r#"{"merchantId":"m","businessId":"b","serialNum":"s","userId":"u"}"#;
        let refused = NAMES.check(&Fields::read(body.as_bytes()).unwrap());
        assert_eq!(refused, Err(OpenApiCallError::FieldMisspelt(vec![("serialNum".to_owned(), "serialNo")])));
    }

    #[test]
    fn a_short_name_is_a_slip_only_while_what_it_may_mean_is_missing() {
        let of = |user: &str| {
            let body = format!(r#"{{"merchantId":"m","businessId":"b","serialNo":"s",{user}}}"#);
            NAMES.check(&Fields::read(body.as_bytes()).unwrap())
        };
        let slip = |name: &str| Err(OpenApiCallError::FieldMisspelt(vec![(name.to_owned(), "userId")]));
        assert_eq!(of(r#""usrId":"u""#), slip("usrId"));
        assert_eq!(of(r#""userld":"u""#), slip("userld"));
        assert_eq!(of(r#""usrId":"u","thirdAccount":"u""#), Ok(vec![Warning::FieldUnknown("usrId".into())]));
    }

    #[test]
    fn all_that_is_missing_is_told_at_once() {
        let missing = |body: &str| NAMES.check(&Fields::read(body.as_bytes()).unwrap());
        assert_eq!(
            missing(r#"{"serialNo":"","note":"x"}"#),
            Err(OpenApiCallError::FieldMissing(vec!["merchantId", "businessId", "serialNo", "userId"]))
        );
        assert_eq!(
            missing(r#"{"merchantId":"m","businessId":"b","serialNo":null,"thirdAccount":"u"}"#),
            Err(OpenApiCallError::FieldMissing(vec!["serialNo"]))
        );
    }

    #[test]
    fn neither_many_names_nor_long_ones_make_a_long_answer() {
        let many: String = (0..2_000).map(|number| format!(r#","x{number}":1"#)).collect();
        let warned = check(&many).unwrap();
        assert_eq!((warned.len(), warned.last()), (9, Some(&Warning::MoreFieldsUnknown(1_992))));
        let long = "商".repeat(4_000);
        assert_eq!(
            check(&format!(r#","{long}":1"#)),
            Ok(vec![Warning::FieldUnknown(format!("{}…", "商".repeat(40)))])
        );
    }
}
