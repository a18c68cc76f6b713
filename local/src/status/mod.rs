//! The health of a place. Each of its parts is looked at by itself, and one that cannot be looked at hides no other.

mod breakers;
pub mod finding;
pub mod public_address;
mod records;
mod watch;

use std::time::Duration;

use futures_util::future::{FutureExt as _, LocalBoxFuture, Shared, join_all};
use serde_json::json;
use shared::egress::tls::bundled_roots;
use shared::model::alipay_app_id::AlipayAppId;
use shared::model::clock::{Clock, UnixMillis};
use shared::runtime::start::StartError;
use url::Url;

use crate::documents::health::{self, Health};
use crate::documents::pending_deletion::{self, Deleted};
use crate::documents::vault::{Vault, secrets_folder};
use crate::folder::Folder;
use crate::operate::local_time::local;
use crate::operate::{Deployed, Place};
use crate::status::finding::{Finding, Seen};
use crate::status::public_address::PublicAddress;

/// The longest that one part is looked at.
const CHECK_TIMEOUT: Duration = Duration::from_secs(30);

type Check<'a> = (&'static str, LocalBoxFuture<'a, Result<Seen, StartError>>);

/// A check of all documents that more than one part waits for.
type SharedHealth<'a> = Shared<LocalBoxFuture<'a, Result<Health, String>>>;

/// Looks at every part of `place`.
///
/// # Errors
/// It is not there, not authlink's, or not for us.
pub async fn findings(place: &Place, clock: &dyn Clock) -> Result<Vec<Finding>, StartError> {
    match place {
        Place::Folder(path) => {
            let folder = Folder::open(path)?;
            Ok(all(of_folder(place, &folder, clock)).await)
        }
        Place::Table(_) => {
            let opened = place.open().await?;
            Ok(all([("records", records::check(&opened, clock).boxed_local())]).await)
        }
        Place::Stack(stack) => {
            let deployed = Deployed::find(stack).await?;
            Ok(all(of_stack(&deployed, clock)).await)
        }
    }
}

async fn all(checks: impl IntoIterator<Item = Check<'_>>) -> Vec<Finding> {
    join_all(checks.into_iter().map(async |(name, check)| Finding { name, seen: in_time(check).await })).await
}

async fn in_time(check: impl Future<Output = Result<Seen, StartError>>) -> Result<Seen, StartError> {
    let late = || StartError::new(format!("no answer within {} s", CHECK_TIMEOUT.as_secs()));
    tokio::time::timeout(CHECK_TIMEOUT, check).await.unwrap_or_else(|_| Err(late()))
}

fn of_folder<'a>(place: &'a Place, folder: &'a Folder, clock: &'a dyn Clock) -> [Check<'a>; 4] {
    let records = async { records::check(&place.open().await?, clock).await };
    let address = async { address(&address_of(folder)?, clock).await };
    let breakers = async { breakers::check(&folder.breakers_file(), clock.now()) };
    [
        ("records", records.boxed_local()),
        ("documents", documents_of_folder(folder, clock.now()).boxed_local()),
        ("breakers", breakers.boxed_local()),
        ("publicAddress", address.boxed_local()),
    ]
}

fn of_stack<'a>(deployed: &'a Deployed, clock: &'a dyn Clock) -> [Check<'a>; 7] {
    let records = async { records::check(&deployed.open()?, clock).await };
    let health: SharedHealth<'a> = health_of(deployed, clock.now()).boxed_local().shared();
    [
        ("records", records.boxed_local()),
        ("documents", documents_of_stack(health.clone()).boxed_local()),
        ("alarms", watch::alarms(deployed).boxed_local()),
        ("sweep", watch::sweep(deployed, clock.now()).boxed_local()),
        ("breakers", watch::breakers(deployed, clock.now()).boxed_local()),
        ("pendingDeletion", deletions(deployed, health).boxed_local()),
        ("publicAddress", address_of_stack(deployed, clock).boxed_local()),
    ]
}

async fn health_of(deployed: &Deployed, now: UnixMillis) -> Result<Health, String> {
    let vault = Vault::of_stack(deployed).map_err(|error| error.to_string())?;
    let app = deployed.parameter("AlipayAppId").and_then(AlipayAppId::parse);
    Ok(health::check(&vault, app.as_ref(), now).await)
}

async fn documents_of_stack(health: SharedHealth<'_>) -> Result<Seen, StartError> {
    Ok(documents(health.await.map_err(StartError::new)?))
}

async fn documents_of_folder(folder: &Folder, now: UnixMillis) -> Result<Seen, StartError> {
    let config = folder.config()?;
    let vault = Vault::of_files(secrets_folder(&config)?, config.callbacks.clone());
    Ok(documents(health::check(&vault, Some(&config.alipay.default_app), now).await))
}

fn documents(health: Health) -> Seen {
    let none = match &health.unread {
        None => "every document can serve",
        Some(_) => "every document that could be read can serve",
    };
    Seen { unseen: health.unread, ..Seen::from_problems(health.flaws, none) }
}

/// The documents that are deleted and can still be restored.
async fn deletions(deployed: &Deployed, health: SharedHealth<'_>) -> Result<Seen, StartError> {
    let client = aws_sdk_secretsmanager::Client::new(&deployed.sdk);
    let deleted = pending_deletion::list(&client, deployed.output("SecretsPrefix")?).await?;
    if deleted.is_empty() {
        return Ok(waiting(&deleted, &Health::default()));
    }
    Ok(waiting(&deleted, &health.await.map_err(StartError::new)?))
}

/// A deletion is healthy unless something needs the document, or may need it.
fn waiting(deleted: &[Deleted], health: &Health) -> Seen {
    let is_needed = |each: &Deleted| {
        let is_missing = health.missing.contains(&each.name);
        (is_missing || health.unread.is_none()).then_some(is_missing)
    };
    let line = |each: &Deleted| {
        let need = match is_needed(each) {
            Some(true) => "it is needed",
            Some(false) => "no document needs it",
            None => "it may be needed: not every document could be read",
        };
        format!("{}, whose deletion is of {}: {need}", each.name, local(each.dated))
    };
    let value =
        |each: &Deleted| json!({"name": each.name.as_str(), "dated": each.dated, "needed": is_needed(each)});
    let lines: Vec<_> = deleted.iter().map(line).collect();
    Seen {
        is_healthy: deleted.iter().all(|each| is_needed(each) == Some(false)),
        value: deleted.iter().map(value).collect(),
        lines: if lines.is_empty() { vec!["no document waits for its deletion".to_owned()] } else { lines },
        unseen: None,
    }
}

/// The address of the folder's host, as it was started last.
fn address_of(folder: &Folder) -> Result<Url, StartError> {
    let config = folder.config()?;
    Ok(config.public_url.map_or_else(|| folder.addresses().map(|at| at.authlink), Ok)?)
}

async fn address_of_stack(deployed: &Deployed, clock: &dyn Clock) -> Result<Seen, StartError> {
    let url = Url::parse(deployed.output("PublicUrl")?)?;
    if url.scheme() == "https" { address(&url, clock).await } else { Ok(without_certificate(&url)) }
}

/// An address that nobody should be sent to.
fn without_certificate(url: &Url) -> Seen {
    let value = json!({"url": url.as_str(), "certificateDaysLeft": null, "clockAheadSecs": null});
    Seen { is_healthy: false, value, lines: vec![format!("{url} is not https")], unseen: None }
}

async fn address(url: &Url, clock: &dyn Clock) -> Result<Seen, StartError> {
    Ok(at_address(url, public_address::check(url, bundled_roots(), clock).await?))
}

fn at_address(url: &Url, PublicAddress { days_left, clock_ahead_secs }: PublicAddress) -> Seen {
    let is_healthy = days_left.is_none_or(|days| days >= public_address::MIN_DAYS)
        && clock_ahead_secs.unsigned_abs() <= public_address::MAX_CLOCK_SECS;
    let certificate = days_left.map_or_else(
        || format!("{url} answers"),
        |days| format!("the certificate of {url} is good for {days} days at least"),
    );
    let side = if clock_ahead_secs < 0 { "behind" } else { "ahead of" };
    let clocks = format!("this machine's clock is {} s {side} it", clock_ahead_secs.unsigned_abs());
    let value =
        json!({"url": url.as_str(), "certificateDaysLeft": days_left, "clockAheadSecs": clock_ahead_secs});
    Seen { is_healthy, value, lines: vec![certificate, clocks], unseen: None }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::future::pending;

    use super::*;
    use crate::documents::DocumentKind;

    #[test]
    fn an_address_is_healthy_with_time_left_and_clocks_that_agree() {
        let url = Url::parse("https://pay.example/").unwrap();
        for (days_left, clock_ahead_secs, is_healthy) in [
            (Some(14), 60, true),
            (Some(400), -60, true),
            (None, 0, true),
            (Some(13), 0, false),
            (Some(400), 61, false),
            (Some(400), -61, false),
            (None, 61, false),
        ] {
            let seen = at_address(&url, PublicAddress { days_left, clock_ahead_secs });
            assert_eq!(seen.is_healthy, is_healthy, "{days_left:?} {clock_ahead_secs}");
        }
    }

    #[test]
    fn a_clock_is_ahead_or_behind() {
        let url = Url::parse("https://pay.example/").unwrap();
        for (clock_ahead_secs, told) in
            [(61, "61 s ahead of it"), (0, "0 s ahead of it"), (-61, "61 s behind it")]
        {
            let seen = at_address(&url, PublicAddress { days_left: Some(90), clock_ahead_secs });
            assert_eq!(seen.lines[1], format!("this machine's clock is {told}"));
        }
    }

    #[test]
    fn a_plain_address_is_seen_and_not_healthy() {
        let seen = without_certificate(&Url::parse("http://pay.example/").unwrap());
        let value =
            json!({"url": "http://pay.example/", "certificateDaysLeft": null, "clockAheadSecs": null});
        assert_eq!((seen.is_healthy, seen.value), (false, value));
        assert_eq!(seen.lines, ["http://pay.example/ is not https"]);
    }

    #[test]
    fn problems_are_told_and_that_there_are_none() {
        let seen = Seen::from_problems(vec!["account/1001".to_owned()], "none");
        assert_eq!(
            (seen.is_healthy, seen.value, seen.lines),
            (false, json!(["account/1001"]), vec!["account/1001".to_owned()])
        );
        let seen = Seen::from_problems(Vec::new(), "none");
        assert_eq!((seen.is_healthy, seen.value, seen.lines), (true, json!([]), vec!["none".to_owned()]));
    }

    #[test]
    fn documents_of_which_some_could_not_be_read_are_not_known_to_be_healthy() {
        let unread = |unread: Option<&str>| {
            let seen = documents(Health { unread: unread.map(str::to_owned), ..Health::default() });
            let finding = Finding { name: "documents", seen: Ok(seen) };
            let is_healthy = finding.is_healthy();
            (is_healthy, finding.seen.unwrap().lines.concat())
        };
        assert_eq!(unread(None), (true, "every document can serve".to_owned()));
        let told = "every document that could be read can serve".to_owned();
        assert_eq!(unread(Some("account/1001 could not be read: denied")), (false, told));
    }

    #[test]
    fn a_deletion_is_healthy_that_nothing_needs() {
        let dated = UnixMillis(1_795_355_000_000);
        let deleted = |name| Deleted { name: DocumentKind::read_name(name).unwrap(), dated };
        let (left, needed) = (deleted("account/left"), deleted("account/1001"));
        let missing = || HashSet::from([needed.name.clone()]);
        let all_read = Health { missing: missing(), ..Health::default() };
        let not_all = Health { unread: Some("denied".to_owned()), missing: missing(), ..Health::default() };
        for (deleted, health, is_healthy, need) in [
            (&left, &all_read, true, json!(false)),
            (&needed, &all_read, false, json!(true)),
            (&left, &not_all, false, json!(null)),
            (&needed, &not_all, false, json!(true)),
        ] {
            let seen = waiting(std::slice::from_ref(deleted), health);
            let value = json!([{"name": deleted.name.as_str(), "dated": dated, "needed": need}]);
            assert_eq!((seen.is_healthy, seen.value), (is_healthy, value));
        }
        let seen = waiting(&[], &not_all);
        assert_eq!((seen.is_healthy, seen.value), (true, json!([])));
        assert_eq!(waiting(&[left, needed], &all_read).lines.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_does_not_answer_hides_no_other() {
        let seen = async { Ok(Seen::from_problems(Vec::new(), "none")) };
        let checks: [Check<'_>; 2] = [("silent", pending().boxed_local()), ("other", seen.boxed_local())];
        let parts = all(checks).await;
        let [silent, other] = &parts[..] else { panic!("two parts") };
        let error = silent.seen.as_ref().map(|_| ()).unwrap_err().to_string();
        assert_eq!((error.as_str(), other.is_healthy()), ("no answer within 30 s", true));
    }
}
