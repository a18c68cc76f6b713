//! An answer of Alipay's gateway that names no user: who has to know of it, and what the user is told.
//!
//! Codes of an answer that Alipay has not signed decide nothing of the record. They are logged as unverified, and
//! choose the words on the page.

use shared::model::id::AuthorizationId;
use shared::protocol::alipay::gateway::{Fault, GatewayError, GatewayRefusal};
use shared::telemetry::Alarm;
use url::Url;

use crate::Outcome;

/// Logs a refusal; one that is not about the user's code raises the alarm.
pub(crate) fn log_refusal(reference: &AuthorizationId, refusal: &GatewayRefusal) {
    let GatewayRefusal { code, sub_code } = refusal;
    match refusal.fault() {
        Fault::Code => tracing::warn!(%reference, code, sub_code, "Alipay refused the code"),
        Fault::Ours | Fault::Passing => tracing::error!(
            %reference, code, sub_code, alarm = Alarm::Gateway.as_str(), "Alipay refused our request"
        ),
    }
}

/// Logs that there is no answer to believe, and raises the alarm, unless it is a code of the user's that Alipay refuses
/// without a signature: anybody can bring such a one.
pub(crate) fn log_unknown(reference: &AuthorizationId, reason: &GatewayError) {
    let (code, sub_code) = match reason {
        GatewayError::Unavailable(refusal) => (Some(&*refusal.code), Some(&*refusal.sub_code)),
        _ => (None, None),
    };
    let unverified_code = reason.unverified().map(|refusal| &*refusal.code);
    let unverified_sub_code = reason.unverified().map(|refusal| &*refusal.sub_code);
    if let GatewayError::Unsigned(Some(refusal)) = reason
        && refusal.fault() == Fault::Code
    {
        tracing::warn!(%reference, %reason, unverified_code, unverified_sub_code, "Alipay refused the code, unsigned");
    } else {
        tracing::error!(
            %reference, %reason, code, sub_code, unverified_code, unverified_sub_code,
            alarm = Alarm::Gateway.as_str(), "no answer from Alipay to believe"
        );
    }
}

/// What the user is told of a code that named nobody, after the refusal that was stated, if one was: to authorize again
/// by `link`, unless that would lead here again.
pub(crate) fn without_user(stated: Option<&GatewayRefusal>, link: Option<Url>) -> Outcome {
    match stated.map(GatewayRefusal::fault) {
        Some(Fault::Ours) => Outcome::OurFault,
        Some(Fault::Code | Fault::Passing) | None => Outcome::AuthorizeAgain(link),
    }
}
