//! The query of a page: the token that names its link, and what a page that waits remembers from poll to poll.

use shared::model::clock::UnixMillis;

/// The parameter of a short token.
pub(super) const SHORT: &str = "t";

/// The parameter that counts how often a page has asked for itself.
const AGAIN: &str = "n";

/// The parameter of a page whose link was opened before it was first shown.
const OPENED_BEFORE: &str = "o";

/// Longer queries are rejected.
const MAX_BYTES: usize = 4 * 1024;

/// The polls of one page: those of ten minutes. Then it stands still until somebody reloads it.
const POLLS: u16 = 120;

/// The token of a link's query.
pub(super) enum Token {
    /// As `GetAuthorizationUrl` answers with it.
    Long(String),
    /// As the code of a page has it.
    Short(String),
}

impl Token {
    /// The query's one token.
    pub(super) fn read(query: &str) -> Option<Self> {
        if query.len() > MAX_BYTES {
            return None;
        }
        let pairs = form_urlencoded::parse(query.as_bytes());
        let mut tokens = pairs.filter(|(name, _)| name == "token" || name == SHORT);
        match (tokens.next(), tokens.next()) {
            (Some((name, token)), None) if name == SHORT => Some(Self::Short(token.into_owned())),
            (Some((_, token)), None) => Some(Self::Long(token.into_owned())),
            _ => None,
        }
    }
}

/// The memory of a page that waits. It stands in the address by which the page asks for itself again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LandingQuery {
    /// How often it has asked; 0 for one that a person opened.
    pub(super) times: u16,
    /// True if the link was opened before the page was first shown: then that says nothing of who looks at it now.
    pub(super) opened_before: bool,
}

impl LandingQuery {
    /// Reads what a page remembers.
    pub(super) fn read(query: &str) -> Self {
        let of = |name: &str| form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name);
        let times = of(AGAIN).and_then(|(_, times)| times.parse().ok()).unwrap_or_default();
        Self { times, opened_before: of(OPENED_BEFORE).is_some() }
    }

    /// The same, about a link that was opened at this time, if it was.
    pub(super) const fn about(self, opened_at: Option<UnixMillis>) -> Self {
        match self.times {
            0 => Self { opened_before: opened_at.is_some(), ..self },
            _ => self,
        }
    }

    /// The address by which a page with this token polls again, as long as it may.
    pub(super) fn next_poll(self, token: &str) -> Option<String> {
        let Self { times, opened_before } = self;
        let before = if opened_before { format!("&{OPENED_BEFORE}") } else { String::new() };
        (times < POLLS).then(|| format!("?{SHORT}={token}&{AGAIN}={}{before}", times + 1))
    }
}
