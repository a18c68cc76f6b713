//! Requests signed afresh, because a repeated one would be refused by its nonce; and the events made of them.

use std::fs;

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use form_urlencoded::byte_serialize;
use http::Request;
use local::folder::{ACCESS_KEY_ID, APP_ID, BUSINESS_ID, Folder, MERCHANT_ID, SCHEME_ID};
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use serde_json::{Value, json};
use shared::model::clock::{Clock as _, SystemClock};
use shared::model::id::AuthorizationId;
use shared::signing::alibaba_cloud::{AccessKeySecret, OutgoingCall};
use shared::signing::md5::Md5Key;
use shared::signing::open_api::Signer;
use shared::signing::rsa::SigningKey;
use shared::web::client_info::ClientInfo;

use crate::Error;

/// Events and items by name, an object a line.
const TEMPLATES: &str = include_str!("templates.json");
/// The serialNo of the authorization in the store, and the random half of its state.
const SERIAL_NO: &str = "S-0123456789";
const STATE_SECRET: &str = "fedcba9876543210fedcba9876543210";
const ORIGIN: &str = "https://links.example.com/";

/// The demo merchant and the demo account, with their keys and the folder of everyone's documents.
pub(crate) struct Senders {
    pub(crate) folder: Folder,
    pub(crate) rsa: SigningKey,
    pub(crate) md5: Md5Key,
    pub(crate) public_der: Vec<u8>,
    pub(crate) public_pem: String,
    access_key_secret: String,
}

impl Senders {
    pub(crate) fn new(folder: Folder) -> Result<Self, Error> {
        let parties = folder.parties()?;
        let public = parties.merchant_private_key.to_public_key();
        let access_key = folder.secrets().join(format!("access-key/{ACCESS_KEY_ID}.json"));
        let access_key: Value = serde_json::from_slice(&fs::read(access_key)?)?;
        Ok(Self {
            folder,
            rsa: SigningKey::parse(&parties.merchant_private_key.to_pkcs8_pem(LineEnding::LF)?)?,
            md5: Md5Key::new(&parties.merchant_md5_key).ok_or("the MD5 key is too short")?,
            public_der: public.to_public_key_der()?.into_vec(),
            public_pem: public.to_public_key_pem(LineEnding::LF)?,
            access_key_secret: access_key["secrets"][0].as_str().ok_or("no access key")?.to_owned(),
        })
    }

    /// An event of `function` as JSON; `name` is unique, and becomes nonce and serialNo.
    pub(crate) fn event(&self, function: &str, name: &str) -> Result<String, Error> {
        let request = match function {
            "baseline-function" => {
                let (message, key) = (link_body(BUSINESS_ID, name), STANDARD.encode(&self.public_der));
                let signature = STANDARD.encode(self.rsa.sign(message.as_bytes())?);
                let body = json!({"publicKey": key, "message": message, "signature": signature});
                return Ok(json!({"body": body.to_string()}).to_string());
            }
            "openid-delivery" => {
                let hint = json!({"v": 1, "id": id(), "business": BUSINESS_ID, "attempt": 0});
                let mut event = template("hint")?;
                event["Records"][0]["body"] = hint.to_string().into();
                return Ok(event.to_string());
            }
            "alipay-auth-url" => self.link(Signer::Rsa(&self.rsa), name)?,
            "authorization-query" => {
                let of = json!({"merchantId": MERCHANT_ID, "businessId": BUSINESS_ID, "serialNo": SERIAL_NO});
                signed(
                    authorization_query::PATH,
                    Signer::Rsa(&self.rsa),
                    (BUSINESS_ID, name),
                    of.to_string(),
                )?
            }
            "get-authorization-url" => self.call_v3(name)?,
            _ => {
                let (path, code) = (openid_callback::PATH, name.replace('-', ""));
                let query = format!(
                    "app_id={APP_ID}&source=alipay_wallet&scope=auth_base&state={}{STATE_SECRET}&auth_code={code:0>32}",
                    id()
                );
                let browser = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 AlipayClient/10.6.0";
                let request = Request::get(format!("{path}?{query}")).header("user-agent", browser);
                request.header("accept-language", "zh-CN,zh;q=0.9,en;q=0.8").body(Bytes::new())?
            }
        };
        let mut event = template("gateway")?;
        for (name, value) in request.headers() {
            event["headers"][name.as_str()] = value.to_str()?.into();
        }
        let (method, path) = (request.method().as_str(), request.uri().path());
        event["rawPath"] = path.into();
        event["rawQueryString"] = request.uri().query().unwrap_or_default().into();
        event["requestContext"]["http"]["method"] = method.into();
        event["requestContext"]["http"]["path"] = path.into();
        event["body"] = std::str::from_utf8(request.body())?.into();
        Ok(event.to_string())
    }

    /// A request for a link.
    pub(crate) fn link(&self, signer: Signer<'_>, name: &str) -> Result<Request<Bytes>, Error> {
        signed(alipay_auth_url::PATH, signer, (BUSINESS_ID, name), link_body(BUSINESS_ID, name))
    }

    /// The same of a business that has the demo merchant's key.
    pub(crate) fn link_of(&self, business_id: &str, name: &str) -> Result<Request<Bytes>, Error> {
        let body = link_body(business_id, name);
        signed(alipay_auth_url::PATH, Signer::Rsa(&self.rsa), (business_id, name), body)
    }

    /// A call of `GetAuthorizationUrl` by V3, signed in headers.
    pub(crate) fn call_v3(&self, nonce: &str) -> Result<Request<Bytes>, Error> {
        let call = OutgoingCall {
            endpoint: &ORIGIN.parse()?,
            action: "GetAuthorizationUrl",
            version: "2017-05-25",
            parameters: &[("EndDate", "2099-12-28"), ("PhoneNo", "13900001234"), ("SchemeId", SCHEME_ID)],
            at: SystemClock.now(),
            nonce,
        };
        let secret = AccessKeySecret::new(&self.access_key_secret).ok_or("no secret")?;
        let mut request = call.sign(ACCESS_KEY_ID, &secret)?;
        request.extensions_mut().insert(client()?);
        Ok(request)
    }

    /// The same by V1, signed in the query, whose parameters stand in order.
    pub(crate) fn call_v1(&self, nonce: &str) -> Result<Request<Bytes>, Error> {
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let time = encoded(self.call_v3(nonce)?.headers()["x-acs-date"].to_str()?);
        let query = format!(
            "AccessKeyId={ACCESS_KEY_ID}&Action=GetAuthorizationUrl&EndDate=2099-12-28&Format=JSON&PhoneNo=13900001234&\
             RegionId=cn-hangzhou&SchemeId={SCHEME_ID}&SignatureMethod=HMAC-SHA1&SignatureNonce={nonce}&SignatureType=&\
             SignatureVersion=1.0&Timestamp={time}&Version=2017-05-25"
        );
        let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, format!("{}&", self.access_key_secret).as_bytes());
        let signature = STANDARD.encode(sign(&key, format!("GET&%2F&{}", encoded(&query)).as_bytes()));
        let target = format!("/?{query}&Signature={}", encoded(&signature));
        Ok(Request::get(target).extension(client()?).body(Bytes::new())?)
    }
}

/// The body of a request for a link.
fn link_body(business_id: &str, serial_no: &str) -> String {
    let (user_id, callback) =
        ("user-0123456789abcdef0123456789abcdef", "https://merchant.example.com/alipay/openid");
    json!({"merchantId": MERCHANT_ID, "businessId": business_id, "serialNo": serial_no, "userId": user_id, "callbackUrl": callback}).to_string()
}

fn signed(
    path: &str,
    signer: Signer<'_>,
    (business_id, nonce): (&str, &str),
    body: String,
) -> Result<Request<Bytes>, Error> {
    let headers = signer.sign(business_id, nonce, SystemClock.now(), body.as_bytes())?;
    let request = Request::post(path).extension(client()?).header("content-type", "application/json");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    Ok(request.body(body.into())?)
}

fn client() -> Result<ClientInfo, Error> {
    Ok(ClientInfo { source_ip: Some([127, 0, 0, 1].into()), origin: Some(ORIGIN.parse()?) })
}

pub(crate) fn id() -> AuthorizationId {
    AuthorizationId::from_serial(BUSINESS_ID, SERIAL_NO)
}

/// The item of an authorization as DynamoDB has it: what `issued` says and what `status` adds. A text `@n` is the time
/// in `n` milliseconds, `ID` the authorization's id, `SHARD` its first digit, `ORIGIN` the merchant's origin; an object
/// is an attribute already.
pub(crate) fn item(status: &str, origin: &str) -> Result<Value, Error> {
    let attribute = |value: &Value| match value {
        Value::String(text) if text.starts_with('@') => {
            Ok(json!({"N": (SystemClock.now().0 + text[1..].parse::<i64>()?).to_string()}))
        }
        Value::String(text) => {
            let text = text.replace("ID", id().as_str()).replace("SHARD", &id().as_str()[..1]);
            Ok(json!({"S": text.replace("ORIGIN", origin)}))
        }
        Value::Number(number) => Ok::<_, Error>(json!({"N": number.to_string()})),
        other => Ok(other.clone()),
    };
    let mut item = json!({});
    for template in [template("issued")?, template(status)?] {
        for (name, value) in template.as_object().ok_or("no object")? {
            item[name] = attribute(value)?;
        }
    }
    Ok(item)
}

pub(crate) fn template(name: &str) -> Result<Value, Error> {
    Ok(serde_json::from_str::<Value>(TEMPLATES)?[name].take())
}
