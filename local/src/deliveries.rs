//! The delivery loop: what SQS and the schedule do on AWS. It calls the same two steps.

use std::sync::Arc;
use std::time::Duration;

use openid_delivery::{FairQueue, Limits, OpenIdDelivery, SWEEP_PATIENCE, deliver, sweep};
use shared::model::clock::{Clock, UnixMillis};
use shared::model::owner::Owner;
use shared::queue::Hint;
use shared::queue::in_process::InProcessQueue;
use shared::store::PurgeExpired;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// Sixteen merchants have to be silent at once before the others wait for them; one costs the others a sixteenth.
const LIMITS: Limits = Limits { at_once: 128, at_once_of_one: 8, waiting: 100_000, waiting_of_one: 25_000 };
const LOOK_EVERY: Duration = Duration::from_millis(50);
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// Delivers until it is dropped. The first sweep is at once: it goes on with what an earlier run left behind.
///
/// Sweeping and forgetting go on beside the deliveries, which a long backlog would otherwise hold up.
pub async fn run(
    function: Arc<OpenIdDelivery>,
    queue: InProcessQueue,
    store: Arc<dyn PurgeExpired>,
    clock: Arc<dyn Clock>,
) {
    let mut turns = FairQueue::new(LIMITS);
    let (tell, mut ended) = unbounded_channel();
    let mut next_sweep = clock.now();
    let (mut sweeping, mut forgetting) = (JoinSet::new(), JoinSet::new());
    loop {
        while sweeping.try_join_next().is_some() || forgetting.try_join_next().is_some() {}
        if clock.now() >= next_sweep && sweeping.is_empty() {
            next_sweep = clock.now() + SWEEP_EVERY;
            sweeping.spawn(sweep_all(function.clone(), clock.clone()));
            if forgetting.is_empty() {
                forgetting.spawn(forget(store.clone(), clock.now()));
            }
        }
        while let Some(hint) = queue.take() {
            // One that is lost here is found by a sweep.
            turns.push(hint);
        }
        while let Some(hint) = turns.take() {
            let under_way = UnderWay { owner: hint.owner.clone(), tell: tell.clone() };
            tokio::spawn(attempt(function.clone(), hint, under_way));
        }
        tokio::select! {
            Some(owner) = ended.recv() => turns.ended(&owner),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Tells that an attempt is over, however it ends.
struct UnderWay {
    owner: Owner,
    tell: UnboundedSender<Owner>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        // Nobody is there to be told once the loop has been dropped.
        let _ = self.tell.send(self.owner.clone());
    }
}

async fn attempt(function: Arc<OpenIdDelivery>, hint: Hint, under_way: UnderWay) {
    if let Err(error) = deliver(&function, &hint).await {
        tracing::error!(reference = %hint.id, %error, "an attempt could not be made; the sweep will");
    }
    drop(under_way);
}

/// Until nothing is due: a sweep that has used up its time has left something, most likely.
async fn sweep_all(function: Arc<OpenIdDelivery>, clock: Arc<dyn Clock>) {
    loop {
        let patient_until = clock.now() + SWEEP_PATIENCE;
        if let Err(error) = sweep(&function).await {
            return tracing::error!(%error, "the sweep failed; the next one goes on");
        }
        if clock.now() < patient_until {
            return;
        }
    }
}

/// In small bites, so that requests come between them, until nothing is left to forget.
async fn forget(store: Arc<dyn PurgeExpired>, now: UnixMillis) {
    loop {
        match store.forget(now).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return tracing::warn!(%error, "what is old could not be deleted"),
        }
    }
}
