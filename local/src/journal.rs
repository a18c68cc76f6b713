//! The messages of the emulator and the demo merchant, for the demo page.
//!
//! Both write into one journal, so that the page shows a whole authorization in order. Its entries and texts are
//! bounded, because any client of the servers makes them write.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use shared::model::clock::UnixMillis;

const ENTRIES_KEPT: usize = 200;
const TEXT_LIMIT_BYTES: usize = 16 * 1024;

/// A bounded list of events; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    latest: u64,
    kept: VecDeque<Entry>,
}

/// An event and its place in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// 1 for the first event, one more for each after it; never used again.
    pub number: u64,
    #[serde(flatten)]
    pub event: JournalEvent,
}

/// A request and its answer, as one party saw them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalEvent {
    pub at: UnixMillis,
    pub party: Party,
    pub direction: Direction,
    pub title: Title,
    /// Request line, headers and body, or the parameters.
    pub request: String,
    /// Status, headers and body, or an error's text; empty when nothing was sent.
    pub answer: String,
    /// The string under the signature, without any key.
    pub signed_text: Option<String>,
    /// The check of the request's signature; `None` where this party checks none.
    pub signature_ok: Option<bool>,
    pub serial_no: Option<String>,
    /// The name of the fault that shaped the answer.
    pub fault: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    Merchant,
    Alipay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    Sent,
    Received,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Title {
    LinkRequested,
    ConsentGiven,
    ConsentRefused,
    CodeExchanged,
    CallbackReceived,
}

impl JournalEvent {
    #[must_use]
    pub const fn new(at: UnixMillis, party: Party, direction: Direction, title: Title) -> Self {
        Self {
            at,
            party,
            direction,
            title,
            request: String::new(),
            answer: String::new(),
            signed_text: None,
            signature_ok: None,
            serial_no: None,
            fault: None,
        }
    }
}

impl Journal {
    /// Adds an event; the oldest of more than 200 is dropped, and long texts are cut at 16 KiB.
    pub fn record(&self, mut event: JournalEvent) {
        shorten(&mut event.request);
        shorten(&mut event.answer);
        if let Some(signed) = &mut event.signed_text {
            shorten(signed);
        }
        let mut entries = self.entries();
        entries.latest += 1;
        let number = entries.latest;
        entries.kept.push_front(Entry { number, event });
        entries.kept.truncate(ENTRIES_KEPT);
    }

    /// The number of the latest entry; 0 when there is none.
    #[must_use]
    pub fn latest(&self) -> u64 {
        self.entries().latest
    }

    /// The entries after entry `number` (0: everything that is kept), newest first.
    #[must_use]
    pub fn after(&self, number: u64) -> Vec<Entry> {
        self.entries().kept.iter().take_while(|entry| entry.number > number).cloned().collect()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shorten(text: &mut String) {
    if text.len() > TEXT_LIMIT_BYTES {
        text.truncate(text.floor_char_boundary(TEXT_LIMIT_BYTES));
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(request: &str) -> JournalEvent {
        let mut event =
            JournalEvent::new(UnixMillis(7), Party::Alipay, Direction::Received, Title::CodeExchanged);
        event.request = request.to_owned();
        event
    }

    #[test]
    fn keeps_the_latest_two_hundred_newest_first() {
        let journal = Journal::default();
        for number in 1..=205 {
            journal.record(event(&number.to_string()));
        }
        let numbers: Vec<u64> = journal.after(0).iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, (6..=205).rev().collect::<Vec<_>>());
        assert_eq!(journal.after(203).iter().map(|e| e.number).collect::<Vec<_>>(), [205, 204]);
        assert_eq!(journal.latest(), 205);
    }

    #[test]
    fn cuts_a_long_text_between_characters() {
        let journal = Journal::default();
        journal.record(event(&"中".repeat(6_000)));
        assert_eq!(journal.after(0)[0].event.request, format!("{}…", "中".repeat(16 * 1024 / 3)));
    }

    #[test]
    fn an_entry_is_one_flat_object() {
        let journal = Journal::default();
        journal.record(event("code=x"));
        assert_eq!(
            serde_json::to_value(journal.after(0)).unwrap(),
            serde_json::json!([{
                "number": 1, "at": 7, "party": "alipay", "direction": "received", "title": "code-exchanged",
                "request": "code=x", "answer": "", "signedText": null, "signatureOk": null, "serialNo": null,
                "fault": null,
            }])
        );
    }
}
