//! Alibaba Cloud's RPC signatures, as the callers of one of its actions make them: V1 in the parameters, V3 in the
//! headers.
//!
//! The gateway that such callers are written for answers what is wrong in a certain order: the action, the access key,
//! the time stamp, the signature, the nonce. So a [`Call`] is read whole, never fails to be, and each accessor reports
//! what is wrong with its own part when its turn comes. What an accessor returns is believed only once
//! [`Call::verify`] has accepted, and then it is what was signed: both are made of the same decoded bytes.
//!
//! The rules are Alibaba Cloud's own ("Signature method V1" of the RPC style, "V3 request structure and signature"),
//! and what its official SDKs put on the wire. V1 signs neither path nor headers, and V3 the path as it is on the wire,
//! so the host must take such calls on one path only.
//!
//! Our own calls of Alibaba Cloud are [`OutgoingCall`]s: V3, by the same canonical form.

mod call;
mod error;
mod freshness;
mod headers;
mod outgoing;
mod parameters;
mod secret;
mod v1;
mod v3;

pub use crate::signing::alibaba_cloud::call::{Call, Format, Protocol};
pub use crate::signing::alibaba_cloud::error::{
    CallError, IncompleteSignatureError, MAX_SHOWN_BYTES, ParameterError, SignatureError, SignatureMismatch,
};
pub use crate::signing::alibaba_cloud::freshness::{NONCE_LIFETIME, WINDOW, is_fresh};
pub use crate::signing::alibaba_cloud::outgoing::{OutgoingCall, authorization};
pub use crate::signing::alibaba_cloud::secret::AccessKeySecret;
