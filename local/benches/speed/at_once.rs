//! A store that answers at once, as one would to whom the network costs nothing.

use async_trait::async_trait;
use shared::clock::UnixMillis;
use shared::model::authorization::Authorization;
use shared::model::booking::{Booking, Leased};
use shared::model::id::AuthorizationId;
use shared::store::{
    FindLinks, FoundLink, LeaseAllowance, Linked, NonceUse, RecordLinks, RecordPlatformLinks, Recorded,
    StoreError, UseNonces,
};
use url::Url;

pub(crate) struct AtOnce;

#[async_trait]
impl RecordLinks for AtOnce {
    async fn record_link(&self, _: &Authorization, _: &NonceUse) -> Result<Recorded, StoreError> {
        Ok(Recorded::New)
    }
}

#[async_trait]
impl RecordPlatformLinks for AtOnce {
    async fn link_came(&self, _: &AuthorizationId, _: &Url, _: UnixMillis) -> Result<Linked, StoreError> {
        Ok(Linked::Ours)
    }
}

#[async_trait]
impl UseNonces for AtOnce {
    async fn use_nonce(&self, _: &NonceUse) -> Result<bool, StoreError> {
        Ok(true)
    }
}

#[async_trait]
impl FindLinks for AtOnce {
    async fn link(&self, _: &AuthorizationId) -> Result<Option<FoundLink>, StoreError> {
        Ok(None)
    }
}

/// Every share begins at once, so that more may be asked for than an account is allowed; shares are as small as ever.
#[async_trait]
impl LeaseAllowance for AtOnce {
    async fn lease(&self, booking: &Booking) -> Result<Leased, StoreError> {
        Ok(Leased::From(booking.now))
    }
}
