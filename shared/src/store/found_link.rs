//! A link, as its page is to show it.

use url::Url;

use crate::model::authorization::Status;
use crate::model::clock::UnixMillis;
use crate::model::end_date::EndDate;
use crate::model::owner::Owner;
use crate::model::terms::Terms;

/// The part of a record that the page behind its link shows: neither the user nor the phone number is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLink {
    /// The link to Alipay; gone once the user is known.
    pub link: Option<Url>,
    pub status: Status,
    /// The end of link and page, see [`link_ends_at`](crate::model::authorization::Authorization::link_ends_at).
    pub ends_at: UnixMillis,
    pub owner: Owner,
    /// The last day of the authorization, if the request named one.
    pub end_date: Option<EndDate>,
    /// The first time that the page was opened.
    pub opened_at: Option<UnixMillis>,
    /// What the owner's document said when the link was issued.
    pub terms: Terms,
}

impl FoundLink {
    /// True once a user has consented.
    #[must_use]
    pub const fn is_used(&self) -> bool {
        match self.status {
            Status::LinkPending | Status::Issued | Status::Exchanging | Status::ExchangeUnknown => false,
            Status::Authorized | Status::Delivered | Status::Undeliverable => true,
        }
    }
}
