//! The parties that a local host leaves alone, by the file that it keeps of them.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use shared::egress::breakers::Hanging;
use shared::model::clock::UnixMillis;
use shared::runtime::start::StartError;

use crate::open_breakers;
use crate::operate::local_time::local;
use crate::status::finding::Seen;

/// A party that hangs is tried every ten seconds while somebody wants it, and its breaker opens again each time.
pub(super) const HANGS_FOR: Duration = Duration::from_mins(5);

pub(super) fn check(file: &Path, now: UnixMillis) -> Result<Seen, StartError> {
    Ok(hang(&open_breakers::read(file)?.unwrap_or_default(), now))
}

/// Whoever has been in one state for long is not wanted by anybody, or its host has ended without a stop.
fn hang(hanging: &[Hanging], now: UnixMillis) -> Seen {
    let line = |it: &Hanging| format!("{} is {} since {}", it.party, it.breaker, local(it.since));
    let lines: Vec<_> = hanging.iter().map(line).collect();
    Seen {
        is_healthy: hanging.iter().all(|it| now.since(it.since) > HANGS_FOR),
        value: json!(hanging),
        lines: if lines.is_empty() { vec!["no breaker is open".to_owned()] } else { lines },
        unseen: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_355_000_000);

    #[test]
    fn who_hangs_is_named_with_the_state_of_the_breaker() {
        let ago = |minutes| NOW - Duration::from_mins(minutes);
        let gateway = |breaker: &str, since| Hanging {
            party: "alipay-gateway".to_owned(),
            breaker: breaker.to_owned(),
            since,
        };
        for (hanging, is_healthy, told) in [
            (vec![], true, "no breaker is open"),
            (vec![gateway("open", NOW)], false, "alipay-gateway is open since "),
            (vec![gateway("half_open", ago(5))], false, "alipay-gateway is half_open since "),
            (vec![gateway("open", ago(6))], true, "alipay-gateway is open since "),
        ] {
            let seen = hang(&hanging, NOW);
            assert_eq!((seen.is_healthy, &seen.value), (is_healthy, &json!(hanging)));
            let [line] = &seen.lines[..] else { panic!("one line") };
            assert!(line.starts_with(told), "{line}");
        }
    }

    #[test]
    fn a_folder_that_no_host_has_told_of_has_nobody_who_hangs() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("breakers.json");
        assert!(check(&file, NOW).unwrap().is_healthy);
        std::fs::write(&file, "{").unwrap();
        assert!(check(&file, NOW).is_err());
    }
}
