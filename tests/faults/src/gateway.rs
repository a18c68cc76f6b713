//! Alipay's gateway: takes codes, does to each what the plan says, and keeps a journal of them.

use std::io;
use std::sync::Arc;

use local::emulator::request_signature_holds;
use rsa::{RsaPrivateKey, RsaPublicKey};
use tokio::net::TcpStream;

use crate::clock::StormClock;
use crate::gateway_answer::{GatewayFate, reply};
use crate::journal::{Exchanged, Journal};
use crate::network::{RawRequest, Reply, has_hung_up, read_request};
use crate::plan::{Code, Plan};

/// Longer than any request of ours.
const MAX_REQUEST_BYTES: usize = 8 * 1024;

/// The gateway.
pub struct Gateway {
    pub plan: Arc<Plan>,
    pub clock: StormClock,
    pub app_public_key: RsaPublicKey,
    pub alipay_private_key: RsaPrivateKey,
    pub journal: Journal<Exchanged>,
}

impl Gateway {
    /// Serves one connection, which carries one code.
    ///
    /// # Errors
    /// The caller has hung up.
    pub async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut seen = vec![0; MAX_REQUEST_BYTES];
        let length = stream.peek(&mut seen).await?;
        if let Some(request) = RawRequest::parse(&seen[..length])
            && let Some(code) = code(&request)
            && self.fate(&code) == GatewayFate::ResetUnread
        {
            self.note(&request, &code, has_hung_up(&stream));
            // What lies unread in the socket makes it a reset.
            return stream.set_zero_linger();
        }
        let request = read_request(&mut stream).await?;
        let Some(code) = code(&request) else { return Ok(()) };
        let fate = self.fate(&code);
        let place = self.note(&request, &code, has_hung_up(&stream));
        let open_id = code.open_id();
        let reply = reply(fate, &open_id, self.plan.slowness(&code), &self.alipay_private_key);
        if matches!(reply, Reply::Reset) {
            stream.set_zero_linger()?;
        }
        reply.send(&mut stream).await?;
        if fate.names_the_user() || fate == GatewayFate::SignedTooLate {
            let now = self.clock.now();
            self.journal.change(place, |entry| entry.signed = Some((open_id, now)));
        }
        Ok(())
    }

    fn fate(&self, code: &Code) -> GatewayFate {
        self.plan.gateway_fate(code, self.clock.now())
    }

    fn note(&self, request: &RawRequest, code: &Code, hung_up: bool) -> usize {
        let query = request.head.split(' ').nth(1).and_then(|target| target.split_once('?'));
        let query = query.map_or("", |(_, query)| query);
        self.journal.add(Exchanged {
            code: code.to_string(),
            at: self.clock.now(),
            fate: self.fate(code),
            sound: request_signature_holds(query, &request.body, &self.app_public_key),
            signed: None,
            hung_up,
        })
    }
}

fn code(request: &RawRequest) -> Option<Code> {
    let (_, code) = form_urlencoded::parse(&request.body).find(|(name, _)| name == "code")?;
    Code::parse(&code)
}
