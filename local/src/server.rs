//! A port of this machine: its connections, their bounds, and their end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::message::{self, BodyBounds};

/// The time for a request's head, and for which a connection may be idle before it.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);
/// The time for a request's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections at a time; the next ones wait in the system's queue. There are three ports, and a request may need one
/// or two descriptors of its own: [`crate::program`] asks for more than the 1,024 that most systems give.
const CONNECTIONS: usize = 300;
const PAUSE: Duration = Duration::from_secs(1);

/// The bounds of a port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    head_within: Duration,
    body: BodyBounds,
    connections: usize,
}

impl Bounds {
    /// Those of a port whose bodies are as long as this at most.
    pub(crate) const fn with_body_bytes(bytes: usize) -> Self {
        let body = BodyBounds { within: BODY_TIMEOUT, bytes };
        Self { head_within: HEAD_TIMEOUT, body, connections: CONNECTIONS }
    }
}

/// Serves `router` until `stop` is cancelled, and then until no connection is left: an idle one is closed at once, one
/// with a request after its answer. When it is dropped the connections end the same way, without it. A request is
/// counted on `under_way` from its head to its answer.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    stop: CancellationToken,
    under_way: TaskTracker,
) {
    let router = router.layer(from_fn(move |request, next| message::whole(request, next, bounds.body)));
    let router = router.layer(from_fn(message::for_its_caller_alone));
    let counted = from_fn(move |request, next| counted(request, next, under_way.clone()));
    let service = TowerToHyperService::new(router.layer(counted));
    let permits = Arc::new(Semaphore::new(bounds.connections));
    let graceful = GracefulShutdown::new();
    while let Some((stream, peer, permit)) = stop.run_until_cancelled(accept(&listener, &permits)).await {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(bounds.head_within)
            .serve_connection(TokioIo::new(stream), with_peer(service.clone(), peer));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection has broken off");
            }
            drop(permit);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn counted(request: Request, next: Next, under_way: TaskTracker) -> Response {
    let _until_it_is_answered = under_way.token();
    next.run(request).await
}

/// Tells the service who connected.
fn with_peer<S>(
    service: S,
    peer: SocketAddr,
) -> impl Service<Request<Incoming>, Response = Response, Error = Infallible, Future = S::Future>
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible>,
{
    service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        service.call(request)
    })
}

/// The next connection, once there is a permit for it.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // It fails only if the semaphore is closed, and nobody closes it.
    let permit = Arc::clone(permits).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Of the process or the system: descriptors or memory have run out.
                tracing::error!(%error, "no connection can be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests;
