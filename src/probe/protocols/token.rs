//! The token that tells the monitor's own test messages from everybody's mail.
//!
//! It decides which messages a probe may delete. It takes neither time nor chance from the system.

use std::fmt;
use std::time::Duration;

/// The header that carries the token, and nothing else.
pub const HEADER: &str = "X-Poolmon-Probe";

/// What every token begins with.
pub(super) const PREFIX: &str = "poolmon.";

/// What is left of a run that broke off is anybody's to clean after so long.
const LEFTOVER_AFTER: Duration = Duration::from_secs(3600);

const LONGEST_HOST: usize = 64;

/// What a message was delivered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A step of a poll: nobody waits for it.
    Step,
    /// A deep probe: the one that delivered it looks for it.
    Deep,
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Purpose::Step => "step",
            Purpose::Deep => "deep",
        }
    }
}

/// One attempt's mark: `poolmon.deep.1795326013.00c0ffee00c0ffee.mon1.example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    purpose: Purpose,
    /// Since 1970, in whole seconds.
    at: Duration,
    number: u64,
    host: String,
}

impl Token {
    /// `at` is the wall clock's time since 1970, `number` a random one. Of the host's name only what
    /// a host name may have is kept.
    pub fn new(purpose: Purpose, at: Duration, number: u64, host: &str) -> Token {
        let mut host: String = host
            .chars()
            .map(|c| if is_host_character(c) { c } else { '-' })
            .take(LONGEST_HOST)
            .collect();
        if host.is_empty() {
            host.push('-');
        }
        Token {
            purpose,
            at: Duration::from_secs(at.as_secs()),
            number,
            host,
        }
    }

    /// Exactly what [`Token`]'s `Display` writes; `None` for anything else, however alike.
    pub fn parse(text: &[u8]) -> Option<Token> {
        let text = std::str::from_utf8(text).ok()?;
        let mut parts = text.strip_prefix(PREFIX)?.splitn(4, '.');
        let purpose = parts.next()?;
        let token = Token::new(
            [Purpose::Step, Purpose::Deep]
                .into_iter()
                .find(|known| known.word() == purpose)?,
            Duration::from_secs(parts.next()?.parse().ok()?),
            u64::from_str_radix(parts.next()?, 16).ok()?,
            parts.next()?,
        );
        (token.to_string() == text).then_some(token)
    }

    /// Whether the attempt that bears this token may delete a message that bears the other one: its
    /// own; what this host's steps have delivered, for nobody waits for it; and what is left of
    /// runs that broke off. A token from the future is left to those who live then.
    pub fn may_delete(&self, other: &Token) -> bool {
        let is_step = |token: &Token| token.purpose == Purpose::Step;
        let is_past_step =
            is_step(self) && is_step(other) && self.host == other.host && other.at <= self.at;
        let is_leftover = other
            .at
            .checked_add(LEFTOVER_AFTER)
            .map_or(false, |end| end < self.at);
        self == other || is_past_step || is_leftover
    }

    /// When the attempt was made: since 1970, in whole seconds of the wall clock of the machine that made
    /// it.
    pub fn at(&self) -> Duration {
        self.at
    }

    /// The machine that made the attempt, cut to 64 characters.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// A number below `limit`, another one for each attempt; zero if the limit is.
    pub(super) fn pick(&self, limit: u32) -> u32 {
        match limit {
            0 => 0,
            _ => u32::try_from(self.number % u64::from(limit)).unwrap_or_default(),
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{PREFIX}{}.{}.{:016x}.{}",
            self.purpose.word(),
            self.at.as_secs(),
            self.number,
            self.host
        )
    }
}

fn is_host_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_326_013;

    fn token(purpose: Purpose, at: u64, number: u64, host: &str) -> Token {
        Token::new(purpose, Duration::from_secs(at), number, host)
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let written = token(Purpose::Deep, NOW, 0xc0_ffee, "mon1.example.org");
        let text = written.to_string();
        assert_eq!(
            text,
            "poolmon.deep.1795326013.0000000000c0ffee.mon1.example.org"
        );
        assert_eq!(Token::parse(text.as_bytes()), Some(written));
        for other in [
            "",
            "poolmon.",
            "poolmon.deep.1795326013.0000000000c0ffee",
            "poolmon.deep.1795326013.0000000000c0ffee.",
            "poolmon.deep.1795326013.c0ffee.mon1.example.org",
            "poolmon.deep.1795326013.0000000000C0FFEE.mon1.example.org",
            "poolmon.deep.+1795326013.0000000000c0ffee.mon1.example.org",
            "poolmon.deep.01795326013.0000000000c0ffee.mon1.example.org",
            "poolmon.deep.99999999999999999999.0000000000c0ffee.mon1.example.org",
            "poolmon.dive.1795326013.0000000000c0ffee.mon1.example.org",
            "Poolmon.deep.1795326013.0000000000c0ffee.mon1.example.org",
            " poolmon.deep.1795326013.0000000000c0ffee.mon1.example.org",
            "poolmon.deep.1795326013.0000000000c0ffee.mon1.example.org ",
            "poolmon.deep.1795326013.0000000000c0ffee.mon1 example",
            "Re: poolmon.deep.1795326013.0000000000c0ffee.mon1.example.org",
        ] {
            assert_eq!(Token::parse(other.as_bytes()), None, "{other:?}");
        }
    }

    #[test]
    fn a_hosts_name_cannot_break_the_header() {
        for (host, kept) in [
            ("", "-"),
            ("m\u{f6}n", "m-n"),
            ("a\r\nSubject: x", "a--Subject--x"),
            ("a\" b", "a--b"),
            (&"x".repeat(100), &"x".repeat(64)),
        ] {
            let made = token(Purpose::Step, NOW, 1, host);
            assert_eq!(made.host(), kept);
            assert_eq!(Token::parse(made.to_string().as_bytes()), Some(made));
        }
    }

    #[test]
    fn deleted_is_the_own_message_a_step_of_the_same_host_and_what_is_left_for_an_hour() {
        use Purpose::{Deep, Step};
        let deep = token(Deep, NOW, 1, "a");
        let step = token(Step, NOW, 1, "a");
        for (other, by_deep, by_step) in [
            (token(Deep, NOW, 1, "a"), true, false),
            (token(Step, NOW, 1, "a"), false, true),
            // Another attempt waits for this one.
            (token(Deep, NOW, 2, "a"), false, false),
            (token(Deep, NOW - 3600, 2, "a"), false, false),
            (token(Deep, NOW - 3601, 2, "a"), true, true),
            (token(Deep, NOW - 3601, 2, "b"), true, true),
            (token(Step, NOW - 3601, 2, "b"), true, true),
            (token(Step, NOW - 1, 2, "a"), false, true),
            (token(Step, NOW - 1, 2, "b"), false, false),
            // From a clock that is ahead of ours.
            (token(Step, NOW + 1, 2, "a"), false, false),
            (token(Deep, NOW + 7200, 2, "a"), false, false),
            (token(Deep, u64::MAX, 2, "a"), false, false),
            (token(Deep, 0, 2, "b"), true, true),
        ] {
            assert_eq!(deep.may_delete(&other), by_deep, "deep: {other}");
            assert_eq!(step.may_delete(&other), by_step, "step: {other}");
        }
    }
}
