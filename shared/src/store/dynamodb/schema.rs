//! Names in the table: its key, its index, and the attributes that templates, policies or several modules name.

/// The table's partition key, a string; there is no sort key.
pub const PARTITION_KEY: &str = "pk";

/// The attribute that DynamoDB deletes by, in seconds since 1970.
pub const TIME_TO_LIVE: &str = "ttl";

/// The index of what is left to do: partition key `outbox` (string), sort key `outboxAt` (number).
pub const OUTBOX: &str = "outbox";

/// The attributes that the index repeats of each record, besides the keys.
pub const OUTBOX_ATTRIBUTES: [&str; 3] = ["attempts", OWNER, "nextAttemptAt"];

/// The attributes that [`FindLinks`](crate::store::FindLinks) reads, besides the key. For the conditions
/// `dynamodb:Attributes` (which counts the key as well) and `dynamodb:Select` = `SPECIFIC_ATTRIBUTES` of a role that
/// must not learn who a user is.
pub const FOUND_ATTRIBUTES: [&str; 5] = ["link", "status", "expiresAt", OWNER, END_DATE];

/// The attribute of an authorization's owner; its name is of the time when only businesses were owners.
pub(super) const OWNER: &str = "businessId";

/// The attribute of a scheme's last day.
pub(super) const END_DATE: &str = "endDate";
