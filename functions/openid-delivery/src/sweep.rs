//! The sweep: the guarantee behind the hints. It puts what is due onto the queue, and what the queue has neglected it
//! delivers itself, so that a trigger which is switched off, or far behind, costs minutes and nothing else.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{self, Either};
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use shared::model::clock::{Monotonic, UnixMillis};
use shared::queue::in_process::InProcessQueue;
use shared::queue::{HINT_GRACE_PERIOD, Hint, log_not_made};
use shared::store::{Due, StoreError, TakenUp};

use crate::expiry;
use crate::{
    DeliveryError, FairQueue, Limits, OpenIdDelivery, Step, deliver, deliver_before, send_hint, warm,
};

/// The time in which a sweep takes records up; the rest of a longer backlog is the next sweep's.
pub const TAKE_UP_WITHIN: Duration = Duration::from_secs(3);

/// The time in which a sweep begins attempts of its own: what it has begun must end in the function's time.
pub const ATTEMPTS_WITHIN: Duration = Duration::from_secs(8);

const BATCH: u32 = 500;
const AT_ONCE: usize = 32;
/// Of what is neglected, so that a merchant that does not answer leaves the others their attempts.
const NEGLECTED: Limits =
    Limits { at_once: AT_ONCE, at_once_of_one: AT_ONCE / 4, waiting: 500, waiting_of_one: 125 };

/// The records that one sweep took up.
struct Swept {
    queued: u32,
    /// Of these, the first of what has been due for two minutes, so its hint was lost or not followed.
    neglected: FairQueue,
    /// The wait of the oldest for its attempt, as far as the store has said.
    oldest: Option<Duration>,
    /// The first error; what came before it is taken up all the same.
    error: Option<DeliveryError>,
}

/// Queues a hint for everything that is due, and counts them.
///
/// Each is first pushed forward, so that the next sweep does not queue it again; if this process dies between the two,
/// the next sweep but one finds it.
///
/// # Errors
/// When the store is unavailable; the next sweep goes on.
pub async fn sweep(function: &OpenIdDelivery) -> Result<u32, DeliveryError> {
    let swept = take_up_what_is_due(function).await;
    swept.error.map_or(Ok(swept.queued), Err)
}

/// [`sweep`], and then the attempts that have been due for two minutes. Whoever else makes one of them is not
/// disturbed: the record lets one worker in.
///
/// # Errors
/// As [`sweep`], and the first that [`deliver`] has; the other attempts are made all the same.
pub(crate) async fn sweep_and_deliver_what_is_neglected(
    function: &OpenIdDelivery,
) -> Result<(), DeliveryError> {
    let latest = function.clock.monotonic() + ATTEMPTS_WITHIN;
    let Swept { neglected, error, .. } = take_up_what_is_due(function).await;
    let warming = pin!(warm(function, neglected.owners_waiting()));
    let attempts = pin!(make_attempts(function, neglected, latest));
    let failed = match future::select(attempts, warming).await {
        Either::Left((failed, _)) => failed,
        Either::Right(((), attempts)) => attempts.await,
    };
    error.or(failed).map_or(Ok(()), Err)
}

/// Makes the attempts of `neglected` that can begin before `latest`; the first error, if there is one.
async fn make_attempts(
    function: &OpenIdDelivery,
    mut neglected: FairQueue,
    latest: Monotonic,
) -> Option<DeliveryError> {
    let (mut under_way, mut failed) = (FuturesUnordered::new(), None);
    loop {
        while function.clock.monotonic() < latest
            && let Some(hint) = neglected.take()
        {
            under_way.push(async move {
                let made = deliver_before(function, &hint, Some(latest)).await;
                if let Err(error) = &made {
                    log_not_made(&hint.id, error);
                }
                (hint.owner, made)
            });
        }
        let Some((owner, made)) = under_way.next().await else { return failed };
        neglected.ended(&owner);
        failed = failed.or_else(|| made.err());
    }
}

async fn take_up_what_is_due(function: &OpenIdDelivery) -> Swept {
    let until = function.clock.monotonic() + TAKE_UP_WITHIN;
    let neglected = FairQueue::new(NEGLECTED);
    let mut swept = Swept { queued: 0, neglected, oldest: None, error: None };
    // A queue that does not take one hint is not asked again: the others would wait for its time-outs.
    let queue_is_there = AtomicBool::new(true);
    loop {
        let now = function.clock.now();
        let batch = match function.due.due(now, BATCH).await {
            Ok(batch) => batch,
            Err(error) => {
                swept.error.get_or_insert_with(|| error.into());
                break;
            }
        };
        let may_be_more = batch.len() == BATCH as usize;
        let before = swept.queued;
        swept.take_up_all(function, batch, now, until, &queue_is_there).await;
        let stuck = swept.error.is_some() && swept.queued == before;
        if !may_be_more || stuck || function.clock.monotonic() >= until {
            break;
        }
    }
    swept.log();
    swept
}

impl Swept {
    async fn take_up_all(
        &mut self,
        function: &OpenIdDelivery,
        batch: Vec<Due>,
        now: UnixMillis,
        until: Monotonic,
        queue_is_there: &AtomicBool,
    ) {
        let ages = batch.iter().map(|due| now.since(due.next_attempt_at.unwrap_or(due.due_at)));
        self.oldest = Some(ages.fold(self.oldest.unwrap_or_default(), Duration::max));
        let taking_up = stream::iter(batch).map(|due| take_up(function, due, now, until, queue_is_there));
        let taken_up: Vec<_> = taking_up.buffer_unordered(AT_ONCE).collect().await;
        for taken_up in taken_up {
            match taken_up {
                Ok(Some((hint, neglected))) => {
                    self.queued += 1;
                    if neglected {
                        self.neglected.push(hint);
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    self.error.get_or_insert_with(|| error.into());
                }
            }
        }
    }

    /// Every sweep that could look says so, even of nothing: an alarm watches the age, and that sweeps go on.
    fn log(&self) {
        if let Some(oldest) = self.oldest {
            tracing::info!(
                route = "openid-delivery",
                queued = self.queued,
                neglected = self.neglected.hints_waiting(),
                oldest_due_secs = oldest.as_secs(),
                "sweep"
            );
        }
    }
}

/// The hint, and whether its attempt was neglected; nothing if there is no time left, or if another sweep was faster.
async fn take_up(
    function: &OpenIdDelivery,
    due: Due,
    now: UnixMillis,
    until: Monotonic,
    queue_is_there: &AtomicBool,
) -> Result<Option<(Hint, bool)>, StoreError> {
    if function.clock.monotonic() >= until {
        return Ok(None);
    }
    let (hint, neglected, busy) = if let Some(next_attempt_at) = due.next_attempt_at {
        let postponed = function.due.postpone(&due, now + HINT_GRACE_PERIOD).await?;
        let Some(TakenUp { attempts, lease_until }) = postponed else { return Ok(None) };
        // While a worker is at it the hint waits: it is for the case that the worker dies.
        let busy = lease_until.map_or(Duration::ZERO, |until| until.since(now));
        let neglected = busy.is_zero() && now.since(next_attempt_at) >= HINT_GRACE_PERIOD;
        (Hint::new(due.id, due.owner, attempts), neglected, busy)
    } else {
        let Some(notice) = expiry::tell(function, &due, now).await? else { return Ok(None) };
        (notice, false, Duration::ZERO)
    };
    if queue_is_there.load(Ordering::Relaxed) && !send_hint(function, hint.clone(), busy).await {
        queue_is_there.store(false, Ordering::Relaxed);
    }
    Ok(Some((hint, neglected)))
}

/// Makes every attempt whose hint has arrived on a queue within this process, one after another.
///
/// # Errors
/// The first that [`deliver`] has; the other attempts are made all the same.
pub async fn drain(function: &OpenIdDelivery, queue: &InProcessQueue) -> Result<Vec<Step>, DeliveryError> {
    let (mut steps, mut failed) = (Vec::new(), None);
    while let Some(hint) = queue.take() {
        match deliver(function, &hint).await {
            Ok(step) => steps.push(step),
            Err(error) => {
                log_not_made(&hint.id, &error);
                failed.get_or_insert(error);
            }
        }
    }
    failed.map_or(Ok(steps), Err)
}
