//! A deployment as CloudWatch knows it: the alarms that are raised, the last sweep, and parties that hang.

use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_cloudformation::types::StackResourceSummary;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{AlarmType, Datapoint, Dimension, StateValue, Statistic};
use serde_json::json;
use shared::model::attention::OVERDUE_AFTER;
use shared::model::clock::UnixMillis;
use shared::runtime::start::StartError;

use crate::operate::Deployed;
use crate::operate::local_time::local;
use crate::status::breakers::HANGS_FOR;
use crate::status::finding::Seen;

const ALARM: &str = "AWS::CloudWatch::Alarm";
/// The bound of CloudWatch on the alarms that are asked for by their names.
const NAMES_AT_ONCE: usize = 100;
/// Every minute there is a sweep, and CloudWatch shows it a minute or two later.
const SWEPT_WITHIN: Duration = Duration::from_mins(5);
const LOOKED_BACK: Duration = Duration::from_mins(60);

/// An alarm by the name that AWS gave it, and by that of the template and the runbook.
struct Alarm {
    name: String,
    known_as: String,
}

pub(super) async fn alarms(deployed: &Deployed) -> Result<Seen, StartError> {
    let client = aws_sdk_cloudformation::Client::new(&deployed.sdk);
    let listed = client.list_stack_resources().stack_name(deployed.name()).into_paginator().items();
    let resources: Vec<StackResourceSummary> = listed.send().collect::<Result<_, _>>().await?;
    let alarm = |resource: &StackResourceSummary| {
        let (name, known_as) = (resource.physical_resource_id()?, resource.logical_resource_id()?);
        let is_alarm = resource.resource_type() == Some(ALARM);
        is_alarm.then(|| Alarm { name: name.to_owned(), known_as: known_as.to_owned() })
    };
    let alarms: Vec<_> = resources.iter().filter_map(alarm).collect();
    let problems = problems(&Client::new(&deployed.sdk), &alarms).await?;
    Ok(Seen::from_problems(problems, &format!("none of {} is in ALARM", alarms.len())))
}

/// Those of `alarms` that are in ALARM, and those that CloudWatch does not have.
async fn problems(client: &Client, alarms: &[Alarm]) -> Result<Vec<String>, StartError> {
    if alarms.is_empty() {
        let problem = "the stack has none: it is not authlink's, or its alarms are gone";
        return Err(StartError::new(problem.to_owned()));
    }
    let (mut answered, mut raised) = (HashSet::new(), HashSet::new());
    for some in alarms.chunks(NAMES_AT_ONCE) {
        let names = some.iter().map(|alarm| alarm.name.clone()).collect();
        let asked = client.describe_alarms().set_alarm_names(Some(names)).alarm_types(AlarmType::MetricAlarm);
        let mut pages = asked.into_paginator().send();
        while let Some(page) = pages.next().await {
            for one in page?.metric_alarms() {
                let Some(name) = one.alarm_name() else { continue };
                answered.insert(name.to_owned());
                if one.state_value() == Some(&StateValue::Alarm) {
                    raised.insert(name.to_owned());
                }
            }
        }
    }
    let problem = |Alarm { name, known_as }: &Alarm| match (answered.contains(name), raised.contains(name)) {
        (false, _) => Some(format!("{known_as} is missing")),
        (true, true) => Some(known_as.clone()),
        (true, false) => None,
    };
    let mut problems: Vec<_> = alarms.iter().filter_map(problem).collect();
    problems.sort_unstable();
    Ok(problems)
}

/// The numbers of a metric of the stack's own, each of one minute.
struct Metric {
    name: &'static str,
    /// A dimension and its value.
    of: Option<(&'static str, &'static str)>,
    statistic: Statistic,
}

/// The seconds for which the oldest had been due at each sweep.
const OLDEST_DUE: Metric = Metric { name: "oldest_due_secs", of: None, statistic: Statistic::Maximum };
/// The breakers that opened, of all instances of all functions.
const OPENED: Metric = Metric { name: "breakers", of: Some(("state", "open")), statistic: Statistic::Sum };

impl Metric {
    /// All that CloudWatch has of it, the latest last.
    async fn numbers(
        &self,
        client: &Client,
        stack: &str,
        now: UnixMillis,
    ) -> Result<Vec<(UnixMillis, u64)>, StartError> {
        let dimensions =
            self.of.map(|(name, value)| vec![Dimension::builder().name(name).value(value).build()]);
        let asked = client
            .get_metric_statistics()
            .namespace(format!("authlink/{stack}"))
            .metric_name(self.name)
            .set_dimensions(dimensions)
            .start_time(DateTime::from_millis((now - LOOKED_BACK).0))
            .end_time(DateTime::from_millis(now.0))
            .period(60)
            .statistics(self.statistic.clone())
            .send()
            .await?;
        let mut numbers: Vec<_> = asked.datapoints().iter().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// The one statistic that was asked for, and the beginning of its minute.
fn number(point: &Datapoint) -> Option<(UnixMillis, u64)> {
    let at = UnixMillis(point.timestamp()?.to_millis().ok()?);
    let number = point.maximum().or_else(|| point.sum())?;
    Some((at, Duration::try_from_secs_f64(number).ok()?.as_secs()))
}

pub(super) async fn sweep(deployed: &Deployed, now: UnixMillis) -> Result<Seen, StartError> {
    let numbers = OLDEST_DUE.numbers(&Client::new(&deployed.sdk), deployed.name(), now).await?;
    Ok(swept(&numbers, now))
}

/// A sweep does not see what the one before it has postponed, so only some of them say how old the oldest is: the
/// oldest of all recent ones counts, as for the alarm.
fn swept(numbers: &[(UnixMillis, u64)], now: UnixMillis) -> Seen {
    let Some(&(at, last)) = numbers.last() else {
        let lines = vec![format!("no sweep within {} minutes", LOOKED_BACK.as_secs() / 60)];
        return Seen {
            is_healthy: false,
            value: json!({"at": null, "ageSecs": null, "oldestDueSecs": null}),
            lines,
            unseen: None,
        };
    };
    let age = now.since(at);
    let recent = numbers.iter().filter(|(at, _)| now.since(*at) <= SWEPT_WITHIN);
    let oldest_due_secs = recent.map(|(_, secs)| *secs).max().unwrap_or(last);
    let is_healthy = age <= SWEPT_WITHIN && oldest_due_secs <= OVERDUE_AFTER.as_secs();
    let lines = vec![
        format!("the last was at {}, {} s ago", local(at), age.as_secs()),
        format!("the oldest delivery had been due for {oldest_due_secs} s"),
    ];
    let value = json!({"at": at, "ageSecs": age.as_secs(), "oldestDueSecs": oldest_due_secs});
    Seen { is_healthy, value, lines, unseen: None }
}

pub(super) async fn breakers(deployed: &Deployed, now: UnixMillis) -> Result<Seen, StartError> {
    let numbers = OPENED.numbers(&Client::new(&deployed.sdk), deployed.name(), now).await?;
    Ok(opened(&numbers, now))
}

fn opened(numbers: &[(UnixMillis, u64)], now: UnixMillis) -> Seen {
    let times: u64 = numbers.iter().map(|(_, times)| times).sum();
    let last = numbers.iter().rev().find(|(_, times)| *times > 0).map(|&(at, _)| at);
    let is_healthy = last.is_none_or(|at| now.since(at) > HANGS_FOR);
    let line = match last {
        None => "none has opened in the last hour".to_owned(),
        Some(at) if times == 1 => format!("opened once in the last hour, at {}", local(at)),
        Some(at) => format!("opened {times} times in the last hour, the last time at {}", local(at)),
    };
    let value = json!({"openedInLastHour": times, "lastOpened": last});
    let who = (times > 0).then(|| "who it is stands in the log: a breaker changed".to_owned());
    Seen { is_healthy, value, lines: [line].into_iter().chain(who).collect(), unseen: None }
}

#[cfg(test)]
mod tests {
    use aws_smithy_cbor::data::Type;
    use aws_smithy_cbor::{Decoder, Encoder};
    use serde_json::{Map, Value};
    use wiremock::{Request, ResponseTemplate};

    use super::*;
    use crate::operate::fake_aws::FakeAws;

    const NOW: UnixMillis = UnixMillis(1_795_355_000_000);

    fn answer(body: Encoder) -> ResponseTemplate {
        ResponseTemplate::new(200)
            .insert_header("smithy-protocol", "rpc-v2-cbor")
            .set_body_raw(body.into_writer(), "application/cbor")
    }

    /// The operation that CloudWatch was asked for, and its parameters.
    fn asked(request: &Request) -> (&str, Value) {
        let operation = request.url.path().rsplit('/').next().unwrap();
        (operation, value(&mut Decoder::new(&request.body)))
    }

    /// The next value; a time as its milliseconds.
    fn value(decoder: &mut Decoder<'_>) -> Value {
        match decoder.datatype().unwrap() {
            Type::String | Type::StringIndef => decoder.string().unwrap().into(),
            Type::Tag => decoder.timestamp().unwrap().to_millis().unwrap().into(),
            Type::Array | Type::ArrayIndef => {
                let length = decoder.list().unwrap();
                let mut items = Vec::new();
                while has_more(decoder, length, items.len()) {
                    items.push(value(decoder));
                }
                items.into()
            }
            Type::Map | Type::MapIndef => {
                let length = decoder.map().unwrap();
                let mut fields = Map::new();
                while has_more(decoder, length, fields.len()) {
                    let name = decoder.string().unwrap();
                    fields.insert(name, value(decoder));
                }
                fields.into()
            }
            _ => decoder.long().unwrap().into(),
        }
    }

    /// True unless a list or a map of this length, if it has one, ends here.
    fn has_more(decoder: &mut Decoder<'_>, length: Option<u64>, so_far: usize) -> bool {
        match length {
            Some(length) => (so_far as u64) < length,
            None => {
                let ends = decoder.datatype().unwrap() == Type::Break;
                if ends {
                    decoder.skip().unwrap();
                }
                !ends
            }
        }
    }

    fn described(alarms: &[(&str, &str)], next: Option<&str>) -> ResponseTemplate {
        let mut body = Encoder::new(Vec::new());
        body.map(1 + usize::from(next.is_some())).str("MetricAlarms").array(alarms.len());
        for (name, state) in alarms {
            body.map(2).str("AlarmName").str(name).str("StateValue").str(state);
        }
        if let Some(next) = next {
            body.str("NextToken").str(next);
        }
        answer(body)
    }

    fn alarm(known_as: &str) -> Alarm {
        Alarm { name: format!("authlink-{known_as}-1"), known_as: known_as.to_owned() }
    }

    #[tokio::test]
    async fn the_alarms_of_the_stack_that_are_raised_or_gone_are_told_by_the_names_of_the_runbook() {
        let some =
            described(&[("authlink-Poison-1", "ALARM"), ("authlink-KeyTrouble-1", "OK")], Some("more"));
        let others = [("authlink-OldestDue-1", "ALARM"), ("authlink-Panicked-1", "INSUFFICIENT_DATA")];
        let aws = FakeAws::answering_in_turn([some, described(&others, None)]).await;
        let client = Client::new(&aws.sdk);
        let alarms = ["Poison", "KeyTrouble", "OldestDue", "Panicked", "Unavailable"].map(alarm);
        let told = problems(&client, &alarms).await.unwrap();
        assert_eq!(told, ["OldestDue", "Poison", "Unavailable is missing"]);
        let names = alarms.map(|alarm| alarm.name);
        let parameters = json!({"AlarmNames": names, "AlarmTypes": ["MetricAlarm"]});
        let mut of_the_rest = parameters.clone();
        of_the_rest["NextToken"] = "more".into();
        let requests = aws.asked().await;
        let asked: Vec<_> = requests.iter().map(asked).collect();
        assert_eq!(asked, [("DescribeAlarms", parameters), ("DescribeAlarms", of_the_rest)]);

        let none = problems(&client, &[]).await.unwrap_err();
        assert!(none.to_string().contains("its alarms are gone"), "{none}");
    }

    #[tokio::test]
    async fn more_alarms_than_may_be_named_at_once_are_asked_for_in_parts() {
        let alarms: Vec<_> = (0..=NAMES_AT_ONCE).map(|number| alarm(&format!("Alarm{number}"))).collect();
        let (first, rest) = alarms.split_at(NAMES_AT_ONCE);
        let answers = [first, rest].map(|some| {
            let ok: Vec<_> = some.iter().map(|alarm| (alarm.name.as_str(), "OK")).collect();
            described(&ok, None)
        });
        let aws = FakeAws::answering_in_turn(answers).await;
        assert_eq!(problems(&Client::new(&aws.sdk), &alarms).await.unwrap(), [""; 0]);
        let named = aws
            .asked()
            .await
            .iter()
            .map(|request| asked(request).1["AlarmNames"].clone())
            .collect::<Vec<_>>();
        let names = |some: &[Alarm]| some.iter().map(|alarm| alarm.name.clone()).collect::<Vec<_>>();
        assert_eq!(named, [json!(names(first)), json!(names(rest))]);
    }

    /// CloudWatch, which has these numbers of so many minutes ago.
    async fn measured(statistic: &str, numbers: &[(u64, f64)]) -> FakeAws {
        let mut body = Encoder::new(Vec::new());
        body.map(1).str("Datapoints").array(numbers.len());
        for (minutes, number) in numbers {
            let at = DateTime::from_millis((NOW - Duration::from_mins(*minutes)).0);
            body.map(2).str("Timestamp").timestamp(&at).str(statistic).double(*number);
        }
        FakeAws::answering_in_turn([answer(body)]).await
    }

    /// The parameters of a question for the numbers of the last hour.
    fn of_the_last_hour(metric: &str, statistic: &str, dimensions: Option<Value>) -> Value {
        let mut parameters = json!({
            "Namespace": "authlink/authlink",
            "MetricName": metric,
            "StartTime": NOW.0 - 60 * 60 * 1000,
            "EndTime": NOW.0,
            "Period": 60,
            "Statistics": [statistic],
        });
        dimensions.into_iter().for_each(|dimensions| parameters["Dimensions"] = dimensions);
        parameters
    }

    #[tokio::test]
    async fn the_latest_number_of_a_sweep_says_how_old_it_is_and_recent_ones_for_how_long_the_oldest_was_due()
    {
        let aws = measured("Maximum", &[(1, 40.0), (2, 300.0), (6, 4000.0)]).await;
        let numbers = OLDEST_DUE.numbers(&Client::new(&aws.sdk), "authlink", NOW).await.unwrap();
        let ago = |minutes| NOW - Duration::from_mins(minutes);
        assert_eq!(numbers, [(ago(6), 4000), (ago(2), 300), (ago(1), 40)]);
        let seen = swept(&numbers, NOW);
        let value = json!({"at": ago(1), "ageSecs": 60, "oldestDueSecs": 300});
        assert_eq!((seen.is_healthy, seen.value), (true, value));
        let parameters = of_the_last_hour("oldest_due_secs", "Maximum", None);
        assert_eq!(asked(&aws.asked().await[0]), ("GetMetricStatistics", parameters));
    }

    #[tokio::test]
    async fn breakers_that_opened_are_counted_over_the_minutes_of_an_hour() {
        let aws = measured("Sum", &[(50, 3.0), (9, 2.0)]).await;
        let numbers = OPENED.numbers(&Client::new(&aws.sdk), "authlink", NOW).await.unwrap();
        let value = json!({"openedInLastHour": 5, "lastOpened": NOW - Duration::from_mins(9)});
        assert_eq!(opened(&numbers, NOW).value, value);
        let dimensions = json!([{"Name": "state", "Value": "open"}]);
        let parameters = of_the_last_hour("breakers", "Sum", Some(dimensions));
        assert_eq!(asked(&aws.asked().await[0]), ("GetMetricStatistics", parameters));
    }

    #[test]
    fn a_sweep_is_healthy_that_is_young_and_none_of_late_has_found_anything_old() {
        let ago = |minutes| NOW - Duration::from_mins(minutes);
        for (numbers, is_healthy) in [
            (&[(ago(1), 0)][..], true),
            (&[(ago(5), 300)], true),
            (&[(ago(6), 0)], false),
            (&[(ago(1), 301)], false),
            (&[(ago(2), 4000), (ago(1), 0)], false),
            (&[(ago(6), 4000), (ago(1), 0)], true),
            (&[], false),
        ] {
            assert_eq!(swept(numbers, NOW).is_healthy, is_healthy, "{numbers:?}");
        }
    }

    #[test]
    fn a_breaker_that_has_just_opened_is_of_a_party_that_hangs() {
        let ago = |minutes| NOW - Duration::from_mins(minutes);
        for (numbers, is_healthy) in [
            (&[][..], true),
            (&[(ago(50), 4)], true),
            (&[(ago(50), 4), (ago(6), 1)], true),
            (&[(ago(50), 4), (ago(5), 1)], false),
            (&[(ago(6), 1), (ago(2), 0)], true),
        ] {
            assert_eq!(opened(numbers, NOW).is_healthy, is_healthy, "{numbers:?}");
        }
        for (times, told) in
            [(1, "opened once in the last hour, at "), (2, "opened 2 times in the last hour, the ")]
        {
            let [line, who] = &opened(&[(ago(50), times)], NOW).lines[..] else { panic!("two lines") };
            assert!(line.starts_with(told) && who.ends_with("a breaker changed"), "{line} {who}");
        }
    }
}
