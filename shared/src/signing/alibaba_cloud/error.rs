//! Errors of a call, by cause. The codes and messages that a caller is answered are the function's.

use std::fmt;

/// A value that every call has could not be read from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlibabaCloudCallError {
    /// There is no access key id, or an empty one.
    #[error("the access key id is missing")]
    MissingAccessKeyId,
    /// The time stamp is absent, not of the form `yyyy-MM-ddTHH:mm:ssZ`, or no time of UTC.
    #[error("the time stamp is not a moment in the form yyyy-MM-ddTHH:mm:ssZ")]
    BadTimestamp,
    /// The call is not signed in the way that the protocol asks for.
    #[error("the signature is incomplete: {0}")]
    Incomplete(#[from] IncompleteSignatureError),
}

/// A signature was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The call is not signed in the way that the protocol asks for, whatever the secret.
    #[error("the signature is incomplete: {0}")]
    Incomplete(#[from] IncompleteSignatureError),
    /// None of the secrets makes this signature of this call.
    #[error("the signature does not match")]
    Mismatch(SignatureMismatch),
}

/// A call is not signed in the way that the protocol asks for. Names are as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IncompleteSignatureError {
    /// A parameter or header that may be given once is given more often, so that it says two things.
    #[error("{0} is repeated")]
    Repeated(&'static str),
    /// The `Authorization` header is not a list of one `Credential`, one `SignedHeaders` and one `Signature`.
    #[error("the Authorization header cannot be read")]
    MalformedAuthorization,
    /// Neither HMAC-SHA1 in V1 nor ACS3-HMAC-SHA256 in V3.
    #[error("the signature method is not HMAC-SHA1 or ACS3-HMAC-SHA256")]
    UnknownMethod,
    /// `SignatureVersion` is not 1.0.
    #[error("SignatureVersion is not 1.0")]
    UnknownVersion,
    /// `SignatureType` is given and not empty: a signature by something else than a secret.
    #[error("SignatureType is not empty")]
    UnknownType,
    /// There is no signature, or an empty one.
    #[error("the signature is missing")]
    MissingSignature,
    /// The V3 signature is not 64 lower-case hex digits.
    #[error("the signature is not 64 lower-case hex digits")]
    MalformedSignature,
    /// The access key id is not UTF-8.
    #[error("the access key id is not UTF-8")]
    BadAccessKeyId,
    /// The nonce is absent, longer than 128 characters, or not printable ASCII.
    #[error("the nonce is not 1 to 128 printable ASCII characters")]
    BadNonce,
    /// There is a body that V1 does not sign, as it is no form.
    #[error("the body is no form and so is not signed")]
    UncoveredBody,
    /// More parameters than are read.
    #[error("there are too many parameters")]
    TooManyParameters,
    /// More signed headers than are read.
    #[error("there are too many signed headers")]
    TooManySignedHeaders,
    /// `SignedHeaders` holds a name that is empty, not lower-case, or not after the one before it.
    #[error("SignedHeaders is not a list of lower-case names in ascending order")]
    DisorderedSignedHeaders,
    /// A header that must be signed is not in `SignedHeaders`.
    #[error("a header that must be signed is not in SignedHeaders")]
    UnsignedHeader,
    /// A header in `SignedHeaders` is absent or repeated.
    #[error("a header in SignedHeaders is not there exactly once")]
    SignedHeaderNotOnce,
}

/// The expected string to sign of a call whose signature did not match, as Alibaba Cloud's gateway shows it in its
/// answer.
#[derive(Clone, PartialEq, Eq)]
pub struct SignatureMismatch {
    /// In V1 the percent-encoded string, in V3 the algorithm and a hash; at most [`MAX_SHOWN_BYTES`] of ASCII, the
    /// last three of them dots if it had to be cut.
    pub string_to_sign: String,
}

/// The longest string to sign that is shown, in bytes.
pub const MAX_SHOWN_BYTES: usize = 4_096;

const CUT: &str = "...";

impl SignatureMismatch {
    pub(super) fn new(string: &[u8]) -> Self {
        let shown = match string.get(..MAX_SHOWN_BYTES - CUT.len()) {
            Some(start) if string.len() > MAX_SHOWN_BYTES => [start, CUT.as_bytes()].concat(),
            _ => string.to_vec(),
        };
        Self { string_to_sign: String::from_utf8_lossy(&shown).into_owned() }
    }
}

/// Without the string, which holds every parameter of the call.
impl fmt::Debug for SignatureMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignatureMismatch(…)")
    }
}

/// A parameter has no single value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// Given more than once.
    #[error("the parameter is repeated")]
    Repeated,
    /// Not UTF-8 once it is decoded.
    #[error("the parameter is not UTF-8")]
    NotUtf8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_of_four_kibibytes_is_shown_whole_and_a_longer_one_cut_and_marked() {
        let whole = "x".repeat(4_096);
        assert_eq!(SignatureMismatch::new(whole.as_bytes()).string_to_sign, whole);
        let cut = format!("{}...", "x".repeat(4_093));
        assert_eq!(SignatureMismatch::new("x".repeat(4_097).as_bytes()).string_to_sign, cut);
        assert_eq!(SignatureMismatch::new(b"").string_to_sign, "");
    }

    #[test]
    fn a_mismatch_does_not_print_the_call() {
        let error = SignatureError::Mismatch(SignatureMismatch::new(b"PhoneNo%3D13900001234"));
        assert_eq!(
            format!("{error:?} {error}"),
            "Mismatch(SignatureMismatch(…)) the signature does not match"
        );
    }
}
