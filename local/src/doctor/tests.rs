use serde_json::Value;
use shared::signing::md5::Md5Key;
use shared::signing::open_api::VerificationKeys;
use shared::signing::open_api::diagnosis::Cause;
use shared::signing::rsa::VerifyingKey;

use super::MAX_REQUEST_BYTES;
use super::report::{Aligned, Finding, examine};
use super::wire::{self, WireError};
use crate::bounded::read as bounded;
use crate::client::client_builder;
use crate::merchant::signing::{sign_md5, sign_rsa};

const HEAD: &str = "businessId=B1&nonce=n1&timestamp=1628772138668";
const MD5_HEAD: &str = "businessId=B1&nonce=n1&signType=MD5&timestamp=1628772138668";
const BODY: &str = r#"{"serialNo":"S1","userId":"客户"}"#;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/open-api.json")).unwrap()
}

fn keys() -> VerificationKeys {
    let vectors = vectors();
    VerificationKeys {
        rsa: vec![VerifyingKey::parse(vectors["public_key_spki_pem"].as_str().unwrap()).unwrap()],
        md5: vec![Md5Key::new(vectors["md5_key"].as_str().unwrap()).unwrap()],
    }
}

fn rsa(string: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use rsa::pkcs8::DecodePrivateKey as _;
    let der = STANDARD.decode(vectors()["private_key_pkcs8_bare_base64"].as_str().unwrap()).unwrap();
    sign_rsa(string.as_bytes(), &rsa::RsaPrivateKey::from_pkcs8_der(&der).unwrap())
}

fn text(sign: &str, extra: &str, body: &str) -> String {
    format!(
        "POST /v1/openapi/auth/alipay/url HTTP/1.1\r\nHost: shop.example\r\nbusinessId: B1\r\nnonce: n1\r\n\
         timestamp: 1628772138668\r\nsign: {sign}\r\n{extra}\r\n{body}"
    )
}

fn finding(text: &str) -> Finding {
    examine(&wire::read(text.as_bytes()).unwrap(), &keys())
}

#[test]
fn a_right_request_holds_in_every_form_of_a_capture() {
    let right = text(&rsa(&format!("{HEAD}{BODY}")), "", BODY);
    let chunked = text(
        &rsa(&format!("{HEAD}{BODY}")),
        "Transfer-Encoding: chunked\r\n",
        &format!("{:x}\r\n{BODY}\r\n0\r\n\r\n", BODY.len()),
    );
    let of_curl = right.replace("\r\n", "\n> ").replace("> \n", ">\n");
    let of_curl = format!("> {}", of_curl.replace("\n> {", "\n{"));
    for request in [
        right.clone(),
        right.replace("\r\n", "\n"),
        format!("{right}\n"),
        format!("{right}\r\n"),
        format!("\u{feff}{right}"),
        right.split_once("\r\n").unwrap().1.to_owned(),
        text(
            &rsa(&format!("{HEAD}{BODY}\n")),
            &format!("Content-Length: {}\r\n", BODY.len() + 1),
            &format!("{BODY}\n"),
        ),
        text(&rsa(&format!("{HEAD}{{\n}}")), "", "{\r\n}"),
        chunked,
        of_curl,
    ] {
        assert!(
            matches!(finding(&request), Finding::Holds { flaw: None, .. }),
            "{request}\n{}",
            finding(&request)
        );
    }
}

#[test]
fn a_mistake_is_named_and_the_strings_stand_one_below_the_other() {
    let request = text(&rsa(&format!("{HEAD}\n{BODY}")), "", BODY);
    let told = finding(&request).to_string();
    let aligned = "\n  checked: businessId=B1&nonce=n1&timestamp=1628772138668{\"serialNo\":\"S1\",\"userId\":\"客户\"}\
                   \n  signed:  businessId=B1&nonce=n1&timestamp=1628772138668\\n{\"serialNo\":\"S1\",\"userId\":\"客户\"}\
                   \n                                                         ^ byte 46\n";
    assert!(told.starts_with("cause: separator_before_body\n"), "{told}");
    assert!(told.contains(aligned), "{told}");
    assert!(told.contains("\nthe string that was checked:\nbusinessId=B1&"), "{told}");
}

#[test]
fn the_shared_key_is_nowhere_in_what_is_told() {
    let vectors = vectors();
    let key = vectors["md5_key"].as_str().unwrap();
    for string in [format!("{MD5_HEAD}{BODY}&key="), format!("{HEAD}{BODY}"), "x".to_owned()] {
        let told = finding(&text(&sign_md5(string.as_bytes(), key), "signType: MD5\r\n", BODY)).to_string();
        assert!(told.starts_with("cause: "), "{told}");
        assert!(!told.contains(key), "{told}");
    }
}

#[test]
fn another_persons_key_is_told_from_no_key() {
    let request = text(&rsa(&format!("{HEAD}{BODY}")), "", BODY);
    let other = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA";
    assert!(VerifyingKey::parse(other).is_err());
    let wire = wire::read(request.as_bytes()).unwrap();
    let nobody = examine(&wire, &VerificationKeys::default());
    assert!(matches!(nobody, Finding::NoKey { error: None, .. }), "{nobody}");
    assert!(nobody.to_string().contains("no key was given"), "{nobody}");
    let only_md5 = VerificationKeys { rsa: Vec::new(), ..keys() };
    assert!(matches!(examine(&wire, &only_md5), Finding::NoKey { error: Some(_), .. }));
    let foreign = text(&rsa("x").replace(['A', 'B', 'C'], "D"), "", BODY);
    let Finding::Refused { diagnosis: Some(diagnosis), .. } = finding(&foreign) else { panic!("{foreign}") };
    assert_eq!((diagnosis.cause(), diagnosis.signed()), (Cause::OtherKey, None));
}

#[test]
fn a_text_that_is_no_request_is_refused_by_cause() {
    for (text, error) in [
        ("", WireError::NoBlankLine),
        ("POST / HTTP/1.1\r\nsign: x", WireError::NoBlankLine),
        ("POST / HTTP/1.1\nno header\n\n{}", WireError::NoHeader(2)),
        ("Transfer-Encoding: chunked\n\nzz\n", WireError::BrokenChunk),
        ("Transfer-Encoding: chunked\n\n5\nabc", WireError::BrokenChunk),
    ] {
        assert_eq!(wire::read(text.as_bytes()).err(), Some(error), "{text}");
    }
    let seconds = finding(&text("x", "", BODY).replace("1628772138668", "1628772138")).to_string();
    assert!(
        seconds.contains("besides: the timestamp looks like seconds, milliseconds are wanted\n"),
        "{seconds}"
    );
    let missing = finding("POST / HTTP/1.1\nnonce: n\n\n{}").to_string();
    assert_eq!(missing, "refused before the signature is looked at: header businessId is missing\n");
}

#[test]
fn a_megabyte_is_read_and_no_byte_more() {
    let body = format!("{{\"userId\":\"{}\"}}", "x".repeat(MAX_REQUEST_BYTES - 1_000));
    let request = text(&rsa("x"), "", &body);
    assert!(request.len() <= MAX_REQUEST_BYTES);
    let told = finding(&request).to_string();
    assert!(told.starts_with("cause: other_bytes\n"), "{}", &told[..200]);
    assert!(told.contains("besides: the body is larger than 16384 bytes"));
    assert_eq!(
        bounded(&vec![b'x'; MAX_REQUEST_BYTES][..], MAX_REQUEST_BYTES, "it").unwrap().len(),
        MAX_REQUEST_BYTES
    );
    let error = bounded(&vec![b'x'; MAX_REQUEST_BYTES + 1][..], MAX_REQUEST_BYTES, "it").unwrap_err();
    assert_eq!(format!("{error:?}"), "it is larger than 1048576 bytes");
}

#[test]
fn a_difference_within_a_character_is_shown_at_its_beginning() {
    let aligned = Aligned::new("a=客".as_bytes(), "a=宫".as_bytes(), 3);
    assert_eq!((&*aligned.common, &*aligned.checked, &*aligned.signed), ("a=", "客", "宫"));
    let aligned = Aligned::new(b"\xff\x00", b"\xff", 1);
    assert_eq!((&*aligned.common, &*aligned.checked, &*aligned.signed), ("\\xff", "\\u{0}", ""));
}

/// A folder with business B1, which has both keys, and the page over it.
async fn page() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let vectors = vectors();
    let document = serde_json::json!({
        "publicKeys": [vectors["public_key_spki_pem"]], "md5Keys": [vectors["md5_key"]], "merchantIds": ["M1"],
    });
    std::fs::create_dir(folder.path().join("business")).unwrap();
    std::fs::write(folder.path().join("business/B1.json"), document.to_string()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/doctor", listener.local_addr().unwrap());
    let router = super::router(folder.path().to_owned());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (folder, address)
}

async fn examined(address: &str, request: &str, public_key: &str) -> (u16, String) {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("request", request)
        .append_pair("publicKey", public_key)
        .finish();
    let client = client_builder(std::time::Duration::from_secs(5), std::time::Duration::from_secs(30));
    let answer = client
        .build()
        .unwrap()
        .post(address)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn the_page_examines_with_the_registered_keys_or_a_pasted_one_and_shows_no_key() {
    let (_folder, address) = page().await;
    let (chinese, english) = (format!("{address}?lang=zh"), format!("{address}?lang=en"));
    let vectors = vectors();
    let key = vectors["md5_key"].as_str().unwrap();
    let request = text(&sign_md5(format!("{MD5_HEAD}\n{BODY}").as_bytes(), key), "signType: MD5\r\n", BODY);
    for (address, word) in [(&chinese, "验签失败"), (&english, "The signature does not match")] {
        let (status, html) = examined(address, &request, "").await;
        assert_eq!(status, 200);
        for part in [word, "separator_before_body", "<mark>{&quot;", "<mark>\\n{&quot;"] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
        assert!(!html.contains(key), "{html}");
    }
    let right = text(&rsa(&format!("{HEAD}{BODY}")), "", BODY);
    assert!(examined(&english, &right, "").await.1.contains("The signature holds"));
    let own = vectors["public_key_bare_base64"].as_str().unwrap();
    assert!(examined(&english, &right, own).await.1.contains("The signature holds"));
    assert!(
        examined(&english, &right, "no key").await.1.contains("The public key cannot serve: is neither PEM")
    );
    let nobodys = right.replace("businessId: B1", "businessId: B2");
    assert!(examined(&english, &nobodys, "").await.1.contains("No key of this kind"));
    assert!(examined(&english, "x", "").await.1.contains("This is no whole request"));
    let script = right.replace("businessId: B1", "businessId: B1\r\nx: <script>alert(1)</script>");
    assert!(!examined(&english, &script, "").await.1.contains("<script>"));
    let (status, html) = examined(&english, &"x".repeat(MAX_REQUEST_BYTES + 1), "").await;
    assert!(status == 413 && html.contains("1 MB at most"), "{status} {html}");
}
