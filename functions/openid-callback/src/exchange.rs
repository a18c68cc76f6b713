//! The exchange of a code at Alipay, with the keys of the app that the code is for.

use std::sync::Arc;

use shared::egress::breakers::Permit;
use shared::model::claim::EXCHANGE_LEASE;
use shared::model::clock::{Monotonic, UnixMillis};
use shared::protocol::alipay::gateway::{Exchange, ExchangeRequest, GatewayError, read_answer};
use shared::registry::AlipayApp;
use shared::secrets::{KeyCheck, NameOrigin, SecretName};

use crate::{OpenIdCallback, ReturnError};

/// The app's document, or its newest one, if its certificates are valid from `now` to the end of an exchange that is
/// begun now: otherwise a code would be spent in vain. `origin`: whether the app's name comes from the request or
/// from our record.
pub(crate) async fn app_of_exchange(
    function: &OpenIdCallback,
    name: &SecretName,
    origin: NameOrigin,
    now: UnixMillis,
) -> Result<Arc<AlipayApp>, ReturnError> {
    let check = |app: &Arc<AlipayApp>| {
        let flaw = app.out_of_validity(now).or_else(|| app.out_of_validity(now + EXCHANGE_LEASE));
        KeyCheck::from(flaw.map_or_else(|| Ok(Arc::clone(app)), Err))
    };
    match function.apps.get_checked(name, origin, check).await {
        Ok(Ok(app)) => Ok(app),
        Ok(Err(certificate)) => Err(ReturnError::OutOfValidity { name: name.clone(), certificate }),
        Err(error) => Err(ReturnError::Keys { name: name.clone(), error }),
    }
}

/// Alipay's answer. One that fails only its signature is read once more with the newest document, as long as there is
/// time.
pub(crate) async fn exchange(
    function: &OpenIdCallback,
    permit: Permit<'_>,
    request: ExchangeRequest,
    name: &SecretName,
    app: &Arc<AlipayApp>,
    refresh_until: Monotonic,
) -> Exchange {
    let answered = function.gateway.exchange(request).await;
    permit.report(answered.as_ref().is_err_and(GatewayError::is_timeout));
    let body = match answered {
        Ok(body) => body,
        Err(reason) => return Exchange::Unknown(reason),
    };
    let read = |app: &Arc<AlipayApp>| match read_answer(&body, &app.alipay, function.clock.now()) {
        unbelieved @ Exchange::Unknown(GatewayError::Signature(_) | GatewayError::Certificate(_))
            if function.clock.monotonic() < refresh_until =>
        {
            KeyCheck::NoKeyFits(unbelieved)
        }
        said => KeyCheck::Decided(said),
    };
    function.apps.check_keys(name, app, read).await
}
