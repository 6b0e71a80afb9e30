//! What an attempt leaves behind beside its result, for people who look: how long each stage took, what was
//! said, what the server's certificate says.
//!
//! Values only, kept small: there is one for each attempt, and thousands may be kept. Who measures and who
//! writes the dialogue down is `probe`. Nothing is decided by any of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::outcome::{PresentedNames, Stage};

/// What one attempt leaves to look at. Empty after a panic of the probe, and where no file is published in what is
/// kept of earlier attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Where it got to, and how long each stage took.
    pub stages: StageTimes,
    /// Empty where nothing was said.
    pub dialogue: Dialogue,
    /// Of the last connection with TLS, if its certificate could be read.
    pub certificate: Option<Arc<Certificate>>,
}

/// The stages of an attempt in the order reached, each with the time from the end of the one before to its
/// own end. The last one is where a failed attempt failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageTimes(Box<[(Stage, u32)]>);

impl StageTimes {
    /// Rounded to microseconds; an hour is the longest.
    pub fn iter(&self) -> impl Iterator<Item = (Stage, Duration)> + '_ {
        let times = self.0.iter();
        times.map(|&(stage, took)| (stage, Duration::from_micros(took.into())))
    }

    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Stage, Duration)> for StageTimes {
    fn from_iter<I: IntoIterator<Item = (Stage, Duration)>>(times: I) -> StageTimes {
        let times = times.into_iter().map(|(stage, took)| {
            let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
            (stage, took)
        });
        StageTimes(times.collect())
    }
}

/// What was said in an attempt, a line each: `C: ` what the monitor said, `S: ` what the server said, `-- `
/// what happened between them. Passwords are blotted out, all else is printable ASCII, and both the number of
/// lines and their bytes are bounded (`probe::transcript`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialogue(Box<str>);

impl Dialogue {
    /// From lines that end in LF.
    pub fn new(lines: String) -> Dialogue {
        Dialogue(lines.into_boxed_str())
    }

    /// The lines without their ends, in the order said.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.lines()
    }

    /// Nothing was said, or nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a server's certificate says. Its names are the server's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// When it was read: a certificate that did not change is read at most once an hour.
    pub read: Instant,
    /// The last second of its validity, since 1970.
    pub not_after: i64,
    /// The earliest such second among all certificates that the server sent.
    pub chain_not_after: i64,
    /// The server's text, quoted.
    pub names: PresentedNames,
    /// Whether the last handshake took it; also where nothing is verified.
    pub accepted: bool,
}

impl Certificate {
    /// When the expired certificate ended, by this second: the server's own, or else the first to end of those sent
    /// with it. None if none of these has expired: the authority's need not be sent.
    pub fn expired_by(&self, second: i64) -> Option<i64> {
        let ends = [self.not_after, self.chain_not_after];
        ends.into_iter().find(|end| *end < second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_chain_the_servers_own_expiry_counts_before_that_of_others() {
        for (own, earliest, expired) in [
            (100, 50, Some(100)),
            (300, 50, Some(50)),
            // The authority's, which the server did not send.
            (300, 250, None),
            (200, 200, None),
        ] {
            let certificate = Certificate {
                read: Instant::now(),
                not_after: own,
                chain_not_after: earliest,
                names: PresentedNames::default(),
                accepted: false,
            };
            assert_eq!(certificate.expired_by(200), expired, "{own} {earliest}");
        }
    }
}
