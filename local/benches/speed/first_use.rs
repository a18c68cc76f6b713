//! The first signature and the first TLS handshake of a process, which a function pays in its first delivery: what a
//! library sets up at its first use is set up then.
//!
//! A process has a first time only once, so each is measured in a process of its own: this very program, started with
//! [`ARGUMENT`].

use std::io::{BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
use rustix::time::{ClockId, clock_gettime};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig, ServerConnection, Stream};
use serde::{Deserialize, Serialize};
use shared::egress::client::client_builder_trusting;
use shared::signing::rsa::SigningKey;

use crate::Error;
use crate::figures::median;
use crate::machine::on_one_cpu;
use crate::merchant::Merchant;

/// What tells this program that it is the measured one; an address follows.
pub(crate) const ARGUMENT: &str = "--first-use";

/// Odd, so that there is one in the middle.
const PROCESSES: u32 = 21;
const HOST: &str = "localhost";
const PATIENCE: Duration = Duration::from_secs(10);

/// CPU time, for one process.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FirstUse {
    pub(crate) signature_millis: f64,
    pub(crate) handshake_millis: f64,
}

impl FirstUse {
    pub(crate) fn total_millis(self) -> f64 {
        self.signature_millis + self.handshake_millis
    }
}

/// What it costs, as the median of many processes.
pub(crate) fn measure(merchant: &Merchant) -> Result<FirstUse, Error> {
    let certified = generate_simple_self_signed([HOST.to_owned()])?;
    let address = serve_tls(&certified)?;
    let told = Told {
        key: merchant.rsa.to_pkcs8_pem(LineEnding::LF)?.to_string(),
        certificate: certified.cert.der().to_vec(),
    };
    let told = serde_json::to_vec(&told)?;
    let all = (0..PROCESSES).map(|_| one_process(address, &told)).collect::<Result<Vec<_>, _>>()?;
    Ok(FirstUse {
        signature_millis: median(all.iter().map(|one| one.signature_millis).collect()),
        handshake_millis: median(all.iter().map(|one| one.handshake_millis).collect()),
    })
}

/// What the measured process is told by its standard input.
#[derive(Serialize, Deserialize)]
struct Told {
    key: String,
    certificate: Vec<u8>,
}

fn one_process(address: SocketAddr, told: &[u8]) -> Result<FirstUse, Error> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([ARGUMENT, &address.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = on_one_cpu(|| Ok(command.spawn()?))?;
    let wrote = process.stdin.take().ok_or("it has no input")?.write_all(told);
    let output = process.wait_with_output()?;
    wrote?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The measured process: it signs, makes one HTTPS request to `address`, and prints what each cost.
pub(crate) fn be_measured(address: &str) -> Result<(), Error> {
    let told: Told = serde_json::from_reader(BufReader::new(std::io::stdin()))?;
    let key = SigningKey::parse(&told.key)?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(told.certificate))?;
    let address: SocketAddr = address.parse()?;
    let client = client_builder_trusting(roots, PATIENCE, PATIENCE).resolve(HOST, address).build()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;

    let began = cpu_time();
    key.sign(b"businessId=demo&nonce=n-1&timestamp=1795305600000{}")?;
    let signed = cpu_time();
    let url = format!("https://{HOST}:{}/", address.port());
    let answer = runtime.block_on(async { client.get(url).send().await })?;
    let shaken = cpu_time();
    if answer.status() != http::StatusCode::OK {
        return Err(format!("it was answered {}", answer.status()).into());
    }
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let measured =
        FirstUse { signature_millis: millis(signed - began), handshake_millis: millis(shaken - signed) };
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

/// Answers one request on each connection.
fn serve_tls(certified: &CertifiedKey<rcgen::KeyPair>) -> Result<SocketAddr, Error> {
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into())?;
    let config = Arc::new(config);
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            // A process that has what it wants hangs up.
            let _ = answer_one(connection, &config);
        }
    });
    Ok(address)
}

fn answer_one(mut connection: TcpStream, config: &Arc<ServerConfig>) -> Result<(), Error> {
    let mut tls = ServerConnection::new(Arc::clone(config))?;
    let mut stream = Stream::new(&mut tls, &mut connection);
    let mut request = [0; 4 * 1024];
    if stream.read(&mut request)? > 0 {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    }
    Ok(())
}

/// What this process has used.
fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}
