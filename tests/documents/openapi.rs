//! The OpenAPI document against the code: routes, fields, limits, statuses, codes and states, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json as value};
use shared::egress::callback_url::MAX_CALLBACK_URL_CHARS;
use shared::model::request_id::RequestId;
use shared::protocol::open_api::{Code, Envelope, MAX_FIELD_CHARACTERS, WarningCode};
use shared::web::{ERRORS_PATH, private_answer};
use strum::VariantArray as _;
use tests::parties::CountingRandom;
use yaml_rust2::{Yaml, YamlLoader};

use super::{
    Names, assert_same, camel_case, fields, files, literals_after, read, screaming_variants, source,
};

fn json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Integer(number) => (*number).into(),
        Yaml::String(text) => text.as_str().into(),
        Yaml::Boolean(flag) => (*flag).into(),
        Yaml::Array(items) => items.iter().map(json).collect(),
        Yaml::Hash(pairs) => {
            let text = |key: &Yaml| key.as_str().expect("a key that is text").to_owned();
            pairs.iter().map(|(key, value)| (text(key), json(value))).collect()
        }
        other => panic!("{other:?} has no place here"),
    }
}

fn document() -> Value {
    json(&YamlLoader::load_from_str(&read("docs/openapi.yaml")).expect("YAML")[0])
}

/// A schema by its name.
fn schema(document: &Value, name: &str) -> Value {
    document["components"]["schemas"][name].clone()
}

fn texts(list: &Value) -> Names {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    list.as_array().expect("a list").iter().map(text).collect()
}

fn keys(object: &Value) -> Names {
    object.as_object().expect("an object").keys().cloned().collect()
}

fn names<const COUNT: usize>(names: [&str; COUNT]) -> Names {
    names.map(str::to_owned).into()
}

/// The variants of [`Code`] that `text` names.
fn codes_in(text: &str) -> Names {
    let names = text
        .split("Code::")
        .skip(1)
        .map(|rest| rest.chars().take_while(char::is_ascii_alphabetic).collect::<String>());
    names.filter(|name| Code::VARIANTS.iter().any(|code| format!("{code:?}") == *name)).collect()
}

fn code(variant: &str) -> Code {
    *Code::VARIANTS.iter().find(|code| format!("{code:?}") == variant).expect("a code")
}

/// The fields of one struct of `text` as they are on the wire, and those of them that may be left out.
fn of_struct(text: &str, name: &str) -> (Names, Names) {
    let (_, rest) = text.split_once(&format!("struct {name}")).expect(name);
    let (_, rest) = rest.split_once("{\n").expect("a body");
    let own = rest.split("\n}\n").next().expect("an end");
    let head = "#[derive(Serialize)]\n#[serde(rename_all = \"camelCase\")]\nstruct Alone {\n";
    let all = fields(&format!("{head}{own}\n}}\n"), "Serialize");
    let after = own.split("skip_serializing_if").skip(1).filter_map(|rest| rest.lines().nth(1));
    let bare = |line: &str| {
        let (name, _) = line.split_once(':')?;
        Some(camel_case(name.rsplit(' ').next()?))
    };
    (all, after.filter_map(bare).collect())
}

#[test]
fn the_routes_are_those_of_the_template() {
    let document = document();
    let methods = |path: &str| keys(&document["paths"][path]);
    let documented: Names = keys(&document["paths"])
        .iter()
        .flat_map(|path| {
            methods(path).into_iter().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let template = read("template.yaml");
    let routes = template.lines().filter_map(|line| line.trim().strip_prefix("RouteKey: "));
    let of_template = routes.map(|route| match route {
        "ANY /v1/openapi/{proxy+}" => "POST /v1/openapi/{other}".to_owned(),
        route => route.to_owned(),
    });
    // The route of all other paths leads there.
    let errors = format!("GET {ERRORS_PATH}");
    assert_same(&documented, &of_template.chain([errors]).collect(), "routes");
    let of_functions = [
        alipay_auth_url::PATH,
        authorization_query::PATH,
        get_authorization_url::PATH,
        get_authorization_url::LINK_PATH,
        openid_callback::PATH,
    ];
    let missing: Vec<_> =
        of_functions.into_iter().filter(|path| document["paths"].get(*path).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn requests_have_the_fields_that_are_read() {
    let document = document();
    for (name, folder) in [
        ("LinkRequest", "functions/alipay-auth-url/src"),
        ("Query", "functions/authorization-query/src"),
        ("PlatformCallback", "functions/openid-callback/src"),
    ] {
        let schema = schema(&document, name);
        let text = source(folder);
        let required = literals_after(&text, &["fields.required("]);
        let optional = literals_after(&text, &["fields.optional(", "id(&fields,"]);
        assert_same(&keys(&schema["properties"]), &(&required | &optional), name);
        assert_same(&texts(&schema["required"]), &required, name);
    }
    let either = |name: &str| -> Names {
        let schema = schema(&document, name);
        schema["anyOf"].as_array().expect("a choice").iter().flat_map(|one| texts(&one["required"])).collect()
    };
    assert_eq!(either("LinkRequest"), names(["userId", "thirdAccount"]));
    assert_eq!(either("PlatformCallback"), names(["openId", "alipayUserId"]));
    assert_eq!(schema(&document, "Field")["maxLength"], MAX_FIELD_CHARACTERS);
    let callback_url = &schema(&document, "LinkRequest")["properties"]["callbackUrl"];
    assert_eq!(callback_url["maxLength"], MAX_CALLBACK_URL_CHARS);
    let headers: BTreeMap<_, _> = ["BusinessId", "Nonce", "Timestamp", "Sign", "SignType"]
        .map(|name| &document["components"]["parameters"][name])
        .map(|header| (header["name"].as_str().expect("a name"), header["required"] == true))
        .into();
    let expected =
        [("businessId", true), ("nonce", true), ("timestamp", true), ("sign", true), ("signType", false)];
    assert_eq!(headers, expected.into());
}

#[test]
fn answers_of_the_open_api_have_the_statuses_of_the_code() {
    let document = document();
    let of = |name: &str, field: &str| -> Names {
        let value = &schema(&document, name)["properties"][field];
        if value.get("enum").is_some() { texts(&value["enum"]) } else { texts(&value!([value["const"]])) }
    };
    // A query asks no platform and makes no link; a request for a link asks after no earlier one.
    let of_queries = Names::from(["SerialUnknown".to_owned()]);
    let shared = &codes_in(&read("shared/src/protocol/open_api/error.rs")) - &of_queries;
    let of_links = &codes_in(&source("functions/alipay-auth-url/src"))
        | &codes_in(&source("shared/src/protocol/open_api/client"));
    for (path, schemas, own) in [
        (
            alipay_auth_url::PATH,
            &["LinkGranted", "SerialUsed", "LinkRefused", "NoSuchInterface", "Failed"][..],
            of_links,
        ),
        (
            authorization_query::PATH,
            &["QueryAnswered", "QueryRefused", "NoSuchInterface", "Failed"],
            of_queries,
        ),
    ] {
        let answered: Vec<_> = (&shared | &own).into_iter().map(|variant| code(&variant)).collect();
        let http = answered.iter().map(|code| code.http_status().as_str().to_owned());
        assert_same(&keys(&document["paths"][path]["post"]["responses"]), &http.collect(), path);
        let words = answered.iter().map(|code| code.as_str().to_owned()).chain(["success".to_owned()]);
        let of_failures: Names = of("Failed", "code");
        let documented: Names = schemas.iter().flat_map(|name| of(name, "code")).collect();
        let words: Names = words.chain(of_failures).collect();
        assert_same(&documented, &words, "codes");
        let statuses = answered.iter().map(|code| code.status().to_string()).chain(["0".to_owned()]);
        let documented: Names = schemas.iter().flat_map(|name| of(name, "status")).collect();
        assert_same(&documented, &statuses.collect(), "statuses");
        for (name, word) in
            schemas.iter().flat_map(|name| of(name, "code").into_iter().map(move |word| (name, word)))
        {
            let status =
                Code::VARIANTS.iter().find(|code| code.as_str() == word).map_or(0, |code| code.status());
            assert!(of(name, "status").contains(&status.to_string()), "{name}: {word}");
        }
    }
    let warnings: Names = WarningCode::VARIANTS.iter().map(|code| <&str>::from(code).to_owned()).collect();
    assert_same(
        &texts(&schema(&document, "Warnings")["items"]["properties"]["code"]["enum"]),
        &warnings,
        "warnings",
    );

    let (body, _) = of_struct(&read("shared/src/protocol/open_api/response.rs"), "Body");
    for name in ["LinkGranted", "SerialUsed", "LinkRefused", "QueryAnswered", "QueryRefused", "Failed"] {
        let schema = schema(&document, name);
        assert_same(&keys(&schema["properties"]), &body, name);
        assert_same(&texts(&schema["required"]), &body, name);
    }
    let (data, _) = of_struct(&source("functions/alipay-auth-url/src"), "Data");
    for name in ["LinkGranted", "SerialUsed"] {
        let documented = keys(&schema(&document, name)["properties"]["data"]["properties"]);
        assert_same(&documented, &(&data | &names(["warnings"])), name);
    }
}

/// What a `$ref` of `document` leads to, or the value itself.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let referred = value["$ref"].as_str().and_then(|path| document.pointer(path.trim_start_matches('#')));
    referred.unwrap_or(value)
}

#[test]
fn answers_of_the_open_api_have_the_headers_of_the_code() {
    let document = document();
    let request_id = RequestId::generate(&CountingRandom::default());
    let envelope = Envelope { request_id: &request_id, warnings: &[] };
    let mut seen = Names::new();
    for path in [alipay_auth_url::PATH, authorization_query::PATH] {
        let responses = document["paths"][path]["post"]["responses"].as_object().expect("answers");
        for (status, response) in responses {
            let code = Code::VARIANTS.iter().find(|code| code.http_status().as_str() == status);
            let mut answer = envelope.refused(*code.expect("a code"), "", &value!({}));
            private_answer::set_headers(answer.headers_mut());
            let names = answer.headers().keys().map(|name| name.as_str().to_owned());
            let undocumented = ["content-type", "x-content-type-options"];
            let sent: Names = names.filter(|name| !undocumented.contains(&name.as_str())).collect();
            let documented = keys(&resolved(&document, response)["headers"]);
            let documented = documented.iter().map(|name| name.to_lowercase()).collect();
            assert_same(&documented, &sent, &format!("{path}: {status}"));
            seen.extend(sent);
        }
    }
    assert!(seen.contains("retry-after"), "{seen:?}");
}

/// The parameters of an operation, as `place name`.
fn parameters(document: &Value, operation: &Value) -> Names {
    let listed = operation["parameters"].as_array().expect("parameters");
    let named = |parameter: &Value| {
        let parameter = resolved(document, parameter);
        format!(
            "{} {}",
            parameter["in"].as_str().expect("a place"),
            parameter["name"].as_str().expect("a name")
        )
    };
    listed.iter().map(named).collect()
}

/// The headers of a browser that `source` reads.
fn browser_headers(source: &str) -> Names {
    let known = [("Language::preferred(", "header Accept-Language"), ("USER_AGENT", "header User-Agent")];
    known.into_iter().filter(|(use_, _)| source.contains(use_)).map(|(_, name)| name.to_owned()).collect()
}

#[test]
fn the_browsers_routes_have_the_parameters_that_are_read_or_led_to_with() {
    let document = document();
    let in_query = |names: &Names| -> Names { names.iter().map(|name| format!("query {name}")).collect() };

    let landing = source("functions/get-authorization-url/src/landing");
    let own = read("functions/get-authorization-url/src/landing/query.rs");
    let own = literals_after(&own, &[": &str =", "name =="]);
    let (_, address) = landing.split_once("{public_url}{PATH}?page=").expect("the documented address");
    let address = format!("page={}", address.split('"').next().expect("an end"));
    let of_address =
        address.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name.to_owned());
    let of_page = &in_query(&own.into_iter().chain(of_address).collect()) | &browser_headers(&landing);
    let page = &document["paths"][get_authorization_url::LINK_PATH];
    assert_same(&parameters(&document, &page["get"]), &of_page, "the landing page");
    for part in ["parameters", "responses"] {
        assert_eq!(page["head"][part], page["get"][part], "HEAD is answered as GET, without the page");
    }

    let callback = source("functions/openid-callback/src");
    let needed = literals_after(&callback, &["once("]);
    let of_alipay = literals_after(&source("local/src/emulator"), &["query.append_pair("]);
    assert!(needed.is_subset(&of_alipay), "{needed:?}, {of_alipay:?}");
    let of_return = &in_query(&of_alipay) | &browser_headers(&callback);
    let page = &document["paths"][openid_callback::PATH]["get"];
    assert_same(&parameters(&document, page), &of_return, "the return from Alipay");

    let errors = read("functions/alipay-auth-url/src/error_page.rs");
    let of_errors =
        &in_query(&literals_after(&errors, &["find(|(name, _)| name =="])) | &browser_headers(&errors);
    let page = &document["paths"][ERRORS_PATH]["get"];
    assert_same(&parameters(&document, page), &of_errors, "the page about a code");
}

#[test]
fn a_query_is_answered_with_the_fields_and_states_of_the_code() {
    let document = document();
    let view = read("functions/authorization-query/src/view.rs");
    for (name, of) in [
        ("Authorization", "View "),
        ("Delivery", "Delivery "),
        ("Attempt", "AttemptView "),
        ("Happened", "TimelineEntry "),
    ] {
        let schema = schema(&document, name);
        let (all, optional) = of_struct(&view, of);
        let documented = &keys(&schema["properties"]) - &names(["warnings"]);
        assert_same(&documented, &all, name);
        assert_same(&texts(&schema["required"]), &(&all - &optional), name);
    }
    let words = |name: &str, field: &str| texts(&schema(&document, name)["properties"][field]["enum"]);
    let states = screaming_variants(&read("shared/src/model/authorization_state.rs"));
    assert_same(&words("Authorization", "state"), &states, "states");
    let of_view = screaming_variants(&view);
    assert_same(&(&words("Delivery", "state") | &words("Happened", "event")), &of_view, "states and events");

    let outcomes = read("shared/src/model/delivery_outcome.rs");
    let (_, rest) = outcomes.split_once("pub enum DeliveryOutcome {\n").expect("the outcomes");
    let variants = rest.split("\n}\n").next().expect("an end").lines().map(str::trim);
    let variants = variants.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    let snake = |line: &str| {
        let bare = line.split(['(', ',']).next().unwrap_or_default();
        let letters = bare.chars().enumerate().map(|(at, letter)| match letter {
            'A'..='Z' if at > 0 => format!("_{}", letter.to_ascii_lowercase()),
            _ => letter.to_ascii_lowercase().to_string(),
        });
        letters.collect::<String>()
    };
    let open = literals_after(&view, &["const UNDER_WAY: &str =", "const UNFINISHED: &str ="]);
    // Where an address leads is one word to whoever chose it.
    let hidden = ["dns", "address_refused"];
    let told = literals_after(&outcomes, &["Self::Dns | Self::AddressRefused(_) =>"]);
    assert_eq!(told.len(), 1);
    let own = variants.map(snake).filter(|word| !hidden.contains(&word.as_str()));
    let of_the_code: Names = own.chain(open).chain(told).collect();
    assert_same(&words("Attempt", "outcome"), &of_the_code, "outcomes");
}

#[test]
fn both_callbacks_have_the_fields_of_the_code() {
    let document = document();
    let body = read("shared/src/delivery/body.rs");
    let (user, either) = of_struct(&body, "User<'a> ");
    for (name, of) in [("MerchantCallback", "OfMerchant"), ("SchemeCallback", "OfScheme")] {
        let schema = schema(&document, name);
        let (own, optional) = of_struct(&body, of);
        assert_same(&keys(&schema["properties"]), &(&own | &user), name);
        let required = &(&own - &optional) | &(&user - &either);
        assert_same(&texts(&schema["required"]), &required, name);
        let choice: Names = schema["anyOf"]
            .as_array()
            .expect("a choice")
            .iter()
            .flat_map(|one| texts(&one["required"]))
            .collect();
        assert_same(&choice, &either, name);
    }
    let (nobody, _) = of_struct(&body, "Nobody ");
    for (name, of) in [("MerchantNotice", "OfMerchant"), ("SchemeNotice", "OfScheme")] {
        let schema = schema(&document, name);
        let (own, optional) = of_struct(&body, of);
        assert_same(&keys(&schema["properties"]), &(&own | &nobody), name);
        assert_same(&texts(&schema["required"]), &(&(&own - &optional) | &nobody), name);
    }
    let webhooks = ["merchantCallback", "merchantNotice", "schemeCallback", "schemeNotice"];
    assert_eq!(keys(&document["webhooks"]), names(webhooks));
}

#[test]
fn answers_of_get_authorization_url_are_those_of_the_golden_files() {
    let document = document();
    let responses = keys(&document["paths"]["/"]["get"]["responses"]);
    let mut codes = Names::new();
    let mut http = BTreeSet::new();
    for path in files("tests/golden/get-authorization-url", ".json.http") {
        let text = fs::read_to_string(&path).expect("a golden file");
        let (head, body) = text.split_once("\n\n").expect("a head and a body");
        let body: Value = serde_json::from_str(body).expect("JSON");
        let code = body["Code"].as_str().expect("a code");
        let schema = schema(&document, if code == "OK" { "AuthorizationUrl" } else { "RpcError" });
        assert_same(&keys(&schema["properties"]), &keys(&body), code);
        assert_same(&texts(&schema["required"]), &keys(&body), code);
        http.insert(head.lines().next().expect("a status").to_owned());
        if code != "OK" {
            codes.insert(code.to_owned());
        }
    }
    assert_same(&texts(&schema(&document, "RpcCode")["enum"]), &codes, "codes");
    http.insert("4XX".to_owned());
    assert_eq!(responses, http);
}

#[test]
fn pages_have_the_http_statuses_of_the_code() {
    const STATUSES: [(&str, &str); 8] = [
        ("OK", "200"),
        ("FOUND", "302"),
        ("FORBIDDEN", "403"),
        ("NOT_FOUND", "404"),
        ("CONFLICT", "409"),
        ("GONE", "410"),
        ("TOO_MANY_REQUESTS", "429"),
        ("SERVICE_UNAVAILABLE", "503"),
    ];
    let document = document();
    for (path, page) in [
        (openid_callback::PATH, "functions/openid-callback/src/page.rs"),
        (get_authorization_url::LINK_PATH, "functions/get-authorization-url/src/landing/page.rs"),
    ] {
        let text = read(page);
        let used = text.split("StatusCode::").skip(1).map(|rest| {
            let name: String =
                rest.chars().take_while(|char| char.is_ascii_uppercase() || *char == '_').collect();
            let known = STATUSES.iter().find(|(known, _)| *known == name);
            known.unwrap_or_else(|| panic!("{page}: {name}")).1.to_owned()
        });
        assert_same(&keys(&document["paths"][path]["get"]["responses"]), &used.collect(), path);
    }
}
