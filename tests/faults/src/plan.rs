//! The storm's plan: everything that is drawn by lot, from one seed.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;
use strum::IntoEnumIterator as _;

use crate::business::{BUSINESSES, Site};
use crate::clock::{Millis, Window};
use crate::gateway_answer::GatewayFate;
use crate::journal::ProcessFault;
use crate::merchant_answer::{confirming, failing};
use crate::network::Reply;

/// Codes of one authorization that the gateway spoils; authlink takes ten.
const MAX_BAD_CODES: usize = 3;
/// Businesses without a good address at first get their authorizations this late, so that few attempts fail.
const LATE: Millis = 20_000;
/// More than the longest storm has time for.
const BLOWS: usize = 2_000;
/// The faults of the host's process, by their weights in the lot.
pub const FAULTS: [(ProcessFault, u32); 5] = [
    (ProcessFault::Kill, 58),
    (ProcessFault::KillAtStart, 6),
    (ProcessFault::Stop, 10),
    (ProcessFault::Pause, 18),
    (ProcessFault::Lock, 8),
];

/// A code of Alipay's: whose it is, and for which authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The number of the authorization.
    pub journey: usize,
    /// 0 for the user whom the link is for, 1 for another.
    pub user: usize,
    /// The number of the user's consents before.
    pub consents: usize,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}u{}n{}", self.journey, self.user, self.consents)
    }
}

impl Code {
    /// Reads a code as it is displayed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (journey, rest) = text.strip_prefix('c')?.split_once('u')?;
        let (user, consents) = rest.split_once('n')?;
        Some(Self {
            journey: journey.parse().ok()?,
            user: user.parse().ok()?,
            consents: consents.parse().ok()?,
        })
    }

    /// The openId of the user who consented.
    #[must_use]
    pub fn open_id(&self) -> String {
        open_id(self.journey, self.user)
    }
}

/// The openId of a user of an authorization.
#[must_use]
pub fn open_id(journey: usize, user: usize) -> String {
    format!("open-{journey}-{user}")
}

/// The manner in which a user comes back from Alipay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Reads each page and does as it says.
    Patient,
    /// The browser loads each page twice at once.
    TwiceAtOnce,
    /// Closes the page at once, and opens it again later.
    HangsUp,
    /// Closes the page at once, for good.
    Leaves,
    /// Gives the link to somebody else afterwards.
    Forwards,
}

/// One authorization.
#[derive(Clone, Debug)]
pub struct Journey {
    /// The place in [`BUSINESSES`].
    pub business: usize,
    pub starts_at: Millis,
    /// The request is signed by MD5.
    pub by_md5: bool,
    pub habit: Habit,
    /// The fates of the first codes; those after them are good.
    gateway: Vec<GatewayFate>,
    /// The wait of a slow gateway.
    slowness: Duration,
    /// The answers to the first POSTs, by their places among those that fail; those after them confirm.
    merchant: Vec<usize>,
    /// The place among the answers that confirm.
    confirms: usize,
}

/// A fault of the host's process.
#[derive(Clone, Copy, Debug)]
pub struct Blow {
    /// The wait after the last one.
    pub after: Millis,
    pub fault: ProcessFault,
    /// The time that it lasts, as far as that is ours to say.
    pub lasts: Millis,
}

/// The whole plan.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub journeys: Vec<Journey>,
    pub blows: Vec<Blow>,
    /// The time from which on nothing fails.
    pub calm_from: Millis,
    pub gateway_outages: Vec<Window>,
    pub merchant_outages: Vec<Window>,
}

impl Plan {
    /// The plan of this seed, with so many authorizations in a storm that lasts so long and strikes by these faults of
    /// the process, by their weights.
    #[must_use]
    pub fn generate(
        seed: u64,
        authorizations: usize,
        calm_from: Millis,
        faults: &[(ProcessFault, u32)],
    ) -> Self {
        let mut lots = Rng::with_seed(seed);
        let journeys = (0..authorizations).map(|number| {
            let begins = calm_from * number as u64 / authorizations.max(1) as u64;
            Journey::generate(&mut lots, begins, calm_from)
        });
        Self {
            seed,
            journeys: journeys.collect(),
            blows: (0..BLOWS).map(|number| Blow::generate(&mut lots, number, calm_from, faults)).collect(),
            calm_from,
            gateway_outages: outages(&mut lots, calm_from, 10_000..25_000, 300..2_500),
            merchant_outages: outages(&mut lots, calm_from, 2_000..8_000, 1_000..6_000),
        }
    }

    /// A plan in which nothing fails: so many authorizations of the usual businesses, all at the same time.
    #[must_use]
    pub fn calm(authorizations: usize, starts_at: Millis) -> Self {
        let usual = BUSINESSES.iter().take_while(|business| !business.md5_only).count();
        let journeys = (0..authorizations).map(|number| Journey::calm(number % usual, starts_at));
        Self {
            seed: 0,
            journeys: journeys.collect(),
            blows: Vec::new(),
            calm_from: 0,
            gateway_outages: Vec::new(),
            merchant_outages: Vec::new(),
        }
    }

    /// What the gateway does to `code`.
    #[must_use]
    pub fn gateway_fate(&self, code: &Code, now: Millis) -> GatewayFate {
        let fates = self.journeys.get(code.journey).map_or(&[][..], |journey| &journey.gateway);
        let fate = fates.get(code.consents).filter(|_| now < self.calm_from && code.user == 0);
        fate.copied().unwrap_or(GatewayFate::Signed)
    }

    /// The wait before a slow answer.
    #[must_use]
    pub fn slowness(&self, code: &Code) -> Duration {
        self.journeys.get(code.journey).map_or(Duration::ZERO, |journey| journey.slowness)
    }

    /// A merchant's answer to POST number `before` + 1 of an authorization.
    #[must_use]
    pub fn merchant_answer(&self, journey: usize, before: usize, now: Millis) -> MerchantAnswer {
        let journey = self.journeys.get(journey);
        let failed =
            journey.and_then(|journey| journey.merchant.get(before)).filter(|_| now < self.calm_from);
        let (answers, place) = match (failed, journey) {
            (Some(place), _) => (failing(), *place),
            (None, Some(journey)) => (confirming(), journey.confirms),
            (None, None) => (confirming(), 0),
        };
        let (name, reply) = answers[place].clone();
        MerchantAnswer { name, confirms: failed.is_none(), reply }
    }
}

/// A merchant's answer.
#[derive(Clone, Debug)]
pub struct MerchantAnswer {
    /// Its row in `docs/answers.md`.
    pub name: &'static str,
    /// It confirms the delivery.
    pub confirms: bool,
    pub reply: Reply,
}

impl Journey {
    const fn calm(business: usize, starts_at: Millis) -> Self {
        Self {
            business,
            starts_at,
            by_md5: false,
            habit: Habit::Patient,
            gateway: Vec::new(),
            slowness: Duration::ZERO,
            merchant: Vec::new(),
            confirms: 0,
        }
    }

    fn generate(lots: &mut Rng, begins: Millis, calm_from: Millis) -> Self {
        let business = lots.usize(..BUSINESSES.len());
        let late = BUSINESSES[business].default_at.is_some_and(|site| site != Site::Plain);
        let starts_at = if late { calm_from.saturating_sub(lots.u64(..LATE)) } else { begins };
        let bad_codes = *pick(lots, &[(0, 50), (1, 35), (2, 10), (MAX_BAD_CODES, 5)]);
        let fates: Vec<_> = GatewayFate::iter().collect();
        let mut gateway: Vec<_> = (0..bad_codes).map(|_| fates[lots.usize(..fates.len())]).collect();
        gateway.push(*pick(lots, &[(GatewayFate::Signed, 60), (GatewayFate::SignedSlowly, 40)]));
        let bad_posts = *pick(lots, &[(0, 55), (1, 37), (2, 8)]);
        Self {
            business,
            starts_at,
            by_md5: BUSINESSES[business].md5_only || lots.bool(),
            habit: *pick(
                lots,
                &[
                    (Habit::Patient, 75),
                    (Habit::TwiceAtOnce, 8),
                    (Habit::HangsUp, 8),
                    (Habit::Leaves, 3),
                    (Habit::Forwards, 6),
                ],
            ),
            gateway,
            slowness: Duration::from_millis(lots.u64(1_000..4_000)),
            merchant: (0..bad_posts).map(|_| lots.usize(..failing().len())).collect(),
            confirms: lots.usize(..confirming().len()),
        }
    }
}

impl Blow {
    fn generate(lots: &mut Rng, number: usize, calm_from: Millis, faults: &[(ProcessFault, u32)]) -> Self {
        let pauses = faults.iter().any(|(fault, _)| *fault == ProcessFault::Pause);
        // Longer than a lease, once, where there is time for it.
        if number == 5 && calm_from >= 150_000 && pauses {
            return Self { after: 500, fault: ProcessFault::Pause, lasts: 33_000 };
        }
        let fault = *pick(lots, faults);
        let lasts = match fault {
            ProcessFault::Kill | ProcessFault::Stop | ProcessFault::Worker => 0,
            ProcessFault::KillAtStart => lots.u64(0..60),
            ProcessFault::Pause => span(lots, &[(100..3_000, 75), (3_000..9_000, 20), (9_000..13_000, 5)]),
            ProcessFault::Lock => span(lots, &[(100..2_500, 75), (2_500..9_000, 25)]),
        };
        Self { after: lots.u64(200..1_500), fault, lasts }
    }
}

/// A span of time of one of these.
fn span(lots: &mut Rng, of: &[(Range<Millis>, u32)]) -> Millis {
    let range = pick(lots, of).clone();
    lots.u64(range)
}

/// One of these, by their weights.
fn pick<'a, T>(lots: &mut Rng, of: &'a [(T, u32)]) -> &'a T {
    let all: u32 = of.iter().map(|(_, weight)| weight).sum();
    let mut lot = lots.u32(..all);
    for (one, weight) in of {
        if lot < *weight {
            return one;
        }
        lot -= weight;
    }
    unreachable!("the lot is below the sum of the weights")
}

fn outages(lots: &mut Rng, until: Millis, apart: Range<Millis>, last: Range<Millis>) -> Vec<Window> {
    let mut windows = Vec::new();
    let mut at = 0;
    loop {
        let from = at + lots.u64(apart.clone());
        at = from + lots.u64(last.clone());
        if at >= until {
            return windows;
        }
        windows.push(Window { from, until: at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_one_plan() {
        let plan = |seed| format!("{:?}", Plan::generate(seed, 50, 60_000, &FAULTS));
        assert_eq!(plan(1), plan(1));
        assert_ne!(plan(1), plan(2));
    }

    #[test]
    fn the_process_meets_the_faults_that_are_named_alone() {
        let plan = Plan::generate(1, 1, 200_000, &[(ProcessFault::Stop, 1), (ProcessFault::Lock, 1)]);
        let drawn = |fault| plan.blows.iter().filter(|blow| blow.fault == fault).count();
        assert_eq!(drawn(ProcessFault::Stop) + drawn(ProcessFault::Lock), BLOWS);
        assert!(drawn(ProcessFault::Stop).abs_diff(drawn(ProcessFault::Lock)) < BLOWS / 10);
    }

    #[test]
    fn a_code_is_read_as_it_is_displayed() {
        let code = Code { journey: 17, user: 1, consents: 3 };
        assert_eq!(Code::parse(&code.to_string()), Some(code));
        assert_eq!(Code::parse("c17u1"), None);
    }

    #[test]
    fn a_calm_plan_is_of_usual_businesses() {
        let plan = Plan::calm(40, 7);
        let named_at = plan.journeys.iter().map(|journey| BUSINESSES[journey.business].named_at);
        assert!(named_at.eq([Some(Site::Plain); 40]));
        let code = Code { journey: 39, user: 0, consents: 0 };
        assert_eq!(plan.gateway_fate(&code, 0), GatewayFate::Signed);
    }

    #[test]
    fn once_it_is_calm_nothing_fails() {
        let plan = Plan::generate(1, 200, 60_000, &FAULTS);
        for journey in 0..200 {
            let code = Code { journey, user: 0, consents: 0 };
            assert_eq!(plan.gateway_fate(&code, 60_000), GatewayFate::Signed);
            assert!(plan.merchant_answer(journey, 0, 60_000).confirms);
        }
        assert!(plan.gateway_outages.iter().all(|outage| outage.until < 60_000));
    }
}
