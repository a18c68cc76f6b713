//! What is disabled stops within fifteen seconds, at every process: the same promises for worlds on any store.

use std::time::Duration;

use rsa::pkcs8::EncodePublicKey as _;
use rsa::{RsaPrivateKey, RsaPublicKey};
use sha2::{Digest as _, Sha256};
use shared::model::deny_list::{Denial, KeyFingerprint, PartyKind};
use shared::model::id::AuthorizationId;

use crate::keys;
use crate::platform::{self, state_asked_with};
use crate::request::LinkCall;
use crate::rpc::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, Protocol, RpcCall};
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

/// An entry of the list.
pub fn denial(kind: PartyKind, id: &str, key: Option<KeyFingerprint>) -> Denial {
    Denial::new(kind, id, key).expect("an id")
}

/// As `openssl pkey -pubin -outform DER | sha256sum` prints it.
pub fn of_public(key: &RsaPrivateKey) -> KeyFingerprint {
    let der = RsaPublicKey::from(key).to_public_key_der().expect("encodes");
    hex(Sha256::digest(der.as_bytes()).as_slice()).parse().expect("a fingerprint")
}

/// As `sha256sum` prints it.
pub fn of_shared(key: &str) -> KeyFingerprint {
    hex(Sha256::digest(key).as_slice()).parse().expect("a fingerprint")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Denies, waits for as long as it may take, and has `check` look; then allows again, and waits as long.
async fn while_denied(world: &World, denial: &Denial, check: impl AsyncFnOnce()) {
    assert_eq!(world.operated.deny(denial).await, Ok(true));
    world.clock.advance(15 * SECOND);
    check().await;
    assert_eq!(world.operated.allow(denial).await, Ok(true));
    world.clock.advance(15 * SECOND);
}

async fn link_status(world: &World, serial_no: &str) -> i64 {
    let serial_no = format!("{serial_no}-{}", world.now());
    world.ask(&LinkCall::new(&serial_no, world.now())).await.status
}

/// A business that is asked for all the time, and a process that stands idle meanwhile, which is `idle`.
pub async fn a_disabled_business_stops_within_fifteen_seconds(world: &World, idle: &World) {
    assert_eq!((link_status(world, "S1").await, link_status(idle, "S1i").await), (0, 0));
    let b1 = denial(PartyKind::Business, "B1", None);
    assert_eq!(world.operated.deny(&b1).await, Ok(true));
    for second in 1..=15 {
        world.clock.advance(SECOND);
        let status = link_status(world, "S2").await;
        assert!(status == 7 || status == 0 && second < 15, "{status} after {second} s");
    }
    assert_eq!(link_status(idle, "S2i").await, 7);
    let query = LinkCall::query("S1", world.now());
    assert_eq!((world.query(&query).await.status, idle.query(&query).await.status), (7, 7));
    let by_md5 = LinkCall::new("S3", world.now()).by_md5();
    assert_eq!(world.ask(&by_md5).await.status, 7);

    assert_eq!(world.operated.allow(&b1).await, Ok(true));
    world.clock.advance(15 * SECOND);
    assert_eq!((link_status(world, "S4").await, link_status(idle, "S4i").await), (0, 0));
}

/// One key of a business's two kinds.
pub async fn a_disabled_key_verifies_nothing_and_the_others_do(world: &World) {
    let by_rsa = async |serial_no: &str| world.ask(&LinkCall::new(serial_no, world.now())).await.status;
    let by_md5 =
        async |serial_no: &str| world.ask(&LinkCall::new(serial_no, world.now()).by_md5()).await.status;
    let rsa = denial(PartyKind::Business, "B1", Some(of_public(keys::merchant())));
    let md5 = denial(PartyKind::Business, "B1", Some(of_shared(keys::merchant_md5())));
    while_denied(world, &rsa, async || {
        assert_eq!((by_rsa("S1").await, by_md5("S1m").await), (2, 0));
    })
    .await;
    while_denied(world, &md5, async || {
        assert_eq!((by_rsa("S2").await, by_md5("S2m").await), (0, 2));
        assert_eq!(world.query(&LinkCall::query("S1m", world.now()).by_md5()).await.status, 2);
    })
    .await;
    assert_eq!((by_rsa("S3").await, by_md5("S3m").await), (0, 0));
}

/// An access key, and its secret.
pub async fn a_disabled_access_key_stops_by_either_signature(world: &World) {
    let codes = async || {
        let mut codes = Vec::new();
        for protocol in [Protocol::V1, Protocol::V3] {
            codes.push(world.call(&RpcCall::new(protocol, world.now())).await.code);
        }
        codes
    };
    assert_eq!(codes().await, ["OK", "OK"]);
    while_denied(world, &denial(PartyKind::AccessKey, ACCESS_KEY_ID, None), async || {
        assert_eq!(codes().await, ["UnauthorizedOperation"; 2]);
    })
    .await;
    let secret = denial(PartyKind::AccessKey, ACCESS_KEY_ID, Some(of_shared(ACCESS_KEY_SECRET)));
    while_denied(world, &secret, async || {
        assert_eq!(codes().await, ["SignatureDoesNotMatch"; 2]);
    })
    .await;
    assert_eq!(codes().await, ["OK", "OK"]);
}

/// An account, whose caller is told that it is suspended, and a scheme, which is as one that was not approved.
pub async fn a_disabled_account_and_a_disabled_scheme_get_no_link(world: &World) {
    let code = async || world.call(&RpcCall::new(Protocol::V3, world.now())).await.code;
    for (kind, id, refused) in
        [(PartyKind::Account, "1001", "OutOfService"), (PartyKind::Scheme, "234", "SchemeNotPassed")]
    {
        assert_eq!(code().await, "OK");
        while_denied(world, &denial(kind, "another", None), async || assert_eq!(code().await, "OK")).await;
        while_denied(world, &denial(kind, id, None), async || assert_eq!(code().await, refused)).await;
    }
    assert_eq!(code().await, "OK");
}

/// A platform, and its key: neither is asked for links nor believed.
pub async fn a_disabled_platform_is_neither_asked_nor_believed(world: &World) {
    world.links_come_from("rsa");
    let grant = || world.platforms.grant("https://platform.example/consent");
    grant();
    world.ask(&LinkCall::new("S1", world.now())).await.expect_link();
    let asked = world.platforms.asked().pop().expect("a request");
    let (state, id) = (state_asked_with(&asked), AuthorizationId::from_serial("B1", "S1"));
    let said =
        async || world.receive_callback(&platform::callback(&state, &id, "open-1", world.now())).await.text;
    while_denied(world, &denial(PartyKind::Platform, "rsa", None), async || {
        assert_eq!(said().await, "FAIL");
        let refused = world.ask(&LinkCall::new("S2", world.now())).await;
        assert_eq!((refused.http_status, refused.status), (503, 1));
        assert_eq!(world.platforms.asked().len(), 0);
    })
    .await;
    let key = denial(PartyKind::Platform, "rsa", Some(of_public(keys::platform())));
    while_denied(world, &key, async || assert_eq!(said().await, "FAIL")).await;
    assert!(world.record(&id).await.identity().is_none());
    assert_eq!(said().await, "SUCCESS");
    grant();
    world.ask(&LinkCall::new("S2", world.now())).await.expect_link();
}
