//! Documents of the secrets' source, and answers of Alipay's gateway.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::sha2::{Digest as _, Sha256};
use serde_json::json;
use shared::protocol::alipay::gateway::{Exchange, read_answer};
use shared::registry::{
    AccessKey, Account, AlibabaCloudKey, AlipayApp, Business, CallbackKey, LinkToken, PhoneKey, Platform,
    Scheme,
};
use shared::secrets::Document;
use tests::keys;
use tests::mutation::mutated;

use super::{corpora, files, fuzz, lines};

/// Stands in every key and address of the corpus.
const SECRET: &str = "s3cr3t";

fn flaw<D: Document>(text: &str) -> String {
    D::parse(text).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn documents_of_every_kind() {
    let seeds = files(&corpora().join("documents")).into_iter().map(|(_, text)| text).collect();
    let parsers = [
        flaw::<AccessKey>,
        flaw::<Account>,
        flaw::<AlibabaCloudKey>,
        flaw::<AlipayApp>,
        flaw::<Business>,
        flaw::<CallbackKey>,
        flaw::<LinkToken>,
        flaw::<PhoneKey>,
        flaw::<Platform>,
        flaw::<Scheme>,
    ];
    fuzz(mutated(seeds), |text| {
        let text = String::from_utf8_lossy(&text);
        for flaw in parsers.map(|flaw| flaw(&text)) {
            assert!(!flaw.contains(SECRET), "a flaw quotes a value: {flaw}");
        }
    });
}

/// An answer of the gateway that Alipay signed.
fn answer(line: &[u8]) -> Vec<u8> {
    let (key, node) = str::from_utf8(line).expect("text").split_once(' ').expect("a key and a node");
    let digest = Sha256::digest(node.as_bytes());
    let sign = keys::alipay().sign(Pkcs1v15Sign::new::<Sha256>(), &digest).expect("signs");
    format!(r#"{{"{key}":{node},"sign":"{}"}}"#, STANDARD.encode(sign)).into_bytes()
}

/// Whoever signed a node may have done so with its slashes escaped or not.
fn without_escaped_slashes(text: &[u8]) -> String {
    String::from_utf8_lossy(text).replace("\\/", "/")
}

#[test]
fn answers_of_the_gateway() {
    let app = json!({"privateKey": keys::private_pem(keys::app()), "alipayPublicKeys": [keys::public_pem(keys::alipay())]});
    let app = AlipayApp::parse(&app.to_string()).expect("a document");
    let nodes = lines("gateway-nodes.txt");
    let seeds: Vec<_> = nodes.iter().map(|line| answer(line)).collect();
    for seed in &seeds[..3] {
        assert!(
            !matches!(read_answer(seed, &app.alipay_public_keys), Exchange::Unknown(_)),
            "the corpus is no good"
        );
    }
    let signed: Vec<String> = nodes
        .iter()
        .map(|line| without_escaped_slashes(line).split_once(' ').expect("a node").1.to_owned())
        .collect();
    fuzz(mutated(seeds), |body| {
        if !matches!(read_answer(&body, &app.alipay_public_keys), Exchange::Unknown(_)) {
            let body: Cow<'_, str> = without_escaped_slashes(&body).into();
            assert!(signed.iter().any(|node| body.contains(node)), "believed: {body}");
        }
    });
}
