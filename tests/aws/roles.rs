//! The roles of template.yaml: each lets its function do its work, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use shared::store::dynamodb::{DENY_LIST, FOUND_ATTRIBUTES, PARTITION_KEY};

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
                for resource in many(&statement["Resource"]).iter().filter(|resource| !is_previous(resource))
                {
                    allowed.insert(format!("{} {}", action.as_str().expect("an action"), name_of(resource)));
                }
            }
        }
        allowed.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(
        allowed("alipay-auth-url"),
        [
            "dynamodb:GetItem Table",
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
            "secretsmanager:GetSecretValue ${SecretsPrefix}/link-token",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/link-token-??????",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/phone-key",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/phone-key-??????",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/scheme/*",
            "secretsmanager:ListSecrets *",
        ]
    );
    assert_eq!(
        allowed("openid-callback"),
        [
            "dynamodb:GetItem Table",
            "dynamodb:PutItem Table",
            "dynamodb:UpdateItem Table",
            "logs:CreateLogStream OpenidCallbackLogs",
            "logs:PutLogEvents OpenidCallbackLogs",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/alipay-app/*",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/callback-key",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/callback-key-??????",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/upstream/*",
            "secretsmanager:ListSecrets *",
            "sqs:SendMessage Queue",
        ]
    );
    assert_eq!(
        allowed("openid-delivery"),
        [
            "dynamodb:GetItem Table",
            "dynamodb:PutItem Table",
            "dynamodb:Query ${Table.Arn}/index/outbox",
            "dynamodb:UpdateItem Table",
            "logs:CreateLogStream OpenidDeliveryLogs",
            "logs:PutLogEvents OpenidDeliveryLogs",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/business/*",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/callback-key",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/callback-key-??????",
            "secretsmanager:GetSecretValue ${SecretsPrefix}/scheme/*",
            "sqs:DeleteMessage Queue",
            "sqs:GetQueueAttributes Queue",
            "sqs:ReceiveMessage Queue",
            "sqs:SendMessage Queue",
        ]
    );
    let with_that_of_rollouts = template.functions().len() + 1;
    assert_eq!(template.of_type("AWS::IAM::Role").len(), with_that_of_rollouts);
}

#[test]
fn a_rollout_moves_aliases_of_the_functions_and_looks_at_alarms_and_nothing_else() {
    let template = Template::read();
    let role = template.properties("RolloutRole");
    let trusted = &role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"];
    assert_eq!(trusted, &json!({"Service": "codedeploy.amazonaws.com"}));
    let [policy] = &role["Policies"].as_array().expect("policies")[..] else { panic!("one policy") };
    let [aliases, alarms] = &policy["PolicyDocument"]["Statement"].as_array().expect("statements")[..] else {
        panic!("two statements")
    };
    let moved = json!(["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"]);
    assert_eq!(aliases["Action"], moved);
    let of_functions: Vec<_> = template
        .of_type("AWS::Lambda::Function")
        .keys()
        .flat_map(|name| {
            [json!({"Fn::GetAtt": [name, "Arn"]}), json!({"Fn::Sub": format!("${{{name}.Arn}}:*")})]
        })
        .collect();
    assert_eq!(aliases["Resource"], Value::from(of_functions));
    assert_eq!(alarms["Action"], "cloudwatch:DescribeAlarms");
}

/// Whether a role reaches it only while calls move away from it.
fn is_previous(resource: &Value) -> bool {
    resource["Fn::If"][0] == "HasPreviousTable"
}

/// A table that was restored is named, and the role is for it and, while calls move to it, for the one before.
#[test]
fn a_table_that_is_named_is_the_one_that_roles_allow() {
    let template = Template::read();
    let mut seen = 0;
    for binary in template.functions().keys() {
        for statement in statements_of(&template, binary) {
            if !statement["Action"].to_string().contains("dynamodb:") {
                continue;
            }
            let [in_service, previous] = &statement["Resource"].as_array().expect("two tables")[..] else {
                panic!("{statement}")
            };
            let [condition, made, named] = &in_service["Fn::If"].as_array().expect("a choice")[..] else {
                panic!("{statement}")
            };
            assert_eq!(condition, "MakesTable");
            let end = made["Fn::Sub"].as_str().map_or("", |made| made.trim_start_matches("${Table.Arn}"));
            let arn = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}";
            assert_eq!(named["Fn::Sub"], format!("{arn}{end}"));
            let arn = arn.replace("TableName", "PreviousTableName");
            let while_moving =
                json!(["HasPreviousTable", {"Fn::Sub": format!("{arn}{end}")}, {"Ref": "AWS::NoValue"}]);
            assert_eq!(previous["Fn::If"], while_moving);
            seen += 1;
        }
    }
    assert!(seen > 0);
}

/// The policies that each role has besides, where a parameter asks for them.
fn where_asked_for() -> Value {
    let policy = |(condition, name)| json!({"Fn::If": [condition, {"Ref": name}, {"Ref": "AWS::NoValue"}]});
    [("UsesKmsKey", "KeyPolicy"), ("HasNetwork", "NetworkPolicy"), ("HasTracing", "TracingPolicy")]
        .map(policy)
        .to_vec()
        .into()
}

#[test]
fn a_parameter_adds_what_it_needs_to_every_role() {
    let template = Template::read();
    let statements = |name: &str| {
        assert_eq!(template.0["Resources"][name]["Type"], "AWS::IAM::ManagedPolicy");
        template.properties(name)["PolicyDocument"]["Statement"].as_array().expect("statements")
    };
    let [through_services, settings] = &statements("KeyPolicy")[..] else { panic!("two statements") };
    for statement in [through_services, settings] {
        let key = |condition, name| json!({"Fn::If": [condition, {"Ref": name}, {"Ref": "AWS::NoValue"}]});
        let both = [key("HasKmsKey", "KmsKeyArn"), key("HasPreviousKmsKey", "PreviousKmsKeyArn")];
        assert_eq!(statement["Resource"], json!(both), "that of before only while a stack gives it up");
    }
    let services =
        through_services["Condition"]["StringEquals"]["kms:ViaService"].as_array().expect("services");
    let services: Vec<_> =
        services.iter().map(|service| service["Fn::Sub"].as_str().expect("a name")).collect();
    let of = |service: &str| format!("{service}.${{AWS::Region}}.${{AWS::URLSuffix}}");
    assert_eq!(services, ["dynamodb", "secretsmanager", "sqs"].map(of));
    let [allowed, denied] = &statements("NetworkPolicy")[..] else { panic!("two statements") };
    assert_eq!((&allowed["Effect"], &denied["Effect"]), (&json!("Allow"), &json!("Deny")));
    assert_eq!(allowed["Action"], denied["Action"], "the code itself may do none of it");
    assert!(denied["Condition"]["ArnLike"]["lambda:SourceFunctionArn"]["Fn::Sub"].is_string());
    assert_eq!(template.of_type("AWS::IAM::ManagedPolicy").len(), 3);
    for role in template.of_type("AWS::IAM::Role").values() {
        assert_eq!(role["PermissionsBoundary"]["Fn::If"][1], json!({"Ref": "PermissionsBoundaryArn"}));
    }
}

#[test]
fn a_secret_that_there_is_not_is_missing_and_not_denied() {
    // Its ARN has no suffix: that of a secret has one of six characters.
    let template = Template::read();
    for binary in template.functions().keys() {
        let allowed: Vec<_> = statements_of(&template, binary)
            .into_iter()
            .filter(|statement| statement["Action"] == "secretsmanager:GetSecretValue")
            .flat_map(|statement| match &statement["Resource"] {
                Value::Array(resources) => resources.iter().map(name_of).collect(),
                one => vec![name_of(one)],
            })
            .collect();
        for name in allowed.iter().filter(|name| !name.ends_with("/*")) {
            let bare = name.trim_end_matches("-??????");
            assert!(allowed.iter().any(|other| other == bare), "{binary}: {bare}");
        }
    }
}

/// The statements of a function's role.
fn statements_of<'a>(template: &'a Template, binary: &str) -> Vec<&'a Value> {
    let role = template.function(binary)["Role"]["Fn::GetAtt"][0].as_str().expect("a role of its own");
    let role = template.properties(role);
    assert_eq!(role["ManagedPolicyArns"], where_asked_for());
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
    let deny_list = || (json!("dynamodb:GetItem"), reads_the_deny_list());
    for (binary, expected) in [
        (
            "alipay-auth-url",
            &[
                (json!("dynamodb:PutItem"), keys(&["authorization#*", "nonce#*"])),
                (json!("dynamodb:UpdateItem"), keys(&["authorization#*"])),
                deny_list(),
            ][..],
        ),
        (
            "authorization-query",
            &[
                (json!("dynamodb:PutItem"), keys(&["nonce#*"])),
                (json!("dynamodb:GetItem"), keys(&["authorization#*"])),
                deny_list(),
            ],
        ),
        (
            "openid-callback",
            &[
                (
                    json!(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]),
                    keys(&["authorization#*"]),
                ),
                deny_list(),
            ],
        ),
    ] {
        let conditions: Vec<_> = conditions_of(&template, binary)
            .into_iter()
            .map(|(action, condition)| (action, condition.clone()))
            .collect();
        assert_eq!(conditions, expected, "{binary}");
    }
}

fn reads_the_deny_list() -> Value {
    json!({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [DENY_LIST]}})
}

#[test]
fn get_authorization_url_reserves_rates_notes_openings_and_reads_what_its_page_shows() {
    let template = Template::read();
    let conditions = conditions_of(&template, "get-authorization-url");
    let [(put, of_put), (update, of_update), (open, of_open), (get, of_get), (get_list, of_list)] =
        &conditions[..]
    else {
        panic!("{conditions:?}")
    };
    let actions = [put, update, open, get, get_list];
    let (update, get) = ("dynamodb:UpdateItem", "dynamodb:GetItem");
    assert_eq!(actions, ["dynamodb:PutItem", update, update, get, get]);
    let opening = json!({
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["authorization#*"]},
        "ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "openedAt"]},
        "Null": {"dynamodb:Attributes": "false"},
        "StringEqualsIfExists": {"dynamodb:ReturnValues": ["NONE", "UPDATED_OLD", "UPDATED_NEW"]},
    });
    assert_eq!(*of_open, &opening, "that a page was opened, and nothing else of a record");
    assert_eq!(*of_list, &reads_the_deny_list());
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

/// Whether a statement's actions are all of a kind that AWS grants for all or none.
fn is_network_or_tracing(actions: &Value) -> bool {
    let actions = actions.as_array().map(Vec::as_slice).unwrap_or_default();
    let of_all = |action: &Value| {
        action.as_str().is_some_and(|name| name.starts_with("ec2:") || name.starts_with("xray:"))
    };
    !actions.is_empty() && actions.iter().all(of_all)
}

/// The resource's name in the template, or the end of its ARN.
fn name_of(resource: &Value) -> String {
    if let Some(made) = resource["Fn::If"].get(1) {
        return name_of(made);
    }
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
            // The interfaces of functions in subnets, and traces.
            Value::Object(fields) if fields.get("Action").is_some_and(is_network_or_tracing) => {}
            Value::Object(fields) => values.extend(fields.values()),
            Value::Array(items) => values.extend(items),
            other => assert_ne!(other, "*"),
        }
    }
}
