//! The authorize address: what the user's browser shows, and where their decision sends it.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::consent::{consent, problem};
use super::{AlipayEmulator, TEST_USERS};
use crate::journal::{Direction, Event, Party, Title};
use crate::page::{file, page};
use shared::web::language::Language;

const STATE_LIMIT: usize = 100;

/// The query of the authorize address; the consent form carries it along.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wish {
    pub(super) app_id: String,
    pub(super) scope: String,
    pub(super) redirect_uri: String,
    pub(super) state: String,
}

#[derive(Deserialize)]
pub(super) struct Decision {
    #[serde(flatten)]
    wish: Wish,
    #[serde(default)]
    user: String,
    decision: String,
}

/// What is wrong with an authorize address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadWish {
    AppId,
    Scope,
    RedirectUri,
    State,
}

/// An authorize address that may be shown: where it returns to is an http or https address on `origin`.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) wish: Wish,
    origin: String,
}

impl AlipayEmulator {
    fn checked(&self, wish: Wish) -> Result<Checked, BadWish> {
        if wish.app_id != self.config.app_id {
            return Err(BadWish::AppId);
        }
        if !["auth_base", "auth_user"].contains(&wish.scope.as_str()) {
            return Err(BadWish::Scope);
        }
        let origin = origin(&wish.redirect_uri).ok_or(BadWish::RedirectUri)?;
        let prefix = self.config.redirect_uri_prefix.as_deref().unwrap_or_default();
        if !wish.redirect_uri.starts_with(prefix) {
            return Err(BadWish::RedirectUri);
        }
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        if wish.state.is_empty() || wish.state.len() > STATE_LIMIT || !wish.state.bytes().all(base64) {
            return Err(BadWish::State);
        }
        Ok(Checked { wish, origin })
    }

    fn note_decision(&self, title: Title, wish: &Wish, location: &str) {
        let mut event = Event::new(self.clock.now(), Party::Alipay, Direction::Received, title);
        event.request = format!(
            "app_id = {}\nscope = {}\nredirect_uri = {}\nstate = {}\n",
            wish.app_id, wish.scope, wish.redirect_uri, wish.state
        );
        event.answer = format!("303 See Other\nlocation: {location}\n");
        self.journal.record(event);
    }
}

/// `scheme://host:port` of an http or https address without userinfo.
fn origin(address: &str) -> Option<String> {
    let uri: Uri = address.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme))?;
    let authority = uri.authority()?.as_str();
    (!authority.contains('@') && !address.contains('#')).then(|| format!("{scheme}://{authority}"))
}

pub(super) async fn show(
    State(emulator): State<AlipayEmulator>,
    headers: HeaderMap,
    Query(wish): Query<Wish>,
) -> Response {
    let language = Language::preferred(&headers);
    match emulator.checked(wish) {
        // Browsers hold the redirect that answers a form to form-action too.
        Ok(checked) => page(
            StatusCode::OK,
            &format!(
                "default-src 'none'; style-src 'self'; img-src data:; form-action 'self' {}; base-uri 'none'; frame-ancestors 'none'",
                checked.origin
            ),
            consent(&checked.wish, language),
        ),
        Err(bad) => refuse(bad, language),
    }
}

pub(super) async fn decide(
    State(emulator): State<AlipayEmulator>,
    headers: HeaderMap,
    Form(decision): Form<Decision>,
) -> Response {
    let wish = match emulator.checked(decision.wish) {
        Ok(checked) => checked.wish,
        Err(bad) => return refuse(bad, Language::preferred(&headers)),
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("app_id", &wish.app_id);
    query.append_pair("source", "alipay_wallet");
    query.append_pair("scope", &wish.scope);
    let user = decision.user.parse().ok().filter(|&user: &usize| user < TEST_USERS.len());
    let title = match (decision.decision.as_str(), user) {
        ("allow", Some(user)) => {
            query.append_pair("auth_code", &emulator.mint_code(user));
            Title::ConsentGiven
        }
        ("refuse", _) => Title::ConsentRefused,
        _ => return StatusCode::BAD_REQUEST.into_response(),
    };
    query.append_pair("state", &wish.state);
    let joint = if wish.redirect_uri.contains('?') { '&' } else { '?' };
    let location = format!("{}{joint}{}", wish.redirect_uri, query.finish());
    emulator.note_decision(title, &wish, &location);
    (StatusCode::SEE_OTHER, [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".to_owned())])
        .into_response()
}

pub(super) async fn style() -> impl IntoResponse {
    file("text/css; charset=utf-8", include_str!("consent.css"))
}

fn refuse(bad: BadWish, language: Language) -> Response {
    let policy =
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'";
    page(StatusCode::BAD_REQUEST, policy, problem(bad, language))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_from_http_addresses_only() {
        for (address, expected) in [
            ("http://127.0.0.1:8787/v1/callback?a=1", Some("http://127.0.0.1:8787")),
            ("https://example.com", Some("https://example.com")),
            ("https://user@example.com/", None),
            ("https://example.com/#fragment", None),
            ("javascript:alert(1)", None),
            ("/callback", None),
            ("", None),
        ] {
            assert_eq!(origin(address).as_deref(), expected, "{address}");
        }
    }
}
