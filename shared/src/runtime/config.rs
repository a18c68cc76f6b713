//! The settings, read from the environment once, at start, into proven types. An error names the setting and what it
//! should be.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;
use secrecy::SecretString;
use url::Url;

use crate::aws::settings::{AwsSettings, SERVICE_ENDPOINT_VARIABLES};
use crate::delivery::schedule::Schedule;
use crate::egress::callback_url::{CallbackRules, Origin};
use crate::model::alipay_app_id::AlipayAppId;
use crate::protocol::alipay::authorize::LinkSettings;
use crate::runtime::embedded_metrics::MetricsNamespace;
use crate::web::edge::{CLOUDFRONT_ADDRESS_HEADER, Edge};

const AUTHORIZE_PAGE: &str = "https://openauth.alipay.com/oauth2/publicAppAuthorize.htm";
const GATEWAY: &str = "https://openapi.alipay.com/gateway.do";
const RETENTION_DAYS: u64 = 400;
const WAIT_SECS: std::ops::RangeInclusive<u64> = 1..=7 * 24 * 60 * 60;
const DAY: Duration = Duration::from_hours(24);

/// Every setting of every function.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our app at Alipay and Alipay's addresses.
    pub alipay: AlipaySettings,
    /// `AUTHLINK_PUBLIC_URL`: what users' browsers call us; absent means the address that a request arrived at.
    pub public_url: Option<Url>,
    /// What stands in front of the API: `AUTHLINK_EDGE_SECRETS`, one or two of 16 to 128 visible characters, joined by
    /// a comma, nothing unless set; `AUTHLINK_EDGE_ADDRESS_HEADER`, CloudFront's unless set; and `AUTHLINK_EDGE_ONLY`,
    /// `false` unless set.
    pub edge: Option<Edge>,
    /// The addresses that callbacks may go to: `AUTHLINK_CALLBACK_PORTS`, ports joined by commas, 443 unless set; and
    /// `AUTHLINK_DANGEROUS_CALLBACK_ORIGINS`, origins that are allowed although they are not public, none unless set.
    pub callbacks: CallbackRules,
    /// `AUTHLINK_DELIVERY_WAITS_SECS`: the waits between attempts, in seconds from 1 to 604,800 (seven days), joined by
    /// commas.
    pub schedule: Schedule,
    /// `AUTHLINK_RETENTION_DAYS`, 400 unless set: the time that authorizations are kept; a day longer than their
    /// deliveries may take, at least.
    pub retention: Duration,
    /// `AUTHLINK_PERSONAL_DATA_DAYS`, 0 unless set: the time for which what says who a user is is kept after the
    /// delivery; 0 for as long as the record.
    pub personal_data: Option<Duration>,
    /// The source of keys.
    pub secrets: SecretsFrom,
    /// The store of records.
    pub store: StoreAt,
    /// `AUTHLINK_QUEUE_URL`: the Amazon SQS queue of hints; without one the sweep delivers.
    pub queue_url: Option<String>,
    /// AWS, as far as a setting names something there.
    pub aws: AwsSettings,
    /// `AUTHLINK_LOG_LEVEL`: `error`, `warn`, `info` (unless set), `debug` or `off`.
    pub log_level: tracing::level_filters::LevelFilter,
    /// `AUTHLINK_METRICS_NAMESPACE`: the namespace at CloudWatch of the metrics that log lines carry; without one they
    /// carry none.
    pub metrics: Option<MetricsNamespace>,
}

/// Our app at Alipay.
#[derive(Clone, Debug)]
pub struct AlipaySettings {
    /// `AUTHLINK_ALIPAY_APP_ID`: 1 to 32 digits. The app of links whose owner has none of its own.
    pub default_app: AlipayAppId,
    /// `AUTHLINK_ALIPAY_AUTHORIZE_URL`, Alipay's own unless set: the page that users consent on.
    pub authorize_page: Url,
    /// `AUTHLINK_ALIPAY_GATEWAY_URL`, Alipay's own unless set: the gateway that codes are exchanged at.
    pub gateway: Url,
}

/// The source of keys. The folder goes before Secrets Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretsFrom {
    /// `AUTHLINK_SECRETS_DIR`: a folder of the same documents.
    Folder(PathBuf),
    /// AWS Secrets Manager. `AUTHLINK_SECRETS_PREFIX`: what every secret's name begins with, before a slash.
    Manager(String),
}

/// The store of records. The file goes before the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAt {
    /// `AUTHLINK_DATABASE`: the embedded store's file.
    File(PathBuf),
    /// `AUTHLINK_TABLE`: a table of Amazon DynamoDB.
    Table(String),
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} {problem}")]
pub struct ConfigError {
    name: &'static str,
    problem: Cow<'static, str>,
}

fn wrong(name: &'static str, problem: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError { name, problem: problem.into() }
}

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// The first setting that is missing or cannot be used.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_env_or(&|_| None)
    }

    /// Reads the process's environment, and what is not set there from `defaults`.
    ///
    /// # Errors
    /// As [`Config::from_env`].
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn from_env_or(defaults: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Self::read(&|name| std::env::var(name).ok().or_else(|| defaults(name)))
    }

    /// Reads settings by `lookup`; an empty value is an absent one.
    ///
    /// # Errors
    /// As [`Config::from_env`].
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let settings = Settings(lookup);
        let (secrets, store) = (settings.secrets()?, settings.store()?);
        let queue_url = settings.text("AUTHLINK_QUEUE_URL");
        let schedule = settings.schedule()?;
        let retention = settings.days("AUTHLINK_RETENTION_DAYS", RETENTION_DAYS)?;
        let personal_data = settings.personal_data()?;
        let on_aws = matches!(secrets, SecretsFrom::Manager(_))
            || matches!(store, StoreAt::Table(_))
            || queue_url.is_some();
        Ok(Self {
            alipay: AlipaySettings {
                default_app: settings.default_app()?,
                authorize_page: settings.url("AUTHLINK_ALIPAY_AUTHORIZE_URL", AUTHORIZE_PAGE)?,
                gateway: settings.gateway()?,
            },
            public_url: settings.optional_url("AUTHLINK_PUBLIC_URL")?,
            edge: settings.edge()?,
            callbacks: CallbackRules {
                ports: settings
                    .list("AUTHLINK_CALLBACK_PORTS", "port numbers", |port| port.parse().ok())?
                    .unwrap_or_else(|| vec![443]),
                dangerous_origins: settings
                    .list(
                        "AUTHLINK_DANGEROUS_CALLBACK_ORIGINS",
                        "origins as http://127.0.0.1:8789",
                        |origin| Origin::parse(origin).ok(),
                    )?
                    .unwrap_or_default(),
            },
            retention: retention.max(schedule.keeps_for()),
            personal_data,
            schedule,
            secrets,
            store,
            queue_url,
            aws: if on_aws { settings.aws()? } else { AwsSettings::default() },
            log_level: settings.log_level()?,
            metrics: settings.metrics()?,
        })
    }
}

impl Config {
    /// The settings that links are made by.
    #[must_use]
    pub fn links(&self) -> LinkSettings {
        LinkSettings {
            default_app: self.alipay.default_app.clone(),
            authorize_page: self.alipay.authorize_page.clone(),
            public_url: self.public_url.clone(),
            retention: self.retention,
        }
    }
}

struct Settings<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Settings<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn text_or(&self, name: &str, default: &str) -> String {
        self.text(name).unwrap_or_else(|| default.to_owned())
    }

    fn required(&self, name: &'static str) -> Result<String, ConfigError> {
        self.text(name).ok_or_else(|| wrong(name, "is not set"))
    }

    fn edge(&self) -> Result<Option<Edge>, ConfigError> {
        let name = "AUTHLINK_EDGE_SECRETS";
        let secret = |text: &str| {
            let fits = (16..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
            fits.then(|| SecretString::from(text))
        };
        let of_what = "one or two secrets of 16 to 128 visible characters";
        let secrets = self.list(name, of_what, secret)?;
        if secrets.as_ref().is_some_and(|secrets| secrets.len() > 2) {
            return Err(wrong(name, format!("must be {of_what}, joined by commas")));
        }
        let name = "AUTHLINK_EDGE_ADDRESS_HEADER";
        let header = self.text(name).map(HeaderName::try_from).transpose();
        let header = header.map_err(|_| wrong(name, "must be the name of a header"))?;
        let address_header = header.unwrap_or(CLOUDFRONT_ADDRESS_HEADER);
        let name = "AUTHLINK_EDGE_ONLY";
        let only = self.flag(name)?;
        if only && secrets.is_none() {
            return Err(wrong(name, "is true, but AUTHLINK_EDGE_SECRETS is not set"));
        }
        Ok(secrets.map(|secrets| Edge { address_header, secrets, only }))
    }

    fn default_app(&self) -> Result<AlipayAppId, ConfigError> {
        let name = "AUTHLINK_ALIPAY_APP_ID";
        AlipayAppId::parse(&self.required(name)?).ok_or_else(|| wrong(name, "must be digits"))
    }

    fn url(&self, name: &'static str, default: &str) -> Result<Url, ConfigError> {
        plain_url(name, &self.text_or(name, default))
    }

    fn optional_url(&self, name: &'static str) -> Result<Option<Url>, ConfigError> {
        self.text(name).map(|text| plain_url(name, &text)).transpose()
    }

    fn gateway(&self) -> Result<Url, ConfigError> {
        let name = "AUTHLINK_ALIPAY_GATEWAY_URL";
        let problem = "must be an http or https URL without fragment and user name";
        web_url(&self.text_or(name, GATEWAY)).ok_or_else(|| wrong(name, problem))
    }

    fn list<T>(
        &self,
        name: &'static str,
        of_what: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<Vec<T>>, ConfigError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let items = text.split(',').map(|item| parse(item.trim())).collect::<Option<Vec<T>>>();
        items.map(Some).ok_or_else(|| wrong(name, format!("must be {of_what}, joined by commas")))
    }

    fn schedule(&self) -> Result<Schedule, ConfigError> {
        let waits = self.list("AUTHLINK_DELIVERY_WAITS_SECS", "seconds from 1 to 604800", |wait| {
            wait.parse().ok().filter(|wait| WAIT_SECS.contains(wait))
        })?;
        Ok(waits.map_or_else(Schedule::default, |waits| Schedule::from_secs(&waits)))
    }

    fn days(&self, name: &'static str, default: u64) -> Result<Duration, ConfigError> {
        let days = match self.text(name) {
            None => default,
            Some(text) => text.parse().unwrap_or(0),
        };
        let days = u32::try_from(days).ok().filter(|days| (1..=3_650).contains(days));
        days.map(|days| DAY * days).ok_or_else(|| wrong(name, "must be 1 to 3650 days"))
    }

    fn personal_data(&self) -> Result<Option<Duration>, ConfigError> {
        let name = "AUTHLINK_PERSONAL_DATA_DAYS";
        match self.text(name).as_deref() {
            None | Some("0") => Ok(None),
            Some(_) => self.days(name, 0).map(Some).map_err(|_| wrong(name, "must be 0 to 3650 days")),
        }
    }

    fn secrets(&self) -> Result<SecretsFrom, ConfigError> {
        if let Some(folder) = self.text("AUTHLINK_SECRETS_DIR") {
            return Ok(SecretsFrom::Folder(folder.into()));
        }
        self.required("AUTHLINK_SECRETS_PREFIX").map(SecretsFrom::Manager)
    }

    fn store(&self) -> Result<StoreAt, ConfigError> {
        match self.text("AUTHLINK_DATABASE") {
            Some(file) => Ok(StoreAt::File(file.into())),
            None => self.required("AUTHLINK_TABLE").map(StoreAt::Table),
        }
    }

    fn aws(&self) -> Result<AwsSettings, ConfigError> {
        Ok(AwsSettings {
            region: self.required("AWS_REGION")?,
            endpoint_url: self.endpoint("AWS_ENDPOINT_URL")?,
            service_endpoint_urls: self.service_endpoints()?,
            use_fips: self.flag("AWS_USE_FIPS_ENDPOINT")?,
            use_dual_stack: self.flag("AWS_USE_DUALSTACK_ENDPOINT")?,
            access_key_id: visible("AWS_ACCESS_KEY_ID", self.required("AWS_ACCESS_KEY_ID")?)?,
            secret_access_key: self.required("AWS_SECRET_ACCESS_KEY")?.into(),
            session_token: self
                .text("AWS_SESSION_TOKEN")
                .map(|token| visible("AWS_SESSION_TOKEN", token))
                .transpose()?
                .map(SecretString::from),
        })
    }

    fn endpoint(&self, name: &'static str) -> Result<Option<String>, ConfigError> {
        self.text(name).map(|text| plain_url(name, &text).map(|_| text)).transpose()
    }

    fn service_endpoints(&self) -> Result<BTreeMap<&'static str, String>, ConfigError> {
        let endpoint = |name| self.endpoint(name).transpose().map(|url| url.map(|url| (name, url)));
        SERVICE_ENDPOINT_VARIABLES.into_iter().filter_map(endpoint).collect()
    }

    fn flag(&self, name: &'static str) -> Result<bool, ConfigError> {
        match self.text(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(wrong(name, "must be true or false")),
        }
    }

    fn log_level(&self) -> Result<tracing::level_filters::LevelFilter, ConfigError> {
        let name = "AUTHLINK_LOG_LEVEL";
        let level = self.text_or(name, "info").parse();
        level.map_err(|_| wrong(name, "must be error, warn, info, debug or off"))
    }

    fn metrics(&self) -> Result<Option<MetricsNamespace>, ConfigError> {
        let name = "AUTHLINK_METRICS_NAMESPACE";
        let problem = "must be 1 to 255 letters, digits and .-_/#:, and not begin with AWS/";
        let namespace = |text: String| MetricsNamespace::parse(&text).ok_or_else(|| wrong(name, problem));
        self.text(name).map(namespace).transpose()
    }
}

/// A text that goes into a header of every call.
fn visible(name: &'static str, text: String) -> Result<String, ConfigError> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text);
    }
    Err(wrong(name, "must be visible ASCII characters"))
}

fn plain_url(name: &'static str, text: &str) -> Result<Url, ConfigError> {
    let problem = "must be an http or https URL without query, fragment and user name";
    web_url(text).filter(|url| url.query().is_none()).ok_or_else(|| wrong(name, problem))
}

fn web_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(&|name| {
            settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    const LOCAL: [(&str, &str); 3] = [
        ("AUTHLINK_ALIPAY_APP_ID", "2021"),
        ("AUTHLINK_SECRETS_DIR", "keys"),
        ("AUTHLINK_DATABASE", "authlink.db"),
    ];

    #[test]
    fn defaults_are_production_and_strict() {
        let config = read(&LOCAL).expect("complete");
        assert_eq!(config.alipay.authorize_page.as_str(), AUTHORIZE_PAGE);
        assert_eq!(config.alipay.gateway.as_str(), GATEWAY);
        assert_eq!(config.callbacks.ports, [443]);
        assert!(config.callbacks.dangerous_origins.is_empty());
        assert_eq!(config.schedule, Schedule::default());
        assert_eq!((config.retention, config.personal_data), (DAY * 400, None));
        assert_eq!(config.secrets, SecretsFrom::Folder("keys".into()));
        assert_eq!(config.store, StoreAt::File("authlink.db".into()));
        assert_eq!((config.queue_url, config.metrics), (None, None));
        assert_eq!((config.aws.region.as_str(), config.aws.access_key_id.as_str()), ("", ""));
    }

    #[test]
    fn the_gateways_address_may_carry_a_query() {
        let address = "https://openapi.alipay.com/gateway.do?charset=utf-8";
        let config = read(&[&LOCAL[..], &[("AUTHLINK_ALIPAY_GATEWAY_URL", address)]].concat());
        assert_eq!(config.map(|config| config.alipay.gateway.to_string()).as_deref(), Ok(address));
    }

    #[test]
    fn on_aws_lambdas_own_variables_are_read_and_not_shown() {
        let config = read(&[
            ("AUTHLINK_ALIPAY_APP_ID", "2021"),
            ("AUTHLINK_SECRETS_PREFIX", "authlink"),
            ("AUTHLINK_TABLE", "table-1"),
            ("AUTHLINK_QUEUE_URL", "https://sqs.example/1/hints"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "hush"),
            ("AWS_SESSION_TOKEN", "session"),
        ])
        .expect("complete");
        assert_eq!(config.secrets, SecretsFrom::Manager("authlink".to_owned()));
        assert_eq!(config.store, StoreAt::Table("table-1".to_owned()));
        assert_eq!(config.queue_url.as_deref(), Some("https://sqs.example/1/hints"));
        assert_eq!((config.aws.region.as_str(), config.aws.endpoint_url.as_deref()), ("eu-central-1", None));
        let shown = format!("{config:?}");
        assert!(!shown.contains("hush") && !shown.contains("session"), "{shown}");
    }

    #[test]
    fn endpoints_of_aws_are_read_for_all_services_and_for_one() {
        let aws = |settings: &[(&str, &str)]| {
            let mut all = settings.to_vec();
            all.extend([
                ("AUTHLINK_QUEUE_URL", "https://sqs.example/1/hints"),
                ("AWS_REGION", "eu-central-1"),
                ("AWS_ACCESS_KEY_ID", "AKID"),
                ("AWS_SECRET_ACCESS_KEY", "hush"),
            ]);
            all.extend(LOCAL);
            read(&all).map(|config| config.aws).map_err(|error| error.to_string())
        };
        let read = aws(&[
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:5000"),
            ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:5001"),
            ("AWS_USE_FIPS_ENDPOINT", "true"),
            ("AWS_USE_DUALSTACK_ENDPOINT", "false"),
        ])
        .expect("complete");
        assert_eq!(read.endpoint_url.as_deref(), Some("http://127.0.0.1:5000"));
        let for_one = [("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:5001".to_owned())];
        assert_eq!(read.service_endpoint_urls, for_one.into());
        assert_eq!((read.use_fips, read.use_dual_stack), (true, false));
        for (name, value, problem) in [
            (
                "AWS_ENDPOINT_URL_SQS",
                "127.0.0.1:5000",
                "must be an http or https URL without query, fragment and user name",
            ),
            ("AWS_USE_FIPS_ENDPOINT", "yes", "must be true or false"),
            ("AWS_ACCESS_KEY_ID", "AK\u{7f}ID", "must be visible ASCII characters"),
            ("AWS_SESSION_TOKEN", "ses sion", "must be visible ASCII characters"),
            ("AWS_SESSION_TOKEN", "séance", "must be visible ASCII characters"),
        ] {
            assert_eq!(aws(&[(name, value)]).err(), Some(format!("{name} {problem}")));
        }
    }

    #[test]
    fn an_edge_is_there_only_with_a_secret_that_is_not_shown() {
        let edge =
            |settings: &[(&str, &str)]| read(&[&LOCAL[..], settings].concat()).map(|config| config.edge);
        let header = ("AUTHLINK_EDGE_ADDRESS_HEADER", "X-Real-Ip");
        assert!(edge(&[header]).expect("complete").is_none());
        let two = ("AUTHLINK_EDGE_SECRETS", "first-secret-of-16,second-secret-of-16");
        let found = edge(&[two, header]).expect("complete").expect("an edge");
        assert_eq!((found.address_header.as_str(), found.secrets.len(), found.only), ("x-real-ip", 2, false));
        assert!(!format!("{found:?}").contains("secret-of-16"));
        let found = edge(&[two, ("AUTHLINK_EDGE_ONLY", "true")]).expect("complete").expect("an edge");
        assert_eq!((found.address_header, found.only), (CLOUDFRONT_ADDRESS_HEADER, true));
        let secrets = "AUTHLINK_EDGE_SECRETS must be one or two secrets of 16 to 128 visible characters, joined by commas";
        for (settings, message) in [
            (&[("AUTHLINK_EDGE_SECRETS", "too-short")][..], secrets),
            (&[("AUTHLINK_EDGE_SECRETS", "with a space in its middle")], secrets),
            (
                &[("AUTHLINK_EDGE_SECRETS", "first-secret-of-16,second-secret-of-16,third-secret-of-16")],
                secrets,
            ),
            (
                &[two, ("AUTHLINK_EDGE_ADDRESS_HEADER", "x y")],
                "AUTHLINK_EDGE_ADDRESS_HEADER must be the name of a header",
            ),
            (
                &[("AUTHLINK_EDGE_ONLY", "true")],
                "AUTHLINK_EDGE_ONLY is true, but AUTHLINK_EDGE_SECRETS is not set",
            ),
            (&[("AUTHLINK_EDGE_ONLY", "yes")], "AUTHLINK_EDGE_ONLY must be true or false"),
        ] {
            assert_eq!(edge(settings).expect_err(message).to_string(), message);
        }
    }

    #[test]
    fn a_record_outlives_its_deliveries() {
        for (days, waits, kept) in
            [("1", "43200", DAY * 2), ("3", "43200", DAY * 3), ("1", "15", DAY + DAY / 2880)]
        {
            let settings = [("AUTHLINK_DELIVERY_WAITS_SECS", waits), ("AUTHLINK_RETENTION_DAYS", days)];
            assert_eq!(read(&[&LOCAL[..], &settings].concat()).expect("complete").retention, kept);
        }
    }

    #[test]
    fn personal_data_is_kept_as_long_as_the_record_unless_days_are_named() {
        for (days, kept) in [("0", None), ("", None), ("1", Some(DAY)), ("3650", Some(DAY * 3_650))] {
            let settings = [&LOCAL[..], &[("AUTHLINK_PERSONAL_DATA_DAYS", days)]].concat();
            assert_eq!(read(&settings).expect("complete").personal_data, kept, "{days}");
        }
    }

    #[test]
    fn an_error_names_the_setting_and_its_form() {
        for (name, value, message) in [
            ("AUTHLINK_ALIPAY_APP_ID", "", "AUTHLINK_ALIPAY_APP_ID is not set"),
            ("AUTHLINK_ALIPAY_APP_ID", "x", "AUTHLINK_ALIPAY_APP_ID must be digits"),
            (
                "AUTHLINK_PUBLIC_URL",
                "ftp://x",
                "AUTHLINK_PUBLIC_URL must be an http or https URL without query, fragment and user name",
            ),
            (
                "AUTHLINK_PUBLIC_URL",
                "https://x/?y",
                "AUTHLINK_PUBLIC_URL must be an http or https URL without query, fragment and user name",
            ),
            (
                "AUTHLINK_ALIPAY_GATEWAY_URL",
                "https://x/gateway.do#y",
                "AUTHLINK_ALIPAY_GATEWAY_URL must be an http or https URL without fragment and user name",
            ),
            (
                "AUTHLINK_DELIVERY_WAITS_SECS",
                "15,18446744073709551615",
                "AUTHLINK_DELIVERY_WAITS_SECS must be seconds from 1 to 604800, joined by commas",
            ),
            ("AUTHLINK_RETENTION_DAYS", "0", "AUTHLINK_RETENTION_DAYS must be 1 to 3650 days"),
            ("AUTHLINK_PERSONAL_DATA_DAYS", "x", "AUTHLINK_PERSONAL_DATA_DAYS must be 0 to 3650 days"),
            ("AUTHLINK_PERSONAL_DATA_DAYS", "3651", "AUTHLINK_PERSONAL_DATA_DAYS must be 0 to 3650 days"),
            (
                "AUTHLINK_CALLBACK_PORTS",
                "443,x",
                "AUTHLINK_CALLBACK_PORTS must be port numbers, joined by commas",
            ),
            ("AUTHLINK_SECRETS_DIR", "", "AUTHLINK_SECRETS_PREFIX is not set"),
            ("AUTHLINK_DATABASE", "", "AUTHLINK_TABLE is not set"),
            ("AUTHLINK_QUEUE_URL", "https://sqs.example/1/hints", "AWS_REGION is not set"),
            ("AUTHLINK_LOG_LEVEL", "loud", "AUTHLINK_LOG_LEVEL must be error, warn, info, debug or off"),
            (
                "AUTHLINK_METRICS_NAMESPACE",
                "AWS/Lambda",
                "AUTHLINK_METRICS_NAMESPACE must be 1 to 255 letters, digits and .-_/#:, and not begin with AWS/",
            ),
        ] {
            let mut settings = vec![(name, value)];
            settings.extend(LOCAL);
            assert_eq!(read(&settings).expect_err(name).to_string(), message);
        }
    }
}
