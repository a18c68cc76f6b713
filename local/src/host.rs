//! Hosts the functions on one port, as API Gateway does: each route to its function, with who connected and what
//! browsers call us.

use std::net::SocketAddr;
use std::sync::Arc;

use alipay_auth_url::AlipayAuthUrl;
use authorization_query::AuthorizationQuery;
use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use get_authorization_url::GetAuthorizationUrl;
use http_body_util::BodyExt as _;
use openid_callback::OpenIdCallback;
use shared::protocol::open_api::MAX_BODY_BYTES;
use shared::web::client_info::ClientInfo;
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

/// Every route of the functions; anything else is 404.
pub(crate) fn router(functions: Arc<Functions>) -> Router {
    Router::new()
        .route(get_authorization_url::PATH, axum::routing::get(authorization_url).post(authorization_url))
        .route(get_authorization_url::LINK_PATH, axum::routing::get(authorization_url))
        .route(authorization_query::PATH, axum::routing::any(query))
        .route(openid_callback::PATH, axum::routing::any(callback))
        .route(PLATFORM_CALLBACK, axum::routing::post(callback).fallback(auth_url))
        .route("/v1/openapi/{*path}", axum::routing::any(auth_url))
        .with_state(functions)
}

async fn auth_url(
    State(functions): State<Arc<Functions>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let request = arrived(request, peer, &functions.origin).await;
    to_its_end(async move { functions.auth_url.handle(&request).await }).await
}

async fn query(
    State(functions): State<Arc<Functions>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let request = arrived(request, peer, &functions.origin).await;
    to_its_end(async move { functions.query.handle(&request).await }).await
}

async fn authorization_url(
    State(functions): State<Arc<Functions>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let request = arrived(request, peer, &functions.origin).await;
    to_its_end(async move { functions.authorization_url.handle(&request).await }).await
}

async fn callback(
    State(functions): State<Arc<Functions>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let request = arrived(request, peer, &functions.origin).await;
    to_its_end(async move { functions.callback.handle(&request).await }).await
}

/// Runs a function to its end even if the client has hung up, as Lambda does: between a claim and its settlement a
/// consent would be lost.
async fn to_its_end(answer: impl Future<Output = http::Response<Bytes>> + Send + 'static) -> Response {
    match tokio::spawn(answer).await {
        Ok(answer) => answer.map(Body::from),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The request with its body, of which no more is read than is needed to see that it is too large.
async fn arrived(request: Request, peer: SocketAddr, origin: &Url) -> http::Request<Bytes> {
    let (mut parts, mut body) = request.into_parts();
    parts.extensions.insert(ClientInfo { source_ip: Some(peer.ip()), origin: Some(origin.clone()) });
    let mut read = BytesMut::new();
    while !body.is_end_stream()
        && read.len() <= MAX_BODY_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        if let Ok(data) = frame.into_data() {
            read.extend_from_slice(&data);
        }
    }
    http::Request::from_parts(parts, read.freeze())
}
