//! The last polls of each backend, for the log at SIGHUP: dovemon's way to ask how a backend has done.
//!
//! Pure; it logs nothing and knows no clock.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::records::Keeping;
use crate::outcome::{Outcome, Pass, StageTimes};
use crate::schedule::Finding;

/// How many of a backend's are kept: as many as dovemon logs.
const KEPT: usize = 10;

/// How many characters of a failure's text are kept. They are bytes, too: what a server said is escaped already,
/// and our own words are ASCII.
const LONGEST: usize = 60;

/// So ends what was cut.
const CUT: &str = "...";

/// One attempt, as it is told later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    /// Before the connection was opened.
    pub began: Instant,
    pub latency: Duration,
    /// How long a message that it delivered took to appear.
    pub delivery: Option<Duration>,
    /// Its place in the settings.
    pub service: usize,
    /// What went wrong, what is to be remarked, or "ok".
    pub result: Cow<'static, str>,
    /// Empty while no file is published.
    pub stages: StageTimes,
}

/// All backends' last polls.
#[derive(Debug, Default)]
pub struct History {
    of: BTreeMap<IpAddr, Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    worker: u64,
    /// The oldest first.
    polls: VecDeque<Poll>,
}

impl History {
    /// With the number of the worker that found it. Another number means another worker, or other
    /// services: the places of the former ones say nothing any more, and their polls are forgotten.
    pub(super) fn on_finding(
        &mut self,
        address: IpAddr,
        worker: u64,
        finding: &Finding,
        keeping: Keeping,
    ) {
        let recent = self.of.entry(address).or_default();
        if recent.worker != worker {
            *recent = Recent {
                worker,
                ..Recent::default()
            };
        }
        recent.add(finding, keeping);
    }

    /// It has left the list, or is probed no more.
    pub fn forget(&mut self, address: IpAddr) {
        self.of.remove(&address);
    }

    /// The oldest first.
    pub fn of(&self, address: IpAddr) -> impl Iterator<Item = &Poll> + '_ {
        let recent = self.of.get(&address).into_iter();
        recent.flat_map(|recent| &recent.polls)
    }
}

impl Recent {
    fn add(&mut self, finding: &Finding, keeping: Keeping) {
        let Outcome {
            began,
            latency,
            delivery,
            result,
            evidence,
            ..
        } = &finding.outcome;
        let poll = Poll {
            began: *began,
            latency: *latency,
            delivery: *delivery,
            service: finding.service,
            result: match result {
                Ok(Pass::Clean) => Cow::Borrowed("ok"),
                Ok(remark) => Cow::Owned(cut(remark.to_string())),
                Err(failure) => Cow::Owned(cut(failure.to_string())),
            },
            stages: match keeping {
                Keeping::Little => StageTimes::default(),
                Keeping::Everything => evidence.stages.clone(),
            },
        };
        if self.polls.len() >= KEPT {
            self.polls.pop_front();
        }
        self.polls.push_back(poll);
    }
}

fn cut(text: String) -> String {
    match text.chars().count() > LONGEST {
        true => {
            let kept = text.chars().take(LONGEST - CUT.len());
            kept.chain(CUT.chars()).collect()
        }
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Evidence, Failure, Fault, Stage};
    use crate::quote::Quote;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn finding(began: Instant, result: Result<Pass, Failure>) -> Finding {
        Finding {
            round_began: began,
            service: 2,
            outcome: Outcome {
                delivery: Some(Duration::from_micros(234)),
                evidence: Evidence {
                    stages: [(Stage::Connect, Duration::from_micros(7))]
                        .into_iter()
                        .collect(),
                    ..Evidence::default()
                },
                ..Outcome::new(began, Duration::from_micros(1234), result)
            },
            for_good: false,
            verdict: None,
        }
    }

    #[test]
    fn the_last_ten_are_kept_the_oldest_first() {
        let start = Instant::now();
        let mut history = History::default();
        assert_eq!(history.of(ADDRESS).count(), 0);
        for second in 0..27 {
            let began = start + Duration::from_secs(second);
            history.on_finding(
                ADDRESS,
                1,
                &finding(began, Ok(Pass::Clean)),
                Keeping::Little,
            );
            let kept: Vec<u64> = history
                .of(ADDRESS)
                .map(|poll| (poll.began - start).as_secs())
                .collect();
            let expected: Vec<u64> = (0..=second).rev().take(KEPT).collect();
            assert!(kept.iter().eq(expected.iter().rev()), "{kept:?}");
        }
        let poll = history.of(ADDRESS).next().unwrap();
        assert_eq!((poll.service, &*poll.result), (2, "ok"));
        assert_eq!(poll.latency, Duration::from_micros(1234));
        assert_eq!(poll.delivery, Some(Duration::from_micros(234)));
        assert!(history.of(ADDRESS).all(|poll| poll.stages.is_empty()));
        let looked_at = finding(start, Ok(Pass::Clean));
        history.on_finding(ADDRESS, 2, &looked_at, Keeping::Everything);
        let poll = history.of(ADDRESS).next().unwrap();
        assert_eq!(poll.stages, looked_at.outcome.evidence.stages);
        assert_eq!(history.of(ADDRESS).count(), 1, "of the new worker alone");
        history.forget(ADDRESS);
        assert_eq!(history.of(ADDRESS).count(), 0);
    }

    #[test]
    fn a_long_text_is_cut() {
        let mut history = History::default();
        let fault = Fault::Unavailable(Quote::new([0xff; 160]));
        let failure = Failure::new(Stage::Login, fault);
        let finding = finding(Instant::now(), Err(failure));
        history.on_finding(ADDRESS, 1, &finding, Keeping::Little);
        let poll = history.of(ADDRESS).next().unwrap();
        assert_eq!(poll.result.len(), LONGEST);
        assert!(poll.result.ends_with("..."));
    }

    #[test]
    fn a_text_that_is_just_short_enough_is_kept_whole() {
        let said = |length: usize| {
            let said = Quote::new("x".repeat(length));
            Failure::new(Stage::Login, Fault::Unavailable(said))
        };
        let around = said(0).to_string().len();
        for (length, is_whole) in [(LONGEST, true), (LONGEST + 1, false)] {
            let failure = said(length - around);
            let text = failure.to_string();
            assert_eq!(text.len(), length);
            let mut history = History::default();
            let finding = finding(Instant::now(), Err(failure));
            history.on_finding(ADDRESS, 1, &finding, Keeping::Little);
            let poll = history.of(ADDRESS).next().unwrap();
            assert_eq!(poll.result == text, is_whole, "{length}");
        }
    }
}
