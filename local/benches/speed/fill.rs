//! A store with many authorizations in it, written in bulk, and the businesses that they belong to.

use std::path::Path;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use serde_json::json;
use shared::model::authorization::Callback;
use shared::model::authorization_request::{AuthorizationRequest, MerchantRequest};
use shared::model::clock::UnixMillis;
use shared::model::id::{AuthorizationId, digest_of};
use shared::secrets::{AbsentReason, FetchError, SecretName, SecretSource, SecretValue};
use shared::store::sqlite::SqliteStore;
use zeroize::Zeroizing;

use crate::Error;

/// The merchant of every business.
pub(crate) const MERCHANT_ID: &str = "shop";
const DAY_MILLIS: i64 = 86_400_000;

/// The `index`th business's name.
pub(crate) fn business_id(index: u32) -> String {
    format!("b{index:05}")
}

/// As many businesses as anyone asks for, all with the same keys; nothing else.
pub(crate) struct Businesses {
    /// A business's document.
    pub(crate) document: String,
}

#[async_trait]
impl SecretSource for Businesses {
    async fn fetch(&self, name: &SecretName) -> Result<SecretValue, FetchError> {
        if !name.as_str().starts_with("business/") {
            return Err(FetchError::Absent(AbsentReason::NotFound));
        }
        Ok(SecretValue { version: "1".to_owned(), document: Zeroizing::new(self.document.clone()) })
    }
}

/// How far the authorizations have come.
#[derive(Clone, Copy)]
pub(crate) enum Stage {
    /// The link is out.
    Issued,
    /// The user has consented, and the delivery is due.
    Due,
}

/// Which authorizations to write.
pub(crate) struct Filling<'a> {
    /// Begins every serialNo.
    pub(crate) series: &'a str,
    pub(crate) count: u32,
    /// The businesses, by index, that they belong to in turns.
    pub(crate) businesses: &'a [u32],
    pub(crate) stage: Stage,
    pub(crate) now: UnixMillis,
}

/// The id of the `index`th authorization of a filling, and its business's index.
pub(crate) fn identity(filling: &Filling<'_>, index: u32) -> (AuthorizationId, u32) {
    let business = filling.businesses[index as usize % filling.businesses.len()];
    (AuthorizationId::from_serial(&business_id(business), &serial_no(filling.series, index)), business)
}

fn serial_no(series: &str, index: u32) -> String {
    format!("{series}-{index:08}")
}

/// Writes them to `file`, which is made if it is not there. Nobody else may have it open.
pub(crate) fn write(file: &Path, filling: &Filling<'_>) -> Result<(), Error> {
    drop(SqliteStore::open(file)?);
    let mut connection = Connection::open(file)?;
    // All of it in memory until it is complete: ids come in no order.
    connection.execute_batch(
        "PRAGMA busy_timeout = 5000; PRAGMA synchronous = OFF; PRAGMA cache_size = -524288;",
    )?;
    let transaction = connection.transaction()?;
    let mut insert = transaction.prepare(
        "INSERT INTO authorizations (id, owner, requested, callback, parameters_digest, state_digest, link, status,
             created_at, created_by, expires_at, retain_until, open_id, authorized_at, body, next_attempt_at, due_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?13, ?13)",
    )?;
    for index in 0..filling.count {
        let (id, business) = identity(filling, index);
        let requested = AuthorizationRequest::Merchant(MerchantRequest {
            business_id: business_id(business),
            merchant_id: MERCHANT_ID.to_owned(),
            serial_no: serial_no(filling.series, index),
            user_id: "user-0123456789abcdef0123456789abcdef".to_owned(),
        });
        let callback = Callback::Explicit(format!("https://{}.example.com/openid", business_id(business)));
        let (digest, created_at) = (digest_of(id.as_str()), filling.now.0 - i64::from(filling.count - index));
        let link = format!("https://openauth.alipay.com/oauth2/publicAppAuthorize.htm?state={digest}");
        let due = match filling.stage {
            Stage::Issued => None,
            Stage::Due => Some(filling.now.0),
        };
        insert.execute(params![
            id.as_str(),
            business_id(business),
            serde_json::to_string(&requested)?,
            serde_json::to_string(&callback)?,
            digest,
            due.is_none().then_some(link),
            if due.is_some() { "AUTHORIZED" } else { "ISSUED" },
            created_at,
            &digest[..32],
            filling.now.0 + DAY_MILLIS,
            filling.now.0 + 400 * DAY_MILLIS + i64::from(index),
            due.map(|_| format!("open-id-{index:08}")),
            due,
            due.map(|_| json!({"serialNo": serial_no(filling.series, index)}).to_string().into_bytes()),
        ])?;
    }
    drop(insert);
    transaction.commit()?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    // What is not on the disk yet would be written while others measure.
    rustix::fs::sync();
    Ok(())
}
