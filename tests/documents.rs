//! The documents against the code, and the Chinese pages against the English ones.
//!
//! Names are taken from the sources, cut off where their tests begin, so that whatever the code says has to stand in
//! both languages, and nothing else.

#[path = "documents/errors.rs"]
mod errors;
#[path = "documents/merchants.rs"]
mod merchants;
#[path = "documents/openapi.rs"]
mod openapi;
#[path = "documents/runbook.rs"]
mod runbook;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use shared::protocol::open_api::Code;
use shared::signing::open_api::diagnosis::Cause;
use strum::VariantArray as _;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Pages that exist in both languages, in `docs` and in `docs/zh`.
const PAGES: [&str; 6] =
    ["errors", "merchants", "open-api", "get-authorization-url", "configuration", "operations"];

/// The longest line that is no table, no code and holds no link, in characters.
const MAX_LINE: usize = 100;

type Names = BTreeSet<String>;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Both languages of a page, each with its path.
fn page(name: &str) -> [(String, String); 2] {
    [format!("docs/{name}.md"), format!("docs/zh/{name}.md")].map(|path| {
        let text = read(&path);
        (path, text)
    })
}

/// Every file below `folder` whose name ends with `extension`.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(Path::new(ROOT).join(folder)).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            let below = path.strip_prefix(ROOT).expect("below the root").to_str().expect("text").to_owned();
            found.extend(files(&below, extension));
        } else if path.to_str().is_some_and(|name| name.ends_with(extension)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The sources below `folder`, without their tests.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source");
        let product = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
        (path, product)
    };
    let sources: Vec<_> = files(folder, ".rs").into_iter().map(read).collect();
    assert!(!sources.is_empty(), "{folder} holds no source");
    sources
}

fn source(folder: &str) -> String {
    sources(folder).into_iter().map(|(_, text)| text).collect()
}

/// The string literals that directly follow one of `openings`, white space between them aside.
fn literals_after(text: &str, openings: &[&str]) -> Names {
    let after = |opening: &str| {
        text.match_indices(opening)
            .filter_map(|(at, _)| text[at + opening.len()..].trim_start().strip_prefix('"'))
            .filter_map(|rest| rest.split_once('"'))
            .map(|(literal, _)| literal.to_owned())
            .collect::<Vec<_>>()
    };
    openings.iter().flat_map(|opening| after(opening)).collect()
}

/// The fields of every struct in `text` that derives `derived`, as they are on the wire.
fn fields(text: &str, derived: &str) -> Names {
    let mut names = Names::new();
    let mut derives = false;
    let mut camel = false;
    let mut within = false;
    let mut renamed = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[derive(") {
            (derives, camel) = (line.contains(derived), false);
        } else if line.contains("rename_all = \"camelCase\"") {
            camel = true;
        } else if line.contains("struct ") && line.ends_with('{') {
            (within, renamed) = (derives, None);
        } else if line == "}" {
            (within, derives) = (false, false);
        } else if let Some((_, rest)) = line.split_once("rename = \"") {
            renamed = rest.split('"').next().map(str::to_owned);
        } else if within && line.contains("flatten") {
            renamed = Some(String::new());
        } else if within && !line.starts_with(['#', '/']) && line.contains(": ") {
            let bare = line.split(':').next().unwrap_or_default().rsplit(' ').next().unwrap_or_default();
            let name =
                renamed.take().unwrap_or_else(|| if camel { camel_case(bare) } else { bare.to_owned() });
            names.insert(name);
        }
    }
    names.remove("");
    names
}

/// The variants of every enum in `text` that goes out in capitals, as they are on the wire.
fn screaming_variants(text: &str) -> Names {
    let enums = text.split("_all = \"SCREAMING_SNAKE_CASE\"").skip(1);
    let bodies = enums.filter_map(|rest| rest.split_once('{')?.1.split('}').next());
    let variants = bodies.flat_map(str::lines).filter_map(|line| line.trim().strip_suffix(','));
    let screaming = |name: &str| {
        let letters = name.chars().enumerate().map(|(at, letter)| match letter {
            'A'..='Z' if at > 0 => format!("_{letter}"),
            _ => letter.to_ascii_uppercase().to_string(),
        });
        letters.collect::<String>()
    };
    variants.filter(|name| name.bytes().all(|byte| byte.is_ascii_alphabetic())).map(screaming).collect()
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (initial, rest) = word.split_at(1);
        name + &initial.to_ascii_uppercase() + rest
    })
}

/// The rows of every table of a page, a table each, without its head.
fn tables(text: &str) -> Vec<Vec<Vec<String>>> {
    let mut tables: Vec<Vec<Vec<String>>> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if !line.starts_with('|') {
            continue;
        }
        assert!(lines.next().is_some_and(|rule| rule.starts_with("|-")), "a table without a rule: {line}");
        let mut rows = Vec::new();
        while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
            let cells = row.trim().trim_start_matches('|').split('|').map(|cell| cell.trim().to_owned());
            rows.push(cells.collect());
        }
        tables.push(rows);
    }
    tables
}

/// The names in backticks of `text`, each word of them that could be one.
fn in_backticks(text: &str) -> Names {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The names in backticks in the first columns of `text`.
fn first_column(text: &str) -> Names {
    tables(text).iter().flatten().flat_map(|row| in_backticks(&row[0])).collect()
}

/// The sections of `text` whose heading begins with one of `headings`, down to the next heading of its level or above.
fn sections(text: &str, headings: &[&str]) -> String {
    let mut found = String::new();
    let mut level = None;
    for line in text.lines() {
        let depth = line.len() - line.trim_start_matches('#').len();
        if depth > 0 && level.is_some_and(|level| depth <= level) {
            level = None;
        }
        if depth > 0 && level.is_none() && headings.iter().any(|heading| line.starts_with(heading)) {
            level = Some(depth);
        }
        if level.is_some() {
            found += line;
            found.push('\n');
        }
    }
    assert!(!found.is_empty(), "no section {headings:?}");
    found
}

fn assert_same(documented: &Names, of_the_code: &Names, what: &str) {
    assert!(!of_the_code.is_empty(), "{what}: nothing was found in the code");
    let missing: Vec<_> = of_the_code.difference(documented).collect();
    let unknown: Vec<_> = documented.difference(of_the_code).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "{what}: missing {missing:?}, unknown to the code {unknown:?}"
    );
}

#[test]
fn every_setting_stands_in_both_languages() {
    let text = source("shared/src");
    let quoted = |prefix: &str| -> Vec<String> {
        let opening = format!("\"{prefix}");
        let name = |rest: &str| rest.split('"').next().map(|rest| format!("{prefix}{rest}"));
        let is_name = |name: &String| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        text.split(&opening).skip(1).filter_map(name).filter(is_name).collect()
    };
    let read: Names = [quoted("AUTHLINK_"), quoted("AWS_")].concat().into_iter().collect();
    for (path, text) in page("configuration") {
        let settings = sections(&text, &["## Settings", "## 环境变量"]);
        assert_same(&first_column(&settings), &read, &path);
    }
}

/// The names under `heading` of the template.
fn template_names(heading: &str, kind: Option<&str>) -> Names {
    let template = read("template.yaml");
    let section = template.split(&format!("\n{heading}:\n")).nth(1).expect("a section");
    let mut names = Names::new();
    let mut lines = section.lines().take_while(|line| line.is_empty() || line.starts_with(' ')).peekable();
    while let Some(line) = lines.next() {
        let name = line.strip_prefix("  ").and_then(|line| line.strip_suffix(':'));
        let name = name.filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let of_kind =
            kind.is_none_or(|kind| lines.peek().is_some_and(|next| next.trim() == format!("Type: {kind}")));
        names.extend(name.filter(|_| of_kind).map(str::to_owned));
    }
    names
}

#[test]
fn every_parameter_and_alarm_of_the_template_stands_in_both_languages() {
    for (path, text) in page("configuration") {
        let parameters = sections(&text, &["## Template parameters", "## 模板参数"]);
        assert_same(&first_column(&parameters), &template_names("Parameters", None), &path);
    }
    for (path, text) in page("operations") {
        let alarms = sections(&text, &["## Alarms", "## 告警"]);
        let of_the_template = template_names("Resources", Some("AWS::CloudWatch::Alarm"));
        assert_same(&first_column(&alarms), &of_the_template, &path);
        let template = read("template.yaml");
        let kinds = template.split("Name: kind, Value: ").skip(1).filter_map(|rest| rest.split('}').next());
        let documented = tables(&alarms)[0].iter().flat_map(|row| in_backticks(&row[1])).collect();
        assert_same(&documented, &kinds.map(str::to_owned).collect(), &path);
    }
}

#[test]
fn every_field_of_the_documents_stands_in_both_languages() {
    const SECRETS: [(&str, &str); 10] = [
        ("access_key", "### `access-key/"),
        ("account", "### `account/"),
        ("alibaba_cloud_key", "### `aliyun/"),
        ("alipay_app", "### `alipay-app/"),
        ("business", "### `business/"),
        ("callback_key", "### `callback-key`"),
        ("link_token", "### `link-token`"),
        ("phone_key", "### `phone-key`"),
        ("platform", "### `upstream/"),
        ("scheme", "### `scheme/"),
    ];
    let named = |text: &str| fields(text, "Deserialize");
    let registry = sources("shared/src/registry");
    let all: Names = registry.iter().flat_map(|(_, text)| named(text)).collect();
    for (path, page) in page("configuration") {
        let documents = sections(&page, &["## Documents", "## 文档"]);
        assert_same(&first_column(&documents), &all, &path);
        for (file, heading) in SECRETS {
            let own = registry.iter().find(|(path, _)| path.ends_with(format!("{file}.rs")));
            let (_, text) = own.unwrap_or_else(|| panic!("no {file}.rs"));
            let documented = first_column(&sections(&documents, &[heading]));
            let missing: Vec<_> = named(text).difference(&documented).cloned().collect();
            assert!(missing.is_empty(), "{path}, {heading}: missing {missing:?}");
        }
    }
}

#[test]
fn every_status_stands_in_both_languages() {
    let statuses = Code::VARIANTS.iter().map(|code| code.status().to_string());
    let of_the_code: Names = statuses.chain(["0".to_owned()]).collect();
    for (path, text) in page("open-api") {
        let documented = first_column(&sections(&text, &["## Statuses", "## 状态码"]));
        assert_same(&documented, &of_the_code, &path);
    }
}

#[test]
fn every_cause_of_a_refused_signature_stands_in_both_languages() {
    let of_the_code = Cause::VARIANTS.iter().map(|cause| cause.as_str().to_owned()).collect();
    for (path, text) in page("open-api") {
        let causes = sections(&text, &["## Causes of a refused signature", "## 验签失败的原因"]);
        let words = tables(&causes)[0].iter().flat_map(|row| in_backticks(&row[0])).collect();
        assert_same(&words, &of_the_code, &path);
    }
}

#[test]
fn every_field_of_the_open_api_stands_in_both_languages() {
    let asked_for = |folder: &str| {
        literals_after(
            &source(folder),
            &["fields.required(", "fields.optional(", "id(&fields,", "optional(fields,"],
        )
    };
    let view = read("functions/authorization-query/src/view.rs");
    let told = fields(view.split("#[cfg(test)]").next().expect("a source"), "Serialize");
    let body = read("shared/src/delivery/body.rs");
    let delivered = fields(body.split("#[cfg(test)]").next().expect("a source"), "Serialize");
    for name in ["serialNo", "requestId", "openId", "authTime"] {
        assert!(delivered.contains(name), "{delivered:?}");
    }
    let of_events = ["event", "time", "number", "outcome", "httpStatus", "durationMillis", "detail"];
    let of_events = of_events.map(str::to_owned);
    let [open_api, rpc] = [page("open-api"), page("get-authorization-url")];
    for ((path, text), (rpc_path, rpc_text)) in open_api.into_iter().zip(rpc) {
        let link = first_column(&sections(&text, &["## Request a link", "## 获取授权链接"]));
        assert_same(&link, &asked_for("functions/alipay-auth-url/src"), &path);

        let look_up = sections(&text, &["## Look a request up", "## 查询"]);
        let query = asked_for("functions/authorization-query/src");
        let columns: Names = first_column(&look_up)
            .iter()
            .flat_map(|name| name.split('.').map(str::to_owned).collect::<Vec<_>>())
            .collect();
        assert_same(&(&columns | &of_events.clone().into()), &(&query | &told), &path);
        let words = in_backticks(&look_up);
        assert!(of_events.iter().all(|name| words.contains(name)), "{path}: {words:?}");

        let callback =
            first_column(&sections(&text, &["## The callback\n", "## The callback", "## 授权回调"]));
        let of_scheme = first_column(&sections(&rpc_text, &["## The callback", "## 授权回调"]));
        let headers = ["nonce", "timestamp", "sign", "signType"].map(str::to_owned);
        let documented: Names =
            (&callback | &of_scheme).into_iter().filter(|name| !headers.contains(name)).collect();
        assert_same(&documented, &delivered, &format!("{path} and {rpc_path}"));
        for name in asked_for("functions/openid-callback/src") {
            assert!(callback.contains(&name), "{path}: a platform's callback has {name}");
        }
    }
}

#[test]
fn every_header_and_state_of_the_open_api_stands_in_both_languages() {
    const HEADERS: [&str; 5] = ["businessId", "nonce", "timestamp", "sign", "signType"];
    let signing = source("shared/src/signing/open_api");
    let states = screaming_variants(&source("shared/src/model"));
    let told = screaming_variants(&read("functions/authorization-query/src/view.rs"));
    assert!(states.contains("EXCHANGE_UNKNOWN") && told.contains("NO_ADDRESS"), "{states:?}, {told:?}");
    let states = &states | &told;
    for (path, text) in page("open-api") {
        for header in HEADERS {
            assert!(
                signing.contains(&format!("Header `{header}`")) || signing.contains(&format!("\"{header}\""))
            );
            let documented = first_column(&sections(&text, &["### Headers", "### 请求头"]));
            assert!(documented.contains(header), "{path}: {header}");
        }
        let documented = in_backticks(&sections(&text, &["## Look a request up", "## 查询"]));
        let missing: Vec<_> = states.difference(&documented).collect();
        assert!(missing.is_empty(), "{path}: {missing:?}");
    }
}

/// What `GetAuthorizationUrl` answers: the HTTP status and the body of each golden file.
fn golden_answers() -> Vec<(String, Value)> {
    let read = |path: PathBuf| {
        let text = fs::read_to_string(path).expect("a golden file");
        let (head, body) = text.split_once("\n\n").expect("a head and a body");
        let status = head.lines().next().expect("a status").to_owned();
        (status, serde_json::from_str(body).expect("JSON"))
    };
    files("tests/golden/get-authorization-url", ".json.http").into_iter().map(read).collect()
}

/// The fields of what `GetAuthorizationUrl` answers; one within another is `outer.inner`.
fn answered_by_rpc() -> Names {
    let mut answered = Names::new();
    for (_, body) in golden_answers() {
        for (name, value) in body.as_object().expect("an object") {
            let below =
                value.as_object().map(|value| value.keys().map(|key| format!("{name}.{key}")).collect());
            answered.extend(below.unwrap_or_else(|| vec![name.clone()]));
        }
    }
    answered
}

#[test]
fn every_answer_of_get_authorization_url_stands_in_both_languages() {
    let mut codes = BTreeSet::new();
    let answered = answered_by_rpc();
    for (status, body) in golden_answers() {
        let code = body["Code"].as_str().expect("a code").to_owned();
        if code != "OK" {
            codes.insert((code, status));
        }
    }
    let text = source("functions/get-authorization-url/src");
    let table = read("functions/get-authorization-url/src/refusal.rs");
    let openings = ["BAD_REQUEST,", "NOT_FOUND,", "FORBIDDEN,", "FAILED,", "(code, message) = ("];
    let of_the_code = literals_after(&table, &openings);
    assert_same(&codes.iter().map(|(code, _)| code.clone()).collect(), &of_the_code, "golden files");
    let parameters =
        &literals_after(&text, &["parameter(call,", ".parameter("]) | &["Format".to_owned()].into();
    for (path, text) in page("get-authorization-url") {
        let refusals = sections(&text, &["## Refusals", "## 错误码"]);
        let rows = tables(&refusals).remove(0);
        let documented: BTreeSet<_> =
            rows.iter().map(|row| (row[0].replace('`', ""), row[1].clone())).collect();
        assert_eq!(documented, codes, "{path}");
        let fields = first_column(&sections(&text, &["### The answer", "### 返回"]));
        assert_same(&fields, &answered, &path);
        let call = sections(&text, &["## The call\n", "## The call", "## 调用"]);
        let documented: Names = tables(&call)[0].iter().flat_map(|row| in_backticks(&row[0])).collect();
        assert_same(&documented, &parameters, &path);
    }
}

#[test]
fn both_languages_have_the_same_tables_and_commands() {
    let mut pairs: Vec<_> = PAGES.map(page).into();
    pairs.push(["README.md", "README.zh-CN.md"].map(|path| (path.to_owned(), read(path))));
    for [(_, english), (path, chinese)] in pairs {
        let columns = |text: &str| -> Vec<Vec<String>> {
            let column = |table: &Vec<Vec<String>>| table.iter().map(|row| row[0].clone()).collect();
            tables(text).iter().map(column).collect()
        };
        let (of_english, of_chinese) = (columns(&english), columns(&chinese));
        if path.starts_with("README") {
            let rows = |columns: &[Vec<String>]| columns.iter().map(Vec::len).collect::<Vec<_>>();
            assert_eq!(rows(&of_english), rows(&of_chinese), "{path}");
        } else {
            assert_eq!(of_english, of_chinese, "{path}");
        }
        let commands = |text: &str| -> Vec<String> {
            let blocks =
                text.split("\n```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("sh\n"));
            let bare = |line: &str| line.split(" #").next().unwrap_or_default().trim_end().to_owned();
            blocks.flat_map(|block| block.lines().map(bare).collect::<Vec<_>>()).collect()
        };
        assert_eq!(commands(&english), commands(&chinese), "{path}");
        assert!(
            !commands(&english).is_empty()
                || path.ends_with("configuration.md")
                || path.ends_with("open-api.md")
                || path.ends_with("errors.md")
        );
    }
}

#[test]
fn both_readmes_have_the_same_figures() {
    let figures = |path: &str| -> Vec<String> {
        let text = read(path);
        let (_, rest) = text.split_once("<!-- figures -->").expect("the figures");
        let (block, _) = rest.split_once("<!-- /figures -->").expect("their end");
        let numbers = block.split(|char: char| !char.is_ascii_digit() && char != '.' && char != ',');
        let bare = numbers.map(|number| number.trim_matches(['.', ',']).to_owned());
        bare.filter(|number| !number.is_empty()).collect()
    };
    let english = figures("README.md");
    assert!(english.len() >= 5, "{english:?}");
    assert_eq!(english, figures("README.zh-CN.md"));
}

/// Every document that is part of the manuals.
fn documents() -> Vec<(PathBuf, String)> {
    let of_the_root = fs::read_dir(ROOT).expect("the root").map(|entry| entry.expect("an entry").path());
    let of_the_root = of_the_root.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let paths = of_the_root.chain(files("docs", ".md"));
    paths.map(|path| (path.clone(), fs::read_to_string(path).expect("a document"))).collect()
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    for (path, text) in documents() {
        let folder = path.parent().expect("a folder");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() { path.clone() } else { folder.join(file) };
            assert!(file.exists(), "{}: {link}", path.display());
            if !anchor.is_empty() {
                let text = fs::read_to_string(&file).expect("a document");
                let heading = |line: &str| {
                    let kept = |char: &char| char.is_alphanumeric() || "-_ ".contains(*char);
                    let bare: String = line.trim_start_matches('#').trim().chars().filter(kept).collect();
                    bare.to_lowercase().replace(' ', "-")
                };
                let found = text.lines().any(|line| line.starts_with('#') && heading(line) == anchor);
                assert!(found, "{}: {link}", path.display());
            }
        }
    }
}

#[test]
fn every_time_out_is_where_the_document_says() {
    let text = sections(&read("docs/architecture.md"), &["## Every time-out"]);
    let mut seen = 0;
    for row in tables(&text).into_iter().flatten() {
        for (names, file) in row[2].split("; ").filter_map(|place| place.split_once(" in ")) {
            let file = in_backticks(file).into_iter().next().expect("a file");
            let source = read(&file);
            for name in in_backticks(names) {
                let last = name.rsplit("::").next().unwrap_or_default();
                let is_part_of_a_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                let mut ends =
                    source.match_indices(last).map(|(at, _)| source.as_bytes().get(at + last.len()));
                let found = ends.any(|next| next.is_none_or(|next| !is_part_of_a_word(*next)));
                assert!(found, "{name} is not in {file}");
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn lines_are_short_enough_to_read() {
    for (path, text) in documents() {
        let mut code = false;
        for (number, line) in text.lines().enumerate() {
            code ^= line.starts_with("```");
            let exempt = code || line.starts_with('|') || line.contains("](http");
            let length = line.chars().count();
            assert!(exempt || length <= MAX_LINE, "{}:{}: {length} characters", path.display(), number + 1);
        }
    }
}
