//! Attempts, and finding what is due.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params};

use crate::model::authorization::{Attempt, Authorization, Status};
use crate::model::claim::{AttemptClaim, attempt_refusal};
use crate::model::clock::UnixMillis;
use crate::model::id::{AuthorizationId, OperationId};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::rows::{find, to_json};
use crate::store::{AfterAttempt, AttemptClaimed, Due, FindDue, RecordDeliveries, StoreError, TakenUp};
use crate::telemetry::Alarm;

#[async_trait]
impl RecordDeliveries for SqliteStore {
    async fn claim_attempt(&self, claim: &AttemptClaim) -> Result<AttemptClaimed, StoreError> {
        let claim = claim.clone();
        self.0
            .run(move |connection| {
                let claimed = connection
                    .prepare_cached(
                        "UPDATE authorizations SET attempts = attempts + 1, delivery_by = :by,
                             delivery_until = :until
                         WHERE id = :id AND status = 'AUTHORIZED' AND attempts = :before AND attempts < :allowed
                           AND next_attempt_at <= :now AND (delivery_until IS NULL OR delivery_until <= :now)",
                    )?
                    .execute(named_params! {
                        ":id": claim.id,
                        ":before": claim.attempts_before,
                        ":allowed": claim.attempts_allowed,
                        ":by": claim.operation,
                        ":until": claim.lease_until,
                        ":now": claim.now,
                    })?;
                let record = find(connection, &claim.id)?.map(Box::new);
                let ours = |record: &Authorization| {
                    claimed == 1 || record.attempt_is_held_by(&claim.operation)
                };
                Ok(match record {
                    Some(record) if ours(&record) => AttemptClaimed::Ours(record),
                    record => AttemptClaimed::Refused(attempt_refusal(record.as_deref(), &claim)),
                })
            })
            .await
    }

    async fn conclude_attempt(
        &self,
        id: &AuthorizationId,
        holder: &OperationId,
        history: &[Attempt],
        next: AfterAttempt,
    ) -> Result<bool, StoreError> {
        let (id, holder, history) = (id.clone(), holder.clone(), history.to_vec());
        let (status, next_attempt_at, due_at, forget_at) = match next {
            AfterAttempt::Delivered { forget_at } => (Status::Delivered, None, None, forget_at),
            AfterAttempt::Retry { at, due_at } => (Status::Authorized, Some(at), Some(due_at), None),
            AfterAttempt::Undeliverable { at: _ } => (Status::Undeliverable, None, None, None),
        };
        self.0
            .run(move |connection| {
                let concluded = connection
                    .prepare_cached(
                        "UPDATE authorizations SET status = :status, next_attempt_at = :next, due_at = :due_at,
                             forget_at = :forget_at, delivery_until = NULL, history = :history
                         WHERE id = :id AND delivery_by = :by AND delivery_until IS NOT NULL",
                    )?
                    .execute(named_params! {
                        ":id": id,
                        ":by": holder,
                        ":status": status,
                        ":next": next_attempt_at,
                        ":due_at": due_at,
                        ":forget_at": forget_at,
                        ":history": to_json(&history)?,
                    })?;
                Ok(concluded == 1 || holds_ended_lease(connection, &id, &holder)?)
            })
            .await
    }

    async fn release_attempt(
        &self,
        id: &AuthorizationId,
        holder: &OperationId,
        due_at: UnixMillis,
    ) -> Result<bool, StoreError> {
        let (id, holder) = (id.clone(), holder.clone());
        self.0
            .run(move |connection| {
                let released = connection
                    .prepare_cached(
                        "UPDATE authorizations SET attempts = attempts - 1, due_at = :due_at, delivery_until = NULL
                         WHERE id = :id AND delivery_by = :by AND delivery_until IS NOT NULL",
                    )?
                    .execute(named_params! {":id": id, ":by": holder, ":due_at": due_at})?;
                Ok(released == 1 || holds_ended_lease(connection, &id, &holder)?)
            })
            .await
    }

    async fn give_up(
        &self,
        id: &AuthorizationId,
        attempts: u32,
        operation: &OperationId,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let (id, operation) = (id.clone(), operation.clone());
        self.0
            .run(move |connection| {
                let given_up = connection
                    .prepare_cached(
                        "UPDATE authorizations SET status = 'UNDELIVERABLE', next_attempt_at = NULL, due_at = NULL,
                             delivery_by = :by, delivery_until = NULL
                         WHERE id = :id AND attempts = :attempts AND forgotten_at IS NULL
                           AND (status = 'AUTHORIZED' AND (delivery_until IS NULL OR delivery_until <= :now)
                                OR status = 'UNDELIVERABLE' AND delivery_by = :by)",
                    )?
                    .execute(named_params! {":id": id, ":attempts": attempts, ":by": operation, ":now": now})?;
                Ok(given_up == 1)
            })
            .await
    }
}

/// A lease without an end is one that its holder has ended: an earlier try of the same write had succeeded.
fn holds_ended_lease(
    connection: &Connection,
    id: &AuthorizationId,
    holder: &OperationId,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT 1 FROM authorizations WHERE id = ?1 AND delivery_by = ?2 AND delivery_until IS NULL",
        )?
        .exists(params![id, holder])
}

/// The rows that are looked at for each that is wanted, so that many that cannot be read hold nobody up.
const ROWS_FOR_EACH: u32 = 10;

/// A due row that cannot be read, by its reference.
type Unreadable = (Option<String>, rusqlite::Error);

fn read_due(row: &Row<'_>) -> Result<Due, Unreadable> {
    let due = || {
        Ok(Due {
            id: row.get("id")?,
            owner: row.get("owner")?,
            next_attempt_at: row.get("next_attempt_at")?,
            due_at: row.get("due_at")?,
        })
    };
    due().map_err(|error| (row.get("id").ok(), error))
}

#[async_trait]
impl FindDue for SqliteStore {
    async fn due(&self, now: UnixMillis, limit: u32) -> Result<Vec<Due>, StoreError> {
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let (found, unreadable) = self
            .0
            .run(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT id, owner, next_attempt_at, due_at FROM authorizations
                     WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2",
                )?;
                let mut rows = statement.query(params![now, limit.saturating_mul(ROWS_FOR_EACH)])?;
                let (mut found, mut unreadable) = (Vec::new(), Vec::new());
                while found.len() < wanted
                    && let Some(row) = rows.next()?
                {
                    match read_due(row) {
                        Ok(due) => found.push(due),
                        Err(error) => unreadable.push(error),
                    }
                }
                Ok((found, unreadable))
            })
            .await?;
        for (reference, error) in unreadable {
            let alarm = Alarm::Record.as_str();
            tracing::error!(reference, %error, alarm, "a due record cannot be read");
        }
        Ok(found)
    }

    async fn postpone(&self, due: &Due, until: UnixMillis) -> Result<Option<TakenUp>, StoreError> {
        let due = due.clone();
        self.0
            .run(move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE authorizations SET due_at = ?3 WHERE id = ?1 AND due_at = ?2
                         RETURNING attempts, delivery_until",
                    )?
                    .query_row(params![due.id, due.due_at, until], |row| {
                        Ok(TakenUp { attempts: row.get(0)?, lease_until: row.get(1)? })
                    })
                    .optional()
            })
            .await
    }

    async fn end_watch(&self, due: &Due) -> Result<bool, StoreError> {
        let due = due.clone();
        self.0
            .run(move |connection| {
                let ended = connection
                    .prepare_cached(
                        "UPDATE authorizations SET due_at = NULL
                         WHERE id = ?1 AND due_at = ?2 AND authorized_at IS NULL",
                    )?
                    .execute(params![due.id, due.due_at])?;
                Ok(ended == 1)
            })
            .await
    }
}
