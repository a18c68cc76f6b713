//! Why a step of an operator is not taken, in the operator's language.

use std::{fmt, io};

use shared::egress::callback_url::{CallbackUrlError, MAX_CALLBACK_URL_CHARS};
use shared::model::authorization::Status;
use shared::model::deny_list::{DenialError, DenyList};
use shared::model::id::AuthorizationId;
use shared::runtime::start::StartError;
use shared::store::StoreError;
use shared::web::language::Language;

use super::audit::AuditError;

/// A step that was not taken.
#[derive(Debug)]
pub enum StepError {
    /// Everything works, and the step is not for this record, or not at this moment.
    Refused(OperatorRefusal),
    /// Something failed, or the question was answered by no.
    Failed(StartError),
}

/// The reason. It displays as a sentence in English.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorRefusal {
    /// There is no such authorization here.
    NoSuchAuthorization(AuthorizationId),
    /// There is nothing to deliver any more.
    Forgotten(Status),
    /// There is nothing to deliver yet.
    NoOpenId(Status),
    /// Nobody has said where to.
    NoAddress(Status),
    /// The address that was named is none for callbacks.
    Address(CallbackUrlError),
    /// Somebody delivers it at this moment.
    AttemptUnderWay,
    /// Somebody resends the same many at this moment.
    ResendUnderWay,
    /// Somebody is at work on the record that was to be forgotten.
    RecordInUse,
    /// It was forgotten, but somebody is at work on a notice beside it.
    NoticeInUse,
    /// The deny list takes no more.
    ListFull,
    /// It cannot stand on the deny list.
    Denial(DenialError),
}

impl OperatorRefusal {
    /// The reason in a language, without a full stop, for whoever has a page and no options.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        match language {
            Language::Chinese => self.in_chinese(),
            Language::English => match self {
                Self::NoAddress(status) => format!("it is {status}: it has no address; name one"),
                _ => self.to_string(),
            },
        }
    }

    fn in_chinese(&self) -> String {
        match self {
            Self::NoSuchAuthorization(id) => {
                format!("没有找到授权 {id}，请核对 serialNo 与 businessId，或 reference")
            }
            Self::Forgotten(status) => format!("状态为 {status}：此人的信息已删除，没有可投递的内容"),
            Self::NoOpenId(status) => format!("状态为 {status}：还没有 openId"),
            Self::NoAddress(status) => format!("状态为 {status}：没有回调地址，请指定一个"),
            Self::Address(flaw) => format!("回调地址{}", address_in_chinese(*flaw)),
            Self::AttemptUnderWay => "正在投递，请一分钟后再试".to_owned(),
            Self::ResendUnderWay => "条件相同的批量重新投递正在进行，请等它结束后再试".to_owned(),
            Self::RecordInUse => "正在换取 openId 或正在投递，请一分钟后再执行一次".to_owned(),
            Self::NoticeInUse => "此人的信息已删除，但一条相关通知正在投递，请一分钟后再执行一次".to_owned(),
            Self::ListFull => {
                format!("停用名单已满（{} 条）：请移出文档本身已停用的条目", DenyList::MOST)
            }
            Self::Denial(DenialError::Kind) => {
                "类别只能是 business、access-key、account、scheme 或 platform".to_owned()
            }
            Self::Denial(DenialError::Id) => "id 由 1 至 64 个字母、数字、“-”或“_”组成".to_owned(),
            Self::Denial(DenialError::NoKeys) => "account 和 scheme 没有密钥".to_owned(),
            Self::Denial(DenialError::Fingerprint) => "指纹是 64 位十六进制的 SHA-256".to_owned(),
        }
    }
}

fn address_in_chinese(flaw: CallbackUrlError) -> String {
    match flaw {
        CallbackUrlError::TooLong => format!("超过 {MAX_CALLBACK_URL_CHARS} 个字符"),
        CallbackUrlError::BadCharacter => "含有 URL 不允许的字符".to_owned(),
        CallbackUrlError::NotAUrl => "不是 URL".to_owned(),
        CallbackUrlError::Userinfo => "不能带用户名或密码".to_owned(),
        CallbackUrlError::Fragment => "不能带 # 片段，片段不会发往服务器".to_owned(),
        CallbackUrlError::NotHttps => "必须以 https:// 开头".to_owned(),
        CallbackUrlError::Port(port) => format!("的端口 {port} 不在允许之列"),
        CallbackUrlError::LocalName => "的主机名必须是公网域名".to_owned(),
        CallbackUrlError::NotPublic(kind) => format!("必须是公网地址（{}）", kind.as_str()),
    }
}

impl fmt::Display for OperatorRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchAuthorization(id) => {
                write!(
                    f,
                    "there is no authorization {id} here: of this serialNo and business, or by this reference"
                )
            }
            Self::Forgotten(status) => {
                write!(f, "it is {status}: its person was forgotten, and there is no body to deliver")
            }
            Self::NoOpenId(status) => write!(f, "it is {status}: it has no openId"),
            Self::NoAddress(status) => write!(f, "it is {status}: it has no address; name one by --to"),
            Self::Address(flaw) => write!(f, "the callback address {flaw}"),
            Self::AttemptUnderWay => f.write_str("an attempt is under way; try again in a minute"),
            Self::ResendUnderWay => f.write_str("another resend of the same is under way: wait for its end"),
            Self::RecordInUse => {
                f.write_str("an exchange or an attempt is under way; run the same again in a minute")
            }
            Self::NoticeInUse => f.write_str(
                "it is forgotten, and a notice of it is being delivered; run the same again in a minute",
            ),
            Self::ListFull => {
                write!(
                    f,
                    "the list is full ({}): take off it what its document disables as well",
                    DenyList::MOST
                )
            }
            Self::Denial(flaw) => flaw.fmt(f),
        }
    }
}

impl From<StepError> for StartError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Refused(refusal) => Self::new(refusal.to_string()),
            StepError::Failed(error) => error,
        }
    }
}

/// What came of a step and of the audit line about the `done` that it has changed; an error tells of both.
pub(super) fn with_audit<T>(
    step: Result<T, StepError>,
    done: u64,
    audited: Result<(), AuditError>,
) -> Result<T, StepError> {
    match (step, audited) {
        (Ok(ended), audited) => Ok(audited.map(|()| ended)?),
        (Err(error), Err(audit)) if done > 0 => {
            let error = StartError::from(error);
            Err(StartError::new(format!("{error}; and of the {done} before, {audit}")).into())
        }
        (Err(error), _) => Err(error),
    }
}

impl From<OperatorRefusal> for StepError {
    fn from(refusal: OperatorRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StartError> for StepError {
    fn from(error: StartError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<AuditError> for StepError {
    fn from(error: AuditError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<io::Error> for StepError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.into())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::operate::audit;

    #[test]
    fn an_audit_line_that_is_missing_is_told_of_where_something_was_done() {
        let missing = || audit::note(Path::new("/dev/null"), "here", "resend", &json!({}));
        let failed = |done| with_audit::<()>(Err(StartError::new("away".to_owned()).into()), done, missing());
        let text = |outcome: Result<(), StepError>| StartError::from(outcome.unwrap_err()).to_string();
        assert_eq!(text(failed(0)), "away");
        assert!(text(failed(2)).starts_with("away; and of the 2 before, "));
        assert!(text(with_audit(Ok(()), 1, missing())).contains("takes no line"));
        assert!(with_audit(Ok(()), 1, Ok(())).is_ok());
    }

    #[test]
    fn every_reason_is_told_in_both_languages() {
        let id = AuthorizationId::from_serial("B1", "S1");
        for (refusal, chinese, english) in [
            (OperatorRefusal::NoSuchAuthorization(id), "没有找到授权", "there is no authorization"),
            (
                OperatorRefusal::Forgotten(Status::Delivered),
                "状态为 DELIVERED：",
                "it is DELIVERED: its person",
            ),
            (OperatorRefusal::NoOpenId(Status::Issued), "状态为 ISSUED：", "it is ISSUED: it has no openId"),
            (
                OperatorRefusal::NoAddress(Status::Authorized),
                "状态为 AUTHORIZED：",
                "it is AUTHORIZED: it has no address",
            ),
            (
                OperatorRefusal::Address(CallbackUrlError::NotHttps),
                "回调地址必须以",
                "the callback address must begin",
            ),
            (
                OperatorRefusal::Address(CallbackUrlError::Port(80)),
                "回调地址的端口 80",
                "the callback address names port 80",
            ),
            (OperatorRefusal::AttemptUnderWay, "正在投递", "an attempt is under way"),
            (OperatorRefusal::ResendUnderWay, "条件相同的批量", "another resend"),
            (OperatorRefusal::RecordInUse, "正在换取", "an exchange or an attempt is under way"),
            (OperatorRefusal::NoticeInUse, "此人的信息已删除", "it is forgotten, and a notice"),
            (OperatorRefusal::ListFull, "停用名单已满（1000 条）", "the list is full (1000)"),
            (OperatorRefusal::Denial(DenialError::Id), "id 由", "an id has"),
        ] {
            let text = refusal.text(Language::Chinese);
            assert!(text.starts_with(chinese), "{text}");
            let text = refusal.text(Language::English);
            assert!(
                text.starts_with(english)
                    && StartError::from(StepError::from(refusal)).to_string().starts_with(&text)
            );
        }
    }
}
