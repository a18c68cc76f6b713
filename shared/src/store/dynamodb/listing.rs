//! Lists of authorizations: what needs attention by the index of that name and that of what is due, the rest by
//! [`RECENT`], the index that a deployment may leave out. An index gives the keys, batches the records; nothing is
//! scanned.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};

use async_trait::async_trait;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use crate::model::attention::{Attention, OVERDUE_AFTER, attention};
use crate::model::authorization::{Authorization, Status};
use crate::model::clock::UnixMillis;
use crate::model::id::AuthorizationId;
use crate::model::owner::Owner;
use crate::store::StoreError;
use crate::store::dynamodb::attribute::{self, Item, Reader};
use crate::store::dynamodb::item;
use crate::store::dynamodb::schema::{OUTBOX, OWNER, PARTITION_KEY, RECENT};
use crate::store::dynamodb::table::{DynamoStore, unavailable};
use crate::store::listing::{Cursor, ListAuthorizations, ListError, Listing, Page, View};
use crate::telemetry::Alarm;

/// DynamoDB's bound on one batch.
const BATCH: usize = 100;
const MAX_BATCHES: usize = 100;
/// The most keys that are asked for at once; as many records fit into [`MAX_BATCHES`].
const MAX_KEYS: u32 = 1_000;
const CREATED_AT: &str = "createdAt";
/// DynamoDB's words for a table that has no index of the name that was asked for.
const NO_INDEX: &str = "does not have the specified index";

/// A place in the keys of what needs attention: first what is overdue, then what was noted when it ended badly.
enum Place {
    Overdue(Option<String>),
    Noted(Option<Item>),
}

#[async_trait]
impl ListAuthorizations for DynamoStore {
    async fn list(&self, listing: &Listing) -> Result<Page, ListError> {
        match &listing.view {
            View::Attention => {
                let (mut records, more) = self.needing_attention(listing).await?;
                records.sort_by_key(|record| Reverse((record.created_at, record.id.clone())));
                Ok(Page { records, more, next: None })
            }
            View::States(states) => self.recent(listing, states).await,
        }
    }
}

impl DynamoStore {
    /// What nobody makes first, then the rest, the latest first: a page of those that the list is of, and whether there
    /// are more of them.
    async fn needing_attention(&self, listing: &Listing) -> Result<(Vec<Authorization>, bool), StoreError> {
        let limit = usize::try_from(listing.limit).unwrap_or(usize::MAX);
        let mut next = Some(Place::Overdue(None));
        let (mut keys, mut records) = (VecDeque::new(), Vec::new());
        loop {
            let wanted = limit.saturating_add(1) - records.len();
            while keys.len() < wanted
                && let Some(place) = next.take()
            {
                let page;
                (page, next) = match place {
                    Place::Overdue(after) => self.overdue(listing, after).await?,
                    Place::Noted(after) => self.noted(listing, after).await?,
                };
                keys.extend(page);
            }
            if keys.is_empty() {
                return Ok((records, false));
            }
            let some = keys.drain(..keys.len().min(wanted)).collect();
            let mut found = self.records(some).await?;
            found.retain(|record| attention(record, listing.now).is_some() && is_within(record, listing));
            records.append(&mut found);
            if records.len() > limit {
                let is_overdue =
                    |record: &Authorization| attention(record, listing.now) == Some(Attention::Overdue);
                records.sort_by_key(|record| (!is_overdue(record), Reverse(record.created_at)));
                records.truncate(limit);
                return Ok((records, true));
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

    /// Those of one page of the index that are in these states, in the index's order: a place in it is that of a key.
    async fn recent(&self, listing: &Listing, states: &[Status]) -> Result<Page, ListError> {
        let owner = listing.owner.as_ref().ok_or(ListError::OwnerNeeded)?;
        let asked = self
            .client
            .query()
            .table_name(&*self.table)
            .index_name(RECENT)
            .key_condition_expression("businessId = :owner AND createdAt BETWEEN :since AND :until")
            .expression_attribute_values(":owner", attribute::text(owner.to_string()))
            .expression_attribute_values(":since", attribute::time(listing.since.unwrap_or(UnixMillis(0))))
            .expression_attribute_values(":until", attribute::time(last(listing)))
            .scan_index_forward(false)
            .limit(listing.limit.min(MAX_KEYS).cast_signed())
            .set_exclusive_start_key(
                listing.after.as_ref().map(|after| start_key(&after.id, owner, after.created_at)),
            )
            .send()
            .await;
        let found = asked.map_err(|error| match (error.code(), error.message()) {
            // DynamoDB has no code of its own for this.
            (Some("ValidationException"), Some(message)) if message.contains(NO_INDEX) => ListError::NoIndex,
            _ => ListError::Store(unavailable(&error)),
        })?;
        let next = found.last_evaluated_key().map(|key| cursor(&Reader(key))).transpose()?;
        let keys = keys(found.items());
        let place = |(place, key): (usize, &AttributeValue)| Some((key.as_s().ok()?.clone(), place));
        let places: HashMap<_, _> = keys.iter().enumerate().filter_map(place).collect();
        let mut records = self.records(keys).await?;
        records.retain(|record| states.contains(&record.status()));
        records.sort_by_key(|record| item::key(&record.id).as_s().ok().map(|key| places.get(key).copied()));
        Ok(Page { records, more: next.is_some(), next })
    }

    /// The records of these keys, as far as they are still there.
    async fn records(&self, keys: Vec<AttributeValue>) -> Result<Vec<Authorization>, StoreError> {
        let mut waiting: Vec<Item> =
            keys.into_iter().map(|key| Item::from([(PARTITION_KEY.to_owned(), key)])).collect();
        let mut records = Vec::new();
        for _ in 0..MAX_BATCHES {
            if waiting.is_empty() {
                return Ok(records);
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
                    Ok(record) => records.push(record),
                    // It does not keep the others from the list.
                    Err(error) => log_unreadable(found, &error),
                }
            }
            let left = got.unprocessed_keys().into_iter().flat_map(|tables| tables.values());
            waiting.extend(left.flat_map(|left| left.keys().to_vec()));
        }
        Err(StoreError::Unavailable("the batches do not end".to_owned()))
    }
}

fn log_unreadable(found: &Item, error: &StoreError) {
    let id = Reader(found).id().ok();
    let (reference, alarm) = (id.as_ref().map(AuthorizationId::as_str), Alarm::Record.as_str());
    tracing::error!(reference, %error, alarm, "a record is left out of a list");
}

fn is_within(record: &Authorization, listing: &Listing) -> bool {
    listing.since.is_none_or(|since| record.created_at >= since)
        && listing.until.is_none_or(|until| record.created_at < until)
}

/// The last moment of the list; `until` itself is not in it.
fn last(listing: &Listing) -> UnixMillis {
    UnixMillis(listing.until.map_or(i64::MAX >> 12, |until| until.0.saturating_sub(1)))
}

fn keys(items: &[Item]) -> Vec<AttributeValue> {
    items.iter().filter_map(|item| item.get(PARTITION_KEY).cloned()).collect()
}

fn cursor(key: &Reader<'_>) -> Result<Cursor, StoreError> {
    Ok(Cursor { created_at: key.time(CREATED_AT)?, id: key.id()? })
}

fn start_key(id: &AuthorizationId, owner: &Owner, created_at: UnixMillis) -> Item {
    [
        (PARTITION_KEY, item::key(id)),
        (OWNER, attribute::text(owner.to_string())),
        (CREATED_AT, attribute::time(created_at)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::fake_aws::answer;
    use crate::store::dynamodb::fixtures::{
        NOW, authorization, authorized, error, error_saying, page, page_before, record, store, wire,
    };

    fn listing(view: View, owner: Option<&str>) -> Listing {
        Listing {
            view,
            owner: owner.and_then(Owner::parse),
            since: None,
            until: Some(UnixMillis(2_000)),
            after: Some(Cursor { created_at: UnixMillis(1_000), id: authorization().id }),
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
        assert_eq!(store.list(&all).await.unwrap().records, [authorization()]);
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

    #[tokio::test]
    async fn a_page_whose_records_are_in_other_states_leads_on() {
        let (issued, wanted) = (record("issuer", []), authorized("issuer", []));
        let place = start_key(&authorization().id, &Owner::parse("B1").unwrap(), NOW);
        let answers = [
            page_before(&place, std::slice::from_ref(&issued)),
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
        let page = store.list_filled(&listing).await.unwrap();
        assert_eq!((page.records.len(), page.more, page.next), (1, false, None));
        let asked = fake_aws.asked().await;
        assert_eq!(asked[2].body["ExclusiveStartKey"], wire(&place));
    }
}
