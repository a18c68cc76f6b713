//! A row as a record, and back.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::authorization::{Authorization, Lease, Status};
use crate::model::clock::UnixMillis;
use crate::model::end_date::EndDate;
use crate::model::id::{AuthorizationId, OperationId, State};
use crate::model::identity::{AlipayUserId, Identity, OpenId};
use crate::model::link_source::LinkSource;
use crate::model::notice::Notice;
use crate::model::owner::Owner;
use crate::model::short_fingerprint::ShortFingerprint;
use crate::store::stored_authorization::StoredAuthorization;

impl ToSql for UnixMillis {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for UnixMillis {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self)
    }
}

impl ToSql for Status {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.as_str().to_sql()
    }
}

impl FromSql for Status {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(|_| FromSqlError::InvalidType)
    }
}

impl ToSql for AuthorizationId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.as_str().to_sql()
    }
}

impl ToSql for Owner {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

impl ToSql for LinkSource {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

macro_rules! read_by_parse {
    ($($kind:ident),+) => {$(
        impl FromSql for $kind {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Self::parse(value.as_str()?).ok_or(FromSqlError::InvalidType)
            }
        }
    )+};
}

read_by_parse!(AlipayUserId, AuthorizationId, EndDate, LinkSource, Notice, OpenId, Owner, State);

impl ToSql for OperationId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.as_str().to_sql()
    }
}

pub(super) fn find(connection: &Connection, id: &AuthorizationId) -> rusqlite::Result<Option<Authorization>> {
    connection.prepare_cached("SELECT * FROM authorizations WHERE id = ?1")?.query_row([id], read).optional()
}

pub(super) fn insert(
    connection: &Connection,
    new: Authorization,
    operation: &OperationId,
) -> rusqlite::Result<usize> {
    let owner = new.owner();
    let new = StoredAuthorization::from(new);
    connection
        .prepare_cached(
            "INSERT INTO authorizations (id, owner, requested, verified_by, link_source, callback, parameters_digest, state_digest,
                 pending_state, link,
                 status, created_at, created_by, expires_at, retain_until, terms, notice,
                 authorized_at, body, next_attempt_at, due_at)
             VALUES (:id, :owner, :requested, :verified_by, :link_source, :callback, :parameters_digest, :state_digest,
                 :pending_state, :link,
                 :status, :created_at, :created_by, :expires_at, :retain_until, :terms, :notice,
                 :authorized_at, :body, :next_attempt_at, :due_at)
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(named_params! {
            ":id": new.id,
            ":owner": owner,
            ":requested": to_json(&new.request)?,
            ":verified_by": new.verified_by.map(|key| key.to_string()),
            ":link_source": new.source,
            ":callback": to_json(&new.callback)?,
            ":parameters_digest": new.parameters_digest,
            ":state_digest": new.state_digest,
            ":pending_state": new.pending_state.as_ref().map(State::reveal),
            ":link": new.link,
            ":status": new.status,
            ":created_at": new.created_at,
            ":created_by": operation,
            ":expires_at": new.expires_at,
            ":retain_until": new.retain_until,
            ":terms": to_json(&new.terms)?,
            ":notice": new.notice.map(Notice::as_str),
            ":authorized_at": new.authorized_at,
            ":body": new.body,
            ":next_attempt_at": new.next_attempt_at,
            ":due_at": new.due_at,
        })
}

pub(super) fn to_json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Authorization> {
    let stored = StoredAuthorization {
        id: row.get("id")?,
        request: from_json(row, "requested")?,
        // It decides nothing: what another version wrote is taken as absent.
        verified_by: row
            .get::<_, Option<String>>("verified_by")?
            .and_then(|text| ShortFingerprint::parse(&text)),
        source: row.get("link_source")?,
        callback: from_json(row, "callback")?,
        parameters_digest: row.get("parameters_digest")?,
        state_digest: row.get("state_digest")?,
        pending_state: row.get("pending_state")?,
        link: row.get("link")?,
        status: row.get("status")?,
        created_at: row.get("created_at")?,
        linked_at: row.get("linked_at")?,
        expires_at: row.get("expires_at")?,
        retry_until: row.get("retry_until")?,
        retain_until: row.get("retain_until")?,
        codes: from_json(row, "codes")?,
        refused_codes: row.get("refused_codes")?,
        opened_at: row.get("opened_at")?,
        refused_at: row.get("refused_at")?,
        terms: from_json(row, "terms")?,
        notice: row.get("notice")?,
        exchange: lease(row, "exchange_by", "exchange_until")?,
        identity: Identity::new(row.get("open_id")?, row.get("alipay_user_id")?),
        authorized_at: row.get("authorized_at")?,
        consent_code: row.get("settled_code")?,
        body: row.get("body")?,
        attempts: row.get("attempts")?,
        next_attempt_at: row.get("next_attempt_at")?,
        due_at: row.get("due_at")?,
        delivery: lease(row, "delivery_by", "delivery_until")?,
        history: from_json(row, "history")?,
        forgotten_at: row.get("forgotten_at")?,
    };
    Authorization::try_from(stored).map_err(corrupt)
}

/// A lease ends with its `until`; the name of its last holder stays in the record.
fn lease(row: &Row<'_>, holder: &str, until: &str) -> rusqlite::Result<Option<Lease>> {
    let operation: Option<String> = row.get(holder)?;
    let until: Option<UnixMillis> = row.get(until)?;
    Ok(operation
        .zip(until)
        .map(|(operation, until)| Lease { operation: OperationId::recorded(operation), until }))
}

pub(super) fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(corrupt)
}

pub(super) fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
}
