//! Reads the journals side by side: a pure function of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::clock::Millis;
use crate::journal::{Exchanged, Posted, ProcessFault, Struck, Told, Travelled};
use crate::merchant_answer::LATE_SUCCESSES;
use crate::open_api::serial_no;
use crate::plan::{Code, open_id};

/// An answer that took no longer than this was in time: below the 8 s that an exchange has.
const IN_TIME: Millis = 7_500;
/// The time in which an outcome is recorded, once the gateway or the merchant has answered.
const RECORDED_WITHIN: Millis = 1_500;
/// The same after a lock: the longest pause between two tries, and a try.
const RECORDED_AFTER_LOCK: Millis = 5_000;
/// A request that was sent right before its process was struck comes to the other side this long after that at most.
const ON_ITS_WAY: Millis = 250;
/// Where the other side is busy it reads such a request this long after that at most; the sender is gone by then.
const READ_LATE: Millis = 10_000;
/// A host waits so long for a merchant's answer.
const TIME_LIMIT: Millis = 10_000;
/// A machine may stand still by itself: of the answers after the time limit, a host that was not paused waits for so
/// many at most, or for a quarter.
const WAITED_BY_ITSELF: usize = 2;
/// An attempt begins this long after it is due at the latest: a hint's grace period and two sweeps.
const BEGUN_WITHIN: Duration = Duration::from_secs(120 + 2 * 60);

/// Everything that was written down.
#[derive(Clone, Debug, Default)]
pub struct Journals {
    pub exchanged: Vec<Exchanged>,
    pub posted: Vec<Posted>,
    pub struck: Vec<Struck>,
    /// By the authorization's number.
    pub travelled: Vec<Travelled>,
    /// By the authorization's number.
    pub told: Vec<Told>,
}

/// The counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// Authorizations whose user was named by a signed answer in time.
    pub signed: usize,
    /// Of these, recorded with that user.
    pub recorded: usize,
    /// Of these, told to be unknown.
    pub unknown: usize,
    /// Codes that came to the gateway.
    pub codes: usize,
    /// POSTs that came to merchants.
    pub posts: usize,
    /// Deliveries that a SUCCESS after the time limit alone has confirmed, by why the host still waited.
    pub confirmed_late: BTreeMap<String, Vec<String>>,
    /// POSTs after one that was confirmed, or beside one that was under way, by what explains them.
    pub doubles: BTreeMap<String, Vec<String>>,
    /// Users who were asked to consent once more, by what became of the code before.
    pub asked_again: BTreeMap<String, Vec<String>>,
    /// The last pages, by their outcome.
    pub pages: BTreeMap<String, usize>,
    /// The answers to queries, by state and delivery.
    pub told: BTreeMap<String, usize>,
    /// Answers to requests for a link that were none.
    pub refusals: BTreeMap<String, usize>,
    /// What must not be: by its name, each case in words.
    pub broken: BTreeMap<&'static str, Vec<String>>,
}

/// The bars, by their names in [`Findings::broken`].
pub const BARS: [&str; 14] = [
    "lost",
    "still exchanging",
    "codes sent twice",
    "requests not signed by the app",
    "wrong openIds",
    "told to be authorized on another's link",
    "bodies that differ",
    "callbacks not signed by us",
    "doubles unexplained",
    "told to be delivered without a SUCCESS",
    "without a link or an answer to the query",
    "attempts long overdue",
    "waited past the time limit",
    "not even half delivered",
];

/// Compares the journals.
#[must_use]
pub fn reconcile(journals: &Journals) -> Findings {
    let mut findings = Findings { broken: BARS.map(|bar| (bar, Vec::new())).into(), ..Findings::default() };
    findings.gateway(&journals.exchanged);
    for number in 0..journals.told.len() {
        findings.authorization(number, journals);
    }
    findings.asked_again(journals);
    findings.time_limit(journals);
    findings.half_delivered(&journals.told);
    findings
}

impl Findings {
    /// True if nothing is there that must not be.
    #[must_use]
    pub fn hold(&self) -> bool {
        self.broken.values().all(Vec::is_empty)
    }

    fn broken(&mut self, bar: &'static str, case: String) {
        self.broken.entry(bar).or_default().push(case);
    }

    fn gateway(&mut self, exchanged: &[Exchanged]) {
        let mut seen: BTreeMap<&str, Vec<Millis>> = BTreeMap::new();
        for exchange in exchanged {
            self.codes += 1;
            seen.entry(&exchange.code).or_default().push(exchange.at);
            if !exchange.sound {
                self.broken(BARS[3], format!("{} at {}", exchange.code, exchange.at));
            }
        }
        for (code, times) in seen.into_iter().filter(|(_, times)| times.len() > 1) {
            self.broken(BARS[2], format!("{code} at {times:?}"));
        }
    }

    fn authorization(&mut self, number: usize, journals: &Journals) {
        let (told, serial, owner) = (&journals.told[number], serial_no(number), open_id(number, 0));
        *self.told.entry(in_words(told)).or_default() += 1;
        let signed: Vec<_> =
            journals.exchanged.iter().filter(|exchange| is_signed_for(exchange, number)).collect();
        let is_recorded = told.open_id.as_deref() == Some(&owner);
        let is_unknown = told.open_id.is_none() && told.state == "EXCHANGE_UNKNOWN";
        self.signed += usize::from(!signed.is_empty());
        self.recorded += usize::from(!signed.is_empty() && is_recorded);
        self.unknown += usize::from(!signed.is_empty() && is_unknown);
        if let [.., last] = signed.as_slice()
            && !is_recorded
            && !is_unknown
        {
            self.broken(
                BARS[0],
                format!("{serial}: {}, {} signed at {:?}", told.state, last.code, last.signed),
            );
        }
        if told.state == "EXCHANGING" {
            self.broken(BARS[1], serial.clone());
        }
        if told.open_id.is_some() && !is_recorded {
            self.broken(BARS[4], format!("{serial}: a query tells {:?}", told.open_id));
        }
        if told.state.is_empty() {
            self.broken(BARS[10], serial.clone());
        }
        if told.overdue.is_some_and(|overdue| overdue > BEGUN_WITHIN) {
            self.broken(BARS[11], format!("{serial}: {:?}", told.overdue));
        }
        let posts: Vec<_> = journals.posted.iter().filter(|post| post.journey == number).collect();
        self.deliveries(&serial, &owner, &posts, &journals.struck);
        if told.state == "DELIVERED" && !posts.iter().any(|post| post.success) {
            self.delivered_without_success_in_time(&serial, &posts, &journals.struck);
        }
    }

    /// A SUCCESS after the time limit confirms if the host took it: then it posts no more, unless a fault struck.
    fn delivered_without_success_in_time(&mut self, serial: &str, posts: &[&Posted], struck: &[Struck]) {
        let answers: Vec<_> = posts.iter().map(|post| (post.at, post.answer, post.ended)).collect();
        let case = format!("{serial}: {answers:?}");
        let is_last =
            |late: &Posted| posts.iter().all(|post| late.ended.is_some_and(|ended| post.at <= ended));
        let was_taken = |late: &Posted| is_last(late) || met(&Span::of_post(late), struck).is_some();
        match posts.iter().rfind(|post| post.late_success).filter(|late| was_taken(late)) {
            Some(late) => {
                let why =
                    if paused_at_the_limit(late, struck) { "it was paused" } else { "it was late itself" };
                self.confirmed_late.entry(format!("the host still waited, {why}")).or_default().push(case);
            }
            None => self.broken(BARS[9], case),
        }
    }

    /// Nearly all are delivered in the calm at the end. A host that puts every attempt off is never overdue.
    fn half_delivered(&mut self, told: &[Told]) {
        let known = told.iter().filter(|told| told.open_id.is_some()).count();
        let delivered = told.iter().filter(|told| told.state == "DELIVERED").count();
        if delivered * 2 < known {
            self.broken(BARS[13], format!("{delivered} of {known}"));
        }
    }

    fn time_limit(&mut self, journals: &Journals) {
        let late = journals.posted.iter().filter(|post| LATE_SUCCESSES.contains(&post.answer));
        let unpaused: Vec<_> = late.filter(|post| !paused_at_the_limit(post, &journals.struck)).collect();
        let waited: Vec<_> = unpaused.iter().filter(|post| post.late_success).collect();
        if waited.len() > WAITED_BY_ITSELF.max(unpaused.len() / 4) {
            for post in waited {
                let case = format!("{} at {} until {:?}", serial_no(post.journey), post.at, post.ended);
                self.broken(BARS[12], case);
            }
        }
    }

    fn deliveries(&mut self, serial: &str, owner: &str, posts: &[&Posted], struck: &[Struck]) {
        self.posts += posts.len();
        for post in posts {
            let body: serde_json::Value = serde_json::from_slice(&post.body).unwrap_or_default();
            if body["openId"] != owner {
                self.broken(BARS[4], format!("{serial}: {} was delivered", body["openId"]));
            }
            if !post.sound {
                self.broken(BARS[7], format!("{serial} at {}", post.at));
            }
            if post.body != posts[0].body {
                self.broken(BARS[6], format!("{serial} at {}", post.at));
            }
        }
        for (first, second) in posts.iter().zip(posts.iter().skip(1)) {
            let at_once = first.ended.is_none_or(|ended| second.at < ended);
            if !first.success && !at_once {
                continue;
            }
            let case = format!(
                "{serial} at {} and {}, {:?} until {:?}",
                first.at, second.at, first.answer, first.ended
            );
            let explained = met(&Span::of_post(first), struck)
                .or_else(|| met(&Span::of_post(second), struck).filter(|_| second.hung_up));
            match explained {
                Some(fault) => self.doubles.entry(fault.to_string()).or_default().push(case),
                None => self.broken(BARS[8], case),
            }
        }
    }

    fn asked_again(&mut self, journals: &Journals) {
        for (number, travelled) in journals.travelled.iter().enumerate() {
            if !travelled.linked {
                self.broken(BARS[10], serial_no(number));
            }
            if travelled.wrongly_authorized {
                self.broken(BARS[5], serial_no(number));
            }
            *self.pages.entry(travelled.outcome.clone()).or_default() += 1;
            for refusal in &travelled.refusals {
                *self.refusals.entry(refusal.clone()).or_default() += 1;
            }
            for code in &travelled.asked_again {
                let came = journals.exchanged.iter().find(|exchange| exchange.code == *code);
                let why = match came {
                    None => "the code never came to the gateway".to_owned(),
                    Some(exchange) if is_signed_for(exchange, number) => {
                        let ended = exchange.signed.as_ref().map_or(exchange.at, |(_, at)| *at);
                        let began = exchange.at;
                        let span = Span { journey: number, began, ended, hung_up: exchange.hung_up };
                        let struck = first_met(&span, &journals.struck);
                        format!("the gateway had signed in time, {}", cause(struck, ended))
                    }
                    Some(_) => "the gateway had failed or refused".to_owned(),
                };
                let came = came.map(|exchange| (exchange.at, exchange.signed.as_ref().map(|(_, at)| *at)));
                self.asked_again.entry(why).or_default().push(format!("{code} at {came:?}"));
            }
        }
    }
}

fn in_words(told: &Told) -> String {
    match told.delivery.as_str() {
        "PENDING" => format!("{}, attempts so far: {}", told.state, told.attempts),
        _ => told.state.clone(),
    }
}

/// True if this answer named the authorization's user in time.
fn is_signed_for(exchange: &Exchanged, number: usize) -> bool {
    let in_time = exchange.signed.as_ref().is_some_and(|(_, at)| *at <= exchange.at + IN_TIME);
    in_time
        && exchange.fate.names_the_user()
        && Code::parse(&exchange.code).is_some_and(|code| code.journey == number && code.user == 0)
}

/// A request of an authorization, as the other side saw it.
struct Span {
    journey: usize,
    began: Millis,
    ended: Millis,
    /// Its sender was gone when it was read.
    hung_up: bool,
}

impl Span {
    fn of_post(post: &Posted) -> Self {
        let (began, ended) = (post.at, post.ended.unwrap_or(post.at));
        Self { journey: post.journey, began, ended, hung_up: post.hung_up }
    }
}

/// The fault in which the outcome of a request got lost, which was still to be recorded.
fn met(span: &Span, struck: &[Struck]) -> Option<ProcessFault> {
    first_met(span, struck).map(|struck| struck.fault)
}

/// Of several, the worst; of several of its kind, the first.
fn first_met<'a>(span: &Span, struck: &'a [Struck]) -> Option<&'a Struck> {
    let until = recorded_by(span.ended, struck);
    let late = if span.hung_up { READ_LATE } else { ON_ITS_WAY };
    let met = struck.iter().filter(|struck| {
        struck.from <= until
            && span.began <= struck.until + late
            && struck.journey.is_none_or(|met| met == span.journey)
    });
    met.min_by_key(|struck| (struck.fault, struck.from))
}

/// When an outcome of `ended` is recorded at the latest, if nothing but a lock keeps it from that.
fn recorded_by(ended: Millis, struck: &[Struck]) -> Millis {
    let at_once = ended + RECORDED_WITHIN;
    let held_back =
        |lock: &&Struck| lock.fault == ProcessFault::Lock && lock.from <= at_once && ended <= lock.until;
    struck.iter().filter(held_back).map(|lock| lock.until + RECORDED_AFTER_LOCK).fold(at_once, Millis::max)
}

/// What cost an answer that was signed at `ended`. Before it came, nobody but the struck process could have had it;
/// after that, it had only to be written.
fn cause(struck: Option<&Struck>, ended: Millis) -> String {
    match struck {
        Some(struck) if struck.from <= ended => format!("{} before it came", struck.fault),
        Some(struck) => format!("{} after it had come", struck.fault),
        None => "no fault".to_owned(),
    }
}

/// True if a pause kept the host from seeing that the time limit of a POST was up. What has come is read before the
/// time is believed to be up.
fn paused_at_the_limit(post: &Posted, struck: &[Struck]) -> bool {
    let due = post.at + TIME_LIMIT;
    let pauses = struck.iter().filter(|struck| struck.fault == ProcessFault::Pause);
    pauses.into_iter().any(|pause| pause.from <= due && due <= pause.until + ON_ITS_WAY)
}

#[cfg(test)]
mod tests;
