//! The deny list: one item with a set of strings, so that adding and removing an entry are single updates that nothing
//! else can undo.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use crate::model::deny_list::{Denial, DenyList};
use crate::store::dynamodb::attribute;
use crate::store::dynamodb::schema::DENY_LIST;
use crate::store::dynamodb::table::DynamoStore;
use crate::store::{ChangeDenyList, ReadDenyList, StoreError};

/// The set. An attribute that has no element left is no attribute.
const DENIED: &str = "denied";

#[async_trait]
impl ReadDenyList for DynamoStore {
    async fn deny_list(&self) -> Result<DenyList, StoreError> {
        let found = self.item(attribute::text(DENY_LIST)).await?;
        match found.and_then(|mut item| item.remove(DENIED)) {
            None => Ok(DenyList::default()),
            Some(AttributeValue::Ss(entries)) => Ok(DenyList::from_entries(entries)),
            Some(_) => Err(StoreError::Corrupt("the deny list is no set of strings".to_owned())),
        }
    }
}

#[async_trait]
impl ChangeDenyList for DynamoStore {
    async fn deny(&self, denial: &Denial) -> Result<bool, StoreError> {
        let entry = denial.to_string();
        let values = [
            (":entries", AttributeValue::Ss(vec![entry.clone()])),
            (":entry", attribute::text(entry)),
            (":most", attribute::number(i64::from(DenyList::MOST))),
        ];
        let room = "attribute_not_exists(denied) OR contains(denied, :entry) OR size(denied) < :most";
        let key = attribute::text(DENY_LIST);
        let added = self.update(key, "ADD denied :entries", room, values, ReturnValue::None).await?;
        Ok(added.is_updated())
    }

    async fn allow(&self, denial: &Denial) -> Result<bool, StoreError> {
        let entry = denial.to_string();
        let values =
            [(":entries", AttributeValue::Ss(vec![entry.clone()])), (":entry", attribute::text(entry))];
        let key = attribute::text(DENY_LIST);
        let is_there = "contains(denied, :entry)";
        let removed = self.update(key, "DELETE denied :entries", is_there, values, ReturnValue::None).await?;
        Ok(removed.is_updated())
    }
}
