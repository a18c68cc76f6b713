//! The programs that are measured: the baseline, every function in the environment that the template and Lambda give
//! it, and the peers.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::Error;
use crate::requests::{Senders, template};
use crate::servers::FakeServices;

/// The baseline and the functions: name, a part of each answer, and the status of the item in the store.
pub(crate) const FUNCTIONS: [(&str, &str, &str); 6] = [
    ("baseline-function", r#""statusCode":200"#, "issued"),
    ("alipay-auth-url", r#"\"status\":0,"#, "issued"),
    ("get-authorization-url", r#"{\"Code\":\"OK\","#, "issued"),
    ("authorization-query", r#"\"status\":0,"#, "delivered"),
    ("openid-callback", "授权成功", "exchanging"),
    ("openid-delivery", r#"{"batchItemFailures":[]}"#, "delivering"),
];

pub(crate) struct Subject {
    pub(crate) name: String,
    /// The function whose events it serves.
    pub(crate) function: &'static str,
    /// A part of the answer to each event.
    pub(crate) answer: &'static str,
    pub(crate) fake_services: FakeServices,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl Subject {
    /// The baseline, then every function, as `cargo build --release` leaves them.
    pub(crate) async fn functions(senders: &Senders) -> Result<Vec<Self>, Error> {
        let mut subjects = Vec::new();
        for (name, answer, status) in FUNCTIONS {
            let fake_services = FakeServices::start(&senders.folder, status).await?;
            let program = target()?.join("release").join(name);
            let (function, name, arguments, environment) = (name, name.to_owned(), Vec::new(), Vec::new());
            subjects.push(Self { name, function, answer, fake_services, program, arguments, environment });
        }
        Ok(subjects)
    }

    /// The peers, which do the job of `alipay-auth-url`, as `make` installs them in `target/peers`.
    pub(crate) async fn peers(senders: &Senders) -> Result<Vec<Self>, Error> {
        let peers = target()?.join("peers");
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
                function: "alipay-auth-url",
                answer: "alipayAuthUrl",
                fake_services: FakeServices::start(&senders.folder, "issued").await?,
                program: place.join(program),
                arguments,
                environment,
            });
        }
        Ok(subjects)
    }

    /// The command that starts it, after the words of `before`.
    pub(crate) fn command(&self, before: &[&str], runtime_api: &str) -> Result<Command, Error> {
        let mut words = before.iter().map(Into::into).chain([self.program.clone().into_os_string()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::null());
        let environment: BTreeMap<String, String> = serde_json::from_value(template("environment")?)?;
        command.env_clear().envs(environment);
        let origin = &self.fake_services.origin;
        command.env("AUTHLINK_ALIPAY_GATEWAY_URL", format!("{origin}/gateway.do"));
        command.env("AUTHLINK_DANGEROUS_CALLBACK_ORIGINS", origin).env("AWS_ENDPOINT_URL", origin);
        command.env("AWS_LAMBDA_RUNTIME_API", runtime_api.trim_start_matches("http://"));
        command.envs(self.environment.iter().cloned());
        if let Some((_, place)) = self.environment.iter().find(|(name, _)| *name == "LAMBDA_TASK_ROOT") {
            command.current_dir(place);
        }
        Ok(command)
    }

    /// Where callgrind's profile of `count` events is kept.
    pub(crate) fn profile(&self, count: usize) -> PathBuf {
        self.program.with_extension(format!("{count}.callgrind"))
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

/// The folder of what is built, whatever the profile that this program was built by.
pub(crate) fn target() -> Result<PathBuf, Error> {
    let program = std::env::current_exe()?;
    Ok(program.ancestors().nth(2).ok_or("no target folder")?.to_owned())
}
