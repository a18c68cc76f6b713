//! Alibaba Cloud's RPC signatures, as the callers of one of its actions make them: V1 in the parameters, V3 in the
//! headers.
//!
//! Alibaba Cloud's gateway reports errors in a fixed order: the action, the access key, the time stamp, the signature,
//! the nonce. So reading a [`Call`] cannot fail, and each accessor reports the errors of its own part. The values of
//! accessors are trusted only once [`Call::verify`] has accepted, and then they are what was signed: both are made of
//! the same decoded bytes.
//!
//! The rules are Alibaba Cloud's own ("Signature method V1" of the RPC style, "V3 request structure and signature"),
//! and those of its official SDKs. V1 signs neither path nor headers, and V3 the path as it is on the wire, so the host
//! must take such calls on one path only.
//!
//! Calls to Alibaba Cloud are [`OutgoingCall`]s: V3, by the same canonical form.

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
    AlibabaCloudCallError, IncompleteSignatureError, MAX_SHOWN_BYTES, ParameterError, SignatureError,
    SignatureMismatch,
};
pub use crate::signing::alibaba_cloud::freshness::{NONCE_LIFETIME, WINDOW, is_fresh};
pub use crate::signing::alibaba_cloud::outgoing::{OutgoingCall, authorization};
pub use crate::signing::alibaba_cloud::secret::AccessKeySecret;
