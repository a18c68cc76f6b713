//! The checks, on sources that break them.

use super::*;

fn arrows(texts: &[(&str, &str)]) -> BTreeSet<Arrow> {
    let roots = [("shared/src/lib.rs", ""), ("local/src/lib.rs", ""), ("tests/src/lib.rs", "")];
    let functions = FUNCTIONS.map(|(folder, _)| (format!("{folder}src/lib.rs"), String::new()));
    let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
    let all = roots.iter().map(owned).chain(functions).chain(texts.iter().map(owned));
    House::read(&all.collect::<Vec<_>>()).arrows()
}

#[test]
fn an_arrow_that_must_never_be_is_found() {
    for (file, text, to) in [
        ("shared/src/model/id.rs", "use crate::egress::Url;", "shared::egress::Url"),
        ("shared/src/model/id.rs", "fn f() { crate::store::f() }", "shared::store::f"),
        ("shared/src/model/id.rs", "use super::super::{store};", "shared::store"),
        ("shared/src/signing/rsa.rs", "use crate::{model::X, registry::Y};", "shared::registry::Y"),
        ("shared/src/signing/rsa.rs", "mod a { use crate::secrets as keys; }", "shared::secrets"),
        ("shared/src/protocol/mod.rs", "use crate::store::*;", "shared::store"),
        ("shared/src/protocol/alipay/gateway.rs", "use crate::aws;", "shared::aws"),
        ("shared/src/egress/tls.rs", "macro!(crate::delivery::Body);", "shared::delivery::Body"),
        ("shared/src/store/mod.rs", "use crate::aws::Aws;", "shared::aws::Aws"),
        ("shared/src/store/sqlite/mod.rs", "use crate::aws::Aws;", "shared::aws::Aws"),
        ("shared/src/delivery/sender.rs", "use crate::aws::Aws;", "shared::aws::Aws"),
        ("shared/src/queue/mod.rs", "use crate::runtime::config;", "shared::runtime::config"),
        ("functions/openid-callback/src/lib.rs", "use shared::runtime as r;", "shared::runtime"),
        ("functions/openid-callback/src/lib.rs", "use openid_delivery::sweep;", "openid_delivery::sweep"),
        ("functions/openid-callback/src/main.rs", "use openid_delivery::sweep;", "openid_delivery::sweep"),
        ("functions/openid-callback/src/page.rs", "fn f() { local::f() }", "local::f"),
        ("shared/src/web/page.rs", "use tests::world;", "tests::world"),
        ("local/src/emulator/signing.rs", "use shared::signing::rsa;", "shared::signing::rsa"),
        ("local/src/merchant/signing.rs", "use shared::{signing};", "shared::signing"),
        ("local/src/app.rs", "use shared::signing;", "shared::signing"),
        ("tests/src/request.rs", "use shared::signing::md5::X;", "shared::signing::md5::X"),
    ] {
        let found = forbidden(&arrows(&[(file, text)]));
        assert_eq!(found.len(), 1, "{file}: {text}: {found:?}");
        assert!(found[0].starts_with(&format!("{file} names {to}: ")), "{found:?}");
    }
}

#[test]
fn an_arrow_through_an_imported_module_is_found() {
    let found = forbidden(&arrows(&[
        ("shared/src/signing/rsa.rs", "use crate::model; fn f() { model::keys::f() }"),
        ("shared/src/model/mod.rs", "pub use crate::secrets::entry as keys;"),
    ]));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].starts_with("shared/src/signing/rsa.rs names shared::secrets::entry::f: "));
}

#[test]
fn what_may_be_is_not_found() {
    for (file, text) in [
        (
            "shared/src/model/id.rs",
            "use crate::model::clock; use super::owner; use std::fmt; /// crate::store",
        ),
        ("shared/src/signing/rsa.rs", "#[cfg(test)] mod tests { use crate::registry::Y; }"),
        ("shared/src/store/dynamodb/mod.rs", "use crate::aws::Aws;"),
        ("functions/openid-callback/src/main.rs", "use shared::runtime::lambda; use openid_callback::Deps;"),
        ("local/src/app.rs", "use shared::{runtime::config, aws};"),
        ("local/src/caller.rs", "use shared::signing;"),
        ("local/src/doctor/report.rs", "use shared::signing;"),
    ] {
        assert_eq!(forbidden(&arrows(&[(file, text)])), Vec::<String>::new(), "{file}: {text}");
    }
}

#[test]
fn a_circle_of_files_is_found() {
    let circle = arrows(&[
        ("shared/src/store/mod.rs", "mod a; mod b; mod c; pub use c::C;"),
        ("shared/src/store/a.rs", "use super::b::B;"),
        ("shared/src/store/b.rs", "use super::C;"),
        ("shared/src/store/c.rs", "use crate::store::a::A;"),
    ]);
    let files = ["a", "b", "c"].map(|name| format!("shared/src/store/{name}.rs"));
    assert_eq!(circles_of_files(&circle), [files]);
    assert_eq!(circles_of_modules(&circle), Vec::<Vec<String>>::new());
}

#[test]
fn a_circle_of_modules_is_found() {
    let circle = arrows(&[
        ("shared/src/store/a.rs", "use crate::queue::b::B;"),
        ("shared/src/store/c.rs", ""),
        ("shared/src/queue/b.rs", ""),
        ("shared/src/queue/d.rs", "use crate::store::c::C;"),
    ]);
    assert_eq!(circles_of_files(&circle), Vec::<Vec<String>>::new());
    assert_eq!(circles_of_modules(&circle), [["queue", "store"]]);
}

#[test]
fn a_module_and_its_own_files_are_no_circle() {
    let whole = arrows(&[
        ("shared/src/store/mod.rs", "mod a; pub struct S; fn f() { a::f(S) }"),
        ("shared/src/store/a.rs", "use super::S; #[cfg(test)] mod tests { use crate::store::b; }"),
        ("shared/src/store/b.rs", "use super::a::A;"),
    ]);
    assert_eq!(circles_of_files(&whole), Vec::<Vec<String>>::new());
}

#[test]
fn a_question_is_known_by_its_first_word() {
    for question in ["Whether it is so.", "If so, 3.", "What came", "How: so."] {
        assert!(begins_with_a_question(question), "{question}");
    }
    for other in ["Whatever it is.", "A whether.", "`What` it is", "", "Iffy."] {
        assert!(!begins_with_a_question(other), "{other}");
    }
}
