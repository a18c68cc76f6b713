//! The one POST that carries a delivery out, to an address that someone else has chosen.
//!
//! The address is held against the rules again before each POST, because they may have become stricter since the link
//! was asked for, and no connection is kept, so that each POST resolves and judges its name anew. Nothing is logged
//! here: neither headers nor bodies, which carry signatures and openIds.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderName;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use rustls::RootCertStore;
use url::Url;

use crate::delivery::response::{self, AnswerText, AttemptResult, ResponseBody};
use crate::egress::callback_url::{CallbackRules, CallbackUrl};
use crate::egress::http_client::{HttpClient, HttpLimits, json_post};
use crate::egress::resolver::{Reach, Resolver, SystemResolver};
use crate::egress::tls::bundled_roots;
use crate::egress::transport_error::TransportError;
use crate::model::clock::UnixMillis;
use crate::model::delivery_outcome::{CONFIRMED_STATUS, DeliveryOutcome};

/// The bytes of a merchant's answer that are read at most.
pub const MAX_ANSWER_BYTES: usize = 4_096;

#[async_trait]
pub trait CallbackSender: Send + Sync {
    /// POSTs `body`, once, with `headers` and the content type of JSON, and judges the answer.
    ///
    /// Every failure is an outcome; a header value that cannot stand in HTTP is
    /// [`Broken`](DeliveryOutcome::Broken). `now` is what a date in `Retry-After` is held against.
    async fn post(
        &self,
        url: &CallbackUrl,
        headers: Vec<(HeaderName, String)>,
        body: Bytes,
        now: UnixMillis,
    ) -> AttemptResult;
}

/// The time-outs of a POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimits {
    /// Until the connection stands: name, TCP and TLS.
    pub connect: Duration,
    /// Until the answer has been read.
    pub total: Duration,
    /// Until the body has been read of an answer whose status says enough: it is for people.
    pub explanation: Duration,
}

impl Default for TimeLimits {
    /// 5 s to connect, 10 s in all, 1 s for an explanation.
    fn default() -> Self {
        let [connect, total, explanation] = [5, 10, 1].map(Duration::from_secs);
        Self { connect, total, explanation }
    }
}

/// Sends over HTTP/1.1: no redirects, no proxy, no repetition, no connection kept.
pub struct HttpSender {
    rules: CallbackRules,
    strict: HttpClient,
    dangerous: Option<HttpClient>,
    explanation: Duration,
}

impl HttpSender {
    /// A sender with the usual [`TimeLimits`], to be built once per process.
    #[must_use]
    pub fn new(resolver: Arc<dyn Resolver>, rules: CallbackRules) -> Self {
        Self::with_limits(resolver, rules, TimeLimits::default())
    }

    /// The same, with the names of the system's resolver.
    #[must_use]
    pub fn by_system_resolver(rules: CallbackRules) -> Self {
        Self::new(Arc::new(SystemResolver), rules)
    }

    /// A sender with other limits.
    #[must_use]
    pub fn with_limits(resolver: Arc<dyn Resolver>, rules: CallbackRules, limits: TimeLimits) -> Self {
        Self::trusting(&bundled_roots(), resolver, rules, limits)
    }

    /// A sender that trusts `roots` alone.
    #[must_use]
    pub fn trusting(
        roots: &RootCertStore,
        resolver: Arc<dyn Resolver>,
        rules: CallbackRules,
        limits: TimeLimits,
    ) -> Self {
        let TimeLimits { connect, total, explanation } = limits;
        let limits = HttpLimits { connect, total, idle: None, body_bytes: MAX_ANSWER_BYTES };
        let client = |reach| HttpClient::new(roots.clone(), reach, limits);
        let strict = client(Reach::PublicHttps(Arc::clone(&resolver)));
        let dangerous = (!rules.dangerous_origins.is_empty()).then(|| client(Reach::Anywhere(resolver)));
        Self { rules, strict, dangerous, explanation }
    }

    /// The client that may talk to `url`. An address literal is judged here, because no resolver is asked for it.
    fn client_for(&self, url: &CallbackUrl) -> Result<&HttpClient, DeliveryOutcome> {
        url.check(&self.rules)?;
        match &self.dangerous {
            Some(dangerous) if self.rules.exempts(url) => Ok(dangerous),
            _ => Ok(&self.strict),
        }
    }

    async fn try_post(
        &self,
        url: &CallbackUrl,
        headers: Vec<(HeaderName, String)>,
        body: Bytes,
        now: UnixMillis,
    ) -> Result<AttemptResult, DeliveryOutcome> {
        let client = self.client_for(url)?;
        let answer = client.send(json_post(url.url(), headers, body)?).await?;
        let status = answer.status().as_u16();
        let header = |name| answer.headers().get(name)?.to_str().map(str::to_owned).ok();
        let [retry_after, location, content_type] = [RETRY_AFTER, LOCATION, CONTENT_TYPE].map(header);
        let (body, end) = answer.read_within((status != CONFIRMED_STATUS).then_some(self.explanation)).await;
        let judged = response::classify(status, retry_after.as_deref(), response_body(&body, end), now);
        let redirects = matches!(judged.outcome, DeliveryOutcome::Redirect(_));
        let redirect = location.filter(|_| redirects).and_then(|to| target(url.url(), &to));
        let answer = AnswerText::new(&body, end.is_ok(), content_type.as_deref())
            .filter(|_| judged.outcome != DeliveryOutcome::Success);
        Ok(AttemptResult { redirect, answer, ..judged })
    }
}

#[async_trait]
impl CallbackSender for HttpSender {
    async fn post(
        &self,
        url: &CallbackUrl,
        headers: Vec<(HeaderName, String)>,
        body: Bytes,
        now: UnixMillis,
    ) -> AttemptResult {
        self.try_post(url, headers, body, now).await.unwrap_or_else(AttemptResult::from)
    }
}

fn response_body(body: &[u8], end: Result<(), TransportError>) -> ResponseBody<'_> {
    match end {
        Ok(()) => ResponseBody::Whole(body),
        Err(TransportError::TooLong) => ResponseBody::TooLong,
        Err(error) => ResponseBody::Lost(error.into()),
    }
}

/// The address that `location` names, seen from `url`: without its query, which may hold anything, and its fragment.
fn target(url: &Url, location: &str) -> Option<Url> {
    let mut target = url.join(location).ok().filter(Url::has_host)?;
    target.set_query(None);
    target.set_fragment(None);
    Some(target)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
    use std::sync::Mutex;

    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
    use rustls::server::{ClientHello, ResolvesServerCert};
    use rustls::sign::CertifiedKey;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpSocket, TcpStream};
    use tokio::task::yield_now;

    use super::*;
    use crate::egress::callback_url::Origin;
    use crate::egress::error_chain::find;
    use crate::model::delivery_outcome::{AddressRefusal, TlsFailure};

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
    const CONFIRMED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nSUCCESS";

    /// Resolves every name alike, and counts how often it was asked.
    #[derive(Default)]
    struct Names {
        addresses: Vec<IpAddr>,
        asked: Mutex<Vec<String>>,
    }

    impl Names {
        fn lead_to(addresses: &[&str]) -> Arc<Self> {
            let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
            Arc::new(Self { addresses, asked: Mutex::default() })
        }
    }

    #[async_trait]
    impl Resolver for Names {
        async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
            self.asked.lock().unwrap().push(host.to_owned());
            Ok(self.addresses.clone())
        }
    }

    struct Failing(io::ErrorKind);

    #[async_trait]
    impl Resolver for Failing {
        async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            Err(self.0.into())
        }
    }

    struct NeverAnswering;

    #[async_trait]
    impl Resolver for NeverAnswering {
        async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            std::future::pending().await
        }
    }

    #[derive(Clone, Copy)]
    enum Behaviour {
        /// Answers each request so, and keeps the connection.
        Says(&'static str),
        /// Answers each request by the first, and some turns of the runtime later by the second.
        SaysInTurns(&'static str, &'static str),
        /// A 200 whose body never ends.
        Rambles,
        /// Resets the connection when it has read the request.
        Resets,
        /// Closes it then.
        Closes,
    }

    /// Keeps, for each connection, the requests that came over it.
    struct Merchant {
        address: SocketAddr,
        connections: Arc<Mutex<Vec<Vec<String>>>>,
    }

    impl Merchant {
        async fn that(behaviour: Behaviour) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let connections = Arc::new(Mutex::new(Vec::new()));
            let record = Arc::clone(&connections);
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let number = record.lock().unwrap().len();
                    record.lock().unwrap().push(Vec::new());
                    tokio::spawn(Self::serve(stream, behaviour, Arc::clone(&record), number));
                }
            });
            Self { address, connections }
        }

        async fn serve(
            mut stream: TcpStream,
            behaviour: Behaviour,
            record: Arc<Mutex<Vec<Vec<String>>>>,
            number: usize,
        ) -> io::Result<()> {
            loop {
                let request = read_request(&mut stream).await?;
                record.lock().unwrap()[number].push(request);
                match behaviour {
                    Behaviour::Says(answer) => stream.write_all(answer.as_bytes()).await?,
                    Behaviour::SaysInTurns(head, body) => {
                        stream.write_all(head.as_bytes()).await?;
                        for _ in 0..1_000 {
                            yield_now().await;
                        }
                        stream.write_all(body.as_bytes()).await?;
                    }
                    Behaviour::Rambles => {
                        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nSUCCESS").await?;
                        loop {
                            stream.write_all(&[b' '; 1_000]).await?;
                        }
                    }
                    Behaviour::Resets => return stream.set_zero_linger(),
                    Behaviour::Closes => return Ok(()),
                }
            }
        }

        fn requests(&self) -> Vec<Vec<String>> {
            self.connections.lock().unwrap().clone()
        }
    }

    async fn read_request(stream: &mut TcpStream) -> io::Result<String> {
        let mut request = Vec::new();
        loop {
            if stream.read_buf(&mut request).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let text = String::from_utf8(request.clone()).unwrap();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() == length.parse::<usize>().unwrap() {
                return Ok(text);
            }
        }
    }

    fn sender(resolver: Arc<dyn Resolver>, rules: &CallbackRules, total: Duration) -> HttpSender {
        let explanation = Duration::from_millis(100);
        HttpSender::with_limits(resolver, rules.clone(), TimeLimits { connect: total, total, explanation })
    }

    fn exempt(origin: &str) -> CallbackRules {
        let dangerous_origins = vec![Origin::parse(origin).unwrap()];
        CallbackRules { dangerous_origins, ..CallbackRules::default() }
    }

    async fn post(sender: &HttpSender, url: &CallbackUrl) -> AttemptResult {
        let headers = vec![(HeaderName::from_static("sign"), "c2lnbg==".to_owned())];
        sender.post(url, headers, Bytes::from_static(b"{\"serialNo\":\"1\"}"), NOW).await
    }

    /// Posts once to `origin`, which is exempt from the rules.
    async fn answer_of(origin: &str, total: Duration) -> AttemptResult {
        let rules = exempt(origin);
        let url = CallbackUrl::parse(&format!("{origin}/callback"), &rules).unwrap();
        post(&sender(Names::lead_to(&["127.0.0.1"]), &rules, total), &url).await
    }

    async fn answer_to(behaviour: Behaviour) -> AttemptResult {
        let merchant = Merchant::that(behaviour).await;
        answer_of(&format!("http://{}", merchant.address), TimeLimits::default().total).await
    }

    fn answered(outcome: DeliveryOutcome) -> AttemptResult {
        outcome.into()
    }

    fn answered_with(outcome: DeliveryOutcome, text: &str, is_cut: bool) -> AttemptResult {
        let answer = Some(AnswerText { text: text.to_owned(), is_cut });
        AttemptResult { answer, ..outcome.into() }
    }

    #[tokio::test]
    async fn the_request_is_the_signed_json_and_nothing_is_added_but_http() {
        let merchant = Merchant::that(Behaviour::Says(CONFIRMED)).await;
        let answer = answer_of(&format!("http://{}", merchant.address), TimeLimits::default().total).await;
        assert_eq!(answer, answered(DeliveryOutcome::Success));
        let requests = merchant.requests().concat();
        let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        assert_eq!(lines.next(), Some("POST /callback HTTP/1.1"));
        let mut headers: Vec<_> = lines.collect();
        headers.sort_unstable();
        assert_eq!(
            headers,
            [
                "accept: */*",
                "content-length: 16",
                "content-type: application/json; charset=utf-8",
                &format!("host: {}", merchant.address),
                "sign: c2lnbg==",
                concat!("user-agent: authlink/", env!("CARGO_PKG_VERSION")),
            ]
        );
        assert_eq!((body, requests.len()), ("{\"serialNo\":\"1\"}", 1));
    }

    #[tokio::test]
    async fn an_explanation_is_waited_for_in_its_time() {
        let head = "HTTP/1.1 500 No\r\ncontent-length: 4\r\n\r\n";
        let merchant = Merchant::that(Behaviour::SaysInTurns(head, "see!")).await;
        let origin = format!("http://{}", merchant.address);
        let rules = exempt(&origin);
        let limits = TimeLimits { explanation: TimeLimits::default().total, ..TimeLimits::default() };
        let sender = HttpSender::with_limits(Names::lead_to(&["127.0.0.1"]), rules.clone(), limits);
        let url = CallbackUrl::parse(&format!("{origin}/callback"), &rules).unwrap();
        assert_eq!(post(&sender, &url).await, answered_with(DeliveryOutcome::Status(500), "see!", false));
    }

    #[tokio::test]
    async fn an_answer_is_judged_by_status_wait_and_body() {
        let asked = |status, seconds| AttemptResult {
            retry_after: Some(Duration::from_secs(seconds)),
            ..DeliveryOutcome::Status(status).into()
        };
        let rows = [
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nFAIL",
                answered_with(DeliveryOutcome::WrongAnswer, "FAIL", false),
            ),
            (
                "HTTP/1.1 500 No\r\ncontent-length: 4\r\n\r\nsee!",
                answered_with(DeliveryOutcome::Status(500), "see!", false),
            ),
            (
                "HTTP/1.1 500 No\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n",
                answered(DeliveryOutcome::Status(500)),
            ),
            ("HTTP/1.1 503 No\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n", asked(503, 60)),
            (
                "HTTP/1.1 429 No\r\nretry-after: Tue, 14 Nov 2023 22:13:50 GMT\r\ncontent-length: 0\r\n\r\n",
                asked(429, 30),
            ),
            // A failure's body is waited for no longer than an explanation may take.
            ("HTTP/1.1 502 No\r\ncontent-length: 9999\r\n\r\n", answered(DeliveryOutcome::Status(502))),
            (
                "HTTP/1.1 502 No\r\ncontent-length: 9999\r\n\r\nwell",
                answered_with(DeliveryOutcome::Status(502), "well", true),
            ),
            ("SSH-2.0-x\r\n\r\n", answered(DeliveryOutcome::Broken)),
        ];
        for (text, answer) in rows {
            assert_eq!(answer_to(Behaviour::Says(text)).await, answer, "{text}");
        }
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let behaviour = Behaviour::Says(
            "HTTP/1.1 307 Go\r\nlocation: /elsewhere?openId=1#x\r\ncontent-length: 0\r\n\r\n",
        );
        let merchant = Merchant::that(behaviour).await;
        let answer = answer_of(&format!("http://{}", merchant.address), TimeLimits::default().total).await;
        let redirect = format!("http://{}/elsewhere", merchant.address).parse().ok();
        assert_eq!(answer, AttemptResult { redirect, ..DeliveryOutcome::Redirect(307).into() });
        assert_eq!(merchant.requests().concat().len(), 1);
    }

    #[tokio::test]
    async fn no_more_than_the_limit_is_read() {
        let says = |spaces: usize| {
            let text = format!("HTTP/1.1 200 OK\r\n\r\nSUCCESS{}", " ".repeat(spaces));
            text.replacen("\r\n\r\n", &format!("\r\ncontent-length: {}\r\n\r\n", 7 + spaces), 1).leak()
        };
        let rows = [
            (Behaviour::Says(says(MAX_ANSWER_BYTES - 7)), DeliveryOutcome::Success),
            (Behaviour::Says(says(MAX_ANSWER_BYTES - 6)), DeliveryOutcome::TooLong),
            (Behaviour::Rambles, DeliveryOutcome::TooLong),
        ];
        for (behaviour, outcome) in rows {
            assert_eq!(answer_to(behaviour).await.outcome, outcome);
        }
    }

    #[tokio::test]
    async fn a_connection_that_ends_before_the_answer_is_broken_and_the_request_is_not_repeated() {
        for behaviour in [Behaviour::Resets, Behaviour::Closes] {
            let merchant = Merchant::that(behaviour).await;
            let answer =
                answer_of(&format!("http://{}", merchant.address), TimeLimits::default().total).await;
            assert_eq!(answer, answered(DeliveryOutcome::Broken));
            assert_eq!(merchant.requests().concat().len(), 1);
        }
    }

    #[tokio::test]
    async fn silence_at_any_stage_is_a_timeout() {
        let total = Duration::from_millis(100);
        for text in ["", "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nSUCC"] {
            let merchant = Merchant::that(Behaviour::Says(text)).await;
            let origin = format!("http://{}", merchant.address);
            assert_eq!(answer_of(&origin, total).await.outcome, DeliveryOutcome::Timeout, "{text}");
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("https://{}", listener.local_addr().unwrap());
        assert_eq!(answer_of(&origin, total).await, answered(DeliveryOutcome::Timeout));
        let rules = CallbackRules::default();
        let url = CallbackUrl::parse("https://merchant.example/", &rules).unwrap();
        let sender = sender(Arc::new(NeverAnswering), &rules, total);
        assert_eq!(post(&sender, &url).await, answered(DeliveryOutcome::Timeout));
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_no_connection() {
        let taken = TcpSocket::new_v4().unwrap();
        taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let origin = format!("http://{}", taken.local_addr().unwrap());
        let answer = answer_of(&origin, TimeLimits::default().total).await;
        assert_eq!(answer, answered(DeliveryOutcome::Connect));
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_resolved_is_a_matter_of_dns_whatever_the_resolver_says() {
        let rules = CallbackRules::default();
        let url = CallbackUrl::parse("https://merchant.example/", &rules).unwrap();
        for kind in [io::ErrorKind::NotFound, io::ErrorKind::TimedOut, io::ErrorKind::ConnectionRefused] {
            let sender = sender(Arc::new(Failing(kind)), &rules, TimeLimits::default().total);
            assert_eq!(post(&sender, &url).await, answered(DeliveryOutcome::Dns), "{kind}");
        }
        let sender = sender(Names::lead_to(&[]), &rules, TimeLimits::default().total);
        assert_eq!(post(&sender, &url).await, answered(DeliveryOutcome::Dns));
    }

    /// A listener that nobody serves: a connection to it would wait there to be accepted.
    fn bystander() -> (StdListener, u16) {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[tokio::test]
    async fn a_name_that_leads_to_an_address_that_is_not_public_is_refused_before_connecting() {
        let rows: &[(&[&str], AddressRefusal)] = &[
            (&["127.0.0.1"], AddressRefusal::Loopback),
            (&["10.0.0.1"], AddressRefusal::Private),
            (&["127.0.0.1", "8.8.8.8"], AddressRefusal::Loopback),
            (&["8.8.8.8", "127.0.0.1"], AddressRefusal::Loopback),
            (&["::ffff:127.0.0.1"], AddressRefusal::Mapped),
        ];
        let (listener, port) = bystander();
        let rules = CallbackRules { ports: vec![port], ..CallbackRules::default() };
        let url = CallbackUrl::parse(&format!("https://merchant.example:{port}/"), &rules).unwrap();
        for &(addresses, refusal) in rows {
            let sender = sender(Names::lead_to(addresses), &rules, TimeLimits::default().total);
            assert_eq!(post(&sender, &url).await, answered(DeliveryOutcome::AddressRefused(refusal)));
        }
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn an_address_literal_is_judged_at_each_post_by_the_rules_of_the_day() {
        let (listener, port) = bystander();
        let origin = format!("https://127.0.0.1:{port}");
        let url = CallbackUrl::parse(&origin, &exempt(&origin)).unwrap();
        let names = Names::lead_to(&["127.0.0.1"]);
        let rows = [
            (vec![port], DeliveryOutcome::AddressRefused(AddressRefusal::Loopback)),
            (vec![443], DeliveryOutcome::UrlRefused),
        ];
        for (ports, outcome) in rows {
            // The exemption of another origin does not help.
            let rules = CallbackRules { ports, ..exempt("http://127.0.0.1:1") };
            let sender = sender(names.clone(), &rules, TimeLimits::default().total);
            assert_eq!(post(&sender, &url).await, answered(outcome));
        }
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn every_post_resolves_its_name_and_opens_its_own_connection() {
        let merchant = Merchant::that(Behaviour::Says(CONFIRMED)).await;
        let origin = format!("http://merchant.test:{}", merchant.address.port());
        let rules = exempt(&origin);
        let url = CallbackUrl::parse(&origin, &rules).unwrap();
        let names = Names::lead_to(&["127.0.0.1"]);
        let sender = sender(names.clone(), &rules, TimeLimits::default().total);
        for _ in 0..2 {
            assert_eq!(post(&sender, &url).await, answered(DeliveryOutcome::Success));
        }
        assert_eq!(*names.asked.lock().unwrap(), ["merchant.test", "merchant.test"]);
        assert_eq!(merchant.requests().iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
    }

    #[tokio::test]
    async fn a_header_value_that_http_cannot_carry_is_not_sent() {
        let merchant = Merchant::that(Behaviour::Says(CONFIRMED)).await;
        let rules = exempt(&format!("http://{}", merchant.address));
        let url = CallbackUrl::parse(&format!("http://{}", merchant.address), &rules).unwrap();
        let sender = sender(Names::lead_to(&[]), &rules, TimeLimits::default().total);
        let headers = vec![(HeaderName::from_static("sign"), "a\r\nb: c".to_owned())];
        let answer = sender.post(&url, headers, Bytes::new(), NOW).await;
        assert_eq!(answer, answered(DeliveryOutcome::Broken));
        assert_eq!(merchant.requests(), Vec::<Vec<String>>::new());
    }

    #[tokio::test]
    async fn plain_text_where_tls_was_expected_is_a_matter_of_tls() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("https://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(CONFIRMED.as_bytes()).await.unwrap();
            stream.read_to_end(&mut Vec::new()).await
        });
        let answer = answer_of(&origin, TimeLimits::default().total).await;
        assert_eq!(answer, answered(DeliveryOutcome::Tls(TlsFailure::NotTls)));
    }

    /// For 127.0.0.1, signed by itself, valid from 2024 to 2123; its key is gone, which is found out only after the
    /// chain has been checked.
    const SELF_SIGNED: &str = "\
        MIIBWTCB/6ADAgECAgEBMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMMCTEyNy4wLjAuMTAgFw0yNDAxMDEwMDAwMDBaGA8yMTI0\
        MDEwMTAwMDAwMFowFDESMBAGA1UEAwwJMTI3LjAuMC4xMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE4h2L1dk9hMnflpJD\
        ulAKSswwtvTAy4+wA+c9q5KR0Fjz1/6E2SMGMPVFnsd77/EGf1uImRQnXH6weI/yEqQU+aNAMD4wDAYDVR0TAQH/BAIwADAP\
        BgNVHREECDAGhwR/AAABMB0GA1UdDgQWBBTri+K/Gg+X6NT4O9+02AWi7CrzaDAKBggqhkjOPQQDAgNJADBGAiEAurRI/8nm\
        n6cXssF7rtUmZtEb7KFNKbuuZDIToXlVDjQCIQDHLZUS1zUXQ7ai0uxzUxUIA7qyZ2PQIB2DihQ396Rgsw==";

    #[derive(Debug)]
    struct SelfSigned(Arc<CertifiedKey>);

    impl ResolvesServerCert for SelfSigned {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }

    fn self_signed_tls() -> rustls::ServerConfig {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap().to_pkcs8v1().unwrap();
        let key = PrivatePkcs8KeyDer::from(key.as_ref().to_vec()).into();
        let key = rustls::crypto::aws_lc_rs::sign::any_ecdsa_type(&key).unwrap();
        let certificate = CertificateDer::from(STANDARD.decode(SELF_SIGNED).unwrap());
        let certified = SelfSigned(Arc::new(CertifiedKey::new(vec![certificate], key)));
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certified))
    }

    #[tokio::test]
    async fn a_certificate_that_nobody_vouches_for_is_a_matter_of_tls() {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("https://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut connection = rustls::ServerConnection::new(Arc::new(self_signed_tls())).unwrap();
            while connection.is_handshaking() {
                connection.complete_io(&mut stream)?;
            }
            connection.complete_io(&mut stream)
        });
        let answer = answer_of(&origin, TimeLimits::default().total).await;
        assert_eq!(answer, answered(DeliveryOutcome::Tls(TlsFailure::UnknownIssuer)));
        let refused = server.join().unwrap().unwrap_err();
        assert_eq!(
            find::<rustls::Error>(&refused),
            Some(&rustls::Error::AlertReceived(rustls::AlertDescription::UnknownCA))
        );
    }
}
