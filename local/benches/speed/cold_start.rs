//! How long a function takes from its process's start until it asks for its first event, and what it then occupies,
//! beside a baseline function that has nothing to build.
//!
//! Everything runs on one CPU, each round starts every function once, and a function's start is compared to the
//! baseline's of the same round.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::Error;
use crate::artifact::Artifact;
use crate::machine::on_one_cpu;
use crate::merchant::Merchant;
use crate::process::{cpu_time, peak_resident_bytes, resident_bytes};
use crate::runtime_api::RuntimeApi;

/// Odd, so that there is one in the middle.
const ROUNDS: usize = 51;

/// What the template and Lambda give to a function. Nothing listens where AWS is said to be.
const ENVIRONMENT: [(&str, &str); 19] = [
    // Not the app of the event files, so that no return is looked up.
    ("AUTHLINK_ALIPAY_APP_ID", "2021000000000000"),
    ("AUTHLINK_ALIPAY_AUTHORIZE_URL", "https://openauth.alipay.com/oauth2/publicAppAuthorize.htm"),
    ("AUTHLINK_ALIPAY_GATEWAY_URL", "https://openapi.alipay.com/gateway.do"),
    ("AUTHLINK_PUBLIC_URL", ""),
    ("AUTHLINK_CALLBACK_PORTS", "443"),
    ("AUTHLINK_DELIVERY_WAITS_SECS", "15,30,180,600,1200,1800,3600,10800,21600"),
    ("AUTHLINK_RETENTION_DAYS", "400"),
    ("AUTHLINK_SECRETS_PREFIX", "authlink"),
    ("AUTHLINK_TABLE", "authlink-Table"),
    ("AUTHLINK_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/authlink-Queue"),
    ("AUTHLINK_LOG_LEVEL", "info"),
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("AWS_SESSION_TOKEN", "AQoDYXdzEJr"),
    ("AWS_LAMBDA_FUNCTION_NAME", "authlink"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
];

/// A function with its build and its starts, in the order of the rounds.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) artifact: Artifact,
    pub(crate) starts: Vec<Start>,
    event: Vec<u8>,
    /// What its answer to the event contains.
    answer: &'static str,
}

/// One start of one function.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    /// Until the first event was asked for.
    pub(crate) wall: Duration,
    /// CPU time until then.
    pub(crate) cpu: Duration,
    /// The largest resident size until then.
    pub(crate) peak_resident_bytes: u64,
    /// The resident size after one event.
    pub(crate) resident_bytes_after_event: u64,
}

/// Builds the baseline and the functions, and starts each of them often; the baseline comes first.
pub(crate) fn measure(merchant: &Merchant) -> Result<Vec<Function>, Error> {
    let build = |folder, name, event: &str, answer| -> Result<Function, Error> {
        let artifact = Artifact::build(folder, name)?;
        Ok(Function { name, artifact, starts: Vec::new(), event: event.as_bytes().to_vec(), answer })
    };
    // Each event is answered without a call to a store.
    let mut functions = vec![
        build("local/baseline", "baseline-function", &baseline_event(merchant)?.to_string(), "200")?,
        build(
            "functions/alipay-auth-url",
            "alipay-auth-url",
            include_str!("../../../functions/alipay-auth-url/events/stale-request.json"),
            r#"{\"status\":5,"#,
        )?,
        build(
            "functions/authorization-query",
            "authorization-query",
            include_str!("../../../functions/authorization-query/events/stale-query.json"),
            r#"{\"status\":5,"#,
        )?,
        build(
            "functions/get-authorization-url",
            "get-authorization-url",
            include_str!("../../../functions/get-authorization-url/events/nobody-calls.json"),
            r#"\"Code\":\"MissingAccessKeyId\""#,
        )?,
        build(
            "functions/openid-callback",
            "openid-callback",
            include_str!("../../../functions/openid-callback/events/unknown-link.json"),
            "unknown-link",
        )?,
        build(
            "functions/openid-delivery",
            "openid-delivery",
            include_str!("../../../functions/openid-delivery/events/not-a-hint.json"),
            "3f9a6b1e-6f1c-4d0e-9f59-0c1a7f1f5b02",
        )?,
    ];
    let api = RuntimeApi::start()?;
    on_one_cpu(move || {
        // In the first round the programs come from the disk.
        for round in 0..=ROUNDS {
            for function in &mut functions {
                let start = function.start(&api)?;
                if round > 0 {
                    function.starts.push(start);
                }
            }
        }
        Ok(functions)
    })
}

/// A signature for the baseline to verify.
fn baseline_event(merchant: &Merchant) -> Result<Value, Error> {
    let key = KeyPair::from_pkcs8(merchant.rsa.to_pkcs8_der()?.as_bytes())?;
    let message = "businessId=demo&nonce=0123456789abcdef0123456789abcdef&timestamp=1700000000000";
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)?;
    let body = json!({
        "publicKey": STANDARD.encode(merchant.rsa.to_public_key().to_public_key_der()?.as_bytes()),
        "message": message,
        "signature": STANDARD.encode(signature),
    });
    Ok(json!({"body": body.to_string()}))
}

impl Function {
    fn start(&self, api: &RuntimeApi) -> Result<Start, Error> {
        let mut command = Command::new(&self.artifact.program);
        command.env_clear().envs(ENVIRONMENT).env("AWS_LAMBDA_RUNTIME_API", api.address.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let began = Instant::now();
        let process = Running(command.spawn()?);
        let asking = api.next()?;
        let wall = asking.since - began;
        let id = process.0.id();
        let (cpu, peak_resident_bytes) = (cpu_time(id)?, peak_resident_bytes(id)?);
        let answer = String::from_utf8(api.invoke(asking, &self.event)?)?;
        if !answer.contains(self.answer) {
            return Err(format!("{} answered {answer}", self.name).into());
        }
        // It has done with the event when it asks for another.
        api.next()?;
        Ok(Start { wall, cpu, peak_resident_bytes, resident_bytes_after_event: resident_bytes(id)? })
    }
}

/// Ends the process when it is not needed any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
