//! Forgetting a person: one update that removes every attribute which says who it is. An update cannot reach into the
//! history, where the merchant's answers are, so the record is read first, and the update asks that no attempt has come
//! to it.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::model::authorization::{Authorization, Callback};
use crate::model::clock::UnixMillis;
use crate::model::forgetting::Forgetting;
use crate::model::id::AuthorizationId;
use crate::model::purge::RECORDS_APART;
use crate::store::dynamodb::attribute;
use crate::store::dynamodb::item;
use crate::store::dynamodb::table::{DynamoStore, UpdateOutcome};
use crate::store::{Due, ForgetDelivered, ForgetPersons, ForgottenSome, ReadAuthorizations as _, StoreError};

/// The updates that are made at once.
const AT_ONCE: usize = 16;

const FORGET: &str = "SET forgottenAt = :now, callback = :nowhere, parametersDigest = :empty, codes = :none, history = :history,
         attempts = if_not_exists(begun, attempts)
     REMOVE openId, alipayUserId, body, userId, phoneTail, phoneHash, terms, link, pendingState, settledCode,
         exchangeBy, exchangeUntil, deliveryBy, deliveryUntil, begun, nextAttemptAt, outbox, outboxAt,
         attention, attentionAt";

/// Nobody is at work on it, and it is not forgotten yet.
const FREE: &str = "attribute_exists(pk) AND attribute_not_exists(forgottenAt)
     AND (attribute_not_exists(deliveryUntil) OR deliveryUntil <= :now)
     AND (attribute_not_exists(exchangeUntil) OR exchangeUntil <= :now) AND size(history) = :attempts";

/// However often attempts come between.
const TRIES: u32 = 3;

#[async_trait]
impl ForgetPersons for DynamoStore {
    async fn forget(&self, id: &AuthorizationId, now: UnixMillis) -> Result<Forgetting, StoreError> {
        let mut old = self.authorization(id).await?;
        for _ in 0..TRIES {
            let Some(record) = &old else { return Ok(Forgetting::NotFound) };
            let values = values(record, now)?;
            match self.update(item::key(id), FORGET, FREE, values, ReturnValue::None).await? {
                UpdateOutcome::Updated(_) => return Ok(Forgetting::Done),
                UpdateOutcome::Refused(refused) => {
                    old = refused.as_ref().map(item::authorization).transpose()?;
                }
            }
            match Forgetting::refused_by(old.as_ref(), now) {
                // An attempt had come to it, and has ended.
                Forgetting::Busy(until) if until <= now => {}
                refusal => return Ok(refusal),
            }
        }
        Ok(Forgetting::Busy(now))
    }
}

#[async_trait]
impl ForgetDelivered for DynamoStore {
    async fn forget_delivered(&self, now: UnixMillis, limit: u32) -> Result<ForgottenSome, StoreError> {
        let Some(over_by) = self.record_clock_reading(now).await?.over_by(now, RECORDS_APART) else {
            return Ok(ForgottenSome::default());
        };
        let partitions = item::personal_partitions().map(|partition| self.due_in(partition, over_by, limit));
        let mut found = try_join_all(partitions).await?.concat();
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let found_in_all = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let forgetting = stream::iter(found).map(|due| self.forget_one_of_these(due, now));
        let done = forgetting.buffer_unordered(AT_ONCE);
        let forgotten = done.try_fold(0, async |sum, done| Ok(sum + u32::from(done))).await?;
        Ok(ForgottenSome { found: found_in_all, forgotten })
    }
}

impl DynamoStore {
    /// Forgets it if it stands as it was found: meanwhile somebody may have sent it once more. One record that cannot
    /// be read must not keep the others.
    async fn forget_one_of_these(&self, found: Due, now: UnixMillis) -> Result<bool, StoreError> {
        let condition = format!("{FREE} AND outbox = :personal AND outboxAt = :found");
        let as_found = [(":personal", item::personal(&found.id)), (":found", attribute::time(found.due_at))];
        let old = match self.authorization(&found.id).await {
            Err(error @ StoreError::Corrupt(_)) => {
                let (reference, alarm) = (found.id.as_str(), error.alarm().as_str());
                tracing::error!(reference, %error, alarm, "a record cannot be read to forget its person");
                return Ok(false);
            }
            read => read?,
        };
        let Some(old) = old else { return Ok(false) };
        let values = values(&old, now)?.into_iter().chain(as_found);
        let outcome = self.update(item::key(&found.id), FORGET, &condition, values, ReturnValue::None);
        Ok(outcome.await?.is_updated())
    }
}

/// The values for a record that stands as `old`.
fn values(old: &Authorization, now: UnixMillis) -> Result<[(&'static str, AttributeValue); 6], StoreError> {
    let left = old.forgotten(now);
    let history = left.history().iter().map(attribute::json).collect::<Result<_, _>>()?;
    Ok([
        (":history", AttributeValue::L(history)),
        (":attempts", attribute::number(left.history().len())),
        (":now", attribute::time(now)),
        (":nowhere", attribute::json(&Callback::Nowhere)?),
        (":empty", attribute::text("")),
        (":none", AttributeValue::L(Vec::new())),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::fake_aws::answer;
    use crate::model::authorization::{Attempt, Status};
    use crate::model::delivery_outcome::DeliveryOutcome;
    use crate::store::dynamodb::attribute::Item;
    use crate::store::dynamodb::fixtures::{
        MINUTE, NOW, authorization, authorized, done, error, found, page, record, refused_by, store,
    };

    /// The item as the update leaves it.
    fn forgotten(item: &Item) -> Item {
        let mut left = item.clone();
        let (_, removed) = FORGET.split_once("REMOVE ").unwrap();
        for name in removed.split(',').map(str::trim) {
            left.remove(name);
        }
        let values = values(&read(item), NOW).unwrap();
        let value = |name: &str| values.iter().find(|(known, _)| *known == name).unwrap().1.clone();
        for (name, of) in [
            ("forgottenAt", ":now"),
            ("callback", ":nowhere"),
            ("parametersDigest", ":empty"),
            ("codes", ":none"),
            ("history", ":history"),
        ] {
            left.insert(name.to_owned(), value(of));
        }
        left
    }

    fn read(item: &Item) -> Authorization {
        item::authorization(item).unwrap()
    }

    #[test]
    fn what_is_left_is_read_as_a_record_whose_person_is_forgotten() {
        let exchanging = record(
            "issuer",
            [
                ("status", attribute::status(Status::Exchanging)),
                ("exchangeBy", attribute::text("gone")),
                ("exchangeUntil", attribute::time(NOW)),
            ],
        );
        let due = authorized(
            "issuer",
            [
                ("nextAttemptAt", attribute::time(NOW)),
                ("outbox", item::due(&authorization().id)),
                ("outboxAt", attribute::time(NOW)),
            ],
        );
        for item in [record("issuer", []), exchanging, authorized("issuer", []), due] {
            assert_eq!(read(&forgotten(&item)), read(&item).forgotten(NOW));
        }
    }

    #[tokio::test]
    async fn the_record_that_refuses_says_why() {
        let leased = authorized(
            "issuer",
            [
                ("nextAttemptAt", attribute::time(NOW)),
                ("outbox", item::due(&authorization().id)),
                ("outboxAt", attribute::time(NOW)),
                ("deliveryBy", attribute::text("worker")),
                ("deliveryUntil", attribute::time(NOW + MINUTE)),
            ],
        );
        let read = authorized("issuer", []);
        for (answer, outcome) in [
            (done(), Forgetting::Done),
            (refused_by(&leased), Forgetting::Busy(NOW + MINUTE)),
            (refused_by(&forgotten(&read)), Forgetting::Before(NOW)),
            (error("ConditionalCheckFailedException"), Forgetting::NotFound),
        ] {
            let (store, fake_aws) = store([found(&read), answer]).await;
            assert_eq!(store.forget(&authorization().id, NOW).await, Ok(outcome));
            let asked = fake_aws.asked().await;
            let [_, asked] = asked.as_slice() else { panic!("{} requests", asked.len()) };
            assert_eq!(
                (&asked.body["UpdateExpression"], &asked.body["ConditionExpression"]),
                (&FORGET.into(), &FREE.into())
            );
        }
        let (store, _fake_aws) = store([done()]).await;
        assert_eq!(store.forget(&authorization().id, NOW).await, Ok(Forgetting::NotFound));
    }

    #[tokio::test]
    async fn an_attempt_that_came_between_goes_without_its_answer() {
        let answer = Some("no such customer".to_owned());
        let made = Attempt { answer, ..Attempt::new(1, NOW, DeliveryOutcome::Status(500)) };
        let history = AttributeValue::L(vec![attribute::json(&made).unwrap()]);
        let status = attribute::status(Status::Delivered);
        let grown = authorized("issuer", [("status", status), ("history", history)]);
        let before = authorized("issuer", []);
        let (store, fake_aws) = store([found(&before), refused_by(&grown), done()]).await;
        assert_eq!(store.forget(&authorization().id, NOW).await, Ok(Forgetting::Done));
        let asked = fake_aws.asked().await;
        let values = &asked[2].body["ExpressionAttributeValues"];
        assert_eq!(values[":attempts"]["N"], "1");
        let kept = values[":history"]["L"][0]["S"].as_str().unwrap();
        assert!(kept.contains("500") && !kept.contains("customer"), "{kept}");
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_keeps_no_other_from_being_forgotten() {
        let due = authorized("issuer", [("outboxAt", attribute::time(NOW))]);
        let mut broken = due.clone();
        broken.remove("createdAt");
        let looks = json!({"Item": {"looks": {"NS": [(NOW - RECORDS_APART).to_string()]}}});
        let partitions = item::personal_partitions().count();
        let (store, fake_aws) = store(
            [answer(200, looks), done(), page(&[due.clone(), due.clone()])]
                .into_iter()
                .chain((1..partitions).map(|_| page(&[])))
                .chain([found(&broken), found(&due), done()]),
        )
        .await;
        let some = ForgottenSome { found: 2, forgotten: 1 };
        assert_eq!(store.forget_delivered(NOW, 10).await, Ok(some));
        assert_eq!(fake_aws.asked().await.len(), 2 + partitions + 3, "each was looked at once");
    }
}
