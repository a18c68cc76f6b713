use std::sync::Mutex;

use axum::extract::State;
use axum::http::Uri;
use axum::routing::any;
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;

const LONG: Duration = Duration::from_mins(5);
const SHORT: Duration = Duration::from_millis(20);
const LIMIT_BYTES: usize = 64;

/// What a port was asked, in this order; the path `/wait` is answered once it is released.
#[derive(Clone, Default)]
struct Asked {
    paths: Arc<Mutex<Vec<String>>>,
    arrived: Arc<Notify>,
    release: Arc<Notify>,
}

struct Port {
    at: SocketAddr,
    asked: Asked,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

fn bounds() -> Bounds {
    Bounds { head_within: LONG, body: BodyBounds { within: LONG, bytes: LIMIT_BYTES }, connections: 8 }
}

async fn open(bounds: Bounds) -> Port {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (at, asked, stop) = (listener.local_addr().unwrap(), Asked::default(), CancellationToken::new());
    let router = Router::new().fallback(any(answer)).with_state(asked.clone());
    let serving = tokio::spawn(serve(listener, router, bounds, stop.clone(), TaskTracker::new()));
    Port { at, asked, stop, serving }
}

async fn answer(State(asked): State<Asked>, uri: Uri, body: Bytes) -> String {
    asked.paths.lock().unwrap().push(uri.path().to_owned());
    if uri.path() == "/wait" {
        asked.arrived.notify_one();
        asked.release.notified().await;
    }
    format!("{} bytes", body.len())
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").into_bytes()
}

async fn connect(port: &Port, sent: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(port.at).await.unwrap();
    stream.write_all(sent).await.unwrap();
    stream
}

/// One answer, of a connection that stays open.
async fn one_answer(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b" bytes") {
        read.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(read).unwrap()
}

/// All that comes until the connection is closed.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut read = String::new();
    // A reset closes it as well.
    let _ = stream.read_to_string(&mut read).await;
    read
}

#[tokio::test]
async fn a_message_that_is_not_whole_is_refused_and_its_connection_closed() {
    let port = open(bounds()).await;
    let long = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{}", "x".repeat(100));
    for (message, status) in [
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc", "400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nz\r\nabc\r\n0\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 4\r\n\r\nabcd", "400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -3\r\n\r\nabcd", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\nbad name: x\r\n\r\n", "400"),
        ("nonsense\r\n\r\n", "400"),
        // Whole ones, which another reader might end elsewhere or that say themselves that they are the last.
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n0\r\n\r\n",
            "200",
        ),
        ("GET / HTTP/1.0\r\n\r\n", "200"),
        (long.as_str(), "200"),
    ] {
        let mut stream = connect(&port, message.as_bytes()).await;
        stream.shutdown().await.unwrap();
        let answer = until_closed(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.") && answer[9..].starts_with(status), "{message}\n{answer}");
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{answer}");
    }
    let asked = port.asked.paths.lock().unwrap().len();
    assert_eq!(asked, 3, "nobody is asked about a message that is not whole");
}

#[tokio::test]
async fn an_answer_is_for_its_caller_alone() {
    let port = open(bounds()).await;
    for message in [get("/"), b"GET / HTTP/1.1\r\n\r\n".to_vec()] {
        let answer = until_closed(&mut connect_and_end(&port, &message).await).await;
        assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
        assert!(answer.contains("x-content-type-options: nosniff\r\n"), "{answer}");
    }
}

async fn connect_and_end(port: &Port, sent: &[u8]) -> TcpStream {
    let mut stream = connect(port, sent).await;
    stream.shutdown().await.unwrap();
    stream
}

#[tokio::test]
async fn a_slow_head_a_slow_body_and_an_idle_connection_come_to_an_end() {
    let slow_head = open(Bounds { head_within: SHORT, ..bounds() }).await;
    assert_eq!(until_closed(&mut connect(&slow_head, b"GET / HTTP/1.1\r\nHo").await).await, "");
    assert_eq!(until_closed(&mut connect(&slow_head, b"").await).await, "");
    let idle = until_closed(&mut connect(&slow_head, &get("/")).await).await;
    assert!(idle.ends_with("0 bytes"), "{idle}");

    let slow_body = open(Bounds { body: BodyBounds { within: SHORT, ..bounds().body }, ..bounds() }).await;
    let head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc";
    let answer = until_closed(&mut connect(&slow_body, head).await).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(slow_body.asked.paths.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_connection_beyond_the_bound_waits_for_a_place() {
    let port = open(Bounds { connections: 1, ..bounds() }).await;
    let mut first = connect(&port, &get("/first")).await;
    one_answer(&mut first).await;
    let mut second = connect(&port, &get("/second")).await;
    for _ in 0..10 {
        first.write_all(&get("/first")).await.unwrap();
        one_answer(&mut first).await;
    }
    assert!(!port.asked.paths.lock().unwrap().contains(&"/second".to_owned()));
    drop(first);
    assert!(one_answer(&mut second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_stop_closes_what_is_idle_and_answers_what_was_asked() {
    let port = open(bounds()).await;
    let mut idle = connect(&port, &get("/")).await;
    one_answer(&mut idle).await;
    let mut waiting = connect(&port, &get("/wait")).await;
    port.asked.arrived.notified().await;
    port.stop.cancel();
    assert_eq!(until_closed(&mut idle).await, "");
    assert!(TcpStream::connect(port.at).await.is_err());
    port.asked.release.notify_one();
    let answer = until_closed(&mut waiting).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    port.serving.await.unwrap();
}
