//! Classifies an answer of Alibaba Cloud by its HTTP status and body alone.
//!
//! Its own words are passed on only as far as they are what its gateway writes: a code of a bounded alphabet, a message
//! of bounded length. Everything else (a proxy's page, a broken body, a server that failed) is no answer. Messages
//! never get into the log: that of a wrong signature holds what was signed, and others may name the phone number.

use std::fmt;

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::egress::third_party_link;
use crate::egress::transport_error::TransportError;

const MAX_CODE_CHARACTERS: usize = 128;
const MAX_MESSAGE_CHARACTERS: usize = 1_024;
const MAX_REQUEST_ID_CHARACTERS: usize = 64;

/// A link that Alibaba Cloud made. Its `Debug` does not show it: whoever has the link may use it.
#[derive(Clone, PartialEq, Eq)]
pub struct AlibabaCloudLink {
    /// The link, of a form that we hand on ([`third_party_link`]).
    pub url: Url,
    /// Alibaba Cloud's own name for the call, if it gave one of `[A-Za-z0-9-]`.
    pub request_id: Option<String>,
}

/// There is no link. It displays as text for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlibabaCloudError {
    /// Alibaba Cloud refused, in words that may be passed on.
    #[error("Alibaba Cloud refused with {}", .0.code)]
    Refused(AlibabaCloudRefusal),
    /// There is nothing to pass on.
    #[error("no answer of Alibaba Cloud's: {reason}")]
    Unanswered {
        reason: UnansweredError,
        /// The code of an error that is not passed on.
        code: Option<String>,
        /// As [`AlibabaCloudLink::request_id`].
        request_id: Option<String>,
    },
}

/// An error of Alibaba Cloud's. Its `Debug` does not show the message.
#[derive(Clone, PartialEq, Eq)]
pub struct AlibabaCloudRefusal {
    /// The HTTP status to pass on: 4xx.
    pub status: StatusCode,
    /// 1 to 128 characters of `[A-Za-z0-9._-]`.
    pub code: String,
    /// At most 1,024 characters, without controls but line breaks and tabs. Not for the log.
    pub message: String,
    /// As [`AlibabaCloudLink::request_id`].
    pub request_id: Option<String>,
}

impl fmt::Debug for AlibabaCloudLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlibabaCloudLink").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for AlibabaCloudRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlibabaCloudRefusal")
            .field("status", &self.status)
            .field("code", &self.code)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// The reason that a call has no usable answer. It displays as the log's word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnansweredError {
    /// There is no whole answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// An HTTP status that is neither 200 nor 4xx.
    #[error("http_{0}")]
    Status(u16),
    /// Not the JSON of an answer, or out of bounds.
    #[error("malformed")]
    Malformed,
}

impl From<TransportError> for AlibabaCloudError {
    fn from(error: TransportError) -> Self {
        Self::Unanswered { reason: error.into(), code: None, request_id: None }
    }
}

impl AlibabaCloudError {
    /// True if there was no whole answer in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Unanswered { reason: UnansweredError::Transport(error), .. } if error.is_timeout())
    }

    /// Alibaba Cloud's code, if it gave one that is well-formed.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(refused) => Some(&refused.code),
            Self::Unanswered { code, .. } => code.as_deref(),
        }
    }

    /// As [`AlibabaCloudLink::request_id`].
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Refused(AlibabaCloudRefusal { request_id, .. }) | Self::Unanswered { request_id, .. } => {
                request_id.as_deref()
            }
        }
    }

    /// True if an operator has to mend it rather than the caller, because Alibaba Cloud does not answer, or does not
    /// accept our key or know our scheme there.
    #[must_use]
    pub fn is_ours_to_mend(&self) -> bool {
        const OF_OURS: [&str; 9] = [
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "Forbidden",
            "InvalidTimeStamp",
            "SignatureNonceUsed",
            "UnauthorizedOperation",
            // Our own documents say otherwise, or the call would not have been passed on.
            "DataNotFound",
            "SchemeNotPassed",
        ];
        match self {
            Self::Refused(refused) => OF_OURS.iter().any(|code| refused.code.starts_with(code)),
            Self::Unanswered { .. } => true,
        }
    }
}

/// Classifies an answer. With `loopback_allowed`, from an endpoint on this machine, the link may lead to this machine.
///
/// # Errors
/// [`AlibabaCloudError::Refused`] for an error of 4xx, and for one of 200, which becomes a 400 because the SDKs raise
/// nothing on 200; [`AlibabaCloudError::Unanswered`] with [`UnansweredError::Status`] or
/// [`UnansweredError::Malformed`] for everything that is neither that nor a link.
pub fn classify(
    status: StatusCode,
    body: &[u8],
    loopback_allowed: bool,
) -> Result<AlibabaCloudLink, AlibabaCloudError> {
    // Out of a list the fields would be taken by their order.
    let is_object = body.trim_ascii_start().starts_with(b"{");
    let answer = serde_json::from_slice::<Answer>(body).ok().filter(|_| is_object).unwrap_or_default();
    let Answer { code, message, request_id, data } = answer;
    let request_id = request_id.filter(|id| is_made_of(id, MAX_REQUEST_ID_CHARACTERS, b"-"));
    let code = code.filter(|code| is_made_of(code, MAX_CODE_CHARACTERS, b"._-"));
    let granted = status == StatusCode::OK && code.as_deref() == Some("OK");
    let refused_with = if status == StatusCode::OK { StatusCode::BAD_REQUEST } else { status };
    let reason = if refused_with.is_client_error() {
        UnansweredError::Malformed
    } else {
        UnansweredError::Status(status.as_u16())
    };
    match (code, message.filter(|message| is_passable(message))) {
        (code, _) if granted => match data.as_ref().and_then(|data| link(data, loopback_allowed)) {
            Some(url) => Ok(AlibabaCloudLink { url, request_id }),
            None => Err(AlibabaCloudError::Unanswered { reason, code, request_id }),
        },
        (Some(code), Some(message)) if refused_with.is_client_error() => {
            Err(AlibabaCloudError::Refused(AlibabaCloudRefusal {
                status: refused_with,
                code,
                message,
                request_id,
            }))
        }
        (code, _) => Err(AlibabaCloudError::Unanswered { reason, code, request_id }),
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
    data: Option<Value>,
}

fn is_made_of(text: &str, max_characters: usize, marks: &[u8]) -> bool {
    (1..=max_characters).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(&byte))
}

fn is_passable(message: &str) -> bool {
    message.chars().count() <= MAX_MESSAGE_CHARACTERS
        && !message.chars().any(|character| character.is_control() && !"\n\r\t".contains(character))
}

fn link(data: &Value, loopback_allowed: bool) -> Option<Url> {
    third_party_link::parse(data.get("AuthorizationUrl")?.as_str()?, loopback_allowed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Result<AlibabaCloudLink, AlibabaCloudError> {
        classify(StatusCode::from_u16(status).unwrap(), body.as_bytes(), true)
    }

    fn granted(url: &str) -> String {
        format!(
            r#"{{"Code":"OK","Message":"请求成功","RequestId":"8906582E-6722","Data":{{"AuthorizationUrl":"{url}"}}}}"#
        )
    }

    fn refused(code: &str, message: &str) -> String {
        serde_json::json!({"RequestId": "8906582E-6722", "HostId": "h", "Code": code, "Message": message})
            .to_string()
    }

    fn unanswered(
        reason: UnansweredError,
        code: Option<&str>,
        request_id: Option<&str>,
    ) -> AlibabaCloudError {
        AlibabaCloudError::Unanswered {
            reason,
            code: code.map(str::to_owned),
            request_id: request_id.map(str::to_owned),
        }
    }

    const ID: Option<&str> = Some("8906582E-6722");

    #[test]
    fn a_link_is_given() {
        for url in [
            "https://render.example.com/p/s/web-call-minapp/auth-bao?page=commauth/index&token=eyJ&_env=prod",
            "http://127.0.0.1:8787/?x",
            "https://a.example/",
        ] {
            let expected = AlibabaCloudLink { url: url.parse().unwrap(), request_id: ID.map(str::to_owned) };
            assert_eq!(judged(200, &granted(url)), Ok(expected));
        }
    }

    #[test]
    fn only_an_endpoint_on_this_machine_may_lead_there() {
        let body = granted("http://127.0.0.1:8787/x");
        let judged = |loopback_allowed| classify(StatusCode::OK, body.as_bytes(), loopback_allowed);
        assert!(judged(true).is_ok());
        assert_eq!(judged(false), Err(unanswered(UnansweredError::Malformed, Some("OK"), ID)));
    }

    #[test]
    fn an_error_is_passed_on_and_one_of_200_as_400() {
        let long_code = "c".repeat(128);
        let long_message = "中".repeat(1_024);
        for (status, passed_on, code, message) in [
            (400, 400, "MobileNumberIllgeal", "The specified mobile phone number is invalid."),
            (403, 403, "Forbidden.RAM", ""),
            (404, 404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."),
            (429, 429, "Throttling.User", "Request was denied due to user flow control."),
            (400, 400, "SignatureDoesNotMatch", "server StringToSign is:[ACS3-HMAC-SHA256\nab]"),
            (400, 400, "OK", "strange"),
            (499, 499, "a_b-c.D1", &long_message),
            (400, 400, &long_code, "m"),
            (200, 400, "isv.DENY", "no"),
        ] {
            let expected = AlibabaCloudRefusal {
                status: StatusCode::from_u16(passed_on).unwrap(),
                code: code.to_owned(),
                message: message.to_owned(),
                request_id: ID.map(str::to_owned),
            };
            assert_eq!(judged(status, &refused(code, message)), Err(AlibabaCloudError::Refused(expected)));
        }
    }

    #[test]
    fn everything_else_is_no_answer() {
        let too_long = ("c".repeat(129), "m".repeat(1_025));
        let malformed = UnansweredError::Malformed;
        let a_link = granted("https://a.example/");
        for (status, body, failure) in [
            (
                500,
                refused("OutOfService", "m"),
                unanswered(UnansweredError::Status(500), Some("OutOfService"), ID),
            ),
            (503, "<html>".to_owned(), unanswered(UnansweredError::Status(503), None, None)),
            (302, a_link.clone(), unanswered(UnansweredError::Status(302), Some("OK"), ID)),
            (201, a_link.clone(), unanswered(UnansweredError::Status(201), Some("OK"), ID)),
            (200, "<html></html>".to_owned(), unanswered(malformed, None, None)),
            (200, String::new(), unanswered(malformed, None, None)),
            (200, "[]".to_owned(), unanswered(malformed, None, None)),
            (200, r#"["A","m"]"#.to_owned(), unanswered(malformed, None, None)),
            (200, "{}".to_owned(), unanswered(malformed, None, None)),
            (200, a_link.replace("\"OK\"", "200"), unanswered(malformed, None, None)),
            (200, a_link.replace("\"8906582E-6722\"", "7"), unanswered(malformed, None, None)),
            (200, a_link.replace("AuthorizationUrl", "Url"), unanswered(malformed, Some("OK"), ID)),
            (200, a_link.replace("\"https://a.example/\"", "1"), unanswered(malformed, Some("OK"), ID)),
            (200, r#"{"Code":"OK","Message":"m"}"#.to_owned(), unanswered(malformed, Some("OK"), None)),
            (200, format!("{a_link}{a_link}"), unanswered(malformed, None, None)),
            (200, r#"{"Code":"A","Code":"B","Message":"m"}"#.to_owned(), unanswered(malformed, None, None)),
            (200, r#"{"Code":"A"}"#.to_owned(), unanswered(malformed, Some("A"), None)),
            (404, "not found".to_owned(), unanswered(malformed, None, None)),
            (400, refused("", "m"), unanswered(malformed, None, ID)),
            (400, refused("a b", "m"), unanswered(malformed, None, ID)),
            (400, refused("é", "m"), unanswered(malformed, None, ID)),
            (400, refused(&too_long.0, "m"), unanswered(malformed, None, ID)),
            (400, refused("A", &too_long.1), unanswered(malformed, Some("A"), ID)),
            (400, refused("A", "\u{1b}[2J"), unanswered(malformed, Some("A"), ID)),
        ] {
            assert_eq!(judged(status, &body), Err(failure), "{status} {body}");
        }
        for url in [
            "",
            "javascript:alert(1)",
            "ftp://a.example/",
            "//a.example/",
            "/p/s",
            "https://",
            "https:",
            "https://a.example/ b",
            " https://a.example/",
            "https://a.exam\\nple/",
            "data:text/html,x",
            "https://user@a.example/",
            "https://a.exam\u{202e}ple/",
            "https://10.0.0.1/",
            "https://intranet/",
        ] {
            let failure = unanswered(malformed, Some("OK"), ID);
            assert_eq!(judged(200, &granted(url)), Err(failure), "{url}");
        }
    }

    #[test]
    fn a_request_id_is_kept_only_if_it_is_one() {
        for (id, kept) in [("A-1", true), (&*"9".repeat(64), true), (&*"9".repeat(65), false), ("a b", false)]
        {
            let body = granted("https://a.example/").replace("8906582E-6722", id);
            let request_id = judged(200, &body).unwrap().request_id;
            assert_eq!(request_id.as_deref(), kept.then_some(id));
        }
    }

    #[test]
    fn what_is_wrong_with_our_key_or_their_service_is_ours_to_mend() {
        for (code, ours) in [
            ("InvalidAccessKeyId.NotFound", true),
            ("InvalidAccessKeyId.Inactive", true),
            ("SignatureDoesNotMatch", true),
            ("IncompleteSignature", true),
            ("Forbidden", true),
            ("Forbidden.RAM", true),
            ("InvalidTimeStamp.Expired", true),
            ("SignatureNonceUsed", true),
            ("UnauthorizedOperation", true),
            ("MobileNumberIllgeal", false),
            ("Throttling.User", false),
            ("DataNotFound", true),
            ("SchemeNotPassed", true),
        ] {
            assert_eq!(judged(400, &refused(code, "m")).unwrap_err().is_ours_to_mend(), ours, "{code}");
        }
        assert!(AlibabaCloudError::from(TransportError::Timeout).is_ours_to_mend());
    }

    #[test]
    fn what_is_displayed_holds_neither_message_nor_link() {
        let failure = judged(400, &refused("A", "of 13900001234")).unwrap_err();
        assert_eq!(failure.to_string(), "Alibaba Cloud refused with A");
        assert!(!format!("{failure:?}").contains("139"), "{failure:?}");
        let granted = judged(200, &granted("https://a.example/?token=x")).unwrap();
        assert!(!format!("{granted:?}").contains("token"), "{granted:?}");
        assert_eq!(judged(502, "x").unwrap_err().to_string(), "no answer of Alibaba Cloud's: http_502");
    }

    #[test]
    fn an_error_tells_its_code_its_request_and_whether_time_was_up() {
        let refused = judged(400, &refused("InvalidPhoneNo", "no")).unwrap_err();
        let of_transport = |error: TransportError| AlibabaCloudError::from(error);
        for (error, code, request_id, is_timeout) in [
            (refused, Some("InvalidPhoneNo"), Some("8906582E-6722"), false),
            (unanswered(UnansweredError::Status(500), Some("X"), Some("R")), Some("X"), Some("R"), false),
            (unanswered(UnansweredError::Malformed, None, None), None, None, false),
            (of_transport(TransportError::Timeout), None, None, true),
            (of_transport(TransportError::ConnectTimeout), None, None, true),
            (of_transport(TransportError::Broken), None, None, false),
        ] {
            assert_eq!(
                (error.code(), error.request_id(), error.is_timeout()),
                (code, request_id, is_timeout),
                "{error}"
            );
        }
    }
}
