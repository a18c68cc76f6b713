//! One call by hand: signed and sent as the demo merchant does, and printed with its answer.

use std::path::Path;

use shared::runtime::start::StartError;
use url::Url;

use crate::folder::{BUSINESS_ID, Folder, MERCHANT_ID};
use crate::merchant::{Call, CallAnswer, DemoMerchant, MerchantConfig, SignType};

/// Sends a request for a link to `authlink`, with callbacks to `merchant`.
pub async fn send(
    folder: &Path,
    sign_type: SignType,
    authlink: &Url,
    merchant: &Url,
) -> Result<(), StartError> {
    let call = demo(folder, authlink, bare(merchant))?.request_link(sign_type, "user-1").await;
    match print(call)?.link() {
        Some(link) => println!("\nOpen this in a browser to consent:\n{link}"),
        None => return Err(StartError::new("authlink gave no link; its message says why".to_owned())),
    }
    Ok(())
}

/// Sends a query for `serial_no` to `authlink`.
pub async fn query(
    folder: &Path,
    sign_type: SignType,
    serial_no: &str,
    authlink: &Url,
) -> Result<(), StartError> {
    let call = demo(folder, authlink, String::new())?.query(sign_type, serial_no).await;
    if print(call)?.succeeded() {
        return Ok(());
    }
    Err(StartError::new("authlink told nothing; its message says why".to_owned()))
}

fn demo(folder: &Path, authlink: &Url, own_origin: String) -> Result<DemoMerchant, StartError> {
    let parties = Folder::open(folder)?.parties()?;
    Ok(DemoMerchant::new(MerchantConfig {
        business_id: BUSINESS_ID.to_owned(),
        merchant_id: MERCHANT_ID.to_owned(),
        rsa_private_key: parties.merchant_private_key,
        md5_key: Some(parties.merchant_md5_key),
        platform_public_key: parties.platform_public_key,
        authlink_origin: bare(authlink),
        own_origin,
        emulator_origin: String::new(),
    })?)
}

fn bare(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn print(call: Call) -> Result<CallAnswer, StartError> {
    println!("POST {}", call.request.url);
    for (name, value) in &call.request.headers {
        println!("{name}: {value}");
    }
    println!("\n{}\n", call.request.body);
    let answer = call.answer?;
    println!("HTTP {}\n{}", answer.http_status, answer.body);
    Ok(answer)
}
