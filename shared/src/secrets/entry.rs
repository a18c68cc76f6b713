//! The state of one secret in the cache. It takes in the outcome of each fetch and gives the answer at a given moment;
//! it neither fetches nor waits, so every rule about time is decided here and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use crate::egress::callback_url::CallbackRules;
use crate::model::clock::Monotonic;
use crate::secrets::error::{FetchError, SecretError};
use crate::secrets::source::{Document, DocumentError, SecretValue};

/// A value is not asked for again this long.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// A value that cannot be refreshed is used this long since its source last vouched for it.
const KEPT: Duration = Duration::from_secs(60 * 60);
/// After a fetch that brought nothing new the next one waits this long, and so long its answer is remembered.
const PAUSE: Duration = Duration::from_secs(30);
/// An early refresh is worth a fetch only if the last one is this old.
const EARLY: Duration = Duration::from_secs(10);

/// The state that a caller finds at a given moment.
pub(super) enum Lookup<T> {
    /// An answer that needs no fetch.
    Ready(Result<Arc<T>, SecretError>),
    /// A usable document; one caller should refresh it, the others take it as it is.
    Stale(Arc<T>),
    /// Nothing to answer with until a fetch ends.
    Missing,
}

struct GoodVersion<T> {
    version: String,
    document: Arc<T>,
    vouched_at: Monotonic,
}

struct BadVersion {
    version: String,
    reason: String,
}

/// The state of one secret.
pub(super) struct CacheEntry<T> {
    good: Option<GoodVersion<T>>,
    /// The version that did not parse last, kept so that it is parsed and alarmed once.
    bad: Option<BadVersion>,
    /// The answer when there is no usable document.
    failure: SecretError,
    fetches: u64,
    fetched_at: Monotonic,
    next_fetch: Monotonic,
}

impl<T: Document> CacheEntry<T> {
    pub(super) fn empty() -> Self {
        let failure = SecretError::Unavailable("not fetched yet".to_owned());
        let (fetched_at, next_fetch) = (Monotonic(Duration::ZERO), Monotonic(Duration::ZERO));
        Self { good: None, bad: None, failure, fetches: 0, fetched_at, next_fetch }
    }

    /// The number of fetches that have ended: tells a caller who waited that someone else's fetch served it too.
    pub(super) const fn fetches(&self) -> u64 {
        self.fetches
    }

    /// True if the secret had a good version and was not revoked since, however long ago that was.
    pub(super) const fn is_known(&self) -> bool {
        self.good.is_some()
    }

    /// True if the last fetch is long enough ago for one before its time.
    pub(super) fn early_refresh_is_due(&self, now: Monotonic) -> bool {
        self.fetches == 0 || now.since(self.fetched_at) >= EARLY
    }

    pub(super) fn lookup(&self, now: Monotonic) -> Lookup<T> {
        match (self.answer(now), now < self.next_fetch) {
            (answer, true) => Lookup::Ready(answer),
            (Ok(old), false) => Lookup::Stale(old),
            (Err(_), false) => Lookup::Missing,
        }
    }

    /// The answer now, without a fetch.
    pub(super) fn answer(&self, now: Monotonic) -> Result<Arc<T>, SecretError> {
        self.usable(now).map(|good| Arc::clone(&good.document)).ok_or_else(|| self.failure.clone())
    }

    fn usable(&self, now: Monotonic) -> Option<&GoodVersion<T>> {
        self.good.as_ref().filter(|good| now.since(good.vouched_at) < KEPT)
    }

    /// Takes in the outcome of the fetch that began at `asked_at`, of a document whose addresses are judged by `rules`.
    /// Returns the reason why a version does not parse, the first time that version is met.
    pub(super) fn record_fetch(
        &mut self,
        fetched: Result<SecretValue, FetchError>,
        asked_at: Monotonic,
        rules: &CallbackRules,
    ) -> Option<String> {
        self.fetches += 1;
        self.fetched_at = asked_at;
        match fetched {
            Ok(value) => self.accept(value, asked_at, rules),
            Err(FetchError::Absent(_)) => {
                self.good = None;
                self.failure = SecretError::Absent;
                self.next_fetch = asked_at + PAUSE;
                None
            }
            Err(failure @ (FetchError::Unavailable(_) | FetchError::Denied)) => {
                self.failure = match failure {
                    FetchError::Unavailable(reason) => SecretError::Unavailable(reason),
                    _ => SecretError::Denied,
                };
                // Without a usable document nothing else can serve, so each caller may try, one at a time.
                let pause_until = self
                    .usable(asked_at)
                    .map_or(asked_at, |good| (asked_at + PAUSE).min(good.vouched_at + KEPT));
                self.next_fetch = self.next_fetch.max(pause_until);
                None
            }
        }
    }

    /// Takes in the outcome of a fetch before its time. It may bring a newer version and nothing else: anybody can set
    /// it off with a signature that no key fits, so it revokes nothing.
    pub(super) fn record_early_fetch(
        &mut self,
        fetched: Result<SecretValue, FetchError>,
        asked_at: Monotonic,
        rules: &CallbackRules,
    ) -> Option<String> {
        if fetched.is_ok() {
            return self.record_fetch(fetched, asked_at, rules);
        }
        self.fetches += 1;
        self.fetched_at = asked_at;
        None
    }

    fn accept(&mut self, value: SecretValue, asked_at: Monotonic, rules: &CallbackRules) -> Option<String> {
        if let Some(good) = self.good.as_mut().filter(|good| good.version == value.version) {
            good.vouched_at = asked_at;
            self.confirm(asked_at);
            return None;
        }
        if let Some(bad) = self.bad.as_ref().filter(|bad| bad.version == value.version) {
            let reason = bad.reason.clone();
            self.reject(reason, asked_at);
            return None;
        }
        match parse::<T>(&value.document, rules) {
            Ok(document) => {
                let document = Arc::new(document);
                self.good = Some(GoodVersion { version: value.version, document, vouched_at: asked_at });
                self.confirm(asked_at);
                None
            }
            Err(flaw) => {
                let reason = flaw.to_string();
                self.bad = Some(BadVersion { version: value.version, reason: reason.clone() });
                self.reject(reason.clone(), asked_at);
                Some(reason)
            }
        }
    }

    fn confirm(&mut self, asked_at: Monotonic) {
        self.failure = SecretError::Unavailable("not refreshed for an hour".to_owned());
        self.next_fetch = asked_at + FRESH;
    }

    /// A version that does not parse is an operator's slip, not a revocation: the source did answer that the secret
    /// is ours, so the last good version stays good.
    fn reject(&mut self, reason: String, asked_at: Monotonic) {
        if let Some(good) = &mut self.good {
            good.vouched_at = asked_at;
        }
        self.failure = SecretError::Unparsable(reason);
        self.next_fetch = self.next_fetch.max(asked_at + PAUSE);
    }
}

fn parse<T: Document>(text: &str, rules: &CallbackRules) -> Result<T, DocumentError> {
    if text.is_empty() {
        return Err(DocumentError::whole("is empty or not a text"));
    }
    T::parse_by(text, rules)
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::secrets::error::AbsentError;

    const START: Monotonic = Monotonic(Duration::from_hours(2));
    const MINUTE: Duration = Duration::from_secs(60);

    #[derive(Debug, PartialEq)]
    struct Number(u32);

    impl Document for Number {
        fn parse_by(json: &str, _: &CallbackRules) -> Result<Self, DocumentError> {
            json.parse().map(Self).map_err(|_| DocumentError::whole("is no number"))
        }
    }

    type Entry = CacheEntry<Number>;
    type Fetched = Result<SecretValue, FetchError>;

    fn recorded(entry: &mut Entry, fetched: Fetched, asked_at: Monotonic) -> Option<String> {
        entry.record_fetch(fetched, asked_at, &CallbackRules::default())
    }

    fn recorded_early(entry: &mut Entry, fetched: Fetched, asked_at: Monotonic) -> Option<String> {
        entry.record_early_fetch(fetched, asked_at, &CallbackRules::default())
    }

    fn version(version: &str, text: &str) -> Fetched {
        Ok(SecretValue { version: version.to_owned(), document: Zeroizing::new(text.to_owned()) })
    }

    fn down() -> Fetched {
        Err(FetchError::Unavailable("time-out".to_owned()))
    }

    fn unparsable(reason: &str) -> SecretError {
        SecretError::Unparsable(reason.to_owned())
    }

    #[test]
    fn a_value_without_text_is_unparsable() {
        let mut entry = Entry::empty();
        let reason = "is empty or not a text";
        assert_eq!(recorded(&mut entry, version("v1", ""), START).as_deref(), Some(reason));
        assert_eq!(entry.answer(START), Err(unparsable(reason)));
    }

    #[test]
    fn a_bad_version_is_reported_once_even_when_the_good_one_comes_between() {
        let mut entry = Entry::empty();
        assert_eq!(recorded(&mut entry, version("v1", "1"), START), None);
        assert_eq!(recorded(&mut entry, version("v2", "x"), START), Some("is no number".to_owned()));
        assert_eq!(recorded(&mut entry, version("v1", "1"), START), None);
        assert_eq!(recorded(&mut entry, version("v2", "x"), START), None);
        assert_eq!(recorded(&mut entry, version("v3", "x"), START), Some("is no number".to_owned()));
        assert_eq!(entry.answer(START), Ok(Arc::new(Number(1))));
    }

    #[test]
    fn a_bad_version_does_not_age_the_good_one() {
        let mut entry = Entry::empty();
        recorded(&mut entry, version("v1", "1"), START);
        recorded(&mut entry, version("v2", "x"), START + 50 * MINUTE);
        recorded(&mut entry, down(), START + 100 * MINUTE);
        assert_eq!(entry.answer(START + 109 * MINUTE), Ok(Arc::new(Number(1))));
        let failure = SecretError::Unavailable("time-out".to_owned());
        assert_eq!(entry.answer(START + 110 * MINUTE), Err(failure));
    }

    #[test]
    fn the_pause_after_a_failed_refresh_ends_with_the_value() {
        let mut entry = Entry::empty();
        recorded(&mut entry, version("v1", "1"), START);
        recorded(&mut entry, down(), START + (60 * MINUTE - Duration::from_secs(20)));
        assert!(matches!(entry.lookup(START + (60 * MINUTE - Duration::from_secs(1))), Lookup::Ready(Ok(_))));
        assert!(matches!(entry.lookup(START + 60 * MINUTE), Lookup::Missing));
    }

    #[test]
    fn a_failed_early_refresh_leaves_a_fresh_value_fresh() {
        let mut entry = Entry::empty();
        recorded(&mut entry, version("v1", "1"), START);
        recorded(&mut entry, down(), START + MINUTE);
        assert!(matches!(entry.lookup(START + 4 * MINUTE), Lookup::Ready(Ok(_))));
        assert!(matches!(entry.lookup(START + 5 * MINUTE), Lookup::Stale(_)));
    }

    #[test]
    fn an_early_fetch_revokes_nothing() {
        for failed in [FetchError::Absent(AbsentError::NotFound), FetchError::Denied] {
            let mut entry = Entry::empty();
            recorded(&mut entry, version("v1", "1"), START);
            assert_eq!(recorded_early(&mut entry, Err(failed), START + MINUTE), None);
            assert_eq!(entry.answer(START + 4 * MINUTE), Ok(Arc::new(Number(1))));
            assert!(!entry.early_refresh_is_due(START + MINUTE) && entry.fetches() == 2);
            recorded_early(&mut entry, version("v2", "2"), START + 2 * MINUTE);
            assert_eq!(entry.answer(START + 4 * MINUTE), Ok(Arc::new(Number(2))));
        }
    }

    #[test]
    fn a_denied_secret_is_kept_like_one_that_cannot_be_had() {
        let mut entry = Entry::empty();
        recorded(&mut entry, Err(FetchError::Denied), START);
        assert_eq!(entry.answer(START), Err(SecretError::Denied));
        recorded(&mut entry, version("v1", "1"), START);
        recorded(&mut entry, Err(FetchError::Denied), START + 5 * MINUTE);
        assert_eq!(entry.answer(START + 59 * MINUTE), Ok(Arc::new(Number(1))));
        assert_eq!(entry.answer(START + 60 * MINUTE), Err(SecretError::Denied));
    }

    #[test]
    fn a_revocation_is_looked_at_again_after_30_s_however_fresh_the_value_was() {
        let mut entry = Entry::empty();
        recorded(&mut entry, version("v1", "1"), START);
        recorded(&mut entry, Err(FetchError::Absent(AbsentError::Deleted)), START);
        let after = |secs| START + Duration::from_secs(secs);
        assert!(matches!(entry.lookup(after(29)), Lookup::Ready(Err(SecretError::Absent))));
        assert!(matches!(entry.lookup(after(30)), Lookup::Missing));
    }

    #[test]
    fn without_a_document_an_unanswered_fetch_may_be_repeated_at_once() {
        let mut entry = Entry::empty();
        recorded(&mut entry, down(), START);
        assert!(matches!(entry.lookup(START), Lookup::Missing));
    }
}
