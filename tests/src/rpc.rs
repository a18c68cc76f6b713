//! Calls of `GetAuthorizationUrl`, signed by other code than the product's, and their answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderName, HeaderValue, Method, Request, Response};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use shared::model::clock::UnixMillis;
use shared::web::client_info::ClientInfo;

/// The tests' caller of `GetAuthorizationUrl`, of account 1001.
pub const ACCESS_KEY_ID: &str = "testAccessKeyId";
/// The secret of [`ACCESS_KEY_ID`].
pub const ACCESS_KEY_SECRET: &str = "testAccessKeySecret";

/// The host that calls are signed for, unless they say otherwise.
pub const HOST: &str = "dypnsapi.example.com";

/// The signature protocol of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HMAC-SHA1, everything in the query.
    V1,
    /// HMAC-SHA1, everything in a form.
    V1Form,
    /// ACS3-HMAC-SHA256, in headers.
    V3,
}

/// A call in the making. Nothing is checked: what is wrong is meant so.
#[derive(Clone)]
pub struct RpcCall {
    pub protocol: Protocol,
    pub method: Method,
    pub path: String,
    /// The host that it is sent to, and signed for by V3.
    pub host: String,
    pub action: String,
    pub version: String,
    pub access_key_id: String,
    pub secret: String,
    pub nonce: String,
    pub timestamp: String,
    pub format: Option<String>,
    pub security_token: Option<String>,
    /// The action's own parameters.
    pub parameters: Vec<(String, Vec<u8>)>,
    /// Replaces the signature.
    pub signature: Option<String>,
}

impl RpcCall {
    /// A call that is all right. Every call has a nonce of its own.
    pub fn new(protocol: Protocol, now: UnixMillis) -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NONCES: AtomicU64 = AtomicU64::new(0);
        Self {
            protocol,
            method: Method::POST,
            path: "/".to_owned(),
            host: HOST.to_owned(),
            action: "GetAuthorizationUrl".to_owned(),
            version: "2017-05-25".to_owned(),
            access_key_id: ACCESS_KEY_ID.to_owned(),
            secret: ACCESS_KEY_SECRET.to_owned(),
            nonce: format!("rpc-nonce-{}", NONCES.fetch_add(1, Ordering::Relaxed)),
            timestamp: utc(now),
            format: Some("JSON".to_owned()),
            security_token: None,
            parameters: Vec::new(),
            signature: None,
        }
        .with("PhoneNo", "13900001234")
        .with("SchemeId", "234")
    }

    /// With a parameter set, in place of an earlier one of this name.
    pub fn with(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).and(name, value)
    }

    /// With a parameter added, even if there is one of this name.
    pub fn and(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.parameters.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Without a parameter.
    pub fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(known, _)| known != name);
        self
    }

    /// The call, signed.
    pub fn build(&self) -> Request<Bytes> {
        match self.protocol {
            Protocol::V1 | Protocol::V1Form => self.build_v1(),
            Protocol::V3 => self.build_v3(),
        }
    }

    fn build_v1(&self) -> Request<Bytes> {
        let mut all = self.parameters.clone();
        let mut add = |name: &str, value: &str| all.push((name.to_owned(), value.as_bytes().to_vec()));
        add("Action", &self.action);
        add("Version", &self.version);
        add("AccessKeyId", &self.access_key_id);
        add("SignatureMethod", "HMAC-SHA1");
        add("SignatureVersion", "1.0");
        add("SignatureNonce", &self.nonce);
        add("Timestamp", &self.timestamp);
        if let Some(format) = &self.format {
            add("Format", format);
        }
        if let Some(token) = &self.security_token {
            add("SecurityToken", token);
        }
        let string_to_sign = format!("{}&%2F&{}", self.method, encoded(canonical(&all).as_bytes()));
        let mut mac =
            Hmac::<Sha1>::new_from_slice(format!("{}&", self.secret).as_bytes()).expect("any length");
        mac.update(string_to_sign.as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let signature = self.signature.as_ref().unwrap_or(&signature);
        all.push(("Signature".to_owned(), signature.clone().into_bytes()));
        let query = canonical(&all);
        if self.protocol == Protocol::V1Form {
            let request = self.request("").header("content-type", "application/x-www-form-urlencoded");
            return request.body(Bytes::from(query)).expect("a request");
        }
        self.request(&query).body(Bytes::new()).expect("a request")
    }

    fn build_v3(&self) -> Request<Bytes> {
        let mut parameters = self.parameters.clone();
        if let Some(format) = &self.format {
            parameters.push(("Format".to_owned(), format.clone().into_bytes()));
        }
        let query = canonical(&parameters);
        let nothing = hex(&Sha256::digest(b""));
        let mut headers = vec![
            ("host", self.host.clone()),
            ("x-acs-action", self.action.clone()),
            ("x-acs-content-sha256", nothing.clone()),
            ("x-acs-date", self.timestamp.clone()),
        ];
        if let Some(token) = &self.security_token {
            headers.push(("x-acs-security-token", token.clone()));
        }
        headers.push(("x-acs-signature-nonce", self.nonce.clone()));
        headers.push(("x-acs-version", self.version.clone()));
        let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let names = names.join(";");
        let canonical = format!("{}\n{}\n{query}\n{lines}\n{names}\n{nothing}", self.method, self.path);
        let string_to_sign = format!("ACS3-HMAC-SHA256\n{}", hex(&Sha256::digest(canonical.as_bytes())));
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("any length");
        mac.update(string_to_sign.as_bytes());
        let signature = self.signature.clone().unwrap_or_else(|| hex(&mac.finalize().into_bytes()));
        let id = &self.access_key_id;
        let authorization =
            format!("ACS3-HMAC-SHA256 Credential={id},SignedHeaders={names},Signature={signature}");
        let mut request = self.request(&query).header("authorization", authorization);
        for (name, value) in headers.into_iter().filter(|(name, _)| *name != "host") {
            request = request.header(
                HeaderName::from_static(name),
                HeaderValue::from_str(&value).expect("a header's value"),
            );
        }
        request.body(Bytes::new()).expect("a request")
    }

    fn request(&self, query: &str) -> http::request::Builder {
        let origin = "https://links.example.com/".parse().ok();
        Request::builder()
            .method(self.method.clone())
            .uri(format!("{}?{query}", self.path))
            .header("host", &self.host)
            .extension(ClientInfo { source_ip: Some([203, 0, 113, 7].into()), origin })
    }
}

/// A moment as both protocols write it.
pub fn utc(at: UnixMillis) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1_000)).expect("a moment");
    let (date, time) = (at.date(), at.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// A call of V3 that somebody made, checked by other code than the product's.
#[derive(Debug, PartialEq, Eq)]
pub struct Checked {
    pub access_key_id: String,
    pub nonce: String,
    /// The query, decoded, in its order on the wire.
    pub parameters: Vec<(String, String)>,
}

impl Checked {
    /// Checks a call of `GetAuthorizationUrl` as it came; panics unless it is signed with `secret`, at `now`.
    pub fn from_request(request: &Request<Bytes>, secret: &str, now: UnixMillis) -> Self {
        let header = |name: &str| {
            let mut values = request.headers().get_all(name).iter();
            let value = values.next().unwrap_or_else(|| panic!("no {name}"));
            assert!(values.next().is_none(), "{name} is repeated");
            value.to_str().expect("text").to_owned()
        };
        assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/"));
        assert_eq!(request.body().len(), 0);
        assert_eq!(header("accept"), "application/json");
        assert_eq!(header("x-acs-action"), "GetAuthorizationUrl");
        assert_eq!(header("x-acs-version"), "2017-05-25");
        assert_eq!(header("x-acs-date"), utc(now));
        let nothing = hex(&Sha256::digest(b""));
        assert_eq!(header("x-acs-content-sha256"), nothing);

        let query = request.uri().query().expect("a query");
        let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        let parameters: Vec<(String, String)> = pairs.collect();
        let bytes: Vec<_> =
            parameters.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
        let names = [
            "host",
            "x-acs-action",
            "x-acs-content-sha256",
            "x-acs-date",
            "x-acs-signature-nonce",
            "x-acs-version",
        ];
        let lines: String = names.map(|name| format!("{name}:{}\n", header(name))).concat();
        let names = names.join(";");
        let canonical = format!("POST\n/\n{}\n{lines}\n{names}\n{nothing}", canonical(&bytes));
        let string_to_sign = format!("ACS3-HMAC-SHA256\n{}", hex(&Sha256::digest(canonical.as_bytes())));
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
        mac.update(string_to_sign.as_bytes());
        let signature = hex(&mac.finalize().into_bytes());

        let authorization = header("authorization");
        let rest = authorization.strip_prefix("ACS3-HMAC-SHA256 Credential=").expect("V3");
        let (access_key_id, rest) = rest.split_once(',').expect("a list");
        assert_eq!(rest, format!("SignedHeaders={names},Signature={signature}"));
        Self { access_key_id: access_key_id.to_owned(), nonce: header("x-acs-signature-nonce"), parameters }
    }
}

/// Pairs in the order of their names and values, strictly encoded.
fn canonical(pairs: &[(String, Vec<u8>)]) -> String {
    let mut pairs = pairs.to_vec();
    pairs.sort();
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encoded(name.as_bytes()), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn encoded(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|&byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An answer of the action.
#[derive(Debug)]
pub struct RpcAnswer {
    pub http_status: u16,
    pub code: String,
    pub message: String,
    pub request_id: String,
    pub retry_after_millis: Option<u64>,
    pub link: Option<String>,
    /// Status, the headers that count, and the body, as a golden file has them.
    pub whole: String,
}

impl RpcAnswer {
    /// Reads an answer in JSON and checks its form.
    pub fn read(answer: &Response<Bytes>) -> Self {
        let header =
            |name: &str| answer.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        let text = str::from_utf8(answer.body()).expect("text");
        let body: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let field = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("{name}: {text}")).to_owned();
        assert_eq!(header("content-type").as_deref(), Some("application/json;charset=utf-8"));
        assert_eq!(header("x-acs-request-id"), Some(field("RequestId")));
        Self {
            http_status: answer.status().as_u16(),
            code: field("Code"),
            message: field("Message"),
            request_id: field("RequestId"),
            retry_after_millis: header("x-acs-retry-after").map(|millis| millis.parse().expect("a number")),
            link: body["Data"]["AuthorizationUrl"].as_str().map(str::to_owned),
            whole: whole(answer),
        }
    }
}

/// Status, the headers that count, and the body of an answer, as a golden file has them.
pub fn whole(answer: &Response<Bytes>) -> String {
    let mut text = format!("{}\n", answer.status().as_u16());
    for name in ["content-type", "x-acs-request-id", "x-acs-retry-after"] {
        if let Some(value) = answer.headers().get(name) {
            text += &format!("{name}: {}\n", value.to_str().expect("text"));
        }
    }
    format!("{text}\n{}\n", str::from_utf8(answer.body()).expect("text"))
}
