//! API Gateway's events ("payload format version 2.0" of HTTP APIs), read and answered by `lambda_http` behind a guard.
//!
//! `lambda_http` makes a URL of an event's stage, path, query, `host` and `x-forwarded-proto`. It panics where `url` or
//! `http` refuses one of them, and a URL loses the dot segments that a V3 signature covers. The guard takes these parts
//! out of the event and puts them into the request as they came.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, Service as _};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tracing::Instrument as _;
use url::Url;

use crate::runtime::panics::{self, Form};
use crate::telemetry::request_ids;
use crate::web::client_info::ClientInfo;
use crate::web::edge::{Edge, Via};
use crate::web::private_answer;

/// Bytes that `http::Uri` refuses in a query, and `#`, which would end it.
const IN_QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
const IN_PATH: &AsciiSet = &IN_QUERY.add(b'?');

/// Answers `event` with what `handler` makes of its request; with 403 if it had to come through `edge` and did not;
/// with 500 if `handler` panics.
///
/// # Errors
/// [`Error`] if it is no event of an HTTP API, or its body is not in the Base64 that it claims to be in.
pub(crate) async fn answer<H, A>(
    event: LambdaEvent<Box<RawValue>>,
    edge: Option<&Edge>,
    handler: &H,
) -> Result<impl Serialize + Send + use<H, A>, Error>
where
    H: Fn(Request<Bytes>) -> A,
    A: Future<Output = Response<Bytes>> + Send + 'static,
{
    let LambdaEvent { payload, context } = event;
    let mut event = read(payload.get())?;
    let span = request_ids::invocation(&context.request_id, event.request_context.request_id.as_deref());
    let mut kept = Some(Kept::take(&mut event, edge)?);
    let service = service_fn(move |request: lambda_http::Request| {
        let kept = kept.take().unwrap_or_default();
        let form = Form::wanted(request.headers());
        let answer = (!kept.refused).then(|| handler(kept.put_back(request)));
        async move {
            let answer = match answer {
                Some(answer) => panics::answered(answer, form).await,
                None => forbidden(),
            };
            let mut answer = answer.map(Full::new);
            private_answer::set_headers(answer.headers_mut());
            Ok::<_, Error>(answer)
        }
    });
    let event = LambdaEvent::new(LambdaRequest::ApiGatewayV2(event), context);
    async { Adapter::from(service).call(event).await }.instrument(span).await
}

/// The answer to who went past the edge.
fn forbidden() -> Response<Bytes> {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = StatusCode::FORBIDDEN;
    answer
}

/// Reads an event; one that `aws_lambda_events` refuses is read again without all that makes no request.
fn read(event: &str) -> Result<ApiGatewayV2httpRequest, serde_json::Error> {
    serde_json::from_str(event).or_else(|_| {
        let mut event = serde_json::from_str(event)?;
        strip(&mut event);
        serde_json::from_value(event)
    })
}

/// Leaves of an event what makes a request, and of its headers those that can be one.
fn strip(event: &mut Value) {
    const REQUEST: [&str; 6] =
        ["rawPath", "rawQueryString", "headers", "requestContext", "body", "isBase64Encoded"];
    let mut retain = |pointer: &str, is_kept: &dyn Fn(&str, &Value) -> bool| {
        if let Some(Value::Object(fields)) = event.pointer_mut(pointer) {
            fields.retain(|name, value| is_kept(name, value));
        }
    };
    retain("", &|name, value| REQUEST.contains(&name) && !value.is_null());
    retain("/requestContext", &|name, value| match name {
        "domainName" | "http" => true,
        "requestId" => value.is_string(),
        _ => false,
    });
    retain("/requestContext/http", &|name, _| ["method", "sourceIp"].contains(&name));
    retain("/headers", &|name, value| {
        let fits = |value: &str| name.parse::<HeaderName>().is_ok() && value.parse::<HeaderValue>().is_ok();
        value.as_str().is_none_or(fits)
    });
}

/// The parts of an event that `lambda_http` does not see.
#[derive(Default)]
struct Kept {
    target: Uri,
    host: Option<HeaderValue>,
    client: ClientInfo,
    refused: bool,
}

impl Kept {
    fn take(event: &mut ApiGatewayV2httpRequest, edge: Option<&Edge>) -> Result<Self, Error> {
        if let (true, Some(body)) = (event.is_base64_encoded, &event.body) {
            // `lambda_http` panics where this fails.
            STANDARD.decode(body)?;
        }
        let context = &mut event.request_context;
        // Of a request's cookies nothing is read, so `lambda_http` need not make a header of them.
        event.cookies = None;
        context.stage = None;
        let domain = context.domain_name.take();
        let via = edge.map_or(Via::Direct, |edge| edge.via(&mut event.headers));
        let connected = context.http.source_ip.as_deref().and_then(|address| address.parse().ok());
        Ok(Self {
            target: target(event.raw_path.take().as_deref(), event.raw_query_string.take().as_deref()),
            host: event.headers.remove(HOST),
            client: ClientInfo {
                source_ip: match via {
                    Via::Direct => connected,
                    Via::Edge(viewer) => viewer,
                },
                origin: domain.and_then(|domain| Url::parse(&format!("https://{domain}")).ok()),
            },
            refused: via == Via::Direct && edge.is_some_and(|edge| edge.only),
        })
    }

    fn put_back(self, request: lambda_http::Request) -> Request<Bytes> {
        let mut request = request.map(|body| match body {
            Body::Text(text) => Bytes::from(text),
            Body::Binary(bytes) => Bytes::from(bytes),
            _ => Bytes::new(),
        });
        *request.uri_mut() = self.target;
        if let Some(host) = self.host {
            request.headers_mut().insert(HOST, host);
        }
        request.extensions_mut().insert(self.client);
        request
    }
}

/// Path and query as they came. What may not stand in a target, such as a bare `"` or `<`, is percent-encoded, which
/// means the same. More than 64 KiB, of which the gateway takes a part only, are no target and become `/`.
fn target(path: Option<&str>, query: Option<&str>) -> Uri {
    let path = path.filter(|path| path.starts_with('/')).unwrap_or("/");
    let path = utf8_percent_encode(path, IN_PATH);
    let target = match query.filter(|query| !query.is_empty()) {
        Some(query) => format!("{path}?{}", utf8_percent_encode(query, IN_QUERY)),
        None => path.to_string(),
    };
    target.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::net::IpAddr;

    use futures_util::FutureExt as _;
    use http::{HeaderMap, Method};
    use lambda_runtime::Context;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;
    use proptest::{collection::vec, option::of, sample::select};
    use serde_json::{Map, json};

    use super::*;
    use crate::web::client_info::client_info;

    /// The request that `event` becomes, and the form in which the gateway is given `response`.
    fn serve(event: &str, response: Response<Bytes>) -> Result<(Request<Bytes>, Value), String> {
        let (request, answer) = serve_behind(None, event, response)?;
        Ok((request.expect("a request"), answer))
    }

    /// The same behind `edge`, which may refuse it.
    fn serve_behind(
        edge: Option<&Edge>,
        event: &str,
        response: Response<Bytes>,
    ) -> Result<(Option<Request<Bytes>>, Value), String> {
        let seen = RefCell::new(None);
        let handler = |request| {
            seen.replace(Some(request));
            std::future::ready(response.clone())
        };
        let payload = RawValue::from_string(event.to_owned()).expect("JSON");
        let answer = answer(LambdaEvent::new(payload, Context::default()), edge, &handler).now_or_never();
        let answer = answer.expect("nothing to wait for").map_err(|error| error.to_string())?;
        let answer = json!(answer);
        Ok((seen.take(), answer))
    }

    fn request(event: &str) -> Result<Request<Bytes>, String> {
        serve(event, Response::new(Bytes::new())).map(|(request, _)| request)
    }

    #[test]
    fn a_request_is_what_the_gateway_was_sent() {
        let event = json!({
            "version": "2.0",
            "rawPath": "/a/../b",
            "rawQueryString": "a=1+2&b=%2b&c=\"<é>&a=3",
            "cookies": ["a=1"],
            "headers": {"Host": "h.example:1", "x-acs-date": "now", "x-forwarded-proto": "https"},
            "requestContext": {
                "domainName": "h.example",
                "stage": "prod",
                "http": {"method": "POST", "path": "/b", "sourceIp": "203.0.113.7"},
            },
            "body": "eyJ9",
            "isBase64Encoded": true,
        });
        let request = request(&event.to_string()).unwrap();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "/a/../b?a=1+2&b=%2b&c=%22%3C%C3%A9%3E&a=3");
        let headers = request.headers();
        assert_eq!(
            (&headers["host"], &headers["x-acs-date"]),
            (&"h.example:1".parse().unwrap(), &"now".parse().unwrap())
        );
        assert_eq!(headers.len(), 3);
        assert_eq!(request.body().as_ref(), b"{\"}");
        let client = client_info(&request);
        assert_eq!(client.source_ip, Some([203, 0, 113, 7].into()));
        assert_eq!(client.origin.as_ref().map(Url::as_str), Some("https://h.example/"));
    }

    #[test]
    fn the_edge_names_the_client_and_may_be_the_only_way() {
        let edge = |only| Edge {
            address_header: crate::web::edge::CLOUDFRONT_ADDRESS_HEADER,
            secrets: vec!["secret-of-the-edge".into()],
            only,
        };
        let event = |secret: &str| {
            let headers =
                json!({"x-authlink-edge-secret": secret, "cloudfront-viewer-address": "203.0.113.7:1"});
            let http = json!({"method": "GET", "sourceIp": "198.51.100.1"});
            json!({"headers": headers, "requestContext": {"http": http}}).to_string()
        };
        let served = |edge: Option<Edge>, secret: &str| {
            let response = Response::new(Bytes::new());
            let (request, answer) = serve_behind(edge.as_ref(), &event(secret), response).expect("an answer");
            let client = request.and_then(|request| client_info(&request).source_ip);
            (client.map(|address| address.to_string()), answer["statusCode"].as_u64())
        };
        let by = |address: &str| Some(address.to_owned());
        for only in [false, true] {
            assert_eq!(served(Some(edge(only)), "secret-of-the-edge"), (by("203.0.113.7"), Some(200)));
        }
        assert_eq!(served(Some(edge(false)), "a guess"), (by("198.51.100.1"), Some(200)));
        assert_eq!(served(Some(edge(true)), "a guess"), (None, Some(403)));
        assert_eq!(served(None, "secret-of-the-edge"), (by("198.51.100.1"), Some(200)));
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
        let event = json!({"requestContext": {"http": {"method": "GET"}}}).to_string();
        for (content_type, body) in [
            ("application/json; charset=utf-8", "é"),
            ("text/xml;charset=utf-8", "<a/>"),
            ("text/html; charset=utf-8", "<p>中"),
            ("text/plain; charset=utf-8", ""),
        ] {
            let response = Response::builder().status(404).header("content-type", content_type);
            let (_, answer) = serve(&event, response.body(Bytes::from(body)).unwrap()).unwrap();
            let expected = json!({
                "statusCode": 404,
                "headers": {
                    "cache-control": "no-store",
                    "content-type": content_type,
                    "x-content-type-options": "nosniff",
                },
                "multiValueHeaders": {},
                "body": body,
                "isBase64Encoded": false,
                // Needless for the gateway, but cargo-lambda takes no answer without.
                "cookies": [],
            });
            assert_eq!(answer, expected);
        }
    }

    #[test]
    fn every_answer_is_for_its_caller_alone_whoever_gives_it() {
        let event = json!({"requestContext": {"http": {"method": "GET"}}}).to_string();
        let edge = Edge {
            address_header: crate::web::edge::CLOUDFRONT_ADDRESS_HEADER,
            secrets: vec!["secret-of-the-edge".into()],
            only: true,
        };
        async fn fail(_: Request<Bytes>) -> Response<Bytes> {
            panic!("as asked")
        }
        for (edge, status) in [(Some(edge), 403), (None, 500)] {
            let payload = RawValue::from_string(event.clone()).expect("JSON");
            let event = LambdaEvent::new(payload, Context::default());
            let answer = answer(event, edge.as_ref(), &fail).now_or_never().expect("nothing to wait for");
            let answer = json!(answer.expect("an answer"));
            assert_eq!(answer["statusCode"], status);
            assert_eq!(answer["headers"]["cache-control"], "no-store");
            assert_eq!(answer["headers"]["x-content-type-options"], "nosniff");
        }
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
            "requestContext": {"domainName": null, "timeEpoch": null, "http": {"method": "GET", "sourceIp": null}},
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
            json!([]),
            json!({"Records": []}),
            json!({"requestContext": {"http": {}}}),
            json!({"requestContext": {"http": {"method": "G T"}}}),
            json!({"requestContext": {"http": {"method": "GET"}}, "headers": {"a": 1}}),
            json!({"requestContext": {"http": {"method": "GET"}}, "body": "?", "isBase64Encoded": true}),
        ] {
            assert!(request(&event.to_string()).is_err(), "{event}");
        }
    }

    /// Text of pieces that a target, a host and a header may have, and of such as make `lambda_http` panic.
    fn odd_text() -> impl Strategy<Value = String> {
        const PIECES: [&str; 44] = [
            "/",
            "//",
            "/..",
            "/.",
            "..",
            "%2e%2E",
            "%",
            "%zz",
            "%5C",
            "?",
            "#",
            "\"",
            "<",
            ">",
            "\\",
            "^",
            "`",
            "{",
            "|",
            "}",
            "@",
            ":",
            ":99999",
            "[",
            "]",
            "&",
            "=",
            "+",
            "é",
            "中",
            "\u{10ffff}",
            "\0",
            "\n",
            "\t",
            "\r",
            " ",
            "\u{7f}",
            "a",
            "Z9",
            "~",
            "'",
            "e30=",
            "https",
            "h.example",
        ];
        vec(select(&PIECES[..]), 0..6).prop_map(|pieces| pieces.concat())
    }

    fn odd_headers() -> impl Strategy<Value = Map<String, Value>> {
        const NAMES: [&str; 10] =
            ["host", "Host", "x-forwarded-proto", "cookie", "content-type", "x-acs-z", "", "a b", "é", "x\n"];
        vec((select(&NAMES[..]), odd_text()), 0..5).prop_map(|headers| {
            headers.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
        })
    }

    fn odd_event() -> impl Strategy<Value = Value> {
        const METHODS: [&str; 6] = ["GET", "POST", "get", "M-SEARCH", "G T", "é"];
        const ADDRESSES: [&str; 4] = ["203.0.113.7", "::1", "203.0.113.7:1", ""];
        let context =
            (select(&METHODS[..]), of(select(&ADDRESSES[..])), of(odd_text()), of(odd_text()), of(0..2));
        let request = (of(odd_text()), of(odd_text()), of(odd_headers()), of(odd_text()), of(0..4));
        (context, request).prop_map(|((method, source_ip, domain, stage, time), request)| {
            let (path, query, headers, body, encoded) = request;
            let path = path.map(|path| format!("/{path}"));
            let body = body.map(|body| if encoded == Some(1) { STANDARD.encode(body) } else { body });
            json!({
                "rawPath": path,
                "path": query,
                "rawQueryString": query,
                "queryStringParameters": {"a": query},
                "headers": headers,
                "cookies": [domain],
                "requestContext": {
                    "domainName": domain,
                    "stage": stage,
                    "timeEpoch": time,
                    "http": {"method": method, "path": path, "sourceIp": source_ip},
                },
                "body": body,
                "isBase64Encoded": encoded.map(|encoded| encoded < 3),
            })
        })
    }

    /// Method, target, headers, body, address and origin.
    type Parts = (Method, String, HeaderMap, Vec<u8>, Option<IpAddr>, Option<Url>);

    /// The request that `event` describes, read without `lambda_http`.
    fn described(event: &Value) -> Option<Parts> {
        let context = &event["requestContext"];
        let method = context["http"]["method"].as_str()?.parse().ok()?;
        let encoded = |part: &Value, refused: &str| {
            let fits = |byte: u8| byte.is_ascii_graphic() && !refused.as_bytes().contains(&byte);
            let write = |byte| if fits(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
            part.as_str().unwrap_or_default().bytes().map(write).collect::<String>()
        };
        let path = encoded(&event["rawPath"], "\"#<>?\\^`{|}");
        let query = encoded(&event["rawQueryString"], "\"#<>\\^`{|}");
        let target =
            [if path.is_empty() { "/" } else { &path }, if query.is_empty() { "" } else { "?" }, &query];
        let mut headers = HeaderMap::new();
        for (name, value) in event["headers"].as_object().into_iter().flatten() {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.as_str()?.parse()) {
                headers.insert(name, value);
            }
        }
        let body = event["body"].as_str().unwrap_or_default();
        let body = if event["isBase64Encoded"] == true { STANDARD.decode(body).ok()? } else { body.into() };
        let address = context["http"]["sourceIp"].as_str().and_then(|address| address.parse().ok());
        let domain = context["domainName"].as_str();
        let origin = domain.and_then(|domain| Url::parse(&format!("https://{domain}")).ok());
        Some((method, target.concat(), headers, body, address, origin))
    }

    #[test]
    fn no_odd_event_panics_and_each_is_the_request_that_it_describes() {
        let config = ProptestConfig {
            cases: 100_000,
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(1),
            ..ProptestConfig::default()
        };
        proptest!(config, |(event in odd_event())| {
            let read = request(&event.to_string()).ok().map(|request| {
                let client = client_info(&request).clone();
                let (parts, body) = request.into_parts();
                let target = parts.uri.to_string();
                (parts.method, target, parts.headers, body.to_vec(), client.source_ip, client.origin)
            });
            prop_assert_eq!(read, described(&event));
        });
    }
}
