//! The page of errors against the code: every word of an answer with its status, every warning, every code of
//! `GetAuthorizationUrl`, every outcome of a delivery.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use shared::protocol::open_api::{Code, SUCCESS, WarningCode};
use strum::VariantArray as _;

use super::{Names, assert_same, files, first_column, in_backticks, page, read, sections, tables};

const CODES: [&str; 2] = ["## Codes of the open API", "## 开放接口的 code"];
const WARNINGS: [&str; 2] = ["## Warnings of the open API", "## 开放接口的提醒"];
const RPC_CODES: [&str; 2] = ["## Codes of GetAuthorizationUrl", "## GetAuthorizationUrl 的 Code"];
const OUTCOMES: [&str; 2] = ["## Outcomes of a delivery", "## 投递结果"];

#[test]
fn every_code_has_its_status_and_its_http_status() {
    let row = |code: &Code| {
        [code.as_str().to_owned(), code.status().to_string(), code.http_status().as_str().to_owned()]
    };
    let granted = [SUCCESS, "0", "200"].map(str::to_owned);
    let of_the_code: BTreeSet<_> = Code::VARIANTS.iter().map(row).chain([granted]).collect();
    for (path, text) in page("errors") {
        let rows = tables(&sections(&text, &CODES)).remove(0);
        let documented: BTreeSet<_> =
            rows.iter().map(|row| [0, 1, 2].map(|column| row[column].replace('`', ""))).collect();
        assert_eq!(documented, of_the_code, "{path}");
        let refused = rows.iter().filter(|row| row[1] != "`0`");
        for row in refused {
            assert!(row[3..6].iter().all(|cell| !cell.is_empty()), "{path}: {row:?}");
        }
    }
}

#[test]
fn every_warning_has_its_row() {
    let words: Names = WarningCode::VARIANTS.iter().map(|code| <&str>::from(code).to_owned()).collect();
    for (path, text) in page("errors") {
        assert_same(&first_column(&sections(&text, &WARNINGS)), &words, &path);
    }
}

#[test]
fn every_code_of_get_authorization_url_has_its_http_status() {
    let mut codes = BTreeSet::new();
    for path in files("tests/golden/get-authorization-url", ".json.http") {
        let text = fs::read_to_string(&path).expect("a golden file");
        let (head, body) = text.split_once("\n\n").expect("a head and a body");
        let body: Value = serde_json::from_str(body).expect("JSON");
        let code = body["Code"].as_str().expect("a code").to_owned();
        if code != "OK" {
            codes.insert((code, head.lines().next().expect("a status").to_owned()));
        }
    }
    for (path, text) in page("errors") {
        let rows = tables(&sections(&text, &RPC_CODES)).remove(0);
        let documented: BTreeSet<_> =
            rows.iter().map(|row| (row[0].replace('`', ""), row[1].clone())).collect();
        assert_eq!(documented, codes, "{path}");
    }
}

/// The words by which a query tells outcomes are those of the OpenAPI document, which is held to the code.
#[test]
fn every_outcome_of_a_delivery_has_its_row() {
    let document = read("docs/openapi.yaml");
    let (_, attempt) = document.split_once("    Attempt:\n").expect("the schema of an attempt");
    let (_, words) = attempt.split_once("          enum:\n").expect("its outcomes");
    let words: Names =
        words.lines().map_while(|line| line.trim().strip_prefix("- ")).map(str::to_owned).collect();
    for (path, text) in page("errors") {
        let outcomes = sections(&text, &OUTCOMES);
        assert_same(&first_column(&outcomes), &words, &path);
        let told = in_backticks(&outcomes);
        assert!(told.contains("dns") && told.contains("address_refused"), "{path}");
    }
}
