//! The query that a browser brings back from Alipay.

use shared::model::alipay_app_id::AlipayAppId;
use shared::model::id::State;
use shared::model::identity::AuthCode;

/// Longer queries are none of Alipay's.
const MAX_QUERY_BYTES: usize = 4 * 1024;

/// A return with a code.
pub(crate) struct Return {
    pub(crate) app: AlipayAppId,
    pub(crate) state: State,
    pub(crate) code: AuthCode,
}

/// A query as it came, before anything is looked up.
pub(crate) enum ReturnQuery {
    /// The user consented.
    WithCode(Return),
    /// The user came back without a code. Alipay documents no redirect for a refusal, so this is taken as one.
    WithoutCode(AlipayAppId, State),
    /// Nothing that Alipay would send for a link of ours.
    NotOurs,
}

impl ReturnQuery {
    /// Reads the query: `app_id`, `state` and `auth_code` must be well-formed, none of them repeated.
    pub(crate) fn parse(query: &str) -> Self {
        if query.len() > MAX_QUERY_BYTES {
            return Self::NotOurs;
        }
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let once = |name: &str| {
            let mut values = pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_ref());
            match (values.next(), values.next()) {
                (first, None) => Ok(first.filter(|value| !value.is_empty())),
                (_, Some(_)) => Err(()),
            }
        };
        let (Ok(Some(app_id)), Ok(Some(state)), Ok(code)) =
            (once("app_id"), once("state"), once("auth_code"))
        else {
            return Self::NotOurs;
        };
        let (Some(app), Some(state)) = (AlipayAppId::parse(app_id), State::parse(state)) else {
            return Self::NotOurs;
        };
        match code.map(AuthCode::parse) {
            None => Self::WithoutCode(app, state),
            Some(Some(code)) => Self::WithCode(Return { app, state, code }),
            Some(None) => Self::NotOurs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> &'static str {
        match ReturnQuery::parse(query) {
            ReturnQuery::WithCode(_) => "code",
            ReturnQuery::WithoutCode(..) => "no code",
            ReturnQuery::NotOurs => "not ours",
        }
    }

    #[test]
    fn a_return_is_taken_apart_before_anything_is_looked_up() {
        let state = "0a".repeat(32);
        for (query, expected) in [
            (
                format!("app_id=2021&source=alipay_wallet&scope=auth_base&auth_code=c0de&state={state}"),
                "code",
            ),
            (format!("app_id=2021&state={state}"), "no code"),
            (format!("app_id=2021&auth_code=&state={state}"), "no code"),
            (format!("app_id=x2021&auth_code=c0de&state={state}"), "not ours"),
            (format!("auth_code=c0de&state={state}"), "not ours"),
            ("app_id=2021&auth_code=c0de".to_owned(), "not ours"),
            (format!("app_id=2021&auth_code=c0de&state={}", &state[1..]), "not ours"),
            (format!("app_id=2021&auth_code=c0de&state={}", state.to_uppercase()), "not ours"),
            (format!("app_id=2021&auth_code=c0de&auth_code=c0de&state={state}"), "not ours"),
            (format!("app_id=2021&auth_code=c0de&state={state}&state={state}"), "not ours"),
            (format!("app_id=2021&auth_code=c0%26de&state={state}"), "not ours"),
            (format!("app_id=2021&auth_code=c0de&state={state}&x={}", "y".repeat(5_000)), "not ours"),
            (String::new(), "not ours"),
        ] {
            assert_eq!(read(&query), expected, "{query}");
        }
    }
}
