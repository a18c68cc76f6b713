//! The capabilities to forget a person: when somebody asks for it, and when a delivery is long enough ago.

use async_trait::async_trait;

use crate::model::clock::UnixMillis;
use crate::model::forgetting::Forgetting;
use crate::model::id::AuthorizationId;
use crate::store::StoreError;

#[async_trait]
pub trait ForgetPersons: Send + Sync {
    /// Takes out of the record what says who it is about, see
    /// [`forgotten`](crate::model::authorization::Authorization::forgotten), unless somebody is at work on it. Whatever
    /// was to be done with it is not done any more. A repeat changes nothing, and after an answer that was lost it says
    /// that it was done before.
    async fn forget(&self, id: &AuthorizationId, now: UnixMillis) -> Result<Forgetting, StoreError>;
}

/// Forgets the persons of deliveries that are long enough ago (`openid-delivery`'s sweep).
#[async_trait]
pub trait ForgetDelivered: Send + Sync {
    /// Forgets some of those whose [time](crate::store::AfterAttempt::Delivered) has come at `now` and had come by an
    /// earlier reading of the clock, long enough before ([`crate::model::purge`]), `limit` at most.
    async fn forget_delivered(&self, now: UnixMillis, limit: u32) -> Result<ForgottenSome, StoreError>;
}

/// What became of the deliveries that one call found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForgottenSome {
    /// So many were found, as many as were asked for if there may be more.
    pub found: u32,
    /// So many of these were forgotten: not those that were sent once more meanwhile, or cannot be read.
    pub forgotten: u32,
}

impl ForgottenSome {
    /// All that were found.
    #[must_use]
    pub const fn all(found: u32) -> Self {
        Self { found, forgotten: found }
    }
}
