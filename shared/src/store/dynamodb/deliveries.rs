//! Delivery attempts, and the deliveries that are due.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use futures_util::future::try_join_all;

use crate::model::authorization::{Attempt, Status};
use crate::model::claim::{AttemptClaim, attempt_refusal};
use crate::model::clock::UnixMillis;
use crate::model::id::{AuthorizationId, OperationId};
use crate::store::dynamodb::attribute::{self, Item, Reader};
use crate::store::dynamodb::item;
use crate::store::dynamodb::schema::OUTBOX;
use crate::store::dynamodb::table::{DynamoStore, UpdateOutcome, unavailable};
use crate::store::{AfterAttempt, AttemptClaimed, Due, FindDue, RecordDeliveries, StoreError, TakenUp};
use crate::telemetry::Alarm;

#[async_trait]
impl RecordDeliveries for DynamoStore {
    async fn claim_attempt(&self, claim: &AttemptClaim) -> Result<AttemptClaimed, StoreError> {
        let outcome = self
            .update(
                item::key(&claim.id),
                "SET begun = :begun, deliveryBy = :by, deliveryUntil = :until",
                "#status = :authorized AND nextAttemptAt <= :now
                 AND ((begun = :before AND begun < :allowed)
                      OR (attribute_not_exists(begun) AND attempts = :before AND attempts < :allowed))
                 AND (attribute_not_exists(deliveryUntil) OR deliveryUntil <= :now)",
                [
                    (":begun", attribute::number(claim.attempts_before.saturating_add(1))),
                    (":by", attribute::operation(&claim.operation)),
                    (":until", attribute::time(claim.lease_until)),
                    (":authorized", attribute::status(Status::Authorized)),
                    (":before", attribute::number(claim.attempts_before)),
                    (":allowed", attribute::number(claim.attempts_allowed)),
                    (":now", attribute::time(claim.now)),
                ],
                ReturnValue::AllNew,
            )
            .await?;
        let old = match outcome {
            UpdateOutcome::Updated(record) => {
                return Ok(AttemptClaimed::Ours(Box::new(item::authorization(&record)?)));
            }
            UpdateOutcome::Refused(old) => old.as_ref().map(item::authorization).transpose()?.map(Box::new),
        };
        Ok(match old {
            Some(old) if old.attempt_is_held_by(&claim.operation) => AttemptClaimed::Ours(old),
            old => AttemptClaimed::Refused(attempt_refusal(old.as_deref(), claim)),
        })
    }

    async fn conclude_attempt(
        &self,
        id: &AuthorizationId,
        holder: &OperationId,
        history: &[Attempt],
        next: AfterAttempt,
    ) -> Result<bool, StoreError> {
        let (then, mut values) = after_attempt(id, next);
        values.extend([
            (":history", AttributeValue::L(history.iter().map(attribute::json).collect::<Result<_, _>>()?)),
            (":by", attribute::operation(holder)),
        ]);
        let outcome = self
            .update(
                item::key(id),
                &format!("SET attempts = if_not_exists(begun, attempts), history = :history, {then}"),
                "deliveryBy = :by AND attribute_exists(deliveryUntil)",
                values,
                ReturnValue::None,
            )
            .await?;
        lease_was_ended_by(holder, outcome)
    }

    async fn release_attempt(
        &self,
        id: &AuthorizationId,
        holder: &OperationId,
        due_at: UnixMillis,
    ) -> Result<bool, StoreError> {
        let outcome = self
            .update(
                item::key(id),
                "SET begun = begun - :one, outboxAt = :outboxAt REMOVE deliveryUntil",
                "deliveryBy = :by AND attribute_exists(deliveryUntil)",
                [
                    (":one", attribute::number(1)),
                    (":outboxAt", attribute::time(due_at)),
                    (":by", attribute::operation(holder)),
                ],
                ReturnValue::None,
            )
            .await?;
        lease_was_ended_by(holder, outcome)
    }

    async fn give_up(
        &self,
        id: &AuthorizationId,
        attempts: u32,
        operation: &OperationId,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let outcome = self
            .update(
                item::key(id),
                "SET #status = :undeliverable, attempts = :attempts, deliveryBy = :by, attention = :needed,
                     attentionAt = :now
                 REMOVE nextAttemptAt, deliveryUntil, begun, outbox, outboxAt",
                "attribute_not_exists(forgottenAt)
                 AND (begun = :attempts OR (attribute_not_exists(begun) AND attempts = :attempts)) AND (
                     (#status = :authorized AND (attribute_not_exists(deliveryUntil) OR deliveryUntil <= :now))
                     OR (#status = :undeliverable AND deliveryBy = :by))",
                [
                    (":authorized", attribute::status(Status::Authorized)),
                    (":undeliverable", attribute::status(Status::Undeliverable)),
                    (":attempts", attribute::number(attempts)),
                    (":by", attribute::operation(operation)),
                    (":needed", item::needed()),
                    (":now", attribute::time(now)),
                ],
                ReturnValue::None,
            )
            .await?;
        Ok(outcome.is_updated())
    }
}

/// The rest of the update that concludes an attempt, with its values.
fn after_attempt(
    id: &AuthorizationId,
    next: AfterAttempt,
) -> (&'static str, Vec<(&'static str, AttributeValue)>) {
    match next {
        AfterAttempt::Delivered { forget_at: None } => (
            "#status = :status REMOVE deliveryUntil, begun, nextAttemptAt, outbox, outboxAt",
            vec![(":status", attribute::status(Status::Delivered))],
        ),
        AfterAttempt::Delivered { forget_at: Some(at) } => (
            "#status = :status, outbox = :outbox, outboxAt = :outboxAt
             REMOVE deliveryUntil, begun, nextAttemptAt",
            vec![
                (":status", attribute::status(Status::Delivered)),
                (":outbox", item::personal(id)),
                (":outboxAt", attribute::time(at)),
            ],
        ),
        AfterAttempt::Retry { at, due_at } => (
            "nextAttemptAt = :next, outbox = :outbox, outboxAt = :outboxAt REMOVE deliveryUntil, begun",
            vec![
                (":next", attribute::time(at)),
                (":outbox", item::due(id)),
                (":outboxAt", attribute::time(due_at)),
            ],
        ),
        AfterAttempt::Undeliverable { at } => (
            "#status = :status, attention = :needed, attentionAt = :at
             REMOVE deliveryUntil, begun, nextAttemptAt, outbox, outboxAt",
            vec![
                (":status", attribute::status(Status::Undeliverable)),
                (":needed", item::needed()),
                (":at", attribute::time(at)),
            ],
        ),
    }
}

/// A lease without an end is one that its holder has ended: an earlier try of the same write had succeeded.
fn lease_was_ended_by(holder: &OperationId, outcome: UpdateOutcome) -> Result<bool, StoreError> {
    Ok(match outcome {
        UpdateOutcome::Updated(_) => true,
        UpdateOutcome::Refused(Some(old)) => {
            Reader(&old).optional_text("deliveryBy")?.as_deref() == Some(holder.as_str())
                && !old.contains_key("deliveryUntil")
        }
        UpdateOutcome::Refused(None) => false,
    })
}

#[async_trait]
impl FindDue for DynamoStore {
    async fn due(&self, now: UnixMillis, limit: u32) -> Result<Vec<Due>, StoreError> {
        let partitions = item::due_partitions().map(|partition| self.due_in(partition, now, limit));
        let mut due = try_join_all(partitions).await?.concat();
        due.sort_by_key(|due| due.due_at);
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(due)
    }

    async fn postpone(&self, due: &Due, until: UnixMillis) -> Result<Option<TakenUp>, StoreError> {
        let outcome = self
            .update(
                item::key(&due.id),
                "SET outboxAt = :until",
                "outbox = :due AND outboxAt = :found",
                [
                    (":due", item::due(&due.id)),
                    (":found", attribute::time(due.due_at)),
                    (":until", attribute::time(until)),
                ],
                ReturnValue::AllNew,
            )
            .await?;
        let UpdateOutcome::Updated(record) = outcome else { return Ok(None) };
        let record = Reader(&record);
        let (attempts, lease_until) = (record.attempts()?, record.optional_time("deliveryUntil")?);
        Ok(Some(TakenUp { attempts, lease_until }))
    }

    async fn end_watch(&self, due: &Due) -> Result<bool, StoreError> {
        let outcome = self
            .update(
                item::key(&due.id),
                "REMOVE outbox, outboxAt",
                "outbox = :due AND outboxAt = :found AND attribute_not_exists(settledBy)",
                [(":due", item::due(&due.id)), (":found", attribute::time(due.due_at))],
                ReturnValue::None,
            )
            .await?;
        Ok(outcome.is_updated())
    }
}

impl DynamoStore {
    pub(super) async fn due_in(
        &self,
        partition: AttributeValue,
        now: UnixMillis,
        limit: u32,
    ) -> Result<Vec<Due>, StoreError> {
        let page = self
            .client
            .query()
            .table_name(&*self.table)
            .index_name(OUTBOX)
            .key_condition_expression("outbox = :outbox AND outboxAt <= :now")
            .expression_attribute_values(":outbox", partition)
            .expression_attribute_values(":now", attribute::time(now))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(page.items().iter().filter_map(readable).collect())
    }
}

/// One record that cannot be read must not keep the others from being delivered.
fn readable(item: &Item) -> Option<Due> {
    let item = Reader(item);
    let due = || {
        Ok::<_, StoreError>(Due {
            id: item.id()?,
            owner: item.owner()?,
            next_attempt_at: item.optional_time("nextAttemptAt")?,
            due_at: item.time("outboxAt")?,
        })
    };
    match due() {
        Ok(due) => Some(due),
        Err(error) => {
            let reference = item.id().ok();
            let reference = reference.as_ref().map(AuthorizationId::as_str);
            tracing::error!(reference, %error, alarm = Alarm::Record.as_str(), "a due record cannot be read");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::claim::AttemptRefusal;
    use crate::model::delivery_outcome::DeliveryOutcome;
    use crate::store::dynamodb::fixtures::{
        MINUTE, NOW, attempt_claim, authorization, authorized, operation, page, refused_by, store,
    };

    /// The record of a delivery whose first attempt `by` claimed, until `until` if it is not concluded.
    fn attempted(by: &str, until: Option<UnixMillis>) -> Item {
        let mut record = authorized(
            "issuer",
            [
                ("attempts", attribute::number(1)),
                ("nextAttemptAt", attribute::time(NOW)),
                ("outbox", item::due(&authorization().id)),
                ("outboxAt", attribute::time(NOW)),
                ("deliveryBy", attribute::text(by)),
            ],
        );
        record.extend(until.map(|until| ("deliveryUntil".into(), attribute::time(until))));
        record
    }

    #[tokio::test]
    async fn an_attempt_that_our_own_earlier_try_claimed_is_ours() {
        let (first, fake_aws) = store([refused_by(&attempted("mine", Some(NOW + MINUTE)))]).await;
        let Ok(AttemptClaimed::Ours(record)) = first.claim_attempt(&attempt_claim()).await else {
            panic!("refused")
        };
        assert_eq!(record.attempts_begun(), 1);
        assert_eq!(fake_aws.asked().await[0].body["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");

        let (second, _fake_aws) = store([refused_by(&attempted("other", Some(NOW + MINUTE)))]).await;
        let claimed = second.claim_attempt(&attempt_claim()).await;
        assert_eq!(claimed, Ok(AttemptClaimed::Refused(AttemptRefusal::Stale)));
    }

    #[tokio::test]
    async fn a_due_record_that_cannot_be_read_hides_no_other() {
        let readable = attempted("mine", None);
        let mut broken = readable.clone();
        broken.remove("businessId");
        let (store, _fake_aws) = store([page(&[broken, readable])]).await;
        let due = store.due(NOW, 100).await.unwrap();
        assert_eq!(due.len(), 16, "one of each partition");
        assert_eq!((&due[0].id, due[0].due_at), (&authorization().id, NOW));
    }

    #[tokio::test]
    async fn a_conclusion_that_our_own_earlier_try_wrote_is_ours() {
        let made = [Attempt::new(1, NOW, DeliveryOutcome::Success)];
        for (old, ours) in [
            (attempted("mine", None), true),
            (attempted("other", None), false),
            (attempted("other", Some(NOW + MINUTE)), false),
        ] {
            let (store, fake_aws) = store([refused_by(&old)]).await;
            let concluded = store
                .conclude_attempt(
                    &authorization().id,
                    &operation("mine"),
                    &made,
                    AfterAttempt::Delivered { forget_at: None },
                )
                .await;
            assert_eq!(concluded, Ok(ours));
            let asked = &fake_aws.asked().await[0].body;
            assert_eq!(asked["ConditionExpression"], "deliveryBy = :by AND attribute_exists(deliveryUntil)");
        }
    }
}
