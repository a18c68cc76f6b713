//! `POST /api/redrive`: has a delivery of the demo business made once more, as an operator does by
//! `authlink authorizations resend`, for a button of the demo page.
//!
//! It stands beside the demo merchant, not within it: no merchant can do this at authlink.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::HOST;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::json;
use shared::model::id::AuthorizationId;
use shared::runtime::start::StartError;

use crate::folder::BUSINESS_ID;
use crate::operate::Place;
use crate::operate::resend::{ResendOptions, Which, resend};

const BODY_LIMIT_BYTES: usize = 4 * 1024;

/// The folder whose deliveries they are, and what its pages are called by.
struct Desk {
    place: Place,
    hosts: [String; 2],
}

/// The route, for the host of `folder`, whose pages stand at `port` of this machine.
pub(crate) fn router(folder: PathBuf, port: u16) -> Router {
    let hosts = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{port}"));
    Router::new()
        .route("/api/redrive", post(redrive))
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .with_state(Arc::new(Desk { place: Place::Folder(folder), hosts }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    serial_no: String,
}

/// Takes `application/json` only, which a page of another origin cannot send without a CORS preflight; and only by our
/// own names, since another site may have its name lead to this machine.
async fn redrive(State(desk): State<Arc<Desk>>, headers: HeaderMap, Json(asked): Json<Asked>) -> Response {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(|host| desk.hosts.iter().any(|own| own == host)) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let id = AuthorizationId::from_serial(BUSINESS_ID, &asked.serial_no);
    match due_again(&desk.place, id).await {
        Ok(()) => Json(json!({"due": true})).into_response(),
        Err(error) => {
            (StatusCode::CONFLICT, Json(json!({"due": false, "message": error.to_string()}))).into_response()
        }
    }
}

async fn due_again(place: &Place, id: AuthorizationId) -> Result<(), StartError> {
    let options = ResendOptions { to: None, dry_run: false, rate: 1, yes: true, anew: false, tell: &|_| {} };
    resend(place, &place.open().await?, Which::One(id), &options).await?;
    Ok(())
}
