//! The gateway's documented refusals.

use serde_json::{Map, Value, json};

/// A reason to refuse a request, by the public table of the gateway's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EmulatorRefusal {
    MissingMethod,
    MissingAppId,
    MissingSignature,
    MissingSignatureType,
    MissingTimestamp,
    MissingVersion,
    MissingAppCertSn,
    MissingRootCertSn,
    InvalidRootCertSn,
    AppCertNotExist,
    InvalidMethod,
    InvalidAppId,
    InvalidSignatureType,
    InvalidSignature,
    InvalidTimestamp,
    InvalidCharset,
    InvalidFormat,
    GrantTypeInvalid,
    CodeInvalid,
    UnmatchedAppId,
    InsufficientPermissions,
    AppCallLimited,
    UnknownError,
}

impl EmulatorRefusal {
    /// `sub_code` and `sub_msg`. No text holds a brace: the SDKs find the node's end by counting them.
    const fn detail(self) -> (&'static str, &'static str) {
        match self {
            Self::MissingMethod => ("isv.missing-method", "缺少方法名"),
            Self::MissingAppId => ("isv.missing-app-id", "缺少应用编号"),
            Self::MissingSignature => ("isv.missing-signature", "缺少签名"),
            Self::MissingSignatureType => ("isv.missing-signature-type", "缺少签名类型"),
            Self::MissingTimestamp => ("isv.missing-timestamp", "缺少时间戳"),
            Self::MissingVersion => ("isv.missing-version", "缺少版本号"),
            Self::MissingAppCertSn => ("isv.missing-app-cert-sn", "缺少应用公钥证书 SN"),
            Self::MissingRootCertSn => ("isv.missing-alipay-root-cert-sn", "缺少支付宝根证书 SN"),
            Self::InvalidRootCertSn => ("isv.invalid-alipay-root-cert-sn", "支付宝根证书 SN 不对"),
            Self::AppCertNotExist => ("isv.app-cert-not-exist", "没有这个应用证书"),
            Self::InvalidMethod => ("isv.invalid-method", "没有这个方法"),
            Self::InvalidAppId => ("isv.invalid-app-id", "没有这个应用"),
            Self::InvalidSignatureType => ("isv.invalid-signature-type", "签名类型不对"),
            Self::InvalidSignature => ("isv.invalid-signature", "签名不对"),
            Self::InvalidTimestamp => ("isv.invalid-timestamp", "时间戳格式不对"),
            Self::InvalidCharset => ("isv.invalid-charset", "字符集不对"),
            Self::InvalidFormat => ("isv.invalid-format", "数据格式不对"),
            Self::GrantTypeInvalid => ("isv.grant-type-invalid", "授权类型不对"),
            Self::CodeInvalid => ("isv.code-invalid", "授权码无效、已用过或已过期"),
            Self::UnmatchedAppId => ("isv.unmatched-app-id", "授权码是另一个应用的"),
            Self::InsufficientPermissions => ("isv.insufficient-isv-permissions", "应用没有这个接口的权限"),
            Self::AppCallLimited => ("isv.app-call-limited", "应用调用次数过多"),
            Self::UnknownError => ("isp.unknow-error", "系统繁忙"),
        }
    }

    pub(super) const fn sub_code(self) -> &'static str {
        self.detail().0
    }

    const fn code(self) -> (&'static str, &'static str) {
        match self {
            Self::MissingMethod
            | Self::MissingAppId
            | Self::MissingSignature
            | Self::MissingSignatureType
            | Self::MissingTimestamp
            | Self::MissingVersion
            | Self::MissingAppCertSn
            | Self::MissingRootCertSn => ("40001", "Missing Required Arguments"),
            Self::InvalidMethod
            | Self::InvalidAppId
            | Self::InvalidSignatureType
            | Self::InvalidSignature
            | Self::InvalidTimestamp
            | Self::InvalidCharset
            | Self::InvalidFormat
            | Self::GrantTypeInvalid
            | Self::CodeInvalid
            | Self::InvalidRootCertSn
            | Self::AppCertNotExist
            | Self::UnmatchedAppId => ("40002", "Invalid Arguments"),
            Self::AppCallLimited => ("40005", "Call Limited"),
            Self::InsufficientPermissions => ("40006", "Insufficient Permissions"),
            Self::UnknownError => ("20000", "Service Currently Unavailable"),
        }
    }

    /// True if Alipay knows the app that it answers, and so the key to sign with.
    pub(super) const fn is_signed(self) -> bool {
        !matches!(
            self,
            Self::MissingAppId
                | Self::InvalidAppId
                | Self::MissingAppCertSn
                | Self::MissingRootCertSn
                | Self::InvalidRootCertSn
                | Self::AppCertNotExist
        )
    }

    /// The members of its node.
    pub(super) fn members(self) -> Map<String, Value> {
        let (code, msg) = self.code();
        let (sub_code, sub_msg) = self.detail();
        let members = [("code", code), ("msg", msg), ("sub_code", sub_code), ("sub_msg", sub_msg)];
        members.map(|(name, text)| (name.to_owned(), json!(text))).into_iter().collect()
    }
}
