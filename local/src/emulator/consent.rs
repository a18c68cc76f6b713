//! The consent page: resembles Alipay's on a phone, and says on every screen that it is not Alipay's.

use maud::{DOCTYPE, Markup, html};

use super::TEST_USERS;
use super::authorize_request::{AuthorizeRequest, InvalidParameter};
use shared::web::language::Language;

pub(super) fn consent(request: &AuthorizeRequest, language: Language) -> Markup {
    let say = |chinese, english| language.choose(chinese, english);
    let profile = request.scope == "auth_user";
    shell(
        language,
        html! {
            section class="app" {
                div class="mark" aria-hidden="true" { (say("演", "D")) }
                h1 { (say("演示应用", "Demo app")) }
                p class="quiet" { (say("应用编号 ", "App ")) (request.app_id) }
            }
            form method="post" action="/oauth2/publicAppAuthorize.htm" {
                input type="hidden" name="app_id" value=(request.app_id);
                input type="hidden" name="scope" value=(request.scope);
                input type="hidden" name="redirect_uri" value=(request.redirect_uri);
                input type="hidden" name="state" value=(request.state);
                section class="card" {
                    h2 { (say("申请获得", "Asks for")) }
                    ul class="asked" {
                        li { (say("你在此应用中的标识（openId）", "Your id in this app (openId)")) }
                        @if profile {
                            li { (say("你的昵称和头像", "Your nickname and picture")) }
                        }
                    }
                }
                fieldset class="card" {
                    legend { (say("以谁的身份", "As whom")) }
                    @for (index, user) in TEST_USERS.iter().enumerate() {
                        label class="user" {
                            input type="radio" name="user" value=(index) checked[index == 0]
                                data-testid={ "user-" (index) };
                            span class="face" aria-hidden="true" { (initial(user.chinese_name)) }
                            span class="who" {
                                b { (say(user.chinese_name, user.english_name)) }
                                small { (user.open_id) }
                            }
                        }
                    }
                }
                div class="decide" {
                    button class="allow" name="decision" value="allow" data-testid="allow" {
                        (say("同意授权", "Allow"))
                    }
                    button class="refuse" name="decision" value="refuse" data-testid="refuse" {
                        (say("拒绝", "Refuse"))
                    }
                }
            }
        },
    )
}

pub(super) fn problem(invalid: InvalidParameter, language: Language) -> Markup {
    let (name, rule) = match invalid {
        InvalidParameter::AppId => ("app_id", language.choose("没有这个应用", "there is no such app")),
        InvalidParameter::Scope => {
            ("scope", language.choose("须为 auth_base 或 auth_user", "must be auth_base or auth_user"))
        }
        InvalidParameter::RedirectUri => (
            "redirect_uri",
            language
                .choose("须为此应用登记的 http(s) 地址", "must be an http(s) address registered for the app"),
        ),
        InvalidParameter::State => (
            "state",
            language.choose("须为 1 到 100 个 Base64 字符", "must be 1 to 100 characters of Base64"),
        ),
    };
    shell(
        language,
        html! {
            section class="app" {
                div class="mark bad" aria-hidden="true" { "!" }
                h1 { (language.choose("授权链接有误", "This link is not right")) }
                p data-problem=(name) { code { (name) } " " (rule) }
            }
        },
    )
}

fn shell(language: Language, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (language.choose("授权 · 支付宝模拟器", "Authorize · emulator of Alipay")) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/_emulator/consent.css";
            }
            body {
                main class="phone" {
                    header class="bar" { (language.choose("授权", "Authorize")) }
                    p class="banner" role="note" {
                        b { (language.choose("模拟器", "Emulator")) }
                        " " (language.choose("这不是支付宝，用户都是虚构的", "Not Alipay; all users are made up"))
                    }
                    (content)
                }
            }
        }
    }
}

fn initial(name: &str) -> String {
    name.chars().take(1).collect()
}
