//! The alarms of `template.yaml` and those that the code can raise: the same, by the same words.

use std::collections::BTreeSet;

use shared::telemetry::Alarm;
use strum::VariantArray as _;

const TEMPLATE: &str = include_str!("../template.yaml");

/// The text between `before` and `after` of every line that has both, in the order of the lines.
fn between<'t>(before: &str, after: &str) -> Vec<&'t str> {
    let rest = TEMPLATE.lines().filter_map(|line| line.split_once(before));
    rest.filter_map(|(_, rest)| rest.split_once(after)).map(|(found, _)| found).collect()
}

#[test]
fn the_template_has_an_alarm_for_each_that_the_code_can_raise_and_no_other() {
    let of_template: BTreeSet<_> = between("Dimensions: [{Name: kind, Value: ", "}").into_iter().collect();
    let of_code: BTreeSet<_> = Alarm::VARIANTS.iter().map(|alarm| alarm.as_str()).collect();
    assert_eq!(of_template, of_code);
}

#[test]
fn every_functions_log_is_counted_by_the_word_of_its_alarms() {
    let groups = TEMPLATE.matches("LogGroupName: !Sub /aws/lambda/").count();
    assert_eq!(groups, 5, "one for each function");
    assert_eq!(between("FilterPattern: '{ $.alarm = ", " }'"), vec!["*"; groups]);
    assert_eq!(between("Dimensions: [{Key: kind, Value: ", "}"), vec!["$.alarm"; groups]);
}
