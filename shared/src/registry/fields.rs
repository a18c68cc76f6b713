//! Reading a document field by field.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::model::scope::Scope;
use crate::secrets::DocumentError;
use crate::signing::md5::{MIN_KEY_CHARACTERS, Md5Key};
use crate::signing::rsa::KeyFormError;

/// Keys of one kind that are valid at once: one, or two while one replaces the other.
pub(super) const KEYS_AT_ONCE: usize = 2;

const DEFAULT_LINK_LIFETIME_SECS: u64 = 24 * 60 * 60;
const LINK_LIFETIME_SECS: RangeInclusive<u64> = 60..=30 * 24 * 60 * 60;

/// How an owner's links are: the fields `linkLifetimeSecs` and `scope`.
pub(super) struct LinkTerms {
    pub(super) lifetime: Duration,
    pub(super) scope: Scope,
}

impl LinkTerms {
    pub(super) fn take(fields: &mut Fields) -> Result<Self, DocumentError> {
        let lifetime_secs = fields.number("linkLifetimeSecs")?.unwrap_or(DEFAULT_LINK_LIFETIME_SECS);
        if !LINK_LIFETIME_SECS.contains(&lifetime_secs) {
            return Err(DocumentError("linkLifetimeSecs must be 60 to 2592000".to_owned()));
        }
        let scope = parse_scope(fields.string("scope")?.as_deref())?;
        Ok(Self { lifetime: Duration::from_secs(lifetime_secs), scope })
    }
}

fn parse_scope(name: Option<&str>) -> Result<Scope, DocumentError> {
    match name {
        None | Some("auth_base") => Ok(Scope::AuthBase),
        Some("auth_user") => Ok(Scope::AuthUser),
        Some(_) => Err(DocumentError("scope must be auth_base or auth_user".to_owned())),
    }
}

pub(super) fn key_error(field: &str, error: &KeyFormError) -> DocumentError {
    DocumentError(format!("{field} {error}"))
}

/// The fields of a document that have not been taken yet.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn of(json: &str) -> Result<Self, DocumentError> {
        // The parser's own message could quote the document; its position cannot.
        let value = serde_json::from_str(json).map_err(|error| {
            DocumentError(format!("is not JSON at line {} column {}", error.line(), error.column()))
        })?;
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(DocumentError("is not a JSON object".to_owned())),
        }
    }

    pub(super) fn string(&mut self, field: &str) -> Result<Option<String>, DocumentError> {
        self.take(field, "a string", |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn boolean(&mut self, field: &str) -> Result<Option<bool>, DocumentError> {
        self.take(field, "true or false", Value::as_bool)
    }

    pub(super) fn number(&mut self, field: &str) -> Result<Option<u64>, DocumentError> {
        self.take(field, "a whole number", Value::as_u64)
    }

    pub(super) fn strings(&mut self, field: &str) -> Result<Option<Vec<String>>, DocumentError> {
        self.take(field, "a list of strings", |value| {
            value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        })
    }

    pub(super) fn required_string(&mut self, field: &str) -> Result<String, DocumentError> {
        self.string(field)?.ok_or_else(|| DocumentError(format!("needs {field}")))
    }

    /// One or two secret texts, each made into a key by `new`, which knows its form.
    pub(super) fn secrets<K>(
        &mut self,
        field: &str,
        form: &str,
        new: impl Fn(&str) -> Option<K>,
    ) -> Result<Vec<K>, DocumentError> {
        let texts = self.strings(field)?.unwrap_or_default();
        if !(1..=KEYS_AT_ONCE).contains(&texts.len()) {
            return Err(DocumentError(format!("{field} must hold 1 to {KEYS_AT_ONCE}")));
        }
        let keys = texts.iter().map(|text| new(text));
        keys.collect::<Option<_>>().ok_or_else(|| DocumentError(format!("{field}: one is not {form}")))
    }

    pub(super) fn key<K>(
        &mut self,
        field: &str,
        parse: impl Fn(&str) -> Result<K, KeyFormError>,
    ) -> Result<K, DocumentError> {
        let text = self.required_string(field)?;
        parse(&text).map_err(|error| key_error(field, &error))
    }

    pub(super) fn keys<K>(
        &mut self,
        field: &str,
        parse: impl Fn(&str) -> Result<K, KeyFormError>,
    ) -> Result<Vec<K>, DocumentError> {
        let texts = self.strings(field)?.unwrap_or_default();
        if texts.len() > KEYS_AT_ONCE {
            return Err(DocumentError(format!("{field} may hold {KEYS_AT_ONCE} at most")));
        }
        let parse_one = |(index, text): (usize, &String)| {
            parse(text).map_err(|error| key_error(&format!("{field}[{index}]"), &error))
        };
        texts.iter().enumerate().map(parse_one).collect()
    }

    /// No, one or two keys shared with the other side.
    pub(super) fn md5_keys(&mut self, field: &str) -> Result<Vec<Md5Key>, DocumentError> {
        let texts = self.strings(field)?.unwrap_or_default();
        if texts.len() > KEYS_AT_ONCE {
            return Err(DocumentError(format!("{field} may hold {KEYS_AT_ONCE} at most")));
        }
        let too_short =
            || DocumentError(format!("{field}: one has fewer than {MIN_KEY_CHARACTERS} characters"));
        texts.iter().map(|text| Md5Key::new(text).ok_or_else(too_short)).collect()
    }

    fn take<T>(
        &mut self,
        field: &str,
        expected: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, DocumentError> {
        match self.0.remove(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                read(&value).map(Some).ok_or_else(|| DocumentError(format!("{field} must be {expected}")))
            }
        }
    }

    pub(super) fn finish(self) -> Result<(), DocumentError> {
        match self.0.into_iter().next() {
            None => Ok(()),
            // A name that is no word might be a key that slipped out of its quotes.
            Some((name, _))
                if name.len() <= 24
                    && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_') =>
            {
                Err(DocumentError(format!("has an unknown field {name}")))
            }
            Some(_) => Err(DocumentError("has an unknown field".to_owned())),
        }
    }
}
