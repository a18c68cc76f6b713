//! `authlink authorizations`: find, understand, deliver once more, and forget.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};
use shared::model::authorization::Status;
use shared::model::clock::{Clock as _, SystemClock, UnixMillis};
use shared::model::id::AuthorizationId;
use shared::model::owner::Owner;
use shared::runtime::start::StartError;
use shared::store::listing::{Cursor, Listing, Page, View};
use shared::web::language::Language;
use strum::VariantArray as _;

use super::place::PlaceArgs;
use super::reference::reference;
use crate::folder::BUSINESS_ID;
use crate::operate::forget::{ForgetOptions, forget};
use crate::operate::left_out::left_out;
use crate::operate::local_time::moment;
use crate::operate::refusal::OperatorRefusal;
use crate::operate::resend::{ResendOptions, Selection, WITH_OPEN_ID, Which, resend};
use crate::operate::tail::{self, Reads, Tail};
use crate::operate::{Place, summary};
use crate::signals::StopSignals;

/// The polls of `tail`, on this machine and on a table: how often, and how much each reads.
const POLLS: (Duration, Reads) = (Duration::from_secs(1), Reads { newest: 200, again: 500 });
const POLLS_OF_A_TABLE: (Duration, Reads) = (Duration::from_secs(5), Reads { newest: 200, again: 50 });

#[derive(Subcommand)]
pub(super) enum AuthorizationsCommand {
    /// List what needs attention; or by state, owner and time, latest first
    #[command(after_help = "Examples:\n  authlink authorizations list\n  \
        authlink authorizations list --all --business-id B1 --since 2h\n  \
        authlink authorizations list --state UNDELIVERABLE --json\n  authlink authorizations list --stack authlink")]
    List(ListArgs),
    /// Show what became of one authorization, without the user's identity
    #[command(
        group(ArgGroup::new("what").required(true).args(["serial_no", "reference"])),
        after_help = "Examples:\n  authlink authorizations show --serial-no S1\n  \
            authlink authorizations show --stack authlink --business-id B1 --serial-no S1\n  \
            authlink authorizations show --reference 0123456789abcdef0123456789abcdef --json"
    )]
    Show {
        #[command(flatten)]
        which: OneArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// Print changes as they come, until Ctrl-C: of the newest, of new ones, and of what needs attention
    #[command(after_help = "Examples:\n  authlink authorizations tail\n  \
        authlink authorizations tail --since 10m\n  \
        authlink authorizations tail --stack authlink --business-id B1 --json\n\n\
        A table is looked at every 5 s. Without a business or scheme, or without RecentIndex=true, only what needs \
        attention is seen of it.")]
    Tail(TailArgs),
    /// Deliver once more, with the same body: one, or many by state, owner and time
    #[command(
        group(ArgGroup::new("what").required(true).multiple(true).args(["serial_no", "reference", "all", "business_id", "scheme_id"])),
        group(ArgGroup::new("record").args(["serial_no", "reference"])
            .conflicts_with_all(["all", "scheme_id", "state", "since", "until", "anew"])),
        after_help = "Examples:\n  authlink authorizations resend --serial-no S1\n  \
            authlink authorizations resend --serial-no S1 --to https://shop.example/callback\n  \
            authlink authorizations resend --business-id B1 --since 2026-11-29T08:00 --dry-run\n  \
            authlink authorizations resend --all --rate 5 --yes\n\n\
            Without a serialNo or a reference it takes what is UNDELIVERABLE, unless --state says otherwise. \
            A run that was broken off says by which words it goes on where it was, for a day."
    )]
    Resend(ResendArgs),
    /// Forget the person of one authorization for good: openId, userId, phone number, body, addresses
    #[command(
        group(ArgGroup::new("what").required(true).args(["serial_no", "reference"])),
        after_help = "Examples:\n  authlink authorizations forget --serial-no S1\n  \
            authlink authorizations forget --stack authlink --business-id B1 --serial-no S1 --yes\n  \
            authlink authorizations forget --reference 0123456789abcdef0123456789abcdef --dry-run\n\n\
            The record keeps its ids, its state, its times and the outcomes of its attempts; a delivery that is due \
            is not made any more. It fails while an exchange or an attempt is under way. The same again changes nothing."
    )]
    Forget(ForgetArgs),
}

#[derive(Args, Clone)]
pub(super) struct OwnerArgs {
    /// Of this business; the business of the serialNo
    #[arg(long)]
    business_id: Option<String>,
    /// Of this scheme
    #[arg(long, conflicts_with = "business_id")]
    scheme_id: Option<String>,
}

impl OwnerArgs {
    fn owner(&self) -> Result<Option<Owner>, StartError> {
        let named = match (&self.business_id, &self.scheme_id) {
            (Some(id), _) => id.clone(),
            (None, Some(id)) => format!("scheme:{id}"),
            (None, None) => return Ok(None),
        };
        Owner::parse(&named)
            .map(Some)
            .ok_or_else(|| StartError::new("no business or scheme has such a name".to_owned()))
    }
}

#[derive(Args)]
pub(super) struct PeriodArgs {
    /// Requested since: 2h, 3d, 2026-11-29, 2026-11-29T08:00, with an offset, or milliseconds
    #[arg(long)]
    since: Option<String>,
    /// Requested before
    #[arg(long)]
    until: Option<String>,
}

impl PeriodArgs {
    /// Its beginning and its end; what is said in hours or days ends at `now`.
    fn read(&self, now: UnixMillis) -> Result<(Option<UnixMillis>, Option<UnixMillis>), StartError> {
        let read = |text: &Option<String>| {
            text.as_deref().map(|text| moment(text, now)).transpose().map_err(StartError::new)
        };
        Ok((read(&self.since)?, read(&self.until)?))
    }
}

#[derive(Args)]
pub(super) struct ListArgs {
    /// In this state; can be repeated
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Vec<Status>,
    /// In every state
    #[arg(long, conflicts_with = "state")]
    all: bool,
    #[command(flatten)]
    owner: OwnerArgs,
    #[command(flatten)]
    period: PeriodArgs,
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// The place where the page before ended, as it said
    #[arg(long, value_parser = cursor)]
    after: Option<Cursor>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

/// One record. That of a scheme's request has no serialNo: its reference alone names it.
#[derive(Args)]
pub(super) struct RecordArgs {
    /// Of the business; in a local run of the demo business unless said
    #[arg(long)]
    serial_no: Option<String>,
    /// The whole reference of a log line, instead of a serialNo; a result page shows its first 12 digits
    #[arg(long, conflicts_with = "business_id", value_parser = reference)]
    reference: Option<AuthorizationId>,
}

#[derive(Args)]
pub(super) struct OneArgs {
    /// The business of the serialNo
    #[arg(long)]
    business_id: Option<String>,
    #[command(flatten)]
    record: RecordArgs,
}

#[derive(Args)]
pub(super) struct ResendArgs {
    #[command(flatten)]
    owner: OwnerArgs,
    #[command(flatten)]
    record: RecordArgs,
    /// Of every business and scheme
    #[arg(long, conflicts_with_all = ["business_id", "scheme_id"])]
    all: bool,
    /// In this state; can be repeated
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Vec<Status>,
    #[command(flatten)]
    period: PeriodArgs,
    /// Their address from now on, held against the same rules as a callbackUrl
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Say how many, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// So many a second at most
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
    /// Begin anew, although an earlier run of the same was broken off
    #[arg(long)]
    anew: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Args)]
pub(super) struct TailArgs {
    #[command(flatten)]
    owner: OwnerArgs,
    /// Print what was requested since then at first: 10m, 2h, 2026-11-29T08:00
    #[arg(long)]
    since: Option<String>,
    /// Print JSON, a line for each change
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Args)]
pub(super) struct ForgetArgs {
    #[command(flatten)]
    which: OneArgs,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

fn state(text: &str) -> Result<Status, String> {
    text.to_ascii_uppercase().parse().map_err(|_| {
        let states: Vec<_> = Status::VARIANTS.iter().map(|state| state.as_str()).collect();
        format!("a state is one of {}", states.join(", "))
    })
}

/// The states that were named, each once, in the order of a record's life.
fn each_once(said: &[Status]) -> Vec<Status> {
    Status::VARIANTS.iter().copied().filter(|state| said.contains(state)).collect()
}

fn cursor(text: &str) -> Result<Cursor, String> {
    Cursor::parse(text).ok_or_else(|| "that is no place that a page named".to_owned())
}

impl AuthorizationsCommand {
    pub(super) async fn run(self, folder: PathBuf) -> Result<(), StartError> {
        match self {
            Self::List(list) => list.run(folder).await,
            Self::Show { which, json, place } => {
                let place = place.place(folder);
                let id = which.id(&place)?;
                let record = place.open().await?.records.authorization(&id).await?;
                let (record, now) = (
                    record.ok_or_else(|| {
                        StartError::new(OperatorRefusal::NoSuchAuthorization(id).to_string())
                    })?,
                    SystemClock.now(),
                );
                if json {
                    println!("{:#}", summary::summary(&record, now));
                } else {
                    print!("{}", summary::told(&record, now));
                }
                Ok(())
            }
            Self::Tail(arguments) => arguments.run(folder).await,
            Self::Resend(resend) => resend.run(folder).await,
            Self::Forget(ForgetArgs { which, dry_run, yes, json, place }) => {
                let place = place.place(folder);
                let id = which.id(&place)?;
                let opened = place.open().await?;
                let forgotten = forget(&place, &opened, &id, ForgetOptions { dry_run, yes }).await?;
                if json {
                    println!("{:#}", forgotten.to_json());
                } else {
                    println!("{forgotten}");
                }
                Ok(())
            }
        }
    }
}

impl ListArgs {
    async fn run(self, folder: PathBuf) -> Result<(), StartError> {
        let now = SystemClock.now();
        let (since, until) = self.period.read(now)?;
        let view = match (self.all, self.state.is_empty()) {
            (true, _) => View::every_state(),
            (false, false) => View::States(each_once(&self.state)),
            (false, true) => View::Attention,
        };
        let listing = Listing {
            view,
            owner: self.owner.owner()?,
            since,
            until,
            after: self.after,
            limit: self.limit,
            now,
        };
        let page = self.place.place(folder).open().await?.records.list(&listing).await?;
        if self.json {
            println!("{:#}", to_json(&page, now));
        } else {
            print!("{}", for_people(&page, &listing.view, now));
        }
        Ok(())
    }
}

fn to_json(page: &Page, now: UnixMillis) -> Value {
    let records: Vec<_> = page.records.iter().map(|record| summary::summary(record, now)).collect();
    json!({
        "authorizations": records,
        "unreadable": page.unreadable,
        "more": page.more,
        "after": page.next.as_ref().map(Cursor::to_string),
    })
}

fn for_people(page: &Page, view: &View, now: UnixMillis) -> String {
    let left_out = left_out(&page.unreadable, Language::English);
    let listed = match (page.records.is_empty(), view) {
        (false, _) => summary::listed(&page.records, now),
        (true, _) if page.next.is_some() => "None among those that were looked at.".to_owned(),
        // It is not known of what cannot be read.
        (true, _) if left_out.is_some() => "Nothing that can be read.".to_owned(),
        (true, View::Attention) => "Nothing needs attention.".to_owned(),
        (true, View::States(_)) => "There is none.".to_owned(),
    };
    let goes_on = match (&page.next, page.more) {
        (Some(next), _) => Some(format!("The next page: --after {next}")),
        (None, true) => Some("There are more: raise --limit, or list by --state.".to_owned()),
        (None, false) => None,
    };
    let notes: String = [left_out, goes_on].into_iter().flatten().map(|note| format!("\n{note}\n")).collect();
    format!("{listed}\n{notes}")
}

impl OneArgs {
    fn id(&self, place: &Place) -> Result<AuthorizationId, StartError> {
        let id = self.record.id(self.business_id.as_deref(), place)?;
        id.ok_or_else(|| StartError::new("name one".to_owned()))
    }
}

impl RecordArgs {
    /// The one that is meant, if one is.
    fn id(&self, business_id: Option<&str>, place: &Place) -> Result<Option<AuthorizationId>, StartError> {
        if let Some(reference) = &self.reference {
            return Ok(Some(reference.clone()));
        }
        let Some(serial_no) = &self.serial_no else { return Ok(None) };
        let business_id = match (business_id, place) {
            (Some(business_id), _) => business_id,
            (None, Place::Folder(_)) => BUSINESS_ID,
            (None, Place::Stack(_) | Place::Table(_)) => {
                return Err(StartError::new("--business-id is missing".to_owned()));
            }
        };
        Ok(Some(AuthorizationId::from_serial(business_id, serial_no)))
    }
}

impl ResendArgs {
    async fn run(self, folder: PathBuf) -> Result<(), StartError> {
        let (place, now) = (self.place.place(folder), SystemClock.now());
        let which = match self.record.id(self.owner.business_id.as_deref(), &place)? {
            Some(id) => Which::One(id),
            None => {
                if let Some(state) = self.state.iter().find(|state| !WITH_OPEN_ID.contains(state)) {
                    return Err(StartError::new(format!("nothing that is {state} has an openId to resend")));
                }
                let states = each_once(&self.state);
                let states = if states.is_empty() { vec![Status::Undeliverable] } else { states };
                let (since, until) = self.period.read(now)?;
                Which::Many(Selection { states, owner: self.owner.owner()?, since, until })
            }
        };
        // For people; programs wait for its end.
        let tell = |line: &str| {
            if io::stderr().is_terminal() {
                eprintln!("{line}");
            }
        };
        let (to, dry_run, rate, yes, anew) = (self.to, self.dry_run, self.rate, self.yes, self.anew);
        let options = ResendOptions { to, dry_run, rate, yes, anew, tell: &tell };
        let resent = resend(&place, &place.open().await?, which, &options).await?;
        if self.json {
            println!("{:#}", resent.to_json());
        } else {
            println!("{resent}");
        }
        Ok(())
    }
}

impl TailArgs {
    async fn run(self, folder: PathBuf) -> Result<(), StartError> {
        let mut signals = StopSignals::listen()?;
        tokio::select! {
            ended = self.watch(folder) => ended,
            () = signals.next() => Ok(()),
        }
    }

    /// Tells changes, until the first poll fails.
    async fn watch(self, folder: PathBuf) -> Result<(), StartError> {
        let since = self.since.as_deref().map(|text| moment(text, SystemClock.now()));
        let place = self.place.place(folder);
        let (every, reads) = match place {
            Place::Folder(_) => POLLS,
            Place::Stack(_) | Place::Table(_) => POLLS_OF_A_TABLE,
        };
        let (opened, owner) = (place.open().await?, self.owner.owner()?);
        let mut tail = Tail::new(owner, since.transpose().map_err(StartError::new)?, reads);
        let (mut is_first, mut unreadable) = (true, Vec::new());
        loop {
            let now = SystemClock.now();
            match tail.poll(&*opened.records, now).await {
                Ok(changed) if self.json => {
                    changed.iter().for_each(|record| println!("{}", tail::to_json(record, now)));
                }
                Ok(changed) => changed.iter().for_each(|record| println!("{}", tail::told(record, now))),
                Err(error) if is_first => return Err(error.into()),
                // The next poll tells what this one could not.
                Err(error) => eprintln!("{error}"),
            }
            if tail.unreadable() != unreadable
                && let Some(left_out) = left_out(tail.unreadable(), Language::English)
            {
                eprintln!("{left_out}");
            }
            unreadable = tail.unreadable().to_vec();
            if is_first {
                eprintln!("{}", watched(&tail));
            }
            is_first = false;
            tokio::time::sleep(every).await;
        }
    }
}

fn watched(tail: &Tail) -> String {
    if tail.lists_requests() {
        return format!("{} are watched, and new ones; Ctrl-C ends it", tail.known());
    }
    "only what needs attention is watched: a table lists requests of one --business-id or --scheme-id, by its \
     RecentIndex; Ctrl-C ends it"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_355_000_123);

    fn unreadable() -> Page {
        Page { unreadable: vec!["ref1".to_owned()], ..Page::default() }
    }

    #[test]
    fn a_list_says_what_it_leaves_out_and_where_it_goes_on() {
        let next = Cursor { at: NOW, id: AuthorizationId::from_serial("B1", "S1") };
        let on = Page { more: true, next: Some(next.clone()), ..Page::default() };
        let (needed, every) = (View::Attention, View::every_state());
        let left_out = "\nnot listed: 1 that this version cannot read, of a newer one or damaged: ref1\n";
        let goes_on = format!("None among those that were looked at.\n\nThe next page: --after {next}\n");
        for (page, view, text) in [
            (Page::default(), &needed, "Nothing needs attention.\n".to_owned()),
            (Page::default(), &every, "There is none.\n".to_owned()),
            (unreadable(), &needed, format!("Nothing that can be read.\n{left_out}")),
            (unreadable(), &every, format!("Nothing that can be read.\n{left_out}")),
            (on, &every, goes_on),
        ] {
            assert_eq!(for_people(&page, view, NOW), text);
        }
        let more = Page { more: true, ..Page::default() };
        assert!(for_people(&more, &needed, NOW).ends_with("raise --limit, or list by --state.\n"));
    }

    #[test]
    fn programs_are_told_what_is_left_out() {
        let expected = json!({"authorizations": [], "unreadable": ["ref1"], "more": false, "after": null});
        assert_eq!(to_json(&unreadable(), NOW), expected);
    }
}
