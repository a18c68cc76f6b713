//! A page of an operator's lists on the embedded store with a million records.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use shared::delivery::body::delivery_body;
use shared::model::alipay_app_id::AlipayAppId;
use shared::model::authorization::{Authorization, Callback, Issue, NewLink, Status};
use shared::model::authorization_request::{AuthorizationRequest, MerchantRequest};
use shared::model::claim::{EndedExchange, ExchangeClaim, ExchangeEnding};
use shared::model::clock::UnixMillis;
use shared::model::id::{AuthorizationId, OperationId, State};
use shared::model::identity::{AuthCode, Identity, OpenId};
use shared::model::owner::Owner;
use shared::store::listing::{ListAuthorizations as _, Listing, View};
use shared::store::sqlite::SqliteStore;
use shared::store::{Claimed, NonceUse, RecordLinks as _, RecordReturns as _, Settlement};
use tokio::time::Instant;

use crate::Error;
use crate::results::{least, median};
use crate::subject::target;

const NOW: UnixMillis = UnixMillis(1_795_305_600_000);
const HOUR: Duration = Duration::from_hours(1);
const PAGE: u32 = 50;
const ROUNDS: usize = 9;
const BOUND_MILLIS: f64 = 200.0;

/// Of a thousand owners: the record that is copied, the copies' state, and how many there are.
const COPIES: [(&str, &str, u32); 5] = [
    ("settled", "DELIVERED", 960_000),
    ("issued", "ISSUED", 30_000),
    ("settled", "UNDELIVERABLE", 4_000),
    // Due since the beginning: overdue.
    ("settled", "AUTHORIZED", 3_000),
    ("unknown", "EXCHANGE_UNKNOWN", 3_000),
];

/// Measures each list, prints a line for it, and returns those that miss their bound.
pub(crate) async fn measure() -> Result<Vec<String>, Error> {
    let place = tempfile::tempdir_in(target()?)?;
    let file = place.path().join("authlink.db");
    let store = SqliteStore::open(&file)?;
    for name in ["issued", "settled", "unknown"] {
        record(&store, name).await?;
    }
    drop(store);
    let begun = Instant::now();
    let records = fill(&file)?;
    println!(
        "{records} records, {} MB, filled in {:.0?}",
        file.metadata()?.len() / 1_000_000,
        begun.elapsed()
    );
    let of_one = Some(Owner::Business("B7".to_owned()));
    let mut missed = Vec::new();
    for (name, view, owner) in [
        ("what needs attention", View::Attention, None),
        ("what needs attention, of one business", View::Attention, of_one.clone()),
        ("UNDELIVERABLE", View::States(vec![Status::Undeliverable]), None),
        ("DELIVERED, of one business", View::States(vec![Status::Delivered]), of_one.clone()),
        ("every state", View::every_state(), None),
        ("every state, of one business", View::every_state(), of_one),
    ] {
        let now = NOW + HOUR * 1_000;
        let listing = Listing { view, owner, since: None, until: None, after: None, limit: PAGE, now };
        let (mut millis, mut listed) = (Vec::new(), 0);
        for _ in 0..ROUNDS {
            // As a command does: with a cache of its own that is empty.
            let store = SqliteStore::open_existing(&file)?;
            let begun = Instant::now();
            let page = store.list(&listing).await?;
            millis.push(begun.elapsed().as_secs_f64() * 1e3);
            listed = page.records.len();
            if !page.unreadable.is_empty() {
                return Err(format!("{} records cannot be read", page.unreadable.len()).into());
            }
        }
        let longest = millis.iter().copied().fold(0.0, f64::max);
        let (least, median) = (least(millis.clone()), median(millis));
        println!(
            "{name}: {listed} listed, least {least:.1} ms, median {median:.1} ms, longest {longest:.1} ms"
        );
        if median > BOUND_MILLIS {
            missed.push(format!("{name}: {median:.1} ms, ≤ {BOUND_MILLIS} ms"));
        }
    }
    Ok(missed)
}

/// Makes one record by the ways of the functions.
async fn record(store: &SqliteStore, name: &str) -> Result<(), Error> {
    let id = AuthorizationId::from_serial("B0", name);
    let app = AlipayAppId::parse("2021000000000001").ok_or("no app")?;
    let state = State::parse(&format!("{id}{}", "5".repeat(32))).ok_or("no state")?;
    let new = Authorization::issued(Issue {
        request: AuthorizationRequest::Merchant(MerchantRequest {
            business_id: "B0".to_owned(),
            merchant_id: "M1".to_owned(),
            serial_no: name.to_owned(),
            user_id: "u".repeat(20),
        }),
        callback: Callback::OwnersDefault,
        state: state.clone(),
        link: NewLink::Ours { app: app.clone(), link: "https://openauth.alipay.com/oauth2/x".parse()? },
        now: NOW,
        lifetime: HOUR * 24,
        retention: HOUR * 24 * 400,
    });
    let by = |name: &str| OperationId::recorded(name.to_owned());
    let nonce = NonceUse {
        space: "B0".to_owned(),
        nonce: name.to_owned(),
        used_at: NOW,
        until: NOW + HOUR,
        operation: by("link"),
    };
    store.record_link(&new, &nonce).await?;
    if name == "issued" {
        return Ok(());
    }
    let code = AuthCode::parse("code").ok_or("no code")?;
    let claim = ExchangeClaim::new(&app, &state, &code, by("claim"), NOW);
    let Claimed::Ours(claimed) = store.claim_exchange(&claim).await? else { return Err("refused".into()) };
    if name == "unknown" {
        let ended = EndedExchange::new(&claimed, &claim.operation, ExchangeEnding::Unknown, NOW);
        return store.end_exchange(&ended).await?.then_some(()).ok_or_else(|| "not ended".into());
    }
    let identity = Identity::new(OpenId::parse(&"o".repeat(48)), None).ok_or("no identity")?;
    let settlement = Settlement {
        id,
        body: delivery_body(&claimed, &identity, NOW),
        identity,
        code_digest: None,
        deliver: true,
        retain_until: claimed.retain_until,
        operation: by("settle"),
        now: NOW,
    };
    store.settle(&settlement).await?;
    Ok(())
}

/// Copies the records, each a second later than the one before; their number.
fn fill(file: &Path) -> Result<u32, Error> {
    let mut connection = Connection::open(file)?;
    let columns: Vec<String> = connection
        .prepare("SELECT name FROM pragma_table_info('authorizations')")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let copied = columns.iter().map(|column| match column.as_str() {
        "id" => "printf('%032x', n)",
        "owner" => "'B' || (n * 7919 % 1000)",
        "status" => ":status",
        "created_at" => "created_at + n * 1000",
        "next_attempt_at" => "CASE :status WHEN 'AUTHORIZED' THEN next_attempt_at END",
        "due_at" => "CASE :status WHEN 'AUTHORIZED' THEN due_at END",
        same => same,
    });
    let copied = copied.collect::<Vec<_>>().join(", ");
    let filling = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :end)
         INSERT INTO authorizations ({}) SELECT {copied} FROM numbers, authorizations WHERE authorizations.id = :id",
        columns.join(", ")
    );
    let transaction = connection.transaction()?;
    let mut first = 1_u32;
    for (name, status, number) in COPIES {
        let id = AuthorizationId::from_serial("B0", name).to_string();
        let end = first + number;
        transaction.execute(
            &filling,
            rusqlite::named_params! {":first": first, ":end": end, ":status": status, ":id": id},
        )?;
        first = end;
    }
    transaction.commit()?;
    Ok(first - 1)
}
