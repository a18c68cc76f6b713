//! The merchant's records: the authorizations it asked for, and every callback that came.

use std::collections::VecDeque;

use serde::Serialize;
use shared::model::clock::UnixMillis;

use super::SignType;
use super::callback::ReceivedCallback;

const CALLBACKS_KEPT: usize = 1_000;
const AUTHORIZATIONS_KEPT: usize = 100;

/// One serialNo, as the merchant sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorization {
    pub serial_no: String,
    pub asked_at: UnixMillis,
    /// The signature of the link request; `None` if the link was not requested here.
    pub sign_type: Option<SignType>,
    pub user_id: Option<String>,
    pub link: Option<String>,
    pub state: AuthorizationState,
    /// The user's openId, or what Alipay named them by instead.
    pub open_id: Option<String>,
    /// What the last notice said.
    pub result: Option<String>,
    /// The number of callbacks with a valid signature, with repeats and those answered with a fault.
    pub callbacks: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthorizationState {
    /// No callback was taken yet.
    Waiting,
    /// A callback was taken and answered with `SUCCESS`.
    Received,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    received: VecDeque<ReceivedCallback>,
    authorizations: VecDeque<Authorization>,
}

impl Ledger {
    pub(super) fn received(&self) -> impl Iterator<Item = &ReceivedCallback> {
        self.received.iter()
    }

    pub(super) fn authorizations(&self) -> impl Iterator<Item = &Authorization> {
        self.authorizations.iter()
    }

    /// Records a link request before it is sent, because the callback can arrive before the answer.
    pub(super) fn record_request(
        &mut self,
        serial_no: &str,
        user_id: &str,
        sign_type: SignType,
        asked_at: UnixMillis,
    ) {
        let authorization = self.entry(serial_no, asked_at);
        authorization.sign_type = Some(sign_type);
        authorization.user_id = Some(user_id.to_owned());
    }

    pub(super) fn set_link(&mut self, serial_no: &str, link: String) {
        if let Some(authorization) = self.authorizations.iter_mut().find(|known| known.serial_no == serial_no)
        {
            authorization.link = Some(link);
        }
    }

    /// Records a callback; `taken` if it is answered `SUCCESS`.
    pub(super) fn record_callback(&mut self, mut callback: ReceivedCallback, taken: bool) {
        if let Some(serial_no) = callback.serial_no.as_deref().filter(|_| callback.signature_ok) {
            let authorization = self.entry(serial_no, callback.at);
            authorization.callbacks = authorization.callbacks.saturating_add(1);
            let named = callback.open_id.as_ref().or(callback.alipay_user_id.as_ref()).cloned();
            callback.repeat = named.is_some() && authorization.state == AuthorizationState::Received;
            if named.is_none() {
                authorization.result = callback.result.clone();
            } else if taken && !callback.repeat {
                authorization.state = AuthorizationState::Received;
                authorization.open_id = named;
            }
        }
        if self.received.len() == CALLBACKS_KEPT {
            self.received.pop_front();
        }
        self.received.push_back(callback);
    }

    fn entry(&mut self, serial_no: &str, at: UnixMillis) -> &mut Authorization {
        let known = self.authorizations.iter().position(|known| known.serial_no == serial_no);
        let place = known.unwrap_or_else(|| {
            self.authorizations.push_front(Authorization {
                serial_no: serial_no.to_owned(),
                asked_at: at,
                sign_type: None,
                user_id: None,
                link: None,
                state: AuthorizationState::Waiting,
                open_id: None,
                result: None,
                callbacks: 0,
            });
            self.authorizations.truncate(AUTHORIZATIONS_KEPT);
            0
        });
        &mut self.authorizations[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callback(serial_no: &str, open_id: &str, signature_ok: bool) -> ReceivedCallback {
        ReceivedCallback {
            at: UnixMillis(5),
            serial_no: Some(serial_no.to_owned()),
            open_id: Some(open_id.to_owned()),
            alipay_user_id: None,
            result: None,
            headers: Vec::new(),
            body: String::new(),
            signature_ok,
            repeat: false,
        }
    }

    fn summary(ledger: &Ledger) -> Vec<(&str, AuthorizationState, Option<&str>, u32)> {
        let row = |known: &Authorization| known.callbacks;
        let rows = ledger.authorizations.iter();
        rows.map(|known| (known.serial_no.as_str(), known.state, known.open_id.as_deref(), row(known)))
            .collect()
    }

    #[test]
    fn a_callback_is_taken_once_and_its_repeats_are_counted() {
        let mut ledger = Ledger::default();
        ledger.record_request("S1", "user", SignType::Md5, UnixMillis(1));
        assert_eq!(summary(&ledger), [("S1", AuthorizationState::Waiting, None, 0)]);
        ledger.record_callback(callback("S1", "one", true), false);
        assert_eq!(summary(&ledger), [("S1", AuthorizationState::Waiting, None, 1)]);
        ledger.record_callback(callback("S1", "one", true), true);
        ledger.record_callback(callback("S1", "other", true), true);
        assert_eq!(summary(&ledger), [("S1", AuthorizationState::Received, Some("one"), 3)]);
        assert_eq!(ledger.received().map(|seen| seen.repeat).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn a_notice_is_noted_and_keeps_no_openid_away() {
        let mut ledger = Ledger::default();
        let refused = Some("REFUSED".to_owned());
        let notice = ReceivedCallback { open_id: None, result: refused.clone(), ..callback("S1", "", true) };
        ledger.record_callback(notice, true);
        assert_eq!(summary(&ledger), [("S1", AuthorizationState::Waiting, None, 1)]);
        assert_eq!(ledger.authorizations[0].result, refused);
        ledger.record_callback(callback("S1", "one", true), true);
        assert_eq!(summary(&ledger), [("S1", AuthorizationState::Received, Some("one"), 2)]);
    }

    #[test]
    fn a_forged_callback_is_kept_but_changes_nothing() {
        let mut ledger = Ledger::default();
        ledger.record_callback(callback("S1", "one", false), false);
        assert_eq!(summary(&ledger), []);
        assert_eq!(ledger.received().count(), 1);
    }

    #[test]
    fn an_authorization_asked_for_elsewhere_is_shown_too() {
        let mut ledger = Ledger::default();
        ledger.record_request("S1", "user", SignType::Sha256Rsa, UnixMillis(1));
        ledger.record_callback(callback("S2", "two", true), true);
        assert_eq!(
            summary(&ledger),
            [
                ("S2", AuthorizationState::Received, Some("two"), 1),
                ("S1", AuthorizationState::Waiting, None, 0)
            ]
        );
    }
}
