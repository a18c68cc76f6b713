//! The outcome of a merchant's answer: success by one word only, and a name for every way of not saying it.
//!
//! Only the exact answer of the protocol ends a delivery. Anything looser (a 2xx, a page that contains the word) would
//! take a gateway's or a proxy's answer for the merchant's, and the openId would be lost without a trace.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use encoding_rs::GBK;
use url::Url;

use crate::model::clock::UnixMillis;
use crate::model::delivery_outcome::{CONFIRMED_STATUS, DeliveryOutcome};

const CONFIRMED_BODY: &[u8] = b"SUCCESS";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptResult {
    pub outcome: DeliveryOutcome,
    /// The wait asked for with 429 or 503, as it was asked: no limit is applied here.
    pub retry_after: Option<Duration>,
    /// The address that was named with a 3xx, without its query; it is not followed.
    pub redirect: Option<Url>,
    /// The beginning of an answer that did not confirm.
    pub answer: Option<AnswerText>,
}

impl From<DeliveryOutcome> for AttemptResult {
    fn from(outcome: DeliveryOutcome) -> Self {
        Self { outcome, retry_after: None, redirect: None, answer: None }
    }
}

/// The bytes of an answer that are taken for its beginning.
const BEGINNING_BYTES: usize = 1_024;

/// The beginning of a merchant's answer as text. It may repeat what was sent, and so has no readable `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct AnswerText {
    pub text: String,
    /// True if the answer goes on.
    pub is_cut: bool,
}

impl AnswerText {
    /// Takes the beginning of a `body`, all of which is here if it is `whole`, in the charset that its content type
    /// names: GBK, or else UTF-8. `None` if it is empty.
    #[must_use]
    pub fn new(body: &[u8], whole: bool, content_type: Option<&str>) -> Option<Self> {
        let beginning = &body[..body.len().min(BEGINNING_BYTES)];
        let is_cut = !whole || beginning.len() < body.len();
        let is_gbk = content_type.is_some_and(|kind| kind.to_ascii_lowercase().contains("charset=gb"));
        let text = if is_gbk {
            GBK.decode_without_bom_handling(beginning).0
        } else {
            String::from_utf8_lossy(beginning.strip_prefix(BYTE_ORDER_MARK).unwrap_or(beginning))
        };
        // A character that was cut in two.
        let text = if is_cut { text.trim_end_matches('\u{fffd}') } else { &text };
        (!text.is_empty()).then(|| Self { text: text.to_owned(), is_cut })
    }
}

impl fmt::Debug for AnswerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnswerText({} bytes)", self.text.len())
    }
}

/// An answer's body, as far as it could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseBody<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It is longer than is read.
    TooLong,
    /// It ended early, for this reason.
    Lost(DeliveryOutcome),
}

/// Judges an answer: `status` first, then, of a 200 only, the body.
///
/// The body confirms when it is `SUCCESS` in any case, between ASCII white space and after a byte order mark at most;
/// or a JSON string of that word, which is what many frameworks make of a handler's `return "SUCCESS"`.
///
/// `retry_after` is the header's text, in seconds or as a date that is held against `now`; a date gone by asks for no
/// wait, and text that is neither is as good as absent.
#[must_use]
pub fn classify(
    status: u16,
    retry_after: Option<&str>,
    body: ResponseBody<'_>,
    now: UnixMillis,
) -> AttemptResult {
    match status {
        CONFIRMED_STATUS => classify_body(body).into(),
        300..=399 => DeliveryOutcome::Redirect(status).into(),
        429 | 503 => AttemptResult {
            retry_after: retry_after.and_then(|text| wait_asked(text, now)),
            ..DeliveryOutcome::Status(status).into()
        },
        _ => DeliveryOutcome::Status(status).into(),
    }
}

fn classify_body(body: ResponseBody<'_>) -> DeliveryOutcome {
    match body {
        ResponseBody::Whole(body) if confirms(body) => DeliveryOutcome::Success,
        ResponseBody::Whole(_) => DeliveryOutcome::WrongAnswer,
        ResponseBody::TooLong => DeliveryOutcome::TooLong,
        ResponseBody::Lost(outcome) => outcome,
    }
}

fn confirms(body: &[u8]) -> bool {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body).trim_ascii();
    let string = serde_json::from_slice::<String>(body).unwrap_or_default();
    body.eq_ignore_ascii_case(CONFIRMED_BODY) || string.as_bytes().eq_ignore_ascii_case(CONFIRMED_BODY)
}

fn wait_asked(text: &str, now: UnixMillis) -> Option<Duration> {
    let text = text.trim_ascii();
    if let Ok(seconds) = text.parse::<u32>() {
        return text.starts_with(|c: char| c.is_ascii_digit()).then(|| Duration::from_secs(seconds.into()));
    }
    let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((UnixMillis(0) + date).since(now))
}

#[cfg(test)]
mod tests {
    use DeliveryOutcome::*;

    use super::*;
    use crate::model::delivery_outcome::{AddressRefusal, TlsFailure};

    /// Sun, 06 Nov 1994 08:49:37 GMT
    const NOW: UnixMillis = UnixMillis(784_111_777_000);

    #[test]
    fn only_the_exact_answer_is_success() {
        let rows: &[(u16, &[u8], DeliveryOutcome)] = &[
            (200, b"SUCCESS", Success),
            (200, b"success", Success),
            (200, b"SucCess", Success),
            (200, b" \t\r\nSUCCESS\r\n", Success),
            (200, b"\xef\xbb\xbfSUCCESS", Success),
            (200, b"\xef\xbb\xbf success \n", Success),
            (200, b"", WrongAnswer),
            (200, b"\"SUCCESS\"", Success),
            (200, b"\xef\xbb\xbf \"success\"\n", Success),
            (200, b"\"\\u0053UCCESS\"", Success),
            (200, b"\" SUCCESS \"", WrongAnswer),
            (200, b"\"\\\"SUCCESS\\\"\"", WrongAnswer),
            (200, b"\"SUCCESS", WrongAnswer),
            (200, b"'SUCCESS'", WrongAnswer),
            (200, b"[\"SUCCESS\"]", WrongAnswer),
            (200, b"{\"code\":\"SUCCESS\"}", WrongAnswer),
            (200, b"<html>SUCCESS</html>", WrongAnswer),
            (200, b"SUCCESS SUCCESS", WrongAnswer),
            (200, b"SUCCES", WrongAnswer),
            (200, b"FAIL", WrongAnswer),
            (200, b"\xef\xbb\xbf\xef\xbb\xbfSUCCESS", WrongAnswer),
            (200, "ſuccess".as_bytes(), WrongAnswer),
            (200, "\u{a0}success".as_bytes(), WrongAnswer),
            (200, b"SUCCESS\0", WrongAnswer),
            (201, b"SUCCESS", Status(201)),
            (204, b"", Status(204)),
            (206, b"SUCCESS", Status(206)),
            (301, b"SUCCESS", Redirect(301)),
            (302, b"", Redirect(302)),
            (308, b"SUCCESS", Redirect(308)),
            (401, b"SUCCESS", Status(401)),
            (404, b"SUCCESS", Status(404)),
            (500, b"SUCCESS", Status(500)),
            (503, b"SUCCESS", Status(503)),
        ];
        for &(status, body, outcome) in rows {
            assert_eq!(
                classify(status, None, ResponseBody::Whole(body), NOW),
                outcome.into(),
                "{status} {body:?}"
            );
        }
    }

    #[test]
    fn an_answer_is_text_of_its_charset_and_cut_between_characters() {
        let says = |text: &str, is_cut| Some(AnswerText { text: text.to_owned(), is_cut });
        let (gbk, ..) = GBK.encode("签名错误");
        let long = "签".repeat(400);
        for (body, whole, content_type, text) in [
            (&b""[..], true, None, None),
            (b"FAIL", true, None, says("FAIL", false)),
            (b"FAIL", false, Some("text/plain"), says("FAIL", true)),
            ("签名错误".as_bytes(), true, Some("text/plain; charset=utf-8"), says("签名错误", false)),
            (&gbk, true, Some("text/html;charset=GBK"), says("签名错误", false)),
            (&gbk, true, Some("text/html; Charset=gb2312"), says("签名错误", false)),
            (b"\xef\xbb\xbfno", true, None, says("no", false)),
            (&"签名".as_bytes()[..5], false, None, says("签", true)),
            (b"a\xffb", true, Some("charset="), says("a\u{fffd}b", false)),
            (long.as_bytes(), true, None, says(&"签".repeat(341), true)),
        ] {
            assert_eq!(AnswerText::new(body, whole, content_type), text, "{body:?}");
        }
        assert_eq!(format!("{:?}", AnswerText::new(b"open-1", true, None).unwrap()), "AnswerText(6 bytes)");
    }

    #[test]
    fn a_body_that_could_not_be_read_counts_only_at_200() {
        assert_eq!(classify(200, None, ResponseBody::TooLong, NOW), TooLong.into());
        assert_eq!(classify(200, None, ResponseBody::Lost(Timeout), NOW), Timeout.into());
        assert_eq!(classify(200, None, ResponseBody::Lost(Broken), NOW), Broken.into());
        assert_eq!(classify(500, None, ResponseBody::TooLong, NOW), Status(500).into());
    }

    #[test]
    fn a_wait_is_read_in_seconds_or_as_a_date_and_only_from_429_and_503() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let rows: &[(u16, &str, Option<Duration>)] = &[
            (429, "120", seconds(120)),
            (503, "0", seconds(0)),
            (503, " 7 ", seconds(7)),
            (503, "Sun, 06 Nov 1994 08:51:37 GMT", seconds(120)),
            (429, "Sun, 06 Nov 1994 08:49:37 GMT", seconds(0)),
            (429, "Sun, 06 Nov 1994 08:00:00 GMT", seconds(0)),
            (429, "4294967295", seconds(4_294_967_295)),
            (429, "4294967296", None),
            (429, "-1", None),
            (429, "+1", None),
            (429, "1.5", None),
            (429, "soon", None),
            (429, "", None),
            (500, "120", None),
            (302, "120", None),
            (200, "120", None),
        ];
        for &(status, text, wait) in rows {
            assert_eq!(
                classify(status, Some(text), ResponseBody::Whole(b""), NOW).retry_after,
                wait,
                "{status} {text:?}"
            );
        }
    }

    #[test]
    fn every_outcome_is_recorded_in_stable_words_and_read_back() {
        let rows = [
            (Success, r#"{"outcome":"success","httpStatus":200}"#),
            (Status(500), r#"{"outcome":"status","httpStatus":500}"#),
            (Redirect(302), r#"{"outcome":"redirect","httpStatus":302}"#),
            (WrongAnswer, r#"{"outcome":"wrong_answer","httpStatus":200}"#),
            (TooLong, r#"{"outcome":"too_long"}"#),
            (Timeout, r#"{"outcome":"timeout"}"#),
            (Dns, r#"{"outcome":"dns"}"#),
            (Connect, r#"{"outcome":"connect"}"#),
            (Tls(TlsFailure::WrongName), r#"{"outcome":"tls","cause":"wrong_name"}"#),
            (Broken, r#"{"outcome":"broken"}"#),
            (
                AddressRefused(AddressRefusal::LinkLocal),
                r#"{"outcome":"address_refused","address":"link_local"}"#,
            ),
            (UrlRefused, r#"{"outcome":"url_refused"}"#),
            (NoCallbackAddress, r#"{"outcome":"no_callback_address"}"#),
            (KeyUnavailable, r#"{"outcome":"key_unavailable"}"#),
        ];
        for (outcome, recorded) in rows {
            assert_eq!(serde_json::to_string(&outcome).unwrap(), recorded);
            assert_eq!(serde_json::from_str::<DeliveryOutcome>(recorded).unwrap(), outcome);
        }
    }

    #[test]
    fn a_record_without_its_number_or_with_an_unknown_word_is_not_read() {
        for recorded in [r#"{"outcome":"status"}"#, r#"{"outcome":"address_refused"}"#, r#"{"outcome":"x"}"#]
        {
            let word = recorded.split('"').nth(3).unwrap();
            let error = serde_json::from_str::<DeliveryOutcome>(recorded).unwrap_err();
            assert_eq!(error.to_string(), format!("not a recorded outcome: {word:?}"));
        }
    }
}
