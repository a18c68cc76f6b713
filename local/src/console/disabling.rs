//! The deny list: what is disabled here, and disabling and enabling with a question before.

use std::str::FromStr as _;

use axum::Form;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use shared::model::deny_list::{Denial, DenialError, KeyFingerprint, PartyKind};
use shared::web::language::Language;
use strum::VariantArray as _;

use super::resending::{buttons, may_write};
use super::visit::{ConsoleError, Visit};
use super::{frame, parts};
use crate::operate::deny_list::Change;
use crate::operate::refusal::OperatorRefusal;

/// A party or one of its keys, as a form names it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    kind: String,
    id: String,
    key: String,
    change: String,
}

pub(super) async fn show(visit: Visit) -> Response {
    frame::answer(&visit, page(&visit).await)
}

pub(super) async fn ask(visit: Visit) -> Response {
    let asked = |name| visit.asked(name).unwrap_or_default().to_owned();
    let named = Named { kind: asked("kind"), id: asked("id"), key: asked("key"), change: asked("change") };
    frame::answer(&visit, question(&visit, &named))
}

pub(super) async fn change(visit: Visit, Form(named): Form<Named>) -> Response {
    frame::answer(&visit, changed(&visit, &named).await)
}

async fn page(visit: &Visit) -> Result<Response, ConsoleError> {
    let list = visit.desk.opened().await?.records.deny_list().await?;
    let entries = list.entries();
    let body = html! {
        @if let Some(done) = visit.asked("done") { (parts::done(visit, done)) }
        section class="card" {
            h2 { (visit.say("此处已停用", "Disabled here")) }
            @if entries.is_empty() { p class="empty" data-testid="none-disabled" { (visit.say("没有。", "Nothing.")) } }
            ul class="records" data-testid="disabled" { @for entry in entries { li { (row(visit, &entry)) } } }
        }
        @if visit.desk.may_write { (form(visit)) } @else { section class="card" { p class="note" { (visit.say("只读。", "Read-only.")) } } }
    };
    Ok(frame::page(visit, StatusCode::OK, visit.say("停用", "Disabled"), &body))
}

/// An entry, as the stores keep it: `kind/id` or `kind/id/key`.
fn row(visit: &Visit, entry: &str) -> Markup {
    let mut words = entry.splitn(3, '/');
    let [kind, id, key] = [words.next(), words.next(), words.next()].map(Option::unwrap_or_default);
    let enable = [("kind", kind), ("id", id), ("key", key), ("change", "enable")];
    html! {
        div class="row" {
            code { (entry) }
            @if visit.desk.may_write {
                a class="act" href=(visit.link("/disabled/change", &enable)) aria-label={ (visit.say("恢复", "Enable")) " " (entry) } {
                    (visit.say("恢复…", "Enable…"))
                }
            }
        }
    }
}

fn form(visit: &Visit) -> Markup {
    let kind = visit.asked("kind").unwrap_or("business");
    html! {
        form class="card search" method="get" action=(visit.link("/disabled/change", &[])) {
            input type="hidden" name="lang" value=(visit.language.query_value());
            input type="hidden" name="change" value="disable";
            label class="field" {
                span { (visit.say("类别", "Kind")) }
                select name="kind" { @for name in PartyKind::VARIANTS.iter().map(|kind| kind.as_str()) { option value=(name) selected[name == kind] { (name) } } }
            }
            label class="field" {
                span { "id" }
                input name="id" required maxlength="64" autocomplete="off" spellcheck="false" value=(visit.asked("id").unwrap_or_default()) data-testid="id";
            }
            label class="field wide" {
                span { (visit.say("只停用一个密钥：其 SHA-256 指纹（可留空）", "One of its keys alone: its SHA-256 fingerprint (may be left empty)")) }
                input name="key" maxlength="128" autocomplete="off" spellcheck="false";
            }
            button class="primary" data-testid="ask-disable" { (visit.say("停用…", "Disable…")) }
        }
    }
}

fn question(visit: &Visit, named: &Named) -> Result<Response, ConsoleError> {
    may_write(visit)?;
    let (denial, change) = named.read(visit.language)?;
    let title = match change {
        Change::Disable => visit.say("停用", "Disable"),
        Change::Enable => visit.say("恢复", "Enable"),
    };
    let question = change.question(&visit.desk.place.name(), &denial, visit.language);
    let body = html! {
        section class="card" {
            form method="post" action=(visit.link("/disabled/change", &[])) {
                p data-testid="question" { (question) }
                @for (name, value) in [("kind", &named.kind), ("id", &named.id), ("key", &named.key), ("change", &named.change)] {
                    input type="hidden" name=(name) value=(value);
                }
                (buttons(visit, "/disabled", title))
            }
        }
    };
    Ok(frame::page(visit, StatusCode::OK, title, &body))
}

async fn changed(visit: &Visit, named: &Named) -> Result<Response, ConsoleError> {
    let (denial, change) = named.read(visit.language)?;
    let opened = visit.desk.opened().await?;
    let changed = change.make(&visit.desk.place, &*opened.records, &denial).await;
    let changed = changed.map_err(|error| visit.not_taken(error))?;
    let word = match (change, changed.anything) {
        (_, false) => "unchanged",
        (Change::Disable, true) => "disabled",
        (Change::Enable, true) => "enabled",
    };
    Ok(visit.go_to("/disabled", &[("done", word)]))
}

impl Named {
    fn read(&self, language: Language) -> Result<(Denial, Change), ConsoleError> {
        let refused = |flaw| ConsoleError::Refused(OperatorRefusal::Denial(flaw).text(language));
        let kind = PartyKind::from_str(&self.kind).map_err(|_| refused(DenialError::Kind))?;
        let key = Some(self.key.trim()).filter(|key| !key.is_empty());
        let key = key.map(KeyFingerprint::from_str).transpose().map_err(refused)?;
        let denial = Denial::new(kind, self.id.trim(), key).map_err(refused)?;
        let change = if self.change == "enable" { Change::Enable } else { Change::Disable };
        Ok((denial, change))
    }
}
