//! The way from the result page back to the merchant's own page.
//!
//! It carries what the request is known by and what came of it, signed by our own key as a callback is. Whoever has the
//! link sees it, so it is a hint that a page may show, never the proof that something is paid or opened for: that is
//! the callback. A key that is shared with a business never signs it: who has the page could try keys against the tag
//! for as long as they like.

use std::sync::Arc;
use std::time::Duration;

use shared::model::authorization::Authorization;
use shared::model::authorization_request::AuthorizationRequest;
use shared::model::clock::Stopwatch;
use shared::registry::CallbackKey;
use shared::secrets::SecretName;
use shared::signing::open_api::{Signer, callback_nonce};
use tokio::time::timeout;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::{OpenIdCallback, Outcome};

/// The time in a request within which a way back is signed, with the look-up of the key: what took longer has left no
/// more than the time to answer.
pub const SIGN_WITHIN: Duration = Duration::from_secs(26);

/// What came of an authorization, for the merchant's page; `None` where there is nothing to say yet, or nothing that
/// holds for whoever came back: only who consented by this very code is told so.
pub(crate) const fn result(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Authorized => Some("AUTHORIZED"),
        Outcome::NotAuthorized(_) => Some("REFUSED"),
        Outcome::Expired => Some("EXPIRED"),
        Outcome::UnknownLink
        | Outcome::InProgress
        | Outcome::AuthorizeAgain(_)
        | Outcome::OurFault
        | Outcome::NotRecorded(_)
        | Outcome::TooManyTries
        | Outcome::AlreadyUsed
        | Outcome::AnotherUser
        | Outcome::Unavailable => None,
    }
}

/// The address that the page leads back to, if the link has one. Without the key to sign with, without the time to have
/// it since the request `arrived`, and where there is no result, it says nothing but itself.
pub(crate) async fn way_back(
    function: &OpenIdCallback,
    record: &Authorization,
    outcome: &Outcome,
    arrived: Stopwatch,
) -> Option<Url> {
    let mut url = Url::parse(record.terms.return_url.as_ref()?).ok()?;
    if let Some(result) = result(outcome) {
        match signed(function, record, result, arrived).await {
            Ok(said) => {
                let own = url.query().filter(|own| !own.is_empty()).map(|own| format!("{own}&"));
                url.set_query(Some(&format!("{}{said}", own.unwrap_or_default())));
            }
            Err(error) => {
                tracing::warn!(reference = %record.id, error, "a way back is not signed");
            }
        }
    }
    Some(url)
}

/// The parameters: the text that is signed, as a callback's body is, and then what its headers would be.
async fn signed(
    function: &OpenIdCallback,
    record: &Authorization,
    result: &str,
    arrived: Stopwatch,
) -> Result<String, String> {
    let key = key(function, arrived).await?;
    let (name, value) = match &record.request {
        AuthorizationRequest::Merchant(request) => ("serialNo", &request.serial_no),
        AuthorizationRequest::Scheme(request) => ("requestId", &request.request_id),
    };
    let said = Serializer::new(String::new()).append_pair(name, value).append_pair("result", result).finish();
    let nonce = callback_nonce(&*function.random).map_err(|error| error.to_string())?;
    let (caller, signer) = (record.request.caller(), Signer::Rsa(&key.private_key));
    let headers = signer.sign(caller, &nonce, function.clock.now(), said.as_bytes());
    let mut query = Serializer::new(said);
    for (name, value) in headers.map_err(|error| error.to_string())? {
        query.append_pair(name.as_str(), &value);
    }
    Ok(query.finish())
}

/// Our key, if the request has time left to have it.
async fn key(function: &OpenIdCallback, arrived: Stopwatch) -> Result<Arc<CallbackKey>, String> {
    let left = SIGN_WITHIN.saturating_sub(arrived.passed(&*function.clock));
    let late = || "no time was left for the key".to_owned();
    if left.is_zero() {
        return Err(late());
    }
    let name = SecretName::callback_key();
    let key = timeout(left, function.callback_keys.get(&name)).await.map_err(|_| late())?;
    key.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_consented_by_this_very_code_is_told_so() {
        for (outcome, told) in [
            (Outcome::Authorized, Some("AUTHORIZED")),
            (Outcome::NotAuthorized(None), Some("REFUSED")),
            (Outcome::UnknownLink, None),
            (Outcome::Expired, Some("EXPIRED")),
            (Outcome::InProgress, None),
            (Outcome::AuthorizeAgain(None), None),
            (Outcome::OurFault, None),
            (Outcome::NotRecorded(None), None),
            (Outcome::TooManyTries, None),
            (Outcome::AlreadyUsed, None),
            (Outcome::AnotherUser, None),
            (Outcome::Unavailable, None),
        ] {
            assert_eq!(result(&outcome), told, "{outcome:?}");
        }
    }
}
