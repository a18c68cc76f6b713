//! Every page that a user can meet, as the functions answer with it, in both languages. They are kept in
//! `target/tmp/pages`, for the browser's check of how they look ([`tests/browser/pages.mjs`](browser/pages.mjs)).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_LANGUAGE, USER_AGENT};
use http::{Request, Response};
use serde_json::{Map, Value, json};
use shared::model::authorization::MAX_REFUSED_CODES;
use shared::protocol::alipay::gateway::{Exchange, GatewayRefusal};
use shared::web::ERRORS_PATH;
use shared::web::client_info::ClientInfo;
use tests::flaky::{Failure, FlakyStore};
use tests::parties::{code_invalid, identified};
use tests::rpc::{Protocol, RpcCall};
use tests::world::{APP_ID, Issued, Shown, World, business, scheme};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const LANGUAGES: [&str; 2] = ["zh-CN", "en"];
const SHOP: &str = "https://shop.example.com";
const NAME: &str = "示例商店 Demo Shop";
/// As long as a document lets a name be.
const LONGEST_NAME: &str = "北京市朝阳区示例电子商务有限责任公司支付宝授权服务旗舰店（华北地区线上业务中心客户身份核验与会员权益兑换专用窗口，第二十一号店）";

const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Mobile/15E148 Safari/604.1";
const WECHAT: &str = "Mozilla/5.0 (iPhone) Mobile/15E148 MicroMessenger/8.0.56";
const DESKTOP: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0";

/// A world whose business and scheme are called `name` and are led back to.
fn world(name: &str) -> World {
    let world = World::new();
    for (document, mut own) in [("business/B1", business()), ("scheme/234", scheme())] {
        own["merchantName"] = name.into();
        own["returnUrls"] = json!([SHOP]);
        own["returnUrl"] = format!("{SHOP}/order/7").into();
        world.secrets.set(document, &own);
    }
    world
}

/// Keeps a page under its name.
fn keep(name: &str, language: &str, answer: &Response<Bytes>) {
    let folder = Path::new(ROOT).join("target/tmp/pages");
    fs::create_dir_all(&folder).expect("made");
    let text = |value: &http::HeaderValue| value.to_str().expect("text").to_owned();
    let headers: Map<String, Value> =
        answer.headers().iter().map(|(name, value)| (name.to_string(), text(value).into())).collect();
    let html = String::from_utf8(answer.body().to_vec()).expect("text");
    let page = json!({"status": answer.status().as_u16(), "headers": headers, "html": html});
    fs::write(folder.join(format!("{name}.{language}.json")), page.to_string()).expect("kept");
}

fn get(target: &str, language: &str, user_agent: &str) -> Request<Bytes> {
    let origin = "https://links.example.com".parse().ok();
    Request::get(target)
        .header(ACCEPT_LANGUAGE, language)
        .header(USER_AGENT, user_agent)
        .extension(ClientInfo { origin, ..ClientInfo::default() })
        .body(Bytes::new())
        .expect("a request")
}

/// A browser that comes back from Alipay.
async fn return_from_alipay(
    world: &World,
    language: &str,
    state: &str,
    code: Option<&str>,
) -> Response<Bytes> {
    let code = code.map(|code| format!("&auth_code={code}")).unwrap_or_default();
    let target = format!("{}?app_id={APP_ID}&state={state}{code}", openid_callback::PATH);
    world.callback.handle(&get(&target, language, PHONE)).await
}

/// The result page for `outcome`, by the way that leads to it.
async fn result(outcome: &str, name: &str, language: &str) -> Response<Bytes> {
    let mut world = world(name);
    world.deny_list().await;
    let Issued { state, .. } = world.link("S1").await;
    match outcome {
        "not-authorized" => return return_from_alipay(&world, language, &state, None).await,
        "unknown-link" => return return_from_alipay(&world, language, &"0".repeat(64), Some("codeA")).await,
        "expired" => world.clock.advance(Duration::from_hours(25)),
        "unavailable" => world.secrets.set_unavailable(true),
        "authorized" => world.gateway.answer(identified("open-1")),
        "authorize-again" => world.gateway.answer(code_invalid()),
        "our-fault" => {
            let (code, sub_code) = ("40002".to_owned(), "isv.invalid-signature".to_owned());
            world.gateway.answer(Exchange::Refused(GatewayRefusal { code, sub_code }));
        }
        "not-recorded" => {
            let away = [Failure::NotDoneAfter(Duration::from_secs(4)); 5];
            let flaky = FlakyStore::new(world.store.clone(), &away).by(&world.clock, &[]);
            world.deps.callback.store = Arc::new(flaky);
            world.rebuild();
            world.gateway.answer(identified("open-1"));
        }
        "too-many-tries" => {
            for number in 0..MAX_REFUSED_CODES {
                world.gateway.answer(code_invalid());
                return_from_alipay(&world, language, &state, Some(&format!("code{number}"))).await;
            }
        }
        "already-used" => {
            world.gateway.answer(identified("open-1"));
            return_from_alipay(&world, language, &state, Some("codeB")).await;
        }
        "in-progress" | "another-user" => {
            let let_go = world.gateway.answer_later();
            let (first, second) =
                tokio::join!(return_from_alipay(&world, language, &state, Some("codeA")), async {
                    world.gateway.asked(1).await;
                    let second = return_from_alipay(&world, language, &state, Some("codeA")).await;
                    let settlement = tests::contract::settlement("S1", "open-1", "s");
                    world.deps.callback.store.settle(&settlement).await.expect("recorded");
                    let_go.send(identified("open-2")).expect("someone waits");
                    second
                });
            return if outcome == "in-progress" { second } else { first };
        }
        unknown => panic!("no way leads to {unknown}"),
    }
    return_from_alipay(&world, language, &state, Some("codeA")).await
}

/// The page behind a link of `GetAuthorizationUrl` for `outcome`, by the way that leads to it.
async fn landing(outcome: &str, name: &str, language: &str) -> Response<Bytes> {
    let mut world = world(name);
    let link = world.call(&RpcCall::new(Protocol::V3, world.now())).await.link.expect("a link");
    let link = link.parse::<http::Uri>().expect("a link");
    let link = link.path_and_query().expect("a path").as_str();
    let visit = async |world: &World, target: &str, user_agent: &str| {
        world.authorization_url.handle(&get(target, language, user_agent)).await
    };
    let waiting = Shown::read(&visit(&world, link, DESKTOP).await).html;
    let (_, next) = waiting.split_once(r#"content="5;url="#).expect("a page that waits");
    let next = next.split('"').next().expect("an address").replace("&amp;", "&");
    let next = format!("{}{next}", get_authorization_url::LINK_PATH);
    match outcome {
        "open" => return visit(&world, link, PHONE).await,
        "scan" => return visit(&world, link, DESKTOP).await,
        "in-wechat" => return visit(&world, link, WECHAT).await,
        "scanned" => {
            visit(&world, link, PHONE).await;
            return visit(&world, &next, DESKTOP).await;
        }
        "authorized" | "used" => {
            let opened = visit(&world, link, "AlipayClient/10.6").await;
            let alipay = opened.headers()["location"].to_str().expect("text").parse().expect("an address");
            world.gateway.answer(identified("open-1"));
            let state = tests::request::state_of(&alipay);
            return_from_alipay(&world, language, &state, Some("codeA")).await;
            return visit(&world, if outcome == "used" { link } else { &next }, DESKTOP).await;
        }
        "forged" => return visit(&world, &link.replace("token=ey", "token=ye"), PHONE).await,
        "expired" => world.clock.advance(Duration::from_hours(24)),
        "gone" => world.secrets.delete("scheme/234"),
        "unavailable" => world.secrets.set_unavailable(true),
        unknown => panic!("no way leads to {unknown}"),
    }
    world.rebuild();
    visit(&world, link, PHONE).await
}

/// The outcomes that a page's source names.
fn outcomes(source: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(Path::new(ROOT).join(source)).expect("a source");
    let (_, names) = text.split_once("fn as_str").expect("the names");
    let names = names.split("\n    }\n").next().expect("an end");
    let names = names.split('"').skip(1).step_by(2).map(str::to_owned);
    names.filter(|name| name != "redirect").collect()
}

fn results() -> BTreeSet<String> {
    outcomes("functions/openid-callback/src/lib.rs")
}

/// Checks a page's outcome and its language, and keeps it.
fn keep_page(name: &str, outcome: &str, language: &str, answer: &Response<Bytes>) {
    let shown = Shown::read(answer);
    assert_eq!(shown.outcome, outcome, "{name}");
    assert!(shown.html.contains(&format!(r#"<html lang="{language}">"#)), "{name}");
    keep(name, language, answer);
}

#[tokio::test]
async fn every_result_page_is_reached_in_both_languages() {
    let results = results();
    assert_eq!(results.len(), 12, "{results:?}");
    for outcome in results.iter().filter(|outcome| *outcome != "not-recorded") {
        for language in LANGUAGES {
            let answer = result(outcome, NAME, language).await;
            keep_page(&format!("result-{outcome}"), outcome, language, &answer);
            let names_merchant = String::from_utf8_lossy(answer.body()).contains(NAME);
            assert_eq!(names_merchant, outcome != "unknown-link", "{outcome}");
        }
    }
}

/// Time stands still but for the pauses between tries, which are skipped.
#[tokio::test(start_paused = true)]
async fn the_page_of_a_consent_that_cannot_be_recorded_is_reached_in_both_languages() {
    for language in LANGUAGES {
        let answer = result("not-recorded", NAME, language).await;
        keep_page("result-not-recorded", "not-recorded", language, &answer);
    }
}

#[tokio::test]
async fn every_landing_page_is_reached_in_both_languages() {
    let outcomes = outcomes("functions/get-authorization-url/src/landing/outcome.rs");
    assert_eq!(outcomes.len(), 10, "{outcomes:?}");
    for outcome in &outcomes {
        for language in LANGUAGES {
            let answer = landing(outcome, NAME, language).await;
            keep_page(&format!("landing-{outcome}"), outcome, language, &answer);
            let names_merchant = String::from_utf8_lossy(answer.body()).contains(NAME);
            let nameless = ["forged", "gone", "unavailable"].contains(&outcome.as_str());
            assert_eq!(names_merchant, !nameless, "{outcome}");
        }
    }
}

#[tokio::test]
async fn the_longest_name_of_a_merchant_stands_on_its_pages_whole() {
    assert_eq!(LONGEST_NAME.chars().count(), 64);
    for language in LANGUAGES {
        for outcome in ["not-authorized", "authorized"] {
            let answer = result(outcome, LONGEST_NAME, language).await;
            keep_page(&format!("result-{outcome}-long-name"), outcome, language, &answer);
            assert!(String::from_utf8_lossy(answer.body()).contains(LONGEST_NAME));
        }
        for outcome in ["open", "scan", "scanned"] {
            let answer = landing(outcome, LONGEST_NAME, language).await;
            keep_page(&format!("landing-{outcome}-long-name"), outcome, language, &answer);
            assert!(String::from_utf8_lossy(answer.body()).contains(LONGEST_NAME));
        }
    }
}

#[tokio::test]
async fn the_pages_about_a_code_are_reached_in_both_languages() {
    let world = World::new();
    for language in LANGUAGES {
        for (code, outcome) in [("signature_mismatch", "code"), ("none", "no-such-code")] {
            let target = format!("{ERRORS_PATH}?code={code}");
            let answer = world.auth_url.handle(&get(&target, language, PHONE)).await;
            keep_page(&format!("error-{outcome}"), outcome, language, &answer);
        }
    }
}
