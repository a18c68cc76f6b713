//! An account's rate limit: the moment until which it is reserved, in one item.
//!
//! An update cannot take the later of two moments, so there are two: one reserves behind what is reserved, the other
//! begins anew where too much time was left unused. Each has the other's opposite as its condition, and the item that
//! refuses one says which of them to try next.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::ReturnValue;

use crate::model::reservation::{Reservation, ReservationOutcome};
use crate::store::dynamodb::attribute::{self, Item, Reader};
use crate::store::dynamodb::table::{DynamoStore, UpdateOutcome};
use crate::store::{ReserveRate, StoreError};

/// The updates tried for one reservation. The first may be the wrong one, and then the right one may come too late:
/// that takes three.
const MAX_UPDATES: u32 = 4;

/// The time that an item is kept after its last reservation: longer than anyone reserves ahead, and than clocks differ.
/// Then nothing is lost with it, because an account without an item is free.
const RETENTION: Duration = Duration::from_mins(10);

const RESERVED_UNTIL: &str = "reservedUntil";

#[derive(Clone, Copy)]
enum Step {
    /// Behind what is reserved.
    Append,
    /// From the earliest moment allowed, because too much time was left unused.
    Restart,
}

/// The outcome of one update, with `reservedUntil` of the item in microseconds.
enum StepOutcome {
    Reserved(i64),
    Refused(Option<i64>),
}

#[async_trait]
impl ReserveRate for DynamoStore {
    async fn reserve(&self, reservation: &Reservation) -> Result<ReservationOutcome, StoreError> {
        let mut step = if reservation.busy { Step::Append } else { Step::Restart };
        for _ in 0..MAX_UPDATES {
            let reserved_until = match self.update_reservation(reservation, step).await? {
                StepOutcome::Reserved(end) => {
                    return Ok(ReservationOutcome::from_micros(end - reservation.cost_micros()));
                }
                StepOutcome::Refused(reserved_until) => reserved_until,
            };
            step = match reserved_until {
                Some(end) if reservation.begin_micros(Some(end)).is_none() => {
                    return Ok(reservation.full(end));
                }
                Some(end) if end >= reservation.floor_micros() => Step::Append,
                _ => Step::Restart,
            };
        }
        Err(StoreError::Unavailable("a rate limit that others changed at each try".to_owned()))
    }
}

impl DynamoStore {
    async fn update_reservation(
        &self,
        reservation: &Reservation,
        step: Step,
    ) -> Result<StepOutcome, StoreError> {
        let mut values = vec![
            (":ttl", attribute::time_to_live(reservation.now + RETENTION)),
            (":floor", attribute::number(reservation.floor_micros())),
        ];
        let (update, condition) = match step {
            Step::Append => {
                values.push((":ceiling", attribute::number(reservation.ceiling_micros())));
                values.push((":cost", attribute::number(reservation.cost_micros())));
                (
                    "SET reservedUntil = reservedUntil + :cost, #ttl = :ttl",
                    "reservedUntil BETWEEN :floor AND :ceiling",
                )
            }
            Step::Restart => {
                values.push((
                    ":end",
                    attribute::number(reservation.floor_micros() + reservation.cost_micros()),
                ));
                (
                    "SET reservedUntil = :end, #ttl = :ttl",
                    "attribute_not_exists(pk) OR reservedUntil < :floor",
                )
            }
        };
        let key = attribute::text(format!("rate-limit#{}", reservation.account));
        match self.update(key, update, condition, values, ReturnValue::UpdatedNew).await? {
            UpdateOutcome::Updated(item) => reserved_until(&item).map(StepOutcome::Reserved),
            UpdateOutcome::Refused(old) => {
                Ok(StepOutcome::Refused(old.as_ref().map(reserved_until).transpose()?))
            }
        }
    }
}

fn reserved_until(item: &Item) -> Result<i64, StoreError> {
    Reader(item).number(RESERVED_UNTIL)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use serde_json::json;

    use super::*;
    use crate::model::clock::UnixMillis;
    use crate::store::dynamodb::fixtures::{MINUTE, NOW, done, error, now_stands, refused_by, store};

    const NOW_MICROS: i64 = NOW.0 * 1_000;
    const BEHIND: &str = "reservedUntil BETWEEN :floor AND :ceiling";
    const ANEW: &str = "attribute_not_exists(pk) OR reservedUntil < :floor";

    /// Ten requests, a hundredth of a second.
    fn reservation(busy: bool) -> Reservation {
        let [requests, per_second] = [10, 1_000].map(|number| NonZeroU32::new(number).unwrap());
        Reservation { account: "A1".to_owned(), requests, per_second, now: NOW, busy }
    }

    fn reserved(until: i64) -> Item {
        [(RESERVED_UNTIL.into(), attribute::number(until))].into()
    }

    fn from(micros: i64) -> ReservationOutcome {
        ReservationOutcome::From(UnixMillis(micros / 1_000))
    }

    #[tokio::test]
    async fn a_busy_account_is_reserved_behind_what_is_reserved() {
        let (store, fake_aws) = store([now_stands(&reserved(NOW_MICROS + 40_000))]).await;
        assert_eq!(store.reserve(&reservation(true)).await, Ok(from(NOW_MICROS + 30_000)));
        let asked = fake_aws.asked().await;
        let [asked] = asked.as_slice() else { panic!("{} requests", asked.len()) };
        assert_eq!(asked.headers["x-amz-target"], "DynamoDB_20120810.UpdateItem");
        assert_eq!(asked.body["Key"], json!({"pk": {"S": "rate-limit#A1"}}));
        assert_eq!(asked.body["UpdateExpression"], "SET reservedUntil = reservedUntil + :cost, #ttl = :ttl");
        assert_eq!(asked.body["ConditionExpression"], BEHIND);
        assert_eq!(
            asked.body["ExpressionAttributeValues"],
            json!({
                ":cost": {"N": "10000"},
                ":floor": {"N": (NOW_MICROS - 80_000).to_string()},
                ":ceiling": {"N": (NOW_MICROS + 2_000_000).to_string()},
                ":ttl": {"N": ((NOW + MINUTE * 10).0 / 1_000).to_string()},
            })
        );
        assert_eq!(asked.body["ReturnValues"], "UPDATED_NEW");
        assert_eq!(asked.body["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
    }

    #[tokio::test]
    async fn an_idle_account_is_reserved_anew() {
        let (store, fake_aws) = store([now_stands(&reserved(NOW_MICROS - 70_000))]).await;
        assert_eq!(store.reserve(&reservation(false)).await, Ok(from(NOW_MICROS - 80_000)));
        let asked = &fake_aws.asked().await[0].body;
        assert_eq!(asked["UpdateExpression"], "SET reservedUntil = :end, #ttl = :ttl");
        assert_eq!(asked["ConditionExpression"], ANEW);
        assert_eq!(
            asked["ExpressionAttributeValues"][":end"],
            json!({"N": (NOW_MICROS - 70_000).to_string()})
        );
    }

    #[tokio::test]
    async fn the_item_that_refused_says_what_to_try_next() {
        let within = refused_by(&reserved(NOW_MICROS));
        let below = refused_by(&reserved(NOW_MICROS - 80_001));
        let absent = error("ConditionalCheckFailedException");
        let done = now_stands(&reserved(NOW_MICROS + 10_000));
        for (busy, answers, conditions) in [
            (false, vec![within.clone(), done.clone()], vec![ANEW, BEHIND]),
            (true, vec![below.clone(), done.clone()], vec![BEHIND, ANEW]),
            (true, vec![absent, done.clone()], vec![BEHIND, ANEW]),
            (true, vec![below, within, done], vec![BEHIND, ANEW, BEHIND]),
        ] {
            let (store, fake_aws) = store(answers).await;
            assert_eq!(store.reserve(&reservation(busy)).await, Ok(from(NOW_MICROS)), "{conditions:?}");
            let asked = fake_aws.asked().await;
            let asked: Vec<_> = asked.iter().map(|asked| &asked.body["ConditionExpression"]).collect();
            assert_eq!(asked, conditions);
        }
    }

    #[tokio::test]
    async fn an_account_reserved_beyond_the_horizon_is_full_and_says_when_it_is_not() {
        for busy in [false, true] {
            let (store, fake_aws) = store([refused_by(&reserved(NOW_MICROS + 2_000_001))]).await;
            let again_at = UnixMillis(NOW.0 + 1);
            assert_eq!(store.reserve(&reservation(busy)).await, Ok(ReservationOutcome::Full { again_at }));
            assert_eq!(fake_aws.asked().await.len(), 1);
        }
    }

    #[tokio::test]
    async fn an_item_that_others_change_at_each_try_is_given_up() {
        let (store, fake_aws) = store([refused_by(&reserved(NOW_MICROS))]).await;
        let given_up = StoreError::Unavailable("a rate limit that others changed at each try".to_owned());
        assert_eq!(store.reserve(&reservation(true)).await, Err(given_up));
        assert_eq!(fake_aws.asked().await.len(), 4);
    }

    #[tokio::test]
    async fn an_item_that_is_no_reservation_is_named_by_its_attribute() {
        let corrupt =
            StoreError::Corrupt("its attribute reservedUntil is missing or of another form".to_owned());
        let other: Item = [(RESERVED_UNTIL.into(), attribute::text("soon"))].into();
        for answer in [refused_by(&other), now_stands(&other), done()] {
            let (store, _fake_aws) = store([answer]).await;
            assert_eq!(store.reserve(&reservation(true)).await, Err(corrupt.clone()));
        }
    }
}
