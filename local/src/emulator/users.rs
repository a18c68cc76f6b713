//! The people who can consent in the emulator.

use sha2::{Digest as _, Sha256};

/// A made-up Alipay user, the same in every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestUser {
    pub chinese_name: &'static str,
    pub english_name: &'static str,
    /// The user's id for the first app. For another one it is another, see [`Self::open_id_for`].
    pub open_id: &'static str,
    /// The user's id for apps that still get `2088…` ids.
    pub user_id: &'static str,
}

impl TestUser {
    /// The user's id for the app of this id, which is not the first one: no other app has it.
    #[must_use]
    pub fn open_id_for(&self, app_id: &str) -> String {
        let digest = Sha256::digest(format!("{app_id} {}", self.open_id));
        format!("{}{}", &self.open_id[..3], hex::encode(&digest[..22]))
    }
}

pub const TEST_USERS: [TestUser; 3] = [
    TestUser {
        chinese_name: "林一",
        english_name: "Lin Yi",
        open_id: "010emuLinYi7Qd3kV9sXw2RbT5hJm8NcZ1pLf6GyAa4Ue0",
        user_id: "2088000000000017",
    },
    TestUser {
        chinese_name: "陈二",
        english_name: "Chen Er",
        open_id: "020emuChenEr4Mz8cP1tYv6KdW3gQn9RbX5jHs2FuEo7La",
        user_id: "2088000000000025",
    },
    TestUser {
        chinese_name: "王三",
        english_name: "Wang San",
        open_id: "030emuWangSan2Tf5xB8nCq1VkJ7mZr4GdY9wPs3HeUi6o",
        user_id: "2088000000000033",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_shape_of_alipays_and_differ() {
        for user in TEST_USERS {
            assert!(user.open_id.len() > 40 && user.open_id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            assert!(user.user_id.len() == 16 && user.user_id.starts_with("2088"));
        }
        let ids: std::collections::BTreeSet<_> =
            TEST_USERS.iter().flat_map(|u| [u.open_id, u.user_id]).collect();
        assert_eq!(ids.len(), 6);
        let [one, two] = ["2", "3"].map(|app_id| TEST_USERS[0].open_id_for(app_id));
        assert!(one.len() == 47 && one != two && one != TEST_USERS[0].open_id);
    }
}
