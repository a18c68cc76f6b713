//! Names in the table: its key, its index, and the attributes that templates, policies or several modules name.

/// The table's partition key, a string; there is no sort key.
pub const PARTITION_KEY: &str = "pk";

/// The key of the item that holds the deny list; functions may read it, and an operator change it.
pub const DENY_LIST: &str = "deny-list";

/// The key of the item that holds the readings of the clock ([`crate::model::purge`]).
pub(super) const CLOCK_READINGS: &str = "looks";

/// The attribute that DynamoDB deletes by, in seconds since 1970.
pub const TIME_TO_LIVE: &str = "ttl";

/// The index of what is due: partition key `outbox` (string), sort key `outboxAt` (number).
pub const OUTBOX: &str = "outbox";

/// The index of what somebody should look at: partition key `attention` (string, one for all), sort key `attentionAt`
/// (number). Its entries are written where something ends badly, and nowhere else.
pub const ATTENTION: &str = "attention";

/// The attributes that [`ATTENTION`] repeats of each record, besides the keys.
pub const ATTENTION_ATTRIBUTES: [&str; 2] = [OWNER, "status"];

/// The index of recent authorizations, which a deployment may leave out: partition key `businessId` (string), sort key
/// `createdAt` (number), keys alone.
pub const RECENT: &str = "recent";

/// The attributes that the index repeats of each record, besides the keys. `attempts` is among them for earlier
/// versions that read it there, as a projection cannot be changed. A claim leaves it as it is, and counts in `begun`
/// until its attempt is concluded: the index has nothing to write then.
pub const OUTBOX_ATTRIBUTES: [&str; 3] = ["attempts", OWNER, "nextAttemptAt"];

/// The attributes that [`FindLinks`](crate::store::FindLinks) reads, besides the key. For the conditions
/// `dynamodb:Attributes` (which counts the key as well) and `dynamodb:Select` = `SPECIFIC_ATTRIBUTES` of a role that
/// must not learn who a user is.
pub const FOUND_ATTRIBUTES: [&str; 9] =
    ["link", "status", "expiresAt", "retryUntil", "exchangeUntil", OWNER, END_DATE, OPENED_AT, TERMS];

/// The attribute of an authorization's owner; its name is of the time when only businesses were owners.
pub(super) const OWNER: &str = "businessId";

/// The attribute of the time of the request, by which [`RECENT`] is sorted.
pub(super) const CREATED_AT: &str = "createdAt";

/// The attribute that [`ATTENTION`] is sorted by.
pub(super) const ATTENTION_AT: &str = "attentionAt";

/// The attribute of the first time that the page behind a link was opened.
pub(super) const OPENED_AT: &str = "openedAt";

/// The attribute of the terms that a link was issued under; an item without it has none.
pub(super) const TERMS: &str = "terms";

/// The attribute of the time at which a record's person was forgotten.
pub(super) const FORGOTTEN_AT: &str = "forgottenAt";

/// The attribute of a scheme's last day.
pub(super) const END_DATE: &str = "endDate";
