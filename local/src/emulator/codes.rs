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
    expires_at: UnixMillis,
}

impl Codes {
    /// A new code for the user with this index. The oldest of 10,000 unspent ones is dropped.
    pub(super) fn mint(&mut self, user: usize, now: UnixMillis) -> String {
        self.0.retain(|minted| now < minted.expires_at);
        if self.0.len() == UNSPENT_KEPT {
            self.0.pop_front();
        }
        let code = random_code();
        self.0.push_back(Minted { code: code.clone(), user, expires_at: now + LIFE });
        code
    }

    /// Spends a code: its user at the first call within three minutes of minting, `None` afterwards.
    pub(super) fn spend(&mut self, code: &str, now: UnixMillis) -> Option<usize> {
        let place = self.0.iter().position(|minted| minted.code == code)?;
        self.0.remove(place).filter(|minted| now < minted.expires_at).map(|minted| minted.user)
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
        let (one, two) = (codes.mint(0, NOON), codes.mint(0, NOON));
        assert_eq!(one.len(), 32);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{one}");
        assert_ne!(one, two);
    }

    #[test]
    fn a_code_names_its_user_once() {
        let mut codes = Codes::default();
        let code = codes.mint(2, NOON);
        assert_eq!(codes.spend(&code, NOON), Some(2));
        assert_eq!(codes.spend(&code, NOON), None);
        assert_eq!(codes.spend("unknown", NOON), None);
    }

    #[test]
    fn a_code_dies_after_three_minutes() {
        let mut codes = Codes::default();
        let (early, late) = (codes.mint(0, NOON), codes.mint(1, NOON));
        assert_eq!(codes.spend(&early, NOON + LIFE - Duration::from_millis(1)), Some(0));
        assert_eq!(codes.spend(&late, NOON + LIFE), None);
    }

    #[test]
    fn ten_thousand_unspent_codes_are_kept() {
        let mut codes = Codes::default();
        let first = codes.mint(0, NOON);
        let second = codes.mint(0, NOON);
        for _ in 0..UNSPENT_KEPT - 1 {
            codes.mint(0, NOON);
        }
        assert_eq!(codes.spend(&first, NOON), None);
        assert_eq!(codes.spend(&second, NOON), Some(0));
    }
}
