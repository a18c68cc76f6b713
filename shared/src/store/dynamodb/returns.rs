//! A return: the exchange's claim and end, and the settlement.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use crate::model::authorization::{
    LONGEST_EXTENSION, MAX_CODES, MAX_REFUSED_CODES, RETRY_GRACE_PERIOD, Status,
};
use crate::model::claim::{EXCHANGE_LEASE, EndedExchange, ExchangeClaim, ExchangeEnding, claim_refusal};
use crate::model::clock::UnixMillis;
use crate::model::id::AuthorizationId;
use crate::store::dynamodb::attribute::{self, Reader};
use crate::store::dynamodb::item;
use crate::store::dynamodb::schema::FORGOTTEN_AT;
use crate::store::dynamodb::table::{DynamoStore, UpdateOutcome};
use crate::store::{Claimed, RecordReturns, Settled, Settlement, StoreError};

#[async_trait]
impl RecordReturns for DynamoStore {
    async fn claim_exchange(&self, claim: &ExchangeClaim) -> Result<Claimed, StoreError> {
        let outcome = self
            .update(
                item::key(&claim.id),
                "SET #status = :exchanging, exchangeBy = :by, exchangeUntil = :until,
                     codes = list_append(codes, :codes)
                 REMOVE attention, attentionAt",
                "stateDigest = :state AND app = :app
                 AND (#status IN (:issued, :unknown) OR (#status = :exchanging AND exchangeUntil <= :now))
                 AND attribute_not_exists(forgottenAt)
                 AND (expiresAt > :now
                      OR (expiresAt > :extended AND (retryUntil > :now OR exchangeUntil > :retried)))
                 AND size(codes) < :maxCodes AND NOT contains(codes, :code)
                 AND (attribute_not_exists(refusedCodes) OR refusedCodes < :maxRefused)",
                [
                    (":exchanging", attribute::status(Status::Exchanging)),
                    (":issued", attribute::status(Status::Issued)),
                    (":unknown", attribute::status(Status::ExchangeUnknown)),
                    (":by", attribute::operation(&claim.operation)),
                    (":until", attribute::time(claim.now + EXCHANGE_LEASE)),
                    (":now", attribute::time(claim.now)),
                    (":retried", attribute::time(claim.now - RETRY_GRACE_PERIOD)),
                    (":extended", attribute::time(claim.now - LONGEST_EXTENSION)),
                    (":state", attribute::text(&*claim.state_digest)),
                    (":app", attribute::text(claim.app.as_str())),
                    (":code", attribute::text(&*claim.code_digest)),
                    (":codes", AttributeValue::L(vec![attribute::text(&*claim.code_digest)])),
                    (":maxCodes", attribute::number(MAX_CODES)),
                    (":maxRefused", attribute::number(MAX_REFUSED_CODES)),
                ],
                ReturnValue::AllNew,
            )
            .await?;
        let old = match outcome {
            UpdateOutcome::Updated(record) => {
                return Ok(Claimed::Ours(Box::new(item::authorization(&record)?)));
            }
            UpdateOutcome::Refused(old) => old.as_ref().map(item::authorization).transpose()?.map(Box::new),
        };
        Ok(match old {
            Some(old) if old.exchange_is_held_by(&claim.operation) => Claimed::Ours(old),
            old => Claimed::Refused(claim_refusal(old.as_deref(), claim), old),
        })
    }

    async fn end_exchange(&self, ended: &EndedExchange) -> Result<bool, StoreError> {
        let status = ended.ending.status();
        let mut values = vec![
            (":status", attribute::status(status)),
            (":exchanging", attribute::status(Status::Exchanging)),
            (":by", attribute::operation(&ended.holder)),
        ];
        let mut set = "SET #status = :status".to_owned();
        if let Some(until) = ended.retry_until {
            set += ", retryUntil = :retry";
            values.push((":retry", attribute::time(until)));
        }
        let mut remove = "REMOVE exchangeUntil".to_owned();
        match ended.ending {
            ExchangeEnding::CodeRefused => {
                values.extend([(":none", attribute::number(0)), (":one", attribute::number(1))]);
                set += ", refusedCodes = if_not_exists(refusedCodes, :none) + :one";
            }
            ExchangeEnding::NotSent => remove += &format!(", codes[{}]", ended.code_place),
            ExchangeEnding::Unknown => {
                values.extend([(":needed", item::needed()), (":at", attribute::time(ended.at))]);
                set += ", attention = :needed, attentionAt = :at";
            }
            ExchangeEnding::RequestRefused => {}
        }
        let outcome = self
            .update(
                item::key(&ended.id),
                &format!("{set} {remove}"),
                "exchangeBy = :by AND #status = :exchanging",
                values,
                ReturnValue::None,
            )
            .await?;
        // A claim that its holder has ended is an earlier try of the same write that had succeeded.
        Ok(match outcome {
            UpdateOutcome::Updated(_) => true,
            UpdateOutcome::Refused(Some(old)) => {
                let old = Reader(&old);
                old.optional_text("exchangeBy")?.as_deref() == Some(ended.holder.as_str())
                    && old.text("status")? == status.as_str()
            }
            UpdateOutcome::Refused(None) => false,
        })
    }

    async fn record_refusal(&self, id: &AuthorizationId, now: UnixMillis) -> Result<bool, StoreError> {
        let outcome = self
            .update(
                item::key(id),
                "SET refusedAt = :now",
                "attribute_exists(pk) AND attribute_not_exists(refusedAt) AND attribute_not_exists(settledBy)
                 AND attribute_not_exists(forgottenAt)",
                [(":now", attribute::time(now))],
                ReturnValue::None,
            )
            .await?;
        Ok(outcome.is_updated())
    }

    async fn settle(&self, settlement: &Settlement) -> Result<Settled, StoreError> {
        let identity = &settlement.identity;
        let mut set =
            "SET #status = :authorized, authorizedAt = :now, body = :body, settledBy = :by, retainUntil = :until,
             #ttl = :ttl, codes = :noCodes, parametersDigest = :none"
                .to_owned();
        let mut values = vec![
            (":authorized", attribute::status(Status::Authorized)),
            (":now", attribute::time(settlement.now)),
            (":body", attribute::bytes(settlement.body.reveal())),
            (":by", attribute::operation(&settlement.operation)),
            (":until", attribute::time(settlement.retain_until)),
            (":ttl", attribute::time_to_live(settlement.retain_until)),
            // With what goes below, it keeps the record under a KB, which is a write unit.
            (":noCodes", AttributeValue::L(Vec::new())),
            (":none", attribute::text("")),
        ];
        if let Some(open_id) = identity.open_id() {
            set += ", openId = :openId";
            values.push((":openId", attribute::text(open_id.reveal())));
        }
        if let Some(user_id) = identity.user_id() {
            set += ", alipayUserId = :userId";
            values.push((":userId", attribute::text(user_id.reveal())));
        }
        if let Some(code) = &settlement.code_digest {
            set += ", settledCode = :code";
            values.push((":code", attribute::text(&**code)));
        }
        let mut remove = "link, pendingState, exchangeUntil, exchangeBy, createdBy".to_owned();
        if settlement.deliver {
            set += ", nextAttemptAt = :now, outbox = :due, outboxAt = :now";
            values.push((":due", item::due(&settlement.id)));
            remove += ", attention, attentionAt";
        } else {
            set += ", attention = :needed, attentionAt = :now";
            values.push((":needed", item::needed()));
            remove += ", outbox, outboxAt";
        }
        let outcome = self
            .update(
                item::key(&settlement.id),
                &format!("{set} REMOVE {remove}"),
                "attribute_exists(pk) AND attribute_not_exists(settledBy) AND attribute_not_exists(forgottenAt)",
                values,
                ReturnValue::None,
            )
            .await?;
        let UpdateOutcome::Refused(old) = outcome else { return Ok(Settled::Recorded) };
        let Some(old) = old else { return Ok(Settled::NotFound) };
        if old.contains_key(FORGOTTEN_AT) {
            return Ok(Settled::Forgotten);
        }
        if Reader(&old).optional_text("settledBy")?.as_deref() == Some(settlement.operation.as_str()) {
            return Ok(Settled::Recorded);
        }
        let agrees = item::authorization(&old)?.identity().is_some_and(|old| old.agrees_with(identity));
        Ok(if agrees { Settled::AlreadyRecorded } else { Settled::Conflict })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::authorization::Authorization;
    use crate::model::claim::ClaimRefusal;
    use crate::store::dynamodb::attribute::Item;
    use crate::store::dynamodb::fixtures::{
        self, MINUTE, NOW, authorization, authorized, error, exchange_claim, operation, record, refused_by,
        settlement, store,
    };

    fn exchanging(by: &str) -> Item {
        record(
            "issuer",
            [
                ("status", attribute::status(Status::Exchanging)),
                ("exchangeBy", attribute::text(by)),
                ("exchangeUntil", attribute::time(NOW + MINUTE)),
            ],
        )
    }

    fn settled(open_id: &str, by: &str) -> Item {
        authorized("issuer", [("openId", attribute::text(open_id)), ("settledBy", attribute::text(by))])
    }

    #[tokio::test]
    async fn a_claim_that_our_own_earlier_try_made_is_ours() {
        let (first, fake_aws) = store([refused_by(&exchanging("mine"))]).await;
        let Ok(Claimed::Ours(record)) = first.claim_exchange(&exchange_claim()).await else {
            panic!("refused")
        };
        assert_eq!(record.exchange().map(|lease| lease.operation.clone()), Some(operation("mine")));
        let asked = &fake_aws.asked().await[0].body;
        assert_eq!(asked["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
        assert_eq!(asked["ExpressionAttributeValues"][":by"]["S"], "mine");

        let (second, _fake_aws) = store([refused_by(&exchanging("other"))]).await;
        let claimed = second.claim_exchange(&exchange_claim()).await;
        assert!(matches!(claimed, Ok(Claimed::Refused(ClaimRefusal::InProgress, Some(_)))), "{claimed:?}");
    }

    #[tokio::test]
    async fn a_settlement_that_our_own_earlier_try_made_is_ours() {
        for (open_id, by, outcome) in [
            ("open-1", "mine", Settled::Recorded),
            ("open-1", "other", Settled::AlreadyRecorded),
            ("open-2", "other", Settled::Conflict),
        ] {
            let (store, fake_aws) = store([refused_by(&settled(open_id, by))]).await;
            assert_eq!(store.settle(&settlement()).await, Ok(outcome));
            let asked = &fake_aws.asked().await[0].body;
            assert_eq!(asked["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
            assert_eq!(
                asked["ConditionExpression"],
                "attribute_exists(pk) AND attribute_not_exists(settledBy) AND attribute_not_exists(forgottenAt)"
            );
        }
    }

    #[tokio::test]
    async fn an_exchange_is_ended_as_it_ended_and_only_by_its_holder() {
        let claimed = Authorization { codes: vec!["old".to_owned(), "ours".to_owned()], ..authorization() };
        for (ending, update) in [
            (
                ExchangeEnding::CodeRefused,
                "SET #status = :status, refusedCodes = if_not_exists(refusedCodes, :none) + :one \
                 REMOVE exchangeUntil",
            ),
            (
                ExchangeEnding::Unknown,
                "SET #status = :status, retryUntil = :retry, attention = :needed, attentionAt = :at \
                 REMOVE exchangeUntil",
            ),
            (
                ExchangeEnding::NotSent,
                "SET #status = :status, retryUntil = :retry REMOVE exchangeUntil, codes[1]",
            ),
        ] {
            let ended = EndedExchange::new(&claimed, &operation("mine"), ending, NOW);
            let ours =
                [("status", attribute::status(ending.status())), ("exchangeBy", attribute::text("mine"))];
            for (answer, done) in [
                (fixtures::done(), true),
                (refused_by(&record("issuer", ours)), true),
                (refused_by(&exchanging("other")), false),
                (refused_by(&authorized("issuer", [("exchangeBy", attribute::text("mine"))])), false),
                (error("ConditionalCheckFailedException"), false),
            ] {
                let (store, fake_aws) = store([answer]).await;
                assert_eq!(store.end_exchange(&ended).await, Ok(done), "{ending:?}");
                let asked = &fake_aws.asked().await[0].body;
                assert_eq!(asked["UpdateExpression"], update);
                assert_eq!(asked["ConditionExpression"], "exchangeBy = :by AND #status = :exchanging");
            }
        }
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_is_named_by_its_attribute_alone() {
        let broken = record("issuer", [("openId", attribute::number(88))]);
        let (store, _fake_aws) = store([refused_by(&broken)]).await;
        let corrupt = StoreError::Corrupt("its attribute openId is missing or of another form".to_owned());
        assert_eq!(store.claim_exchange(&exchange_claim()).await, Err(corrupt));
    }
}
