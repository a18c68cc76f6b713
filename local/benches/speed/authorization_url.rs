//! `GetAuthorizationUrl` as it is measured: the reading and verifying of a call alone, and all that is done with one.

use std::sync::Arc;

use bytes::Bytes;
use get_authorization_url::{Deps, GetAuthorizationUrl};
use http::Request;
use local::folder::{ACCESS_KEY_ID, Folder};
use shared::model::clock::{Clock, SystemClock};
use shared::model::random::OsRandom;
use shared::protocol::alibaba_cloud::AlibabaCloudClient;
use shared::protocol::alipay::authorize::LinkSettings;
use shared::rate_limit::RateLimiter;
use shared::registry::AccessKey;
use shared::secrets::{SecretCache, SecretFolder, SecretName, SecretSource};
use shared::signing::alibaba_cloud::{Call, CallError, is_fresh};
use shared::store::SchemeLinks;

use crate::Error;
use crate::at_once::AtOnce;

/// The function, and the access key that its calls are signed with.
pub(crate) struct AuthorizationUrl {
    function: GetAuthorizationUrl,
    key: Arc<AccessKey>,
    clock: Arc<dyn Clock>,
}

impl AuthorizationUrl {
    /// With the keys of a local run.
    pub(crate) async fn new(folder: &Folder, links: LinkSettings) -> Result<Self, Error> {
        let secrets: Arc<dyn SecretSource> = Arc::new(SecretFolder::new(folder.secrets()));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let keys = SecretCache::shared(&secrets, &clock);
        let key = keys.get(&SecretName::access_key(ACCESS_KEY_ID)?).await?;
        let function = GetAuthorizationUrl::new(Deps {
            secrets,
            store: SchemeLinks::new(Arc::new(AtOnce)),
            rate_limiter: Arc::new(RateLimiter::new(Arc::new(AtOnce), clock.clone())),
            aliyun: Arc::new(AlibabaCloudClient::new()?),
            clock: clock.clone(),
            random: Arc::new(OsRandom::default()),
            links,
        });
        Ok(Self { function, key, clock })
    }

    /// Reads all that says who calls what and when, and verifies it.
    pub(crate) fn verifies(&self, request: &Request<Bytes>) -> bool {
        let call = Call::read(request);
        self.reads(&call) == Ok(true) && call.verify(&self.key.secrets).is_ok()
    }

    fn reads(&self, call: &Call<'_>) -> Result<bool, CallError> {
        let named = call.action().is_some() && call.version().is_some() && !call.has_security_token();
        let fresh = is_fresh(call.timestamp()?, self.clock.now());
        Ok(named && fresh && call.access_key_id()? == ACCESS_KEY_ID && !call.nonce()?.is_empty())
    }

    /// Answers a call; whether with a link.
    pub(crate) async fn grants(&self, request: &Request<Bytes>) -> bool {
        self.function.handle(request).await.body().starts_with(br#"{"Code":"OK","#)
    }
}
