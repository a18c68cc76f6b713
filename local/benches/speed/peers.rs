//! The job of `alipay-auth-url` in Node and Python, with their official AWS SDKs and runtime clients, as their packages
//! are pinned in `local/benches/peers`; installed below `target`. The runtime client of Node is built from C++: that needs
//! cmake, autoconf, automake and libtool.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rsa::pkcs8::{EncodePublicKey as _, LineEnding};

use crate::Error;
use crate::merchant::Merchant;

/// A peer, installed.
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) place: PathBuf,
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// Installs both.
pub(crate) fn install(merchant: &Merchant) -> Result<[Peer; 2], Error> {
    let key = merchant.rsa.to_public_key().to_public_key_pem(LineEnding::LF)?;
    Ok([node(&key)?, python(&key)?])
}

fn node(key: &str) -> Result<Peer, Error> {
    let place = folder("node", &["index.mjs", "package.json", "package-lock.json"])?;
    install_once(&place, "package-lock.json", || {
        run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&place))
    })?;
    let client = place.join("node_modules/aws-lambda-ric/bin/index.mjs");
    Ok(Peer {
        name: format!("Node {}", version("node")?),
        program: found("node")?,
        arguments: vec![client.display().to_string(), "index.handler".to_owned()],
        environment: environment(key, &place, "index.handler"),
        place,
    })
}

fn python(key: &str) -> Result<Peer, Error> {
    let place = folder("python", &["peer.py", "requirements.txt"])?;
    let program = place.join("venv/bin/python");
    install_once(&place, "requirements.txt", || {
        run(Command::new("python3").args(["-m", "venv", "--clear", "venv"]).current_dir(&place))?;
        let pip = ["-m", "pip", "install", "--quiet", "--requirement", "requirements.txt"];
        run(Command::new(&program).args(pip).current_dir(&place))
    })?;
    Ok(Peer {
        name: format!("Python {}", version("python3")?),
        program,
        arguments: ["-m", "awslambdaric", "peer.handler"].map(str::to_owned).into(),
        environment: environment(key, &place, "peer.handler"),
        place,
    })
}

/// What Lambda sets besides, and what the peers take as settings.
fn environment(key: &str, place: &Path, handler: &str) -> Vec<(&'static str, String)> {
    vec![
        ("PUBLIC_KEY", key.to_owned()),
        ("_HANDLER", handler.to_owned()),
        ("LAMBDA_TASK_ROOT", place.display().to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/peer".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "peer".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
    ]
}

/// A folder below `target` with the peer's files in it.
fn folder(name: &str, files: &[&str]) -> Result<PathBuf, Error> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(name);
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("peers").join(name);
    fs::create_dir_all(&place)?;
    for file in files {
        fs::copy(from.join(file), place.join(file))?;
    }
    Ok(place)
}

/// Installs what `pins` says, unless just that is installed already.
fn install_once(place: &Path, pins: &str, install: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    let (pins, stamp) = (fs::read(place.join(pins))?, place.join("installed"));
    if fs::read(&stamp).is_ok_and(|installed| installed == pins) {
        return Ok(());
    }
    install()?;
    Ok(fs::write(stamp, pins)?)
}

fn run(command: &mut Command) -> Result<(), Error> {
    if command.status()?.success() { Ok(()) } else { Err(format!("{command:?} failed").into()) }
}

/// As `20.20.2`.
fn version(program: &str) -> Result<String, Error> {
    let said = String::from_utf8(Command::new(program).arg("--version").output()?.stdout)?;
    Ok(said.trim().trim_start_matches("Python ").trim_start_matches('v').to_owned())
}

/// Where the shell would find a program: its own path, because it is started with an environment that says nothing.
fn found(program: &str) -> Result<PathBuf, Error> {
    let said = Command::new("which").arg(program).output()?.stdout;
    Ok(String::from_utf8(said)?.trim().into())
}
