//! `/_emulator/…`: the controls for tests and the demo page. Alipay has nothing of the kind.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::{AlipayEmulator, AnswerForm, GatewayFault};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Faults {
    gateway: GatewayFault,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    forms: Vec<AnswerForm>,
    slow_millis: u128,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FaultChange {
    gateway: GatewayFault,
    #[serde(default)]
    forms: Vec<AnswerForm>,
    slow_millis: Option<u64>,
}

pub(super) async fn faults(State(emulator): State<AlipayEmulator>) -> Json<Faults> {
    Json(Faults {
        gateway: emulator.fault(),
        forms: emulator.forms(),
        slow_millis: emulator.slow_delay().as_millis(),
    })
}

pub(super) async fn set_faults(
    State(emulator): State<AlipayEmulator>,
    Json(change): Json<FaultChange>,
) -> Json<Faults> {
    emulator.set_fault(change.gateway);
    emulator.set_forms(change.forms);
    if let Some(millis) = change.slow_millis {
        emulator.set_slow_delay(Duration::from_millis(millis));
    }
    faults(State(emulator)).await
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CodeRequest {
    #[serde(default)]
    user: usize,
    app_id: Option<String>,
}

#[derive(Serialize)]
struct Code {
    auth_code: String,
}

/// A code without the consent page: `{"user":1}` names the user, an empty body means the first; `appId` another app.
pub(super) async fn mint_code(State(emulator): State<AlipayEmulator>, body: Bytes) -> Response {
    let request = if body.is_empty() { Ok(CodeRequest::default()) } else { serde_json::from_slice(&body) };
    match request {
        Ok(CodeRequest { user, app_id }) => {
            let auth_code = match app_id {
                Some(app_id) => emulator.mint_code_for(&app_id, user),
                None => emulator.mint_code(user),
            };
            Json(Code { auth_code }).into_response()
        }
        Err(_) => (StatusCode::BAD_REQUEST, "the body is {\"user\":0} or empty\n").into_response(),
    }
}
