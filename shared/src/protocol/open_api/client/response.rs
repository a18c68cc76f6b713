//! Reads a platform's answer strictly: numbers are numbers, and a link is one that we may hand on.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use crate::egress::third_party_link::{self, ThirdPartyLinkError};
use crate::protocol::open_api::client::transport::PlatformError;

/// The status of a request that was granted.
const SUCCESS: i64 = 0;
/// The status of a request whose serialNo was used before.
pub const SERIAL_USED: i64 = 8;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The cause of a link that a platform has not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotGranted {
    /// The serialNo was used before ([`SERIAL_USED`]), and the link that it got is not in the answer.
    SerialUsed,
    /// Another status.
    Refused {
        /// As the platform sent it.
        status: i64,
        /// The platform's words, as it sent them: not for a log before
        /// [`redacted`](crate::protocol::open_api::client::redact::redacted). Empty if there are none, or they are no
        /// text.
        message: String,
    },
    /// An answer that cannot be used.
    Unusable(PlatformAnswerError),
    /// There is no answer to read.
    Failed(PlatformError),
}

/// The flaw of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlatformAnswerError {
    /// Not a JSON object, or one that names a field twice that we read.
    #[error("not_json")]
    NotJson,
    /// No status, or one that is no whole number of 64 bits: text, a fraction.
    #[error("bad_status")]
    BadStatus,
    /// `data` is neither an object nor empty, or names the link twice.
    #[error("bad_data")]
    BadData,
    /// Status 0 without a link.
    #[error("no_link")]
    NoLink,
    #[error("link_not_text")]
    LinkNotText,
    /// The link is none that we hand on.
    #[error(transparent)]
    BadLink(ThirdPartyLinkError),
}

/// The link of an answer: granted now (status 0), or before under the same serialNo (status 8). With
/// `loopback_allowed`, for a platform on this machine, links may lead to this machine.
///
/// A byte order mark and white space around the object are passed over, and so is every field that is not read: `data`
/// counts at status 0 and 8 alone. There it may be absent, null, an object or an empty list, which is how some
/// languages write an empty object; an absent, null or empty link is none.
///
/// # Errors
/// There is none to hand on.
pub fn read_answer(body: &[u8], loopback_allowed: bool) -> Result<Url, NotGranted> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let envelope = object::<Envelope<'_>>(body).ok_or(NotGranted::Unusable(PlatformAnswerError::NotJson))?;
    let status = envelope.status.as_ref().and_then(Value::as_i64);
    let status = status.ok_or(NotGranted::Unusable(PlatformAnswerError::BadStatus))?;
    if !matches!(status, SUCCESS | SERIAL_USED) {
        let message = envelope.message.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        return Err(NotGranted::Refused { status, message });
    }
    match link_in(envelope.data, loopback_allowed) {
        Ok(Some(link)) => Ok(link),
        Ok(None) if status == SERIAL_USED => Err(NotGranted::SerialUsed),
        Ok(None) => Err(NotGranted::Unusable(PlatformAnswerError::NoLink)),
        Err(reason) => Err(NotGranted::Unusable(reason)),
    }
}

fn link_in(data: Option<&RawValue>, loopback_allowed: bool) -> Result<Option<Url>, PlatformAnswerError> {
    let Some(data) = data else { return Ok(None) };
    if serde_json::from_str::<[(); 0]>(data.get()).is_ok() {
        return Ok(None);
    }
    let data = object::<Data>(data.get().as_bytes()).ok_or(PlatformAnswerError::BadData)?;
    match data.alipay_auth_url {
        None => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => {
            third_party_link::parse(&text, loopback_allowed).map(Some).map_err(PlatformAnswerError::BadLink)
        }
        Some(_) => Err(PlatformAnswerError::LinkNotText),
    }
}

/// A struct out of an object alone: out of a list its fields would be taken by their order.
fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    json.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(json).ok()).flatten()
}

#[derive(Deserialize)]
struct Envelope<'a> {
    status: Option<Value>,
    message: Option<Value>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    alipay_auth_url: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: impl AsRef<[u8]>) -> Result<Url, NotGranted> {
        read_answer(text.as_ref(), false)
    }

    fn link(text: &str) -> Result<Url, NotGranted> {
        Ok(text.parse().unwrap())
    }

    fn refused(status: i64, message: &str) -> Result<Url, NotGranted> {
        Err(NotGranted::Refused { status, message: message.to_owned() })
    }

    fn unusable(reason: PlatformAnswerError) -> Result<Url, NotGranted> {
        Err(NotGranted::Unusable(reason))
    }

    #[test]
    fn status_0_and_8_may_hold_a_link() {
        for status in [0, 8] {
            for text in [
                format!(
                    r#"{{"status":{status},"message":"success","data":{{"alipayAuthUrl":"https://abc.com"}}}}"#
                ),
                format!(
                    "\r\n {{ \"data\" : {{\"alipayAuthUrl\":\"https:\\/\\/abc.com\"}} , \"status\" : {status} }} \n"
                ),
                format!(
                    "\u{feff}{{\"status\":{status},\"data\":{{\"alipayAuthUrl\":\"https://abc.com\",\"x\":[1]}},\"y\":1,\"y\":2}}"
                ),
            ] {
                assert_eq!(read(&text), link("https://abc.com"), "{text}");
            }
        }
    }

    #[test]
    fn without_a_link_0_is_unusable_and_8_is_a_serial_that_was_used() {
        for data in [
            "",
            r#","data":null"#,
            r#","data":{}"#,
            r#","data":[]"#,
            r#","data":{"alipayAuthUrl":null}"#,
            r#","data":{"alipayAuthUrl":""}"#,
        ] {
            let of = |status: u8| read(format!(r#"{{"status":{status}{data}}}"#));
            assert_eq!(of(0), unusable(PlatformAnswerError::NoLink), "{data}");
            assert_eq!(of(8), Err(NotGranted::SerialUsed), "{data}");
        }
    }

    #[test]
    fn a_wrong_link_is_unusable_under_either_status() {
        for (data, reason) in [
            (r#""https://abc.com""#, PlatformAnswerError::BadData),
            (r#"["https://abc.com"]"#, PlatformAnswerError::BadData),
            ("7", PlatformAnswerError::BadData),
            (
                r#"{"alipayAuthUrl":"https://abc.com","alipayAuthUrl":"https://abc.com"}"#,
                PlatformAnswerError::BadData,
            ),
            (r#"{"alipayAuthUrl":7}"#, PlatformAnswerError::LinkNotText),
            (r#"{"alipayAuthUrl":["https://abc.com"]}"#, PlatformAnswerError::LinkNotText),
            (r#"{"alipayAuthUrl":"abc.com"}"#, PlatformAnswerError::BadLink(ThirdPartyLinkError::NotAUrl)),
        ] {
            for status in [0, 8] {
                let text = format!(r#"{{"status":{status},"data":{data}}}"#);
                assert_eq!(read(&text), unusable(reason), "{text}");
            }
        }
    }

    #[test]
    fn any_other_whole_number_is_a_refusal_whatever_data_is() {
        for (text, answer) in [
            (r#"{"status":2,"message":"no"}"#, refused(2, "no")),
            (
                r#"{"status":420,"message":"success","data":{"alipayAuthUrl":"https://abc.com"}}"#,
                refused(420, "success"),
            ),
            (r#"{"status":-1,"data":7}"#, refused(-1, "")),
            (r#"{"status":9223372036854775807,"message":null}"#, refused(i64::MAX, "")),
            (r#"{"status":1,"message":{"a":1}}"#, refused(1, "")),
        ] {
            assert_eq!(read(text), answer, "{text}");
        }
    }

    #[test]
    fn a_status_is_a_number_and_whole() {
        for status in [r#""0""#, "0.0", "0e0", "-0", "1.5", "null", "true", "[0]", "9223372036854775808"] {
            let text = format!(r#"{{"status":{status},"data":{{"alipayAuthUrl":"https://abc.com"}}}}"#);
            assert_eq!(read(&text), unusable(PlatformAnswerError::BadStatus), "{text}");
        }
        assert_eq!(read("{}"), unusable(PlatformAnswerError::BadStatus));
    }

    #[test]
    fn what_is_no_object_or_says_a_thing_twice_is_not_read() {
        let not_json = unusable(PlatformAnswerError::NotJson);
        for text in [
            "",
            "null",
            "0",
            "<html></html>",
            r#"[0,"success",{"alipayAuthUrl":"https://abc.com"}]"#,
            r#"{"status":0"#,
            r#"{"status":0}}"#,
            r#"{"status":1,"status":0,"data":{"alipayAuthUrl":"https://abc.com"}}"#,
            r#"{"status":0,"data":{},"data":{"alipayAuthUrl":"https://abc.com"}}"#,
            r#"{"status":00}"#,
            "\u{feff}\u{feff}{\"status\":1}",
            "\u{a0}{\"status\":1}",
        ] {
            assert_eq!(read(text), not_json, "{text:?}");
        }
        assert_eq!(read(b"{\"status\":1,\"message\":\"\xff\"}"), not_json);
    }

    #[test]
    fn links_to_this_machine_are_for_platforms_on_it() {
        let text = br#"{"status":0,"data":{"alipayAuthUrl":"http://127.0.0.1:1/x"}}"#;
        let refusal =
            ThirdPartyLinkError::NotPublic(crate::model::delivery_outcome::AddressRefusal::Loopback);
        assert_eq!(read_answer(text, true), link("http://127.0.0.1:1/x"));
        assert_eq!(read_answer(text, false), unusable(PlatformAnswerError::BadLink(refusal)));
    }
}
