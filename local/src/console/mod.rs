//! The console: pages for an operator, on 127.0.0.1 and behind a random token, that show what the commands show and ask
//! before they do what the commands do. They need no script.

mod attempts;
mod attention;
mod authorization;
mod chart;
mod day;
mod day_page;
mod disabling;
mod forgetting;
mod frame;
mod gate;
mod life;
mod parts;
mod resending;
mod search;
#[cfg(test)]
mod tests;
mod visit;
mod words;

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use shared::model::clock::Clock;
use shared::model::random::{OsRandom, hex_128};
use shared::runtime::start::StartError;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service as _;
use url::Url;

use self::gate::Gate;
use self::visit::Desk;
use crate::operate::Place;
use crate::page::file;
use crate::server::{Bounds, serve};

const BODY_BYTES: usize = 16 * 1024;

/// The manner of serving it.
pub struct Options {
    /// The port on 127.0.0.1; 0 for any.
    pub port: u16,
    /// Lets its forms do what the commands do.
    pub may_write: bool,
    pub clock: Arc<dyn Clock>,
}

/// A console that is served.
pub struct Console {
    /// The address of its first page, with the token.
    pub address: Url,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    work: TaskTracker,
}

impl Console {
    /// Opens the place, and serves its pages.
    ///
    /// # Errors
    /// As the commands: the place is not there, not authlink's, or not for us. Or the port is taken.
    pub async fn start(place: Place, options: Options) -> Result<Self, StartError> {
        let token = hex_128(&OsRandom::default())?;
        let desk = Desk::open(place, options.clock, &token, options.may_write).await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let at = listener.local_addr()?;
        let address = format!("http://{at}/{token}/").parse()?;
        let (stop, work) = (CancellationToken::new(), desk.work.clone());
        let gate = Gate::new(token, at, options.may_write);
        let router = Router::new().fallback(enter).with_state(Arc::new((gate, pages(Arc::new(desk)))));
        let bounds = Bounds::with_body_bytes(BODY_BYTES);
        let serving = tokio::spawn(serve(listener, router, bounds, stop.clone(), TaskTracker::new()));
        Ok(Self { address, stop, serving, work })
    }

    /// Stops once what was begun has ended.
    pub async fn stop(self) {
        self.stop.cancel();
        // It ends with its connections, or has panicked: either way it serves no more.
        let _ = self.serving.await;
        self.work.close();
        self.work.wait().await;
    }
}

fn pages(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/", get(attention::show))
        .route("/search", get(search::search))
        .route("/day", get(day_page::show))
        .route("/authorizations/{reference}", get(authorization::show))
        .route("/authorizations/{reference}/resend", get(resending::ask_one).post(resending::one))
        .route("/authorizations/{reference}/forget", get(forgetting::ask).post(forgetting::one))
        .route("/resend", get(resending::ask_many).post(resending::many))
        .route("/disabled", get(disabling::show))
        .route("/disabled/change", get(disabling::ask).post(disabling::change))
        .route(
            "/page.css",
            get(|| async { file("text/css; charset=utf-8", include_str!("../merchant/demo.css")) }),
        )
        .route("/console.css", get(|| async { file("text/css; charset=utf-8", include_str!("console.css")) }))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(desk)
}

/// Every request passes the gate before anything looks at its path.
async fn enter(State(shared): State<Arc<(Gate, Router)>>, mut request: Request) -> Response {
    let (gate, pages) = &*shared;
    let mut answer = match gate.admit(request.method(), request.uri(), request.headers()) {
        Ok(inside) => {
            *request.uri_mut() = inside;
            let Ok(answer) = pages.clone().call(request).await;
            answer
        }
        Err(status) => status.into_response(),
    };
    gate::seal(answer.headers_mut());
    answer
}
