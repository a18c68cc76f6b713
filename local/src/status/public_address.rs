//! The public address as its callers meet it: how long its certificate is still good, and how far this machine's clock
//! is from the clock there.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::Request;
use http::header::{CONNECTION, DATE, HOST};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use shared::egress::tls::tls_config;
use shared::model::clock::{Clock, UnixMillis};
use shared::runtime::start::StartError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

/// A certificate that is good for less has not been renewed in its time.
pub const MIN_DAYS: u64 = 14;
/// A signature is good for five minutes.
pub const MAX_CLOCK_SECS: u64 = 60;
/// The most days that are looked ahead.
const MOST_DAYS: u64 = 400;
const DAY: Duration = Duration::from_hours(24);
const TIMEOUT: Duration = Duration::from_secs(10);
/// No route has it, so no function is woken.
const PATH: &str = "/authlink-status";

/// The result of a check of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicAddress {
    /// The whole days for which the certificate and those above it are good, 400 at most; plain http has none.
    pub days_left: Option<u64>,
    /// By whole seconds, as the answer's date has no others.
    pub clock_ahead_secs: i64,
}

/// Looks at `url`, whose certificate must be vouched for by `roots`.
///
/// # Errors
/// It cannot be reached, its certificate is no good any more, or it does not say what time it is.
pub async fn check(url: &Url, roots: RootCertStore, clock: &dyn Clock) -> Result<PublicAddress, StartError> {
    let checked = tokio::time::timeout(TIMEOUT, check_patiently(url, roots, clock)).await;
    match checked {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(StartError::new(format!("{url}: {error}"))),
        Err(_) => Err(StartError::new(format!("{url} does not answer"))),
    }
}

async fn check_patiently(
    url: &Url,
    roots: RootCertStore,
    clock: &dyn Clock,
) -> Result<PublicAddress, StartError> {
    let of_a_server = url.host_str().zip(url.port_or_known_default());
    let (host, port) = of_a_server.ok_or_else(|| StartError::new("it names no server".to_owned()))?;
    let host = host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, port)).await?;
    let (days_left, theirs) = if url.scheme() == "https" {
        let name = ServerName::try_from(host.to_owned())?;
        let connector = TlsConnector::from(Arc::new(tls_config(roots.clone())));
        let stream = connector.connect(name.clone(), stream).await?;
        let chain: Vec<_> = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
        (Some(days_left(&chain, &name, roots, clock.now())?), time_of(stream, url).await?)
    } else {
        (None, time_of(stream, url).await?)
    };
    Ok(PublicAddress { days_left, clock_ahead_secs: clock.now().0.div_euclid(1_000) - theirs })
}

/// The days from `now` on after which the chain is still good.
fn days_left(
    chain: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    roots: RootCertStore,
    now: UnixMillis,
) -> Result<u64, StartError> {
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider())).build()?;
    let Some((certificate, others)) = chain.split_first() else { return Ok(0) };
    let is_good_after = |days: &u64| {
        let later = now.since(UnixMillis(0)) + DAY * u32::try_from(*days).unwrap_or(u32::MAX);
        let at = UnixTime::since_unix_epoch(later);
        verifier.verify_server_cert(certificate, others, name, &[], at).is_ok()
    };
    Ok((1..=MOST_DAYS).take_while(is_good_after).last().unwrap_or(0))
}

/// The time that an answer is dated by, in seconds since 1970.
async fn time_of<S>(stream: S, url: &Url) -> Result<i64, StartError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(PATH)
        .header(HOST, url.authority())
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await;
    connection.abort();
    let answer = answer?;
    let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok());
    let date = date.ok_or_else(|| StartError::new("it does not say what time it is".to_owned()))?;
    Ok(i64::try_from(date.as_secs())?)
}
