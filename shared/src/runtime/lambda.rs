//! AWS Lambda's runtime around a handler, which sees none of its types.
//!
//! API Gateway's events become the `http::Request` that handlers take, by [`crate::runtime::api_gateway`]; queue
//! messages and the schedule become [`DeliveryEvent`]s. A handler that panics does not end the process, because panics
//! unwind: a request is answered by [`panics`](crate::runtime::panics), the invocation of an event fails.

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use bytes::Bytes;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use serde_json::value::RawValue;
use tracing::Instrument as _;

use crate::queue::{DeliveryEvent, Hint, log_not_made};
use crate::runtime::api_gateway;
use crate::runtime::start::StartError;
use crate::telemetry::{Alarming, request_ids};
use crate::web::edge::Edge;

/// Serves HTTP requests by `handle`, which is called with `function`, until the runtime ends. `edge` is what stands in
/// front of the API, if anything does.
///
/// # Errors
/// [`StartError`] if the runtime cannot be reached.
pub async fn serve_http<F, H, A>(edge: Option<Edge>, function: F, handle: H) -> Result<(), StartError>
where
    H: Fn(Arc<F>, http::Request<Bytes>) -> A,
    A: Future<Output = http::Response<Bytes>> + Send + 'static,
{
    let function = Arc::new(function);
    let handler = |request| handle(Arc::clone(&function), request);
    let run =
        service_fn(|event: LambdaEvent<Box<RawValue>>| api_gateway::answer(event, edge.as_ref(), &handler));
    lambda_runtime::run(run).await.map_err(ended)
}

/// Serves queue messages and schedules until the runtime ends.
///
/// # Errors
/// [`StartError`] if the runtime cannot be reached.
pub async fn serve_events<H, E>(handler: H) -> Result<(), StartError>
where
    H: AsyncFn(DeliveryEvent) -> Result<(), E>,
    E: Alarming,
{
    let run = service_fn(async |event: LambdaEvent<Value>| {
        let span = request_ids::invocation(&event.context.request_id, None);
        let answer = answer_event(&handler, event.payload).instrument(span).await;
        answer.map_err(lambda_runtime::Error::from)
    });
    lambda_runtime::run(run).await.map_err(ended)
}

/// Hands one event to `handler` and returns the messages that go back to the queue: after as many receptions as the
/// queue allows, to its dead-letter queue. An event without `Records` is the schedule's.
///
/// Only a message that is no hint goes back. A hint that could not be followed is done with: its record is due, and the
/// sweep is no later than the queue would be.
///
/// # Errors
/// The text of `handler`'s error if a sweep fails; if there are `Records` that are none of a queue's, that.
pub async fn answer_event<H, E>(handler: &H, event: Value) -> Result<SqsBatchResponse, String>
where
    H: AsyncFn(DeliveryEvent) -> Result<(), E>,
    E: Alarming,
{
    let mut response = SqsBatchResponse::default();
    if event.get("Records").is_none() {
        handler(DeliveryEvent::Sweep).await.map_err(|error| error.to_string())?;
        return Ok(response);
    }
    // The reader's own words would quote what it cannot read.
    let SqsEvent { records, .. } =
        serde_json::from_value(event).map_err(|_| "the event's Records are no messages of a queue")?;
    for message in records {
        let Ok(hint) = serde_json::from_str::<Hint>(message.body.as_deref().unwrap_or_default()) else {
            let message_id = message.message_id.unwrap_or_default();
            tracing::error!(%message_id, "a message that is no hint goes back to the queue");
            response.add_failure(message_id);
            continue;
        };
        let reference = hint.id.clone();
        if let Err(error) = handler(DeliveryEvent::Hint(hint)).await {
            log_not_made(&reference, &error);
        }
    }
    Ok(response)
}

fn ended(error: lambda_runtime::Error) -> StartError {
    StartError::new(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use serde_json::json;

    use super::*;
    use crate::model::id::AuthorizationId;
    use crate::model::owner::Owner;
    use crate::telemetry::Alarm;

    #[derive(Debug, thiserror::Error)]
    #[error("the store is away")]
    struct Away;

    impl Alarming for Away {
        fn alarm(&self) -> Alarm {
            Alarm::Unavailable
        }
    }

    fn hint(serial_no: &str) -> Hint {
        Hint::new(AuthorizationId::from_serial("B1", serial_no), Owner::Business("B1".to_owned()), 0)
    }

    fn message(id: &str, body: &str) -> Value {
        json!({"messageId": id, "receiptHandle": "?", "body": body, "eventSource": "aws:sqs"})
    }

    fn of_hint(id: &str, hint: &Hint) -> Value {
        message(id, &serde_json::to_string(hint).unwrap())
    }

    /// The answer to `event` when the hints of `failing` fail, and the events that were handled.
    async fn answer(event: Value, failing: &[Hint]) -> (Result<Value, String>, Vec<DeliveryEvent>) {
        let handled = RefCell::new(Vec::new());
        let handler = async |event: DeliveryEvent| {
            let fails = match &event {
                DeliveryEvent::Hint(hint) => failing.contains(hint),
                DeliveryEvent::Sweep => !failing.is_empty(),
            };
            handled.borrow_mut().push(event);
            if fails { Err(Away) } else { Ok(()) }
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
        assert_eq!(handled, [DeliveryEvent::Hint(first), DeliveryEvent::Hint(last)]);
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
        assert_eq!((answered, handled), (Ok(json!({"batchItemFailures": []})), vec![DeliveryEvent::Sweep]));
        let (answered, _) = answer(schedule, &[hint("S1")]).await;
        assert_eq!(answered, Err("the store is away".to_owned()));
    }

    #[tokio::test]
    async fn records_that_cannot_be_read_are_no_schedule() {
        for records in [json!(null), json!("x"), json!([1]), json!([{"messageId": "m1", "body": 1}])] {
            let (answered, handled) = answer(json!({"Records": records}), &[]).await;
            assert!(answered.is_err_and(|error| error.contains("Records")), "{records}");
            assert_eq!(handled, []);
        }
        assert_eq!(answer(json!({"Records": []}), &[]).await, (Ok(json!({"batchItemFailures": []})), vec![]));
    }
}
