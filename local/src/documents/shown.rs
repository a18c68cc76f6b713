//! A document without its keys: each is shown by the fingerprint that it has on the deny list, and a certificate by the
//! name that Alipay has for it.

use serde_json::Value;
use shared::model::deny_list::KeyFingerprint;
use shared::registry::AlipayApp;
use shared::signing::alipay_certificate::{CertificateError, KeyCertificate, RootCertificates};
use shared::signing::rsa::{SigningKey, VerifyingKey};

use crate::operate::local_time::rfc_3339;

/// The fields that are shown as they are.
const PLAIN: [&str; 29] = [
    "accessKeyId",
    "accountId",
    "alipayApp",
    "allowedIps",
    "baseUrl",
    "businessId",
    "callbackUrl",
    "contract",
    "defaultCallbackUrl",
    "enabled",
    "endpoint",
    "identityVerified",
    "linkLifetimeSecs",
    "merchantId",
    "merchantIds",
    "merchantName",
    "notifyExpired",
    "notifyRefusals",
    "passed",
    "permissions",
    "requestsPerSecond",
    "returnUrl",
    "returnUrls",
    "scope",
    "signType",
    "source",
    "subscribed",
    "suspended",
    "upstream",
];

/// The form of a field's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    Public,
    /// It goes by its public half.
    Private,
    /// Known to both sides.
    Text,
}

impl KeyForm {
    fn from_field(field: &str) -> Option<Self> {
        match field {
            "publicKeys" | "alipayPublicKeys" => Some(Self::Public),
            "privateKey" | "nextPrivateKey" => Some(Self::Private),
            "md5Keys" | "secrets" | "keys" | "key" | "accessKeySecret" => Some(Self::Text),
            _ => None,
        }
    }
}

/// The document with fingerprints for keys and names for certificates. A field that this program does not know is not
/// shown: it may be a key's, misspelt.
#[must_use]
pub fn without_keys(document: &Value) -> Value {
    let Value::Object(fields) = document else { return Value::Null };
    let roots = fields.get(AlipayApp::ROOTS).and_then(Value::as_str);
    let roots = roots.and_then(|file| RootCertificates::parse(file).ok());
    let shown = fields.iter().map(|(name, value)| match KeyForm::from_field(name) {
        Some(form) => (name.clone(), fingerprints(form, value)),
        None if AlipayApp::CERTIFICATES.contains(&name.as_str()) => {
            (name.clone(), certificates(name, value, roots.as_ref()))
        }
        None if PLAIN.contains(&name.as_str()) => (name.clone(), plain(value)),
        None => (word(name).to_owned(), "(unknown field)".into()),
    });
    Value::Object(shown.collect())
}

/// A name may be a value in the wrong place, a key even.
pub(super) fn word(name: &str) -> &str {
    let is_a_word = name.len() <= 24 && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if is_a_word { name } else { "(a field whose name is no word)" }
}

/// No field that is shown holds an object.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(_) => "(an object)".into(),
        Value::Array(values) => values.iter().map(plain).collect(),
        value => value.clone(),
    }
}

fn fingerprints(form: KeyForm, value: &Value) -> Value {
    match value {
        Value::String(key) => fingerprint(form, key)
            .map_or_else(|| "(no key that can serve)".into(), |fingerprint| fingerprint.to_string().into()),
        Value::Array(keys) => keys.iter().map(|key| fingerprints(form, key)).collect(),
        _ => Value::Null,
    }
}

fn certificates(field: &str, value: &Value, roots: Option<&RootCertificates>) -> Value {
    match value {
        Value::String(file) => certificate(field, file, roots)
            .unwrap_or_else(|_| "(no certificate that can serve)".to_owned())
            .into(),
        Value::Array(files) => files.iter().map(|file| certificates(field, file, roots)).collect(),
        _ => Value::Null,
    }
}

/// SN and end of validity; for Alipay's certificate, the earliest end on its chain to the root.
fn certificate(
    field: &str,
    file: &str,
    roots: Option<&RootCertificates>,
) -> Result<String, CertificateError> {
    if field == AlipayApp::ROOTS {
        return Ok(format!("SN {}", RootCertificates::parse(file)?.sn()));
    }
    let certificate = match roots.filter(|_| field == AlipayApp::ALIPAY_CERTIFICATES) {
        Some(roots) => KeyCertificate::parse_with_chain(file, roots)?,
        None => KeyCertificate::parse(file)?,
    };
    Ok(format!("SN {}, until {}", certificate.sn(), rfc_3339(certificate.validity().until())))
}

/// The names of the keys of one field.
#[must_use]
pub fn keys_of(document: &Value, field: &str) -> Vec<KeyFingerprint> {
    let (Some(form), Value::Array(keys)) = (KeyForm::from_field(field), &document[field]) else {
        return Vec::new();
    };
    keys.iter().filter_map(|key| fingerprint(form, key.as_str()?)).collect()
}

/// The name of a key on the deny list, whatever form it is written in; `None` of what is no key.
#[must_use]
pub fn fingerprint(form: KeyForm, key: &str) -> Option<KeyFingerprint> {
    match form {
        KeyForm::Public => VerifyingKey::parse(key).ok().map(|key| *key.fingerprint()),
        KeyForm::Private => SigningKey::parse(key).ok().and_then(|key| key.fingerprint()),
        KeyForm::Text => Some(KeyFingerprint::new(key.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::signing::alibaba_cloud::AccessKeySecret;
    use shared::signing::md5::Md5Key;
    use strum::VariantArray as _;

    use super::*;
    use crate::documents::DocumentKind;
    use crate::keys::{new_rsa, private_pem, public_pem};

    #[test]
    fn keys_are_shown_by_their_names_on_the_deny_list_alone() {
        let key = new_rsa().unwrap();
        let (private, public) = (private_pem(&key).unwrap(), public_pem(&key.to_public_key()).unwrap());
        let line: String = public.lines().filter(|line| !line.starts_with('-')).collect();
        let secret = "0123456789abcdef";
        let document = json!({
            "publicKeys": [public, line], "privateKey": private, "md5Keys": [secret], "secrets": [secret],
            "merchantIds": ["M1"], "nextPrivateKey": "no key",
        });
        let shown = without_keys(&document);
        let named = |value: &Value| value.as_str().unwrap().parse::<KeyFingerprint>().unwrap();
        let of_pair = *VerifyingKey::parse(&public).unwrap().fingerprint();
        for place in [&shown["publicKeys"][0], &shown["publicKeys"][1], &shown["privateKey"]] {
            assert_eq!(named(place), of_pair, "every form of a key has one name");
        }
        assert_eq!(named(&shown["md5Keys"][0]), *Md5Key::new(secret).unwrap().fingerprint());
        assert_eq!(named(&shown["secrets"][0]), *AccessKeySecret::new(secret).unwrap().fingerprint());
        assert_eq!(
            (&shown["merchantIds"], &shown["nextPrivateKey"]),
            (&json!(["M1"]), &json!("(no key that can serve)"))
        );
        let text = shown.to_string();
        assert!(!text.contains("BEGIN") && !text.contains(secret), "{text}");
        assert_eq!(keys_of(&document, "publicKeys"), [of_pair, of_pair]);
        assert_eq!(keys_of(&document, "md5Keys"), [KeyFingerprint::new(secret.as_bytes())]);
    }

    #[test]
    fn certificates_are_shown_by_the_names_that_alipay_has_for_them() {
        let document = json!({
            "appCertificate": "no certificate",
            "alipayCertificates": [include_str!("../../../tests/vectors/alipay-certificate.crt")],
            "alipayRootCertificates": include_str!("../../../tests/vectors/alipay-roots.crt"),
        });
        let shown = json!({
            "appCertificate": "(no certificate that can serve)",
            "alipayCertificates": ["SN 7513daaaa48aa3ba2e4018d84402479c, until 2022-05-14T14:42:01Z"],
            "alipayRootCertificates": "SN 687b59193f3f462dd5336e5abf83c5d8_02941eef3187dddf3d3b83462e1dfcf6",
        });
        assert_eq!(without_keys(&document), shown);
    }

    #[test]
    fn a_field_that_nobody_knows_is_not_shown() {
        let document = json!({
            "privatKey": "hush-1", "md5keys": ["hush-2"], "merchantName": {"key": "hush-3"},
            "MIIEvgIBADANBgkqhkiG9w0BAQEFAASC": 1, "merchantIds": ["M1"],
        });
        let shown = without_keys(&document);
        let text = shown.to_string();
        assert!(!text.contains("hush") && !text.contains("MIIE"), "{text}");
        assert_eq!((&shown["privatKey"], &shown["merchantIds"]), (&json!("(unknown field)"), &json!(["M1"])));
    }

    #[test]
    fn every_field_of_every_document_is_known() {
        let documented =
            include_str!("../../../docs/configuration.md").split_once("\n## Documents\n").unwrap().1;
        let documented = documented.split_once("\n## When a change takes effect").unwrap().0;
        let fields = documented.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let mut count = 0;
        for field in fields {
            let is_known = KeyForm::from_field(field).is_some()
                || PLAIN.contains(&field)
                || AlipayApp::CERTIFICATES.contains(&field);
            assert!(is_known, "{field}");
            count += 1;
        }
        assert!(count > 40, "{count} rows");
        for &kind in DocumentKind::VARIANTS {
            for field in kind.sound().unwrap().as_object().unwrap().keys() {
                assert!(KeyForm::from_field(field).is_some() || PLAIN.contains(&field.as_str()), "{field}");
            }
        }
    }
}
