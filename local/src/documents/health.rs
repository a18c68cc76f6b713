//! The documents of a place that cannot serve, or soon will not.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{StreamExt as _, iter};
use shared::model::alipay_app_id::AlipayAppId;
use shared::model::clock::UnixMillis;
use shared::runtime::start::StartError;
use shared::secrets::{FetchError, SecretName};
use strum::VariantArray as _;

use super::references::references;
use super::{DocumentKind, Vault, check};

/// The documents that are fetched at once.
const AT_ONCE: usize = 16;
/// How long before its end a certificate is told of.
const WARN_BEFORE_END: Duration = Duration::from_hours(24 * 30);
/// The most names in one sentence.
const NAMED: usize = 3;
/// Who needs the documents that no other document refers to.
const ITSELF: &str = "authlink itself";

/// The result of a check of all documents of a place.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// A line for each flaw: a document does not parse, is needed and missing, has a name that none can have, or a
    /// certificate without which it cannot serve has ended or soon ends. In their order.
    pub flaws: Vec<String>,
    /// The documents that are needed and not there.
    pub missing: HashSet<SecretName>,
    /// The documents that could not be looked at, and the reasons.
    pub unread: Option<String>,
}

/// Looks at every document once, at `now`. `default_app` is the app of links whose owner has none of its own.
pub async fn check(vault: &Vault, default_app: Option<&AlipayAppId>, now: UnixMillis) -> Health {
    let (single, many): (Vec<_>, Vec<_>) =
        DocumentKind::VARIANTS.iter().copied().partition(|kind| kind.is_single());
    let (mut flaws, mut unread, mut unlisted) = (Vec::new(), Unread::default(), HashSet::new());
    let mut names: Vec<_> = single.into_iter().filter_map(|kind| Some((kind, kind.name("").ok()?))).collect();
    for (kind, ids) in join_all(many.into_iter().map(async |kind| (kind, vault.ids(kind).await))).await {
        match ids {
            Ok(ids) => {
                for id in ids {
                    match kind.name(&id) {
                        Ok(name) => names.push((kind, name)),
                        Err(error) => flaws.push(format!("{}/{id}: {error}", kind.as_str())),
                    }
                }
            }
            Err(error) => {
                unlisted.insert(kind.as_str());
                unread.unlisted(kind, error);
            }
        }
    }
    let checked = iter(names).map(async |(kind, name)| {
        let document = document(vault, kind, &name, now).await;
        (name, document)
    });
    let documents: Vec<_> = checked.buffer_unordered(AT_ONCE).collect().await;

    let (mut there, mut needers) = (HashSet::new(), Needers::default());
    needers.add(SecretName::callback_key(), ITSELF);
    default_app.into_iter().for_each(|app| needers.add(SecretName::alipay_app(app), ITSELF));
    for (name, document) in documents {
        match document {
            Document::Absent => continue,
            Document::Sound(needed) => needed.into_iter().for_each(|it| needers.add(it, name.as_str())),
            Document::Flawed(flaw) => flaws.push(format!("{name}:{flaw}")),
            Document::Unread(error) => unread.document(&name, error),
        }
        there.insert(name);
    }
    let mut missing = HashSet::new();
    for (name, needers) in needers.0.into_values() {
        if there.contains(&name) || unlisted.contains(name.kind()) {
            continue;
        }
        // A list may be some minutes old.
        match vault.fetch(&name).await {
            Ok(Some(_)) => {}
            Ok(None) => {
                let need = if needers.len() == 1 { "needs" } else { "need" };
                flaws.push(format!("{name} is missing, which {} {need}", several(needers)));
                missing.insert(name);
            }
            Err(error) => unread.document(&name, error),
        }
    }
    flaws.sort();
    Health { flaws, missing, unread: unread.told(vault) }
}

/// The name of the document of the Alipay app `app`, if there is none.
///
/// # Errors
/// There can be none of such a name, or it cannot be looked for.
pub async fn missing_app(vault: &Vault, app: Option<&str>) -> Result<Option<SecretName>, StartError> {
    let Some(app) = app else { return Ok(None) };
    let name = DocumentKind::AlipayApp.name(app)?;
    Ok(if vault.fetch(&name).await?.is_none() { Some(name) } else { None })
}

/// A document as it was found.
enum Document {
    Absent,
    /// The documents that it needs.
    Sound(Vec<SecretName>),
    /// Its first flaw.
    Flawed(String),
    Unread(FetchError),
}

async fn document(vault: &Vault, kind: DocumentKind, name: &SecretName, now: UnixMillis) -> Document {
    let text = match vault.fetch(name).await {
        Ok(Some(text)) => text,
        Ok(None) => return Document::Absent,
        Err(error) => return Document::Unread(error),
    };
    let rules = vault.rules();
    match check::flaws(kind, &text, &rules) {
        Ok(flaws) => {
            let out_of_validity = || {
                [now, now + WARN_BEFORE_END]
                    .into_iter()
                    .find_map(|at| check::out_of_validity(kind, &text, at))
            };
            match flaws.into_iter().next().or_else(out_of_validity) {
                Some(flaw) => Document::Flawed(flaw.to_string()),
                None => Document::Sound(references(kind, &text, &rules)),
            }
        }
        Err(error) => Document::Flawed(format!(" {error}")),
    }
}

/// Those who need a document, by its name.
#[derive(Default)]
struct Needers(BTreeMap<String, (SecretName, Vec<String>)>);

impl Needers {
    fn add(&mut self, name: SecretName, needer: &str) {
        let (_, needers) = self.0.entry(name.to_string()).or_insert_with(|| (name, Vec::new()));
        needers.push(needer.to_owned());
    }
}

/// The documents that could not be looked at, by the kind of the failure.
#[derive(Default)]
struct Unread {
    denied: Vec<String>,
    denied_lists: Vec<String>,
    failed: Vec<String>,
    /// The reason of one of these.
    reason: String,
}

impl Unread {
    fn document(&mut self, name: &SecretName, error: FetchError) {
        self.add(name.to_string(), error, |unread| &mut unread.denied);
    }

    fn unlisted(&mut self, kind: DocumentKind, error: FetchError) {
        self.add(format!("the names of {}", kind.as_str()), error, |unread| &mut unread.denied_lists);
    }

    fn add(&mut self, what: String, error: FetchError, denied: impl FnOnce(&mut Self) -> &mut Vec<String>) {
        if error == FetchError::Denied {
            denied(self).push(what);
        } else {
            self.failed.push(what);
            self.reason = error.to_string();
        }
    }

    fn told(self, vault: &Vault) -> Option<String> {
        let [to_read, to_list] = match vault {
            Vault::Folder { .. } => ["the reading of the files", "the reading of the folders"],
            Vault::Manager { .. } => [
                "secretsmanager:GetSecretValue, and kms:Decrypt of a key of your own",
                "secretsmanager:ListSecrets",
            ],
        };
        let Self { denied, denied_lists, failed, reason } = self;
        let told = [
            (denied, format!("denied; it takes {to_read}")),
            (denied_lists, format!("denied; it takes {to_list}")),
            (failed, reason),
        ];
        let told: Vec<_> = told
            .into_iter()
            .filter(|(what, _)| !what.is_empty())
            .map(|(what, why)| format!("{} could not be read: {why}", several(what)))
            .collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
}

/// The first of them, and how many more there are.
fn several(mut names: Vec<String>) -> String {
    names.sort();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let named = names.join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use aws_sdk_secretsmanager::Client;
    use serde_json::{Value, json};
    use shared::egress::callback_url::CallbackRules;
    use shared::secrets::SecretsManager;
    use wiremock::{Request, ResponseTemplate};

    use super::*;
    use crate::bounded::MAX_TEXT_BYTES;
    use crate::emulator::certificates::{IssueOptions, issue, issue_as};
    use crate::keys::{new_rsa, private_pem, public_pem};
    use crate::operate::fake_aws::FakeAws;

    /// 2026-11-29.
    const NOW: UnixMillis = UnixMillis(1_795_910_400_000);

    #[tokio::test]
    async fn a_certificate_is_told_of_thirty_days_before_its_end() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("alipay-app")).unwrap();
        let (own, alipays) = (new_rsa().unwrap(), new_rsa().unwrap());
        let files = issue(&own, &alipays).unwrap();
        for (name, document) in [
            ("callback-key", DocumentKind::CallbackKey.sound().unwrap()),
            (
                "alipay-app/1",
                json!({
                    "privateKey": private_pem(&own).unwrap(), "appCertificate": files.app,
                    "alipayCertificates": [files.alipay], "alipayRootCertificates": files.roots,
                }),
            ),
        ] {
            fs::write(folder.path().join(format!("{name}.json")), document.to_string()).unwrap();
        }
        let vault = Vault::of_files(folder.path(), CallbackRules::default());
        // 2049-01-01, when the files end.
        let end = UnixMillis(2_493_072_000_000);
        for (before_days, told) in [(31, false), (29, true), (0, true), (-1, true)] {
            let flaws =
                check(&vault, None, UnixMillis(end.0 - before_days * 24 * 60 * 60 * 1000)).await.flaws;
            let is_told = flaws.iter().any(|flaw| {
                flaw.starts_with("alipay-app/1:")
                    && flaw.ends_with(
                        "appCertificate: is valid from 2020-01-01T00:00:00Z until 2049-01-01T00:00:00Z",
                    )
            });
            assert_eq!((is_told, flaws.len()), (told, usize::from(told)), "{before_days}: {flaws:?}");
        }
    }

    #[tokio::test]
    async fn bare_keys_beside_hide_no_end_of_alipays_certificate() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("alipay-app")).unwrap();
        let (own, alipays, bare) = (new_rsa().unwrap(), new_rsa().unwrap(), new_rsa().unwrap());
        let files =
            issue_as(&own, &alipays, IssueOptions { alipay_until: 2030, ..IssueOptions::default() }).unwrap();
        let document = json!({
            "privateKey": private_pem(&own).unwrap(), "appCertificate": files.app,
            "alipayCertificates": [files.alipay], "alipayRootCertificates": files.roots,
            "alipayPublicKeys": [public_pem(&bare.to_public_key()).unwrap()],
        });
        fs::write(folder.path().join("alipay-app/1.json"), document.to_string()).unwrap();
        let vault = Vault::of_files(folder.path(), CallbackRules::default());
        // 2030-01-01, when the file ends.
        const END: i64 = 1_893_456_000_000;
        for (before_days, told) in [(31, false), (29, true), (-1, true)] {
            let flaws = check(&vault, None, UnixMillis(END - before_days * 24 * 60 * 60 * 1000)).await.flaws;
            let is_told = flaws.iter().any(|flaw| {
                flaw.ends_with(
                    "alipayCertificates: is valid from 2020-01-01T00:00:00Z until 2030-01-01T00:00:00Z",
                )
            });
            assert_eq!(is_told, told, "{before_days}: {flaws:?}");
        }
    }

    #[tokio::test]
    async fn every_flaw_is_told_and_none_hides_another() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for kind in ["business", "account", "scheme"] {
            fs::create_dir(at(kind)).unwrap();
        }
        let callback_key = DocumentKind::CallbackKey.sound().unwrap().to_string();
        for (name, text) in [
            ("account/1001.json", "{}"),
            ("account/1002.json", "[]"),
            ("scheme/two.json", "{}"),
            ("business/B1.json", "{\"merchantIds\": 1, \"publicKeys\": []}"),
            ("callback-key.json", &callback_key),
        ] {
            fs::write(at(name), text).unwrap();
        }
        fs::write(at("business/B2.json"), vec![b' '; MAX_TEXT_BYTES + 1]).unwrap();
        let vault = Vault::of_files(folder.path(), CallbackRules::default());
        let Health { flaws, unread, missing } = check(&vault, None, NOW).await;
        let names: Vec<_> = flaws.iter().map(|flaw| flaw.split(':').next().unwrap()).collect();
        assert_eq!(names, ["account/1002", "business/B1", "scheme/two"], "{flaws:?}");
        let too_long = "business/B2 could not be read: the file has more than 65536 bytes";
        assert_eq!((unread.as_deref(), missing.len()), (Some(too_long), 0));
        fs::remove_file(at("callback-key.json")).unwrap();
        let health = check(&vault, None, NOW).await;
        let told = "callback-key is missing, which authlink itself needs";
        assert!(health.flaws.iter().any(|flaw| flaw == told), "{:?}", health.flaws);
        assert_eq!(health.missing, [SecretName::callback_key()].into());
    }

    /// The names and texts of sound documents, some of which need others.
    fn sound_documents() -> Vec<(&'static str, String)> {
        let with = |kind: DocumentKind, changed: Value| {
            let mut document = kind.sound().unwrap();
            changed.as_object().unwrap().iter().for_each(|(name, value)| document[name] = value.clone());
            document.to_string()
        };
        vec![
            ("access-key/a", with(DocumentKind::AccessKey, json!({"accountId": "1001"}))),
            ("access-key/b", with(DocumentKind::AccessKey, json!({"accountId": "1001"}))),
            ("access-key/c", with(DocumentKind::AccessKey, json!({"accountId": "1001"}))),
            ("access-key/d", with(DocumentKind::AccessKey, json!({"accountId": "1001"}))),
            ("scheme/234", with(DocumentKind::Scheme, json!({"accountId": "1002", "source": "aliyun"}))),
            ("business/B1", with(DocumentKind::Business, json!({"upstream": "east"}))),
            ("business/B2", with(DocumentKind::Business, json!({"alipayApp": "2"}))),
            ("callback-key", with(DocumentKind::CallbackKey, json!({}))),
            ("phone-key", with(DocumentKind::PhoneKey, json!({}))),
        ]
    }

    #[tokio::test]
    async fn what_another_document_or_the_deployment_needs_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(format!("{name}.json"));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        sound_documents().iter().for_each(|(name, text)| write(name, text));
        let vault = Vault::of_files(folder.path(), CallbackRules::default());
        let app = AlipayAppId::parse("1").unwrap();
        let health = check(&vault, Some(&app), NOW).await;
        let keys = "access-key/a, access-key/b, access-key/c and 1 more need";
        assert_eq!(
            health.flaws,
            [
                format!("account/1001 is missing, which {keys}"),
                "account/1002 is missing, which scheme/234 needs".to_owned(),
                "alipay-app/1 is missing, which authlink itself needs".to_owned(),
                "alipay-app/2 is missing, which business/B2 needs".to_owned(),
                "aliyun/1002 is missing, which scheme/234 needs".to_owned(),
                format!("link-token is missing, which {keys}"),
                "upstream/east is missing, which business/B1 needs".to_owned(),
            ]
        );
        assert_eq!((health.missing.len(), health.unread), (7, None));
        for (kind, name) in [
            (DocumentKind::Account, "account/1001"),
            (DocumentKind::Account, "account/1002"),
            (DocumentKind::AlipayApp, "alipay-app/1"),
            (DocumentKind::AlipayApp, "alipay-app/2"),
            (DocumentKind::AlibabaCloudKey, "aliyun/1002"),
            (DocumentKind::LinkToken, "link-token"),
            (DocumentKind::Platform, "upstream/east"),
        ] {
            write(name, &kind.sound().unwrap().to_string());
        }
        let health = check(&vault, Some(&app), NOW).await;
        assert_eq!((health.flaws, health.missing.len(), health.unread), (Vec::new(), 0, None));
    }

    /// A vault of these documents at Secrets Manager; of those in `refused` it gives this error instead, as of the
    /// lists that begin so.
    async fn at_secrets_manager(
        documents: Vec<(&'static str, String)>,
        refused: &'static [(&'static str, &'static str)],
    ) -> (FakeAws, Vault) {
        let answer = move |request: &Request| {
            let asked: Value = request.body_json().unwrap();
            let text = asked["SecretId"].as_str().or_else(|| asked["Filters"][0]["Values"][0].as_str());
            let wanted = text.unwrap().strip_prefix("authlink/").unwrap();
            if let Some((_, error)) = refused.iter().find(|(name, _)| *name == wanted) {
                return ResponseTemplate::new(400).set_body_json(json!({"__type": error, "Message": "?"}));
            }
            let found: Vec<_> = documents.iter().filter(|(name, _)| name.starts_with(wanted)).collect();
            let body = match (asked["SecretId"].is_null(), found.first()) {
                (true, _) => {
                    let listed = found.iter().map(|(name, _)| json!({"Name": format!("authlink/{name}")}));
                    json!({"SecretList": listed.collect::<Vec<_>>()})
                }
                (false, Some((_, text))) => json!({"VersionId": "v-1", "SecretString": text}),
                (false, None) => {
                    let error = json!({"__type": "ResourceNotFoundException", "Message": "?"});
                    return ResponseTemplate::new(400).set_body_json(error);
                }
            };
            ResponseTemplate::new(200).set_body_json(body)
        };
        let aws = FakeAws::answering(answer).await;
        let prefix = "authlink".to_owned();
        let vault = Vault::Manager {
            client: Client::new(&aws.sdk),
            source: SecretsManager::new(&aws.sdk, prefix.clone()),
            prefix,
            key: None,
            stack: "authlink.test".to_owned(),
        };
        (aws, vault)
    }

    #[tokio::test]
    async fn no_document_is_fetched_twice() {
        let mut documents = sound_documents();
        for (kind, name) in [
            (DocumentKind::Account, "account/1001"),
            (DocumentKind::Account, "account/1002"),
            (DocumentKind::AlipayApp, "alipay-app/2"),
            (DocumentKind::LinkToken, "link-token"),
            (DocumentKind::Platform, "upstream/east"),
        ] {
            documents.push((name, kind.sound().unwrap().to_string()));
        }
        let many = documents.len();
        let (aws, vault) = at_secrets_manager(documents, &[]).await;
        let health = check(&vault, None, NOW).await;
        assert_eq!(health.flaws, ["aliyun/1002 is missing, which scheme/234 needs"]);
        let bodies = aws.asked().await.into_iter().map(|asked| asked.body_json::<Value>().unwrap());
        let mut fetched: Vec<_> =
            bodies.filter_map(|body| Some(body["SecretId"].as_str()?.to_owned())).collect();
        fetched.sort();
        let once = fetched.windows(2).all(|pair| pair[0] != pair[1]);
        assert!(once && fetched.len() == many + 1, "the last is the one that no list has: {fetched:?}");
    }

    #[tokio::test]
    async fn what_could_not_be_read_is_no_flaw_of_a_document_and_hides_none() {
        let refused = &[
            ("access-key/a", "AccessDeniedException"),
            ("callback-key", "DecryptionFailure"),
            ("account/", "AccessDeniedException"),
            ("scheme/", "InvalidParameterException"),
        ];
        let mut documents = sound_documents();
        documents.push(("business/B3", "[]".to_owned()));
        let (_aws, vault) = at_secrets_manager(documents, refused).await;
        let health = check(&vault, None, NOW).await;
        let names: Vec<_> = health.flaws.iter().map(|flaw| flaw.split([':', ' ']).next().unwrap()).collect();
        assert_eq!(
            names,
            ["alipay-app/2", "business/B3", "link-token", "upstream/east"],
            "{:?}",
            health.flaws
        );
        let unread = health.unread.unwrap();
        let told: Vec<_> = unread.split("; ").collect();
        let [read, right, lists, right_to_list, failed] = &told[..] else { panic!("{told:?}") };
        assert_eq!(*read, "access-key/a could not be read: denied");
        assert!(right.starts_with("it takes secretsmanager:GetSecretValue"), "{right}");
        assert_eq!(*lists, "the names of account could not be read: denied");
        assert_eq!(*right_to_list, "it takes secretsmanager:ListSecrets");
        assert!(failed.starts_with("callback-key, the names of scheme could not be read: "), "{failed}");
    }
}
