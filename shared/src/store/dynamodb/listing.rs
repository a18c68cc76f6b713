//! Lists of authorizations: what needs attention by the index of that name and that of what is due, what ended badly by
//! the former alone, the rest by [`RECENT`], the index that a deployment may leave out. An index gives the keys,
//! batches the records; nothing is scanned.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use crate::model::attention::{OVERDUE_AFTER, attention, is_overdue};
use crate::model::authorization::{Authorization, Status};
use crate::model::clock::UnixMillis;
use crate::model::id::AuthorizationId;
use crate::model::owner::Owner;
use crate::store::StoreError;
use crate::store::dynamodb::attribute::{self, Item, Reader};
use crate::store::dynamodb::item;
use crate::store::dynamodb::schema::{
    ATTENTION, ATTENTION_AT, CREATED_AT, OUTBOX, OWNER, PARTITION_KEY, RECENT,
};
use crate::store::dynamodb::table::{DynamoStore, unavailable};
use crate::store::listing::{Cursor, ListAuthorizations, ListError, Listing, Page, View};
use crate::telemetry::Alarm;

/// DynamoDB's bound on one batch.
const BATCH: usize = 100;
const MAX_BATCHES: usize = 100;
/// The most keys that one query is asked for, or that are taken of its answer; as many records fit into
/// [`MAX_BATCHES`].
const MAX_KEYS: u32 = 1_000;
/// The most by which the clocks of two instances may differ.
const CLOCKS_DIFFER: Duration = Duration::from_mins(1);
/// DynamoDB's words for a table that has no index of the name that was asked for.
const NO_INDEX: &str = "does not have the specified index";

/// A place in the keys of what needs attention: first what is overdue, then what was noted when it ended badly.
enum Place {
    Overdue(Option<String>),
    Noted(Option<Item>),
}

/// The index that a list by state is in the order of.
#[derive(Clone, Copy)]
enum Order<'a> {
    /// Of one owner, by the time of the request.
    Recent(&'a Owner),
    /// By the time of the bad end. [`ATTENTION`] has all that ended badly but those whose person was forgotten.
    Noted,
}

/// What batches have found.
#[derive(Default)]
struct Found {
    records: Vec<Authorization>,
    /// The references of those that cannot be read.
    unreadable: Vec<String>,
}

#[async_trait]
impl ListAuthorizations for DynamoStore {
    async fn list(&self, listing: &Listing) -> Result<Page, ListError> {
        match &listing.view {
            View::Attention => {
                let mut page = self.needing_attention(listing).await?;
                page.records.sort_by_key(|record| Reverse((record.created_at, record.id.clone())));
                Ok(page)
            }
            View::States(states) => self.in_states(listing, states).await,
        }
    }
}

impl DynamoStore {
    /// What nobody makes first, then the rest, the latest first: a page of those that the list is of, and whether there
    /// are more of them.
    async fn needing_attention(&self, listing: &Listing) -> Result<Page, StoreError> {
        let limit = usize::try_from(listing.limit).unwrap_or(usize::MAX);
        let mut next = Some(Place::Overdue(None));
        let (mut keys, mut page) = (VecDeque::new(), Page::default());
        loop {
            let wanted = limit.saturating_add(1) - page.records.len();
            while keys.len() < wanted
                && let Some(place) = next.take()
            {
                let some;
                (some, next) = match place {
                    Place::Overdue(after) => self.overdue(listing, after).await?,
                    Place::Noted(after) => self.noted(listing, after).await?,
                };
                keys.extend(some);
            }
            if keys.is_empty() {
                return Ok(page);
            }
            let some = keys.drain(..keys.len().min(wanted)).collect();
            let Found { mut records, unreadable } = self.records(some).await?;
            page.unreadable.extend(unreadable);
            records.retain(|record| attention(record, listing.now).is_some() && is_within(record, listing));
            page.records.append(&mut records);
            if page.records.len() > limit {
                page.records
                    .sort_by_key(|record| (!is_overdue(record, listing.now), Reverse(record.created_at)));
                page.records.truncate(limit);
                return Ok(Page { more: true, ..page });
            }
        }
    }

    /// Some keys of what was noted when it ended badly.
    async fn noted(
        &self,
        listing: &Listing,
        after: Option<Item>,
    ) -> Result<(Vec<AttributeValue>, Option<Place>), StoreError> {
        let mut query = self.query_attention(listing.owner.as_ref(), "").set_exclusive_start_key(after);
        if listing.owner.is_none() {
            query = query.limit(i32::try_from(listing.limit).unwrap_or(i32::MAX).saturating_add(1));
        }
        let found = query.send().await.map_err(|error| unavailable(&error))?;
        let keys = found.items().iter().filter_map(|item| item.get(PARTITION_KEY).cloned()).collect();
        Ok((keys, found.last_evaluated_key.map(|last| Place::Noted(Some(last)))))
    }

    /// Some keys of deliveries that have been due for long. Nothing notes them when they become so, and they may be in
    /// any partition of what is due; one statement asks all of them.
    async fn overdue(
        &self,
        listing: &Listing,
        after: Option<String>,
    ) -> Result<(Vec<AttributeValue>, Option<Place>), StoreError> {
        let late = listing.now - OVERDUE_AFTER;
        let mut parameters: Vec<AttributeValue> = item::due_partitions().collect();
        let partitions = vec!["?"; parameters.len()].join(", ");
        parameters.push(attribute::time(late));
        let mut statement = format!(
            "SELECT pk, nextAttemptAt FROM \"{}\".\"{OUTBOX}\" WHERE outbox IN [{partitions}] AND outboxAt <= ?",
            self.table
        );
        if let Some(owner) = &listing.owner {
            statement += " AND businessId = ?";
            parameters.push(attribute::text(owner.to_string()));
        }
        let asked = self.client.execute_statement().statement(&statement).set_next_token(after);
        let found = asked.set_parameters(Some(parameters)).send().await;
        let found = found.map_err(|error| unavailable(&error))?;
        // A link whose end is to be told is due as well, and has no next attempt.
        let deliveries = found.items().iter().filter(|item| item.contains_key("nextAttemptAt"));
        let keys = deliveries.filter_map(|item| item.get(PARTITION_KEY).cloned()).collect();
        let next = found.next_token.map_or(Place::Noted(None), |token| Place::Overdue(Some(token)));
        Ok((keys, Some(next)))
    }

    /// Those in these states, in an index's order: a place in the list is that of a key. No index is of a state, so
    /// records are read in that order until the page is full: those of two queries at most, the second of which asks
    /// for as many as one may.
    async fn in_states(&self, listing: &Listing, states: &[Status]) -> Result<Page, ListError> {
        let order = match &listing.owner {
            _ if listing.view.is_of_bad_ends() => Order::Noted,
            Some(owner) => Order::Recent(owner),
            None => return Err(ListError::OwnerNeeded),
        };
        let (mut page, mut after) = (Page::default(), listing.after.clone());
        let limit = usize::try_from(listing.limit).unwrap_or(usize::MAX);
        let is_wanted =
            |record: &Authorization| states.contains(&record.status()) && is_within(record, listing);
        for most in [listing.limit.min(MAX_KEYS), MAX_KEYS] {
            let (places, rest) = self.places(order, states, listing, after.as_ref(), most).await?;
            let mut looked_at = 0;
            for some in places.chunks(BATCH) {
                if page.records.len() >= limit {
                    break;
                }
                let keys = some.iter().map(|place| item::key(&place.id)).collect();
                let mut found = self.records(keys).await?.by_id();
                for place in some {
                    if page.records.len() >= limit {
                        break;
                    }
                    looked_at += 1;
                    match found.remove(place.id.as_str()) {
                        Some(Some(record)) if is_wanted(&record) => page.records.push(record),
                        Some(None) => page.unreadable.push(place.id.to_string()),
                        // In another state, or gone.
                        Some(Some(_)) | None => {}
                    }
                }
            }
            after = if looked_at == places.len() { rest } else { places[..looked_at].last().cloned() };
            if after.is_none() || page.records.len() >= limit {
                break;
            }
        }
        Ok(Page { more: after.is_some(), next: after, ..page })
    }

    /// Some keys of the list's index in its order, and the place that they end with, unless it is the index's end.
    async fn places(
        &self,
        order: Order<'_>,
        states: &[Status],
        listing: &Listing,
        after: Option<&Cursor>,
        most: u32,
    ) -> Result<(Vec<Cursor>, Option<Cursor>), ListError> {
        let (query, at) = match order {
            Order::Recent(owner) => (self.query_recent(owner, listing), CREATED_AT),
            Order::Noted => (self.query_noted(states, listing), ATTENTION_AT),
        };
        // What is filtered out counts in a query's limit: of one owner among all others there is none.
        let limited = matches!(order, Order::Recent(_)) || listing.owner.is_none();
        let asked = query
            .set_limit(limited.then_some(most.cast_signed()))
            .set_exclusive_start_key(after.map(|after| order.start_key(after)))
            .send()
            .await;
        let found = asked.map_err(|error| match (error.code(), error.message()) {
            // DynamoDB has no code of its own for this.
            (Some("ValidationException"), Some(message)) if message.contains(NO_INDEX) => ListError::NoIndex,
            _ => ListError::Store(unavailable(&error)),
        })?;
        let place = |key: &Item| cursor(&Reader(key), at);
        let mut rest = found.last_evaluated_key().map(place).transpose()?;
        let mut places = found.items().iter().map(place).collect::<Result<Vec<_>, _>>()?;
        let most = usize::try_from(MAX_KEYS).unwrap_or(usize::MAX);
        if places.len() > most {
            places.truncate(most);
            rest = places.last().cloned();
        }
        Ok((places, rest))
    }

    fn query_recent(&self, owner: &Owner, listing: &Listing) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&*self.table)
            .index_name(RECENT)
            .key_condition_expression("businessId = :owner AND createdAt BETWEEN :since AND :until")
            .expression_attribute_values(":owner", attribute::text(owner.to_string()))
            .expression_attribute_values(":since", attribute::time(listing.since.unwrap_or(UnixMillis(0))))
            .expression_attribute_values(":until", attribute::time(last(listing)))
            .scan_index_forward(false)
    }

    /// Nothing ends badly before it was requested, by clocks that agree.
    fn query_noted(&self, states: &[Status], listing: &Listing) -> QueryFluentBuilder {
        let since = listing.since.map_or(UnixMillis(0), |since| since - CLOCKS_DIFFER);
        let names: Vec<_> = (0..states.len()).map(|place| format!(":state{place}")).collect();
        let mut query = self
            .query_attention(listing.owner.as_ref(), &format!("#status IN ({})", names.join(", ")))
            .key_condition_expression("attention = :needed AND attentionAt >= :since")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":since", attribute::time(since));
        for (name, state) in names.into_iter().zip(states) {
            query = query.expression_attribute_values(name, attribute::status(*state));
        }
        query
    }

    /// The records of these keys, as far as they are still there.
    async fn records(&self, keys: Vec<AttributeValue>) -> Result<Found, StoreError> {
        let mut waiting: Vec<Item> =
            keys.into_iter().map(|key| Item::from([(PARTITION_KEY.to_owned(), key)])).collect();
        let mut all = Found::default();
        for _ in 0..MAX_BATCHES {
            if waiting.is_empty() {
                return Ok(all);
            }
            let batch: Vec<Item> = waiting.drain(..waiting.len().min(BATCH)).collect();
            let batch = KeysAndAttributes::builder()
                .set_keys(Some(batch))
                .consistent_read(true)
                .build()
                .map_err(|error| StoreError::Unavailable(error.to_string()))?;
            let got = self
                .client
                .batch_get_item()
                .request_items(&*self.table, batch)
                .send()
                .await
                .map_err(|error| unavailable(&error))?;
            for found in got.responses().into_iter().flat_map(|tables| tables.values()).flatten() {
                match item::authorization(found) {
                    Ok(record) => all.records.push(record),
                    // It does not keep the others from the list.
                    Err(error) => all.unreadable.push(unreadable(found, &error)),
                }
            }
            let left = got.unprocessed_keys().into_iter().flat_map(|tables| tables.values());
            waiting.extend(left.flat_map(|left| left.keys().to_vec()));
        }
        Err(StoreError::Unavailable("the batches do not end".to_owned()))
    }
}

impl Found {
    /// By reference; one that cannot be read is `None`.
    fn by_id(self) -> HashMap<String, Option<Authorization>> {
        let records = self.records.into_iter().map(|record| (record.id.to_string(), Some(record)));
        records.chain(self.unreadable.into_iter().map(|reference| (reference, None))).collect()
    }
}

/// The reference of a record that is left out, which is told.
fn unreadable(found: &Item, error: &StoreError) -> String {
    let id = Reader(found).id().ok();
    let (reference, alarm) = (id.as_ref().map(AuthorizationId::as_str), Alarm::Record.as_str());
    tracing::error!(reference, %error, alarm, "a record is left out of a list");
    reference.unwrap_or_default().to_owned()
}

fn is_within(record: &Authorization, listing: &Listing) -> bool {
    listing.since.is_none_or(|since| record.created_at >= since)
        && listing.until.is_none_or(|until| record.created_at < until)
}

/// The last moment of the list; `until` itself is not in it.
fn last(listing: &Listing) -> UnixMillis {
    UnixMillis(listing.until.map_or(i64::MAX >> 12, |until| until.0.saturating_sub(1)))
}

/// The place of a key, whose order is that of the attribute `at`.
fn cursor(key: &Reader<'_>, at: &'static str) -> Result<Cursor, StoreError> {
    Ok(Cursor { at: key.time(at)?, id: key.id()? })
}

impl Order<'_> {
    fn start_key(self, after: &Cursor) -> Item {
        let (partition, value, at) = match self {
            Self::Recent(owner) => (OWNER, attribute::text(owner.to_string()), CREATED_AT),
            Self::Noted => (ATTENTION, item::needed(), ATTENTION_AT),
        };
        [(PARTITION_KEY, item::key(&after.id)), (partition, value), (at, attribute::time(after.at))]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::fake_aws::answer;
    use crate::store::dynamodb::fixtures::{
        self, NOW, authorization, authorized, error, error_saying, page, page_before, record, store, wire,
    };

    fn listing(view: View, owner: Option<&str>) -> Listing {
        Listing {
            view,
            owner: owner.and_then(Owner::parse),
            since: None,
            until: Some(UnixMillis(2_000)),
            after: Some(Cursor { at: UnixMillis(1_000), id: authorization().id }),
            limit: 50,
            now: UnixMillis(10_000_000),
        }
    }

    #[tokio::test]
    async fn a_page_of_an_owner_is_one_query_and_one_batch() {
        let (store, fake_aws) =
            store([page(&[record("issuer", [])]), error("ResourceNotFoundException")]).await;
        let listed = store.list(&listing(View::States(vec![Status::Issued]), Some("B1"))).await;
        assert!(matches!(listed, Err(ListError::Store(_))), "the batch fails here: {listed:?}");
        let asked = fake_aws.asked().await;
        let [query, batch] = asked.as_slice() else { panic!("{} requests", asked.len()) };
        assert_eq!(query.body["IndexName"], "recent");
        assert_eq!(query.body["ExclusiveStartKey"]["createdAt"], json!({"N": "1000"}));
        assert_eq!(query.body["ExpressionAttributeValues"][":until"], json!({"N": "1999"}));
        assert_eq!(batch.headers["x-amz-target"], "DynamoDB_20120810.BatchGetItem");
    }

    #[tokio::test]
    async fn what_a_table_cannot_list_is_said() {
        let without =
            error_saying("ValidationException", "The table does not have the specified index: recent");
        let (store, fake_aws) = store([without, error("ValidationException")]).await;
        let all = store.list(&listing(View::States(vec![Status::Issued]), None)).await;
        assert_eq!(all, Err(ListError::OwnerNeeded));
        let owned = store.list(&listing(View::States(vec![Status::Issued]), Some("B1"))).await;
        assert_eq!(owned, Err(ListError::NoIndex));
        let other = store.list(&listing(View::States(vec![Status::Issued]), Some("B1"))).await;
        let refused = StoreError::Unavailable("ValidationException".to_owned());
        assert_eq!(other, Err(ListError::Store(refused)), "whatever else is wrong with what was asked");
        assert_eq!(fake_aws.asked().await.len(), 2);
    }

    /// What a batch finds.
    fn batch(items: &[Item]) -> wiremock::ResponseTemplate {
        answer(200, json!({"Responses": {"authlink": items.iter().map(wire).collect::<Vec<_>>()}}))
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_hides_no_other() {
        let other = AuthorizationId::from_serial("B1", "S2");
        let broken = record("issuer", [("pk", item::key(&other)), ("history", attribute::text("x"))]);
        let items = [record("issuer", []), broken];
        let (store, _fake_aws) = store([page(&items), batch(&items)]).await;
        let all = Listing { until: None, ..listing(View::States(vec![Status::Issued]), Some("B1")) };
        let all = Listing { after: None, ..all };
        let page = store.list(&all).await.unwrap();
        assert_eq!((page.records, page.unreadable), (vec![authorization()], vec![other.to_string()]));
    }

    #[tokio::test]
    async fn what_needs_attention_and_cannot_be_read_is_named() {
        let newer = record("issuer", [("status", attribute::text("PAUSED"))]);
        let (store, _fake_aws) =
            store([page(&[]), page(std::slice::from_ref(&newer)), batch(&[newer])]).await;
        let page = store.list(&listing(View::Attention, None)).await.unwrap();
        let unreadable = vec![authorization().id.to_string()];
        assert_eq!(page, Page { unreadable, ..Page::default() });
    }

    #[tokio::test]
    async fn a_page_of_what_needs_attention_is_of_the_time_that_is_asked_for() {
        let unknown = ("status", attribute::status(Status::ExchangeUnknown));
        let early = AuthorizationId::from_serial("B1", "S2");
        let earlier = ("createdAt", attribute::time(NOW - OVERDUE_AFTER));
        let early = record("issuer", [("pk", item::key(&early)), earlier, unknown.clone()]);
        let (wanted, place) =
            (record("issuer", [unknown]), [("pk".to_owned(), item::key(&authorization().id))].into());
        let noted = page_before(&place, std::slice::from_ref(&early));
        let answers = [page(&[]), noted, page(std::slice::from_ref(&wanted)), batch(&[early, wanted])];
        let (store, fake_aws) = store(answers).await;
        let (since, until) = (Some(authorization().created_at), None);
        let listing = Listing { since, until, after: None, limit: 1, ..listing(View::Attention, None) };
        let page = store.list(&listing).await.unwrap();
        let ids: Vec<_> = page.records.into_iter().map(|record| record.id).collect();
        assert_eq!((ids, page.more), (vec![authorization().id], false));
        assert_eq!(fake_aws.asked().await.len(), 4);
    }

    /// A place of the index of one owner's recent ones.
    fn recent_place() -> Item {
        Order::Recent(&Owner::parse("B1").unwrap()).start_key(&Cursor { at: NOW, id: authorization().id })
    }

    #[tokio::test]
    async fn a_page_whose_records_are_in_other_states_leads_on() {
        let (issued, wanted) = (record("issuer", []), authorized("issuer", []));
        let answers = [
            page_before(&recent_place(), std::slice::from_ref(&issued)),
            batch(&[issued]),
            page(std::slice::from_ref(&wanted)),
            batch(&[wanted]),
        ];
        let (store, fake_aws) = store(answers).await;
        let listing = Listing {
            until: None,
            after: None,
            limit: 1,
            ..listing(View::States(vec![Status::Authorized]), Some("B1"))
        };
        let page = store.list(&listing).await.unwrap();
        assert_eq!((page.records.len(), page.more, page.next), (1, false, None));
        let asked = fake_aws.asked().await;
        assert_eq!(asked[2].body["ExclusiveStartKey"], wire(&recent_place()));
        assert_eq!([&asked[0].body["Limit"], &asked[2].body["Limit"]], [&json!(1), &json!(1_000)]);
    }

    #[tokio::test]
    async fn a_page_is_two_queries_however_rare_its_state_is_and_says_that_there_is_more() {
        let issued = record("issuer", []);
        let some = std::slice::from_ref(&issued);
        let some = || [page_before(&recent_place(), some), batch(some)];
        let (store, fake_aws) = store(some().into_iter().chain(some())).await;
        let of_one = listing(View::States(vec![Status::Delivered]), Some("B1"));
        let listing = Listing { until: None, after: None, ..of_one };
        let page = store.list(&listing).await.unwrap();
        let next = Some(Cursor { at: NOW, id: authorization().id });
        assert_eq!(page, Page { more: true, next, ..Page::default() });
        assert_eq!(fake_aws.asked().await.len(), 4);
    }

    /// The entry of a record that ended badly, as its index and the table have it.
    fn ended_badly(serial_no: &str, status: Status, created_at: UnixMillis, at: UnixMillis) -> Item {
        let of_index = [("attention", item::needed()), (ATTENTION_AT, attribute::time(at))];
        let id = AuthorizationId::from_serial("B1", serial_no);
        let mut entry = authorized("issuer", of_index);
        entry.extend(
            [
                (PARTITION_KEY, item::key(&id)),
                ("status", attribute::status(status)),
                (CREATED_AT, attribute::time(created_at)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        entry
    }

    #[tokio::test]
    async fn what_ended_badly_is_listed_of_everybody_and_without_the_index_that_may_be_left_out() {
        let second = Duration::from_secs(1);
        let entries: Vec<_> = [(0, 9), (1, 8), (2, 7), (3, 6), (4, 5)]
            .map(|(created, ended)| {
                let (created_at, at) = (NOW + second * created, NOW + second * ended);
                ended_badly(&format!("S{created}"), Status::Undeliverable, created_at, at)
            })
            .into();
        let (store, fake_aws) = store([page(&entries), batch(&entries)]).await;
        let all = listing(View::States(vec![Status::Undeliverable, Status::ExchangeUnknown]), None);
        let (since, until) = (Some(NOW + second), Some(NOW + second * 4));
        let page = store.list(&Listing { since, until, after: None, limit: 2, ..all.clone() }).await.unwrap();
        let wanted = |number| AuthorizationId::from_serial("B1", &format!("S{number}"));
        let ids: Vec<_> = page.records.iter().map(|record| record.id.clone()).collect();
        let next = Cursor { at: NOW + second * 7, id: wanted(2) };
        assert_eq!((ids, page.more, page.next.as_ref()), (vec![wanted(1), wanted(2)], true, Some(&next)));
        let asked = &fake_aws.asked().await[0].body;
        assert_eq!((&asked["IndexName"], &asked["Limit"]), (&json!("attention"), &json!(2)));
        assert_eq!(asked["KeyConditionExpression"], "attention = :needed AND attentionAt >= :since");
        assert_eq!(asked["FilterExpression"], "#status IN (:state0, :state1)");
        assert_eq!(asked["ExpressionAttributeValues"][":since"], wire_time(NOW + second - CLOCKS_DIFFER));

        let (store, fake_aws) = fixtures::store([fixtures::page(&[])]).await;
        let of_one = Listing { owner: Owner::parse("B1"), after: Some(next), ..all };
        assert_eq!(store.list(&of_one).await, Ok(Page::default()));
        let asked = &fake_aws.asked().await[0].body;
        assert_eq!(asked["Limit"], json!(null), "what others have would use it up");
        assert_eq!(asked["FilterExpression"], "#status IN (:state0, :state1) AND businessId = :owner");
        assert_eq!(asked["ExclusiveStartKey"]["attentionAt"], wire_time(NOW + second * 7));
    }

    fn wire_time(at: UnixMillis) -> serde_json::Value {
        json!({"N": at.to_string()})
    }
}
