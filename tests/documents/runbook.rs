//! The runbook against the template, the Makefile and the other language.

use super::{Names, in_backticks, page, read, tables, template_names};

/// The parts of the descriptions of alarms that follow `${RunbookUrl}#`.
fn anchors(template: &str) -> Vec<&str> {
    template.split("${RunbookUrl}#").skip(1).filter_map(|rest| rest.split('\'').next()).collect()
}

/// The code of a page: fenced, and in backticks on one line.
fn commands(text: &str) -> Vec<&str> {
    let fenced = text.split("```").skip(1).step_by(2).flat_map(str::lines);
    let inline = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    fenced.chain(inline).map(str::trim).filter(|code| code.contains(' ')).collect()
}

#[test]
fn every_alarm_leads_to_a_section_of_the_runbook() {
    let template = read("template.yaml");
    let kinds = ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"];
    let alarms: usize = kinds.iter().map(|kind| template_names("Resources", Some(kind)).len()).sum();
    let anchors = anchors(&template);
    assert_eq!(anchors.len(), alarms, "an alarm without an address in its description");
    for (path, text) in page("runbook") {
        let headings: Names =
            text.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_lowercase).collect();
        for anchor in &anchors {
            assert!(headings.contains(*anchor), "{path}: no section {anchor}");
        }
    }
}

#[test]
fn every_make_target_of_the_runbook_exists_and_takes_what_it_is_given() {
    let makefile = read("Makefile");
    for (path, text) in page("runbook") {
        let commands = commands(&text);
        let made = commands.iter().filter_map(|code| code.strip_prefix("make ")).collect::<Vec<_>>();
        assert!(made.len() > 3, "{path}");
        for command in made {
            let mut words = command.split(' ');
            let target = words.next().unwrap_or_default();
            assert!(makefile.contains(&format!("\n{target}:")), "{path}: make {target}");
            for variable in words.filter_map(|word| word.split_once('=')).map(|(name, _)| name) {
                let is_option = variable.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_');
                assert!(!is_option || makefile.contains(&format!("$({variable}")), "{path}: {variable}");
            }
        }
    }
}

#[test]
fn both_languages_have_the_same_commands_sections_and_saved_queries() {
    let [(_, english), (_, chinese)] = page("runbook");
    let fenced = |text: &str| text.split("```").skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(fenced(&english), fenced(&chinese));
    let sections = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
    assert_eq!(sections(&english), sections(&chinese));
    let rows = |text: &str| tables(text).iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(rows(&english), rows(&chinese));

    let template = read("template.yaml");
    let saved: Vec<_> = template
        .split("      Name: !Sub '${AWS::StackName}/")
        .skip(1)
        .filter_map(|rest| rest.split("'\n").next())
        .map(|name| name.replace("''", "'"))
        .collect();
    assert!(saved.len() > 8, "{saved:?}");
    for (path, text) in page("runbook") {
        // A name may be broken over two lines.
        let named = in_backticks(&text.replace("\n", " ").replace("```", ""));
        for query in &saved {
            assert!(named.contains(query), "{path}: nothing asks {query}");
        }
    }
}
