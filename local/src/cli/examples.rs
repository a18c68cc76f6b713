//! The examples in the help of the commands that several kinds of parties have.

use clap::Command;

/// Adds to a command of `party` its examples, with `id`.
pub(super) fn of(party: &'static str, id: &'static str) -> impl Fn(Command) -> Command {
    move |command| {
        let Some(examples) = examples(command.get_name(), party, id) else { return command };
        let lines: String =
            examples.iter().map(|example| format!("\n  authlink {party} {example}")).collect();
        command.after_help(format!("Examples:{lines}"))
    }
}

fn examples(verb: &str, party: &str, id: &str) -> Option<Vec<String>> {
    let has_keys = matches!(party, "business" | "access-key" | "platform");
    let on = |words: &str| format!("{verb} {id} {words}");
    Some(match verb {
        "add" => adding(party).iter().map(|words| on(words)).collect(),
        "show" => vec!["show".to_owned(), format!("show {id}"), on("--stack authlink --json")],
        "check" => vec![format!("check {id}"), on("--stack authlink --json")],
        "rotate" => rotating(party).iter().map(|words| on(words)).collect(),
        "disable" | "enable" if has_keys => {
            vec![format!("{verb} {id}"), on("--stack authlink --yes"), on("--key FINGERPRINT")]
        }
        "disable" | "enable" => vec![format!("{verb} {id}"), on("--stack authlink --yes")],
        "key" => vec![format!("key {id}")],
        _ => return None,
    })
}

fn adding(party: &str) -> &'static [&'static str] {
    match party {
        "business" => &[
            "--merchant-id M1",
            "--merchant-id M1 --public-key theirs.pem --default-callback-url https://shop.example/callback",
            "--merchant-id M1 --md5 --stack authlink --yes",
        ],
        "scheme" => &[
            "--account-id 1001 --merchant-name 示例商店",
            "--account-id 1001 --merchant-name 示例商店 --callback-url https://shop.example/callback --stack authlink",
        ],
        "access-key" => &["--account-id 1001", "--account-id 1001 --stack authlink --json"],
        "account" => &["--requests-per-second 100", "--stack authlink --yes"],
        "platform" => &[
            "--base-url https://east.example --business-id us --public-key east.pem",
            "--base-url https://east.example --business-id us --public-key east.pem --stack authlink --yes",
        ],
        _ => &[
            "--alipay-public-key alipay.pem",
            "--stack authlink --app-certificate appCertPublicKey.crt \
             --alipay-certificate alipayCertPublicKey_RSA2.crt --root-certificates alipayRootCert.crt",
        ],
    }
}

fn rotating(party: &str) -> &'static [&'static str] {
    match party {
        "business" => &["begin", "begin --field md5Keys --stack authlink", "finish --stack authlink"],
        "platform" => &["begin --public-key next.pem", "finish --stack authlink"],
        "app" => &["begin --public-key alipay.pem", "begin --alipay-certificate next.crt", "finish"],
        _ => &["begin", "finish --stack authlink --json"],
    }
}
