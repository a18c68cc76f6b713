//! A return: the exchange's claim and end, and the settlement.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, named_params, params};

use crate::model::authorization::{
    Authorization, LONGEST_EXTENSION, MAX_CODES, MAX_REFUSED_CODES, RETRY_GRACE_PERIOD,
};
use crate::model::claim::{EXCHANGE_LEASE, EndedExchange, ExchangeClaim, ExchangeEnding, claim_refusal};
use crate::model::clock::UnixMillis;
use crate::model::id::AuthorizationId;
use crate::model::link_source::LinkSource;
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
                         WHERE id = :id AND state_digest = :state AND link_source = :source
                           AND (status IN ('ISSUED', 'EXCHANGE_UNKNOWN')
                                OR status = 'EXCHANGING' AND exchange_until <= :now)
                           AND (expires_at > :now
                                OR expires_at + :extension > :now
                                   AND max(coalesce(retry_until, 0), coalesce(exchange_until + :grace, 0)) > :now)
                           AND json_array_length(codes) < :max_codes AND instr(codes, :code) = 0
                           AND refused_codes < :max_refused AND forgotten_at IS NULL",
                    )?
                    .execute(named_params! {
                        ":id": claim.id,
                        ":by": claim.operation,
                        ":until": claim.now + EXCHANGE_LEASE,
                        ":code": claim.code_digest,
                        ":state": claim.state_digest,
                        ":source": LinkSource::Alipay(claim.app.clone()),
                        ":now": claim.now,
                        ":max_codes": MAX_CODES as i64,
                        ":max_refused": MAX_REFUSED_CODES,
                        ":grace": RETRY_GRACE_PERIOD.as_millis() as i64,
                        ":extension": LONGEST_EXTENSION.as_millis() as i64,
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

    async fn end_exchange(&self, ended: &EndedExchange) -> Result<bool, StoreError> {
        let ended = ended.clone();
        self.0
            .run(move |connection| {
                let not_sent = ended.ending == ExchangeEnding::NotSent;
                let done = connection
                    .prepare_cached(
                        "UPDATE authorizations SET status = :status, exchange_until = NULL, retry_until = :retry_until,
                             refused_codes = refused_codes + :refused,
                             codes = iif(:not_sent, json_remove(codes, '$[' || :place || ']'), codes)
                         WHERE id = :id AND exchange_by = :by AND status = 'EXCHANGING'",
                    )?
                    .execute(named_params! {
                        ":id": ended.id,
                        ":by": ended.holder,
                        ":status": ended.ending.status(),
                        ":retry_until": ended.retry_until,
                        ":refused": u32::from(ended.ending == ExchangeEnding::CodeRefused),
                        ":not_sent": not_sent,
                        ":place": ended.code_place as i64,
                    })?;
                Ok(done == 1 || was_ended(connection, &ended)?)
            })
            .await
    }

    async fn record_refusal(&self, id: &AuthorizationId, now: UnixMillis) -> Result<bool, StoreError> {
        let id = id.clone();
        self.0
            .run(move |connection| {
                let recorded = connection
                    .prepare_cached(
                        "UPDATE authorizations SET refused_at = ?2
                         WHERE id = ?1 AND refused_at IS NULL AND authorized_at IS NULL AND forgotten_at IS NULL",
                    )?
                    .execute(params![id, now])?;
                Ok(recorded == 1)
            })
            .await
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
                             alipay_user_id = :user_id, authorized_at = :now, body = :body, link = NULL, parameters_digest = '',
                             retain_until = :retain_until, pending_state = NULL, exchange_until = NULL, settled_by = :by,
                             settled_code = :code, next_attempt_at = :due_at, due_at = :due_at
                         WHERE id = :id AND open_id IS NULL AND alipay_user_id IS NULL
                           AND forgotten_at IS NULL",
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
                if old.as_ref().is_some_and(|old| old.forgotten_at().is_some()) {
                    return Ok(Settled::Forgotten);
                }
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

/// A claim that its holder has ended is an earlier try of the same write that had succeeded.
fn was_ended(connection: &Connection, ended: &EndedExchange) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM authorizations WHERE id = ?1 AND exchange_by = ?2 AND status = ?3")?
        .exists(params![ended.id, ended.holder, ended.ending.status()])
}
