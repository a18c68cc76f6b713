//! Documents that the program `authlink` makes on a stack.

use std::path::Path;

use aws_sdk_secretsmanager::Client;
use local::documents::WriteError;
use shared::egress::callback_url::CallbackRules;
use shared::secrets::SecretName;

use crate::account::Account;
use crate::vault::{PREFIX, Vault};

#[tokio::test]
async fn a_document_is_made_under_the_stacks_key_where_it_has_one() {
    let account = Account::new().await;
    for (business, key) in [
        ("B1", None),
        ("B2", Some("arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab")),
    ] {
        let documents = local::documents::Vault::Manager {
            client: Client::new(&account.sdk),
            source: Vault::source(&account),
            prefix: PREFIX.to_owned(),
            key: key.map(str::to_owned),
            stack: "authlink.us-east-1".to_owned(),
        };
        let name = SecretName::business(business).expect("a name");
        documents.write(&name, "{}", None).await.expect("written");
        let read = documents.current(&name).await.expect("read").expect("a document");
        documents.write(&name, "{ }", Some(&read.version)).await.expect("written again");
        let late = documents.write(&name, "[]", Some(&read.version)).await;
        assert!(matches!(late, Err(WriteError::Changed(_))), "{late:?}");
        assert!(matches!(documents.write(&name, "[]", None).await, Err(WriteError::IsThere(_))));
        let described =
            Client::new(&account.past_the_proxy).describe_secret().secret_id(format!("{PREFIX}/{name}"));
        assert_eq!(described.send().await.expect("a secret").kms_key_id(), key);
    }
}

#[tokio::test]
async fn the_keys_of_a_stacks_documents_are_kept_apart_from_those_of_others() {
    let account = Account::new().await;
    let keys_of = |stack: &str| {
        let documents = local::documents::Vault::Manager {
            client: Client::new(&account.sdk),
            source: Vault::source(&account),
            prefix: PREFIX.to_owned(),
            key: None,
            stack: stack.to_owned(),
        };
        documents.keys_folder(Path::new("folder"))
    };
    assert_eq!(keys_of("authlink.us-east-1"), Path::new("folder/keys/authlink.us-east-1"));
    assert_ne!(keys_of("authlink.us-east-1"), keys_of("authlink.ap-southeast-1"));
    let local = local::documents::Vault::of_files(Path::new("folder/secrets"), CallbackRules::default());
    assert_eq!(local.keys_folder(Path::new("folder")), Path::new("folder/keys/local"));
}
