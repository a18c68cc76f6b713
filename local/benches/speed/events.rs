//! Events as API Gateway and SQS give them to the functions, signed anew for each batch: what is played again would be
//! answered without the work, by a store that remembers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use local::folder::{APP_ID, BUSINESS_ID};
use rsa::pkcs8::EncodePublicKey as _;
use serde_json::{Map, Value, json};
use shared::model::owner::Owner;
use shared::queue::Hint;
use shared::signing::open_api::Signer;

use crate::Error;
use crate::caller::{Caller, Protocol};
use crate::merchant::Merchant;
use crate::record;

/// What every request has on its arrival, besides what its sender wrote.
const HEADERS_OF_THE_GATEWAY: [(&str, &str); 5] = [
    ("host", "links.example.com"),
    ("x-amzn-trace-id", "Root=1-6a1f5c00-0123456789abcdef01234567"),
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-port", "443"),
    ("x-forwarded-proto", "https"),
];

/// What comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A message, its signature and the key of it: the baseline's.
    Signature,
    /// A merchant asks for a link.
    Link,
    /// A merchant asks what became of an authorization.
    Query,
    /// An SDK asks for a link, as V3.
    Call,
    /// A user's browser comes back from Alipay.
    Return,
    /// A hint from the queue.
    Hint,
}

/// Who sends them.
pub(crate) struct Senders<'a> {
    pub(crate) merchant: &'a Merchant,
    pub(crate) caller: &'a Caller,
}

impl Senders<'_> {
    /// `count` events, each of its own nonce, which begins with `series`.
    pub(crate) fn events(&self, kind: Kind, series: &str, count: u32) -> Result<Vec<Vec<u8>>, Error> {
        let rsa = Signer::Rsa(&self.merchant.rsa_key);
        let events: Vec<Value> = match kind {
            Kind::Signature => self.signatures(series, count)?,
            Kind::Link => {
                let calls = self.merchant.calls(rsa, series, count)?;
                calls.iter().map(|call| of_gateway(&call.request)).collect::<Result<_, _>>()?
            }
            Kind::Query => {
                let calls = self.merchant.queries(rsa, series, count)?;
                calls.iter().map(|call| of_gateway(&call.request)).collect::<Result<_, _>>()?
            }
            Kind::Call => {
                let calls = self.caller.calls(Protocol::V3, series, count)?;
                calls.iter().map(of_gateway).collect::<Result<_, _>>()?
            }
            Kind::Return => {
                (0..count).map(|index| of_gateway(&back(series, index)?)).collect::<Result<_, _>>()?
            }
            Kind::Hint => (0..count).map(|_| hint()).collect::<Result<_, _>>()?,
        };
        Ok(events.iter().map(|event| event.to_string().into_bytes()).collect())
    }

    fn signatures(&self, series: &str, count: u32) -> Result<Vec<Value>, Error> {
        let key = self.merchant.rsa.to_public_key().to_public_key_der()?;
        let key = STANDARD.encode(key.as_bytes());
        let calls = self.merchant.calls(Signer::Rsa(&self.merchant.rsa_key), series, count)?;
        let events = calls.iter().map(|call| {
            let body = json!({
                "publicKey": key,
                "message": String::from_utf8(call.string.clone())?,
                "signature": STANDARD.encode(&call.signature),
            });
            Ok(json!({"body": body.to_string()}))
        });
        events.collect()
    }
}

/// The event of a request (payload version 2.0).
fn of_gateway(request: &Request<Bytes>) -> Result<Value, Error> {
    let mut headers = Map::new();
    for (name, value) in HEADERS_OF_THE_GATEWAY {
        headers.insert(name.to_owned(), value.into());
    }
    for (name, value) in request.headers() {
        headers.insert(name.to_string(), value.to_str()?.into());
    }
    let (method, path) = (request.method().as_str(), request.uri().path());
    Ok(json!({
        "version": "2.0",
        "routeKey": format!("{method} {path}"),
        "rawPath": path,
        "rawQueryString": request.uri().query().unwrap_or_default(),
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "authlink",
            "domainName": "links.example.com",
            "domainPrefix": "links",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "bench",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": format!("{method} {path}"),
            "stage": "$default",
            "time": "22/Nov/2026:00:00:00 +0000",
            "timeEpoch": 1_795_305_600_000_i64,
        },
        "body": String::from_utf8(request.body().to_vec())?,
        "isBase64Encoded": false,
    }))
}

fn back(series: &str, index: u32) -> Result<Request<Bytes>, Error> {
    let code: String = format!("{series}{index:032}").chars().filter(char::is_ascii_alphanumeric).collect();
    let target = format!(
        "{}?app_id={APP_ID}&source=alipay_wallet&scope=auth_base&state={}{}&auth_code={code}",
        openid_callback::PATH,
        record::id(),
        record::STATE_SECRET
    );
    let browser = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Mobile \
                   Safari/537.36 AlipayClient/10.6.0";
    let request = Request::get(target)
        .header("accept", "text/html,application/xhtml+xml")
        .header("accept-language", "zh-CN,zh;q=0.9,en;q=0.8")
        .header("user-agent", browser);
    Ok(request.body(Bytes::new())?)
}

fn hint() -> Result<Value, Error> {
    let hint = Hint::new(record::id(), Owner::Business(BUSINESS_ID.to_owned()), 0);
    Ok(json!({"Records": [{
        "messageId": "3f9a6b1e-6f1c-4d0e-9f59-0c1a7f1f5b01",
        "receiptHandle": "bench",
        "body": serde_json::to_string(&hint)?,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795305600000"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:authlink-Queue",
        "awsRegion": "us-east-1",
    }]}))
}
