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
use url::Url;
use zeroize::ZeroizeOnDrop;

use crate::egress::callback_url::{CallbackRules, CallbackUrl};
use crate::egress::web_url::is_this_machine;
use crate::model::party_id::FORM;
use crate::model::scope::Scope;
use crate::registry::place::Place;
use crate::secrets::DocumentError;
use crate::signing::md5::{MIN_KEY_CHARACTERS, Md5Key};
use crate::signing::rsa::{KeyFormError, SigningKey, VerifyingKey};

/// Keys of one kind that are valid at once: one, or two while one replaces the other.
const KEYS_AT_ONCE: usize = 2;

const DEFAULT_LINK_LIFETIME_SECS: u64 = 24 * 60 * 60;
const LINK_LIFETIME_SECS: RangeInclusive<u64> = 60..=30 * 24 * 60 * 60;

/// Reads `json` into the fields `F`, and these into the document `D` by `make`.
///
/// # Errors
/// The flaw with its line and column: those of the value at fault or, for a flaw of the JSON or of a field's name or
/// type, those that follow it.
pub(super) fn read<'de, F: Deserialize<'de>, D>(
    json: &'de str,
    make: impl FnOnce(F) -> Result<D, DocumentError>,
) -> Result<D, DocumentError> {
    if json.starts_with('\u{feff}') {
        let flaw = "begins with a byte order mark at line 1 column 1; save it as UTF-8 without one";
        return Err(DocumentError::whole(flaw));
    }
    serde_json::from_str::<IgnoredAny>(json).map_err(|error| not_json(json, Place::of_error(&error)))?;
    // A struct would also be read from a list, by the order of its fields.
    if !json.trim_ascii_start().starts_with('{') {
        return Err(DocumentError::whole("is not a JSON object"));
    }
    let fields = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(json));
    let document = make(fields.map_err(|error| flaw::<F>(&error))?);
    document.map_err(|error| with_place(json, error))
}

fn not_json(json: &str, place: Place) -> DocumentError {
    DocumentError::whole(if place.follows_a_comma(json) {
        format!("is not JSON: a comma before a closing bracket, at {place}")
    } else {
        format!("is not JSON at {place}")
    })
}

/// The same flaw with its place, if it is of a field that is there.
fn with_place(json: &str, error: DocumentError) -> DocumentError {
    match error.path.as_deref().and_then(|path| Place::of_value(json, path)) {
        Some(place) => DocumentError { flaw: format!("{} at {place}", error.flaw), ..error },
        None => error,
    }
}

/// The text of [`Field`]'s errors and serde's own on repeated fields name no value; that of an unknown field does.
fn flaw<'de, F: Deserialize<'de>>(error: &serde_path_to_error::Error<serde_json::Error>) -> DocumentError {
    let flaw = error.inner();
    match error.path().iter().next() {
        Some(Segment::Map { key }) if field_names::<F>().contains(&key.as_str()) => {
            DocumentError::new(key, flaw.to_string())
        }
        Some(Segment::Map { key }) => {
            let is_a_word =
                key.len() <= 24 && key.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
            let shown = if is_a_word { format!(" {key}") } else { String::new() };
            let (line, column) = (flaw.line(), flaw.column());
            DocumentError::whole(format!("has an unknown field{shown} at line {line} column {column}"))
        }
        _ => DocumentError::whole(format!("has a {flaw}")),
    }
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
        self.0.ok_or_else(|| DocumentError::whole(format!("needs {name}")))
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

/// Compiles as long as a text, which may be a key, is overwritten when it is dropped.
const _: fn(&Value) -> Option<&dyn ZeroizeOnDrop> =
    |it| if let Value::Text(text) = it { Some(text) } else { None };

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
            return Err(DocumentError::new("linkLifetimeSecs", "must be 60 to 2592000"));
        }
        let flaw = |_| DocumentError::new("scope", "must be auth_base or auth_user");
        let scope = scope.optional().map(|name| name.parse().map_err(flaw)).transpose()?.unwrap_or_default();
        Ok(Self { lifetime: Duration::from_secs(lifetime_secs), scope })
    }
}

/// The flaw of a field that should hold an id.
pub(super) fn no_id(name: &str) -> DocumentError {
    DocumentError::new(name, format!("must be {FORM}"))
}

/// A list of key texts.
pub(super) type KeyTexts = Field<Vec<SecretString>>;

/// One key, made of its text by `parse`.
pub(super) fn key<K>(
    name: &str,
    text: &SecretString,
    parse: impl Fn(&str) -> Result<K, KeyFormError>,
) -> Result<K, DocumentError> {
    parse(text.expose_secret()).map_err(|error| DocumentError::new(name, error.to_string()))
}

/// No, one or two keys, each made of its text by `parse`.
pub(super) fn keys<K>(
    name: &str,
    texts: KeyTexts,
    parse: impl Fn(&str) -> Result<K, KeyFormError>,
) -> Result<Vec<K>, DocumentError> {
    each(name, &at_most_two(name, texts)?, |path, text| key(path, text, &parse))
}

/// What `read` makes of each value of a list, by its place, such as `name[1]`.
pub(super) fn each<T, V>(
    name: &str,
    list: &[T],
    read: impl Fn(&str, &T) -> Result<V, DocumentError>,
) -> Result<Vec<V>, DocumentError> {
    let places = list.iter().enumerate();
    places.map(|(index, value)| read(&format!("{name}[{index}]"), value)).collect()
}

/// Refuses our own public key where another party's belongs: the private key that it is the half of stands beside it.
pub(super) fn no_own_key(name: &str, keys: &[VerifyingKey], own: &SigningKey) -> Result<(), DocumentError> {
    keys.iter().position(|key| key.is_half_of(own)).map_or(Ok(()), |index| {
        let flaw = "is the public half of our own privateKey; the other side's public key belongs here";
        Err(DocumentError::new(format!("{name}[{index}]"), flaw))
    })
}

/// No, one or two keys shared with the other side.
pub(super) fn md5_keys(name: &str, texts: KeyTexts) -> Result<Vec<Md5Key>, DocumentError> {
    each(name, &at_most_two(name, texts)?, |path, text| {
        shared_text(path, text)?;
        let short = || format!("has fewer than {MIN_KEY_CHARACTERS} characters");
        Md5Key::new(text.expose_secret()).ok_or_else(|| DocumentError::new(path, short()))
    })
}

/// Refuses what slips into a shared text when it is copied: both sides would use it and differ by what nobody sees. The
/// forms of RSA keys leave it out by themselves.
fn shared_text(path: &str, text: &SecretString) -> Result<(), DocumentError> {
    let text = text.expose_secret();
    let flaw = if text.chars().any(|char| char.is_control() || char == '\u{feff}') {
        "holds a control character, such as a line break"
    } else if text.trim() != text {
        "begins or ends with white space"
    } else {
        return Ok(());
    };
    Err(DocumentError::new(path, flaw))
}

/// The address that callbacks go to unless a request names one; an empty one is none. A fragment, which no server is
/// ever sent, and plain HTTP to another machine that `rules` do not exempt are slips of whoever wrote the document.
/// Whatever else is not acceptable is seen at each attempt.
pub(super) fn callback_address(
    name: &str,
    address: Field<String>,
    rules: &CallbackRules,
) -> Result<Option<String>, DocumentError> {
    let Some(address) = address.optional().filter(|address| !address.is_empty()) else { return Ok(None) };
    if address.contains('#') {
        return Err(DocumentError::new(name, "must not hold a fragment (#…)"));
    }
    let is_plain = |url: Url| url.scheme() == "http" && !is_this_machine(&url);
    if Url::parse(&address).is_ok_and(is_plain) && CallbackUrl::parse(&address, rules).is_err() {
        return Err(DocumentError::new(name, "must be https, not http"));
    }
    Ok(Some(address))
}

/// The texts, if there are no more than two keys or certificates may be at once.
pub(super) fn at_most_two(name: &str, texts: KeyTexts) -> Result<Vec<SecretString>, DocumentError> {
    let texts = texts.or(Vec::new());
    if texts.len() > KEYS_AT_ONCE {
        return Err(DocumentError::new(name, format!("may hold {KEYS_AT_ONCE} at most")));
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
        return Err(DocumentError::new(name, format!("must hold 1 to {KEYS_AT_ONCE}")));
    }
    each(name, &texts, |path, text| {
        shared_text(path, text)?;
        new(text.expose_secret()).ok_or_else(|| DocumentError::new(path, format!("is not {form}")))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::egress::callback_url::Origin;
    use crate::registry::{
        AccessKey, Account, AlibabaCloudKey, AlipayApp, Business, CallbackKey, LinkTokenKeys, PhoneKey,
        Platform, Scheme,
    };
    use crate::secrets::Document;

    fn reason<D: Document>(json: &str) -> String {
        D::parse(json).err().map(|flaw| flaw.to_string()).unwrap_or_default()
    }

    #[test]
    fn an_address_with_a_fragment_is_refused_by_name() {
        assert_eq!(
            reason::<Business>(r#"{"defaultCallbackUrl": "https://a.example/#/back"}"#),
            "defaultCallbackUrl must not hold a fragment (#…) at line 1 column 24"
        );
        let scheme = json!({"merchantName": "A", "accountId": "1001", "callbackUrl": "https://a.example/#"});
        let reason = reason::<Scheme>(&scheme.to_string());
        assert_eq!(reason, "callbackUrl must not hold a fragment (#…) at line 1 column 35");
    }

    #[test]
    fn a_flaw_is_named_by_field_and_position() {
        for (json, expected) in [
            ("", "is not JSON at line 1 column 0"),
            ("{\n  \"enabled\": yes\n}", "is not JSON at line 2 column 14"),
            ("{} {}", "is not JSON at line 1 column 4"),
            (
                "{\n  \"enabled\": true,\n}",
                "is not JSON: a comma before a closing bracket, at line 3 column 1",
            ),
            (
                r#"{"merchantIds": ["M1", ]}"#,
                "is not JSON: a comma before a closing bracket, at line 1 column 24",
            ),
            ("\u{feff}{}", "begins with a byte order mark at line 1 column 1; save it as UTF-8 without one"),
            (
                "{\"merchantIds\": [\"M1\"],\n \"md5Keys\": [\"0123456789abcdef\", \" 0123456789abcdef\"]}",
                "md5Keys[1] begins or ends with white space at line 2 column 34",
            ),
            (
                r#"{"md5Keys": ["0123456789abcdef\n"]}"#,
                "md5Keys[0] holds a control character, such as a line break at line 1 column 14",
            ),
            (r#"{"md5Keys": ["short"]}"#, "md5Keys[0] has fewer than 16 characters at line 1 column 14"),
            (
                r#"{"md5Keys": ["0123456789abcdef"], "defaultCallbackUrl": "http://shop.example/"}"#,
                "defaultCallbackUrl must be https, not http at line 1 column 57",
            ),
            (r#"{"publicKeys": ["x"]}"#, "publicKeys[0] is neither PEM nor Base64 at line 1 column 17"),
            (
                r#"{"allowedIps": ["10.0.0.0/8", "x"]}"#,
                "allowedIps[1] is neither an address nor a CIDR range at line 1 column 31",
            ),
            (
                r#"{"returnUrls": ["shop.example"]}"#,
                "returnUrls[0] is not an origin, such as https://shop.example.com at line 1 column 17",
            ),
            (
                r#"{"upstream": "a b"}"#,
                "upstream must be 1 to 64 characters of A-Z a-z 0-9 _ - at line 1 column 14",
            ),
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
    fn a_plain_address_holds_where_its_origin_is_exempt_and_nowhere_else() {
        let rules = CallbackRules {
            dangerous_origins: vec![Origin::parse("http://merchant:8080").unwrap()],
            ..CallbackRules::default()
        };
        let flaw = "must be https, not http at line 1 column 23";
        for (address, by_default, exempt) in [
            ("http://merchant:8080/cb", Some(flaw), None),
            ("http://merchant:8081/cb", Some(flaw), Some(flaw)),
            ("http://10.0.0.1/cb", Some(flaw), Some(flaw)),
            ("http://127.0.0.1:8789/cb", None, None),
            ("http://localhost:8789/cb", None, None),
            ("https://merchant.example/cb", None, None),
        ] {
            for (rules, expected) in [(&CallbackRules::default(), by_default), (&rules, exempt)] {
                let document = json!({
                    "defaultCallbackUrl": address, "merchantIds": ["M1"], "md5Keys": ["0123456789abcdef"],
                });
                let error = Business::parse_by(&document.to_string(), rules).err();
                assert_eq!(error, expected.map(|flaw| DocumentError::new("defaultCallbackUrl", flaw)));
            }
        }
    }

    #[test]
    fn an_app_of_its_own_is_an_id_and_only_where_we_make_the_links() {
        let business = |more: &str| {
            format!(r#"{{"alipayApp": {more}, "md5Keys": ["0123456789abcdef"], "merchantIds": ["M1"]}}"#)
        };
        let scheme =
            |more: &str| format!(r#"{{"alipayApp": {more}, "merchantName": "A", "accountId": "1001"}}"#);
        let no_id = "alipayApp must be an app's id, 1 to 32 digits at line 1 column 15";
        for app in [r#""own""#, r#""""#] {
            assert_eq!(
                (reason::<Business>(&business(app)), reason::<Scheme>(&scheme(app))),
                (no_id.into(), no_id.into())
            );
        }
        assert_eq!(
            (reason::<Business>(&business(r#""2""#)), reason::<Scheme>(&scheme(r#""2""#))),
            Default::default()
        );
        assert_eq!(
            reason::<Business>(&business(r#""2", "upstream": "east""#)),
            "alipayApp would not be used, as upstream makes the links at line 1 column 15"
        );
        assert_eq!(
            reason::<Scheme>(&scheme(r#""2", "source": "aliyun""#)),
            "alipayApp would not be used, as source is aliyun at line 1 column 15"
        );
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
        never_quotes::<crate::registry::link_token::LinkTokenKeysFields, LinkTokenKeys>();
        never_quotes::<crate::registry::phone_key::PhoneKeyFields, PhoneKey>();
        never_quotes::<crate::registry::platform::PlatformFields, Platform>();
        never_quotes::<crate::registry::scheme::SchemeFields, Scheme>();
    }
}
