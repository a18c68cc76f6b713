//! A certificate authority of the tests' own.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rsa::pkcs8::EncodePrivateKey as _;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::ResolvesServerCertUsingSni;
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use shared::model::clock::UnixMillis;
use time::OffsetDateTime;

use crate::keys;

/// A server's certificate and key, as DER.
pub struct Certified {
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYetValid,
    /// It is for another name.
    AnotherName,
    /// It is by an intermediate authority, whose certificate does not come with it.
    IncompleteChain,
}

/// Vouches for servers.
pub struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Default for Authority {
    fn default() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Of two authorities of one name, what one has issued looks forged to whoever trusts the other.
        params.distinguished_name.push(DnType::CommonName, hex::encode(&key.public_key_raw()[1..17]));
        let certificate = params.self_signed(&key).expect("signs").der().clone();
        Self { certificate, issuer: Issuer::new(params, key) }
    }
}

impl Authority {
    /// This authority, and no other.
    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a root");
        roots
    }

    /// The TLS configuration of a server with this name or address.
    pub fn server(&self, name: &str) -> Arc<ServerConfig> {
        self.server_of(name, rustls::ALL_VERSIONS)
    }

    /// The same, of these versions of TLS alone.
    pub fn server_of(&self, name: &str, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
        let (certificate, key) = self.by_this(name);
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key);
        Arc::new(config.expect("certificate and key fit"))
    }

    /// The TLS configuration of a server with this name, whose certificate ends at `until`.
    pub fn server_until(&self, name: &str, until: UnixMillis) -> Arc<ServerConfig> {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.not_after = OffsetDateTime::from_unix_timestamp(until.0 / 1_000).expect("a time");
        let certificate = params.signed_by(&key, &self.issuer).expect("signs").der().clone();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivatePkcs8KeyDer::from(key.serialize_der()).into());
        Arc::new(config.expect("certificate and key fit"))
    }

    /// The same, for clients alone that ask for `name`.
    pub fn server_by_sni(&self, name: &str) -> Arc<ServerConfig> {
        let (certificate, key) = self.by_this(name);
        let key = any_supported_type(&key).expect("a key that signs");
        let mut names = ResolvesServerCertUsingSni::new();
        names.add(name, CertifiedKey::new(vec![certificate], key)).expect("it is for the name");
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(names));
        Arc::new(config)
    }

    fn by_this(&self, name: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("signs").der().clone();
        (certificate, PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }

    /// A certificate for `name` with an RSA key, which every suite can use.
    pub fn certify(&self, name: &str, flaw: Option<Flaw>) -> Certified {
        let key = keys::app().to_pkcs8_der().expect("encodes").as_bytes().to_vec();
        let pair = KeyPair::try_from(key.as_slice()).expect("a key");
        let name = if flaw == Some(Flaw::AnotherName) { "other.test" } else { name };
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        match flaw {
            Some(Flaw::Expired) => params.not_after = date_time_ymd(2024, 1, 1),
            Some(Flaw::NotYetValid) => params.not_before = date_time_ymd(4_000, 1, 1),
            Some(Flaw::AnotherName | Flaw::IncompleteChain) | None => {}
        }
        let certificate = if flaw == Some(Flaw::IncompleteChain) {
            let mut between = CertificateParams::default();
            between.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            between.distinguished_name.push(DnType::CommonName, "intermediate");
            params.signed_by(&pair, &Issuer::new(between, KeyPair::generate().expect("a key")))
        } else {
            params.signed_by(&pair, &self.issuer)
        };
        Certified { certificate: certificate.expect("signs").der().to_vec(), key }
    }
}
