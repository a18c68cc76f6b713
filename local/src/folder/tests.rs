use super::*;

/// A folder in which nothing is yet but where schemes go.
fn bare() -> (tempfile::TempDir, Folder) {
    let kept = tempfile::tempdir().unwrap();
    fs::create_dir_all(kept.path().join("secrets/scheme")).unwrap();
    let folder = Folder { path: kept.path().to_owned(), _in_use: None };
    (kept, folder)
}

fn merchant(port: u16) -> Url {
    Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap()
}

fn scheme(folder: &Folder) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.file("secrets/scheme/234.json")).unwrap()).unwrap()
}

#[test]
fn schemes_follow_the_demo_merchant_unless_they_deliver_elsewhere() {
    let (_kept, folder) = bare();
    folder.point_schemes_to(&merchant(1)).unwrap();
    assert_eq!(scheme(&folder)["callbackUrl"], "http://127.0.0.1:1/callback");
    for (address, now) in [
        (json!("http://127.0.0.1:1/callback"), "http://127.0.0.1:2/callback"),
        (json!(""), "http://127.0.0.1:2/callback"),
        (json!("https://merchant.example/cb"), "https://merchant.example/cb"),
    ] {
        let document = json!({"accountId": "mine", "callbackUrl": address});
        folder.write("secrets/scheme/234.json", &pretty(&document)).unwrap();
        folder.point_schemes_to(&merchant(2)).unwrap();
        assert_eq!(scheme(&folder), json!({"accountId": "mine", "callbackUrl": now}));
    }
}

#[test]
fn the_pages_of_business_and_schemes_lead_back_to_the_demo_merchant_unless_they_lead_elsewhere() {
    let (_kept, folder) = bare();
    fs::create_dir_all(folder.file("secrets/business")).unwrap();
    let business = "secrets/business/demo.json";
    folder.write(business, r#"{"merchantIds": ["demo-shop"]}"#).unwrap();
    folder.point_schemes_to(&merchant(1)).unwrap();
    for port in [1, 2] {
        folder.lead_back_to(&merchant(port)).unwrap();
        for name in [business, "secrets/scheme/234.json", "secrets/scheme/235.json"] {
            let document: Value =
                serde_json::from_str(&fs::read_to_string(folder.file(name)).unwrap()).unwrap();
            assert_eq!(document["returnUrl"], format!("http://127.0.0.1:{port}/"), "{name}");
            assert_eq!(document["returnUrls"], json!([format!("http://127.0.0.1:{port}")]), "{name}");
            assert_eq!(document["merchantName"], MERCHANT_NAME, "{name}");
        }
    }
    let others = json!(["https://shop.example", "http://127.0.0.1:3000"]);
    for (document, kept) in [
        (json!({"returnUrls": others}), 2),
        (json!({"returnUrls": others, "returnUrl": "http://127.0.0.1:3000/back"}), 2),
        (json!({"returnUrls": others, "returnUrl": "http://127.0.0.1:3000/"}), 1),
        (json!({"returnUrls": []}), 0),
    ] {
        folder.write("secrets/scheme/234.json", &pretty(&document)).unwrap();
        for port in [1, 2, 2] {
            folder.lead_back_to(&merchant(port)).unwrap();
            let own = json!(format!("http://127.0.0.1:{port}"));
            let expected = [&others.as_array().unwrap()[..kept], &[own]].concat();
            assert_eq!(scheme(&folder)["returnUrls"], json!(expected), "{document}");
        }
    }
    let elsewhere =
        json!({"accountId": "mine", "merchantName": "我的店", "returnUrl": "https://shop.example/"});
    folder.write("secrets/scheme/234.json", &pretty(&elsewhere)).unwrap();
    folder.lead_back_to(&merchant(3)).unwrap();
    assert_eq!(scheme(&folder), elsewhere);
}

#[test]
fn a_scheme_that_is_no_object_is_named() {
    for document in ["[]", "{\"accountId\":"] {
        let (_kept, folder) = bare();
        folder.write("secrets/scheme/234.json", document).unwrap();
        let error = folder.point_schemes_to(&merchant(1)).unwrap_err();
        assert_eq!(error.to_string(), "secrets/scheme/234.json is no JSON object, at line 1");
    }
}

#[test]
fn a_folder_of_another_version_is_left_alone() {
    let (kept, folder) = bare();
    folder.write(COMPLETE, "").unwrap();
    let error = "another version of authlink made it; move it away, or name another with --folder";
    assert_eq!(Folder::make(kept.path()).map(drop).unwrap_err().to_string(), error);
    assert_eq!(Folder::open(kept.path()).map(drop).unwrap_err().to_string(), error);
}

#[test]
fn of_hosts_that_start_at_once_one_has_the_folder_and_the_others_say_why_not() {
    let kept = tempfile::tempdir().unwrap();
    let made: Vec<_> = std::thread::scope(|scope| {
        let making = [(); 4].map(|()| scope.spawn(|| Folder::make(kept.path())));
        making.into_iter().map(|making| making.join().unwrap()).collect()
    });
    let (mut hosts, mut refused) = (0, 0);
    for made in &made {
        match made {
            Ok(folder) => {
                folder.parties().unwrap();
                hosts += 1;
            }
            Err(error) => {
                let reason = "another authlink is using it; stop that one, or name another with --folder";
                assert_eq!(error.to_string(), reason);
                refused += 1;
            }
        }
    }
    assert_eq!((hosts, refused), (1, 3));
    drop(made);
    assert!(Folder::make(kept.path()).is_ok());
}
