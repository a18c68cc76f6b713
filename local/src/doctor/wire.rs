//! An HTTP request as a text: a capture, the output of `curl -v` or of `authlink call link`, or a paste.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// A request, as far as a signature reaches.
#[derive(Debug)]
pub(super) struct WireRequest {
    pub(super) headers: HeaderMap,
    /// The bodies that the text may mean, likeliest first: its last line end may be the file's own.
    pub(super) bodies: Vec<Bytes>,
}

/// A text is no request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    /// No blank line.
    #[error(
        "no blank line ends the headers: the request's line, headers, a blank line and the body are wanted"
    )]
    NoBlankLine,
    /// A line of the head that is neither a header nor the request's line.
    #[error("line {0} is no header: name, colon, value")]
    NoHeader(usize),
    /// A chunk that does not end, or has no length.
    #[error("the body is chunked and a chunk is broken")]
    BrokenChunk,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) fn read(text: &[u8]) -> Result<WireRequest, WireError> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let (head, body) = split(text).ok_or(WireError::NoBlankLine)?;
    let mut headers = HeaderMap::new();
    for (index, line) in head.split(|byte| *byte == b'\n').enumerate() {
        // curl -v puts "> " before what it sends.
        let line = line.trim_ascii_end();
        let line = line.strip_prefix(b"> ").unwrap_or(line);
        let is_request_line = index == 0 && header(line).is_none();
        if is_request_line || line.is_empty() {
            continue;
        }
        let (name, value) = header(line).ok_or(WireError::NoHeader(index + 1))?;
        headers.append(name, value);
    }
    let is_chunked = headers
        .get(http::header::TRANSFER_ENCODING)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"chunked"));
    let body = if is_chunked { joined_chunks(body)? } else { body.to_vec() };
    let bodies = bodies(&headers, body);
    Ok(WireRequest { headers, bodies })
}

/// Head and body, which a blank line parts.
fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut start = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.trim_ascii();
        if start > 0 && (bare.is_empty() || bare == b">") {
            return Some((&text[..start], &text[start + line.len()..]));
        }
        start += line.len();
    }
    None
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
    Some((name, value))
}

/// The body by its Content-Length, if one of its forms has it; or else as it is, without the line end that editors add,
/// and with the line ends that a browser's form changes.
fn bodies(headers: &HeaderMap, body: Vec<u8>) -> Vec<Bytes> {
    let unix =
        body.iter().enumerate().filter(|(at, byte)| **byte != b'\r' || body.get(at + 1) != Some(&b'\n'));
    let unix: Vec<u8> = unix.map(|(_, byte)| *byte).collect();
    let mut forms: Vec<Vec<u8>> = Vec::new();
    for form in [body, unix] {
        let bare = form.trim_ascii_end().to_vec();
        let without_one =
            form.strip_suffix(b"\n").map(|form| form.strip_suffix(b"\r").unwrap_or(form).to_vec());
        for form in [Some(form), without_one, Some(bare)].into_iter().flatten() {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    let length =
        headers.get(http::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(exact) = length.and_then(|length: usize| forms.iter().position(|form| form.len() == length)) {
        forms = vec![forms.swap_remove(exact)];
    }
    forms.into_iter().map(Bytes::from).collect()
}

/// The content of chunks (RFC 9112, section 7.1).
fn joined_chunks(mut body: &[u8]) -> Result<Vec<u8>, WireError> {
    let mut joined = Vec::new();
    loop {
        let end = body.iter().position(|byte| *byte == b'\n').ok_or(WireError::BrokenChunk)?;
        let line = std::str::from_utf8(&body[..end]).map_err(|_| WireError::BrokenChunk)?;
        let digits = line.trim().split(';').next().unwrap_or_default();
        let length = usize::from_str_radix(digits, 16).map_err(|_| WireError::BrokenChunk)?;
        body = &body[end + 1..];
        if length == 0 {
            return Ok(joined);
        }
        let chunk = body.get(..length).ok_or(WireError::BrokenChunk)?;
        joined.extend_from_slice(chunk);
        let rest = &body[length..];
        body =
            rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).ok_or(WireError::BrokenChunk)?;
    }
}
