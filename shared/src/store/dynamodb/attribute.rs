//! Attributes of items: from values, and back.

use std::collections::HashMap;
use std::str::FromStr;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;

use crate::model::authorization::{Lease, Status};
use crate::model::clock::UnixMillis;
use crate::model::end_date::EndDate;
use crate::model::id::OperationId;
use crate::model::owner::Owner;
use crate::store::StoreError;
use crate::store::dynamodb::schema::{END_DATE, OWNER};

/// All attributes of an item, by their names.
pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn status(status: Status) -> AttributeValue {
    text(status.as_str())
}

pub(super) fn operation(operation: &OperationId) -> AttributeValue {
    text(operation.as_str())
}

pub(super) fn time(time: UnixMillis) -> AttributeValue {
    AttributeValue::N(time.to_string())
}

pub(super) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn bytes(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

pub(super) fn json(value: &impl Serialize) -> Result<AttributeValue, StoreError> {
    serde_json::to_string(value)
        .map(AttributeValue::S)
        .map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// Whole seconds, rounded up: never before the moment.
pub(super) fn time_to_live(at: UnixMillis) -> AttributeValue {
    number(at.0.saturating_add(999).div_euclid(1_000))
}

/// Reads single attributes of an item.
pub(super) struct Reader<'a>(pub &'a Item);

impl Reader<'_> {
    pub(super) fn owner(&self) -> Result<Owner, StoreError> {
        self.parsed(OWNER, Owner::parse)
    }

    pub(super) fn end_date(&self) -> Result<Option<EndDate>, StoreError> {
        self.optional_parsed(END_DATE, EndDate::parse)
    }

    pub(super) fn status(&self) -> Result<Status, StoreError> {
        self.parsed("status", |name| name.parse().ok())
    }

    /// `begun` while an attempt is claimed and not concluded, else `attempts`.
    pub(super) fn attempts(&self) -> Result<u32, StoreError> {
        let concluded = self.number("attempts")?;
        Ok(self.optional_number("begun")?.unwrap_or(concluded))
    }

    pub(super) fn number<N: FromStr>(&self, name: &'static str) -> Result<N, StoreError> {
        self.optional_number(name)?.ok_or_else(|| corrupt(name))
    }

    pub(super) fn optional_number<N: FromStr>(&self, name: &'static str) -> Result<Option<N>, StoreError> {
        let number = |value: &AttributeValue| value.as_n().ok()?.parse().ok();
        self.0.get(name).map(|value| number(value).ok_or_else(|| corrupt(name))).transpose()
    }

    pub(super) fn text(&self, name: &'static str) -> Result<String, StoreError> {
        self.optional_text(name)?.ok_or_else(|| corrupt(name))
    }

    pub(super) fn optional_text(&self, name: &'static str) -> Result<Option<String>, StoreError> {
        let text = |value: &AttributeValue| value.as_s().cloned().map_err(|_| corrupt(name));
        self.0.get(name).map(text).transpose()
    }

    pub(super) fn parsed<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        self.optional_parsed(name, parse)?.ok_or_else(|| corrupt(name))
    }

    pub(super) fn optional_parsed<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let text = self.optional_text(name)?;
        text.map(|text| parse(&text).ok_or_else(|| corrupt(name))).transpose()
    }

    pub(super) fn time(&self, name: &'static str) -> Result<UnixMillis, StoreError> {
        self.optional_time(name)?.ok_or_else(|| corrupt(name))
    }

    pub(super) fn optional_time(&self, name: &'static str) -> Result<Option<UnixMillis>, StoreError> {
        Ok(self.optional_number(name)?.map(UnixMillis))
    }

    pub(super) fn optional_bytes(&self, name: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = |value: &AttributeValue| {
            value.as_b().map(|bytes| bytes.as_ref().to_vec()).map_err(|_| corrupt(name))
        };
        self.0.get(name).map(bytes).transpose()
    }

    pub(super) fn texts(&self, name: &'static str) -> Result<Vec<String>, StoreError> {
        let list = self.0.get(name).and_then(|value| value.as_l().ok()).ok_or_else(|| corrupt(name))?;
        list.iter().map(|value| value.as_s().cloned().map_err(|_| corrupt(name))).collect()
    }

    /// A lease ends with its `until`; the name of its last holder stays in the record.
    pub(super) fn lease(
        &self,
        holder: &'static str,
        until: &'static str,
    ) -> Result<Option<Lease>, StoreError> {
        let held = self.optional_text(holder)?.zip(self.optional_time(until)?);
        Ok(held.map(|(holder, until)| Lease { operation: OperationId::recorded(holder), until }))
    }
}

/// Names the attribute, never its value: it may be an openId.
pub(super) fn corrupt(name: &str) -> StoreError {
    StoreError::Corrupt(format!("its attribute {name} is missing or of another form"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_live_is_whole_seconds_and_never_before_the_moment() {
        for (millis, secs) in [(0, "0"), (1, "1"), (999, "1"), (1_000, "1"), (1_001, "2")] {
            assert_eq!(time_to_live(UnixMillis(millis)), AttributeValue::N(secs.to_owned()));
        }
    }
}
