//! The last polls of each backend, for the log at SIGHUP: dovemon's way to ask how a backend has done.
//!
//! Small, as it is kept for thousands of backends: a poll that passed is a few numbers, and failures
//! in a row share their text. Pure; it logs nothing and knows no clock.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
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
    /// In microseconds; more than 71 minutes are 71 minutes (u32).
    latency: u32,
    /// In microseconds, too.
    delivery: Option<NonZeroU32>,
    /// Its place in the settings.
    service: u16,
    /// What went wrong, or is to be remarked.
    remark: Option<Arc<str>>,
    /// Empty while no file is published.
    pub stages: StageTimes,
}

impl Poll {
    pub fn latency(&self) -> Duration {
        Duration::from_micros(self.latency.into())
    }

    /// How long a message that it delivered took to appear.
    pub fn delivery(&self) -> Option<Duration> {
        self.delivery
            .map(|micros| Duration::from_micros(micros.get().into()))
    }

    pub fn service(&self) -> usize {
        self.service.into()
    }

    /// One or a few words.
    pub fn result(&self) -> &str {
        self.remark.as_deref().unwrap_or("ok")
    }
}

/// All backends' last polls.
#[derive(Debug, Default)]
pub struct History {
    of: BTreeMap<IpAddr, Recent>,
}

/// A ring: once it is full, the next one takes the place of the oldest.
#[derive(Debug, Default)]
struct Recent {
    worker: u64,
    polls: Vec<Poll>,
    oldest: usize,
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

    /// It has left the list.
    pub fn forget(&mut self, address: IpAddr) {
        self.of.remove(&address);
    }

    /// The oldest first.
    pub fn of(&self, address: IpAddr) -> impl Iterator<Item = &Poll> + '_ {
        self.of.get(&address).into_iter().flat_map(|recent| {
            let (newer, older) = recent.polls.split_at(recent.oldest);
            older.iter().chain(newer)
        })
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
        let remark = match result {
            Ok(Pass::Clean) => None,
            Ok(remark) => Some(self.share(&remark.to_string())),
            Err(failure) => Some(self.share(&failure.to_string())),
        };
        let poll = Poll {
            began: *began,
            latency: micros(*latency),
            delivery: delivery.and_then(|delivery| NonZeroU32::new(micros(delivery).max(1))),
            service: u16::try_from(finding.service).unwrap_or(u16::MAX),
            remark,
            stages: match keeping {
                Keeping::Little => StageTimes::default(),
                Keeping::Everything => evidence.stages.clone(),
            },
        };
        if self.polls.len() < KEPT {
            self.polls.reserve_exact(KEPT - self.polls.len());
            self.polls.push(poll);
            return;
        }
        self.polls[self.oldest] = poll;
        self.oldest = (self.oldest + 1) % KEPT;
    }

    /// Cut, and with the text of an earlier poll where it is the same.
    fn share(&self, text: &str) -> Arc<str> {
        let cut = if text.chars().count() > LONGEST {
            let kept = text.chars().take(LONGEST - CUT.len());
            Cow::Owned(kept.chain(CUT.chars()).collect::<String>())
        } else {
            Cow::Borrowed(text)
        };
        let mut kept = self.polls.iter().filter_map(|poll| poll.remark.as_ref());
        let same = kept.find(|remark| remark.as_ref() == cut);
        same.map_or_else(|| Arc::from(&*cut), Arc::clone)
    }
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
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
                began,
                latency: Duration::from_micros(1234),
                delivery: Some(Duration::from_micros(234)),
                evidence: Evidence {
                    stages: [(Stage::Connect, Duration::from_micros(7))]
                        .into_iter()
                        .collect(),
                    ..Evidence::default()
                },
                logged_in: false,
                result,
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
        assert_eq!((poll.service(), poll.result()), (2, "ok"));
        assert_eq!(poll.latency(), Duration::from_micros(1234));
        assert_eq!(poll.delivery(), Some(Duration::from_micros(234)));
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
    fn a_long_text_is_cut_and_shared() {
        let now = Instant::now();
        let mut history = History::default();
        let fault = Fault::Unavailable(Quote::new([0xff; 160]));
        let failure = Failure::new(Stage::Login, fault);
        for _ in 0..20 {
            history.on_finding(
                ADDRESS,
                1,
                &finding(now, Err(failure.clone())),
                Keeping::Little,
            );
        }
        let remarks: Vec<&Poll> = history.of(ADDRESS).collect();
        assert_eq!(remarks[0].result().len(), LONGEST);
        assert!(remarks[0].result().ends_with("..."));
        let texts = remarks.iter().filter_map(|poll| poll.remark.as_ref());
        assert!(texts
            .clone()
            .all(|text| Arc::ptr_eq(text, remarks[0].remark.as_ref().unwrap())));
        assert_eq!(texts.count(), KEPT);
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
            assert_eq!(poll.result() == text, is_whole, "{length}");
        }
    }

    #[test]
    fn a_backend_costs_less_than_a_kilobyte() {
        assert!(std::mem::size_of::<Poll>() * KEPT + std::mem::size_of::<Recent>() <= 700);
    }
}
