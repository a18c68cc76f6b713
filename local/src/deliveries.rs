//! The delivery loop: what SQS and the schedule do on AWS. It calls the same two steps.

use std::sync::Arc;
use std::time::Duration;

use openid_delivery::{OpenIdDelivery, deliver, sweep};
use shared::clock::{Clock, UnixMillis};
use shared::queue::in_process::InProcessQueue;
use shared::store::Forget;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Attempts that are made at once; a slow merchant holds one of them.
const AT_ONCE: usize = 32;
const LOOK_EVERY: Duration = Duration::from_millis(50);
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// Delivers until it is dropped. The first sweep is at once: it goes on with what an earlier run left behind.
pub(crate) async fn run(
    function: Arc<OpenIdDelivery>,
    queue: InProcessQueue,
    store: Arc<dyn Forget>,
    clock: Arc<dyn Clock>,
) {
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    let mut next_sweep = clock.now();
    let mut forgetting: Option<JoinHandle<()>> = None;
    loop {
        if clock.now() >= next_sweep {
            next_sweep = clock.now() + SWEEP_EVERY;
            if let Err(error) = sweep(&function).await {
                tracing::error!(%error, "the sweep failed; the next one goes on");
            }
            if forgetting.as_ref().is_none_or(JoinHandle::is_finished) {
                forgetting = Some(tokio::spawn(forget(store.clone(), clock.now())));
            }
        }
        while let Ok(permit) = at_once.clone().try_acquire_owned()
            && let Some(hint) = queue.take()
        {
            let function = function.clone();
            tokio::spawn(async move {
                if let Err(error) = deliver(&function, &hint).await {
                    tracing::error!(reference = %hint.id, %error, "an attempt could not be made; the sweep will");
                }
                drop(permit);
            });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// In small bites, so that requests come between them, until nothing is left to forget.
async fn forget(store: Arc<dyn Forget>, now: UnixMillis) {
    loop {
        match store.forget(now).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return tracing::warn!(%error, "what is old could not be deleted"),
        }
    }
}
