//! Authorizations and nonces as items, and back.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;

use crate::model::authorization::Authorization;
use crate::model::id::{AuthorizationId, OperationId, State};
use crate::model::identity::{AlipayUserId, Identity, OpenId};
use crate::model::link_source::LinkSource;
use crate::store::dynamodb::attribute::{
    Item, Reader, corrupt, json, number, operation, status, text, time, time_to_live,
};
use crate::store::dynamodb::authorization_request;
use crate::store::dynamodb::schema::{PARTITION_KEY, TIME_TO_LIVE};
use crate::store::stored_authorization::StoredAuthorization;
use crate::store::{NonceUse, StoreError};

/// The attribute of the link's source; an item without it is of our own Alipay app.
const SOURCE: &str = "linkSource";

const AUTHORIZATION: &str = "authorization#";
const DUE: &str = "due-";
const UNDELIVERABLE: &str = "undeliverable-";

/// The key of an authorization's item.
pub(super) fn key(id: &AuthorizationId) -> AttributeValue {
    text(format!("{AUTHORIZATION}{id}"))
}

/// The index's partitions of authorizations that are due.
pub(super) fn due_partitions() -> impl Iterator<Item = AttributeValue> {
    partitions(DUE)
}

/// The index's partitions of authorizations that were given up.
pub(super) fn undeliverable_partitions() -> impl Iterator<Item = AttributeValue> {
    partitions(UNDELIVERABLE)
}

fn partitions(kind: &'static str) -> impl Iterator<Item = AttributeValue> {
    "0123456789abcdef".chars().map(move |digit| text(format!("{kind}{digit}")))
}

/// The index's partition of the authorization while it is due.
pub(super) fn due(id: &AuthorizationId) -> AttributeValue {
    text(format!("{DUE}{}", &id.as_str()[..1]))
}

/// The index's partition of the authorization once it was given up.
pub(super) fn undeliverable(id: &AuthorizationId) -> AttributeValue {
    text(format!("{UNDELIVERABLE}{}", &id.as_str()[..1]))
}

/// The item of a link that nobody has used yet.
pub(super) fn issued(new: &Authorization, created_by: &OperationId) -> Result<Item, StoreError> {
    let new = StoredAuthorization::from(new.clone());
    let attributes = [
        (PARTITION_KEY, key(&new.id)),
        (TIME_TO_LIVE, time_to_live(new.retain_until)),
        ("callback", json(&new.callback)?),
        ("parametersDigest", text(&*new.parameters_digest)),
        ("stateDigest", text(&*new.state_digest)),
        ("status", status(new.status)),
        ("createdAt", time(new.created_at)),
        ("createdBy", operation(created_by)),
        ("expiresAt", time(new.expires_at)),
        ("retainUntil", time(new.retain_until)),
        ("codes", AttributeValue::L(Vec::new())),
        ("attempts", number(new.attempts)),
        ("history", AttributeValue::L(Vec::new())),
    ];
    let mut item: Item = attributes.map(|(name, value)| (name.to_owned(), value)).into();
    authorization_request::write(&new.request, &mut item);
    if let Some(link) = &new.link {
        item.insert("link".into(), text(&**link));
    }
    if new.source != LinkSource::Alipay {
        item.insert(SOURCE.into(), text(new.source.to_string()));
    }
    if let Some(state) = &new.pending_state {
        item.insert("pendingState".into(), text(state.reveal()));
    }
    Ok(item)
}

/// The item of a nonce. Its key has no `#` before the nonce but the two that divide it.
pub(super) fn nonce(nonce: &NonceUse) -> Item {
    [
        (PARTITION_KEY, text(format!("nonce#{}#{}", nonce.space, nonce.nonce))),
        (TIME_TO_LIVE, time_to_live(nonce.until)),
        ("until", time(nonce.until)),
        ("usedBy", operation(&nonce.operation)),
    ]
    .map(|(name, value)| (name.into(), value))
    .into()
}

/// Reads an authorization.
pub(super) fn authorization(item: &Item) -> Result<Authorization, StoreError> {
    let item = Reader(item);
    let status = item.text("status")?;
    let outbox = item.optional_text("outbox")?;
    let due = outbox.is_some_and(|outbox| outbox.starts_with(DUE));
    let stored = StoredAuthorization {
        id: item.id()?,
        request: authorization_request::read(&item)?,
        source: item.source()?,
        callback: parsed("callback", &item.text("callback")?)?,
        parameters_digest: item.text("parametersDigest")?,
        state_digest: item.text("stateDigest")?,
        pending_state: item.pending_state()?,
        link: item.optional_text("link")?,
        status: status.parse().map_err(|_| corrupt("status"))?,
        created_at: item.time("createdAt")?,
        linked_at: item.optional_time("linkedAt")?,
        expires_at: item.time("expiresAt")?,
        retain_until: item.time("retainUntil")?,
        codes: item.texts("codes")?,
        refused_codes: item.optional_count("refusedCodes")?.unwrap_or(0),
        exchange: item.lease("exchangeBy", "exchangeUntil")?,
        identity: item.identity()?,
        authorized_at: item.optional_time("authorizedAt")?,
        consent_code: item.optional_text("settledCode")?,
        body: item.optional_bytes("body")?,
        attempts: item.attempts()?,
        next_attempt_at: item.optional_time("nextAttemptAt")?,
        due_at: if due { item.optional_time("outboxAt")? } else { None },
        delivery: item.lease("deliveryBy", "deliveryUntil")?,
        history: item
            .texts("history")?
            .iter()
            .map(|text| parsed("history", text))
            .collect::<Result<_, _>>()?,
    };
    Ok(stored.try_into()?)
}

/// Attributes that authorizations alone have.
impl Reader<'_> {
    pub(super) fn id(&self) -> Result<AuthorizationId, StoreError> {
        let key = self.text(PARTITION_KEY)?;
        key.strip_prefix(AUTHORIZATION).and_then(AuthorizationId::parse).ok_or_else(|| corrupt(PARTITION_KEY))
    }

    fn source(&self) -> Result<LinkSource, StoreError> {
        match self.optional_text(SOURCE)? {
            Some(text) => LinkSource::parse(&text).ok_or_else(|| corrupt(SOURCE)),
            None => Ok(LinkSource::Alipay),
        }
    }

    fn pending_state(&self) -> Result<Option<State>, StoreError> {
        let text = self.optional_text("pendingState")?;
        text.map(|text| State::parse(&text).ok_or_else(|| corrupt("pendingState"))).transpose()
    }

    fn identity(&self) -> Result<Option<Identity>, StoreError> {
        let open_id = self.optional_text("openId")?.map(|id| OpenId::parse(&id));
        let user_id = self.optional_text("alipayUserId")?.map(|id| AlipayUserId::parse(&id));
        Ok(Identity::new(
            open_id.transpose().map_err(|_| corrupt("openId"))?,
            user_id.transpose().map_err(|_| corrupt("alipayUserId"))?,
        ))
    }
}

fn parsed<T: DeserializeOwned>(name: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| corrupt(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::authorization::Status;
    use crate::store::dynamodb::fixtures::{self, NOW};

    #[test]
    fn what_is_given_up_is_not_due() {
        let id = fixtures::authorization().id;
        let in_outbox = |name, partition, changes: &[(&'static str, AttributeValue)]| {
            let outbox = [("status", status(name)), ("outbox", partition), ("outboxAt", time(NOW))];
            let mut item = fixtures::authorized("issuer", outbox);
            item.extend(changes.iter().map(|(name, value)| ((*name).into(), value.clone())));
            authorization(&item).unwrap().pending_delivery().map(|delivery| delivery.due_at)
        };
        let next = [("nextAttemptAt", time(NOW))];
        assert_eq!(in_outbox(Status::Authorized, due(&id), &next), Some(NOW));
        assert_eq!(in_outbox(Status::Undeliverable, undeliverable(&id), &[]), None);
    }

    #[test]
    fn an_attribute_of_another_form_is_named_without_its_value() {
        for name in ["status", "codes", "history", "openId", "attempts", "callback", "expiresAt"] {
            let broken = fixtures::record("issuer", [(name, AttributeValue::Bool(true))]);
            let corrupt = format!("its attribute {name} is missing or of another form");
            assert_eq!(authorization(&broken), Err(StoreError::Corrupt(corrupt)));
        }
    }

    /// Written by the version that knew businesses alone.
    #[test]
    fn an_item_of_the_first_version_is_read() {
        let list = || AttributeValue::L(Vec::new());
        let id = fixtures::authorization().id;
        let item: Item = [
            ("pk", text(format!("authorization#{id}"))),
            ("ttl", number(1_795_999_999)),
            ("businessId", text("B1")),
            ("merchantId", text("M1")),
            ("serialNo", text("S1")),
            ("userId", text("U1")),
            ("callback", text(r#""business_default""#)),
            ("parametersDigest", text(fixtures::authorization().parameters_digest)),
            ("stateDigest", text(fixtures::authorization().state_digest)),
            ("status", text("ISSUED")),
            ("createdAt", time(fixtures::authorization().created_at)),
            ("createdBy", text("issuer")),
            ("expiresAt", time(fixtures::authorization().expires_at)),
            ("retainUntil", time(fixtures::authorization().retain_until)),
            ("codes", list()),
            ("attempts", number(0)),
            ("history", list()),
            ("link", text("https://openauth.example/authorize")),
        ]
        .map(|(name, value)| (name.into(), value))
        .into();
        assert_eq!(authorization(&item), Ok(fixtures::authorization()));
    }
}
