//! The contract of every store. A backend takes the whole of it by one call of [`store_contract!`].

mod deliveries;
mod deny_list;
mod forgetting;
mod found_link;
mod links;
mod listing;
mod notices;
mod platform_links;
mod rate_limit;
mod repeats;
mod returns;

use std::time::Duration;

use shared::model::alipay_app_id::AlipayAppId;
use shared::model::authorization::{Authorization, Callback, Issue, NewLink};
use shared::model::authorization_request::{AuthorizationRequest, MerchantRequest, SchemeRequest};
use shared::model::claim::{AttemptClaim, ClaimRefusal, EndedExchange, ExchangeClaim, ExchangeEnding};
use shared::model::clock::UnixMillis;
use shared::model::consent::DeliveryBody;
use shared::model::deny_list::KeyFingerprint;
use shared::model::end_date::EndDate;
use shared::model::id::{AuthorizationId, OperationId, State, digest_of};
use shared::model::identity::{Identity, OpenId};
use shared::model::owner::SchemeId;
use shared::store::listing::ListAuthorizations;
use shared::store::{
    AfterAttempt, Claimed, FindDue, FindLinks, ForgetDelivered, NonceUse, Operate, RecordDeliveries,
    RecordPlatformLinks, RecordReturns, Recorded, ReserveRate, Settled, Settlement, UseNonces,
};

use self::deliveries::*;
use self::deny_list::*;
use self::forgetting::*;
use self::found_link::*;
use self::links::*;
use self::listing::*;
use self::notices::*;
use self::platform_links::*;
use self::rate_limit::*;
use self::repeats::*;
use self::returns::*;
use crate::world::BEGINNING;

/// A whole store.
pub trait Backend:
    RecordPlatformLinks
    + UseNonces
    + FindLinks
    + RecordReturns
    + RecordDeliveries
    + FindDue
    + ForgetDelivered
    + Operate
    + ListAuthorizations
    + ReserveRate
{
}
impl<
    S: RecordPlatformLinks
        + UseNonces
        + FindLinks
        + RecordReturns
        + RecordDeliveries
        + FindDue
        + ForgetDelivered
        + Operate
        + ListAuthorizations
        + ReserveRate,
> Backend for S
{
}

/// A test of every promise, each on a store of its own. `store_contract!(test open)`: `open().await` gives the store,
/// and what has to be kept as long as it is used.
#[macro_export]
macro_rules! store_contract {
    (test $open:path) => {
        $crate::store_contract! { list test $open }
    };
    // The one list. A promise that is missing here is dead code, which fails the build's lints.
    (list $($for_what:tt)+) => {
        $crate::store_contract! { $($for_what)+ =>
            a_record_is_read_as_it_was_written
            a_nonce_may_be_consumed_alone
            a_nonce_is_judged_before_the_serial_and_nothing_is_written_when_it_was_used
            a_used_serial_consumes_the_nonce_and_gives_the_earlier_record
            a_repeat_of_the_same_operation_had_succeeded
            an_expired_nonce_may_be_used_again
            a_link_is_found_until_its_user_is_known
            a_link_of_a_scheme_is_found_with_its_end_date_and_its_terms
            finding_a_link_changes_nothing
            the_first_opening_stays_and_changes_nothing_else
            the_first_refusal_stays_and_no_consent_is_refused
            a_notice_is_recorded_once_and_delivered_beside_its_link
            a_link_whose_end_is_to_be_told_is_due_at_its_end
            a_consent_ends_the_watch_of_its_link
            a_pending_record_keeps_its_state_until_its_link_comes
            the_first_link_that_comes_stays
            a_link_that_comes_after_its_user_changes_nothing
            a_link_of_our_own_is_not_replaced_by_a_platforms
            no_return_of_a_browser_claims_a_platforms_record
            an_exchange_is_claimed_by_one
            a_claim_is_refused_by_cause
            a_code_is_claimed_once_whatever_became_of_it
            as_many_codes_as_allowed_are_claimed
            only_codes_that_alipay_refused_use_up_the_tries
            a_code_that_was_not_sent_may_be_claimed_again
            a_link_does_not_end_before_its_user_could_try_again
            a_link_ends_though_somebody_comes_back_again_and_again
            a_code_that_alipay_refuses_prolongs_no_link
            only_the_holder_ends_an_exchange
            a_settlement_needs_nothing_but_that_nobody_is_recorded
            the_first_user_recorded_stays
            a_settlement_keeps_its_record_as_long_as_it_says
            a_settlement_forgets_what_a_repetition_would_be_compared_with
            without_an_address_nothing_is_due
            an_attempt_is_claimed_by_one_in_its_turn_and_never_early
            an_attempt_that_was_not_made_does_not_count
            a_lease_that_ended_is_taken_over_and_its_holder_concludes_nothing
            after_the_last_attempt_a_dead_workers_record_is_given_up
            who_has_no_attempt_left_is_given_up_even_if_nobody_died
            nothing_is_concluded_on_a_record_that_was_given_up
            a_serial_may_be_used_again_once_its_record_is_kept_no_longer
            an_undeliverable_record_is_resent_with_the_same_body
            whatever_has_an_open_id_and_no_attempt_under_way_is_resent
            what_needs_attention_is_listed_with_its_reason
            a_list_by_state_is_whole_though_pages_are_of_other_states
            what_ended_badly_is_listed_by_state_and_time_of_everybody_or_of_one
            what_is_undeliverable_is_listed_by_owner
            what_is_left_of_a_forgotten_person_is_what_happened
            nothing_is_left_of_a_phone_number_a_way_back_or_a_notice
            whoever_comes_after_forgetting_changes_nothing
            nobody_is_forgotten_while_somebody_is_at_work
            who_was_delivered_is_forgotten_in_time_and_after_two_readings_of_the_clock
            a_clock_that_is_far_ahead_for_a_while_forgets_nobody
            what_is_due_is_found_longest_overdue_first_and_postponed_once
            reservations_made_at_once_follow_each_other_without_overlap
            idle_time_is_made_up_for_by_the_tolerance_at_most
            a_rate_limit_reserved_to_the_horizon_refuses_and_says_until_when
            accounts_have_rate_limits_of_their_own
            a_clock_that_is_behind_does_not_undo_a_reservation
            microseconds_are_not_lost
            the_deny_list_holds_what_was_put_on_it_until_it_is_taken_off
            a_deny_list_that_is_full_takes_nothing_more
        }
    };
    (test $open:path => $($promise:ident)+) => {
        $(
            #[tokio::test]
            async fn $promise() {
                let (store, _kept) = $open().await;
                $crate::contract::promises::$promise(&store).await;
            }
        )+
    };
    (publish => $($promise:ident)+) => {
        /// The promises.
        pub mod promises {
            $(pub async fn $promise(store: &dyn super::Backend) {
                super::$promise(store).await;
            })+
        }
    };
}

store_contract! { list publish }

/// A minute.
pub const MINUTE: Duration = Duration::from_mins(1);

/// What follows a last attempt that was made at once.
const GIVEN_UP: AfterAttempt = AfterAttempt::Undeliverable { at: BEGINNING };

fn operation(name: &str) -> OperationId {
    OperationId::recorded(name.to_owned())
}

fn app() -> AlipayAppId {
    AlipayAppId::parse("2021000000000001").expect("digits")
}

/// The state of `serial_no`'s link. Its random half is the same for all.
fn state(serial_no: &str) -> State {
    let id = AuthorizationId::from_serial("B1", serial_no);
    State::parse(&format!("{id}{}", "5".repeat(32))).expect("a state")
}

/// A new authorization of `serial_no`.
pub fn authorization(serial_no: &str) -> Authorization {
    let new = Authorization::issued(Issue {
        request: of_merchant("B1", serial_no),
        callback: Callback::Explicit("https://merchant.example.com/cb".to_owned()),
        state: state(serial_no),
        link: NewLink::Ours {
            app: app(),
            link: "https://openauth.example/authorize".parse().expect("a URL"),
        },
        now: BEGINNING,
        lifetime: MINUTE * 60,
        retention: MINUTE * 600,
    });
    Authorization { verified_by: Some(KeyFingerprint::new(b"the key of B1").short()), ..new }
}

fn of_merchant(business_id: &str, serial_no: &str) -> AuthorizationRequest {
    AuthorizationRequest::Merchant(MerchantRequest {
        business_id: business_id.to_owned(),
        merchant_id: "M1".to_owned(),
        serial_no: serial_no.to_owned(),
        user_id: "用户".to_owned(),
    })
}

fn of_scheme(scheme_id: &str, end_date: Option<&str>) -> AuthorizationRequest {
    AuthorizationRequest::Scheme(SchemeRequest {
        account_id: "1001".to_owned(),
        scheme_id: SchemeId::parse(scheme_id).expect("a number"),
        request_id: "8906582E-6722-4E2A-9C3B-7B0000000001".to_owned(),
        phone_tail: "1234".to_owned(),
        phone_hash: digest_of("13900001234"),
        end_date: end_date.map(|text| EndDate::parse(text).expect("a date")),
    })
}

/// A use of the nonce `name` at `at`, for eleven minutes.
pub fn nonce(name: &str, by: &str, at: UnixMillis) -> NonceUse {
    NonceUse {
        space: "B1".to_owned(),
        nonce: name.to_owned(),
        used_at: at,
        until: at + MINUTE * 11,
        operation: operation(by),
    }
}

fn claim(serial_no: &str, code: &str, by: &str, now: UnixMillis) -> ExchangeClaim {
    ExchangeClaim {
        id: AuthorizationId::from_serial("B1", serial_no),
        app: app(),
        state_digest: state(serial_no).digest(),
        code_digest: digest_of(code),
        operation: operation(by),
        now,
    }
}

/// The end of the exchange that `by` has claimed.
fn ended(claimed: &Authorization, by: &str, ending: ExchangeEnding) -> EndedExchange {
    EndedExchange::new(claimed, &operation(by), ending, BEGINNING)
}

/// A settlement of `serial_no` for a user.
pub fn settlement(serial_no: &str, open_id: &str, by: &str) -> Settlement {
    Settlement {
        id: AuthorizationId::from_serial("B1", serial_no),
        identity: Identity::new(OpenId::parse(open_id), None).expect("an id"),
        code_digest: Some(digest_of("codeA")),
        body: DeliveryBody::new(format!("body of {open_id}")).expect("bytes"),
        deliver: true,
        retain_until: BEGINNING + MINUTE * 660,
        operation: operation(by),
        now: BEGINNING,
    }
}

fn attempt_claim(serial_no: &str, attempts_before: u32, by: &str, now: UnixMillis) -> AttemptClaim {
    AttemptClaim {
        id: AuthorizationId::from_serial("B1", serial_no),
        attempts_before,
        attempts_allowed: 3,
        operation: operation(by),
        now,
        lease_until: now + MINUTE,
    }
}

/// Records a new authorization of `serial_no`.
pub async fn issued(store: &dyn Backend, serial_no: &str) -> AuthorizationId {
    let new = authorization(serial_no);
    let recorded = store.record_link(&new, &nonce(&format!("n-{serial_no}"), serial_no, BEGINNING)).await;
    assert_eq!(recorded, Ok(Recorded::New));
    new.id
}

async fn settled(store: &dyn Backend, serial_no: &str) -> AuthorizationId {
    let id = issued(store, serial_no).await;
    assert_eq!(store.settle(&settlement(serial_no, "open-1", "s")).await, Ok(Settled::Recorded));
    id
}

async fn record(store: &dyn Backend, id: &AuthorizationId) -> Authorization {
    store.authorization(id).await.expect("answers").expect("a record")
}

fn due_at(record: &Authorization) -> Option<UnixMillis> {
    record.pending_delivery().map(|delivery| delivery.due_at)
}

fn body(record: &Authorization) -> Option<&[u8]> {
    record.subject().map(|subject| subject.body().reveal().as_ref())
}

fn ours(claimed: Claimed) -> Authorization {
    match claimed {
        Claimed::Ours(record) => *record,
        Claimed::Refused(refusal, _) => panic!("refused: {refusal:?}"),
    }
}

fn refusal(claimed: Claimed) -> ClaimRefusal {
    match claimed {
        Claimed::Refused(refusal, _) => refusal,
        Claimed::Ours(_) => panic!("claimed"),
    }
}
