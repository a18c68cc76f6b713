//! A storm against DynamoDB and SQS: calls are throttled, stuck, cut off and late, and workers die in the middle, while
//! the gateway and the merchants fail. It is reconciled as that against the program is.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use faults::business::{BUSINESSES, Business, MERCHANT_ID};
use faults::clock::StormClock;
use faults::gateway::Gateway;
use faults::journal::{Exchanged, Journal, Posted, ProcessFault, Struck, Told, Travelled};
use faults::merchant::Merchants;
use faults::network::Port;
use faults::open_api::serial_no;
use faults::plan::{Code, FAULTS, Habit, Plan};
use faults::reconcile::{Journals, reconcile};
use futures_util::stream::{self, StreamExt as _};
use openid_delivery::{deliver, sweep};
use serde_json::{Value, json};
use shared::delivery::sender::{HttpSender, TimeLimits};
use shared::egress::callback_url::{CallbackRules, Origin};
use shared::egress::resolver::SystemResolver;
use shared::model::claim::EXCHANGE_LEASE;
use shared::model::clock::UnixMillis;
use shared::model::id::AuthorizationId;
use shared::protocol::alipay::gateway::AlipayGateway;
use shared::queue::Hint;
use tests::keys;
use tests::request::{LinkCall, state_of};
use tokio::task::JoinSet;

use crate::proxy::STORMY;
use crate::stage::Stage;

const SEED: u64 = 50;
const AUTHORIZATIONS: usize = 300;
/// Of real time; rounds are begun so long.
const STORM_MILLIS: u64 = 20_000;
const CALM_ROUNDS: usize = 5;
const AT_ONCE: usize = 48;
/// Gateway and merchants that hang are given up soon, so that the storm has many rounds.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);
/// More than the second wait of the schedule, and than what the sweep leaves to a hint.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(200);

/// A user on the way.
#[derive(Default)]
struct User {
    state: Option<String>,
    consents: usize,
    arrived: bool,
    /// Somebody else has opened the link afterwards.
    forwarded: bool,
}

struct Storm {
    stage: Stage,
    plan: Arc<Plan>,
    clock: StormClock,
    callback_url: String,
    lots: Mutex<Rng>,
    /// The workers that died in the middle.
    deaths: AtomicUsize,
    exchanged: Journal<Exchanged>,
    posted: Journal<Posted>,
    struck: Journal<Struck>,
    travelled: Journal<Travelled>,
    _parties: JoinSet<()>,
}

impl Storm {
    async fn gather() -> Self {
        let mut stage = Stage::new().await;
        let (plan, clock) =
            (Arc::new(Plan::generate(SEED, AUTHORIZATIONS, STORM_MILLIS, &FAULTS)), StormClock::start());
        let (exchanged, posted, mut parties) = (Journal::default(), Journal::default(), JoinSet::new());
        let gateway_at = gateway(&plan, clock, &exchanged, &mut parties);
        let merchants_at = merchants(&plan, clock, &posted, &mut parties);
        for business in BUSINESSES {
            let public_key = keys::vector_text("public_key_spki_pem");
            // A round takes longer than a short link lives.
            let business = Business { short_links: false, ..business };
            let document = business.document(public_key, keys::merchant_md5(), None);
            stage.world.secrets.set(&format!("business/{}", business.id), &document);
        }
        let rules = CallbackRules {
            dangerous_origins: vec![Origin::parse(&merchants_at).expect("an origin")],
            ..CallbackRules::default()
        };
        let limits = TimeLimits { connect: ANSWERED_WITHIN, total: ANSWERED_WITHIN, ..TimeLimits::default() };
        let sender = HttpSender::with_limits(Arc::new(SystemResolver), rules.clone(), limits);
        let exchange = AlipayGateway::new(gateway_at.parse().expect("a URL"), ANSWERED_WITHIN);
        let deps = &mut stage.world.deps;
        deps.auth_url.callbacks = rules.clone();
        deps.delivery.callbacks = rules;
        deps.delivery.sender = Arc::new(sender);
        deps.callback.gateway = Arc::new(exchange);
        stage.world.rebuild();
        let travelled = Journal::default();
        for _ in 0..AUTHORIZATIONS {
            travelled.add(Travelled::default());
        }
        Self {
            stage,
            plan,
            clock,
            callback_url: format!("{merchants_at}/callback"),
            lots: Mutex::new(Rng::with_seed(SEED)),
            deaths: AtomicUsize::new(0),
            exchanged,
            posted,
            struck: Journal::default(),
            travelled,
            _parties: parties,
        }
    }

    /// Everybody's next step, and then all deliveries that are due.
    async fn round(&self, users: &mut [User], stormy: bool) {
        stream::iter(users.iter_mut().enumerate())
            .for_each_concurrent(AT_ONCE, |(number, user)| self.go_on(number, user, stormy))
            .await;
        self.stage.world.clock.advance(EXCHANGE_LEASE);
        if let Err(error) = sweep(&self.stage.world.delivery).await {
            println!("a sweep failed: {error}");
        }
        let hints = self.stage.queue.take_hints().await;
        stream::iter(hints).for_each_concurrent(AT_ONCE, |hint| self.attempt(hint, stormy)).await;
        self.stage.world.clock.advance(BETWEEN_ROUNDS);
    }

    async fn go_on(&self, number: usize, user: &mut User, stormy: bool) {
        let world = &self.stage.world;
        let Some(state) = &user.state else {
            let answer = self.until_death(world.ask(&self.call(number, alipay_auth_url::PATH)), stormy).await;
            user.state =
                answer.and_then(|answer| answer.link).map(|link| state_of(&link.parse().expect("a URL")));
            self.travelled.change(number, |travelled| travelled.linked = user.state.is_some());
            return;
        };
        if user.arrived {
            let forwards = self.plan.journeys[number].habit == Habit::Forwards;
            if forwards && !user.forwarded {
                user.forwarded = self.forward(number, state, stormy).await;
            }
            return;
        }
        let code = Code { journey: number, user: 0, consents: user.consents }.to_string();
        let Some(page) = self.until_death(world.complete_return(state, &code), stormy).await else { return };
        match page.outcome.as_str() {
            "in-progress" | "unavailable" => return,
            "authorize-again" => {
                user.consents += 1;
                self.travelled.change(number, |travelled| travelled.asked_again.push(code));
            }
            _ => user.arrived = true,
        }
        self.travelled.change(number, |travelled| travelled.outcome = page.outcome);
    }

    /// Somebody else opens the link and consents. Whether a page came that says what became of it.
    async fn forward(&self, number: usize, state: &str, stormy: bool) -> bool {
        let code = Code { journey: number, user: 1, consents: 0 }.to_string();
        let back = self.stage.world.complete_return(state, &code);
        let Some(page) = self.until_death(back, stormy).await else { return false };
        let is_authorized = page.outcome == "authorized";
        self.travelled.change(number, |travelled| travelled.wrongly_authorized |= is_authorized);
        !matches!(page.outcome.as_str(), "in-progress" | "unavailable")
    }

    async fn attempt(&self, hint: Hint, stormy: bool) {
        let from = self.clock.now();
        let journey = self.numbers().get(&hint.id).copied();
        let made = self.until_death(deliver(&self.stage.world.delivery, &hint), stormy).await;
        if !matches!(made, Some(Ok(_))) {
            let until = self.clock.now();
            self.struck.add(Struck { fault: ProcessFault::Worker, journey, from, until });
        }
    }

    /// Does `doing`, unless the worker dies in the middle: one in twelve, while it is `stormy`.
    async fn until_death<T>(&self, doing: impl Future<Output = T>, stormy: bool) -> Option<T> {
        let life = {
            let mut lots = self.lots.lock().expect("nobody panicked");
            (lots.u32(..12) == 0).then(|| Duration::from_millis(lots.u64(1..60)))
        };
        let doing = pin!(doing);
        match life.filter(|_| stormy) {
            Some(life) => {
                let done = tokio::time::timeout(life, doing).await.ok();
                self.deaths.fetch_add(usize::from(done.is_none()), Ordering::Relaxed);
                done
            }
            None => Some(doing.await),
        }
    }

    fn call(&self, number: usize, path: &str) -> LinkCall {
        let journey = &self.plan.journeys[number];
        let business_id = BUSINESSES[journey.business].id.to_owned();
        let mut body =
            json!({"merchantId": MERCHANT_ID, "businessId": business_id, "serialNo": serial_no(number)});
        if path == alipay_auth_url::PATH {
            body["userId"] = json!("user-1");
            body["callbackUrl"] = json!(self.callback_url);
        }
        let call = LinkCall::with_body(&body, self.stage.world.now());
        let call = LinkCall { business_id, path: path.to_owned(), ..call };
        if journey.by_md5 { call.by_md5() } else { call }
    }

    fn numbers(&self) -> HashMap<AuthorizationId, usize> {
        let ids = self.plan.journeys.iter().enumerate().map(|(number, journey)| {
            (AuthorizationId::from_serial(BUSINESSES[journey.business].id, &serial_no(number)), number)
        });
        ids.collect()
    }

    async fn told(&self, number: usize) -> Told {
        let answer = self.stage.world.query(&self.call(number, authorization_query::PATH)).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Told {
            state: text(&answer.data["state"]),
            open_id: answer.data["openId"].as_str().map(str::to_owned),
            delivery: text(&answer.data["delivery"]["state"]),
            attempts: answer.data["delivery"]["attempts"].as_array().map_or(0, Vec::len),
            overdue: answer.data["delivery"]["nextAttemptAt"]
                .as_i64()
                .map(|at| self.stage.world.now().since(UnixMillis(at))),
        }
    }
}

fn gateway(
    plan: &Arc<Plan>,
    clock: StormClock,
    journal: &Journal<Exchanged>,
    parties: &mut JoinSet<()>,
) -> String {
    let gateway = Arc::new(Gateway {
        plan: plan.clone(),
        clock,
        app_public_key: keys::app().to_public_key(),
        alipay_private_key: keys::alipay().clone(),
        journal: journal.clone(),
    });
    let port = Port::reserve().expect("a port");
    let at = format!("http://127.0.0.1:{}/gateway.do", port.number());
    parties.spawn(port.serve(clock, plan.gateway_outages.clone(), move |stream| {
        let gateway = gateway.clone();
        async move { gateway.serve(stream).await }
    }));
    at
}

fn merchants(
    plan: &Arc<Plan>,
    clock: StormClock,
    journal: &Journal<Posted>,
    parties: &mut JoinSet<()>,
) -> String {
    let merchants = Arc::new(Merchants {
        plan: plan.clone(),
        clock,
        platform_public_key: keys::callback().to_public_key(),
        md5_key: keys::merchant_md5().to_owned(),
        journal: journal.clone(),
        posts: Mutex::default(),
    });
    let port = Port::reserve().expect("a port");
    let at = format!("http://127.0.0.1:{}", port.number());
    parties.spawn(port.serve(clock, plan.merchant_outages.clone(), move |stream| {
        let merchants = merchants.clone();
        async move { merchants.serve(stream).await }
    }));
    at
}

#[tokio::test]
async fn whatever_fails_nothing_is_lost_doubled_or_confused() {
    let storm = Storm::gather().await;
    let mut users: Vec<_> = (0..AUTHORIZATIONS).map(|_| User::default()).collect();
    storm.stage.account.proxy.storm(SEED);
    while storm.clock.now() < STORM_MILLIS {
        storm.round(&mut users, true).await;
    }
    storm.stage.account.proxy.heal();
    for _ in 0..CALM_ROUNDS {
        storm.round(&mut users, false).await;
    }
    let told = stream::iter(0..AUTHORIZATIONS).map(|number| storm.told(number)).buffered(AT_ONCE);
    let journals = Journals {
        told: told.collect().await,
        exchanged: storm.exchanged.entries(),
        posted: storm.posted.entries(),
        struck: storm.struck.entries(),
        travelled: storm.travelled.entries(),
    };
    let findings = reconcile(&journals);
    println!("{findings:#?}");
    assert!(findings.hold(), "{:#?}", findings.broken);
    assert!(findings.recorded > AUTHORIZATIONS * 9 / 10, "{} were recorded", findings.recorded);
    // A storm that spoils nothing holds every bar.
    let spoiled = storm.stage.account.proxy.spoiled();
    assert_eq!(spoiled.keys().copied().collect::<Vec<_>>(), STORMY, "{spoiled:?}");
    let (deaths, forwarded) =
        (storm.deaths.load(Ordering::Relaxed), users.iter().filter(|user| user.forwarded).count());
    println!("{spoiled:?}, {deaths} deaths, {forwarded} links forwarded");
    assert!(deaths > 0 && forwarded > 0, "{deaths} deaths, {forwarded} links forwarded");
}
