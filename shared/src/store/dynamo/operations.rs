//! An operator's tools.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;

use super::item::{self, Reader};
use super::{Changed, DynamoStore, Give, OUTBOX, PARTITION_KEY, unavailable};
use crate::clock::UnixMillis;
use crate::model::authorization::{Authorization, Status};
use crate::model::id::{AuthorizationId, OperationId};
use crate::model::owner::Owner;
use crate::store::{Operate, ReadAuthorizations, StoreError};

#[async_trait]
impl ReadAuthorizations for DynamoStore {
    async fn authorization(&self, id: &AuthorizationId) -> Result<Option<Authorization>, StoreError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, item::key(id))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        found.item.as_ref().map(item::authorization).transpose()
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
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(OUTBOX)
            .key_condition_expression("outbox = :outbox")
            .expression_attribute_values(":outbox", partition);
        if let Some(owner) = owner {
            query = query
                .filter_expression("businessId = :owner")
                .expression_attribute_values(":owner", item::text(&owner.to_string()));
        }
        let mut items = query.into_paginator().items().send();
        let mut ids = Vec::new();
        while let Some(item) = items.next().await {
            ids.push(Reader(&item.map_err(|error| unavailable(&error))?).id()?);
        }
        Ok(ids)
    }
}
