//! The alarms of template.yaml: every function, every line that asks for an alarm, poison, and the age of what is due.

use serde_json::json;
use shared::telemetry::Alarm;
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
        assert!(alarm["AlarmActions"]["Fn::If"].is_array(), "{alarm}");
        assert!(alarm["MetricName"] != "Duration" || alarm["ExtendedStatistic"] == "p99", "{alarm}");
    }
    let poison = json!({"Name": "QueueName", "Value": {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}});
    assert_eq!(template.alarms_of("ApproximateNumberOfMessagesVisible", &poison), 1);
    assert_eq!(template.properties("OldestDue")["TreatMissingData"], "breaching", "no sweep is an alarm");
    let oldest = template.properties("OldestDueLines");
    assert_eq!(oldest["FilterPattern"], "{ $.oldest_due_secs >= 0 }");
    assert_eq!(oldest["LogGroupName"], template.function("openid-delivery")["LoggingConfig"]["LogGroup"]);
    let counted = &oldest["MetricTransformations"][0];
    for (of_alarm, of_filter) in [("MetricName", "MetricName"), ("Namespace", "MetricNamespace")] {
        assert_eq!(template.properties("OldestDue")[of_alarm], counted[of_filter]);
    }

    for alarm in Alarm::VARIANTS {
        let kind = json!({"Name": "kind", "Value": alarm.as_str()});
        assert_eq!(template.alarms_of("alarms", &kind), 1, "{kind}");
    }
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
}
