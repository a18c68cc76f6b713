//! Answers of DynamoDB, and arguments of the store's calls that get them.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::aws::fake_aws::{BRISK, FakeAws, answer};
use crate::model::alipay_app_id::AlipayAppId;
use crate::model::authorization::{Authorization, Callback, Issue, NewLink, Status};
use crate::model::authorization_request::{AuthorizationRequest, MerchantRequest};
use crate::model::claim::{AttemptClaim, ExchangeClaim};
use crate::model::clock::UnixMillis;
use crate::model::consent::DeliveryBody;
use crate::model::id::{OperationId, State};
use crate::model::identity::{AuthCode, Identity, OpenId};
use crate::store::dynamodb::attribute::{self, Item};
use crate::store::dynamodb::item;
use crate::store::dynamodb::table::DynamoStore;
use crate::store::{NonceUse, Settlement};

pub(super) const NOW: UnixMillis = UnixMillis(1_795_305_600_000);
pub(super) const MINUTE: Duration = Duration::from_mins(1);

/// A store whose DynamoDB gives these answers one after another, and the last of them from then on.
pub(super) async fn store(answers: impl IntoIterator<Item = ResponseTemplate>) -> (DynamoStore, FakeAws) {
    let fake_aws = FakeAws::answering(answers).await;
    (DynamoStore::with_timeouts(&fake_aws.sdk, "authlink", &BRISK), fake_aws)
}

pub(super) fn done() -> ResponseTemplate {
    answer(200, json!({}))
}

/// An update that is done; the record as it now stands.
pub(super) fn now_stands(record: &Item) -> ResponseTemplate {
    answer(200, json!({"Attributes": wire(record)}))
}

/// The item that was asked for.
pub(super) fn found(item: &Item) -> ResponseTemplate {
    answer(200, json!({"Item": wire(item)}))
}

/// A page of a query that does not end with it.
pub(super) fn page_before(next: &Item, items: &[Item]) -> ResponseTemplate {
    answer(200, json!({"Items": items.iter().map(wire).collect::<Value>(), "LastEvaluatedKey": wire(next)}))
}

/// The last page of a query.
pub(super) fn page(items: &[Item]) -> ResponseTemplate {
    answer(200, json!({"Items": items.iter().map(wire).collect::<Value>()}))
}

pub(super) fn error(code: &str) -> ResponseTemplate {
    error_with(code, json!({}))
}

/// A single write whose condition does not hold, and the record that refused it.
pub(super) fn refused_by(record: &Item) -> ResponseTemplate {
    error_with("ConditionalCheckFailedException", json!({"Item": wire(record)}))
}

/// A cancelled transaction: the reason of each of its writes, and the record that refused it.
pub(super) fn cancelled(reasons: [(&str, Option<&Item>); 2]) -> ResponseTemplate {
    let reasons = reasons.map(|(code, record)| match record {
        Some(record) => json!({"Code": code, "Message": "?", "Item": wire(record)}),
        None => json!({"Code": code, "Message": "?"}),
    });
    error_with("TransactionCanceledException", json!({"CancellationReasons": reasons}))
}

/// An error that its message alone tells from others of its code.
pub(super) fn error_saying(code: &str, message: &str) -> ResponseTemplate {
    error_with(code, json!({"message": message}))
}

fn error_with(code: &str, body: Value) -> ResponseTemplate {
    let mut error = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "?"});
    if let (Value::Object(error), Value::Object(body)) = (&mut error, body) {
        error.extend(body);
    }
    answer(400, error)
}

/// The item in the form of DynamoDB's API.
pub(super) fn wire(item: &Item) -> Value {
    item.iter().map(|(name, value)| (name.clone(), wire_value(value))).collect()
}

fn wire_value(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::B(bytes) => json!({"B": STANDARD.encode(bytes)}),
        AttributeValue::L(list) => json!({"L": list.iter().map(wire_value).collect::<Value>()}),
        other => panic!("no item has {other:?}"),
    }
}

pub(super) fn operation(name: &str) -> OperationId {
    OperationId::recorded(name.to_owned())
}

fn app() -> AlipayAppId {
    AlipayAppId::parse("2021").unwrap()
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
        link: NewLink::Ours { app: app(), link: "https://openauth.example/authorize".parse().unwrap() },
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
    ExchangeClaim::new(&app(), &state(), &AuthCode::parse("codeA").unwrap(), operation("mine"), NOW)
}

pub(super) fn settlement() -> Settlement {
    Settlement {
        id: authorization().id,
        identity: Identity::new(OpenId::parse("open-1"), None).unwrap(),
        code_digest: Some(exchange_claim().code_digest),
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
            ("status", attribute::status(Status::Authorized)),
            ("openId", attribute::text("open-1")),
            ("authorizedAt", attribute::time(NOW)),
            ("body", attribute::bytes(b"body")),
            ("parametersDigest", attribute::text("")),
        ],
    );
    record.remove("link");
    record.extend(changes.map(|(name, value)| (name.into(), value)));
    record
}

/// The item of a link that `by` issued, with `changes` to it.
pub(super) fn record<const N: usize>(by: &str, changes: [(&'static str, AttributeValue); N]) -> Item {
    let mut record = item::new_record(&authorization(), &operation(by)).unwrap();
    record.extend(changes.map(|(name, value)| (name.to_owned(), value)));
    record
}
