//! Forgetting a person: one update that empties every column which says who it is. Columns of JSON that hold none stop
//! no update of others: their record stays, and is told as one that cannot be read.

use async_trait::async_trait;
use rusqlite::{Connection, named_params, params};

use crate::model::authorization::Callback;
use crate::model::clock::UnixMillis;
use crate::model::forgetting::Forgetting;
use crate::model::id::AuthorizationId;
use crate::model::purge::RECORDS_APART;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::clockwork::record_clock_reading;
use crate::store::sqlite::rows::{find, to_json};
use crate::store::{ForgetDelivered, ForgetPersons, ForgottenSome, StoreError};
use crate::telemetry::Alarm;

const FORGET: &str = "UPDATE authorizations SET forgotten_at = :now,
         status = iif(status = 'EXCHANGING', 'EXCHANGE_UNKNOWN', status),
         requested = json_replace(requested,
             '$.merchant.userId', '', '$.scheme.phoneTail', '', '$.scheme.phoneHash', ''),
         callback = :nowhere, parameters_digest = '', codes = '[]', terms = '{}', link = NULL, pending_state = NULL,
         open_id = NULL, alipay_user_id = NULL, settled_code = NULL, body = NULL,
         history = (SELECT json_group_array(json_remove(value, '$.answer')) FROM json_each(history)
             WHERE type = 'object'),
         exchange_by = NULL, exchange_until = NULL, delivery_by = NULL, delivery_until = NULL,
         next_attempt_at = NULL, due_at = NULL, forget_at = NULL";

/// The update of anything else would fail, and with it that of all others of one statement.
const READABLE: &str = "json_valid(requested) AND json_valid(history)";

#[async_trait]
impl ForgetPersons for SqliteStore {
    async fn forget(&self, id: &AuthorizationId, now: UnixMillis) -> Result<Forgetting, StoreError> {
        let id = id.clone();
        self.0
            .run(move |connection| {
                let sql = format!(
                    "{FORGET} WHERE id = :id AND forgotten_at IS NULL AND {READABLE}
                         AND coalesce(delivery_until, 0) <= :now AND coalesce(exchange_until, 0) <= :now"
                );
                let nowhere = to_json(&Callback::Nowhere)?;
                let forgotten = connection
                    .prepare_cached(&sql)?
                    .execute(named_params! {":id": id, ":now": now, ":nowhere": nowhere})?;
                if forgotten == 1 {
                    return Ok(Forgetting::Done);
                }
                Ok(Forgetting::refused_by(find(connection, &id)?.as_ref(), now))
            })
            .await
    }
}

#[async_trait]
impl ForgetDelivered for SqliteStore {
    async fn forget_delivered(&self, now: UnixMillis, limit: u32) -> Result<ForgottenSome, StoreError> {
        let (forgotten, unreadable) = self
            .0
            .run(move |connection| {
                let readings = record_clock_reading(connection, now)?;
                let Some(over_by) = readings.over_by(now, RECORDS_APART) else { return Ok((0, Vec::new())) };
                let sql = format!(
                    "{FORGET} WHERE id IN
                         (SELECT id FROM authorizations WHERE forget_at <= :over_by AND {READABLE}
                          ORDER BY forget_at LIMIT :limit)"
                );
                let nowhere = to_json(&Callback::Nowhere)?;
                let forgotten = connection.prepare_cached(&sql)?.execute(
                    named_params! {":now": now, ":nowhere": nowhere, ":over_by": over_by, ":limit": limit},
                )?;
                let forgotten = u32::try_from(forgotten).unwrap_or(u32::MAX);
                Ok((forgotten, unreadable(connection, over_by, limit.saturating_sub(forgotten))?))
            })
            .await?;
        for reference in &unreadable {
            let alarm = Alarm::Record.as_str();
            tracing::error!(reference, alarm, "a record cannot be read to forget its person");
        }
        let left_out = u32::try_from(unreadable.len()).unwrap_or(u32::MAX);
        Ok(ForgottenSome { found: forgotten.saturating_add(left_out), forgotten })
    }
}

/// The references of those whose time has come and that cannot be read, `limit` at most.
fn unreadable(
    connection: &Connection,
    over_by: UnixMillis,
    limit: u32,
) -> rusqlite::Result<Vec<Option<String>>> {
    let sql = format!(
        "SELECT id FROM authorizations WHERE forget_at <= ?1 AND NOT ({READABLE}) ORDER BY forget_at LIMIT ?2"
    );
    connection.prepare_cached(&sql)?.query_map(params![over_by, limit], |row| Ok(row.get(0).ok()))?.collect()
}
