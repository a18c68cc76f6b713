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

use super::answer::{EmulatorAnswer, Signature, is_timestamp};
use super::apps::names_certificate;
use super::form::{charset, charset_of_answer, written};
use super::refusal::EmulatorRefusal;
use super::signing::{Parameters, parameters, signature_holds, string_to_sign};
use super::{AlipayEmulator, EmulatedApp, GatewayFault, TEST_USERS};
use crate::journal::{Direction, JournalEvent, Party, Title};

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

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExchangeOutcome {
    /// Granted to the user with this openId, whatever ids the answer named.
    Granted(String),
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
    let app = parameters.get("app_id").and_then(|app_id| emulator.config.apps.find(app_id));
    let key = app.as_ref().map(|app| app.answer_key(&parameters));
    let (outcome, answer) = emulator.handle(&parameters, app.as_ref(), fault);
    let written = answer.map(|answer| written(&answer, &forms, charset, key.as_ref()));
    let text = text_of(written.as_deref(), fault);
    emulator.record(&parameters, app.as_ref(), outcome, &text, fault);
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
    fn handle(
        &self,
        parameters: &Parameters,
        app: Option<&EmulatedApp>,
        fault: GatewayFault,
    ) -> (ExchangeOutcome, Option<EmulatorAnswer>) {
        if matches!(fault, GatewayFault::BadGateway | GatewayFault::Silence) {
            self.spend(parameters);
            return (ExchangeOutcome::Faulted(fault), None);
        }
        let refusal = fault.refusal().filter(|refusal| {
            !(*refusal == EmulatorRefusal::MissingAppCertSn && names_certificate(parameters))
        });
        let exchanged = check(parameters, app).and_then(|app| match (self.spend(parameters), refusal) {
            (Some(_), Some(refusal)) => Err(refusal),
            (Some((_, of)), None) if of != app.app_id => Err(EmulatorRefusal::UnmatchedAppId),
            (Some((user, _)), None) => Ok((&TEST_USERS[user], self.open_id(user, &app.app_id))),
            (None, _) => Err(EmulatorRefusal::CodeInvalid),
        });
        let (user, open_id) = match exchanged {
            Ok(granted) => granted,
            Err(refusal) => {
                return (
                    ExchangeOutcome::Refused(refusal.sub_code()),
                    Some(EmulatorAnswer::refused(refusal)),
                );
            }
        };
        let named = open_id.clone();
        let (open_id, user_id) = match fault {
            GatewayFault::UserId => (None, Some(user.user_id)),
            GatewayFault::BothIds => (Some(&*named), Some(user.user_id)),
            _ => (Some(&*named), None),
        };
        let signature = match fault {
            GatewayFault::WrongSign => Signature::OverOtherBytes,
            _ => Signature::Good,
        };
        let answer = EmulatorAnswer::granted(self.clock.now(), open_id, user_id, signature);
        (ExchangeOutcome::Granted(named), Some(answer))
    }

    fn open_id(&self, user: usize, app_id: &str) -> String {
        let is_first = self.config.apps.default_app().is_some_and(|first| first.app_id == app_id);
        let user = &TEST_USERS[user];
        if is_first { user.open_id.to_owned() } else { user.open_id_for(app_id) }
    }

    fn spend(&self, parameters: &Parameters) -> Option<(usize, String)> {
        let now = self.clock.now();
        self.memory().codes.spend(parameters.get("code")?, now)
    }

    fn record(
        &self,
        parameters: &Parameters,
        app: Option<&EmulatedApp>,
        outcome: ExchangeOutcome,
        answer: &str,
        fault: GatewayFault,
    ) {
        let at = self.clock.now();
        if let Some(code) = parameters.get("code").filter(|code| !code.is_empty()) {
            self.keep_exchange(SeenExchange { at, code: code.clone(), outcome });
        }
        let mut event = JournalEvent::new(at, Party::Alipay, Direction::Received, Title::CodeExchanged);
        event.request = parameters.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        event.answer = answer.to_owned();
        event.signed_text = Some(string_to_sign(parameters));
        event.signature_ok = Some(app.is_some_and(|app| signature_holds(parameters, &app.public_key)));
        event.fault = (fault != GatewayFault::None).then(|| fault.name());
        self.journal.record(event);
    }
}

/// The app whose request this is, if Alipay would take it.
fn check<'a>(
    parameters: &Parameters,
    app: Option<&'a EmulatedApp>,
) -> Result<&'a EmulatedApp, EmulatorRefusal> {
    let value = |name| parameters.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let method = value("method").ok_or(EmulatorRefusal::MissingMethod)?;
    value("app_id").ok_or(EmulatorRefusal::MissingAppId)?;
    value("sign").ok_or(EmulatorRefusal::MissingSignature)?;
    let sign_type = value("sign_type").ok_or(EmulatorRefusal::MissingSignatureType)?;
    let timestamp = value("timestamp").ok_or(EmulatorRefusal::MissingTimestamp)?;
    value("version").ok_or(EmulatorRefusal::MissingVersion)?;
    if method != METHOD {
        return Err(EmulatorRefusal::InvalidMethod);
    }
    let app = app.ok_or(EmulatorRefusal::InvalidAppId)?;
    app.check_certificates(parameters)?;
    let rules = [
        (sign_type == "RSA2", EmulatorRefusal::InvalidSignatureType),
        (value("charset").is_none_or(|name| charset(name).is_some()), EmulatorRefusal::InvalidCharset),
        (
            value("format").is_none_or(|name| name.eq_ignore_ascii_case("json")),
            EmulatorRefusal::InvalidFormat,
        ),
        (is_timestamp(timestamp), EmulatorRefusal::InvalidTimestamp),
        (signature_holds(parameters, &app.public_key), EmulatorRefusal::InvalidSignature),
        (value("grant_type") == Some("authorization_code"), EmulatorRefusal::GrantTypeInvalid),
        (value("code").is_some(), EmulatorRefusal::CodeInvalid),
    ];
    rules.into_iter().find(|(holds, _)| !holds).map_or(Ok(app), |(_, refusal)| Err(refusal))
}
