//! Amazon DynamoDB as the store: one table, on demand, that template.yaml makes.
//!
//! | item | `pk` | attributes |
//! |---|---|---|
//! | authorization | `authorization#<id>` | the record, one attribute a field ([`item`]); `ttl` from its retention; `createdBy`, `exchangeBy`, `settledBy`, `deliveryBy`: the operation ids that a repeat recognises its own write by. The first two, the codes and the digest of the parameters go with the settlement, which keeps the record below a KB. What says who it is goes when the person is forgotten, and `forgottenAt` comes |
//! | nonce | `nonce#<space>#<nonce>` | `until` (ms), `usedBy` (operation id), `ttl` |
//! | the deny list | `deny-list` | `denied`, a set of the entries' texts |
//! | the readings of the clock ([`clock_readings`]) | `looks` | `looks`, a set of times (ms) |
//! | rate limit of an account | `rate-limit#<account>` | `reservedUntil` (µs), `ttl` |
//!
//! The index [`OUTBOX`] holds what is due, and nothing else: an authorization is in it while it carries `outbox` and
//! `outboxAt` (ms), the time at which it is due. `outbox` is `due-<x>`, or `personal-<x>` for what was delivered and
//! whose person is to be forgotten then; `<x>` is the first hex digit of the id, so that sixteen partitions share the
//! writes. A claim of an attempt leaves the index alone.
//!
//! The index [`ATTENTION`] holds what ended badly, while the record carries `attention` (`needed`) and `attentionAt`
//! (ms): what was given up, an exchange without an answer, a consent without an address to tell it to. All of it is in
//! one partition, so that one query has the latest; nothing that goes well is ever written there.
//!
//! Every change is one conditional write of one item, and comes back with the record as it then stands, or with the one
//! that refused it. A link request is a transaction of two. Time is compared with what the items say: DynamoDB deletes
//! by `ttl` days later at worst. Conflicts with a transaction are repeated like throttling, and say nothing about the
//! condition.

mod attribute;
mod authorization_request;
mod clock_readings;
mod conflicts;
mod deliveries;
mod deny_list;
#[cfg(test)]
mod fixtures;
mod forget;
mod found_link;
mod item;
mod links;
mod listing;
mod operations;
mod records;
mod reservations;
mod returns;
mod schema;
mod table;

pub use self::schema::{
    ATTENTION, ATTENTION_ATTRIBUTES, DENY_LIST, FOUND_ATTRIBUTES, OUTBOX, OUTBOX_ATTRIBUTES, PARTITION_KEY,
    RECENT, TIME_TO_LIVE,
};
pub use self::table::{CALL_TIMEOUT, DynamoStore};
