//! Amazon SQS as the queue of hints: a standard queue, and one message a hint.
//!
//! The message's group is the owner, so that SQS takes turns among owners ("fair queues"): a backlog of one
//! keeps nobody else's delivery waiting. A hint that cannot be sent is lost at once, without many tries: the sweep
//! delivers what it would have started, and the user's page is waiting behind this call.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder;

use crate::aws::{CallTimeouts, SdkConfig, log_reason};
use crate::queue::{Hint, HintError, HintQueue, MAX_DELAY};

const TIMEOUTS: CallTimeouts = CallTimeouts {
    attempt: Duration::from_millis(800),
    operation: Duration::from_secs(2),
    first_backoff: Duration::from_millis(100),
};

/// A queue by its URL. A call may last 2 s, with its repetitions.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// A queue that connects when the first hint is sent.
    #[must_use]
    pub fn new(config: &SdkConfig, url: String) -> Self {
        Self::with_timeouts(config, url, &TIMEOUTS)
    }

    fn with_timeouts(config: &SdkConfig, url: String, timeouts: &CallTimeouts) -> Self {
        let config = Builder::from(config)
            .retry_config(timeouts.retries())
            .timeout_config(timeouts.timeouts())
            .build();
        Self { client: Client::from_conf(config), url }
    }
}

#[async_trait]
impl HintQueue for SqsQueue {
    async fn send(&self, hint: Hint, delay: Duration) -> Result<(), HintError> {
        let body = serde_json::to_string(&hint).map_err(|error| HintError(error.to_string()))?;
        let sent = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .message_group_id(hint.owner.to_string())
            .delay_seconds(delay_secs(delay))
            .send()
            .await;
        sent.map(drop).map_err(|error| HintError(log_reason(&error)))
    }
}

/// Whole seconds, rounded up: a hint that comes early has to be sent again.
fn delay_secs(delay: Duration) -> i32 {
    let delay = delay.min(MAX_DELAY);
    let secs = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
    i32::try_from(secs).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::ResponseTemplate;

    use super::*;
    use crate::aws::fake_aws::{BRISK, FakeAws, SHORT, SentRequest, answer, never, nobody};
    use crate::model::id::AuthorizationId;
    use crate::model::owner::Owner;

    const URL: &str = "https://sqs.eu-central-1.amazonaws.com/000000000000/hints";
    const SENT: &str = r#"{"MessageId":"3f9a6b1e-6f1c-4d0e-9f59-0c1a7f1f5b02"}"#;

    fn queue(config: &SdkConfig, timeouts: &CallTimeouts) -> SqsQueue {
        SqsQueue::with_timeouts(config, URL.to_owned(), timeouts)
    }

    fn hint() -> Hint {
        Hint::new(AuthorizationId::from_serial("B1", "S1"), Owner::Business("B1".to_owned()), 3)
    }

    async fn send_to(
        answer: ResponseTemplate,
        timeouts: &CallTimeouts,
    ) -> (Result<(), HintError>, Vec<SentRequest>) {
        let fake_aws = FakeAws::answering([answer]).await;
        let sent = queue(&fake_aws.sdk, timeouts).send(hint(), Duration::ZERO).await;
        (sent, fake_aws.asked().await)
    }

    #[tokio::test]
    async fn a_hint_is_one_message_in_the_group_of_its_owner() {
        let (sent, asked) = send_to(answer(200, SENT), &BRISK).await;
        assert_eq!(sent, Ok(()));
        let [SentRequest { headers, body }] = asked.as_slice() else { panic!("{} requests", asked.len()) };
        assert_eq!(headers["x-amz-target"], "AmazonSQS.SendMessage");
        let message = format!(r#"{{"v":1,"id":"{}","business":"B1","attempt":3}}"#, hint().id);
        let expected =
            json!({"QueueUrl": URL, "MessageBody": message, "MessageGroupId": "B1", "DelaySeconds": 0});
        assert_eq!(*body, expected);
    }

    #[tokio::test]
    async fn a_delay_is_whole_seconds_rounded_up_and_at_most_what_the_queue_can_hold() {
        let fake_aws = FakeAws::answering([answer(200, SENT)]).await;
        let queue = queue(&fake_aws.sdk, &BRISK);
        for (millis, secs) in
            [(1, 1), (1_000, 1), (15_001, 16), (899_001, 900), (900_000, 900), (900_001, 900)]
        {
            queue.send(hint(), Duration::from_millis(millis)).await.unwrap();
            let asked = fake_aws.asked().await.pop().unwrap();
            assert_eq!(asked.body["DelaySeconds"], secs, "{millis} ms");
        }
    }

    #[tokio::test]
    async fn a_queue_that_is_throttled_away_or_slow_loses_the_hint() {
        let error = |status, code| {
            let body = json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": "?"});
            answer(status, body)
        };
        for (answer, timeouts, tries, reason) in [
            (error(400, "RequestThrottled"), BRISK, 3, "RequestThrottled"),
            (error(500, "InternalError"), BRISK, 3, "InternalError"),
            (answer(503, ""), BRISK, 3, "an error without code"),
            (never(), SHORT, 3, "time-out"),
            (error(400, "QueueDoesNotExist"), BRISK, 1, "QueueDoesNotExist"),
            (error(403, "AccessDeniedException"), BRISK, 1, "AccessDeniedException"),
        ] {
            let (sent, asked) = send_to(answer, &timeouts).await;
            assert_eq!((sent, asked.len()), (Err(HintError(reason.to_owned())), tries));
        }
        let (sdk, _reserved) = nobody();
        let sent = queue(&sdk, &BRISK).send(hint(), Duration::ZERO).await;
        assert_eq!(sent, Err(HintError("no connection".to_owned())));
    }
}
