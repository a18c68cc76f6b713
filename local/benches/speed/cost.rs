//! What one request costs in CPU time, beside aws-lc-rs doing nothing but the RSA of it.
//!
//! The machine's speed changes while it runs, so every round measures every case, and a ratio is the median of the
//! rounds' own ratios.

use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use alipay_auth_url::{AlipayAuthUrl, Deps};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use local::folder::{APP_ID, BUSINESS_ID, Folder};
use rsa::pkcs1v15::{Signature, SigningKey, VerifyingKey};
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _};
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding as _, Signer as _, Verifier as _};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use shared::egress::callback_url::CallbackRules;
use shared::model::clock::{Clock as _, SystemClock};
use shared::model::random::OsRandom;
use shared::protocol::alipay::authorize::LinkSettings;
use shared::protocol::open_api::client::transport::HttpPlatforms;
use shared::registry::Business;
use shared::secrets::{SecretCache, SecretFolder, SecretName};
use shared::signing::open_api::{AuthHeaders, Signer};
use tracing::level_filters::LevelFilter;

use crate::Error;
use crate::at_once::AtOnce;
use crate::authorization_url::AuthorizationUrl;
use crate::caller::{Caller, Protocol};
use crate::machine::on_one_cpu;
use crate::merchant::{Call, Merchant};

/// Odd, so that there is one in the middle.
const ROUNDS: u32 = 31;
const REQUESTS_PER_ROUND: u32 = 200;
/// Signing is slow, and `rsa` slower.
const SIGNATURES_PER_ROUND: usize = 20;

/// Places in [`CASES`].
const VERIFY: usize = 0;
const SIGN: usize = 10;

/// The measured cases, in order: what, the case it is compared to, and the ratio it must keep to.
///
/// Where aws-lc-rs verifies in 14 µs, the whole handler may cost 60 µs, and a call's verification 10 µs.
const CASES: [(&str, usize, Option<f64>); 13] = [
    ("aws-lc-rs alone: verify RSA-2048", VERIFY, None),
    ("auth headers read and verified, RSA", VERIFY, Some(1.3)),
    ("auth headers read and verified, MD5", VERIFY, None),
    ("the whole handler, RSA, with its log line", VERIFY, Some(60.0 / 14.0)),
    ("the whole handler, MD5, with its log line", VERIFY, None),
    ("`GetAuthorizationUrl`: a call read and verified, V1", VERIFY, Some(10.0 / 14.0)),
    ("`GetAuthorizationUrl`: a call read and verified, V3", VERIFY, Some(10.0 / 14.0)),
    ("`GetAuthorizationUrl`: the whole handler, V1, with its log line", VERIFY, Some(2.0)),
    ("`GetAuthorizationUrl`: the whole handler, V3, with its log line", VERIFY, Some(2.0)),
    ("`rsa` 0.9 alone: verify RSA-2048", VERIFY, None),
    ("aws-lc-rs alone: sign RSA-2048", SIGN, None),
    ("a message signed, RSA", SIGN, None),
    ("`rsa` 0.9 alone: sign RSA-2048", SIGN, None),
];

/// What one case cost, for one request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cost {
    pub(crate) case: String,
    pub(crate) compared_to: String,
    pub(crate) best_micros: f64,
    pub(crate) median_micros: f64,
    pub(crate) ratio: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio_at_most: Option<f64>,
}

/// Measures all cases, on a thread that keeps to one CPU.
pub(crate) fn measure(merchant: &Merchant, folder: &Folder) -> Result<Vec<Cost>, Error> {
    on_one_cpu(|| measure_here(merchant, folder))
}

fn measure_here(merchant: &Merchant, folder: &Folder) -> Result<Vec<Cost>, Error> {
    // Every request writes its line, to nowhere.
    shared::runtime::telemetry::start(LevelFilter::INFO, io::sink);
    let bench = Bench::new(merchant, folder)?;
    bench.round(0)?;
    let rounds = (1..=ROUNDS).map(|round| bench.round(round)).collect::<Result<Vec<_>, _>>()?;
    let costs = CASES.iter().enumerate().map(|(case, &(case_name, base, ratio_at_most))| {
        let times = sorted(rounds.iter().map(|round| round[case]));
        let ratios = sorted(rounds.iter().map(|round| round[case] / round[base]));
        Cost {
            case: case_name.to_owned(),
            compared_to: CASES[base].0.to_owned(),
            best_micros: times[0] * 1e6,
            median_micros: times[times.len() / 2] * 1e6,
            ratio: ratios[ratios.len() / 2],
            ratio_at_most,
        }
    });
    Ok(costs.collect())
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

struct Bench<'a> {
    merchant: &'a Merchant,
    runtime: tokio::runtime::Runtime,
    function: AlipayAuthUrl,
    business: Arc<Business>,
    caller: Caller,
    authorization_url: AuthorizationUrl,
    aws_lc_public: ParsedPublicKey,
    aws_lc_private: KeyPair,
    rsa_public: VerifyingKey<Sha256>,
    rsa_private: SigningKey<Sha256>,
}

impl<'a> Bench<'a> {
    fn new(merchant: &'a Merchant, folder: &Folder) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let clock = Arc::new(SystemClock);
        let secrets = Arc::new(SecretFolder::new(folder.secrets()));
        let businesses = Arc::new(SecretCache::new(secrets.clone(), clock.clone()));
        let business = runtime.block_on(businesses.get(&SecretName::business(BUSINESS_ID)?))?;
        let links = LinkSettings {
            app_id: APP_ID.to_owned(),
            authorize_page: "https://openauth.alipay.com/oauth2/publicAppAuthorize.htm".parse()?,
            public_url: None,
            retention: Duration::from_hours(24 * 400),
        };
        let authorization_url = runtime.block_on(AuthorizationUrl::new(folder, links.clone()))?;
        let public_der = merchant.rsa.to_public_key().to_public_key_der()?;
        Ok(Self {
            merchant,
            runtime,
            function: AlipayAuthUrl::new(Deps {
                secrets,
                network: Arc::new(HttpPlatforms::new()?),
                store: Arc::new(AtOnce),
                clock,
                random: Arc::new(OsRandom::default()),
                links,
                callbacks: CallbackRules::default(),
            }),
            business,
            caller: Caller::of(folder)?,
            authorization_url,
            aws_lc_public: ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public_der.as_bytes())?,
            aws_lc_private: KeyPair::from_pkcs8(merchant.rsa.to_pkcs8_der()?.as_bytes())?,
            rsa_public: VerifyingKey::new(merchant.rsa.to_public_key()),
            rsa_private: SigningKey::new(merchant.rsa.clone()),
        })
    }

    /// Seconds of CPU for one request of each case, on requests that no other round has.
    fn round(&self, round: u32) -> Result<[f64; CASES.len()], Error> {
        let (rsa, md5) = (Signer::Rsa(&self.merchant.rsa_key), Signer::Md5(&self.merchant.md5_key));
        let by_rsa = self.merchant.calls(rsa, &format!("rsa-{round}"), REQUESTS_PER_ROUND)?;
        let by_md5 = self.merchant.calls(md5, &format!("md5-{round}"), REQUESTS_PER_ROUND)?;
        let in_v1 = self.caller.calls(Protocol::V1, &format!("v1-{round}"), REQUESTS_PER_ROUND)?;
        let in_v3 = self.caller.calls(Protocol::V3, &format!("v3-{round}"), REQUESTS_PER_ROUND)?;
        let few = &by_rsa[..SIGNATURES_PER_ROUND];
        Ok([
            each(&by_rsa, |call| self.aws_lc_public.verify_sig(&call.string, &call.signature).is_ok())?,
            each(&by_rsa, |call| self.verifies(call))?,
            each(&by_md5, |call| self.verifies(call))?,
            self.each_handled(&by_rsa, async |call| self.grants(call).await)?,
            self.each_handled(&by_md5, async |call| self.grants(call).await)?,
            each(&in_v1, |call| self.authorization_url.verifies(call))?,
            each(&in_v3, |call| self.authorization_url.verifies(call))?,
            self.each_handled(&in_v1, async |call| self.authorization_url.grants(call).await)?,
            self.each_handled(&in_v3, async |call| self.authorization_url.grants(call).await)?,
            each(few, |call| {
                Signature::try_from(&*call.signature)
                    .is_ok_and(|signature| self.rsa_public.verify(&call.string, &signature).is_ok())
            })?,
            each(few, |call| {
                let mut signature = vec![0; call.signature.len()];
                let random = SystemRandom::new();
                let signed =
                    self.aws_lc_private.sign(&RSA_PKCS1_SHA256, &random, &call.string, &mut signature);
                signed.is_ok() && signature == call.signature
            })?,
            each(few, |call| rsa.sign(BUSINESS_ID, "nonce", SystemClock.now(), call.request.body()).is_ok())?,
            each(few, |call| self.rsa_private.sign(&call.string).to_vec() == call.signature)?,
        ])
    }

    fn verifies(&self, call: &Call) -> bool {
        let headers = AuthHeaders::read(call.request.headers());
        headers.is_ok_and(|headers| headers.verify(call.request.body(), &self.business.keys).is_ok())
    }

    async fn grants(&self, call: &Call) -> bool {
        self.function.handle(&call.request).await.body().starts_with(br#"{"status":0,"#)
    }

    fn each_handled<T>(&self, calls: &[T], grants: impl AsyncFn(&T) -> bool) -> Result<f64, Error> {
        self.runtime.block_on(async {
            let began = cpu_time();
            let mut granted = 0;
            for call in calls {
                granted += usize::from(grants(call).await);
            }
            average(began, calls.len(), granted)
        })
    }
}

fn each<T>(calls: &[T], mut work: impl FnMut(&T) -> bool) -> Result<f64, Error> {
    let began = cpu_time();
    let done = calls.iter().filter(|call| black_box(work(call))).count();
    average(began, calls.len(), done)
}

fn average(began: Duration, count: usize, done: usize) -> Result<f64, Error> {
    let took = cpu_time() - began;
    if done != count {
        return Err(format!("{} of {count} failed, so their cost says nothing", count - done).into());
    }
    Ok(took.as_secs_f64() / f64::from(u32::try_from(count)?))
}

/// What this thread has used.
fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
