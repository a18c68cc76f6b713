//! What is measured: the baseline, each function of ours in the environment that the template and Lambda give it, and
//! the peers; with the events that come to it and the calls that it may make for one.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use local::folder::{APP_ID, Folder};
use serde_json::Value;

use crate::Error;
use crate::artifact::Artifact;
use crate::aws::{Aws, Calls, SECRETS_PREFIX};
use crate::events::Kind;
use crate::outside::Outside;
use crate::peers::Peer;
use crate::record;

const ENVIRONMENT: [(&str, &str); 18] = [
    ("AUTHLINK_ALIPAY_APP_ID", APP_ID),
    ("AUTHLINK_ALIPAY_AUTHORIZE_URL", "https://openauth.alipay.com/oauth2/publicAppAuthorize.htm"),
    ("AUTHLINK_ALIPAY_GATEWAY_URL", "https://openapi.alipay.com/gateway.do"),
    ("AUTHLINK_PUBLIC_URL", ""),
    ("AUTHLINK_CALLBACK_PORTS", "443"),
    ("AUTHLINK_DELIVERY_WAITS_SECS", "15,30,180,600,1200,1800,3600,10800,21600"),
    ("AUTHLINK_RETENTION_DAYS", "400"),
    ("AUTHLINK_SECRETS_PREFIX", SECRETS_PREFIX),
    ("AUTHLINK_TABLE", "authlink-Table"),
    ("AUTHLINK_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/authlink-Queue"),
    ("AUTHLINK_LOG_LEVEL", "info"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("AWS_SESSION_TOKEN", "AQoDYXdzEJr"),
    ("AWS_LAMBDA_FUNCTION_NAME", "authlink"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
];

/// The calls that one invocation may make when all is warm.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) store: f64,
    pub(crate) queue: f64,
    pub(crate) outside: f64,
}

/// A program that serves events, and the world around it.
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// What its answer to each event contains.
    pub(crate) answer: &'static str,
    pub(crate) budget: Budget,
    /// What is deployed of it; not known of a peer.
    pub(crate) artifact: Option<Artifact>,
    program: PathBuf,
    arguments: Vec<String>,
    place: PathBuf,
    environment: Vec<(&'static str, String)>,
    aws: Aws,
    outside: Option<Outside>,
}

impl Subject {
    /// The baseline, and then every function of ours, built.
    pub(crate) fn of_this_repository(folder: &Folder) -> Result<Vec<Self>, Error> {
        Artifact::build_all()?;
        let subject = |name, kind, answer, store, record: &Value| {
            Self::built(name, kind, answer, store, Aws::start(folder.secrets(), record)?)
        };
        let granted = r#"\"status\":0,"#;
        let (gateway, merchant) = (Outside::gateway(folder)?, Outside::merchant()?);
        let gateway_url = format!("http://{}/gateway.do", gateway.address);
        let origin = format!("http://{}", merchant.address);
        let due = record::being_delivered(&format!("{origin}/alipay/openid"));
        Ok(vec![
            subject("baseline-function", Kind::Signature, r#""statusCode":200"#, 0.0, &Value::Null)?,
            subject("alipay-auth-url", Kind::Link, granted, 1.0, &Value::Null)?,
            // A lease serves twenty calls, once an account is busy.
            subject("get-authorization-url", Kind::Call, r#"{\"Code\":\"OK\","#, 1.1, &Value::Null)?,
            subject("authorization-query", Kind::Query, granted, 2.0, &record::delivered())?,
            subject("openid-callback", Kind::Return, "授权成功", 2.0, &record::exchanging())?
                .hinting()
                .talking_to(gateway, "AUTHLINK_ALIPAY_GATEWAY_URL", gateway_url),
            subject("openid-delivery", Kind::Hint, r#"{"batchItemFailures":[]}"#, 2.0, &due)?.talking_to(
                merchant,
                "AUTHLINK_DANGEROUS_CALLBACK_ORIGINS",
                origin,
            ),
        ])
    }

    fn built(name: &str, kind: Kind, answer: &'static str, store: f64, aws: Aws) -> Result<Self, Error> {
        let artifact = Artifact::of(name)?;
        Ok(Self {
            name: name.to_owned(),
            kind,
            answer,
            budget: Budget { store, queue: 0.0, outside: 0.0 },
            program: artifact.program.clone(),
            arguments: Vec::new(),
            place: std::env::temp_dir(),
            environment: Vec::new(),
            aws,
            outside: None,
            artifact: Some(artifact),
        })
    }

    /// It also sends a hint each time.
    fn hinting(mut self) -> Self {
        self.budget.queue = 1.0;
        self
    }

    /// It also talks to `outside` each time, which `variable` leads it to.
    fn talking_to(mut self, outside: Outside, variable: &'static str, value: String) -> Self {
        self.budget.outside = 1.0;
        self.outside = Some(outside);
        self.environment.push((variable, value));
        self
    }

    /// A peer, which does the job of `alipay-auth-url` with what its language has for it.
    pub(crate) fn of_peer(peer: Peer, folder: &Folder) -> Result<Self, Error> {
        Ok(Self {
            name: peer.name,
            kind: Kind::Link,
            answer: "alipayAuthUrl",
            budget: Budget { store: 1.0, queue: 0.0, outside: 0.0 },
            artifact: None,
            program: peer.program,
            arguments: peer.arguments,
            place: peer.place,
            environment: peer.environment,
            aws: Aws::start(folder.secrets(), &Value::Null)?,
            outside: None,
        })
    }

    /// The command that starts it; the Runtime API is at `runtime_api`.
    pub(crate) fn command(&self, runtime_api: String) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.place);
        command.env_clear().envs(ENVIRONMENT).envs(self.environment.iter().cloned());
        command.env("AWS_ENDPOINT_URL", format!("http://{}", self.aws.address));
        command.env("AWS_LAMBDA_RUNTIME_API", runtime_api);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// What it has asked of AWS so far, and of whom it talks to besides.
    pub(crate) fn calls(&self) -> (Calls, u32) {
        (self.aws.calls(), self.outside.as_ref().map_or(0, Outside::requests))
    }
}
