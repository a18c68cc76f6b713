//! Questions to another platform: how they are signed, and the connections they go over.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::RsaPublicKey;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::sha2::{Digest as _, Sha256};
use serde_json::{Value, json};
use shared::egress::tls::bundled_roots;
use shared::egress::transport_error::TransportError;
use shared::model::clock::UnixMillis;
use shared::model::delivery_outcome::TlsFailure;
use shared::model::random::OsRandom;
use shared::protocol::open_api::client::request::{LinkParameters, PlatformRequest};
use shared::protocol::open_api::client::transport::{ASK_TIMEOUT, HttpPlatforms, Platforms as _};
use shared::registry::Platform;
use shared::secrets::Document as _;
use tests::authority::Authority;
use tests::keys::{foreign, merchant, private_pem, public_pem};
use tests::raw_server::{RawServer, Reply};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const SHARED_KEY: &str = "key-shared-with-a-platform";
const BODY: &str = r#"{"merchantId":"M1","businessId":"19","serialNo":"S1","userId":"用户\"1","callbackUrl":"https://us.example/back"}"#;

fn rsa_platform(base_url: &str) -> Value {
    json!({
        "baseUrl": base_url, "businessId": "19",
        "privateKey": private_pem(merchant()), "publicKeys": [public_pem(foreign())],
    })
}

fn md5_platform(base_url: &str) -> Value {
    json!({
        "baseUrl": base_url, "businessId": "19", "signType": "MD5", "md5Keys": [SHARED_KEY, "another-of-sixteen"],
    })
}

fn request(document: &Value) -> PlatformRequest {
    let platform = Platform::parse(&document.to_string()).expect("a document");
    let wanted = LinkParameters {
        merchant_id: "M1",
        serial_no: "S1",
        user_id: "用户\"1",
        callback_url: "https://us.example/back",
    };
    let now = UnixMillis(1_700_000_000_000);
    PlatformRequest::sign(&platform.credential(), &wanted, &OsRandom::default(), now).expect("signs")
}

fn granted() -> Reply {
    Reply::Send(b"HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\n{}".to_vec())
}

async fn server(replies: Vec<Reply>) -> (RawServer, String) {
    let server = RawServer::start(replies, None).await;
    let origin = format!("http://{}", server.address());
    (server, origin)
}

fn platforms() -> HttpPlatforms {
    HttpPlatforms::trusting(bundled_roots(), ASK_TIMEOUT)
}

/// The request that reaches a platform with this document.
async fn received(document: impl Fn(&str) -> Value) -> wiremock::Request {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/east/v1/openapi/auth/alipay/url"))
        .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
        .mount(&server)
        .await;
    let body = platforms().post(&request(&document(&format!("{}/east", server.uri())))).await;
    assert_eq!(body.as_deref(), Ok(&b"{}"[..]));
    let [request] = server.received_requests().await.expect("recorded").try_into().expect("one request");
    request
}

fn header<'a>(request: &'a wiremock::Request, name: &str) -> &'a str {
    request.headers.get(name).expect("is there").to_str().expect("text")
}

fn assert_as_documented(request: &wiremock::Request) {
    assert_eq!(header(request, "content-type"), "application/json; charset=utf-8");
    assert_eq!(header(request, "businessid"), "19");
    assert_eq!(header(request, "timestamp"), "1700000000000");
    let nonce = header(request, "nonce");
    assert!(nonce.len() == 32 && nonce.bytes().all(|byte| byte.is_ascii_hexdigit()), "{nonce}");
    assert_eq!(request.body, BODY.as_bytes());
}

#[tokio::test]
async fn a_request_signed_with_rsa_is_verified_by_the_other_library() {
    let request = received(rsa_platform).await;
    assert_as_documented(&request);
    assert_eq!(request.headers.get("signtype"), None);
    let string = format!("businessId=19&nonce={}&timestamp=1700000000000{BODY}", header(&request, "nonce"));
    let signature = STANDARD.decode(header(&request, "sign")).expect("is Base64");
    let public = RsaPublicKey::from(merchant());
    let verified = public.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(string), &signature);
    assert_eq!(verified, Ok(()));
}

#[tokio::test]
async fn a_request_signed_with_md5_has_the_first_keys_tag() {
    let request = received(md5_platform).await;
    assert_as_documented(&request);
    assert_eq!(header(&request, "signtype"), "MD5");
    let string = format!(
        "businessId=19&nonce={}&signType=MD5&timestamp=1700000000000{BODY}{SHARED_KEY}",
        header(&request, "nonce")
    );
    let tag = <md5::Md5 as md5::Digest>::digest(string);
    assert_eq!(header(&request, "sign"), hex::encode_upper(tag));
}

/// The number of requests of each connection.
fn counts(server: &RawServer) -> Vec<usize> {
    server.connections().iter().map(Vec::len).collect()
}

#[tokio::test]
async fn two_requests_use_one_connection() {
    let (server, origin) = server(vec![granted()]).await;
    let platforms = platforms();
    for _ in 0..2 {
        assert!(platforms.post(&request(&md5_platform(&origin))).await.is_ok());
    }
    assert_eq!(counts(&server), [2]);
}

#[tokio::test]
async fn two_requests_use_one_connection_over_tls() {
    let authority = Authority::default();
    let server = RawServer::start(vec![granted()], Some(authority.server("127.0.0.1"))).await;
    let origin = format!("https://{}", server.address());
    let platforms = HttpPlatforms::trusting(authority.roots(), ASK_TIMEOUT);
    for _ in 0..2 {
        assert!(platforms.post(&request(&md5_platform(&origin))).await.is_ok());
    }
    assert_eq!(counts(&server), [2]);
}

#[tokio::test]
async fn the_bundled_roots_do_not_vouch_for_another_authority() {
    let server = RawServer::start(vec![granted()], Some(Authority::default().server("127.0.0.1"))).await;
    let origin = format!("https://{}", server.address());
    let answer = HttpPlatforms::new().post(&request(&md5_platform(&origin))).await;
    assert_eq!(
        (answer, counts(&server)),
        (Err(TransportError::Handshake(TlsFailure::UnknownIssuer).into()), Vec::new())
    );
}

#[tokio::test]
async fn a_kept_connection_that_broke_is_told_apart_and_the_next_request_opens_another() {
    let (server, origin) = server(vec![granted(), Reply::SendAndClose(Vec::new()), granted()]).await;
    let platforms = platforms();
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(platforms.post(&request(&md5_platform(&origin))).await.map(|_| ()));
    }
    assert_eq!(answers, [Ok(()), Err(TransportError::Broken.into()), Ok(())]);
    assert_eq!(counts(&server), [2, 1]);
    let mut nonces: Vec<_> = server
        .connections()
        .concat()
        .iter()
        .filter_map(|request| request.header("nonce").map(str::to_owned))
        .collect();
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), 3);
}
