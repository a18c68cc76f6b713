//! The examination of one request, and its result as a text.

use std::fmt;

use bytes::Bytes;
use shared::model::clock::UnixMillis;
use shared::protocol::open_api::{Fields, MAX_BODY_BYTES};
use shared::signing::open_api::diagnosis::{Diagnosis, diagnose};
use shared::signing::open_api::{AuthHeaders, HeaderError, SignatureError, VerificationKeys};

use super::wire::WireRequest;

/// The end of 2000: seconds since 1970 are less for three hundred centuries.
const EARLIEST_MILLIS: UnixMillis = UnixMillis(978_307_200_000);
/// The bytes that are shown on either side of a difference.
const AROUND: usize = 48;

/// What an examination found.
#[derive(Debug)]
pub(super) enum Finding {
    /// The headers are refused before any signature is looked at.
    Headers(HeaderError),
    /// There is no key to check with.
    NoKey { error: Option<SignatureError>, checked: Vec<u8> },
    /// The signature holds. The body may yet have a flaw.
    Holds { checked: Vec<u8>, flaw: Option<String> },
    /// The signature does not hold.
    Refused { checked: Vec<u8>, diagnosis: Option<Diagnosis>, flaw: Option<String> },
}

/// Examines a request with the keys that it should be signed with.
pub(super) fn examine(request: &WireRequest, keys: &VerificationKeys) -> Finding {
    let headers = match AuthHeaders::read(&request.headers) {
        Ok(headers) => headers,
        Err(error) => return Finding::Headers(error),
    };
    let body = || request.bodies.first().cloned().unwrap_or_default();
    if keys.rsa.is_empty() && keys.md5.is_empty() {
        return Finding::NoKey { error: None, checked: headers.string_to_sign(&body()) };
    }
    if let Some(body) = request.bodies.iter().find(|body| headers.verify(body, keys).is_ok()) {
        return Finding::Holds { checked: headers.string_to_sign(body), flaw: flaw(&headers, body) };
    }
    let (body, diagnosis) = best(&headers, &request.bodies, keys).unwrap_or_else(|| (body(), None));
    let checked = headers.string_to_sign(&body);
    match (headers.verify(&body, keys), diagnosis) {
        (Err(error @ SignatureError::NoKey(_)), None) => Finding::NoKey { error: Some(error), checked },
        (_, diagnosis) => Finding::Refused { checked, diagnosis, flaw: flaw(&headers, &body) },
    }
}

/// The first body for which the string that was signed is found, or else the likeliest.
fn best(
    headers: &AuthHeaders,
    bodies: &[Bytes],
    keys: &VerificationKeys,
) -> Option<(Bytes, Option<Diagnosis>)> {
    let mut examined = bodies.iter().map(|body| (body.clone(), diagnose(headers, body, keys)));
    let first = examined.next()?;
    let is_found = |(_, diagnosis): &(Bytes, Option<Diagnosis>)| {
        diagnosis.as_ref().is_some_and(|diagnosis| diagnosis.signed().is_some())
    };
    // A file's own line end would be called the mistake.
    let better = examined.find(is_found);
    Some(match better {
        Some(better) if !is_found(&first) || names_fewer_causes(&better, &first) => better,
        _ => first,
    })
}

fn names_fewer_causes(one: &(Bytes, Option<Diagnosis>), other: &(Bytes, Option<Diagnosis>)) -> bool {
    let causes =
        |found: &(Bytes, Option<Diagnosis>)| found.1.as_ref().map_or(0, |diagnosis| diagnosis.causes().len());
    causes(one) < causes(other)
}

/// What is wrong with a request besides its signature.
fn flaw(headers: &AuthHeaders, body: &[u8]) -> Option<String> {
    if headers.timestamp() < EARLIEST_MILLIS {
        return Some("the timestamp looks like seconds, milliseconds are wanted".to_owned());
    }
    if body.len() > MAX_BODY_BYTES {
        return Some(format!("the body is larger than {MAX_BODY_BYTES} bytes"));
    }
    Fields::read(body).err().map(|error| error.to_string())
}

/// Two strings around the first byte in which they differ.
pub(super) struct Aligned {
    /// What both have before it.
    pub(super) common: String,
    pub(super) checked: String,
    pub(super) signed: String,
}

impl Aligned {
    /// Aligns two strings that differ first at `at`.
    pub(super) fn new(checked: &[u8], signed: &[u8], at: usize) -> Self {
        // A character is not cut in two.
        let is_boundary = |at: &usize| checked.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
        let at = (0..=at).rev().find(is_boundary).unwrap_or(0);
        let start = (at.saturating_sub(AROUND)..=at).find(is_boundary).unwrap_or(at);
        let rest = |string: &[u8]| {
            let rest = &string[at.min(string.len())..];
            let (shown, more) = if rest.len() > AROUND { (&rest[..AROUND], "…") } else { (rest, "") };
            format!("{}{more}", shown_bytes(shown))
        };
        let before = if start > 0 { "…" } else { "" };
        let common = format!("{before}{}", shown_bytes(&checked[start..at]));
        Self { common, checked: rest(checked), signed: rest(signed) }
    }
}

/// A text with what cannot be seen as escapes.
pub(super) fn shown_bytes(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let is_unseen = character.is_control() || character == '\u{feff}';
            if is_unseen { shown.extend(character.escape_default()) } else { shown.push(character) }
        }
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    shown
}

/// The columns that a text takes, East Asian characters being two wide.
fn columns(text: &str) -> usize {
    text.chars().map(|character| if character >= '\u{1100}' { 2 } else { 1 }).sum()
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Headers(error) => writeln!(f, "refused before the signature is looked at: {error}"),
            Self::NoKey { error, checked } => {
                match error {
                    Some(error) => writeln!(f, "refused: {error}")?,
                    None => writeln!(
                        f,
                        "no key was given, so only the headers' form was looked at, and it is right; \
                         --public-key FILE or --md5-key-file FILE tell more"
                    )?,
                }
                writeln!(f, "\nthe string that is checked:\n{}", shown_bytes(checked))
            }
            Self::Holds { checked, flaw } => {
                writeln!(f, "the signature holds")?;
                write_flaw(f, flaw.as_deref())?;
                writeln!(f, "\nthe string that was checked:\n{}", shown_bytes(checked))
            }
            Self::Refused { checked, diagnosis, flaw } => {
                write_diagnosis(f, checked, diagnosis.as_ref())?;
                write_flaw(f, flaw.as_deref())?;
                writeln!(f, "\nthe string that was checked:\n{}", shown_bytes(checked))
            }
        }
    }
}

fn write_flaw(f: &mut fmt::Formatter<'_>, flaw: Option<&str>) -> fmt::Result {
    flaw.map_or(Ok(()), |flaw| writeln!(f, "besides: {flaw}"))
}

fn write_diagnosis(f: &mut fmt::Formatter<'_>, checked: &[u8], diagnosis: Option<&Diagnosis>) -> fmt::Result {
    let Some(diagnosis) = diagnosis else { return writeln!(f, "the signature does not match") };
    let words: Vec<_> = diagnosis.causes().iter().map(|cause| cause.as_str()).collect();
    writeln!(f, "cause: {}\n{diagnosis}", words.join(", "))?;
    if let (Some(signed), Some(at)) = (diagnosis.signed(), diagnosis.differs_at()) {
        let aligned = Aligned::new(checked, signed, at);
        writeln!(f, "\n  checked: {}{}", aligned.common, aligned.checked)?;
        writeln!(f, "  signed:  {}{}", aligned.common, aligned.signed)?;
        writeln!(f, "           {}^ byte {at}", " ".repeat(columns(&aligned.common)))?;
    }
    Ok(())
}
