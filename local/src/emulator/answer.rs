//! The gateway's signed answers: the granted token and the documented refusals.

use rsa::RsaPrivateKey;
use rsa::rand_core::{OsRng, RngCore as _};
use serde::Serialize;
use shared::model::clock::UnixMillis;
use time::format_description::BorrowedFormatItem;
use time::macros::{format_description, offset};
use time::{Date, Month, OffsetDateTime, Time};

use super::signing::sign;

const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

/// A reason to refuse a request, by the public table of the gateway's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    MissingMethod,
    MissingAppId,
    MissingSignature,
    MissingSignatureType,
    MissingTimestamp,
    MissingVersion,
    InvalidMethod,
    InvalidAppId,
    InvalidSignatureType,
    InvalidSignature,
    InvalidTimestamp,
    InvalidCharset,
    InvalidFormat,
    GrantTypeInvalid,
    CodeInvalid,
    UnknownError,
}

impl Refusal {
    /// `sub_code` and `sub_msg`. No text holds a brace: the SDKs find the node's end by counting them.
    const fn detail(self) -> (&'static str, &'static str) {
        match self {
            Self::MissingMethod => ("isv.missing-method", "缺少方法名"),
            Self::MissingAppId => ("isv.missing-app-id", "缺少应用编号"),
            Self::MissingSignature => ("isv.missing-signature", "缺少签名"),
            Self::MissingSignatureType => ("isv.missing-signature-type", "缺少签名类型"),
            Self::MissingTimestamp => ("isv.missing-timestamp", "缺少时间戳"),
            Self::MissingVersion => ("isv.missing-version", "缺少版本号"),
            Self::InvalidMethod => ("isv.invalid-method", "没有这个方法"),
            Self::InvalidAppId => ("isv.invalid-app-id", "没有这个应用"),
            Self::InvalidSignatureType => ("isv.invalid-signature-type", "签名类型不对"),
            Self::InvalidSignature => ("isv.invalid-signature", "签名不对"),
            Self::InvalidTimestamp => ("isv.invalid-timestamp", "时间戳格式不对"),
            Self::InvalidCharset => ("isv.invalid-charset", "字符集不对"),
            Self::InvalidFormat => ("isv.invalid-format", "数据格式不对"),
            Self::GrantTypeInvalid => ("isv.grant-type-invalid", "授权类型不对"),
            Self::CodeInvalid => ("isv.code-invalid", "授权码无效、已用过或已过期"),
            Self::UnknownError => ("isp.unknow-error", "系统繁忙"),
        }
    }

    pub(super) const fn sub_code(self) -> &'static str {
        self.detail().0
    }

    const fn code(self) -> (&'static str, &'static str) {
        match self {
            Self::MissingMethod
            | Self::MissingAppId
            | Self::MissingSignature
            | Self::MissingSignatureType
            | Self::MissingTimestamp
            | Self::MissingVersion => ("40001", "Missing Required Arguments"),
            Self::UnknownError => ("20000", "Service Currently Unavailable"),
            Self::InvalidMethod
            | Self::InvalidAppId
            | Self::InvalidSignatureType
            | Self::InvalidSignature
            | Self::InvalidTimestamp
            | Self::InvalidCharset
            | Self::InvalidFormat
            | Self::GrantTypeInvalid
            | Self::CodeInvalid => ("40002", "Invalid Arguments"),
        }
    }

    /// The error in an `error_response`, as the gateway answers this method.
    pub(super) fn signed(self, key: &RsaPrivateKey) -> String {
        let (code, msg) = self.code();
        let (sub_code, sub_msg) = self.detail();
        let error = ErrorNode { code, msg, sub_code, sub_msg };
        let node = json(&error);
        envelope("error_response", &node, &sign(&node, key))
    }
}

#[derive(Serialize)]
struct ErrorNode {
    code: &'static str,
    msg: &'static str,
    sub_code: &'static str,
    sub_msg: &'static str,
}

/// The node of a successful exchange.
#[derive(Serialize)]
pub(super) struct Token {
    access_token: String,
    auth_start: String,
    expires_in: u32,
    re_expires_in: u32,
    refresh_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_id: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'static str>,
}

impl Token {
    pub(super) fn granted(
        now: UnixMillis,
        open_id: Option<&'static str>,
        user_id: Option<&'static str>,
    ) -> Self {
        Self {
            access_token: random_token("authbseB"),
            auth_start: beijing_time(now),
            expires_in: 1_296_000,
            re_expires_in: 2_592_000,
            refresh_token: random_token("authbseR"),
            open_id,
            user_id,
        }
    }

    pub(super) fn signed(&self, key: &RsaPrivateKey) -> String {
        let node = json(self);
        envelope("alipay_system_oauth_token_response", &node, &sign(&node, key))
    }

    /// The same with a signature that is well-formed but over other bytes.
    pub(super) fn wrongly_signed(&self, key: &RsaPrivateKey) -> String {
        let node = json(self);
        envelope("alipay_system_oauth_token_response", &node, &sign(&format!("{node} "), key))
    }
}

/// The node stands first and `sign` right behind it: that is where the SDKs look.
fn envelope(name: &str, node: &str, sign: &str) -> String {
    format!(r#"{{"{name}":{node},"sign":"{sign}"}}"#)
}

fn json(node: &impl Serialize) -> String {
    serde_json::to_string(node).unwrap_or_else(|error| unreachable!("strings and numbers: {error}"))
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
    let bytes = text.as_bytes();
    if bytes.len() != 19 {
        return false;
    }
    let separators = [(4, b'-'), (7, b'-'), (10, b' '), (13, b':'), (16, b':')];
    if separators.iter().any(|&(place, byte)| bytes[place] != byte) {
        return false;
    }
    let number = |place: usize, length: usize| -> Option<u16> {
        let digits = bytes.get(place..place + length)?;
        digits.iter().try_fold(0, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u16::from(digit - b'0'))
        })
    };
    let two = |place| number(place, 2).and_then(|number| u8::try_from(number).ok());
    let date = || {
        let month = Month::try_from(two(5)?).ok()?;
        Date::from_calendar_date(i32::from(number(0, 4)?), month, two(8)?).ok()
    };
    let time = || Time::from_hms(two(11)?, two(14)?, two(17)?).ok();
    date().is_some() && time().is_some()
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
