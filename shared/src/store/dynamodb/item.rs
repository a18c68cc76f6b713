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
use crate::store::dynamodb::schema::{FORGOTTEN_AT, PARTITION_KEY, TERMS, TIME_TO_LIVE};
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
    if let Some(key) = new.verified_by {
        item.insert(VERIFIED_BY.into(), text(key.to_string()));
    }
    if let Some(link) = &new.link {
        item.insert("link".into(), text(&**link));
    }
    match &new.source {
        LinkSource::Alipay(app) => item.insert(APP.into(), text(app.as_str())),
        LinkSource::Platform(_) => item.insert(SOURCE.into(), text(new.source.to_string())),
    };
    if let Some(state) = &new.pending_state {
        item.insert("pendingState".into(), text(state.reveal()));
    }
    if !new.terms.are_default() {
        item.insert(TERMS.into(), json(&new.terms)?);
    }
    if let Some(due_at) = new.due_at {
        item.insert("outbox".into(), due(&new.id));
        item.insert("outboxAt".into(), time(due_at));
    }
    Ok(item)
}

/// The item of a notice: that of a record that is due, with the bytes to deliver.
pub(super) fn notice(new: &Authorization, by: &OperationId) -> Result<Item, StoreError> {
    let mut item = issued(new, by)?;
    let new = StoredAuthorization::from(new.clone());
    if let (Some(notice), Some(body), Some(at), Some(next)) =
        (new.notice, new.body, new.authorized_at, new.next_attempt_at)
    {
        item.extend([
            ("notice".to_owned(), text(notice.as_str())),
            ("body".to_owned(), bytes(&body)),
            ("authorizedAt".to_owned(), time(at)),
            ("nextAttemptAt".to_owned(), time(next)),
        ]);
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

pub(super) fn authorization(item: &Item) -> Result<Authorization, StoreError> {
    let item = Reader(item);
    let status = item.text("status")?;
    let due = item.optional_text("outbox")?.is_some_and(|outbox| outbox.starts_with(DUE));
    let request = authorization_request::read(&item)?;
    let callback = parsed("callback", &item.text("callback")?)?;
    let stored = StoredAuthorization {
        id: item.id()?,
        parameters_digest: item.text("parametersDigest")?,
        request,
        verified_by: item.verified_by()?,
        source: item.source()?,
        callback,
        state_digest: item.text("stateDigest")?,
        pending_state: item.pending_state()?,
        link: item.optional_text("link")?,
        status: status.parse().map_err(|_| corrupt("status"))?,
        created_at: item.time("createdAt")?,
        linked_at: item.optional_time("linkedAt")?,
        expires_at: item.time("expiresAt")?,
        retry_until: item.optional_time("retryUntil")?,
        retain_until: item.time("retainUntil")?,
        codes: item.texts("codes")?,
        refused_codes: item.optional_count("refusedCodes")?.unwrap_or(0),
        opened_at: item.optional_time("openedAt")?,
        refused_at: item.optional_time("refusedAt")?,
        terms: item.terms()?,
        notice: item.notice()?,
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
        forgotten_at: item.optional_time(FORGOTTEN_AT)?,
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
            None => AlipayAppId::parse(&self.text(APP)?).map(LinkSource::Alipay).ok_or_else(|| corrupt(APP)),
        }
    }

    /// It decides nothing: what another version wrote is taken as absent.
    fn verified_by(&self) -> Result<Option<ShortFingerprint>, StoreError> {
        Ok(self.optional_text(VERIFIED_BY)?.and_then(|text| ShortFingerprint::parse(&text)))
    }

    fn notice(&self) -> Result<Option<Notice>, StoreError> {
        let text = self.optional_text("notice")?;
        text.map(|text| Notice::parse(&text).ok_or_else(|| corrupt("notice"))).transpose()
    }

    pub(super) fn terms(&self) -> Result<Terms, StoreError> {
        let text = self.optional_text(TERMS)?;
        text.map_or_else(|| Ok(Terms::default()), |terms| parsed(TERMS, &terms))
    }

    fn pending_state(&self) -> Result<Option<State>, StoreError> {
        let text = self.optional_text("pendingState")?;
        text.map(|text| State::parse(&text).ok_or_else(|| corrupt("pendingState"))).transpose()
    }

    fn identity(&self) -> Result<Option<Identity>, StoreError> {
        let open_id = self.optional_parsed("openId", OpenId::parse)?;
        Ok(Identity::new(open_id, self.optional_parsed("alipayUserId", AlipayUserId::parse)?))
    }
}

fn parsed<T: DeserializeOwned>(name: &'static str, text: &str) -> Result<T, StoreError> {
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
        let item = issued(&new, &fixtures::operation("issuer")).unwrap();
        assert_eq!(item.get("by"), Some(&text("2cf24dba")));
        assert_eq!(authorization(&item), Ok(new));
        assert!(
            !issued(&fixtures::authorization(), &fixtures::operation("issuer")).unwrap().contains_key("by")
        );
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
