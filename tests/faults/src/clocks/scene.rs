//! A host of its own, whose clock can be set, with a gateway, a merchant and users by the right time.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::business::Site;
use crate::clock::{Millis, StormClock};
use crate::clocks::host_clock::HostClock;
use crate::clocks::merchant::{Merchant, MerchantConduct, confirmed};
use crate::gateway::Gateway;
use crate::host::Host;
use crate::journal::{Journal, Told, Travelled};
use crate::open_api::Caller;
use crate::plan::Plan;
use crate::stage::Stage;
use crate::user::{Users, browser};

/// Enough for whatever takes no time by itself.
pub const SOON: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// After the answer of the merchant.
const RECORDED_WITHIN: Duration = Duration::from_secs(5);
/// The state of an authorization whose merchant knows the openId.
const DELIVERED: &str = "DELIVERED";

/// Everybody, while the host serves.
pub struct Scene {
    pub clock: Arc<HostClock>,
    pub merchant: Arc<Merchant>,
    host: Host,
    plan: Arc<Plan>,
    users: Users,
    callback_url: String,
    _parties: JoinSet<()>,
}

impl Scene {
    /// Starts a host of `program` with its folder in `home`, where `authorizations` begin `starts_at` after the first
    /// sweep. `log` is the host's, and new.
    ///
    /// # Errors
    /// A party cannot be set up.
    pub async fn set(
        program: &Path,
        library: &Path,
        home: &Path,
        log: PathBuf,
        conduct: MerchantConduct,
        (authorizations, starts_at): (usize, Millis),
    ) -> io::Result<Self> {
        fs::create_dir_all(home)?;
        File::create(&log)?;
        let stage = Stage::set(&home.join("folder"))?;
        let clock = Arc::new(HostClock::right(home.join("clock"))?);
        let mut host = stage.host(program.to_owned(), log);
        host.settings.extend(clock.settings(library));
        host.start().await?;
        if !until(SOON, async || swept(&Log::from_the_start(&host))).await {
            return Err(io::Error::other("the host's first sweep is not logged"));
        }

        let (since_swept, plan) = (StormClock::start(), Arc::new(Plan::calm(authorizations, starts_at)));
        let parties = &stage.parties;
        let gateway = Arc::new(Gateway {
            plan: plan.clone(),
            clock: since_swept,
            app_public_key: parties.app_public_key.clone(),
            alipay_private_key: parties.alipay_private_key.clone(),
            journal: Journal::default(),
        });
        let merchant = Arc::new(Merchant::new(conduct, since_swept));
        let (origin, private_key) = (stage.origin_of_authlink(), parties.merchant_private_key.clone());
        let caller =
            Caller::new(origin.clone(), private_key, parties.merchant_md5_key.clone(), clock.clone());
        let users = Users {
            plan: plan.clone(),
            clock: since_swept,
            caller,
            origin,
            until: starts_at + Millis::try_from(SOON.as_millis()).unwrap_or(Millis::MAX),
            journal: Journal::default(),
            browser: browser(),
        };
        let callback_url = stage.url(Site::Plain);
        let _parties = serve(&stage, since_swept, gateway, merchant.clone());
        Ok(Self { clock, merchant, host, plan, users, callback_url, _parties })
    }

    /// Has every user consent, and waits until each is told to be authorized.
    ///
    /// # Errors
    /// Somebody was told otherwise.
    pub async fn authorize(&self) -> io::Result<()> {
        let travelling = self.plan.journeys.iter().enumerate().map(|(number, journey)| {
            self.users.journal.add(Travelled::default());
            self.users.travel(number, journey, Some(&self.callback_url))
        });
        join_all(travelling).await;
        let travelled = self.users.journal.entries();
        let otherwise: Vec<_> =
            travelled.iter().filter(|travelled| travelled.outcome != "authorized").collect();
        if otherwise.is_empty() {
            return Ok(());
        }
        Err(io::Error::other(format!("not authorized: {otherwise:?}")))
    }

    /// What a query tells of each authorization, or how it was refused.
    pub async fn told(&self) -> Vec<Result<Told, String>> {
        let journeys = self.plan.journeys.iter().enumerate();
        join_all(journeys.map(|(number, journey)| self.users.caller.query(number, journey))).await
    }

    /// The authorizations that are not told to be `so`, once none is left or this time is over.
    pub async fn told_otherwise(&self, within: Duration, so: impl Fn(&Told) -> bool) -> usize {
        let left = async || self.told().await.iter().filter(|told| !told.as_ref().is_ok_and(&so)).count();
        until(within, async || left().await == 0).await;
        left().await
    }

    /// The authorizations that are not told to be delivered, once the merchant has confirmed all or this time is over.
    pub async fn undelivered(&self, within: Duration) -> usize {
        until(within, async || confirmed(&self.merchant.posts()) == self.plan.journeys.len()).await;
        self.told_otherwise(RECORDED_WITHIN, |told| told.state == DELIVERED).await
    }

    /// The host's log from here on.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn log_from_here(&self) -> io::Result<Log> {
        let from = fs::metadata(&self.host.log)?.len();
        Ok(Log { from, ..Log::from_the_start(&self.host) })
    }

    /// Stops the host.
    ///
    /// # Errors
    /// It cannot be.
    pub async fn end(mut self) -> io::Result<()> {
        self.host.stop().await.map(drop)
    }
}

/// A host's log, from some place on.
pub struct Log {
    file: PathBuf,
    from: u64,
}

impl Log {
    fn from_the_start(host: &Host) -> Self {
        Self { file: host.log.clone(), from: 0 }
    }

    /// True if a message begins like this.
    #[must_use]
    pub fn has(&self, beginning: &str) -> bool {
        let begins =
            |line: &Value| line["message"].as_str().is_some_and(|message| message.starts_with(beginning));
        self.text().is_ok_and(|text| text.lines().flat_map(serde_json::from_str).any(|line| begins(&line)))
    }

    fn text(&self) -> io::Result<String> {
        let mut file = File::open(&self.file)?;
        file.seek(SeekFrom::Start(self.from))?;
        let mut text = String::new();
        file.read_to_string(&mut text).map(|_| text)
    }
}

/// True if a sweep is logged, be it of nothing.
#[must_use]
pub fn swept(log: &Log) -> bool {
    log.has("sweep")
}

/// Waits until `holds`; false if it does not within this time.
pub async fn until(within: Duration, holds: impl AsyncFn() -> bool) -> bool {
    let held = async {
        while !holds().await {
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(within, held).await.is_ok()
}

/// Serves the ports of gateway and merchant, until this is dropped.
fn serve(stage: &Stage, clock: StormClock, gateway: Arc<Gateway>, merchant: Arc<Merchant>) -> JoinSet<()> {
    let mut parties = JoinSet::new();
    let exchange = move |stream| {
        let gateway = gateway.clone();
        async move { gateway.serve(stream).await }
    };
    parties.spawn(stage.ports.gateway.clone().serve(clock, Vec::new(), exchange));
    let take = move |stream| {
        let merchant = merchant.clone();
        async move { merchant.serve(stream).await }
    };
    parties.spawn(stage.ports.plain.clone().serve(clock, Vec::new(), take));
    parties
}
