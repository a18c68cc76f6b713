//! An account of the emulator for each test, with what the test needs in it. Between authlink and the account stands a
//! proxy; the test itself goes past it.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use shared::aws::settings::AwsSettings;
use shared::aws::{SdkConfig, sdk_config};
use shared::runtime::config::Config;
use shared::store::dynamodb::{
    ATTENTION, ATTENTION_ATTRIBUTES, DynamoStore, OUTBOX, OUTBOX_ATTRIBUTES, PARTITION_KEY, RECENT,
};

use crate::proxy::Proxy;

/// What a deployment sets beside the variables of the AWS SDKs.
fn setting(name: &str) -> Option<String> {
    let value = match name {
        "AUTHLINK_ALIPAY_APP_ID" => "2021000000000001",
        "AUTHLINK_SECRETS_PREFIX" | "AUTHLINK_TABLE" => TABLE,
        _ => return None,
    };
    Some(value.to_owned())
}

/// The table's name.
pub(crate) const TABLE: &str = "authlink";

/// An account that nobody else uses.
pub(crate) struct Account {
    /// The place where authlink's calls can fail.
    pub(crate) proxy: Proxy,
    /// Leads authlink through the proxy.
    pub(crate) sdk: SdkConfig,
    /// Leads the test past the proxy.
    pub(crate) past_the_proxy: SdkConfig,
}

impl Account {
    /// An empty account.
    ///
    /// The emulator takes an access key of twelve digits for an account. The region is the test's own as well: the
    /// SDK's quota of repetitions is one for each service and region in a process, and one test would spend another's.
    pub(crate) async fn new() -> Self {
        static ACCOUNTS: AtomicU32 = AtomicU32::new(0);
        let number = ACCOUNTS.fetch_add(1, Ordering::Relaxed);
        let settings = Config::from_env_or(&setting).expect("the emulator's address and any credentials").aws;
        let emulator = settings.endpoint_url.clone().expect("AWS_ENDPOINT_URL");
        let settings = AwsSettings {
            region: format!("test-{number}"),
            access_key_id: format!("{:07}{number:05}", std::process::id() % 10_000_000),
            session_token: None,
            ..settings
        };
        let proxy = Proxy::before(emulator).await;
        let through = AwsSettings { endpoint_url: Some(proxy.address.clone()), ..settings.clone() };
        Self { sdk: sdk_config(&through), past_the_proxy: sdk_config(&settings), proxy }
    }

    /// Makes the table, as template.yaml has it, and gives the store in it.
    pub(crate) async fn table(&self) -> DynamoStore {
        self.dynamo()
            .create_table()
            .table_name(TABLE)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute(PARTITION_KEY, ScalarAttributeType::S))
            .attribute_definitions(attribute("outbox", ScalarAttributeType::S))
            .attribute_definitions(attribute("outboxAt", ScalarAttributeType::N))
            .attribute_definitions(attribute("attention", ScalarAttributeType::S))
            .attribute_definitions(attribute("attentionAt", ScalarAttributeType::N))
            .attribute_definitions(attribute("businessId", ScalarAttributeType::S))
            .attribute_definitions(attribute("createdAt", ScalarAttributeType::N))
            .key_schema(key(PARTITION_KEY, KeyType::Hash))
            .global_secondary_indexes(index(OUTBOX, &OUTBOX_ATTRIBUTES))
            .global_secondary_indexes(index(ATTENTION, &ATTENTION_ATTRIBUTES))
            .global_secondary_indexes(recent())
            .send()
            .await
            .expect("a table");
        DynamoStore::new(&self.sdk, TABLE)
    }

    /// DynamoDB, past the proxy.
    pub(crate) fn dynamo(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.past_the_proxy)
    }
}

/// An index by the attribute of its own name and by that with `At`.
fn index(name: &str, attributes: &[&str]) -> GlobalSecondaryIndex {
    let repeated = Projection::builder()
        .projection_type(ProjectionType::Include)
        .set_non_key_attributes(Some(attributes.iter().map(|name| (*name).to_owned()).collect()))
        .build();
    GlobalSecondaryIndex::builder()
        .index_name(name)
        .key_schema(key(name, KeyType::Hash))
        .key_schema(key(&format!("{name}At"), KeyType::Range))
        .projection(repeated)
        .build()
        .expect("an index")
}

fn recent() -> GlobalSecondaryIndex {
    let keys = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
    GlobalSecondaryIndex::builder()
        .index_name(RECENT)
        .key_schema(key("businessId", KeyType::Hash))
        .key_schema(key("createdAt", KeyType::Range))
        .projection(keys)
        .build()
        .expect("an index")
}

fn attribute(name: &str, kind: ScalarAttributeType) -> AttributeDefinition {
    AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().expect("an attribute")
}

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("a key")
}
