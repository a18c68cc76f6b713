//! Changes of the deny list by an operator, each with its question and its audit line.

use serde_json::json;
use shared::model::deny_list::{Denial, PartyKind};
use shared::store::{ChangeDenyList, ReadDenyList};
use shared::web::language::Language;

use super::refusal::{OperatorRefusal, StepError};
use super::{Place, audit};

/// A change of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Disable,
    Enable,
}

/// What became of the list.
#[derive(Debug)]
pub struct Changed {
    /// False if it was so before.
    pub anything: bool,
    pub told: String,
}

impl Change {
    /// The question before it is made at `place`: what it does, and to how many.
    #[must_use]
    pub fn question(self, place: &str, denial: &Denial, language: Language) -> String {
        let (chinese, english) = concerned(denial);
        match (self, language) {
            (Self::Disable, Language::English) => format!(
                "{denial} at {place}: refused everywhere within 15 seconds, whatever its document says. \
                 Disable {english}?"
            ),
            (Self::Disable, Language::Chinese) => {
                format!("{place} 的 {denial}：15 秒内处处被拒绝，无论其文档如何。停用 {chinese}？")
            }
            (Self::Enable, Language::English) => format!(
                "{denial} at {place}: off the list within 15 seconds, and its document counts again. \
                 Enable {english}?"
            ),
            (Self::Enable, Language::Chinese) => {
                format!("{place} 的 {denial}：15 秒内移出停用名单，以其文档为准。恢复 {chinese}？")
            }
        }
    }

    /// Makes it in the list that `store` has at `place`.
    ///
    /// # Errors
    /// The store fails, the list is full, or the audit line cannot be written.
    pub async fn make<S: ReadDenyList + ChangeDenyList + ?Sized>(
        self,
        place: &Place,
        store: &S,
        denial: &Denial,
    ) -> Result<Changed, StepError> {
        let changed = self.change(&place.name(), store, denial).await?;
        let action = match self {
            Self::Disable => "disable",
            Self::Enable => "enable",
        };
        let details = json!({"denial": denial.to_string(), "done": u8::from(changed.anything)});
        audit::note(place.folder(), &place.name(), action, &details)?;
        Ok(changed)
    }

    async fn change<S: ReadDenyList + ChangeDenyList + ?Sized>(
        self,
        place: &str,
        store: &S,
        denial: &Denial,
    ) -> Result<Changed, StepError> {
        let was_there = store.deny_list().await?.entries().contains(&denial.to_string());
        let (anything, told) = match self {
            Self::Disable if !store.deny(denial).await? => {
                return Err(OperatorRefusal::ListFull.into());
            }
            Self::Disable if was_there => (false, format!("{denial} was disabled already at {place}")),
            Self::Disable => (true, format!("{denial} is disabled at {place}: everywhere within 15 seconds")),
            Self::Enable if store.allow(denial).await? => {
                let unless = "within 15 seconds, unless its document says otherwise";
                (true, format!("{denial} is enabled at {place} {unless}"))
            }
            Self::Enable => (false, format!("{denial} was not disabled at {place}")),
        };
        Ok(Changed { anything, told })
    }
}

/// How many of what it concerns, in Chinese and in English.
fn concerned(denial: &Denial) -> (&'static str, &'static str) {
    match denial.kind() {
        _ if denial.is_of_a_key() => ("1 个密钥", "1 key"),
        PartyKind::Business => ("1 个业务方", "1 business"),
        PartyKind::AccessKey => ("1 个 AccessKey", "1 access key"),
        PartyKind::Account => {
            ("1 个账号及其全部 AccessKey 和授权方案", "1 account, with all its access keys and schemes")
        }
        PartyKind::Scheme => ("1 个授权方案", "1 scheme"),
        PartyKind::Platform => (
            "1 个平台及由它生成链接的全部业务方",
            "1 platform, and the links of all businesses that it makes",
        ),
    }
}

#[cfg(test)]
mod tests {
    use shared::model::deny_list::{DenyList, KeyFingerprint};
    use shared::store::sqlite::SqliteStore;

    use super::*;

    #[tokio::test]
    async fn the_operator_is_told_what_became_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("authlink.db")).unwrap();
        let key = KeyFingerprint::new(b"a key");
        let denial = Denial::new(PartyKind::Business, "B1", Some(key)).unwrap();
        let told = async |change: Change| {
            let changed = change.change("here", &store, &denial).await.unwrap();
            (changed.anything, changed.told)
        };
        let was_not = (false, format!("{denial} was not disabled at here"));
        assert_eq!(told(Change::Enable).await, was_not);
        let disabled = format!("{denial} is disabled at here: everywhere within 15 seconds");
        assert_eq!(told(Change::Disable).await, (true, disabled));
        assert_eq!(told(Change::Disable).await, (false, format!("{denial} was disabled already at here")));
        assert!(store.deny_list().await.unwrap().denies_key(PartyKind::Business, "B1", &key));
        let enabled =
            format!("{denial} is enabled at here within 15 seconds, unless its document says otherwise");
        assert_eq!((told(Change::Enable).await, told(Change::Enable).await), ((true, enabled), was_not));
    }

    #[test]
    fn the_question_says_what_happens_and_to_how_many() {
        let key = KeyFingerprint::new(b"a key");
        for (kind, key, chinese, english) in [
            (PartyKind::Business, None, "1 个业务方？", "1 business?"),
            (PartyKind::Business, Some(key), "1 个密钥？", "1 key?"),
            (PartyKind::AccessKey, None, "1 个 AccessKey？", "1 access key?"),
            (PartyKind::AccessKey, Some(key), "1 个密钥？", "1 key?"),
            (
                PartyKind::Account,
                None,
                "全部 AccessKey 和授权方案？",
                "with all its access keys and schemes?",
            ),
            (PartyKind::Scheme, None, "1 个授权方案？", "1 scheme?"),
            (PartyKind::Platform, None, "全部业务方？", "of all businesses that it makes?"),
        ] {
            let denial = Denial::new(kind, "1", key).unwrap();
            let question = |change: Change, language| change.question("here", &denial, language);
            for (change, in_english, in_chinese) in
                [(Change::Disable, " Disable ", "。停用 "), (Change::Enable, " Enable ", "。恢复 ")]
            {
                let told = question(change, Language::English);
                assert!(told.starts_with(&format!("{denial} at here: ")), "{told}");
                assert!(told.contains(in_english) && told.ends_with(english), "{told}");
                let told = question(change, Language::Chinese);
                assert!(told.starts_with(&format!("here 的 {denial}：")), "{told}");
                assert!(told.contains(in_chinese) && told.ends_with(chinese), "{told}");
            }
        }
    }

    #[tokio::test]
    async fn a_list_that_is_full_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("authlink.db")).unwrap();
        let denial = |id: u32| Denial::new(PartyKind::Platform, &id.to_string(), None).unwrap();
        for id in 0..DenyList::MOST {
            assert_eq!(store.deny(&denial(id)).await, Ok(true));
        }
        let refused = Change::Disable.change("here", &store, &denial(DenyList::MOST)).await;
        assert!(matches!(refused, Err(StepError::Refused(OperatorRefusal::ListFull))));
    }
}
