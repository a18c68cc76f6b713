//! The account's queue, as Lambda's trigger sees it: it receives, and deletes what was dealt with.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use serde_json::{Value, json};
use shared::queue::Hint;

use crate::account::Account;

/// The number of times that a message is received before it goes to the dead-letter queue.
pub(crate) const RECEIVED_AT_MOST: usize = 3;

/// The queue of hints and its dead-letter queue, past the proxy.
pub(crate) struct Queue {
    client: Client,
    pub(crate) url: String,
    dead_letters: String,
}

impl Queue {
    /// Makes both, empty.
    pub(crate) async fn in_account(account: &Account) -> Self {
        let client = Client::new(&account.past_the_proxy);
        let created = client.create_queue().queue_name("dead-letters").send().await.expect("a queue");
        let dead_letters = created.queue_url.expect("a URL");
        let named = client.get_queue_attributes().queue_url(&dead_letters);
        let named = named.attribute_names(QueueAttributeName::QueueArn).send().await.expect("answers");
        let arn = &named.attributes.expect("attributes")[&QueueAttributeName::QueueArn];
        let redrive = json!({"deadLetterTargetArn": arn, "maxReceiveCount": RECEIVED_AT_MOST}).to_string();
        let create = client.create_queue().queue_name("hints");
        let created =
            create.attributes(QueueAttributeName::RedrivePolicy, redrive).send().await.expect("a queue");
        Self { client, url: created.queue_url.expect("a URL"), dead_letters }
    }

    /// Takes every hint that has arrived.
    pub(crate) async fn take_hints(&self) -> Vec<Hint> {
        let mut hints = Vec::new();
        for message in self.receive(&self.url).await {
            hints.push(serde_json::from_str(message.body().expect("a body")).expect("a hint"));
            self.delete(&message).await;
        }
        hints
    }

    /// Sends whatever a test likes.
    pub(crate) async fn send(&self, body: &str) {
        self.client.send_message().queue_url(&self.url).message_body(body).send().await.expect("sends");
    }

    /// One turn of Lambda's trigger: an event of what is on the queue is given to `handler`, whose answer names what
    /// failed. That is on the queue again at once; the rest is deleted. How many were received.
    pub(crate) async fn trigger(&self, handler: impl AsyncFn(Value) -> Value) -> usize {
        let messages = self.receive(&self.url).await;
        if messages.is_empty() {
            return 0;
        }
        let records: Vec<_> = messages
            .iter()
            .map(|message| json!({"messageId": message.message_id(), "body": message.body()}))
            .collect();
        let answer = handler(json!({"Records": records})).await;
        let failed = answer["batchItemFailures"].as_array().expect("a list").clone();
        for message in &messages {
            if failed.contains(&json!({"itemIdentifier": message.message_id()})) {
                self.give_back(message).await;
            } else {
                self.delete(message).await;
            }
        }
        messages.len()
    }

    /// The bodies of the dead letters.
    pub(crate) async fn dead_letters(&self) -> Vec<String> {
        let letters = self.receive(&self.dead_letters).await;
        letters.into_iter().filter_map(|letter| letter.body).collect()
    }

    async fn receive(&self, url: &str) -> Vec<Message> {
        let mut all = Vec::new();
        loop {
            let received = self.client.receive_message().queue_url(url).max_number_of_messages(10);
            let batch = received.send().await.expect("receives").messages.unwrap_or_default();
            if batch.is_empty() {
                return all;
            }
            all.extend(batch);
        }
    }

    async fn give_back(&self, message: &Message) {
        let change = self.client.change_message_visibility().queue_url(&self.url).visibility_timeout(0);
        change.set_receipt_handle(message.receipt_handle.clone()).send().await.expect("gives back");
    }

    async fn delete(&self, message: &Message) {
        let delete = self.client.delete_message().queue_url(&self.url);
        delete.set_receipt_handle(message.receipt_handle.clone()).send().await.expect("deletes");
    }
}
