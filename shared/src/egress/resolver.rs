//! Names are resolved by us and judged before the connection is made, and the connection goes to what was judged.
//!
//! Judging a name first and letting the client resolve it again would leave a gap in which the answer can change (DNS
//! rebinding). Here the client has no other resolver. It does not ask for address literals, though: who sends judges
//! those himself.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::egress::ip_ranges;

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

/// Lets only names through that lead to public addresses alone.
///
/// One address that is not public refuses the whole name, with an
/// [`AddressRefusal`](crate::model::delivery_outcome::AddressRefusal) as the error: a name that also leads inside is
/// either a mistake or an attempt. A name without addresses is [`io::ErrorKind::NotFound`].
#[derive(Clone)]
pub struct JudgingResolver(Arc<dyn Resolver>);

impl JudgingResolver {
    /// Judges what `inner` finds.
    #[must_use]
    pub fn new(inner: Arc<dyn Resolver>) -> Self {
        Self(inner)
    }
}

impl Resolve for JudgingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let addresses = look_up(&*inner, name).await?;
            addresses.iter().try_for_each(|&ip| ip_ranges::check(ip))?;
            Ok(without_port(addresses))
        })
    }
}

/// Lets every address through: for the origins that are exempt from judging, and for nothing else.
#[derive(Clone)]
pub(crate) struct DangerousResolver(pub(crate) Arc<dyn Resolver>);

impl Resolve for DangerousResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { Ok(without_port(look_up(&*inner, name).await?)) })
    }
}

async fn look_up(inner: &dyn Resolver, name: Name) -> io::Result<Vec<IpAddr>> {
    let addresses = inner.resolve(name.as_str()).await?;
    if addresses.is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(addresses)
}

/// Port 0 leaves the choice to the client, which takes the URL's.
fn without_port(addresses: Vec<IpAddr>) -> Addrs {
    Box::new(addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::delivery_outcome::AddressRefusal;

    struct Fixed(&'static [&'static str]);

    #[async_trait]
    impl Resolver for Fixed {
        async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            Ok(self.0.iter().map(|address| address.parse().unwrap()).collect())
        }
    }

    async fn judged(addresses: &'static [&'static str]) -> Result<Vec<String>, AddressRefusal> {
        let resolver = JudgingResolver::new(Arc::new(Fixed(addresses)));
        match resolver.resolve("merchant.example".parse().unwrap()).await {
            Ok(addresses) => Ok(addresses.map(|address| address.to_string()).collect()),
            Err(error) => Err(*error.downcast_ref().unwrap()),
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
    async fn a_name_without_addresses_is_not_found() {
        let resolver = JudgingResolver::new(Arc::new(Fixed(&[])));
        let error = resolver.resolve("merchant.example".parse().unwrap()).await.err().unwrap();
        assert_eq!(error.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn the_machine_knows_its_own_name() {
        let addresses = SystemResolver.resolve("localhost").await.unwrap();
        assert!(addresses.iter().all(IpAddr::is_loopback) && !addresses.is_empty(), "{addresses:?}");
    }
}
