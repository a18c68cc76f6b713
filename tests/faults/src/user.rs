//! A user, from the merchant's request for the link to the last page.

use std::sync::Arc;
use std::time::Duration;

use local::client::client_builder;
use tokio::time::sleep;
use url::Url;

use crate::clock::{Millis, StormClock};
use crate::journal::{Journal, Travelled};
use crate::open_api::{Caller, LinkAnswer};
use crate::plan::{Code, Habit, Journey, Plan};

const RETURN_PATH: &str = "/v1/openapi/auth/alipay/callback";
const AGAIN: Duration = Duration::from_millis(700);
/// As the page of an exchange under way says.
const RELOAD: Duration = Duration::from_secs(2);
const HANG_UP_AFTER: Duration = Duration::from_millis(40);
const COME_BACK_AFTER: Duration = Duration::from_secs(3);

/// All users' world.
pub struct Users {
    pub plan: Arc<Plan>,
    pub clock: StormClock,
    pub caller: Caller,
    /// authlink, as browsers call it.
    pub origin: String,
    /// The end of everybody's patience.
    pub until: Millis,
    pub journal: Journal<Travelled>,
    pub browser: reqwest::Client,
}

/// A browser.
#[must_use]
pub fn browser() -> reqwest::Client {
    let client = client_builder(Duration::from_secs(5), Duration::from_secs(40)).build();
    client.expect("a client")
}

/// The parts of a link that come back.
struct Link {
    app_id: String,
    state: String,
}

impl Link {
    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let part =
            |wanted| url.query_pairs().find(|(name, _)| name == wanted).map(|(_, part)| part.into_owned());
        Some(Self { app_id: part("app_id")?, state: part("state")? })
    }
}

impl Users {
    /// Goes the whole way of authorization `number`, and notes it at the journal's same place.
    pub async fn travel(&self, number: usize, journey: &Journey, callback_url: Option<&str>) {
        self.clock.reaches(journey.starts_at).await;
        let Some(link) = self.link(number, journey, callback_url).await else { return };
        self.note(number, |travelled| travelled.linked = true);
        for consents in 0.. {
            let code = Code { journey: number, user: 0, consents };
            let Some(outcome) = self.return_from_alipay(&link, &code, journey.habit).await else { return };
            self.note(number, |travelled| travelled.outcome.clone_from(&outcome));
            match outcome.as_str() {
                "authorize-again" => {
                    self.note(number, |travelled| travelled.asked_again.push(code.to_string()))
                }
                "authorized" if journey.habit == Habit::Forwards => return self.forward(number, &link).await,
                _ => return,
            }
            sleep(AGAIN).await;
        }
    }

    async fn link(&self, number: usize, journey: &Journey, callback_url: Option<&str>) -> Option<Link> {
        while self.clock.now() < self.until {
            match self.caller.link(number, journey, callback_url).await {
                LinkAnswer::Link(link) => return Link::parse(&link),
                LinkAnswer::Other(answer) => self.note(number, |travelled| travelled.refusals.push(answer)),
            }
            sleep(AGAIN).await;
        }
        None
    }

    /// Comes back with `code` until a page says how it ended; `None` for a user who has left.
    async fn return_from_alipay(&self, link: &Link, code: &Code, habit: Habit) -> Option<String> {
        let address = format!(
            "{}{RETURN_PATH}?app_id={}&source=alipay_wallet&scope=auth_base&state={}&auth_code={code}",
            self.origin, link.app_id, link.state
        );
        if matches!(habit, Habit::HangsUp | Habit::Leaves) {
            let _ = tokio::time::timeout(HANG_UP_AFTER, self.open(&address)).await;
            if habit == Habit::Leaves {
                return None;
            }
            sleep(COME_BACK_AFTER).await;
        }
        while self.clock.now() < self.until {
            let page = if habit == Habit::TwiceAtOnce {
                let (one, other) = tokio::join!(self.open(&address), self.open(&address));
                one.or(other)
            } else {
                self.open(&address).await
            };
            match page.as_deref() {
                Some("in-progress") => sleep(RELOAD).await,
                None | Some("unavailable") => sleep(AGAIN).await,
                Some(_) => return page,
            }
        }
        Some("still trying".to_owned())
    }

    /// Somebody else opens the link, and consents.
    async fn forward(&self, number: usize, link: &Link) {
        let code = Code { journey: number, user: 1, consents: 0 };
        let page = self.return_from_alipay(link, &code, Habit::Patient).await;
        self.note(number, |travelled| travelled.wrongly_authorized = page.as_deref() == Some("authorized"));
    }

    /// The outcome that a page tells; `None` without a page.
    async fn open(&self, address: &str) -> Option<String> {
        let page = self.browser.get(address).send().await.ok()?.text().await.ok()?;
        let (_, rest) = page.split_once("data-outcome=\"")?;
        rest.split_once('"').map(|(outcome, _)| outcome.to_owned())
    }

    fn note(&self, number: usize, note: impl FnOnce(&mut Travelled)) {
        self.journal.change(number, note);
    }
}
