//! Every flaw of a document at once, with its place. The functions' own code judges: a flaw belongs to the field that
//! makes it go away when it is put right.

use std::fmt;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use shared::egress::callback_url::CallbackRules;
use shared::model::clock::UnixMillis;
use shared::protocol::alipay::app_keys::ValidityError;
use shared::registry::AlipayApp;
use shared::runtime::start::StartError;
use shared::secrets::{Document as _, DocumentError};

use super::DocumentKind;
use super::shown::word;
use crate::bounded::MAX_TEXT_BYTES;
use crate::operate::local_time::rfc_3339;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The field; empty if it is of the document.
    pub path: String,
    pub problem: String,
}

impl Flaw {
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({"line": self.line, "column": self.column, "field": self.path, "problem": self.problem})
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the document" } else { &self.path };
        write!(f, "{}:{}: {path}: {}", self.line, self.column, self.problem)
    }
}

/// A kind of document as one place reads it.
#[derive(Clone, Copy)]
struct Reader<'a> {
    kind: DocumentKind,
    rules: &'a CallbackRules,
}

impl Reader<'_> {
    fn parse(self, json: &str) -> Result<(), DocumentError> {
        self.kind.parse(json, self.rules)
    }
}

/// The flaws of `text` as a document of `kind`, with its addresses judged by `rules`.
///
/// # Errors
/// No key can be made to compare with.
pub fn flaws(kind: DocumentKind, text: &str, rules: &CallbackRules) -> Result<Vec<Flaw>, StartError> {
    let reader = Reader { kind, rules };
    let whole = |line, column, problem: String| vec![Flaw { line, column, path: String::new(), problem }];
    if text.len() > MAX_TEXT_BYTES {
        return Ok(whole(1, 1, format!("has more than {MAX_TEXT_BYTES} bytes")));
    }
    let Err(flaw) = reader.parse(text) else { return Ok(Vec::new()) };
    let fields = match Fields::read(text) {
        Ok(fields) => fields,
        // The text of this error may quote a value.
        Err(error) => return Ok(whole(error.line().max(1), error.column().max(1), flaw.to_string())),
    };
    let found = fields.flaws(reader, text)?;
    // A repeated field, or what only the text as a whole has.
    Ok(if found.is_empty() { whole(1, 1, flaw.to_string()) } else { found })
}

/// The flaw of a document whose certificates are not valid at `now`.
#[must_use]
pub fn out_of_validity(kind: DocumentKind, text: &str, now: UnixMillis) -> Option<Flaw> {
    let app = (kind == DocumentKind::AlipayApp).then(|| AlipayApp::parse(text).ok()).flatten()?;
    let ValidityError { holder, validity } = app.out_of_validity(now)?;
    let field = AlipayApp::field(holder);
    let [from, until] = [validity.from(), validity.until()].map(rfc_3339);
    let problem = format!("is valid from {from} until {until}");
    let fields = Fields::read(text).ok()?;
    let offset = fields.0.iter().find(|known| known.name == field)?.offset;
    Some(flaw_at(text, offset, field, &problem))
}

/// The fields of a document, each as it is written.
struct Fields(Vec<Field>);

struct Field {
    name: String,
    json: String,
    offset: usize,
}

impl Fields {
    fn read(text: &str) -> serde_json::Result<Self> {
        let fields: std::collections::BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
        let offset = |value: &RawValue| value.get().as_ptr() as usize - text.as_ptr() as usize;
        let mut fields: Vec<_> = fields
            .into_iter()
            .map(|(name, value)| Field { name, json: value.get().replace('\n', " "), offset: offset(value) })
            .collect();
        fields.sort_by_key(|field| field.offset);
        Ok(Self(fields))
    }

    fn flaws(mut self, reader: Reader<'_>, text: &str) -> Result<Vec<Flaw>, StartError> {
        let Value::Object(sound) = reader.kind.sound()? else { return Ok(Vec::new()) };
        let mut flaws = Vec::new();
        self.0.retain(|field| {
            let known = is_known(reader, &sound, &field.name);
            if !known {
                flaws.push(flaw_at(text, field.offset, &field.name, "is no field of this document"));
            }
            known
        });
        if reader.kind == DocumentKind::AlipayApp {
            flaws.extend(self.flaws_of_certificates(&sound, text));
        }
        while let Err(flaw) = reader.parse(&self.json()) {
            let flaw = flaw.to_string();
            let Some(next) = self.put_right(reader, &sound, &flaw) else {
                flaws.push(flaw_at(text, 0, "", &flaw));
                break;
            };
            let next = match next {
                Culprit::Wrong { name, offset, json } => {
                    let alone = alone(text, &sound, &name, offset, &json);
                    let flaw = reader.parse(&alone).err().map_or(flaw, |flaw| flaw.to_string());
                    flaws.push(flaw_at(text, offset, &name, &flaw));
                    continue;
                }
                Culprit::Missing(name) => name,
            };
            flaws.push(flaw_at(text, 0, &next, &flaw));
        }
        flaws.sort_by_key(|flaw| (flaw.line, flaw.column));
        Ok(flaws)
    }

    /// The flaws of an app's certificates, which are taken out: each of them is right or wrong beside the others.
    fn flaws_of_certificates(&mut self, sound: &Map<String, Value>, text: &str) -> Vec<Flaw> {
        let flaws = AlipayApp::certificate_flaws(&self.json());
        let flaws = flaws.into_iter().map(|flaw| {
            let path = flaw.path.as_deref().unwrap_or_default();
            let name = path.split('[').next().unwrap_or_default();
            let offset = self.0.iter().find(|field| field.name == name).map_or(0, |field| field.offset);
            flaw_at(text, offset, name, &flaw.to_string())
        });
        let flaws = flaws.collect();
        let all = self.0.len();
        self.0.retain(|field| !AlipayApp::CERTIFICATES.contains(&field.name.as_str()));
        let has_keys =
            |field: &Field| field.name == AlipayApp::ALIPAY_KEYS && !matches!(&*field.json, "null" | "[]");
        if self.0.len() < all && !self.0.iter().any(has_keys) {
            self.0.retain(|field| field.name != AlipayApp::ALIPAY_KEYS);
            let json = sound.get(AlipayApp::ALIPAY_KEYS).map(Value::to_string).unwrap_or_default();
            self.0.push(Field { name: AlipayApp::ALIPAY_KEYS.to_owned(), json, offset: 0 });
        }
        flaws
    }

    /// Puts the field right that `flaw` is of.
    fn put_right(&mut self, reader: Reader<'_>, sound: &Map<String, Value>, flaw: &str) -> Option<Culprit> {
        let is_mended = |fields: &Self| {
            reader.parse(&fields.json()).map_err(|flaw| flaw.to_string()) != Err(flaw.to_owned())
        };
        for index in 0..self.0.len() {
            let right = sound.get(&self.0[index].name).map_or_else(|| "null".to_owned(), Value::to_string);
            let wrong = std::mem::replace(&mut self.0[index].json, right);
            if is_mended(self) {
                let Field { name, offset, .. } = &self.0[index];
                return Some(Culprit::Wrong { name: name.clone(), offset: *offset, json: wrong });
            }
            self.0[index].json = wrong;
        }
        for (name, value) in sound {
            if self.0.iter().all(|field| field.name != *name) {
                self.0.push(Field { name: name.clone(), json: value.to_string(), offset: 0 });
                if is_mended(self) {
                    return Some(Culprit::Missing(name.clone()));
                }
                self.0.pop();
            }
        }
        None
    }

    fn json(&self) -> String {
        let fields: Vec<_> =
            self.0.iter().map(|field| format!("{}:{}", Value::from(&*field.name), field.json)).collect();
        // Each on a line of its own: the place of a flaw, which is told with it, does not change with other fields.
        format!("{{\n{}\n}}", fields.join("\n,"))
    }
}

enum Culprit {
    Wrong { name: String, offset: usize, json: String },
    Missing(String),
}

/// A document with this one flaw, at the place that it has in `text`.
fn alone(text: &str, sound: &Map<String, Value>, name: &str, offset: usize, json: &str) -> String {
    let key = format!("{}:", Value::from(name));
    let before: String = text.as_bytes()[..offset.saturating_sub(key.len())]
        .iter()
        .enumerate()
        .map(|(index, byte)| match (index, byte) {
            (0, _) => '{',
            (_, b'\n') => '\n',
            _ => ' ',
        })
        .collect();
    let others: String = sound
        .iter()
        .filter(|(other, _)| *other != name)
        .map(|(other, value)| format!(",{}:{value}", Value::from(&**other)))
        .collect();
    format!("{before}{key}{json}{others}}}")
}

/// A field may always be null, unless there is none of this name.
fn is_known(reader: Reader<'_>, sound: &Map<String, Value>, name: &str) -> bool {
    if sound.contains_key(name) {
        return true;
    }
    let mut with = sound.clone();
    with.insert(name.to_owned(), Value::Null);
    reader.parse(&Value::from(with).to_string()).is_ok()
}

fn flaw_at(text: &str, offset: usize, path: &str, problem: &str) -> Flaw {
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    Flaw { line, column, path: word(path).to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::egress::callback_url::Origin;

    use super::*;
    use crate::emulator::certificates::issue;
    use crate::keys::{new_rsa, private_pem};

    fn found(kind: DocumentKind, text: &str) -> Vec<(usize, usize, String)> {
        flaws(kind, text, &CallbackRules::default())
            .unwrap()
            .into_iter()
            .map(|flaw| (flaw.line, flaw.column, flaw.path))
            .collect()
    }

    #[test]
    fn every_flaw_is_found_at_once_with_its_place() {
        let text = "{\n  \"merchantIds\": \"M1\",\n  \"publicKeys\": [\"no key\"],\n  \"allowedips\": [],\n  \
            \"scope\": \"all\",\n  \"enabled\": 1\n}\n";
        let fields = ["merchantIds", "publicKeys", "allowedips", "scope", "enabled"];
        let found = found(DocumentKind::Business, text);
        assert_eq!(found.iter().map(|(line, _, _)| *line).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
        assert_eq!(found.iter().map(|(_, _, path)| path.as_str()).collect::<Vec<_>>(), fields);
        assert_eq!(found[0].1, 18);
    }

    #[test]
    fn an_address_that_the_place_exempts_is_no_flaw() {
        let mut document = DocumentKind::Business.sound().unwrap();
        document["defaultCallbackUrl"] = "http://merchant:8080/cb".into();
        let text = document.to_string();
        assert_eq!(found(DocumentKind::Business, &text).len(), 1);
        let dangerous_origins = vec![Origin::parse("http://merchant:8080").unwrap()];
        let rules = CallbackRules { dangerous_origins, ..CallbackRules::default() };
        assert_eq!(flaws(DocumentKind::Business, &text, &rules).unwrap(), []);
    }

    #[test]
    fn every_certificate_that_is_wrong_is_told_with_what_else_is() {
        let (own, alipays) = (new_rsa().unwrap(), new_rsa().unwrap());
        let (files, others) = (issue(&own, &alipays).unwrap(), issue(&alipays, &own).unwrap());
        let right = json!({
            "privateKey": private_pem(&own).unwrap(), "appCertificate": files.app,
            "alipayCertificates": [files.alipay], "alipayRootCertificates": files.roots,
        });
        assert_eq!(found(DocumentKind::AlipayApp, &right.to_string()), []);
        let told = |changed: &[(&str, Value)]| {
            let mut document = right.clone();
            changed.iter().for_each(|(name, value)| document[name] = value.clone());
            let flaws =
                flaws(DocumentKind::AlipayApp, &document.to_string(), &CallbackRules::default()).unwrap();
            let mut told: Vec<_> = flaws.into_iter().map(|flaw| (flaw.path, flaw.problem)).collect();
            told.sort();
            assert!(told.iter().all(|(_, problem)| !problem.contains("MII")), "{told:?}");
            told.into_iter().map(|(path, problem)| format!("{path}: {problem}")).collect::<Vec<_>>()
        };
        let [of_another, nowhere] = [
            "appCertificate: appCertificate is of another key than privateKey",
            "alipayCertificates: alipayCertificates[0] does not lead to a root; Alipay's own file has the \
             certificate of its issuer, too",
        ];
        let both = [("appCertificate", json!(others.app)), ("alipayCertificates", json!([others.alipay]))];
        assert_eq!(told(&both), [nowhere, of_another]);
        assert_eq!(
            told(&[
                ("appCertificate", json!(format!("\u{feff}{}", files.app))),
                ("privateKey", json!("no key"))
            ])
            .iter()
            .map(|told| told.split(" at line").next().unwrap())
            .collect::<Vec<_>>(),
            [
                "appCertificate: appCertificate begins with a byte order mark",
                "privateKey: privateKey is neither PEM nor Base64",
            ]
        );
        assert_eq!(
            told(&[("appCertificate", json!(1)), ("alipayRootCertificates", Value::Null)]),
            [
                "alipayRootCertificates: alipayRootCertificates is missing: the three fields of certificates come \
                 together",
                "appCertificate: appCertificate must be a string",
            ]
        );
    }

    #[test]
    fn a_certificate_that_is_not_valid_is_told_with_its_dates() {
        let (own, alipays) = (new_rsa().unwrap(), new_rsa().unwrap());
        let files = issue(&own, &alipays).unwrap();
        let document = json!({
            "privateKey": private_pem(&own).unwrap(), "appCertificate": files.app,
            "alipayCertificates": [files.alipay], "alipayRootCertificates": files.roots,
        });
        let told = |now| {
            out_of_validity(DocumentKind::AlipayApp, &document.to_string(), UnixMillis(now))
                .map(|it| it.problem)
        };
        assert_eq!(told(1_795_910_400_000), None);
        let dates = "is valid from 2020-01-01T00:00:00Z until 2049-01-01T00:00:00Z";
        assert_eq!(told(2_600_000_000_000).unwrap(), dates);
        assert_eq!(told(0).unwrap(), dates);
        assert_eq!(out_of_validity(DocumentKind::Account, "{}", UnixMillis(0)), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let paths: Vec<_> = found(DocumentKind::Scheme, "{}").into_iter().map(|(_, _, path)| path).collect();
        assert_eq!(paths, ["merchantName", "accountId"]);
    }

    #[test]
    fn what_is_no_document_at_all_has_one_flaw_and_its_place() {
        for (text, line) in [
            ("\u{feff}{}", 1),
            ("{\"a\": 1,}", 1),
            ("{\n\"suspended\": yes\n}", 2),
            ("", 1),
            ("[]", 1),
            ("{\"suspended\": false, \"suspended\": true}", 1),
        ] {
            let found = found(DocumentKind::Account, text);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!((found[0].0, found[0].2.as_str()), (line, ""), "{text}");
        }
        assert_eq!(found(DocumentKind::Account, &" ".repeat(MAX_TEXT_BYTES + 1)), [(1, 1, String::new())]);
        assert_eq!(found(DocumentKind::Account, "{}"), []);
    }

    #[test]
    fn a_value_in_the_place_of_a_name_is_not_repeated() {
        let text = r#"{"MIIEvgIBADANBgkqhkiG9w0BAQEFAASC": 1}"#;
        let flaws = flaws(DocumentKind::Account, text, &CallbackRules::default()).unwrap();
        assert_eq!(flaws.len(), 1);
        assert!(!flaws[0].to_string().contains("MIIE"), "{}", flaws[0]);
    }
}
