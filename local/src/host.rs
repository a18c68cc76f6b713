//! Hosts the functions on one port, as API Gateway does: each route to its function, with who connected and what
//! browsers call us.

use std::net::SocketAddr;
use std::sync::Arc;

use alipay_auth_url::AlipayAuthUrl;
use authorization_query::AuthorizationQuery;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use get_authorization_url::GetAuthorizationUrl;
use http_body_util::{BodyExt as _, Collected};
use openid_callback::OpenIdCallback;
use shared::egress::breakers::Hanging;
use shared::web::client_info::ClientInfo;
use tokio_util::task::TaskTracker;
use url::Url;

/// The path that a platform calls back, once it has made a link.
const PLATFORM_CALLBACK: &str = "/v1/openapi/auth/alipay/callback/{state}";

/// The functions that serve HTTP.
pub(crate) struct Functions {
    pub(crate) auth_url: AlipayAuthUrl,
    pub(crate) authorization_url: GetAuthorizationUrl,
    pub(crate) query: AuthorizationQuery,
    pub(crate) callback: OpenIdCallback,
    /// The address that browsers call this host by.
    pub(crate) origin: Url,
}

impl Functions {
    /// The parties that hang, as the functions know them.
    pub(crate) fn hanging(&self) -> Vec<Hanging> {
        [self.auth_url.hanging(), self.authorization_url.hanging(), self.callback.hanging()].concat()
    }
}

/// Every route of the functions; anything else is 404. They stand below the path of `public_url`, too, where links lead
/// to. Requests are counted on `under_way` until they are answered.
pub(crate) fn router(functions: Arc<Functions>, public_url: Option<&Url>, under_way: TaskTracker) -> Router {
    let path = public_url.map_or("", |url| url.path().trim_end_matches('/'));
    let routes = routes(functions, under_way);
    if path.is_empty() { routes } else { routes.clone().nest(path, routes) }
}

fn routes(functions: Arc<Functions>, under_way: TaskTracker) -> Router {
    Router::new()
        .route(get_authorization_url::PATH, axum::routing::get(authorization_url).post(authorization_url))
        .route(get_authorization_url::LINK_PATH, axum::routing::get(authorization_url))
        .route(authorization_query::PATH, axum::routing::any(query))
        .route(openid_callback::PATH, axum::routing::any(callback))
        .route(PLATFORM_CALLBACK, axum::routing::post(callback).fallback(auth_url))
        .route("/v1/openapi/{*path}", axum::routing::any(auth_url))
        .layer(from_fn_with_state(under_way, to_its_end))
        .with_state(functions)
}

async fn auth_url(State(functions): State<Arc<Functions>>, request: Request) -> Response {
    let request = arrived(request, &functions.origin).await;
    functions.auth_url.handle(&request).await.map(Body::from)
}

async fn query(State(functions): State<Arc<Functions>>, request: Request) -> Response {
    let request = arrived(request, &functions.origin).await;
    functions.query.handle(&request).await.map(Body::from)
}

async fn authorization_url(State(functions): State<Arc<Functions>>, request: Request) -> Response {
    let request = arrived(request, &functions.origin).await;
    functions.authorization_url.handle(&request).await.map(Body::from)
}

async fn callback(State(functions): State<Arc<Functions>>, request: Request) -> Response {
    let request = arrived(request, &functions.origin).await;
    functions.callback.handle(&request).await.map(Body::from)
}

/// Runs a function to its end even if the client has hung up, as Lambda does: between a claim and its settlement a
/// consent would be lost.
async fn to_its_end(State(under_way): State<TaskTracker>, request: Request, next: Next) -> Response {
    let answer = under_way.spawn(next.run(request)).await;
    answer.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// The request with its body, which [`crate::message`] has read, and with who connected.
async fn arrived(request: Request, origin: &Url) -> http::Request<Bytes> {
    let (mut parts, body) = request.into_parts();
    let source_ip = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    parts.extensions.insert(ClientInfo { source_ip, origin: Some(origin.clone()) });
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    http::Request::from_parts(parts, body)
}
