//! An operator's tools.

use async_trait::async_trait;
use futures_util::future::try_join_all;

use crate::model::authorization::{Authorization, Status};
use crate::model::clock::UnixMillis;
use crate::model::id::{AuthorizationId, OperationId};
use crate::model::owner::Owner;
use crate::store::dynamodb::attribute::AttributeValue;
use crate::store::dynamodb::item::{self, Reader};
use crate::store::dynamodb::wire::{GetItem, Got, Page, Placeholders, Query};
use crate::store::dynamodb::{Changed, DynamoStore, Give, OUTBOX};
use crate::store::{Operate, ReadAuthorizations, StoreError};

#[async_trait]
impl ReadAuthorizations for DynamoStore {
    async fn authorization(&self, id: &AuthorizationId) -> Result<Option<Authorization>, StoreError> {
        let got: Got = self
            .ask(&GetItem {
                table_name: &self.table,
                key: item::key(id),
                consistent_read: true,
                projection_expression: None,
                expression_attribute_names: Placeholders::default(),
            })
            .await?;
        got.item.as_ref().map(item::authorization).transpose()
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
        let changed = self
            .change(
                id,
                "SET #status = :authorized, attempts = :none, nextAttemptAt = :now, deliveryBy = :by,
                     outbox = :due, outboxAt = :now",
                "#status = :undeliverable OR (#status = :authorized AND deliveryBy = :by)",
                [
                    (":authorized", item::status(Status::Authorized)),
                    (":undeliverable", item::status(Status::Undeliverable)),
                    (":none", item::number(0)),
                    (":by", item::operation(operation)),
                    (":due", item::due(id)),
                    (":now", item::time(now)),
                ],
                Give::Nothing,
            )
            .await?;
        Ok(matches!(changed, Changed::Done(_)))
    }
}

impl DynamoStore {
    async fn all_in(
        &self,
        partition: AttributeValue,
        owner: Option<&Owner>,
    ) -> Result<Vec<AuthorizationId>, StoreError> {
        let mut values = vec![(":outbox", partition)];
        values.extend(owner.map(|owner| (":owner", item::text(owner.to_string()))));
        let mut query = Query {
            table_name: &self.table,
            index_name: OUTBOX,
            key_condition_expression: "outbox = :outbox",
            filter_expression: owner.map(|_| "businessId = :owner"),
            expression_attribute_values: Placeholders(values),
            limit: None,
            exclusive_start_key: None,
        };
        let mut ids = Vec::new();
        loop {
            let page: Page = self.ask(&query).await?;
            for item in &page.items {
                ids.push(Reader(item).id()?);
            }
            if page.last_evaluated_key.is_none() {
                return Ok(ids);
            }
            query.exclusive_start_key = page.last_evaluated_key;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::dynamodb::fixtures::{authorization, page, page_before, record, store};

    #[tokio::test]
    async fn a_query_goes_on_until_its_last_page() {
        let (mut other, next) = (record("issuer", []), item::key(&authorization().id));
        other.extend(item::key(&AuthorizationId::from_serial("B1", "S2")));
        let (store, fake_aws) = store([page_before(&next, &[other]), page(&[record("issuer", [])])]).await;
        let found = store.all_in(item::text("undeliverable-0"), Owner::parse("B1").as_ref()).await;
        assert_eq!(found, Ok(vec![AuthorizationId::from_serial("B1", "S2"), authorization().id]));

        let asked = fake_aws.asked();
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
        expected["ExclusiveStartKey"] = json!(next);
        assert_eq!(second.body, expected);
    }
}
