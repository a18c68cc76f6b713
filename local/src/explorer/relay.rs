//! Carries one signed request to the authlink beside this host, on one of its three routes, and its answer back. A page
//! of one port may not ask another port itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::{Explorer, MAX_BYTES};
use crate::client::read_bounded;

/// The routes, each with its method.
const ROUTES: [(Method, &str); 3] = [
    (Method::POST, alipay_auth_url::PATH),
    (Method::POST, authorization_query::PATH),
    (Method::GET, get_authorization_url::PATH),
];
/// The headers that are sent on.
const HEADERS: [&str; 6] = ["businessid", "nonce", "timestamp", "sign", "signtype", "content-type"];
/// The headers of an answer that are shown.
const SHOWN: [&str; 5] = ["content-type", "cache-control", "retry-after", "x-request-id", "x-acs-request-id"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToSend {
    method: String,
    path: String,
    /// Without its question mark.
    #[serde(default)]
    query: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    http_status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

#[derive(Serialize)]
struct Problem {
    problem: String,
}

/// Sends a request on, or says with 400 or 502 why not.
pub(super) async fn send(State(explorer): State<Arc<Explorer>>, Json(asked): Json<ToSend>) -> Response {
    let problem = |status: StatusCode, problem: String| (status, Json(Problem { problem })).into_response();
    let Some((method, path)) =
        ROUTES.iter().find(|(method, path)| method.as_str() == asked.method && *path == asked.path)
    else {
        return problem(StatusCode::BAD_REQUEST, "no such route".to_owned());
    };
    let mut url = explorer.authlink.clone();
    url.set_path(path);
    url.set_query((!asked.query.is_empty()).then_some(asked.query.as_str()));
    let mut request = explorer.client.request(method.clone(), url);
    for (name, value) in &asked.headers {
        let is_known = HEADERS.contains(&name.to_ascii_lowercase().as_str());
        let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
        let Some((name, value)) = header.filter(|_| is_known) else {
            return problem(StatusCode::BAD_REQUEST, "a header that is not sent on".to_owned());
        };
        request = request.header(name, value);
    }
    if *method == Method::POST {
        request = request.body(asked.body);
    }
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return problem(StatusCode::BAD_GATEWAY, error.without_url().to_string()),
    };
    let http_status = answer.status().as_u16();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let shown =
        SHOWN.iter().filter_map(|name| Some(((*name).to_owned(), text(answer.headers().get(*name)?))));
    let headers = shown.collect();
    match read_bounded(answer, MAX_BYTES).await {
        Ok(body) => {
            let body = String::from_utf8_lossy(&body).into_owned();
            Json(Answered { http_status, headers, body }).into_response()
        }
        Err(error) => problem(StatusCode::BAD_GATEWAY, error.to_string()),
    }
}
