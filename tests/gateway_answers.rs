//! Answers of Alipay's gateway as it really gives them, byte for byte, taken through a return.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shared::model::authorization::Status;
use shared::protocol::alipay::gateway::{Fault, GatewayRefusal};
use tests::keys::{app, private_pem};
use tests::logs::Logs;
use tests::world::{APP_ID, World};

/// What an answer leads to: the page, the record, and what the log says of it.
struct Expected {
    page: &'static str,
    status: Status,
    alarm: bool,
    logged: &'static str,
}

const fn told(page: &'static str, status: Status, alarm: bool, logged: &'static str) -> Expected {
    Expected { page, status, alarm, logged }
}

fn expected(name: &str) -> Expected {
    const STALE: &str = r#""code":"40002","sub_code":"isv.code-invalid""#;
    match name {
        "signed refusal of the code, GBK"
        | "signed refusal of the code, UTF-8"
        | "refusal with a numeric code" => told("authorize-again", Status::Issued, false, STALE),
        "signed refusal of our signature, GBK" => {
            told("our-fault", Status::Issued, true, r#""code":"40002","sub_code":"isv.invalid-signature""#)
        }
        "service unavailable, GBK" => told(
            "authorize-again",
            Status::ExchangeUnknown,
            true,
            r#""reason":"unavailable","code":"20000","sub_code":"isp.unknow-error""#,
        ),
        "unsigned refusal of the app" => told(
            "our-fault",
            Status::ExchangeUnknown,
            true,
            r#""unverified_code":"40002","unverified_sub_code":"isv.invalid-app-id""#,
        ),
        "unsigned refusal of the code, GBK" => told(
            "authorize-again",
            Status::ExchangeUnknown,
            false,
            r#""unverified_code":"40002","unverified_sub_code":"isv.code-invalid""#,
        ),
        "unsigned refusal, certificate missing" => told(
            "our-fault",
            Status::ExchangeUnknown,
            true,
            r#""unverified_code":"40001","unverified_sub_code":"isv.missing-app-cert-sn""#,
        ),
        "a code of another app" => told(
            "authorize-again",
            Status::Issued,
            false,
            r#""code":"40002","sub_code":"isv.unmatched-app-id""#,
        ),
        "success" | "success, certificate number before the node" | "success, byte order mark" => {
            told("authorized", Status::Authorized, false, r#""outcome":"authorized""#)
        }
        unknown => panic!("no row for {unknown}"),
    }
}

#[tokio::test]
async fn each_answer_leads_where_it_must() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/gateway-answers.json")).expect("JSON");
    let cases = vectors["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 12);
    let world = World::new();
    let keys = json!({"privateKey": private_pem(app()), "alipayPublicKeys": [vectors["alipay_public_key"]]});
    world.secrets.set(&format!("alipay-app/{APP_ID}"), &keys);
    for (number, case) in cases.iter().enumerate() {
        let name = case["name"].as_str().expect("a name");
        let body = STANDARD.decode(case["body_base64"].as_str().expect("a body")).expect("Base64");
        let logs = Logs::keep();
        let issued = world.link(&format!("S{number}")).await;
        world.gateway.answer_with(body);
        let shown = world.complete_return(&issued.state, &format!("code{number}")).await;
        let record = world.record(&issued.id).await;
        let Expected { page, status, alarm, logged } = expected(name);
        let (log, open_id) = (logs.text(), record.identity().and_then(|user| user.open_id()));
        assert_eq!((shown.outcome.as_str(), record.status()), (page, status), "{name}");
        assert_eq!(open_id.map(|id| id.reveal()), (page == "authorized").then_some("0123-open"), "{name}");
        assert!(log.contains(logged), "{name}: {log}");
        assert_eq!(log.contains(r#""alarm":"gateway""#), alarm, "{name}: {log}");
        // The texts beside the codes may repeat what was sent, so none of them is logged.
        assert!(log.is_ascii(), "{name}: {log}");
    }
}

/// The rows of a page's table of codes: sub_code, code, page.
fn runbook(page: &str, heading: &str) -> Vec<[String; 3]> {
    let section = page.split_once(heading).expect("the section").1;
    let section = section.split("\n## ").next().expect("its text");
    let rows = section.lines().filter(|line| line.starts_with("| `") && !line.starts_with("| `sub_code`"));
    rows.map(|row| {
        let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).skip(1);
        [(); 3].map(|()| cells.next().expect("a cell"))
    })
    .collect()
}

#[test]
fn the_runbook_names_the_page_of_each_code_in_both_languages() {
    let english = runbook(include_str!("../docs/operations.md"), "## Codes of Alipay's gateway\n");
    let chinese = runbook(include_str!("../docs/zh/operations.md"), "## 支付宝网关的错误码\n");
    assert_eq!(english, chinese);
    assert!(english.len() > 15, "{english:?}");
    for [sub_code, code, page] in english {
        let refusal = GatewayRefusal { code, sub_code };
        let expected = match refusal.fault() {
            Fault::Ours => "our-fault",
            Fault::Code | Fault::Passing => "authorize-again",
        };
        assert_eq!(page, expected, "{refusal:?}");
    }
}
