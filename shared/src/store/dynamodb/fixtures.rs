//! Canned answers of DynamoDB, and what is asked of the store to get them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::aws::fake_aws::{Answer, BRISK, FakeAws};
use crate::model::authorization::{Authorization, Callback, Issue, NewLink, Status};
use crate::model::authorization_request::{AuthorizationRequest, MerchantRequest};
use crate::model::claim::{AttemptClaim, ExchangeClaim};
use crate::model::clock::UnixMillis;
use crate::model::consent::DeliveryBody;
use crate::model::id::{OperationId, State};
use crate::model::identity::{AuthCode, Identity, OpenId};
use crate::store::dynamodb::DynamoStore;
use crate::store::dynamodb::attribute::{AttributeValue, Item};
use crate::store::dynamodb::item;
use crate::store::{NonceUse, Settlement};

pub(super) const NOW: UnixMillis = UnixMillis(1_795_305_600_000);
pub(super) const MINUTE: Duration = Duration::from_mins(1);

/// A store whose DynamoDB gives these answers one after another, and the last of them from then on.
pub(super) async fn store(answers: impl IntoIterator<Item = Answer>) -> (DynamoStore, FakeAws) {
    let fake_aws = FakeAws::answering(answers).await;
    (DynamoStore::with_patience(&fake_aws.aws, "authlink", &BRISK).unwrap(), fake_aws)
}

pub(super) fn done() -> Answer {
    Answer::Says(200, "{}".to_owned())
}

/// An update that is done; the record as it now stands.
pub(super) fn now_stands(record: &Item) -> Answer {
    Answer::Says(200, json!({"Attributes": record}).to_string())
}

/// The item that was asked for.
pub(super) fn found(item: &Item) -> Answer {
    Answer::Says(200, json!({"Item": item}).to_string())
}

/// A page of a query that does not end with it.
pub(super) fn page_before(next: &Item, items: &[Item]) -> Answer {
    Answer::Says(200, json!({"Items": items, "LastEvaluatedKey": next}).to_string())
}

/// The last page of a query.
pub(super) fn page(items: &[Item]) -> Answer {
    Answer::Says(200, json!({"Items": items}).to_string())
}

pub(super) fn error(code: &str) -> Answer {
    Answer::Says(400, body(code, &json!({})))
}

/// A single write whose condition does not hold, and the record that refused it.
pub(super) fn refused_by(record: &Item) -> Answer {
    Answer::Says(400, body("ConditionalCheckFailedException", &json!({"Item": record})))
}

/// A cancelled transaction: the reason of each of its writes, and the record that refused it.
pub(super) fn cancelled(reasons: [(&str, Option<&Item>); 2]) -> Answer {
    let reasons = reasons.map(|(code, record)| match record {
        Some(record) => json!({"Code": code, "Message": "?", "Item": record}),
        None => json!({"Code": code, "Message": "?"}),
    });
    Answer::Says(400, body("TransactionCanceledException", &json!({"CancellationReasons": reasons})))
}

fn body(code: &str, with: &Value) -> String {
    let mut body = with.clone();
    body["__type"] = json!(format!("com.amazonaws.dynamodb.v20120810#{code}"));
    body["message"] = json!("?");
    body.to_string()
}

pub(super) fn operation(name: &str) -> OperationId {
    OperationId::recorded(name.to_owned())
}

fn state() -> State {
    State::parse(&"5".repeat(64)).unwrap()
}

pub(super) fn authorization() -> Authorization {
    Authorization::issued(Issue {
        request: AuthorizationRequest::Merchant(MerchantRequest {
            business_id: "B1".to_owned(),
            merchant_id: "M1".to_owned(),
            serial_no: "S1".to_owned(),
            user_id: "U1".to_owned(),
        }),
        callback: Callback::OwnersDefault,
        state: state(),
        link: NewLink::Ours("https://openauth.example/authorize".parse().unwrap()),
        now: NOW,
        lifetime: MINUTE * 60,
        retention: MINUTE * 600,
    })
}

pub(super) fn nonce() -> NonceUse {
    NonceUse {
        space: "B1".to_owned(),
        nonce: "nonce-1".to_owned(),
        used_at: NOW,
        until: NOW + MINUTE * 11,
        operation: operation("mine"),
    }
}

pub(super) fn exchange_claim() -> ExchangeClaim {
    ExchangeClaim::new(&state(), &AuthCode::parse("codeA").unwrap(), operation("mine"), NOW)
}

pub(super) fn settlement() -> Settlement {
    Settlement {
        id: authorization().id,
        identity: Identity::new(OpenId::parse("open-1").ok(), None).unwrap(),
        body: DeliveryBody::new("body").unwrap(),
        deliver: true,
        retain_until: authorization().retain_until,
        operation: operation("mine"),
        now: NOW,
    }
}

pub(super) fn attempt_claim() -> AttemptClaim {
    AttemptClaim {
        id: authorization().id,
        attempts_before: 0,
        attempts_allowed: 3,
        operation: operation("mine"),
        now: NOW,
        lease_until: NOW + MINUTE,
    }
}

/// The item of an authorization that `by` issued, whose user is recorded, with `changes` to it.
pub(super) fn authorized<const N: usize>(by: &str, changes: [(&'static str, AttributeValue); N]) -> Item {
    let mut record = record(
        by,
        [
            ("status", item::status(Status::Authorized)),
            ("openId", item::text("open-1")),
            ("authorizedAt", item::time(NOW)),
            ("body", item::bytes(b"body")),
        ],
    );
    record.remove("link");
    record.extend(changes.map(|(name, value)| (name.into(), value)));
    record
}

/// The item of a link that `by` issued, with `changes` to it.
pub(super) fn record<const N: usize>(by: &str, changes: [(&'static str, AttributeValue); N]) -> Item {
    let mut record = item::issued(&authorization(), &operation(by)).unwrap();
    record.extend(changes.map(|(name, value)| (name.into(), value)));
    record
}
