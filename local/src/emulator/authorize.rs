//! The authorize address: shows the consent page, and redirects the browser by the user's decision.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::authorize_request::{AuthorizeRequest, InvalidParameter};
use super::consent::{consent, problem};
use super::{AlipayEmulator, TEST_USERS};
use crate::journal::{Direction, JournalEvent, Party, Title};
use crate::page::{file, page};
use shared::web::language::Language;

#[derive(Deserialize)]
pub(super) struct Decision {
    #[serde(flatten)]
    request: AuthorizeRequest,
    #[serde(default)]
    user: String,
    decision: String,
}

impl AlipayEmulator {
    fn record_decision(&self, title: Title, request: &AuthorizeRequest, location: &str) {
        let mut event = JournalEvent::new(self.clock.now(), Party::Alipay, Direction::Received, title);
        event.request = format!(
            "app_id = {}\nscope = {}\nredirect_uri = {}\nstate = {}\n",
            request.app_id, request.scope, request.redirect_uri, request.state
        );
        event.answer = format!("303 See Other\nlocation: {location}\n");
        self.journal.record(event);
    }
}

pub(super) async fn show(
    State(emulator): State<AlipayEmulator>,
    headers: HeaderMap,
    Query(request): Query<AuthorizeRequest>,
) -> Response {
    let language = Language::preferred(&headers);
    match request.validate(&emulator.config) {
        // Browsers hold the redirect that answers a form to form-action too.
        Ok(valid) => page(
            StatusCode::OK,
            &format!(
                "default-src 'none'; style-src 'self'; img-src data:; form-action 'self' {}; base-uri 'none'; frame-ancestors 'none'",
                valid.return_origin
            ),
            consent(&valid.request, language),
        ),
        Err(invalid) => refuse(invalid, language),
    }
}

pub(super) async fn decide(
    State(emulator): State<AlipayEmulator>,
    headers: HeaderMap,
    Form(decision): Form<Decision>,
) -> Response {
    let request = match decision.request.validate(&emulator.config) {
        Ok(valid) => valid.request,
        Err(invalid) => return refuse(invalid, Language::preferred(&headers)),
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("app_id", &request.app_id);
    query.append_pair("source", "alipay_wallet");
    query.append_pair("scope", &request.scope);
    let user = decision.user.parse().ok().filter(|&user: &usize| user < TEST_USERS.len());
    let title = match (decision.decision.as_str(), user) {
        ("allow", Some(user)) => {
            query.append_pair("auth_code", &emulator.mint_code_for(&request.app_id, user));
            Title::ConsentGiven
        }
        ("refuse", _) => Title::ConsentRefused,
        _ => return StatusCode::BAD_REQUEST.into_response(),
    };
    query.append_pair("state", &request.state);
    let separator = if request.redirect_uri.contains('?') { '&' } else { '?' };
    let location = format!("{}{separator}{}", request.redirect_uri, query.finish());
    emulator.record_decision(title, &request, &location);
    (StatusCode::SEE_OTHER, [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".to_owned())])
        .into_response()
}

pub(super) async fn style() -> impl IntoResponse {
    file("text/css; charset=utf-8", include_str!("consent.css"))
}

fn refuse(invalid: InvalidParameter, language: Language) -> Response {
    let policy =
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'";
    page(StatusCode::BAD_REQUEST, policy, problem(invalid, language))
}
