//! TLS as every outgoing call has it.

use std::sync::Arc;

use rustls::RootCertStore;

/// Mozilla's roots, as they are compiled in.
#[must_use]
pub fn bundled_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// TLS 1.2 and 1.3 by aws-lc-rs.
#[must_use]
pub fn tls_config(roots: RootCertStore) -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
        .unwrap_or_else(|error| unreachable!("aws-lc-rs supports TLS 1.2 and 1.3: {error}"))
}
