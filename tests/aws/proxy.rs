//! The proxy between authlink and AWS, which can fail: it counts the calls, forwards them, and spoils those it is told
//! to.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use fastrand::Rng;
use futures_util::stream;
use local::client::client_builder;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The fate of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is forwarded like any other.
    Passed,
    /// It is answered with this status and error code, and not done.
    Refused(u16, &'static str),
    /// It is not done, and never answered.
    Stuck,
    /// It is done, and never answered.
    Untold,
    /// It is done, and the connection ends within the answer.
    CutOff,
    /// It is done after this time.
    Late(Duration),
}

impl Fate {
    /// Its name, unless it leaves the call as it is.
    const fn name(self) -> Option<&'static str> {
        match self {
            Self::Passed => None,
            Self::Refused(..) => Some("refused"),
            Self::Stuck => Some("stuck"),
            Self::Untold => Some("untold"),
            Self::CutOff => Some("cut off"),
            Self::Late(_) => Some("late"),
        }
    }
}

/// The fates that a storm draws.
pub(crate) const STORMY: [&str; 5] = ["cut off", "late", "refused", "stuck", "untold"];

/// DynamoDB is asked too much of.
pub(crate) const THROTTLED: Fate = Fate::Refused(400, "ThrottlingException");

/// A service is down.
pub(crate) const DOWN: Fate = Fate::Refused(503, "ServiceUnavailable");

/// So often one call of authlink is tried.
pub(crate) const TRIES: usize = 3;

/// A proxy before the emulator, on a port of its own until it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    target: String,
    client: reqwest::Client,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    calls: BTreeMap<String, usize>,
    /// The calls that were not simply forwarded, by what became of them.
    spoiled: BTreeMap<&'static str, usize>,
    next: HashMap<&'static str, VecDeque<Fate>>,
    always: HashMap<&'static str, Fate>,
    lots: Option<Rng>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Proxy {
    /// A proxy before `target`.
    pub(crate) async fn before(target: String) -> Self {
        let client = client_builder(Duration::from_secs(5), Duration::from_secs(30)).build();
        let (client, book) = (client.expect("a client"), Mutex::default());
        let shared = Arc::new(Shared { target, client, book });
        let app = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
        Self { address, shared, server }
    }

    /// The next calls of `operation` meet these fates, one each; those after them are forwarded again.
    pub(crate) fn next(&self, operation: &'static str, fates: &[Fate]) {
        self.book().next.entry(operation).or_default().extend(fates);
    }

    /// Every call of `operation` meets this fate, until [`Proxy::heal`].
    pub(crate) fn always(&self, operation: &'static str, fate: Fate) {
        self.book().always.insert(operation, fate);
    }

    /// One call in six meets a fate that is drawn from `seed`, until [`Proxy::heal`].
    pub(crate) fn storm(&self, seed: u64) {
        self.book().lots = Some(Rng::with_seed(seed));
    }

    /// From now on every call is forwarded.
    pub(crate) fn heal(&self) {
        let mut book = self.book();
        book.next.clear();
        book.always.clear();
        book.lots = None;
    }

    /// Counts the calls of each operation since this was asked last, by name.
    pub(crate) fn calls(&self) -> Vec<(String, usize)> {
        std::mem::take(&mut self.book().calls).into_iter().collect()
    }

    /// The calls that were spoiled so far, by their fate.
    pub(crate) fn spoiled(&self) -> BTreeMap<&'static str, usize> {
        self.book().spoiled.clone()
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.shared.book.lock().expect("no test panicked with it")
    }
}

async fn pass(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    match fate(&shared, &headers) {
        None | Some(Fate::Passed) => forward(&shared, headers, body).await,
        Some(Fate::Late(time)) => {
            tokio::time::sleep(time).await;
            forward(&shared, headers, body).await
        }
        Some(Fate::CutOff) => cut_off(forward(&shared, headers, body).await),
        Some(Fate::Refused(status, code)) => {
            let body = format!(r#"{{"__type":"{code}","message":"told to"}}"#);
            (StatusCode::from_u16(status).expect("a status"), body).into_response()
        }
        Some(Fate::Stuck) => pending().await,
        Some(Fate::Untold) => {
            // The caller hangs up while this waits; what it asked for is done all the same.
            tokio::spawn(async move { forward(&shared, headers, body).await }).await.expect("forwards");
            pending().await
        }
    }
}

fn fate(shared: &Shared, headers: &HeaderMap) -> Option<Fate> {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let mut book = shared.book.lock().expect("no test panicked with it");
    *book.calls.entry(operation.to_owned()).or_default() += 1;
    let next = book.next.get_mut(operation).and_then(VecDeque::pop_front);
    let fate =
        next.or_else(|| book.always.get(operation).copied()).or_else(|| book.lots.as_mut().and_then(drawn));
    if let Some(spoiled) = fate.and_then(Fate::name) {
        *book.spoiled.entry(spoiled).or_default() += 1;
    }
    fate
}

fn drawn(lots: &mut Rng) -> Option<Fate> {
    Some(match lots.u32(..100) {
        0..3 => THROTTLED,
        3..5 => DOWN,
        5..6 => Fate::Stuck,
        6..9 => Fate::Untold,
        9..12 => Fate::CutOff,
        12..16 => Fate::Late(Duration::from_millis(lots.u64(50..500))),
        _ => return None,
    })
}

fn cut_off(answer: Response) -> Response {
    let begun = stream::iter([Ok(Bytes::from_static(b"{")), Err(io::Error::from(io::ErrorKind::BrokenPipe))]);
    answer.map(|_| Body::from_stream(begun))
}

async fn forward(shared: &Shared, mut headers: HeaderMap, body: Bytes) -> Response {
    headers.remove("host");
    let sent = shared.client.post(&shared.target).headers(headers).body(body).send().await;
    let answer = sent.expect("the emulator answers");
    let status = answer.status();
    let type_ = HeaderValue::from_static("application/x-amz-json-1.0");
    let body = answer.bytes().await.expect("the emulator answers in full");
    (status, [("content-type", type_)], body).into_response()
}
