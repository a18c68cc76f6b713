use super::*;
use crate::gateway_answer::GatewayFate;

/// One authorization that went well.
fn good() -> Journals {
    Journals {
        exchanged: vec![Exchanged {
            code: "c0u0n0".to_owned(),
            at: 1_000,
            fate: GatewayFate::Signed,
            sound: true,
            hung_up: false,
            signed: Some((open_id(0, 0), 1_001)),
        }],
        posted: vec![post(2_000)],
        struck: Vec::new(),
        travelled: vec![Travelled { linked: true, outcome: "authorized".to_owned(), ..Travelled::default() }],
        told: vec![Told {
            state: "DELIVERED".to_owned(),
            open_id: Some(open_id(0, 0)),
            delivery: "DELIVERED".to_owned(),
            attempts: 1,
            overdue: None,
        }],
    }
}

fn post(at: Millis) -> Posted {
    Posted {
        journey: 0,
        at,
        answer: "`SUCCESS`",
        success: true,
        late_success: false,
        ended: Some(at + 1),
        body: br#"{"openId":"open-0-0"}"#.to_vec(),
        sound: true,
        hung_up: false,
    }
}

fn without_user(state: &str) -> Told {
    Told { state: state.to_owned(), ..Told::default() }
}

/// The bars that are broken, and how often.
fn broken(change: impl FnOnce(&mut Journals)) -> Vec<(&'static str, usize)> {
    let mut journals = good();
    change(&mut journals);
    let broken = reconcile(&journals).broken.into_iter().filter(|(_, cases)| !cases.is_empty());
    broken.map(|(bar, cases)| (bar, cases.len())).collect()
}

#[test]
fn what_went_well_breaks_nothing() {
    let findings = reconcile(&good());
    assert!(findings.hold());
    assert_eq!((findings.signed, findings.recorded, findings.codes, findings.posts), (1, 1, 1, 1));
    assert_eq!(broken(|_| {}), []);
}

#[test]
fn a_signed_openid_is_recorded_or_told_to_be_unknown() {
    assert_eq!(broken(|journals| journals.told[0] = without_user("ISSUED")), [("lost", 1),]);
    let exchanging = |journals: &mut Journals| journals.told[0] = without_user("EXCHANGING");
    assert_eq!(broken(exchanging), [("lost", 1), ("still exchanging", 1)]);
    assert_eq!(broken(|journals| journals.told[0] = without_user("EXCHANGE_UNKNOWN")), []);
    let late = |journals: &mut Journals| {
        journals.told[0] = without_user("ISSUED");
        journals.exchanged[0].signed = Some((open_id(0, 0), 9_000));
    };
    assert_eq!(broken(late), []);
}

#[test]
fn a_code_comes_once_and_signed() {
    let twice = |journals: &mut Journals| {
        let again = Exchanged { fate: GatewayFate::ResetUnread, ..journals.exchanged[0].clone() };
        journals.exchanged.push(again);
    };
    assert_eq!(broken(twice), [("codes sent twice", 1)]);
    assert_eq!(
        broken(|journals| journals.exchanged[0].sound = false),
        [("requests not signed by the app", 1)]
    );
}

#[test]
fn an_openid_is_the_users_everywhere() {
    let recorded = |journals: &mut Journals| journals.told[0].open_id = Some(open_id(1, 0));
    assert_eq!(broken(recorded), [("lost", 1), ("wrong openIds", 1)]);
    let delivered = |journals: &mut Journals| journals.posted[0].body = br#"{"openId":"open-1-0"}"#.to_vec();
    assert_eq!(broken(delivered), [("wrong openIds", 1)]);
    let shown = |journals: &mut Journals| journals.travelled[0].wrongly_authorized = true;
    assert_eq!(broken(shown), [("told to be authorized on another's link", 1)]);
}

#[test]
fn attempts_have_the_same_body_and_our_signature() {
    let differs = |journals: &mut Journals| {
        journals.posted[0].success = false;
        journals.posted.push(Posted { body: br#"{"openId": "open-0-0"}"#.to_vec(), ..post(20_000) });
    };
    assert_eq!(broken(differs), [("bodies that differ", 1)]);
    assert_eq!(broken(|journals| journals.posted[0].sound = false), [("callbacks not signed by us", 1)]);
}

#[test]
fn a_double_is_explained_by_a_fault_before_its_outcome_was_recorded() {
    let twice = |journals: &mut Journals| journals.posted.push(post(40_000));
    assert_eq!(broken(twice), [("doubles unexplained", 1)]);
    let beside = |journals: &mut Journals| {
        journals.posted[0] = Posted { success: false, ended: Some(12_000), ..post(2_000) };
        journals.posted.push(post(11_000));
    };
    assert_eq!(broken(beside), [("doubles unexplained", 1)]);
    for (from, until, journey, explained) in [
        (2_000, 2_100, None, true),
        (3_400, 3_500, None, true),
        (4_000, 4_100, None, false),
        // It was on its way when its worker died.
        (1_000, 1_800, None, true),
        (1_000, 1_700, None, false),
        (2_000, 2_100, Some(0), true),
        (2_000, 2_100, Some(1), false),
    ] {
        let mut journals = good();
        twice(&mut journals);
        journals.struck.push(Struck { fault: ProcessFault::Pause, journey, from, until });
        let findings = reconcile(&journals);
        assert_eq!(findings.hold(), explained, "{from} {journey:?}");
        assert_eq!(findings.doubles.contains_key("pause"), explained, "{from} {journey:?}");
    }
}

#[test]
fn a_post_whose_sender_was_gone_may_have_been_read_long_after_the_fault() {
    for (gone, from, explained) in [(0, 500, true), (0, 39_000, false), (1, 39_000, true), (1, 25_000, false)]
    {
        let mut journals = good();
        journals.posted = vec![post(12_000), post(40_000)];
        journals.posted[gone].hung_up = true;
        journals.struck.push(Struck { fault: ProcessFault::Kill, journey: None, from, until: from + 2_000 });
        let findings = reconcile(&journals);
        assert_eq!(findings.hold(), explained, "{gone} {from}");
        assert_eq!(findings.doubles.contains_key("kill"), explained, "{gone} {from}");
    }
}

#[test]
fn a_failed_attempt_is_followed_by_another_and_no_double() {
    let mut journals = good();
    journals.posted[0].success = false;
    journals.posted.push(post(20_000));
    let findings = reconcile(&journals);
    assert!(findings.hold() && findings.doubles.is_empty());
}

#[test]
fn delivered_means_confirmed() {
    assert_eq!(
        broken(|journals| journals.posted[0].success = false),
        [("told to be delivered without a SUCCESS", 1)]
    );
}

/// A POST that was answered after the time limit, to a host that still waited.
fn late_post() -> Posted {
    let answer = LATE_SUCCESSES[0];
    Posted { success: false, answer, late_success: true, ended: Some(13_000), ..post(2_000) }
}

fn strike(&(fault, from, until): &(ProcessFault, Millis, Millis)) -> Struck {
    Struck { fault, journey: None, from, until }
}

#[test]
fn a_success_after_the_time_limit_counts_if_the_host_still_waited_whatever_else_struck() {
    use ProcessFault::{Kill, Pause};
    let (paused, late) =
        ("the host still waited, it was paused", "the host still waited, it was late itself");
    for (blows, why) in [
        (&[(Pause, 11_000, 13_500)][..], paused),
        (&[(Pause, 11_000, 13_500), (Kill, 13_600, 13_700)], paused),
        (&[(Kill, 1_800, 1_900), (Pause, 11_000, 12_500)], paused),
        (&[(Pause, 3_000, 3_200), (Pause, 12_100, 14_000)], late),
        (&[], late),
    ] {
        let mut journals = good();
        journals.posted[0] = late_post();
        journals.struck = blows.iter().map(strike).collect();
        let findings = reconcile(&journals);
        assert!(findings.hold(), "{blows:?}");
        assert_eq!(findings.confirmed_late.keys().collect::<Vec<_>>(), [why], "{blows:?}");
    }
    let hung_up = |journals: &mut Journals| {
        journals.posted[0] = Posted { late_success: false, ..late_post() };
        journals.struck = vec![strike(&(Pause, 11_000, 13_500))];
    };
    assert_eq!(broken(hung_up), [("told to be delivered without a SUCCESS", 1)]);
}

#[test]
fn a_success_after_the_time_limit_was_not_taken_if_the_host_posts_again_for_no_reason() {
    for (blows, broke) in [
        (&[][..], vec![("told to be delivered without a SUCCESS", 1)]),
        (&[(ProcessFault::Kill, 13_100, 13_200)], vec![]),
    ] {
        let again = |journals: &mut Journals| {
            let failed = Posted { success: false, answer: "`FAIL`", ..post(30_000) };
            journals.posted = vec![late_post(), failed];
            journals.struck = blows.iter().map(strike).collect();
        };
        assert_eq!(broken(again), broke, "{blows:?}");
    }
}

#[test]
fn a_host_that_is_not_paused_keeps_the_time_limit_but_for_a_few_times() {
    for (late, waited, paused, breaks) in [
        (20, 2, false, 0),
        (20, 5, false, 0),
        (20, 6, false, 6),
        (2, 2, false, 0),
        (3, 3, false, 3),
        (20, 20, true, 0),
    ] {
        let many = |journals: &mut Journals| {
            let hangs_up = |number| Posted { late_success: number < waited, journey: 1, ..late_post() };
            journals.posted.extend((0..late).map(hangs_up));
            // Those in time do not count.
            journals.posted.extend((0..40).map(|_| Posted { journey: 1, ..post(2_000) }));
            journals.struck.extend(paused.then(|| strike(&(ProcessFault::Pause, 11_000, 13_500))));
        };
        let expected = (breaks > 0).then_some(("waited past the time limit", breaks));
        assert_eq!(broken(many), Vec::from_iter(expected), "{waited} of {late}");
    }
}

#[test]
fn a_host_that_delivers_to_hardly_anyone_is_noticed() {
    for (undelivered, breaks) in [(1, vec![]), (2, vec![("not even half delivered", 1)])] {
        let put_off = |journals: &mut Journals| {
            let told =
                Told { state: "AUTHORIZED".to_owned(), open_id: Some(open_id(1, 0)), ..Told::default() };
            let known = |number| Told { open_id: Some(open_id(number, 0)), ..told.clone() };
            journals.told.extend((1..=undelivered).map(known));
        };
        assert_eq!(broken(put_off), breaks);
    }
}

#[test]
fn an_attempt_begins_soon_after_it_is_due() {
    for (secs, late) in [(200, vec![]), (241, vec![("attempts long overdue", 1)])] {
        assert_eq!(broken(|journals| journals.told[0].overdue = Some(Duration::from_secs(secs))), late);
    }
}

#[test]
fn everyone_has_a_link_and_an_answer() {
    let silent = |journals: &mut Journals| {
        journals.exchanged.clear();
        journals.told[0] = Told::default();
        journals.travelled[0].linked = false;
    };
    assert_eq!(broken(silent), [("without a link or an answer to the query", 2)]);
}

#[test]
fn who_is_asked_again_is_counted_by_what_became_of_the_code() {
    let mut journals = good();
    journals.travelled[0].asked_again = ["c0u0n0", "c0u0n1"].map(str::to_owned).to_vec();
    let asked = reconcile(&journals).asked_again;
    assert_eq!(asked["the gateway had signed in time, no fault"].len(), 1);
    assert_eq!(asked["the code never came to the gateway"].len(), 1);
}

#[test]
fn a_consent_that_a_fault_cost_is_counted_by_whether_its_answer_had_come() {
    use ProcessFault::{Kill, Lock, Pause};
    for (blows, cause) in [
        (&[(Kill, 900, 1_000)][..], "kill before it came"),
        (&[(Kill, 1_001, 1_500)], "kill before it came"),
        (&[(Kill, 1_002, 1_500)], "kill after it had come"),
        (&[(Lock, 1_002, 9_000)], "lock after it had come"),
        (&[(Lock, 900, 9_000), (Kill, 13_900, 14_000)], "kill after it had come"),
        (&[(Lock, 900, 9_000), (Kill, 14_100, 14_200)], "lock before it came"),
        (&[(Lock, 100, 600), (Kill, 5_000, 5_100)], "no fault"),
        (&[(Lock, 2_600, 9_000), (Kill, 9_100, 9_200)], "no fault"),
        // The worst of them.
        (&[(Pause, 900, 1_100), (Kill, 1_300, 1_500)], "kill after it had come"),
        (&[(Kill, 2_502, 2_600)], "no fault"),
        (&[(Kill, 100, 200)], "no fault"),
    ] {
        let mut journals = good();
        journals.travelled[0].asked_again = vec!["c0u0n0".to_owned()];
        journals.struck = blows.iter().map(strike).collect();
        let asked = reconcile(&journals).asked_again;
        let found: Vec<_> = asked.keys().map(String::as_str).collect();
        assert_eq!(found, [format!("the gateway had signed in time, {cause}")]);
    }
}
