//! template.yaml, as CloudFormation gets to see it, against the code and the documents.
//!
//! An emulator accepts much that it does not do: routes, expiry, throttling and alarms are therefore judged here, on
//! the template after the SAM transform.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use openid_callback::{EXCHANGE_WITHIN, SETTLE_WITHIN, SIGN_WITHIN};
use openid_delivery::{ATTEMPT_LEASE, ATTEMPTS_WITHIN, TAKE_UP_WITHIN};
use serde_json::{Value, json};
use shared::delivery::sender::TimeLimits;
use shared::model::claim::EXCHANGE_LEASE;
use shared::protocol::alibaba_cloud::ANSWER_TIMEOUT;
use shared::protocol::alipay::gateway::EXCHANGE_TIMEOUT;
use shared::protocol::open_api::client::transport::ASK_TIMEOUT;
use shared::queue::MAX_DELAY;
use shared::runtime::config::{Config, SecretsFrom, StoreAt};
use shared::secrets::{FETCH_TIMEOUT, LIST_TIMEOUT, LOOKUP_TIMEOUT};
use shared::store::dynamodb::{
    ATTENTION, ATTENTION_ATTRIBUTES, CALL_TIMEOUT, OUTBOX, OUTBOX_ATTRIBUTES, PARTITION_KEY, RECENT,
    TIME_TO_LIVE,
};
use shared::web::ERRORS_PATH;

use crate::processed::{ROOT, Template, function_of};

/// Settings that only a local run has.
const LOCAL: [&str; 3] = ["AUTHLINK_SECRETS_DIR", "AUTHLINK_DATABASE", "AUTHLINK_DANGEROUS_CALLBACK_ORIGINS"];

/// The first cells of the document's table whose head begins so.
fn first_cells(document: &str, head: &str) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(ROOT).join(document)).expect("a document");
    let table = text.split(head).nth(1).expect("the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.split('|').nth(1).expect("a cell").trim().to_owned()).collect()
}

/// Every name that the configuration asks for.
fn names_read() -> BTreeSet<String> {
    let asked = RefCell::new(BTreeSet::new());
    let settings = [
        ("AUTHLINK_ALIPAY_APP_ID", "1"),
        ("AUTHLINK_SECRETS_PREFIX", "authlink"),
        ("AUTHLINK_TABLE", "table"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "key"),
    ];
    let config = Config::read(&|name| {
        asked.borrow_mut().insert(name.to_owned());
        settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
    .expect("complete");
    assert!(matches!((config.secrets, config.store), (SecretsFrom::Manager(_), StoreAt::Table(_))));
    asked.into_inner()
}

#[test]
fn the_routes_are_those_of_the_code_and_the_readme() {
    let template = Template::read();
    let routes = template.routes();
    let of_the_code: BTreeMap<_, _> = [
        (format!("POST {}", alipay_auth_url::PATH), "alipay-auth-url".to_owned()),
        (format!("POST {}", authorization_query::PATH), "authorization-query".to_owned()),
        ("ANY /v1/openapi/{proxy+}".to_owned(), "alipay-auth-url".to_owned()),
        (format!("GET {}", get_authorization_url::PATH), "get-authorization-url".to_owned()),
        (format!("POST {}", get_authorization_url::PATH), "get-authorization-url".to_owned()),
        (format!("GET {}", get_authorization_url::LINK_PATH), "get-authorization-url".to_owned()),
        (format!("HEAD {}", get_authorization_url::LINK_PATH), "get-authorization-url".to_owned()),
        (format!("GET {}", openid_callback::PATH), "openid-callback".to_owned()),
        (format!("POST {}/{{state}}", openid_callback::PATH), "openid-callback".to_owned()),
    ]
    .into();
    assert_eq!(routes, of_the_code);

    let in_readme: BTreeSet<_> = first_cells("README.md", "| route | crate |")
        .into_iter()
        .filter(|cell| !cell.starts_with("queue message"))
        .map(|cell| {
            // API Gateway sees one route: the function tells the page of a code from what there is not.
            if cell.starts_with("any other path below") || cell == format!("`GET {ERRORS_PATH}`") {
                "ANY /v1/openapi/{proxy+}".to_owned()
            } else {
                cell.replace('`', "")
            }
        })
        .collect();
    assert_eq!(routes.keys().cloned().collect::<BTreeSet<_>>(), in_readme);
}

#[test]
fn every_function_of_the_workspace_is_deployed() {
    let folders = std::fs::read_dir(Path::new(ROOT).join("functions")).expect("functions");
    let names: BTreeSet<_> =
        folders.map(|folder| folder.expect("a folder").file_name().into_string().expect("text")).collect();
    let template = Template::read();
    let functions = template.functions();
    assert_eq!(functions.keys().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), names);
    for (binary, (_, function)) in functions {
        assert_eq!(function["Runtime"], "provided.al2023");
        assert_eq!(function["Code"]["S3Key"], format!("functions/{binary}"));
        assert_eq!(function["Architectures"], json!([{"Ref": "Architecture"}]));
    }
    assert_eq!(template.0["Parameters"]["Architecture"]["Default"], "x86_64");
}

#[test]
fn the_environment_is_what_the_configuration_reads_and_its_document_lists() {
    let read = names_read();
    let ours: BTreeSet<_> = read.iter().filter(|name| name.starts_with("AUTHLINK_")).cloned().collect();
    let template = Template::read();
    for (_, function) in template.functions().values() {
        let set = function["Environment"]["Variables"].as_object().expect("variables");
        let with_local: BTreeSet<_> = set.keys().cloned().chain(LOCAL.map(str::to_owned)).collect();
        assert_eq!(with_local, ours);
    }
    let listed: BTreeSet<_> = first_cells("docs/configuration.md", "| variable | default |")
        .iter()
        .flat_map(|cell| cell.split(", "))
        .map(|name| name.replace('`', ""))
        .collect();
    assert_eq!(listed, read);
}

#[test]
fn the_parameters_defaults_are_the_configurations() {
    let template = Template::read();
    let variables = template.function("alipay-auth-url")["Environment"]["Variables"].clone();
    let by_template = |name: &str| match name {
        "AUTHLINK_ALIPAY_APP_ID" => Some("1".to_owned()),
        "AUTHLINK_SECRETS_DIR" => Some("keys".to_owned()),
        "AUTHLINK_DATABASE" => Some("authlink.db".to_owned()),
        "AUTHLINK_TABLE" | "AUTHLINK_QUEUE_URL" | "AUTHLINK_SECRETS_PREFIX" => None,
        _ => {
            let default = &template.0["Parameters"][variables[name]["Ref"].as_str()?]["Default"];
            Some(default.as_str().map_or_else(|| default.to_string(), str::to_owned))
        }
    };
    let bare = |name: &str| {
        ["AUTHLINK_ALIPAY_APP_ID", "AUTHLINK_SECRETS_DIR", "AUTHLINK_DATABASE"]
            .contains(&name)
            .then(|| by_template(name))
            .flatten()
    };
    let of = |settings: &dyn Fn(&str) -> Option<String>| {
        format!("{:?}", Config::read(settings).expect("complete"))
    };
    assert_eq!(of(&by_template), of(&bare));
}

#[test]
fn a_number_of_days_may_be_what_the_configuration_takes() {
    let template = Template::read();
    let variables = &template.function("alipay-auth-url")["Environment"]["Variables"];
    for variable in ["AUTHLINK_RETENTION_DAYS", "AUTHLINK_PERSONAL_DATA_DAYS"] {
        let parameter = variables[variable]["Ref"].as_str().expect("a parameter");
        let bound = |name: &str| template.0["Parameters"][parameter][name].as_i64().expect("a number");
        let starts = |days: i64| {
            Config::read(&|name| match name {
                name if name == variable => Some(days.to_string()),
                "AUTHLINK_ALIPAY_APP_ID" => Some("1".to_owned()),
                "AUTHLINK_SECRETS_DIR" | "AUTHLINK_DATABASE" => Some("here".to_owned()),
                _ => None,
            })
            .is_ok()
        };
        let (least, most) = (bound("MinValue"), bound("MaxValue"));
        assert!(starts(least) && starts(most), "{variable}");
        assert!(!starts(least - 1) && !starts(most + 1), "{variable}");
    }
}

/// A deployment must not succeed with a setting that no function starts with.
#[test]
fn a_parameter_accepts_what_the_configuration_accepts() {
    let template = Template::read();
    let variables = &template.function("alipay-auth-url")["Environment"]["Variables"];
    for (variable, accepted, refused) in [
        ("AUTHLINK_CALLBACK_PORTS", ["1", "443,8443", "65535"], ["65536", "70000", "443,"]),
        ("AUTHLINK_DELIVERY_WAITS_SECS", ["1", "15,30", "604800"], ["0", "604801", "15,,30"]),
        ("AUTHLINK_ALIPAY_APP_ID", ["0", "2021", "20210000000000012021000000000001"], ["", "x", "2 1"]),
        (
            "AUTHLINK_ALIPAY_GATEWAY_URL",
            ["https://a", "http://a:8080/b", "https://a.example/b/c.do?charset=utf-8"],
            ["https://a:70000", "https://a/?b#c", "https://a@b/"],
        ),
    ] {
        let parameter = variables[variable]["Ref"].as_str().expect("a parameter");
        let pattern = template.0["Parameters"][parameter]["AllowedPattern"].as_str().expect("a pattern");
        let pattern = regex_lite::Regex::new(pattern).expect("a pattern");
        let starts = |value: &str| {
            let set = |name: &str| match name {
                name if name == variable => Some(value.to_owned()),
                "AUTHLINK_ALIPAY_APP_ID" => Some("1".to_owned()),
                "AUTHLINK_SECRETS_DIR" | "AUTHLINK_DATABASE" => Some("here".to_owned()),
                _ => None,
            };
            Config::read(&set).is_ok()
        };
        for value in accepted {
            assert!(pattern.is_match(value) && starts(value), "{parameter} {value}");
        }
        for value in refused {
            assert!(!pattern.is_match(value) && !starts(value), "{parameter} {value}");
        }
    }
}

/// Nothing in front of the API takes a path off.
#[test]
fn the_public_url_has_no_path() {
    let template = Template::read();
    let pattern = template.0["Parameters"]["PublicUrl"]["AllowedPattern"].as_str().expect("a pattern");
    let pattern = regex_lite::Regex::new(pattern).expect("a pattern");
    for (url, accepted) in [
        ("", true),
        ("https://pay.example.org", true),
        ("http://127.0.0.1:8787", true),
        ("https://pay.example.org/", false),
        ("https://pay.example.org/stage", false),
        ("https://pay.example.org:70000", false),
    ] {
        assert_eq!(pattern.is_match(url), accepted, "{url}");
    }
}

#[test]
fn time_outs_and_leases_are_in_order() {
    // Every key below is fetched, or is not, within the time of a look-up, with the list of names that it may wait for.
    assert!(FETCH_TIMEOUT <= LOOKUP_TIMEOUT && LIST_TIMEOUT < LOOKUP_TIMEOUT);
    let template = Template::read();
    let callback = template.timeout("openid-callback");
    assert!(EXCHANGE_TIMEOUT < callback && callback < EXCHANGE_LEASE);
    // The app's document and a newer one, if that one's certificates are not valid, share the time of a look-up.
    let claimed_by = LOOKUP_TIMEOUT + 2 * CALL_TIMEOUT;
    assert!(claimed_by < EXCHANGE_WITHIN, "a code whose claim was slow is sent all the same");
    let exchanged_by = EXCHANGE_WITHIN + EXCHANGE_TIMEOUT;
    let refreshed_by = openid_callback::REFRESH_WITHIN + LOOKUP_TIMEOUT;
    // One more try; the read that tells whether it was written all the same; and the claim's end, or the hint.
    let settled_by = SETTLE_WITHIN + 3 * CALL_TIMEOUT;
    assert!(
        exchanged_by.max(refreshed_by) < SETTLE_WITHIN && settled_by < callback,
        "no consent is cut off before it is recorded"
    );
    assert!(SIGN_WITHIN <= settled_by, "a way back is signed in the time that is left, or not at all");
    let delivery = template.timeout("openid-delivery");
    let attempt = 4 * CALL_TIMEOUT + TimeLimits::default().total;
    assert!(attempt < ATTEMPT_LEASE && delivery < ATTEMPT_LEASE);
    assert!(2 * LOOKUP_TIMEOUT + attempt <= delivery && ATTEMPTS_WITHIN + attempt <= delivery);
    let taking_up = 2 * CALL_TIMEOUT;
    assert!(
        TAKE_UP_WITHIN + taking_up < ATTEMPTS_WITHIN,
        "what was taken up last is attempted by the same sweep"
    );
    let gateways_own = Duration::from_secs(30);
    let link = template.timeout("alipay-auth-url");
    // Business, its early refresh, platform; record, its nonce alone if the serialNo was used, and that record's
    // platform.
    let recorded = 4 * LOOKUP_TIMEOUT + 2 * CALL_TIMEOUT;
    // The last question to a platform, and its link, whose write is repeated once.
    let asked = alipay_auth_url::QUESTIONS_WITHIN + ASK_TIMEOUT + 2 * CALL_TIMEOUT;
    assert!(recorded.max(asked) < link && link < gateways_own && callback < gateways_own);
    // A platform's callback: the record, whose reading is repeated once; the platform, its early refresh.
    let called_back = 2 * CALL_TIMEOUT + 2 * LOOKUP_TIMEOUT;
    assert!(called_back < SETTLE_WITHIN);
    let query = template.timeout("authorization-query");
    // Business, its early refresh; nonce, record.
    assert!(2 * LOOKUP_TIMEOUT + 2 * CALL_TIMEOUT < query && query < gateways_own);
    let authorization_url = template.timeout("get-authorization-url");
    // Access key, its early refresh, account; then scheme, phone-key and link-token at once; nonce or record.
    let call = 4 * LOOKUP_TIMEOUT + shared::rate_limit::RESERVE_WITHIN + CALL_TIMEOUT;
    // Keys of link tokens, their early refresh, scheme; the record.
    let page = 3 * LOOKUP_TIMEOUT + CALL_TIMEOUT;
    // Instead of recording: the account's key at Alibaba Cloud, and, if that came in time, nonce and answer.
    let key_there = 5 * LOOKUP_TIMEOUT + shared::rate_limit::RESERVE_WITHIN;
    let asked = get_authorization_url::ASK_WITHIN + CALL_TIMEOUT + ANSWER_TIMEOUT;
    let slowest = call.max(page).max(key_there).max(asked);
    assert!(slowest < authorization_url && authorization_url < gateways_own);

    let queue = template.properties("Queue");
    let visibility = Duration::from_secs(queue["VisibilityTimeout"].as_u64().expect("seconds"));
    assert!(visibility >= 6 * delivery, "as AWS advises for a queue that wakes a function");
    assert!(MAX_DELAY <= Duration::from_secs(900), "the longest delay that SQS has");
}

#[test]
fn the_table_is_the_stores_and_is_kept_safe() {
    let template = Template::read();
    let [(name, table)] = template.of_type("AWS::DynamoDB::Table").into_iter().collect::<Vec<_>>()[..] else {
        panic!("one table");
    };
    assert_eq!(table["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(table["KeySchema"], json!([{"AttributeName": PARTITION_KEY, "KeyType": "HASH"}]));
    assert_eq!(table["TimeToLiveSpecification"], json!({"AttributeName": TIME_TO_LIVE, "Enabled": true}));
    assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    let [condition, by_our_key, otherwise] =
        &table["SSESpecification"]["Fn::If"].as_array().expect("a choice")[..]
    else {
        panic!("a condition and two ways")
    };
    assert_eq!(condition, "HasKmsKey");
    assert_eq!((&by_our_key["SSEEnabled"], &otherwise["SSEEnabled"]), (&json!(true), &json!(true)));
    assert_eq!(by_our_key["KMSMasterKeyId"], json!({"Ref": "KmsKeyArn"}));
    assert_eq!(table["DeletionProtectionEnabled"], true);
    let resource = &template.0["Resources"][name];
    assert_eq!(
        (&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]),
        (&json!("Retain"), &json!("Retain"))
    );

    let indexes = table["GlobalSecondaryIndexes"].as_array().expect("indexes");
    let [outbox, attention, recent] = &indexes[..] else { panic!("three indexes") };
    for (index, name, attributes) in
        [(outbox, OUTBOX, &OUTBOX_ATTRIBUTES[..]), (attention, ATTENTION, &ATTENTION_ATTRIBUTES[..])]
    {
        assert_eq!(index["IndexName"], name);
        let [key, sort_key] = [name.to_owned(), format!("{name}At")];
        let keys = json!([
            {"AttributeName": key, "KeyType": "HASH"}, {"AttributeName": sort_key, "KeyType": "RANGE"},
        ]);
        assert_eq!(index["KeySchema"], keys);
        let projection = json!({"ProjectionType": "INCLUDE", "NonKeyAttributes": attributes});
        assert_eq!(index["Projection"], projection);
    }
    let [condition, recent, none] = &recent["Fn::If"].as_array().expect("a choice")[..] else {
        panic!("a condition and two ways")
    };
    assert_eq!((condition, none), (&json!("HasRecentIndex"), &json!({"Ref": "AWS::NoValue"})));
    let keys = json!([
        {"AttributeName": "businessId", "KeyType": "HASH"}, {"AttributeName": "createdAt", "KeyType": "RANGE"},
    ]);
    assert_eq!(recent["KeySchema"], keys);
    assert_eq!(
        (&recent["IndexName"], &recent["Projection"]),
        (&json!(RECENT), &json!({"ProjectionType": "KEYS_ONLY"}))
    );
}

#[test]
fn the_queue_brings_back_what_failed_and_parks_poison() {
    let template = Template::read();
    let [mapping] = template.of_type("AWS::Lambda::EventSourceMapping").into_values().collect::<Vec<_>>()[..]
    else {
        panic!("one mapping");
    };
    assert_eq!(mapping["EventSourceArn"], json!({"Fn::GetAtt": ["Queue", "Arn"]}));
    assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert_eq!(mapping["ScalingConfig"], json!({"MaximumConcurrency": {"Ref": "DeliveryConcurrency"}}));
    let queue = template.properties("Queue");
    assert_eq!(
        queue["RedrivePolicy"]["deadLetterTargetArn"],
        json!({"Fn::GetAtt": ["DeadLetterQueue", "Arn"]})
    );
    assert!(queue["RedrivePolicy"]["maxReceiveCount"].as_u64() > Some(1));
    for queue in template.of_type("AWS::SQS::Queue").values() {
        assert_eq!(
            queue["SqsManagedSseEnabled"]["Fn::If"],
            json!(["HasKmsKey", {"Ref": "AWS::NoValue"}, true])
        );
        assert_eq!(queue["KmsMasterKeyId"]["Fn::If"][1], json!({"Ref": "KmsKeyArn"}));
    }
    let [rule] = template.of_type("AWS::Events::Rule").into_values().collect::<Vec<_>>()[..] else {
        panic!("one schedule");
    };
    assert_eq!(rule["ScheduleExpression"], "rate(1 minute)");
    assert_eq!(function_of(&rule["Targets"][0]["Arn"]), "OpenidDelivery");
    assert_eq!(function_of(&mapping["FunctionName"]), "OpenidDelivery");
}

/// The least that a region's account limits may be: requests a second, and at once.
const SMALL_REGION: (u64, u64) = (2_500, 1_250);

#[test]
fn each_documented_route_has_a_limit_of_its_own_that_a_small_region_allows() {
    let template = Template::read();
    let stage = template.properties("Stage");
    let limit = |settings: &Value, name: &str| {
        let parameter = settings[name]["Ref"].as_str();
        let by_default = parameter.map(|name| &template.0["Parameters"][name]["Default"]);
        by_default.unwrap_or_else(|| &settings[name]).as_u64()
    };
    let limited = |settings: &Value| {
        let rate =
            limit(settings, "ThrottlingRateLimit").is_some_and(|rate| (1..=SMALL_REGION.0).contains(&rate));
        let burst = limit(settings, "ThrottlingBurstLimit")
            .is_some_and(|burst| (1..=SMALL_REGION.1).contains(&burst));
        rate && burst
    };
    for route in template.routes().keys() {
        let own = &stage["RouteSettings"][route];
        assert!(
            limited(own) && own["ThrottlingRateLimit"]["Ref"].is_string() || route.starts_with("ANY "),
            "{route}"
        );
    }
    assert!(limited(&stage["DefaultRouteSettings"]));
}

/// A new account has ten executions at a time, of which none may be taken away.
#[test]
fn executions_are_reserved_only_where_a_parameter_says_how_many() {
    let template = Template::read();
    for (binary, condition, parameter) in [
        ("alipay-auth-url", "HasPublicMaximum", "PublicMaximum"),
        ("authorization-query", "HasPublicMaximum", "PublicMaximum"),
        ("get-authorization-url", "HasPublicMaximum", "PublicMaximum"),
        ("openid-callback", "HasReturnReserved", "ReturnReserved"),
        ("openid-delivery", "HasDeliveryReserved", "DeliveryReserved"),
    ] {
        let reserved = &template.function(binary)["ReservedConcurrentExecutions"]["Fn::If"];
        assert_eq!(reserved, &json!([condition, {"Ref": parameter}, {"Ref": "AWS::NoValue"}]), "{binary}");
        assert_eq!(template.0["Parameters"][parameter]["Default"], 0);
        assert_eq!(
            template.0["Conditions"][condition],
            json!({"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, "0"]}]})
        );
    }
    assert_eq!(template.function("openid-delivery")["RecursiveLoop"], "Allow", "a hint follows a hint");
}

#[test]
fn nothing_that_aws_china_lacks_is_made_there() {
    let template = Template::read();
    let conditions = &template.0["Conditions"];
    assert_eq!(conditions["IsChina"], json!({"Fn::Equals": [{"Ref": "AWS::Partition"}, "aws-cn"]}));
    let elsewhere = json!({"Fn::Not": [{"Condition": "IsChina"}]});
    for condition in ["HasTracing", "HasBudget"] {
        let all = conditions[condition]["Fn::And"].as_array().expect("conditions");
        assert!(all.contains(&elsewhere), "{condition}");
    }
    for (_, function) in template.functions().values() {
        assert_eq!(
            function["TracingConfig"]["Mode"],
            json!({"Fn::If": ["HasTracing", "Active", "PassThrough"]})
        );
    }
    assert_eq!(template.0["Resources"]["Budget"]["Condition"], "HasBudget");
    let text = template.0.to_string();
    assert!(!text.contains("arn:aws:"), "every ARN begins with the partition");
}

#[test]
fn a_named_table_takes_the_place_of_the_one_that_is_made() {
    let template = Template::read();
    assert_eq!(template.0["Resources"]["Table"]["Condition"], "MakesTable");
    let nothing_named = json!({"Fn::Equals": [{"Ref": "TableName"}, ""]});
    assert_eq!(template.0["Conditions"]["MakesTable"], nothing_named);
    let in_service = json!({"Fn::If": ["MakesTable", {"Ref": "Table"}, {"Ref": "TableName"}]});
    for (_, function) in template.functions().values() {
        assert_eq!(function["Environment"]["Variables"]["AUTHLINK_TABLE"], in_service);
    }
    assert_eq!(template.0["Outputs"]["TableName"]["Value"], in_service);
    assert_eq!(template.properties("Dashboard")["DashboardBody"]["Fn::Sub"][1]["InService"], in_service);
    let mut dimensions = 0;
    let mut values = vec![&template.0["Resources"]];
    while let Some(value) = values.pop() {
        match value {
            Value::Object(fields) => {
                if fields.get("Name") == Some(&json!("TableName")) {
                    assert_eq!(fields["Value"], in_service);
                    dimensions += 1;
                }
                values.extend(fields.values());
            }
            Value::Array(items) => values.extend(items),
            _ => {}
        }
    }
    assert_eq!(dimensions, 8, "the throttles of the table and of its three indexes, read and written");
}

/// SAM publishes a version when its name changes, and takes the name of what it is told, or else of the code alone.
#[test]
fn every_version_has_its_settings_and_comes_into_service_step_by_step() {
    let template = Template::read();
    let groups = template.of_type("AWS::CodeDeploy::DeploymentGroup");
    let aliases = template.of_type("AWS::Lambda::Alias");
    for (name, _) in template.functions().values() {
        let alias = aliases[format!("{name}Aliaslive").as_str()];
        assert_eq!((&alias["Name"], &alias["FunctionName"]), (&json!("live"), &json!({"Ref": name})));
        let group = groups[format!("{name}DeploymentGroup").as_str()];
        let [condition, watched, _] =
            &group["AlarmConfiguration"]["Fn::If"].as_array().expect("a choice")[..]
        else {
            panic!("a condition and two ways")
        };
        assert_eq!((condition, &watched["Enabled"]), (&json!("WatchesRollout"), &json!(true)));
        let alarms = watched["Alarms"].as_array().expect("alarms");
        let of_function = json!({"Name": {"Ref": format!("{name}Errors")}});
        assert!(alarms.contains(&of_function), "{name} is not led back by its own errors");
        assert_eq!(group["AutoRollbackConfiguration"]["Enabled"], true);
        assert_eq!(group["ServiceRoleArn"], json!({"Fn::GetAtt": ["RolloutRole", "Arn"]}));
    }
    let text = std::fs::read_to_string(Path::new(ROOT).join("template.yaml")).expect("a template");
    assert_eq!(text.matches("AutoPublishCodeSha256: !Ref Release\n").count(), template.functions().len());
}

#[test]
fn a_record_of_the_domain_is_made_only_in_a_zone_that_is_named() {
    let template = Template::read();
    assert_eq!(template.0["Resources"]["DomainRecord"]["Condition"], "HasHostedZone");
    let record = template.properties("DomainRecord");
    assert_eq!(record["HostedZoneId"], json!({"Ref": "HostedZoneId"}));
    assert_eq!(record["AliasTarget"]["DNSName"], json!({"Fn::GetAtt": ["Domain", "RegionalDomainName"]}));
}
