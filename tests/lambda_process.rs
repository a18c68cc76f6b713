//! A function as a process of Lambda's. A handler that panics answers 500 and raises an alarm, and the process
//! serves the next request; every line has the ids of its request.

use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use shared::telemetry::request_ids;
use tests::process::{is_process_of, process_of};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::Instrument as _;
use tracing::level_filters::LevelFilter;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

const INVOCATION: &str = "/2018-06-01/runtime/invocation/";
const THE_PROCESS: &str = "lambda_process::serve_and_panic";
const WITHIN: Duration = Duration::from_mins(1);

/// Not a test: the function, when [`a_panic_answers_500_and_the_process_lives`] starts it as a process.
#[tokio::test]
async fn serve_and_panic() {
    if !is_process_of(THE_PROCESS) {
        return;
    }
    shared::runtime::telemetry::start(LevelFilter::INFO, std::io::stdout, None);
    let handle = async |_: std::sync::Arc<()>, request: http::Request<Bytes>| {
        assert_ne!(request.uri().path(), "/panic", "as asked");
        async { tracing::info!("served") }.instrument(request_ids::call("OURS")).await;
        http::Response::new(Bytes::from_static(b"alive"))
    };
    shared::runtime::lambda::serve_http(None, (), handle).await.expect("served until it is killed");
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

#[tokio::test]
async fn a_panic_answers_500_and_the_process_lives() {
    let (send, mut reports) = mpsc::unbounded_channel();
    let runtime = MockServer::start().await;
    let events = Events(Mutex::new(vec![("second", "/"), ("first", "/panic")]));
    Mock::given(method("GET")).respond_with(events).mount(&runtime).await;
    Mock::given(method("POST")).respond_with(Reports(send)).mount(&runtime).await;
    let child = process_of(THE_PROCESS)
        .env("AWS_LAMBDA_RUNTIME_API", runtime.address().to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "f")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process");
    let mut child = Ended(child);

    let mut next = async || timeout(WITHIN, reports.recv()).await.expect("in time").expect("a report");
    let (at, failure) = next().await;
    assert_eq!((at.as_str(), &failure["statusCode"]), ("first/response", &json!(500)));
    assert_eq!(failure["body"], r#"{"message":"Internal Server Error"}"#, "not a word of the panic's");
    let (at, answer) = next().await;
    assert_eq!((at.as_str(), &answer["body"]), ("second/response", &json!("alive")));

    child.0.kill().expect("killed");
    let mut said = String::new();
    let mut output = child.0.stdout.take().expect("its output");
    std::io::Read::read_to_string(&mut output, &mut said).expect("text");
    let line_of = |text: &str| -> Value {
        let line = said.lines().find(|line| line.contains(text)).expect("a line of the request");
        serde_json::from_str(line).expect("JSON")
    };
    let alarm = line_of("a handler panicked");
    assert_eq!((&alarm["alarm"], &alarm["http_status"]), (&json!("panic"), &json!(500)));
    assert_eq!(alarm["span"]["lambda_request_id"], "first");
    let line = line_of("\"served\"");
    let ids =
        ["request_id", "gateway_request_id", "lambda_request_id"].map(|name| line["span"][name].as_str());
    assert_eq!(ids, [Some("OURS"), Some("GATEWAYS"), Some("second")]);
}

#[test]
fn panics_unwind_in_what_is_deployed() {
    let manifest =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")).expect("a manifest");
    let (_, release) = manifest.split_once("[profile.release]\n").expect("the profile");
    let (release, _) = release.split_once("\n\n").expect("its end");
    assert!(release.lines().any(|line| line == "panic = \"unwind\""), "cargo-lambda would add `abort`");
}
