//! One request of the console: the desk that it comes to, its language, and the addresses of other pages.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use form_urlencoded::Serializer;
use shared::model::clock::{Clock, Monotonic, UnixMillis};
use shared::runtime::start::StartError;
use shared::store::StoreError;
use shared::store::listing::ListError;
use shared::web::language::Language;
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use crate::operate::refusal::StepError;
use crate::operate::{Opened, Place};
use crate::page::Chosen;

/// Credentials of a login or a role end after a quarter of an hour at the earliest: the place is opened anew before.
const OPEN_FOR: Duration = Duration::from_mins(10);

/// The part that all requests share.
pub(super) struct Desk {
    pub(super) place: Place,
    pub(super) clock: Arc<dyn Clock>,
    /// The beginning of every path: `/` and the token.
    pub(super) base: String,
    pub(super) may_write: bool,
    /// Work that goes on though nobody waits for its answer.
    pub(super) work: TaskTracker,
    opened: Mutex<(Monotonic, Arc<Opened>)>,
}

impl Desk {
    pub(super) async fn open(
        place: Place,
        clock: Arc<dyn Clock>,
        token: &str,
        may_write: bool,
    ) -> Result<Self, StartError> {
        let opened = Mutex::new((clock.monotonic(), Arc::new(place.open().await?)));
        let (base, work) = (format!("/{token}"), TaskTracker::new());
        Ok(Self { place, clock, base, may_write, work, opened })
    }

    pub(super) async fn opened(&self) -> Result<Arc<Opened>, StartError> {
        let mut opened = self.opened.lock().await;
        let now = self.clock.monotonic();
        if now.since(opened.0) >= OPEN_FOR {
            *opened = (now, Arc::new(self.place.open().await?));
        }
        Ok(Arc::clone(&opened.1))
    }
}

pub(super) struct Visit {
    pub(super) desk: Arc<Desk>,
    pub(super) language: Language,
    path: String,
    asked: Vec<(String, String)>,
}

impl FromRequestParts<Arc<Desk>> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Infallible> {
        let Chosen(language) = Chosen::from_request_parts(parts, desk).await?;
        let query = parts.uri.query().unwrap_or_default();
        let asked = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok(Self { desk: Arc::clone(desk), language, path: parts.uri.path().to_owned(), asked })
    }
}

impl Visit {
    pub(super) const fn say<'a>(&self, chinese: &'a str, english: &'a str) -> &'a str {
        self.language.choose(chinese, english)
    }

    pub(super) fn now(&self) -> UnixMillis {
        self.desk.clock.now()
    }

    /// The value that the address asks for under a name, without white space around it.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        let value = self.asked.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim());
        value.filter(|value| !value.is_empty())
    }

    /// What is told of a step that was not taken.
    pub(super) fn not_taken(&self, error: StepError) -> ConsoleError {
        match error {
            StepError::Refused(refusal) => ConsoleError::Refused(refusal.text(self.language)),
            StepError::Failed(error) => ConsoleError::Failed(error),
        }
    }

    /// The address of another page, in the same language.
    pub(super) fn link(&self, path: &str, asked: &[(&str, &str)]) -> String {
        self.address(path, asked.iter().copied(), self.language)
    }

    /// True on the page of this path.
    pub(super) fn is_at(&self, path: &str) -> bool {
        self.path == path
    }

    /// The address of the same page in another language.
    pub(super) fn in_language(&self, language: Language) -> String {
        let asked = self.asked.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.address(&self.path, asked.filter(|(name, _)| *name != "lang"), language)
    }

    fn address<'a>(
        &self,
        path: &str,
        asked: impl Iterator<Item = (&'a str, &'a str)>,
        language: Language,
    ) -> String {
        let lang = [("lang", language.query_value())];
        let query = Serializer::new(String::new()).extend_pairs(lang).extend_pairs(asked).finish();
        format!("{}{path}?{query}", self.desk.base)
    }

    /// To another page, once a form has done its work.
    pub(super) fn go_to(&self, path: &str, asked: &[(&str, &str)]) -> Response {
        (StatusCode::SEE_OTHER, [(header::LOCATION, self.link(path, asked))]).into_response()
    }
}

/// The reason why there is no answer.
#[derive(Debug)]
pub(super) enum ConsoleError {
    /// There is no such thing.
    NotFound(String),
    /// It cannot be done, or not now.
    Refused(String),
    /// A table is made as it is, and nothing has failed: it lists one owner, or nobody.
    Unlisted(Unlisted),
    /// The place could not do it.
    Failed(StartError),
}

/// The reason why a table has no list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unlisted {
    OwnerNeeded,
    NoIndex,
}

impl From<StartError> for ConsoleError {
    fn from(error: StartError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for ConsoleError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<ListError> for ConsoleError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Store(error) => error.into(),
            ListError::OwnerNeeded => Self::Unlisted(Unlisted::OwnerNeeded),
            ListError::NoIndex => Self::Unlisted(Unlisted::NoIndex),
        }
    }
}
