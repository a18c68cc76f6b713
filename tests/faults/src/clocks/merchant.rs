//! A merchant that fails every first POST, or holds each until it is let go, and keeps a journal.

use std::collections::HashSet;
use std::io;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::clock::{Millis, StormClock};
use crate::journal::Journal;
use crate::merchant::journey;
use crate::network::{Reply, http, read_request};

/// What the merchant does before it confirms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MerchantConduct {
    /// Nothing.
    Confirms,
    /// It answers the first POST of each authorization by 500.
    FailsFirst,
    /// It answers no POST until it is let go.
    Holds,
}

/// A POST that came.
#[derive(Clone, Copy, Debug)]
pub struct Post {
    /// The number of the authorization.
    pub journey: usize,
    pub at: Millis,
    /// It was answered, or the caller gave up.
    pub ended: Option<Millis>,
    /// The answer was SUCCESS.
    pub confirmed: bool,
}

/// The merchant.
pub struct Merchant {
    conduct: MerchantConduct,
    clock: StormClock,
    journal: Journal<Post>,
    let_go: watch::Sender<bool>,
}

impl Merchant {
    /// A merchant that nobody has called yet.
    #[must_use]
    pub fn new(conduct: MerchantConduct, clock: StormClock) -> Self {
        Self {
            conduct,
            clock,
            journal: Journal::default(),
            let_go: watch::Sender::new(conduct != MerchantConduct::Holds),
        }
    }

    /// Serves one connection, which carries one POST.
    ///
    /// # Errors
    /// The caller has hung up.
    pub async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let request = read_request(&mut stream).await?;
        let Some(journey) = journey(&request) else { return Ok(()) };
        let is_first = self.posts().iter().all(|post| post.journey != journey);
        let post = Post { journey, at: self.clock.now(), ended: None, confirmed: false };
        let place = self.journal.add(post);
        let confirms = !(is_first && self.conduct == MerchantConduct::FailsFirst);
        let answer = if confirms { http(200, "", "SUCCESS") } else { http(500, "", "") };
        let sent = match self.waits(&mut stream).await {
            Ok(()) => Reply::Send(answer).send(&mut stream).await,
            Err(hung_up) => Err(hung_up),
        };
        let (ended, confirmed) = (Some(self.clock.now()), confirms && sent.is_ok());
        self.journal.change(place, |post| *post = Post { ended, confirmed, ..*post });
        sent
    }

    /// Until it is let go.
    async fn waits(&self, stream: &mut TcpStream) -> io::Result<()> {
        let mut let_go = self.let_go.subscribe();
        let mut more = [0; 1];
        tokio::select! {
            _ = let_go.wait_for(|let_go| *let_go) => Ok(()),
            _ = stream.read(&mut more) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Lets it answer, from now on at once.
    pub fn let_go(&self) {
        self.let_go.send_replace(true);
    }

    /// The POSTs that came, in their order.
    #[must_use]
    pub fn posts(&self) -> Vec<Post> {
        self.journal.entries()
    }
}

/// The authorizations with a POST that was confirmed.
#[must_use]
pub fn confirmed(posts: &[Post]) -> usize {
    posts.iter().filter(|post| post.confirmed).map(|post| post.journey).collect::<HashSet<_>>().len()
}

/// The authorizations that a POST is under way of.
#[must_use]
pub fn under_way(posts: &[Post]) -> usize {
    let open = posts.iter().filter(|post| post.ended.is_none());
    open.map(|post| post.journey).collect::<HashSet<_>>().len()
}

/// The authorizations of which a POST came while another was under way.
#[must_use]
pub fn twice_at_once(posts: &[Post]) -> usize {
    followed(posts, |first, next| first.ended.is_none_or(|ended| next.at < ended))
}

/// The authorizations of which a POST came after a confirmed one.
#[must_use]
pub fn after_confirmation(posts: &[Post]) -> usize {
    followed(posts, |first, next| first.confirmed && first.ended.is_some_and(|ended| ended <= next.at))
}

/// The authorizations with two POSTs, one before the other, that are `so`.
fn followed(posts: &[Post], so: impl Fn(&Post, &Post) -> bool) -> usize {
    let pairs = posts
        .iter()
        .enumerate()
        .flat_map(|(place, first)| posts[place + 1..].iter().map(move |next| (first, next)));
    let found = pairs.filter(|(first, next)| first.journey == next.journey && so(first, next));
    found.map(|(first, _)| first.journey).collect::<HashSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(journey: usize, at: Millis, ended: Option<Millis>, confirmed: bool) -> Post {
        Post { journey, at, ended, confirmed }
    }

    #[test]
    fn a_post_beside_another_one_and_one_after_a_confirmed_one_are_told_apart() {
        let failed = post(1, 10, Some(20), false);
        for (posts, at_once, after) in [
            (vec![], 0, 0),
            (vec![failed, post(1, 30, Some(40), true)], 0, 0),
            (vec![failed, post(2, 15, Some(40), true)], 0, 0),
            (vec![failed, post(1, 15, Some(40), true)], 1, 0),
            (vec![post(1, 10, None, false), post(1, 15, Some(40), true)], 1, 0),
            (vec![post(1, 10, Some(20), true), post(1, 20, Some(40), true)], 0, 1),
            (vec![post(1, 10, Some(20), true), post(1, 20, Some(40), true), post(1, 50, None, false)], 0, 1),
        ] {
            assert_eq!((twice_at_once(&posts), after_confirmation(&posts)), (at_once, after), "{posts:?}");
        }
    }

    #[test]
    fn authorizations_are_counted_not_posts() {
        let posts = [1, 1].map(|journey| post(journey, 10, None, false));
        assert_eq!((under_way(&posts), confirmed(&posts)), (1, 0));
        let posts = [1, 1, 2].map(|journey| post(journey, 10, Some(20), true));
        assert_eq!((under_way(&posts), confirmed(&posts)), (0, 2));
    }
}
