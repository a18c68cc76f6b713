//! The first page: what needs attention, and the search.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use shared::model::attention::{Attention, attention};
use shared::model::authorization::{Authorization, Status};
use shared::model::owner::Owner;
use shared::store::listing::{Listing, Page, View};

use super::visit::{ConsoleError, Visit};
use super::{frame, parts, search, words};
use crate::operate::Opened;

const SHOWN: u32 = 100;

pub(super) async fn show(visit: Visit) -> Response {
    frame::answer(&visit, page(&visit).await)
}

async fn page(visit: &Visit) -> Result<Response, ConsoleError> {
    let owner = parts::owner(visit)?;
    let opened = visit.desk.opened().await?;
    let Page { records, more, unreadable, .. } = listed(visit, &opened, owner.clone()).await?;
    let body = html! {
        (search::form(visit))
        section class="card" {
            div class="row" {
                h2 { (visit.say("需要关注", "Needs attention")) " (" (records.len()) @if more { "+" } ")" }
                (resend_all(visit, owner.as_ref(), &records))
            }
            @if let Some(owner) = &owner {
                p { code { (owner) } " " a href=(visit.link("/", &[])) { (visit.say("看全部", "Show all")) } }
            }
            (parts::left_out(visit, &unreadable))
            @if records.is_empty() && unreadable.is_empty() {
                p class="empty" data-testid="nothing" { (visit.say("没有需要关注的授权。", "Nothing needs attention.")) }
            }
            ol class="records" data-testid="attention" {
                @for record in &records { (item(visit, record)) }
            }
            @if more { p class="note" { (visit.say("只显示了一部分：", "These are not all: ")) code { "authlink authorizations list --state …" } } }
        }
    };
    Ok(frame::page(visit, StatusCode::OK, visit.say("需要关注", "Needs attention"), &body))
}

async fn listed(visit: &Visit, opened: &Opened, owner: Option<Owner>) -> Result<Page, ConsoleError> {
    let (view, limit, now) = (View::Attention, SHOWN, visit.now());
    let listing = Listing { view, owner, since: None, until: None, after: None, limit, now };
    Ok(opened.records.list(&listing).await?)
}

fn item(visit: &Visit, record: &Authorization) -> Markup {
    let now = visit.now();
    html! {
        li data-testid="record" data-reference=(record.id) {
            (parts::line(visit, record))
            @if let Some(reason) = attention(record, now) {
                p class="reason" { code { (Attention::as_str(reason)) } " " (words::of_attention(reason, visit.language)) }
            }
        }
    }
}

fn resend_all(visit: &Visit, owner: Option<&Owner>, records: &[Authorization]) -> Markup {
    let given_up = records.iter().any(|record| record.status() == Status::Undeliverable);
    let owner = owner.map(Owner::to_string);
    let asked: Vec<_> = owner.iter().map(|owner| ("owner", owner.as_str())).collect();
    html! {
        @if visit.desk.may_write && given_up {
            a class="act" href=(visit.link("/resend", &asked)) data-testid="resend-all" {
                (visit.say("重新投递全部 UNDELIVERABLE…", "Resend all that are UNDELIVERABLE…"))
            }
        }
    }
}
