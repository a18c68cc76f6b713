//! Resends from a page: the question, with the number that it concerns, and then what the command does.

use std::sync::Arc;
use std::time::Duration;

use axum::Form;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use shared::model::authorization::Status;
use shared::model::owner::Owner;
use shared::runtime::start::StartError;
use shared::web::language::Language;
use tokio::task::{JoinError, JoinHandle};

use super::visit::{ConsoleError, Visit};
use super::{authorization, frame, parts};
use crate::operate::refusal::StepError;
use crate::operate::resend::{ResendOptions, Resent, Selection, Which, resend};

/// As many a second as the command sends unless it is told otherwise.
const RATE: u32 = 20;
/// A page waits so long for the end of many resends; they go on without it.
const RESENT_WITHIN: Duration = Duration::from_secs(5);

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ResendForm {
    to: String,
    owner: String,
}

pub(super) async fn ask_one(visit: Visit, Path(reference): Path<String>) -> Response {
    frame::answer(&visit, question_of_one(&visit, &reference).await)
}

pub(super) async fn one(
    visit: Visit,
    Path(reference): Path<String>,
    Form(asked): Form<ResendForm>,
) -> Response {
    frame::answer(&visit, resend_one(&visit, &reference, &asked).await)
}

pub(super) async fn ask_many(visit: Visit) -> Response {
    frame::answer(&visit, question_of_many(&visit).await)
}

pub(super) async fn many(visit: Visit, Form(asked): Form<ResendForm>) -> Response {
    frame::answer(&visit, resend_many(&visit, &asked).await)
}

async fn question_of_one(visit: &Visit, reference: &str) -> Result<Response, ConsoleError> {
    may_write(visit)?;
    let record = authorization::read(visit, reference).await?;
    let title = visit.say("重新投递", "Resend");
    let body = html! {
        section class="card" {
            (parts::line(visit, &record))
            form method="post" action=(visit.link(&format!("/authorizations/{}/resend", record.id), &[])) {
                p data-testid="question" {
                    @if record.status() == Status::Delivered {
                        (visit.say("商家已确认过，将再收到一次。", "It was delivered; the merchant will get it once more. "))
                    }
                    (visit.say("重新投递 1 条？", "Resend 1?"))
                }
                (address_field(visit))
                (buttons(visit, &format!("/authorizations/{}", record.id), title))
            }
        }
    };
    Ok(frame::page(visit, StatusCode::OK, title, &body))
}

async fn resend_one(visit: &Visit, reference: &str, asked: &ResendForm) -> Result<Response, ConsoleError> {
    let record = authorization::read(visit, reference).await?;
    ended(visit, begin(visit, Which::One(record.id.clone()), options(asked, false)).await?.await)?;
    Ok(visit.go_to(&format!("/authorizations/{}", record.id), &[("done", "resent")]))
}

async fn question_of_many(visit: &Visit) -> Result<Response, ConsoleError> {
    may_write(visit)?;
    let owner = parts::owner(visit)?;
    let asked = ResendForm {
        owner: owner.as_ref().map(Owner::to_string).unwrap_or_default(),
        ..ResendForm::default()
    };
    let number = ended(visit, begin(visit, undeliverable(owner), options(&asked, true)).await?.await)?;
    let title = visit.say("重新投递", "Resend");
    let place = visit.desk.place.name();
    let question = match visit.language {
        Language::Chinese => format!("重新投递 {number} 条（{place}）？"),
        Language::English => format!("Resend {number} at {place}?"),
    };
    let body = html! {
        section class="card" {
            p { code { "UNDELIVERABLE" } @if !asked.owner.is_empty() { " · " code { (asked.owner) } } }
            form method="post" action=(visit.link("/resend", &[])) {
                p data-testid="question" { (question) }
                input type="hidden" name="owner" value=(asked.owner);
                (address_field(visit))
                (buttons(visit, "/", title))
            }
        }
    };
    Ok(frame::page(visit, StatusCode::OK, title, &body))
}

async fn resend_many(visit: &Visit, asked: &ResendForm) -> Result<Response, ConsoleError> {
    let owner = Some(asked.owner.as_str()).filter(|owner| !owner.is_empty());
    let owner = owner.map(|owner| parts::owner_named(visit, owner)).transpose()?;
    let running = begin(visit, undeliverable(owner), options(asked, false)).await?;
    let resent = tokio::time::timeout(RESENT_WITHIN, running)
        .await
        .ok()
        .map(|joined| ended(visit, joined))
        .transpose()?;
    let title = visit.say("重新投递", "Resend");
    let body = html! {
        section class="card" {
            p class="back" role="status" data-testid="done" {
                @match resent {
                    Some(number) => { (number) " " (visit.say("条已重新排入投递；下一次巡检在一分钟内。", "due again; the next sweep, within a minute, takes up what is due.")) },
                    None => (visit.say("正在进行，每秒至多 20 条；请稍后再看。", "It goes on, 20 a second at most: look again later.")),
                }
            }
            p { a class="aside" href=(visit.link("/", &[])) { (visit.say("返回", "Back")) } }
        }
    };
    Ok(frame::page(visit, StatusCode::OK, title, &body))
}

/// All that were given up.
fn undeliverable(owner: Option<Owner>) -> Which {
    Which::Many(Selection { states: vec![Status::Undeliverable], owner, since: None, until: None })
}

/// The page has asked for a number of its own: an earlier run that was broken off does not come into it.
fn options(asked: &ResendForm, dry_run: bool) -> ResendOptions<'static> {
    let to = Some(asked.to.trim()).filter(|to| !to.is_empty()).map(str::to_owned);
    ResendOptions { to, dry_run, rate: RATE, yes: true, anew: true, tell: &|_| {} }
}

/// Begins a resend that runs to its end even if the browser goes away.
async fn begin(
    visit: &Visit,
    which: Which,
    options: ResendOptions<'static>,
) -> Result<JoinHandle<Result<Resent, StepError>>, ConsoleError> {
    let (desk, opened) = (Arc::clone(&visit.desk), visit.desk.opened().await?);
    let work = desk.work.clone();
    Ok(work.spawn(async move { resend(&desk.place, &opened, which, &options).await }))
}

/// What came of it, once it has ended.
fn ended(visit: &Visit, joined: Result<Result<Resent, StepError>, JoinError>) -> Result<u64, ConsoleError> {
    match joined {
        Ok(Ok(Resent::Would(number) | Resent::Due(number))) => Ok(number),
        Ok(Err(error)) => Err(visit.not_taken(error)),
        Err(error) => Err(ConsoleError::Failed(StartError::from(error))),
    }
}

/// A question that only a console with `--write` asks.
pub(super) fn may_write(visit: &Visit) -> Result<(), ConsoleError> {
    if visit.desk.may_write {
        return Ok(());
    }
    let text = visit.say(
        "只读：以 authlink console --write 启动才能操作。",
        "read-only: start it by authlink console --write to act",
    );
    Err(ConsoleError::Refused(text.to_owned()))
}

fn address_field(visit: &Visit) -> Markup {
    html! {
        label class="field" {
            span { (visit.say("今后的回调地址（留空则不变）", "Their address from now on (left empty: as it is)")) }
            input name="to" type="url" maxlength="2048" autocomplete="off" spellcheck="false" data-testid="to";
        }
    }
}

/// Yes and no.
pub(super) fn buttons(visit: &Visit, back: &str, yes: &str) -> Markup {
    html! {
        button class="primary danger" data-testid="yes" { (yes) }
        p { a class="aside" href=(visit.link(back, &[])) data-testid="no" { (visit.say("取消", "Cancel")) } }
    }
}
