//! The readings of the clock: one item with a set of times, so that adding and removing are updates that nothing else
//! can undo.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use crate::model::clock::UnixMillis;
use crate::model::purge::ClockReadings;
use crate::store::StoreError;
use crate::store::dynamodb::attribute;
use crate::store::dynamodb::schema::CLOCK_READINGS;
use crate::store::dynamodb::table::DynamoStore;

/// Many more than a day has; a clock that jumps about adds no more.
const MOST: u32 = 1_000;

impl DynamoStore {
    /// Records that the clock says `now`, and gives the readings before.
    pub(super) async fn record_clock_reading(&self, now: UnixMillis) -> Result<ClockReadings, StoreError> {
        let recorded = self.recorded_readings().await?;
        let readings = ClockReadings::recorded(recorded.clone());
        let obsolete: Vec<_> =
            recorded.into_iter().filter(|reading| readings.is_obsolete(*reading, now)).collect();
        if !obsolete.is_empty() {
            let is_there = "attribute_exists(looks)";
            self.change_readings("DELETE looks :looks", is_there, &obsolete, []).await?;
        }
        if readings.is_due(now) {
            let (room, most) =
                ("attribute_not_exists(looks) OR size(looks) < :most", attribute::number(MOST));
            self.change_readings("ADD looks :looks", room, &[now], [(":most", most)]).await?;
        }
        Ok(readings)
    }

    async fn recorded_readings(&self) -> Result<Vec<UnixMillis>, StoreError> {
        let found = self.item(attribute::text(CLOCK_READINGS)).await?;
        let corrupt = || StoreError::Corrupt("the readings of the clock are no set of times".to_owned());
        match found.as_ref().and_then(|item| item.get("looks")) {
            None => Ok(Vec::new()),
            Some(AttributeValue::Ns(readings)) => {
                let time = |reading: &String| reading.parse().map(UnixMillis).map_err(|_| corrupt());
                readings.iter().map(time).collect()
            }
            Some(_) => Err(corrupt()),
        }
    }

    async fn change_readings<const N: usize>(
        &self,
        update: &str,
        condition: &str,
        readings: &[UnixMillis],
        values: [(&'static str, AttributeValue); N],
    ) -> Result<(), StoreError> {
        let readings = AttributeValue::Ns(readings.iter().map(ToString::to_string).collect());
        let values = [(":looks", readings)].into_iter().chain(values);
        let key = attribute::text(CLOCK_READINGS);
        self.update(key, update, condition, values, ReturnValue::None).await.map(drop)
    }
}
