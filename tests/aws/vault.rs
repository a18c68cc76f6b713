//! The account's Secrets Manager, as its owner sees it.

use aws_sdk_secretsmanager::Client;
use serde_json::{Value, json};
use shared::secrets::SecretsManager;
use tests::keys;
use tests::rpc::ACCESS_KEY_ID;
use tests::world::{APP_ID, access_key, business, scheme};

use crate::account::Account;

pub(crate) const PREFIX: &str = "authlink/test";

/// The owner's access, past the proxy.
pub(crate) struct Vault(Client);

impl Vault {
    /// The account's.
    pub(crate) fn new(account: &Account) -> Self {
        Self(Client::new(&account.past_the_proxy))
    }

    /// Authlink's access, through the proxy.
    pub(crate) fn source(account: &Account) -> SecretsManager {
        SecretsManager::new(&account.sdk, PREFIX.to_owned())
    }

    /// Creates a secret.
    pub(crate) async fn create(&self, name: &str, document: &Value) {
        let create = self.0.create_secret().name(format!("{PREFIX}/{name}"));
        create.secret_string(document.to_string()).send().await.expect("a secret");
    }

    /// Creates every secret that the functions need.
    pub(crate) async fn create_all(&self) {
        let app = json!({
            "privateKey": keys::private_pem(keys::app()),
            "alipayPublicKeys": [keys::public_pem(keys::alipay())],
        });
        self.create("business/B1", &business()).await;
        self.create(&format!("alipay-app/{APP_ID}"), &app).await;
        self.create("callback-key", &json!({"privateKey": keys::private_pem(keys::callback())})).await;
        self.create(&format!("access-key/{ACCESS_KEY_ID}"), &access_key()).await;
        self.create("account/1001", &json!({})).await;
        self.create("scheme/234", &scheme()).await;
        self.create("link-token", &json!({"keys": ["0123456789abcdef0123456789abcdef"]})).await;
        self.create("phone-key", &json!({"key": "fedcba9876543210fedcba9876543210"})).await;
    }

    /// Gives a secret a new version.
    pub(crate) async fn put(&self, name: &str, document: &Value) {
        self.put_text(name, &document.to_string()).await;
    }

    /// The same, whatever the text.
    pub(crate) async fn put_text(&self, name: &str, text: &str) {
        let put = self.0.put_secret_value().secret_id(format!("{PREFIX}/{name}"));
        put.secret_string(text).send().await.expect("a version");
    }

    /// Marks a secret for deletion.
    pub(crate) async fn mark_for_deletion(&self, name: &str) {
        let delete = self.0.delete_secret().secret_id(format!("{PREFIX}/{name}"));
        delete.recovery_window_in_days(7).send().await.expect("a deletion");
    }

    /// Takes the mark away.
    pub(crate) async fn restore(&self, name: &str) {
        self.0.restore_secret().secret_id(format!("{PREFIX}/{name}")).send().await.expect("a restoration");
    }

    /// Deletes a secret for good.
    pub(crate) async fn delete(&self, name: &str) {
        let delete = self.0.delete_secret().secret_id(format!("{PREFIX}/{name}"));
        delete.force_delete_without_recovery(true).send().await.expect("a deletion");
    }
}
