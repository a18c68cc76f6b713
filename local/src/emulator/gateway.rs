//! `gateway.do`: checks a request as Alipay does, exchanges its code, and fails as the fault says.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use encoding_rs::GBK;
use serde::Serialize;
use shared::model::clock::UnixMillis;
use tokio::time::sleep;

use super::answer::{Answer, Signature, is_timestamp};
use super::form::{charset, charset_of_answer, written};
use super::refusal::Refusal;
use super::signing::{Parameters, parameters, signature_holds, string_to_sign};
use super::{AlipayEmulator, GatewayFault, TEST_USERS};
use crate::journal::{Direction, Event, Party, Title};

const FORM_LIMIT_BYTES: usize = 64 * 1024;
const SILENCE: Duration = Duration::from_mins(2);
const METHOD: &str = "alipay.system.oauth.token";
const BAD_GATEWAY_PAGE: &str = "<html><body><h1>502 Bad Gateway</h1></body></html>";

/// One gateway request that carried a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenExchange {
    pub at: UnixMillis,
    pub code: String,
    pub outcome: ExchangeOutcome,
}

/// The outcome of an exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExchangeOutcome {
    /// Granted to the user with this openId, whatever ids the answer named.
    Granted(&'static str),
    /// Refused with this `sub_code`.
    Refused(&'static str),
    /// Not examined, because of this fault.
    Faulted(GatewayFault),
}

/// Answers a request, GET or POST, with HTTP 200 even for an error; only faults have other statuses.
pub(super) async fn gateway(State(emulator): State<AlipayEmulator>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(form) = to_bytes(body, FORM_LIMIT_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let query = head.uri.query().unwrap_or_default();
    let (parameters, charset) = (parameters(query, &form), charset_of_answer(query));
    let (fault, forms) = (emulator.fault(), emulator.forms());
    let (outcome, answer) = emulator.handle(&parameters, fault);
    let key = &emulator.config.alipay_private_key;
    let written = answer.map(|answer| written(&answer, &forms, charset, key));
    emulator.record(&parameters, outcome, &text_of(written.as_deref(), fault), fault);
    match fault {
        GatewayFault::Slow => sleep(emulator.slow_delay()).await,
        GatewayFault::Silence => sleep(SILENCE).await,
        _ => {}
    }
    match written {
        // Alipay labels its JSON so.
        Some(written) => ([(header::CONTENT_TYPE, format!("text/html;charset={}", charset.name()))], written)
            .into_response(),
        None if fault == GatewayFault::BadGateway => {
            (StatusCode::BAD_GATEWAY, [(header::CONTENT_TYPE, "text/html")], BAD_GATEWAY_PAGE).into_response()
        }
        None => StatusCode::GATEWAY_TIMEOUT.into_response(),
    }
}

/// The answer for a page to show.
fn text_of(written: Option<&[u8]>, fault: GatewayFault) -> String {
    match written {
        Some(written) => match std::str::from_utf8(written) {
            Ok(text) => text.to_owned(),
            Err(_) => GBK.decode(written).0.into_owned(),
        },
        None if fault == GatewayFault::BadGateway => BAD_GATEWAY_PAGE.to_owned(),
        None => String::new(),
    }
}

impl AlipayEmulator {
    /// The outcome, and the answer of a gateway that gives one.
    fn handle(&self, parameters: &Parameters, fault: GatewayFault) -> (ExchangeOutcome, Option<Answer>) {
        if matches!(fault, GatewayFault::BadGateway | GatewayFault::Silence) {
            self.spend(parameters);
            return (ExchangeOutcome::Faulted(fault), None);
        }
        let exchanged =
            self.check(parameters).and_then(|()| match (self.spend(parameters), fault.refusal()) {
                (Some(_), Some(refusal)) => Err(refusal),
                (Some(user), None) => Ok(&TEST_USERS[user]),
                (None, _) => Err(Refusal::CodeInvalid),
            });
        let user = match exchanged {
            Ok(user) => user,
            Err(refusal) => {
                return (ExchangeOutcome::Refused(refusal.sub_code()), Some(Answer::refused(refusal)));
            }
        };
        let (open_id, user_id) = match fault {
            GatewayFault::UserId => (None, Some(user.user_id)),
            GatewayFault::BothIds => (Some(user.open_id), Some(user.user_id)),
            _ => (Some(user.open_id), None),
        };
        let signature = match fault {
            GatewayFault::WrongSign => Signature::OverOtherBytes,
            _ => Signature::Good,
        };
        let answer = Answer::granted(self.clock.now(), open_id, user_id, signature);
        (ExchangeOutcome::Granted(user.open_id), Some(answer))
    }

    fn spend(&self, parameters: &Parameters) -> Option<usize> {
        let now = self.clock.now();
        self.memory().codes.spend(parameters.get("code")?, now)
    }

    fn check(&self, parameters: &Parameters) -> Result<(), Refusal> {
        let value = |name| parameters.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let method = value("method").ok_or(Refusal::MissingMethod)?;
        let app_id = value("app_id").ok_or(Refusal::MissingAppId)?;
        value("sign").ok_or(Refusal::MissingSignature)?;
        let sign_type = value("sign_type").ok_or(Refusal::MissingSignatureType)?;
        let timestamp = value("timestamp").ok_or(Refusal::MissingTimestamp)?;
        value("version").ok_or(Refusal::MissingVersion)?;
        let rules = [
            (method == METHOD, Refusal::InvalidMethod),
            (app_id == self.config.app_id, Refusal::InvalidAppId),
            (sign_type == "RSA2", Refusal::InvalidSignatureType),
            (value("charset").is_none_or(|name| charset(name).is_some()), Refusal::InvalidCharset),
            (value("format").is_none_or(|name| name.eq_ignore_ascii_case("json")), Refusal::InvalidFormat),
            (is_timestamp(timestamp), Refusal::InvalidTimestamp),
            (signature_holds(parameters, &self.config.app_public_key), Refusal::InvalidSignature),
            (value("grant_type") == Some("authorization_code"), Refusal::GrantTypeInvalid),
            (value("code").is_some(), Refusal::CodeInvalid),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, refusal)| Err(refusal))
    }

    fn record(&self, parameters: &Parameters, outcome: ExchangeOutcome, answer: &str, fault: GatewayFault) {
        let at = self.clock.now();
        if let Some(code) = parameters.get("code").filter(|code| !code.is_empty()) {
            self.keep_exchange(SeenExchange { at, code: code.clone(), outcome });
        }
        let mut event = Event::new(at, Party::Alipay, Direction::Received, Title::CodeExchanged);
        event.request = parameters.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        event.answer = answer.to_owned();
        event.signed_text = Some(string_to_sign(parameters));
        event.signature_ok = Some(signature_holds(parameters, &self.config.app_public_key));
        event.fault = (fault != GatewayFault::None).then(|| fault.name());
        self.journal.record(event);
    }
}
