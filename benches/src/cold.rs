//! The first requests of many businesses to a fresh process, whose documents come from a folder, or from a Secrets
//! Manager that takes its time; alone, and beside a flood of invented names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alipay_auth_url::AlipayAuthUrl;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use http::Request;
use local::folder::BUSINESS_ID;
use serde_json::{Value, json};
use shared::secrets::{SecretFolder, SecretSource, SecretsManager};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::Error;
use crate::in_process::{log_to_nowhere, merchant_links};
use crate::requests::Senders;
use crate::results::percentile;
use crate::servers::{listen, sdk_at, secret, serve};

const BUSINESSES: usize = 1_000;
const BUSINESSES_A_SECOND: u32 = 250;
/// 1,000 invented names a second.
const STRANGERS_TO_ONE: usize = 4;
/// The time that Secrets Manager takes for a secret, and for a page of 100 names.
const SECRET_TAKES: Duration = Duration::from_millis(30);
const PAGE_TAKES: Duration = Duration::from_millis(100);
const PAGE: usize = 100;
/// The least share of known businesses that are granted beside a flood; alone all are.
const GRANTED_AT_LEAST: f64 = 0.99;

/// The answers to the requests of one side: how many of each HTTP status and status of the open API, and how long they
/// took, in ms, in order.
struct Answers {
    statuses: BTreeMap<(u16, i64), usize>,
    millis: Vec<f64>,
}

/// Measures each case, prints a line for it, and returns those that miss their bound.
pub(crate) async fn measure(senders: &Senders) -> Result<Vec<String>, Error> {
    log_to_nowhere()?;
    let place = tempfile::tempdir()?;
    let demo = senders.folder.secrets().join(format!("business/{BUSINESS_ID}.json"));
    fs::create_dir(place.path().join("business"))?;
    for number in 0..BUSINESSES {
        fs::copy(&demo, place.path().join(format!("business/{}.json", known(number))))?;
    }
    let manager = secrets_manager(place.path()).await?;
    let mut missed = Vec::new();
    for strangers in [0, STRANGERS_TO_ONE] {
        let folder: Arc<dyn SecretSource> = Arc::new(SecretFolder::new(place.path()));
        for (name, source) in [("folder", folder), ("Secrets Manager", Arc::clone(&manager))] {
            let (of_known, of_strangers) = first_requests(senders, source, strangers).await?;
            let granted = of_known.statuses.get(&(200, 0)).copied().unwrap_or_default();
            let case =
                format!("{name}, {} invented names a second", strangers * BUSINESSES_A_SECOND as usize);
            println!("{case}: {granted} of {BUSINESSES} granted; {}", of_known.shown());
            println!("  strangers: {}", of_strangers.shown());
            let least = if strangers == 0 { 1.0 } else { GRANTED_AT_LEAST };
            if (granted as f64) < least * BUSINESSES as f64 {
                missed.push(format!("{case}: {granted} of {BUSINESSES} granted"));
            }
        }
    }
    Ok(missed)
}

fn known(number: usize) -> String {
    format!("known-{number}")
}

/// Sends everyone's first request to a process that has fetched nothing yet.
async fn first_requests(
    senders: &Senders,
    source: Arc<dyn SecretSource>,
    strangers: usize,
) -> Result<(Answers, Answers), Error> {
    let request = |business_id: &str| senders.link_of(business_id, &format!("cold-{business_id}"));
    let ours = (0..BUSINESSES).map(|number| request(&known(number))).collect::<Result<Vec<_>, _>>()?;
    let stranger = request("nobody")?;
    let function = Arc::new(merchant_links(source)?);
    let (mut of_known, mut of_strangers) = (JoinSet::new(), JoinSet::new());
    let (began, mut at) = (Instant::now(), Instant::now());
    for (number, request) in ours.into_iter().enumerate() {
        sleep_until(at).await;
        of_known.spawn(answer(Arc::clone(&function), request, at));
        for invented in 0..strangers {
            let mut request = stranger.clone();
            let name = format!("nobody-{number}-{invented}").parse()?;
            request.headers_mut().insert("businessid", name);
            of_strangers.spawn(answer(Arc::clone(&function), request, at));
        }
        at = began + Duration::from_secs(1) * u32::try_from(number + 1)? / BUSINESSES_A_SECOND;
    }
    Ok((Answers::new(of_known.join_all().await)?, Answers::new(of_strangers.join_all().await)?))
}

type Answered = Result<(u16, i64, f64), Error>;

async fn answer(function: Arc<AlipayAuthUrl>, request: Request<Bytes>, due: Instant) -> Answered {
    let answer = function.handle(&request).await;
    let millis = due.elapsed().as_secs_f64() * 1e3;
    let body: Value = serde_json::from_slice(answer.body())?;
    Ok((answer.status().as_u16(), body["status"].as_i64().ok_or("no status")?, millis))
}

impl Answers {
    fn new(answered: Vec<Answered>) -> Result<Self, Error> {
        let (mut statuses, mut millis) = (BTreeMap::new(), Vec::new());
        for answered in answered {
            let (http_status, status, took) = answered?;
            *statuses.entry((http_status, status)).or_default() += 1;
            millis.push(took);
        }
        millis.sort_by(f64::total_cmp);
        Ok(Self { statuses, millis })
    }

    fn shown(&self) -> String {
        let at = |share| percentile(&self.millis, share);
        let statuses =
            self.statuses.iter().map(|((http, status), count)| format!("{http}/{status}: {count}"));
        let statuses = statuses.collect::<Vec<_>>().join(", ");
        format!("p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms; {statuses}", at(0.5), at(0.99), at(1.0))
    }
}

/// A Secrets Manager with the documents of `folder`.
async fn secrets_manager(folder: &Path) -> Result<Arc<dyn SecretSource>, Error> {
    let folder = PathBuf::from(folder);
    let router = Router::new().fallback(async move |headers: HeaderMap, body: Bytes| {
        let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        let answer = if target == Some("secretsmanager.ListSecrets") {
            sleep(PAGE_TAKES).await;
            serde_json::from_slice(&body).ok().map(|request| page(&request).to_string())
        } else {
            sleep(SECRET_TAKES).await;
            secret(&folder, &body)
        };
        answer.ok_or((StatusCode::BAD_REQUEST, r#"{"__type":"ResourceNotFoundException"}"#))
    });
    let config = sdk_at(serve(listen().await?, router));
    Ok(Arc::new(SecretsManager::new(&config, "authlink".to_owned())))
}

/// A page of the names; a token is the number of its first.
fn page(request: &Value) -> Value {
    let first = request["NextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or(0);
    let numbers = first..(first + PAGE).min(BUSINESSES);
    let list: Vec<_> = numbers
        .clone()
        .map(|number| json!({"Name": format!("authlink/business/{}", known(number))}))
        .collect();
    let next = (numbers.end < BUSINESSES).then(|| numbers.end.to_string());
    json!({"SecretList": list, "NextToken": next})
}
