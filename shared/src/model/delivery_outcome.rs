//! The outcome of one attempt of a delivery, as records and logs hold it.

use serde::{Deserialize, Serialize};

/// The only status with which a merchant can confirm; of any other answer the body does not count.
pub const CONFIRMED_STATUS: u16 = 200;

/// The end of one attempt of a delivery; everything but [`Success`](Self::Success) is a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, strum::EnumDiscriminants)]
#[serde(into = "RecordedOutcome", try_from = "RecordedOutcome")]
#[strum_discriminants(name(OutcomeWord), vis(), derive(strum::EnumString, strum::IntoStaticStr))]
#[strum_discriminants(strum(serialize_all = "snake_case"))]
pub enum DeliveryOutcome {
    /// The merchant confirmed.
    Success,
    /// An HTTP status that is neither 200 nor a redirect.
    Status(u16),
    /// A 3xx, which is never followed.
    Redirect(u16),
    /// HTTP 200 with another body than `SUCCESS`.
    WrongAnswer,
    /// The answer is longer than is read: its body, its headers, or interim answers before it.
    TooLong,
    /// No complete answer in time.
    Timeout,
    /// The name could not be resolved.
    Dns,
    /// No connection, or it was closed before it was secured.
    Connect,
    /// TLS failed: certificate, name or protocol.
    Tls(TlsFailure),
    /// The connection broke before the answer was complete, or the answer was not HTTP.
    Broken,
    /// The callback address leads, or may lead, to an address that is not public; nothing was sent.
    AddressRefused(AddressRefusal),
    /// The rules no longer allow the address's scheme, port or name; nothing was sent.
    UrlRefused,
    /// Neither the request nor its owner has a callback address; nothing was sent.
    NoCallbackAddress,
    /// The key to sign with was unavailable; nothing was sent.
    KeyUnavailable,
}

impl DeliveryOutcome {
    /// The outcome in one word, for logs and records; numbers and ranges are not in it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        OutcomeWord::from(self).into()
    }

    /// The outcome in one word, as the merchant is told it.
    ///
    /// A name that leads nowhere and one that leads inside have the same word: whoever may choose callback addresses
    /// could otherwise ask what our resolver knows.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::Dns | Self::AddressRefused(_) => "address_unusable",
            outcome => outcome.as_str(),
        }
    }

    /// True if the merchant's server was asked for a connection at least. Of the others the time that they took would
    /// tell what our resolver knows.
    #[must_use]
    pub const fn was_tried(self) -> bool {
        match self {
            Self::Success
            | Self::Status(_)
            | Self::Redirect(_)
            | Self::WrongAnswer
            | Self::TooLong
            | Self::Timeout
            | Self::Connect
            | Self::Tls(_)
            | Self::Broken => true,
            Self::Dns
            | Self::AddressRefused(_)
            | Self::UrlRefused
            | Self::NoCallbackAddress
            | Self::KeyUnavailable => false,
        }
    }

    /// The range that an address was refused for.
    #[must_use]
    pub const fn refusal(self) -> Option<AddressRefusal> {
        match self {
            Self::AddressRefused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The cause of a failure of TLS.
    #[must_use]
    pub const fn tls_failure(self) -> Option<TlsFailure> {
        match self {
            Self::Tls(failure) => Some(failure),
            _ => None,
        }
    }

    /// The merchant's HTTP status, if an answer came that counts.
    #[must_use]
    pub const fn http_status(self) -> Option<u16> {
        match self {
            Self::Status(status) | Self::Redirect(status) => Some(status),
            Self::Success | Self::WrongAnswer => Some(CONFIRMED_STATUS),
            Self::TooLong
            | Self::Timeout
            | Self::Dns
            | Self::Connect
            | Self::Tls(_)
            | Self::Broken
            | Self::AddressRefused(_)
            | Self::UrlRefused
            | Self::NoCallbackAddress
            | Self::KeyUnavailable => None,
        }
    }
}

/// An outcome as records hold it: the word, and what belongs to it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordedOutcome {
    outcome: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<AddressRefusal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<TlsFailure>,
}

impl From<DeliveryOutcome> for RecordedOutcome {
    fn from(outcome: DeliveryOutcome) -> Self {
        Self {
            outcome: outcome.as_str().to_owned(),
            http_status: outcome.http_status(),
            address: outcome.refusal(),
            cause: outcome.tls_failure(),
        }
    }
}

/// A recorded outcome that this version does not know, or that lacks its number or range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a recorded outcome: {0:?}")]
struct UnknownOutcomeError(String);

impl TryFrom<RecordedOutcome> for DeliveryOutcome {
    type Error = UnknownOutcomeError;

    fn try_from(recorded: RecordedOutcome) -> Result<Self, UnknownOutcomeError> {
        let word = recorded.outcome.parse().ok();
        let outcome = word.and_then(|word| match (word, recorded.http_status, recorded.address) {
            (OutcomeWord::Success, ..) => Some(Self::Success),
            (OutcomeWord::Status, status, _) => status.map(Self::Status),
            (OutcomeWord::Redirect, status, _) => status.map(Self::Redirect),
            (OutcomeWord::WrongAnswer, ..) => Some(Self::WrongAnswer),
            (OutcomeWord::TooLong, ..) => Some(Self::TooLong),
            (OutcomeWord::Timeout, ..) => Some(Self::Timeout),
            (OutcomeWord::Dns, ..) => Some(Self::Dns),
            (OutcomeWord::Connect, ..) => Some(Self::Connect),
            (OutcomeWord::Tls, ..) => recorded.cause.map(Self::Tls),
            (OutcomeWord::Broken, ..) => Some(Self::Broken),
            (OutcomeWord::AddressRefused, _, refusal) => refusal.map(Self::AddressRefused),
            (OutcomeWord::UrlRefused, ..) => Some(Self::UrlRefused),
            (OutcomeWord::NoCallbackAddress, ..) => Some(Self::NoCallbackAddress),
            (OutcomeWord::KeyUnavailable, ..) => Some(Self::KeyUnavailable),
        });
        outcome.ok_or(UnknownOutcomeError(recorded.outcome))
    }
}

/// The cause of a failure of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum TlsFailure {
    /// The certificate's time is over.
    Expired,
    /// The certificate's time has not begun.
    NotYetValid,
    /// The certificate is for another name, or the server knows no such name.
    WrongName,
    /// Nobody that we trust has issued the certificate, or the certificates between do not come with it.
    UnknownIssuer,
    /// The certificate has another flaw.
    BadCertificate,
    /// The server wants a certificate of ours.
    ClientCertificate,
    /// No version, suite or key exchange that both have.
    NothingInCommon,
    /// The other side speaks no TLS.
    NotTls,
    /// Anything else.
    Other,
}

impl TlsFailure {
    /// The cause in one word, for logs and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The kind of range for which an address is not public.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, strum::IntoStaticStr, thiserror::Error,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[error("the address is not public ({})", self.as_str())]
pub enum AddressRefusal {
    /// 0.0.0.0/8: "this network" (RFC 791); a connection to it often ends on the same machine.
    ThisNetwork,
    /// The private nets of RFC 1918.
    Private,
    /// 100.64.0.0/10: shared by carriers and clouds for their own use (RFC 6598).
    Shared,
    /// 127.0.0.0/8 and ::1.
    Loopback,
    /// 169.254.0.0/16, where the metadata services answer, and fe80::/10.
    LinkLocal,
    /// Set aside for protocols: 192.0.0.0/24 (RFC 6890) and 2001::/23 (RFC 2928).
    Protocol,
    /// For examples in documents (RFC 5737, RFC 3849, RFC 9637).
    Documentation,
    /// The nets of the AS112 project (RFC 7534, RFC 7535): public, but no merchant is there.
    As112,
    /// 192.52.193.0/24: relays of multicast tunnels (RFC 7450).
    Amt,
    /// 6to4: its relays, 192.88.99.0/24, and 2002::/16, which wraps IPv4 addresses (RFC 3056, RFC 7526).
    SixToFour,
    /// 198.18.0.0/15: for measuring networks (RFC 2544).
    Benchmarking,
    /// 224.0.0.0/4 and ff00::/8.
    Multicast,
    /// 240.0.0.0/4: never given out (RFC 1112).
    Reserved,
    /// 255.255.255.255.
    Broadcast,
    /// `::`.
    Unspecified,
    /// ::ffff:0:0/96: an IPv4 address in IPv6 form (RFC 4291).
    Mapped,
    /// ::/96: the older such form (RFC 4291).
    Compatible,
    /// Behind a translator: in 64:ff9b::/96 an IPv4 address that is not public (RFC 6052), and all of 64:ff9b:1::/48
    /// (RFC 8215).
    Nat64,
    /// 100::/64 and 100:0:0:1::/64: traffic to be thrown away (RFC 6666, RFC 9780).
    Discard,
    /// 2001::/32: tunnels that wrap IPv4 addresses (RFC 4380).
    Teredo,
    /// 5f00::/16: segment routing (RFC 9602).
    SegmentRouting,
    /// fc00::/7: the private nets of IPv6 (RFC 4193), the metadata service fd00:ec2::254 among them.
    UniqueLocal,
    /// fec0::/10: the former private nets of IPv6 (RFC 3879).
    SiteLocal,
    /// Any other IPv6 address outside 2000::/3.
    NotGlobal,
}

impl AddressRefusal {
    /// The range in one word, for logs and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merchant_is_not_told_if_a_name_is_unknown_or_leads_inside() {
        for (outcome, log, told) in [
            (DeliveryOutcome::Dns, "dns", "address_unusable"),
            (DeliveryOutcome::AddressRefused(AddressRefusal::Private), "address_refused", "address_unusable"),
            (DeliveryOutcome::UrlRefused, "url_refused", "url_refused"),
            (DeliveryOutcome::Connect, "connect", "connect"),
            (DeliveryOutcome::Success, "success", "success"),
        ] {
            assert_eq!((outcome.as_str(), outcome.told()), (log, told));
        }
    }

    #[test]
    fn a_range_has_the_same_word_in_logs_and_in_records() {
        for (refusal, word) in [
            (AddressRefusal::ThisNetwork, "this_network"),
            (AddressRefusal::Private, "private"),
            (AddressRefusal::LinkLocal, "link_local"),
            (AddressRefusal::As112, "as112"),
            (AddressRefusal::SixToFour, "six_to_four"),
            (AddressRefusal::Nat64, "nat64"),
            (AddressRefusal::SegmentRouting, "segment_routing"),
            (AddressRefusal::NotGlobal, "not_global"),
        ] {
            assert_eq!(refusal.as_str(), word);
            assert_eq!(serde_json::to_value(refusal).unwrap(), word);
        }
    }
}
