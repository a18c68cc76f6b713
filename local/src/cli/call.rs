//! `authlink call`: one call by hand, signed with your key; or the same call as a command or a program.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared::model::clock::{Clock as _, SystemClock};
use shared::model::random::{OsRandom, hex_128};
use shared::runtime::start::StartError;
use url::Url;

use super::printed::{curl, print_answer, print_program, print_request, print_sample};
use crate::addresses::{Addresses, bare};
use crate::app::{DEFAULT_MERCHANT_PORT, DEFAULT_PORT};
use crate::caller::{Caller, Identification, authorization_url_call};
use crate::client::client_builder;
use crate::folder::{ACCESS_KEY_ID, Folder};
use crate::merchant::CallAnswer;
use crate::samples::{SampleLanguage, SdkLanguage};

#[derive(Subcommand)]
pub(super) enum CallCommand {
    /// Ask for a link, and print request and answer
    #[command(after_help = "Examples:\n  authlink call link\n  authlink call link --md5 --user-id 张三\n  \
        authlink call link --curl\n  authlink call link --as python > authlink.py\n  \
        authlink call link --to https://auth.example --business-id B1 --merchant-id M1 --key mine.pem")]
    Link(LinkArgs),
    /// Query a serialNo, and print request and answer
    #[command(
        after_help = "Examples:\n  authlink call query --serial-no S1\n  authlink call query --serial-no S1 --json"
    )]
    Query(QueryArgs),
    /// Ask for a link as Alibaba Cloud's SDKs do, and print request and answer
    #[command(
        after_help = "Examples:\n  authlink call get-authorization-url --phone 13900001234 --scheme 234\n  \
            authlink call get-authorization-url --phone 13900001234 --scheme 234 --curl\n  \
            authlink call get-authorization-url --phone 13900001234 --scheme 234 --as node > get_authorization_url.mjs"
    )]
    GetAuthorizationUrl(GetAuthorizationUrlArgs),
}

#[derive(Args)]
pub(super) struct LinkArgs {
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
}

#[derive(Args)]
pub(super) struct QueryArgs {
    #[arg(long)]
    serial_no: String,
    #[command(flatten)]
    caller: CallerArgs,
}

#[derive(Args)]
pub(super) struct GetAuthorizationUrlArgs {
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

    /// Prints the call as a command; or sends it by `send`, and prints both. The answer, if it was sent.
    async fn exchange(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
        send: impl Future<Output = Result<CallAnswer, StartError>>,
    ) -> Result<Option<CallAnswer>, StartError> {
        if self.curl {
            println!("{}", curl(url, headers, body));
            return Ok(None);
        }
        if !self.json {
            print_request(url, headers, body);
        }
        let answer = send.await?;
        print_answer(&json!({"url": url, "headers": headers, "body": body}), &answer, self.json);
        Ok(Some(answer))
    }
}

#[derive(Args)]
pub(super) struct CallerArgs {
    #[command(flatten)]
    at: AtArgs,
    #[command(flatten)]
    who: Identification,
    /// Print a program that makes the call, instead of sending it; on standard error its settings and the command
    #[arg(long = "as", value_name = "LANGUAGE", conflicts_with = "curl")]
    language: Option<SampleLanguage>,
}

impl CallCommand {
    pub(super) async fn run(self, folder: &Path) -> Result<(), StartError> {
        match self {
            Self::Link(link) => link.run(folder).await,
            Self::Query(query) => query.run(folder).await,
            Self::GetAuthorizationUrl(call) => call.run(folder).await,
        }
    }
}

impl LinkArgs {
    async fn run(self, folder: &Path) -> Result<(), StartError> {
        let Self { serial_no, user_id, callback_url, caller } = self;
        let serial_no = serial_no.map_or_else(new_serial_no, Ok)?;
        let callback_url = callback_of(callback_url, caller.at.to.as_ref(), folder)?;
        // An empty address is none, too.
        let sample = ["link", &serial_no, &user_id, callback_url.as_deref().unwrap_or_default()];
        let fill = |body: &mut Value| {
            body["userId"] = user_id.as_str().into();
            if let Some(callback_url) = &callback_url {
                body["callbackUrl"] = callback_url.as_str().into();
            }
        };
        let as_json = caller.at.json;
        let answer = caller.make(folder, alipay_auth_url::PATH, &serial_no, &sample, fill).await?;
        let Some(answer) = answer else { return Ok(()) };
        let link = answer
            .link()
            .ok_or_else(|| StartError::new("authlink gave no link; its message says why".to_owned()))?;
        if !as_json {
            println!("\nOpen this in a browser to consent:\n{link}");
        }
        Ok(())
    }
}

impl QueryArgs {
    async fn run(self, folder: &Path) -> Result<(), StartError> {
        let (path, sample) = (authorization_query::PATH, ["query", &self.serial_no]);
        match self.caller.make(folder, path, &self.serial_no, &sample, |_| {}).await? {
            Some(answer) if !answer.succeeded() => {
                Err(StartError::new("authlink told nothing; its message says why".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

impl GetAuthorizationUrlArgs {
    async fn run(self, folder: &Path) -> Result<(), StartError> {
        let Self { phone, scheme, end_date, access_key_id, secret_file, at, language } = self;
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
        let (url, headers) = (call.uri().to_string(), call.headers().clone());
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()));
        let send = async {
            let client = client_builder(Duration::from_secs(5), Duration::from_secs(35)).build()?;
            Ok(CallAnswer::read(client.execute(call.try_into()?).await).await?)
        };
        match at.exchange(&url, &headers.collect::<Vec<_>>(), "", send).await? {
            Some(answer) if answer.http_status != 200 => {
                Err(StartError::new("authlink gave no link; its code says why".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

impl CallerArgs {
    /// Makes the call of `path` whose body has, beside whose it is, what `fill` adds. The answer, if it was sent.
    async fn make(
        self,
        folder: &Path,
        path: &str,
        serial_no: &str,
        sample: &[&str],
        fill: impl FnOnce(&mut Value),
    ) -> Result<Option<CallAnswer>, StartError> {
        let caller = Caller::new(folder, &self.at.authlink(folder)?, self.who)?;
        if let Some(language) = self.language {
            print_sample(language, &caller, sample);
            return Ok(None);
        }
        let mut body = json!({
            "merchantId": caller.merchant_id, "businessId": caller.business_id, "serialNo": serial_no,
        });
        fill(&mut body);
        let request = caller.sign(path, serial_no, body.to_string());
        let headers: Vec<_> = request.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.at.exchange(&request.url, &headers, &request.body, caller.send(&request)).await
    }
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
    which: impl FnOnce(Addresses) -> Url,
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
