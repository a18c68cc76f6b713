//! The causes of refused signatures: every mistake of the list and more, told to whoever has the key, and nobody else.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request};
use local::merchant::signing::{sign_md5, sign_rsa};
use proptest::prelude::{Strategy, any, prop};
use proptest::test_runner::{Config, TestRunner};
use rsa::pkcs1v15::SigningKey;
use rsa::rand_core::OsRng;
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _, Signer as _};
use rsa::{BigUint, RsaPrivateKey, traits::PublicKeyParts as _};
use serde_json::{Value, json};
use shared::model::clock::{ManualClock, UnixMillis};
use shared::signing::md5::Md5Key;
use shared::signing::open_api::diagnosis::{Cause, Diagnosis, diagnose};
use shared::signing::open_api::{AuthHeaders, SignType, VerificationKeys};
use shared::signing::rsa::VerifyingKey;
use shared::web::client_info::ClientInfo;
use strum::VariantArray as _;
use tests::keys::{foreign, merchant, merchant_md5, private_pem, public_pem, vector_text};
use tests::logs::Logs;
use tests::request::{Key, LinkAnswer, LinkCall, link_body};
use tests::world::World;

/// The time of the list's requests.
const THEN: UnixMillis = UnixMillis(1_628_772_138_668);

fn keys() -> VerificationKeys {
    VerificationKeys {
        rsa: vec![VerifyingKey::parse(vector_text("public_key_spki_pem")).expect("a key")],
        md5: vec![Md5Key::new(merchant_md5()).expect("a key")],
    }
}

/// One request of the list, with the word for its cause.
struct Mistake {
    cause: String,
    what: String,
    request: Request<Bytes>,
}

fn mistakes() -> Vec<Mistake> {
    let list: Value = serde_json::from_str(include_str!("vectors/signature-mistakes.json")).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let cases = list["cases"].as_array().expect("a list").iter();
    cases
        .map(|case| {
            let body = STANDARD.decode(text(&case["body_base64"])).expect("Base64");
            let mut request = Request::post(alipay_auth_url::PATH).extension(ClientInfo::default());
            for (name, value) in case["headers"].as_object().expect("an object") {
                request = request.header(name, text(value));
            }
            Mistake {
                cause: text(&case["cause"]),
                what: text(&case["what"]),
                request: request.body(body.into()).expect("a request"),
            }
        })
        .collect()
}

fn of_request(request: &Request<Bytes>, keys: &VerificationKeys) -> Option<Diagnosis> {
    let headers = AuthHeaders::read(request.headers()).expect("well-formed");
    assert!(headers.verify(request.body(), keys).is_err(), "it verifies");
    diagnose(&headers, request.body(), keys)
}

#[test]
fn every_mistake_of_the_list_is_found() {
    let (keys, mistakes) = (keys(), mistakes());
    let mut found = 0;
    for Mistake { cause, what, request } in &mistakes {
        let diagnosis = of_request(request, &keys);
        let word = diagnosis.as_ref().map(|diagnosis| diagnosis.cause().as_str());
        println!("{cause:24} {:24} {what}", word.unwrap_or("-"));
        assert_eq!(word, Some(cause.as_str()), "{what}");
        found += 1;
    }
    println!("{found} of {}", mistakes.len());
    assert_eq!((found, mistakes.len()), (22, 22));
}

#[tokio::test]
async fn every_mistake_of_the_list_is_refused_on_both_routes_and_its_cause_is_told_and_logged() {
    let logs = Logs::keep();
    let first = World::new();
    let world = first.another_process_by(Arc::new(ManualClock::at(THEN)));
    let id = "754ea3e3a699404f9b82e8f881107f19";
    let document = json!({
        "publicKeys": [vector_text("public_key_spki_pem")], "md5Keys": [merchant_md5()], "merchantIds": ["m-19"],
    });
    world.secrets.set(&format!("business/{id}"), &document);
    for Mistake { cause, what, request } in mistakes() {
        let sentence = of_request(&request, &keys()).expect("a diagnosis").to_string();
        let (mut parts, body) = request.into_parts();
        for path in [alipay_auth_url::PATH, authorization_query::PATH] {
            parts.uri = path.parse().expect("a path");
            let request = Request::from_parts(parts.clone(), body.clone());
            let answer = if path == alipay_auth_url::PATH {
                world.auth_url.handle(&request).await
            } else {
                world.query.handle(&request).await
            };
            let answer = LinkAnswer::read(&answer);
            assert_eq!((answer.http_status, answer.status, answer.link), (200, 2, None), "{what}");
            let told = format!("signature verification failed: {sentence}; the string that was checked is: ");
            assert!(answer.message.starts_with(&told), "{}", answer.message);
            assert!(!answer.message.contains(merchant_md5()), "{what}");
        }
        let line = format!(r#""reason":"signature","cause":"{cause}""#);
        assert_eq!(logs.text().matches(&line).count() % 2, 0, "{line}");
        assert!(logs.text().contains(&line), "{line} in {}", logs.text());
    }
    assert!(!logs.text().contains(merchant_md5()));
}

/// A request under construction by somebody who makes mistakes.
struct Attempt {
    sign_type: Option<&'static str>,
    sent: Vec<u8>,
    sign: String,
}

const HEAD: &str = "businessId=B1&nonce=n1&timestamp=1628772138668";
const MD5_HEAD: &str = "businessId=B1&nonce=n1&signType=MD5&timestamp=1628772138668";
const BODY: &str = r#"{"userId":"客户/7","serialNo":"S1","callbackUrl":"https://shop.example/cb?a=1&b=2"}"#;

impl Attempt {
    fn rsa(string: impl AsRef<[u8]>, sent: impl Into<Vec<u8>>) -> Self {
        Self { sign_type: None, sent: sent.into(), sign: sign_rsa(string.as_ref(), merchant()) }
    }

    fn md5(string: impl AsRef<[u8]>, sent: impl Into<Vec<u8>>) -> Self {
        let sign = sign_md5(string.as_ref(), merchant_md5());
        Self { sign_type: Some("MD5"), sent: sent.into(), sign }
    }

    fn signed(self, sign: impl FnOnce(&str) -> String) -> Self {
        Self { sign: sign(&self.sign), ..self }
    }

    fn sent_as(self, sign_type: Option<&'static str>) -> Self {
        Self { sign_type, ..self }
    }

    fn request(&self) -> Request<Bytes> {
        let fields =
            [("businessId", "B1"), ("nonce", "n1"), ("timestamp", "1628772138668"), ("sign", &self.sign)];
        let mut request = Request::post(alipay_auth_url::PATH);
        for (name, value) in fields.into_iter().chain(self.sign_type.map(|kind| ("signType", kind))) {
            request = request.header(name, value);
        }
        request.body(self.sent.clone().into()).expect("a request")
    }

    fn words(&self, keys: &VerificationKeys) -> Vec<&'static str> {
        let diagnosis = of_request(&self.request(), keys);
        diagnosis.map_or_else(Vec::new, |found| found.causes().iter().map(|cause| cause.as_str()).collect())
    }
}

/// The number that `key` makes of an encoded message.
fn raw_signature(encoded: &[u8]) -> String {
    use rsa::traits::PrivateKeyParts as _;
    let number = BigUint::from_bytes_be(encoded).modpow(merchant().d(), merchant().n());
    let bytes = number.to_bytes_be();
    STANDARD.encode([vec![0; 256 - bytes.len()], bytes].concat())
}

fn gzip_magic() -> Vec<u8> {
    [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &[7; 40]].concat()
}

#[test]
fn what_stands_in_the_string_is_told() {
    let keys = keys();
    let plain = format!("{HEAD}{BODY}");
    let escaped = BODY.replace("客户", "\\u5ba2\\u6237");
    let gbk = b"{\"userId\":\"\xbf\xcd\xbb\xa7\"}";
    let utf8 = "{\"userId\":\"客户\"}";
    let reordered = "timestamp=1628772138668&nonce=n1&businessId=B1";
    for (words, attempt) in [
        (vec!["body_byte_order_mark"], Attempt::rsa(&plain, format!("\u{feff}{BODY}"))),
        (vec!["body_other_charset"], Attempt::rsa(format!("{HEAD}{utf8}"), gbk.to_vec())),
        (vec!["body_other_charset"], Attempt::rsa([HEAD.as_bytes(), gbk].concat(), utf8)),
        (vec!["body_question_marks"], Attempt::rsa(&plain, BODY.replace("客户", "??"))),
        (vec!["body_question_marks"], Attempt::rsa(&plain, BODY.replace("客户", "?"))),
        (vec!["body_compressed"], Attempt::rsa(&plain, gzip_magic())),
        (vec!["body_line_ends"], Attempt::rsa(format!("{plain}\n"), BODY)),
        (vec!["body_line_ends"], Attempt::rsa(&plain, format!("{BODY}\r\n"))),
        (vec!["body_line_ends"], Attempt::rsa(format!("{HEAD}{{\r\n}}"), "{\n}")),
        (vec!["body_unicode_escaped"], Attempt::rsa(&plain, escaped.clone())),
        (vec!["body_unicode_escaped"], Attempt::rsa(format!("{HEAD}{}", escaped.replace('/', "\\/")), BODY)),
        (vec!["body_reserialized"], Attempt::rsa(format!("{HEAD}{}", BODY.replace('/', "\\/")), BODY)),
        (vec!["body_url_encoded"], Attempt::rsa(&plain, "%7B%22a%22%7D".to_owned()).with_plain("{\"a\"}")),
        (vec!["headers_not_signed"], Attempt::rsa(BODY, BODY)),
        (vec!["header_names"], Attempt::rsa(plain.replace("businessId=", "businessid="), BODY)),
        (
            vec!["header_names"],
            Attempt::rsa(format!("BusinessId=B1&Nonce=n1&Timestamp=1628772138668{BODY}"), BODY),
        ),
        (vec!["separator_before_body"], Attempt::rsa(format!("{HEAD}&{BODY}"), BODY)),
        (vec!["order_of_headers"], Attempt::rsa(format!("{reordered}{BODY}"), BODY)),
        (vec!["sign_type_signed"], Attempt::rsa(plain.replace("&time", "&signType=SHA256-RSA&time"), BODY)),
        (
            vec!["body_as_parameters"],
            Attempt::rsa(
                "businessId=B1&callbackUrl=https://shop.example/cb?a=1&b=2&nonce=n1&serialNo=S1&timestamp=1628772138668&userId=客户/7",
                BODY,
            ),
        ),
        (vec!["other_bytes"], Attempt::rsa(plain.replace("138668", "138671"), BODY)),
        (vec!["other_bytes"], Attempt::rsa(plain.replace("1628772138668", "1628772138"), BODY)),
        (vec!["other_bytes"], Attempt::rsa(plain.replace("n1", "n2"), BODY)),
        (
            vec!["body_keys_sorted", "sign_type_not_signed"],
            Attempt::rsa(format!("{HEAD}{{\"a\":1,\"b\":2}}"), "{\"b\":2,\"a\":1}")
                .sent_as(Some("SHA256-RSA")),
        ),
        (vec!["body_reserialized"], Attempt::md5(format!("{MD5_HEAD}{{\"a\": 1}}"), "{\"a\":1}")),
        (vec!["sign_type_not_signed"], Attempt::md5(&plain, BODY)),
        (vec!["body_byte_order_mark"], Attempt::md5(format!("{MD5_HEAD}{BODY}"), format!("\u{feff}{BODY}"))),
        (vec!["sign_type_missing"], Attempt::md5(format!("{MD5_HEAD}{BODY}"), BODY).sent_as(None)),
        (vec!["sign_type_other"], Attempt::md5(&plain, BODY).sent_as(Some("SHA256-RSA"))),
        (vec!["md5_other_key", "body_compressed"], Attempt::md5(format!("{MD5_HEAD}{BODY}"), gzip_magic())),
    ] {
        let string = String::from_utf8_lossy(&attempt.sent).into_owned();
        assert_eq!(attempt.words(&keys), words, "{string}");
    }
}

impl Attempt {
    /// The same, signed over another body.
    fn with_plain(self, body: &str) -> Self {
        Self { sign: sign_rsa(format!("{HEAD}{body}").as_bytes(), merchant()), ..self }
    }
}

#[test]
fn the_way_that_a_key_was_used_is_told() {
    let keys = keys();
    let string = format!("{HEAD}{BODY}");
    let by = |sign: String| Attempt { sign_type: None, sent: BODY.into(), sign };
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&string);
    let pkcs1 = |content: &[u8]| {
        let padding = vec![0xff; 256 - 3 - content.len()];
        raw_signature(&[&[0, 1][..], &padding, &[0], content].concat())
    };
    let sha512 = STANDARD
        .encode(SigningKey::<rsa::sha2::Sha512>::new(merchant().clone()).sign(string.as_bytes()).to_bytes());
    let pss = |string: &str, salt: usize| {
        let key = rsa::pss::SigningKey::<rsa::sha2::Sha256>::new_with_salt_len(merchant().clone(), salt);
        STANDARD.encode(key.sign_with_rng(&mut OsRng, string.as_bytes()).to_bytes())
    };
    for (words, attempt) in [
        (vec!["hash_other"], by(sha512)),
        (vec!["digest_alone"], by(pkcs1(&digest))),
        (vec!["digest_alone"], by(pkcs1(hex::encode(digest).as_bytes()))),
        (vec!["padding_pss"], by(pss(&string, 32))),
        (vec!["padding_pss"], by(pss(&string, 0))),
        (vec!["padding_pss"], by(pss(&string, 222))),
        (vec!["padding_pss"], by(pss("another string", 32))),
        (vec!["hashed_twice"], by(sign_rsa(&digest, merchant()))),
        (vec!["hashed_twice"], by(sign_rsa(STANDARD.encode(digest).as_bytes(), merchant()))),
        (vec!["other_key"], by(sign_rsa(string.as_bytes(), foreign()))),
    ] {
        assert_eq!(attempt.words(&keys), words);
    }
}

#[test]
fn pss_is_told_of_keys_whose_length_is_no_whole_number_of_bytes() {
    for bits in [2_049, 2_050, 2_053] {
        let key = RsaPrivateKey::new(&mut OsRng, bits).expect("a key");
        let public = VerifyingKey::parse(&public_pem(&key)).expect("a key");
        let keys = VerificationKeys { rsa: vec![public], md5: Vec::new() };
        // Eight, because a wrong mask of the first byte fits some by chance.
        for _ in 0..8 {
            let signer = rsa::pss::SigningKey::<rsa::sha2::Sha256>::new_with_salt_len(key.clone(), 32);
            let signature = signer.sign_with_rng(&mut OsRng, b"another string").to_bytes();
            let attempt = Attempt { sign_type: None, sent: BODY.into(), sign: STANDARD.encode(signature) };
            assert_eq!(attempt.words(&keys), ["padding_pss"], "{bits}: {}", private_pem(&key));
        }
    }
}

/// Pairs of digits, as C#'s `BitConverter` writes bytes.
fn hyphenated(hex: &str) -> String {
    let pairs: Vec<_> = hex.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair)).collect();
    pairs.join("-")
}

#[tokio::test]
async fn what_happened_to_an_md5_value_is_told_on_both_routes() {
    let world = World::new();
    for path in [alipay_auth_url::PATH, authorization_query::PATH] {
        let of = |cause: Cause, sign: &dyn Fn(&[u8]) -> String| {
            let call = LinkCall { path: path.to_owned(), ..LinkCall::new("S1", world.now()).by_md5() };
            let key = Key::Literal(sign(&call.string_to_sign()));
            (cause, LinkCall { key, ..call })
        };
        let with_end =
            |end: &'static str| move |string: &[u8]| sign_md5(string, &format!("{}{end}", merchant_md5()));
        for (cause, call) in [
            of(Cause::Md5KeyLineEnd, &with_end("\n")),
            of(Cause::Md5KeyLineEnd, &with_end("\r\n")),
            of(Cause::Md5KeyLineEnd, &with_end(" ")),
            of(Cause::Md5Hyphens, &|string| hyphenated(&sign_md5(string, merchant_md5()))),
        ] {
            let answer = if path == alipay_auth_url::PATH {
                world.ask(&call).await
            } else {
                LinkAnswer::read(&world.query.handle(&call.build()).await)
            };
            let told = format!("signature verification failed: {}; the string", cause.sentence());
            assert_eq!(answer.status, 2, "{cause:?}");
            assert!(answer.message.starts_with(&told), "{cause:?}: {}", answer.message);
            assert!(!answer.message.contains(merchant_md5()));
        }
    }
}

#[tokio::test]
async fn a_signature_with_a_blank_is_said_to_be_one_line_and_another_header_is_not() {
    let world = World::new();
    let call = LinkCall::new("S1", world.now());
    let sign = sign_rsa(&call.string_to_sign(), merchant());
    let told = "may hold printable ASCII only, without space, '&' and ','";
    let hint = "; Base64 is sent in one line, with '+' as it is";
    for (call, message) in [
        (
            LinkCall { key: Key::Literal(format!("{} {}", &sign[..76], &sign[76..])), ..call.clone() },
            format!("header sign {told}{hint}"),
        ),
        (LinkCall { nonce: "one two".to_owned(), ..call }, format!("header nonce {told}")),
    ] {
        let answer = world.ask(&call).await;
        assert_eq!((answer.status, answer.message), (3, message));
    }
}

#[test]
fn every_cause_is_met_here_or_in_the_list() {
    let here = include_str!("diagnoses.rs");
    let list = include_str!("vectors/signature-mistakes.json");
    let variant = |cause: &Cause| format!("Cause::{cause:?}");
    let met = |cause: &&Cause| {
        let word = format!("\"{}\"", cause.as_str());
        here.contains(&word) || list.contains(&word) || here.contains(&variant(cause))
    };
    let missing: Vec<_> = Cause::VARIANTS.iter().filter(|cause| !met(cause)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_encoding_of_a_signature_is_told() {
    let keys = keys();
    let rsa = || Attempt::rsa(format!("{HEAD}{BODY}"), BODY);
    let md5 = || Attempt::md5(format!("{MD5_HEAD}{BODY}"), BODY);
    let bytes = |sign: &str| STANDARD.decode(sign).expect("Base64");
    for (words, attempt) in [
        (vec!["encoding_base64url"], rsa().signed(|sign| URL_SAFE_NO_PAD.encode(bytes(sign)))),
        (vec!["encoding_hex"], rsa().signed(|sign| hex::encode_upper(bytes(sign)))),
        (vec!["encoding_quoted"], rsa().signed(|sign| format!("\"{sign}\""))),
        (vec!["encoding_folded"], rsa().signed(|sign| format!("{}\\n{}", &sign[..76], &sign[76..]))),
        (vec!["encoding_unpadded"], rsa().signed(|sign| sign.trim_end_matches('=').to_owned())),
        (vec!["encoding_url_encoded"], rsa().signed(|sign| sign.replace('=', "%3D"))),
        (vec!["encoding_twice"], rsa().signed(|sign| STANDARD.encode(sign))),
        (vec!["encoding_unknown"], rsa().signed(|_| "{sign}".to_owned())),
        (vec!["hex_lower_case"], md5().signed(str::to_lowercase)),
        (vec!["md5_base64"], md5().signed(|sign| STANDARD.encode(hex::decode(sign).expect("hex")))),
        (vec!["md5_base64"], md5().signed(|sign| STANDARD.encode(sign))),
        (vec!["md5_half"], md5().signed(|sign| sign[8..24].to_owned())),
        (vec!["md5_hyphens"], md5().signed(hyphenated)),
        (vec!["md5_hyphens"], md5().signed(|sign| hyphenated(&sign.to_lowercase()))),
        (
            vec!["encoding_hex", "body_not_signed"],
            Attempt::rsa(HEAD, BODY).signed(|sign| hex::encode(bytes(sign))),
        ),
        (vec!["sign_type_missing", "hex_lower_case"], md5().signed(str::to_lowercase).sent_as(None)),
    ] {
        assert_eq!(attempt.words(&keys), words, "{}", attempt.sign);
    }
}

#[test]
fn a_string_that_was_found_is_given_with_its_first_difference() {
    let attempt = Attempt::rsa(format!("{HEAD}\n{BODY}"), BODY);
    let diagnosis = of_request(&attempt.request(), &keys()).expect("a diagnosis");
    assert_eq!(diagnosis.signed(), Some(format!("{HEAD}\n{BODY}").as_bytes()));
    assert_eq!(diagnosis.differs_at(), Some(HEAD.len()));
    let first = format!("(the first difference is at byte {} of the string)", HEAD.len());
    assert!(diagnosis.to_string().ends_with(&first), "{diagnosis}");
    // A clock that was asked twice, one in whole seconds, and seconds: the place is within the timestamp.
    let timestamp = HEAD.len() - "1628772138668".len();
    for (signed, at) in
        [("1628772138671", 11), ("1628772138656", 11), ("1628772138000", 10), ("1628772138", 10)]
    {
        let string = format!("{}{BODY}", HEAD.replace("1628772138668", signed));
        let diagnosis = of_request(&Attempt::rsa(&string, BODY).request(), &keys()).expect("a diagnosis");
        assert_eq!((diagnosis.cause(), diagnosis.signed()), (Cause::OtherBytes, Some(string.as_bytes())));
        assert_eq!(diagnosis.differs_at(), Some(timestamp + at), "{signed}");
    }
    let unknown = HEAD.replace("1628772138668", "1628772139999");
    let diagnosis = of_request(&Attempt::rsa(unknown, BODY).request(), &keys()).expect("a diagnosis");
    assert_eq!((diagnosis.cause(), diagnosis.differs_at()), (Cause::OtherBytes, None));
}

#[test]
fn without_a_key_of_the_claimed_kind_only_the_other_kind_is_told() {
    let (only_rsa, only_md5) =
        (VerificationKeys { md5: vec![], ..keys() }, VerificationKeys { rsa: vec![], ..keys() });
    let none = VerificationKeys::default();
    let (rsa, md5) =
        (Attempt::rsa(format!("{HEAD}{BODY}"), BODY), Attempt::md5(format!("{MD5_HEAD}{BODY}"), BODY));
    assert_eq!(md5.words(&only_rsa), [""; 0]);
    assert_eq!(rsa.words(&only_md5), [""; 0]);
    assert_eq!(rsa.sent_as(Some("MD5")).words(&only_rsa), ["sign_type_other"]);
    assert_eq!(md5.sent_as(None).words(&only_md5), ["sign_type_missing"]);
    for attempt in
        [Attempt::rsa("x", BODY), Attempt::md5("x", BODY), Attempt::rsa("x", BODY).sent_as(Some("MD5"))]
    {
        assert_eq!(attempt.words(&none), [""; 0]);
    }
}

#[test]
fn a_second_key_is_looked_at_and_a_key_that_cannot_be_opened_is_never_called_foreign() {
    let mut two = keys();
    two.rsa.insert(0, VerifyingKey::parse(&public_pem(foreign())).expect("a key"));
    two.md5.insert(0, Md5Key::new("another-key-of-16").expect("a key"));
    assert_eq!(Attempt::rsa(HEAD, BODY).words(&two), ["body_not_signed"]);
    assert_eq!(Attempt::md5(MD5_HEAD, BODY).words(&two), ["body_not_signed"]);
    let odd = RsaPrivateKey::new_with_exp(&mut OsRng, 2048, &BigUint::from(65_539_u32)).expect("a key");
    let odd_keys =
        VerificationKeys { rsa: vec![VerifyingKey::parse(&public_pem(&odd)).expect("a key")], md5: vec![] };
    assert_eq!(Attempt::rsa(HEAD, BODY).words(&odd_keys), [""; 0]);
}

/// Any body, some that look like what merchants send.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let json = prop::collection::btree_map("[a-z]{1,8}", any::<String>(), 0..6)
        .prop_map(|fields| serde_json::to_vec(&fields).expect("JSON"));
    proptest::prop_oneof![prop::collection::vec(any::<u8>(), 0..300), json]
}

#[test]
fn a_sender_without_a_registered_key_is_told_that_and_nothing_else_and_no_shared_key_is_ever_told() {
    let keys = keys();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(200) });
    let told = AtomicUsize::new(0);
    let draws = (bodies(), bodies(), 0..12_usize);
    let outcome = runner.run(&draws, |(signed, sent, form)| {
        let (by_rsa, md5) = (form % 2 == 0, "another-key-of-16");
        let head = if by_rsa { HEAD } else { MD5_HEAD };
        let string = [head.as_bytes(), &signed].concat();
        let sign = if by_rsa { sign_rsa(&string, foreign()) } else { sign_md5(&string, md5) };
        let decoded = STANDARD.decode(&sign).unwrap_or_default();
        let sign = match form / 2 {
            1 if by_rsa => hex::encode(decoded),
            1 => sign.to_lowercase(),
            2 => format!("\"{sign}\""),
            3 => sign.replace('+', "-").replace('/', "_"),
            4 if by_rsa => sign.trim_end_matches('=').to_owned(),
            _ => sign,
        };
        let attempt = Attempt { sign_type: (!by_rsa).then_some("MD5"), sent, sign };
        let diagnosis = of_request(&attempt.request(), &keys).expect("a diagnosis");
        assert!([Cause::OtherKey, Cause::Md5OtherKey].contains(&diagnosis.cause()), "{diagnosis:?}");
        assert!(diagnosis.signed().is_none());
        assert!(diagnosis.to_string().starts_with("no key that is registered for this business "));
        // The right key, over other bytes, in every form.
        let sign = if by_rsa { sign_rsa(&string, merchant()) } else { sign_md5(&string, merchant_md5()) };
        let attempt = Attempt { sign, ..attempt };
        let headers = AuthHeaders::read(attempt.request().headers()).expect("well-formed");
        if let Some(diagnosis) = diagnose(&headers, &attempt.sent, &keys) {
            let all =
                format!("{diagnosis} {diagnosis:?} {:?}", diagnosis.signed().map(String::from_utf8_lossy));
            assert!(!all.contains(merchant_md5()));
            told.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(told.into_inner() > 100);
}

#[tokio::test]
async fn fifty_diagnoses_are_made_at_once_and_then_refusals_are_plain_and_good_requests_are_answered() {
    let world = World::new();
    let forged = || LinkCall { key: Key::Rsa(foreign()), ..LinkCall::new("S1", world.now()) };
    for _ in 0..50 {
        let message = world.ask(&forged()).await.message;
        assert!(message.starts_with("signature verification failed: no key that is registered"), "{message}");
    }
    let plain = "signature verification failed; the string that was checked is: ";
    assert!(world.ask(&forged()).await.message.starts_with(plain));
    world.ask(&LinkCall::new("S1", world.now())).await.expect_link();
    world.clock.advance(std::time::Duration::from_millis(50));
    assert!(!world.ask(&forged()).await.message.starts_with(plain));
}

#[tokio::test]
async fn a_timestamp_in_seconds_and_a_body_that_is_no_json_are_told() {
    let world = World::new();
    let seconds =
        LinkCall { timestamp: (world.now().0 / 1_000).to_string(), ..LinkCall::new("S1", world.now()) };
    let LinkAnswer { status, message, .. } = world.ask(&seconds).await;
    assert_eq!(status, 5);
    assert!(message.ends_with("; it looks like seconds, milliseconds are wanted"), "{message}");
    let text = link_body("S1").to_string();
    for (body, flaw) in [
        (format!("\u{feff}{text}").into_bytes(), "it begins with a byte order mark"),
        (b"{\"userId\":\"\xbf\xcd\"}".to_vec(), "it is not UTF-8 at byte 11"),
        (text[..text.len() - 1].into(), &*format!("it is no JSON at line 1 column {}", text.len() - 1)),
        (gzip_magic(), "it is compressed, send it plain"),
    ] {
        let call = LinkCall { body, ..LinkCall::new("S1", world.now()) };
        let LinkAnswer { status, message, .. } = world.ask(&call).await;
        assert_eq!((status, message), (3, format!("the body must be a JSON object; {flaw}")));
    }
}

#[test]
fn every_cause_has_a_word_of_its_own_and_a_sentence() {
    let mut words: Vec<_> = Cause::VARIANTS.iter().map(|cause| cause.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Cause::VARIANTS.len());
    assert!(Cause::VARIANTS.iter().all(|cause| cause.sentence().len() > 20));
}

#[test]
fn a_megabyte_is_said_to_be_other_bytes() {
    let mut body = Vec::new();
    write!(body, "{{\"userId\":\"{}\"}}", "客".repeat(340_000)).expect("writes");
    let attempt = Attempt::rsa("another", body);
    assert_eq!(attempt.words(&keys()), ["other_bytes"]);
    let mut headers = HeaderMap::new();
    for (name, value) in attempt.request().headers() {
        headers.insert(HeaderName::from(name), value.clone());
    }
    assert_eq!(AuthHeaders::read(&headers).map(|headers| headers.sign_type()), Ok(SignType::Sha256Rsa));
}
