//! The alarms of template.yaml: every function, every line that asks for an alarm, poison, and the age of what is due.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;

use crate::processed::{ROOT, Template};

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

    let kinds = kinds_of_alarm_lines();
    assert!(
        kinds.contains("undeliverable") && kinds.contains("settlement") && kinds.contains("keys"),
        "{kinds:?}"
    );
    for kind in kinds {
        assert_eq!(template.alarms_of("alarms", &json!({"Name": "kind", "Value": kind})), 1, "{kind}");
    }
}

/// The words of `alarm = "…"` in the functions and in what they call.
fn kinds_of_alarm_lines() -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    let mut folders = vec![Path::new(ROOT).join("functions"), Path::new(ROOT).join("shared/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(path).expect("text");
                let said = text.split("alarm = \"").skip(1).filter_map(|rest| rest.split('"').next());
                kinds.extend(said.map(str::to_owned));
            }
        }
    }
    kinds
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
