//! The HTTP client of the AWS SDK, with its trusted roots compiled in.
//!
//! The SDK's own default client reads the system's certificates, which costs milliseconds of every cold start and
//! fails in an image without them. This one brings Mozilla's list, as the client of [`crate::http`] does. The SDK
//! takes roots as PEM certificates only, hence the detour over PEM.

use aws_sdk_secretsmanager::config::SharedHttpClient;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use pem::Pem;

/// A client for any AWS service: rustls with aws-lc, bundled roots, no proxy. Build it once and give it to every
/// service's client, so that they share connections.
#[must_use]
pub fn https_client() -> SharedHttpClient {
    let roots: Vec<Pem> = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|certificate| Pem::new("CERTIFICATE", certificate.as_ref()))
        .collect();
    let trust_store = TrustStore::empty().with_pem_certificate(pem::encode_many(&roots));
    let tls = TlsContext::builder()
        .with_trust_store(trust_store)
        .build()
        .unwrap_or_else(|error| unreachable!("a trust store of certificates is a context: {error}"));
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls).build_https()
}
