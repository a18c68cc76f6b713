//! Stands in for Secrets Manager, DynamoDB and SQS on plain HTTP: fixed answers, as each service gives them when all is
//! well, and a count of what was asked.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use shared::model::clock::{Clock as _, SystemClock};

use crate::Error;
use crate::plain_http::{Request, answer, serve};

/// What every secret's name begins with, before a slash.
pub(crate) const SECRETS_PREFIX: &str = "authlink";

const CONTENT_TYPE: &str = "content-type: application/x-amz-json-1.0\r\n";

/// The stand-in, for one function.
pub(crate) struct Aws {
    pub(crate) address: SocketAddr,
    counts: Arc<Counts>,
}

/// How often each service was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) store: u32,
    pub(crate) secrets: u32,
    pub(crate) queue: u32,
}

#[derive(Default)]
struct Counts {
    store: AtomicU32,
    secrets: AtomicU32,
    queue: AtomicU32,
}

impl Aws {
    /// With the documents of the folder `secrets`, and `record` as the one that is in the store.
    pub(crate) fn start(secrets: PathBuf, record: &Value) -> Result<Self, Error> {
        let counts = Arc::<Counts>::default();
        let record = Arc::new(Record {
            found: json!({"Item": record}).to_string(),
            changed: json!({"Attributes": record}).to_string(),
        });
        let counted = Arc::clone(&counts);
        let address = serve(move |request| {
            let said = match request.operation.split_once('.') {
                Some(("secretsmanager", "GetSecretValue")) => {
                    counted.secrets.fetch_add(1, Ordering::Relaxed);
                    secret(&secrets, request)
                }
                Some(("DynamoDB_20120810", operation)) => {
                    counted.store.fetch_add(1, Ordering::Relaxed);
                    record.answer(operation, request)
                }
                Some(("AmazonSQS", "SendMessage")) => {
                    counted.queue.fetch_add(1, Ordering::Relaxed);
                    Some(json!({"MessageId": "3f9a6b1e-6f1c-4d0e-9f59-0c1a7f1f5b02"}).to_string())
                }
                _ => None,
            };
            match said {
                Some(body) => answer("200 OK", CONTENT_TYPE, body.as_bytes()),
                None => answer("400 Bad Request", CONTENT_TYPE, br#"{"__type":"ResourceNotFoundException"}"#),
            }
        })?;
        Ok(Self { address, counts })
    }

    /// What was asked so far.
    pub(crate) fn calls(&self) -> Calls {
        Calls {
            store: self.counts.store.load(Ordering::Relaxed),
            secrets: self.counts.secrets.load(Ordering::Relaxed),
            queue: self.counts.queue.load(Ordering::Relaxed),
        }
    }
}

impl std::ops::Sub for Calls {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            store: self.store - before.store,
            secrets: self.secrets - before.secrets,
            queue: self.queue - before.queue,
        }
    }
}

struct Record {
    found: String,
    changed: String,
}

impl Record {
    fn answer(&self, operation: &str, request: &Request) -> Option<String> {
        match operation {
            "TransactWriteItems" | "PutItem" => Some("{}".to_owned()),
            "GetItem" => Some(self.found.clone()),
            "UpdateItem" => {
                let update: Value = serde_json::from_slice(&request.body).ok()?;
                match update["ReturnValues"].as_str() {
                    Some("ALL_NEW") => Some(self.changed.clone()),
                    Some("UPDATED_NEW") => Some(booked(&update["ExpressionAttributeValues"])),
                    _ => Some("{}".to_owned()),
                }
            }
            _ => None,
        }
    }
}

/// An allowance that begins at once, as one of which nobody else takes a share.
fn booked(values: &Value) -> String {
    let number = |name: &str| values[name]["N"].as_str().and_then(|number| number.parse::<i64>().ok());
    let end = number(":end").unwrap_or_else(|| {
        let cost = number(":cost").unwrap_or_default();
        SystemClock.now().0 * 1_000 + cost
    });
    json!({"Attributes": {"bookedUntil": {"N": end.to_string()}}}).to_string()
}

fn secret(folder: &Path, request: &Request) -> Option<String> {
    let asked: Value = serde_json::from_slice(&request.body).ok()?;
    let name = asked["SecretId"].as_str()?.strip_prefix(SECRETS_PREFIX)?.strip_prefix('/')?;
    let document = fs::read_to_string(folder.join(format!("{name}.json"))).ok()?;
    Some(json!({"Name": asked["SecretId"], "VersionId": "v-1", "SecretString": document}).to_string())
}
