//! The demo merchant's requests, signed ahead of time: signing is not what is measured.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, Request};
use local::folder::{BUSINESS_ID, Folder, MERCHANT_ID};
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
use serde_json::json;
use shared::model::clock::{Clock as _, SystemClock};
use shared::signing::md5::Md5Key;
use shared::signing::open_api::{AuthHeaders, SIGN, Signer};
use shared::signing::rsa::SigningKey;
use shared::web::client_info::ClientInfo;

use crate::Error;
use crate::record;

/// Who signs.
pub(crate) struct Merchant {
    pub(crate) rsa: RsaPrivateKey,
    pub(crate) rsa_key: SigningKey,
    pub(crate) md5_key: Md5Key,
}

/// A request as it goes to the handler.
pub(crate) struct Call {
    pub(crate) request: Request<Bytes>,
    /// What is signed.
    pub(crate) string: Vec<u8>,
    /// The bytes of an RSA signature over it.
    pub(crate) signature: Vec<u8>,
}

impl Merchant {
    /// The merchant of a local run.
    pub(crate) fn of(folder: &Folder) -> Result<Self, Error> {
        let parties = folder.parties()?;
        let rsa = parties.merchant_private_key;
        let rsa_key = SigningKey::parse(&rsa.to_pkcs8_pem(LineEnding::LF)?)?;
        let md5_key = Md5Key::new(&parties.merchant_md5_key).ok_or("the MD5 key is too short")?;
        Ok(Self { rsa, rsa_key, md5_key })
    }

    /// `count` requests for links; each has its own nonce and serialNo, which begin with `series`.
    pub(crate) fn calls(&self, signer: Signer<'_>, series: &str, count: u32) -> Result<Vec<Call>, Error> {
        let names = (0..count).map(|index| format!("{series}-{index:06}"));
        names.map(|name| call(alipay_auth_url::PATH, signed(signer, &name, wanted(&name))?)).collect()
    }

    /// `count` queries for one authorization; each has its own nonce, which begins with `series`.
    pub(crate) fn queries(&self, signer: Signer<'_>, series: &str, count: u32) -> Result<Vec<Call>, Error> {
        let names = (0..count).map(|index| format!("{series}-{index:06}"));
        let query =
            json!({"merchantId": MERCHANT_ID, "businessId": BUSINESS_ID, "serialNo": record::SERIAL_NO});
        names
            .map(|name| call(authorization_query::PATH, signed(signer, &name, query.to_string().into())?))
            .collect()
    }

    /// [`Merchant::calls`] as bytes on the wire, signed with RSA.
    pub(crate) fn messages(&self, series: &str, count: u32) -> Result<Vec<Vec<u8>>, Error> {
        (0..count).map(|index| message(Signer::Rsa(&self.rsa_key), &format!("{series}-{index:06}"))).collect()
    }
}

/// One request as bytes on the wire; `name` is its nonce and serialNo.
pub(crate) fn message(signer: Signer<'_>, name: &str) -> Result<Vec<u8>, Error> {
    let (headers, body) = signed(signer, name, wanted(name))?;
    let mut message = format!("POST {} HTTP/1.1\r\nhost: 127.0.0.1\r\n", alipay_auth_url::PATH).into_bytes();
    let length = (HeaderName::from_static("content-length"), body.len().to_string());
    for (name, value) in headers.iter().chain([&length]) {
        io::Write::write_fmt(&mut message, format_args!("{name}: {value}\r\n"))?;
    }
    message.extend_from_slice(b"\r\n");
    message.extend_from_slice(&body);
    Ok(message)
}

type Signed = (Vec<(HeaderName, String)>, Vec<u8>);

/// The body that asks for a link.
fn wanted(serial_no: &str) -> Vec<u8> {
    json!({
        "merchantId": MERCHANT_ID,
        "businessId": BUSINESS_ID,
        "serialNo": serial_no,
        "userId": "user-0123456789abcdef0123456789abcdef",
        "callbackUrl": "https://merchant.example.com/alipay/openid",
    })
    .to_string()
    .into_bytes()
}

fn signed(signer: Signer<'_>, nonce: &str, body: Vec<u8>) -> Result<Signed, Error> {
    let headers = signer.sign(BUSINESS_ID, nonce, SystemClock.now(), &body)?;
    Ok((headers, body))
}

fn call(path: &str, (headers, body): Signed) -> Result<Call, Error> {
    let mut request = Request::post(path).header(CONTENT_TYPE, "application/json; charset=utf-8");
    for (name, value) in &headers {
        request = request.header(name, value);
    }
    let origin = Some("https://links.example.com/".parse()?);
    let request = request
        .extension(ClientInfo { source_ip: Some([127, 0, 0, 1].into()), origin })
        .body(Bytes::from(body))?;
    let string = AuthHeaders::read(request.headers())?.string_to_sign(request.body());
    let sign = request.headers().get(SIGN).ok_or("there is no sign")?;
    let signature = STANDARD.decode(sign).unwrap_or_default();
    Ok(Call { request, string, signature })
}
