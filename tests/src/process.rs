//! A whole local host in a process of its own, which a test can signal, between an Alipay and a merchant of the test's
//! own that hold their answers back for as long as it wants.

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use clap::Parser as _;
use local::cli::Cli;
use local::emulator::{AlipayEmulator, Apps, EmulatedApp, EmulatorConfig};
use local::folder::{self, Folder};
use local::merchant::{DemoMerchant, MerchantConfig};
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Url;

const FOLDER: &str = "AUTHLINK_TEST_PROCESS_FOLDER";

const PROCESS: &str = "AUTHLINK_TEST_PROCESS";
const WORDS: &str = "AUTHLINK_TEST_PROCESS_WORDS";

/// This program as the process that the test `name` is the body of.
pub fn process_of(name: &str) -> Command {
    let mut process = Command::new(std::env::current_exe().expect("this program"));
    process.args(["--exact", name, "--nocapture"]).env(PROCESS, name);
    process
}

/// True in the process that [`process_of`] starts for `name`.
#[expect(clippy::disallowed_methods, reason = "the parent process names the test")]
pub fn is_process_of(name: &str) -> bool {
    std::env::var(PROCESS).is_ok_and(|named| named == name)
}

/// The body of the test that is the process of [`CommandProcess`]: does what its parent says. Nothing otherwise.
#[expect(clippy::disallowed_methods, reason = "the parent process names folder and words")]
pub async fn obey_if_a_parent_says_so(name: &str) {
    if !is_process_of(name) {
        return;
    }
    let [folder, words] = [FOLDER, WORDS].map(|name| std::env::var(name).expect("said"));
    let words: Vec<String> = serde_json::from_str(&words).expect("a list");
    let args = ["authlink", "--folder", &folder].map(str::to_owned).into_iter().chain(words);
    Cli::parse_from(args).run().await.expect("ends well");
}

/// What says who one is at AWS, which no process of a test has by itself.
const OF_AN_ACCOUNT: [&str; 8] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// A command of the program in a process of its own, in which nobody can be asked. It is killed when this is dropped.
pub struct CommandProcess {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    errors: Option<JoinHandle<String>>,
}

impl CommandProcess {
    /// Starts `test`, which calls [`obey_if_a_parent_says_so`].
    pub fn start(test: &str, folder: &Path, words: &[&str]) -> Self {
        Self::start_with(test, folder, words, &[], b"")
    }

    /// The same, with `input` on its standard input; no more than a pipe holds.
    pub fn reading(test: &str, folder: &Path, words: &[&str], input: &[u8]) -> Self {
        Self::start_with(test, folder, words, &[], input)
    }

    /// The same, with this environment.
    pub fn in_environment(test: &str, folder: &Path, words: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_with(test, folder, words, environment, b"")
    }

    fn start_with(
        test: &str,
        folder: &Path,
        words: &[&str],
        environment: &[(&str, &str)],
        input: &[u8],
    ) -> Self {
        let mut process = process_of(test);
        OF_AN_ACCOUNT.iter().for_each(|name| {
            process.env_remove(name);
        });
        let mut child = process
            .env(FOLDER, folder)
            .env(WORDS, serde_json::json!(words).to_string())
            .envs(environment.iter().copied())
            .stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input).expect("is read");
        }
        let output = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut errors = child.stderr.take().expect("its errors");
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            // What is no text is none of ours.
            let _ = errors.read_to_string(&mut text);
            text
        });
        Self { child, output, errors: Some(errors) }
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        send_signal(&self.child, name);
    }

    /// Waits for its end, and gives what it said on standard error.
    pub fn said_of_errors(&mut self) -> String {
        self.errors.take().expect("once").join().expect("read")
    }

    /// Waits for its end, and gives all that it printed.
    pub fn printed(&mut self) -> String {
        let lines: Vec<_> = self.output.by_ref().map_while(Result::ok).collect();
        lines.join("\n")
    }

    /// Waits for a line with `text`.
    pub fn says(&mut self, text: &str) -> String {
        line_with(&mut self.output, text)
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        self.child.wait().expect("its end")
    }
}

impl Drop for CommandProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The body of the test that is the process: serves from the folder that its parent names. Nothing otherwise.
#[expect(clippy::disallowed_methods, reason = "the parent process names the folder")]
pub async fn serve_if_a_parent_says_so() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let args = ["authlink", "--folder", &folder, "--port=0", "--emulator-port=0", "--merchant-port=0"];
    Cli::parse_from(args).run().await.expect("ends well");
}

/// A gate in front of a party: requests arrive, and wait until it is open.
#[derive(Clone)]
pub struct Gate(Arc<watch::Sender<(usize, bool)>>);

impl Gate {
    fn new() -> Self {
        Self(Arc::new(watch::Sender::new((0, true))))
    }

    pub fn open(&self) {
        self.0.send_modify(|(_, open)| *open = true);
    }

    pub fn close(&self) {
        self.0.send_modify(|(_, open)| *open = false);
    }

    /// Waits until so many requests have come to it in all.
    pub async fn arrivals(&self, count: usize) {
        // It cannot fail while `self` holds the sender.
        let _ = self.0.subscribe().wait_for(|(arrived, _)| *arrived >= count).await;
    }

    fn before(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), pass))
    }
}

async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    gate.0.send_modify(|(arrived, _)| *arrived += 1);
    let _ = gate.0.subscribe().wait_for(|(_, open)| *open).await;
    next.run(request).await
}

/// The host in a process of its own. It is killed when this is dropped.
pub struct Process {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    log: Receiver<String>,
    pub authlink: Url,
}

impl Process {
    /// Starts `test`, which calls [`serve_if_a_parent_says_so`], as a process on `folder` with these settings, by a
    /// shell that does `first` beforehand. Returns when it is ready.
    pub fn start(test: &str, folder: &Path, settings: &[(&str, String)], first: &str) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new("sh")
            .args(["-c", &format!("{first}; exec \"$0\" \"$@\"")])
            .arg(program)
            .args(["--exact", test, "--nocapture"])
            .env(FOLDER, folder)
            .envs(settings.iter().map(|(name, value)| (*name, value.as_str())))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let (line, log) = channel();
        let logged = BufReader::new(child.stderr.take().expect("its log")).lines();
        std::thread::spawn(move || logged.map_while(Result::ok).try_for_each(|logged| line.send(logged)));
        let mut output = BufReader::new(child.stdout.take().expect("its output")).lines();
        let greeting = line_with(&mut output, "  authlink   ");
        let authlink = greeting.split_whitespace().nth(1).expect("an address").parse().expect("a URL");
        Self { child, output, log, authlink }
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        send_signal(&self.child, name);
    }

    /// Waits for a line with `text` on its standard output.
    pub fn says(&mut self, text: &str) {
        line_with(&mut self.output, text);
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        self.child.wait().expect("its end")
    }

    /// Waits for a line with `text` in its log.
    pub fn logs(&self, text: &str) -> String {
        self.log
            .iter()
            .find(|line| line.contains(text))
            .unwrap_or_else(|| panic!("it ended without {text:?}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn send_signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(sent.expect("sent").success());
}

fn line_with(lines: &mut Lines<BufReader<ChildStdout>>, text: &str) -> String {
    let mut lines = lines.map_while(Result::ok);
    lines.find(|line| line.contains(text)).unwrap_or_else(|| panic!("it ended without {text:?}"))
}

/// Alipay and the merchant around a process, on ports of their own.
pub struct Parties {
    pub emulator: AlipayEmulator,
    pub gateway: Gate,
    pub callbacks: Gate,
    merchant_at: TcpListener,
    settings: Vec<(&'static str, String)>,
}

impl Parties {
    /// With the keys of `folder`, which is made.
    pub async fn in_folder(folder: &Path) -> Self {
        let keys = Folder::make(folder).expect("made").parties().expect("keys");
        let (gateway, callbacks) = (Gate::new(), Gate::new());
        let emulator = AlipayEmulator::new(EmulatorConfig {
            apps: Apps::one(EmulatedApp {
                app_id: folder::APP_ID.to_owned(),
                public_key: keys.app_public_key,
                alipay_private_key: keys.alipay_private_key,
                certificates: Some(keys.app_certificates),
            }),
            redirect_uri_prefix: None,
        });
        let (emulator_at, merchant_at) = (listen().await, listen().await);
        let settings = vec![
            ("AUTHLINK_ALIPAY_GATEWAY_URL", format!("{}gateway.do", origin(&emulator_at))),
            ("AUTHLINK_DANGEROUS_CALLBACK_ORIGINS", origin(&merchant_at).trim_end_matches('/').to_owned()),
        ];
        serve(emulator_at, gateway.before(emulator.router()));
        Self { emulator, gateway, callbacks, merchant_at, settings }
    }

    /// The settings by which a process finds them.
    pub fn settings(&self) -> &[(&'static str, String)] {
        &self.settings
    }

    /// A merchant who calls `authlink`, and is called back from now on.
    pub fn merchant_of(self, folder: &Path, authlink: &Url) -> (DemoMerchant, Surroundings) {
        let keys = Folder::open(folder).expect("opens").parties().expect("keys");
        let merchant = DemoMerchant::new(MerchantConfig {
            business_id: folder::BUSINESS_ID.to_owned(),
            merchant_id: folder::MERCHANT_ID.to_owned(),
            rsa_private_key: keys.merchant_private_key,
            md5_key: keys.merchant_md5_key,
            platform_public_key: keys.platform_public_key,
            authlink_origin: authlink.as_str().trim_end_matches('/').to_owned(),
            own_origin: origin(&self.merchant_at).trim_end_matches('/').to_owned(),
            emulator_origin: String::new(),
        });
        let merchant = merchant.expect("a merchant");
        serve(self.merchant_at, self.callbacks.before(merchant.router()));
        let Self { emulator, gateway, callbacks, settings, .. } = self;
        (merchant, Surroundings { emulator, gateway, callbacks, settings })
    }
}

/// [`Parties`], once the merchant is there.
pub struct Surroundings {
    pub emulator: AlipayEmulator,
    pub gateway: Gate,
    pub callbacks: Gate,
    pub settings: Vec<(&'static str, String)>,
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a port")
}

fn origin(listener: &TcpListener) -> String {
    format!("http://{}/", listener.local_addr().expect("an address"))
}

fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
}
