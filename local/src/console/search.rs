//! The search: by the names that lead to a record, and by a RequestId among the newest of a scheme.
//!
//! A reference is a record's key, and a business with its serialNo makes one. A RequestId is in the record and in no
//! index: it is looked for among the newest records, which an index lists, and no table is scanned for it.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use shared::model::authorization::Authorization;
use shared::model::authorization_request::AuthorizationRequest;
use shared::model::id::AuthorizationId;
use shared::model::owner::{Owner, SchemeId};
use shared::web::language::Language;

use super::frame;
use super::visit::{ConsoleError, Visit};
use crate::folder::BUSINESS_ID;
use crate::operate::left_out::left_out;
use crate::operate::newest::{MOST, newest};
use crate::operate::refusal::OperatorRefusal;
use crate::operate::{Opened, Place};

const KINDS: [(&str, &str); 3] =
    [("serialNo", "serialNo"), ("reference", "reference"), ("requestId", "RequestId")];

pub(super) async fn search(visit: Visit) -> Response {
    frame::answer(&visit, found(&visit).await)
}

async fn found(visit: &Visit) -> Result<Response, ConsoleError> {
    let Some(text) = visit.asked("text") else { return Ok(visit.go_to("/", &[])) };
    let opened = visit.desk.opened().await?;
    let id = match visit.asked("by") {
        Some("reference") => by_reference(visit, text)?,
        Some("requestId") => return by_request_id(visit, &opened, text).await,
        _ => by_serial_no(visit, text)?,
    };
    match opened.records.authorization(&id).await? {
        Some(record) => Ok(to(visit, &record)),
        None => Ok(not_found(visit, &OperatorRefusal::NoSuchAuthorization(id).text(visit.language))),
    }
}

fn to(visit: &Visit, record: &Authorization) -> Response {
    visit.go_to(&format!("/authorizations/{}", record.id), &[])
}

fn by_reference(visit: &Visit, text: &str) -> Result<AuthorizationId, ConsoleError> {
    AuthorizationId::parse(text).ok_or_else(|| {
        let what =
            visit.say("reference 是 32 位小写十六进制。", "a reference is 32 lower-case hex characters");
        ConsoleError::Refused(what.to_owned())
    })
}

fn by_serial_no(visit: &Visit, text: &str) -> Result<AuthorizationId, ConsoleError> {
    let business_id = match (visit.asked("of"), &visit.desk.place) {
        (Some(business_id), _) => business_id,
        (None, Place::Folder(_)) => BUSINESS_ID,
        (None, Place::Stack(_) | Place::Table(_)) => {
            let what = visit
                .say("按 serialNo 查询还需要 businessId。", "a serialNo is looked up with its businessId");
            return Err(ConsoleError::Refused(what.to_owned()));
        }
    };
    Ok(AuthorizationId::from_serial(business_id, text))
}

async fn by_request_id(visit: &Visit, opened: &Opened, text: &str) -> Result<Response, ConsoleError> {
    let owner = match visit.asked("of").map(|of| SchemeId::parse(of.trim_start_matches("scheme:"))) {
        Some(None) => {
            let what = visit.say("SchemeId 是一个整数。", "a SchemeId is an integer");
            return Err(ConsoleError::Refused(what.to_owned()));
        }
        Some(Some(scheme)) => Some(Owner::Scheme(scheme)),
        None => None,
    };
    let page = newest(opened, owner, None, visit.now()).await?;
    let has_it = |record: &&Authorization| {
        matches!(&record.request, AuthorizationRequest::Scheme(request) if request.request_id.eq_ignore_ascii_case(text))
            && record.notice().is_none()
    };
    if let Some(record) = page.records.iter().find(has_it) {
        return Ok(to(visit, record));
    }
    let looked = page.records.len();
    let looked = match visit.language {
        Language::Chinese => format!("最新 {looked} 条（最多 {MOST} 条）中没有这个 RequestId。"),
        Language::English => format!("No RequestId like this among the newest {looked} ({MOST} at most)."),
    };
    let way = visit.say(
        "RequestId 没有索引：在 get-authorization-url 的日志中按 request_id 查到 reference，或取回调中的 bizId，再按 reference 查询。",
        "It is in no index: the log line of get-authorization-url with this request_id has the reference, and a callback has it as bizId. Search by that.",
    );
    let left_out = left_out(&page.unreadable, visit.language);
    let left_out = left_out.map_or_else(String::new, |text| format!(" {text}{}", visit.say("。", ".")));
    Ok(not_found(visit, &format!("{looked} {way}{left_out}")))
}

fn not_found(visit: &Visit, text: &str) -> Response {
    let body = html! {
        (form(visit))
        section class="card" { p class="problem first" role="alert" data-testid="problem" { (text) } }
    };
    frame::page(visit, StatusCode::NOT_FOUND, visit.say("没有找到", "Not found"), &body)
}

/// The form, filled in as it was asked.
pub(super) fn form(visit: &Visit) -> Markup {
    let by = visit.asked("by").unwrap_or("serialNo");
    html! {
        form class="card search" method="get" action=(visit.link("/search", &[])) role="search" {
            input type="hidden" name="lang" value=(visit.language.query_value());
            label class="field" {
                span { (visit.say("查询方式", "Search by")) }
                select name="by" data-testid="by" {
                    @for (kind, name) in KINDS { option value=(kind) selected[by == kind] { (name) } }
                }
            }
            label class="field wide" {
                span { (visit.say("内容", "Value")) }
                input name="text" required maxlength="128" autocomplete="off" spellcheck="false"
                    value=(visit.asked("text").unwrap_or_default()) data-testid="text";
            }
            label class="field" {
                span { (visit.say("businessId 或 SchemeId", "businessId or SchemeId")) }
                input name="of" maxlength="64" autocomplete="off" spellcheck="false"
                    value=(visit.asked("of").unwrap_or_default()) data-testid="of";
            }
            button class="primary" data-testid="search" { (visit.say("查询", "Search")) }
        }
    }
}
