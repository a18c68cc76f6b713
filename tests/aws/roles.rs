//! What template.yaml lets the functions do: each what it does, and nobody anything else.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::processed::{ROOT, Template};

#[test]
fn each_role_allows_what_its_function_does_and_nothing_else() {
    let template = Template::read();
    let allowed = |binary: &str| {
        let role = template.function(binary)["Role"]["Fn::GetAtt"][0].as_str().expect("a role of its own");
        let role = template.properties(role);
        assert_eq!(role["ManagedPolicyArns"], Value::Null);
        let policies = role["Policies"].as_array().expect("policies");
        let statements = policies
            .iter()
            .flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().expect("statements"));
        let many = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let mut allowed = BTreeSet::new();
        for statement in statements {
            assert_eq!(statement["Effect"], "Allow");
            for action in many(&statement["Action"]) {
                for resource in many(&statement["Resource"]) {
                    allowed.insert(format!("{} {}", action.as_str().expect("an action"), name_of(&resource)));
                }
            }
        }
        allowed.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(
        allowed("alipay-auth-url"),
        [
            "dynamodb:PutItem Table",
            "logs:CreateLogStream AlipayAuthUrlLogs",
            "logs:PutLogEvents AlipayAuthUrlLogs",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/business/*",
        ]
    );
    assert_eq!(
        allowed("openid-callback"),
        [
            "dynamodb:UpdateItem Table",
            "logs:CreateLogStream OpenidCallbackLogs",
            "logs:PutLogEvents OpenidCallbackLogs",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/alipay-app/${AlipayAppId}-??????",
            "sqs:SendMessage Queue",
        ]
    );
    assert_eq!(
        allowed("openid-delivery"),
        [
            "dynamodb:Query ${Table.Arn}/index/outbox",
            "dynamodb:UpdateItem Table",
            "logs:CreateLogStream OpenidDeliveryLogs",
            "logs:PutLogEvents OpenidDeliveryLogs",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/business/*",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/callback-key-??????",
            "sqs:DeleteMessage Queue",
            "sqs:GetQueueAttributes Queue",
            "sqs:ReceiveMessage Queue",
            "sqs:SendMessage Queue",
        ]
    );
    assert_eq!(template.of_type("AWS::IAM::Role").len(), template.functions().len());
}

/// The resource's name in the template, or the end of its ARN.
fn name_of(resource: &Value) -> String {
    if let Some(name) = resource["Fn::GetAtt"][0].as_str() {
        return name.to_owned();
    }
    let arn = resource["Fn::Sub"].as_str().expect("an ARN");
    arn.rsplit_once(":secret:").map_or(arn, |(_, name)| name).to_owned()
}

#[test]
fn nothing_dangerous_is_switched_on_and_nobody_may_do_everything() {
    let text = std::fs::read_to_string(Path::new(ROOT).join("template.yaml")).expect("a template");
    assert!(!text.to_ascii_lowercase().contains("dangerous"));
    let template = Template::read();
    let mut values = vec![&template.0["Resources"]];
    while let Some(value) = values.pop() {
        match value {
            Value::Object(fields) => {
                assert!(!fields.contains_key("ManagedPolicyArns"));
                values.extend(fields.values());
            }
            Value::Array(items) => values.extend(items),
            other => assert_ne!(other, "*"),
        }
    }
}
