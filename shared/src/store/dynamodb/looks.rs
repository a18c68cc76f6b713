//! The looks at the clock: one item with a set of times, so that adding and removing are updates that nothing else can
//! undo.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use crate::model::clock::UnixMillis;
use crate::model::purge::Looks;
use crate::store::StoreError;
use crate::store::dynamodb::attribute;
use crate::store::dynamodb::schema::LOOKS;
use crate::store::dynamodb::table::DynamoStore;

/// Many more than a day has; a clock that jumps about adds no more.
const MOST: u32 = 1_000;

impl DynamoStore {
    /// The looks before this one, which is noted.
    pub(super) async fn look(&self, now: UnixMillis) -> Result<Looks, StoreError> {
        let noted = self.noted_looks().await?;
        let looks = Looks::noted(noted.clone());
        let useless: Vec<_> = noted.into_iter().filter(|look| looks.is_useless(*look, now)).collect();
        if !useless.is_empty() {
            let is_there = "attribute_exists(looks)";
            self.change_looks("DELETE looks :looks", is_there, &useless, []).await?;
        }
        if looks.lacks(now) {
            let room = "attribute_not_exists(looks) OR size(looks) < :most";
            self.change_looks("ADD looks :looks", room, &[now], [(":most", attribute::number(MOST))]).await?;
        }
        Ok(looks)
    }

    async fn noted_looks(&self) -> Result<Vec<UnixMillis>, StoreError> {
        let found = self.item(attribute::text(LOOKS)).await?;
        let corrupt = || StoreError::Corrupt("the looks at the clock are no set of times".to_owned());
        match found.as_ref().and_then(|item| item.get("looks")) {
            None => Ok(Vec::new()),
            Some(AttributeValue::Ns(looks)) => {
                let time = |look: &String| look.parse().map(UnixMillis).map_err(|_| corrupt());
                looks.iter().map(time).collect()
            }
            Some(_) => Err(corrupt()),
        }
    }

    async fn change_looks<const N: usize>(
        &self,
        update: &str,
        condition: &str,
        looks: &[UnixMillis],
        values: [(&'static str, AttributeValue); N],
    ) -> Result<(), StoreError> {
        let looks = AttributeValue::Ns(looks.iter().map(ToString::to_string).collect());
        let values = [(":looks", looks)].into_iter().chain(values);
        self.update(attribute::text(LOOKS), update, condition, values, ReturnValue::None).await.map(drop)
    }
}
