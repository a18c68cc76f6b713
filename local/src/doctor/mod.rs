//! `authlink doctor` and the page of the same name: why a signed request is refused, from the request as it went over
//! the wire and the key that it should be signed with.

mod explanation;
mod page;
mod report;
#[cfg(test)]
mod tests;
mod wire;

use std::io;
use std::path::PathBuf;

use clap::Args;
use shared::runtime::start::StartError;
use shared::signing::md5::{MIN_KEY_CHARACTERS, Md5Key};
use shared::signing::open_api::VerificationKeys;
use shared::signing::rsa::VerifyingKey;

use crate::bounded;
pub(crate) use page::router;
use report::{Finding, examine};

/// The most bytes of a request that are read.
const MAX_REQUEST_BYTES: usize = 1024 * 1024;

/// The arguments of `authlink doctor`.
#[derive(Args)]
pub(crate) struct DoctorArgs {
    /// The request as it went over the wire: its line, headers, a blank line, the body; standard input if left out
    request: Option<PathBuf>,
    /// The public key that is registered with authlink, in any usual form
    #[arg(long, value_name = "FILE")]
    public_key: Vec<PathBuf>,
    /// The file of the shared MD5 key
    #[arg(long, value_name = "FILE")]
    md5_key_file: Vec<PathBuf>,
}

/// Prints why a request is refused.
///
/// # Errors
/// What cannot be read, and any signature that does not hold.
pub(crate) fn run(arguments: &DoctorArgs) -> Result<(), StartError> {
    let keys = keys(arguments)?;
    let text = match &arguments.request {
        Some(path) => bounded::file(path, MAX_REQUEST_BYTES)?,
        None => bounded::read(io::stdin().lock(), MAX_REQUEST_BYTES, "standard input")?,
    };
    let request = wire::read(&text).map_err(|error| StartError::new(error.to_string()))?;
    let finding = examine(&request, &keys);
    print!("{finding}");
    match finding {
        Finding::Holds { .. } => Ok(()),
        _ => Err(StartError::new("the signature does not hold".to_owned())),
    }
}

fn keys(arguments: &DoctorArgs) -> Result<VerificationKeys, StartError> {
    let public = |path: &PathBuf| {
        VerifyingKey::parse(&bounded::text(path)?)
            .map_err(|error| StartError::new(format!("the key in {} {error}", path.display())))
    };
    let shared = |path: &PathBuf| {
        let too_short =
            || StartError::new(format!("{} holds less than {MIN_KEY_CHARACTERS} characters", path.display()));
        Md5Key::new(&bounded::shared_key(path)?).ok_or_else(too_short)
    };
    Ok(VerificationKeys {
        rsa: arguments.public_key.iter().map(public).collect::<Result<_, _>>()?,
        md5: arguments.md5_key_file.iter().map(shared).collect::<Result<_, _>>()?,
    })
}
