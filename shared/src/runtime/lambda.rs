//! AWS Lambda at the edge: the only file that names its runtime's types.
//!
//! API Gateway's events become the `http::Request` that handlers take, by [`crate::runtime::api_gateway`]; queue messages and the
//! schedule become [`Event`]s.

use bytes::Bytes;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::queue::{Event, Hint};
use crate::runtime::api_gateway;
use crate::runtime::start::StartError;
use crate::telemetry::Alarm;

/// Serves HTTP requests until the runtime ends.
///
/// # Errors
/// When the runtime cannot be reached.
pub async fn serve_http<H>(handler: H) -> Result<(), StartError>
where
    H: AsyncFn(http::Request<Bytes>) -> http::Response<Bytes>,
{
    let run = service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let request = api_gateway::request(event.payload.get())?;
        Ok::<_, lambda_runtime::Error>(api_gateway::response(handler(request).await))
    });
    lambda_runtime::run(run).await.map_err(ended)
}

/// Serves queue messages and schedules until the runtime ends.
///
/// # Errors
/// When the runtime cannot be reached.
pub async fn serve_events<H, E>(handler: H) -> Result<(), StartError>
where
    H: AsyncFn(Event) -> Result<(), E>,
    E: std::fmt::Display,
{
    let run = service_fn(async |event: LambdaEvent<Value>| {
        let answer = answer_event(&handler, event.payload).await;
        answer.map_err(lambda_runtime::Error::from)
    });
    lambda_runtime::run(run).await.map_err(ended)
}

/// What Lambda is answered for one event: which of a queue's messages failed. An event without messages is the schedule's.
///
/// Only a message that is no hint fails, and ends in the dead-letter queue, which is for nothing else. A hint that could
/// not be followed is done with: its record is due, and the sweep is no later than the queue would be.
///
/// # Errors
/// When a sweep fails; the text is `handler`'s.
pub async fn answer_event<H, E>(handler: &H, event: Value) -> Result<Failures, String>
where
    H: AsyncFn(Event) -> Result<(), E>,
    E: std::fmt::Display,
{
    let mut failures = Failures::default();
    let Ok(messages) = serde_json::from_value::<Messages>(event) else {
        handler(Event::Sweep).await.map_err(|error| error.to_string())?;
        return Ok(failures);
    };
    for message in messages.records {
        let Ok(hint) = serde_json::from_str::<Hint>(&message.body) else {
            tracing::error!(message_id = %message.id, "a message that is no hint goes back to the queue");
            failures.items.push(Failure { id: message.id });
            continue;
        };
        let reference = hint.id.clone();
        if let Err(error) = handler(Event::Hint(hint)).await {
            tracing::error!(%reference, %error, alarm = Alarm::Unavailable.as_str(), "an attempt could not be made; the sweep will");
        }
    }
    Ok(failures)
}

fn ended(error: lambda_runtime::Error) -> StartError {
    StartError::new(error.to_string())
}

#[derive(Deserialize)]
struct Messages {
    #[serde(rename = "Records")]
    records: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "messageId")]
    id: String,
    body: String,
}

/// The messages that go back to the queue; after as many receptions as the queue allows, to its dead-letter queue.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Failures {
    #[serde(rename = "batchItemFailures")]
    items: Vec<Failure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Failure {
    #[serde(rename = "itemIdentifier")]
    id: String,
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use serde_json::json;

    use super::*;
    use crate::model::id::AuthorizationId;
    use crate::model::owner::Owner;

    fn hint(serial_no: &str) -> Hint {
        Hint::new(AuthorizationId::of_serial("B1", serial_no), Owner::Business("B1".to_owned()), 0)
    }

    fn message(id: &str, body: &str) -> Value {
        json!({"messageId": id, "receiptHandle": "?", "body": body, "eventSource": "aws:sqs"})
    }

    fn of_hint(id: &str, hint: &Hint) -> Value {
        message(id, &serde_json::to_string(hint).unwrap())
    }

    /// What is answered when the hints of `failing` fail, and the events that were handled.
    async fn answer(event: Value, failing: &[Hint]) -> (Result<Value, String>, Vec<Event>) {
        let handled = RefCell::new(Vec::new());
        let handler = async |event: Event| {
            let fails = match &event {
                Event::Hint(hint) => failing.contains(hint),
                Event::Sweep => !failing.is_empty(),
            };
            handled.borrow_mut().push(event);
            if fails { Err("the store is away") } else { Ok(()) }
        };
        let answer = answer_event(&handler, event).await;
        (answer.map(|failures| json!(failures)), handled.into_inner())
    }

    #[tokio::test]
    async fn a_poisoned_message_fails_alone() {
        let (first, last) = (hint("S1"), hint("S2"));
        let other_version = r#"{"v":2,"id":"00000000000000000000000000000000","business":"B1","attempt":0}"#;
        let event = json!({"Records": [
            of_hint("m1", &first), message("m2", "poison"), message("m3", other_version), of_hint("m4", &last),
        ]});
        let (answered, handled) = answer(event, &[]).await;
        let failures = json!({"batchItemFailures": [{"itemIdentifier": "m2"}, {"itemIdentifier": "m3"}]});
        assert_eq!(answered, Ok(failures));
        assert_eq!(handled, [Event::Hint(first), Event::Hint(last)]);
    }

    #[tokio::test]
    async fn a_hint_that_could_not_be_followed_is_left_to_the_sweep() {
        let (first, last) = (hint("S1"), hint("S2"));
        let event = json!({"Records": [of_hint("m1", &first), of_hint("m2", &last)]});
        let (answered, handled) = answer(event, std::slice::from_ref(&first)).await;
        assert_eq!(answered, Ok(json!({"batchItemFailures": []})));
        assert_eq!(handled.len(), 2);
    }

    #[tokio::test]
    async fn an_event_without_messages_is_a_sweep_whose_failure_is_the_invocations() {
        let schedule = json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}});
        let (answered, handled) = answer(schedule.clone(), &[]).await;
        assert_eq!((answered, handled), (Ok(json!({"batchItemFailures": []})), vec![Event::Sweep]));
        let (answered, _) = answer(schedule, &[hint("S1")]).await;
        assert_eq!(answered, Err("the store is away".to_owned()));
    }
}
