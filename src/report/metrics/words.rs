//! The words that labels have for the document's closed lists: those of the status file.

use crate::report::document::{Action, Blame, By, Reply, State, Verdict};

pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Up => "up",
        State::Down => "down",
    }
}

pub(super) fn by(by: By) -> &'static str {
    match by {
        By::Us => "us",
        By::Other => "other",
        By::Unknown => "unknown",
    }
}

pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Healthy => "healthy",
        Verdict::Doubtful => "doubtful",
        Verdict::Failed => "failed",
        Verdict::Unknown => "unknown",
        Verdict::NotChecked => "not_checked",
    }
}

pub(super) fn action(action: Action) -> &'static str {
    match action {
        Action::Down => "down",
        Action::Drain => "drain",
        Action::Up => "up",
    }
}

pub(super) fn reply(reply: Reply) -> &'static str {
    match reply {
        Reply::Ok => "ok",
        Reply::NotFound => "not_found",
        Reply::Busy => "busy",
        Reply::SyncTimedOut => "sync_timed_out",
        Reply::TryAgain => "try_again",
        Reply::Refused => "refused",
        Reply::Lost => "lost",
    }
}

pub(super) fn blame(blame: Blame) -> &'static str {
    match blame {
        Blame::Service => "service",
        Blame::Shared => "shared",
        Blame::Local => "local",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::DeserializeOwned;

    /// Reading the word as the status file has it gives the value back.
    fn check<Value: DeserializeOwned + Copy>(word: fn(Value) -> &'static str, words: &[&str]) {
        for expected in words {
            let value: Value = serde_json::from_str(&format!("\"{expected}\"")).unwrap();
            assert_eq!(word(value), *expected);
        }
    }

    #[test]
    fn the_words_are_those_of_the_status_file() {
        check(state, &["up", "down"]);
        check(by, &["us", "other", "unknown"]);
        let verdicts = ["healthy", "doubtful", "failed", "unknown", "not_checked"];
        check(verdict, &verdicts);
        check(action, &["down", "drain", "up"]);
        let replies = [
            "ok",
            "not_found",
            "busy",
            "sync_timed_out",
            "try_again",
            "refused",
            "lost",
        ];
        check(reply, &replies);
        check(blame, &["service", "shared", "local"]);
    }
}
