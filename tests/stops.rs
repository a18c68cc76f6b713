//! A process that is told to stop: what it has begun goes to its end, and nothing is lost or done twice.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use local::client::client_builder;
use local::folder::Folder;
use local::merchant::{DemoMerchant, SignType};
use reqwest::Client;
use shared::model::authorization::Status;
use shared::model::id::AuthorizationId;
use shared::store::ReadAuthorizations as _;
use shared::store::sqlite::SqliteStore;
use tests::process::{Parties, Process, serve_if_a_parent_says_so};
use tests::request::state_of;
use tokio::task::JoinSet;
use url::Url;

const THE_PROCESS: &str = "stops::the_process_that_is_stopped";

/// Not a test by itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_is_stopped() {
    serve_if_a_parent_says_so().await;
}

/// A user who has consented: the way back from Alipay.
async fn return_from_alipay(browser: Client, authlink: Url, state: String, code: String) -> String {
    let at =
        format!("{authlink}v1/openapi/auth/alipay/callback?app_id={}&scope=auth_base", local::folder::APP_ID);
    let page = browser.get(format!("{at}&state={state}&auth_code={code}")).send().await;
    let page = page.expect("an answer").text().await.expect("a page");
    let outcome = page.split("data-outcome=\"").nth(1).and_then(|rest| rest.split('"').next());
    outcome.expect("an outcome").to_owned()
}

async fn link(merchant: &DemoMerchant) -> (String, String) {
    let call = merchant.request_link(SignType::Md5, "user-1").await;
    let link: Url = call.answer.expect("an answer").link().expect("a link").parse().expect("a URL");
    (call.request.serial_no, state_of(&link))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_consents_and_callbacks_end_and_the_next_start_does_none_of_them_again() {
    const EACH: usize = 10;
    let folder = tempfile::tempdir().expect("a folder");
    let parties = Parties::in_folder(folder.path()).await;
    let mut process = Process::start(THE_PROCESS, folder.path(), parties.settings(), "true");
    let (merchant, around) = parties.merchant_of(folder.path(), &process.authlink);
    let browser = client_builder(Duration::from_secs(5), Duration::from_secs(30)).build().expect("a client");
    let mut links = Vec::new();
    for _ in 0..2 * EACH {
        links.push(link(&merchant).await);
    }
    let mut browsers = JoinSet::new();
    let mut consent = |state: &str, user| {
        let code = around.emulator.mint_code(user);
        browsers.spawn(return_from_alipay(browser.clone(), process.authlink.clone(), state.to_owned(), code));
    };
    around.callbacks.close();
    links[..EACH].iter().enumerate().for_each(|(user, (_, state))| consent(state, user));
    // Of one owner eight attempts are made at a time.
    around.callbacks.arrivals(8).await;
    around.gateway.close();
    links[EACH..].iter().enumerate().for_each(|(user, (_, state))| consent(state, user));
    around.gateway.arrivals(2 * EACH).await;

    process.signal("TERM");
    process.says("Stopping");
    around.gateway.open();
    around.callbacks.open();
    let outcomes = browsers.join_all().await;
    assert_eq!(outcomes, vec!["authorized"; 2 * EACH]);
    assert!(process.ended().success());

    let store = SqliteStore::open(&folder.path().join("authlink.db")).expect("opens");
    let mut delivered = 0;
    for (serial_no, _) in &links {
        let id = AuthorizationId::from_serial(local::folder::BUSINESS_ID, serial_no);
        let record = store.authorization(&id).await.expect("answers").expect("recorded");
        assert!(record.consent().is_some(), "{serial_no} is lost");
        delivered += usize::from(record.status() == Status::Delivered);
    }
    assert_eq!((delivered, merchant.received().len()), (8, 8));

    let mut process = Process::start(THE_PROCESS, folder.path(), &around.settings, "true");
    merchant.callbacks(2 * EACH).await;
    process.signal("INT");
    assert!(process.ended().success());
    let mut posted: Vec<_> = merchant.received().into_iter().filter_map(|post| post.serial_no).collect();
    posted.sort();
    posted.dedup();
    assert_eq!((posted.len(), merchant.received().len()), (2 * EACH, 2 * EACH));
    assert_eq!(around.emulator.exchanges().len(), 2 * EACH);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let parties = Parties::in_folder(folder.path()).await;
    let mut process = Process::start(THE_PROCESS, folder.path(), parties.settings(), "true");
    let (merchant, around) = parties.merchant_of(folder.path(), &process.authlink);
    let (_, state) = link(&merchant).await;
    around.gateway.close();
    let code = around.emulator.mint_code(0);
    let browser = client_builder(Duration::from_secs(5), Duration::from_secs(30)).build().expect("a client");
    let returning = tokio::spawn(return_from_alipay(browser, process.authlink.clone(), state, code));
    around.gateway.arrivals(1).await;
    process.signal("TERM");
    process.says("Stopping");
    process.signal("TERM");
    assert!(!process.ended().success());
    assert!(returning.await.is_err(), "its connection is gone");
}

#[test]
fn a_process_whose_descriptors_run_out_says_so_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut process = Process::start(THE_PROCESS, folder.path(), &[], "ulimit -n 64");
    let at = process.authlink.socket_addrs(|| None).expect("an address")[0];
    let held: Vec<_> =
        (0..100).map(|_| TcpStream::connect(at).expect("the system's queue has room")).collect();
    assert!(process.logs("no connection can be accepted").contains("Too many open files"));
    drop(held);
    let asked = answer_to_get(&process.authlink);
    assert!(asked.starts_with("HTTP/1.1 404"), "{asked}");
    process.signal("TERM");
    assert!(process.ended().success());
}

#[test]
fn a_soft_limit_on_descriptors_is_raised() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut process = Process::start(THE_PROCESS, folder.path(), &[], "ulimit -S -n 64");
    let at = process.authlink.socket_addrs(|| None).expect("an address")[0];
    let held: Vec<_> =
        (0..100).map(|_| TcpStream::connect(at).expect("the system's queue has room")).collect();
    let asked = answer_to_get(&process.authlink);
    assert!(asked.starts_with("HTTP/1.1 404"), "{asked}");
    drop(held);
    process.signal("TERM");
    assert!(process.ended().success());
}

#[test]
fn a_signal_during_the_start_stops_what_was_started() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(Folder::make(folder.path()).expect("made"));
    let scheme = folder.path().join("secrets/scheme/234.json");
    assert!(Command::new("mkfifo").arg(&scheme).status().expect("made").success());
    let id = folder.path().join("id");
    let told = std::thread::spawn({
        let (scheme, id) = (scheme.clone(), id.clone());
        move || {
            // It opens once the start reads the document.
            let mut document = File::options().write(true).open(&scheme).expect("opens");
            let number = std::fs::read_to_string(&id).expect("an id");
            let sent = Command::new("kill").args(["-TERM", number.trim()]).status().expect("sent");
            assert!(sent.success());
            // What is read again is a file.
            let file = id.with_extension("json");
            std::fs::write(&file, "{}").expect("written");
            std::fs::rename(file, scheme).expect("in its place");
            document.write_all(b"{}").expect("is read");
        }
    });
    let first = format!("echo $$ > {}", id.display());
    let mut process = Process::start(THE_PROCESS, folder.path(), &[], &first);
    process.says("Stopping");
    assert!(process.ended().success());
    told.join().expect("no panic");
}

/// The answer to a request without a framework around it.
fn answer_to_get(at: &Url) -> String {
    let address = at.socket_addrs(|| None).expect("an address")[0];
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a bound");
    stream.write_all(b"GET /nowhere HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").expect("sends");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
