//! The part of a record that an operator is shown: neither the user's identity or phone number nor the link.

use authorization_query::Delivery;
use serde_json::{Value, json};
use shared::model::attention::{Attention, attention};
use shared::model::authorization::{Authorization, Callback};
use shared::model::authorization_request::AuthorizationRequest;
use shared::model::clock::UnixMillis;

use super::local_time::local;
use super::table::Table;
use crate::printable::line;

/// For programs: what a query's answer tells, too, by its names.
#[must_use]
pub fn summary(record: &Authorization, now: UnixMillis) -> Value {
    let mut summary = match &record.request {
        AuthorizationRequest::Merchant(request) => json!({
            "businessId": request.business_id,
            "merchantId": request.merchant_id,
            "serialNo": request.serial_no,
        }),
        AuthorizationRequest::Scheme(request) => json!({
            "accountId": request.account_id,
            "schemeId": request.scheme_id,
            "requestId": request.request_id,
            "endDate": request.end_date,
        }),
    };
    let state = json!({
        "reference": record.id,
        "state": record.status_at(now).as_str(),
        "attention": attention(record, now).map(Attention::as_str),
        "source": record.source.to_string(),
        "callbackUrl": callback(record),
        "createdAt": record.created_at,
        "linkedAt": record.linked_at,
        "openedAt": record.opened_at,
        "refusedAt": record.refused_at,
        "expiresAt": record.link_ends_at(),
        "triesUsedUp": record.authorized_at().is_none() && record.tries_are_used_up(),
        // Once the user is known a store may have forgotten them.
        "codesTried": record.state.is_open().then_some(record.codes.len()),
        "authTime": record.authorized_at(),
        "forgottenAt": record.forgotten_at(),
        "delivery": delivery(record, now),
    });
    if let (Some(fields), Value::Object(state)) = (summary.as_object_mut(), state) {
        fields.extend(state);
    }
    summary
}

/// The delivery as the merchant is told it, with every outcome as it is recorded.
fn delivery(record: &Authorization, now: UnixMillis) -> Value {
    let mut delivery = json!(Delivery::from_record(record, now));
    let attempts = delivery["attempts"].as_array_mut().into_iter().flatten();
    let concluded = attempts.filter(|attempt| !attempt["time"].is_null());
    for (attempt, made) in concluded.zip(record.history()) {
        let outcome = made.outcome;
        attempt["outcome"] = outcome.as_str().into();
        if let Some(range) = outcome.refusal() {
            attempt["address"] = range.as_str().into();
        }
        if let Some(failure) = outcome.tls_failure() {
            attempt["cause"] = failure.as_str().into();
        }
    }
    // Since the settlement, or the last resend.
    delivery["begun"] = record.attempts_begun().into();
    delivery
}

/// The address of its delivery.
#[must_use]
pub fn callback(record: &Authorization) -> &str {
    match &record.callback {
        Callback::Explicit(url) => url.as_str(),
        Callback::OwnersDefault => "the owner's default",
        Callback::Nowhere => "none",
    }
}

/// The name that its caller knows it by.
#[must_use]
pub fn callers_name(record: &Authorization) -> &str {
    match &record.request {
        AuthorizationRequest::Merchant(request) => &request.serial_no,
        AuthorizationRequest::Scheme(request) => &request.request_id,
    }
}

/// For people: what became of one authorization, with local times.
#[must_use]
pub fn told(record: &Authorization, now: UnixMillis) -> String {
    let time = |at: Option<UnixMillis>| at.map_or_else(|| "-".to_owned(), local);
    let mut rows = vec![
        ("owner", record.owner().to_string()),
        ("serialNo or requestId", callers_name(record).to_owned()),
        ("reference", record.id.to_string()),
        ("state", record.status_at(now).as_str().to_owned()),
        ("link source", record.source.to_string()),
        ("callback", callback(record).to_owned()),
        ("requested", local(record.created_at)),
        ("opened", time(record.opened_at)),
        ("refused", time(record.refused_at)),
        ("link ends", local(record.link_ends_at())),
        ("authorized", time(record.authorized_at())),
        ("attempts", record.attempts_begun().to_string()),
        ("next attempt", time(record.next_attempt_at())),
    ];
    if let Some(reason) = attention(record, now) {
        rows.insert(4, ("needs attention", reason.as_str().to_owned()));
    }
    if let Some(at) = record.forgotten_at() {
        rows.push(("person forgotten", local(at)));
    }
    let mut text: String = rows.iter().map(|(name, value)| format!("{name:<22} {}\n", line(value))).collect();
    if !record.history().is_empty() {
        let mut attempts = Table::new(&["attempt", "ended", "outcome", "HTTP", "ms", "answer"]);
        for attempt in record.history() {
            let status = attempt.outcome.http_status();
            let number = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |it| it.to_string());
            attempts.row([
                attempt.number.to_string(),
                local(attempt.at),
                attempt.outcome.as_str().to_owned(),
                number(status.map(u32::from)),
                number(attempt.millis),
                attempt.answer.clone().unwrap_or_default(),
            ]);
        }
        text += &format!("\n{attempts}\n");
    }
    text
}

/// For people: a list, latest first.
#[must_use]
pub fn listed(records: &[Authorization], now: UnixMillis) -> String {
    let mut table = Table::new(&[
        "requested",
        "owner",
        "serialNo or requestId",
        "state",
        "attempts",
        "reference",
        "attention",
    ]);
    for record in records {
        table.row([
            local(record.created_at),
            record.owner().to_string(),
            callers_name(record).to_owned(),
            record.status_at(now).as_str().to_owned(),
            record.attempts_begun().to_string(),
            record.id.to_string(),
            attention(record, now).map_or("", Attention::as_str).to_owned(),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::model::alipay_app_id::AlipayAppId;
    use shared::model::authorization::{
        Attempt, Attempts, AuthorizationState, Issue, NewLink, Status, Tombstone,
    };
    use shared::model::authorization_request::MerchantRequest;
    use shared::model::delivery_outcome::{AddressRefusal, DeliveryOutcome, TlsFailure};
    use shared::model::id::{AuthorizationId, State};

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_355_000_123);

    fn issued(serial_no: &str) -> Authorization {
        let id = AuthorizationId::from_serial("B1", serial_no);
        Authorization::issued(Issue {
            request: AuthorizationRequest::Merchant(MerchantRequest {
                business_id: "B1".to_owned(),
                merchant_id: "M1".to_owned(),
                serial_no: serial_no.to_owned(),
                user_id: "U1".to_owned(),
            }),
            callback: Callback::OwnersDefault,
            state: State::parse(&format!("{id}{}", "5".repeat(32))).unwrap(),
            link: NewLink::Ours {
                app: AlipayAppId::parse("2021000000000001").unwrap(),
                link: "https://openauth.example/authorize".parse().unwrap(),
            },
            now: NOW,
            lifetime: Duration::from_hours(1),
            retention: Duration::from_hours(10),
        })
    }

    #[test]
    fn an_attempt_is_told_as_it_is_recorded_and_as_a_merchant_is_not() {
        let refused = DeliveryOutcome::AddressRefused(AddressRefusal::Private);
        let made =
            [(1, refused), (3, DeliveryOutcome::Tls(TlsFailure::Expired)), (1, DeliveryOutcome::Success)];
        let history = made.map(|(number, outcome)| Attempt::new(number, NOW, outcome)).to_vec();
        let tombstone = Tombstone {
            status: Status::Delivered,
            authorized_at: Some(NOW),
            notice: None,
            attempts: Attempts { begun: 1, history },
            forgotten_at: NOW,
        };
        let record = Authorization { state: AuthorizationState::Forgotten(tombstone), ..issued("S1") };
        let attempts = json!([
            {"number": 1, "time": NOW, "outcome": "address_refused", "address": "private"},
            {"number": 2, "outcome": "unfinished"},
            {"number": 3, "time": NOW, "outcome": "tls", "cause": "expired"},
            {"number": 1, "time": NOW, "outcome": "success", "httpStatus": 200},
        ]);
        let expected = json!({"state": "DELIVERED", "attempts": attempts, "begun": 1});
        assert_eq!(summary(&record, NOW)["delivery"], expected);
        assert_eq!(json!(Delivery::from_record(&record, NOW))["attempts"][0]["outcome"], "address_unusable");
    }

    #[test]
    fn what_a_caller_has_sent_moves_no_cursor() {
        let record = issued("S1\u{1b}[2J\u{9b}31m\nstate  DELIVERED");
        for text in [told(&record, NOW), listed(std::slice::from_ref(&record), NOW)] {
            assert!(text.contains("S1\u{fffd}[2J\u{fffd}31m\u{fffd}state"), "{text:?}");
            assert!(text.lines().all(|line| !line.contains(char::is_control)), "{text:?}");
        }
    }
}
