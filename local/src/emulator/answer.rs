//! What the gateway answers: the granted token, or a refusal.

use rsa::rand_core::{OsRng, RngCore as _};
use serde_json::{Map, Value, json};
use shared::model::clock::UnixMillis;
use time::format_description::BorrowedFormatItem;
use time::macros::{format_description, offset};
use time::{OffsetDateTime, PrimitiveDateTime};

use super::refusal::EmulatorRefusal;

const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

/// An answer before it is written in some form.
pub(super) struct EmulatorAnswer {
    /// The name of its node.
    pub(super) node: &'static str,
    pub(super) members: Map<String, Value>,
    pub(super) signature: Signature,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Signature {
    /// Over the node.
    Good,
    /// Well-formed, but over other bytes.
    OverOtherBytes,
    Absent,
}

impl EmulatorAnswer {
    /// The node of a successful exchange.
    pub(super) fn granted(
        now: UnixMillis,
        open_id: Option<&str>,
        user_id: Option<&str>,
        signature: Signature,
    ) -> Self {
        let mut members: Map<String, Value> = [
            ("access_token", json!(random_token("authbseB"))),
            ("auth_start", json!(beijing_time(now))),
            ("expires_in", json!(1_296_000)),
            ("re_expires_in", json!(2_592_000)),
            ("refresh_token", json!(random_token("authbseR"))),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect();
        let ids = [("open_id", open_id), ("user_id", user_id)];
        members.extend(ids.into_iter().filter_map(|(name, id)| Some((name.to_owned(), json!(id?)))));
        Self { node: "alipay_system_oauth_token_response", members, signature }
    }

    /// The answer to a refused request.
    pub(super) fn refused(refusal: EmulatorRefusal) -> Self {
        let signature = if refusal.is_signed() { Signature::Good } else { Signature::Absent };
        Self { node: "error_response", members: refusal.members(), signature }
    }
}

fn random_token(prefix: &str) -> String {
    let mut bytes = [0; 16];
    OsRng.fill_bytes(&mut bytes);
    format!("{prefix}{}", hex::encode(bytes))
}

fn beijing_time(now: UnixMillis) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(now.0.div_euclid(1_000)).ok();
    let text = moment.and_then(|moment| moment.to_offset(offset!(+8)).format(TIMESTAMP).ok());
    text.unwrap_or_default()
}

/// True if `text` is a date and time as `yyyy-MM-dd HH:mm:ss`, past or future: SDKs send their machine's time.
pub(super) fn is_timestamp(text: &str) -> bool {
    // A sign before the year would be parsed, too.
    text.len() == 19 && PrimitiveDateTime::parse(text, TIMESTAMP).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_a_real_moment_in_one_spelling() {
        for good in ["2026-11-22 02:36:13", "2024-02-29 00:00:00", "1999-12-31 23:59:59"] {
            assert!(is_timestamp(good), "{good}");
        }
        for bad in [
            "",
            "2026-11-22",
            "2026-11-22T02:36:13",
            "2026-02-29 00:00:00",
            "2026-13-01 00:00:00",
            "2026-11-22 24:00:00",
            "2026-11-22 02:36:1x",
            "2026-11-22 02:36:130",
            "+026-11-22 02:36:13",
            "1795315000000",
        ] {
            assert!(!is_timestamp(bad), "{bad}");
        }
    }

    #[test]
    fn auth_start_is_beijing_time() {
        assert_eq!(beijing_time(UnixMillis(1_628_772_138_668)), "2021-08-12 20:42:18");
    }
}
