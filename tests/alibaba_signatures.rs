//! Alibaba Cloud's two signatures against known answers that we did not make: calls of its official SDKs as they came
//! over the wire, and signatures made with a fixed nonce and time.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use serde_json::Value;
use shared::model::clock::UnixMillis;
use shared::signing::alibaba_cloud::{
    AccessKeySecret, Call, Format, IncompleteSignatureError, SignatureError, authorization,
};
use url::form_urlencoded::Serializer;

const FORM: &str = "application/x-www-form-urlencoded";

/// A call of which it is known that it verifies, and what is signed of it, if that is known too.
struct Known {
    name: String,
    request: Request<Bytes>,
    secret: AccessKeySecret,
    string_to_sign: Option<&'static str>,
}

fn vectors(json: &str) -> &'static [Value] {
    let list: Vec<Value> = serde_json::from_str(json).expect("is a list");
    list.leak()
}

fn text(value: &'static Value) -> &'static str {
    value.as_str().expect("a string")
}

fn secret(text: &str) -> AccessKeySecret {
    AccessKeySecret::new(text).expect("a secret")
}

fn request<'h>(
    method: &str,
    target: &str,
    headers: impl IntoIterator<Item = (&'h str, &'h str)>,
    body: impl Into<Bytes>,
) -> Request<Bytes> {
    let request = Request::builder().method(method).uri(target);
    let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    request.body(body.into()).expect("a request")
}

fn calls_of_sdks() -> Vec<Known> {
    let known = |vector: &'static Value| {
        let headers = vector["headers"].as_array().expect("a list").iter();
        let headers = headers.map(|header| (text(&header[0]), text(&header[1])));
        Known {
            name: text(&vector["file"]).to_owned(),
            request: request(
                text(&vector["method"]),
                text(&vector["target"]),
                headers,
                text(&vector["body"]),
            ),
            secret: secret(text(&vector["secret"])),
            string_to_sign: Some(text(&vector["string_to_sign"])),
        }
    };
    vectors(include_str!("vectors/alibaba-requests.json")).iter().map(known).collect()
}

/// Those of V1 twice, once with all parameters in the query and once in the body.
fn fixed_calls() -> Vec<Known> {
    let pairs = |object: &'static Value| {
        let members = object.as_object().expect("an object").iter();
        members.map(|(name, value)| (name.as_str(), text(value))).collect::<Vec<_>>()
    };
    let encoded = |pairs: &[(&str, &str)]| Serializer::new(String::new()).extend_pairs(pairs).finish();
    let mut calls = Vec::new();
    for (index, vector) in vectors(include_str!("vectors/alibaba-fixed.json")).iter().enumerate() {
        let method = text(&vector["method"]);
        let requests = if vector["scheme"] == "V1" {
            let parameters =
                [pairs(&vector["params"]), vec![("Signature", text(&vector["signature"]))]].concat();
            let encoded = encoded(&parameters);
            vec![
                request(method, &format!("/?{encoded}"), [], ""),
                request(method, "/", [("content-type", FORM)], encoded),
            ]
        } else {
            let headers =
                [pairs(&vector["headers"]), vec![("authorization", text(&vector["authorization"]))]].concat();
            let target = format!("/?{}", encoded(&pairs(&vector["query"])));
            vec![request(method, &target, headers, text(&vector["body"]))]
        };
        for request in requests {
            calls.push(Known {
                name: format!("fixed {index}"),
                request,
                secret: secret(text(&vector["secret"])),
                string_to_sign: None,
            });
        }
    }
    calls
}

fn all() -> Vec<Known> {
    let all = [calls_of_sdks(), fixed_calls()];
    assert_eq!(all.each_ref().map(Vec::len), [8, 8]);
    all.into_iter().flatten().collect()
}

#[test]
fn every_known_call_verifies_with_its_secret_alone_or_as_one_of_two() {
    let foreign = secret("anotherAccessKeySecret");
    for Known { name, request, secret, .. } in all() {
        let call = Call::read(&request);
        let own = Ok(*secret.fingerprint());
        assert_eq!(call.verify(std::slice::from_ref(&secret)), own, "{name}");
        assert_eq!(call.verify(&[secret.clone(), foreign.clone()]), own, "{name}");
        assert_eq!(call.verify(&[foreign.clone(), secret]), own, "{name}");
    }
}

#[test]
fn another_secret_is_answered_with_the_known_string_to_sign() {
    for Known { name, request, string_to_sign, .. } in all() {
        let call = Call::read(&request);
        for secrets in [&[][..], &[secret("testAccessKeySecres"), secret("anotherAccessKeySecret")]] {
            let Err(SignatureError::Mismatch(mismatch)) = call.verify(secrets) else {
                panic!("{name} must not verify");
            };
            if let Some(string_to_sign) = string_to_sign {
                assert_eq!(mismatch.string_to_sign, string_to_sign, "{name}");
            }
        }
    }
}

#[test]
fn what_the_sdks_say_is_read_from_either_place() {
    for Known { name, request, .. } in calls_of_sdks() {
        let call = Call::read(&request);
        assert_eq!(call.action(), Some("GetAuthorizationUrl"), "{name}");
        assert_eq!(call.version(), Some("2017-05-25"), "{name}");
        assert_eq!(call.format(), Format::Json, "{name}");
        assert_eq!(call.access_key_id(), Ok("testAccessKeyId"), "{name}");
        assert_eq!(call.nonce().map(str::len), Ok(32), "{name}");
        assert_eq!(call.parameter("PhoneNo"), Ok(Some("13900001234")), "{name}");
        assert_eq!(call.parameter("SchemeId"), Ok(Some("234")), "{name}");
        let end_date = if name.contains(".noend.") { None } else { Some("2026-12-28") };
        assert_eq!(call.parameter("EndDate"), Ok(end_date), "{name}");
        assert_eq!(call.has_security_token(), name.contains(".sts."), "{name}");
    }
    for Known { name, request, .. } in fixed_calls() {
        let call = Call::read(&request);
        let v3 = request.headers().contains_key("authorization");
        let (seconds, nonce) = if v3 { (529, "fixed-nonce-0002") } else { (531, "fixed-nonce-0001") };
        assert_eq!(call.timestamp(), Ok(UnixMillis(1_795_314_000_000 + seconds * 1_000)), "{name}");
        assert_eq!(call.nonce(), Ok(nonce), "{name}");
        let phone = if name == "fixed 2" { "+86 139~*/中文%!'()" } else { "13900001234" };
        assert_eq!(call.parameter("PhoneNo"), Ok(Some(phone)), "{name}");
    }
}

#[test]
fn we_sign_as_it_is_known_to_be_signed() {
    let mut known = 0;
    for Known { name, mut request, secret, .. } in fixed_calls() {
        let Some(expected) = request.headers_mut().remove("authorization") else { continue };
        let ours = authorization(&request, "testAccessKeyId", &secret).expect("signs");
        assert_eq!(ours.as_str(), expected.to_str().expect("ASCII"), "{name}");
        known += 1;
    }
    assert_eq!(known, 2);
}

/// Another letter or digit for the one at `index`, so that the text stays as well-formed as it was.
fn flipped(text: &str, index: usize) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    let byte = bytes.get_mut(index).filter(|byte| byte.is_ascii_alphanumeric())?;
    *byte = match *byte {
        b'9' => b'8',
        b'f' => b'e',
        b'z' => b'y',
        b'Z' => b'Y',
        other => other + 1,
    };
    String::from_utf8(bytes).ok()
}

/// Checks the refusal of a call with one character changed: a mismatch, unless the character is in a parameter of the
/// signature itself.
fn assert_refused(name: &str, request: &Request<Bytes>, secret: &AccessKeySecret) {
    match Call::read(request).verify(std::slice::from_ref(secret)) {
        Err(SignatureError::Mismatch(_)) => {}
        Err(SignatureError::Incomplete(
            IncompleteSignatureError::UnknownMethod
            | IncompleteSignatureError::UnknownVersion
            | IncompleteSignatureError::MissingSignature
            | IncompleteSignatureError::MalformedSignature
            | IncompleteSignatureError::MalformedAuthorization
            | IncompleteSignatureError::DisorderedSignedHeaders
            | IncompleteSignatureError::SignedHeaderNotOnce
            | IncompleteSignatureError::UnsignedHeader,
        )) => {}
        other => panic!("{name}: {other:?} of {} {:?}", request.uri(), request.headers()),
    }
}

#[test]
fn one_flipped_character_of_the_query_the_body_or_a_signed_header_is_refused() {
    let mut refused = 0;
    for Known { name, request, secret, .. } in all() {
        let target = request.uri().to_string();
        for target in (2..target.len()).filter_map(|index| flipped(&target, index)) {
            let mut changed = request.clone();
            *changed.uri_mut() = target.parse().expect("a target");
            if decoded(&changed) != decoded(&request) {
                assert_refused(&name, &changed, &secret);
                refused += 1;
            }
        }
        let body = str::from_utf8(request.body()).expect("UTF-8");
        for body in (0..body.len()).filter_map(|index| flipped(body, index)) {
            let changed = request.clone().map(|_| Bytes::from(body));
            if decoded(&changed) != decoded(&request) {
                assert_refused(&name, &changed, &secret);
                refused += 1;
            }
        }
        for (header, value) in request.headers().iter().filter(|(header, _)| is_signed(&request, header)) {
            let value = value.to_str().expect("ASCII");
            for value in (0..value.len()).filter_map(|index| flipped(value, index)) {
                let mut changed = request.clone();
                changed.headers_mut().insert(header, HeaderValue::from_str(&value).expect("a value"));
                assert_refused(&name, &changed, &secret);
                refused += 1;
            }
        }
    }
    assert!(refused > 3_000, "{refused}");
}

/// A flip within `%2f` may give `%2F`, which says the same.
fn decoded(request: &Request<Bytes>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let query = request.uri().query().unwrap_or_default().as_bytes();
    [query, request.body()]
        .into_iter()
        .flat_map(|encoded| url::form_urlencoded::parse(encoded))
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect()
}

fn is_signed(request: &Request<Bytes>, header: &HeaderName) -> bool {
    let Some(authorization) = request.headers().get("authorization") else { return false };
    let authorization = authorization.to_str().expect("ASCII");
    let (_, list) = authorization.split_once("SignedHeaders=").expect("a list");
    let (list, _) = list.split_once(',').expect("a signature");
    list.split(';').any(|signed| signed == header)
}

#[test]
fn the_signature_itself_cannot_be_flipped() {
    for Known { name, request, secret, .. } in calls_of_sdks() {
        let Some(authorization) = request.headers().get("authorization") else { continue };
        let authorization = authorization.to_str().expect("ASCII");
        let from = authorization.find("Signature=").expect("a signature") + "Signature=".len();
        for value in (from..authorization.len()).filter_map(|index| flipped(authorization, index)) {
            let mut changed = request.clone();
            changed.headers_mut().insert("authorization", value.parse().expect("a value"));
            assert_refused(&name, &changed, &secret);
        }
    }
}
