//! The page of one authorization: its life line, its attempts, what comes next, and what can be done.

use std::time::Duration;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use shared::model::attention::attention;
use shared::model::authorization::Authorization;
use shared::model::clock::UnixMillis;
use shared::model::id::AuthorizationId;
use shared::model::owner::Owner;
use shared::web::language::Language;

use super::chart::{Moment, Tone, moments};
use super::life::{LifeEvent, Next, events, next, unconcluded};
use super::visit::{ConsoleError, Visit};
use super::words::{self, span};
use super::{attempts, frame, parts};
use crate::operate::refusal::OperatorRefusal;
use crate::operate::summary::{callback, callers_name};

/// The chart's widths, for a phone and for a desktop; the style sheet shows one of them.
const WIDTHS: [(u32, &str); 2] = [(330, "narrow"), (900, "wide")];

pub(super) async fn show(visit: Visit, Path(reference): Path<String>) -> Response {
    frame::answer(&visit, page(&visit, &reference).await)
}

/// The record of a reference.
pub(super) async fn read(visit: &Visit, reference: &str) -> Result<Authorization, ConsoleError> {
    let id = AuthorizationId::parse(reference);
    let id = id.ok_or_else(|| {
        ConsoleError::NotFound(visit.say("没有这个页面。", "There is no such page.").to_owned())
    })?;
    let record = visit.desk.opened().await?.records.authorization(&id).await?;
    record
        .ok_or_else(|| ConsoleError::NotFound(OperatorRefusal::NoSuchAuthorization(id).text(visit.language)))
}

async fn page(visit: &Visit, reference: &str) -> Result<Response, ConsoleError> {
    let record = read(visit, reference).await?;
    let body = html! {
        @if let Some(done) = visit.asked("done") { (parts::done(visit, done)) }
        div class="columns" {
            (facts(visit, &record))
            (what_comes_next(visit, &record))
        }
        (life_line(visit, &record))
        (attempts::card(visit, &record))
    };
    Ok(frame::page(visit, StatusCode::OK, visit.say("一次授权", "Authorization"), &body))
}

fn facts(visit: &Visit, record: &Authorization) -> Markup {
    let now = visit.now();
    let status = record.status_at(now);
    let name = match record.owner() {
        Owner::Business(_) => "serialNo",
        Owner::Scheme(_) => "RequestId",
    };
    let owner = record.owner().to_string();
    html! {
        section class="card" {
            h2 { code data-testid="name" { (callers_name(record)) } }
            p { span class={ "chip " (parts::chip(words::tone_of_status(status))) } data-testid="status" { (status.as_str()) } " "
                (words::of_status(status, visit.language)) }
            @if let Some(reason) = attention(record, now) {
                p class="reason" { code { (reason.as_str()) } " " (words::of_attention(reason, visit.language)) }
            }
            dl {
                div { dt { (name) } dd { (callers_name(record)) } }
                div { dt { (visit.say("归属", "owner")) } dd { a href=(visit.link("/day", &[("owner", &owner)])) { (owner) } } }
                div { dt { "reference" } dd { (record.id) } }
                div { dt { (visit.say("链接来源", "link source")) } dd { (record.source) } }
                div { dt { (visit.say("回调地址", "callback")) } dd { (callback(record)) } }
                @if let Some(notice) = record.notice() { div { dt { (visit.say("通知", "notice")) } dd { (notice.as_str()) } } }
            }
        }
    }
}

fn what_comes_next(visit: &Visit, record: &Authorization) -> Markup {
    let unconcluded = unconcluded(record);
    html! {
        section class="card" {
            h2 { (visit.say("接下来", "What comes next")) }
            p data-testid="next" { (next_in_words(visit, next(record, visit.now()))) }
            @if !unconcluded.is_empty() {
                p class="note" {
                    (visit.say("已开始而没有结果的尝试：", "Attempts that were begun and have no outcome: "))
                    @for (place, number) in unconcluded.iter().enumerate() { @if place > 0 { ", " } (number) }
                }
            }
            (parts::acts(visit, record))
        }
    }
}

fn next_in_words(visit: &Visit, next: Next) -> Markup {
    let say = |chinese, english| visit.say(chinese, english);
    html! {
        @match next {
            Next::Consent => (say("等待用户打开链接并授权。", "The user has to open the link and consent.")),
            Next::Nothing => (say("没有了：链接已失效，用户没有授权。", "Nothing: the link is over, and nobody has consented.")),
            Next::NoAddress => (say("没有了：没有回调地址。重新投递时给出地址即可。", "Nothing: there is no address. A resend can name one.")),
            Next::Delivered => (say("没有了：商家已确认。", "Nothing: the merchant has confirmed.")),
            Next::GivenUp => (say("没有了：最后一次尝试已失败。可重新投递。", "Nothing: the last attempt has failed. It can be resent.")),
            Next::Forgotten => (say("没有了：此人的信息已删除，不再投递任何内容。", "Nothing: the person was forgotten, and nothing is delivered any more.")),
            Next::UnderWay(until) => { (say("一次尝试正在进行，最迟到 ", "An attempt is under way, until ")) (parts::time(until)) (say(" 结束。", " at most.")) },
            Next::Due(at) => { (say("投递时间 ", "The attempt is due at ")) (parts::time(at)) (say("，由队列或每分钟的巡检执行。", "; a hint or the sweep of each minute makes it.")) },
            Next::Again { at, after, wait } => {
                (say("下一次尝试 ", "The next attempt is due at ")) (parts::time(at))
                (say("：上一次的结果是 ", ": the one before ended with ")) code { (words::outcome_word(after)) }
                (say("（", " (")) (words::of_outcome(after, visit.language)) (say("），按重试计划等待 ", "); the schedule waits ")) (span(wait, visit.language))
                (say("。", "."))
            },
            Next::Overdue(at) => { (say("应在 ", "It was due at ")) (parts::time(at)) (say(" 投递而无人执行：见 runbook 的 OldestDue。", ", and nobody makes the attempt: see OldestDue in the runbook.")) },
        }
    }
}

/// Every moment in order, each with the time that passed since the one before.
fn life_line(visit: &Visit, record: &Authorization) -> Markup {
    let (events, now) = (events(record), visit.now());
    let mut before: Option<UnixMillis> = None;
    let rows: Vec<_> = events
        .iter()
        .map(|(at, event)| {
            let gap = before.replace(*at).map(|before| span(at.since(before), visit.language));
            (*at, *event, gap)
        })
        .collect();
    html! {
        section class="card" {
            h2 { (visit.say("生命线", "Life line")) }
            (chart(visit, record, &events))
            ol class="line" data-testid="life-line" {
                @for (at, event, gap) in rows {
                    li class=(parts::chip(tone(event, at, now))) {
                        @if let Some(gap) = gap { span class="gap" { "+" (gap) } }
                        b { (name(visit, event)) } " " (parts::time(at))
                    }
                }
            }
        }
    }
}

fn chart(visit: &Visit, record: &Authorization, events: &[(UnixMillis, LifeEvent<'_>)]) -> Markup {
    let now = visit.now();
    let shown =
        events.iter().filter(|(_, event)| !matches!(event, LifeEvent::LinkEnds)).map(|(at, event)| Moment {
            after: at.since(record.created_at),
            label: short_name(visit, *event),
            tone: tone(*event, *at, now),
            is_over: *event != LifeEvent::NextAttempt,
        });
    let shown: Vec<_> = shown.collect();
    let tick = |length| span(length, visit.language);
    let label = visit.say(
        "自请求起经过的时间（对数刻度）；各时刻见下列清单",
        "Time since the request, on a logarithmic scale; the list below has every moment",
    );
    html! {
        figure class="chart" {
            div role="img" aria-label=(label) {
                @for (width, class) in WIDTHS { div class=(class) { (moments(width, &shown, &tick)) } }
            }
            figcaption { (visit.say("自请求起经过的时间（对数刻度）", "Time since the request, on a logarithmic scale")) }
        }
    }
}

fn tone(event: LifeEvent<'_>, at: UnixMillis, now: UnixMillis) -> Tone {
    match event {
        LifeEvent::Attempted(attempt) => words::tone_of_outcome(attempt.outcome),
        LifeEvent::Authorized => Tone::Good,
        LifeEvent::Refused => Tone::Bad,
        LifeEvent::NextAttempt => Tone::Waiting,
        LifeEvent::LinkEnds if at <= now => Tone::Bad,
        LifeEvent::Requested
        | LifeEvent::Linked
        | LifeEvent::Opened
        | LifeEvent::LinkEnds
        | LifeEvent::Forgotten => Tone::Plain,
    }
}

fn short_name(visit: &Visit, event: LifeEvent<'_>) -> String {
    match event {
        LifeEvent::Attempted(attempt) => {
            let took =
                attempt.millis.map(|millis| span(Duration::from_millis(millis.into()), visit.language));
            let took = took.map_or_else(String::new, |took| format!(" · {took}"));
            format!("{} · {}{took}", attempt.number, words::outcome_word(attempt.outcome))
        }
        event => name(visit, event),
    }
}

fn name(visit: &Visit, event: LifeEvent<'_>) -> String {
    match event {
        LifeEvent::Requested => visit.say("请求链接", "requested").to_owned(),
        LifeEvent::Linked => visit.say("平台给出链接", "the platform's link came").to_owned(),
        LifeEvent::Opened => visit.say("页面被打开", "the page was opened").to_owned(),
        LifeEvent::Refused => visit.say("用户返回，未授权", "came back without a consent").to_owned(),
        LifeEvent::Authorized => visit.say("用户已授权", "authorized").to_owned(),
        LifeEvent::NextAttempt => visit.say("下一次尝试", "next attempt").to_owned(),
        LifeEvent::LinkEnds => visit.say("链接失效", "the link ends").to_owned(),
        LifeEvent::Forgotten => visit.say("此人的信息已删除", "the person was forgotten").to_owned(),
        LifeEvent::Attempted(attempt) => {
            let number = attempt.number;
            let word = words::outcome_word(attempt.outcome);
            match visit.language {
                Language::Chinese => format!("第 {number} 次尝试：{word}"),
                Language::English => format!("attempt {number}: {word}"),
            }
        }
    }
}
