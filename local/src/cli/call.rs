//! `authlink call`: one call by hand, signed with your key; or the same call as a command or a program.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use clap::{Args, Subcommand};
use http::Request;
use serde_json::{Value, json};
use shared::egress::client::client_builder;
use shared::model::clock::{Clock as _, SystemClock};
use shared::model::random::{OsRandom, hex_128};
use shared::runtime::start::StartError;
use url::Url;

use super::printed::{curl, print_answer, print_program, print_request, print_sample, request_as_json};
use crate::app::{DEFAULT_MERCHANT_PORT, DEFAULT_PORT};
use crate::caller::{Caller, Identification, authorization_url_call, bare};
use crate::folder::{ACCESS_KEY_ID, Folder};
use crate::merchant::CallAnswer;
use crate::samples::{SampleLanguage, SdkLanguage};

const URL_PATH: &str = "/v1/openapi/auth/alipay/url";
const QUERY_PATH: &str = "/v1/openapi/auth/alipay/query";

#[derive(Subcommand)]
pub(super) enum CallCommand {
    /// Ask for a link, and print request and answer
    #[command(after_help = "Examples:\n  authlink call link\n  authlink call link --md5 --user-id 张三\n  \
        authlink call link --curl\n  authlink call link --as python > authlink.py\n  \
        authlink call link --to https://auth.example --business-id B1 --merchant-id M1 --key mine.pem")]
    Link {
        /// The serialNo; a new one unless said
        #[arg(long)]
        serial_no: Option<String>,
        #[arg(long, default_value = "user-1")]
        user_id: String,
        /// The address of the callback; unless said the demo merchant's, and none with --to
        #[arg(long, value_name = "URL")]
        callback_url: Option<String>,
        #[command(flatten)]
        caller: CallerArgs,
    },
    /// Query a serialNo, and print request and answer
    #[command(
        after_help = "Examples:\n  authlink call query --serial-no S1\n  authlink call query --serial-no S1 --json"
    )]
    Query {
        #[arg(long)]
        serial_no: String,
        #[command(flatten)]
        caller: CallerArgs,
    },
    /// Ask for a link as Alibaba Cloud's SDKs do, and print request and answer
    #[command(
        after_help = "Examples:\n  authlink call get-authorization-url --phone 13900001234 --scheme 234\n  \
            authlink call get-authorization-url --phone 13900001234 --scheme 234 --curl\n  \
            authlink call get-authorization-url --phone 13900001234 --scheme 234 --as node > get_authorization_url.mjs"
    )]
    GetAuthorizationUrl {
        #[arg(long)]
        phone: String,
        #[arg(long)]
        scheme: String,
        /// yyyy-MM-dd, for a scheme of the contract type
        #[arg(long)]
        end_date: Option<String>,
        #[arg(long, default_value = ACCESS_KEY_ID)]
        access_key_id: String,
        /// The file of the access key's secret; the demo's unless said
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
        #[command(flatten)]
        at: AtArgs,
        /// Print a program that makes the call by Alibaba Cloud's SDK, instead of sending it; on standard error its
        /// settings and the command
        #[arg(long = "as", value_name = "LANGUAGE", conflicts_with = "curl")]
        language: Option<SdkLanguage>,
    },
}

#[derive(Args)]
pub(super) struct AtArgs {
    /// The address of authlink; that of the folder's last start unless said
    #[arg(long, value_name = "URL")]
    to: Option<Url>,
    /// Print the call as a curl command, signed now, instead of sending it
    #[arg(long)]
    curl: bool,
    /// Print request and answer as JSON
    #[arg(long)]
    json: bool,
}

impl AtArgs {
    fn authlink(&self, folder: &Path) -> Result<Url, StartError> {
        match &self.to {
            Some(to) => Ok(to.clone()),
            None => started_at(folder, DEFAULT_PORT, |at| at.authlink),
        }
    }
}

#[derive(Args)]
pub(super) struct CallerArgs {
    #[command(flatten)]
    at: AtArgs,
    /// The business to call as; the demo's unless said
    #[arg(long)]
    business_id: Option<String>,
    #[arg(long)]
    merchant_id: Option<String>,
    /// The file of your RSA key, PKCS#8 in PEM; the demo merchant's unless said
    #[arg(long, value_name = "FILE", conflicts_with_all = ["md5", "md5_key"])]
    key: Option<PathBuf>,
    /// Sign with the demo merchant's MD5 key instead of its RSA key
    #[arg(long)]
    md5: bool,
    /// The file of your MD5 key
    #[arg(long, value_name = "FILE")]
    md5_key: Option<PathBuf>,
    /// Print a program that makes the call, instead of sending it; on standard error its settings and the command
    #[arg(long = "as", value_name = "LANGUAGE", conflicts_with = "curl")]
    language: Option<SampleLanguage>,
}

impl CallCommand {
    pub(super) async fn run(self, folder: &Path) -> Result<(), StartError> {
        match self {
            Self::Link { serial_no, user_id, callback_url, caller } => {
                let serial_no = match serial_no {
                    Some(given) => given,
                    None => new_serial_no()?,
                };
                let callback_url = callback_of(callback_url, caller.at.to.as_ref(), folder)?;
                // An empty address is none, too.
                let sample = ["link", &serial_no, &user_id, callback_url.as_deref().unwrap_or_default()];
                let Some(sent) = caller
                    .make(folder, URL_PATH, &serial_no, &sample, |body| {
                        body["userId"] = user_id.as_str().into();
                        if let Some(callback_url) = &callback_url {
                            body["callbackUrl"] = callback_url.as_str().into();
                        }
                    })
                    .await?
                else {
                    return Ok(());
                };
                match sent.answer.link() {
                    Some(link) if !sent.json => {
                        println!("\nOpen this in a browser to consent:\n{link}");
                        Ok(())
                    }
                    Some(_) => Ok(()),
                    None => Err(StartError::new("authlink gave no link; its message says why".to_owned())),
                }
            }
            Self::Query { serial_no, caller } => {
                let sample = ["query", &serial_no];
                match caller.make(folder, QUERY_PATH, &serial_no, &sample, |_| {}).await? {
                    Some(sent) if !sent.answer.succeeded() => {
                        Err(StartError::new("authlink told nothing; its message says why".to_owned()))
                    }
                    _ => Ok(()),
                }
            }
            Self::GetAuthorizationUrl {
                phone,
                scheme,
                end_date,
                access_key_id,
                secret_file,
                at,
                language,
            } => {
                let secret_file = match secret_file {
                    Some(file) => file,
                    None => Folder::open(folder)?.party_file("access-key-secret.txt"),
                };
                let endpoint = at.authlink(folder)?;
                if let Some(language) = language {
                    let (source, command) = language.program();
                    let settings = [
                        ("ENDPOINT", bare(&endpoint)),
                        ("ACCESS_KEY_ID", access_key_id),
                        ("ACCESS_KEY_SECRET_FILE", secret_file.display().to_string()),
                    ];
                    let said = [phone.as_str(), &scheme];
                    let arguments: Vec<_> = said.into_iter().chain(end_date.as_deref()).collect();
                    print_program(source, command, &settings, &arguments);
                    return Ok(());
                }
                let mut parameters = vec![("PhoneNo", phone.as_str()), ("SchemeId", &scheme)];
                parameters.extend(end_date.as_deref().map(|date| ("EndDate", date)));
                let call = authorization_url_call(&endpoint, &access_key_id, &secret_file, &parameters)?;
                get_authorization_url(call, &at).await
            }
        }
    }
}

/// A call that was sent, and printed.
struct Sent {
    answer: CallAnswer,
    json: bool,
}

impl CallerArgs {
    /// Makes the call of `path` whose body has, beside whose it is, what `fill` adds. Nothing was sent if it is printed
    /// in another form.
    async fn make(
        self,
        folder: &Path,
        path: &str,
        serial_no: &str,
        sample: &[&str],
        fill: impl FnOnce(&mut Value),
    ) -> Result<Option<Sent>, StartError> {
        let Self { at, business_id, merchant_id, key, md5, md5_key, language } = self;
        let who = Identification { business_id, merchant_id, key, md5_key, md5 };
        let caller = Caller::new(folder, &at.authlink(folder)?, who)?;
        if let Some(language) = language {
            print_sample(language, &caller, sample);
            return Ok(None);
        }
        let mut body = json!({
            "merchantId": caller.merchant_id, "businessId": caller.business_id, "serialNo": serial_no,
        });
        fill(&mut body);
        let request = caller.sign(path, serial_no, body.to_string());
        let headers: Vec<_> = request.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if at.curl {
            println!("{}", curl(&request.url, &headers, &request.body));
            return Ok(None);
        }
        if !at.json {
            print_request(&request.url, &headers, &request.body);
        }
        let answer = caller.send(&request).await?;
        print_answer(&request_as_json(&request), &answer, at.json);
        Ok(Some(Sent { answer, json: at.json }))
    }
}

async fn get_authorization_url(call: Request<Bytes>, at: &AtArgs) -> Result<(), StartError> {
    let url = call.uri().to_string();
    let headers: Vec<_> = call
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()))
        .collect();
    if at.curl {
        println!("{}", curl(&url, &headers, ""));
        return Ok(());
    }
    if !at.json {
        print_request(&url, &headers, "");
    }
    let request = json!({"url": url, "headers": headers, "body": ""});
    let client = client_builder(Duration::from_secs(5), Duration::from_secs(35)).build()?;
    let answer = CallAnswer::read(client.execute(call.try_into()?).await).await?;
    print_answer(&request, &answer, at.json);
    if answer.http_status == 200 {
        return Ok(());
    }
    Err(StartError::new("authlink gave no link; its code says why".to_owned()))
}

/// The address of the callback, if one is asked for: this machine's demo merchant is none of another authlink's.
fn callback_of(given: Option<String>, to: Option<&Url>, folder: &Path) -> Result<Option<String>, StartError> {
    if given.is_some() || to.is_some() {
        return Ok(given);
    }
    let merchant = started_at(folder, DEFAULT_MERCHANT_PORT, |at| at.merchant)?;
    Ok(Some(format!("{merchant}callback")))
}

/// Where the host of the folder was started last; before its first start, where it starts unless told otherwise.
fn started_at(
    folder: &Path,
    default_port: u16,
    which: impl FnOnce(crate::addresses::Addresses) -> Url,
) -> Result<Url, StartError> {
    match Folder::open(folder).and_then(|folder| folder.addresses()) {
        Ok(addresses) => Ok(which(addresses)),
        Err(_) => Ok(Url::parse(&format!("http://127.0.0.1:{default_port}/"))?),
    }
}

fn new_serial_no() -> Result<String, StartError> {
    let random = hex_128(&OsRandom::default())?;
    Ok(format!("S{}{}", SystemClock.now(), &random[..8]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_authlink_calls_the_demo_merchant_back() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = Url::parse("https://auth.example").unwrap();
        let callback =
            |given: Option<&str>, to| callback_of(given.map(str::to_owned), to, folder.path()).unwrap();
        assert_eq!(callback(None, None).as_deref(), Some("http://127.0.0.1:8789/callback"));
        assert_eq!(callback(None, Some(&elsewhere)), None);
        let own = "https://shop.example/callback";
        assert_eq!(callback(Some(own), Some(&elsewhere)).as_deref(), Some(own));
        assert_eq!(callback(Some(own), None).as_deref(), Some(own));
    }
}
