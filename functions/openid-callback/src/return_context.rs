//! What a return has proved, for the page and the log.

use shared::model::authorization::Authorization;
use shared::model::claim::ClaimRefusal;
use shared::secrets::SecretError;

/// Why somebody was not asked, for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAskedError {
    /// The gateway's breaker kept the code from being claimed.
    #[error("the gateway hangs and is not asked")]
    Gateway,
    /// The app's document was not looked up for a return that no record of ours agrees with.
    #[error(transparent)]
    Keys(SecretError),
}

/// The facts of a return, for the page and the log. A state proves nothing before the record of its authorization was
/// compared with it: until then it is any text that somebody has made up.
#[derive(Default)]
pub(crate) struct ReturnContext {
    /// The record whose state came back, as it stood before what followed.
    pub(crate) record: Option<Box<Authorization>>,
    /// What kept us from asking for keys, or the gateway.
    pub(crate) reason: Option<NotAskedError>,
}

impl ReturnContext {
    /// Whoever came back knows the state of `authorization`.
    pub(crate) fn learn(&mut self, authorization: &Authorization) {
        self.record = Some(Box::new(authorization.clone()));
    }

    /// The record that would refuse the claim, or did.
    pub(crate) fn learn_refused(&mut self, refusal: ClaimRefusal, old: Option<&Authorization>) {
        if let Some(old) = old.filter(|_| refusal != ClaimRefusal::UnknownState) {
            self.learn(old);
        }
    }

    pub(crate) fn reference(&self) -> Option<&str> {
        self.record.as_ref().map(|record| record.id.as_str())
    }
}
