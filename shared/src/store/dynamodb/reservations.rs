//! An account's allowance: until when it is booked, in one item.
//!
//! An update cannot take the later of two moments, so there are two: one books behind what is booked, the other begins
//! anew where too much time was left unused. Each has the other's opposite as its condition, and the item that refuses
//! one says which of them to try next.

use std::time::Duration;

use async_trait::async_trait;

use crate::model::reservation::{Reservation, ReservationOutcome};
use crate::store::dynamodb::attribute::{AttributeValue, Item};
use crate::store::dynamodb::item;
use crate::store::dynamodb::wire::{Placeholders, Return, UpdateItem, Updated};
use crate::store::dynamodb::{DynamoStore, PARTITION_KEY, Refusal, TIME_TO_LIVE};
use crate::store::{ReserveRate, StoreError};

/// Updates tried for one booking. The first may be the wrong one, and then the right one may come too late: that takes
/// three.
const TRIES: u32 = 4;

/// How long an item is kept after its last booking: longer than anyone books ahead, and than clocks differ. Then nothing
/// is lost with it, because an allowance without an item is free.
const KEPT: Duration = Duration::from_mins(10);

const BOOKED_UNTIL: &str = "bookedUntil";

#[derive(Clone, Copy)]
enum Form {
    Behind,
    Anew,
}

enum Booked {
    Until(i64),
    Refused(Option<i64>),
}

#[async_trait]
impl ReserveRate for DynamoStore {
    async fn lease(&self, reservation: &Reservation) -> Result<ReservationOutcome, StoreError> {
        let mut form = if reservation.busy { Form::Behind } else { Form::Anew };
        for _ in 0..TRIES {
            let booked_until = match self.book(reservation, form).await? {
                Booked::Until(end) => {
                    return Ok(ReservationOutcome::from_micros(end - reservation.cost_micros()));
                }
                Booked::Refused(booked_until) => booked_until,
            };
            form = match booked_until {
                Some(end) if reservation.begin_micros(Some(end)).is_none() => {
                    return Ok(reservation.full(end));
                }
                Some(end) if end >= reservation.floor_micros() => Form::Behind,
                _ => Form::Anew,
            };
        }
        Err(StoreError::Unavailable("an allowance that others changed at each try".to_owned()))
    }
}

impl DynamoStore {
    async fn book(&self, reservation: &Reservation, form: Form) -> Result<Booked, StoreError> {
        let mut values = vec![
            (":ttl", item::time_to_live(reservation.now + KEPT)),
            (":floor", item::number(reservation.floor_micros())),
        ];
        let (update_expression, condition_expression) = match form {
            Form::Behind => {
                values.push((":ceiling", item::number(reservation.ceiling_micros())));
                values.push((":cost", item::number(reservation.cost_micros())));
                (
                    "SET bookedUntil = bookedUntil + :cost, #ttl = :ttl",
                    "bookedUntil BETWEEN :floor AND :ceiling",
                )
            }
            Form::Anew => {
                values.push((":end", item::number(reservation.floor_micros() + reservation.cost_micros())));
                ("SET bookedUntil = :end, #ttl = :ttl", "attribute_not_exists(pk) OR bookedUntil < :floor")
            }
        };
        let booked = self
            .ask(&UpdateItem {
                table_name: &self.table,
                key: [(PARTITION_KEY.into(), item::text(format!("allowance#{}", reservation.account)))]
                    .into(),
                update_expression,
                condition_expression,
                expression_attribute_names: Placeholders(vec![("#ttl", TIME_TO_LIVE)]),
                expression_attribute_values: Placeholders(values),
                return_values: Return::UpdatedNew,
                return_values_on_condition_check_failure: Return::AllOld,
            })
            .await;
        match booked {
            Ok(Updated { attributes }) => {
                let end = attributes.as_ref().map(booked_until).transpose()?;
                end.map(Booked::Until).ok_or_else(|| item::corrupt(BOOKED_UNTIL))
            }
            Err(Refusal::Condition(old)) => Ok(Booked::Refused(old.as_ref().map(booked_until).transpose()?)),
            Err(refusal) => Err(refusal.into()),
        }
    }
}

fn booked_until(item: &Item) -> Result<i64, StoreError> {
    let micros = item.get(BOOKED_UNTIL).and_then(AttributeValue::as_n);
    let micros = micros.and_then(|micros| micros.parse().ok());
    micros.ok_or_else(|| item::corrupt(BOOKED_UNTIL))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use serde_json::json;

    use super::*;
    use crate::model::clock::UnixMillis;
    use crate::store::dynamodb::fixtures::{MINUTE, NOW, done, error, now_stands, refused_by, store};

    const NOW_MICROS: i64 = NOW.0 * 1_000;
    const BEHIND: &str = "bookedUntil BETWEEN :floor AND :ceiling";
    const ANEW: &str = "attribute_not_exists(pk) OR bookedUntil < :floor";

    /// Ten requests, a hundredth of a second.
    fn reservation(busy: bool) -> Reservation {
        let [requests, per_second] = [10, 1_000].map(|number| NonZeroU32::new(number).unwrap());
        Reservation { account: "A1".to_owned(), requests, per_second, now: NOW, busy }
    }

    fn booked(until: i64) -> Item {
        [(BOOKED_UNTIL.into(), item::number(until))].into()
    }

    fn from(micros: i64) -> ReservationOutcome {
        ReservationOutcome::From(UnixMillis(micros / 1_000))
    }

    #[tokio::test]
    async fn a_busy_account_is_booked_behind_what_is_booked() {
        let (store, fake_aws) = store([now_stands(&booked(NOW_MICROS + 40_000))]).await;
        assert_eq!(store.lease(&reservation(true)).await, Ok(from(NOW_MICROS + 30_000)));
        let asked = fake_aws.asked();
        let [asked] = asked.as_slice() else { panic!("{} requests", asked.len()) };
        assert_eq!(asked.headers["x-amz-target"], "DynamoDB_20120810.UpdateItem");
        assert_eq!(asked.body["Key"], json!({"pk": {"S": "allowance#A1"}}));
        assert_eq!(asked.body["UpdateExpression"], "SET bookedUntil = bookedUntil + :cost, #ttl = :ttl");
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
    async fn an_idle_account_is_booked_anew() {
        let (store, fake_aws) = store([now_stands(&booked(NOW_MICROS - 70_000))]).await;
        assert_eq!(store.lease(&reservation(false)).await, Ok(from(NOW_MICROS - 80_000)));
        let asked = &fake_aws.asked()[0].body;
        assert_eq!(asked["UpdateExpression"], "SET bookedUntil = :end, #ttl = :ttl");
        assert_eq!(asked["ConditionExpression"], ANEW);
        assert_eq!(
            asked["ExpressionAttributeValues"][":end"],
            json!({"N": (NOW_MICROS - 70_000).to_string()})
        );
    }

    #[tokio::test]
    async fn the_item_that_refused_says_what_to_try_next() {
        let within = refused_by(&booked(NOW_MICROS));
        let below = refused_by(&booked(NOW_MICROS - 80_001));
        let absent = error("ConditionalCheckFailedException");
        let done = now_stands(&booked(NOW_MICROS + 10_000));
        for (busy, answers, conditions) in [
            (false, vec![within.clone(), done.clone()], vec![ANEW, BEHIND]),
            (true, vec![below.clone(), done.clone()], vec![BEHIND, ANEW]),
            (true, vec![absent, done.clone()], vec![BEHIND, ANEW]),
            (true, vec![below, within, done], vec![BEHIND, ANEW, BEHIND]),
        ] {
            let (store, fake_aws) = store(answers).await;
            assert_eq!(store.lease(&reservation(busy)).await, Ok(from(NOW_MICROS)), "{conditions:?}");
            let asked = fake_aws.asked();
            let asked: Vec<_> = asked.iter().map(|asked| &asked.body["ConditionExpression"]).collect();
            assert_eq!(asked, conditions);
        }
    }

    #[tokio::test]
    async fn an_account_booked_beyond_the_horizon_is_full_and_says_when_it_is_not() {
        for busy in [false, true] {
            let (store, fake_aws) = store([refused_by(&booked(NOW_MICROS + 2_000_001))]).await;
            let again_at = UnixMillis(NOW.0 + 1);
            assert_eq!(store.lease(&reservation(busy)).await, Ok(ReservationOutcome::Full { again_at }));
            assert_eq!(fake_aws.asked().len(), 1);
        }
    }

    #[tokio::test]
    async fn an_item_that_others_change_at_each_try_is_given_up() {
        let (store, fake_aws) = store([refused_by(&booked(NOW_MICROS))]).await;
        let given_up = StoreError::Unavailable("an allowance that others changed at each try".to_owned());
        assert_eq!(store.lease(&reservation(true)).await, Err(given_up));
        assert_eq!(fake_aws.asked().len(), 4);
    }

    #[tokio::test]
    async fn an_item_that_is_no_allowance_is_named_by_its_attribute() {
        let corrupt =
            StoreError::Corrupt("its attribute bookedUntil is missing or of another form".to_owned());
        let other: Item = [(BOOKED_UNTIL.into(), item::text("soon"))].into();
        for answer in [refused_by(&other), now_stands(&other), done()] {
            let (store, _fake_aws) = store([answer]).await;
            assert_eq!(store.lease(&reservation(true)).await, Err(corrupt.clone()));
        }
    }
}
