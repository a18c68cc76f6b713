//! The address that a merchant's redirect named, as the log may have it.
//!
//! A redirect is never followed, so its address says why a delivery fails: a login page, a missing slash, http where
//! https was meant. A path may repeat what was sent, or name the user in some other way.

use shared::model::authorization::Authorization;
use shared::protocol::open_api::client::redact::{MAX_MESSAGE_CHARS, redacted};
use url::Url;

use crate::confidential::confidential_values;

/// Scheme, host, port and path of `target`, host and path with `…` for what was sent and for what may be an identity.
pub(crate) fn redirect_for_log(target: &Url, authorization: &Authorization) -> String {
    masked_address(target, &confidential_values(authorization))
}

fn masked_address(target: &Url, sent: &[&str]) -> String {
    let lower: Vec<_> = sent.iter().map(|value| value.to_ascii_lowercase()).collect();
    let lower: Vec<_> = lower.iter().map(String::as_str).collect();
    let host = redacted_parts(target.host_str().unwrap_or_default(), '.', &lower);
    let port = target.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = redacted_parts(target.path(), '/', sent);
    let address = format!("{}://{host}{port}{path}", target.scheme());
    address.chars().take(MAX_MESSAGE_CHARS).collect()
}

fn redacted_parts(text: &str, separator: char, sent: &[&str]) -> String {
    let parts: Vec<_> = text.split(separator).map(|part| redacted(part, sent)).collect();
    parts.join(&separator.to_string())
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
            ("https://Alice.merchant.example/x", "https://….merchant.example/x"),
            ("https://074a1CcTG1LelxKe4xQC0zgN.example/x", "https://….example/x"),
            ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
        ] {
            assert_eq!(masked_address(&target.parse().unwrap(), &["alice", "张"]), shown);
        }
        for long in
            ["https://merchant.example/", "https://"].map(|start| start.to_owned() + &"a.".repeat(300) + "/x")
        {
            assert_eq!(masked_address(&long.parse().unwrap(), &[]).len(), MAX_MESSAGE_CHARS);
        }
    }
}
