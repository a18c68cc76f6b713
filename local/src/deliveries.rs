//! The delivery loop: what SQS and the schedule do on AWS. It calls the same two steps.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use openid_delivery::{
    FairQueue, Limits, OpenIdDelivery, TAKE_UP_WITHIN, deliver, forget_what_is_due, sweep, warm,
};
use shared::model::clock::{Clock, UnixMillis};
use shared::model::clock_step::{ClockStep, ClockWatch};
use shared::model::id::AuthorizationId;
use shared::queue::in_process::InProcessQueue;
use shared::queue::{Hint, log_not_made};
use shared::store::{MoveWaits, PurgeExpired};
use shared::telemetry::Alarming as _;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

/// Sixteen merchants have to be silent at once before the others wait for them; one costs the others a sixteenth.
const LIMITS: Limits = Limits { at_once: 128, at_once_of_one: 8, waiting: 100_000, waiting_of_one: 25_000 };
const LOOK_EVERY: Duration = Duration::from_millis(50);
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// Delivers until it is dropped. The first sweep is at once: it goes on with what an earlier run left behind. Attempts
/// are counted on `under_way` until they are recorded, and dropping it does not end them.
///
/// Sweeping and purging go on beside the deliveries, which a long backlog would otherwise hold up. All of it waits by
/// the time that passes; when the clock is set back, the store's waits follow.
pub async fn run<S: PurgeExpired + MoveWaits + 'static>(
    function: Arc<OpenIdDelivery>,
    queue: InProcessQueue,
    store: Arc<S>,
    clock: Arc<dyn Clock>,
    under_way: TaskTracker,
) {
    let mut attempts = Attempts::new(function.clone(), under_way);
    let mut steps = Steps { watch: ClockWatch::begin(&*clock), back: Duration::ZERO };
    let mut next_sweep = clock.monotonic();
    let (mut sweeping, mut purging) = (JoinSet::new(), JoinSet::new());
    loop {
        steps.follow(&*store, &*clock).await;
        while sweeping.try_join_next().is_some() || purging.try_join_next().is_some() {}
        if clock.monotonic() >= next_sweep && sweeping.is_empty() {
            next_sweep = clock.monotonic() + SWEEP_EVERY;
            sweeping.spawn(sweep_all(function.clone(), clock.clone()));
            if purging.is_empty() {
                purging.spawn(end_what_is_over(function.clone(), store.clone(), clock.now()));
            }
        }
        attempts.begin(&queue);
        tokio::select! {
            () = attempts.one_ends() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// The attempts of this process: those that are made, and those that wait for their turn.
struct Attempts {
    function: Arc<OpenIdDelivery>,
    turns: FairQueue,
    /// A lease ends by the clock, which may be set forward meanwhile; what is made here is not made twice at once.
    made: HashSet<AuthorizationId>,
    /// Fetches the keys of what waits for its turn; one at most.
    warming: JoinSet<()>,
    /// Something has come since the last warming began.
    is_to_warm: bool,
    under_way: TaskTracker,
    tell: UnboundedSender<Hint>,
    ended: UnboundedReceiver<Hint>,
}

impl Attempts {
    fn new(function: Arc<OpenIdDelivery>, under_way: TaskTracker) -> Self {
        let (tell, ended) = unbounded_channel();
        let (turns, made, warming) = (FairQueue::new(LIMITS), HashSet::new(), JoinSet::new());
        Self { function, turns, made, warming, is_to_warm: false, under_way, tell, ended }
    }

    /// Begins what has come and may begin. A hint that is lost here is found by a sweep.
    fn begin(&mut self, queue: &InProcessQueue) {
        while let Some(hint) = queue.take() {
            self.is_to_warm |= self.turns.push(hint);
        }
        while let Some(hint) = self.turns.take() {
            if self.made.insert(hint.id.clone()) {
                let slot = Slot { hint, tell: self.tell.clone() };
                self.under_way.spawn(attempt(self.function.clone(), slot));
            } else {
                self.turns.ended(&hint.owner);
            }
        }
        self.warm();
    }

    fn warm(&mut self) {
        while self.warming.try_join_next().is_some() {}
        if self.is_to_warm && self.warming.is_empty() {
            self.is_to_warm = false;
            let (function, waiting) = (self.function.clone(), self.turns.owners_waiting());
            self.warming.spawn(async move { warm(&function, waiting).await });
        }
    }

    async fn one_ends(&mut self) {
        if let Some(hint) = self.ended.recv().await {
            self.made.remove(&hint.id);
            self.turns.ended(&hint.owner);
        }
    }
}

/// The slot of an attempt; free again however the attempt ends.
struct Slot {
    hint: Hint,
    tell: UnboundedSender<Hint>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        // Nobody is there to be told once the loop has been dropped.
        let _ = self.tell.send(self.hint.clone());
    }
}

/// The steps of the clock.
struct Steps {
    watch: ClockWatch,
    /// What the store's waits have still to follow.
    back: Duration,
}

impl Steps {
    async fn follow(&mut self, store: &dyn MoveWaits, clock: &dyn Clock) {
        match self.watch.step(clock) {
            Some(ClockStep::Forward(by)) => {
                tracing::warn!(by_secs = by.as_secs(), "the clock was set forward");
            }
            Some(ClockStep::Back(by)) => {
                tracing::warn!(by_secs = by.as_secs(), "the clock was set back; waits follow it");
                self.back += by;
            }
            None => {}
        }
        if self.back > Duration::ZERO {
            match store.clock_went_back(self.back, clock.now()).await {
                Ok(()) => self.back = Duration::ZERO,
                Err(error) => tracing::error!(%error, "waits do not follow the clock yet"),
            }
        }
    }
}

async fn attempt(function: Arc<OpenIdDelivery>, slot: Slot) {
    let hint = &slot.hint;
    if let Err(error) = deliver(&function, hint).await {
        log_not_made(&hint.id, &error);
    }
}

/// Until nothing is due: a sweep that has used up its time has left something, most likely.
async fn sweep_all(function: Arc<OpenIdDelivery>, clock: Arc<dyn Clock>) {
    loop {
        let patient_until = clock.monotonic() + TAKE_UP_WITHIN;
        if let Err(error) = sweep(&function).await {
            return tracing::error!(%error, alarm = error.alarm().as_str(), "the sweep failed; the next one goes on");
        }
        if clock.monotonic() < patient_until {
            return;
        }
    }
}

/// What is kept no longer: persons, and then whole records.
async fn end_what_is_over(function: Arc<OpenIdDelivery>, store: Arc<dyn PurgeExpired>, now: UnixMillis) {
    if let Err(error) = forget_what_is_due(&function).await {
        tracing::warn!(%error, "persons could not be forgotten; the next minute goes on");
    }
    purge(store, now).await;
}

/// In small bites, so that requests come between them, until nothing is left to delete.
async fn purge(store: Arc<dyn PurgeExpired>, now: UnixMillis) {
    loop {
        match store.purge_expired(now).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return tracing::warn!(%error, "what is over could not be deleted"),
        }
    }
}
