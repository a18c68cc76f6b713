//! Calls of one service by AWS's JSON protocol: signed, each attempt within its time, and repeated when what stood in
//! the way may pass, by the rules of the AWS SDKs' standard mode ("Retry behavior", AWS SDKs and Tools Reference Guide).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, InvalidHeaderValue, USER_AGENT,
};
use http::uri::InvalidUri;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout_at};

use super::endpoint::endpoint;
use super::https_client::{HttpsClient, NoAnswer};
use super::quota::Quota;
use super::signature::{AmzDate, Signer};
use super::{Aws, Patience};
use crate::clock::Clock;
use crate::random::Random;

const ATTEMPTS: u32 = 3;
const CONTENT: &str = "application/x-amz-json-1.0";
const USER: HeaderValue = HeaderValue::from_static(concat!("authlink/", env!("CARGO_PKG_VERSION")));
static AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
static AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
static AMZ_TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// What any service says when it is asked too often, or is at it already.
const THROTTLED: [&str; 9] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
];
const FAILED: [StatusCode; 4] = [
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// A client of one service.
pub(crate) struct JsonClient {
    https: HttpsClient,
    uri: Uri,
    host: HeaderValue,
    security_token: Option<HeaderValue>,
    signer: Signer,
    patience: Patience,
    passes: fn(&ServiceError) -> bool,
    quota: Quota,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// What a service answered instead of what was asked for.
#[derive(Debug)]
pub(crate) struct ServiceError {
    /// The error's name, without the namespace that the service puts before it; if there is one.
    pub(crate) code: Option<String>,
    /// What else the answer says: JSON, if there is a name.
    pub(crate) body: Bytes,
    status: StatusCode,
}

/// Why a call failed. The text is for the log: it names nothing of what was asked or answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("{}", .0.code.as_deref().unwrap_or("an error without code"))]
    Service(ServiceError),
    #[error("time-out")]
    TimedOut,
    #[error("no connection")]
    Lost,
    #[error("unreadable answer")]
    Unreadable,
    #[error("the request could not be built")]
    Unsendable,
}

/// Settings by which no service can be called.
#[derive(Debug, thiserror::Error)]
pub enum UnusableSettings {
    /// Region or address.
    #[error("AWS_REGION or AWS_ENDPOINT_URL makes no address")]
    Address(#[from] InvalidUri),
    /// The session's token.
    #[error("AWS_SESSION_TOKEN cannot be sent")]
    SessionToken(#[from] InvalidHeaderValue),
}

impl fmt::Debug for JsonClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonClient").field("uri", &self.uri).finish_non_exhaustive()
    }
}

impl JsonClient {
    /// A client that connects at its first call. What is throttled, late, or lost on the way is repeated, and what
    /// `passes` says of.
    ///
    /// # Errors
    /// When an address or a header cannot be made of the settings.
    pub(crate) fn new(
        aws: &Aws,
        service: &'static str,
        patience: &Patience,
        passes: fn(&ServiceError) -> bool,
    ) -> Result<Self, UnusableSettings> {
        let uri = endpoint(service, &aws.settings)?;
        let mut security_token =
            aws.settings.session_token.as_deref().map(HeaderValue::from_str).transpose()?;
        if let Some(token) = &mut security_token {
            token.set_sensitive(true);
        }
        Ok(Self {
            https: aws.https.clone(),
            host: HeaderValue::from_str(uri.authority().map_or("", |authority| authority.as_str()))?,
            uri,
            security_token,
            signer: Signer::new(&aws.settings, service),
            patience: *patience,
            passes,
            quota: Quota::full(),
            clock: aws.clock.clone(),
            random: aws.random.clone(),
        })
    }

    /// Calls `target`, the service's version and the operation, and gives the body of its answer.
    ///
    /// # Errors
    /// That of the last attempt; a repetition says nothing about whether an earlier attempt was heard.
    pub(crate) async fn call(&self, target: &'static str, body: Vec<u8>) -> Result<Bytes, CallError> {
        let body = Bytes::from(body);
        let end = Instant::now() + self.patience.operation;
        let mut attempts = 1;
        loop {
            let until = end.min(Instant::now() + self.patience.attempt);
            let outcome = timeout_at(until, self.attempt(target, body.clone())).await;
            let error = match outcome.unwrap_or(Err(CallError::TimedOut)) {
                Ok(answer) => {
                    self.quota.succeeded(attempts > 1);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if attempts == ATTEMPTS || !self.may_pass(&error) || !self.quota.take() {
                return Err(error);
            }
            let pause = pause(self.patience.first_backoff, attempts, &*self.random);
            if Instant::now() + pause >= end {
                return Err(error);
            }
            sleep(pause).await;
            attempts += 1;
        }
    }

    async fn attempt(&self, target: &'static str, body: Bytes) -> Result<Bytes, CallError> {
        let request = self.signed(target, body).map_err(|_| CallError::Unsendable)?;
        let answer = self.https.send(request).await.map_err(|error| match error {
            NoAnswer::Lost(_) => CallError::Lost,
            NoAnswer::TooLong => CallError::Unreadable,
        })?;
        let status = answer.status();
        let body = answer.into_body();
        if status.is_success() {
            return Ok(body);
        }
        let code = serde_json::from_slice::<ErrorBody>(&body).ok().map(ErrorBody::code);
        Err(CallError::Service(ServiceError { code, body, status }))
    }

    fn signed(&self, target: &'static str, body: Bytes) -> Result<Request<Full<Bytes>>, InvalidHeaderValue> {
        let date = AmzDate::of(self.clock.now());
        let mut to_sign =
            vec![("content-type", CONTENT), ("host", text(&self.host)), (AMZ_DATE.as_str(), date.as_str())];
        to_sign.extend(self.security_token.as_ref().map(|token| (AMZ_SECURITY_TOKEN.as_str(), text(token))));
        to_sign.push((AMZ_TARGET.as_str(), target));
        let authorization = self.signer.authorization(&date, &to_sign, &body);

        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.reserve(7);
        headers.insert(HOST, self.host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT));
        headers.insert(USER_AGENT, USER);
        headers.insert(&AMZ_DATE, HeaderValue::from_str(date.as_str())?);
        headers.insert(&AMZ_TARGET, HeaderValue::from_static(target));
        if let Some(token) = &self.security_token {
            headers.insert(&AMZ_SECURITY_TOKEN, token.clone());
        }
        let mut authorization = HeaderValue::try_from(authorization)?;
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
        Ok(request)
    }

    fn may_pass(&self, error: &CallError) -> bool {
        match error {
            CallError::TimedOut | CallError::Lost => true,
            CallError::Unreadable | CallError::Unsendable => false,
            CallError::Service(error) => {
                let throttled = error.code.as_deref().is_some_and(|code| THROTTLED.contains(&code));
                throttled || FAILED.contains(&error.status) || (self.passes)(error)
            }
        }
    }
}

/// Before the next attempt: a random part of `first`, which doubles with each attempt that was made after the first.
fn pause(first: Duration, attempts: u32, random: &dyn Random) -> Duration {
    let mut part = [0];
    // All of it, if there is no randomness.
    let part = random.fill(&mut part).map_or(u8::MAX, |()| part[0]);
    first * 2_u32.saturating_pow(attempts - 1) * u32::from(part) / u32::from(u8::MAX)
}

/// What was made of text is text again.
fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(rename = "__type")]
    kind: String,
}

impl ErrorBody {
    /// `com.amazonaws.dynamodb.v20120810#ResourceNotFoundException`
    fn code(self) -> String {
        match self.kind.rsplit_once('#') {
            Some((_, code)) => code.to_owned(),
            None => self.kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::stand_in::{Answer, BRISK, StandIn};
    use crate::clock::{ManualClock, UnixMillis};
    use crate::random::NoRandomness;

    const TARGET: &str = "DynamoDB_20120810.PutItem";

    struct Drawn(Option<u8>);

    impl Random for Drawn {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
            bytes.fill(self.0.ok_or(NoRandomness)?);
            Ok(())
        }
    }

    fn client(stand_in: &StandIn, patience: &Patience) -> JsonClient {
        JsonClient::new(&stand_in.aws, "dynamodb", patience, |_| false).unwrap()
    }

    fn failing() -> Answer {
        Answer::Says(500, String::new())
    }

    #[tokio::test]
    async fn a_request_says_what_is_asked_of_whom_by_whom_and_when() {
        let stand_in = StandIn::answering([Answer::Says(200, r#"{"Item":{}}"#.to_owned())]).await;
        let mut client = client(&stand_in, &BRISK);
        client.clock = Arc::new(ManualClock::at(UnixMillis(1_795_305_600_999)));
        let answer = client.call(TARGET, br#"{"TableName":"authlink"}"#.to_vec()).await.unwrap();
        assert_eq!(answer, r#"{"Item":{}}"#);

        let asked = stand_in.asked();
        let [asked] = asked.as_slice() else { panic!("{} requests", asked.len()) };
        assert_eq!(asked.body, serde_json::json!({"TableName": "authlink"}));
        let header = |name: &str| asked.headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "application/x-amz-json-1.0");
        assert_eq!(header("x-amz-target"), TARGET);
        assert_eq!(header("x-amz-date"), "20261122T000000Z");
        assert_eq!(header("x-amz-security-token"), "session");
        assert!(header("user-agent").starts_with("authlink/"));
        let authorization = header("authorization");
        let signed = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target,";
        assert!(
            authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKID/20261122/test-"),
            "{authorization}"
        );
        assert!(authorization.contains("/dynamodb/aws4_request, "), "{authorization}");
        assert!(authorization.contains(signed), "{authorization}");
    }

    #[tokio::test]
    async fn an_error_has_its_name_if_it_says_one() {
        for (status, body, name) in [
            (
                400,
                r#"{"__type":"com.amazonaws.dynamodb.v20120810#ValidationException"}"#,
                Some("ValidationException"),
            ),
            (400, r#"{"__type":"AccessDeniedException","Message":"?"}"#, Some("AccessDeniedException")),
            (403, "<html>", None),
            (413, "{}", None),
        ] {
            let stand_in = StandIn::answering([Answer::Says(status, body.to_owned())]).await;
            let Err(CallError::Service(error)) = client(&stand_in, &BRISK).call(TARGET, b"{}".to_vec()).await
            else {
                panic!("{body}")
            };
            assert_eq!((error.code.as_deref(), error.body.as_ref()), (name, body.as_bytes()));
            assert_eq!(stand_in.asked().len(), 1, "{body}");
        }
    }

    #[tokio::test]
    async fn nothing_is_repeated_for_which_there_is_no_time() {
        let stand_in = StandIn::answering([failing()]).await;
        let patience = Patience { first_backoff: Duration::from_secs(31), ..BRISK };
        let mut client = client(&stand_in, &patience);
        client.random = Arc::new(Drawn(Some(u8::MAX)));
        assert!(matches!(client.call(TARGET, b"{}".to_vec()).await, Err(CallError::Service(_))));
        assert_eq!(stand_in.asked().len(), 1);
    }

    #[tokio::test]
    async fn a_service_that_fails_everybody_is_soon_asked_once_a_call() {
        let stand_in = StandIn::answering([failing()]).await;
        let client = client(&stand_in, &BRISK);
        let mut asked_before = 0;
        let mut asked_by_call = Vec::new();
        for _ in 0..60 {
            client.call(TARGET, b"{}".to_vec()).await.unwrap_err();
            asked_by_call.push(stand_in.asked().len() - asked_before);
            asked_before = stand_in.asked().len();
        }
        assert_eq!(asked_by_call, [vec![3; 50], vec![1; 10]].concat());
    }

    #[test]
    fn a_pause_is_a_random_part_of_one_that_doubles() {
        let first = Duration::from_millis(100);
        for (attempts, drawn, millis) in [
            (1, Some(0), 0),
            (1, Some(51), 20),
            (1, Some(255), 100),
            (2, Some(51), 40),
            (2, Some(255), 200),
            (1, None, 100),
        ] {
            assert_eq!(pause(first, attempts, &Drawn(drawn)), Duration::from_millis(millis));
        }
    }

    #[tokio::test]
    async fn settings_that_make_no_request_are_refused_and_not_shown() {
        let stand_in = StandIn::answering([failing()]).await;
        let with = |change: fn(&mut Aws)| {
            let mut aws = stand_in.aws.clone();
            change(&mut aws);
            JsonClient::new(&aws, "dynamodb", &BRISK, |_| false)
        };
        let no_address = with(|aws| aws.settings.endpoint_url = Some("http://a b".to_owned()));
        assert!(matches!(no_address, Err(UnusableSettings::Address(_))));
        let no_token = with(|aws| aws.settings.session_token = Some("a\nb".to_owned()));
        assert!(matches!(no_token, Err(UnusableSettings::SessionToken(_))));
        let shown = format!("{:?}", client(&stand_in, &BRISK));
        assert!(!shown.contains("hush") && !shown.contains("session"), "{shown}");
    }
}
