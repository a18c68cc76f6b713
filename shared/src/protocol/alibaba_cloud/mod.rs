//! `GetAuthorizationUrl` at Alibaba Cloud itself: a link that is made there, asked for with the account's own key.
//!
//! A call is made once, with one exception: a connection that broke before an answer began was most likely a kept one
//! that had been closed in the meantime, and a second call, signed anew, takes its place. If the first was acted upon
//! all the same, one link more was made than is used. An answer is judged by [`classify`] alone.

mod client;
mod response;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use url::Url;

use crate::egress::transport_error::TransportError;
use crate::egress::web_url;
use crate::model::clock::Clock;
use crate::model::end_date::EndDate;
use crate::model::owner::SchemeId;
use crate::model::phone::PhoneNumber;
use crate::model::random::{Random, hex_128};
use crate::signing::alibaba_cloud::{AccessKeySecret, OutgoingCall};

pub use crate::protocol::alibaba_cloud::client::AlibabaCloudClient;
pub use crate::protocol::alibaba_cloud::response::{
    AlibabaCloudError, AlibabaCloudLink, AlibabaCloudRefusal, UnansweredReason, classify,
};

/// The time that Alibaba Cloud has in all, a second try included.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);

/// The longest answer that is read, in bytes.
pub const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// An account's own key at Alibaba Cloud, and the endpoint that it is used at.
#[derive(Clone, Copy)]
pub struct Credential<'a> {
    /// Takes the calls; without path, query, fragment and user name.
    pub endpoint: &'a Url,
    /// The key's id.
    pub access_key_id: &'a str,
    /// The key that calls are signed with.
    pub secret: &'a AccessKeySecret,
}

/// The parameters of a call of `GetAuthorizationUrl`.
pub struct AuthorizationUrlRequest<'a> {
    /// The user whose consent is asked for.
    pub phone: &'a PhoneNumber,
    /// The scheme, which has the same number there.
    pub scheme_id: SchemeId,
    /// The last day of the consent, if that was said.
    pub end_date: Option<EndDate>,
}

/// Carries calls to Alibaba Cloud: the network of the flow.
#[async_trait]
pub trait AlibabaCloudNetwork: Send + Sync {
    /// Sends `request`, once only, and gives the answer, [`MAX_ANSWER_BYTES`] at most.
    ///
    /// # Errors
    /// There is no whole answer.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError>;
}

/// Asks for a link with an account's own key.
///
/// # Errors
/// [`AlibabaCloudError`]: what Alibaba Cloud refused it for, or why nothing usable came of the call.
pub async fn get_authorization_url(
    network: &dyn AlibabaCloudNetwork,
    credential: &Credential<'_>,
    wanted: &AuthorizationUrlRequest<'_>,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<AlibabaCloudLink, AlibabaCloudError> {
    let call = async || network.send(signed(credential, wanted, clock, random)?).await;
    let tried = async {
        match call().await {
            Err(error) if error.broke_before_answer() => call().await,
            answered => answered,
        }
    };
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, tried).await.unwrap_or(Err(TransportError::Timeout))?;
    classify(answer.status(), answer.body(), web_url::is_loopback(credential.endpoint))
}

fn signed(
    credential: &Credential<'_>,
    wanted: &AuthorizationUrlRequest<'_>,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Request<Bytes>, TransportError> {
    let scheme_id = wanted.scheme_id.to_string();
    let end_date = wanted.end_date.map(|date| date.to_string());
    let mut parameters = vec![("PhoneNo", wanted.phone.reveal()), ("SchemeId", &scheme_id)];
    parameters.extend(end_date.as_deref().map(|date| ("EndDate", date)));
    let call = OutgoingCall {
        endpoint: credential.endpoint,
        action: "GetAuthorizationUrl",
        version: "2017-05-25",
        parameters: &parameters,
        at: clock.now(),
        nonce: &hex_128(random).map_err(|_| TransportError::NotSent)?,
    };
    call.sign(credential.access_key_id, credential.secret).map_err(|_| TransportError::NotSent)
}
