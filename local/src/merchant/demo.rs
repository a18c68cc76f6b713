//! The demo page: one button that starts an authorization, and every message that follows.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use strum::VariantArray as _;

use super::{DemoMerchant, MerchantConfig, MerchantFault};
use crate::emulator::GatewayFault;
use crate::page::{Chosen, Shell, file, page};
use shared::web::language::Language;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) async fn show(State(merchant): State<DemoMerchant>, Chosen(language): Chosen) -> Response {
    page(StatusCode::OK, POLICY, demo(&merchant, language))
}

pub(super) async fn style() -> impl IntoResponse {
    file("text/css; charset=utf-8", include_str!("demo.css"))
}

pub(super) async fn script() -> impl IntoResponse {
    file("text/javascript; charset=utf-8", include_str!("demo.js"))
}

fn demo(merchant: &DemoMerchant, language: Language) -> Markup {
    let say = |chinese, english| language.choose(chinese, english);
    let config = &merchant.config;
    let shell = Shell {
        path: "/",
        title: say("演示商家", "Demo merchant"),
        lead: lead(language),
        styles: &[],
        scripts: &["/demo.js"],
        content: html! {
            p class="back" id="way-back" data-testid="way-back" role="status" hidden {}
            main {
                div class="side" {
                    (ask(language))
                    (faults(merchant.emulator.is_some(), language))
                    (parties(config, language))
                }
                div class="story" { (authorizations(language)) (wire(language)) }
            }
        },
    };
    shell.markup(language)
}

fn lead(language: Language) -> Markup {
    let say = |chinese, english| language.choose(chinese, english);
    html! {
        p { (say(
            "取一条支付宝授权链接，同意授权，收下 openId。全程在本机，支付宝由模拟器扮演。",
            "Get an Alipay authorization link, consent, receive the openId. All on this machine; an emulator plays Alipay.",
        )) }
        p {
            a class="aside" href="/explorer" { (say("接口调试", "Explorer")) } " · "
            a class="aside" href="/doctor" { (say("验签为什么失败？", "Why is a signature refused?")) }
        }
    }
}

fn authorizations(language: Language) -> Markup {
    let say = |chinese, english| language.choose(chinese, english);
    html! {
        section class="card results" aria-live="polite" {
            h2 { (say("授权", "Authorizations")) }
            p class="empty" id="no-authorizations" { (say("还没有授权。先取一条链接。", "None yet. Get a link first.")) }
            div id="authorizations" data-testid="authorizations" {}
        }
    }
}

fn wire(language: Language) -> Markup {
    let say = |chinese, english| language.choose(chinese, english);
    html! {
        section class="card wire" {
            h2 { (say("往来记录", "What went over the wire")) }
            div class="sift" {
                label { (say("流水号", "serialNo")) " " select id="journal-of" data-testid="journal-of" { option value="" { (say("全部", "all")) } } }
                button type="button" class="copy" id="clear-journal" data-testid="clear-journal" { (say("清空", "Clear")) }
            }
            p class="empty" id="no-entries" { (say("还没有往来。", "Nothing yet.")) }
            div id="entries" data-testid="journal" {}
        }
    }
}

fn ask(language: Language) -> Markup {
    let say = |chinese, english| language.choose(chinese, english);
    html! {
        form class="card" id="ask" {
            h2 { (say("取授权链接", "Get a link")) }
            fieldset class="choice" {
                legend { (say("签名方式", "Signature")) }
                label {
                    input type="radio" name="signType" value="SHA256-RSA" checked data-testid="sign-type-rsa";
                    span { "SHA256-RSA" }
                }
                label {
                    input type="radio" name="signType" value="MD5" data-testid="sign-type-md5";
                    span { "MD5" }
                }
            }
            label class="field" {
                span { (say("商家客户标识 userId", "Customer (userId)")) }
                input name="userId" value="demo-user" maxlength="128" autocomplete="off" spellcheck="false" data-testid="user-id";
            }
            button class="primary" data-testid="get-link" { (say("取链接", "Get a link")) }
            p class="problem" id="problem" data-testid="problem" role="alert" hidden {}
            div id="link" hidden {
                a class="primary" id="open-link" data-testid="open-link" { (say("打开授权页", "Open the consent page")) }
                a class="aside" id="open-link-apart" target="_blank" rel="noopener noreferrer" data-testid="open-link-apart" {
                    (say("在新标签页打开", "Open in a new tab"))
                }
                p class="url" id="link-text" data-testid="link-text" tabindex="0" {}
            }
        }
    }
}

fn faults(with_gateway: bool, language: Language) -> Markup {
    let say = |chinese, english| language.choose(chinese, english);
    html! {
        section class="card break" {
            h2 { (say("制造故障", "Break something")) }
            @if with_gateway {
                label class="field" {
                    span { (say("支付宝网关", "Alipay's gateway")) }
                    select data-fault="gateway" data-testid="gateway-fault" {
                        @for &fault in GatewayFault::VARIANTS {
                            option value=(fault.name()) { (gateway_fault(fault, language)) }
                        }
                    }
                }
            }
            label class="field" {
                span { (say("商家收到回调时", "The merchant, when called back")) }
                select data-fault="merchant" data-testid="merchant-fault" {
                    @for &fault in MerchantFault::VARIANTS {
                        option value=(fault.name()) { (merchant_fault(fault, language)) }
                    }
                }
            }
        }
    }
}

fn parties(config: &MerchantConfig, language: Language) -> Markup {
    let say = |chinese, english| language.choose(chinese, english);
    let rows = [
        (say("商家（本页）", "Merchant (here)"), &config.own_origin),
        ("authlink", &config.authlink_origin),
        (say("支付宝模拟器", "Emulator of Alipay"), &config.emulator_origin),
        ("businessId", &config.business_id),
        ("merchantId", &config.merchant_id),
    ];
    html! {
        section class="card where" {
            h2 { (say("各方", "Who is where")) }
            dl { @for (name, value) in rows { div { dt { (name) } dd { (value) } } } }
        }
    }
}

const fn gateway_fault(fault: GatewayFault, language: Language) -> &'static str {
    match fault {
        GatewayFault::None => language.choose("正常", "Works"),
        GatewayFault::WrongSign => language.choose("应答签名不对", "Signs its answer wrongly"),
        GatewayFault::BadGateway => language.choose("502 错误页", "502 with an HTML page"),
        GatewayFault::Silence => language.choose("不应答", "Never answers"),
        GatewayFault::Slow => language.choose("慢应答", "Answers late"),
        GatewayFault::RefusedCode => language.choose("拒绝授权码", "Refuses the code"),
        GatewayFault::UserId => language.choose("只给 user_id（2088…）", "Names a user_id (2088…) only"),
        GatewayFault::BothIds => language.choose("同时给 open_id 和 user_id", "Names open_id and user_id"),
        GatewayFault::UnknownError => language.choose("系统繁忙（20000）", "Unknown error (20000)"),
        GatewayFault::UnmatchedAppId => {
            language.choose("授权码属于别的应用", "Says the code is another app's")
        }
        GatewayFault::InvalidAppId => {
            language.choose("没有这个应用（不签名）", "Knows no such app (unsigned)")
        }
        GatewayFault::InvalidSignature => language.choose("说我方签名不对", "Says our signature is wrong"),
        GatewayFault::MissingAppCertSn => language
            .choose("缺少应用公钥证书 SN（不签名）", "Misses the SN of the app's certificate (unsigned)"),
        GatewayFault::InsufficientPermissions => {
            language.choose("没有权限（40006）", "Lacks permissions (40006)")
        }
        GatewayFault::AppCallLimited => language.choose("调用次数过多（40005）", "Calls limited (40005)"),
    }
}

const fn merchant_fault(fault: MerchantFault, language: Language) -> &'static str {
    match fault {
        MerchantFault::None => language.choose("正常", "Works"),
        MerchantFault::ServerError => language.choose("答 500", "Answers 500"),
        MerchantFault::Slow => language.choose("慢应答", "Answers late"),
        MerchantFault::Redirect => language.choose("答 302 跳转", "Answers 302"),
        MerchantFault::WrongText => language.choose("答 OK 而非 SUCCESS", "Says OK, not SUCCESS"),
        MerchantFault::Unchecked => language.choose("不验签，一律答 SUCCESS", "Says SUCCESS to anything"),
        MerchantFault::Silence => language.choose("不应答", "Never answers"),
    }
}
