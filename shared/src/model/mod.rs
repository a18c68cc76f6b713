//! Records and rules without I/O: an authorization and its life, ids, the deny list, a rate's arithmetic, breakers; and
//! the clock and the randomness that the rest is handed.

pub mod alipay_app_id;
pub mod attention;
pub mod authorization;
pub mod authorization_request;
mod authorization_state;
pub mod breaker;
pub mod claim;
pub mod clock;
pub mod clock_step;
pub mod consent;
pub mod delivery_outcome;
pub mod delivery_subject;
pub mod deny_list;
pub mod end_date;
pub mod forgetting;
pub mod id;
pub mod identity;
pub mod link_source;
pub mod nonce_use;
pub mod notice;
pub mod owner;
pub mod party_id;
pub mod passed_time;
pub mod phone;
pub mod purge;
pub mod random;
pub mod request_id;
pub mod reservation;
pub mod scope;
pub mod short_fingerprint;
pub mod terms;
