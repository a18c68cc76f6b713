//! The documents that a document cannot serve without.

use shared::egress::callback_url::CallbackRules;
use shared::registry::{AccessKey, Business, BusinessSource, Scheme, SchemeSource};
use shared::secrets::{Document as _, DocumentError, SecretName};

use super::DocumentKind;

/// The names of those that `text`, a document of `kind`, needs beside the deployment's own app; none if it does not
/// parse, with its addresses judged by `rules`.
#[must_use]
pub(super) fn references(kind: DocumentKind, text: &str, rules: &CallbackRules) -> Vec<SecretName> {
    let found = match kind {
        DocumentKind::Business => of_business(text, rules),
        DocumentKind::Scheme => of_scheme(text, rules),
        DocumentKind::AccessKey => of_access_key(text),
        DocumentKind::Account
        | DocumentKind::Platform
        | DocumentKind::AlipayApp
        | DocumentKind::AlibabaCloudKey
        | DocumentKind::CallbackKey
        | DocumentKind::LinkToken
        | DocumentKind::PhoneKey => return Vec::new(),
    };
    found.unwrap_or_default()
}

fn of_business(text: &str, rules: &CallbackRules) -> Result<Vec<SecretName>, DocumentError> {
    let maker = match Business::parse_by(text, rules)?.source {
        BusinessSource::Alipay(app) => app.as_ref().map(SecretName::alipay_app),
        BusinessSource::Platform(name) => SecretName::platform(&name).ok(),
    };
    Ok(maker.into_iter().collect())
}

fn of_scheme(text: &str, rules: &CallbackRules) -> Result<Vec<SecretName>, DocumentError> {
    let Scheme { account_id, source, .. } = Scheme::parse_by(text, rules)?;
    let maker = match source {
        SchemeSource::Alipay(app) => app.as_ref().map(SecretName::alipay_app),
        SchemeSource::AlibabaCloud(key) => Some(key),
    };
    Ok(SecretName::account(&account_id).ok().into_iter().chain(maker).collect())
}

/// Besides its account, the keys of the links that it may ask for.
fn of_access_key(text: &str) -> Result<Vec<SecretName>, DocumentError> {
    Ok(vec![AccessKey::parse(text)?.account, SecretName::link_token(), SecretName::phone_key()])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_document_needs_is_what_it_names_and_what_its_links_are_made_with() {
        let business = DocumentKind::Business.sound().unwrap();
        for (kind, changed, needs) in [
            (DocumentKind::Business, json!({}), &[][..]),
            (
                DocumentKind::Business,
                json!({"alipayApp": "2021000000000002"}),
                &["alipay-app/2021000000000002"],
            ),
            (DocumentKind::Business, json!({"upstream": "east"}), &["upstream/east"]),
            (DocumentKind::Scheme, json!({}), &["account/1001"]),
            (
                DocumentKind::Scheme,
                json!({"source": "alipay", "alipayApp": "2021000000000002"}),
                &["account/1001", "alipay-app/2021000000000002"],
            ),
            (DocumentKind::Scheme, json!({"source": "aliyun"}), &["account/1001", "aliyun/1001"]),
            (DocumentKind::AccessKey, json!({}), &["account/1001", "link-token", "phone-key"]),
            (DocumentKind::Account, json!({}), &[]),
        ] {
            let mut document =
                if kind == DocumentKind::Business { business.clone() } else { kind.sound().unwrap() };
            changed.as_object().unwrap().iter().for_each(|(name, value)| document[name] = value.clone());
            let found = references(kind, &document.to_string(), &CallbackRules::default());
            let found: Vec<_> = found.iter().map(SecretName::as_str).collect();
            assert_eq!(found, needs, "{} {changed}", kind.as_str());
            assert_eq!(references(kind, "[]", &CallbackRules::default()), [], "{}", kind.as_str());
        }
    }
}
