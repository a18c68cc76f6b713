//! Calls of one service by AWS's JSON protocol: signed, each attempt within its time, and repeated when what stood in
//! the way may pass, by the rules of the AWS SDKs' standard mode ("Retry behavior", AWS SDKs and Tools Reference Guide).
//!
//! Unlike the SDKs it does not correct the machine's clock by the service's: a signature dated more than five minutes off
//! is refused.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, InvalidHeaderValue, USER_AGENT,
};
use http::{Method, Request, Uri};
use http_body_util::Full;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout_at};

use crate::aws::endpoint::endpoint;
use crate::aws::failure::{CallError, Obstacle, ServiceError};
use crate::aws::https_client::{HttpsClient, NoAnswer};
use crate::aws::quota::RetryQuota;
use crate::aws::signature::{AmzDate, Signer};
use crate::aws::{Aws, CallTimeouts};
use crate::model::clock::Clock;
use crate::model::random::Random;

const ATTEMPTS: u32 = 3;
const CONTENT: &str = "application/x-amz-json-1.0";
const USER: HeaderValue = HeaderValue::from_static(concat!("authlink/", env!("CARGO_PKG_VERSION")));
static AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
static AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
static AMZ_TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// A client of one service.
pub(crate) struct JsonClient {
    https: HttpsClient,
    uri: Uri,
    host: HeaderValue,
    security_token: Option<HeaderValue>,
    signer: Signer,
    patience: CallTimeouts,
    conflicts: fn(&ServiceError) -> bool,
    quota: RetryQuota,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// Settings by which no service can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableSettings {
    /// Region or address.
    #[error("AWS_REGION or AWS_ENDPOINT_URL makes no address of a server alone")]
    Address,
    /// A credential with what no header may hold.
    #[error("AWS_ACCESS_KEY_ID or AWS_SESSION_TOKEN cannot be sent")]
    Credentials,
}

impl fmt::Debug for JsonClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonClient").field("uri", &self.uri).finish_non_exhaustive()
    }
}

impl JsonClient {
    /// A client that connects at its first call. It repeats what may pass at any service ([`CallError::obstacle`]), and
    /// each error that `conflicts` accepts, as if it were throttling.
    ///
    /// # Errors
    /// When an address or a header cannot be made of the settings.
    pub(crate) fn new(
        aws: &Aws,
        service: &'static str,
        patience: &CallTimeouts,
        conflicts: fn(&ServiceError) -> bool,
    ) -> Result<Self, UnusableSettings> {
        let (uri, settings) = (endpoint(service, &aws.settings)?, &aws.settings);
        let header = |text: &str| match HeaderValue::from_str(text) {
            Ok(value) if text.is_ascii() => Ok(value),
            _ => Err(UnusableSettings::Credentials),
        };
        header(&settings.access_key_id)?;
        let mut security_token = settings.session_token.as_deref().map(header).transpose()?;
        if let Some(token) = &mut security_token {
            token.set_sensitive(true);
        }
        let host = uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
        Ok(Self {
            https: aws.https.clone(),
            host: host.ok_or(UnusableSettings::Address)?,
            uri,
            security_token,
            signer: Signer::new(settings, service),
            patience: *patience,
            conflicts,
            quota: RetryQuota::full(),
            clock: aws.clock.clone(),
            random: aws.random.clone(),
        })
    }

    /// Calls `target`, the service's version and the operation, and reads the answer.
    ///
    /// # Errors
    /// That of the last attempt; it says nothing about whether an earlier one was heard.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        target: &'static str,
        body: Vec<u8>,
    ) -> Result<T, CallError> {
        let body = Bytes::from(body);
        let end = Instant::now() + self.patience.operation;
        let (mut attempts, mut overcome) = (1, None);
        loop {
            let until = end.min(Instant::now() + self.patience.attempt);
            let outcome = timeout_at(until, self.attempt(target, body.clone())).await;
            let error = match outcome.unwrap_or(Err(CallError::TimedOut)) {
                Ok(answer) => {
                    self.quota.give_back(overcome);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let Some(obstacle) = self.obstacle(&error) else { return Err(error) };
            let pause = pause(self.patience.first_backoff, attempts, &*self.random);
            let in_time = Instant::now() + pause < end;
            if attempts == ATTEMPTS || !in_time || !self.quota.take(obstacle) {
                return Err(error);
            }
            sleep(pause).await;
            (attempts, overcome) = (attempts + 1, Some(obstacle));
        }
    }

    async fn attempt<T: DeserializeOwned>(&self, target: &'static str, body: Bytes) -> Result<T, CallError> {
        let request = self.signed(target, body).map_err(|_| CallError::Unsendable)?;
        let answer = self.https.send(request).await.map_err(|error| match error {
            NoAnswer::Lost(_) => CallError::Lost,
            NoAnswer::TooLong => CallError::TooLong,
        })?;
        let status = answer.status();
        let body = answer.into_body();
        if status.is_success() {
            serde_json::from_slice(&body).map_err(|_| CallError::Unreadable)
        } else {
            Err(CallError::Service(ServiceError::new(status, body)))
        }
    }

    fn obstacle(&self, error: &CallError) -> Option<Obstacle> {
        match error {
            CallError::Service(error) if (self.conflicts)(error) => Some(Obstacle::Throttling),
            error => error.obstacle(),
        }
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
}

/// Before the next attempt: a random part of `first`, which doubles with each attempt that was made after the first.
fn pause(first: Duration, attempts: u32, random: &dyn Random) -> Duration {
    let mut part = [0];
    // All of it, if there is no randomness.
    let part = random.fill(&mut part).map_or(u8::MAX, |()| part[0]);
    first * 2_u32.saturating_pow(attempts - 1) * u32::from(part) / u32::from(u8::MAX)
}

/// All of them were made of ASCII.
fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;
    use crate::aws::fake_aws::{Answer, BRISK, FakeAws, SHORT, aws};
    use crate::aws::signature::tests::by_the_sdk;
    use crate::model::clock::{ManualClock, UnixMillis};
    use crate::model::random::RandomError;

    const TARGET: &str = "DynamoDB_20120810.PutItem";
    const NOW: UnixMillis = UnixMillis(1_795_305_600_999);

    struct Drawn(Option<u8>);

    impl Random for Drawn {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            bytes.fill(self.0.ok_or(RandomError)?);
            Ok(())
        }
    }

    fn client(aws: &Aws, patience: &CallTimeouts) -> JsonClient {
        JsonClient::new(aws, "dynamodb", patience, |_| false).unwrap()
    }

    async fn call(client: &JsonClient) -> Result<Value, CallError> {
        client.call(TARGET, br#"{"TableName":"authlink"}"#.to_vec()).await
    }

    fn failing() -> Answer {
        Answer::Says(500, String::new())
    }

    #[tokio::test]
    async fn a_request_says_what_is_asked_and_is_signed_as_it_is_sent() {
        let fake_aws = FakeAws::answering([Answer::Says(200, r#"{"Item":{}}"#.to_owned())]).await;
        let mut client = client(&fake_aws.aws, &BRISK);
        client.clock = Arc::new(ManualClock::at(NOW));
        assert_eq!(call(&client).await.unwrap(), json!({"Item": {}}));

        let asked = fake_aws.asked();
        let [asked] = asked.as_slice() else { panic!("{} requests", asked.len()) };
        let header = |name: &str| asked.headers[name].to_str().unwrap();
        assert_eq!(header("content-type"), "application/x-amz-json-1.0");
        assert_eq!(header("x-amz-target"), TARGET);
        assert_eq!(header("x-amz-date"), "20261122T000000Z");
        assert_eq!(header("x-amz-security-token"), "session");
        assert!(header("user-agent").starts_with("authlink/"));
        let signed = ["content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"];
        let signed = signed.map(|name| (name, header(name)));
        let by_the_sdk = by_the_sdk(&fake_aws.aws.settings, NOW, &signed, asked.body.to_string().as_bytes());
        assert_eq!(header("authorization"), by_the_sdk);
    }

    #[tokio::test]
    async fn what_is_secret_of_a_request_is_marked_so() {
        let fake_aws = FakeAws::answering([failing()]).await;
        let request = client(&fake_aws.aws, &BRISK).signed(TARGET, Bytes::new()).unwrap();
        let mut secret: Vec<_> = request.headers().iter().filter(|(_, value)| value.is_sensitive()).collect();
        secret.sort_by_key(|(name, _)| name.as_str());
        assert_eq!(
            secret.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["authorization", "x-amz-security-token"]
        );
    }

    #[tokio::test]
    async fn a_connection_that_is_lost_is_made_again() {
        for lost in ["", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{"] {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let aws = aws(&listener.local_addr().unwrap().to_string());
            let server = tokio::spawn(async move {
                for answer in [lost, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"] {
                    let (mut connection, _) = listener.accept().await.unwrap();
                    let mut request = Vec::new();
                    while !request.ends_with(b"}") {
                        assert_ne!(connection.read_buf(&mut request).await.unwrap(), 0);
                    }
                    connection.write_all(answer.as_bytes()).await.unwrap();
                }
            });
            assert_eq!(call(&client(&aws, &BRISK)).await.unwrap(), json!({}));
            server.await.unwrap();
        }
    }

    #[tokio::test]
    async fn an_answer_that_cannot_be_read_is_asked_for_again() {
        let says = |body: &str| Answer::Says(200, body.to_owned());
        let fake_aws = FakeAws::answering([says("<html>"), says(""), says("{}")]).await;
        assert_eq!(call(&client(&fake_aws.aws, &BRISK)).await.unwrap(), json!({}));
        let fake_aws = FakeAws::answering([says("<html>")]).await;
        assert_eq!(call(&client(&fake_aws.aws, &BRISK)).await, Err(CallError::Unreadable));
        assert_eq!(fake_aws.asked().len(), 3);
    }

    #[tokio::test]
    async fn the_end_of_an_operation_is_that_of_its_attempt() {
        let fake_aws = FakeAws::answering([Answer::Never]).await;
        let patience = CallTimeouts { operation: SHORT.attempt, ..BRISK };
        let client = client(&fake_aws.aws, &patience);
        let ended = timeout(BRISK.attempt / 2, call(&client)).await.unwrap();
        assert_eq!(ended, Err(CallError::TimedOut));
        assert_eq!(fake_aws.asked().len(), 1);
    }

    #[tokio::test]
    async fn nothing_is_repeated_for_which_there_is_no_time() {
        let fake_aws = FakeAws::answering([failing()]).await;
        let mut client = client(&fake_aws.aws, &CallTimeouts { first_backoff: BRISK.operation * 2, ..BRISK });
        client.random = Arc::new(Drawn(Some(u8::MAX)));
        let ended = timeout(BRISK.operation / 2, call(&client)).await.unwrap();
        assert!(matches!(ended, Err(CallError::Service(_))));
        assert_eq!(fake_aws.asked().len(), 1);
    }

    #[tokio::test]
    async fn a_service_that_fails_everybody_is_soon_asked_once_a_call() {
        let fake_aws = FakeAws::answering([failing()]).await;
        let client = client(&fake_aws.aws, &BRISK);
        let mut asked_by_call = Vec::new();
        for _ in 0..30 {
            let before = fake_aws.asked().len();
            call(&client).await.unwrap_err();
            asked_by_call.push(fake_aws.asked().len() - before);
        }
        assert_eq!(asked_by_call, [vec![3; 25], vec![1; 5]].concat());
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
        let fake_aws = FakeAws::answering([failing()]).await;
        let with = |change: &dyn Fn(&mut Aws)| {
            let mut aws = fake_aws.aws.clone();
            change(&mut aws);
            JsonClient::new(&aws, "dynamodb", &BRISK, |_| false).map(drop)
        };
        let address = with(&|aws| aws.settings.endpoint_url = Some("http://a b".to_owned()));
        assert_eq!(address, Err(UnusableSettings::Address));
        for token in ["a\nb", "é"] {
            let token = with(&|aws| aws.settings.session_token = Some(token.to_owned()));
            assert_eq!(token, Err(UnusableSettings::Credentials));
        }
        let key = with(&|aws| aws.settings.access_key_id = "a\nb".to_owned());
        assert_eq!(key, Err(UnusableSettings::Credentials));
        let shown = format!("{:?}", client(&fake_aws.aws, &BRISK));
        assert!(!shown.contains("hush") && !shown.contains("session"), "{shown}");
    }
}
