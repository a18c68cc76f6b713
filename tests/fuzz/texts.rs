//! Single texts: callback addresses, link tokens, and the headers that a browser sends.

use std::net::IpAddr;

use bytes::Bytes;
use get_authorization_url::Device;
use http::header::{ACCEPT_LANGUAGE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request};
use proptest::strategy::Strategy as _;
use shared::egress::callback_url::{CallbackRules, CallbackUrl};
use shared::model::clock::UnixMillis;
use shared::model::id::AuthorizationId;
use shared::registry::LinkTokenKeys;
use shared::secrets::Document as _;
use shared::signing::link_token::{TokenError, issue, issue_short, verify, verify_short};
use shared::web::client_info::ClientInfo;
use shared::web::language::Language;
use tests::mutation::mutated;
use tests::rpc::{Protocol, RpcCall};
use tests::world::{BEGINNING, Shown, World};
use tokio::runtime::Builder;

use super::{fuzz, fuzz_one_in, lines};

/// True of addresses that lead to this machine or the networks around it, whatever else is refused.
fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
        }
        IpAddr::V6(address) => {
            let mapped = address.to_ipv4_mapped().is_some_and(|address| is_inside(address.into()));
            mapped || address.is_loopback() || address.is_unspecified() || address.is_unique_local()
        }
    }
}

#[test]
fn callback_addresses() {
    let rules = CallbackRules::default();
    fuzz(mutated(lines("callback-urls.txt")), |text| {
        let text = String::from_utf8_lossy(&text);
        let Ok(address) = CallbackUrl::parse(&text, &rules) else { return };
        let url = address.url();
        assert_eq!((url.scheme(), url.port_or_known_default()), ("https", Some(443)), "{text}");
        assert_eq!((url.username(), url.password(), url.fragment()), ("", None, None), "{text}");
        let host = url.host_str().expect("a host").trim_matches(['[', ']']);
        assert!(!host.parse().is_ok_and(is_inside), "{text} leads to {host}");
        assert_ne!(host, "localhost", "{text}");
        assert_eq!(CallbackUrl::parse(address.as_str(), &rules), Ok(address.clone()), "{text}");
    });
}

#[test]
fn link_tokens() {
    let document = r#"{"keys": ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"]}"#;
    let keys = LinkTokenKeys::parse(document).expect("a document").keys;
    let tokens: Vec<_> = [(0, 0), (1, 0), (1, -2_000_000_000_000)]
        .map(|(key, later)| {
            let id = AuthorizationId::from_serial("B1", &format!("S{key}{later}"));
            issue(&keys[key], &id, UnixMillis(BEGINNING.0 + later)).into_bytes()
        })
        .to_vec();
    let now = UnixMillis(BEGINNING.0 - 1);
    fuzz(mutated(tokens.clone()), |token| {
        let text = String::from_utf8_lossy(&token);
        if verify(&text, &keys, now) != Err(TokenError::Forged) {
            assert!(tokens.iter().any(|issued| issued.as_slice() == text.as_bytes()), "believed: {text}");
        }
    });
}

#[test]
fn short_tokens() {
    let document = r#"{"keys": ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"]}"#;
    let keys = LinkTokenKeys::parse(document).expect("a document").keys;
    let tokens: Vec<_> = [(0, "S1"), (1, "S1"), (0, "S2")]
        .map(|(key, serial_no)| {
            issue_short(&keys[key], &AuthorizationId::from_serial("B1", serial_no)).into_bytes()
        })
        .to_vec();
    fuzz(mutated(tokens.clone()), |token| {
        let text = String::from_utf8_lossy(&token);
        if verify_short(&text, &keys) != Err(TokenError::Forged) {
            assert!(tokens.iter().any(|issued| issued.as_slice() == text.as_bytes()), "believed: {text}");
        }
    });
}

#[test]
fn user_agents() {
    fuzz(mutated(lines("user-agents.txt")), |text| {
        let Ok(value) = HeaderValue::from_bytes(&text) else { return };
        let name = String::from_utf8_lossy(&text).to_ascii_lowercase();
        let (alipay, wechat) = (name.contains("alipayclient"), name.contains("micromessenger"));
        let headers = HeaderMap::from_iter([(USER_AGENT, value)]);
        match Device::from_headers(&headers) {
            Device::AlipayApp => assert!(alipay, "{headers:?}"),
            Device::WeChat => assert!(wechat && !alipay, "{headers:?}"),
            Device::Phone | Device::Desktop => assert!(!wechat && !alipay, "{headers:?}"),
        }
    });
}

#[test]
fn languages() {
    fuzz(mutated(lines("accept-languages.txt")), |text| {
        let Ok(value) = HeaderValue::from_bytes(&text) else { return };
        let names_english = String::from_utf8_lossy(&text).to_lowercase().contains("en");
        let headers = HeaderMap::from_iter([(ACCEPT_LANGUAGE, value)]);
        assert!(names_english || Language::preferred(&headers) == Language::Chinese, "{headers:?}");
    });
}

/// Through the page, whose picture takes its time.
#[test]
fn browsers() {
    let world = World::new();
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let link = runtime.block_on(world.call(&RpcCall::new(Protocol::V3, world.now()))).link.expect("a link");
    let link: url::Url = link.parse().expect("a URL");
    let target = format!("{}?{}", link.path(), link.query().expect("a query"));
    let headers = (mutated(lines("user-agents.txt")), mutated(lines("accept-languages.txt")));
    let headers = headers.prop_filter_map("no header", |(agent, language)| {
        Some((HeaderValue::from_bytes(&agent).ok()?, HeaderValue::from_bytes(&language).ok()?))
    });
    fuzz_one_in(100, headers, |(agent, language)| {
        let origin = "https://links.example.com/".parse().ok();
        let client = ClientInfo { source_ip: None, origin };
        let request = Request::builder().uri(&target).extension(client).body(Bytes::new());
        let mut request = request.expect("a request");
        request.headers_mut().insert(USER_AGENT, agent.clone());
        request.headers_mut().insert(ACCEPT_LANGUAGE, language);
        let answer = runtime.block_on(world.authorization_url.handle(&request));
        let is_alipay = String::from_utf8_lossy(agent.as_bytes()).to_lowercase().contains("alipayclient");
        assert_eq!(answer.status().as_u16(), if is_alipay { 302 } else { 200 }, "{agent:?}");
        if !is_alipay {
            let tag = Language::preferred(request.headers()).tag();
            assert!(Shown::read(&answer).html.contains(&format!("lang=\"{tag}\"")));
        }
    });
}
