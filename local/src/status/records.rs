//! The records that need attention, counted.

use std::collections::BTreeMap;

use serde_json::json;
use shared::model::attention::{Attention, attention};
use shared::model::authorization::Authorization;
use shared::model::clock::{Clock, UnixMillis};
use shared::runtime::start::StartError;
use shared::store::listing::{Listing, Page, View};
use shared::web::language::Language;

use crate::operate::Opened;
use crate::operate::left_out::left_out;
use crate::operate::local_time::local;
use crate::status::finding::Seen;

/// The most that are counted.
const COUNTED: u32 = 1_000;

pub(super) async fn check(opened: &Opened, clock: &dyn Clock) -> Result<Seen, StartError> {
    let (now, view) = (clock.now(), View::Attention);
    let listing = Listing { view, owner: None, since: None, until: None, after: None, limit: COUNTED, now };
    Ok(counted(&opened.records.list(&listing).await?, now))
}

fn counted(page: &Page, now: UnixMillis) -> Seen {
    let (mut attention_by, mut information_by) = (Counts::new(), Counts::new());
    let mut oldest_due = None;
    for record in &page.records {
        let Some(reason) = attention(record, now) else { continue };
        let counts = if can_be_mended(record, reason, now) { &mut attention_by } else { &mut information_by };
        *counts.entry(reason.as_str()).or_default() += 1;
        if let (Attention::Overdue, Some(delivery)) = (reason, record.pending_delivery()) {
            oldest_due = oldest_due.into_iter().chain([delivery.due_at]).min();
        }
    }
    let left_out = left_out(&page.unreadable, Language::English);
    let is_healthy = attention_by.is_empty() && left_out.is_none();
    let mut lines: Vec<_> = attention_by.iter().map(|(reason, count)| format!("{reason}: {count}")).collect();
    lines.extend(oldest_due.map(|oldest| format!("due since {}", local(oldest))));
    lines.extend(left_out);
    if is_healthy {
        lines.push("nothing needs attention".to_owned());
    }
    lines.extend(
        information_by.iter().map(|(reason, count)| format!("for your information: {reason}: {count}")),
    );
    if page.more {
        lines.push(format!("{} or more in all; the others were not looked at", page.records.len()));
    }
    let value = json!({
        "attention": attention_by,
        "forInformation": information_by,
        "more": page.more,
        "oldestDue": oldest_due,
        "unreadable": page.unreadable.len(),
    });
    Seen { is_healthy, value, lines, unseen: None }
}

/// The number of each reason.
type Counts = BTreeMap<&'static str, u64>;

/// An exchange without an answer is made up for by its user alone, who can authorize again while the link works. An
/// openId without an address is kept as its owner wants it.
fn can_be_mended(record: &Authorization, reason: Attention, now: UnixMillis) -> bool {
    match reason {
        Attention::Undeliverable | Attention::Overdue => true,
        Attention::ExchangeUnknown => record.link_works(now),
        Attention::NoAddress => false,
    }
}
