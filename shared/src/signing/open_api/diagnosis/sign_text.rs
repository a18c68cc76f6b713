//! The header `sign`, read as leniently as its bytes can be told, with what is wrong with its encoding.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;

use crate::signing::open_api::diagnosis::cause::Cause;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The shortest text that counts as hex: the half of an MD5 value.
const LEAST_HEX: usize = 16;

/// The bytes of an MD5 value.
const MD5_BYTES: usize = 16;

/// What the text of a signature turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// An MD5 value, or its middle half.
    Md5 { value: Vec<u8>, flaw: Option<Cause> },
    /// Bytes that may be an RSA signature.
    Rsa { signature: Vec<u8>, flaw: Option<Cause> },
}

/// Reads the text of a signature; `None` if it is neither Base64 nor hex in any usual disguise.
pub(super) fn read(text: &str) -> Option<Reading> {
    let (plain, disguise) = undisguised(text)?;
    if let Some(bytes) = hyphenated(&plain) {
        return Some(of_hex(bytes, disguise.or(Some(Cause::Md5Hyphens))));
    }
    if is_hex(&plain) {
        let upper = !plain.bytes().any(|byte| byte.is_ascii_lowercase());
        let flaw = disguise.or_else(|| (!upper).then_some(Cause::HexLowerCase));
        return Some(of_hex(hex::decode(&plain).ok()?, flaw));
    }
    let (bytes, flaw) = base64(&plain)?;
    let flaw = disguise.or(flaw);
    let twice = std::str::from_utf8(&bytes).ok().map(|inner| inner.trim_end_matches('\n'));
    match twice {
        Some(inner) if inner.len() == 2 * MD5_BYTES && is_hex(inner) => {
            Some(Reading::Md5 { value: hex::decode(inner).ok()?, flaw: Some(Cause::Md5Base64) })
        }
        Some(inner) if inner.len() > 4 * MD5_BYTES => {
            let signature = if is_hex(inner) { hex::decode(inner).ok()? } else { base64(inner)?.0 };
            Some(Reading::Rsa { signature, flaw: Some(Cause::EncodingTwice) })
        }
        _ if bytes.len() == MD5_BYTES => Some(Reading::Md5 { value: bytes, flaw: Some(Cause::Md5Base64) }),
        _ => Some(Reading::Rsa { signature: bytes, flaw }),
    }
}

fn of_hex(bytes: Vec<u8>, flaw: Option<Cause>) -> Reading {
    match bytes.len() {
        MD5_BYTES => Reading::Md5 { value: bytes, flaw },
        8 => Reading::Md5 { value: bytes, flaw: Some(Cause::Md5Half) },
        _ => {
            let flaw = flaw.filter(|flaw| *flaw != Cause::HexLowerCase && *flaw != Cause::Md5Hyphens);
            Reading::Rsa { signature: bytes, flaw: flaw.or(Some(Cause::EncodingHex)) }
        }
    }
}

/// Takes off what was put around or into the text: percent-encoding, quotation marks, line ends, by name or by escape.
fn undisguised(text: &str) -> Option<(String, Option<Cause>)> {
    let mut disguise = None;
    let mut plain = text.to_owned();
    if text.contains('%') {
        plain = percent_decode_str(text).decode_utf8().ok()?.into_owned();
        disguise = Some(Cause::EncodingUrlEncoded);
    }
    for quote in ['"', '\''] {
        if let Some(inner) = plain.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            (plain, disguise) = (inner.to_owned(), disguise.or(Some(Cause::EncodingQuoted)));
        }
    }
    let in_one = plain.replace("\\r", "").replace("\\n", "").replace(['\r', '\n'], "");
    if in_one.len() < plain.len() {
        (plain, disguise) = (in_one, Some(Cause::EncodingFolded));
    }
    // What once was a plus sign.
    Some((plain.replace(' ', "+"), disguise))
}

fn is_hex(text: &str) -> bool {
    text.len() >= LEAST_HEX
        && text.len().is_multiple_of(2)
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Pairs of digits with hyphens between them, as C# writes bytes.
fn hyphenated(text: &str) -> Option<Vec<u8>> {
    let digits = text.replace('-', "");
    let is_so = is_hex(&digits)
        && text.len() == digits.len() / 2 * 3 - 1
        && text.split('-').all(|pair| pair.len() == 2);
    if is_so { hex::decode(digits).ok() } else { None }
}

fn base64(text: &str) -> Option<(Vec<u8>, Option<Cause>)> {
    let standard = text.replace('-', "+").replace('_', "/");
    let bytes = LENIENT.decode(standard.trim_end_matches('=')).ok()?;
    let flaw = if standard != text {
        Some(Cause::EncodingBase64url)
    } else if !text.len().is_multiple_of(4) {
        Some(Cause::EncodingUnpadded)
    } else {
        None
    };
    Some((bytes, flaw))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

    use super::*;

    /// 256 bytes whose Base64 holds `+` and `/` and is padded.
    fn signature() -> Vec<u8> {
        (0..=255).rev().collect()
    }

    /// As C# writes bytes: `F0-F1`.
    fn hyphens(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join("-")
    }

    #[test]
    fn every_disguise_of_a_signature_is_seen_through() {
        let plain = STANDARD.encode(signature());
        let folded: Vec<_> = plain.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
        let url_encoded = plain.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        for (text, flaw) in [
            (plain.clone(), None),
            (URL_SAFE.encode(signature()), Some(Cause::EncodingBase64url)),
            (URL_SAFE_NO_PAD.encode(signature()), Some(Cause::EncodingBase64url)),
            (plain.trim_end_matches('=').to_owned(), Some(Cause::EncodingUnpadded)),
            (hex::encode(signature()), Some(Cause::EncodingHex)),
            (hex::encode_upper(signature()), Some(Cause::EncodingHex)),
            (hyphens(&signature()), Some(Cause::EncodingHex)),
            (url_encoded.clone(), Some(Cause::EncodingUrlEncoded)),
            (format!("\"{plain}\""), Some(Cause::EncodingQuoted)),
            (format!("'{plain}'"), Some(Cause::EncodingQuoted)),
            (folded.join("\\n"), Some(Cause::EncodingFolded)),
            (folded.join("\\r\\n"), Some(Cause::EncodingFolded)),
            (folded.join("%0A"), Some(Cause::EncodingFolded)),
            (plain.replace('+', "%20"), Some(Cause::EncodingUrlEncoded)),
            (STANDARD.encode(&plain), Some(Cause::EncodingTwice)),
            (STANDARD.encode(hex::encode(signature())), Some(Cause::EncodingTwice)),
        ] {
            assert_eq!(read(&text), Some(Reading::Rsa { signature: signature(), flaw }), "{text}");
        }
    }

    #[test]
    fn every_form_of_an_md5_value_is_told() {
        let value: Vec<u8> = (240..=255).collect();
        let upper = hex::encode_upper(&value);
        for (text, flaw) in [
            (upper.clone(), None),
            (upper.to_lowercase(), Some(Cause::HexLowerCase)),
            (STANDARD.encode(&value), Some(Cause::Md5Base64)),
            (STANDARD.encode(&upper), Some(Cause::Md5Base64)),
            (format!("\"{upper}\""), Some(Cause::EncodingQuoted)),
            (hyphens(&value), Some(Cause::Md5Hyphens)),
        ] {
            assert_eq!(read(&text), Some(Reading::Md5 { value: value.clone(), flaw }), "{text}");
        }
        let half = Reading::Md5 { value: value[4..12].to_vec(), flaw: Some(Cause::Md5Half) };
        assert_eq!(read(&upper[8..24]), Some(half));
    }

    #[test]
    fn bytes_that_read_as_text_are_still_the_value() {
        let value = b"0123456789abcdef";
        let md5 = Reading::Md5 { value: value.to_vec(), flaw: Some(Cause::Md5Base64) };
        assert_eq!(read(&STANDARD.encode(value)), Some(md5));
        let short = "ab".repeat(32).into_bytes();
        assert_eq!(read(&STANDARD.encode(&short)), Some(Reading::Rsa { signature: short, flaw: None }));
    }

    #[test]
    fn digits_that_make_no_whole_bytes_or_too_few_are_base64() {
        for text in ["0123456789abcdef012", "abcdef01"] {
            let signature = LENIENT.decode(text).unwrap();
            let flaw = (!text.len().is_multiple_of(4)).then_some(Cause::EncodingUnpadded);
            assert_eq!(read(text), Some(Reading::Rsa { signature, flaw }), "{text}");
        }
        let value: Vec<u8> = (240..=255).collect();
        let misplaced = hyphens(&value).replacen("F0-F1", "F0F-1", 1);
        let is_md5 = matches!(read(&misplaced), Some(Reading::Md5 { .. }));
        assert!(!is_md5, "{misplaced}");
    }

    #[test]
    fn what_is_no_encoding_at_all_is_none() {
        for text in ["*", "%", "%FF%FE", "签名", "a", "{}"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
