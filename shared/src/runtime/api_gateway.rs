//! API Gateway's events ("payload format version 2.0" of HTTP APIs) as the `http::Request`s that they describe, without
//! cookies, and answers in the form that it takes.
//!
//! An event is read once, where it lies, and of it only what makes the request.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use crate::web::client_info::ClientInfo;

/// The request that `event` describes, with how it arrived.
///
/// # Errors
/// When it is no event of an HTTP API.
pub(crate) fn request(event: &str) -> Result<Request<Bytes>, serde_json::Error> {
    let event: Event<'_> = serde_json::from_str(event)?;
    let context = event.request_context;
    let arrival = ClientInfo {
        source_ip: context.http.source_ip.and_then(|Text(address)| address.parse::<IpAddr>().ok()),
        origin: context.domain_name.and_then(|Text(domain)| Url::parse(&format!("https://{domain}")).ok()),
    };
    let body = event.body.map(|Text(body)| body).unwrap_or_default();
    let body = if event.is_base64_encoded == Some(true) {
        Bytes::from(STANDARD.decode(body.as_bytes()).map_err(serde_json::Error::custom)?)
    } else {
        Bytes::from(body.into_owned())
    };
    let mut request = Request::new(body);
    *request.method_mut() =
        Method::from_bytes(context.http.method.0.as_bytes()).map_err(serde_json::Error::custom)?;
    *request.uri_mut() = target(
        event.raw_path.as_ref().map(|Text(path)| path.as_ref()),
        event.raw_query_string.as_ref().map(|Text(query)| query.as_ref()),
    );
    *request.headers_mut() = event.headers.map(|Headers(headers)| headers).unwrap_or_default();
    request.extensions_mut().insert(arrival);
    Ok(request)
}

/// Path and query as they came. What may not stand in a target, such as a bare `"` or `<`, is percent-encoded, which
/// means the same: whoever sends it gets an answer and not a crash. More than 64 KiB, of which the gateway takes a part
/// only, are no target and become `/`.
fn target(path: Option<&str>, query: Option<&str>) -> Uri {
    let bytes = path.map_or(1, str::len) + query.map_or(0, |query| 1 + query.len());
    let mut text = String::with_capacity(bytes);
    let mut write = |part: &str, reserved: &str| {
        for byte in part.bytes() {
            let plain = byte.is_ascii_graphic() && !reserved.as_bytes().contains(&byte);
            if plain {
                text.push(char::from(byte));
            } else {
                text.push_str(&format!("%{byte:02X}"));
            }
        }
    };
    write(path.filter(|path| path.starts_with('/')).unwrap_or("/"), "\"#<>?\\^`{|}");
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        write("?", "");
        write(query, "\"#<>\\^`{|}");
    }
    text.parse().unwrap_or_default()
}

/// `answer` in the form that the gateway takes. Every answer of ours is text: JSON, XML or HTML.
pub(crate) fn response(answer: Response<Bytes>) -> impl Serialize + Send {
    let (parts, body) = answer.into_parts();
    // Nobody else holds the bytes, so that they are moved and not copied.
    let text = String::from_utf8(body.into());
    Answer {
        status_code: parts.status.as_u16(),
        headers: parts.headers,
        body: text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        is_base64_encoded: false,
        cookies: [],
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(serialize_with = "write_headers")]
    headers: HeaderMap,
    body: String,
    is_base64_encoded: bool,
    /// None, which the gateway need not be told, but cargo-lambda must.
    cookies: [String; 0],
}

/// The gateway takes one value a name.
fn write_headers<S: Serializer>(headers: &HeaderMap, serializer: S) -> Result<S::Ok, S::Error> {
    let one_each =
        headers.keys().map(|name| (name.as_str(), String::from_utf8_lossy(headers[name].as_bytes())));
    serializer.collect_map(one_each)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow)]
    raw_path: Option<Text<'a>>,
    #[serde(borrow)]
    raw_query_string: Option<Text<'a>>,
    headers: Option<Headers>,
    #[serde(borrow)]
    request_context: Context<'a>,
    #[serde(borrow)]
    body: Option<Text<'a>>,
    is_base64_encoded: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    #[serde(borrow)]
    domain_name: Option<Text<'a>>,
    #[serde(borrow)]
    http: Http<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    #[serde(borrow)]
    method: Text<'a>,
    #[serde(borrow)]
    source_ip: Option<Text<'a>>,
}

/// Text where it lies in the event, unless it is escaped there.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Headers by their names; the gateway has joined the values of repeated ones. What can be no header is left out.
struct Headers(HeaderMap);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReadHeaders)
    }
}

struct ReadHeaders;

impl<'de> Visitor<'de> for ReadHeaders {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("headers by their names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
        let mut headers = HeaderMap::with_capacity(24);
        while let Some((Text(name), Text(value))) = map.next_entry()? {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
                headers.insert(name, value);
            }
        }
        Ok(Headers(headers))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::web::client_info::client_info;

    #[test]
    fn a_request_is_what_the_gateway_was_sent() {
        let event = json!({
            "version": "2.0",
            "rawPath": "/",
            "rawQueryString": "a=1+2&b=%2b&c=\"<é>&a=3",
            "headers": {"host": "h.example", "x-acs-date": "now"},
            "requestContext": {
                "domainName": "h.example",
                "http": {"method": "POST", "path": "/", "sourceIp": "203.0.113.7"},
            },
            "body": "eyJ9",
            "isBase64Encoded": true,
        });
        let request = request(&event.to_string()).unwrap();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri().path(), "/");
        assert_eq!(request.uri().query(), Some("a=1+2&b=%2b&c=%22%3C%C3%A9%3E&a=3"));
        assert_eq!(request.headers()["x-acs-date"], "now");
        assert_eq!(request.body().as_ref(), b"{\"}");
        let arrival = client_info(&request);
        assert_eq!(arrival.source_ip, Some([203, 0, 113, 7].into()));
        assert_eq!(arrival.origin.as_ref().map(Url::as_str), Some("https://h.example/"));
    }

    #[test]
    fn every_target_can_be_written() {
        for (path, query, expected) in [
            (None, None, "/"),
            (Some(""), Some(""), "/"),
            (Some("no/slash"), None, "/"),
            (Some("/a b?c#d"), Some("e=f g#h"), "/a%20b%3Fc%23d?e=f%20g%23h"),
            (Some("/%zz"), Some("%&=%"), "/%zz?%&=%"),
        ] {
            assert_eq!(target(path, query), expected);
        }
        let all: String = (1..=255).map(char::from).collect();
        assert!(target(Some(&format!("/{all}")), Some(&all)).query().is_some());
        assert_eq!(target(Some("/a"), Some(&"x".repeat(70_000))), "/");
    }

    #[test]
    fn an_answer_keeps_status_headers_and_text() {
        let answer = Response::builder().status(404).header("x-acs-request-id", "R").body(Bytes::from("é"));
        let expected = json!({
            "statusCode": 404,
            "headers": {"x-acs-request-id": "R"},
            "body": "é",
            "isBase64Encoded": false,
            "cookies": [],
        });
        assert_eq!(json!(response(answer.unwrap())), expected);
    }

    #[test]
    fn what_is_escaped_in_an_event_is_not_in_its_request() {
        let event = r#"{"rawPath":"\/a\u0062","headers":{"x\u002da":"1\t2","bad name":"3","x-b":"\n","x-c":"é"},
            "requestContext":{"http":{"method":"GET"}},"body":"{\"a\":\"\\u00e9\"}"}"#;
        let request = request(event).unwrap();
        assert_eq!(request.uri().path(), "/ab");
        assert_eq!(request.body().as_ref(), br#"{"a":"\u00e9"}"#);
        let headers: Vec<_> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(headers, [("x-a", &b"1\t2"[..]), ("x-c", "é".as_bytes())]);
        assert_eq!(client_info(&request).source_ip, None);
    }

    #[test]
    fn what_is_not_there_may_be_null() {
        let event = json!({
            "rawPath": null,
            "rawQueryString": null,
            "headers": null,
            "requestContext": {"domainName": null, "http": {"method": "GET", "sourceIp": null}},
            "body": null,
            "isBase64Encoded": null,
        });
        let request = request(&event.to_string()).unwrap();
        assert_eq!(
            (request.uri(), request.headers().len(), request.body().len()),
            (&Uri::from_static("/"), 0, 0)
        );
        assert_eq!(client_info(&request).source_ip, None);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for event in [
            json!({}),
            json!({"Records": []}),
            json!({"requestContext": {"http": {}}}),
            json!({"requestContext": {"http": {"method": "G T"}}}),
            json!({"requestContext": {"http": {"method": "GET"}}, "headers": {"a": 1}}),
            json!({"requestContext": {"http": {"method": "GET"}}, "body": "?", "isBase64Encoded": true}),
        ] {
            assert!(request(&event.to_string()).is_err(), "{event}");
        }
    }
}
