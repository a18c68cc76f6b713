//! A return: the exchange's claim and end, and the settlement.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, named_params};

use crate::model::authorization::{Authorization, MAX_CODES, Status};
use crate::model::claim::{EXCHANGE_LEASE, ExchangeClaim, claim_refusal};
use crate::model::id::{AuthorizationId, OperationId};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::rows::find;
use crate::store::{Claimed, RecordReturns, Settled, Settlement, StoreError};

#[async_trait]
impl RecordReturns for SqliteStore {
    async fn claim_exchange(&self, claim: &ExchangeClaim) -> Result<Claimed, StoreError> {
        let claim = claim.clone();
        self.0
            .run(move |connection| {
                let claimed = connection
                    .prepare_cached(
                        "UPDATE authorizations SET status = 'EXCHANGING', exchange_by = :by, exchange_until = :until,
                             codes = json_insert(codes, '$[#]', :code)
                         WHERE id = :id AND state_digest = :state AND link_source = 'alipay' AND expires_at > :now
                           AND (status IN ('ISSUED', 'EXCHANGE_UNKNOWN')
                                OR status = 'EXCHANGING' AND exchange_until <= :now)
                           AND json_array_length(codes) < :max_codes AND instr(codes, :code) = 0",
                    )?
                    .execute(named_params! {
                        ":id": claim.id,
                        ":by": claim.operation,
                        ":until": claim.now + EXCHANGE_LEASE,
                        ":code": claim.code_digest,
                        ":state": claim.state_digest,
                        ":now": claim.now,
                        ":max_codes": MAX_CODES as i64,
                    })?;
                let record = find(connection, &claim.id)?.map(Box::new);
                let ours = |record: &Authorization| {
                    claimed == 1 || record.exchange_is_held_by(&claim.operation)
                };
                Ok(match record {
                    Some(record) if ours(&record) => Claimed::Ours(record),
                    record => Claimed::Refused(claim_refusal(record.as_deref(), &claim), record),
                })
            })
            .await
    }

    async fn exchange_refused(&self, id: &AuthorizationId, holder: &OperationId) -> Result<bool, StoreError> {
        self.end_exchange(id, holder, Status::Issued).await
    }

    async fn exchange_unknown(&self, id: &AuthorizationId, holder: &OperationId) -> Result<bool, StoreError> {
        self.end_exchange(id, holder, Status::ExchangeUnknown).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<Settled, StoreError> {
        let settlement = settlement.clone();
        self.0
            .run(move |connection| {
                let identity = &settlement.identity;
                let due_at = settlement.deliver.then_some(settlement.now);
                let settled = connection
                    .prepare_cached(
                        "UPDATE authorizations SET status = 'AUTHORIZED', open_id = :open_id,
                             alipay_user_id = :user_id, authorized_at = :now, body = :body, link = NULL,
                             retain_until = :retain_until, pending_state = NULL, exchange_until = NULL, settled_by = :by,
                             settled_code = :code, next_attempt_at = :due_at, due_at = :due_at
                         WHERE id = :id AND open_id IS NULL AND alipay_user_id IS NULL",
                    )?
                    .execute(named_params! {
                        ":id": settlement.id,
                        ":open_id": identity.open_id().map(|id| id.reveal()),
                        ":user_id": identity.user_id().map(|id| id.reveal()),
                        ":now": settlement.now,
                        ":body": settlement.body.reveal().as_ref(),
                        ":by": settlement.operation,
                        ":code": settlement.code_digest,
                        ":due_at": due_at,
                        ":retain_until": settlement.retain_until,
                    })?;
                if settled == 1 {
                    return Ok(Settled::Recorded);
                }
                let by = settled_by(connection, &settlement.id)?;
                let old = find(connection, &settlement.id)?;
                Ok(match old.as_ref().and_then(Authorization::identity) {
                    Some(_) if by.as_deref() == Some(settlement.operation.as_str()) => Settled::Recorded,
                    Some(old) if old.agrees_with(identity) => Settled::AlreadyRecorded,
                    Some(_) => Settled::Conflict,
                    None => Settled::NotFound,
                })
            })
            .await
    }
}

fn settled_by(connection: &Connection, id: &AuthorizationId) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT settled_by FROM authorizations WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()
        .map(Option::flatten)
}

impl SqliteStore {
    async fn end_exchange(
        &self,
        id: &AuthorizationId,
        holder: &OperationId,
        status: Status,
    ) -> Result<bool, StoreError> {
        let (id, holder) = (id.clone(), holder.clone());
        self.0
            .run(move |connection| {
                // The second half of the condition is a repeat of our own write.
                let ended = connection
                    .prepare_cached(
                        "UPDATE authorizations SET status = :status, exchange_until = NULL
                         WHERE id = :id AND exchange_by = :by AND status IN ('EXCHANGING', :status)",
                    )?
                    .execute(named_params! {":id": id, ":by": holder, ":status": status})?;
                Ok(ended == 1)
            })
            .await
    }
}
