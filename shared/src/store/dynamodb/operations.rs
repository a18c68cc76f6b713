//! An operator's tools.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::ReturnValue;

use crate::model::authorization::Status;
use crate::model::id::AuthorizationId;
use crate::model::owner::Owner;
use crate::store::dynamodb::attribute::{self, Reader};
use crate::store::dynamodb::item;
use crate::store::dynamodb::table::{DynamoStore, UpdateOutcome, unavailable};
use crate::store::{Operate, Resend, StoreError};

/// Nobody is at an attempt.
const FREE: &str = "(attribute_not_exists(deliveryUntil) OR deliveryUntil <= :now)";

#[async_trait]
impl Operate for DynamoStore {
    async fn undeliverable(&self, owner: Option<&Owner>) -> Result<Vec<AuthorizationId>, StoreError> {
        let query = self
            .query_attention(owner, "#status = :undeliverable")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":undeliverable", attribute::status(Status::Undeliverable));
        let mut items = query.into_paginator().items().send();
        let mut ids = Vec::new();
        while let Some(item) = items.next().await {
            ids.push(Reader(&item.map_err(|error| unavailable(&error))?).id()?);
        }
        Ok(ids)
    }

    async fn resend(&self, resend: &Resend) -> Result<bool, StoreError> {
        let (pending, ended): (Vec<Status>, Vec<Status>) =
            resend.from.iter().partition(|status| **status == Status::Authorized);
        Ok(self.resend_from(resend, &ended, false).await? || self.resend_from(resend, &pending, true).await?)
    }
}

impl DynamoStore {
    /// Whether `resend` did it, now or before its answer was lost, for a record in one of the states `from`. Its
    /// attempts go on, or are counted anew.
    async fn resend_from(&self, resend: &Resend, from: &[Status], goes_on: bool) -> Result<bool, StoreError> {
        if from.is_empty() {
            return Ok(false);
        }
        let names: Vec<_> = (0..from.len()).map(|place| format!(":from{place}")).collect();
        let mut values = vec![
            (":authorized", attribute::status(Status::Authorized)),
            (":by", attribute::operation(&resend.operation)),
            (":due", item::due(&resend.id)),
            (":now", attribute::time(resend.now)),
        ];
        values.extend(names.iter().map(String::as_str).zip(from.iter().copied().map(attribute::status)));
        let attempts = if goes_on {
            "if_not_exists(begun, attempts)"
        } else {
            values.push((":none", attribute::number(0)));
            ":none"
        };
        let mut update = format!(
            "SET #status = :authorized, attempts = {attempts}, nextAttemptAt = :now, deliveryBy = :by,
                 outbox = :due, outboxAt = :now"
        );
        if let Some(to) = &resend.to {
            values.push((":callback", attribute::json(to)?));
            update += ", callback = :callback";
        }
        update += " REMOVE deliveryUntil, begun, attention, attentionAt";
        let condition = format!("attribute_exists(body) AND #status IN ({}) AND {FREE}", names.join(", "));
        let key = item::key(&resend.id);
        match self.update(key, &update, &condition, values, ReturnValue::None).await? {
            UpdateOutcome::Updated(_) => Ok(true),
            UpdateOutcome::Refused(None) => Ok(false),
            UpdateOutcome::Refused(Some(refused)) => {
                let refused = Reader(&refused);
                Ok(refused.optional_text("deliveryBy")?.as_deref() == Some(resend.operation.as_str())
                    && refused.text("status")? == Status::Authorized.as_str())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::dynamodb::fixtures::{self, authorization, page, page_before, record, store};

    #[tokio::test]
    async fn a_query_goes_on_until_its_last_page() {
        let other = record("issuer", [("pk", item::key(&AuthorizationId::from_serial("B1", "S2")))]);
        let next = [("pk".to_owned(), item::key(&authorization().id))].into();
        let (store, fake_aws) = store([page_before(&next, &[other]), page(&[record("issuer", [])])]).await;
        let found = store.undeliverable(Owner::parse("B1").as_ref()).await;
        assert_eq!(found, Ok(vec![AuthorizationId::from_serial("B1", "S2"), authorization().id]));

        let asked = fake_aws.asked().await;
        let [first, second] = asked.as_slice() else { panic!("{} requests", asked.len()) };
        assert_eq!(second.headers["x-amz-target"], "DynamoDB_20120810.Query");
        let mut expected = json!({
            "TableName": "authlink",
            "IndexName": "attention",
            "KeyConditionExpression": "attention = :needed",
            "FilterExpression": "#status = :undeliverable AND businessId = :owner",
            "ScanIndexForward": false,
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {
                ":needed": {"S": "needed"}, ":undeliverable": {"S": "UNDELIVERABLE"}, ":owner": {"S": "B1"},
            },
        });
        assert_eq!(first.body, expected);
        expected["ExclusiveStartKey"] = fixtures::wire(&next);
        assert_eq!(second.body, expected);
    }
}
