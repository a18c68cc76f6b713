//! The parts of a request that its signature is about, taken from the bytes by other code than the product's. Two
//! requests whose parts are equal deserve the same; one whose parts are nobody's deserves nothing.

use bytes::Bytes;
use http::Request;

/// The parts, in an order of their own.
pub type Parts = Vec<Vec<u8>>;

/// The parts of a request of the open API: the five headers with their number, and the body.
pub fn of_open_api(request: &Request<Bytes>) -> Parts {
    let mut parts = vec![request.body().to_vec()];
    for name in ["businessid", "nonce", "timestamp", "sign", "signtype"] {
        let values: Vec<_> = request.headers().get_all(name).iter().map(|value| value.as_bytes()).collect();
        parts.push(format!("{name} {}", values.len()).into_bytes());
        parts.extend(values.into_iter().map(<[u8]>::to_vec));
    }
    parts
}

/// The parts of a platform's callback: those of the open API, and the path, which has the state.
pub fn of_platform_callback(request: &Request<Bytes>) -> Parts {
    let mut parts = of_open_api(request);
    parts.push(request.uri().path().into());
    parts
}

/// The parts of a V1 call: the method, and the parameters of its query and of its form.
pub fn of_v1(request: &Request<Bytes>) -> Parts {
    let mut pairs = pairs(request.uri().query().unwrap_or_default().as_bytes());
    let content_type =
        request.headers().get("content-type").map(|value| value.as_bytes().trim_ascii().to_ascii_lowercase());
    if content_type.is_some_and(|name| name.starts_with(b"application/x-www-form-urlencoded")) {
        pairs.extend(self::pairs(request.body()));
    }
    pairs.sort();
    pairs.push(request.method().as_str().into());
    pairs
}

/// The parts of a V3 call: method, path, parameters, body, `host` and every `x-acs-*` header, and the three of
/// `Authorization` in any order.
pub fn of_v3(request: &Request<Bytes>) -> Parts {
    let mut parts = pairs(request.uri().query().unwrap_or_default().as_bytes());
    let headers = request.headers().iter().filter(|(name, _)| {
        let name = name.as_str();
        name == "host" || name.starts_with("x-acs-")
    });
    parts.extend(
        headers.map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes().trim_ascii()].concat()),
    );
    for value in request.headers().get_all("authorization") {
        let (scheme, list) = value.to_str().unwrap_or_default().trim().split_once(' ').unwrap_or_default();
        parts.push(scheme.into());
        parts.extend(list.split(',').map(|part| part.trim().into()));
    }
    parts.sort();
    parts.push(request.method().as_str().into());
    parts.push(request.uri().path().into());
    parts.push(request.body().to_vec());
    parts
}

/// The decoded pairs of a query or a form, as `name=value` with both in hex.
fn pairs(text: &[u8]) -> Parts {
    let pairs = text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = at.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
        format!("{}={}", hex::encode(decoded(name)), hex::encode(decoded(value))).into_bytes()
    });
    pairs.collect()
}

/// Percent-decoded, with `+` for a space; a `%` that begins no byte stays.
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let byte = after.get(..2).and_then(|digits| hex::decode(digits).ok()).filter(|_| *first == b'%');
        rest = if byte.is_some() { &after[2..] } else { after };
        decoded.push(byte.map_or(if *first == b'+' { b' ' } else { *first }, |byte| byte[0]));
    }
    decoded
}
