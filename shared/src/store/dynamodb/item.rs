//! Authorizations and nonces as items, and back.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;

use crate::model::alipay_app_id::AlipayAppId;
use crate::model::authorization::Authorization;
use crate::model::id::{AuthorizationId, OperationId, State};
use crate::model::identity::{AlipayUserId, Identity, OpenId};
use crate::model::link_source::LinkSource;
use crate::model::notice::Notice;
use crate::model::short_fingerprint::ShortFingerprint;
use crate::model::terms::Terms;
use crate::store::dynamodb::attribute::{
    Item, Reader, bytes, corrupt, json, number, operation, status, text, time, time_to_live,
};
use crate::store::dynamodb::authorization_request;
use crate::store::dynamodb::schema::{
    CREATED_AT, FORGOTTEN_AT, OPENED_AT, PARTITION_KEY, TERMS, TIME_TO_LIVE,
};
use crate::store::stored_authorization::StoredAuthorization;
use crate::store::{NonceUse, StoreError};

/// The attribute of a link's source: the platform, or the Alipay app of ours.
const SOURCE: &str = "linkSource";
const APP: &str = "app";
/// The attribute of the key that verified the request, by the beginning of its fingerprint.
const VERIFIED_BY: &str = "by";

const AUTHORIZATION: &str = "authorization#";
const DUE: &str = "due-";
const PERSONAL: &str = "personal-";

/// The key of an authorization's item.
pub(super) fn key(id: &AuthorizationId) -> AttributeValue {
    text(format!("{AUTHORIZATION}{id}"))
}

/// The index's partitions of authorizations that are due.
pub(super) fn due_partitions() -> impl Iterator<Item = AttributeValue> {
    partitions(DUE)
}

/// The index's partitions of authorizations that were delivered, and whose persons are to be forgotten.
pub(super) fn personal_partitions() -> impl Iterator<Item = AttributeValue> {
    partitions(PERSONAL)
}

fn partitions(kind: &'static str) -> impl Iterator<Item = AttributeValue> {
    "0123456789abcdef".chars().map(move |digit| text(format!("{kind}{digit}")))
}

/// The index's partition of the authorization while it is due.
pub(super) fn due(id: &AuthorizationId) -> AttributeValue {
    text(format!("{DUE}{}", &id.as_str()[..1]))
}

/// The one partition of what somebody should look at.
pub(super) fn needed() -> AttributeValue {
    text("needed")
}

/// The index's partition of the authorization from its delivery until its person is forgotten.
pub(super) fn personal(id: &AuthorizationId) -> AttributeValue {
    text(format!("{PERSONAL}{}", &id.as_str()[..1]))
}

/// The item of a new record: a link that nobody has used yet, or a notice that is due.
pub(super) fn new_record(new: &Authorization, created_by: &OperationId) -> Result<Item, StoreError> {
    let new = StoredAuthorization::from(new.clone());
    let attributes = [
        (PARTITION_KEY, key(&new.id)),
        (TIME_TO_LIVE, time_to_live(new.retain_until)),
        ("callback", json(&new.callback)?),
        ("parametersDigest", text(&*new.parameters_digest)),
        ("stateDigest", text(&*new.state_digest)),
        ("status", status(new.status)),
        (CREATED_AT, time(new.created_at)),
        ("createdBy", operation(created_by)),
        ("expiresAt", time(new.expires_at)),
        ("retainUntil", time(new.retain_until)),
        ("codes", AttributeValue::L(Vec::new())),
        ("attempts", number(new.attempts)),
        ("history", AttributeValue::L(Vec::new())),
        match &new.source {
            LinkSource::Alipay(app) => (APP, text(app.as_str())),
            LinkSource::Platform(_) => (SOURCE, text(new.source.to_string())),
        },
    ];
    let optional = [
        (VERIFIED_BY, new.verified_by.map(|key| text(key.to_string()))),
        ("link", new.link.map(text)),
        ("pendingState", new.pending_state.map(|state| text(state.reveal()))),
        (TERMS, if new.terms.are_default() { None } else { Some(json(&new.terms)?) }),
        ("outbox", new.due_at.map(|_| due(&new.id))),
        ("outboxAt", new.due_at.map(time)),
        ("notice", new.notice.map(|notice| text(notice.as_str()))),
        ("body", new.body.as_deref().map(bytes)),
        ("authorizedAt", new.authorized_at.map(time)),
        ("nextAttemptAt", new.next_attempt_at.map(time)),
    ];
    let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let mut item: Item =
        attributes.into_iter().chain(optional).map(|(name, value)| (name.to_owned(), value)).collect();
    authorization_request::write(&new.request, &mut item);
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

pub(super) fn authorization(item: &Item) -> Result<Authorization, StoreError> {
    let item = Reader(item);
    let due = item.optional_text("outbox")?.is_some_and(|outbox| outbox.starts_with(DUE));
    let request = authorization_request::read(&item)?;
    let callback = from_json("callback", &item.text("callback")?)?;
    let stored = StoredAuthorization {
        id: item.id()?,
        parameters_digest: item.text("parametersDigest")?,
        request,
        verified_by: item.verified_by()?,
        source: item.source()?,
        callback,
        state_digest: item.text("stateDigest")?,
        pending_state: item.optional_parsed("pendingState", State::parse)?,
        link: item.optional_text("link")?,
        status: item.status()?,
        created_at: item.time(CREATED_AT)?,
        linked_at: item.optional_time("linkedAt")?,
        expires_at: item.time("expiresAt")?,
        retry_until: item.optional_time("retryUntil")?,
        retain_until: item.time("retainUntil")?,
        codes: item.texts("codes")?,
        refused_codes: item.optional_number("refusedCodes")?.unwrap_or(0),
        opened_at: item.optional_time(OPENED_AT)?,
        refused_at: item.optional_time("refusedAt")?,
        terms: item.terms()?,
        notice: item.optional_parsed("notice", Notice::parse)?,
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
            .map(|text| from_json("history", text))
            .collect::<Result<_, _>>()?,
        forgotten_at: item.optional_time(FORGOTTEN_AT)?,
    };
    Ok(stored.try_into()?)
}

/// Attributes that authorizations alone have.
impl Reader<'_> {
    pub(super) fn id(&self) -> Result<AuthorizationId, StoreError> {
        self.parsed(PARTITION_KEY, |key| key.strip_prefix(AUTHORIZATION).and_then(AuthorizationId::parse))
    }

    fn source(&self) -> Result<LinkSource, StoreError> {
        match self.optional_parsed(SOURCE, LinkSource::parse)? {
            Some(source) => Ok(source),
            None => self.parsed(APP, AlipayAppId::parse).map(LinkSource::Alipay),
        }
    }

    /// It decides nothing: what another version wrote is taken as absent.
    fn verified_by(&self) -> Result<Option<ShortFingerprint>, StoreError> {
        Ok(self.optional_text(VERIFIED_BY)?.and_then(|text| ShortFingerprint::parse(&text)))
    }

    pub(super) fn terms(&self) -> Result<Terms, StoreError> {
        let text = self.optional_text(TERMS)?;
        text.map_or_else(|| Ok(Terms::default()), |terms| from_json(TERMS, &terms))
    }

    fn identity(&self) -> Result<Option<Identity>, StoreError> {
        let open_id = self.optional_parsed("openId", OpenId::parse)?;
        Ok(Identity::new(open_id, self.optional_parsed("alipayUserId", AlipayUserId::parse)?))
    }
}

fn from_json<T: DeserializeOwned>(name: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| corrupt(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::authorization::Status;
    use crate::model::deny_list::KeyFingerprint;
    use crate::store::dynamodb::fixtures::{self, NOW};

    #[test]
    fn what_is_given_up_is_not_due() {
        let due_at = |changes: &[(&'static str, AttributeValue)]| {
            let mut item = fixtures::authorized("issuer", []);
            item.extend(changes.iter().map(|(name, value)| ((*name).into(), value.clone())));
            authorization(&item).unwrap().pending_delivery().map(|delivery| delivery.due_at)
        };
        let outbox = due(&fixtures::authorization().id);
        let is_due = [("nextAttemptAt", time(NOW)), ("outbox", outbox), ("outboxAt", time(NOW))];
        assert_eq!(due_at(&is_due), Some(NOW));
        let given_up = status(Status::Undeliverable);
        assert_eq!(
            due_at(&[("status", given_up), ("attention", needed()), ("attentionAt", time(NOW))]),
            None
        );
    }

    #[test]
    fn an_attribute_of_another_form_is_named_without_its_value() {
        for name in ["status", "codes", "history", "openId", "attempts", "callback", "expiresAt", "by"] {
            let broken = fixtures::record("issuer", [(name, AttributeValue::Bool(true))]);
            let corrupt = format!("its attribute {name} is missing or of another form");
            assert_eq!(authorization(&broken), Err(StoreError::Corrupt(corrupt)));
        }
    }

    #[test]
    fn the_key_that_verified_the_request_takes_ten_bytes() {
        let verified_by = Some(KeyFingerprint::new(b"hello").short());
        let new = Authorization { verified_by, ..fixtures::authorization() };
        let item = new_record(&new, &fixtures::operation("issuer")).unwrap();
        assert_eq!(item.get("by"), Some(&text("2cf24dba")));
        assert_eq!(authorization(&item), Ok(new));
        let without = new_record(&fixtures::authorization(), &fixtures::operation("issuer")).unwrap();
        assert!(!without.contains_key("by"));
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
            ("parametersDigest", text(fixtures::authorization().parameters_digest.unwrap())),
            ("stateDigest", text(fixtures::authorization().state_digest.unwrap())),
            ("status", text("ISSUED")),
            ("createdAt", time(fixtures::authorization().created_at)),
            ("createdBy", text("issuer")),
            ("expiresAt", time(fixtures::authorization().expires_at)),
            ("retainUntil", time(fixtures::authorization().retain_until)),
            ("codes", list()),
            ("attempts", number(0)),
            ("history", list()),
            ("link", text("https://openauth.example/authorize")),
            ("app", text("2021")),
        ]
        .map(|(name, value)| (name.into(), value))
        .into();
        assert_eq!(authorization(&item), Ok(fixtures::authorization()));
    }
}
