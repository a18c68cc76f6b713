//! Two operators at one document: what one changes while the other is asked.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Parser};
use serde_json::Value;
use shared::runtime::start::StartError;

use super::certificates::MoveStep;
use super::documents::{CommonArgs, add};
use super::new_document::NewBusiness;
use super::rotate::{RotateArgs, RsaOrMd5Keys};
use crate::documents::DocumentKind;
use crate::folder::{APP_ID, BUSINESS_ID, Folder};

#[derive(Parser)]
struct Of<A: Args> {
    #[command(flatten)]
    arguments: A,
}

#[derive(Args)]
struct Adding {
    #[command(flatten)]
    document: NewBusiness,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Parser)]
struct Moving {
    #[command(subcommand)]
    step: MoveStep,
}

fn read<P: Parser>(words: &[&str]) -> P {
    P::parse_from([&["authlink"], words].concat())
}

fn arguments<A: Args>(words: &[&str]) -> A {
    read::<Of<A>>(words).arguments
}

/// A folder whose host was started before.
fn started_once() -> tempfile::TempDir {
    let kept = tempfile::tempdir().unwrap();
    let folder = Folder::make(kept.path()).unwrap();
    let file = |path: PathBuf| path.display().to_string();
    let address = || "http://127.0.0.1:1/".to_owned();
    folder
        .write_lambda_env(&[
            ("AUTHLINK_SECRETS_DIR", file(folder.secrets())),
            ("AUTHLINK_DATABASE", file(folder.database())),
            ("AUTHLINK_PUBLIC_URL", address()),
            ("AUTHLINK_ALIPAY_AUTHORIZE_URL", address()),
            ("AUTHLINK_ALIPAY_GATEWAY_URL", address()),
            ("AUTHLINK_ALIPAY_APP_ID", APP_ID.to_owned()),
        ])
        .unwrap();
    kept
}

/// Another operator's write, before the answer of the one who is asked.
fn while_asked<'a>(file: &'a Path, text: &'a str) -> impl FnOnce(&str) -> Result<(), StartError> + 'a {
    move |_| Ok(fs::write(file, text)?)
}

fn key_files(folder: &Path) -> usize {
    fs::read_dir(folder.join("keys/local")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn what_another_operator_did_while_one_was_asked_is_not_written_over() {
    let kept = started_once();
    let folder = || kept.path().to_owned();
    let file = |name: &str| kept.path().join(format!("secrets/{name}.json"));
    let (business, app) = (file(&format!("business/{BUSINESS_ID}")), file(&format!("alipay-app/{APP_ID}")));
    let theirs = |file: &Path| {
        let mut document: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        document["enabled"] = true.into();
        document.to_string()
    };
    let party = |name: &str| kept.path().join("parties").join(name).display().to_string();

    for step in ["begin", "finish"] {
        let rotate = [BUSINESS_ID, step, "--field", "md5Keys"];
        let text = theirs(&business);
        let late = arguments::<RotateArgs<RsaOrMd5Keys>>(&rotate)
            .run_if(DocumentKind::Business, folder(), while_asked(&business, &format!("{text} ")))
            .await
            .unwrap_err()
            .to_string();
        assert!(late.contains("was changed by somebody else meanwhile; nothing was done"), "{late}");
        assert_eq!(fs::read_to_string(&business).unwrap(), format!("{text} "));
        let keys = usize::from(step == "finish");
        assert_eq!(key_files(kept.path()), keys, "a key that no document has is not kept");
        arguments::<RotateArgs<RsaOrMd5Keys>>(&rotate)
            .run_if(DocumentKind::Business, folder(), |_| Ok(()))
            .await
            .unwrap();
        assert_eq!(key_files(kept.path()), 1);
    }

    let new = file("business/B7");
    let Adding { document, common } = arguments(&["B7", "--merchant-id", "M7"]);
    let late = add(document, common, folder(), while_asked(&new, "{}")).await.unwrap_err();
    assert_eq!(late.to_string(), "business/B7 is there already");
    assert_eq!((fs::read_to_string(&new).unwrap().as_str(), key_files(kept.path())), ("{}", 1));

    let (own, alipays, roots) = (party("app.crt"), party("alipay.crt"), party("alipay-root.crt"));
    let files = ["--app-certificate", &own, "--alipay-certificate", &alipays, "--root-certificates", &roots];
    let text = theirs(&app);
    let step = read::<Moving>(&[&["begin"][..], &files].concat()).step;
    let late = step.run_if(APP_ID, folder(), while_asked(&app, &text)).await.unwrap_err().to_string();
    assert!(late.contains("was changed by somebody else"), "{late}");
    assert_eq!(fs::read_to_string(&app).unwrap(), text);
    let audit = fs::read_to_string(kept.path().join("audit.jsonl")).unwrap();
    assert_eq!(audit.lines().count(), 2, "of what was done alone");
}
