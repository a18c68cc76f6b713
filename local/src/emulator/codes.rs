//! Authorization codes: one use each, three minutes to use it in.

use std::collections::VecDeque;
use std::time::Duration;

use rsa::rand_core::{OsRng, RngCore as _};
use shared::model::clock::UnixMillis;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LENGTH: usize = 32;
const LIFE: Duration = Duration::from_mins(3);
const UNSPENT_KEPT: usize = 10_000;

/// The codes that were minted and not yet spent, oldest first.
#[derive(Debug, Default)]
pub(super) struct Codes(VecDeque<Minted>);

#[derive(Debug)]
struct Minted {
    code: String,
    user: usize,
    app_id: String,
    expires_at: UnixMillis,
}

impl Codes {
    /// A new code for the user with this index, who has consented to this app. The oldest of 10,000 unspent ones is
    /// dropped.
    pub(super) fn mint(&mut self, user: usize, app_id: &str, now: UnixMillis) -> String {
        self.0.retain(|minted| now < minted.expires_at);
        if self.0.len() == UNSPENT_KEPT {
            self.0.pop_front();
        }
        let code = random_code();
        let (app_id, expires_at) = (app_id.to_owned(), now + LIFE);
        self.0.push_back(Minted { code: code.clone(), user, app_id, expires_at });
        code
    }

    /// Spends a code: its user and app at the first call within three minutes of minting, `None` afterwards.
    pub(super) fn spend(&mut self, code: &str, now: UnixMillis) -> Option<(usize, String)> {
        let place = self.0.iter().position(|minted| minted.code == code)?;
        let minted = self.0.remove(place).filter(|minted| now < minted.expires_at)?;
        Some((minted.user, minted.app_id))
    }
}

fn random_code() -> String {
    let mut code = String::with_capacity(LENGTH);
    while code.len() < LENGTH {
        let mut byte = [0];
        OsRng.fill_bytes(&mut byte);
        // The top six bits number 64 characters; the two too many are generated again, so that all 62 are as likely.
        if let Some(&character) = ALPHABET.get(usize::from(byte[0] >> 2)) {
            code.push(char::from(character));
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

    #[test]
    fn a_code_is_thirty_two_letters_and_digits_and_new_each_time() {
        let mut codes = Codes::default();
        let (one, two) = (codes.mint(0, "1", NOON), codes.mint(0, "1", NOON));
        assert_eq!(one.len(), 32);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{one}");
        assert_ne!(one, two);
    }

    #[test]
    fn a_code_names_its_user_once() {
        let mut codes = Codes::default();
        let code = codes.mint(2, "1", NOON);
        assert_eq!(codes.spend(&code, NOON), Some((2, "1".to_owned())));
        assert_eq!(codes.spend(&code, NOON), None);
        assert_eq!(codes.spend("unknown", NOON), None);
    }

    #[test]
    fn a_code_dies_after_three_minutes() {
        let mut codes = Codes::default();
        let (early, late) = (codes.mint(0, "1", NOON), codes.mint(1, "1", NOON));
        assert_eq!(codes.spend(&early, NOON + LIFE - Duration::from_millis(1)), Some((0, "1".to_owned())));
        assert_eq!(codes.spend(&late, NOON + LIFE), None);
    }

    #[test]
    fn ten_thousand_unspent_codes_are_kept() {
        let mut codes = Codes::default();
        let first = codes.mint(0, "1", NOON);
        let second = codes.mint(0, "1", NOON);
        for _ in 0..UNSPENT_KEPT - 1 {
            codes.mint(0, "1", NOON);
        }
        assert_eq!(codes.spend(&first, NOON), None);
        assert_eq!(codes.spend(&second, NOON), Some((0, "1".to_owned())));
    }
}
