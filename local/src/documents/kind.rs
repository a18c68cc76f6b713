//! The kinds of documents.

use clap::ValueEnum;
use serde_json::{Value, json};
use shared::egress::callback_url::CallbackRules;
use shared::model::alipay_app_id::AlipayAppId;
use shared::model::owner::SchemeId;
use shared::registry::{
    AccessKey, Account, AlibabaCloudKey, AlipayApp, Business, CallbackKey, LinkTokenKeys, PhoneKey, Platform,
    Scheme,
};
use shared::runtime::start::StartError;
use shared::secrets::{Document as _, DocumentError, SecretName};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::keys::{new_rsa, private_pem, public_pem};

/// A kind of document, by the first part of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum DocumentKind {
    Business,
    Scheme,
    AccessKey,
    Account,
    #[value(name = "upstream")]
    #[strum(serialize = "upstream")]
    Platform,
    AlipayApp,
    #[value(name = "aliyun")]
    #[strum(serialize = "aliyun")]
    AlibabaCloudKey,
    CallbackKey,
    LinkToken,
    PhoneKey,
}

impl DocumentKind {
    /// The first part of the documents' names.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// True if there is one such document, whose name is the kind.
    #[must_use]
    pub const fn is_single(self) -> bool {
        matches!(self, Self::CallbackKey | Self::LinkToken | Self::PhoneKey)
    }

    /// The name of the document of this id.
    ///
    /// # Errors
    /// There can be none of such a name.
    pub fn name(self, id: &str) -> Result<SecretName, StartError> {
        Ok(match self {
            Self::Business => SecretName::business(id)?,
            Self::Scheme => {
                let id = SchemeId::parse(id);
                SecretName::scheme(id.ok_or_else(|| StartError::new("a scheme's id is a number".to_owned()))?)
            }
            Self::AccessKey => SecretName::access_key(id)?,
            Self::Account => SecretName::account(id)?,
            Self::Platform => SecretName::platform(id)?,
            Self::AlipayApp => {
                let id = AlipayAppId::parse(id);
                let flaw = || StartError::new("an app's id at Alipay is 1 to 32 digits".to_owned());
                SecretName::alipay_app(&id.ok_or_else(flaw)?)
            }
            Self::AlibabaCloudKey => SecretName::alibaba_cloud_key(id)?,
            Self::CallbackKey => SecretName::callback_key(),
            Self::LinkToken => SecretName::link_token(),
            Self::PhoneKey => SecretName::phone_key(),
        })
    }

    /// The name of a document that has this text, if there can be one.
    #[must_use]
    pub fn read_name(text: &str) -> Option<SecretName> {
        let (kind, key) = text.split_once('/').unwrap_or((text, ""));
        let kind = kind.parse::<Self>().ok()?;
        kind.name(key).ok().filter(|name| name.as_str() == text)
    }

    /// Reads a document as the functions do, with its addresses judged by `rules`.
    ///
    /// # Errors
    /// Its first flaw.
    pub fn parse(self, json: &str, rules: &CallbackRules) -> Result<(), DocumentError> {
        match self {
            Self::Business => Business::parse_by(json, rules).map(drop),
            Self::Scheme => Scheme::parse_by(json, rules).map(drop),
            Self::AccessKey => AccessKey::parse(json).map(drop),
            Self::Account => Account::parse(json).map(drop),
            Self::Platform => Platform::parse(json).map(drop),
            Self::AlipayApp => AlipayApp::parse(json).map(drop),
            Self::AlibabaCloudKey => AlibabaCloudKey::parse(json).map(drop),
            Self::CallbackKey => CallbackKey::parse(json).map(drop),
            Self::LinkToken => LinkTokenKeys::parse(json).map(drop),
            Self::PhoneKey => PhoneKey::parse(json).map(drop),
        }
    }

    /// A document of this kind without a flaw, with the fields that it needs and no others.
    ///
    /// # Errors
    /// No key can be made.
    pub fn sound(self) -> Result<Value, StartError> {
        let private = || private_pem(&new_rsa()?);
        let public = || public_pem(&new_rsa()?.to_public_key());
        Ok(match self {
            Self::Business => json!({"publicKeys": [public()?], "merchantIds": ["M1"]}),
            Self::Scheme => json!({"accountId": "1001", "merchantName": "M"}),
            Self::AccessKey => json!({"secrets": ["0123456789abcdef"], "accountId": "1001"}),
            Self::Account => json!({}),
            Self::Platform => json!({
                "baseUrl": "https://a.example", "businessId": "B1", "privateKey": private()?,
                "publicKeys": [public()?],
            }),
            Self::AlipayApp => {
                json!({"privateKey": private()?, "alipayPublicKeys": [public()?]})
            }
            Self::AlibabaCloudKey => {
                json!({"accessKeyId": "LTAI0123456789", "accessKeySecret": "0123456789abcdef"})
            }
            Self::CallbackKey => json!({"privateKey": private()?}),
            Self::LinkToken => json!({"keys": ["0123456789abcdef0123456789abcdef"]}),
            Self::PhoneKey => json!({"key": "0123456789abcdef0123456789abcdef"}),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written_and_no_other_is() {
        for text in ["business/B1", "scheme/234", "alipay-app/2021000000000001", "aliyun/1001", "link-token"]
        {
            assert_eq!(DocumentKind::read_name(text).map(|name| name.to_string()).as_deref(), Some(text));
        }
        for text in
            ["", "business", "business/", "scheme/two", "link-token/1", "prod/business/B1", "other/B1"]
        {
            assert_eq!(DocumentKind::read_name(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_called_sound_is_sound() {
        for &kind in DocumentKind::VARIANTS {
            let sound = kind.sound().unwrap();
            assert_eq!(
                kind.parse(&sound.to_string(), &CallbackRules::default()),
                Ok(()),
                "{}",
                kind.as_str()
            );
            for field in sound.as_object().unwrap().keys() {
                let mut without = sound.clone();
                without.as_object_mut().unwrap().remove(field);
                assert!(
                    kind.parse(&without.to_string(), &CallbackRules::default()).is_err(),
                    "{} needs {field}",
                    kind.as_str()
                );
            }
        }
    }
}
