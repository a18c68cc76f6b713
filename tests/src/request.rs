//! Requests of the open API, signed by the demo merchant's code, and their answers.

use bytes::Bytes;
use http::{Method, Request, Response};
use local::merchant::signing::{sign_md5, sign_rsa, string_to_sign};
use rsa::RsaPrivateKey;
use serde_json::{Value, json};
use shared::model::clock::UnixMillis;
use shared::protocol::open_api::Code;
use shared::web::client_info::ClientInfo;
use strum::VariantArray as _;

use crate::keys;

/// Checks the form of the request's id in `X-Request-Id`.
pub fn assert_names_its_request(answer: &Response<Bytes>) {
    let request_id = answer.headers()["x-request-id"].to_str().expect("text");
    let groups: Vec<_> = request_id.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12], "{request_id}");
}

/// A request of the open API in the making. Nothing is checked: what is wrong is meant so.
#[derive(Clone)]
pub struct LinkCall {
    pub method: Method,
    pub path: String,
    pub business_id: String,
    pub nonce: String,
    pub timestamp: String,
    pub sign_type: Option<String>,
    pub body: Vec<u8>,
    pub key: Key,
    pub source_ip: Option<std::net::IpAddr>,
}

/// The key that signs a request.
#[derive(Clone)]
pub enum Key {
    Rsa(&'static RsaPrivateKey),
    Md5(&'static str),
    /// Not at all: this is the header's value.
    Literal(String),
}

/// The body that the tests' merchant sends.
pub fn link_body(serial_no: &str) -> Value {
    json!({
        "merchantId": "M1",
        "businessId": "B1",
        "serialNo": serial_no,
        "userId": "user-1",
        "callbackUrl": "https://merchant.example.com/cb",
    })
}

/// The body of a query for `serial_no`, as the tests' merchant sends it.
pub fn query_body(serial_no: &str) -> Value {
    json!({"merchantId": "M1", "businessId": "B1", "serialNo": serial_no})
}

impl LinkCall {
    /// A request that is all right.
    pub fn new(serial_no: &str, now: UnixMillis) -> Self {
        Self::with_body(&link_body(serial_no), now)
    }

    /// A request that is all right but, perhaps, for its body. Every call has a nonce of its own.
    pub fn with_body(body: &Value, now: UnixMillis) -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NONCES: AtomicU64 = AtomicU64::new(0);
        Self {
            method: Method::POST,
            path: alipay_auth_url::PATH.to_owned(),
            business_id: "B1".to_owned(),
            nonce: format!("nonce-{}", NONCES.fetch_add(1, Ordering::Relaxed)),
            timestamp: now.to_string(),
            sign_type: None,
            body: body.to_string().into_bytes(),
            key: Key::Rsa(keys::merchant()),
            source_ip: Some([203, 0, 113, 7].into()),
        }
    }

    /// A query that is all right.
    pub fn query(serial_no: &str, now: UnixMillis) -> Self {
        Self::query_with_body(&query_body(serial_no), now)
    }

    /// A query that is all right but, perhaps, for its body.
    pub fn query_with_body(body: &Value, now: UnixMillis) -> Self {
        Self { path: authorization_query::PATH.to_owned(), ..Self::with_body(body, now) }
    }

    /// The same, signed with MD5.
    pub fn by_md5(mut self) -> Self {
        self.sign_type = Some("MD5".to_owned());
        self.key = Key::Md5(keys::merchant_md5());
        self
    }

    /// The string that is signed.
    pub fn string_to_sign(&self) -> Vec<u8> {
        let headers = [
            ("businessId", self.business_id.as_str()),
            ("nonce", &self.nonce),
            ("timestamp", &self.timestamp),
            ("signType", self.sign_type.as_deref().unwrap_or_default()),
        ];
        string_to_sign(&headers, &self.body)
    }

    /// The request, signed.
    pub fn build(&self) -> Request<Bytes> {
        let sign = match &self.key {
            Key::Rsa(key) => sign_rsa(&self.string_to_sign(), key),
            Key::Md5(key) => sign_md5(&self.string_to_sign(), key),
            Key::Literal(value) => value.clone(),
        };
        let mut request = Request::builder().method(self.method.clone()).uri(&self.path);
        let sign_type = self.sign_type.as_ref().map(|value| ("signType", value));
        for (name, value) in [
            ("businessId", &self.business_id),
            ("nonce", &self.nonce),
            ("timestamp", &self.timestamp),
            ("sign", &sign),
        ]
        .into_iter()
        .chain(sign_type)
        {
            request =
                request.header(name, http::HeaderValue::from_bytes(value.as_bytes()).expect("a header"));
        }
        let origin = "https://links.example.com/".parse().ok();
        request
            .extension(ClientInfo { source_ip: self.source_ip, origin })
            .body(Bytes::from(self.body.clone()))
            .expect("a request")
    }
}

/// An answer of the open API.
#[derive(Debug, PartialEq, Eq)]
pub struct LinkAnswer {
    pub http_status: u16,
    pub status: i64,
    pub message: String,
    pub link: Option<String>,
}

impl LinkAnswer {
    /// Reads an answer and checks its form.
    pub fn read(answer: &Response<Bytes>) -> Self {
        assert_eq!(answer.headers()["content-type"], "application/json; charset=utf-8");
        let body: Value = serde_json::from_slice(answer.body()).expect("an answer is JSON");
        assert!(body["data"].is_object(), "{body}");
        let retry_after = answer.headers().get("retry-after").map(|value| value.to_str().expect("text"));
        assert_eq!(retry_after, (answer.status() == 429).then_some("1"));
        assert_names_its_request(answer);
        let code = body["code"].as_str().expect("code is a string");
        let row = Code::VARIANTS.iter().find(|known| known.as_str() == code);
        let row = row.map_or((0, 200), |code| (code.status(), code.http_status().as_u16()));
        assert_eq!(
            (body["status"].as_u64(), answer.status().as_u16()),
            (Some(row.0.into()), row.1),
            "{body}"
        );
        assert_eq!(code == "success", row.0 == 0, "{body}");
        Self {
            http_status: answer.status().as_u16(),
            status: body["status"].as_i64().expect("status is a number"),
            message: body["message"].as_str().expect("message is a string").to_owned(),
            link: body["data"]["alipayAuthUrl"].as_str().map(str::to_owned),
        }
    }

    /// The link of an answer that must have one.
    pub fn expect_link(self) -> url::Url {
        assert_eq!((self.status, self.message.as_str()), (0, "success"));
        self.link.expect("a link").parse().expect("a URL")
    }
}

/// An answer to a query.
#[derive(Debug, PartialEq, Eq)]
pub struct QueryAnswer {
    pub http_status: u16,
    pub status: i64,
    pub message: String,
    pub data: Value,
}

impl QueryAnswer {
    /// Reads an answer and checks its form.
    pub fn read(answer: &Response<Bytes>) -> Self {
        let LinkAnswer { http_status, status, message, .. } = LinkAnswer::read(answer);
        let mut body: Value = serde_json::from_slice(answer.body()).expect("an answer is JSON");
        Self { http_status, status, message, data: body["data"].take() }
    }

    /// The data of an answer that must be granted.
    pub fn expect_data(self) -> Value {
        assert_eq!((self.http_status, self.status, self.message.as_str()), (200, 0, "success"));
        self.data
    }
}

/// The `state` that a link carries.
pub fn state_of(link: &url::Url) -> String {
    link.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned()
}
