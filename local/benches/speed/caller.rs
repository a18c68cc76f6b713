//! Calls of `GetAuthorizationUrl` as two official SDKs sent them, signed anew and ahead of time: signing is not what is
//! measured.

use std::fs;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use form_urlencoded::{byte_serialize, parse};
use http::header::AUTHORIZATION;
use http::{Request, Uri};
use local::folder::{ACCESS_KEY_ID, Folder};
use serde_json::Value;
use shared::model::clock::{Clock as _, SystemClock};
use shared::web::client_info::ClientInfo;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::Error;

/// As they came over the wire.
const CALLS: &str = include_str!("../../../tests/vectors/alibaba-requests.json");
/// Of the Python SDK of the first generation, everything in the query.
const IN_V1: &str = "aly.get.1.http";
/// Of the Python SDK of today.
const IN_V3: &str = "dyp20.ok.1.http";

/// A day of the calls that will be over, and one that will not be soon.
const END_DATES: (&str, &str) = ("2026-12-28", "2099-12-28");

/// Which of the two is called.
#[derive(Clone, Copy)]
pub(crate) enum Protocol {
    V1,
    V3,
}

/// Who calls.
pub(crate) struct Caller {
    secret: String,
    in_v1: Value,
    in_v3: Value,
}

impl Caller {
    /// The holder of a local run's access key.
    pub(crate) fn of(folder: &Folder) -> Result<Self, Error> {
        let document = folder.secrets().join("access-key").join(ACCESS_KEY_ID).with_extension("json");
        let document: Value = serde_json::from_slice(&fs::read(document)?)?;
        let calls: Vec<Value> = serde_json::from_str(CALLS)?;
        let call = |file| calls.iter().find(|call| call["file"] == file).cloned().ok_or("no such call");
        Ok(Self {
            secret: text(&document["secrets"][0])?.to_owned(),
            in_v1: call(IN_V1)?,
            in_v3: call(IN_V3)?,
        })
    }

    /// `count` calls of this moment; each has its own nonce, which begins with `series`.
    pub(crate) fn calls(
        &self,
        protocol: Protocol,
        series: &str,
        count: u32,
    ) -> Result<Vec<Request<Bytes>>, Error> {
        let now = OffsetDateTime::from_unix_timestamp(SystemClock.now().0.div_euclid(1_000))?;
        let now = now.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))?;
        let call = |index| {
            let nonce = format!("{series}-{index:06}");
            match protocol {
                Protocol::V1 => self.call_in_v1(&now, &nonce),
                Protocol::V3 => self.call_in_v3(&now, &nonce),
            }
        };
        (0..count).map(call).collect()
    }

    fn call_in_v1(&self, now: &str, nonce: &str) -> Result<Request<Bytes>, Error> {
        let uri: Uri = text(&self.in_v1["target"])?.parse()?;
        let mut pairs: Vec<(String, String)> =
            parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        pairs.retain(|(name, _)| name != "Signature");
        for (name, value) in &mut pairs {
            match name.as_str() {
                "AccessKeyId" => *value = ACCESS_KEY_ID.to_owned(),
                "SignatureNonce" => *value = nonce.to_owned(),
                "Timestamp" => *value = now.to_owned(),
                "EndDate" => *value = END_DATES.1.to_owned(),
                _ => {}
            }
        }
        let mut sorted = pairs.clone();
        sorted.sort();
        let string = format!("{}&%2F&{}", text(&self.in_v1["method"])?, encoded(&query(&sorted)));
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, format!("{}&", self.secret).as_bytes());
        pairs.push(("Signature".to_owned(), STANDARD.encode(hmac::sign(&key, string.as_bytes()))));
        request(&self.in_v1, &format!("/?{}", query(&pairs)), |_, value| Ok(value.to_owned()))
    }

    fn call_in_v3(&self, now: &str, nonce: &str) -> Result<Request<Bytes>, Error> {
        // Its query is in the canonical form already.
        let target = text(&self.in_v3["target"])?.replace(END_DATES.0, END_DATES.1);
        let unsigned = request(&self.in_v3, &target, |name, value| {
            Ok(match name {
                "x-acs-date" => now,
                "x-acs-signature-nonce" => nonce,
                _ => value,
            }
            .to_owned())
        })?;
        let header = |name: &str| {
            unsigned.headers().get(name).ok_or("a header is missing")?.to_str().map_err(Error::from)
        };
        let names =
            header("authorization")?.split("SignedHeaders=").nth(1).and_then(|rest| rest.split(',').next());
        let names = names.ok_or("no signed headers")?;
        let mut canonical =
            format!("{}\n/\n{}\n", unsigned.method(), unsigned.uri().query().unwrap_or_default());
        for name in names.split(';') {
            canonical += &format!("{name}:{}\n", header(name)?);
        }
        canonical += &format!("\n{names}\n{}", header("x-acs-content-sha256")?);
        let string = format!("ACS3-HMAC-SHA256\n{}", hex::encode(digest(&SHA256, canonical.as_bytes())));
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        let signature = hex::encode(hmac::sign(&key, string.as_bytes()));
        let authorization = format!(
            "ACS3-HMAC-SHA256 Credential={ACCESS_KEY_ID},SignedHeaders={names},Signature={signature}"
        );
        let mut signed = unsigned;
        signed.headers_mut().insert(AUTHORIZATION, authorization.parse()?);
        Ok(signed)
    }
}

/// `call` with another target and with what `change` makes of its headers.
fn request(
    call: &Value,
    target: &str,
    change: impl Fn(&str, &str) -> Result<String, Error>,
) -> Result<Request<Bytes>, Error> {
    let mut request = Request::builder().method(text(&call["method"])?).uri(target);
    for header in call["headers"].as_array().ok_or("a call has no headers")? {
        let name = text(&header[0])?;
        request = request.header(name, change(name, text(&header[1])?)?);
    }
    let origin = Some("https://links.example.com/".parse()?);
    let arrival = ClientInfo { source_ip: Some([127, 0, 0, 1].into()), origin };
    Ok(request.extension(arrival).body(Bytes::new())?)
}

fn query(pairs: &[(String, String)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The form's encoding, which is the strict one for all that stands in these calls.
fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn text(value: &Value) -> Result<&str, Error> {
    value.as_str().ok_or_else(|| "a call is not of the form that was expected".into())
}
