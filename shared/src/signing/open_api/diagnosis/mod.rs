//! The cause of a signature that was refused, as far as headers, body and registered keys tell it.
//!
//! An RSA signature gives up the digest that was signed, to whoever has the public key: so a registered key over other
//! bytes, a registered key used in another way, and no registered key are told apart for certain. An MD5 value gives up
//! nothing and is compared with that of each usual mistake.
//!
//! It is only for signatures that were refused, and its result is only for an answer or a log line: whatever it finds,
//! the refusal stands. A sender without a registered key learns from it that no registered key fits, which the refusal
//! says already. The work has [a bound](budget).

mod bodies;
mod budget;
mod cause;
mod json;
mod opened;
mod sign_text;
mod strings;

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::signing::md5::{KeyPlace, Md5Key};
pub use crate::signing::open_api::diagnosis::cause::Cause;
use crate::signing::open_api::diagnosis::opened::Opened;
use crate::signing::open_api::diagnosis::sign_text::Reading;
use crate::signing::open_api::diagnosis::strings::Found;
use crate::signing::open_api::headers::{AuthHeaders, SignType};
use crate::signing::open_api::signature::VerificationKeys;

/// The most keys of a kind that are looked at, which is the most that are registered.
const MAX_KEYS: usize = 2;

/// The causes of a refused signature, never empty, and the string that was signed, if it was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Diagnosis {
    causes: Vec<Cause>,
    signed: Option<Vec<u8>>,
    differs_at: Option<usize>,
}

impl Diagnosis {
    /// The first cause, which names the diagnosis.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.causes.first().copied().unwrap_or(Cause::OtherBytes)
    }

    /// All causes, the first included.
    #[must_use]
    pub fn causes(&self) -> &[Cause] {
        &self.causes
    }

    /// The string that was signed, without a shared key, if it was found.
    #[must_use]
    pub fn signed(&self) -> Option<&[u8]> {
        self.signed.as_deref()
    }

    /// The first byte in which the string that was signed differs from the one that was checked, from 0.
    #[must_use]
    pub const fn differs_at(&self) -> Option<usize> {
        self.differs_at
    }

    fn new(checked: &[u8], causes: Vec<Cause>, signed: Option<Vec<u8>>) -> Option<Self> {
        let differs_at = signed.as_deref().and_then(|signed| first_difference(checked, signed));
        (!causes.is_empty()).then_some(Self { causes, signed, differs_at })
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, cause) in self.causes.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "; and " })?;
            f.write_str(cause.sentence())?;
        }
        match self.differs_at {
            Some(at) => write!(f, " (the first difference is at byte {at} of the string)"),
            None => Ok(()),
        }
    }
}

/// The place of the first byte in which two texts differ; `None` if they are the same.
#[must_use]
pub fn first_difference(one: &[u8], other: &[u8]) -> Option<usize> {
    let common = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    (common < one.len().max(other.len())).then_some(common)
}

/// The cause why the signature in `headers` over `body`, which was refused with these `keys`, does not verify. `None`
/// where nothing can be said that the refusal does not.
#[must_use]
pub fn diagnose(headers: &AuthHeaders, body: &[u8], keys: &VerificationKeys) -> Option<Diagnosis> {
    let checked = headers.string_to_sign(body);
    let case = Case { headers, body, keys, checked: &checked };
    let diagnosis = match sign_text::read(&headers.sign) {
        None => Diagnosis::new(&checked, vec![Cause::EncodingUnknown], None),
        Some(Reading::Rsa { signature, flaw }) => case.of_rsa(&signature, flaw),
        Some(Reading::Md5 { value, flaw }) if !keys.md5.is_empty() => case.of_md5(&value, flaw),
        Some(_) => case.no_key(),
    };
    // Without a key of the claimed kind, the refusal says so, and only another kind explains it.
    diagnosis.filter(|found| case.has_claimed_key() || found.is_of_another_kind())
}

impl Diagnosis {
    fn is_of_another_kind(&self) -> bool {
        matches!(self.cause(), Cause::SignTypeMissing | Cause::SignTypeOther)
    }
}

struct Case<'a> {
    headers: &'a AuthHeaders,
    body: &'a [u8],
    keys: &'a VerificationKeys,
    checked: &'a [u8],
}

impl Case<'_> {
    fn has_claimed_key(&self) -> bool {
        match self.headers.sign_type() {
            SignType::Sha256Rsa => !self.keys.rsa.is_empty(),
            SignType::Md5 => !self.keys.md5.is_empty(),
        }
    }

    /// No registered key made this, as a stranger is told who claims this kind.
    fn no_key(&self) -> Option<Diagnosis> {
        match self.headers.sign_type() {
            SignType::Sha256Rsa => Diagnosis::new(self.checked, vec![Cause::OtherKey], None),
            SignType::Md5 => {
                let damage = bodies::damage(self.body);
                let causes = [Some(Cause::Md5OtherKey), damage].into_iter().flatten().collect();
                Diagnosis::new(self.checked, causes, None)
            }
        }
    }

    fn of_rsa(&self, signature: &[u8], flaw: Option<Cause>) -> Option<Diagnosis> {
        let opened =
            self.keys.rsa.iter().take(MAX_KEYS).find_map(|key| opened::open(key, signature, self.checked));
        let digest = match opened {
            // What cannot be opened may be that key's.
            None if self.keys.rsa.iter().any(|key| !key.opens()) => return None,
            None => return self.no_key(),
            Some(Opened::Sha256(digest)) => digest,
            Some(other) => {
                let way = match other {
                    Opened::Sha1 => Cause::HashSha1,
                    Opened::Bare => Cause::DigestAlone,
                    Opened::Pss => Cause::PaddingPss,
                    Opened::OtherHash | Opened::Sha256(_) => Cause::HashOther,
                };
                return self.concluded(SignType::Sha256Rsa, [Some(way), flaw], None);
            }
        };
        let is_signed = |string: &[u8]| sha256(string) == digest;
        if is_signed(self.checked) {
            return self.concluded(SignType::Sha256Rsa, [flaw, None], None);
        }
        if is_hashed_twice(self.checked, &digest) {
            return self.concluded(SignType::Sha256Rsa, [Some(Cause::HashedTwice), flaw], None);
        }
        let found = strings::find(self.headers, self.body, &is_signed).unwrap_or_else(|| {
            let cause = bodies::damage(self.body).unwrap_or(Cause::OtherBytes);
            Found { causes: vec![cause], string: Vec::new() }
        });
        self.concluded(SignType::Sha256Rsa, [flaw, None], Some(found))
    }

    fn of_md5(&self, value: &[u8], flaw: Option<Cause>) -> Option<Diagnosis> {
        let keys = || self.keys.md5.iter().take(MAX_KEYS);
        let is_signed = |string: &[u8]| keys().any(|key| is_tag(key, string, KeyPlace::AtTheEnd, value));
        if is_signed(self.checked) {
            return self.concluded(SignType::Md5, [flaw, None], None);
        }
        for (cause, place) in [
            (Cause::Md5KeyJoined, KeyPlace::After("&key=")),
            (Cause::Md5KeyJoined, KeyPlace::After("&")),
            (Cause::Md5KeyJoined, KeyPlace::After("key=")),
            (Cause::Md5KeyJoined, KeyPlace::After("&secret=")),
            (Cause::Md5KeyJoined, KeyPlace::After("\n")),
            (Cause::Md5KeyFirst, KeyPlace::First),
            (Cause::Md5KeyFirst, KeyPlace::BothEnds),
            (Cause::Md5KeyLineEnd, KeyPlace::Before("\n")),
            (Cause::Md5KeyLineEnd, KeyPlace::Before("\r\n")),
            (Cause::Md5KeyLineEnd, KeyPlace::Before(" ")),
        ] {
            if keys().any(|key| is_tag(key, self.checked, place, value)) {
                return self.concluded(SignType::Md5, [Some(cause), flaw], None);
            }
        }
        match strings::find(self.headers, self.body, &is_signed) {
            Some(found) => self.concluded(SignType::Md5, [flaw, None], Some(found)),
            None => self.no_key(),
        }
    }

    /// Puts together what is known of a signature of `kind` that a registered key made.
    fn concluded(
        &self,
        kind: SignType,
        flaws: [Option<Cause>; 2],
        found: Option<Found>,
    ) -> Option<Diagnosis> {
        let of_kind = match (self.headers.sent_sign_type, kind) {
            (None, SignType::Md5) => Some(Cause::SignTypeMissing),
            (sent, kind) if sent.unwrap_or(SignType::Sha256Rsa) != kind => Some(Cause::SignTypeOther),
            _ => None,
        };
        let is_of_sign_type = |cause: &Cause| {
            matches!(cause, Cause::SignTypeNotSigned | Cause::SignTypeSigned | Cause::SignTypeOther)
        };
        let (searched, string) = found.map_or((Vec::new(), None), |found| {
            (found.causes, Some(found.string).filter(|string| !string.is_empty()))
        });
        // A signType that was signed otherwise than sent follows from the wrong kind.
        let searched = searched.into_iter().filter(|cause| of_kind.is_none() || !is_of_sign_type(cause));
        let causes = of_kind.into_iter().chain(flaws.into_iter().flatten()).chain(searched).collect();
        Diagnosis::new(self.checked, causes, string)
    }
}

fn sha256(text: &[u8]) -> [u8; 32] {
    digest(&SHA256, text).as_ref().try_into().unwrap_or_default()
}

/// True if `digest` is that of the string's digest: as bytes, as hex in either case, or in Base64.
fn is_hashed_twice(string: &[u8], digest: &[u8]) -> bool {
    let once = sha256(string);
    [once.to_vec(), hex::encode(once).into(), hex::encode_upper(once).into(), STANDARD.encode(once).into()]
        .iter()
        .any(|text| sha256(text) == digest)
}

/// Compares in constant time; of a half value, with the middle.
fn is_tag(key: &Md5Key, string: &[u8], place: KeyPlace, value: &[u8]) -> bool {
    let digest = key.digest(string, place);
    let part = if value.len() == digest.len() { &digest[..] } else { &digest[4..12] };
    verify_slices_are_equal(part, value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_differ_first_where_one_ends_or_says_something_else() {
        for (one, other, at) in [
            ("", "", None),
            ("ab", "ab", None),
            ("ab", "ac", Some(1)),
            ("ab", "abc", Some(2)),
            ("", "a", Some(0)),
        ] {
            assert_eq!(first_difference(one.as_bytes(), other.as_bytes()), at, "{one} {other}");
            assert_eq!(first_difference(other.as_bytes(), one.as_bytes()), at, "{other} {one}");
        }
    }
}
