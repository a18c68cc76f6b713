//! What parts of a request cost in CPU time, in process, beside aws-lc-rs verifying an RSA signature.
//!
//! The only file that builds handlers; their stores answer at once.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alipay_auth_url::AlipayAuthUrl;
use async_trait::async_trait;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use criterion::Criterion;
use get_authorization_url::GetAuthorizationUrl;
use http::Request;
use local::folder::{ACCESS_KEY_ID, APP_ID, BUSINESS_ID};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;
use shared::egress::callback_url::CallbackRules;
use shared::model::alipay_app_id::AlipayAppId;
use shared::model::authorization::Authorization;
use shared::model::clock::{Clock, SystemClock, UnixMillis};
use shared::model::deny_list::DenyList;
use shared::model::id::AuthorizationId;
use shared::model::random::OsRandom;
use shared::model::reservation::{Reservation, ReservationOutcome};
use shared::protocol::alibaba_cloud::AlibabaCloudClient;
use shared::protocol::alipay::authorize::LinkSettings;
use shared::protocol::open_api::client::transport::HttpPlatforms;
use shared::rate_limit::RateLimiter;
use shared::registry::{AccessKey, Business, DenyListCache};
use shared::runtime::embedded_metrics::{EmbeddedMetrics, MetricsNamespace};
use shared::runtime::log_output;
use shared::secrets::{SecretCache, SecretFolder, SecretName, SecretSource};
use shared::signing::alibaba_cloud::Call;
use shared::signing::alipay_rsa2::answer_verifies;
use shared::signing::open_api::diagnosis::diagnose;
use shared::signing::open_api::{AuthHeaders, Signer};
use shared::signing::rsa::VerifyingKey;
use shared::store::scheme_links::SchemeLinks;
use shared::store::{
    FindLinks, FoundLink, Linked, NonceUse, ReadDenyList, RecordLinks, RecordPlatformLinks, Recorded,
    ReserveRate, StoreError, UseNonces,
};
use tokio::runtime::Runtime;
use tracing::level_filters::LevelFilter;
use url::Url;

use crate::Error;
use crate::diagnosis::{WorstCase, worst_case};
use crate::requests::Senders;
use crate::results::{Row, figures, least, median};

/// Has every request write its log line, with its metrics, to nowhere.
pub(crate) fn log_to_nowhere() -> Result<(), Error> {
    let namespace = MetricsNamespace::parse("authlink/bench").ok_or("no namespace")?;
    let metrics = EmbeddedMetrics::new(&namespace, Arc::new(SystemClock));
    log_output::start(LevelFilter::INFO, io::sink, Some(metrics));
    Ok(())
}

/// Measures every case on this thread.
pub(crate) fn measure(senders: &Senders) -> Result<Vec<Row>, Error> {
    log_to_nowhere()?;
    let requests = Requests::signed(senders)?;
    let mut cases = Cases::new(senders)?;
    verifications(&mut cases, senders, &requests)?;
    handlers(&mut cases, senders, &requests)?;
    deliveries(&mut cases, senders, &requests)?;
    diagnoses(&mut cases)?;
    Ok(cases.rows)
}

/// The signed requests of each kind.
struct Requests {
    by_rsa: Vec<Request<Bytes>>,
    by_md5: Vec<Request<Bytes>>,
    by_v1: Vec<Request<Bytes>>,
    by_v3: Vec<Request<Bytes>>,
}

impl Requests {
    fn signed(senders: &Senders) -> Result<Self, Error> {
        let many = |series: &str, sign: &dyn Fn(&str) -> Result<Request<Bytes>, Error>| {
            (0..200).map(|index| sign(&format!("{series}-{index:06}"))).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            by_rsa: many("rsa", &|name| senders.link(Signer::Rsa(&senders.rsa), name))?,
            by_md5: many("md5", &|name| senders.link(Signer::Md5(&senders.md5), name))?,
            by_v1: many("v1", &|name| senders.call_v1(name))?,
            by_v3: many("v3", &|name| senders.call_v3(name))?,
        })
    }
}

fn secrets(senders: &Senders) -> Arc<dyn SecretSource> {
    Arc::new(SecretFolder::new(senders.folder.secrets()))
}

fn verifications(cases: &mut Cases, senders: &Senders, requests: &Requests) -> Result<(), Error> {
    let (secrets, clock): (_, Arc<dyn Clock>) = (secrets(senders), Arc::new(SystemClock));
    let businesses = SecretCache::<Business>::new(&secrets, &clock);
    let access_keys = SecretCache::<AccessKey>::new(&secrets, &clock);
    let business = cases.runtime.block_on(businesses.get(&SecretName::business(BUSINESS_ID)?))?;
    let access_key = cases.runtime.block_on(access_keys.get(&SecretName::access_key(ACCESS_KEY_ID)?))?;
    let Requests { by_rsa, by_md5, by_v1, by_v3 } = requests;
    let message = AuthHeaders::read(by_rsa[0].headers())?.string_to_sign(by_rsa[0].body());
    let signature = senders.rsa.sign(&message)?;
    let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &senders.public_der)?;
    let (node, alipay) = (std::str::from_utf8(&message)?, [VerifyingKey::parse(&senders.public_pem)?]);
    let sign = STANDARD.encode(&signature);

    let alone = async |_: &Request<Bytes>| public.verify_sig(&message, &signature).is_ok();
    let open_api = async |request: &Request<Bytes>| {
        let headers = AuthHeaders::read(request.headers());
        headers.is_ok_and(|headers| headers.verify(request.body(), &business.keys).is_ok())
    };
    let alibaba_cloud = async |request: &Request<Bytes>| {
        let call = Call::read(request);
        call.access_key_id() == Ok(ACCESS_KEY_ID) && call.verify(&access_key.secrets).is_ok()
    };
    cases.add("RSA alone: 2048 bits, verified by aws-lc-rs", by_rsa, alone)?;
    cases.add("open API, RSA: headers read and verified", by_rsa, open_api)?;
    cases.add("open API, MD5: headers read and verified", by_md5, open_api)?;
    cases.add("GetAuthorizationUrl, V1: call read and verified", by_v1, alibaba_cloud)?;
    cases.add("GetAuthorizationUrl, V3: call read and verified", by_v3, alibaba_cloud)?;
    cases.add("Alipay's answer, RSA2: verified", by_rsa, async |_| {
        answer_verifies(node.as_bytes(), &sign, &alipay.each_ref())
    })
}

fn handlers(cases: &mut Cases, senders: &Senders, requests: &Requests) -> Result<(), Error> {
    let (secrets, store, clock) = (secrets(senders), Arc::new(AtOnce), Arc::new(SystemClock));
    let merchants = merchant_links(secrets.clone())?;
    let schemes = GetAuthorizationUrl::new(get_authorization_url::Deps {
        secrets,
        deny_list: DenyListCache::new(store.clone(), clock.clone()),
        store: SchemeLinks::new(store.clone()),
        rate_limiter: Arc::new(RateLimiter::new(store, clock.clone())),
        alibaba_cloud: Arc::new(AlibabaCloudClient::new()),
        clock,
        random: Arc::new(OsRandom::default()),
        links: links()?,
        callbacks: CallbackRules::default(),
    });
    let link = async |request: &Request<Bytes>| {
        merchants.handle(request).await.body().starts_with(br#"{"status":0,"#)
    };
    let scheme_link = async |request: &Request<Bytes>| {
        schemes.handle(request).await.body().starts_with(br#"{"Code":"OK","#)
    };
    cases.add("a link, RSA: the whole handler", &requests.by_rsa, link)?;
    cases.add("a link, MD5: the whole handler", &requests.by_md5, link)?;
    cases.add("a link of GetAuthorizationUrl, V1: the whole handler", &requests.by_v1, scheme_link)?;
    cases.add("a link of GetAuthorizationUrl, V3: the whole handler", &requests.by_v3, scheme_link)
}

fn deliveries(cases: &mut Cases, senders: &Senders, requests: &Requests) -> Result<(), Error> {
    let (rsa, md5) = (Signer::Rsa(&senders.rsa), Signer::Md5(&senders.md5));
    for (name, signer) in [("a delivery, RSA: signed", rsa), ("a delivery, MD5: signed", md5)] {
        cases.add(name, &requests.by_rsa, async |request| {
            signer.sign(BUSINESS_ID, "nonce", UnixMillis(1_795_305_600_000), request.body()).is_ok()
        })?;
    }
    Ok(())
}

fn diagnoses(cases: &mut Cases) -> Result<(), Error> {
    let WorstCase { keys, by_rsa, by_md5 } = worst_case()?;
    for (name, requests) in [("a diagnosis, RSA: at worst", by_rsa), ("a diagnosis, MD5: at worst", by_md5)] {
        cases.add(name, &requests, async |request| {
            let headers = AuthHeaders::read(request.headers());
            headers.is_ok_and(|headers| diagnose(&headers, request.body(), &keys).is_some())
        })?;
    }
    Ok(())
}

struct Cases {
    criterion: Criterion,
    runtime: Runtime,
    place: PathBuf,
    rows: Vec<Row>,
}

impl Cases {
    fn new(senders: &Senders) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let place = senders.folder.database().with_file_name("criterion");
        let criterion = Criterion::default().without_plots().sample_size(30).output_directory(&place);
        let criterion =
            criterion.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
        Ok(Self { criterion, runtime, place, rows: Vec::new() })
    }

    /// Measures `work`, on each of `requests` in turns. The first case is what the others are compared with.
    fn add(
        &mut self,
        name: &str,
        requests: &[Request<Bytes>],
        work: impl AsyncFn(&Request<Bytes>) -> bool,
    ) -> Result<(), Error> {
        let (case, mut done) = (format!("case-{}", self.rows.len()), true);
        self.criterion.bench_function(&case, |bencher| {
            bencher.iter_custom(|iterations| {
                self.runtime.block_on(async {
                    let began = cpu_time();
                    for request in requests.iter().cycle().take(iterations as usize) {
                        done &= work(request).await;
                    }
                    cpu_time() - began
                })
            });
        });
        if !done {
            return Err(format!("{name} fails").into());
        }
        let samples = std::fs::read(self.place.join(case).join("new/sample.json"))?;
        let samples: Value = serde_json::from_slice(&samples)?;
        let list = |name: &str| serde_json::from_value::<Vec<f64>>(samples[name].clone());
        let nanoseconds = list("times")?.into_iter().zip(list("iters")?);
        let micros: Vec<_> = nanoseconds.map(|(time, count)| time / count / 1e3).collect();
        let (middle, quietest) = (median(micros.clone()), least(micros));
        let to = |name, own: f64| self.rows.first().map_or(1.0, |base| own / base.figures[name]);
        let to_verify = to("medianMicros", middle).min(to("leastMicros", quietest));
        let measured = [("medianMicros", middle), ("leastMicros", quietest), ("toVerify", to_verify)];
        self.rows.push(Row { name: name.to_owned(), figures: figures(measured) });
        Ok(())
    }
}

fn links() -> Result<LinkSettings, Error> {
    Ok(LinkSettings {
        default_app: AlipayAppId::parse(APP_ID).ok_or("an app's id is digits")?,
        authorize_page: "https://openauth.alipay.com/oauth2/publicAppAuthorize.htm".parse()?,
        public_url: None,
        retention: Duration::from_hours(24 * 400),
    })
}

/// The function of merchants' links, which has fetched no document yet.
pub(crate) fn merchant_links(secrets: Arc<dyn SecretSource>) -> Result<AlipayAuthUrl, Error> {
    let deny_list = DenyListCache::new(Arc::new(AtOnce), Arc::new(SystemClock));
    links_by(secrets, deny_list, Arc::new(AtOnce))
}

/// The same, with a store of one's own.
pub(crate) fn links_by(
    secrets: Arc<dyn SecretSource>,
    deny_list: DenyListCache,
    store: Arc<dyn RecordPlatformLinks>,
) -> Result<AlipayAuthUrl, Error> {
    Ok(AlipayAuthUrl::new(alipay_auth_url::Deps {
        secrets,
        deny_list,
        network: Arc::new(HttpPlatforms::new()),
        store,
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom::default()),
        links: links()?,
        callbacks: CallbackRules::default(),
    }))
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// A store without a network.
struct AtOnce;

#[async_trait]
impl FindLinks for AtOnce {
    async fn link(&self, _: &AuthorizationId) -> Result<Option<FoundLink>, StoreError> {
        Ok(None)
    }

    async fn record_opening(&self, _: &AuthorizationId, _: UnixMillis) -> Result<(), StoreError> {
        Ok(())
    }
}

macro_rules! at_once {
    ($($capability:ident::$method:ident($($argument:ty),*) -> $answer:ty = $value:expr;)*) => {$(
        #[async_trait]
        impl $capability for AtOnce {
            async fn $method(&self, $(_: $argument),*) -> Result<$answer, StoreError> {
                Ok($value)
            }
        }
    )*};
}
at_once! {
    RecordLinks::record_link(&Authorization, &NonceUse) -> Recorded = Recorded::New;
    RecordPlatformLinks::record_platform_link(&AuthorizationId, &Url, UnixMillis) -> Linked = Linked::Ours;
    UseNonces::use_nonce(&NonceUse) -> bool = true;
    ReadDenyList::deny_list() -> DenyList = DenyList::default();
    ReserveRate::reserve(&Reservation) -> ReservationOutcome = ReservationOutcome::From(SystemClock.now());
}
