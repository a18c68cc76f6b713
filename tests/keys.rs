//! Keys in every form they come in, and documents that hold them.

use rsa::pkcs1::{EncodeRsaPrivateKey as _, LineEnding};
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::rand_core::OsRng;
use rsa::sha2::{Digest as _, Sha256};
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde_json::json;
use shared::registry::{
    AccessKey, Account, AlibabaCloudKey, AlipayApp, Business, CallbackKey, LinkTokenKeys, PhoneKey, Platform,
    Scheme, SchemeSource,
};
use shared::secrets::{Document as _, DocumentError, SecretName};
use shared::signing::open_api::Signer;
use shared::signing::rsa::{KeyFormError, SigningKey, VerifyingKey};
use tests::keys::{foreign, merchant, private_pem, public_pem, vector_text};
use tests::world::{access_key, business, scheme};

/// Lines of 64 characters with CRLF, as Windows tools write.
fn in_lines(base64: &str) -> String {
    base64.as_bytes().chunks(64).map(|line| format!("{}\r\n", String::from_utf8_lossy(line))).collect()
}

#[test]
fn a_private_key_is_read_in_every_usual_form_and_the_other_library_verifies_what_it_signs() {
    let pkcs8 = vector_text("private_key_pkcs8_bare_base64");
    let pkcs1 = vector_text("private_key_pkcs1_bare_base64");
    let pkcs1_pem = merchant().to_pkcs1_pem(LineEnding::LF).expect("encodes");
    let public = RsaPublicKey::from(merchant());
    for form in [
        pkcs8.to_owned(),
        pkcs1.to_owned(),
        in_lines(pkcs8),
        format!("  {pkcs1}\n"),
        private_pem(merchant()),
        private_pem(merchant()).replace('\n', "\r\n"),
        pkcs1_pem.to_string(),
    ] {
        let signature = SigningKey::parse(&form).expect("a key").sign(b"message").expect("signs");
        let digest = Sha256::digest(b"message");
        assert!(public.verify(Pkcs1v15Sign::new::<Sha256>(), &digest, &signature).is_ok());
    }
}

#[test]
fn a_public_key_is_read_in_every_usual_form() {
    let signature =
        merchant().sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(b"message")).expect("signs");
    let bare = vector_text("public_key_bare_base64");
    let spki = vector_text("public_key_spki_pem");
    for form in [
        bare.to_owned(),
        in_lines(bare),
        spki.to_owned(),
        spki.replace('\n', "\r\n"),
        vector_text("public_key_pkcs1_pem").to_owned(),
    ] {
        let key = VerifyingKey::parse(&form).expect("a key");
        assert!(key.verifies(b"message", &signature));
        assert!(!key.verifies(b"massage", &signature));
    }
}

#[test]
fn both_halves_of_a_pair_have_one_fingerprint() {
    let private = SigningKey::parse(&private_pem(merchant())).expect("a key");
    let public = VerifyingKey::parse(&public_pem(merchant())).expect("a key");
    assert_eq!(private.fingerprint().as_ref(), Some(public.fingerprint()));
}

#[test]
fn a_header_of_a_pem_is_nothing_unless_it_says_encrypted() {
    let with = |headers: &str| {
        let pem = merchant().to_pkcs1_pem(LineEnding::LF).expect("encodes");
        SigningKey::parse(&pem.replacen("-----\n", &format!("-----\n{headers}\n"), 1))
    };
    assert!(with("Comment: of the merchant\n").is_ok());
    let encrypted = with("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n");
    assert_eq!(encrypted.err(), Some(KeyFormError::WrongPem("encrypted key".to_owned())));
}

#[test]
fn what_is_no_key_is_refused_by_cause_without_repeating_it() {
    let short = RsaPrivateKey::new(&mut OsRng, 1024).expect("a key");
    let elliptic = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W\
                    K84zV2sxXs7LtkBoN79R9Q==";
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (text, error) in [
        ("", KeyFormError::Empty),
        (" \n", KeyFormError::Empty),
        ("-----BEGIN PRIVATE KEY-----\nAAAA", KeyFormError::BadPem),
        (encrypted, KeyFormError::WrongPem("ENCRYPTED PRIVATE KEY".to_owned())),
        (vector_text("public_key_spki_pem"), KeyFormError::WrongPem("PUBLIC KEY".to_owned())),
        ("no key at all!", KeyFormError::NotBase64),
        ("AAAA", KeyFormError::NotRsa("private")),
        (vector_text("public_key_bare_base64"), KeyFormError::NotRsa("private")),
    ] {
        assert_eq!(SigningKey::parse(text).err(), Some(error), "{text}");
    }
    assert_eq!(VerifyingKey::parse(elliptic).err(), Some(KeyFormError::NotRsa("public")));
    for key in [public_pem(merchant()), vector_text("public_key_bare_base64").to_owned()] {
        let escaped = format!("{key}\n").replace('\n', "\\n");
        assert_eq!(VerifyingKey::parse(&escaped).err(), Some(KeyFormError::LiteralLineBreaks));
        let marked = format!("\u{feff}{key}");
        assert_eq!(VerifyingKey::parse(&marked).err(), Some(KeyFormError::ByteOrderMark));
    }
    let of_three = RsaPrivateKey::new_with_exp(&mut OsRng, 2048, &3u8.into()).expect("a key");
    assert_eq!(VerifyingKey::parse(&public_pem(&of_three)).err(), Some(KeyFormError::Exponent));
    assert!(SigningKey::parse(&private_pem(&of_three)).is_err());
    assert_eq!(VerifyingKey::parse(&public_pem(&short)).err(), Some(KeyFormError::Bits(1024)));
    assert_eq!(
        VerifyingKey::parse(&private_pem(merchant())).err(),
        Some(KeyFormError::WrongPem("PRIVATE KEY".to_owned()))
    );
    // aws-lc refuses to load so short a private key at all.
    assert!(SigningKey::parse(&private_pem(&short)).is_err());
}

#[test]
fn a_business_document_is_refused_by_field() {
    let with = |field: &str, value: serde_json::Value| {
        let mut document = business();
        document[field] = value;
        Business::parse(&document.to_string()).err().map(without_position)
    };
    let key = vector_text("public_key_spki_pem");
    let secret = "0123456789abcdef";
    for (field, value, reason) in [
        ("publicKeys", json!(key), "publicKeys must be a list of strings"),
        ("publicKeys", json!([key, "x"]), "publicKeys[1] is neither PEM nor Base64"),
        ("publicKeys", json!([key, key, key]), "publicKeys may hold 2 at most"),
        ("md5Keys", json!(secret), "md5Keys must be a list of strings"),
        ("md5Keys", json!(["short"]), "md5Keys[0] has fewer than 16 characters"),
        ("md5Keys", json!([secret, secret, secret]), "md5Keys may hold 2 at most"),
        ("merchantIds", json!([]), "needs merchantIds"),
        ("enabled", json!("yes"), "enabled must be true or false"),
        ("allowedIps", json!(["10.0.0.0/33"]), "allowedIps[0] is neither an address nor a CIDR range"),
        ("allowedIps", json!([]), "allowedIps would allow nobody, as it is empty; leave it out to allow any"),
        ("allowedIPs", json!(["10.0.0.0/8"]), "has an unknown field allowedIPs"),
        ("linkLifetimeSecs", json!(59), "linkLifetimeSecs must be 60 to 2592000"),
        ("linkLifetimeSecs", json!("60"), "linkLifetimeSecs must be a whole number"),
        ("scope", json!("auth_all"), "scope must be auth_base or auth_user"),
    ] {
        assert_eq!(with(field, value), Some(reason.to_owned()), "{field}");
    }
    assert_eq!(with("enabled", json!(false)), None);
    let neither = json!({"merchantIds": ["M1"]}).to_string();
    assert_eq!(Business::parse(&neither).err(), Some(DocumentError::whole("needs publicKeys or md5Keys")));
    let marked = Business::parse(&format!("\u{feff}{}", business())).err();
    let reason = "begins with a byte order mark at line 1 column 1; save it as UTF-8 without one";
    assert_eq!(marked, Some(DocumentError::whole(reason)));
}

#[test]
fn documents_that_are_no_json_are_refused_without_quoting_them() {
    let secret = "very-secret-key-material";
    for text in [
        format!("{{\"privateKey\": \"{secret}"),
        format!("\"{secret}\""),
        secret.to_owned(),
        format!("[\"{secret}\"]"),
    ] {
        let reason = CallbackKey::parse(&text).expect_err("no document").to_string();
        assert!(reason.starts_with("is not"), "{reason}");
        assert!(!reason.contains(secret), "{reason}");
    }
    let reason =
        CallbackKey::parse(&json!({"privateKey": secret}).to_string()).expect_err("no key").to_string();
    assert_eq!(reason, "privateKey is neither PEM nor Base64 at line 1 column 15");
}

#[test]
fn the_other_documents_are_read_and_refused_by_field() {
    let (key, public) = (private_pem(merchant()), public_pem(merchant()));
    let alipays = public_pem(foreign());
    assert!(AlipayApp::parse(&json!({"privateKey": key, "alipayPublicKeys": [alipays]}).to_string()).is_ok());
    assert!(CallbackKey::parse(&json!({"privateKey": key, "nextPrivateKey": key}).to_string()).is_ok());
    let app =
        |document: serde_json::Value| AlipayApp::parse(&document.to_string()).err().map(without_position);
    assert_eq!(app(json!({"privateKey": key})), Some("needs alipayPublicKeys or certificates".to_owned()));
    assert_eq!(app(json!({"alipayPublicKeys": [public]})), Some("needs privateKey".to_owned()));
    let with_own = json!({"privateKey": key, "alipayPublicKeys": [alipays, public]});
    assert_eq!(app(with_own), Some(format!("alipayPublicKeys[1] {OWN_KEY}")));
    let callback =
        |document: serde_json::Value| CallbackKey::parse(&document.to_string()).err().map(without_position);
    assert_eq!(
        callback(json!({"privateKey": key, "nextPrivateKey": public})),
        Some("nextPrivateKey is PEM of a PUBLIC KEY, which cannot serve here".to_owned())
    );
}

#[test]
fn addresses_are_allowed_by_cidr_range_of_both_families() {
    let mut document = business();
    document["allowedIps"] = json!(["198.51.100.7", "203.0.113.0/24", "2001:db8:1::/48"]);
    let business = Business::parse(&document.to_string()).expect("a document");
    for (address, allowed) in [
        ("198.51.100.7", true),
        ("198.51.100.8", false),
        ("203.0.113.255", true),
        ("203.0.114.0", false),
        ("::ffff:203.0.113.9", true),
        ("2001:db8:1:ffff::1", true),
        ("2001:db8:2::1", false),
    ] {
        assert_eq!(business.allows(address.parse().ok()), allowed, "{address}");
    }
    assert!(!business.allows(None));
}

#[test]
fn the_keys_of_link_tokens_are_one_or_two_and_long_enough() {
    let long = "k".repeat(32);
    let refused =
        |document: serde_json::Value| LinkTokenKeys::parse(&document.to_string()).err().map(without_position);
    assert_eq!(refused(json!({"keys": [long]})), None);
    assert_eq!(refused(json!({"keys": [long, "l".repeat(40)]})), None);
    for keys in [json!({}), json!({"keys": []}), json!({"keys": [long, long, long]})] {
        assert_eq!(refused(keys), Some("keys must hold 1 to 2".to_owned()));
    }
    let short = json!({"keys": [long, "k".repeat(31)]});
    assert_eq!(refused(short), Some("keys[1] is not a text of 32 bytes or more".to_owned()));
    assert_eq!(refused(json!({"keys": "k"})), Some("keys must be a list of strings".to_owned()));
    assert_eq!(refused(json!({"keys": [long], "key": long})), Some("has an unknown field key".to_owned()));
}

/// The error of a document that is `right` but for one field.
fn refused<D: shared::secrets::Document>(
    right: &serde_json::Value,
    field: &str,
    value: serde_json::Value,
) -> Option<String> {
    let mut document = right.clone();
    document[field] = value;
    D::parse(&document.to_string()).err().map(without_position)
}

/// The flaw alone, without the position that it is at if the field's name or type is wrong.
fn without_position(error: DocumentError) -> String {
    error.to_string().split(" at line ").next().unwrap_or_default().to_owned()
}

#[test]
fn an_access_key_has_one_or_two_secrets_and_an_account() {
    let key = AccessKey::parse(&access_key().to_string()).expect("a document");
    assert!(key.enabled && key.may_get_authorization_url);
    assert_eq!((key.account_id.as_str(), key.secrets.len()), ("1001", 1));
    let refused = |field: &str, value| refused::<AccessKey>(&access_key(), field, value);
    assert_eq!(refused("permissions", json!(null)), None);
    let form = "secrets[0] is not 8 to 128 printable ASCII characters without a space";
    for (field, value, error) in [
        ("secrets", json!([]), "secrets must hold 1 to 2"),
        ("secrets", json!(["a-secret-1", "a-secret-2", "a-secret-3"]), "secrets must hold 1 to 2"),
        ("secrets", json!(["short"]), form),
        ("secrets", json!(["with a space in it"]), form),
        ("accountId", json!(null), "needs accountId"),
        ("accountId", json!("../x"), "accountId must be 1 to 64 characters of A-Z a-z 0-9 _ -"),
        ("enabled", json!("no"), "enabled must be true or false"),
        ("permission", json!([]), "has an unknown field permission"),
    ] {
        assert_eq!(refused(field, value).as_deref(), Some(error));
    }
}

#[test]
fn an_account_is_in_good_order_unless_it_says_otherwise() {
    let account = Account::parse("{}").expect("a document");
    assert!(!account.suspended && account.subscribed && account.identity_verified);
    assert_eq!(account.requests_per_second.get(), 1_000);
    let refused = |field: &str, value| refused::<Account>(&json!({}), field, value);
    for number in [1, 100_000] {
        assert_eq!(refused("requestsPerSecond", json!(number)), None);
    }
    for number in [json!(0), json!(100_001), json!(u64::MAX)] {
        let error = refused("requestsPerSecond", number);
        assert_eq!(error.as_deref(), Some("requestsPerSecond must be 1 to 100000"));
    }
    assert_eq!(refused("suspendet", json!(true)).as_deref(), Some("has an unknown field suspendet"));
}

#[test]
fn a_scheme_says_whose_it_is_and_who_asks() {
    let read = Scheme::parse(&scheme().to_string()).expect("a document");
    assert!(read.passed && !read.contract);
    assert_eq!(read.link_lifetime.as_secs(), 86_400);
    assert_eq!(read.source, SchemeSource::Alipay(None));
    for (source, expected) in [
        ("alipay", SchemeSource::Alipay(None)),
        ("aliyun", SchemeSource::AlibabaCloud(SecretName::alibaba_cloud_key("1001").expect("a name"))),
    ] {
        let mut document = scheme();
        document["source"] = json!(source);
        assert_eq!(Scheme::parse(&document.to_string()).expect("a document").source, expected);
    }
    let refused = |field: &str, value| refused::<Scheme>(&scheme(), field, value);
    let named = "merchantName must have 1 to 64 characters, none of them a control character";
    for (field, value, error) in [
        ("accountId", json!(null), "needs accountId"),
        ("merchantName", json!(null), "needs merchantName"),
        ("merchantName", json!("  "), named),
        ("merchantName", json!("商".repeat(65)), named),
        ("merchantName", json!("商\n户"), named),
        ("linkLifetimeSecs", json!(59), "linkLifetimeSecs must be 60 to 2592000"),
        ("scope", json!("all"), "scope must be auth_base or auth_user"),
        ("source", json!("Aliyun"), "source must be alipay or aliyun"),
        ("source", json!(""), "source must be alipay or aliyun"),
        ("source", json!(true), "source must be a string"),
    ] {
        assert_eq!(refused(field, value).as_deref(), Some(error));
    }
    let phone_key = |key: &str| PhoneKey::parse(&json!({"key": key}).to_string()).err().map(without_position);
    assert_eq!(phone_key(&"k".repeat(32)), None);
    assert_eq!(phone_key(&"k".repeat(31)).as_deref(), Some("key must have 32 bytes or more"));
}

const OWN_KEY: &str = "is the public half of our own privateKey; the other side's public key belongs here";
const SHARED_KEY: &str = "key-shared-with-a-platform";

fn platform() -> serde_json::Value {
    json!({
        "baseUrl": "https://platform.example",
        "businessId": "19",
        "privateKey": private_pem(merchant()),
        "publicKeys": [public_pem(foreign())],
    })
}

#[test]
fn a_platform_signs_with_the_key_of_its_sign_type() {
    let read = Platform::parse(&platform().to_string()).expect("a document");
    assert_eq!((read.business_id.as_str(), read.merchant_id.as_deref()), ("19", None));
    assert_eq!((read.keys.rsa.len(), read.keys.md5.len()), (1, 0));
    assert!(matches!(read.credential().signer, Signer::Rsa(_)));
    let shared = json!({
        "baseUrl": "https://platform.example", "businessId": "19", "merchantId": "M-there",
        "signType": "MD5", "md5Keys": [SHARED_KEY, "its-successor-of-16"],
    });
    let read = Platform::parse(&shared.to_string()).expect("a document");
    assert_eq!((read.merchant_id.as_deref(), read.keys.md5.len()), (Some("M-there"), 2));
    let Signer::Md5(key) = read.credential().signer else { panic!("signs with RSA") };
    let digest = <md5::Md5 as md5::Digest>::digest(["text", SHARED_KEY].concat());
    assert_eq!(key.tag(b"text"), hex::encode_upper(digest));
}

#[test]
fn a_platforms_link_address_stands_below_its_base_address() {
    let link_url = |base: &str| {
        let mut document = platform();
        document["baseUrl"] = json!(base);
        Platform::parse(&document.to_string())
            .map(|platform| (platform.link_url.to_string(), platform.is_on_loopback()))
            .map_err(without_position)
    };
    let path = "v1/openapi/auth/alipay/url";
    for (base, origin_and_prefix, on_loopback) in [
        ("https://platform.example", "https://platform.example/", false),
        ("https://platform.example./", "https://platform.example/", false),
        ("https://platform.example:8443/east/", "https://platform.example:8443/east/", false),
        ("https://10.0.0.1/", "https://10.0.0.1/", false),
        ("http://127.0.0.1:8790", "http://127.0.0.1:8790/", true),
        ("http://[::1]:8790/a/b", "http://[::1]:8790/a/b/", true),
        ("https://127.0.0.1", "https://127.0.0.1/", true),
    ] {
        assert_eq!(link_url(base), Ok((format!("{origin_and_prefix}{path}"), on_loopback)), "{base}");
    }
    let wrong = "baseUrl must be https://, or http:// and a loopback address, \
                 with nothing but host, port and path";
    for base in [
        "",
        "platform.example",
        "http://platform.example",
        "http://localhost:8790",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "https://user@platform.example",
        "https://@platform.example",
        "https://platform.example/?",
        "https://platform.example/#",
        "https://platform.example:0",
        "https://platform.example/\n",
        "https:\\\\platform.example",
    ] {
        assert_eq!(link_url(base), Err(wrong.to_owned()), "{base:?}");
    }
}

#[test]
fn a_platforms_document_is_refused_by_field() {
    let refused = |field: &str, value| refused::<Platform>(&platform(), field, value);
    assert_eq!(refused("md5Keys", json!([SHARED_KEY])), None);
    assert_eq!(refused("signType", json!("SHA256-RSA")), None);
    assert_eq!(refused("merchantId", json!("商".repeat(128))), None);
    let own_key = format!("publicKeys[0] {OWN_KEY}");
    for (field, value, error) in [
        ("baseUrl", json!(null), "needs baseUrl"),
        ("businessId", json!(null), "needs businessId"),
        ("businessId", json!("a b"), "businessId must be 1 to 64 characters of A-Z a-z 0-9 _ -"),
        ("merchantId", json!(""), "merchantId must have 1 to 128 characters"),
        ("merchantId", json!("商".repeat(129)), "merchantId must have 1 to 128 characters"),
        ("signType", json!("md5"), "signType must be SHA256-RSA or MD5"),
        ("signType", json!("MD5"), "privateKey would not be used, as signType is MD5"),
        ("privateKey", json!(null), "needs privateKey"),
        ("privateKey", json!("AAAA"), "privateKey is not an RSA private key"),
        ("publicKeys", json!([]), "needs publicKeys or md5Keys"),
        ("publicKeys", json!(["AAAA"]), "publicKeys[0] is not an RSA public key"),
        ("publicKeys", json!([public_pem(merchant())]), own_key.as_str()),
        ("md5Keys", json!(["short"]), "md5Keys[0] has fewer than 16 characters"),
        ("secret", json!("x"), "has an unknown field secret"),
    ] {
        assert_eq!(refused(field, value).as_deref(), Some(error), "{field}");
    }
    let mut without_own = platform();
    without_own["signType"] = json!("MD5");
    without_own["privateKey"] = json!(null);
    let error = Platform::parse(&without_own.to_string()).err().map(without_position);
    assert_eq!(error.as_deref(), Some("needs md5Keys, as signType is MD5"));
}

#[test]
fn a_platforms_debug_shows_no_key() {
    let mut document = platform();
    document["md5Keys"] = json!([SHARED_KEY]);
    let rsa = Platform::parse(&document.to_string()).expect("a document");
    document["signType"] = json!("MD5");
    document["privateKey"] = json!(null);
    let md5 = Platform::parse(&document.to_string()).expect("a document");
    let shown = format!("{rsa:?}{md5:?}");
    assert!(shown.contains("own: Rsa(SigningKey(…))") && shown.contains("own: Md5(Md5Key(…))"), "{shown}");
    assert!(!shown.contains(SHARED_KEY), "{shown}");
}

#[test]
fn an_accounts_key_at_alibaba_cloud_goes_over_tls_or_stays_on_this_machine() {
    let right = json!({"accessKeyId": "LTAI5tKey", "accessKeySecret": "a-secret-of-theirs"});
    let key = AlibabaCloudKey::parse(&right.to_string()).expect("a document");
    assert_eq!(
        (key.access_key_id.as_str(), key.endpoint.as_str()),
        ("LTAI5tKey", "https://dypnsapi.aliyuncs.com/")
    );
    assert_eq!(format!("{key:?}"), r#"AlibabaCloudKey { endpoint: "https://dypnsapi.aliyuncs.com/", .. }"#);
    let refused = |field: &str, value| refused::<AlibabaCloudKey>(&right, field, value);
    for endpoint in [
        "https://dypnsapi.aliyuncs.com",
        "https://dypnsapi.aliyuncs.com/",
        "https://10.0.0.1:8443",
        "http://127.0.0.1:8787",
        "http://127.9.9.9/",
        "http://[::1]:8787/",
    ] {
        assert_eq!(refused("endpoint", json!(endpoint)), None, "{endpoint}");
    }
    for endpoint in [
        "",
        "dypnsapi.aliyuncs.com",
        "http://dypnsapi.aliyuncs.com",
        "http://localhost:8787",
        "http://127.0.0.1.example",
        "http://10.0.0.1",
        "http://[::ffff:127.0.0.1]",
        "ftp://127.0.0.1",
        "https://a.example/x",
        "https://a.example//",
        "https://a.example/?",
        "https://a.example/#",
        "https://a.example/?x=y",
        "https://user@a.example",
        "https://:password@a.example",
        "https://@a.example",
        "https:\\\\a.example",
        "https://a.example:0",
    ] {
        let error = "endpoint must be https, or http to a loopback address, and a bare origin";
        assert_eq!(refused("endpoint", json!(endpoint)).as_deref(), Some(error), "{endpoint}");
    }
    let of_id = "accessKeyId must be 1 to 64 characters of A-Z a-z 0-9 _ -";
    let of_secret = "accessKeySecret must be 8 to 128 printable ASCII characters without a space";
    for (field, value, error) in [
        ("accessKeyId", json!(null), "needs accessKeyId"),
        ("accessKeyId", json!(""), of_id),
        ("accessKeyId", json!("a,b"), of_id),
        ("accessKeyId", json!("k".repeat(65)), of_id),
        ("accessKeySecret", json!(null), "needs accessKeySecret"),
        ("accessKeySecret", json!("short"), of_secret),
        ("accessKeySecret", json!("with a space in it"), of_secret),
        ("endPoint", json!("x"), "has an unknown field endPoint"),
    ] {
        assert_eq!(refused(field, value).as_deref(), Some(error));
    }
}
