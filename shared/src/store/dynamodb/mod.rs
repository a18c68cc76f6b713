//! Amazon DynamoDB as the store: one table, on demand, that template.yaml makes.
//!
//! | item | `pk` | attributes |
//! |---|---|---|
//! | authorization | `authorization#<id>` | the record, one attribute a field ([`item`]); `ttl` from its retention; `createdBy`, `exchangeBy`, `settledBy`, `deliveryBy`: the operation ids that a repeat recognises its own write by |
//! | nonce | `nonce#<space>#<nonce>` | `until` (ms), `usedBy` (operation id), `ttl` |
//! | rate limit of an account | `rate-limit#<account>` | `reservedUntil` (µs), `ttl` |
//!
//! The index [`OUTBOX`] holds what is left to do, and nothing else: an authorization is in it while it carries `outbox`
//! and `outboxAt` (ms). `outbox` is `due-<x>` for what is due at `outboxAt`, and `undeliverable-<x>` for what was given
//! up then; `<x>` is the first hex digit of the id, so that sixteen partitions share the writes.
//!
//! Every change is one conditional write of one item, and comes back with the record as it then stands, or with the one
//! that refused it. A link request is a transaction of two. Time is compared with what the items say: DynamoDB deletes
//! by `ttl` days later at worst. Conflicts with a transaction are repeated like throttling, and say nothing about the
//! condition.

mod attribute;
mod authorization_request;
mod conflicts;
mod deliveries;
#[cfg(test)]
mod fixtures;
mod found_link;
mod item;
mod links;
mod operations;
mod reservations;
mod returns;
mod schema;
mod table;

pub use self::schema::{FOUND_ATTRIBUTES, OUTBOX, OUTBOX_ATTRIBUTES, PARTITION_KEY, TIME_TO_LIVE};
pub use self::table::{CALL_TIMEOUT, DynamoStore};
