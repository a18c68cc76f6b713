//! A rotation in two named steps: the new key beside the old one, and, when the other side has changed, the old one
//! out.

use clap::ValueEnum;
use serde_json::Value;
use shared::registry::AlipayApp;
use shared::signing::alipay_certificate::KeyCertificate;

use super::DocumentKind;

/// A list of keys of which one replaces another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyList {
    #[value(name = "publicKeys")]
    PublicKeys,
    #[value(name = "md5Keys")]
    Md5Keys,
    #[value(skip)]
    AlipayPublicKeys,
    #[value(skip)]
    AlipayCertificates,
    #[value(skip)]
    Secrets,
}

impl KeyList {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PublicKeys => "publicKeys",
            Self::Md5Keys => "md5Keys",
            Self::AlipayPublicKeys => AlipayApp::ALIPAY_KEYS,
            Self::AlipayCertificates => AlipayApp::ALIPAY_CERTIFICATES,
            Self::Secrets => "secrets",
        }
    }

    /// The option that says which of two lists is meant.
    const fn option(self) -> &'static str {
        match self {
            Self::PublicKeys | Self::Md5Keys | Self::Secrets => "--field",
            Self::AlipayPublicKeys | Self::AlipayCertificates => "--public-key or --alipay-certificate",
        }
    }

    /// The lists that a document of `kind` may have.
    #[must_use]
    pub const fn for_kind(kind: DocumentKind) -> &'static [Self] {
        match kind {
            DocumentKind::Business | DocumentKind::Platform => &[Self::PublicKeys, Self::Md5Keys],
            DocumentKind::AccessKey => &[Self::Secrets],
            DocumentKind::AlipayApp => &[Self::AlipayPublicKeys, Self::AlipayCertificates],
            _ => &[],
        }
    }

    fn keys(self, document: &mut Value) -> Result<&mut Vec<Value>, RotationError> {
        let keys = document.get_mut(self.as_str()).and_then(Value::as_array_mut);
        keys.filter(|keys| !keys.is_empty()).ok_or(RotationError::NoKeys)
    }
}

/// A step that cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    #[error("the document has no such keys")]
    NoKeys,
    #[error("the document has {} and {}: say by {} which of them change", .0.as_str(), .1.as_str(), .0.option())]
    TwoLists(KeyList, KeyList),
    #[error("two keys are there already: a rotation is under way, which `finish` ends")]
    UnderWay,
    #[error("this certificate is there already")]
    AlreadyThere,
    #[error("one key is there: no rotation is under way, `begin` one first")]
    NotBegun,
}

/// The list that a rotation changes: the one that was `chosen`, or the only one that there is.
///
/// # Errors
/// There is none, or there are two and none is chosen.
pub fn list(kind: DocumentKind, document: &Value, chosen: Option<KeyList>) -> Result<KeyList, RotationError> {
    match (chosen, with_keys(kind, document, 1).as_slice()) {
        (Some(chosen), there) if there.contains(&chosen) => Ok(chosen),
        (Some(_), _) | (None, []) => Err(RotationError::NoKeys),
        (None, [only]) => Ok(*only),
        (None, [first, second, ..]) => Err(RotationError::TwoLists(*first, *second)),
    }
}

/// The list whose rotation is under way, if there is one such list.
#[must_use]
pub fn under_way(kind: DocumentKind, document: &Value) -> Option<KeyList> {
    if let [only] = with_keys(kind, document, 2)[..] { Some(only) } else { None }
}

/// The lists that have so many keys at least.
fn with_keys(kind: DocumentKind, document: &Value, count: usize) -> Vec<KeyList> {
    let has_keys = |list: &KeyList| {
        document.get(list.as_str()).and_then(Value::as_array).is_some_and(|keys| keys.len() >= count)
    };
    KeyList::for_kind(kind).iter().copied().filter(has_keys).collect()
}

/// Puts `key` beside the one in `list`.
///
/// # Errors
/// There is no list, it has two, or the certificate is in it.
pub fn begin(document: &mut Value, list: KeyList, key: &str) -> Result<(), RotationError> {
    let keys = list.keys(document)?;
    let is_the_certificate =
        |there: &Value| there.as_str().is_some_and(|there| is_one_certificate(there, key));
    if list == KeyList::AlipayCertificates && keys.iter().any(is_the_certificate) {
        return Err(RotationError::AlreadyThere);
    }
    if keys.len() > 1 {
        return Err(RotationError::UnderWay);
    }
    keys.push(key.into());
    Ok(())
}

/// Puts a certificate's file in place of another one of the same certificate, whose issuers may be others.
///
/// # Errors
/// There is no list.
pub fn replace(document: &mut Value, list: KeyList, file: &str) -> Result<(), RotationError> {
    for there in list.keys(document)? {
        if there.as_str().is_some_and(|text| is_one_certificate(text, file)) {
            *there = file.into();
        }
    }
    Ok(())
}

/// True if both files are of one certificate, however they are written.
fn is_one_certificate(one: &str, other: &str) -> bool {
    match (KeyCertificate::parse(one), KeyCertificate::parse(other)) {
        (Ok(one), Ok(other)) => one.sn() == other.sn(),
        _ => one == other,
    }
}

/// Takes the older key out of `list`.
///
/// # Errors
/// There is no list, or it has one.
pub fn finish(document: &mut Value, list: KeyList) -> Result<(), RotationError> {
    let keys = list.keys(document)?;
    if keys.len() < 2 {
        return Err(RotationError::NotBegun);
    }
    keys.remove(0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_new_key_stands_beside_the_old_one_until_that_is_taken_out() {
        let (mut document, list) = (json!({"secrets": ["old"]}), KeyList::Secrets);
        assert_eq!(finish(&mut document, list), Err(RotationError::NotBegun));
        assert_eq!(begin(&mut document, list, "new"), Ok(()));
        assert_eq!(document, json!({"secrets": ["old", "new"]}));
        assert_eq!(begin(&mut document, list, "newer"), Err(RotationError::UnderWay));
        assert_eq!(finish(&mut document, list), Ok(()));
        assert_eq!(document, json!({"secrets": ["new"]}));
        assert_eq!(begin(&mut document, KeyList::Md5Keys, "x"), Err(RotationError::NoKeys));
    }

    #[test]
    fn a_rotation_that_is_under_way_says_itself_which_list_it_is_of() {
        let app = |keys: Value, certificates: Value| {
            let document = json!({"alipayPublicKeys": keys, "alipayCertificates": certificates});
            under_way(DocumentKind::AlipayApp, &document)
        };
        assert_eq!(app(json!(["a"]), json!(["b", "c"])), Some(KeyList::AlipayCertificates));
        assert_eq!(app(json!(["a", "b"]), Value::Null), Some(KeyList::AlipayPublicKeys));
        assert_eq!(app(json!(["a"]), json!(["b"])), None);
        assert_eq!(app(json!(["a", "b"]), json!(["c", "d"])), None);
    }

    #[test]
    fn of_two_lists_one_has_to_be_named() {
        let (rsa, md5) = (KeyList::PublicKeys, KeyList::Md5Keys);
        let both = json!({"publicKeys": ["a"], "md5Keys": ["b"]});
        let one = json!({"publicKeys": [], "md5Keys": ["b"], "secrets": ["c"]});
        for (kind, document, chosen, found) in [
            (DocumentKind::Business, &both, None, Err(RotationError::TwoLists(rsa, md5))),
            (DocumentKind::Business, &both, Some(rsa), Ok(rsa)),
            (DocumentKind::Platform, &both, Some(md5), Ok(md5)),
            (DocumentKind::Business, &one, None, Ok(md5)),
            (DocumentKind::Business, &one, Some(rsa), Err(RotationError::NoKeys)),
            (DocumentKind::AccessKey, &one, None, Ok(KeyList::Secrets)),
            (DocumentKind::Scheme, &one, None, Err(RotationError::NoKeys)),
        ] {
            assert_eq!(list(kind, document, chosen), found, "{kind:?} {document} {chosen:?}");
        }
    }
}
