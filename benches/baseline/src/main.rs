//! The least that a function can be: Lambda's runtime and one RSA signature verified. Every function is measured
//! against it.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Event {
    body: String,
}

/// The body of an event. Key (SPKI) and signature are Base64.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    public_key: String,
    message: String,
    signature: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Event>| {
        let signed: Signed = serde_json::from_str(&event.payload.body)?;
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, STANDARD.decode(signed.public_key)?);
        let verified = key.verify(signed.message.as_bytes(), &STANDARD.decode(signed.signature)?);
        Ok::<Value, Error>(json!({"statusCode": if verified.is_ok() { 200 } else { 401 }}))
    }))
    .await
}
