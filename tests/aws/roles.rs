//! The roles of template.yaml: each lets its function do its work, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use shared::store::dynamodb::{FOUND_ATTRIBUTES, PARTITION_KEY};

use crate::processed::{ROOT, Template};

#[test]
fn each_role_allows_what_its_function_does_and_nothing_else() {
    let template = Template::read();
    let allowed = |binary: &str| {
        let many = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let mut allowed = BTreeSet::new();
        for statement in statements_of(&template, binary) {
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
            "dynamodb:UpdateItem Table",
            "logs:CreateLogStream AlipayAuthUrlLogs",
            "logs:PutLogEvents AlipayAuthUrlLogs",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/business/*",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/upstream/*",
            "secretsmanager:ListSecrets *",
        ]
    );
    assert_eq!(
        allowed("authorization-query"),
        [
            "dynamodb:GetItem Table",
            "dynamodb:PutItem Table",
            "logs:CreateLogStream AuthorizationQueryLogs",
            "logs:PutLogEvents AuthorizationQueryLogs",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/business/*",
            "secretsmanager:ListSecrets *",
        ]
    );
    assert_eq!(
        allowed("get-authorization-url"),
        [
            "dynamodb:GetItem Table",
            "dynamodb:PutItem Table",
            "dynamodb:UpdateItem Table",
            "logs:CreateLogStream GetAuthorizationUrlLogs",
            "logs:PutLogEvents GetAuthorizationUrlLogs",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/access-key/*",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/account/*",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/aliyun/*",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/link-token-??????",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/phone-key-??????",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/scheme/*",
            "secretsmanager:ListSecrets *",
        ]
    );
    assert_eq!(
        allowed("openid-callback"),
        [
            "dynamodb:GetItem Table",
            "dynamodb:UpdateItem Table",
            "logs:CreateLogStream OpenidCallbackLogs",
            "logs:PutLogEvents OpenidCallbackLogs",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/alipay-app/${AlipayAppId}-??????",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/upstream/*",
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
            "secretsmanager:GetSecretValue ${SecretsPrefix}/scheme/*",
            "sqs:DeleteMessage Queue",
            "sqs:GetQueueAttributes Queue",
            "sqs:ReceiveMessage Queue",
            "sqs:SendMessage Queue",
        ]
    );
    assert_eq!(template.of_type("AWS::IAM::Role").len(), template.functions().len());
}

/// The statements of a function's role.
fn statements_of<'a>(template: &'a Template, binary: &str) -> Vec<&'a Value> {
    let role = template.function(binary)["Role"]["Fn::GetAtt"][0].as_str().expect("a role of its own");
    let role = template.properties(role);
    assert_eq!(role["ManagedPolicyArns"], Value::Null);
    let policies = role["Policies"].as_array().expect("policies");
    policies
        .iter()
        .flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().expect("statements"))
        .collect()
}

/// The conditions of a function's statements on the table, each with its actions.
fn conditions_of<'a>(template: &'a Template, binary: &str) -> Vec<(Value, &'a Value)> {
    statements_of(template, binary)
        .into_iter()
        .filter(|statement| !statement["Condition"].is_null())
        .map(|statement| (statement["Action"].clone(), &statement["Condition"]))
        .collect()
}

#[test]
fn functions_of_the_open_api_are_held_to_the_items_that_they_use() {
    let template = Template::read();
    let keys = |keys: &[&str]| json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}});
    for (binary, expected) in [
        (
            "alipay-auth-url",
            &[
                (json!("dynamodb:PutItem"), &keys(&["authorization#*", "nonce#*"])),
                (json!("dynamodb:UpdateItem"), &keys(&["authorization#*"])),
            ][..],
        ),
        (
            "authorization-query",
            &[
                (json!("dynamodb:PutItem"), &keys(&["nonce#*"])),
                (json!("dynamodb:GetItem"), &keys(&["authorization#*"])),
            ],
        ),
        (
            "openid-callback",
            &[(json!(["dynamodb:GetItem", "dynamodb:UpdateItem"]), &keys(&["authorization#*"]))],
        ),
    ] {
        assert_eq!(conditions_of(&template, binary), expected, "{binary}");
    }
}

#[test]
fn get_authorization_url_reserves_rates_alone_and_reads_what_its_page_shows() {
    let template = Template::read();
    let conditions = conditions_of(&template, "get-authorization-url");
    let [(put, of_put), (update, of_update), (get, of_get)] = &conditions[..] else {
        panic!("{conditions:?}")
    };
    let actions = [put, update, get];
    assert_eq!(actions, ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:GetItem"]);
    let records =
        json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["authorization#*", "nonce#*"]}});
    assert_eq!(*of_put, &records);
    let rate_limits = json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["rate-limit#*"]}});
    assert_eq!(*of_update, &rate_limits);

    let attributes = of_get["ForAllValues:StringEquals"]["dynamodb:Attributes"].as_array().expect("names");
    let attributes: BTreeSet<_> = attributes.iter().map(|name| name.as_str().expect("a name")).collect();
    assert_eq!(attributes, FOUND_ATTRIBUTES.into_iter().chain([PARTITION_KEY]).collect());
    assert_eq!(of_get["Null"], json!({"dynamodb:Attributes": "false"}), "who names none gets all");
    assert_eq!(of_get["StringEqualsIfExists"], json!({"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}));
}

/// The resource's name in the template, or the end of its ARN.
fn name_of(resource: &Value) -> String {
    if let Some(name) = resource["Fn::GetAtt"][0].as_str() {
        return name.to_owned();
    }
    let arn = resource["Fn::Sub"].as_str().or_else(|| resource.as_str()).expect("an ARN");
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
            // AWS grants the names of secrets for all or none.
            Value::Object(fields) if fields.get("Action") == Some(&json!("secretsmanager:ListSecrets")) => {}
            Value::Object(fields) => {
                assert!(!fields.contains_key("ManagedPolicyArns"));
                values.extend(fields.values());
            }
            Value::Array(items) => values.extend(items),
            other => assert_ne!(other, "*"),
        }
    }
}
