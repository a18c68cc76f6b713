//! Resends: deliveries that are made once more, one or many.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};
use shared::egress::callback_url::CallbackUrl;
use shared::model::authorization::{Authorization, Callback, Status};
use shared::model::clock::{Clock as _, SystemClock, UnixMillis};
use shared::model::id::{AuthorizationId, OperationId};
use shared::model::owner::Owner;
use shared::model::random::OsRandom;
use shared::runtime::start::StartError;
use shared::store::Resend;
use shared::store::listing::{Listing, View};
use shared::web::language::Language;
use tokio::time::{Instant, MissedTickBehavior};

use super::left_out::left_out;
use super::local_time::local;
use super::plan::Plan;
use super::progress::Progress;
use super::refusal::{OperatorRefusal, StepError, with_audit};
use super::{Opened, Place, audit, question};
use crate::signals::StopSignals;

/// The states that have an openId.
pub const WITH_OPEN_ID: [Status; 3] = [Status::Authorized, Status::Delivered, Status::Undeliverable];

const PAGE: u32 = 500;
/// How long a broken-off run can be resumed.
const RESUMABLE_FOR: Duration = Duration::from_hours(24);

/// The deliveries to make once more.
pub enum Which {
    /// One authorization, in whichever state has an openId.
    One(AuthorizationId),
    Many(Selection),
}

/// All in these states, of one owner or of all, requested at `since` or later and before `until`.
pub struct Selection {
    pub states: Vec<Status>,
    pub owner: Option<Owner>,
    pub since: Option<UnixMillis>,
    pub until: Option<UnixMillis>,
}

pub struct ResendOptions<'a> {
    /// The address from now on.
    pub to: Option<String>,
    pub dry_run: bool,
    /// So many a second at most.
    pub rate: u32,
    pub yes: bool,
    /// An earlier run of the same that was broken off is discarded.
    pub anew: bool,
    /// Takes the lines that tell how far many have come.
    pub tell: &'a (dyn Fn(&str) + Sync),
}

/// What came of it: so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resent {
    /// Would be due again, had it not been a dry run.
    Would(u64),
    /// Are due again.
    Due(u64),
}

impl Resent {
    #[must_use]
    pub fn to_json(self) -> Value {
        match self {
            Self::Would(number) => json!({"done": 0, "wouldDo": number}),
            Self::Due(number) => json!({"done": number}),
        }
    }
}

impl fmt::Display for Resent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Would(number) => write!(f, "would make {number} due again; nothing was done"),
            Self::Due(number) => {
                write!(f, "{number} due again; the next sweep, within a minute, takes up what is due")
            }
        }
    }
}

/// Makes them due; the next sweep takes them up.
///
/// # Errors
/// The store fails, the address is not acceptable, or the question was answered by no.
pub async fn resend(
    place: &Place,
    opened: &Opened,
    which: Which,
    options: &ResendOptions<'_>,
) -> Result<Resent, StepError> {
    let to = options
        .to
        .as_deref()
        .map(|to| CallbackUrl::parse(to, &opened.callbacks))
        .transpose()
        .map_err(OperatorRefusal::Address)?
        .map(|url| Callback::Explicit(url.as_str().to_owned()));
    match which {
        Which::One(id) => one(place, opened, &id, to, options).await,
        Which::Many(selection) => many(place, opened, &selection, to, options).await,
    }
}

async fn one(
    place: &Place,
    opened: &Opened,
    id: &AuthorizationId,
    to: Option<Callback>,
    options: &ResendOptions<'_>,
) -> Result<Resent, StepError> {
    let record = opened
        .records
        .authorization(id)
        .await?
        .ok_or_else(|| OperatorRefusal::NoSuchAuthorization(id.clone()))?;
    if let Some(refusal) = unsendable(&record, to.as_ref()) {
        return Err(refusal.into());
    }
    if options.dry_run {
        return Ok(Resent::Would(1));
    }
    if record.status() == Status::Delivered {
        question::confirm("It was delivered; the merchant will get it once more. Resend 1?", options.yes)?;
    }
    if !make(opened, id, &WITH_OPEN_ID, to).await? {
        return Err(OperatorRefusal::AttemptUnderWay.into());
    }
    audit::note(
        place.folder(),
        &place.name(),
        "resend",
        &json!({"reference": id, "to": options.to, "done": 1}),
    )?;
    Ok(Resent::Due(1))
}

async fn many(
    place: &Place,
    opened: &Opened,
    selection: &Selection,
    to: Option<Callback>,
    options: &ResendOptions<'_>,
) -> Result<Resent, StepError> {
    let now = SystemClock.now();
    if options.dry_run {
        let found = find(opened, selection, to.as_ref(), now).await?;
        return Ok(Resent::Would(u64::try_from(found.len()).unwrap_or(u64::MAX)));
    }
    let (states, period) = (&selection.states, selection.period());
    let name = format!("{} {:?} {states:?} {period} {:?}", place.name(), selection.owner, options.to);
    let mut plan = Plan::hold(place.folder(), &name)?;
    if !goes_on(&mut plan, options.anew, now, |what| question::confirm(what, options.yes))? {
        let found = find(opened, selection, to.as_ref(), now).await?;
        if found.is_empty() {
            return Ok(Resent::Due(0));
        }
        question::confirm(&format!("Resend {} at {}?", found.len(), place.name()), options.yes)?;
        plan.begin(found, now)?;
    }
    let mut resent = 0_u64;
    let done = each(opened, &mut plan, states, to.as_ref(), options, &mut resent).await;
    let details = json!({
        "selection": name, "to": options.to, "matched": plan.len(), "done": resent, "ended": done.is_ok(),
    });
    let audited = audit::note(place.folder(), &place.name(), "resend", &details);
    let done = done.map_err(|error| {
        // It would begin anew once more.
        let without = if options.anew { " without --anew" } else { "" };
        let again = format!("run the same again{without}{period} for the rest, within a day");
        StartError::new(format!("{resent} are due again; {again}: {error}"))
    });
    let ended = done.and_then(|()| Ok(plan.end()?));
    with_audit(ended.map_err(StepError::from), resent, audited)?;
    Ok(Resent::Due(resent))
}

impl Selection {
    /// Its times as options: those of a person may be of now, as `2h` is.
    fn period(&self) -> String {
        [("since", self.since), ("until", self.until)]
            .into_iter()
            .filter_map(|(name, at)| Some(format!(" --{name} {}", at?)))
            .collect()
    }
}

/// True if a run that was broken off goes on, which is asked; one that is old is discarded.
fn goes_on(
    plan: &mut Plan,
    anew: bool,
    now: UnixMillis,
    confirm: impl FnOnce(&str) -> Result<(), StartError>,
) -> Result<bool, StartError> {
    let Some(begun) = plan.begun() else { return Ok(false) };
    let done = format!("{} of {}", plan.len() - plan.left().len(), plan.len());
    let earlier = format!("An earlier run of the same, begun {}, ended after {done}", local(begun));
    if anew || now > begun + RESUMABLE_FOR {
        eprintln!("{earlier}; it is discarded.");
        plan.clear()?;
        return Ok(false);
    }
    confirm(&format!("{earlier}. Go on with it (or say --anew)?"))?;
    eprintln!("{earlier}; this one goes on.");
    Ok(true)
}

async fn each(
    opened: &Opened,
    plan: &mut Plan,
    states: &[Status],
    to: Option<&Callback>,
    options: &ResendOptions<'_>,
    resent: &mut u64,
) -> Result<(), StartError> {
    let mut turns = tokio::time::interval(Duration::from_secs(1) / options.rate.max(1));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut signals = StopSignals::listen()?;
    let (left, begun) = (plan.left(), Instant::now());
    let before = plan.len() - left.len();
    let mut progress = Progress::new(plan.len(), before);
    for (done, id) in left.into_iter().enumerate() {
        if let Some(line) = progress.line(before + done, begun.elapsed()) {
            (options.tell)(&line);
        }
        tokio::select! {
            biased;
            () = signals.next() => return Err(StartError::new("stopped".to_owned())),
            _ = turns.tick() => {}
        }
        *resent += u64::from(make(opened, &id, states, to.cloned()).await?);
        plan.done(&id)?;
    }
    Ok(())
}

async fn make(
    opened: &Opened,
    id: &AuthorizationId,
    from: &[Status],
    to: Option<Callback>,
) -> Result<bool, StartError> {
    let operation = OperationId::generate(&OsRandom::default())?;
    let resend = Resend { id: id.clone(), from: from.to_vec(), to, operation, now: SystemClock.now() };
    Ok(opened.records.resend(&resend).await?)
}

async fn find(
    opened: &Opened,
    selection: &Selection,
    to: Option<&Callback>,
    now: UnixMillis,
) -> Result<Vec<AuthorizationId>, StartError> {
    let Selection { states, owner, since, until } = selection;
    if states[..] == [Status::Undeliverable] && since.is_none() && until.is_none() {
        return Ok(opened.records.undeliverable(owner.as_ref()).await?);
    }
    let mut listing = Listing {
        view: View::States(states.clone()),
        owner: owner.clone(),
        since: *since,
        until: *until,
        after: None,
        limit: PAGE,
        now,
    };
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    loop {
        let page = opened.records.list(&listing).await?;
        unreadable.extend(page.unreadable);
        let sendable = page.records.iter().filter(|record| unsendable(record, to).is_none());
        found.extend(sendable.map(|record| record.id.clone()));
        match page.next {
            Some(next) => listing.after = Some(next),
            None => break,
        }
    }
    // Two pages may have met the same one.
    unreadable.sort();
    unreadable.dedup();
    if let Some(left_out) = left_out(&unreadable, Language::English) {
        eprintln!("{left_out}");
    }
    Ok(found)
}

/// The reason why a delivery cannot be made, if there is one.
fn unsendable(record: &Authorization, to: Option<&Callback>) -> Option<OperatorRefusal> {
    let status = record.status();
    if record.forgotten_at().is_some() {
        return Some(OperatorRefusal::Forgotten(status));
    }
    if record.subject().is_none() {
        return Some(OperatorRefusal::NoOpenId(status));
    }
    (record.callback == Callback::Nowhere && to.is_none()).then_some(OperatorRefusal::NoAddress(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGUN: UnixMillis = UnixMillis(1_795_355_000_123);

    #[test]
    fn an_earlier_run_goes_on_for_a_day_if_it_is_agreed_to() {
        let ids = ["1", "2"].map(|serial_no| AuthorizationId::from_serial("B1", serial_no));
        let day = Duration::from_hours(24);
        let later = Duration::from_millis(1);
        for (yes, anew, after, goes) in [
            (true, false, day, Some(true)),
            (true, false, day + later, Some(false)),
            (true, true, later, Some(false)),
            (false, false, later, None),
            (false, true, later, Some(false)),
        ] {
            let confirm = |what: &str| {
                assert!(what.contains("ended after 1 of 2. Go on"), "{what}");
                yes.then_some(()).ok_or_else(|| StartError::new("no".to_owned()))
            };
            let folder = tempfile::tempdir().unwrap();
            let mut plan = Plan::hold(folder.path(), "all").unwrap();
            assert!(matches!(goes_on(&mut plan, anew, BEGUN, confirm), Ok(false)), "nothing was begun");
            plan.begin(ids.to_vec(), BEGUN).unwrap();
            plan.done(&ids[0]).unwrap();
            drop(plan);
            let mut plan = Plan::hold(folder.path(), "all").unwrap();
            assert_eq!(goes_on(&mut plan, anew, BEGUN + after, confirm).ok(), goes, "{after:?} {anew}");
            let left = if goes == Some(false) { 0 } else { 1 };
            assert_eq!(plan.left().len(), left);
        }
    }

    #[test]
    fn the_times_of_a_selection_are_said_as_options() {
        let period = |since, until| Selection { states: vec![], owner: None, since, until }.period();
        assert_eq!(period(None, None), "");
        assert_eq!(
            period(Some(UnixMillis(1_795_355_000_123)), Some(UnixMillis(1_795_355_000_124))),
            " --since 1795355000123 --until 1795355000124"
        );
    }
}
