//! The keys of what waits for its turn: fetched while others are delivered to, so that no turn is spent on a fetch.

use futures_util::stream::{self, StreamExt as _};
use shared::model::owner::Owner;

use crate::OpenIdDelivery;
use crate::post::Keys;

const AT_ONCE: usize = 16;

/// Fetches what deliveries to `owners` are signed with, each once. What is unavailable is left to the attempt, which
/// says so.
pub async fn warm(function: &OpenIdDelivery, owners: Vec<Owner>) {
    let fetching = stream::iter(owners);
    fetching.for_each_concurrent(AT_ONCE, async |owner| drop(Keys::fetch(function, &owner).await)).await;
}
