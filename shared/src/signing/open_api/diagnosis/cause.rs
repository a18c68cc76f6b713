//! The causes that a refused signature can have, each with a word for the log and a sentence for its sender.

use strum::{IntoStaticStr, VariantArray};

/// The cause of a refused signature, as far as headers, body and registered keys tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Cause {
    /// No registered public key opens the signature.
    OtherKey,
    /// No registered shared key gives the value, over any string that was tried.
    Md5OtherKey,
    /// A registered key signed a string that was not found.
    OtherBytes,
    /// The body was written anew between signing and sending.
    BodyReserialized,
    /// The names in the body were sorted on one side only.
    BodyKeysSorted,
    /// The body has `\u` escapes on one side only.
    BodyUnicodeEscaped,
    /// The body was percent-encoded on one side only.
    BodyUrlEncoded,
    /// The body was left out.
    BodyNotSigned,
    /// The fields of the body were signed as `name=value`.
    BodyAsParameters,
    /// White space at the body's ends, or its line ends, differ.
    BodyLineEnds,
    /// The body came with a byte order mark.
    BodyByteOrderMark,
    /// The body was in another charset when it was signed, or when it was sent.
    BodyOtherCharset,
    /// Characters of the body became question marks on the way.
    BodyQuestionMarks,
    /// The body came compressed.
    BodyCompressed,
    /// The headers were left out.
    HeadersNotSigned,
    /// Something stood between headers and body.
    SeparatorBeforeBody,
    /// The headers stood in another order.
    OrderOfHeaders,
    /// The headers' names were in another case.
    HeaderNames,
    /// `signType` was sent and not signed.
    SignTypeNotSigned,
    /// `signType` was signed and not sent.
    SignTypeSigned,
    /// An MD5 value came without `signType`.
    SignTypeMissing,
    /// The signature is of the other kind than `signType` says.
    SignTypeOther,
    /// SHA-1 instead of SHA-256.
    HashSha1,
    /// Another hash than SHA-256.
    HashOther,
    /// The string was hashed before it was signed.
    HashedTwice,
    /// The digest was signed without the name of its hash.
    DigestAlone,
    /// RSASSA-PSS instead of RSASSA-PKCS1-v1_5.
    PaddingPss,
    /// MD5 in lower case.
    HexLowerCase,
    /// MD5 in Base64.
    Md5Base64,
    /// MD5 cut to its middle 16 digits.
    Md5Half,
    /// MD5 with hyphens between the bytes.
    Md5Hyphens,
    /// Something stood before the shared key.
    Md5KeyJoined,
    /// The shared key stood first.
    Md5KeyFirst,
    /// White space followed the shared key.
    Md5KeyLineEnd,
    /// Base64 in the alphabet for URLs.
    EncodingBase64url,
    /// Hex instead of Base64.
    EncodingHex,
    /// Percent-encoded.
    EncodingUrlEncoded,
    /// In quotation marks.
    EncodingQuoted,
    /// Base64 folded into lines.
    EncodingFolded,
    /// Base64 without its padding.
    EncodingUnpadded,
    /// Encoded twice.
    EncodingTwice,
    /// Neither Base64 nor hex.
    EncodingUnknown,
}

impl Cause {
    /// The name in log lines and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The cause and its remedy in a sentence that names no key.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::OtherKey => {
                "no key that is registered for this business made it: compare the registered public key with your \
                 private key"
            }
            Self::Md5OtherKey => {
                "no key that is registered for this business gives this MD5 value, over this string or after one of \
                 the usual mistakes: compare the shared key, then the string"
            }
            Self::OtherBytes => {
                "your key signed other bytes: compare the string with the one that you signed"
            }
            Self::BodyReserialized => {
                "your key signed the body in another form: write the JSON once, sign those bytes and send those bytes"
            }
            Self::BodyKeysSorted => {
                "the body's names were sorted for signing only: sign the body as it is sent"
            }
            Self::BodyUnicodeEscaped => {
                "characters of the body are \\u escapes on one side only: sign the bytes that are sent"
            }
            Self::BodyUrlEncoded => "the body was URL-encoded on one side only: sign and send the plain JSON",
            Self::BodyNotSigned => "only the headers were signed: the body's bytes follow them directly",
            Self::BodyAsParameters => {
                "the body's fields were signed as name=value pairs: the body's bytes are signed as they are sent"
            }
            Self::BodyLineEnds => {
                "white space or line ends of the body differ between signing and sending: send the signed bytes"
            }
            Self::BodyByteOrderMark => {
                "a byte order mark was put before the body on its way: send UTF-8 without one"
            }
            Self::BodyOtherCharset => {
                "the body was in another charset when it was signed or sent: use UTF-8 for both"
            }
            Self::BodyQuestionMarks => {
                "the body has question marks where other characters were signed, as if it were sent in Latin-1: send \
                 UTF-8"
            }
            Self::BodyCompressed => "the body arrived compressed: send it plain",
            Self::HeadersNotSigned => {
                "only the body was signed: businessId, nonce, signType and timestamp stand before it"
            }
            Self::SeparatorBeforeBody => {
                "something stood between headers and body: the body follows the timestamp directly"
            }
            Self::OrderOfHeaders => {
                "the headers were signed in another order: businessId, nonce, signType, timestamp"
            }
            Self::HeaderNames => {
                "the headers' names were signed in another case: businessId, nonce, signType, timestamp"
            }
            Self::SignTypeNotSigned => {
                "the header signType is sent but was not signed: sign it too, or leave it out"
            }
            Self::SignTypeSigned => {
                "signType was signed but is not sent: send the header too, or leave it out of the string"
            }
            Self::SignTypeMissing => {
                "this is an MD5 value, and the header signType is missing: send signType: MD5 and sign it too"
            }
            Self::SignTypeOther => "the signature is of the other kind than the header signType says",
            Self::HashSha1 => "your key signed a SHA-1 digest (SHA1withRSA): use SHA256withRSA",
            Self::HashOther => "your key signed the digest of another hash: use SHA256withRSA",
            Self::HashedTwice => {
                "the string was hashed before it was signed: SHA256withRSA hashes by itself, give it the string"
            }
            Self::DigestAlone => {
                "your key encrypted a digest or a text without the name of its hash: use SHA256withRSA"
            }
            Self::PaddingPss => "your key signed with RSASSA-PSS: use RSASSA-PKCS1-v1_5 (SHA256withRSA)",
            Self::HexLowerCase => "the MD5 value is right but in lower case: send it in upper case",
            Self::Md5Base64 => "the MD5 value is right but in Base64: send upper-case hex",
            Self::Md5Half => "the MD5 value was cut to 16 digits: send all 32",
            Self::Md5Hyphens => "the MD5 value has hyphens between its bytes: send 32 digits",
            Self::Md5KeyJoined => {
                "something stood between string and shared key: the key follows the string directly"
            }
            Self::Md5KeyFirst => "the shared key stood before the string: it follows the string directly",
            Self::Md5KeyLineEnd => "white space followed the shared key: leave it out",
            Self::EncodingBase64url => {
                "the signature is in Base64 for URLs: use standard Base64, with + and /"
            }
            Self::EncodingHex => "the signature is in hex: use Base64",
            Self::EncodingUrlEncoded => "the signature is URL-encoded: send Base64 as it is",
            Self::EncodingQuoted => "the signature stands in quotation marks: leave them out",
            Self::EncodingFolded => "the signature's Base64 is folded into lines: send it in one",
            Self::EncodingUnpadded => "the signature's Base64 lacks the padding (=) at its end",
            Self::EncodingTwice => "the signature is encoded twice: use Base64 once",
            Self::EncodingUnknown => "the signature is neither Base64 nor hex",
        }
    }
}
