//! The storm from its first authorization to its report.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use shared::model::clock::SystemClock;
use tokio::task::JoinSet;

use crate::business::BUSINESSES;
use crate::clock::{Millis, StormClock};
use crate::gateway::Gateway;
use crate::journal::{Journal, Posted, Told, Travelled};
use crate::merchant::{Merchants, serve_unvouched, unvouched};
use crate::network::{Reply, http};
use crate::open_api::Caller;
use crate::plan::Plan;
use crate::reconcile::{Journals, reconcile};
use crate::report::{Report, count, process_faults};
use crate::stage::Stage;
use crate::user::{Users, browser};
use crate::weather::Weather;

const QUERIES_AT_ONCE: usize = 16;
/// A query that is refused is sent again, this many times in all.
const QUERIES: usize = 5;
const QUERY_AGAIN: Duration = Duration::from_millis(500);

/// A storm to come.
pub struct Storm {
    pub plan: Plan,
    /// The program `authlink`.
    pub program: PathBuf,
    /// For the host's folder and its log.
    pub folder: PathBuf,
    /// The time that everybody has, once it is calm.
    pub patience: Millis,
}

impl Storm {
    /// Goes through it.
    ///
    /// # Errors
    /// The host does not start, or nobody else can.
    pub async fn go_through(self) -> io::Result<Report> {
        let Self { plan, program, folder, patience } = self;
        let home = tempfile::tempdir_in(&folder)?;
        let stage = Stage::set(home.path())?;
        let host = stage.host(program, folder.join("host.log"));
        let database = stage.folder.database();
        let clock = StormClock::start();
        let struck = Journal::default();
        let mut weather = Weather { host, clock, struck, failed_starts: 0, stuck_stops: 0 };
        weather.start().await?;

        let plan = Arc::new(plan);
        let until = plan.calm_from + patience;
        let users = Arc::new(Users {
            plan: plan.clone(),
            clock,
            caller: caller(&stage),
            origin: stage.origin_of_authlink(),
            until,
            journal: Journal::default(),
            browser: browser(),
        });
        let (gateway, merchants) = (gateway(&stage, &plan, clock), merchants(&stage, &plan, clock));
        let (exchanged, posted) = (gateway.journal.clone(), merchants.journal.clone());
        let _parties = serve(&stage, &plan, clock, gateway, merchants);
        let mut travelling = travel(&users, &plan, &stage);

        weather.storm(&plan, &database).await?;
        stage.write_businesses(true)?;
        let done = || {
            while travelling.try_join_next().is_some() {}
            travelling.is_empty() && all_told(&users.journal.entries(), &posted.entries())
        };
        weather.calm(until, done).await?;
        let told = ask_everyone(&users, &plan).await;
        weather.host.stop().await?;
        let journals = Journals {
            exchanged: exchanged.entries(),
            posted: posted.entries(),
            struck: weather.struck.entries(),
            travelled: users.journal.entries(),
            told,
        };
        Ok(report(&plan, &weather, &journals))
    }
}

fn caller(stage: &Stage) -> Caller {
    let parties = &stage.parties;
    Caller::new(
        stage.origin_of_authlink(),
        parties.merchant_private_key.clone(),
        parties.merchant_md5_key.clone(),
        Arc::new(SystemClock),
    )
}

fn gateway(stage: &Stage, plan: &Arc<Plan>, clock: StormClock) -> Arc<Gateway> {
    Arc::new(Gateway {
        plan: plan.clone(),
        clock,
        app_public_key: stage.parties.app_public_key.clone(),
        alipay_private_key: stage.parties.alipay_private_key.clone(),
        journal: Journal::default(),
    })
}

fn merchants(stage: &Stage, plan: &Arc<Plan>, clock: StormClock) -> Arc<Merchants> {
    Arc::new(Merchants {
        plan: plan.clone(),
        clock,
        platform_public_key: stage.parties.platform_public_key.clone(),
        md5_key: stage.parties.merchant_md5_key.clone(),
        journal: Journal::default(),
        posts: Mutex::default(),
    })
}

/// Serves the ports of gateway and merchants, until this is dropped.
fn serve(
    stage: &Stage,
    plan: &Plan,
    clock: StormClock,
    gateway: Arc<Gateway>,
    merchants: Arc<Merchants>,
) -> JoinSet<()> {
    let ports = &stage.ports;
    let mut parties = JoinSet::new();
    let exchange = move |stream| {
        let gateway = gateway.clone();
        async move { gateway.serve(stream).await }
    };
    parties.spawn(ports.gateway.clone().serve(clock, plan.gateway_outages.clone(), exchange));
    for (port, outages) in [(&ports.plain, Vec::new()), (&ports.sleeper, plan.merchant_outages.clone())] {
        let merchants = merchants.clone();
        let take = move |stream| {
            let merchants = merchants.clone();
            async move { merchants.serve(stream).await }
        };
        parties.spawn(port.clone().serve(clock, outages, take));
    }
    let tls = unvouched();
    let shake_hands = move |stream| serve_unvouched(stream, tls.clone());
    parties.spawn(ports.authority.clone().serve(clock, Vec::new(), shake_hands));
    let misunderstand = |mut stream| async move { Reply::Send(http(400, "", "")).send(&mut stream).await };
    parties.spawn(ports.plain_text.clone().serve(clock, Vec::new(), misunderstand));
    parties
}

/// Has every user begin, each at the planned time.
fn travel(users: &Arc<Users>, plan: &Arc<Plan>, stage: &Stage) -> JoinSet<()> {
    let mut travelling = JoinSet::new();
    for number in 0..plan.journeys.len() {
        users.journal.add(Travelled::default());
        let (users, plan) = (users.clone(), plan.clone());
        let named_at = BUSINESSES[plan.journeys[number].business].named_at;
        let url = named_at.map(|site| stage.url(site));
        travelling.spawn(async move { users.travel(number, &plan.journeys[number], url.as_deref()).await });
    }
    travelling
}

/// True if every user who was told to be authorized is confirmed by a merchant.
fn all_told(travelled: &[Travelled], posted: &[Posted]) -> bool {
    let confirmed: HashSet<_> = posted.iter().filter(|post| post.success).map(|post| post.journey).collect();
    let authorized = travelled.iter().enumerate().filter(|(_, travelled)| travelled.outcome == "authorized");
    authorized.into_iter().all(|(number, _)| confirmed.contains(&number))
}

async fn ask_everyone(users: &Users, plan: &Plan) -> Vec<Told> {
    let asking = plan.journeys.iter().enumerate().map(|(number, journey)| async move {
        for _ in 0..QUERIES {
            match users.caller.query(number, journey).await {
                Ok(told) => return told,
                Err(_) => tokio::time::sleep(QUERY_AGAIN).await,
            }
        }
        Told::default()
    });
    stream::iter(asking).buffered(QUERIES_AT_ONCE).collect().await
}

fn report(plan: &Plan, weather: &Weather, journals: &Journals) -> Report {
    Report {
        seed: plan.seed,
        authorizations: plan.journeys.len(),
        seconds: weather.clock.now() / 1_000,
        process_faults: process_faults(&journals.struck),
        failed_starts: weather.failed_starts,
        stops_ended_by_a_kill: weather.stuck_stops,
        gateway_outages: plan.gateway_outages.len(),
        merchant_outages: plan.merchant_outages.len(),
        gateway: count(journals.exchanged.iter().map(|exchange| exchange.fate.to_string())),
        merchants: count(journals.posted.iter().map(|post| post.answer)),
        struck: journals.struck.clone(),
        findings: reconcile(journals),
    }
}
