//! The policies for people: `deploy/policies`.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::processed::{ROOT, Template};

/// The most characters that a managed policy may have, white space aside.
const MAX_POLICY: usize = 6_144;

fn statements(name: &str) -> Vec<Value> {
    let file = Path::new(ROOT).join("deploy/policies").join(name);
    let text = std::fs::read_to_string(file).expect("a policy");
    let policy: Value = serde_json::from_str(&text).expect("JSON");
    assert!(policy.to_string().len() <= MAX_POLICY, "{name} is too long for IAM");
    policy["Statement"].as_array().expect("statements").clone()
}

fn texts(value: &Value) -> Vec<String> {
    let many = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    many.iter().map(|text| text.as_str().expect("text").to_owned()).collect()
}

/// The action that makes a resource of this type.
fn creates(kind: &str) -> &'static str {
    match kind.strip_prefix("AWS::").expect("a type of AWS") {
        api if api.starts_with("ApiGatewayV2::") => "apigateway:POST",
        "Budgets::Budget" => "budgets:ModifyBudget",
        "CloudWatch::Alarm" => "cloudwatch:PutMetricAlarm",
        "CloudWatch::CompositeAlarm" => "cloudwatch:PutCompositeAlarm",
        "CloudWatch::Dashboard" => "cloudwatch:PutDashboard",
        "CodeDeploy::Application" => "codedeploy:CreateApplication",
        "CodeDeploy::DeploymentGroup" => "codedeploy:CreateDeploymentGroup",
        "DynamoDB::Table" => "dynamodb:CreateTable",
        "Events::Rule" => "events:PutRule",
        "IAM::ManagedPolicy" => "iam:CreatePolicy",
        "IAM::Role" => "iam:CreateRole",
        "Lambda::Alias" => "lambda:CreateAlias",
        "Lambda::EventInvokeConfig" => "lambda:PutFunctionEventInvokeConfig",
        "Lambda::EventSourceMapping" => "lambda:CreateEventSourceMapping",
        "Lambda::Function" => "lambda:CreateFunction",
        "Lambda::Permission" => "lambda:AddPermission",
        "Lambda::Version" => "lambda:PublishVersion",
        "Logs::LogGroup" => "logs:CreateLogGroup",
        "Logs::MetricFilter" => "logs:PutMetricFilter",
        "Logs::QueryDefinition" => "logs:PutQueryDefinition",
        "Route53::RecordSet" => "route53:ChangeResourceRecordSets",
        "SNS::Subscription" => "sns:Subscribe",
        "SNS::Topic" => "sns:CreateTopic",
        "SNS::TopicPolicy" => "sns:SetTopicAttributes",
        "SQS::Queue" => "sqs:CreateQueue",
        "SQS::QueuePolicy" => "sqs:SetQueueAttributes",
        _ => panic!("what makes {kind}?"),
    }
}

fn allows(actions: &[String], wanted: &str) -> bool {
    actions.iter().any(|action| match action.strip_suffix('*') {
        Some(beginning) => wanted.starts_with(beginning),
        None => action == wanted,
    })
}

#[test]
fn a_deployer_may_make_every_kind_of_resource_that_the_template_has() {
    let actions: Vec<_> =
        statements("deployer.json").iter().flat_map(|statement| texts(&statement["Action"])).collect();
    assert!(!allows(&actions, "dynamo:CreateTable") && !allows(&actions, "iam:CreateUser"));
    let template = Template::read();
    let resources = template.0["Resources"].as_object().expect("resources");
    let kinds: BTreeSet<_> =
        resources.values().map(|resource| resource["Type"].as_str().expect("a type")).collect();
    assert!(kinds.len() > 15, "{kinds:?}");
    for kind in kinds {
        assert!(allows(&actions, creates(kind)), "{kind} needs {}", creates(kind));
    }
}

#[test]
fn an_operator_may_do_what_the_commands_do() {
    let actions: Vec<_> =
        statements("operator.json").iter().flat_map(|statement| texts(&statement["Action"])).collect();
    for wanted in [
        "cloudformation:DescribeStacks",
        "cloudformation:ListStackResources",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricStatistics",
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:PartiQLSelect",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "secretsmanager:CreateSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:ListSecrets",
        "secretsmanager:PutSecretValue",
    ] {
        assert!(allows(&actions, wanted), "{wanted}");
    }
}

#[test]
fn the_statements_that_status_is_said_to_need_allow_what_it_asks() {
    let page = Path::new(ROOT).join("docs/operations.md");
    let page = std::fs::read_to_string(page).expect("a page");
    let (_, needs) = page.split_once("A stack needs these statements").expect("the statements");
    let (needs, _) = needs.split_once("\n- ").expect("their end");
    let statements = statements("operator.json");
    for (sid, actions) in [
        (
            "Look",
            &[
                "cloudformation:DescribeStacks",
                "cloudformation:ListStackResources",
                "cloudwatch:DescribeAlarms",
                "cloudwatch:GetMetricStatistics",
                "secretsmanager:ListSecrets",
            ][..],
        ),
        ("Records", &["dynamodb:BatchGetItem", "dynamodb:Query"]),
        ("WhatIsOverdue", &["dynamodb:PartiQLSelect"]),
        ("Documents", &["secretsmanager:GetSecretValue"]),
        ("KeyOfYourOwn", &["kms:Decrypt"]),
    ] {
        assert!(needs.contains(&format!("`{sid}`")), "{sid}");
        let statement = statements.iter().find(|statement| statement["Sid"] == sid).expect("a statement");
        let allowed = texts(&statement["Action"]);
        actions.iter().for_each(|action| assert!(allows(&allowed, action), "{sid}: {action}"));
    }
}

#[test]
fn nobody_may_do_everything_and_what_changes_something_names_the_stack() {
    const READS: [&str; 8] = ["Describe", "Filter", "GET", "Get", "List", "Start", "Stop", "Validate"];
    // What AWS grants for all or none.
    const UNBOUND: [&str; 8] = [
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DeleteQueryDefinition",
        "logs:PutQueryDefinition",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
        "secretsmanager:GetRandomPassword",
        "secretsmanager:ListSecrets",
    ];
    for name in ["boundary.json", "deployer.json", "operator.json"] {
        for statement in statements(name) {
            assert_eq!(statement["Effect"], "Allow");
            let all_resources = texts(&statement["Resource"]).contains(&"*".to_owned());
            for action in texts(&statement["Action"]) {
                let (_, verb) = action.split_once(':').expect("service:verb");
                assert!(verb != "*" || !all_resources, "{name}: {action}");
                let reads = READS.iter().any(|read| verb.starts_with(read));
                let bound = !all_resources || statement["Condition"].is_object();
                assert!(
                    bound || reads || UNBOUND.contains(&action.as_str()),
                    "{name}: {action} of everything"
                );
            }
        }
    }
}
