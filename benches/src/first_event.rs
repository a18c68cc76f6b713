//! The first event of a fresh process, with the connections to AWS that its start makes, and without: over TLS, to
//! stand-ins at a distance.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use alipay_auth_url::AlipayAuthUrl;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use local::folder::BUSINESS_ID;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{RootCertStore, ServerConfig};
use serde_json::Value;
use shared::aws::first_connections::{Services, connect};
use shared::aws::{SdkConfig, http_client_trusting};
use shared::model::clock::SystemClock;
use shared::registry::DenyListCache;
use shared::secrets::SecretsManager;
use shared::store::dynamodb::DynamoStore;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::Error;
use crate::in_process::links_by;
use crate::requests::Senders;
use crate::results::median;
use crate::servers::{FakeServices, listen, sdk_at};

/// Odd, so that there is a median.
const ROUNDS: usize = 101;
const NAME: &str = "localhost";
/// The time that a packet takes there and back.
const DISTANCES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(5)];

/// Measures each distance and prints a line for it; an event that gains nothing misses its bound.
pub(crate) async fn measure(senders: &Senders) -> Result<Vec<String>, Error> {
    let mut missed = Vec::new();
    for distance in DISTANCES {
        let stage = Stage::at(distance, senders).await?;
        let (mut without, mut with, mut starts) = (Vec::new(), Vec::new(), Vec::new());
        // In turns, so that what else the machine does meets both.
        for round in 0..ROUNDS {
            without.push(stage.first_event(senders, &format!("without-{round}"), false).await?.1);
            let (start, event) = stage.first_event(senders, &format!("with-{round}"), true).await?;
            starts.push(start);
            with.push(event);
        }
        let [without, with, start] = [without, with, starts].map(median);
        let line = format!(
            "{} ms there and back: the first event takes {without:.2} ms, and {with:.2} ms when the start has \
             connected, which takes it {start:.2} ms",
            distance.as_millis()
        );
        println!("{line}");
        if with >= without {
            missed.push(line);
        }
    }
    Ok(missed)
}

/// AWS, over TLS.
struct Stage {
    origin: String,
    roots: RootCertStore,
}

impl Stage {
    async fn at(distance: Duration, senders: &Senders) -> Result<Self, Error> {
        let (roots, server) = certified()?;
        let listener = listen().await?;
        let origin = format!("https://{NAME}:{}", listener.local_addr()?.port());
        let counted = Arc::<[AtomicU32; 4]>::default();
        let router = FakeServices::router(&senders.folder, "issued", &origin, counted)?;
        serve(listener, distance, server, router);
        Ok(Self { origin, roots })
    }

    /// The time that a process takes to connect, if it does, and then for its first event, in ms.
    async fn first_event(
        &self,
        senders: &Senders,
        serial: &str,
        connects: bool,
    ) -> Result<(f64, f64), Error> {
        let config = self.config();
        let request = senders.link_of(BUSINESS_ID, serial)?;
        let function = function(&config)?;
        let began = Instant::now();
        if connects {
            connect(&config, Services { dynamodb: true, secrets_manager: true }).await;
        }
        let connected = Instant::now();
        let answer = function.handle(&request).await;
        let took = connected.elapsed();
        let body: Value = serde_json::from_slice(answer.body())?;
        if body["status"] != 0 {
            return Err(format!("no link: {body}").into());
        }
        Ok(((connected - began).as_secs_f64() * 1e3, took.as_secs_f64() * 1e3))
    }

    /// Of a fresh process, which has no connection yet.
    fn config(&self) -> SdkConfig {
        sdk_at(self.origin.clone())
            .into_builder()
            .http_client(http_client_trusting(self.roots.clone()))
            .build()
    }
}

fn function(config: &SdkConfig) -> Result<AlipayAuthUrl, Error> {
    let store = Arc::new(DynamoStore::new(config, "table"));
    let deny_list = DenyListCache::new(store.clone(), Arc::new(SystemClock));
    links_by(Arc::new(SecretsManager::new(config, "authlink".to_owned())), deny_list, store)
}

/// An authority, and a server that it vouches for.
fn certified() -> Result<(RootCertStore, TlsAcceptor), Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut roots = RootCertStore::empty();
    roots.add(params.self_signed(&key)?.der().clone())?;
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new([NAME.to_owned()])?.signed_by(&key, &issuer)?.der().clone();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
    Ok((roots, TlsAcceptor::from(Arc::new(config))))
}

/// Serves `router`. A connection takes two ways there and back, for TCP and for TLS 1.3.
fn serve(listener: TcpListener, distance: Duration, server: TlsAcceptor, router: Router) {
    let (send, connections) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (server, send) = (server.clone(), send.clone());
            tokio::spawn(async move {
                sleep(2 * distance).await;
                connection.set_nodelay(true)?;
                // A client that has left needs nobody.
                let _ = send.send(server.accept(connection).await?);
                Ok::<_, std::io::Error>(())
            });
        }
    });
    let router = router.layer(from_fn(move |request: Request, next: Next| async move {
        sleep(distance).await;
        next.run(request).await
    }));
    tokio::spawn(async move { axum::serve(Connections(connections), router).await });
}

/// Connections whose TLS stands.
struct Connections(mpsc::UnboundedReceiver<TlsStream<TcpStream>>);

impl axum::serve::Listener for Connections {
    type Io = TlsStream<TcpStream>;
    type Addr = ();

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.0.recv().await {
            Some(connection) => (connection, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(())
    }
}
