//! An operator's commands on the database of a local run. They may run beside the host.

use std::path::Path;

use serde_json::json;
use shared::clock::{Clock as _, SystemClock};
use shared::config::Config;
use shared::model::authorization::{Authorization, Callback};
use shared::model::id::AuthorizationId;
use shared::start::StartError;
use shared::store::Operate as _;
use shared::store::sqlite::SqliteStore;

use crate::folder::Folder;

/// Prints what became of one authorization.
pub async fn show(folder: &Path, id: &AuthorizationId) -> Result<(), StartError> {
    let record = open(folder)?.authorization(id).await?;
    let record = record.ok_or_else(|| StartError::new(format!("there is no authorization {id}")))?;
    println!("{:#}", summary(&record));
    Ok(())
}

/// Sets an undeliverable delivery due; the host's next sweep takes it up.
pub async fn redrive(folder: &Path, id: &AuthorizationId) -> Result<(), StartError> {
    if !open(folder)?.redrive(id, SystemClock.now()).await? {
        return Err(StartError::new(format!("authorization {id} is not UNDELIVERABLE")));
    }
    println!("due again; the next sweep, within a minute, takes it up");
    Ok(())
}

/// The database that the host uses: of the environment, or of the folder.
fn open(folder: &Path) -> Result<SqliteStore, StartError> {
    let folder = Folder::open(folder)?;
    let config = Config::from_env_or(&|name| folder.kept_setting(name))?;
    Ok(SqliteStore::open(&config.database.unwrap_or_else(|| folder.database()))?)
}

/// What may be shown: neither the user's identity nor the link.
fn summary(record: &Authorization) -> serde_json::Value {
    let callback = match &record.callback {
        Callback::Explicit(url) => url.as_str(),
        Callback::BusinessDefault => "the business's default",
        Callback::Nowhere => "none",
    };
    json!({
        "reference": record.id,
        "businessId": record.business_id,
        "serialNo": record.serial_no,
        "status": record.status.as_str(),
        "merchantId": record.merchant_id,
        "callbackUrl": callback,
        "createdAt": record.created_at,
        "expiresAt": record.expires_at,
        "codesTried": record.codes.len(),
        "authorizedAt": record.authorized_at,
        "attempts": record.attempts,
        "nextAttemptAt": record.next_attempt_at,
        "history": record.history,
    })
}
