//! A link request: nonce and authorization in one transaction.

use async_trait::async_trait;
use serde::de::IgnoredAny;
use url::Url;

use crate::model::authorization::{Authorization, Status};
use crate::model::clock::UnixMillis;
use crate::model::id::AuthorizationId;
use crate::store::dynamodb::attribute::Item;
use crate::store::dynamodb::conflicts::will_pass;
use crate::store::dynamodb::item::{self, Reader};
use crate::store::dynamodb::wire::{
    CancellationReason, Placeholders, PutItem, Return, TransactWriteItem, TransactWriteItems,
};
use crate::store::dynamodb::{Changed, DynamoStore, Give, Refusal};
use crate::store::{Linked, NonceUse, RecordLinks, RecordPlatformLinks, Recorded, StoreError, UseNonces};

/// A nonce that may be used: new, used up, or used by an earlier try of this very operation.
const NONCE_IS_FREE: &str = "attribute_not_exists(pk) OR #until <= :now OR usedBy = :by";

/// A serialNo that may be used: new, or of a record that is kept no longer.
const SERIAL_IS_FREE: &str = "attribute_not_exists(pk) OR retainUntil <= :now";

/// Why a transaction was cancelled: the condition of one of its writes.
const CONDITION: Option<&str> = Some("ConditionalCheckFailed");

#[async_trait]
impl RecordLinks for DynamoStore {
    async fn record_link(&self, new: &Authorization, nonce: &NonceUse) -> Result<Recorded, StoreError> {
        let record = PutItem {
            table_name: &self.table,
            item: item::issued(new, &nonce.operation)?,
            condition_expression: SERIAL_IS_FREE,
            expression_attribute_values: Placeholders(vec![(":now", item::time(nonce.used_at))]),
            return_values_on_condition_check_failure: Return::AllOld,
            ..PutItem::default()
        };
        let written = self
            .ask(&TransactWriteItems {
                client_request_token: nonce.operation.as_str(),
                transact_items: [
                    TransactWriteItem::Put(self.put_nonce(nonce)),
                    TransactWriteItem::Put(record),
                ],
            })
            .await;
        let refusal = match written {
            Ok(IgnoredAny) => return Ok(Recorded::New),
            Err(refusal) => refusal,
        };
        let Refusal::Cancelled(reasons) = &refusal else { return Err(refusal.into()) };
        match reasons.as_slice() {
            _ if will_pass(reasons) => Err(refusal.into()),
            [of_nonce, _] if of_nonce.code.as_deref() == CONDITION => Ok(Recorded::NonceUsed),
            [_, CancellationReason { code, item: Some(old) }] if code.as_deref() == CONDITION => {
                self.serial_used(old, nonce).await
            }
            _ => Err(refusal.into()),
        }
    }
}

#[async_trait]
impl RecordPlatformLinks for DynamoStore {
    async fn record_platform_link(
        &self,
        id: &AuthorizationId,
        link: &Url,
        now: UnixMillis,
    ) -> Result<Linked, StoreError> {
        let changed = self
            .change(
                id,
                "SET #status = :issued, link = :link, linkedAt = :now REMOVE pendingState",
                "#status = :pending",
                [
                    (":issued", item::status(Status::Issued)),
                    (":pending", item::status(Status::LinkPending)),
                    (":link", item::text(link.as_str())),
                    (":now", item::time(now)),
                ],
                Give::Nothing,
            )
            .await?;
        let Changed::Refused(old) = changed else { return Ok(Linked::Ours) };
        Linked::refused_by(old.as_ref().map(item::authorization).transpose()?, link)
    }
}

#[async_trait]
impl UseNonces for DynamoStore {
    async fn use_nonce(&self, nonce: &NonceUse) -> Result<bool, StoreError> {
        match self.ask(&self.put_nonce(nonce)).await {
            Ok(IgnoredAny) => Ok(true),
            Err(Refusal::Condition(_)) => Ok(false),
            Err(refusal) => Err(refusal.into()),
        }
    }
}

impl DynamoStore {
    /// The serialNo was used, so the transaction wrote nothing; the nonce is consumed all the same.
    async fn serial_used(&self, old: &Item, nonce: &NonceUse) -> Result<Recorded, StoreError> {
        if Reader(old).optional_text("createdBy")?.as_deref() == Some(nonce.operation.as_str()) {
            return Ok(Recorded::New);
        }
        let old = item::authorization(old)?;
        let recorded = if self.use_nonce(nonce).await? {
            Recorded::SerialUsed(Box::new(old))
        } else {
            Recorded::NonceUsed
        };
        Ok(recorded)
    }

    fn put_nonce<'a>(&'a self, nonce: &'a NonceUse) -> PutItem<'a> {
        PutItem {
            table_name: &self.table,
            item: item::nonce(nonce),
            condition_expression: NONCE_IS_FREE,
            expression_attribute_names: Placeholders(vec![("#until", "until")]),
            expression_attribute_values: Placeholders(vec![
                (":now", item::time(nonce.used_at)),
                (":by", item::operation(&nonce.operation)),
            ]),
            ..PutItem::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::dynamodb::fixtures::{
        authorization, cancelled, done, error, nonce, operation, record, store,
    };

    #[tokio::test]
    async fn nonce_and_authorization_are_one_transaction_with_a_token() {
        let (store, fake_aws) = store([done()]).await;
        assert_eq!(store.record_link(&authorization(), &nonce()).await, Ok(Recorded::New));
        let asked = fake_aws.asked();
        let [asked] = asked.as_slice() else { panic!("{} requests", asked.len()) };
        assert_eq!(asked.headers["x-amz-target"], "DynamoDB_20120810.TransactWriteItems");
        assert_eq!(asked.body["ClientRequestToken"], "mine");
        let writes = asked.body["TransactItems"].as_array().unwrap();
        let keys: Vec<_> = writes.iter().map(|write| write["Put"]["Item"]["pk"]["S"].clone()).collect();
        assert_eq!(keys, ["nonce#B1#nonce-1".to_owned(), format!("authorization#{}", authorization().id)]);
        let conditions: Vec<_> =
            writes.iter().map(|write| write["Put"]["ConditionExpression"].clone()).collect();
        assert_eq!(conditions, [NONCE_IS_FREE, SERIAL_IS_FREE]);
        assert_eq!(writes[1]["Put"]["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
    }

    #[tokio::test]
    async fn a_record_that_this_very_operation_created_is_new() {
        let ours = record("mine", []);
        let (store, fake_aws) =
            store([cancelled([("None", None), ("ConditionalCheckFailed", Some(&ours))])]).await;
        assert_eq!(store.record_link(&authorization(), &nonce()).await, Ok(Recorded::New));
        assert_eq!(fake_aws.asked().len(), 1);
    }

    #[tokio::test]
    async fn a_used_serial_consumes_the_nonce_by_a_write_of_its_own() {
        let theirs = record("other", []);
        let serial_used = cancelled([("None", None), ("ConditionalCheckFailed", Some(&theirs))]);
        let (first, fake_aws) = store([serial_used.clone(), done()]).await;
        let recorded = first.record_link(&authorization(), &nonce()).await;
        assert_eq!(recorded, Ok(Recorded::SerialUsed(Box::new(authorization()))));
        let put = &fake_aws.asked()[1].body;
        assert_eq!(put["Item"]["usedBy"], json!({"S": operation("mine").as_str()}));
        assert_eq!(put["ConditionExpression"], NONCE_IS_FREE);

        // Between the two another request used it.
        let (second, _fake_aws) = store([serial_used, error("ConditionalCheckFailedException")]).await;
        assert_eq!(second.record_link(&authorization(), &nonce()).await, Ok(Recorded::NonceUsed));
    }

    #[tokio::test]
    async fn when_both_are_used_the_nonce_counts() {
        let theirs = record("other", []);
        let both = cancelled([("ConditionalCheckFailed", None), ("ConditionalCheckFailed", Some(&theirs))]);
        let (store, fake_aws) = store([both]).await;
        assert_eq!(store.record_link(&authorization(), &nonce()).await, Ok(Recorded::NonceUsed));
        assert_eq!(fake_aws.asked().len(), 1);
    }

    #[tokio::test]
    async fn a_transaction_cancelled_for_another_reason_says_neither_6_nor_8() {
        let (store, fake_aws) = store([cancelled([("None", None), ("ValidationError", None)])]).await;
        let recorded = store.record_link(&authorization(), &nonce()).await;
        assert_eq!(recorded, Err(StoreError::Unavailable("TransactionCanceledException".to_owned())));
        assert_eq!(fake_aws.asked().len(), 1);
    }
}
