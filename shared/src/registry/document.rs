//! Reads a document: JSON into a struct of its fields, and that into the validated type.
//!
//! A wrong document is reported by field and position. A value is never quoted, nor a field's name that may be a value
//! in the wrong place: each of them may be a key.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_path_to_error::Segment;

use crate::model::scope::Scope;
use crate::secrets::DocumentError;
use crate::signing::md5::{MIN_KEY_CHARACTERS, Md5Key};
use crate::signing::rsa::{KeyFormError, SigningKey, VerifyingKey};

/// Keys of one kind that are valid at once: one, or two while one replaces the other.
const KEYS_AT_ONCE: usize = 2;

const DEFAULT_LINK_LIFETIME_SECS: u64 = 24 * 60 * 60;
const LINK_LIFETIME_SECS: RangeInclusive<u64> = 60..=30 * 24 * 60 * 60;

/// Reads `json` into the fields `F`, and these into the document `D`.
///
/// # Errors
/// The flaw; if it is one of the JSON, or of a field's name or type, with the line and column that follow it.
pub(super) fn read<'de, F, D>(json: &'de str) -> Result<D, DocumentError>
where
    F: Deserialize<'de>,
    D: TryFrom<F, Error = DocumentError>,
{
    if json.starts_with('\u{feff}') {
        return Err(DocumentError("begins with a byte order mark; save it as UTF-8 without one".to_owned()));
    }
    serde_json::from_str::<IgnoredAny>(json).map_err(|error| {
        DocumentError(format!("is not JSON at line {} column {}", error.line(), error.column()))
    })?;
    // A struct would also be read from a list, by the order of its fields.
    if !json.trim_ascii_start().starts_with('{') {
        return Err(DocumentError("is not a JSON object".to_owned()));
    }
    let fields = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(json));
    D::try_from(fields.map_err(|error| flaw::<F>(&error))?)
}

/// The text of [`Field`]'s errors and serde's own on repeated fields name no value; that of an unknown field does.
fn flaw<'de, F: Deserialize<'de>>(error: &serde_path_to_error::Error<serde_json::Error>) -> DocumentError {
    let flaw = error.inner();
    DocumentError(match error.path().iter().next() {
        Some(Segment::Map { key }) if field_names::<F>().contains(&key.as_str()) => format!("{key} {flaw}"),
        Some(Segment::Map { key }) => {
            let is_a_word =
                key.len() <= 24 && key.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
            let shown = if is_a_word { format!(" {key}") } else { String::new() };
            format!("has an unknown field{shown} at line {} column {}", flaw.line(), flaw.column())
        }
        _ => format!("has a {flaw}"),
    })
}

/// The names of a struct's fields, by what its `Deserialize` asks a deserializer for.
fn field_names<'de, F: Deserialize<'de>>() -> &'static [&'static str] {
    struct Names<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Names<'_> {
        type Error = de::value::Error;

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = fields;
            self.deserialize_any(visitor)
        }

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(de::Error::custom("there is no value"))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut names: &'static [&'static str] = &[];
    F::deserialize(Names(&mut names)).map_or_else(drop, drop);
    names
}

/// A field of a document: absent or null, or a value of its type.
pub(super) struct Field<T>(Option<T>);

impl<T> Default for Field<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Field<T> {
    pub(super) fn optional(self) -> Option<T> {
        self.0
    }

    pub(super) fn or(self, default: T) -> T {
        self.0.unwrap_or(default)
    }

    pub(super) fn required(self, name: &str) -> Result<T, DocumentError> {
        self.0.ok_or_else(|| DocumentError(format!("needs {name}")))
    }
}

impl<'de, T: FromValue> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(ValueVisitor)? {
            Value::Null => Ok(Self(None)),
            value => T::from_value(value)
                .map(|value| Self(Some(value)))
                .ok_or_else(|| de::Error::custom(format_args!("must be {}", T::EXPECTED))),
        }
    }
}

/// A value of a document. There is one for every JSON, so that serde has none to complain of.
pub(super) enum Value {
    Null,
    Flag(bool),
    Number(u64),
    Text(SecretString),
    List(Vec<Self>),
    Other,
}

/// A type that a field may have.
pub(super) trait FromValue: Sized {
    const EXPECTED: &'static str;

    fn from_value(value: Value) -> Option<Self>;
}

impl FromValue for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Flag(flag) = value { Some(flag) } else { None }
    }
}

impl FromValue for u64 {
    const EXPECTED: &'static str = "a whole number";

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Number(number) = value { Some(number) } else { None }
    }
}

impl FromValue for SecretString {
    const EXPECTED: &'static str = "a string";

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text) } else { None }
    }
}

impl FromValue for String {
    const EXPECTED: &'static str = SecretString::EXPECTED;

    fn from_value(value: Value) -> Option<Self> {
        SecretString::from_value(value).map(|text| text.expose_secret().to_owned())
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    const EXPECTED: &'static str = "a list of strings";

    fn from_value(value: Value) -> Option<Self> {
        if let Value::List(values) = value { values.into_iter().map(T::from_value).collect() } else { None }
    }
}

struct ValueVisitor;

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}

/// The terms of an owner's links: the fields `linkLifetimeSecs` and `scope`.
pub(super) struct LinkTerms {
    pub(super) lifetime: Duration,
    pub(super) scope: Scope,
}

impl LinkTerms {
    pub(super) fn new(lifetime_secs: Field<u64>, scope: Field<String>) -> Result<Self, DocumentError> {
        let lifetime_secs = lifetime_secs.or(DEFAULT_LINK_LIFETIME_SECS);
        if !LINK_LIFETIME_SECS.contains(&lifetime_secs) {
            return Err(DocumentError("linkLifetimeSecs must be 60 to 2592000".to_owned()));
        }
        let scope = match scope.optional().as_deref() {
            None | Some("auth_base") => Scope::AuthBase,
            Some("auth_user") => Scope::AuthUser,
            Some(_) => return Err(DocumentError("scope must be auth_base or auth_user".to_owned())),
        };
        Ok(Self { lifetime: Duration::from_secs(lifetime_secs), scope })
    }
}

/// A list of key texts.
pub(super) type KeyTexts = Field<Vec<SecretString>>;

/// One key, made of its text by `parse`.
pub(super) fn key<K>(
    name: &str,
    text: &SecretString,
    parse: impl Fn(&str) -> Result<K, KeyFormError>,
) -> Result<K, DocumentError> {
    parse(text.expose_secret()).map_err(|error| DocumentError(format!("{name} {error}")))
}

/// No, one or two keys, each made of its text by `parse`.
pub(super) fn keys<K>(
    name: &str,
    texts: KeyTexts,
    parse: impl Fn(&str) -> Result<K, KeyFormError>,
) -> Result<Vec<K>, DocumentError> {
    let texts = at_most_two(name, texts)?;
    let texts = texts.iter().enumerate();
    texts.map(|(index, text)| key(&format!("{name}[{index}]"), text, &parse)).collect()
}

/// Refuses our own public key where another party's belongs: the private key that it is the half of stands beside it.
pub(super) fn no_own_key(name: &str, keys: &[VerifyingKey], own: &SigningKey) -> Result<(), DocumentError> {
    keys.iter().position(|key| key.is_half_of(own)).map_or(Ok(()), |index| {
        let flaw = "is the public half of our own privateKey; the other side's public key belongs here";
        Err(DocumentError(format!("{name}[{index}] {flaw}")))
    })
}

/// No, one or two keys shared with the other side.
pub(super) fn md5_keys(name: &str, texts: KeyTexts) -> Result<Vec<Md5Key>, DocumentError> {
    let too_short = || DocumentError(format!("{name}: one has fewer than {MIN_KEY_CHARACTERS} characters"));
    let texts = at_most_two(name, texts)?;
    texts.iter().map(|text| Md5Key::new(text.expose_secret()).ok_or_else(too_short)).collect()
}

/// The address that callbacks go to unless a request names one; an empty one is none. Whether it is acceptable depends
/// on the deployment, but for a fragment, which no server is ever sent.
pub(super) fn callback_address(name: &str, address: Field<String>) -> Result<Option<String>, DocumentError> {
    let address = address.optional().filter(|address| !address.is_empty());
    if address.as_ref().is_some_and(|address| address.contains('#')) {
        return Err(DocumentError(format!("{name} must not hold a fragment (#…)")));
    }
    Ok(address)
}

fn at_most_two(name: &str, texts: KeyTexts) -> Result<Vec<SecretString>, DocumentError> {
    let texts = texts.or(Vec::new());
    if texts.len() > KEYS_AT_ONCE {
        return Err(DocumentError(format!("{name} may hold {KEYS_AT_ONCE} at most")));
    }
    Ok(texts)
}

/// One or two secret texts, each made into a key by `new`, which accepts texts of `form`.
pub(super) fn secrets<K>(
    name: &str,
    texts: KeyTexts,
    form: &str,
    new: impl Fn(&str) -> Option<K>,
) -> Result<Vec<K>, DocumentError> {
    let texts = texts.or(Vec::new());
    if !(1..=KEYS_AT_ONCE).contains(&texts.len()) {
        return Err(DocumentError(format!("{name} must hold 1 to {KEYS_AT_ONCE}")));
    }
    let keys = texts.iter().map(|text| new(text.expose_secret()));
    keys.collect::<Option<_>>().ok_or_else(|| DocumentError(format!("{name}: one is not {form}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry::{
        AccessKey, Account, AlibabaCloudKey, AlipayApp, Business, CallbackKey, LinkToken, PhoneKey, Platform,
        Scheme,
    };
    use crate::secrets::Document;

    fn reason<D: Document>(json: &str) -> String {
        D::parse(json).err().map(|DocumentError(reason)| reason).unwrap_or_default()
    }

    #[test]
    fn an_address_with_a_fragment_is_refused_by_name() {
        assert_eq!(
            reason::<Business>(r#"{"defaultCallbackUrl": "https://a.example/#/back"}"#),
            "defaultCallbackUrl must not hold a fragment (#…)"
        );
        let scheme = json!({"merchantName": "A", "accountId": "1001", "callbackUrl": "https://a.example/#"});
        assert_eq!(reason::<Scheme>(&scheme.to_string()), "callbackUrl must not hold a fragment (#…)");
    }

    #[test]
    fn a_flaw_is_named_by_field_and_position() {
        for (json, expected) in [
            ("", "is not JSON at line 1 column 0"),
            ("{\n  \"enabled\": yes\n}", "is not JSON at line 2 column 14"),
            ("{} {}", "is not JSON at line 1 column 4"),
            ("[]", "is not a JSON object"),
            ("{\n  \"enabled\": \"yes\"\n}", "enabled must be true or false at line 3 column 1"),
            (r#"{"merchantIds": "M1"}"#, "merchantIds must be a list of strings at line 1 column 21"),
            (r#"{"merchantIds": ["M1", 7]}"#, "merchantIds must be a list of strings at line 1 column 26"),
            (r#"{"linkLifetimeSecs": 60.0}"#, "linkLifetimeSecs must be a whole number at line 1 column 26"),
            (r#"{"linkLifetimeSecs": -60}"#, "linkLifetimeSecs must be a whole number at line 1 column 25"),
            (
                r#"{"linkLifetimeSecs": {"a": 1}}"#,
                "linkLifetimeSecs must be a whole number at line 1 column 30",
            ),
            (r#"{"allowedIPs": []}"#, "has an unknown field allowedIPs at line 1 column 13"),
            (r#"{"enabled": true, "enabled": true}"#, "has a duplicate field `enabled` at line 1 column 27"),
        ] {
            assert_eq!(reason::<Business>(json), expected, "{json}");
        }
    }

    #[test]
    fn null_is_an_absent_field() {
        assert_eq!(reason::<Account>(r#"{"suspended": null, "requestsPerSecond": null}"#), "");
    }

    fn never_quotes<'de, F: Deserialize<'de>, D: Document>() {
        const SECRET: &str = "0123456789abcdef-hush";
        let names = field_names::<F>();
        assert!(!names.is_empty());
        for value in [json!(SECRET), json!([SECRET]), json!([[SECRET]]), json!({SECRET: SECRET}), json!(true)]
        {
            for name in names {
                let reason = reason::<D>(&json!({ *name: value }).to_string());
                assert!(!reason.contains("hush"), "{reason}");
                // A name that is right, before the secret in the place of another.
                let json = format!("{{\"{name}\": null, \"{SECRET}\": {value}}}");
                let reason = self::reason::<D>(&json);
                assert!(reason.starts_with("has an unknown field at line 1 column "), "{reason}");
            }
        }
        for json in [
            json!(SECRET).to_string(),
            json!([SECRET]).to_string(),
            json!({SECRET: 1}).to_string(),
            SECRET.to_owned(),
            format!("{{\"{SECRET}"),
            format!("{{\"{}\": \"{SECRET}", names[0]),
            format!("{{\"{}\": {SECRET}}}", names[0]),
            format!("{{\"{}\": \"\\ud800{SECRET}\"}}", names[0]),
        ] {
            let reason = reason::<D>(&json);
            assert!(!reason.is_empty() && !reason.contains("hush"), "{reason}");
        }
    }

    #[test]
    fn a_secret_in_a_wrong_place_is_never_quoted() {
        never_quotes::<crate::registry::access_key::AccessKeyFields, AccessKey>();
        never_quotes::<crate::registry::account::AccountFields, Account>();
        never_quotes::<crate::registry::alibaba_cloud_key::AlibabaCloudKeyFields, AlibabaCloudKey>();
        never_quotes::<crate::registry::alipay_app::AlipayAppFields, AlipayApp>();
        never_quotes::<crate::registry::business::BusinessFields, Business>();
        never_quotes::<crate::registry::callback_key::CallbackKeyFields, CallbackKey>();
        never_quotes::<crate::registry::link_token::LinkTokenFields, LinkToken>();
        never_quotes::<crate::registry::phone_key::PhoneKeyFields, PhoneKey>();
        never_quotes::<crate::registry::platform::PlatformFields, Platform>();
        never_quotes::<crate::registry::scheme::SchemeFields, Scheme>();
    }
}
