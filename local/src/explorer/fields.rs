//! The fields of each call with their rules, from the OpenAPI document, and their meaning, from the manuals.

use std::sync::LazyLock;

use shared::web::language::Language;
use yaml_rust2::{Yaml, YamlLoader};

use crate::manual::{self, plain};

const DOCUMENT: &str = include_str!("../../../docs/openapi.yaml");

/// A field of a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) is_required: bool,
    /// The most characters.
    pub(super) max_length: Option<i64>,
    /// The form, as a regular expression, or the only values.
    pub(super) form: Option<String>,
    /// What the manual says.
    pub(super) meaning: String,
}

/// The fields of all calls.
pub(super) struct Fields {
    pub(super) link: Vec<Field>,
    pub(super) query: Vec<Field>,
    pub(super) rpc: Vec<Field>,
}

/// The fields, with what the manual of this language says. They are part of this program, and read once.
pub(super) fn of(language: Language) -> &'static Fields {
    static CHINESE: LazyLock<Fields> = LazyLock::new(|| Fields::read(Language::Chinese));
    static ENGLISH: LazyLock<Fields> = LazyLock::new(|| Fields::read(Language::English));
    match language {
        Language::Chinese => &CHINESE,
        Language::English => &ENGLISH,
    }
}

impl Fields {
    fn read(language: Language) -> Self {
        let documents = YamlLoader::load_from_str(DOCUMENT)
            .unwrap_or_else(|error| unreachable!("a test reads the document: {error}"));
        let document = Document(documents.into_iter().next().unwrap_or(Yaml::Null));
        Self {
            link: document.body("LinkRequest", language),
            query: document.body("Query", language),
            rpc: document.parameters(&["PhoneNo", "SchemeId", "EndDate"], language),
        }
    }
}

struct Document(Yaml);

impl Document {
    /// The fields of a body's schema.
    fn body(&self, schema: &str, language: Language) -> Vec<Field> {
        // The manual has the rows of the query last.
        let is_last = schema == "Query";
        let schema = &self.0["components"]["schemas"][schema];
        let names = |list: &Yaml| -> Vec<String> {
            list.as_vec().into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect()
        };
        // Of alternatives the first is the one that documents prefer.
        let required = [names(&schema["required"]), names(&schema["anyOf"][0]["required"])].concat();
        let properties = schema["properties"].as_hash();
        let field = |(name, value): (&Yaml, &Yaml)| {
            let name = name.as_str()?.to_owned();
            let is_required = required.contains(&name);
            let meaning = meaning(manual::open_api(language), &name, is_last);
            Some(self.field(name, is_required, value, meaning))
        };
        properties.into_iter().flatten().filter_map(field).collect()
    }

    /// Parameters of `GetAuthorizationUrl`, by the names of their components.
    fn parameters(&self, names: &[&str], language: Language) -> Vec<Field> {
        let parameter = |name: &&str| {
            let parameter = &self.0["components"]["parameters"][*name];
            // It may be in the form instead, so that OpenAPI's own `required` would be wrong.
            let is_required = parameter["x-required"].as_bool().unwrap_or(false);
            let meaning = meaning(manual::get_authorization_url(language), name, true);
            self.field((*name).to_owned(), is_required, &parameter["schema"], meaning)
        };
        names.iter().map(parameter).collect()
    }

    fn field(&self, name: String, is_required: bool, schema: &Yaml, meaning: String) -> Field {
        let referred = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
        let of = |key: &str| match referred {
            Some(other) if schema[key].is_badvalue() => &self.0["components"]["schemas"][other][key],
            _ => &schema[key],
        };
        let values = of("enum").as_vec().map(|values| {
            let values: Vec<_> = values.iter().filter_map(Yaml::as_str).collect();
            values.join(" | ")
        });
        let form = of("pattern").as_str().map(str::to_owned).or(values);
        let form = form.or_else(|| of("format").as_str().map(str::to_owned));
        Field { name, is_required, max_length: of("maxLength").as_i64(), form, meaning }
    }
}

/// The last cell of the manual's row of a field, as plain text.
fn meaning(manual: &str, name: &str, is_last: bool) -> String {
    // The rows of requests have three cells: whether it is required is the second.
    let row = |line: &&str| line.starts_with(&format!("| `{name}` | ")) && line.matches(" | ").count() == 2;
    let rows: Vec<_> = manual.lines().filter(row).collect();
    let row = if is_last { rows.last() } else { rows.first() };
    let cell = row.and_then(|row| row.trim_end_matches(" |").rsplit(" | ").next());
    plain(cell.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_its_rules_and_its_meaning_in_both_languages() {
        for language in [Language::Chinese, Language::English] {
            let Fields { link, query, rpc } = of(language);
            let names: Vec<_> = link.iter().map(|field| (field.name.as_str(), field.is_required)).collect();
            assert_eq!(
                names,
                [
                    ("merchantId", true),
                    ("businessId", true),
                    ("serialNo", true),
                    ("userId", true),
                    ("thirdAccount", false),
                    ("callbackUrl", false),
                    ("returnUrl", false)
                ]
            );
            assert_eq!(link[2].max_length, Some(128));
            assert_eq!(link[5].max_length, Some(2_048));
            assert!(rpc[0].is_required && rpc[1].is_required && !rpc[2].is_required);
            assert_eq!(rpc[0].form.as_deref(), Some(r"^(\+?86)?1[3-9][0-9]{9}$"));
            assert_eq!(query.len(), 3);
            for field in link.iter().chain(rpc).chain(query) {
                assert!(!field.meaning.is_empty() && !field.meaning.contains(['[', '`']), "{field:?}");
            }
        }
    }
}
