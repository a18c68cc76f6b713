//! One run of the delivery loop over a store that was filled for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderName;
use openid_delivery::{Deps, OpenIdDelivery};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use shared::delivery::response::AttemptResult;
use shared::delivery::schedule::Schedule;
use shared::delivery::sender::{CallbackSender, TimeLimits};
use shared::egress::callback_url::{CallbackRules, CallbackUrl};
use shared::model::clock::{Clock as _, SystemClock, UnixMillis};
use shared::model::consent::DeliveryBody;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::id::OperationId;
use shared::model::identity::{Identity, OpenId};
use shared::model::owner::Owner;
use shared::model::random::OsRandom;
use shared::queue::in_process::InProcessQueue;
use shared::queue::{Hint, HintQueue as _};
use shared::store::sqlite::SqliteStore;
use shared::store::{RecordReturns as _, Settlement};
use tokio::time::Instant;

use crate::Error;
use crate::fill::{Businesses, Filling, MERCHANT_ID, Stage, business_id, identity, write};

const MERCHANTS: u32 = 20;
/// The one that may be silent.
const THE_ONE: u32 = 0;
/// How long a merchant takes to answer.
const ANSWER_AFTER: Duration = Duration::from_millis(20);
/// How long the loop has for all of it.
const PATIENCE: Duration = Duration::from_mins(20);

/// Deliveries that become due while the loop is running, to the merchants that answer.
#[derive(Clone, Copy)]
pub(crate) struct Beside {
    pub(crate) count: u32,
    pub(crate) every: Duration,
}

/// What is due, and who answers.
pub(crate) struct Scene {
    /// Due at the start, of all merchants in turns.
    pub(crate) due_of_all: u32,
    /// Due at the start, of the one merchant.
    pub(crate) due_of_one: u32,
    pub(crate) beside: Beside,
    /// Whether the one merchant never answers.
    pub(crate) silent: bool,
}

/// What came of it.
pub(crate) struct Played {
    /// From due to delivered, of the other merchants, in ascending order.
    pub(crate) latencies: Vec<Duration>,
    /// How many these should be.
    pub(crate) expected: u32,
    pub(crate) attempts_of_one: u32,
}

impl Scene {
    /// Fills a store, and delivers until nothing is left for the merchants that answer.
    pub(crate) fn play(&self, scratch: &Path) -> Result<Played, Error> {
        let place = tempfile::tempdir_in(scratch)?;
        let file = place.path().join("authlink.db");
        let (all, others): (Vec<_>, Vec<_>) = ((0..MERCHANTS).collect(), (1..MERCHANTS).collect());
        let now = SystemClock.now();
        let filled = |series, count, businesses, stage| Filling { series, count, businesses, stage, now };
        let fresh = filled("fresh", self.beside.count, &others, Stage::Issued);
        write(&file, &fresh)?;
        let of_all = filled("all", self.due_of_all, &all, Stage::Due);
        write(&file, &of_all)?;
        write(&file, &filled("one", self.due_of_one, &[THE_ONE], Stage::Due))?;
        // Due when the loop begins, not when the store was filled.
        let began = SystemClock.now();
        let database = Connection::open(&file)?;
        database.execute(
            "UPDATE authorizations SET authorized_at = ?1, next_attempt_at = ?1, due_at = ?1 WHERE due_at NOT NULL",
            [began.0],
        )?;
        drop(database);
        let to_others = (0..self.due_of_all).filter(|index| identity(&of_all, *index).1 != THE_ONE).count();
        let expected = u32::try_from(to_others)? + self.beside.count;

        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
        let merchants = Arc::new(Merchants { silent: self.silent, ..Merchants::default() });
        runtime.block_on(run(&file, merchants.clone(), self.beside, &fresh, expected))?;
        runtime.shutdown_timeout(TimeLimits::default().total);
        let attempts_of_one = merchants.of_one.load(Ordering::Relaxed);
        Ok(Played { latencies: latencies(&file)?, expected, attempts_of_one })
    }
}

async fn run(
    file: &Path,
    merchants: Arc<Merchants>,
    beside: Beside,
    fresh: &Filling<'_>,
    expected: u32,
) -> Result<(), Error> {
    let (store, clock) = (Arc::new(SqliteStore::open(file)?), Arc::new(SystemClock));
    let document =
        json!({"md5Keys": ["0123456789abcdef0123456789abcdef"], "merchantIds": [MERCHANT_ID]}).to_string();
    let source = Arc::new(Businesses { document });
    let queue = InProcessQueue::new(clock.clone());
    let function = OpenIdDelivery::new(Deps {
        secrets: source,
        store: store.clone(),
        due: store.clone(),
        sender: merchants.clone(),
        hints: Arc::new(queue.clone()),
        clock: clock.clone(),
        random: Arc::new(OsRandom::default()),
        callbacks: CallbackRules::default(),
        schedule: Schedule::default(),
    });
    let delivering =
        tokio::spawn(local::deliveries::run(Arc::new(function), queue.clone(), store.clone(), clock.clone()));
    let began = Instant::now();
    for index in 0..beside.count {
        tokio::time::sleep_until(began + beside.every * index).await;
        let (id, business) = identity(fresh, index);
        let settlement = Settlement {
            id: id.clone(),
            identity: Identity::new(Some(OpenId::parse("open-id-0123456789")?), None).ok_or("nobody")?,
            body: DeliveryBody::new(&br#"{"serialNo":"fresh"}"#[..]).ok_or("no bytes")?,
            deliver: true,
            retain_until: clock.now() + Duration::from_hours(24),
            operation: OperationId::generate(&OsRandom::default())?,
            now: clock.now(),
        };
        store.settle(&settlement).await?;
        queue.send(Hint::new(id, Owner::Business(business_id(business)), 0), Duration::ZERO).await?;
    }
    while merchants.of_others.load(Ordering::Relaxed) < expected && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // What was confirmed last is being recorded.
    tokio::time::sleep(Duration::from_secs(1)).await;
    delivering.abort();
    Ok(())
}

/// All merchants: they confirm, but for the one if it is silent, and count what they are sent.
#[derive(Default)]
struct Merchants {
    silent: bool,
    of_one: AtomicU32,
    of_others: AtomicU32,
}

#[async_trait]
impl CallbackSender for Merchants {
    async fn post(
        &self,
        url: &CallbackUrl,
        _: Vec<(HeaderName, String)>,
        _: Bytes,
        _: UnixMillis,
    ) -> AttemptResult {
        if !url.as_str().contains(&business_id(THE_ONE)) {
            tokio::time::sleep(ANSWER_AFTER).await;
            self.of_others.fetch_add(1, Ordering::Relaxed);
            return DeliveryOutcome::Success.into();
        }
        self.of_one.fetch_add(1, Ordering::Relaxed);
        if self.silent {
            tokio::time::sleep(TimeLimits::default().total).await;
            return DeliveryOutcome::Timeout.into();
        }
        tokio::time::sleep(ANSWER_AFTER).await;
        DeliveryOutcome::Success.into()
    }
}

/// By what the store says of the merchants other than the one.
fn latencies(file: &Path) -> Result<Vec<Duration>, Error> {
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = database.prepare(
        "SELECT max(history ->> '$[#-1].at' - authorized_at, 0) AS millis FROM authorizations
         WHERE status = 'DELIVERED' AND owner != ?1 ORDER BY millis",
    )?;
    let millis = statement.query_map([business_id(THE_ONE)], |row| row.get::<_, i64>(0))?;
    millis.map(|millis| Ok(Duration::from_millis(u64::try_from(millis?)?))).collect()
}
