//! The cause of a TLS handshake that failed, by the types of its error.

use std::cell::Cell;
use std::error::Error;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, CertificateError, SignatureScheme};

use crate::egress::error_chain::find;
use crate::model::delivery_outcome::TlsFailure;

tokio::task_local! {
    /// True once the server of the connection that this task makes has asked for a certificate.
    pub(crate) static CERTIFICATE_WANTED: Cell<bool>;
}

/// We have no certificate of our own, and note that one was wanted: under TLS 1.2 the refusal that follows is the same
/// alert as that for want of a common suite.
#[derive(Debug)]
pub(crate) struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // Without a task there is nobody to tell.
        let _ = CERTIFICATE_WANTED.try_with(|wanted| wanted.set(true));
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// A handshake failed in which a certificate of the client's was wanted.
#[derive(Debug, thiserror::Error)]
#[error("the server wanted a certificate")]
pub(crate) struct ClientCertificateError(#[source] pub(crate) Box<dyn Error + Send + Sync>);

/// The cause of a failure of TLS; `None` if `error` is none.
pub(crate) fn tls_failure(error: &(dyn Error + 'static)) -> Option<TlsFailure> {
    let tls = find::<rustls::Error>(error)?;
    let refused = matches!(tls, rustls::Error::AlertReceived(_));
    let wanted = find::<ClientCertificateError>(error).is_some();
    Some(if refused && wanted { TlsFailure::ClientCertificate } else { cause(tls) })
}

fn cause(error: &rustls::Error) -> TlsFailure {
    match error {
        rustls::Error::InvalidCertificate(flaw) => match flaw {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFailure::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TlsFailure::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsFailure::WrongName
            }
            CertificateError::UnknownIssuer => TlsFailure::UnknownIssuer,
            _ => TlsFailure::BadCertificate,
        },
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => TlsFailure::ClientCertificate,
        rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => TlsFailure::WrongName,
        rustls::Error::AlertReceived(
            AlertDescription::HandshakeFailure
            | AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity,
        )
        | rustls::Error::PeerIncompatible(_) => TlsFailure::NothingInCommon,
        rustls::Error::InvalidMessage(_) => TlsFailure::NotTls,
        _ => TlsFailure::Other,
    }
}

#[cfg(test)]
mod tests {
    use rustls::{InvalidMessage, PeerIncompatible};

    use super::*;

    #[test]
    fn every_cause_has_its_word() {
        let alert = rustls::Error::AlertReceived;
        let flaw = rustls::Error::InvalidCertificate;
        for (error, word, wanted) in [
            (flaw(CertificateError::Expired), "expired", "expired"),
            (flaw(CertificateError::NotValidYet), "not_yet_valid", "not_yet_valid"),
            (flaw(CertificateError::NotValidForName), "wrong_name", "wrong_name"),
            (flaw(CertificateError::UnknownIssuer), "unknown_issuer", "unknown_issuer"),
            (flaw(CertificateError::BadSignature), "bad_certificate", "bad_certificate"),
            (alert(AlertDescription::UnrecognisedName), "wrong_name", "client_certificate"),
            (alert(AlertDescription::CertificateRequired), "client_certificate", "client_certificate"),
            (alert(AlertDescription::HandshakeFailure), "nothing_in_common", "client_certificate"),
            (alert(AlertDescription::ProtocolVersion), "nothing_in_common", "client_certificate"),
            (alert(AlertDescription::BadCertificate), "other", "client_certificate"),
            (PeerIncompatible::NoCipherSuitesInCommon.into(), "nothing_in_common", "nothing_in_common"),
            (InvalidMessage::InvalidContentType.into(), "not_tls", "not_tls"),
            (rustls::Error::DecryptError, "other", "other"),
        ] {
            assert_eq!(tls_failure(&error).map(TlsFailure::as_str), Some(word), "{error}");
            let error = ClientCertificateError(error.into());
            assert_eq!(tls_failure(&error).map(TlsFailure::as_str), Some(wanted), "{error:?}");
        }
        assert_eq!(tls_failure(&std::io::Error::other("no TLS")), None);
    }
}
