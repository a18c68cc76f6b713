//! The least that a function of authlink could be: Lambda's runtime and one RSA signature verified. `make bench` starts
//! it beside the real functions, so that their start is measured against what no function could do without.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};

/// What of an HTTP event matters here.
#[derive(Deserialize)]
struct Event {
    body: String,
}

/// The body, as JSON: the signature over `message`. Key and signature are Base64, the key as SPKI.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    public_key: String,
    message: String,
    signature: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Event>| {
        let signed: Signed = serde_json::from_str(&event.payload.body)?;
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, STANDARD.decode(signed.public_key)?);
        let verified = key.verify(signed.message.as_bytes(), &STANDARD.decode(signed.signature)?);
        Ok::<_, Error>(Answer { status_code: if verified.is_ok() { 200 } else { 401 } })
    }))
    .await
}
