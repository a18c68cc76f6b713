//! The explorer's page.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use clap::ValueEnum as _;
use maud::{Markup, html};
use shared::web::language::Language;

use super::Explorer;
use super::fields::{self, Field};
use crate::folder::{ACCESS_KEY_ID, BUSINESS_ID, MERCHANT_ID, SCHEME_ID};
use crate::page::{Chosen, Shell, page};
use crate::samples::{Sample, SampleLanguage};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
     form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

pub(super) async fn show(State(explorer): State<Arc<Explorer>>, Chosen(language): Chosen) -> Response {
    page(StatusCode::OK, POLICY, whole(&explorer, language))
}

fn whole(explorer: &Explorer, language: Language) -> Markup {
    let authlink = explorer.authlink.as_str().trim_end_matches('/');
    let parties = explorer.parties.display().to_string();
    let say = |chinese, english| language.choose(chinese, english);
    let shell = Shell {
        path: "/explorer",
        title: say("接口调试", "Explorer"),
        lead: html! { p { (say(
            "选一个接口，填好字段，由页面代为签名并发送，每一步都能看到。",
            "Choose a call, fill in its fields; the page signs and sends it, and shows every step.",
        )) } },
        styles: &["/explorer.css"],
        scripts: &["/explorer-signing.js", "/explorer.js"],
        content: html! {
            main data-authlink=(authlink) data-parties=(parties) data-access-key-id=(ACCESS_KEY_ID) {
                div class="side" { (form(language)) }
                div class="story" { (result(language)) (code(language)) }
            }
        },
    };
    shell.markup(language)
}

fn form(language: Language) -> Markup {
    let say = |chinese, english| language.choose(chinese, english);
    let fields = fields::of(language);
    html! {
        form class="card" id="call" autocomplete="off" {
            label class="field" {
                span { (say("接口", "Call")) }
                select id="api" data-testid="api" {
                    option value="link" { (say("开放接口：获取授权链接", "Open API: request a link")) }
                    option value="query" { (say("开放接口：查询", "Open API: look a request up")) }
                    option value="rpc" { "GetAuthorizationUrl (V1)" }
                }
            }
            label class="field" data-of="link query" {
                span { (say("签名方式", "Signature")) }
                select id="sign-type" data-testid="sign-type" {
                    option value="SHA256-RSA" { "SHA256-RSA" }
                    option value="MD5" { "MD5" }
                }
            }
            (keys(language))
            (fieldset("link", &fields.link, language))
            (fieldset("query", &fields.query, language))
            (fieldset("rpc", &fields.rpc, language))
            button class="primary" data-testid="send" { (say("签名并发送", "Sign and send")) }
            p class="problem" id="problem" data-testid="problem" role="alert" hidden {}
        }
    }
}

fn keys(language: Language) -> Markup {
    let say = |chinese, english| language.choose(chinese, english);
    html! {
        label class="field" {
            span { (say("密钥", "Key")) }
            select id="key" data-testid="key" {
                option value="demo" { (say("演示密钥（由本机签名）", "The demo's (this host signs)")) }
                option value="own" { (say("自己的密钥（由浏览器签名）", "My own (the browser signs)")) }
            }
        }
        p class="note" id="no-webcrypto" data-testid="no-webcrypto" hidden { (say(
            "此浏览器没有 WebCrypto（页面须经 https 或 127.0.0.1 打开）：自己的 RSA 密钥和 AccessKey 无法使用，MD5 和演示密钥可以。",
            "This browser has no WebCrypto (open the page by https or 127.0.0.1): RSA and AccessKeys of your own cannot sign, MD5 and the demo's keys can.",
        )) }
        div id="own" hidden {
            p class="note" { (say("密钥只留在这个页面里，不会发送到任何地方。", "The key stays in this page and is sent nowhere.")) }
            label class="field" data-of="link query" {
                span { "businessId" }
                input id="own-id" spellcheck="false" data-testid="own-id";
            }
            label class="field" data-of="rpc" {
                span { "AccessKeyId" }
                input id="own-access-key-id" spellcheck="false";
            }
            label class="field" {
                span { (say("私钥（PEM 或 Base64）、MD5 密钥或 AccessKeySecret", "Private key (PEM or Base64), MD5 key or AccessKeySecret")) }
                textarea id="own-key" rows="4" spellcheck="false" data-testid="own-key" {}
            }
        }
    }
}

/// The fields of one call; they have no name, so that a browser without the script submits nothing.
fn fieldset(api: &str, fields: &[Field], language: Language) -> Markup {
    html! {
        fieldset class="fields" data-of=(api) hidden[api != "link"] {
            @for field in fields {
                label class="field" {
                    span { code { (field.name) } " " small { (rules(field, language)) } }
                    input data-field=(field.name) data-default=(default_of(api, &field.name)) spellcheck="false" data-testid=(format!("{api}-{}", field.name));
                    small class="meaning" { (field.meaning) }
                }
            }
        }
    }
}

fn rules(field: &Field, language: Language) -> String {
    let mut rules = vec![match (field.is_required, language) {
        (true, Language::Chinese) => "必填".to_owned(),
        (false, Language::Chinese) => "选填".to_owned(),
        (true, Language::English) => "required".to_owned(),
        (false, Language::English) => "optional".to_owned(),
    }];
    rules.extend(field.max_length.map(|most| match language {
        Language::Chinese => format!("最多 {most} 个字符"),
        Language::English => format!("at most {most} characters"),
    }));
    rules.extend(field.form.clone());
    rules.join(" · ")
}

/// The value that a field begins with; the script makes serialNo and callbackUrl.
fn default_of(api: &str, name: &str) -> &'static str {
    match (api, name) {
        (_, "merchantId") => MERCHANT_ID,
        (_, "businessId") => BUSINESS_ID,
        (_, "userId") => "用户-1",
        (_, "PhoneNo") => "13900001234",
        (_, "SchemeId") => SCHEME_ID,
        (_, "EndDate") => "2099-12-31",
        _ => "",
    }
}

fn result(language: Language) -> Markup {
    let say = |chinese, english| language.choose(chinese, english);
    let parts = [
        ("headers", say("请求头", "Headers")),
        ("string", say("待签名串", "String to sign")),
        ("request", say("请求", "Request")),
        ("answer", say("应答", "Answer")),
    ];
    html! {
        section class="card" aria-live="polite" {
            h2 { (say("结果", "Result")) }
            p class="empty" id="nothing-yet" { (say("还没有发送。", "Nothing was sent yet.")) }
            div id="parts" hidden {
                @for (id, title) in parts {
                    h3 { (title) }
                    pre id=(id) tabindex="0" data-testid=(id) {}
                }
                p { a class="aside" id="open-link" data-testid="open-link" hidden { (say("打开授权页", "Open the consent page")) } }
                p { a class="aside" href=(format!("/doctor?lang={}", language.query_value())) { (say("验签失败？粘贴请求来诊断", "Refused? Paste the request into the doctor")) } }
            }
        }
    }
}

fn code(language: Language) -> Markup {
    let say = |chinese, english| language.choose(chinese, english);
    let samples = SampleLanguage::value_variants().iter().map(|language| language.sample());
    html! {
        section class="card" {
            h2 { (say("用代码做同样的调用", "The same call as code")) }
            div data-of="rpc" hidden {
                p class="note" { (say(
                    "GetAuthorizationUrl 由阿里云 SDK 签名，见 docs/zh/get-authorization-url.md。用官方 Python SDK 或不用 SDK 做同样的调用：",
                    "Alibaba Cloud's SDKs sign GetAuthorizationUrl: see docs/get-authorization-url.md. The same call by its SDK for Python, and without an SDK:",
                )) }
                pre id="rpc-commands" tabindex="0" data-testid="rpc-commands" {}
            }
            p class="note" id="left-out" data-testid="left-out" data-says=(say(
                "以下字段只在上面的请求中，示例命令没有这些参数，请在代码的报文中自行添加：",
                "These fields are in the request above alone. The samples' command takes none of them; add them to the body in the code: ",
            )) hidden {}
            div data-of="link query" {
                pre id="settings" tabindex="0" data-testid="settings" {}
                @for Sample { title, command_in_repository: command, source, .. } in samples {
                    details class="sample" data-testid="sample" {
                        summary { b { (title) } }
                        pre class="command" data-command=(command) data-testid="command" tabindex="0" {}
                        pre tabindex="0" { (source) }
                    }
                }
            }
        }
    }
}
