//! What DynamoDB is asked and what it answers (DynamoDB API reference, version 2012-08-10), as far as the store needs it.

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

use crate::store::dynamodb::attribute::{AttributeValue, Item};

/// An operation: what is asked for it, and the header that names it.
pub(super) trait Operation: Serialize {
    const TARGET: &'static str;
}

/// Placeholders and what they stand for.
pub(super) struct Placeholders<V>(pub(super) Vec<(&'static str, V)>);

impl<V> Default for Placeholders<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V> Placeholders<V> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V: Serialize> Serialize for Placeholders<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

type Names = Placeholders<&'static str>;
type Values = Placeholders<AttributeValue>;

/// Which item comes back.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Return {
    #[default]
    None,
    AllOld,
    AllNew,
    UpdatedNew,
}

impl Return {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutItem<'a> {
    pub(super) table_name: &'a str,
    pub(super) item: Item,
    pub(super) condition_expression: &'a str,
    #[serde(skip_serializing_if = "Placeholders::is_empty")]
    pub(super) expression_attribute_names: Names,
    pub(super) expression_attribute_values: Values,
    #[serde(skip_serializing_if = "Return::is_none")]
    pub(super) return_values_on_condition_check_failure: Return,
}

impl Operation for PutItem<'_> {
    const TARGET: &'static str = "DynamoDB_20120810.PutItem";
}

/// Two writes, both done or neither.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TransactWriteItems<'a> {
    /// A repetition with the same token does nothing once more.
    pub(super) client_request_token: &'a str,
    pub(super) transact_items: [TransactWriteItem<'a>; 2],
}

#[derive(Serialize)]
pub(super) enum TransactWriteItem<'a> {
    Put(PutItem<'a>),
}

impl Operation for TransactWriteItems<'_> {
    const TARGET: &'static str = "DynamoDB_20120810.TransactWriteItems";
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateItem<'a> {
    pub(super) table_name: &'a str,
    pub(super) key: Item,
    pub(super) update_expression: &'a str,
    pub(super) condition_expression: &'a str,
    #[serde(skip_serializing_if = "Placeholders::is_empty")]
    pub(super) expression_attribute_names: Names,
    pub(super) expression_attribute_values: Values,
    #[serde(skip_serializing_if = "Return::is_none")]
    pub(super) return_values: Return,
    #[serde(skip_serializing_if = "Return::is_none")]
    pub(super) return_values_on_condition_check_failure: Return,
}

impl Operation for UpdateItem<'_> {
    const TARGET: &'static str = "DynamoDB_20120810.UpdateItem";
}

/// What an update gives back.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Updated {
    pub(super) attributes: Option<Item>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetItem<'a> {
    pub(super) table_name: &'a str,
    pub(super) key: Item,
    pub(super) consistent_read: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) projection_expression: Option<&'a str>,
    #[serde(skip_serializing_if = "Placeholders::is_empty")]
    pub(super) expression_attribute_names: Names,
}

impl Operation for GetItem<'_> {
    const TARGET: &'static str = "DynamoDB_20120810.GetItem";
}

/// What a read gives.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Got {
    pub(super) item: Option<Item>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Query<'a> {
    pub(super) table_name: &'a str,
    pub(super) index_name: &'a str,
    pub(super) key_condition_expression: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter_expression: Option<&'a str>,
    pub(super) expression_attribute_values: Values,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exclusive_start_key: Option<Item>,
}

impl Operation for Query<'_> {
    const TARGET: &'static str = "DynamoDB_20120810.Query";
}

/// A page of what a query finds.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Page {
    #[serde(default)]
    pub(super) items: Vec<Item>,
    /// Where the next page begins; without it this is the last.
    pub(super) last_evaluated_key: Option<Item>,
}

/// A condition that did not hold.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ConditionalCheckFailed {
    /// What refused it, if that was asked for and there is any.
    pub(super) item: Option<Item>,
}

/// A transaction that was not done.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TransactionCanceled {
    /// One for each of its writes, in their order.
    #[serde(default)]
    pub(super) cancellation_reasons: Vec<CancellationReason>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CancellationReason {
    /// The text `"None"` for a write that stood in nobody's way.
    pub(super) code: Option<String>,
    pub(super) item: Option<Item>,
}
