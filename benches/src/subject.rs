//! The programs that are measured: the baseline, every function in the environment that the template and Lambda give it,
//! and the peers.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use local::folder::{APP_ID, Folder};

use crate::Error;
use crate::requests::{Kind, Senders};
use crate::servers::StandIns;

/// A line a variable.
const ENVIRONMENT: &str = "\
AUTHLINK_ALIPAY_AUTHORIZE_URL=https://openauth.alipay.com/oauth2/publicAppAuthorize.htm
AUTHLINK_PUBLIC_URL=
AUTHLINK_CALLBACK_PORTS=443
AUTHLINK_DELIVERY_WAITS_SECS=15,30,180,600,1200,1800,3600,10800,21600
AUTHLINK_RETENTION_DAYS=400
AUTHLINK_SECRETS_PREFIX=authlink
AUTHLINK_TABLE=authlink-Table
AUTHLINK_QUEUE_URL=https://sqs.us-east-1.amazonaws.com/000000000000/authlink-Queue
AUTHLINK_LOG_LEVEL=info
AWS_REGION=us-east-1
AWS_DEFAULT_REGION=us-east-1
AWS_ACCESS_KEY_ID=ASIAIOSFODNN7EXAMPLE
AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
AWS_SESSION_TOKEN=AQoDYXdzEJr
AWS_LAMBDA_FUNCTION_NAME=authlink
AWS_LAMBDA_FUNCTION_VERSION=$LATEST
AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256
AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/authlink
AWS_LAMBDA_LOG_STREAM_NAME=authlink
PATH=/usr/local/bin:/usr/bin:/bin";

/// The baseline and the functions: name, events, a part of each answer, and the status of the item in the store.
const FUNCTIONS: [(&str, Kind, &str, &str); 6] = [
    ("baseline-function", Kind::Signature, r#""statusCode":200"#, "issued"),
    ("alipay-auth-url", Kind::Link, r#"\"status\":0,"#, "issued"),
    ("get-authorization-url", Kind::GetAuthorizationUrl, r#"{\"Code\":\"OK\","#, "issued"),
    ("authorization-query", Kind::Query, r#"\"status\":0,"#, "delivered"),
    ("openid-callback", Kind::Return, "授权成功", "exchanging"),
    ("openid-delivery", Kind::Hint, r#"{"batchItemFailures":[]}"#, "delivering"),
];

pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// A part of the answer to each event.
    pub(crate) answer: &'static str,
    pub(crate) stand_ins: StandIns,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl Subject {
    /// The baseline, then every function, as `cargo build --release` leaves them beside this program.
    pub(crate) async fn functions(folder: &Folder) -> Result<Vec<Self>, Error> {
        let mut subjects = Vec::new();
        for (name, kind, answer, status) in FUNCTIONS {
            let (stand_ins, name) = (StandIns::start(folder, status).await?, name.to_owned());
            let program = std::env::current_exe()?.with_file_name(&name);
            let (arguments, environment) = (Vec::new(), Vec::new());
            subjects.push(Self { name, kind, answer, stand_ins, program, arguments, environment });
        }
        Ok(subjects)
    }

    /// The peers, which do the job of `alipay-auth-url`, as `make` installs them in `target/peers`.
    pub(crate) async fn peers(folder: &Folder, senders: &Senders) -> Result<Vec<Self>, Error> {
        let release = std::env::current_exe()?;
        let peers = release.ancestors().nth(2).ok_or("no target folder")?.join("peers");
        let mut subjects = Vec::new();
        for (language, program, arguments) in [
            ("node", "/usr/bin/env", "node node_modules/aws-lambda-ric/bin/index.mjs index.handler"),
            ("python", "venv/bin/python", "-m awslambdaric peer.handler"),
        ] {
            let place = peers.join(language);
            let arguments: Vec<_> = arguments.split(' ').map(str::to_owned).collect();
            let environment = vec![
                ("PUBLIC_KEY", senders.public_pem.clone()),
                ("_HANDLER", arguments.last().cloned().unwrap_or_default()),
                ("LAMBDA_TASK_ROOT", place.display().to_string()),
            ];
            subjects.push(Self {
                name: fs::read_to_string(place.join("installed"))?.trim().to_owned(),
                kind: Kind::Link,
                answer: "alipayAuthUrl",
                stand_ins: StandIns::start(folder, "issued").await?,
                program: place.join(program),
                arguments,
                environment,
            });
        }
        Ok(subjects)
    }

    /// The command that starts it, after the words of `before`.
    pub(crate) fn command(&self, before: &[&str], runtime_api: &str) -> Command {
        let mut words = before.iter().map(Into::into).chain([self.program.clone().into_os_string()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::null());
        command.env_clear().envs(ENVIRONMENT.lines().filter_map(|line| line.split_once('=')));
        let origin = &self.stand_ins.origin;
        command.env("AUTHLINK_ALIPAY_APP_ID", APP_ID);
        command.env("AUTHLINK_ALIPAY_GATEWAY_URL", format!("{origin}/gateway.do"));
        command.env("AUTHLINK_DANGEROUS_CALLBACK_ORIGINS", origin).env("AWS_ENDPOINT_URL", origin);
        command.env("AWS_LAMBDA_RUNTIME_API", runtime_api.trim_start_matches("http://"));
        command.envs(self.environment.iter().cloned());
        if let Some((_, place)) = self.environment.iter().find(|(name, _)| *name == "LAMBDA_TASK_ROOT") {
            command.current_dir(place);
        }
        command
    }

    /// The sizes of the program and of the zip of it, in bytes.
    pub(crate) fn sizes(&self) -> Result<[f64; 2], Error> {
        let program = fs::read(&self.program)?;
        // The first bytes of every database, which every program with SQLite in it contains.
        if program.windows(16).any(|bytes| bytes == b"SQLite format 3\0") {
            return Err(format!("{} has SQLite in it", self.name).into());
        }
        let zip = self.program.with_extension("zip");
        Command::new("python3").args(["-m", "zipfile", "-c"]).args([&zip, &self.program]).status()?;
        Ok([program.len() as f64, zip.metadata()?.len() as f64])
    }
}
