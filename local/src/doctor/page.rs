//! The doctor's page: a pasted request, the keys that are registered in the local run's folder or a pasted public key,
//! and the cause. It needs no script.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, extract::rejection::FormRejection};
use maud::{Markup, html};
use serde::Deserialize;
use shared::registry::Business;
use shared::secrets::{Document as _, SecretFolder, SecretName, SecretSource as _};
use shared::signing::open_api::diagnosis::Diagnosis;
use shared::signing::open_api::{BUSINESS_ID, VerificationKeys};
use shared::signing::rsa::VerifyingKey;
use shared::web::language::Language;
use tokio::task::spawn_blocking;

use super::report::{Aligned, Finding, examine, shown_bytes};
use super::{MAX_REQUEST_BYTES, explanation, wire};
use crate::page::{Chosen, Shell, file, page};

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

/// A form's encoding can take three bytes for one.
const MAX_FORM_BYTES: usize = 3 * MAX_REQUEST_BYTES;

/// `/doctor`, to be served beside the demo merchant's page; `secrets` is the folder of the registered keys.
pub(crate) fn router(secrets: PathBuf) -> Router {
    Router::new()
        .route("/doctor", get(show).post(answer))
        .route("/doctor.css", get(style))
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .with_state(Arc::new(SecretFolder::new(secrets)))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Pasted {
    request: String,
    public_key: String,
}

async fn style() -> impl IntoResponse {
    file("text/css; charset=utf-8", include_str!("doctor.css"))
}

async fn show(Chosen(language): Chosen) -> Response {
    page(StatusCode::OK, POLICY, whole(language, &Pasted::default(), html! {}))
}

async fn answer(
    State(secrets): State<Arc<SecretFolder>>,
    Chosen(language): Chosen,
    pasted: Result<Form<Pasted>, FormRejection>,
) -> Response {
    let Form(pasted) = match pasted {
        Ok(pasted) if pasted.request.len() <= MAX_REQUEST_BYTES => pasted,
        _ => {
            let problem = language.choose(
                "请求太大或无法读取，上限 1 MB。",
                "The request is too large, or no form: 1 MB at most.",
            );
            let card = problem_card(problem);
            return page(StatusCode::PAYLOAD_TOO_LARGE, POLICY, whole(language, &Pasted::default(), card));
        }
    };
    let card = result(&secrets, &pasted, language).await;
    page(StatusCode::OK, POLICY, whole(language, &pasted, card))
}

async fn result(secrets: &SecretFolder, pasted: &Pasted, language: Language) -> Markup {
    let request = match wire::read(pasted.request.as_bytes()) {
        Ok(request) => request,
        Err(error) => {
            let problem = language.choose("这不是一个完整的请求", "This is no whole request");
            return problem_card(&format!("{problem}: {error}"));
        }
    };
    let keys = if pasted.public_key.trim().is_empty() {
        let business_id = request.headers.get(BUSINESS_ID).and_then(|value| value.to_str().ok());
        registered(secrets, business_id.unwrap_or_default()).await
    } else {
        match VerifyingKey::parse(&pasted.public_key) {
            Ok(key) => VerificationKeys { rsa: vec![key], md5: Vec::new() },
            Err(error) => {
                let problem = language.choose("公钥无法使用", "The public key cannot serve");
                return problem_card(&format!("{problem}: {error}"));
            }
        }
    };
    // A megabyte takes a while.
    match spawn_blocking(move || examine(&request, &keys)).await {
        Ok(finding) => finding_card(&finding, language),
        Err(_) => problem_card(language.choose("诊断中断了。", "The examination was broken off.")),
    }
}

/// The keys of a business in the folder; none if there is no such business.
async fn registered(secrets: &SecretFolder, business_id: &str) -> VerificationKeys {
    let Ok(name) = SecretName::business(business_id) else { return VerificationKeys::default() };
    let Ok(value) = secrets.fetch(&name).await else { return VerificationKeys::default() };
    Business::parse(&value.document).map(|business| business.keys).unwrap_or_default()
}

fn whole(language: Language, pasted: &Pasted, result: Markup) -> Markup {
    let say = |chinese, english| language.choose(chinese, english);
    let shell = Shell {
        path: "/doctor",
        title: say("验签诊断", "Signature doctor"),
        lead: html! { p { (say(
            "粘贴一个实际发出的请求，看验签为什么失败。内容只在本机处理。",
            "Paste a request as it went over the wire, and see why its signature is refused. It stays on this machine.",
        )) } },
        styles: &["/doctor.css"],
        scripts: &[],
        content: html! { main class="doctor" { (form(language, pasted)) (result) } },
    };
    shell.markup(language)
}

fn form(language: Language, pasted: &Pasted) -> Markup {
    let say = |chinese, english| language.choose(chinese, english);
    let action = format!("/doctor?lang={}", language.query_value());
    html! {
        form class="card" method="post" action=(action) {
            label class="field" {
                span { (say("请求：请求行、请求头、空行、报文", "Request: its line, headers, a blank line, the body")) }
                textarea name="request" rows="12" spellcheck="false" autocomplete="off" required maxlength=(MAX_REQUEST_BYTES)
                    placeholder="POST /v1/openapi/auth/alipay/url HTTP/1.1\nbusinessId: demo\nnonce: …\ntimestamp: …\nsign: …\n\n{\"merchantId\":\"demo-shop\"}" data-testid="request" {
                    // A browser drops the first line end of a text area.
                    "\n" (pasted.request)
                }
            }
            label class="field" {
                span { (say("公钥（留空则用本机为该 businessId 登记的密钥）", "Public key (left empty: the keys registered here for the businessId)")) }
                textarea name="publicKey" rows="3" spellcheck="false" autocomplete="off" maxlength="65536" data-testid="public-key" {
                    "\n" (pasted.public_key)
                }
            }
            button class="primary" data-testid="examine" { (say("诊断", "Examine")) }
        }
    }
}

fn problem_card(problem: &str) -> Markup {
    html! { section class="card" { p class="problem first" role="alert" data-testid="problem" { (problem) } } }
}

fn finding_card(finding: &Finding, language: Language) -> Markup {
    let say = |chinese, english| language.choose(chinese, english);
    let (checked, flaw) = match finding {
        Finding::Headers(error) => {
            let problem = say("还没到验签就会被拒绝", "Refused before the signature is looked at");
            return problem_card(&format!("{problem}: {error}"));
        }
        Finding::NoKey { checked, .. } => (checked, None),
        Finding::Holds { checked, flaw } | Finding::Refused { checked, flaw, .. } => {
            (checked, flaw.as_deref())
        }
    };
    html! {
        section class="card" aria-live="polite" {
            @match finding {
                Finding::Holds { .. } => h2 data-testid="verdict" { span class="chip holds" { (say("验签通过", "The signature holds")) } },
                Finding::Refused { diagnosis: Some(diagnosis), .. } => (diagnosis_part(checked, diagnosis, language)),
                Finding::Refused { .. } => h2 data-testid="verdict" { span class="chip fails" { (say("验签失败", "The signature does not match")) } },
                Finding::NoKey { .. } | Finding::Headers(_) => h2 data-testid="verdict" { span class="chip waiting" {
                    (say("没有可用的密钥，只检查了请求头的格式", "No key of this kind: only the headers' form was looked at"))
                } },
            }
            @if let Some(flaw) = flaw { p class="flaw" { (say("此外：", "Besides: ")) (flaw) } }
            h3 { (say("我方用于验签的串", "The string that is checked")) }
            pre tabindex="0" data-testid="checked" { (shown_bytes(checked)) }
        }
    }
}

fn diagnosis_part(checked: &[u8], diagnosis: &Diagnosis, language: Language) -> Markup {
    let say = |chinese, english| language.choose(chinese, english);
    let difference = diagnosis.signed().zip(diagnosis.differs_at());
    html! {
        h2 data-testid="verdict" { span class="chip fails" { (say("验签失败", "The signature does not match")) } }
        dl class="causes" {
            @for cause in diagnosis.causes() {
                @let (what, remedy) = explanation::of(*cause, language);
                div {
                    dt { code data-testid="cause" { (cause.as_str()) } }
                    dd { (what) br; b { (say("处理：", "Remedy: ")) } (remedy) }
                }
            }
        }
        @if let Some((signed, at)) = difference {
            @let aligned = Aligned::new(checked, signed, at);
            h3 { (say("从第一个不同的字节对齐", "Aligned at the first byte that differs")) " (" (at) ")" }
            div class="aligned" tabindex="0" role="group" aria-label=(say("对比", "Comparison")) data-testid="aligned" {
                div { span { (say("应签", "checked")) } code { (aligned.common) mark { (aligned.checked) } } }
                div { span { (say("实签", "signed")) } code { (aligned.common) mark { (aligned.signed) } } }
            }
        }
    }
}
