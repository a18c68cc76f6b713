//! Hosts whose clock is set while they run: nothing stops, nothing is made twice at once, nothing is deleted.

pub mod host_clock;
pub mod merchant;
pub mod scene;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;

use crate::clock::Millis;
use crate::clocks::merchant::{MerchantConduct, after_confirmation, twice_at_once, under_way};
use crate::clocks::scene::{SOON, Scene, swept, until};

const HOUR_SECS: i64 = 3_600;
/// Longer than records are kept.
const FAR_SECS: i64 = 500 * 24 * HOUR_SECS;
/// A retry's wait and a sweep, with time to spare.
const GOES_ON_WITHIN: Duration = Duration::from_secs(90);
/// A sweep comes every minute, and a POST may take ten seconds: what begins this long after a sweep is under way at the
/// next one.
const BEFORE_A_SWEEP: Millis = 53_000;
/// For what the host begins at the sight of a sweep.
const BEGUN_WITHIN: Duration = Duration::from_secs(1);
/// One sweep at least.
const AHEAD_FOR: Duration = Duration::from_secs(75);
/// The answer to a query for what there is no record of.
const UNKNOWN: &str = "status 7";
/// On a slow machine a scene may come too late for its sweep or its retries.
const SCENES: u32 = 3;
/// The steps in the log.
const BACK: &str = "the clock was set back";
const FORWARD: &str = "the clock was set forward";

/// Clocks to be set.
pub struct Clocks {
    /// The program `authlink`.
    pub program: PathBuf,
    /// libfaketime.
    pub library: PathBuf,
    /// For the hosts' folders.
    pub home: PathBuf,
    /// For the hosts' logs.
    pub logs: PathBuf,
    /// The authorizations of each host.
    pub authorizations: usize,
}

/// What was seen of one host.
pub struct Row {
    name: &'static str,
    bars: Vec<Bar>,
}

/// What must not be, and how often it was.
struct Bar {
    what: &'static str,
    broken: usize,
    of: usize,
}

impl Row {
    /// True if nothing was that must not be.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.bars.iter().all(|bar| bar.broken == 0)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        for Bar { what, broken, of } in &self.bars {
            let mark = if *broken == 0 { ' ' } else { '!' };
            write!(f, "\n {mark} {broken:>3} of {of:<3} {what}")?;
        }
        Ok(())
    }
}

/// The row of the first scene that is ready in time.
async fn in_time(scene: impl AsyncFn(u32) -> io::Result<Option<Row>>) -> io::Result<Row> {
    for number in 0..SCENES {
        if let Some(row) = scene(number).await? {
            return Ok(row);
        }
    }
    Err(io::Error::other("no scene was ready in time"))
}

impl Clocks {
    /// Starts the hosts, and sets the clock of each.
    ///
    /// # Errors
    /// A host cannot be started, or something failed before its clock was set.
    pub async fn set(&self) -> io::Result<[Row; 3]> {
        let back = in_time(async |number| self.back(number).await);
        let forward = in_time(async |number| self.forward(number).await);
        tokio::try_join!(back, forward, self.far_ahead()).map(<[Row; 3]>::from)
    }

    async fn scene(&self, name: &str, conduct: MerchantConduct, starts_at: Millis) -> io::Result<Scene> {
        let (home, log) = (self.home.join(name), self.logs.join(format!("{name}.log")));
        Scene::set(&self.program, &self.library, &home, log, conduct, (self.authorizations, starts_at)).await
    }

    /// An hour back, while retries wait. `None`: they did not all wait at one moment.
    async fn back(&self, number: u32) -> io::Result<Option<Row>> {
        let scene = self.scene(&format!("back-{number}"), MerchantConduct::FailsFirst, 0).await?;
        scene.authorize().await?;
        if scene.told_otherwise(SOON, |told| told.attempts == 1).await > 0 {
            return scene.end().await.map(|()| None);
        }
        let log = scene.log_from_here()?;
        scene.clock.set(-HOUR_SECS)?;
        let (undelivered, is_swept) =
            tokio::join!(scene.undelivered(GOES_ON_WITHIN), until(GOES_ON_WITHIN, async || swept(&log)));
        let (posts, is_told) = (scene.merchant.posts(), log.has(BACK));
        scene.end().await?;
        let bars = vec![
            self.bar("were not delivered within 90 s", undelivered),
            self.bar("were posted again after SUCCESS", after_confirmation(&posts)),
            missing("sweep within 90 s is missing", is_swept),
            missing("step is not logged", is_told),
        ];
        Ok(Some(Row { name: "an hour back, while deliveries wait for their retry", bars }))
    }

    /// An hour forward, while POSTs are under way. `None`: they were not all under way before a sweep.
    async fn forward(&self, number: u32) -> io::Result<Option<Row>> {
        let scene = self.scene(&format!("forward-{number}"), MerchantConduct::Holds, BEFORE_A_SWEEP).await?;
        let log = scene.log_from_here()?;
        scene.authorize().await?;
        let are_held = until(SOON, async || under_way(&scene.merchant.posts()) == self.authorizations).await;
        if !are_held || swept(&log) {
            scene.merchant.let_go();
            return scene.end().await.map(|()| None);
        }
        scene.clock.set(HOUR_SECS)?;
        let is_swept = until(SOON, async || swept(&log)).await;
        let not_held = self.authorizations - under_way(&scene.merchant.posts());
        sleep(BEGUN_WITHIN).await;
        scene.merchant.let_go();
        let undelivered = scene.undelivered(SOON).await;
        let (posts, is_told) = (scene.merchant.posts(), log.has(FORWARD));
        scene.end().await?;
        let bars = vec![
            self.bar("were not under way at the next sweep", not_held),
            self.bar("were posted twice at once", twice_at_once(&posts)),
            self.bar("were posted again after SUCCESS", after_confirmation(&posts)),
            self.bar("were not delivered", undelivered),
            missing("sweep is missing", is_swept),
            missing("step is not logged", is_told),
        ];
        Ok(Some(Row { name: "an hour forward, while the merchant has yet to answer", bars }))
    }

    /// Far ahead, and right again.
    async fn far_ahead(&self) -> io::Result<Row> {
        let scene = self.scene("ahead", MerchantConduct::Confirms, 0).await?;
        scene.authorize().await?;
        let undelivered = scene.undelivered(SOON).await;
        let before = scene.told().await;
        let log = scene.log_from_here()?;
        scene.clock.set(FAR_SECS)?;
        sleep(AHEAD_FOR).await;
        let (is_swept, is_told) = (swept(&log), log.has(FORWARD));
        let log = scene.log_from_here()?;
        scene.clock.set(0)?;
        let is_told_again = until(SOON, async || log.has(BACK)).await;
        let after = scene.told().await;
        let is_gone = |told: &Result<_, String>| told.as_ref().is_err_and(|refused| refused == UNKNOWN);
        let gone = after.iter().filter(|told| is_gone(told)).count();
        let changed = before.iter().zip(&after).filter(|(before, after)| before != after && !is_gone(after));
        let changed = changed.count();
        scene.end().await?;
        let bars = vec![
            self.bar("were not delivered before", undelivered),
            self.bar("were gone", gone),
            self.bar("were told otherwise, or could not be queried", changed),
            missing("sweep meanwhile is missing", is_swept),
            missing("step forward is not logged", is_told),
            missing("step back is not logged", is_told_again),
        ];
        Ok(Row { name: "500 days ahead for 75 s, and right again", bars })
    }

    const fn bar(&self, what: &'static str, broken: usize) -> Bar {
        Bar { what, broken, of: self.authorizations }
    }
}

fn missing(what: &'static str, is_there: bool) -> Bar {
    Bar { what, broken: usize::from(!is_there), of: 1 }
}
