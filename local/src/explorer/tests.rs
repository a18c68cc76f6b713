use rsa::pkcs8::DecodePrivateKey as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const VECTORS: &str = include_str!("../../../tests/vectors/open-api.json");

/// The explorer before `authlink`, at an address of its own, and a client for it.
async fn explorer(authlink: &str) -> (String, reqwest::Client) {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let der = STANDARD.decode(vectors["private_key_pkcs8_bare_base64"].as_str().unwrap()).unwrap();
    let keys = DemoKeys {
        rsa: RsaPrivateKey::from_pkcs8_der(&der).unwrap(),
        md5: vectors["md5_key"].as_str().unwrap().to_owned(),
        access_key_secret: "testSecret".to_owned(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = router(keys, "/home/me/demo folder/parties".into(), authlink.parse().unwrap()).unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let client = client_builder(Duration::from_secs(5), Duration::from_secs(30));
    (address, client.build().unwrap())
}

async fn post(client: &reqwest::Client, url: String, asked: &Value) -> (u16, String) {
    let request = client.post(url).header("content-type", "application/json").body(asked.to_string());
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn the_demos_keys_sign_as_the_known_answers() {
    let (address, client) = explorer("http://127.0.0.1:9/").await;
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    for case in vectors["cases"].as_array().unwrap() {
        let kind = case["headers"].get("signType").filter(|kind| **kind != json!(""));
        let kind = kind.cloned().unwrap_or_else(|| json!("SHA256-RSA"));
        let asked = json!({"kind": kind, "text": case["string_to_sign"]});
        let (status, told) = post(&client, format!("{address}/explorer/sign"), &asked).await;
        assert_eq!((status, told), (200, json!({"sign": case["headers"]["sign"]}).to_string()));
    }
    // By OpenSSL.
    let asked = json!({"kind": "HMAC-SHA1", "text": "GET&%2F&a%3Db"});
    let (_, told) = post(&client, format!("{address}/explorer/sign"), &asked).await;
    assert_eq!(told, r#"{"sign":"KDp3wpTIHAVJp2gELGpeTOB8+H0="}"#);
    let (status, _) =
        post(&client, format!("{address}/explorer/sign"), &json!({"kind": "none", "text": ""})).await;
    assert_eq!(status, 422);
}

#[tokio::test]
async fn one_request_is_sent_on_as_it_is_and_its_answer_comes_back() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).insert_header("cache-control", "no-store").set_body_string("{}");
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let (address, client) = explorer(&server.uri()).await;
    let asked = json!({
        "method": "POST", "path": "/v1/openapi/auth/alipay/url", "query": "",
        "headers": [["businessId", "B1"], ["sign", "a+/="]], "body": "{\"userId\":\"客户\"}",
    });
    let (status, told) = post(&client, format!("{address}/explorer/send"), &asked).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((status, &told["httpStatus"], &told["body"]), (200, &json!(200), &json!("{}")));
    assert!(told["headers"].as_array().unwrap().contains(&json!(["cache-control", "no-store"])));
    let call = json!({"method": "GET", "path": "/", "query": "a=%20b&c=%2B"});
    assert_eq!(post(&client, format!("{address}/explorer/send"), &call).await.0, 200);
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].body, "{\"userId\":\"客户\"}".as_bytes());
    assert_eq!(
        (&requests[0].headers["businessid"], &requests[0].headers["sign"]),
        (&"B1".parse().unwrap(), &"a+/=".parse().unwrap())
    );
    assert_eq!(requests[1].url.query(), Some("a=%20b&c=%2B"));
}

#[tokio::test]
async fn nothing_else_is_sent_on() {
    let server = MockServer::start().await;
    let (address, client) = explorer(&server.uri()).await;
    let send = format!("{address}/explorer/send");
    for (asked, status) in [
        (json!({"method": "GET", "path": "/v1/openapi/auth/alipay/url"}), 400),
        (json!({"method": "POST", "path": "/"}), 400),
        (json!({"method": "GET", "path": "/v1/openapi/auth/alipay/callback"}), 400),
        (json!({"method": "GET", "path": "http://other.example/"}), 400),
        (json!({"method": "GET", "path": "//other.example/"}), 400),
        (json!({"method": "GET", "path": "/", "headers": [["host", "other.example"]]}), 400),
        (json!({"method": "GET", "path": "/", "headers": [["sign", "a\r\nx: y"]]}), 400),
        (json!({"method": "GET"}), 422),
        (json!({"method": "GET", "path": "/", "body": "x".repeat(MAX_BYTES)}), 413),
    ] {
        assert_eq!(post(&client, send.clone(), &asked).await.0, status, "{asked}");
    }
    // A page of another origin can send this without asking first.
    let plain = client.post(send).header("content-type", "text/plain").body("{}").send().await.unwrap();
    assert_eq!(plain.status().as_u16(), 415);
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_authlink_that_does_not_answer_is_said() {
    let (address, client) = explorer("http://127.0.0.1:9/").await;
    let (status, told) =
        post(&client, format!("{address}/explorer/send"), &json!({"method": "GET", "path": "/"})).await;
    assert_eq!(status, 502);
    assert!(told.contains("problem"), "{told}");
}

#[tokio::test]
async fn the_page_has_all_calls_fields_and_languages_and_no_key() {
    let (address, client) = explorer("http://127.0.0.1:8787/").await;
    let page = async |language: &str| {
        let url = format!("{address}/explorer?lang={language}");
        client.get(url).send().await.unwrap().text().await.unwrap()
    };
    for (language, required) in [("zh", "必填"), ("en", "required")] {
        let html = page(language).await;
        for part in [required, "link-callbackUrl", "query-serialNo", "rpc-PhoneNo", "no-webcrypto"] {
            assert!(html.contains(part), "{language}: {part}");
        }
        assert_eq!(html.matches("class=\"sample\"").count(), 7);
        let scheme = format!("data-field=\"SchemeId\" data-default=\"{}\"", crate::folder::SCHEME_ID);
        assert!(html.contains(&scheme), "{language}");
        assert!(html.contains("data-parties=\"/home/me/demo folder/parties\""), "{language}");
        assert!(!html.contains("BEGIN PRIVATE"), "a key");
        assert!(!html.contains("testSecret"));
    }
}
