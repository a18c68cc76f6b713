//! What stands in the secrets, parsed into proven types.
//!
//! Every field is read by name and type, and an unknown one is an error: a misspelt `allowedIps` must not open a
//! business to every address. Errors name the field and what it should be, never what it holds.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::{Document, DocumentError};
use crate::alipay::authorize::Scope;
use crate::signing::md5::{MIN_KEY_CHARACTERS, Md5Key};
use crate::signing::open_api::VerificationKeys;
use crate::signing::rsa::{KeyFormError, SigningKey, VerifyingKey};

const DEFAULT_LINK_LIFETIME_SECS: u64 = 24 * 60 * 60;
const LINK_LIFETIME_SECS: std::ops::RangeInclusive<u64> = 60..=30 * 24 * 60 * 60;
/// Keys of one kind that are valid at once: one, or two while one replaces the other.
const KEYS_AT_ONCE: usize = 2;

/// `business/<businessId>`: a caller of the open API.
///
/// | field | required | value |
/// |---|---|---|
/// | `publicKeys` | or `md5Keys` | one or two RSA public keys, in any usual form |
/// | `md5Keys` | or `publicKeys` | one or two shared keys; MD5 is accepted only from a business that has one |
/// | `merchantIds` | yes | the merchants that it may ask for |
/// | `enabled` | no, true | false switches the business off |
/// | `defaultCallbackUrl` | no | where to deliver when a request names no callbackUrl |
/// | `allowedIps` | no, any | addresses and CIDR ranges that requests may come from; not empty |
/// | `linkLifetimeSecs` | no, 86400 | 60 to 2592000 |
/// | `scope` | no, `auth_base` | `auth_base` or `auth_user` |
#[derive(Debug)]
pub struct Business {
    /// Whether it is switched on.
    pub enabled: bool,
    /// What its requests are verified with, and, if it has MD5 keys only, what its callbacks are signed with.
    pub keys: VerificationKeys,
    /// The merchants that it may ask for.
    pub merchant_ids: BTreeSet<String>,
    /// Where to deliver when a request named no address; judged at each attempt.
    pub default_callback_url: Option<String>,
    /// Where its requests may come from; empty means anywhere.
    pub allowed_ips: Vec<IpNet>,
    /// How long its links work.
    pub link_lifetime: Duration,
    /// What its users are asked for.
    pub scope: Scope,
}

impl Business {
    /// Whether a request may come from `source`; an unknown source only if any may.
    #[must_use]
    pub fn allows(&self, source: Option<IpAddr>) -> bool {
        let source = source.map(|address| address.to_canonical());
        self.allowed_ips.is_empty()
            || source.is_some_and(|source| self.allowed_ips.iter().any(|net| net.contains(&source)))
    }

    /// The key that its callbacks are signed with, if it is to be MD5: only for a business without a public key.
    #[must_use]
    pub fn callback_md5_key(&self) -> Option<&Md5Key> {
        if self.keys.rsa.is_empty() { self.keys.md5.first() } else { None }
    }
}

impl Document for Business {
    fn parse(json: &str) -> Result<Self, DocumentError> {
        let mut fields = Fields::of(json)?;
        let public_keys = fields.keys("publicKeys", VerifyingKey::parse)?;
        let md5_keys = fields.strings("md5Keys")?.unwrap_or_default();
        let merchant_ids: BTreeSet<_> =
            fields.strings("merchantIds")?.unwrap_or_default().into_iter().collect();
        let allowed_ips = fields.strings("allowedIps")?;
        if allowed_ips.as_ref().is_some_and(Vec::is_empty) {
            return Err(DocumentError(
                "allowedIps: an empty list would allow nobody; leave it out to allow any".to_owned(),
            ));
        }
        let allowed_ips = allowed_ips.unwrap_or_default();
        let lifetime_secs = fields.number("linkLifetimeSecs")?.unwrap_or(DEFAULT_LINK_LIFETIME_SECS);
        let business = Self {
            enabled: fields.boolean("enabled")?.unwrap_or(true),
            keys: VerificationKeys { rsa: public_keys, md5: parse_md5_keys(&md5_keys)? },
            merchant_ids,
            default_callback_url: fields.string("defaultCallbackUrl")?.filter(|url| !url.is_empty()),
            allowed_ips: allowed_ips.iter().map(|text| parse_net(text)).collect::<Result<_, _>>()?,
            link_lifetime: Duration::from_secs(lifetime_secs),
            scope: parse_scope(fields.string("scope")?.as_deref())?,
        };
        fields.finish()?;
        if business.keys.rsa.is_empty() && business.keys.md5.is_empty() {
            return Err(DocumentError("needs publicKeys or md5Keys".to_owned()));
        }
        if business.merchant_ids.is_empty() {
            return Err(DocumentError("needs merchantIds".to_owned()));
        }
        if !LINK_LIFETIME_SECS.contains(&lifetime_secs) {
            return Err(DocumentError("linkLifetimeSecs must be 60 to 2592000".to_owned()));
        }
        Ok(business)
    }
}

/// `alipay-app/<appId>`: our app at Alipay.
///
/// `privateKey`: ours, that requests to the gateway are signed with. `alipayPublicKeys`: one or two of Alipay's, that
/// answers are verified with.
#[derive(Debug)]
pub struct AlipayApp {
    /// Signs our requests.
    pub private_key: SigningKey,
    /// Verify Alipay's answers.
    pub alipay_public_keys: Vec<VerifyingKey>,
}

impl Document for AlipayApp {
    fn parse(json: &str) -> Result<Self, DocumentError> {
        let mut fields = Fields::of(json)?;
        let private_key = fields.key("privateKey", SigningKey::parse)?;
        let alipay_public_keys = fields.keys("alipayPublicKeys", VerifyingKey::parse)?;
        fields.finish()?;
        if alipay_public_keys.is_empty() {
            return Err(DocumentError("needs alipayPublicKeys".to_owned()));
        }
        Ok(Self { private_key, alipay_public_keys })
    }
}

/// `callback-key`: what callbacks are signed with, but for businesses that only have an MD5 key.
///
/// `privateKey` signs. While it is being replaced, `nextPrivateKey` may hold its successor: it is parsed, so that a key
/// that could not sign is noticed before it has to.
#[derive(Debug)]
pub struct CallbackKey {
    /// Signs callbacks.
    pub private_key: SigningKey,
}

impl Document for CallbackKey {
    fn parse(json: &str) -> Result<Self, DocumentError> {
        let mut fields = Fields::of(json)?;
        let private_key = fields.key("privateKey", SigningKey::parse)?;
        if let Some(next) = fields.string("nextPrivateKey")? {
            SigningKey::parse(&next).map_err(|error| key_error("nextPrivateKey", &error))?;
        }
        fields.finish()?;
        Ok(Self { private_key })
    }
}

fn parse_md5_keys(keys: &[String]) -> Result<Vec<Md5Key>, DocumentError> {
    if keys.len() > KEYS_AT_ONCE {
        return Err(DocumentError(format!("md5Keys may hold {KEYS_AT_ONCE} at most")));
    }
    let too_short = || DocumentError(format!("md5Keys: one has fewer than {MIN_KEY_CHARACTERS} characters"));
    keys.iter().map(|key| Md5Key::new(key).ok_or_else(too_short)).collect()
}

fn parse_net(text: &str) -> Result<IpNet, DocumentError> {
    let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    net.map(|net| net.trunc())
        .map_err(|_| DocumentError("allowedIps: one is neither an address nor a CIDR range".to_owned()))
}

fn parse_scope(name: Option<&str>) -> Result<Scope, DocumentError> {
    match name {
        None | Some("auth_base") => Ok(Scope::AuthBase),
        Some("auth_user") => Ok(Scope::AuthUser),
        Some(_) => Err(DocumentError("scope must be auth_base or auth_user".to_owned())),
    }
}

fn key_error(field: &str, error: &KeyFormError) -> DocumentError {
    DocumentError(format!("{field} {error}"))
}

/// The fields of a document that have not been taken yet.
struct Fields(Map<String, Value>);

impl Fields {
    fn of(json: &str) -> Result<Self, DocumentError> {
        // The parser's own message could quote the document; its position cannot.
        let value = serde_json::from_str(json).map_err(|error| {
            DocumentError(format!("is not JSON at line {} column {}", error.line(), error.column()))
        })?;
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(DocumentError("is not a JSON object".to_owned())),
        }
    }

    fn string(&mut self, field: &str) -> Result<Option<String>, DocumentError> {
        self.take(field, "a string", |value| value.as_str().map(str::to_owned))
    }

    fn boolean(&mut self, field: &str) -> Result<Option<bool>, DocumentError> {
        self.take(field, "true or false", Value::as_bool)
    }

    fn number(&mut self, field: &str) -> Result<Option<u64>, DocumentError> {
        self.take(field, "a whole number", Value::as_u64)
    }

    fn strings(&mut self, field: &str) -> Result<Option<Vec<String>>, DocumentError> {
        self.take(field, "a list of strings", |value| {
            value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        })
    }

    fn key<K>(
        &mut self,
        field: &str,
        parse: impl Fn(&str) -> Result<K, KeyFormError>,
    ) -> Result<K, DocumentError> {
        let text = self.string(field)?.ok_or_else(|| DocumentError(format!("needs {field}")))?;
        parse(&text).map_err(|error| key_error(field, &error))
    }

    fn keys<K>(
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

    fn finish(self) -> Result<(), DocumentError> {
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
