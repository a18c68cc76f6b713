//! Requests of the open API and of `GetAuthorizationUrl`, and the events that they come in.

use std::cell::Cell;
use std::path::Path;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::Request;
use openid_delivery::DeliveryError;
use shared::model::id::AuthorizationId;
use shared::protocol::open_api::Fields;
use shared::queue::DeliveryEvent;
use shared::registry::{AccessKey, Business};
use shared::runtime::lambda::answer_event;
use shared::secrets::Document as _;
use shared::signing::alibaba_cloud::Call;
use shared::signing::open_api::AuthHeaders;
use tests::deserved::{self, Parts};
use tests::mutation::{mutate, mutated, request_mutations};
use tests::request::LinkCall;
use tests::rpc::{ACCESS_KEY_ID, Protocol, RpcCall};
use tests::world::{BEGINNING, access_key, business};

use super::{files, fuzz};

/// Changes `seeds`, and checks that what `verifies` accepts is one of them as far as its signature reaches.
fn forge(
    seeds: &[Request<Bytes>],
    parts: impl Fn(&Request<Bytes>) -> Parts,
    verifies: impl Fn(&Request<Bytes>) -> bool,
) {
    let deserving: Vec<_> = seeds.iter().map(&parts).collect();
    for seed in seeds {
        assert!(verifies(seed), "the corpus is no good: {seed:?}");
    }
    fuzz((0..seeds.len(), 0..seeds.len(), request_mutations()), |(seed, other, mutations)| {
        let Some(request) = mutate(&seeds[seed], &seeds[other], &mutations) else { return };
        assert!(!verifies(&request) || deserving.contains(&parts(&request)), "forged: {request:?}");
    });
}

#[test]
fn headers_and_bodies_of_the_open_api() {
    let keys = Business::parse(&business().to_string()).expect("a document").keys;
    let call = |serial_no: &str| LinkCall::new(serial_no, BEGINNING);
    let seeds =
        [call("S1").build(), call("S2").build(), call("S3").by_md5().build(), call("S4").by_md5().build()];
    forge(&seeds, deserved::of_open_api, |request| {
        if let Ok(fields) = Fields::read(request.body()) {
            for name in ["businessId", "merchantId", "serialNo", "userId", "callbackUrl"] {
                let text = fields.required(name);
                assert!(text.is_err() || text.is_ok_and(|text| (1..=128).contains(&text.chars().count())));
            }
        }
        AuthHeaders::read(request.headers())
            .is_ok_and(|headers| headers.verify(request.body(), &keys).is_ok())
    });
}

fn is_signed_call(request: &Request<Bytes>) -> bool {
    let key = AccessKey::parse(&access_key().to_string()).expect("a document");
    let call = Call::read(request);
    let _ = (call.action(), call.version(), call.format(), call.has_security_token());
    let _ = (call.timestamp(), call.nonce(), call.parameter("PhoneNo"), call.parameter("SchemeId"));
    // V3 signs everything but the access key's name: another one has another secret.
    call.access_key_id() == Ok(ACCESS_KEY_ID) && call.verify(&key.secrets).is_ok()
}

#[test]
fn calls_of_v1() {
    let seeds = [Protocol::V1, Protocol::V1Form, Protocol::V1Form]
        .map(|protocol| RpcCall::new(protocol, BEGINNING).build());
    forge(&seeds, deserved::of_v1, is_signed_call);
}

#[test]
fn calls_of_v3() {
    let call = || RpcCall::new(Protocol::V3, BEGINNING);
    let seeds = [call().build(), call().with("EndDate", "2027-01-01").build()];
    forge(&seeds, deserved::of_v3, is_signed_call);
}

#[test]
fn events_of_lambda() {
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    let mut seeds = Vec::new();
    for function in ["alipay-auth-url", "get-authorization-url", "openid-callback", "openid-delivery"] {
        seeds.extend(files(&functions.join(function).join("events")).into_iter().map(|(_, event)| event));
    }
    fuzz(mutated(seeds), |event| {
        let Ok(event) = serde_json::from_slice(&event) else { return };
        let handled = Cell::new(0);
        let handler = async |event: DeliveryEvent| {
            handled.set(handled.get() + 1);
            if let DeliveryEvent::Hint(hint) = event {
                assert!(AuthorizationId::parse(hint.id.as_str()).is_some(), "{hint:?}");
            }
            Ok::<(), DeliveryError>(())
        };
        let answer = answer_event(&handler, event).now_or_never().expect("nothing to wait for");
        // Nobody but AWS writes what stands around the hints; if it is changed, no hint is followed.
        if let Err(error) = answer {
            assert_eq!(
                (error.as_str(), handled.get()),
                ("the event's Records are no messages of a queue", 0)
            );
        }
    });
}
