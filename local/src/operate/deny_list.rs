//! Changes of the deny list by an operator, each with its audit line.

use serde_json::json;
use shared::model::deny_list::Denial;
use shared::store::{ChangeDenyList, ReadDenyList};

use super::refusal::{Refusal, StepError};
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
                return Err(Refusal::ListFull.into());
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

#[cfg(test)]
mod tests {
    use shared::model::deny_list::{DenyList, KeyFingerprint, PartyKind};
    use shared::store::sqlite::SqliteStore;

    use super::*;

    #[tokio::test]
    async fn the_operator_is_told_what_became_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("authlink.db")).unwrap();
        let key = KeyFingerprint::of(b"a key");
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

    #[tokio::test]
    async fn a_list_that_is_full_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("authlink.db")).unwrap();
        let denial = |id: u32| Denial::new(PartyKind::Platform, &id.to_string(), None).unwrap();
        for id in 0..DenyList::MOST {
            assert_eq!(store.deny(&denial(id)).await, Ok(true));
        }
        let refused = Change::Disable.change("here", &store, &denial(DenyList::MOST)).await;
        assert!(matches!(refused, Err(StepError::Refused(Refusal::ListFull))));
    }
}
