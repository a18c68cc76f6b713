//! A nonce as it is used up, so that a signed call cannot come twice.

use crate::model::clock::UnixMillis;
use crate::model::id::OperationId;

/// One use of a nonce by a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonceUse {
    /// The owner of the nonces: a businessId, or `access-key:` and an AccessKeyId.
    pub space: String,
    pub nonce: String,
    /// The time of the use.
    pub used_at: UnixMillis,
    /// The end of the time in which it must not be used again.
    pub until: UnixMillis,
    /// The write that uses it.
    pub operation: OperationId,
}
