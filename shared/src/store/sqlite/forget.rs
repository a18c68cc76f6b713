//! Forgetting a person: one update that empties every column which says who it is.

use async_trait::async_trait;
use rusqlite::named_params;

use crate::model::authorization::Callback;
use crate::model::clock::UnixMillis;
use crate::model::forgetting::Forgetting;
use crate::model::id::AuthorizationId;
use crate::model::purge::RECORDS_APART;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::clockwork::look;
use crate::store::sqlite::rows::{find, to_json};
use crate::store::{ForgetDelivered, ForgetPersons, ForgottenSome, StoreError};

const FORGET: &str = "UPDATE authorizations SET forgotten_at = :now,
         status = iif(status = 'EXCHANGING', 'EXCHANGE_UNKNOWN', status),
         requested = json_replace(requested,
             '$.merchant.userId', '', '$.scheme.phoneTail', '', '$.scheme.phoneHash', ''),
         callback = :nowhere, parameters_digest = '', codes = '[]', terms = '{}', link = NULL, pending_state = NULL,
         open_id = NULL, alipay_user_id = NULL, settled_code = NULL, body = NULL,
         history = (SELECT json_group_array(json_remove(value, '$.answer')) FROM json_each(history)),
         exchange_by = NULL, exchange_until = NULL, delivery_by = NULL, delivery_until = NULL,
         next_attempt_at = NULL, due_at = NULL, forget_at = NULL";

#[async_trait]
impl ForgetPersons for SqliteStore {
    async fn forget(&self, id: &AuthorizationId, now: UnixMillis) -> Result<Forgetting, StoreError> {
        let id = id.clone();
        self.0
            .run(move |connection| {
                let sql = format!(
                    "{FORGET} WHERE id = :id AND forgotten_at IS NULL
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
        self.0
            .run(move |connection| {
                let Some(over_by) = look(connection, now)?.over_by(now, RECORDS_APART) else {
                    return Ok(ForgottenSome::default());
                };
                let sql = format!(
                    "{FORGET} WHERE id IN
                         (SELECT id FROM authorizations WHERE forget_at <= :over_by ORDER BY forget_at LIMIT :limit)"
                );
                let nowhere = to_json(&Callback::Nowhere)?;
                let forgotten = connection.prepare_cached(&sql)?.execute(
                    named_params! {":now": now, ":nowhere": nowhere, ":over_by": over_by, ":limit": limit},
                )?;
                Ok(ForgottenSome::all(u32::try_from(forgotten).unwrap_or(u32::MAX)))
            })
            .await
    }
}
