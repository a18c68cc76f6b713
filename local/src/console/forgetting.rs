//! Forgetting a person from a page: the question, and then what the command does.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use maud::html;
use shared::runtime::start::StartError;

use super::resending::{buttons, may_write};
use super::visit::{ConsoleError, Visit};
use super::{authorization, frame, parts};
use crate::operate::forget::{ForgetOptions, forget};

pub(super) async fn ask(visit: Visit, Path(reference): Path<String>) -> Response {
    frame::answer(&visit, question(&visit, &reference).await)
}

pub(super) async fn one(visit: Visit, Path(reference): Path<String>) -> Response {
    frame::answer(&visit, forget_one(&visit, &reference).await)
}

async fn question(visit: &Visit, reference: &str) -> Result<Response, ConsoleError> {
    may_write(visit)?;
    let record = authorization::read(visit, reference).await?;
    let title = visit.say("删除个人信息", "Forget the person");
    let path = format!("/authorizations/{}", record.id);
    let body = html! {
        section class="card" {
            (parts::line(visit, &record))
            form method="post" action=(visit.link(&format!("{path}/forget"), &[])) {
                p data-testid="question" {
                    (visit.say(
                        "能识别此人的内容将永久删除，不再投递任何内容；发生过什么、何时发生仍会保留。删除 1 人的信息？",
                        "What says who it was goes for good, and nothing is delivered any more; what happened and when is kept. Forget 1?",
                    ))
                }
                (buttons(visit, &path, title))
            }
        }
    };
    Ok(frame::page(visit, StatusCode::OK, title, &body))
}

/// Runs to its end even if the browser goes away.
async fn forget_one(visit: &Visit, reference: &str) -> Result<Response, ConsoleError> {
    let record = authorization::read(visit, reference).await?;
    let (desk, id) = (Arc::clone(&visit.desk), record.id.clone());
    let options = ForgetOptions { dry_run: false, yes: true };
    let opened = desk.opened().await?;
    let running = desk.work.clone().spawn(async move { forget(&desk.place, &opened, &id, options).await });
    match running.await {
        Ok(Ok(_)) => Ok(visit.go_to(&format!("/authorizations/{}", record.id), &[("done", "forgotten")])),
        Ok(Err(error)) => Err(visit.not_taken(error)),
        Err(error) => Err(ConsoleError::Failed(StartError::from(error))),
    }
}
