//! The attempts of one delivery: how each ended, how long it took, and what the merchant answered.

use std::time::Duration;

use maud::{Markup, html};
use shared::model::authorization::{Attempt, Authorization};

use super::visit::Visit;
use super::{parts, words};

pub(super) fn card(visit: &Visit, record: &Authorization) -> Markup {
    html! {
        section class="card" {
            h2 { (visit.say("投递尝试", "Attempts")) }
            @if record.history().is_empty() {
                p class="empty" { (visit.say("还没有尝试。", "None yet.")) }
            }
            ol class="records" data-testid="attempts" {
                @for attempt in record.history() { (item(visit, attempt)) }
            }
        }
    }
}

fn item(visit: &Visit, attempt: &Attempt) -> Markup {
    html! {
        li data-testid="attempt" {
            div class="row" {
                b { (visit.say("第 ", "Attempt ")) (attempt.number) (visit.say(" 次", "")) }
                span class={ "chip " (parts::chip(words::tone_of_outcome(attempt.outcome))) } { (words::outcome_word(attempt.outcome)) }
            }
            p class="facts" {
                (parts::time(attempt.at))
                @if let Some(millis) = attempt.millis {
                    " · " (visit.say("耗时 ", "took ")) (words::span(Duration::from_millis(millis.into()), visit.language))
                }
            }
            p { (words::of_outcome(attempt.outcome, visit.language)) }
            @if let Some(answer) = &attempt.answer {
                pre class="quote" tabindex="0" aria-label=(visit.say("商家的应答", "What the merchant answered")) data-testid="answer" { (answer) }
            }
        }
    }
}
