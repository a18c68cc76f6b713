use axum::Router;
use axum::routing::any;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A host of one route, whose answer takes two seconds.
async fn slow_host() -> (Hosted, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stop, under_way) = (CancellationToken::new(), TaskTracker::new());
    let router = Router::new().fallback(any(async |_: String| {
        tokio::time::sleep(2 * SECOND).await;
        "all of it"
    }));
    let port = serve(listener, router, Bounds::with_body_bytes(100), stop.clone(), under_way.clone());
    let port = tokio::spawn(port);
    let delivering = tokio::spawn(stop.clone().cancelled_owned());
    (Hosted { stop, under_way, port, delivering }, client)
}

async fn answer(mut client: TcpStream) -> String {
    let mut read = String::new();
    client.read_to_string(&mut read).await.unwrap();
    read
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_a_request_whose_body_is_still_read() {
    let (hosted, mut client) = slow_host().await;
    client.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc").await.unwrap();
    while hosted.under_way.is_empty() {
        tokio::task::yield_now().await;
    }
    let stopping = tokio::spawn(hosted.stop());
    tokio::time::sleep(2 * SECOND).await;
    assert!(!stopping.is_finished());
    client.write_all(b"def").await.unwrap();
    let answer = answer(client).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("all of it"), "{answer}");
    assert_eq!(stopping.await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_a_request_whose_head_is_still_read() {
    let (hosted, mut client) = slow_host().await;
    client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    // Until it is accepted and read so far.
    tokio::time::sleep(SECOND).await;
    let stopping = tokio::spawn(hosted.stop());
    tokio::time::sleep(SECOND / 2).await;
    client.write_all(b"Host: h\r\n\r\n").await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert!(!stopping.is_finished(), "the answer is not there yet");
    let answer = answer(client).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("all of it"), "{answer}");
    assert_eq!(stopping.await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_for_nothing_holds_no_stop() {
    let (hosted, _client) = slow_host().await;
    tokio::time::sleep(SECOND).await;
    let begun = Instant::now();
    assert_eq!(hosted.stop().await, 0);
    assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
}
