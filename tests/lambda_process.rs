//! A function as a process of Lambda's. A handler that panics answers 500 and raises an alarm, and the process
//! serves the next request; every line has the ids of its request. A process connects to AWS before it asks for work.

use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use openid_delivery::DeliveryError;
use serde_json::{Value, json};
use shared::queue::DeliveryEvent;
use shared::runtime::wiring::Process;
use shared::telemetry::request_ids;
use tests::process::{is_process_of, process_of};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::Instrument as _;
use tracing::level_filters::LevelFilter;
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

const INVOCATION: &str = "/2018-06-01/runtime/invocation/";
const THE_PROCESS: &str = "lambda_process::serve_and_panic";
const OF_EVENTS: &str = "lambda_process::serve_a_sweep";
const WIRED: &str = "lambda_process::start_and_serve";
/// Starts of which one has to find the time for its connections.
const STARTS: usize = 5;
const WITHIN: Duration = Duration::from_mins(1);

/// Not a test: the function, when [`a_panic_answers_500_and_the_process_lives`] starts it as a process.
#[tokio::test]
async fn serve_and_panic() {
    if !is_process_of(THE_PROCESS) {
        return;
    }
    shared::runtime::log_output::start(LevelFilter::INFO, std::io::stdout, None);
    let handle = async |_: std::sync::Arc<()>, request: http::Request<Bytes>| {
        assert_ne!(request.uri().path(), "/panic", "as asked");
        async { tracing::info!("served") }.instrument(request_ids::call("OURS")).await;
        http::Response::new(Bytes::from_static(b"alive"))
    };
    shared::runtime::lambda::serve_http(None, (), handle).await.expect("served until it is killed");
}

/// Not a test: the process of [`lines_of_an_event_have_the_id_of_its_invocation`].
#[tokio::test]
async fn serve_a_sweep() {
    if !is_process_of(OF_EVENTS) {
        return;
    }
    shared::runtime::log_output::start(LevelFilter::INFO, std::io::stdout, None);
    let handle = async |event: DeliveryEvent| -> Result<(), DeliveryError> {
        assert!(matches!(event, DeliveryEvent::Sweep), "as asked");
        tracing::info!("swept");
        Ok(())
    };
    shared::runtime::lambda::serve_events(handle).await.expect("served until it is killed");
}

/// Not a test: the process of [`a_process_connects_to_aws_before_it_asks_for_its_first_event`].
#[tokio::test]
async fn start_and_serve() {
    if !is_process_of(WIRED) {
        return;
    }
    let process = Process::start().await.expect("starts");
    let handle = async |_: std::sync::Arc<Process>, _: http::Request<Bytes>| {
        http::Response::new(Bytes::from_static(b"alive"))
    };
    shared::runtime::lambda::serve_http(None, process, handle).await.expect("served until it is killed");
}

/// Gives the events one after another, then none for longer than the test lasts.
struct Events(Mutex<Vec<(&'static str, &'static str)>>);

impl Respond for Events {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let Some((id, path)) = self.0.lock().expect("no panic").pop() else {
            return ResponseTemplate::new(200).set_delay(Duration::from_hours(1));
        };
        let event =
            json!({"rawPath": path, "requestContext": {"requestId": "GATEWAYS", "http": {"method": "GET"}}});
        ResponseTemplate::new(200)
            .insert_header("lambda-runtime-aws-request-id", id)
            .insert_header("lambda-runtime-deadline-ms", "4102444800000")
            .insert_header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:0:function:f")
            .set_body_json(event)
    }
}

/// Keeps what the function reports.
struct Reports(mpsc::UnboundedSender<(String, Value)>);

impl Respond for Reports {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body = serde_json::from_slice(&request.body).expect("JSON");
        let at = request.url.path().replace(INVOCATION, "");
        self.0.send((at, body)).expect("the test listens");
        ResponseTemplate::new(202)
    }
}

/// Ends the process with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Ended {
    /// The process `name`, with Lambda's runtime at `runtime`.
    fn start(name: &str, runtime: &MockServer, settings: &[(&str, &str)]) -> Self {
        let child = process_of(name)
            .env("AWS_LAMBDA_RUNTIME_API", runtime.address().to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "f")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a process");
        Self(child)
    }

    /// Ends it; what it said.
    fn said(mut self) -> String {
        self.0.kill().expect("killed");
        let mut said = String::new();
        let mut output = self.0.stdout.take().expect("its output");
        std::io::Read::read_to_string(&mut output, &mut said).expect("text");
        said
    }
}

/// The line that has `text`.
fn line_of(said: &str, text: &str) -> Value {
    let line = said.lines().find(|line| line.contains(text)).expect("a line of the request");
    serde_json::from_str(line).expect("JSON")
}

/// Lambda's runtime, and what is reported to it.
async fn runtime(
    events: Vec<(&'static str, &'static str)>,
) -> (MockServer, mpsc::UnboundedReceiver<(String, Value)>) {
    let (send, reports) = mpsc::unbounded_channel();
    let runtime = MockServer::start().await;
    let events = Events(Mutex::new(events));
    let invocations = Mock::given(method("GET")).and(path_regex(INVOCATION));
    invocations.respond_with(events).mount(&runtime).await;
    Mock::given(method("POST")).and(path_regex(INVOCATION)).respond_with(Reports(send)).mount(&runtime).await;
    (runtime, reports)
}

#[tokio::test]
async fn a_panic_answers_500_and_the_process_lives() {
    let (runtime, mut reports) = runtime(vec![("second", "/"), ("first", "/panic")]).await;
    let child = Ended::start(THE_PROCESS, &runtime, &[]);

    let mut next = async || timeout(WITHIN, reports.recv()).await.expect("in time").expect("a report");
    let (at, failure) = next().await;
    assert_eq!((at.as_str(), &failure["statusCode"]), ("first/response", &json!(500)));
    assert_eq!(failure["body"], r#"{"message":"Internal Server Error"}"#, "not a word of the panic's");
    let (at, answer) = next().await;
    assert_eq!((at.as_str(), &answer["body"]), ("second/response", &json!("alive")));

    let said = child.said();
    let alarm = line_of(&said, "a handler panicked");
    assert_eq!((&alarm["alarm"], &alarm["http_status"]), (&json!("panic"), &json!(500)));
    assert_eq!(alarm["span"]["lambda_request_id"], "first");
    let line = line_of(&said, "\"served\"");
    let ids =
        ["request_id", "gateway_request_id", "lambda_request_id"].map(|name| line["span"][name].as_str());
    assert_eq!(ids, [Some("OURS"), Some("GATEWAYS"), Some("second")]);
}

#[tokio::test]
async fn lines_of_an_event_have_the_id_of_its_invocation() {
    let (runtime, mut reports) = runtime(vec![("second", "/"), ("first", "/")]).await;
    let child = Ended::start(OF_EVENTS, &runtime, &[]);
    for id in ["first", "second"] {
        let (at, answer) = timeout(WITHIN, reports.recv()).await.expect("in time").expect("a report");
        assert_eq!((at, answer), (format!("{id}/response"), json!({"batchItemFailures": []})));
    }
    let said = child.said();
    let lines: Vec<Value> = said
        .lines()
        .filter(|line| line.contains("\"swept\""))
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let ids: Vec<_> = lines.iter().map(|line| line["span"]["lambda_request_id"].as_str()).collect();
    assert_eq!(ids, [Some("first"), Some("second")]);
}

#[tokio::test]
async fn a_process_connects_to_aws_before_it_asks_for_its_first_event() {
    let mut asked = Vec::new();
    // A start that finds the machine busy goes on without its connections after a second.
    for _ in 0..STARTS {
        asked = asked_at_a_start().await;
        if asked[..2] == ["GET /", "GET /"] {
            break;
        }
    }
    let next = format!("GET {INVOCATION}next");
    assert_eq!(asked[..3], ["GET /", "GET /", &next], "DynamoDB, Secrets Manager, then the event");
}

/// Everything that a process asks until it has answered its first event. Lambda's runtime and AWS are one server here,
/// so that it has the order.
async fn asked_at_a_start() -> Vec<String> {
    let (aws, mut reports) = runtime(vec![("first", "/")]).await;
    let greeted = Mock::given(method("GET")).and(path("/"));
    greeted.respond_with(ResponseTemplate::new(200)).mount(&aws).await;
    let settings = [
        ("AUTHLINK_ALIPAY_APP_ID", "2021000000000001"),
        ("AUTHLINK_TABLE", "table"),
        ("AUTHLINK_SECRETS_PREFIX", "authlink"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
        ("AWS_ENDPOINT_URL", &aws.uri()),
    ];
    let child = Ended::start(WIRED, &aws, &settings);
    let (at, answer) = timeout(WITHIN, reports.recv()).await.expect("in time").expect("a report");
    assert_eq!((at.as_str(), &answer["body"]), ("first/response", &json!("alive")));
    drop(child);
    let asked = aws.received_requests().await.expect("recorded");
    asked.iter().map(|request| format!("{} {}", request.method, request.url.path())).collect()
}

#[test]
fn panics_unwind_in_what_is_deployed() {
    let manifest =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")).expect("a manifest");
    let (_, release) = manifest.split_once("[profile.release]\n").expect("the profile");
    let (release, _) = release.split_once("\n\n").expect("its end");
    assert!(release.lines().any(|line| line == "panic = \"unwind\""), "cargo-lambda would add `abort`");
}
