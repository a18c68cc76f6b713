//! The address that a merchant's redirect named, as the log may have it.
//!
//! A redirect is never followed, so its address says why a delivery fails: a login page, a missing slash, http where
//! https was meant. A path may repeat what was sent, or name the user in some other way.

use shared::model::authorization::Authorization;
use shared::model::authorization_request::AuthorizationRequest;
use shared::protocol::open_api::client::redact::{MAX_MESSAGE_CHARS, redacted};
use url::Url;

/// Scheme, host, port and path of `target`, the path with `…` for what was sent and for what may be an identity.
pub(crate) fn redirect_for_log(target: &Url, authorization: &Authorization) -> String {
    masked(target, &sent(authorization))
}

fn masked(target: &Url, sent: &[&str]) -> String {
    let segments: Vec<_> = target.path().split('/').map(|segment| redacted(segment, sent)).collect();
    let path: String = segments.join("/").chars().take(MAX_MESSAGE_CHARS).collect();
    format!("{}{path}", target.origin().ascii_serialization())
}

fn sent(authorization: &Authorization) -> Vec<&str> {
    let mut sent = match &authorization.request {
        AuthorizationRequest::Merchant(request) => vec![request.user_id.as_str(), &request.serial_no],
        AuthorizationRequest::Scheme(request) => vec![request.phone_tail.as_str(), &request.request_id],
    };
    let identity = authorization.identity();
    sent.extend(identity.and_then(|identity| identity.open_id()).map(|id| id.reveal()));
    sent.extend(identity.and_then(|identity| identity.user_id()).map(|id| id.reveal()));
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_path_are_told_and_nothing_that_may_name_a_user() {
        for (target, shown) in [
            ("https://merchant.example/callback/", "https://merchant.example/callback/"),
            ("http://merchant.example:8443/", "http://merchant.example:8443/"),
            ("https://user:secret@other.example/login", "https://other.example/login"),
            ("https://merchant.example/of/alice/home", "https://merchant.example/of/…/home"),
            ("https://merchant.example/of/%E5%BC%A0", "https://merchant.example/of/…"),
            ("https://merchant.example/074a1CcTG1LelxKe4xQC0zgN/x", "https://merchant.example/…/x"),
            ("https://merchant.example/13800138000/x", "https://merchant.example/…/x"),
        ] {
            assert_eq!(masked(&target.parse().unwrap(), &["alice", "张"]), shown);
        }
        let long = format!("https://merchant.example/{}", "a/".repeat(300));
        let origin = "https://merchant.example".len();
        assert_eq!(masked(&long.parse().unwrap(), &[]).len(), origin + 200);
    }
}
