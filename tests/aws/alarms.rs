//! The alarms of template.yaml: every function, every line that asks for an alarm, poison, and the age of what is due;
//! who is told, and where the runbook says what to do.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::store::dynamodb::{ATTENTION, OUTBOX, RECENT};
use shared::telemetry::{Alarm, Metric};
use strum::VariantArray as _;

use crate::processed::Template;

#[test]
fn what_goes_wrong_raises_an_alarm() {
    let template = Template::read();
    for (binary, (name, _)) in template.functions() {
        let of_function = json!({"Name": "FunctionName", "Value": {"Ref": name}});
        for metric in ["Errors", "Throttles", "Duration"] {
            assert_eq!(template.alarms_of(metric, &of_function), 1, "{metric} of {binary}");
        }
    }
    for alarm in template.of_type("AWS::CloudWatch::Alarm").values() {
        assert!(alarm["MetricName"] != "Duration" || alarm["ExtendedStatistic"] == "p99", "{alarm}");
        let low_samples = &alarm["EvaluateLowSampleCountPercentile"];
        assert!(alarm["ExtendedStatistic"].is_null() || low_samples == "ignore", "{alarm}");
    }
    let poison = json!({"Name": "QueueName", "Value": {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}});
    assert_eq!(template.alarms_of("ApproximateNumberOfMessagesVisible", &poison), 1);
    let oldest_due = template.properties("OldestDue");
    assert_eq!(oldest_due["TreatMissingData"], "missing", "a new stack is quiet");
    assert_eq!(told(&oldest_due["InsufficientDataActions"]), PAGED, "no sweep is an alarm");
    assert_eq!(oldest_due["MetricName"], Metric::OldestDue.as_str());
    let settings = &template.function("openid-delivery")["Environment"]["Variables"];
    assert_eq!(oldest_due["Namespace"], settings["AUTHLINK_METRICS_NAMESPACE"]);

    for alarm in Alarm::VARIANTS {
        let kind = json!({"Name": "kind", "Value": alarm.as_str()});
        assert_eq!(template.alarms_of("alarms", &kind), 1, "{kind}");
    }
}

/// Who is told of pages: each, if there is one.
const PAGED: [&str; 3] = ["AlarmTopicArn", "AlarmTopic", "PageTopicArn"];

/// The topics of a list of actions.
fn told(actions: &Value) -> Vec<&str> {
    let actions = actions.as_array().expect("actions");
    actions.iter().map(|action| action["Fn::If"][1]["Ref"].as_str().expect("a topic")).collect()
}

#[test]
fn each_alarm_is_a_page_or_a_ticket_and_these_two_tell_somebody() {
    let template = Template::read();
    let composites = template.of_type("AWS::CloudWatch::CompositeAlarm");
    assert_eq!(composites.keys().copied().collect::<Vec<_>>(), ["Page", "Ticket"]);
    for (name, wanted) in [("Page", &PAGED[..]), ("Ticket", &PAGED[..2])] {
        for actions in ["AlarmActions", "OKActions"] {
            assert_eq!(told(&composites[name][actions]), wanted, "{actions} of {name}");
        }
    }
    let named = |name: &str| {
        let rule = composites[name]["AlarmRule"]["Fn::Sub"].as_str().expect("a rule");
        let names = rule.split("ALARM(\"${").skip(1).filter_map(|rest| rest.split('}').next());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut all = [named("Page"), named("Ticket")].concat();
    all.sort();
    let alarms = template.of_type("AWS::CloudWatch::Alarm");
    assert_eq!(all, alarms.keys().map(|name| (*name).to_owned()).collect::<Vec<_>>(), "each in one of them");
    for (name, alarm) in &alarms {
        assert!(
            alarm["AlarmActions"].is_null() && alarm["OKActions"].is_null(),
            "{name} tells nobody itself"
        );
    }
}

#[test]
fn what_api_gateway_and_dynamodb_refuse_raises_an_alarm() {
    let template = Template::read();
    let metrics = |name: &str| {
        let metrics = template.properties(name)["Metrics"].as_array().expect("metrics");
        let measured =
            metrics.iter().filter_map(|metric| metric["MetricStat"]["Metric"]["MetricName"].as_str());
        measured.collect::<Vec<_>>()
    };
    assert_eq!(metrics("ServerErrors"), ["5xx", "Count"]);
    assert_eq!(metrics("ClientErrors"), ["4xx", "Count"]);
    assert_eq!(metrics("TableThrottles"), ["WriteThrottleEvents", "ReadThrottleEvents"]);
    let refused = template.properties("TooManyRequestsLines");
    assert_eq!(refused["FilterPattern"], "{ $.status = \"429\" }");
    assert_eq!(
        refused["MetricTransformations"][0]["MetricName"],
        template.properties("TooManyRequests")["MetricName"]
    );
}

/// The name of an index, and whether a deployment has it only with `RecentIndex`.
const INDEXES: [(&str, bool); 3] = [(OUTBOX, false), (ATTENTION, false), (RECENT, true)];

/// What a choice on `RecentIndex` has with it, and whether it is one.
fn chosen(value: &Value) -> (&Value, bool) {
    let Some(choice) = value["Fn::If"].as_array() else { return (value, false) };
    assert_eq!((&choice[0], &choice[2]), (&json!("HasRecentIndex"), &json!({"Ref": "AWS::NoValue"})));
    (&choice[1], true)
}

#[test]
fn throttling_of_every_index_raises_an_alarm_and_is_shown() {
    let template = Template::read();
    let made: Vec<_> = template.properties("Table")["GlobalSecondaryIndexes"]
        .as_array()
        .expect("indexes")
        .iter()
        .map(|index| (chosen(index).0["IndexName"].as_str().expect("a name"), chosen(index).1))
        .collect();
    assert_eq!(made, INDEXES);

    let [sum, measured @ ..] =
        &template.properties("IndexThrottles")["Metrics"].as_array().expect("metrics")[..]
    else {
        panic!("no metrics")
    };
    let mut terms = [Vec::new(), Vec::new()];
    let mut seen = Vec::new();
    for metric in measured {
        let (metric, is_choice) = chosen(metric);
        let id = metric["Id"].as_str().expect("an id");
        let stat = &metric["MetricStat"]["Metric"];
        assert_eq!((&metric["ReturnData"], &metric["MetricStat"]["Stat"]), (&json!(false), &json!("Sum")));
        assert_eq!(stat["Dimensions"][1]["Name"], "GlobalSecondaryIndexName");
        seen.push((
            stat["Dimensions"][1]["Value"].as_str().expect("an index"),
            stat["MetricName"].as_str().expect("a metric"),
            is_choice,
        ));
        let term = format!("FILL({id}, 0)");
        terms[0].push(term.clone());
        if !is_choice {
            terms[1].push(term);
        }
    }
    let wanted: Vec<_> = INDEXES
        .iter()
        .flat_map(|(index, is_choice)| {
            ["WriteThrottleEvents", "ReadThrottleEvents"].map(|metric| (*index, metric, *is_choice))
        })
        .collect();
    assert_eq!(seen, wanted);
    let [with, without] = terms.map(|terms| terms.join(" + "));
    assert_eq!(sum["Expression"], json!({"Fn::If": ["HasRecentIndex", with, without]}), "all of them count");

    let body = template.properties("Dashboard")["DashboardBody"]["Fn::Sub"][0].as_str().expect("a body");
    for (index, _) in INDEXES {
        for metric in ["WriteThrottleEvents", "ConsumedWriteCapacityUnits", "ConsumedReadCapacityUnits"] {
            let shown = format!(
                r#"["AWS/DynamoDB", "{metric}", "TableName", "${{InService}}", "GlobalSecondaryIndexName", "{index}","#
            );
            assert!(body.contains(&shown), "{metric} of {index}");
        }
    }
}

#[test]
fn what_the_alarms_cost_is_documented() {
    let template = Template::read();
    let alarms = template.of_type("AWS::CloudWatch::Alarm");
    let metrics = |with_recent: bool| -> usize {
        let of = |alarm: &Value| {
            let measured = alarm["Metrics"].as_array().map_or(1, |metrics| {
                let taken = |metric: &&Value| with_recent || !chosen(metric).1;
                metrics
                    .iter()
                    .filter(taken)
                    .filter(|metric| chosen(metric).0["MetricStat"].is_object())
                    .count()
            });
            assert!((1..=10).contains(&measured), "CloudWatch takes ten metrics in an alarm");
            measured
        };
        alarms.values().copied().map(of).sum()
    };
    let together = template.of_type("AWS::CloudWatch::CompositeAlarm").len();
    let [count, metrics, with_recent] = [alarms.len(), metrics(false), metrics(true)];
    let wanted = format!(
        "fixed: {count} alarms on {metrics} metrics ({with_recent} with `RecentIndex`), {together} of them together,"
    );
    assert!(include_str!("../../docs/capacity.md").contains(&wanted), "{wanted}");
}

#[test]
fn the_access_log_has_no_query_no_path_and_the_ids_that_join_it_to_ours() {
    let template = Template::read();
    let settings = &template.properties("Stage")["AccessLogSettings"];
    assert_eq!(settings["DestinationArn"], json!({"Fn::GetAtt": ["AccessLogs", "Arn"]}));
    let format = settings["Format"].as_str().expect("a format");
    let fields: Value = serde_json::from_str(format).expect("JSON");
    assert_eq!(fields["requestId"], "$context.requestId");
    assert_eq!(fields["lambdaRequestId"], "$context.integration.requestId");
    for (name, value) in fields.as_object().expect("fields") {
        let value = value.as_str().expect("text, for a value that is not there is `-`");
        assert!(
            !["path", "querystring", "header"].iter().any(|word| value.to_lowercase().contains(word)),
            "{name}"
        );
    }
}

/// The metrics of ours that anything in the template looks at.
fn metrics_looked_at(template: &Template) -> BTreeSet<String> {
    let body = template.properties("Dashboard")["DashboardBody"]["Fn::Sub"][0].as_str().expect("a body");
    let body: Value = serde_json::from_str(body).expect("JSON before its names are put in");
    let mut found = BTreeSet::new();
    let mut values = vec![&body];
    while let Some(value) = values.pop() {
        match value {
            Value::Array(items) => {
                if let [Value::String(namespace), Value::String(metric), ..] = &items[..]
                    && namespace.starts_with("authlink/")
                {
                    found.insert(metric.clone());
                }
                values.extend(items);
            }
            Value::Object(fields) => {
                let expression = fields.get("expression").and_then(Value::as_str).unwrap_or_default();
                let searched =
                    expression.split("MetricName=\"").nth(1).and_then(|rest| rest.split('"').next());
                found.extend(searched.map(str::to_owned));
                values.extend(fields.values());
            }
            _ => {}
        }
    }
    found
}

#[test]
fn every_metric_of_ours_is_made_of_log_lines_and_shown() {
    let template = Template::read();
    let filters = template.of_type("AWS::Logs::MetricFilter");
    let counted = filters.values().map(|filter| &filter["MetricTransformations"][0]);
    let by_filters = counted.map(|counted| counted["MetricName"].as_str().expect("a name"));
    let embedded = Metric::VARIANTS.iter().map(|metric| metric.as_str());
    let made: BTreeSet<_> = by_filters.chain(embedded).map(str::to_owned).collect();
    assert_eq!(metrics_looked_at(&template), made);
}

#[test]
fn every_function_logs_into_a_group_that_is_watched_and_forgets() {
    let template = Template::read();
    let filters = template.of_type("AWS::Logs::MetricFilter");
    for (_, function) in template.functions().values() {
        let group = function["LoggingConfig"]["LogGroup"]["Ref"].as_str().expect("a group");
        assert_eq!(template.properties(group)["RetentionInDays"], json!({"Ref": "LogRetentionDays"}));
        let alarms = filters.values().filter(|filter| {
            filter["LogGroupName"] == json!({"Ref": group}) && filter["FilterPattern"] == "{ $.alarm = * }"
        });
        assert_eq!(alarms.count(), 1, "{group}");
    }
    assert_eq!(template.properties("AccessLogs")["RetentionInDays"], json!({"Ref": "LogRetentionDays"}));
}

#[test]
fn a_breaker_that_changes_is_counted_by_its_state() {
    let template = Template::read();
    let filters = template.of_type("AWS::Logs::MetricFilter");
    for binary in ["alipay-auth-url", "get-authorization-url", "openid-callback"] {
        let group = &template.function(binary)["LoggingConfig"]["LogGroup"];
        let counted = filters.values().find(|filter| {
            filter["LogGroupName"] == *group && filter["FilterPattern"] == "{ $.breaker = * }"
        });
        let counted = &counted.expect("a filter")["MetricTransformations"][0];
        assert_eq!(counted["MetricName"], "breakers");
        assert_eq!(counted["Dimensions"], json!([{"Key": "state", "Value": "$.breaker"}]));
    }
}
