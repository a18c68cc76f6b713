//! The alarms of template.yaml: every function, every line that asks for an alarm, poison, and the age of what is due;
//! who is told, and where the runbook says what to do.

use std::collections::BTreeSet;

use serde_json::{Value, json};
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
    for name in ["TableThrottles", "IndexThrottles"] {
        assert_eq!(metrics(name), ["WriteThrottleEvents", "ReadThrottleEvents"]);
    }
    let index = &template.properties("IndexThrottles")["Metrics"][1]["MetricStat"]["Metric"]["Dimensions"][1];
    assert_eq!(index, &json!({"Name": "GlobalSecondaryIndexName", "Value": shared::store::dynamodb::OUTBOX}));
    let refused = template.properties("TooManyRequestsLines");
    assert_eq!(refused["FilterPattern"], "{ $.status = \"429\" }");
    assert_eq!(
        refused["MetricTransformations"][0]["MetricName"],
        template.properties("TooManyRequests")["MetricName"]
    );
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
