//! Names are resolved by us and judged before the connection is made, and the connection goes to what was judged.
//!
//! Judging a name first and letting the client resolve it again would leave a gap in which the answer can change (DNS
//! rebinding). Here the client has no other resolver. It does not ask for address literals, though: who sends judges
//! those himself.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{io, vec};

use async_trait::async_trait;
use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use crate::egress::ip_ranges;
use crate::model::delivery_outcome::AddressRefusal;

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// All addresses of `host`, in the order in which they should be tried.
    ///
    /// # Errors
    /// The name is unknown or could not be looked up.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The machine's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// The addresses that a client may connect to.
#[derive(Clone)]
pub enum Reach {
    /// Public ones, over https alone: for addresses that someone else has chosen.
    ///
    /// One address that is not public refuses the whole name: a name that also leads inside is either a mistake or an
    /// attempt.
    PublicHttps(Arc<dyn Resolver>),
    /// Any: for what an operator has configured, and for the origins that are exempt from judging.
    Anywhere(Arc<dyn Resolver>),
}

impl Reach {
    /// Any address, by the machine's resolver.
    #[must_use]
    pub fn anywhere() -> Self {
        Self::Anywhere(Arc::new(SystemResolver))
    }

    pub(crate) const fn is_public_https(&self) -> bool {
        matches!(self, Self::PublicHttps(_))
    }

    async fn look_up(self, host: &str) -> Result<vec::IntoIter<SocketAddr>, LookUpError> {
        let (Self::PublicHttps(resolver) | Self::Anywhere(resolver)) = &self;
        let addresses = resolver.resolve(host).await?;
        if addresses.is_empty() {
            return Err(LookUpError::Failed(io::ErrorKind::NotFound.into()));
        }
        if self.is_public_https() {
            addresses.iter().try_for_each(|&ip| ip_ranges::check(ip))?;
        }
        Ok(in_order(addresses).into_iter())
    }
}

/// As the resolver has them, translated ones last: behind each is an IPv4 address that most often is there itself.
///
/// Port 0 leaves the choice to the client, which takes the URL's.
fn in_order(mut addresses: Vec<IpAddr>) -> Vec<SocketAddr> {
    addresses.sort_by_key(|&ip| ip_ranges::is_translated(ip));
    addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect()
}

/// A name that leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum LookUpError {
    /// It leads to an address that is not public.
    #[error(transparent)]
    Refused(#[from] AddressRefusal),
    /// It is unknown, or could not be looked up.
    #[error("the name could not be looked up")]
    Failed(#[from] io::Error),
}

impl Service<Name> for Reach {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = LookUpError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, LookUpError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LookUpError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let reach = self.clone();
        Box::pin(async move { reach.look_up(name.as_str()).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(&'static [&'static str]);

    #[async_trait]
    impl Resolver for Fixed {
        async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            Ok(self.0.iter().map(|address| address.parse().unwrap()).collect())
        }
    }

    async fn judged(addresses: &'static [&'static str]) -> Result<Vec<String>, AddressRefusal> {
        match Reach::PublicHttps(Arc::new(Fixed(addresses))).look_up("merchant.example").await {
            Ok(addresses) => Ok(addresses.map(|address| address.to_string()).collect()),
            Err(LookUpError::Refused(refusal)) => Err(refusal),
            Err(LookUpError::Failed(error)) => panic!("{error}"),
        }
    }

    #[tokio::test]
    async fn public_addresses_are_handed_on_as_they_were_judged() {
        assert_eq!(
            judged(&["8.8.8.8", "2001:4860:4860::8888"]).await,
            Ok(vec!["8.8.8.8:0".to_owned(), "[2001:4860:4860::8888]:0".to_owned()])
        );
    }

    #[tokio::test]
    async fn one_address_that_is_not_public_refuses_the_name_wherever_it_stands() {
        assert_eq!(judged(&["8.8.8.8", "10.0.0.1"]).await, Err(AddressRefusal::Private));
        assert_eq!(judged(&["::1", "8.8.8.8"]).await, Err(AddressRefusal::Loopback));
        assert_eq!(judged(&["::ffff:8.8.8.8"]).await, Err(AddressRefusal::Mapped));
    }

    #[tokio::test]
    async fn a_translated_address_is_judged_by_the_one_inside_and_comes_after_those_that_are_not() {
        let of = |addresses: &[&str]| Ok(addresses.iter().map(|address| (*address).to_owned()).collect());
        assert_eq!(judged(&["64:ff9b::8.8.8.8"]).await, of(&["[64:ff9b::808:808]:0"]));
        assert_eq!(
            judged(&["64:ff9b::8.8.8.8", "8.8.8.8"]).await,
            of(&["8.8.8.8:0", "[64:ff9b::808:808]:0"])
        );
        assert_eq!(
            judged(&["2001:4860:4860::8888", "64:ff9b::8.8.8.8", "8.8.8.8"]).await,
            of(&["[2001:4860:4860::8888]:0", "8.8.8.8:0", "[64:ff9b::808:808]:0"])
        );
        assert_eq!(judged(&["8.8.8.8", "64:ff9b::10.0.0.1"]).await, Err(AddressRefusal::Nat64));
        assert_eq!(judged(&["64:ff9b::169.254.169.254"]).await, Err(AddressRefusal::Nat64));
        assert_eq!(judged(&["64:ff9b:1::8.8.8.8"]).await, Err(AddressRefusal::Nat64));
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_not_found() {
        let found = Reach::PublicHttps(Arc::new(Fixed(&[]))).look_up("merchant.example").await;
        assert!(matches!(found, Err(LookUpError::Failed(error)) if error.kind() == io::ErrorKind::NotFound));
    }

    #[tokio::test]
    async fn the_machine_knows_its_own_name() {
        let addresses = SystemResolver.resolve("localhost").await.unwrap();
        assert!(addresses.iter().all(IpAddr::is_loopback) && !addresses.is_empty(), "{addresses:?}");
    }
}
