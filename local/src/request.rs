//! One request by hand: signed and sent as the demo merchant does, printed as it went over the wire.

use std::path::Path;

use shared::start::StartError;
use url::Url;

use crate::folder::{BUSINESS_ID, Folder, MERCHANT_ID};
use crate::merchant::{DemoMerchant, MerchantConfig, SignType};

/// Sends a request for a link to `authlink`, with callbacks to `merchant`, and prints it with its answer.
pub async fn send(
    folder: &Path,
    sign_type: SignType,
    authlink: &Url,
    merchant: &Url,
) -> Result<(), StartError> {
    let bare = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    let parties = Folder::open(folder)?.parties()?;
    let demo = DemoMerchant::new(MerchantConfig {
        business_id: BUSINESS_ID.to_owned(),
        merchant_id: MERCHANT_ID.to_owned(),
        rsa_private_key: parties.merchant_private_key,
        md5_key: Some(parties.merchant_md5_key),
        platform_public_key: parties.platform_public_key,
        authlink_origin: bare(authlink),
        own_origin: bare(merchant),
        emulator_origin: String::new(),
    })?;
    let call = demo.request_link(sign_type, "user-1").await;
    println!("POST {}", call.request.url);
    for (name, value) in &call.request.headers {
        println!("{name}: {value}");
    }
    println!("\n{}\n", call.request.body);
    let answer = call.answer?;
    println!("HTTP {}\n{}", answer.http_status, answer.body);
    match answer.link() {
        Some(link) => println!("\nOpen this in a browser to consent:\n{link}"),
        None => return Err(StartError::new("authlink gave no link; its message says why".to_owned())),
    }
    Ok(())
}
