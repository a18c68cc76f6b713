//! The documents of a deployment that were deleted and can still be restored: Secrets Manager keeps them for some days.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry};
use shared::model::clock::UnixMillis;
use shared::runtime::start::StartError;
use shared::secrets::SecretName;

use super::DocumentKind;

/// A document that waits for its deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    pub name: SecretName,
    /// The date that Secrets Manager gives for its deletion.
    pub dated: UnixMillis,
}

/// Those of the deployment whose secrets' names begin with `prefix`, in the order of their names.
///
/// # Errors
/// They cannot be listed.
pub async fn list(client: &Client, prefix: &str) -> Result<Vec<Deleted>, StartError> {
    let prefix = format!("{prefix}/");
    let below = Filter::builder().key(FilterNameStringType::Name).values(&prefix).build();
    let list = client.list_secrets().filters(below).include_planned_deletion(true);
    let mut pages = list.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        found.extend(page?.secret_list().iter().filter_map(|secret| deleted(secret, &prefix)));
    }
    found.sort_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
    Ok(found)
}

/// Another deployment's prefix may begin with this one: its secrets are no documents here.
fn deleted(secret: &SecretListEntry, prefix: &str) -> Option<Deleted> {
    let name = DocumentKind::read_name(secret.name()?.strip_prefix(prefix)?)?;
    let dated = UnixMillis(secret.deleted_date()?.to_millis().ok()?);
    Some(Deleted { name, dated })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wiremock::ResponseTemplate;

    use super::*;
    use crate::operate::fake_aws::FakeAws;

    #[tokio::test]
    async fn secrets_that_are_deleted_are_told_by_the_names_of_their_documents() {
        let page = |secrets: Value| ResponseTemplate::new(200).set_body_json(secrets);
        let aws = FakeAws::answering_in_turn([
            page(json!({"NextToken": "more", "SecretList": [
                {"Name": "authlink/business/B2", "DeletedDate": 1_795_355_000.0},
                {"Name": "authlink/business/B1"},
                {"Name": "authlink/prod/business/B3", "DeletedDate": 1_795_355_000.0},
                {"Name": "authlink/password", "DeletedDate": 1_795_355_000.0},
                {"Name": "authlink-too/account/A1", "DeletedDate": 1_795_355_000.0},
            ]})),
            page(json!({"SecretList": [
                {"Name": "authlink/phone-key", "DeletedDate": 1_795_355_001.5},
                {"Name": "authlink/account/A1", "DeletedDate": 1_795_355_000.0},
            ]})),
        ]);
        let aws = aws.await;
        let found = list(&Client::new(&aws.sdk), "authlink").await.unwrap();
        let found: Vec<_> = found.iter().map(|each| (each.name.as_str(), each.dated.0)).collect();
        assert_eq!(
            found,
            [
                ("account/A1", 1_795_355_000_000),
                ("business/B2", 1_795_355_000_000),
                ("phone-key", 1_795_355_001_500)
            ]
        );
        let asked: Vec<Value> = aws.asked().await.iter().map(|asked| asked.body_json().unwrap()).collect();
        let filters = json!([{"Key": "name", "Values": ["authlink/"]}]);
        assert_eq!(
            asked,
            [
                json!({"Filters": filters, "IncludePlannedDeletion": true}),
                json!({"Filters": filters, "IncludePlannedDeletion": true, "NextToken": "more"}),
            ]
        );
    }
}
