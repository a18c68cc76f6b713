//! The page of the last day: a funnel, the attempts by outcome, and the businesses side by side, as charts.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use shared::model::owner::Owner;
use shared::web::language::Language;

use super::chart::{Bar, Tone, bars};
use super::day::{DAY, Day, Funnel};
use super::visit::{ConsoleError, Visit};
use super::{frame, parts, words};
use crate::operate::newest::{MOST, newest};

/// The owners that have a bar.
const OWNERS: usize = 10;
/// The newest that are listed below the charts.
const LISTED: usize = 20;

pub(super) async fn show(visit: Visit) -> Response {
    frame::answer(&visit, page(&visit).await)
}

async fn page(visit: &Visit) -> Result<Response, ConsoleError> {
    let title = visit.say("最近一天", "Last day");
    let owner = parts::owner(visit)?;
    let since = visit.now() - DAY;
    let opened = visit.desk.opened().await?;
    let page = match newest(&opened, owner.clone(), Some(since), visit.now()).await {
        Ok(page) => page,
        Err(error) => return without_list(visit, title, error.into()),
    };
    let day = Day::from_records(&page.records, since);
    let body = html! {
        (form(visit))
        p class="note" data-testid="bound" { (bound(visit, page.records.len(), page.more)) }
        (parts::left_out(visit, &page.unreadable))
        div class="charts" {
            (funnel(visit, &day.funnel))
            (outcomes(visit, &day))
            @if owner.is_none() { (owners(visit, &day)) }
        }
        section class="card" {
            h2 { (visit.say("最新的授权", "The newest")) }
            @if page.records.is_empty() { p class="empty" { (visit.say("没有。", "There is none.")) } }
            ol class="records" { @for record in page.records.iter().take(LISTED) { li { (parts::line(visit, record)) } } }
        }
    };
    Ok(frame::page(visit, StatusCode::OK, title, &body))
}

/// A table lists one owner at a time, and may have no index for it: the form is there to name one.
fn without_list(visit: &Visit, title: &str, error: ConsoleError) -> Result<Response, ConsoleError> {
    let text = match error {
        ConsoleError::Refused(text) => text,
        ConsoleError::Unlisted(why) => words::of_unlisted(why, visit.language).to_owned(),
        ConsoleError::NotFound(_) | ConsoleError::Failed(_) => return Err(error),
    };
    let body = html! {
        (form(visit))
        section class="card" { p class="problem first" role="alert" data-testid="problem" { (text) } }
    };
    Ok(frame::page(visit, StatusCode::OK, title, &body))
}

fn bound(visit: &Visit, number: usize, more: bool) -> String {
    match (visit.language, more) {
        (Language::Chinese, true) => {
            format!("仅统计最近 24 小时内最新的 {number} 条；总数超过 {MOST} 条。")
        }
        (Language::Chinese, false) => format!("统计最近 24 小时的全部 {number} 条。"),
        (Language::English, true) => {
            format!("Of the newest {number} of the last 24 hours; there are more than {MOST}.")
        }
        (Language::English, false) => format!("Of all {number} of the last 24 hours."),
    }
}

fn form(visit: &Visit) -> Markup {
    html! {
        form class="card search" method="get" action=(visit.link("/day", &[])) {
            input type="hidden" name="lang" value=(visit.language.query_value());
            label class="field wide" {
                span { (visit.say("businessId 或 scheme:<SchemeId>", "businessId or scheme:<SchemeId>")) }
                input name="owner" maxlength="64" autocomplete="off" spellcheck="false"
                    value=(visit.asked("owner").unwrap_or_default()) data-testid="owner";
            }
            button class="primary" data-testid="show" { (visit.say("查看", "Show")) }
        }
    }
}

/// A chart with its numbers as a table, for whoever does not see it.
fn card(visit: &Visit, id: &str, title: &str, rows: &[Bar]) -> Markup {
    html! {
        section class="card" data-testid=(id) {
            h2 { (title) }
            @if rows.is_empty() {
                p class="empty" { (visit.say("没有。", "There is none.")) }
            } @else {
                figure class="chart" { div role="img" aria-label=(title) { (bars(rows)) } }
                details {
                    summary { (visit.say("数字", "Numbers")) }
                    table {
                        caption { (title) }
                        @for row in rows {
                            tr { th scope="row" { (row.label) } td { @if let Some((part, _)) = row.part { (part) "/" } (row.value) } }
                        }
                    }
                }
            }
        }
    }
}

fn funnel(visit: &Visit, funnel: &Funnel) -> Markup {
    let say = |chinese, english| visit.say(chinese, english);
    let rows = [
        (say("请求", "requested"), funnel.requested, Tone::Plain),
        (say("用户已返回", "came back"), funnel.returned, Tone::Plain),
        (say("已授权", "authorized"), funnel.authorized, Tone::Good),
        (say("商家已确认", "delivered"), funnel.delivered, Tone::Good),
    ];
    let rows = rows.map(|(label, value, tone)| Bar { label: label.to_owned(), value, tone, part: None });
    card(visit, "funnel", say("从请求到确认", "From request to confirmation"), &rows)
}

fn outcomes(visit: &Visit, day: &Day) -> Markup {
    let mut counted: Vec<_> = day.outcomes.iter().collect();
    counted.sort_by_key(|(_, (number, _))| std::cmp::Reverse(*number));
    let rows: Vec<_> = counted
        .into_iter()
        .map(|(word, (value, is_success))| {
            let tone = if *is_success { Tone::Good } else { Tone::Bad };
            Bar { label: (*word).to_owned(), value: *value, tone, part: None }
        })
        .collect();
    card(visit, "outcomes", visit.say("投递尝试的结果", "Attempts by outcome"), &rows)
}

fn owners(visit: &Visit, day: &Day) -> Markup {
    let (greatest, others) = day.greatest(OWNERS);
    let bar = |(owner, funnel): &(&Owner, Funnel)| Bar {
        label: owner.to_string(),
        value: funnel.requested,
        tone: Tone::Plain,
        part: Some((funnel.delivered, Tone::Good)),
    };
    let rows: Vec<_> = greatest.iter().map(bar).collect();
    html! {
        (card(visit, "owners", visit.say("各商家：已确认/请求", "Per business: delivered/requested"), &rows))
        section class="card" {
            h2 { (visit.say("按商家查看", "One business alone")) }
            ul class="owners" {
                @for (owner, _) in &greatest {
                    @let name = owner.to_string();
                    li { a href=(visit.link("/day", &[("owner", &name)])) { (name) } }
                }
            }
            @if others > 0 { p class="note" { (visit.say("其他商家数：", "Others: ")) (others) } }
        }
    }
}
