//! The contract of a repeated operation, whose first answer was lost.

use std::slice;

use shared::model::authorization::Attempt;
use shared::model::claim::ExchangeEnding;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::store::{AfterAttempt, AttemptClaimed, Recorded, Settled};

use super::{Backend, attempt_claim, authorization, claim, ended, issued, nonce, ours, record, settlement};
use crate::world::BEGINNING;

pub(super) async fn a_repeat_of_the_same_operation_had_succeeded(store: &dyn Backend) {
    let id = issued(store, "S1").await;
    let again = store.record_link(&authorization("S1"), &nonce("n-S1", "S1", BEGINNING)).await;
    assert_eq!(again, Ok(Recorded::New));

    let first = claim("S1", "codeA", "c", BEGINNING);
    let claimed = ours(store.claim_exchange(&first).await.expect("answers"));
    assert_eq!(ours(store.claim_exchange(&first).await.expect("answers")), claimed);
    assert_eq!(record(store, &id).await.codes.len(), 1);
    let refused = ended(&claimed, "c", ExchangeEnding::CodeRefused);
    for _ in 0..2 {
        assert_eq!(store.end_exchange(&refused).await, Ok(true));
    }
    assert_eq!(record(store, &id).await.refused_codes, 1);

    for (code, by, ending, codes) in
        [("codeB", "c2", ExchangeEnding::NotSent, 1), ("codeB", "c3", ExchangeEnding::Unknown, 2)]
    {
        let claimed = ours(store.claim_exchange(&claim("S1", code, by, BEGINNING)).await.expect("answers"));
        for _ in 0..2 {
            assert_eq!(store.end_exchange(&ended(&claimed, by, ending)).await, Ok(true));
        }
        assert_eq!(record(store, &id).await.codes.len(), codes);
    }

    assert_eq!(store.settle(&settlement("S1", "open-1", "s")).await, Ok(Settled::Recorded));
    assert_eq!(store.settle(&settlement("S1", "open-1", "s")).await, Ok(Settled::Recorded));

    let attempt = attempt_claim("S1", 0, "a", BEGINNING);
    for _ in 0..2 {
        let claimed = store.claim_attempt(&attempt).await.expect("answers");
        assert!(matches!(claimed, AttemptClaimed::Ours(record) if record.attempts_begun() == 1));
    }
    let made = Attempt::new(1, BEGINNING, DeliveryOutcome::Success);
    for _ in 0..2 {
        assert_eq!(
            store
                .conclude_attempt(
                    &id,
                    &attempt.operation,
                    slice::from_ref(&made),
                    AfterAttempt::Delivered { forget_at: None }
                )
                .await,
            Ok(true)
        );
    }
    assert_eq!(record(store, &id).await.history(), [made]);
}
