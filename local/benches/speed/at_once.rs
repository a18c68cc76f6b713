//! A store that answers at once, as one would to whom the network costs nothing.

use async_trait::async_trait;
use shared::model::authorization::Authorization;
use shared::model::clock::UnixMillis;
use shared::model::id::AuthorizationId;
use shared::model::reservation::{Reservation, ReservationOutcome};
use shared::store::{
    FindLinks, FoundLink, Linked, NonceUse, RecordLinks, RecordPlatformLinks, Recorded, ReserveRate,
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
    async fn record_platform_link(
        &self,
        _: &AuthorizationId,
        _: &Url,
        _: UnixMillis,
    ) -> Result<Linked, StoreError> {
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
impl ReserveRate for AtOnce {
    async fn lease(&self, reservation: &Reservation) -> Result<ReservationOutcome, StoreError> {
        Ok(ReservationOutcome::From(reservation.now))
    }
}
