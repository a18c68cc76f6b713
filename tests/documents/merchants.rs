//! The guide for merchants, in both languages: its tables against the code, its worked example against the vectors, its
//! code against the samples.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName};
use serde_json::Value;
use shared::egress::callback_url::MAX_CALLBACK_URL_CHARS;
use shared::model::clock::UnixMillis;
use shared::protocol::open_api::{Code, MAX_FIELD_CHARACTERS};
use shared::signing::md5::Md5Key;
use shared::signing::open_api::{AuthHeaders, Signer, VerificationKeys, WINDOW};
use shared::signing::rsa::{SigningKey, VerifyingKey};

use super::{
    Names, answered_by_rpc, assert_same, fields, first_column, in_backticks, literals_after, page, read,
    screaming_variants, sections, source, tables,
};

const GUIDE: &str = "merchants";
const HEADERS: [&str; 5] = ["businessId", "nonce", "timestamp", "sign", "signType"];
const LINK: [&str; 2] = ["## Request a link", "## 获取授权链接"];
const QUERY: [&str; 2] = ["## Query", "## 查询"];
const CALLBACK: [&str; 2] = ["## The callback", "## 授权回调"];

/// The rows of a table by the first of their names.
fn rows(table: &[Vec<String>]) -> BTreeMap<String, Vec<String>> {
    let name = |row: &Vec<String>| in_backticks(&row[0]).into_iter().next().expect("a name");
    table.iter().map(|row| (name(row), row.clone())).collect()
}

/// A number as documents write it.
fn number(value: usize) -> String {
    if value < 1_000 { value.to_string() } else { format!("{},{:03}", value / 1_000, value % 1_000) }
}

/// A constant of a source, as text.
fn constant(source: &str, name: &str) -> String {
    let (_, rest) = source.split_once(&format!("const {name}: ")).expect(name);
    let (_, value) = rest.split_once('=').expect("a value");
    value.split(';').next().expect("an end").trim().to_owned()
}

/// The strings of a list in a source.
fn strings(source: &str, name: &str) -> Names {
    let list = constant(source, name);
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_header_has_its_row_and_its_limits() {
    let source = read("shared/src/signing/open_api/headers.rs");
    let characters: usize = constant(&source, "MAX_HEADER_BYTES").replace('_', "").parse().expect("a number");
    let of_sign: usize = constant(&source, "MAX_SIGN_BYTES").replace('_', "").parse().expect("a number");
    let minutes = WINDOW.as_secs() / 60;
    for (path, text) in page(GUIDE) {
        let section = sections(&text, &["## The headers", "## 请求头"]);
        let rows = rows(&tables(&section)[0]);
        assert_same(&rows.keys().cloned().collect(), &HEADERS.map(str::to_owned).into(), &path);
        let limits = [
            ("nonce", number(characters)),
            ("sign", number(of_sign)),
            ("timestamp", format!(" {minutes} ")),
            ("timestamp", "15 ".to_owned()),
            ("businessId", "64 ".to_owned()),
        ];
        for (name, limit) in limits {
            assert!(rows[name][3].contains(&limit), "{path}: {name} has {:?}, not {limit}", rows[name]);
        }
        for (name, row) in &rows {
            assert_eq!(["yes", "是"].contains(&row[1].as_str()), name != "signType", "{path}: {name}");
        }
    }
}

#[test]
fn every_field_of_a_request_has_its_row_and_its_limit() {
    for (folder, headings) in
        [("functions/alipay-auth-url/src", LINK), ("functions/authorization-query/src", QUERY)]
    {
        let text = source(folder);
        let mut required = literals_after(&text, &["fields.required("]);
        let optional = literals_after(&text, &["fields.optional("]);
        let all = &required | &optional;
        if optional.contains("userId") {
            required.insert("userId".to_owned());
        }
        for (path, guide) in page(GUIDE) {
            let rows = rows(&tables(&sections(&guide, &headings))[0]);
            assert_same(&rows.keys().cloned().collect(), &all, &path);
            for (name, row) in rows {
                let is_required = ["yes", "是"].contains(&row[1].as_str());
                assert_eq!(is_required, required.contains(&name), "{path}: {name}");
                let limit = match name.as_str() {
                    "callbackUrl" | "returnUrl" => MAX_CALLBACK_URL_CHARS,
                    "businessId" => 64,
                    _ => MAX_FIELD_CHARACTERS,
                };
                assert!(row[3].starts_with(&number(limit)), "{path}: {row:?}");
            }
        }
    }
}

#[test]
fn every_field_of_an_answer_has_its_row() {
    let view = source("functions/authorization-query/src");
    let told = fields(&view, "Serialize");
    let answer = &fields(&read("shared/src/protocol/open_api/response.rs"), "Serialize")
        | &fields(&source("functions/alipay-auth-url/src"), "Serialize");
    let states = screaming_variants(&read("functions/authorization-query/src/view.rs"));
    for (path, guide) in page(GUIDE) {
        let names = |text: &str| -> Names {
            first_column(text).iter().flat_map(|name| name.split('.').map(str::to_owned)).collect()
        };
        let link = sections(&guide, &LINK);
        let rows = tables(&link);
        let documented = rows[1].iter().flat_map(|row| in_backticks(&row[0]));
        let documented = documented.flat_map(|name| name.split('.').map(str::to_owned).collect::<Vec<_>>());
        assert_same(&documented.collect(), &answer, &path);

        let query = sections(&guide, &QUERY);
        let limits = [
            ("serialNo", number(MAX_FIELD_CHARACTERS)),
            ("businessId", "64 ".to_owned()),
            ("reference", "32 ".to_owned()),
            ("openId", "128 ".to_owned()),
            ("alipayUserId", "32 ".to_owned()),
            ("expiresAt", if path.contains("zh") { "毫秒" } else { "milliseconds" }.to_owned()),
        ];
        let of_answer = self::rows(&tables(&query)[1]);
        for (name, limit) in limits {
            assert!(of_answer[name][4].starts_with(&limit), "{path}: {:?}", of_answer[name]);
        }
        let shown: Names =
            in_backticks(&query).iter().flat_map(|name| name.split('.').map(str::to_owned)).collect();
        let missing: Vec<_> = told.difference(&shown).collect();
        assert!(missing.is_empty(), "{path}: {missing:?}");
        let unknown: Vec<_> = names(&query).difference(&told).cloned().collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?}");
        let told_states = ["NONE", "NO_ADDRESS", "PENDING", "DELIVERED", "UNDELIVERABLE"];
        for state in told_states {
            assert!(states.contains(state) && shown.contains(state), "{path}: {state}");
        }
    }
}

/// The fields of a struct of the delivered body, as they are on the wire.
fn of_body(name: &str) -> Names {
    let body = read("shared/src/delivery/body.rs");
    let (_, rest) = body.split_once(&format!("struct {name} {{\n")).expect(name);
    let own = rest.split("\n}\n").next().expect("an end");
    let head = "#[derive(Serialize)]\n#[serde(rename_all = \"camelCase\")]\nstruct Alone {\n";
    fields(&format!("{head}{own}\n}}\n"), "Serialize")
}

#[test]
fn every_field_of_both_callbacks_has_its_row_and_its_limit() {
    let origins = [
        (["link request", "开放接口"], of_body("OfMerchant<'a>")),
        (["`GetAuthorizationUrl`", "`GetAuthorizationUrl`"], of_body("OfScheme<'a>")),
        (["both", "两者"], of_body("User<'a>")),
    ];
    for (path, guide) in page(GUIDE) {
        let tables = tables(&sections(&guide, &CALLBACK));
        for (origin, expected) in &origins {
            let mine = tables[0].iter().filter(|row| origin.contains(&row[1].as_str()));
            let documented = mine.flat_map(|row| in_backticks(&row[0])).collect();
            assert_same(&documented, expected, &format!("{path}, {}", origin[0]));
        }
        let notices = tables[1].iter().flat_map(|row| in_backticks(&row[0])).collect();
        assert_same(&notices, &of_body("Nobody"), &path);
        let limits = [
            ("serialNo", number(MAX_FIELD_CHARACTERS)),
            ("userId", number(MAX_FIELD_CHARACTERS)),
            ("merchantId", number(MAX_FIELD_CHARACTERS)),
            ("businessId", "64 ".to_owned()),
            ("requestId", "36 ".to_owned()),
            ("bizId", "32 ".to_owned()),
            ("openId", "128 ".to_owned()),
            ("alipayUserId", "32 ".to_owned()),
            ("authTime", if path.contains("zh") { "毫秒" } else { "milliseconds" }.to_owned()),
        ];
        let rows = rows(&tables[0]);
        for (name, limit) in limits {
            assert!(rows[name][5].starts_with(&limit), "{path}: {:?}", rows[name]);
        }
    }
    let identity = read("shared/src/model/identity.rs");
    for range in
        ["(1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())", "(1..=32)"]
    {
        assert!(identity.contains(range), "{range}");
    }
}

#[test]
fn every_parameter_of_a_way_back_has_its_row_in_its_order() {
    let way_back = read("functions/openid-callback/src/way_back.rs");
    let named = literals_after(&way_back, &["=> (", "append_pair(name, value).append_pair("]);
    assert_same(&named, &["serialNo", "requestId", "result"].map(str::to_owned).into(), "way_back.rs");
    let results = literals_after(&way_back, &["Some("]);
    let key = SigningKey::parse(text(&vectors(), "/keys/authlink/privateKey")).expect("a key");
    let headers = Signer::Rsa(&key).sign("demo", "n", UnixMillis(0), b"").expect("signs");
    let headers: Vec<_> = headers.iter().map(|(name, _)| name.as_str().to_owned()).collect();
    for (path, guide) in page(GUIDE) {
        let section = sections(&guide, &["### The way back", "### 返回商家页面"]);
        let table = &tables(&section)[0];
        let order: Vec<_> = table.iter().flat_map(|row| in_backticks(&row[0])).collect();
        assert_eq!(order[..3], ["serialNo", "requestId", "result"], "{path}");
        assert_eq!(order[3..], headers, "{path}");
        assert_same(&in_backticks(&rows(table)["result"][4]), &results, &path);
    }
}

#[test]
fn every_header_of_an_answer_has_its_row() {
    let of_open_api = read("shared/src/protocol/open_api/response.rs");
    let of_rpc = read("functions/get-authorization-url/src/response.rs");
    let named = |text: &str| literals_after(text, &["HeaderName::from_static("]);
    let mut expected = &named(&of_open_api) | &named(&of_rpc);
    assert!(of_open_api.contains("headers.insert(RETRY_AFTER"));
    expected.insert("retry-after".to_owned());
    for (path, guide) in page(GUIDE) {
        let section = sections(&guide, &["### The headers of an answer", "### 响应头"]);
        let documented = first_column(&section).iter().map(|name| name.to_lowercase()).collect();
        assert_same(&documented, &expected, &path);
        for word in ["429", "503", "500", Code::TooManyLookUps.as_str()] {
            assert!(section.contains(word), "{path}: {word}");
        }
    }
}

#[test]
fn every_row_of_a_field_has_an_example() {
    // Its signature is another for every call.
    let without = ["`Signature`, `Signature` in `Authorization`"];
    for (path, guide) in page(GUIDE) {
        let mut seen = 0;
        let mut lines = guide.lines();
        while let Some(head) = lines.next() {
            if !head.starts_with('|') || !["| example |", "| 示例 |"].iter().any(|last| head.ends_with(last))
            {
                continue;
            }
            let columns = head.matches('|').count();
            for row in lines.by_ref().skip(1).take_while(|line| line.starts_with('|')) {
                assert_eq!(row.matches('|').count(), columns, "{path}: {row}");
                let example = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default().trim();
                let name = row.split('|').nth(1).unwrap_or_default().trim();
                assert!(!example.is_empty() || without.contains(&name), "{path}: {row}");
                seen += 1;
            }
        }
        assert!(seen > 60, "{path}: {seen}");
    }
}

#[test]
fn both_languages_say_what_a_refusal_brings_and_how_soon_a_new_key_works() {
    let early = constant(&read("shared/src/secrets/entry.rs"), "EARLY");
    let seconds: String = early.chars().filter(char::is_ascii_digit).collect();
    for (path, guide) in page(GUIDE) {
        let answer = guide.lines().skip_while(|line| {
            !line.starts_with("**The user refused:") && !line.starts_with("**用户拒绝授权，")
        });
        let answer: String = answer.take_while(|line| !line.is_empty()).collect();
        assert!(answer.contains("`notifyRefusals`") && answer.contains("`REFUSED`"), "{path}: {answer}");
        let keys = sections(&guide, &["## Keys", "## 密钥"]).replace('\n', " ");
        let told =
            [format!("new key works after up to {seconds} s"), format!("新密钥登记后最长 {seconds} 秒")];
        assert!(told.iter().any(|told| keys.contains(told)), "{path}: {seconds}");
    }
}

#[test]
fn every_parameter_of_get_authorization_url_has_its_row() {
    let text = source("functions/get-authorization-url/src");
    let own = &literals_after(&text, &["parameter(call,", ".parameter("]) | &["Format".to_owned()].into();
    let v1 = strings(&read("shared/src/signing/alibaba_cloud/v1.rs"), "SIGNATURE_PARAMETERS");
    let v3 = strings(&read("shared/src/signing/alibaba_cloud/v3.rs"), "REQUIRED_HEADERS");
    assert!(v1.len() == 8 && v3.len() >= 5, "{v1:?} {v3:?}");
    let answered = answered_by_rpc();
    for (path, guide) in page(GUIDE) {
        let tables = tables(&sections(&guide, &["## GetAuthorizationUrl"]));
        assert_same(&rows(&tables[0]).into_keys().collect(), &own, &path);
        assert_same(&rows(&tables[2]).into_keys().collect(), &answered, &path);
        let of_signatures: Names = tables[1].iter().flat_map(|row| in_backticks(&row[0])).collect();
        let missing: Vec<_> = (&v1 | &v3).difference(&of_signatures).cloned().collect();
        assert!(missing.is_empty(), "{path}: {missing:?}");
    }
}

#[test]
fn every_state_is_explained() {
    let states = screaming_variants(&read("shared/src/model/authorization_state.rs"));
    for (path, guide) in page(GUIDE) {
        let documented = first_column(&sections(&guide, &["## What happens when", "## 各种情况"]));
        assert_same(&documented, &states, &path);
    }
}

fn vectors() -> Value {
    serde_json::from_str(&read("docs/vectors.json")).expect("JSON")
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).expect(pointer)
}

#[test]
fn every_vector_verifies_over_the_string_that_it_names() {
    let vectors = vectors();
    let cases = vectors["cases"].as_array().expect("a list");
    let mut seen = Names::new();
    for case in cases {
        let (name, body, sign) = (text(case, "/name"), text(case, "/body"), text(case, "/sign"));
        let signer = text(case, "/signer");
        let mut headers = HeaderMap::new();
        for (name, value) in case["headers"].as_object().expect("headers") {
            let value = value.as_str().expect("text").parse().expect("a value");
            headers.insert(HeaderName::from_bytes(name.as_bytes()).expect("a name"), value);
        }
        headers.insert("sign", sign.parse().expect("a value"));
        let headers = AuthHeaders::read(&headers).expect(name);
        let public_key = text(&vectors, &format!("/keys/{signer}/publicKey"));
        let keys = VerificationKeys {
            rsa: vec![VerifyingKey::parse(public_key).expect("a key")],
            md5: vec![Md5Key::new(text(&vectors, "/md5Key")).expect("a key")],
        };
        assert_eq!(headers.string_to_sign(body.as_bytes()), text(case, "/stringToSign").as_bytes(), "{name}");
        assert!(headers.verify(body.as_bytes(), &keys).is_ok(), "{name}");
        let changed = format!("{body} ");
        assert!(headers.verify(changed.as_bytes(), &keys).is_err(), "{name}");
        seen.insert(format!("{signer} {}", headers.sign_type().as_str()));
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
    for signer in ["merchant", "authlink"] {
        SigningKey::parse(text(&vectors, &format!("/keys/{signer}/privateKey"))).expect(signer);
    }
}

/// The blocks of code of one language, in their order.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let opening = format!("\n```{language}\n");
    text.split(&opening).skip(1).filter_map(|rest| rest.split("\n```").next()).map(str::to_owned).collect()
}

#[test]
fn the_worked_example_is_that_of_the_vectors() {
    let vectors = vectors();
    let case = |name: &str| {
        vectors["cases"].as_array().expect("a list").iter().find(|case| case["name"] == name).expect("a case")
    };
    let (rsa, md5) = (case("link, SHA256-RSA"), case("link, MD5"));
    let key = text(&vectors, "/md5Key");
    let expected = [
        text(&vectors, "/keys/merchant/privateKey").to_owned(),
        text(rsa, "/stringToSign").to_owned(),
        text(rsa, "/sign").to_owned(),
        format!("{}{key}", text(md5, "/stringToSign")),
        text(md5, "/sign").to_owned(),
    ];
    for (path, guide) in page(GUIDE) {
        assert_eq!(blocks(&guide, "text"), expected, "{path}");
        assert_eq!(blocks(&guide, "json"), [text(rsa, "/body")], "{path}");
        assert!(guide.contains(&format!("`{key}`")), "{path}");
        for value in ["nonce", "timestamp"] {
            let value = text(rsa, &format!("/headers/{value}"));
            assert!(guide.contains(&format!(" {value}")), "{path}: {value}");
        }
    }
}

#[test]
fn code_of_the_guide_is_code_of_the_samples() {
    const SAMPLES: [(&str, &str, usize); 3] = [
        ("java", "samples/java/Authlink.java", 1),
        ("php", "samples/php/authlink.php", 1),
        ("python", "samples/python/authlink.py", 2),
    ];
    let unindented =
        |text: &str| -> String { text.lines().map(|line| format!("{}\n", line.trim())).collect() };
    for (path, guide) in page(GUIDE) {
        for (language, sample, count) in SAMPLES {
            let blocks = blocks(&guide, language);
            assert_eq!(blocks.len(), count, "{path}: {language}");
            let sample = unindented(&read(sample));
            for block in blocks {
                assert!(sample.contains(&unindented(&block)), "{path}: {language}\n{block}");
            }
        }
    }
}
