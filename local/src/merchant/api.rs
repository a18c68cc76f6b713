//! The API of the demo page's script.
//!
//! Changes take `application/json` only, which a page of another origin cannot send without a CORS preflight.

use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::{Authorization, Call, DemoMerchant, MerchantFault, SignType};
use crate::emulator::GatewayFault;
use crate::journal::Entry;

const DEFAULT_USER: &str = "demo-user";
const SERIAL_NO: HeaderName = HeaderName::from_static("serial-no");

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LinkRequest {
    sign_type: SignType,
    user_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SerialQuery {
    serial_no: String,
    #[serde(default)]
    sign_type: SignType,
}

/// Passes on what authlink says of a serialNo.
pub(super) async fn query(State(merchant): State<DemoMerchant>, Json(asked): Json<SerialQuery>) -> Response {
    passed_on(merchant.query(asked.sign_type, &asked.serial_no).await)
}

#[derive(Serialize)]
struct Problem {
    status: u8,
    message: String,
}

/// Passes authlink's answer on, with the serialNo in a header; answers 502 if there is none.
pub(super) async fn request_link(
    State(merchant): State<DemoMerchant>,
    Json(request): Json<LinkRequest>,
) -> Response {
    let user_id = if request.user_id.is_empty() { DEFAULT_USER } else { &request.user_id };
    passed_on(merchant.request_link(request.sign_type, user_id).await)
}

fn passed_on(call: Call) -> Response {
    match call.answer {
        Ok(answer) => {
            let status = StatusCode::from_u16(answer.http_status).unwrap_or(StatusCode::BAD_GATEWAY);
            let json = (header::CONTENT_TYPE, "application/json; charset=utf-8".to_owned());
            (status, [json, (SERIAL_NO, call.request.serial_no)], answer.body).into_response()
        }
        Err(error) => {
            let problem = Problem { status: 1, message: error.to_string() };
            (StatusCode::BAD_GATEWAY, Json(problem)).into_response()
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Since {
    #[serde(default)]
    after: u64,
}

#[derive(Serialize)]
pub(super) struct JournalPage {
    /// Smaller than the script's `after` if the server was restarted.
    latest: u64,
    /// The entries after entry `after`, newest first.
    entries: Vec<Entry>,
    authorizations: Vec<Authorization>,
    faults: Faults,
}

pub(super) async fn journal(
    State(merchant): State<DemoMerchant>,
    Query(since): Query<Since>,
) -> Json<JournalPage> {
    Json(JournalPage {
        latest: merchant.journal.latest(),
        entries: merchant.journal.after(since.after),
        authorizations: merchant.authorizations(),
        faults: merchant.current_faults(),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Faults {
    merchant: MerchantFault,
    slow_millis: u128,
    /// `null` without an emulator.
    gateway: Option<GatewayFault>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FaultChange {
    merchant: Option<MerchantFault>,
    slow_millis: Option<u64>,
    gateway: Option<GatewayFault>,
}

impl DemoMerchant {
    fn current_faults(&self) -> Faults {
        let gateway = self.emulator.as_ref().map(|emulator| emulator.fault());
        let memory = self.memory();
        Faults { merchant: memory.fault, slow_millis: memory.slow_delay.as_millis(), gateway }
    }
}

pub(super) async fn faults(State(merchant): State<DemoMerchant>) -> Json<Faults> {
    Json(merchant.current_faults())
}

pub(super) async fn set_faults(
    State(merchant): State<DemoMerchant>,
    Json(change): Json<FaultChange>,
) -> Json<Faults> {
    if let Some(fault) = change.merchant {
        merchant.set_fault(fault);
    }
    if let Some(millis) = change.slow_millis {
        merchant.set_slow_delay(Duration::from_millis(millis));
    }
    if let (Some(fault), Some(emulator)) = (change.gateway, &merchant.emulator) {
        emulator.set_fault(fault);
    }
    Json(merchant.current_faults())
}
