//! Documents of the secrets' source, certificates in them, and answers of Alipay's gateway.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::sha2::{Digest as _, Sha256};
use serde_json::json;
use shared::model::clock::UnixMillis;
use shared::protocol::alipay::gateway::{Exchange, read_answer};
use shared::registry::{
    AccessKey, Account, AlibabaCloudKey, AlipayApp, Business, CallbackKey, LinkTokenKeys, PhoneKey, Platform,
    Scheme,
};
use shared::secrets::Document;
use shared::signing::alipay_certificate::{KeyCertificate, RootCertificates};
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
        flaw::<LinkTokenKeys>,
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

/// The certificates of a file, in DER.
fn certificates(file: &str) -> Vec<Vec<u8>> {
    let blocks = file.split("-----BEGIN CERTIFICATE-----").skip(1);
    blocks
        .map(|block| {
            let base64: String = block.lines().take_while(|line| !line.starts_with("-----END")).collect();
            STANDARD.decode(base64).expect("Base64")
        })
        .collect()
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
}

#[test]
fn certificates_of_alipays() {
    let roots = include_str!("../vectors/alipay-roots.crt");
    let [own, issuer] = &certificates(include_str!("../vectors/alipay-certificate.crt"))[..] else {
        panic!("two certificates")
    };
    let anchors = RootCertificates::parse(roots).expect("roots");
    let led =
        |der: &[u8]| KeyCertificate::parse_with_chain(&format!("{}{}", pem(der), pem(issuer)), &anchors);
    let names = [own, issuer].map(|der| led(der).expect("leads to a root").sn().to_owned());
    fuzz(mutated([&[own.clone(), issuer.clone()], &certificates(roots)[..]].concat()), |der| {
        drop(RootCertificates::parse(&pem(&der)));
        drop(KeyCertificate::parse(&pem(&der)));
        if let Ok(certificate) = led(&der) {
            let is_a_root = anchors.sn().contains(certificate.sn());
            assert!(
                is_a_root || names.iter().any(|name| name == certificate.sn()),
                "{der:?} leads to a root"
            );
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

#[test]
fn answers_of_the_gateway() {
    let app = json!({"privateKey": keys::private_pem(keys::app()), "alipayPublicKeys": [keys::public_pem(keys::alipay())]});
    let app = AlipayApp::parse(&app.to_string()).expect("a document");
    let nodes = lines("gateway-nodes.txt");
    let seeds: Vec<_> = nodes.iter().map(|line| answer(line)).collect();
    for seed in &seeds[..3] {
        assert!(
            !matches!(read_answer(seed, &app.alipay, UnixMillis(0)), Exchange::Unknown(_)),
            "the corpus is no good"
        );
    }
    let said: Vec<_> = seeds.iter().map(|seed| read_answer(seed, &app.alipay, UnixMillis(0))).collect();
    fuzz(mutated(seeds), |body| {
        let read = read_answer(&body, &app.alipay, UnixMillis(0));
        if !matches!(read, Exchange::Unknown(_)) {
            let body = String::from_utf8_lossy(&body);
            assert!(said.contains(&read), "nobody has signed what is believed of {body}");
        }
    });
}
