//! The command line: its help and its completions as they are documented, and an operator's day on a local host.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _, Parser as _};
use local::app::{Local, Options};
use local::cli::Cli;
use local::client::client_builder;
use local::documents::shown::without_keys;
use local::emulator::certificates::issue;
use local::folder::{ACCESS_KEY_ID, BUSINESS_ID, Folder, MERCHANT_ID};
use local::merchant::{MerchantFault, SignType, Signer, send, sign};
use local::operate::Place;
use local::operate::summary::callers_name;
use rusqlite::Connection;
use serde_json::{Value, json};
use shared::model::authorization::{Authorization, Status};
use shared::model::clock::{Clock as _, SystemClock};
use shared::model::id::AuthorizationId;
use shared::model::owner::Owner;
use shared::store::listing::{ListAuthorizations as _, Listing, View};
use shared::store::sqlite::SqliteStore;
use shared::store::{ReadAuthorizations as _, ReadDenyList as _};
use tests::host::options;
use tests::keys::{foreign, merchant, merchant_md5, public_pem};
use tests::parties::identified;
use tests::process::{CommandProcess, obey_if_a_parent_says_so};
use tests::request::{LinkCall, state_of};
use tests::rpc::{Protocol, RpcCall};
use tests::world::{BEGINNING, World};
use tokio::time::timeout;
use url::Url;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::lists::fill;

const WITHIN: Duration = Duration::from_mins(1);
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn help_of(command: &mut Command, path: &str, text: &mut String) {
    let path = if path.is_empty() {
        command.get_name().to_owned()
    } else {
        format!("{path} {}", command.get_name())
    };
    *text += &format!("==== {path} --help\n{}\n", command.clone().term_width(100).render_long_help());
    let names: Vec<_> = command.get_subcommands().map(|known| known.get_name().to_owned()).collect();
    if names.is_empty() {
        hold_examples(&path, &command.get_after_help().map(ToString::to_string).unwrap_or_default());
    }
    for name in names.iter().filter(|name| *name != "help") {
        if let Some(known) = command.find_subcommand_mut(name) {
            help_of(known, &path, text);
        }
    }
}

/// A command has examples of itself, and each can be read.
fn hold_examples(path: &str, help: &str) {
    let mut examples = 0;
    for line in help.lines().filter_map(|line| line.strip_prefix("  ")) {
        let Some((_, command)) = line.split_once("authlink ") else { continue };
        let command = command.split(" > ").next().expect("words").replace("FINGERPRINT", &"0".repeat(64));
        let words = ["authlink"].into_iter().chain(command.split_whitespace());
        let read = Cli::try_parse_from(words).map(drop).map_err(|error| error.to_string());
        assert_eq!(read, Ok(()), "{path}: {line}");
        // An id may stand between the command's words.
        let mut said = command.split_whitespace();
        let is_its = path.split(' ').skip(1).all(|word| said.any(|said| said == word));
        examples += usize::from(is_its);
    }
    assert!(examples > 0, "{path} has no example of its own in {help:?}");
}

/// Compares with a golden file, and keeps what it is now for whoever means it.
fn golden(name: &str, now: &str) {
    let kept = Path::new(ROOT).join("target/tmp").join(name);
    fs::create_dir_all(kept.parent().expect("a folder")).expect("made");
    fs::write(&kept, now).expect("kept");
    let golden = fs::read_to_string(Path::new(ROOT).join("tests/golden").join(name)).unwrap_or_default();
    assert!(now == golden, "it has changed; if that is meant: cp target/tmp/{name} tests/golden/");
}

#[test]
fn the_help_of_every_command_is_the_golden_one() {
    let mut command = Cli::command();
    command.build();
    let mut text = String::new();
    help_of(&mut command, "", &mut text);
    let text: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    golden("help.txt", &text);
}

#[test]
fn the_completions_are_the_golden_ones() {
    golden("completions.bash", &local::cli::completions(clap_complete::Shell::Bash));
}

const THE_PROCESS: &str = "command_line::the_process_of_a_command";

/// Not a test by itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_of_a_command() {
    obey_if_a_parent_says_so(THE_PROCESS).await;
}

#[test]
fn a_status_that_cannot_be_had_is_json_where_that_was_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut status = CommandProcess::start(THE_PROCESS, folder.path(), &["status", "--json"]);
    let error = status.says("\"error\": ");
    assert!(error.contains("is no folder of authlink's"), "{error}");
    assert!(!status.ended().success());
}

/// A request as it goes over the wire.
fn wire(call: &LinkCall) -> String {
    let request = call.build();
    let lines = request
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", value.to_str().expect("text")));
    let body = String::from_utf8(call.body.clone()).expect("text");
    format!("POST {} HTTP/1.1\r\n{}\r\n{body}", call.path, lines.collect::<String>())
}

#[test]
fn the_doctor_reads_a_file_or_standard_input_with_either_kind_of_key_and_ends_by_what_it_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        path.to_str().expect("text").to_owned()
    };
    let now = SystemClock.now();
    let (by_rsa, by_md5) = (wire(&LinkCall::new("S1", now)), wire(&LinkCall::new("S2", now).by_md5()));
    let anew = |request: &str| request.replace(r#""userId":"#, r#""userId": "#);
    let public = file("public.pem", &public_pem(merchant()));
    let shared = file("shared.txt", &format!("{}\n", merchant_md5()));
    let right = file("right.txt", &by_rsa);
    let (public, shared) = (["--public-key", &public], ["--md5-key-file", &shared]);
    let both = [public, shared].concat();
    let doctor = |words: &[&str], input: &str| {
        let words = [&["doctor"][..], words].concat();
        CommandProcess::reading(THE_PROCESS, folder.path(), &words, input.as_bytes())
    };
    for (words, input, told, holds) in [
        ([&[right.as_str()][..], &public].concat(), "", "the signature holds", true),
        (public.to_vec(), by_rsa.as_str(), "the signature holds", true),
        (shared.to_vec(), &by_md5, "the signature holds", true),
        (both.clone(), &by_md5, "the signature holds", true),
        (public.to_vec(), &anew(&by_rsa), "cause: body_reserialized", false),
        (shared.to_vec(), &anew(&by_md5), "cause: body_reserialized", false),
        (shared.to_vec(), &by_rsa, "refused: ", false),
        (vec![], &by_rsa, "no key was given", false),
        (both, "POST / HTTP/1.1\nnonce: n\n\n{}", "header businessId is missing", false),
    ] {
        let mut process = doctor(&words, input);
        process.says(told);
        assert_eq!(process.ended().success(), holds, "{words:?}: {told}");
    }
}

#[tokio::test]
async fn what_the_doctor_cannot_read_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        path.to_str().expect("text").to_owned()
    };
    let request = file("request.txt", &wire(&LinkCall::new("S1", SystemClock.now())));
    let (short, no_request) = (file("short.txt", "fifteen letters"), file("none.txt", "POST / HTTP/1.1"));
    let public = file("public.pem", &public_pem(foreign()));
    let absent = folder.path().join("absent.pem");
    for (words, reason) in [
        ([request.as_str(), "--public-key", &request], "the key in "),
        ([request.as_str(), "--public-key", absent.to_str().expect("text")], "absent.pem"),
        ([request.as_str(), "--md5-key-file", &short], "holds less than 16 characters"),
        ([no_request.as_str(), "--public-key", &public], "no blank line ends the headers"),
        ([request.as_str(), "--public-key", &public], "the signature does not hold"),
    ] {
        let words = [&["authlink", "doctor"][..], &words].concat();
        let told = Cli::try_parse_from(words).expect("its words").run().await.expect_err(reason).to_string();
        assert!(told.contains(reason), "{told}");
    }
}

/// The JSON in what a process printed, which its test's name may stand before.
fn json_in(printed: &str) -> Value {
    let (begin, end) = (printed.find('{').expect("an object"), printed.rfind('}').expect("its end"));
    serde_json::from_str(&printed[begin..=end]).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

/// Everything of AWS, answering each request with these.
async fn aws_answering(status: u16, body: &str) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_string(body);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// How a command ends for someone whose home this is, with what it says.
fn operate(home: &Path, environment: &[(&str, &str)], words: &[&str]) -> (bool, String) {
    let path = |name: &str| home.join(name).display().to_string();
    let (home, config, credentials) = (home.display().to_string(), path("config"), path("credentials"));
    let own = [
        ("HOME", home.as_str()),
        ("AWS_CONFIG_FILE", &config),
        ("AWS_SHARED_CREDENTIALS_FILE", &credentials),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let environment = [&own[..], environment].concat();
    let mut process = CommandProcess::in_environment(THE_PROCESS, Path::new(&home), words, &environment);
    let printed = process.printed();
    (process.ended().success(), printed + &process.said_of_errors())
}

const KNOWN: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "secret")];

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_credentials_or_names_a_stack_of_others_is_told_what_to_do() {
    let home = tempfile::tempdir().expect("a folder");
    let list = ["authorizations", "list", "--region", "us-east-1", "--stack", "other"];
    let (done, told) = operate(home.path(), &[], &list);
    assert!(!done && told.contains("no AWS credentials were found. Sign in by `aws sso login`"), "{told}");

    let profile = "[profile ops]\nsso_session = ops\nsso_account_id = 123456789012\nsso_role_name = Operator\n\
        [sso-session ops]\nsso_start_url = https://ops.example/start\nsso_region = us-east-1\n";
    fs::write(home.path().join("config"), profile).expect("written");
    let cache = home.path().join(".aws/sso/cache");
    fs::create_dir_all(&cache).expect("made");
    let token = json!({"accessToken": "x", "expiresAt": "2020-01-01T00:00:00Z"}).to_string();
    // Named by the session's SHA-1.
    fs::write(cache.join("c62973cc56845b0e473e9e3c40b6e1f0a84662ef.json"), token).expect("written");
    let (done, told) = operate(home.path(), &[], &[&list[..], &["--profile", "ops"]].concat());
    assert!(!done && told.contains("the AWS credentials are unavailable ("), "{told}");
    assert!(told.contains("`aws sso login --profile ops`"), "{told}");

    let expired = "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token \
        included in the request is expired</Message></Error></ErrorResponse>";
    let described = "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>other</StackName>\
        <StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-11-01T00:00:00Z</CreationTime></member></Stacks>\
        </DescribeStacksResult></DescribeStacksResponse>";
    for (status, answer, expected) in [
        (403, expired, "AWS does not accept the credentials ("),
        (200, described, "the stack other names no TableName: it is not of authlink"),
    ] {
        let aws = aws_answering(status, answer).await;
        let at = aws.uri();
        let environment = [&KNOWN[..], &[("AWS_ENDPOINT_URL", at.as_str())]].concat();
        let (done, told) = tokio::task::block_in_place(|| operate(home.path(), &environment, &list));
        assert!(!done && told.contains(expected), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_alone_is_operated_by_its_name() {
    let home = tempfile::tempdir().expect("a folder");
    let aws = aws_answering(200, r#"{"Items": []}"#).await;
    let at = aws.uri();
    let environment = [&KNOWN[..], &[("AWS_ENDPOINT_URL", at.as_str())]].concat();
    let list = ["authorizations", "list", "--region", "us-east-1", "--table", "records-before"];
    let (done, told) = tokio::task::block_in_place(|| operate(home.path(), &environment, &list));
    assert!(done && told.contains("Nothing needs attention."), "{told}");
    let asked = aws.received_requests().await.expect("recorded");
    assert!(!asked.is_empty());
    for request in asked {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        assert!(body.contains("records-before"), "{body}");
        assert!(request.headers["x-amz-target"].to_str().expect("text").starts_with("DynamoDB_"));
    }
    let check = ["business", "check", "B1", "--region", "us-east-1", "--table", "records-before"];
    let (done, told) = tokio::task::block_in_place(|| operate(home.path(), &environment, &check));
    assert!(!done && told.contains("a table has no documents: name a stack"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resend_of_many_that_was_stopped_goes_on_and_sends_each_once() {
    let world = World::new();
    let mut made = Vec::new();
    for number in 0..5 {
        made.push(world.authorized(&format!("S{number}"), &format!("open-{number}")).await.id);
    }
    world.drain().await;
    let Place::Folder(folder) = world.place() else { panic!("a folder") };
    let resend = |rate: &str| {
        let words = ["authorizations", "resend", "--all", "--state", "delivered", "--yes", "--rate", rate];
        CommandProcess::start(THE_PROCESS, &folder, &words)
    };
    let in_state = async |status: Status| {
        let mut count = 0;
        for id in &made {
            count += usize::from(world.record(id).await.status() == status);
        }
        count
    };
    let deliver = async || {
        // A resend is due at the time of this machine.
        world.clock.advance(SystemClock.now().since(world.now()) + Duration::from_mins(1));
        world.sweep_and_drain().await;
    };
    assert_eq!(in_state(Status::Delivered).await, 5);
    let mut stopped = resend("1");
    let first = async {
        while in_state(Status::Authorized).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(WITHIN, first).await.expect("one is due again");
    stopped.signal("INT");
    let (ended, told) = tokio::task::block_in_place(|| (stopped.ended(), stopped.said_of_errors()));
    assert!(
        !ended.success() && told.contains("run the same again for the rest, within a day: stopped"),
        "{told}"
    );
    let done = in_state(Status::Authorized).await;
    assert!((1..5).contains(&done), "{done}");
    deliver().await;
    assert_eq!(in_state(Status::Delivered).await, 5, "so that anew it would be sent once more");

    let printed = tokio::task::block_in_place(|| resend("1000").printed());
    assert!(printed.contains(&format!("{} due again", 5 - done)), "{printed}");
    deliver().await;
    for id in &made {
        assert_eq!(world.record(id).await.history().len(), 2, "delivered, and once more");
    }
    let audit = fs::read_to_string(folder.join("audit.jsonl")).expect("an audit");
    let lines: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let ends: Vec<_> =
        lines.iter().map(|line| (&line["details"]["done"], &line["details"]["ended"])).collect();
    assert_eq!(ends, [(&json!(done), &json!(false)), (&json!(5 - done), &json!(true))]);
}

/// A local host whose merchant fails, and an operator beside it.
struct Desk {
    local: Local,
    store: SqliteStore,
    folder: tempfile::TempDir,
}

impl Desk {
    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = vec![("AUTHLINK_DELIVERY_WAITS_SECS", "1".to_owned())];
        let local = Local::start(&Options { settings, ..options(folder.path()) }).await.expect("starts");
        let store = SqliteStore::open_existing(&folder.path().join("authlink.db")).expect("opens");
        Self { local, store, folder }
    }

    async fn command(&self, words: &[&str]) -> Result<(), String> {
        let folder = self.folder.path().to_str().expect("text");
        let words = [&["authlink", "--folder", folder][..], words].concat();
        Cli::try_parse_from(words)
            .map_err(|error| error.to_string())?
            .run()
            .await
            .map_err(|error| error.to_string())
    }

    /// The same in a process of its own.
    fn process(&self, words: &[&str]) -> CommandProcess {
        CommandProcess::start(THE_PROCESS, self.folder.path(), words)
    }

    /// A user consents; the serialNo.
    async fn consent(&self, user: usize) -> String {
        let call = self.local.merchant.request_link(SignType::Sha256Rsa, "user-1").await;
        self.consent_at(&call.answer.expect("an answer").link().expect("a link"), user).await;
        call.request.serial_no
    }

    async fn consent_at(&self, link: &str, user: usize) {
        let link: Url = link.parse().expect("a URL");
        let code = self.local.emulator.mint_code(user);
        let query = format!("auth_code={code}&app_id={}&state={}", local::folder::APP_ID, state_of(&link));
        let back =
            self.local.authlink.join(&format!("v1/openapi/auth/alipay/callback?{query}")).expect("a URL");
        assert!(client().get(back).send().await.expect("an answer").status().is_success());
    }

    /// A link whose callbacks go to `callback_url`.
    async fn link_with(&self, callback_url: &str) -> (String, String) {
        let key = Folder::open(self.folder.path()).and_then(|folder| folder.parties()).expect("keys");
        let serial_no = "S-passed-on";
        let body = json!({
            "merchantId": MERCHANT_ID, "businessId": BUSINESS_ID, "serialNo": serial_no, "userId": "user-1",
            "callbackUrl": callback_url,
        });
        let url = self.local.authlink.join("v1/openapi/auth/alipay/url").expect("a URL").to_string();
        let signer = Signer::Rsa(&key.merchant_private_key);
        let call = sign(url, BUSINESS_ID, serial_no, body.to_string(), signer, SystemClock.now());
        let answer = send(&client(), &call).await.expect("an answer");
        (serial_no.to_owned(), answer.link().expect("a link"))
    }

    async fn record(&self, serial_no: &str) -> Authorization {
        let id = AuthorizationId::from_serial(BUSINESS_ID, serial_no);
        self.store.authorization(&id).await.expect("answers").expect("a record")
    }

    async fn status(&self, serial_no: &str) -> Status {
        self.record(serial_no).await.status()
    }

    /// Waits until it is in this state.
    async fn reaches(&self, serial_no: &str, wanted: Status) {
        let reached = async {
            while self.status(serial_no).await != wanted {
                tokio::task::yield_now().await;
            }
        };
        timeout(WITHIN, reached).await.unwrap_or_else(|_| panic!("{serial_no} is not {wanted}"));
    }

    fn audit(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("audit.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// The files of the keys of `party`, such as `business-B7`.
    fn kept_keys(&self, party: &str) -> Vec<PathBuf> {
        let Ok(files) = fs::read_dir(self.folder.path().join("keys/local")) else { return Vec::new() };
        let files = files.map(|file| file.expect("a file").path());
        files
            .filter(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(party)))
            .collect()
    }
}

fn client() -> reqwest::Client {
    client_builder(Duration::from_secs(5), Duration::from_secs(30)).build().expect("a client")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_delivered_or_given_up_is_found_and_resent() {
    let desk = Desk::open().await;
    desk.local.merchant.set_fault(MerchantFault::WrongText);
    let serial_no = desk.consent(0).await;
    desk.local.merchant.callbacks(2).await;
    desk.reaches(&serial_no, Status::Undeliverable).await;
    for words in [
        &["authorizations", "list"][..],
        &["authorizations", "list", "--json", "--state", "undeliverable", "--since", "1h"],
        &["authorizations", "show", "--serial-no", &serial_no],
        &["authorizations", "resend", "--all", "--dry-run"],
    ] {
        desk.command(words).await.expect("done");
    }
    assert!(desk.audit().is_empty(), "nothing was changed");
    let inside = ["authorizations", "resend", "--serial-no", &serial_no, "--to", "https://10.0.0.1/x"];
    let refused = desk.command(&inside).await.expect_err("no public address");
    assert!(refused.contains("public address"), "{refused}");
    assert_eq!(desk.status(&serial_no).await, Status::Undeliverable);

    desk.local.merchant.set_fault(MerchantFault::None);
    desk.command(&["authorizations", "resend", "--all", "--yes"]).await.expect("done");
    // A sweep of the host's may have come already.
    assert!([Status::Authorized, Status::Delivered].contains(&desk.status(&serial_no).await));
    let audit = desk.audit();
    assert_eq!(
        (audit.len(), &audit[0]["action"], &audit[0]["details"]["done"]),
        (1, &"resend".into(), &1.into())
    );
    assert!(
        !desk.folder.path().join("resends").read_dir().expect("a folder").any(|_| true),
        "no plan is left"
    );

    let unknown = desk.command(&["authorizations", "show", "--serial-no", "S-unknown"]).await;
    assert!(unknown.expect_err("nobody").contains("there is no authorization"));
    let issued = desk.local.merchant.request_link(SignType::Md5, "user-1").await.request.serial_no;
    let refused = desk.command(&["authorizations", "resend", "--serial-no", &issued]).await;
    assert!(refused.expect_err("no openId").contains("it is ISSUED: it has no openId"));
}

/// The records of a world that are in this state, by their names there.
async fn in_state(world: &World, status: Status) -> BTreeSet<String> {
    let (view, now) = (View::States(vec![status]), world.now());
    let listing = Listing { view, owner: None, since: None, until: None, after: None, limit: 10, now };
    let page = world.store.list(&listing).await.expect("answers");
    let name = |record: &Authorization| match record.owner() {
        Owner::Business(_) => callers_name(record).to_owned(),
        Owner::Scheme(_) => "of the scheme".to_owned(),
    };
    page.records.iter().map(name).collect()
}

#[tokio::test]
async fn many_are_resent_by_owner_state_and_time() {
    let world = World::new();
    for serial_no in ["S1", "S2", "S3"] {
        world.authorized(serial_no, "open-1").await;
        world.clock.advance(Duration::from_mins(1));
    }
    world.call(&RpcCall::new(Protocol::V3, world.now())).await.link.expect("a link");
    let (view, now) = (View::States(vec![Status::Issued]), world.now());
    let listing = Listing { view, owner: None, since: None, until: None, after: None, limit: 1, now };
    let [issued] = &world.store.list(&listing).await.expect("answers").records[..] else { panic!("one") };
    world.gateway.answer(identified("open-2"));
    world.complete_return(&state_of(issued.link().expect("a link")), "codeS").await;

    let place = world.place();
    let folder = place.folder().to_str().expect("text");
    let at = |minutes: u32| (BEGINNING + Duration::from_mins(1) * minutes).to_string();
    let (first, second, third) = (at(0), at(1), at(2));
    for (words, resent) in [
        (&["--all"][..], &["S1", "S2", "of the scheme"][..]),
        (&["--scheme-id", "234"], &["of the scheme"]),
        (&["--scheme-id", "235"], &[]),
        (&["--business-id", "B1"], &["S1", "S2"]),
        (&["--business-id", "B1", "--since", &second], &["S2"]),
        (&["--business-id", "B1", "--until", &second], &["S1"]),
        (&["--all", "--since", &second], &["S2", "of the scheme"]),
        (&["--all", "--since", &first, "--until", &third], &["S1", "S2"]),
        (&["--all", "--state", "delivered"], &["S3"]),
        (&["--all", "--state", "undeliverable", "--state", "DELIVERED", "--until", &third], &["S1", "S2"]),
        (&["--business-id", "B1", "--state", "delivered", "--since", &third], &["S3"]),
    ] {
        let connection = Connection::open(&world.file).expect("opens");
        let ended = "UPDATE authorizations SET status = CASE created_at WHEN ?1 THEN 'DELIVERED' ELSE 'UNDELIVERABLE' END,
                         next_attempt_at = NULL, due_at = NULL, delivery_by = NULL";
        let delivered = (BEGINNING + Duration::from_mins(2)).0;
        assert_eq!(connection.execute(ended, [delivered]), Ok(4));
        let resend = ["authlink", "--folder", folder, "authorizations", "resend", "--rate", "1000"];
        for (how, expected) in [("--dry-run", &[][..]), ("--yes", resent)] {
            let words = [&resend[..], words, &[how]].concat();
            Cli::try_parse_from(&words).expect("words").run().await.expect("done");
            let expected: BTreeSet<_> = expected.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(in_state(&world, Status::Authorized).await, expected, "{words:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_page_has_what_was_given_up_delivered_once_more() {
    let desk = Desk::open().await;
    desk.local.merchant.set_fault(MerchantFault::WrongText);
    let serial_no = desk.consent(0).await;
    desk.local.merchant.callbacks(2).await;
    desk.reaches(&serial_no, Status::Undeliverable).await;
    let url = desk.local.merchant_at.join("api/redrive").expect("a URL");
    let redrive = async |content_type: &str, serial_no: &str| {
        let body = json!({"serialNo": serial_no}).to_string();
        let asked = client().post(url.clone()).header("content-type", content_type).body(body);
        let answer = asked.send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    let (status, told) = redrive("application/json", "S-unknown").await;
    assert!(status == 409 && told.contains("there is no authorization"), "{told}");
    assert_eq!(redrive("text/plain", &serial_no).await.0, 415, "a page of another origin");
    let rebound = client().post(url.clone()).header("host", "evil.example:8789");
    let rebound = rebound.header("content-type", "application/json");
    let rebound = rebound.body(json!({"serialNo": serial_no}).to_string()).send().await.expect("an answer");
    assert_eq!(rebound.status().as_u16(), 403, "a name of another site that leads here");
    assert_eq!(desk.status(&serial_no).await, Status::Undeliverable);

    desk.local.merchant.set_fault(MerchantFault::None);
    assert_eq!(redrive("application/json", &serial_no).await, (200, r#"{"due":true}"#.to_owned()));
    assert!([Status::Authorized, Status::Delivered].contains(&desk.status(&serial_no).await));
    assert_eq!(desk.audit()[0]["action"], "resend");
}

#[test]
fn a_selector_that_would_be_passed_over_is_refused() {
    let (serial_no, reference) = (["--serial-no", "S1"], ["--reference", "0123456789abcdef0123456789abcdef"]);
    let refused = |action: &str, one: &[&str], other: &[&str]| {
        let words = [&["authlink", "authorizations", action][..], one, other].concat();
        let refused = Cli::try_parse_from(&words).map(drop).expect_err("two that do not go together").kind();
        assert!(
            matches!(refused, ErrorKind::ArgumentConflict | ErrorKind::UnknownArgument),
            "{words:?}: {refused}"
        );
    };
    let scheme = ["--scheme-id", "234"];
    for action in ["show", "forget", "resend"] {
        refused(action, &serial_no, &scheme);
        refused(action, &reference, &scheme);
        refused(action, &reference, &["--business-id", "B9"]);
        refused(action, &reference, &serial_no);
    }
    let of_many =
        [&["--since", "2h"][..], &["--until", "2h"], &["--state", "delivered"], &["--all"], &["--anew"]];
    for other in of_many {
        refused("resend", &serial_no, other);
        refused("resend", &reference, other);
    }
    refused("resend", &["--all"], &scheme);
    refused("resend", &["--all"], &["--business-id", "B9"]);
}

#[tokio::test]
async fn a_resend_of_many_that_fails_says_that_its_audit_line_is_missing_too() {
    let world = World::new();
    for serial_no in ["S1", "S2"] {
        world.authorized(serial_no, "open-1").await;
        world.drain().await;
        world.clock.advance(Duration::from_mins(1));
    }
    let connection = Connection::open(&world.file).expect("opens");
    let fails = format!(
        "CREATE TRIGGER fails BEFORE UPDATE ON authorizations WHEN old.created_at = {}
             BEGIN SELECT RAISE(ABORT, 'no'); END",
        BEGINNING.0
    );
    connection.execute_batch(&fails).expect("made");
    let place = world.place();
    fs::create_dir(place.folder().join("audit.jsonl")).expect("made");
    let folder = place.folder().to_str().expect("text");
    let resend = [
        "authlink",
        "--folder",
        folder,
        "authorizations",
        "resend",
        "--all",
        "--state",
        "delivered",
        "--yes",
    ];
    let failed = Cli::try_parse_from(resend)
        .expect("words")
        .run()
        .await
        .expect_err("one cannot be written")
        .to_string();
    assert!(failed.starts_with("1 are due again; run the same again"), "{failed}");
    assert!(
        failed.contains("; and of the 1 before, it is done, but ") && failed.contains("takes no line"),
        "{failed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_forgotten_once_it_is_meant() {
    let desk = Desk::open().await;
    let serial_no = desk.consent(0).await;
    desk.reaches(&serial_no, Status::Delivered).await;
    let forget = ["authorizations", "forget", "--serial-no", &serial_no];
    desk.command(&[&forget[..], &["--dry-run"]].concat()).await.expect("said");
    desk.command(&[&forget[..], &["--dry-run", "--json"]].concat()).await.expect("said");
    assert!(desk.record(&serial_no).await.identity().is_some());
    assert!(desk.audit().is_empty(), "nothing was changed");

    let reference = desk.record(&serial_no).await.id.to_string();
    for (words, done) in [(&["--yes"][..], 1), (&["--json"], 0), (&[], 0)] {
        let by =
            if done == 0 { [&forget[..2], &["--reference", &reference]].concat() } else { forget.to_vec() };
        desk.command(&[&by[..], words].concat()).await.expect("forgotten");
        let audit = desk.audit();
        let line = audit.last().expect("a line");
        assert_eq!((&line["action"], &line["details"]["done"]), (&"forget".into(), &done.into()));
        assert_eq!(line["details"]["reference"], reference.as_str());
    }
    let left = desk.record(&serial_no).await;
    assert!(left.forgotten_at().is_some() && left.identity().is_none());
    assert_eq!(left.status(), Status::Delivered);
    for words in [&["authorizations", "show"][..], &["authorizations", "show", "--json"]] {
        desk.command(&[words, &["--serial-no", &serial_no]].concat()).await.expect("shown");
    }
    let refused = desk.command(&["authorizations", "resend", "--serial-no", &serial_no, "--yes"]).await;
    assert!(refused.expect_err("no body").contains("it is DELIVERED: its person was forgotten"));
    let unknown = desk.command(&["authorizations", "forget", "--serial-no", "S-unknown", "--yes"]).await;
    assert!(unknown.expect_err("nobody").contains("there is no authorization"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_business_is_made_checked_and_given_a_new_key_in_two_steps() {
    let desk = Desk::open().await;
    let document = desk.folder.path().join("secrets/business/B7.json");
    let keys = || {
        let text = fs::read_to_string(&document).expect("a document");
        let document: Value = serde_json::from_str(&text).expect("JSON");
        document["publicKeys"].as_array().expect("keys").len()
    };
    let add = ["business", "add", "B7", "--merchant-id", "M7"];
    assert!(!desk.process(&add).ended().success(), "nobody agrees");
    assert_eq!((desk.kept_keys("business-B7").len(), document.exists()), (0, false));
    desk.command(&[&add[..], &["--yes"]].concat()).await.expect("made");
    let [kept] = &desk.kept_keys("business-B7")[..] else { panic!("one key") };
    assert!(
        desk.command(&[&add[..], &["--yes"]].concat()).await.expect_err("twice").contains("there already")
    );
    let call = ["--business-id", "B7", "--merchant-id", "M7", "--key", kept.to_str().expect("text")];
    desk.command(&[&["call", "link"][..], &call].concat()).await.expect("a link with the new key");

    for words in [
        &["business", "show"][..],
        &["business", "show", "B7"],
        &["business", "check", "B7"],
        &["check", document.to_str().expect("text")],
    ] {
        desk.command(words).await.expect("done");
    }
    let rotate = ["business", "rotate", "B7"];
    let step = async |step: &str| desk.command(&[&rotate[..], &[step, "--yes"]].concat()).await;
    assert!(step("finish").await.expect_err("early").contains("begin"));
    assert!(!desk.process(&["business", "rotate", "B7", "begin"]).ended().success(), "nobody agrees");
    assert_eq!((keys(), desk.kept_keys("business-B7").len()), (1, 1), "a no leaves nothing behind");
    for rotation in 1..=2 {
        step("begin").await.expect("begun");
        assert_eq!((keys(), desk.kept_keys("business-B7").len()), (2, 1 + rotation));
        assert!(step("begin").await.expect_err("twice").contains("under way"));
        step("finish").await.expect("finished");
        assert_eq!((keys(), desk.kept_keys("business-B7").len()), (1, 1 + rotation));
    }
    assert_eq!(desk.audit().len(), 5);
    for made in [
        &["business", "add", "B8", "--merchant-id", "M8", "--md5", "--yes"][..],
        &["account", "add", "2001", "--requests-per-second", "5", "--yes"],
        &["access-key", "add", "key2", "--account-id", "2001", "--yes"],
        &["scheme", "add", "300", "--account-id", "2001", "--merchant-name", "示例商店", "--yes"],
        &["access-key", "rotate", "key2", "begin", "--yes"],
        &["business", "rotate", "B8", "begin", "--yes"],
        &["business", "rotate", "demo", "begin", "--field", "md5Keys", "--yes"],
    ] {
        desk.command(made).await.expect("made");
    }
    let platform =
        ["platform", "add", "east", "--base-url", "https://east.example", "--business-id", "us", "--yes"];
    let theirs = desk.folder.path().join("parties/alipay.pub.pem");
    let theirs = theirs.to_str().expect("text");
    desk.command(&[&platform[..], &["--public-key", theirs]].concat()).await.expect("made");
    for (refused, reason) in [
        (&["business", "rotate", "demo", "begin", "--yes"][..], "--field"),
        (&["platform", "rotate", "east", "begin", "--yes"], "--public-key"),
        (&["business", "rotate", "B8", "finish", "--public-key", theirs, "--yes"], "--public-key"),
        (&["scheme", "rotate", "300", "begin", "--yes"], "unrecognized subcommand"),
        (&["account", "rotate", "2001", "begin", "--yes"], "unrecognized subcommand"),
    ] {
        let told = desk.command(refused).await.expect_err("refused");
        assert!(told.contains(reason), "{told}");
    }
    assert_eq!(desk.kept_keys("upstream-east").len(), 1, "no key is made on a platform's behalf");
    desk.command(&["status"]).await.expect("healthy");
    fs::write(&document, r#"{"merchantIds": 1, "publicKeys": []}"#).expect("broken");
    assert!(desk.command(&["business", "check", "B7"]).await.expect_err("flaws").contains("2 flaws"));
    assert!(desk.command(&["status"]).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_that_verified_last_is_shown_and_told_before_the_old_one_goes() {
    let desk = Desk::open().await;
    let (show, rotate) = (["business", "show", "B7"], ["business", "rotate", "B7"]);
    desk.command(&["business", "add", "B7", "--merchant-id", "M7", "--yes"]).await.expect("made");
    let [old] = &desk.kept_keys("business-B7")[..] else { panic!("one key") };
    desk.command(&[&rotate[..], &["begin", "--yes"]].concat()).await.expect("begun");
    let new = desk.kept_keys("business-B7").into_iter().find(|file| file != old).expect("another");
    desk.process(&show).says("No request is recorded that a key verified.");

    for (name, key) in [("new", &new), ("old", old)] {
        let file = key.to_str().expect("text");
        let call = ["call", "link", "--business-id", "B7", "--merchant-id", "M7", "--key", file];
        desk.command(&call).await.expect("a link");
        let line = desk.process(&show).says("verified last, at ");
        assert!(line.contains(short(key)), "{name}: {line}");
        let mut programs = desk.process(&[&show[..], &["--json"]].concat());
        programs.says("\"verifiedLast\": {");
        programs.says(short(key));
        assert!(programs.ended().success());
        let mut asked = desk.process(&[&rotate[..], &["finish"]].concat());
        asked.says(if name == "new" {
            "the old key verified none; the new key 1"
        } else {
            "the old key verified 1"
        });
        assert!(!asked.ended().success(), "nobody agrees");
    }
    let mut finished = desk.process(&[&rotate[..], &["finish", "--yes"]].concat());
    finished.says("Of 2 requests, the newest, the old key verified 1");
    assert!(finished.ended().success());
    let line = desk.process(&show).says("verified last, at ");
    assert!(line.contains(short(&new)), "it has verified before: {line}");

    let database = desk.folder.path().join("authlink.db");
    fs::rename(&database, desk.folder.path().join("elsewhere.db")).expect("moved");
    let mut shown = desk.process(&show);
    shown.says(short(&new));
    shown.says("Which key verified last could not be read: ");
    assert!(shown.ended().success());
}

/// The beginning of a key's fingerprint, from its file's name.
fn short(file: &Path) -> &str {
    file.file_stem().and_then(|name| name.to_str()?.rsplit('-').next()).expect("a name")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_of_an_access_key_that_verified_last_is_found_by_its_accounts_schemes() {
    let desk = Desk::open().await;
    for made in [
        &["account", "add", "2001", "--yes"][..],
        &["access-key", "add", "key2", "--account-id", "2001", "--yes"],
        &["access-key", "rotate", "key2", "begin", "--yes"],
        &["scheme", "add", "300", "--account-id", "2001", "--merchant-name", "示例商店", "--yes"],
    ] {
        desk.command(made).await.expect("made");
    }
    let show = ["access-key", "show", "key2"];
    for secret in desk.kept_keys("access-key-key2") {
        let call = ["call", "get-authorization-url", "--phone", "13900001234"];
        let by =
            ["--access-key-id", "key2", "--scheme", "300", "--secret-file", secret.to_str().expect("text")];
        desk.command(&[&call[..], &by].concat()).await.expect("a link");
        let line = desk.process(&show).says("verified last, at ");
        assert!(line.contains(short(&secret)), "{line}");
    }
    // The demo's key is of another account, whose schemes nobody has asked for a link of.
    desk.process(&["access-key", "show", ACCESS_KEY_ID]).says("No request is recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_made_named_shown_and_given_a_new_key_of_alipays() {
    const APP: &str = "2021000000000002";
    let desk = Desk::open().await;
    let path = |name: &str| desk.folder.path().join(name).to_str().expect("text").to_owned();
    let alipays = path("parties/alipay.pub.pem");
    let add = ["app", "add", APP, "--alipay-public-key", &alipays, "--yes"];
    let business = ["business", "add", "B9", "--merchant-id", "M9", "--alipay-app", APP, "--yes"];
    assert!(desk.command(&business).await.expect_err("no such app").contains("app add"));
    assert!(desk.command(&add).await.expect_err("no key yet").contains("app key"));
    desk.command(&["app", "key", APP]).await.expect("made");
    assert!(desk.command(&["app", "key", APP]).await.is_err(), "a key is never replaced");
    desk.command(&add).await.expect("made");
    assert!(desk.command(&["app", "add", "x1", "--alipay-public-key", &alipays, "--yes"]).await.is_err());
    for words in [&["app", "show"][..], &["app", "show", APP], &["app", "check", APP]] {
        desk.command(words).await.expect("done");
    }
    desk.command(&business).await.expect("made");
    let [key] = &desk.kept_keys("business-B9")[..] else { panic!("one key") };
    let key = key.to_str().expect("text");
    let call = ["call", "link", "--business-id", "B9", "--merchant-id", "M9", "--key", key];
    desk.command(&call).await.expect("a link of the app");

    let begin = ["app", "rotate", APP, "begin", "--yes"];
    assert!(desk.command(&begin).await.expect_err("whose").contains("--public-key"));
    let next = path("parties/merchant.pub.pem");
    desk.command(&[&begin[..], &["--public-key", &next]].concat()).await.expect("begun");
    desk.command(&["app", "rotate", APP, "finish", "--yes"]).await.expect("finished");
    desk.command(&["status"]).await.expect("healthy");
    fs::remove_file(path(&format!("secrets/alipay-app/{APP}.json"))).expect("removed");
    assert!(desk.command(&["status"]).await.is_err(), "a business names an app that is not there");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_moves_to_certificates_in_named_steps_and_back() {
    let desk = Desk::open().await;
    let path = |name: &str| desk.folder.path().join(name).to_str().expect("text").to_owned();
    let files = ["parties/app.crt", "parties/alipay.crt", "parties/alipay-root.crt"].map(path);
    let options = ["--app-certificate", "--alipay-certificate", "--root-certificates"];
    let named: Vec<_> = options.iter().copied().zip(&files).flat_map(|(name, file)| [name, file]).collect();
    let step = async |words: &[&str]| {
        let (step, more) = words.split_first().expect("a step");
        desk.command(&[&["app", "move", local::folder::APP_ID, *step, "--yes"][..], more].concat()).await
    };
    let document = || {
        let text = fs::read_to_string(path(&format!("secrets/alipay-app/{}.json", local::folder::APP_ID)));
        serde_json::from_str::<Value>(&text.expect("a document")).expect("JSON")
    };
    let fields = || {
        let document = document();
        let counted = ["alipayPublicKeys", "alipayCertificates"];
        counted.map(|list| document[list].as_array().map_or(0, Vec::len))
    };
    assert!(step(&["finish"]).await.expect_err("early").contains("alipayCertificates"));
    assert!(step(&["back"]).await.expect_err("early").contains("appCertificate"));
    let mut of_another_key = [&["begin"], &named[..]].concat();
    of_another_key[2] = &files[1];
    assert!(step(&of_another_key).await.expect_err("of another key").ends_with(" has 1 flaw"));
    assert_eq!(fields(), [1, 0]);

    let begin = [&["begin"], &named[..]].concat();
    for _ in 0..2 {
        step(&begin).await.expect("begun, once or again");
        assert_eq!(fields(), [1, 1]);
    }
    let written_anew = format!("{}\n", fs::read_to_string(&files[1]).expect("a certificate"));
    fs::write(&files[1], &written_anew).expect("written");
    step(&begin).await.expect("begun again");
    assert_eq!(
        document()["alipayCertificates"],
        json!([written_anew]),
        "a file of the same certificate takes its place"
    );
    desk.consent(0).await;
    let exchange = &desk.local.emulator.journal().after(0)[0].event.request;
    assert!(exchange.contains("app_cert_sn = "), "{exchange}");

    let rotate = ["app", "rotate", local::folder::APP_ID];
    let rotate = async |words: &[&str]| desk.command(&[&rotate[..], words, &["--yes"]].concat()).await;
    assert!(rotate(&["begin"]).await.expect_err("which").contains("alipayPublicKeys and alipayCertificates"));
    let same = rotate(&["begin", "--alipay-certificate", &files[1]]).await.expect_err("the same one");
    assert!(same.contains("is there already"), "{same}");
    let (next, roots) = (path("next.crt"), path("roots.crt"));
    let issued = issue(foreign(), tests::keys::platform()).expect("issued");
    fs::write(&next, &issued.alipay).expect("written");
    let old_roots = fs::read_to_string(&files[2]).expect("roots");
    fs::write(&roots, format!("{old_roots}{}", issued.roots)).expect("written");
    let mut renewed = begin.clone();
    (renewed[4], renewed[6]) = (&next, &roots);
    step(&renewed).await.expect("a new one of Alipay's beside the old one");
    assert_eq!(fields(), [1, 2]);
    rotate(&["finish"]).await.expect("finished");
    rotate(&["begin", "--alipay-certificate", &files[1]]).await.expect("begun");
    assert_eq!(fields(), [1, 2]);
    rotate(&["finish"]).await.expect("finished");
    step(&["back"]).await.expect("back");
    assert_eq!(fields(), [1, 0]);
    step(&begin).await.expect("begun");
    step(&["finish"]).await.expect("finished");
    assert_eq!(fields(), [0, 1]);
    assert!(rotate(&["begin"]).await.expect_err("none").contains("--alipay-certificate"));
    let actions: Vec<_> = desk.audit().iter().map(|line| line["action"].clone()).collect();
    assert_eq!(
        actions,
        [
            "move begin",
            "move begin",
            "move begin",
            "move begin",
            "rotate finish",
            "rotate begin",
            "rotate finish",
            "move back",
            "move begin",
            "move finish"
        ]
    );

    let (key, id) = (path("parties/app.pem"), "2021000000000003");
    let add = ["app", "add", id, "--private-key", &key, "--yes"];
    assert!(desk.command(&add).await.expect_err("no keys").contains("--alipay-public-key"));
    assert!(desk.command(&[&add[..], &named[..2]].concat()).await.is_err(), "one file of three");
    desk.command(&[&add[..], &named].concat()).await.expect("made with certificates alone");
    desk.command(&["app", "check", id]).await.expect("right");
    desk.command(&["status"]).await.expect("healthy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_gets_test_callbacks_right_and_wrong() {
    let desk = Desk::open().await;
    let to = format!("{}callback", desk.local.merchant_at);
    let trigger = ["trigger", "callback", "--to", &to];
    desk.command(&trigger).await.expect("the demo merchant takes what is signed");
    desk.command(&[&trigger[..], &["--wrong-signature"]].concat()).await.expect("and refuses what is not");
    desk.local.merchant.set_fault(MerchantFault::Unchecked);
    let careless = desk.command(&[&trigger[..], &["--wrong-signature"]].concat()).await;
    assert!(careless.expect_err("it does not verify").contains("it does not verify"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_passed_on_as_it_came_and_its_answer_goes_back() {
    let desk = Desk::open().await;
    let receiver = format!("{}callback", desk.local.merchant_at);
    let mut listener = desk.process(&["listen", "--forward-to", &receiver]);
    let told = listener.says("Callbacks to ");
    let at = told.split_whitespace().find(|word| word.starts_with("http://")).expect("an address");
    let (serial_no, link) = desk.link_with(&format!("{at}callback")).await;
    desk.consent_at(&link, 0).await;
    desk.reaches(&serial_no, Status::Delivered).await;
    let [received] = &desk.local.merchant.received()[..] else { panic!("one callback") };
    assert!(received.signature_ok, "the merchant verifies what was signed for it");
    listener.says("signature holds");
    assert!(listener.says("\"serialNo\"").contains(&serial_no));
    listener.says("-> 200 OK SUCCESS");
    listener.signal("TERM");
    assert!(listener.ended().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_shown_is_disabled_by_what_is_shown() {
    let desk = Desk::open().await;
    let text = fs::read_to_string(desk.folder.path().join("secrets/business/demo.json")).expect("a document");
    let shown = without_keys(&serde_json::from_str(&text).expect("JSON"));
    let denied = async || desk.store.deny_list().await.expect("answers").entries().len();
    for list in ["publicKeys", "md5Keys"] {
        let fingerprint = shown[list][0].as_str().expect("a fingerprint");
        let disable = ["business", "disable", "demo", "--key", fingerprint];
        let before = denied().await;
        assert!(!desk.process(&disable).ended().success(), "nobody agrees");
        assert_eq!(denied().await, before, "a no changes nothing");
        desk.command(&[&disable[..], &["--yes"]].concat()).await.expect("done");
        assert_eq!(denied().await, before + 1);
    }
    assert!(!desk.process(&["business", "enable", "demo"]).ended().success(), "nobody agrees");
    desk.command(&["business", "enable", "demo", "--yes"]).await.expect("done");
    let done: Vec<_> = desk.audit().iter().map(|line| line["details"]["done"].clone()).collect();
    assert_eq!(done, [1, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_printed_as_they_come_until_ctrl_c() {
    let desk = Desk::open().await;
    let first = desk.consent(0).await;
    desk.reaches(&first, Status::Delivered).await;
    let mut tail = desk.process(&["authorizations", "tail", "--since", "1h", "--json"]);
    let told = json_in(&tail.says("\"serialNo\""));
    assert_eq!((&told["serialNo"], &told["state"]), (&json!(first), &json!("DELIVERED")));
    let second = desk.consent(1).await;
    assert!(json_in(&tail.says(&second))["time"].is_i64());
    tail.signal("INT");
    assert!(tail.ended().success());
}

#[test]
fn ctrl_c_ends_a_tail_while_aws_keeps_it_waiting() {
    for deployment in ["--stack", "--table"] {
        let aws = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = format!("http://{}", aws.local_addr().expect("an address"));
        let environment = [&KNOWN[..], &[("AWS_ENDPOINT_URL", at.as_str())]].concat();
        let home = tempfile::tempdir().expect("a folder");
        let words = ["authorizations", "tail", "--region", "us-east-1", deployment, "ours"];
        let mut tail = CommandProcess::in_environment(THE_PROCESS, home.path(), &words, &environment);
        let _waits = aws.accept().expect("asked");
        tail.signal("INT");
        assert!(tail.ended().success(), "{deployment}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_met_twice_or_asked_for_twice_counts_once() {
    let world = World::new();
    let id = world.authorized("S1", "open-1").await.id;
    // The page ends before the one that cannot be read, which is looked at to see whether there are more.
    fill(&world, id.as_str(), 502, "'UNDELIVERABLE'");
    let connection = Connection::open(&world.file).expect("opens");
    let broken = "UPDATE authorizations SET history = 'x' WHERE created_at = ?1";
    assert_eq!(connection.execute(broken, [BEGINNING.0 + 2]), Ok(1));
    let (place, since) = (world.place(), BEGINNING.to_string());
    let start = |words: &[&str]| CommandProcess::start(THE_PROCESS, place.folder(), words);

    let resend = ["authorizations", "resend", "--all", "--since", &since, "--dry-run", "--json"];
    let mut resend =
        start(&[&resend[..], &["--state", "undeliverable", "--state", "UNDELIVERABLE"]].concat());
    assert_eq!(json_in(&resend.printed()), json!({"done": 0, "wouldDo": 501}));
    let told = resend.said_of_errors();
    assert!(told.contains("not listed: 1 that"), "{told}");

    let list = ["authorizations", "list", "--state", "AUTHORIZED", "--state", "authorized", "--json"];
    let listed = json_in(&start(&list).printed());
    assert_eq!(listed["authorizations"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_is_told_to_programs_as_json() {
    let desk = Desk::open().await;
    let theirs = desk.folder.path().join("parties/alipay.pub.pem").display().to_string();
    let told = |words: &[&str]| {
        let mut process = desk.process(&[words, &["--json"]].concat());
        let told = json_in(&process.printed());
        (process.ended().success(), told)
    };
    let done = |words: &[&str]| {
        let (done, told) = told(words);
        assert!(done, "{words:?}: {told}");
        told
    };
    let made = done(&["business", "add", "B7", "--merchant-id", "M7", "--yes"]);
    assert_eq!(made["document"], "business/B7");
    let [kept] = &desk.kept_keys("business-B7")[..] else { panic!("one key") };
    assert_eq!(made["keys"][0]["file"], json!(fs::canonicalize(kept).expect("a file")));
    assert!(made["keys"][0]["fingerprint"].as_str().expect("one").starts_with(short(kept)));
    assert_eq!(done(&["business", "check", "B7"]), json!({"document": "business/B7", "flaws": []}));
    let begun = done(&["business", "rotate", "B7", "begin", "--yes"]);
    assert_eq!((&begun["step"], &begun["field"]), (&json!("rotate begin"), &json!("publicKeys")));
    assert_eq!(begun["keys"].as_array().map(Vec::len), Some(1));
    let finished = done(&["business", "rotate", "B7", "finish", "--yes"]);
    assert_eq!((&finished["keys"], finished.get("verifiedLast")), (&json!([]), Some(&Value::Null)));

    let east = ["platform", "add", "east", "--base-url", "https://east.example", "--business-id", "us"];
    done(&[&east[..], &["--public-key", &theirs, "--yes"]].concat());
    let why = "Which key verified last is not recorded of a platform";
    let shown = done(&["platform", "show", "east"]);
    assert!(shown["verifiedLast"]["unknown"].as_str().expect("why").starts_with(why), "{shown}");
    assert!(desk.process(&["platform", "show", "east"]).printed().contains(why));

    let disabled = done(&["business", "disable", "B7", "--yes"]);
    assert_eq!(disabled, json!({"denial": "business/B7", "done": 1, "disabled": ["business/B7"]}));
    let enabled = done(&["business", "enable", "B7", "--yes"]);
    assert_eq!(enabled, json!({"denial": "business/B7", "done": 1, "disabled": []}));

    let serial_no = desk.consent(0).await;
    desk.reaches(&serial_no, Status::Delivered).await;
    let would = done(&["authorizations", "resend", "--serial-no", &serial_no, "--dry-run"]);
    assert_eq!(would, json!({"done": 0, "wouldDo": 1}));
    let resent = done(&["authorizations", "resend", "--serial-no", &serial_no, "--yes"]);
    assert_eq!(resent, json!({"done": 1}));

    let document = desk.folder.path().join("secrets/business/B7.json");
    fs::write(&document, "{\"merchantIds\": 1,\n \"publicKeys\": []}").expect("broken");
    let file = document.to_str().expect("text");
    for (words, name) in [(&["business", "check", "B7"][..], "business/B7"), (&["check", file], file)] {
        let (sound, told) = told(words);
        assert!(!sound);
        assert_eq!((&told["document"], told["flaws"].as_array().map(Vec::len)), (&json!(name), Some(2)));
        assert_eq!(
            (&told["flaws"][1]["line"], &told["flaws"][1]["field"]),
            (&json!(2), &json!("publicKeys"))
        );
    }
}

/// A file of the samples.
fn sample(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join("samples").join(name)).expect("a sample")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_printed_as_the_samples_program_with_its_settings_and_command() {
    let desk = Desk::open().await;
    let link = ["call", "link", "--serial-no", "S1", "--user-id", "it's 1"];
    let query = ["call", "query", "--serial-no", "S1"];
    let by_sdk = ["call", "get-authorization-url", "--phone", "13900001234", "--scheme", "235"];
    let by_sdk = [&by_sdk[..], &["--end-date", "2099-12-31"]].concat();
    let merchant = "export BUSINESS_ID='demo'";
    for (words, language, source, setting, command) in [
        (
            &link[..],
            "java",
            "java/Authlink.java",
            merchant,
            "Authlink.java 'link' 'S1' 'it'\\''s 1' 'http://",
        ),
        (&link, "php", "php/authlink.php", merchant, "php authlink.php 'link'"),
        (&query, "node", "node/authlink.mjs", merchant, "node authlink.mjs 'query' 'S1'"),
        (&link, "python", "python/authlink.py", merchant, "python3 authlink.py 'link'"),
        (&query, "go", "go/main.go", merchant, "go run main.go 'query' 'S1'"),
        (&link, "ruby", "ruby/authlink.rb", merchant, "ruby authlink.rb 'link'"),
        (&link, "shell", "shell/authlink.sh", merchant, "bash authlink.sh 'link'"),
        (
            &by_sdk,
            "java",
            "get-authorization-url/GetAuthorizationUrl.java",
            "export ACCESS_KEY_ID='demoAccessKeyId'",
            "GetAuthorizationUrl.java '13900001234' '235' '2099-12-31'",
        ),
        (
            &by_sdk,
            "php",
            "get-authorization-url/get_authorization_url.php",
            "export ENDPOINT='http://127",
            "php ",
        ),
        (
            &by_sdk,
            "node",
            "get-authorization-url/get_authorization_url.mjs",
            "export ACCESS_KEY_SECRET_FILE='/",
            "node ",
        ),
        (
            &by_sdk,
            "python",
            "get-authorization-url/get_authorization_url.py",
            "export ENDPOINT='http://127",
            "python3 ",
        ),
        (
            &by_sdk,
            "go",
            "get-authorization-url/get_authorization_url.go",
            "export ENDPOINT='http://127",
            "go run ",
        ),
    ] {
        let mut process = desk.process(&[words, &["--as", language]].concat());
        let (printed, told) = (process.printed(), process.said_of_errors());
        assert!(process.ended().success(), "{told}");
        assert!(printed.contains(sample(source).trim_end()), "{language}: {printed}");
        assert!(told.contains(setting) && told.contains(command), "{language}: {told}");
    }
    assert!(
        desk.command(&[&by_sdk[..], &["--as", "ruby"]].concat()).await.expect_err("no SDK").contains("ruby")
    );
}
