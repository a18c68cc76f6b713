//! The write units of one authorization, counted from its item as it stands after each write.
//!
//! A write costs a unit for each started KB of the larger of the item before and after, twice in a transaction. The
//! index takes one to add or remove an entry or to change what it repeats, two to move it, and none for what it does
//! not have (Amazon DynamoDB developer guide, "Read and write operations" and "Using global secondary indexes").

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use shared::delivery::body::delivery_body;
use shared::delivery::schedule::OPEN_API_WAITS_SECS;
use shared::model::alipay_app_id::AlipayAppId;
use shared::model::authorization::{Attempt, Attempts, Authorization, Callback, Issue, NewLink};
use shared::model::authorization_request::{AuthorizationRequest, MerchantRequest};
use shared::model::claim::{ATTEMPT_LEASE, AttemptClaim, ExchangeClaim};
use shared::model::clock::UnixMillis;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::model::deny_list::KeyFingerprint;
use shared::model::id::{AuthorizationId, OperationId, State};
use shared::model::identity::{AuthCode, Identity, OpenId};
use shared::model::purge::RECORDS_APART;
use shared::queue::{HINT_GRACE_PERIOD, MAX_DELAY};
use shared::store::dynamodb::{
    ATTENTION, ATTENTION_ATTRIBUTES, DynamoStore, OUTBOX, OUTBOX_ATTRIBUTES, PARTITION_KEY,
};
use shared::store::{
    AfterAttempt, AttemptClaimed, Claimed, Due, FindDue as _, ForgetDelivered as _, ForgottenSome, NonceUse,
    RecordDeliveries as _, RecordLinks as _, RecordReturns as _, Recorded, Settled, Settlement,
};

use crate::account::{Account, TABLE};

type Item = HashMap<String, AttributeValue>;

const NOW: UnixMillis = UnixMillis(1_795_305_600_000);
const UNIT_BYTES: usize = 1_024;
const DAY: Duration = Duration::from_hours(24);

fn app() -> AlipayAppId {
    AlipayAppId::parse("2021000000000001").expect("digits")
}

/// The request that `docs/capacity.md` assumes.
fn authorization() -> Authorization {
    let (business_id, serial_no) = ("b".repeat(16), "s".repeat(32));
    let id = AuthorizationId::from_serial(&business_id, &serial_no);
    let state = State::parse(&format!("{id}{}", "5".repeat(32))).expect("a state");
    let link = format!(
        "https://openauth.alipay.com/oauth2/publicAppAuthorize.htm?app_id=2021000000000001&scope=auth_base&redirect_uri=\
         https%3A%2F%2Fauth.example.com%2Fv1%2Fopenapi%2Fauth%2Falipay%2Fcallback&state={}",
        state.reveal()
    );
    let new = Authorization::issued(Issue {
        request: AuthorizationRequest::Merchant(MerchantRequest {
            business_id,
            merchant_id: "m".repeat(16),
            serial_no,
            user_id: "u".repeat(20),
        }),
        callback: Callback::Explicit(format!("https://merchant.example.com/{}", "c".repeat(23))),
        state,
        link: NewLink::Ours { app: app(), link: link.parse().expect("a URL") },
        now: NOW,
        lifetime: DAY,
        retention: DAY * 400,
    });
    Authorization { verified_by: Some(KeyFingerprint::new(b"a key").short()), ..new }
}

fn operation(digit: char) -> OperationId {
    OperationId::recorded(digit.to_string().repeat(32))
}

/// Reads an item after each of its writes.
struct Meter {
    dynamo: Client,
    key: AttributeValue,
    before: Option<Item>,
    /// The units of the index `recent`, which are not among the others.
    recent: usize,
}

/// A write: the item's bytes after it, and the units of table and index.
type Cost = (usize, usize, usize);

impl Meter {
    async fn wrote(&mut self, times: usize) -> Cost {
        let call = self.dynamo.get_item().table_name(TABLE).key(PARTITION_KEY, self.key.clone());
        let found = call.consistent_read(true).send().await.expect("an answer").item.expect("an item");
        let before = self.before.replace(found.clone());
        let larger = item_bytes(&found).max(before.as_ref().map_or(0, item_bytes));
        let index = INDEXES
            .iter()
            .map(|(index, repeated)| {
                let entry = |item: &Item| entry(item, index, repeated);
                index_units(before.as_ref().and_then(entry), entry(&found))
            })
            .sum();
        let recent = |item: &Item| entry_by(item, OF_RECENT, &[]);
        self.recent += index_units(before.as_ref().and_then(recent), recent(&found));
        (item_bytes(&found), larger.div_ceil(UNIT_BYTES) * times, index)
    }
}

fn item_bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

/// By the rules of the developer guide, "DynamoDB item sizes and formats".
fn value_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number.len().div_ceil(2) + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + value_bytes(value)).sum::<usize>(),
        other => panic!("no item has {other:?}"),
    }
}

/// The indexes that every deployment has, with what they repeat.
const INDEXES: [(&str, &[&str]); 2] = [(OUTBOX, &OUTBOX_ATTRIBUTES), (ATTENTION, &ATTENTION_ATTRIBUTES)];

/// The keys of the index `recent`, which a deployment may leave out; it repeats nothing.
const OF_RECENT: [&str; 2] = ["businessId", "createdAt"];

/// An entry of an index: its keys, and what is repeated.
type Entry = ([AttributeValue; 2], Vec<Option<AttributeValue>>);

fn entry(item: &Item, index: &str, repeated: &[&str]) -> Option<Entry> {
    entry_by(item, [index, &format!("{index}At")], repeated)
}

fn entry_by(item: &Item, [partition, sort]: [&str; 2], repeated: &[&str]) -> Option<Entry> {
    let keys = [item.get(partition)?.clone(), item.get(sort)?.clone()];
    Some((keys, repeated.iter().map(|name| item.get(*name).cloned()).collect()))
}

fn index_units(before: Option<Entry>, after: Option<Entry>) -> usize {
    match (before, after) {
        (None, None) => 0,
        (Some((before, _)), Some((after, _))) if before != after => 2,
        (Some((_, before)), Some((_, after))) if before == after => 0,
        _ => 1,
    }
}

#[tokio::test]
async fn an_authorization_takes_eight_units_of_the_table_and_two_of_its_index() {
    let account = Account::new().await;
    let (store, new) = (account.table().await, authorization());
    let key = AttributeValue::S(format!("authorization#{}", new.id));
    let mut meter = Meter { dynamo: account.dynamo(), key, before: None, recent: 0 };
    let mut costs = Vec::new();

    record_link(&store, &new).await;
    costs.push(meter.wrote(2).await);
    let claimed = claim_exchange(&store).await;
    costs.push(meter.wrote(1).await);
    settle(&store, &claimed).await;
    costs.push(meter.wrote(1).await);
    claim_attempt_at(&store, &new.id, 0, NOW).await;
    costs.push(meter.wrote(1).await);
    conclude(&store, &[succeeded(1)], AfterAttempt::Delivered { forget_at: None }).await;
    costs.push(meter.wrote(1).await);

    // The nonce's, in the same transaction.
    costs[0].1 += 2;
    assert_eq!(costs, documented());
    assert_eq!((table_units(&costs), index_units_of(&costs)), (8, 2));
    assert_eq!(meter.recent, recent_units_documented(), "of the link alone: owner and time never change");
}

/// The row of docs/capacity.md about the index `recent`.
fn recent_units_documented() -> usize {
    let page = include_str!("../../docs/capacity.md");
    let rows = page.lines().filter(|row| row.starts_with("| `RecentIndex`"));
    let cells: Vec<Vec<_>> =
        rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect();
    let [row] = &cells[..] else { panic!("one row") };
    assert_eq!(row[1], "", "the table has nothing to write");
    row[2].trim_start_matches('+').parse().expect("a number")
}

fn table_units(costs: &[Cost]) -> usize {
    costs.iter().map(|cost| cost.1).sum()
}

fn index_units_of(costs: &[Cost]) -> usize {
    costs.iter().map(|cost| cost.2).sum()
}

/// The rows of docs/capacity.md, and its sum of them.
fn documented() -> Vec<Cost> {
    let page = include_str!("../../docs/capacity.md");
    let (_, table) =
        page.split_once("| write | record, bytes | table WRU | index WRU |\n").expect("the table");
    let number = |cell: &str| -> usize {
        let parts = cell.replace(',', "");
        let parts =
            parts.split('+').map(|part| part.trim_matches([' ', '*']).parse::<usize>().expect("a number"));
        parts.sum()
    };
    let mut rows: Vec<Cost> = Vec::new();
    for row in table.lines().skip(1).take_while(|row| row.starts_with('|')) {
        let cells: Vec<_> = row.trim_matches('|').split('|').collect();
        let [write, bytes, of_table, of_index] = cells[..] else { panic!("{row}") };
        if write.contains("together") {
            assert_eq!(
                (number(of_table), number(of_index)),
                (table_units(&rows), index_units_of(&rows)),
                "{row}"
            );
        } else {
            rows.push((number(bytes), number(of_table), number(of_index)));
        }
    }
    rows
}

/// Attempts after so many failures, each with the longest answer that is kept, and the last of all in success or not.
async fn attempts_after(failures: u32, succeeds: bool) -> Vec<Cost> {
    let account = Account::new().await;
    let (store, new) = (account.table().await, authorization());
    record_link(&store, &new).await;
    let claimed = claim_exchange(&store).await;
    settle(&store, &claimed).await;
    let key = AttributeValue::S(format!("authorization#{}", new.id));
    let mut meter = Meter { dynamo: account.dynamo(), key, before: None, recent: 0 };
    meter.wrote(1).await;
    let (mut attempts, mut now, mut costs) = (Attempts::default(), NOW, Vec::new());
    for number in 1..=failures {
        claim_attempt_at(&store, &new.id, number - 1, now).await;
        costs.push(meter.wrote(1).await);
        let answer = Some("<p>".repeat(70)[..200].to_owned());
        let failed =
            Attempt { millis: Some(300), answer, ..Attempt::new(number, now, DeliveryOutcome::Status(500)) };
        attempts.history = attempts.history_with(failed);
        let wait = OPEN_API_WAITS_SECS.get(number as usize - 1).copied().map(Duration::from_secs);
        let next = wait.map_or(AfterAttempt::Undeliverable { at: now }, |wait| {
            let due_at = if wait > MAX_DELAY { now + wait } else { now + wait + HINT_GRACE_PERIOD };
            AfterAttempt::Retry { at: now + wait, due_at }
        });
        conclude(&store, &attempts.history, next).await;
        costs.push(meter.wrote(1).await);
        let Some(wait) = wait else { break };
        now = now + wait;
        if wait > MAX_DELAY {
            let due = Due { id: new.id.clone(), owner: new.owner(), next_attempt_at: Some(now), due_at: now };
            assert!(store.postpone(&due, now + HINT_GRACE_PERIOD).await.expect("answers").is_some());
            costs.push(meter.wrote(1).await);
        }
    }
    if succeeds {
        claim_attempt_at(&store, &new.id, failures, now).await;
        costs.push(meter.wrote(1).await);
        conclude(
            &store,
            &attempts.history_with(succeeded(failures + 1)),
            AfterAttempt::Delivered { forget_at: None },
        )
        .await;
        costs.push(meter.wrote(1).await);
    }
    costs
}

#[tokio::test]
async fn failures_cost_what_the_page_says_and_a_record_of_ten_has_its_bound() {
    let good = attempts_after(0, true).await;
    let [one, ten] = [attempts_after(1, true).await, attempts_after(10, false).await];
    let more = |costs: &[Cost]| {
        (table_units(costs) - table_units(&good), index_units_of(costs) - index_units_of(&good))
    };
    assert_eq!((more(&one), more(&ten)), ((5, 2), (60, 29)));
    assert_eq!(ten.last().map(|cost| cost.0), Some(2_415));
}

fn succeeded(number: u32) -> Attempt {
    Attempt { millis: Some(300), ..Attempt::new(number, NOW, DeliveryOutcome::Success) }
}

async fn conclude(store: &DynamoStore, history: &[Attempt], next: AfterAttempt) {
    let concluded = store.conclude_attempt(&authorization().id, &operation('d'), history, next).await;
    assert_eq!(concluded, Ok(true));
}

#[tokio::test]
async fn personal_data_that_ends_before_its_record_takes_three_units_and_two_of_the_index_more() {
    let account = Account::new().await;
    let (store, new) = (account.table().await, authorization());
    let key = AttributeValue::S(format!("authorization#{}", new.id));
    record_link(&store, &new).await;
    let claimed = claim_exchange(&store).await;
    settle(&store, &claimed).await;
    claim_attempt_at(&store, &new.id, 0, NOW).await;
    let mut meter = Meter { dynamo: account.dynamo(), key, before: None, recent: 0 };
    meter.wrote(1).await;

    let end = NOW + DAY * 30;
    conclude(&store, &[succeeded(1)], AfterAttempt::Delivered { forget_at: Some(end) }).await;
    let concluded = meter.wrote(1).await;
    assert_eq!(
        store.forget_delivered(end, 10).await,
        Ok(ForgottenSome::all(0)),
        "the first reading of the clock"
    );
    assert_eq!(store.forget_delivered(end + RECORDS_APART, 10).await, Ok(ForgottenSome::all(1)));
    let forgotten = meter.wrote(1).await;
    // Without it the conclusion takes one and one. The key of the index takes this record above a KB.
    assert_eq!([(concluded.1, concluded.2), (forgotten.1, forgotten.2)], [(2, 2), (2, 1)]);
    assert!((1_025..1_045).contains(&concluded.0), "{concluded:?}");
}

async fn record_link(store: &DynamoStore, new: &Authorization) {
    let nonce = NonceUse {
        space: "b".repeat(16),
        nonce: "n".repeat(32),
        used_at: NOW,
        until: NOW + Duration::from_mins(11),
        operation: operation('a'),
    };
    assert_eq!(store.record_link(new, &nonce).await, Ok(Recorded::New));
}

async fn claim_exchange(store: &DynamoStore) -> Authorization {
    let state = State::parse(&format!("{}{}", authorization().id, "5".repeat(32))).expect("a state");
    let code = AuthCode::parse(&"c".repeat(32)).expect("a code");
    let claim = ExchangeClaim::new(&app(), &state, &code, operation('b'), NOW);
    match store.claim_exchange(&claim).await {
        Ok(Claimed::Ours(record)) => *record,
        refused => panic!("{refused:?}"),
    }
}

async fn settle(store: &DynamoStore, claimed: &Authorization) {
    let identity = Identity::new(OpenId::parse(&"o".repeat(48)), None).expect("an id");
    let settlement = Settlement {
        id: claimed.id.clone(),
        body: delivery_body(claimed, &identity, NOW),
        identity,
        code_digest: claimed.codes.first().cloned(),
        deliver: true,
        retain_until: claimed.retain_until,
        operation: operation('c'),
        now: NOW,
    };
    assert_eq!(store.settle(&settlement).await, Ok(Settled::Recorded));
}

async fn claim_attempt_at(store: &DynamoStore, id: &AuthorizationId, attempts_before: u32, now: UnixMillis) {
    let claim = AttemptClaim {
        id: id.clone(),
        attempts_before,
        attempts_allowed: 10,
        operation: operation('d'),
        now,
        lease_until: now + ATTEMPT_LEASE,
    };
    assert!(matches!(store.claim_attempt(&claim).await, Ok(AttemptClaimed::Ours(_))));
}
