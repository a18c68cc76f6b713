//! The functions, wired to a database of their own and to stand-ins for everyone else.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alipay_auth_url::AlipayAuthUrl;
use authorization_query::AuthorizationQuery;
use bytes::Bytes;
use get_authorization_url::GetAuthorizationUrl;
use http::{Request, Response};
use local::folder::VERSION;
use local::operate::Place;
use openid_callback::OpenIdCallback;
use openid_delivery::{OpenIdDelivery, Step};
use serde_json::{Value, json};
use shared::delivery::schedule::Schedule;
use shared::delivery::sender::CallbackSender;
use shared::egress::callback_url::CallbackRules;
use shared::model::alipay_app_id::AlipayAppId;
use shared::model::authorization::{Authorization, Status};
use shared::model::clock::{Clock as _, ManualClock, UnixMillis};
use shared::model::deny_list::DenyList;
use shared::model::id::{AuthorizationId, OperationId};
use shared::model::owner::Owner;
use shared::protocol::alipay::authorize::LinkSettings;
use shared::protocol::alipay::gateway::TokenExchange;
use shared::queue::in_process::InProcessQueue;
use shared::rate_limit::RateLimiter;
use shared::registry::DenyListCache;
use shared::secrets::SecretSource;
use shared::store::scheme_links::SchemeLinks;
use shared::store::sqlite::SqliteStore;
use shared::store::{
    FindDue, Operate, ReadDenyList, RecordDeliveries, RecordPlatformLinks, RecordReturns, Resend, StoreError,
};
use tempfile::TempDir;

use crate::alibaba_cloud::ScriptedAlibabaCloud;
use crate::keys;
use crate::parties::{CountingRandom, InMemorySecrets, ScriptedGateway, ScriptedMerchant};
use crate::platform::{self, ScriptedPlatforms};
use crate::request::{LinkAnswer, LinkCall, QueryAnswer, assert_names_its_request, state_of};
use crate::rpc::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, RpcAnswer, RpcCall};

/// The beginning of the tests' clock: 2026-11-22 00:00:00 UTC.
pub const BEGINNING: UnixMillis = UnixMillis(1_795_305_600_000);

/// Our app at Alipay.
pub const APP_ID: &str = "2021000000000001";

/// One run of authlink; drop it and start another on the same [`Site`] for a restart.
pub struct World {
    pub clock: Arc<ManualClock>,
    pub secrets: InMemorySecrets,
    pub random: Arc<CountingRandom>,
    pub gateway: Arc<ScriptedGateway>,
    pub alibaba_cloud: Arc<ScriptedAlibabaCloud>,
    pub merchant: Arc<ScriptedMerchant>,
    pub platforms: Arc<ScriptedPlatforms>,
    pub store: SqliteStore,
    /// The store that an operator looks at and resends in.
    pub operated: Arc<dyn Operate>,
    pub queue: InProcessQueue,
    pub auth_url: AlipayAuthUrl,
    pub authorization_url: GetAuthorizationUrl,
    pub query: AuthorizationQuery,
    pub callback: OpenIdCallback,
    pub delivery: OpenIdDelivery,
    /// The capabilities that the functions were built with.
    pub deps: Deps,
    pub file: PathBuf,
    _folder: Option<TempDir>,
}

/// The capabilities of all functions.
#[derive(Clone)]
pub struct Deps {
    pub auth_url: alipay_auth_url::Deps,
    pub authorization_url: get_authorization_url::Deps,
    pub query: authorization_query::Deps,
    pub callback: openid_callback::Deps,
    pub delivery: openid_delivery::Deps,
}

/// The parties around authlink.
#[derive(Default)]
struct Parties {
    gateway: Arc<ScriptedGateway>,
    merchant: Arc<ScriptedMerchant>,
    platforms: Arc<ScriptedPlatforms>,
}

impl World {
    /// A world with an empty database; business B1, which has an RSA and an MD5 key and merchant M1; and account 1001,
    /// which has an access key and scheme 234. The platforms `rsa` and `md5` make nobody's links yet.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("authlink.db");
        let secrets = InMemorySecrets::default();
        secrets.set("business/B1", &business());
        secrets.set(
            &format!("alipay-app/{APP_ID}"),
            &json!({"privateKey": keys::private_pem(keys::app()), "alipayPublicKeys": [keys::public_pem(keys::alipay())]}),
        );
        secrets.set("callback-key", &json!({"privateKey": keys::private_pem(keys::callback())}));
        secrets.set(&format!("access-key/{ACCESS_KEY_ID}"), &access_key());
        secrets.set("account/1001", &json!({}));
        secrets.set("scheme/234", &scheme());
        secrets.set("upstream/rsa", &platform::by_rsa());
        secrets.set("upstream/md5", &platform::by_md5());
        secrets.set("link-token", &json!({"keys": ["0123456789abcdef0123456789abcdef"]}));
        secrets.set("phone-key", &json!({"key": "fedcba9876543210fedcba9876543210"}));
        let clock = Arc::new(ManualClock::at(BEGINNING));
        Self::wire(clock, secrets, Arc::default(), Parties::default(), file, Some(folder))
    }

    /// Another process on the same database, at the same time, with the same parties, and an empty queue.
    pub fn another_process(&self) -> Self {
        self.another_process_by(self.clock.clone())
    }

    /// The same, by a clock of its own.
    pub fn another_process_by(&self, clock: Arc<ManualClock>) -> Self {
        let parties = Parties {
            gateway: self.gateway.clone(),
            merchant: self.merchant.clone(),
            platforms: self.platforms.clone(),
        };
        let (secrets, random) = (self.secrets.clone(), self.random.clone());
        Self::wire(clock, secrets, random, parties, self.file.clone(), None)
    }

    fn wire(
        clock: Arc<ManualClock>,
        secrets: InMemorySecrets,
        random: Arc<CountingRandom>,
        parties: Parties,
        file: PathBuf,
        folder: Option<TempDir>,
    ) -> Self {
        let Parties { gateway, merchant, platforms } = parties;
        let store = SqliteStore::open(&file).expect("a store");
        let queue = InProcessQueue::new(clock.clone());
        let source: Arc<dyn SecretSource> = Arc::new(secrets.clone());
        let alibaba_cloud = Arc::<ScriptedAlibabaCloud>::default();
        let shared_store = Arc::new(store.clone());
        let links = LinkSettings {
            default_app: AlipayAppId::parse(APP_ID).expect("digits"),
            authorize_page: "https://openauth.example/authorize".parse().expect("a URL"),
            public_url: None,
            retention: Duration::from_hours(24 * 400),
        };
        let deny_list = DenyListCache::new(shared_store.clone(), clock.clone());
        let deps = Deps {
            auth_url: alipay_auth_url::Deps {
                secrets: source.clone(),
                deny_list: deny_list.clone(),
                network: platforms.clone(),
                store: shared_store.clone(),
                clock: clock.clone(),
                random: random.clone(),
                callbacks: CallbackRules::default(),
                links: links.clone(),
            },
            authorization_url: get_authorization_url::Deps {
                secrets: source.clone(),
                deny_list: deny_list.clone(),
                store: SchemeLinks::new(shared_store.clone()),
                rate_limiter: Arc::new(RateLimiter::new(shared_store.clone(), clock.clone())),
                alibaba_cloud: alibaba_cloud.clone(),
                clock: clock.clone(),
                random: random.clone(),
                links,
                callbacks: CallbackRules::default(),
            },
            query: authorization_query::Deps {
                secrets: source.clone(),
                deny_list: deny_list.clone(),
                nonces: shared_store.clone(),
                records: shared_store.clone(),
                clock: clock.clone(),
                random: random.clone(),
                callbacks: CallbackRules::default(),
            },
            callback: openid_callback::Deps {
                secrets: source.clone(),
                deny_list: deny_list.clone(),
                store: shared_store.clone(),
                gateway: gateway.clone(),
                hints: Arc::new(queue.clone()),
                keep_for: Schedule::default().keeps_for(),
                clock: clock.clone(),
                random: random.clone(),
            },
            delivery: openid_delivery::Deps {
                secrets: source,
                store: shared_store.clone(),
                due: shared_store.clone(),
                sender: merchant.clone(),
                hints: Arc::new(queue.clone()),
                clock: clock.clone(),
                random: random.clone(),
                callbacks: CallbackRules::default(),
                schedule: Schedule::default(),
                personal_data: None,
            },
        };
        Self {
            auth_url: AlipayAuthUrl::new(deps.auth_url.clone()),
            authorization_url: GetAuthorizationUrl::new(deps.authorization_url.clone()),
            query: AuthorizationQuery::new(deps.query.clone()),
            callback: OpenIdCallback::new(deps.callback.clone()),
            delivery: OpenIdDelivery::new(deps.delivery.clone()),
            deps,
            clock,
            secrets,
            random,
            gateway,
            alibaba_cloud,
            merchant,
            platforms,
            operated: shared_store,
            store,
            queue,
            file,
            _folder: folder,
        }
    }

    /// Builds the functions anew from their capabilities as they are now: they have fetched no document yet.
    pub fn rebuild(&mut self) {
        self.auth_url = AlipayAuthUrl::new(self.deps.auth_url.clone());
        self.authorization_url = GetAuthorizationUrl::new(self.deps.authorization_url.clone());
        self.query = AuthorizationQuery::new(self.deps.query.clone());
        self.callback = OpenIdCallback::new(self.deps.callback.clone());
        self.delivery = OpenIdDelivery::new(self.deps.delivery.clone());
    }

    /// Has every function take its documents from `source`.
    pub fn take_secrets_from(&mut self, source: &Arc<dyn SecretSource>) {
        self.deps.auth_url.secrets = Arc::clone(source);
        self.deps.authorization_url.secrets = Arc::clone(source);
        self.deps.query.secrets = Arc::clone(source);
        self.deps.callback.secrets = Arc::clone(source);
        self.deps.delivery.secrets = Arc::clone(source);
        self.rebuild();
    }

    /// Has every function take the deny list of `store`, by this world's clock.
    pub fn take_deny_list_from(&mut self, store: Arc<dyn ReadDenyList>) {
        let deny_list = DenyListCache::new(store, self.clock.clone());
        self.deps.auth_url.deny_list = deny_list.clone();
        self.deps.authorization_url.deny_list = deny_list.clone();
        self.deps.query.deny_list = deny_list.clone();
        self.deps.callback.deny_list = deny_list;
        self.rebuild();
    }

    /// The deny list, as the functions know it then. A first request that a paused runtime makes would not wait for it:
    /// there, a thread's answer comes later than every time-out.
    pub async fn deny_list(&self) -> Arc<DenyList> {
        loop {
            if let Ok(list) = self.deps.callback.deny_list.current().await {
                return list;
            }
        }
    }

    /// Has `platform` make the links of business B1.
    pub fn links_come_from(&self, platform: &str) {
        let mut business = business();
        business["upstream"] = platform.into();
        self.secrets.set("business/B1", &business);
    }

    /// Puts another gateway behind the callback function.
    pub fn with_gateway(mut self, gateway: Arc<dyn TokenExchange>) -> Self {
        self.deps.callback.gateway = gateway;
        self.rebuild();
        self
    }

    /// Puts another network before the merchants.
    pub fn with_sender(mut self, sender: Arc<dyn CallbackSender>) -> Self {
        self.deps.delivery.sender = sender;
        self.rebuild();
        self
    }

    /// Puts another store behind every function.
    pub fn with_store<S>(mut self, store: Arc<S>) -> Self
    where
        S: RecordPlatformLinks + RecordReturns + RecordDeliveries + FindDue + 'static,
    {
        self.deps.auth_url.store = store.clone();
        self.deps.query.records = store.clone();
        self.deps.callback.store = store.clone();
        self.deps.delivery.store = store.clone();
        self.deps.delivery.due = store;
        self.rebuild();
        self
    }

    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// Sends a link request.
    pub async fn ask(&self, call: &LinkCall) -> LinkAnswer {
        LinkAnswer::read(&self.auth_url.handle(&call.build()).await)
    }

    /// Sends a query.
    pub async fn query(&self, call: &LinkCall) -> QueryAnswer {
        QueryAnswer::read(&self.query.handle(&call.build()).await)
    }

    /// The answer that business B1 gets for its `serial_no`.
    pub async fn told(&self, serial_no: &str) -> Value {
        self.query(&LinkCall::query(serial_no, self.now())).await.expect_data()
    }

    /// Sends a call of `GetAuthorizationUrl`.
    pub async fn call(&self, call: &RpcCall) -> RpcAnswer {
        RpcAnswer::read(&self.authorization_url.handle(&call.build()).await)
    }

    /// Asks for a link for `serial_no` and takes it.
    pub async fn link(&self, serial_no: &str) -> Issued {
        let link = self.ask(&LinkCall::new(serial_no, self.now())).await.expect_link();
        Issued { id: AuthorizationId::from_serial("B1", serial_no), state: state_of(&link), link }
    }

    /// The browser comes back with `code`.
    pub async fn complete_return(&self, state: &str, code: &str) -> Shown {
        self.complete_return_for(APP_ID, state, code).await
    }

    /// The browser comes back from `app_id` with `code`.
    pub async fn complete_return_for(&self, app_id: &str, state: &str, code: &str) -> Shown {
        self.browse(&format!(
            "app_id={app_id}&source=alipay_wallet&scope=auth_base&auth_code={code}&state={state}"
        ))
        .await
    }

    /// The browser comes back with this query.
    pub async fn browse(&self, query: &str) -> Shown {
        let request = Request::builder()
            .uri(format!("{}?{query}", openid_callback::PATH))
            .header("accept-language", "en")
            .body(Bytes::new())
            .expect("a request");
        Shown::read(&self.callback.handle(&request).await)
    }

    /// A platform calls back.
    pub async fn receive_callback(&self, call: &LinkCall) -> CallbackAnswer {
        CallbackAnswer::read(&self.callback.handle(&call.build()).await)
    }

    /// Its folder, as an operator has it.
    pub fn place(&self) -> Place {
        let folder = self.file.parent().expect("a folder");
        fs::write(folder.join("complete"), VERSION).expect("written");
        let settings = format!(
            "AUTHLINK_ALIPAY_APP_ID={APP_ID}\nAUTHLINK_DATABASE={}\nAUTHLINK_SECRETS_DIR={}\n",
            self.file.display(),
            folder.join("secrets").display()
        );
        fs::write(folder.join("lambda.env"), settings).expect("written");
        Place::Folder(folder.to_owned())
    }

    /// The record as it stands.
    pub async fn record(&self, id: &AuthorizationId) -> Authorization {
        self.operated.authorization(id).await.expect("the store answers").expect("a record")
    }

    /// An operator sets it due again. Whether it was UNDELIVERABLE.
    pub async fn resend(&self, id: &AuthorizationId) -> Result<bool, StoreError> {
        let operation = OperationId::generate(&*self.random).expect("randomness");
        let (id, from, now) = (id.clone(), vec![Status::Undeliverable], self.now());
        self.operated.resend(&Resend { id, from, to: None, operation, now }).await
    }

    /// Makes every attempt that a hint has arrived for.
    pub async fn drain(&self) -> Vec<Step> {
        openid_delivery::drain(&self.delivery, &self.queue).await.expect("the store answers")
    }

    /// Sweeps, then makes every attempt that a hint has arrived for.
    pub async fn sweep_and_drain(&self) -> Vec<Step> {
        openid_delivery::sweep(&self.delivery).await.expect("the store answers");
        self.drain().await
    }

    /// A link for `serial_no`, consented to by `open_id`.
    pub async fn authorized(&self, serial_no: &str, open_id: &str) -> Issued {
        let issued = self.link(serial_no).await;
        self.gateway.answer(crate::parties::identified(open_id));
        let shown = self.complete_return(&issued.state, &format!("code{serial_no}")).await;
        assert_eq!(shown.outcome, "authorized");
        issued
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Business B1, as whose authorizations are.
pub fn b1() -> Owner {
    Owner::Business("B1".to_owned())
}

/// The document of business B1.
pub fn business() -> Value {
    json!({
        "publicKeys": [keys::vector_text("public_key_spki_pem")],
        "md5Keys": [keys::merchant_md5()],
        "merchantIds": ["M1", "M2"],
    })
}

/// The document of the tests' access key.
pub fn access_key() -> Value {
    json!({
        "secrets": [ACCESS_KEY_SECRET],
        "accountId": "1001",
        "permissions": ["dypns:GetAuthorizationUrl"],
    })
}

/// The document of scheme 234.
pub fn scheme() -> Value {
    json!({
        "accountId": "1001",
        "merchantName": "示例商户",
        "callbackUrl": "https://merchant.example.com/cb",
    })
}

/// A link that was issued.
#[derive(Clone, Debug)]
pub struct Issued {
    pub id: AuthorizationId,
    pub state: String,
    pub link: url::Url,
}

/// The answer to a platform's callback.
#[derive(Debug, PartialEq, Eq)]
pub struct CallbackAnswer {
    pub http_status: u16,
    pub text: String,
}

impl CallbackAnswer {
    fn read(answer: &Response<Bytes>) -> Self {
        assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
        assert_names_its_request(answer);
        let text = String::from_utf8(answer.body().to_vec()).expect("text");
        Self { http_status: answer.status().as_u16(), text }
    }
}

/// A page that the browser was shown.
#[derive(Debug)]
pub struct Shown {
    pub http_status: u16,
    pub outcome: String,
    pub html: String,
}

impl Shown {
    /// Reads a page, and checks that it leaves no trace.
    pub fn read(answer: &Response<Bytes>) -> Self {
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
        assert!(
            answer.headers()["content-security-policy"]
                .to_str()
                .expect("text")
                .starts_with("default-src 'none'")
        );
        let html = String::from_utf8(answer.body().to_vec()).expect("text");
        let outcome = html.split("data-outcome=\"").nth(1).and_then(|rest| rest.split('"').next());
        Self {
            http_status: answer.status().as_u16(),
            outcome: outcome.expect("data-outcome").to_owned(),
            html,
        }
    }
}
