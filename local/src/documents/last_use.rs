//! The use of a document's keys, by the records: each has the beginning of the fingerprint of the key that its request
//! was verified with.
//!
//! Whatever makes no record leaves nothing to tell it by: a query, a call that is refused, a link of Alibaba Cloud's, a
//! platform's callback.

use futures_util::stream::{StreamExt as _, TryStreamExt as _, iter};
use serde_json::{Value, json};
use shared::model::clock::UnixMillis;
use shared::model::deny_list::KeyFingerprint;
use shared::model::owner::{Owner, SchemeId};
use shared::model::short_fingerprint::ShortFingerprint;
use shared::runtime::start::StartError;
use shared::store::listing::{Listing, View};

use super::{DocumentKind, Vault};
use crate::operate::Place;
use crate::operate::local_time::local;
use crate::operate::place::Records;

/// The newest requests that are looked at of a business, and of each scheme of an account, which may have a thousand.
const OF_A_BUSINESS: usize = 100;
const OF_A_SCHEME: usize = 10;

/// The pages that are read of an owner: notices are records, too, and may be more than requests.
const PAGES: usize = 10;

/// The documents, and the owners, that are asked for at once.
const AT_ONCE: usize = 8;

/// A request that has a record.
#[derive(Clone, Copy, Debug)]
struct Request {
    at: UnixMillis,
    /// The key that verified it; `None` if the record is of a version that did not name it.
    key: Option<ShortFingerprint>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUse {
    key: KeyFingerprint,
    /// So many of the requests that were looked at.
    requests: usize,
    /// The time of the last of these.
    last: UnixMillis,
}

/// What the records tell of a document's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastUse {
    Known {
        /// The keys that verified some of the requests, the one that verified last at first.
        keys: Vec<KeyUse>,
        /// So many of the newest requests were looked at.
        looked_at: usize,
        /// True if there are none but these.
        all: bool,
    },
    /// They cannot be asked, or do not say it.
    Unknown { reason: String },
}

/// True if records name the keys of such documents.
#[must_use]
pub const fn is_recorded(kind: DocumentKind) -> bool {
    matches!(kind, DocumentKind::Business | DocumentKind::AccessKey)
}

/// Why nothing tells the use of the keys of such documents, if they have keys and records do not name them.
#[must_use]
pub const fn unrecorded(kind: DocumentKind) -> Option<&'static str> {
    match kind {
        DocumentKind::Platform => Some(
            "Which key verified last is not recorded of a platform: a new one of its works once a callback that it \
             signs is taken",
        ),
        DocumentKind::AlipayApp => Some(
            "Which key verified last is not recorded of Alipay: a new one works once a user's return succeeds by it",
        ),
        _ => None,
    }
}

/// What the newest requests tell of `keys`, of this document. Whatever goes wrong is [`LastUse::Unknown`].
pub async fn last_use(
    place: &Place,
    vault: &Vault,
    party: (DocumentKind, &str),
    document: &Value,
    keys: &[KeyFingerprint],
    now: UnixMillis,
) -> LastUse {
    match requests(place, vault, party, document, now).await {
        Ok((requests, all)) => by_requests(&requests, all, keys),
        Err(error) => LastUse::Unknown { reason: error.to_string() },
    }
}

async fn requests(
    place: &Place,
    vault: &Vault,
    (kind, id): (DocumentKind, &str),
    document: &Value,
    now: UnixMillis,
) -> Result<(Vec<Request>, bool), StartError> {
    let (owners, most) = match kind {
        DocumentKind::Business => (vec![Owner::Business(id.to_owned())], OF_A_BUSINESS),
        DocumentKind::AccessKey => (schemes(vault, &document["accountId"]).await?, OF_A_SCHEME),
        _ => (Vec::new(), 0),
    };
    let opened = place.open().await?;
    let newest = iter(owners).map(|owner| of_owner(&*opened.records, owner, most, now));
    let all_of_each: Vec<_> = newest.buffer_unordered(AT_ONCE).try_collect().await?;
    let all = all_of_each.iter().all(|(_, all)| *all);
    Ok((all_of_each.into_iter().flat_map(|(requests, _)| requests).collect(), all))
}

/// The newest requests of an owner, `most` at most; true if there are no others.
async fn of_owner(
    records: &dyn Records,
    owner: Owner,
    most: usize,
    now: UnixMillis,
) -> Result<(Vec<Request>, bool), StartError> {
    let (view, limit) = (View::every_state(), u32::try_from(most).unwrap_or(u32::MAX));
    let mut listing = Listing { view, owner: Some(owner), since: None, until: None, after: None, limit, now };
    let (mut found, mut unread) = (Vec::new(), false);
    for _ in 0..PAGES {
        let page = records.list(&listing).await?;
        unread |= !page.unreadable.is_empty();
        let requests = page.records.iter().filter(|record| record.notice().is_none());
        found.extend(requests.map(|record| Request { at: record.created_at, key: record.verified_by }));
        listing.after = page.next;
        if listing.after.is_none() || found.len() >= most {
            break;
        }
    }
    let all = listing.after.is_none() && found.len() <= most && !unread;
    found.truncate(most);
    Ok((found, all))
}

async fn schemes(vault: &Vault, account: &Value) -> Result<Vec<Owner>, StartError> {
    let account = account.as_str().ok_or_else(|| StartError::new("it names no account".to_owned()))?;
    let ids = vault.ids(DocumentKind::Scheme).await?.into_iter().filter_map(|id| SchemeId::parse(&id));
    let looked = iter(ids).map(async |id| {
        let text = vault.fetch(&DocumentKind::Scheme.name(&id.to_string())?).await?;
        let scheme: Value = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Ok((scheme["accountId"] == account).then_some(Owner::Scheme(id)))
    });
    looked.buffer_unordered(AT_ONCE).try_filter_map(async |scheme| Ok(scheme)).try_collect().await
}

fn by_requests(requests: &[Request], all: bool, keys: &[KeyFingerprint]) -> LastUse {
    let unnamed = requests.iter().filter(|request| request.key.is_none()).map(|request| request.at).max();
    let mut used: Vec<_> = keys
        .iter()
        .filter_map(|key| {
            let is_its = |request: &&Request| request.key == Some(key.short());
            let last = requests.iter().filter(is_its).map(|request| request.at).max()?;
            Some(KeyUse { key: *key, requests: requests.iter().filter(is_its).count(), last })
        })
        .collect();
    used.sort_by_key(|used| std::cmp::Reverse(used.last));
    if unnamed.is_some_and(|unnamed| used.first().is_none_or(|used| used.last <= unnamed)) {
        let reason = "the newest requests were recorded by an earlier version".to_owned();
        return LastUse::Unknown { reason };
    }
    LastUse::Known { keys: used, looked_at: requests.len(), all }
}

impl LastUse {
    /// For people: the document as it is `shown`, with the use of a key beside it, or below the document why there is
    /// none.
    #[must_use]
    pub fn beside(&self, shown: &Value) -> String {
        let document = format!("{shown:#}");
        let Self::Known { keys, looked_at, .. } = self else { return format!("{document}\n{}", self.none()) };
        if keys.is_empty() {
            return format!("{document}\n{}", self.none());
        }
        let marked = document.lines().map(|line| {
            let text = line.trim().trim_end_matches(',');
            let Some(used) = keys.iter().find(|used| text == format!("\"{}\"", used.key)) else {
                return line.to_owned();
            };
            let is_last = keys.first().is_some_and(|first| first.last == used.last);
            let what = if is_last { "verified last" } else { "verified before" };
            let (at, requests) = (local(used.last), used.requests);
            format!("{line}   {what}, at {at}: {requests} of {looked_at} requests")
        });
        marked.collect::<Vec<_>>().join("\n")
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        let (keys, looked_at) = match self {
            Self::Known { keys, looked_at, .. } => (keys, looked_at),
            Self::Unknown { reason } => return json!({"unknown": reason}),
        };
        let Some(last) = keys.first().map(|used| used.last) else { return Value::Null };
        let uses: Vec<_> = keys
            .iter()
            .map(|used| json!({"key": used.key.to_string(), "requests": used.requests, "at": used.last}))
            .collect();
        let of_the_last = keys.iter().filter(|used| used.last == last);
        let of_the_last: Vec<_> = of_the_last.map(|used| used.key.to_string()).collect();
        json!({"keys": of_the_last, "at": last, "uses": uses, "lookedAt": looked_at})
    }

    /// For whoever is to agree that `old` goes, and `new` stays.
    #[must_use]
    pub fn before_it_goes(&self, old: &KeyFingerprint, new: &KeyFingerprint) -> String {
        let Self::Known { keys, looked_at, .. } = self else { return self.none() };
        if keys.is_empty() {
            return self.none();
        }
        let share = |key: &KeyFingerprint| {
            let used = keys.iter().find(|used| used.key == *key);
            used.map_or_else(
                || "none".to_owned(),
                |used| format!("{}, the last at {}", used.requests, local(used.last)),
            )
        };
        let alike = if old.short() == new.short() { " (their fingerprints begin alike)" } else { "" };
        format!(
            "Of {looked_at} requests, the newest, the old key verified {}; the new key {}{alike}.",
            share(old),
            share(new)
        )
    }

    /// The reason why no key is named.
    fn none(&self) -> String {
        match self {
            Self::Known { looked_at: 0, all: true, .. } => {
                "No request is recorded that a key verified.".to_owned()
            }
            Self::Known { looked_at: 0, .. } => "The newest records are of no request.".to_owned(),
            Self::Known { looked_at, .. } => {
                format!(
                    "None of the newest requests, {looked_at} that were looked at, was verified by such a key."
                )
            }
            Self::Unknown { reason } => format!("Which key verified last could not be read: {reason}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::model::alipay_app_id::AlipayAppId;
    use shared::model::authorization::{Authorization, Callback, Issue, NewLink};
    use shared::model::authorization_request::{AuthorizationRequest, MerchantRequest};
    use shared::model::consent::DeliveryBody;
    use shared::model::id::{AuthorizationId, OperationId, State};
    use shared::model::notice::Notice;
    use shared::store::sqlite::SqliteStore;
    use shared::store::{NonceUse, RecordLinks as _, RecordNotices as _};

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_305_600_000);

    fn key(text: &str) -> KeyFingerprint {
        KeyFingerprint::new(text.as_bytes())
    }

    /// Another key whose fingerprint begins as that of `key` does.
    fn alike(key: &KeyFingerprint) -> KeyFingerprint {
        format!("{}{}", key.short(), "0".repeat(56)).parse().unwrap()
    }

    fn at(secs: u64) -> UnixMillis {
        NOW + Duration::from_secs(secs)
    }

    fn request(secs: u64, key: Option<&KeyFingerprint>) -> Request {
        Request { at: at(secs), key: key.map(KeyFingerprint::short) }
    }

    fn known(uses: &[(&KeyFingerprint, usize, u64)], looked_at: usize) -> LastUse {
        let keys = uses.iter().map(|(key, requests, secs)| KeyUse {
            key: **key,
            requests: *requests,
            last: at(*secs),
        });
        LastUse::Known { keys: keys.collect(), looked_at, all: true }
    }

    fn recorded(serial_no: &str, secs: u64) -> Authorization {
        let new = Authorization::issued(Issue {
            request: AuthorizationRequest::Merchant(MerchantRequest {
                business_id: "B1".to_owned(),
                merchant_id: "M1".to_owned(),
                serial_no: serial_no.to_owned(),
                user_id: "U1".to_owned(),
            }),
            callback: Callback::OwnersDefault,
            state: State::parse(&format!(
                "{}{}",
                AuthorizationId::from_serial("B1", serial_no),
                "5".repeat(32)
            ))
            .unwrap(),
            link: NewLink::Ours {
                app: AlipayAppId::parse("2021").unwrap(),
                link: "https://openauth.example/authorize".parse().unwrap(),
            },
            now: at(secs),
            lifetime: Duration::from_hours(1),
            retention: Duration::from_hours(2),
        });
        Authorization { verified_by: Some(key("old").short()), ..new }
    }

    #[tokio::test]
    async fn notices_are_no_requests_and_hide_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("authlink.db")).unwrap();
        let operation = OperationId::recorded("any".to_owned());
        for (serial_no, secs) in [("S1", 1), ("S2", 2), ("S3", 3)] {
            let new = recorded(serial_no, secs);
            let (space, nonce, used_at, until) =
                ("B1".to_owned(), serial_no.to_owned(), NOW, NOW + Duration::from_mins(1));
            let nonce = NonceUse { space, nonce, used_at, until, operation: operation.clone() };
            store.record_link(&new, &nonce).await.unwrap();
            let notice = new.notice_record(Notice::Expired, DeliveryBody::new("U1").unwrap(), at(10 + secs));
            assert_eq!(store.record_notice(&notice, &operation).await, Ok(true));
        }
        for (most, times, all) in [(1, &[3][..], false), (2, &[3, 2], false), (100, &[3, 2, 1], true)] {
            let owner = Owner::Business("B1".to_owned());
            let (found, is_all) = of_owner(&store, owner, most, at(20)).await.unwrap();
            let found: Vec<_> = found.iter().map(|request| request.at).collect();
            let expected: Vec<_> = times.iter().map(|secs| at(*secs)).collect();
            assert_eq!((found, is_all), (expected, all), "{most}");
        }
    }

    #[test]
    fn the_newest_requests_tell_the_use_of_each_key() {
        let (old, new, gone) = (key("old"), key("new"), key("gone"));
        let twin = alike(&new);
        let earlier =
            LastUse::Unknown { reason: "the newest requests were recorded by an earlier version".to_owned() };
        for (requests, keys, expected) in [
            (
                &[request(2, Some(&new)), request(1, Some(&old))][..],
                &[old, new][..],
                known(&[(&new, 1, 2), (&old, 1, 1)], 2),
            ),
            // Those of several owners are in no order.
            (
                &[request(1, Some(&old)), request(3, Some(&new)), request(2, Some(&old))],
                &[old, new],
                known(&[(&new, 1, 3), (&old, 2, 2)], 3),
            ),
            (&[request(2, Some(&gone)), request(1, Some(&old))], &[old, new], known(&[(&old, 1, 1)], 2)),
            (&[request(1, Some(&new))], &[old, new, twin], known(&[(&new, 1, 1), (&twin, 1, 1)], 1)),
            (&[request(2, Some(&gone))], &[old, new], known(&[], 1)),
            (&[request(2, Some(&new)), request(1, None)], &[old, new], known(&[(&new, 1, 2)], 2)),
            (&[request(2, None), request(1, Some(&old))], &[old, new], earlier.clone()),
            (&[request(2, Some(&gone)), request(1, None)], &[old, new], earlier.clone()),
            (&[request(1, None)], &[old, new], earlier),
            (&[], &[old, new], known(&[], 0)),
        ] {
            assert_eq!(by_requests(requests, true, keys), expected, "{requests:?}");
        }
    }

    #[test]
    fn it_stands_beside_the_keys_alone() {
        let (old, new) = (key("old"), key("new"));
        let shown = json!({"merchantIds": ["M1"], "publicKeys": [old.to_string(), new.to_string()]});
        let plain = format!("{shown:#}");
        let both = known(&[(&old, 1, 2), (&new, 3, 1)], 5);
        let marked = plain
            .replace(
                &format!("\"{old}\","),
                &format!("\"{old}\",   verified last, at {}: 1 of 5 requests", local(at(2))),
            )
            .replace(
                &format!("\"{new}\""),
                &format!("\"{new}\"   verified before, at {}: 3 of 5 requests", local(at(1))),
            );
        assert_eq!(both.beside(&shown), marked);
        let uses = json!([
            {"key": old.to_string(), "requests": 1, "at": at(2)},
            {"key": new.to_string(), "requests": 3, "at": at(1)},
        ]);
        assert_eq!(
            both.to_json(),
            json!({"keys": [old.to_string()], "at": at(2), "uses": uses, "lookedAt": 5})
        );

        let unknown = LastUse::Unknown { reason: "the door is shut".to_owned() };
        let notices = LastUse::Known { keys: Vec::new(), looked_at: 0, all: false };
        for (other, json, told) in [
            (
                &unknown,
                json!({"unknown": "the door is shut"}),
                "Which key verified last could not be read: the door is shut.",
            ),
            (&known(&[], 0), Value::Null, "No request is recorded that a key verified."),
            (&notices, Value::Null, "The newest records are of no request."),
            (
                &known(&[], 9),
                Value::Null,
                "None of the newest requests, 9 that were looked at, was verified by such a key.",
            ),
        ] {
            assert_eq!(other.beside(&shown), format!("{plain}\n{told}"));
            assert_eq!(other.before_it_goes(&old, &new), told);
            assert_eq!(other.to_json(), json);
        }
    }

    #[test]
    fn who_takes_a_key_out_is_told_how_much_it_is_used() {
        let (old, new) = (key("old"), key("new"));
        let told = |uses: &[(&KeyFingerprint, usize, u64)]| known(uses, 100).before_it_goes(&old, &new);
        let (first, second) = (local(at(1)), local(at(2)));
        for (uses, expected) in [
            (
                &[(&new, 63, 2), (&old, 37, 1)][..],
                format!("37, the last at {first}; the new key 63, the last at {second}."),
            ),
            (&[(&new, 100, 2)], format!("none; the new key 100, the last at {second}.")),
            (&[(&old, 100, 2)], format!("100, the last at {second}; the new key none.")),
        ] {
            assert_eq!(told(uses), format!("Of 100 requests, the newest, the old key verified {expected}"));
        }
        let twin = alike(&old);
        let of_twins = known(&[(&old, 2, 1), (&twin, 2, 1)], 2).before_it_goes(&old, &twin);
        assert!(of_twins.ends_with("(their fingerprints begin alike)."), "{of_twins}");
    }
}
