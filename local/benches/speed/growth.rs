//! Whether a request costs more when there is more: at 1,000, 100,000 and 1,000,000 authorizations, and at 10 and 10,000
//! businesses.
//!
//! Each round goes through all of them, so that the machine's moods fall on all alike, and every request is measured by
//! itself: its CPU time is the process's, because the store works on a thread of its own. The clock stands still, as the
//! source of keys is not what is measured.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alipay_auth_url::{AlipayAuthUrl, Deps};
use bytes::Bytes;
use http::Request;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use shared::egress::callback_url::CallbackRules;
use shared::model::clock::{Clock as _, ManualClock, SystemClock};
use shared::model::random::OsRandom;
use shared::protocol::alipay::authorize::LinkSettings;
use shared::protocol::open_api::client::transport::HttpPlatforms;
use shared::secrets::{SecretCache, SecretName};
use shared::signing::open_api::Signer;
use shared::signing::rsa::SigningKey;
use shared::store::sqlite::SqliteStore;
use shared::web::client_info::ClientInfo;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::Error;
use crate::fill::{Businesses, Filling, MERCHANT_ID, Stage, business_id, write};
use crate::section::{Section, micros, within};

/// Authorizations and businesses; each is compared to the first.
const SIZES: [(u32, u32); 4] = [(1_000, 10), (100_000, 10), (1_000_000, 10), (1_000, 10_000)];
/// Odd, so that there is one in the middle.
const ROUNDS: u32 = 61;
const REQUESTS_PER_ROUND: u32 = 11;
const WARM_UP_ROUNDS: u32 = 10;
const RATIO_AT_MOST: f64 = 1.2;
/// A cache looks up so many names that it has never seen in a second.
const BETWEEN_NEW_NAMES: Duration = Duration::from_millis(50);

/// What a request cost at one size.
struct Costs {
    authorizations: u32,
    businesses: u32,
    cpu: Times,
    wall: Times,
}

#[derive(Default)]
struct Times {
    /// Of every request.
    all: Vec<Duration>,
    /// Each round's median.
    medians: Vec<Duration>,
}

impl Times {
    fn take_in(&mut self, mut round: Vec<Duration>) {
        round.sort_unstable();
        self.medians.push(within(&round, 0.5));
        self.all.extend(round);
        self.all.sort_unstable();
    }

    fn mean_micros(&self) -> f64 {
        micros(self.all.iter().sum()) / self.all.len() as f64
    }

    /// The median of the rounds' own ratios, since the disk's moods last for longer than a round.
    fn ratio_to(&self, first: &Self) -> f64 {
        let pairs = self.medians.iter().zip(&first.medians);
        let mut ratios: Vec<_> = pairs.map(|(own, first)| micros(*own) / micros(*first)).collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    }
}

/// Measures all sizes in turns.
pub(crate) fn measure(scratch: &Path, divided_by: u32) -> Result<Section, Error> {
    let place = tempfile::tempdir_in(scratch)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let signer = Keys::generate()?;
    let mut at = Vec::new();
    for (index, (authorizations, businesses)) in SIZES.into_iter().enumerate() {
        let (authorizations, businesses) =
            (authorizations.div_ceil(divided_by), businesses.div_ceil(divided_by));
        let file = place.path().join(format!("{index}.db"));
        at.push(runtime.block_on(Size::make(&file, authorizations, businesses, &signer))?);
    }
    let mut costs: Vec<_> = at.iter().map(Size::costs).collect();
    for round in 0..WARM_UP_ROUNDS + ROUNDS {
        for (size, costs) in at.iter().zip(&mut costs) {
            let measured = size.round(&runtime, &signer.private, round)?;
            if round >= WARM_UP_ROUNDS {
                let (wall, cpu) = measured.into_iter().unzip();
                costs.wall.take_in(wall);
                costs.cpu.take_in(cpu);
            }
        }
    }
    report(&costs)
}

struct Keys {
    private: SigningKey,
    public_pem: String,
}

impl Keys {
    fn generate() -> Result<Self, Error> {
        use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
        let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048)?;
        let private = SigningKey::parse(&key.to_pkcs8_pem(LineEnding::LF)?)?;
        Ok(Self { private, public_pem: key.to_public_key().to_public_key_pem(LineEnding::LF)? })
    }
}

/// The function with so much in its store, and so many businesses in its cache.
struct Size {
    authorizations: u32,
    businesses: u32,
    function: AlipayAuthUrl,
}

impl Size {
    async fn make(file: &Path, authorizations: u32, businesses: u32, keys: &Keys) -> Result<Self, Error> {
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let owners: Vec<_> = (0..businesses).collect();
        let filling = Filling {
            series: "old",
            count: authorizations,
            businesses: &owners,
            stage: Stage::Issued,
            now: clock.now(),
        };
        write(file, &filling)?;
        let document = json!({"publicKeys": [keys.public_pem], "merchantIds": [MERCHANT_ID]}).to_string();
        let source = Arc::new(Businesses { document });
        let cache = Arc::new(SecretCache::<shared::registry::Business>::new(source.clone(), clock.clone()));
        for index in 0..businesses {
            clock.advance(BETWEEN_NEW_NAMES);
            cache.get(&SecretName::business(&business_id(index))?).await?;
        }
        // Those that came first are five minutes old by now.
        for index in 0..businesses {
            cache.get(&SecretName::business(&business_id(index))?).await?;
        }
        let function = AlipayAuthUrl::new(Deps {
            secrets: source,
            network: Arc::new(HttpPlatforms::new()?),
            store: Arc::new(SqliteStore::open(file)?),
            clock,
            random: Arc::new(OsRandom::default()),
            links: LinkSettings {
                app_id: "2021000000000001".to_owned(),
                authorize_page: "https://openauth.alipay.com/oauth2/publicAppAuthorize.htm".parse()?,
                public_url: None,
                retention: Duration::from_hours(24 * 400),
            },
            callbacks: CallbackRules::default(),
        });
        Ok(Self { authorizations, businesses, function })
    }

    fn costs(&self) -> Costs {
        let Self { authorizations, businesses, .. } = *self;
        Costs { authorizations, businesses, cpu: Times::default(), wall: Times::default() }
    }

    /// Wall and CPU time of each request of one round.
    fn round(
        &self,
        runtime: &Runtime,
        key: &SigningKey,
        round: u32,
    ) -> Result<Vec<(Duration, Duration)>, Error> {
        let requests = (0..REQUESTS_PER_ROUND).map(|index| {
            // A prime apart, so that neighbours among the businesses are not asked for one after another.
            let business =
                business_id((round * REQUESTS_PER_ROUND + index).wrapping_mul(7_919) % self.businesses);
            self.request(key, &business, &format!("round-{round:04}-{index:04}"))
        });
        let requests = requests.collect::<Result<Vec<_>, _>>()?;
        runtime.block_on(async {
            let mut measured = Vec::new();
            for request in &requests {
                let (cpu, began) = (cpu_time(), Instant::now());
                let answer = self.function.handle(request).await;
                measured.push((began.elapsed(), cpu_time() - cpu));
                if !answer.body().starts_with(br#"{"status":0,"#) {
                    return Err(format!("refused: {}", String::from_utf8_lossy(answer.body())).into());
                }
            }
            Ok(measured)
        })
    }

    fn request(&self, key: &SigningKey, business: &str, name: &str) -> Result<Request<Bytes>, Error> {
        let body = json!({
            "merchantId": MERCHANT_ID,
            "businessId": business,
            "serialNo": name,
            "userId": "user-0123456789abcdef0123456789abcdef",
            "callbackUrl": "https://merchant.example.com/alipay/openid",
        });
        let body = body.to_string().into_bytes();
        let headers = Signer::Rsa(key).sign(business, name, SystemClock.now(), &body)?;
        let origin = Some("https://links.example.com/".parse()?);
        let request = Request::post(alipay_auth_url::PATH)
            .extension(ClientInfo { source_ip: Some([127, 0, 0, 1].into()), origin });
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        Ok(request.body(Bytes::from(body))?)
    }
}

/// What all threads of this process have used.
fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

fn report(costs: &[Costs]) -> Result<Section, Error> {
    let Some(first) = costs.first() else { return Err("nothing was measured".into()) };
    let (mut json, mut table, mut missed) = (Vec::new(), String::new(), Vec::new());
    writeln!(
        table,
        "| authorizations | businesses | CPU, median | mean | to the first | wall, median | 99 % within | to the first |"
    )?;
    writeln!(table, "|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    for of in costs {
        let (authorizations, businesses) = (of.authorizations, of.businesses);
        let (cpu_ratio, wall_ratio) = (of.cpu.ratio_to(&first.cpu), of.wall.ratio_to(&first.wall));
        for (kind, ratio) in [("CPU", cpu_ratio), ("wall", wall_ratio)] {
            if ratio > RATIO_AT_MOST {
                missed.push(format!(
                    "{kind} at {authorizations} authorizations, {businesses} businesses: {ratio:.2}, allowed are \
                     {RATIO_AT_MOST:.2}"
                ));
            }
        }
        let (cpu, mean) = (micros(within(&of.cpu.all, 0.5)), of.cpu.mean_micros());
        let (wall, p99) = (micros(within(&of.wall.all, 0.5)), micros(within(&of.wall.all, 0.99)));
        writeln!(
            table,
            "| {authorizations} | {businesses} | {cpu:.0} µs | {mean:.0} µs | {cpu_ratio:.2} | {wall:.0} µs | {p99:.0} µs \
             | {wall_ratio:.2} |"
        )?;
        json.push(json!({
            "authorizations": authorizations,
            "businesses": businesses,
            "requests": of.cpu.all.len(),
            "cpuMicros": {"median": cpu, "mean": mean, "ratio": cpu_ratio},
            "wallMicros": {"median": wall, "p99": p99, "ratio": wall_ratio},
        }));
    }
    writeln!(table, "| at most | | | | {RATIO_AT_MOST:.2} | | | {RATIO_AT_MOST:.2} |")?;
    let json = json!({"sizes": json, "bounds": {"ratioAtMost": RATIO_AT_MOST}});
    Ok(Section { name: "growth", json, table, missed })
}
