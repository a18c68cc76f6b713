//! The ways of Alipay's gateway: each fate of a code, and what is sent for it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::sha2::{Digest as _, Sha256};
use serde::Serialize;
use strum::{Display, EnumIter};

use crate::network::{Reply, http};

const RESPONSE: &str = "alipay_system_oauth_token_response";
const ERROR: &str = "error_response";
/// 授权码无效 in GBK.
const INVALID_IN_GBK: &[u8] = b"\xca\xda\xc8\xa8\xc2\xeb\xce\xde\xd0\xa7";

/// The fate of a code at the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumIter, Serialize)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum GatewayFate {
    /// Exchanged: signed at once.
    Signed,
    /// Exchanged: signed after one to four seconds.
    SignedSlowly,
    /// Exchanged: signed when nobody waits any more.
    SignedTooLate,
    /// Exchanged: with a nickname in GBK.
    SignedInGbk,
    /// Exchanged: with a byte order mark before it.
    SignedWithMark,
    /// Exchanged: but the signature is over other bytes.
    WrongSignature,
    /// Exchanged: but the answer breaks off.
    CutOff,
    /// Exchanged: but the answer has no end.
    Endless,
    /// Refused: the code is not valid.
    Refused,
    /// The same in GBK.
    RefusedInGbk,
    /// The same without a signature.
    RefusedUnsigned,
    /// The same in GBK without a signature.
    RefusedUnsignedInGbk,
    /// Signed: the gateway does not know itself.
    UnknownError,
    /// 500.
    Status500,
    /// 502 with a page.
    Status502,
    /// 503.
    Status503,
    /// Not HTTP.
    NotHttp,
    /// The connection is reset before the request was read.
    ResetUnread,
    /// The connection is reset after the request was read.
    ResetRead,
    /// The connection ends after the request was read.
    Closed,
    /// Silence.
    Silent,
}

impl GatewayFate {
    /// The fates in which a user who is named can be known in time.
    pub const GOOD: [Self; 4] = [Self::Signed, Self::SignedSlowly, Self::SignedInGbk, Self::SignedWithMark];

    /// The answer names the user under a valid signature, in time.
    #[must_use]
    pub fn names_the_user(self) -> bool {
        Self::GOOD.contains(&self)
    }
}

/// The answer's form for `open_id`; `wait` is that of a slow answer.
#[must_use]
pub fn reply(fate: GatewayFate, open_id: &str, wait: Duration, key: &RsaPrivateKey) -> Reply {
    let good = format!(
        r#"{{"access_token":"authbseB1","expires_in":"1296000","open_id":"{open_id}","re_expires_in":2592000,"refresh_token":"authbseR1"}}"#
    );
    let good = good.into_bytes();
    let refused = error("40002", "isv.code-invalid", "授权码code无效".as_bytes());
    let refused_in_gbk = error("40002", "isv.code-invalid", INVALID_IN_GBK);
    let html = "content-type: text/html;charset=utf-8\r\n";
    let gbk = "content-type: text/html;charset=GBK\r\n";
    let ok = |body: Vec<u8>| Reply::Send(http(200, html, body));
    match fate {
        GatewayFate::Signed => ok(signed(RESPONSE, &good, key)),
        GatewayFate::SignedSlowly => Reply::SendAfter(wait, http(200, html, signed(RESPONSE, &good, key))),
        GatewayFate::SignedTooLate => {
            Reply::SendAfter(Duration::from_millis(9_500), http(200, html, signed(RESPONSE, &good, key)))
        }
        GatewayFate::SignedInGbk => {
            let nick = [&b",\"nick\":\""[..], INVALID_IN_GBK, b"\"}"].concat();
            let node = [&good[..good.len() - 1], &nick].concat();
            Reply::Send(http(200, gbk, signed(RESPONSE, &node, key)))
        }
        GatewayFate::SignedWithMark => ok([&b"\xef\xbb\xbf"[..], &signed(RESPONSE, &good, key)].concat()),
        GatewayFate::WrongSignature => {
            ok(envelope(RESPONSE, &good, Some(&sign(&[&good[..], b" "].concat(), key))))
        }
        GatewayFate::CutOff => {
            let whole = http(200, html, signed(RESPONSE, &good, key));
            Reply::Send(whole[..whole.len() - 40].to_vec())
        }
        GatewayFate::Endless => Reply::Ramble(b"HTTP/1.1 200 X\r\n\r\n".into(), vec![b' '; 1_000]),
        GatewayFate::Refused => ok(signed(ERROR, &refused, key)),
        GatewayFate::RefusedInGbk => Reply::Send(http(200, gbk, signed(ERROR, &refused_in_gbk, key))),
        GatewayFate::RefusedUnsigned => ok(envelope(ERROR, &refused, None)),
        GatewayFate::RefusedUnsignedInGbk => {
            Reply::Send(http(200, gbk, envelope(ERROR, &refused_in_gbk, None)))
        }
        GatewayFate::UnknownError => {
            ok(signed(ERROR, &error("20000", "isp.unknow-error", "系统繁忙".as_bytes()), key))
        }
        GatewayFate::Status500 => Reply::Send(http(500, html, "")),
        GatewayFate::Status502 => Reply::Send(http(502, html, "<html><h1>502 Bad Gateway</h1></html>")),
        GatewayFate::Status503 => Reply::Send(http(503, html, "")),
        GatewayFate::NotHttp => Reply::Send(b"SSH-2.0-x\r\n\r\n".to_vec()),
        GatewayFate::ResetUnread | GatewayFate::ResetRead => Reply::Reset,
        GatewayFate::Closed => Reply::Send(Vec::new()),
        GatewayFate::Silent => Reply::Hang(Vec::new()),
    }
}

fn error(code: &str, sub_code: &str, sub_msg: &[u8]) -> Vec<u8> {
    let head = format!(r#"{{"code":"{code}","msg":"no","sub_code":"{sub_code}","sub_msg":""#);
    [head.as_bytes(), sub_msg, b"\"}"].concat()
}

fn signed(name: &str, node: &[u8], key: &RsaPrivateKey) -> Vec<u8> {
    envelope(name, node, Some(&sign(node, key)))
}

fn sign(node: &[u8], key: &RsaPrivateKey) -> String {
    STANDARD.encode(key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(node)).expect("signs"))
}

fn envelope(name: &str, node: &[u8], sign: Option<&str>) -> Vec<u8> {
    let sign = sign.map_or_else(String::new, |sign| format!(r#","sign":"{sign}""#));
    [format!(r#"{{"{name}":"#).as_bytes(), node, sign.as_bytes(), b"}"].concat()
}
