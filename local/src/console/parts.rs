//! Parts that several pages have: a record in one line, a moment, the owner that an address names.

use maud::{Markup, html};
use shared::model::authorization::Authorization;
use shared::model::clock::UnixMillis;
use shared::model::owner::Owner;

use super::chart::Tone;
use super::visit::{ConsoleError, Visit};
use super::words;
use crate::operate::left_out;
use crate::operate::local_time::{local, rfc_3339};
use crate::operate::summary::callers_name;

/// The business or scheme that the address names.
pub(super) fn owner(visit: &Visit) -> Result<Option<Owner>, ConsoleError> {
    visit.asked("owner").map(|text| owner_named(visit, text)).transpose()
}

/// The business or scheme of this name.
pub(super) fn owner_named(visit: &Visit, text: &str) -> Result<Owner, ConsoleError> {
    Owner::parse(text).ok_or_else(|| {
        let what = visit
            .say("应为 businessId 或 scheme:<SchemeId>。", "an owner is a businessId or scheme:<SchemeId>");
        ConsoleError::Refused(what.to_owned())
    })
}

/// One record, with the way to its page.
pub(super) fn line(visit: &Visit, record: &Authorization) -> Markup {
    let status = record.status_at(visit.now());
    html! {
        div class="row" {
            a class="name" href=(visit.link(&format!("/authorizations/{}", record.id), &[])) { (callers_name(record)) }
            span class={ "chip " (chip(words::tone_of_status(status))) } { (status.as_str()) }
        }
        p class="facts" {
            code { (record.owner()) } " · " (time(record.created_at)) " · "
            (visit.say("尝试", "attempts")) " " (record.attempts_begun())
        }
    }
}

pub(super) fn time(at: UnixMillis) -> Markup {
    html! { time datetime=(rfc_3339(at)) { (local(at)) } }
}

/// The class of a chip of this colour.
pub(super) const fn chip(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "holds",
        Tone::Bad => "fails",
        Tone::Waiting => "waiting",
        Tone::Plain => "plain",
    }
}

/// What a list leaves out, if it leaves anything out.
pub(super) fn left_out(visit: &Visit, references: &[String]) -> Markup {
    html! {
        @if let Some(text) = left_out::left_out(references, visit.language) {
            p class="problem" role="alert" data-testid="left-out" { (text) (visit.say("。", ".")) }
        }
    }
}

/// The deed of a form, by its word in the address.
pub(super) fn done(visit: &Visit, word: &str) -> Markup {
    let text = match word {
        "resent" => visit.say(
            "已重新排入投递；下一次巡检在一分钟内。",
            "It is due again; the next sweep, within a minute, takes up what is due.",
        ),
        "disabled" => visit.say("已停用：15 秒内处处生效。", "Disabled: everywhere within 15 seconds."),
        "enabled" => visit.say(
            "已恢复：15 秒内生效，除非其文档另有规定。",
            "Enabled within 15 seconds, unless its document says otherwise.",
        ),
        "forgotten" => {
            visit.say("已删除；发生过什么、何时发生仍保留。", "Forgotten; what happened and when is kept.")
        }
        "unchanged" => visit.say("没有变化。", "Nothing has changed."),
        _ => return html! {},
    };
    html! { p class="back" role="status" data-testid="done" { (text) } }
}

/// The ways to what can be done with a record.
pub(super) fn acts(visit: &Visit, record: &Authorization) -> Markup {
    if !visit.desk.may_write {
        return html! {
            p class="note" data-testid="read-only" {
                (visit.say("只读。要操作，请以 ", "Read-only. To act, start it by ")) code { "authlink console --write" }
                (visit.say(" 启动。", "."))
            }
        };
    }
    let [resend, forget] = ["resend", "forget"].map(|act| format!("/authorizations/{}/{act}", record.id));
    let business = match record.owner() {
        Owner::Business(id) => Some(id),
        Owner::Scheme(_) => None,
    };
    html! {
        p class="acts" {
            @if record.subject().is_some() {
                a class="act" href=(visit.link(&resend, &[])) data-testid="resend" { (visit.say("重新投递…", "Resend…")) }
            }
            @if record.forgotten_at().is_none() {
                a class="act" href=(visit.link(&forget, &[])) data-testid="forget" { (visit.say("删除个人信息…", "Forget the person…")) }
            }
            @if let Some(id) = &business {
                a class="act" href=(visit.link("/disabled", &[("kind", "business"), ("id", id)])) data-testid="disable" {
                    (visit.say("停用该商家…", "Disable this business…"))
                }
            }
        }
    }
}
