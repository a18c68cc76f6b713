//! A link for its page: a read that names the attributes it gets, so that a role may be held to them.

use async_trait::async_trait;
use url::Url;

use crate::model::authorization::link_end;
use crate::model::clock::UnixMillis;
use crate::model::id::AuthorizationId;
use crate::store::dynamodb::attribute::{Item, Reader, corrupt, time};
use crate::store::dynamodb::item;
use crate::store::dynamodb::schema::{OPENED_AT, PARTITION_KEY};
use crate::store::dynamodb::table::{DynamoStore, unavailable, was_done};
use crate::store::{FindLinks, FoundLink, StoreError};

/// [`FOUND_ATTRIBUTES`](crate::store::dynamodb::FOUND_ATTRIBUTES); `status` is a reserved word.
const PROJECTION: &str =
    "link, #status, expiresAt, retryUntil, exchangeUntil, businessId, endDate, openedAt, terms";

#[async_trait]
impl FindLinks for DynamoStore {
    async fn link(&self, id: &AuthorizationId) -> Result<Option<FoundLink>, StoreError> {
        let found = self
            .client
            .get_item()
            .table_name(&*self.table)
            .key(PARTITION_KEY, item::key(id))
            .consistent_read(true)
            .projection_expression(PROJECTION)
            .expression_attribute_names("#status", "status")
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        found.item().map(read).transpose()
    }

    /// Nothing is returned, also if the condition fails: the role may not learn who a user is.
    async fn record_opening(&self, id: &AuthorizationId, now: UnixMillis) -> Result<(), StoreError> {
        let recorded = self
            .client
            .update_item()
            .table_name(&*self.table)
            .key(PARTITION_KEY, item::key(id))
            .update_expression("SET openedAt = :now")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(openedAt)")
            .expression_attribute_values(":now", time(now))
            .send()
            .await;
        was_done(recorded).map(drop)
    }
}

fn read(item: &Item) -> Result<FoundLink, StoreError> {
    let item = Reader(item);
    let link = item.optional_text("link")?;
    Ok(FoundLink {
        link: link.as_deref().map(Url::parse).transpose().map_err(|_| corrupt("link"))?,
        status: item.status()?,
        ends_at: link_end(
            item.time("expiresAt")?,
            item.optional_time("retryUntil")?,
            item.optional_time("exchangeUntil")?,
        ),
        owner: item.owner()?,
        end_date: item.end_date()?,
        opened_at: item.optional_time(OPENED_AT)?,
        terms: item.terms()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::authorization::Status;
    use crate::model::end_date::EndDate;
    use crate::model::owner::Owner;
    use crate::model::terms::Terms;
    use crate::store::dynamodb::attribute::text;
    use crate::store::dynamodb::fixtures::{MINUTE, NOW, authorization, done, error, found, record, store};
    use crate::store::dynamodb::schema::{END_DATE, FOUND_ATTRIBUTES, OWNER, TERMS};

    #[tokio::test]
    async fn only_what_the_page_shows_is_asked_for_and_as_it_stands_now() {
        let terms = text(r#"{"merchantName":"示例商户"}"#);
        let stored =
            record("issuer", [(OWNER, text("scheme:234")), (END_DATE, text("2027-12-31")), (TERMS, terms)]);
        let (store, fake_aws) = store([found(&stored)]).await;
        let expected = FoundLink {
            link: Url::parse("https://openauth.example/authorize").ok(),
            status: Status::Issued,
            ends_at: NOW + MINUTE * 60,
            owner: Owner::parse("scheme:234").unwrap(),
            end_date: EndDate::parse("2027-12-31"),
            opened_at: None,
            terms: Terms { merchant_name: Some("示例商户".to_owned()), ..Terms::default() },
        };
        assert_eq!(store.link(&authorization().id).await, Ok(Some(expected)));

        let asked = fake_aws.asked().await;
        let [asked] = asked.as_slice() else { panic!("{} requests", asked.len()) };
        assert_eq!(asked.headers["x-amz-target"], "DynamoDB_20120810.GetItem");
        assert_eq!(
            asked.body,
            json!({
                "TableName": "authlink",
                "Key": {"pk": {"S": format!("authorization#{}", authorization().id)}},
                "ConsistentRead": true,
                "ProjectionExpression": PROJECTION,
                "ExpressionAttributeNames": {"#status": "status"},
            })
        );
        assert_eq!(PROJECTION.replace('#', ""), FOUND_ATTRIBUTES.join(", "));
    }

    #[tokio::test]
    async fn a_record_that_is_not_there_is_none() {
        let (store, _fake_aws) = store([done()]).await;
        assert_eq!(store.link(&authorization().id).await, Ok(None));
    }

    #[tokio::test]
    async fn what_is_no_link_is_corrupt_and_what_is_not_allowed_unavailable() {
        let (first, _fake_aws) = store([found(&record("issuer", [("link", text("no address"))]))]).await;
        let corrupt = StoreError::Corrupt("its attribute link is missing or of another form".to_owned());
        assert_eq!(first.link(&authorization().id).await, Err(corrupt));

        let (second, _fake_aws) = store([error("AccessDeniedException")]).await;
        let denied = StoreError::Unavailable("AccessDeniedException".to_owned());
        assert_eq!(second.link(&authorization().id).await, Err(denied));
    }
}
