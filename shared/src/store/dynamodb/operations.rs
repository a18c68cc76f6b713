//! An operator's tools.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use futures_util::future::try_join_all;

use crate::model::authorization::{Authorization, Status};
use crate::model::clock::UnixMillis;
use crate::model::id::{AuthorizationId, OperationId};
use crate::model::owner::Owner;
use crate::store::dynamodb::attribute::{self, Reader};
use crate::store::dynamodb::item;
use crate::store::dynamodb::schema::PARTITION_KEY;
use crate::store::dynamodb::table::{DynamoStore, unavailable};
use crate::store::{Operate, ReadAuthorizations, StoreError};

#[async_trait]
impl ReadAuthorizations for DynamoStore {
    async fn authorization(&self, id: &AuthorizationId) -> Result<Option<Authorization>, StoreError> {
        let found = self
            .client
            .get_item()
            .table_name(&*self.table)
            .key(PARTITION_KEY, item::key(id))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        found.item().map(item::authorization).transpose()
    }
}

#[async_trait]
impl Operate for DynamoStore {
    async fn undeliverable(&self, owner: Option<&Owner>) -> Result<Vec<AuthorizationId>, StoreError> {
        let partitions = item::undeliverable_partitions().map(|partition| self.all_in(partition, owner));
        Ok(try_join_all(partitions).await?.concat())
    }

    async fn redrive(
        &self,
        id: &AuthorizationId,
        operation: &OperationId,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let outcome = self
            .update(
                item::key(id),
                "SET #status = :authorized, attempts = :none, nextAttemptAt = :now, deliveryBy = :by,
                     outbox = :due, outboxAt = :now",
                "#status = :undeliverable OR (#status = :authorized AND deliveryBy = :by)",
                [
                    (":authorized", attribute::status(Status::Authorized)),
                    (":undeliverable", attribute::status(Status::Undeliverable)),
                    (":none", attribute::number(0)),
                    (":by", attribute::operation(operation)),
                    (":due", item::due(id)),
                    (":now", attribute::time(now)),
                ],
                ReturnValue::None,
            )
            .await?;
        Ok(outcome.is_updated())
    }
}

impl DynamoStore {
    async fn all_in(
        &self,
        partition: AttributeValue,
        owner: Option<&Owner>,
    ) -> Result<Vec<AuthorizationId>, StoreError> {
        let mut query = self.query_outbox(partition, "outbox = :outbox");
        if let Some(owner) = owner {
            query = query
                .filter_expression("businessId = :owner")
                .expression_attribute_values(":owner", attribute::text(owner.to_string()));
        }
        let mut items = query.into_paginator().items().send();
        let mut ids = Vec::new();
        while let Some(item) = items.next().await {
            ids.push(Reader(&item.map_err(|error| unavailable(&error))?).id()?);
        }
        Ok(ids)
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
        let found = store.all_in(attribute::text("undeliverable-0"), Owner::parse("B1").as_ref()).await;
        assert_eq!(found, Ok(vec![AuthorizationId::from_serial("B1", "S2"), authorization().id]));

        let asked = fake_aws.asked().await;
        let [first, second] = asked.as_slice() else { panic!("{} requests", asked.len()) };
        assert_eq!(second.headers["x-amz-target"], "DynamoDB_20120810.Query");
        let mut expected = json!({
            "TableName": "authlink",
            "IndexName": "outbox",
            "KeyConditionExpression": "outbox = :outbox",
            "FilterExpression": "businessId = :owner",
            "ExpressionAttributeValues": {":outbox": {"S": "undeliverable-0"}, ":owner": {"S": "B1"}},
        });
        assert_eq!(first.body, expected);
        expected["ExclusiveStartKey"] = fixtures::wire(&next);
        assert_eq!(second.body, expected);
    }
}
