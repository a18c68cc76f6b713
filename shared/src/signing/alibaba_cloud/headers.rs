//! Headers that may be given once, read as V3 signs them.

use http::HeaderMap;

use crate::signing::alibaba_cloud::error::IncompleteSignatureError;

/// The value of a header, trimmed.
///
/// # Errors
/// [`IncompleteSignatureError::Repeated`].
pub(super) fn header_once<'r>(
    headers: &'r HeaderMap,
    name: &'static str,
) -> Result<Option<&'r [u8]>, IncompleteSignatureError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| trimmed(value.as_bytes()));
    if values.next().is_some() { Err(IncompleteSignatureError::Repeated(name)) } else { Ok(value) }
}

/// A header's value without the spaces and tabs around it, as V3 signs it.
pub(super) fn trimmed(value: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}
