//! The alarms that stand, found by comparing what holds now with what held before: which began, which lasts, and
//! which is over. Short interruptions do not end one.
//!
//! It is told the whole state each time; what only shows itself in single events is a notice (`notices`). Pure: which
//! alarms hold and what is said of them is the engine's.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::notices::AGAIN_AFTER;

/// How long an alarm has to last before it is said. The time between a monitor's command and the list that shows
/// it is shorter, and needs no alarm.
const BEGINS_AFTER: Duration = Duration::from_millis(500);

/// How long an alarm has to be over before that is said: a backend that passes once, or a director
/// that has just been restarted and lists all as up, does not end it.
const ENDS_AFTER: Duration = Duration::from_secs(10);

/// How long after it was said in whole an alarm may be said in whole again because it is about further backends: in a
/// round they fail one after the other.
const IN_WHOLE_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What tells one alarm from another.
pub trait AlarmKind: Ord + Clone {
    fn spread_line(&self) -> SpreadLine;
}

/// What is said when an alarm spreads to further backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpreadLine {
    /// A line about the new ones alone, soon: no other line says that something is the matter with them.
    OnlyNew,
    /// The whole line with all backends, a minute after it was last said: each of them has a line of its own, but
    /// the alarm's line would go on naming too few.
    All,
}

/// What holds at one time: the alarms, each with the backends that it is about.
pub type Holding<Kind> = BTreeMap<Kind, BTreeSet<IpAddr>>;

/// The alarms that stand, with what has been said of them.
#[derive(Debug)]
pub struct StandingAlarms<Kind: AlarmKind> {
    standing: BTreeMap<Kind, StandingAlarm>,
}

#[derive(Debug)]
struct StandingAlarm {
    since: Instant,
    /// When it was last said; not yet, if it has not lasted long enough.
    said: Option<Instant>,
    about: BTreeSet<IpAddr>,
    /// Which backends have been named since it was last said in whole.
    named: BTreeSet<IpAddr>,
    /// Since when there are backends that have not been named.
    unnamed_since: Option<Instant>,
    /// Since when it does not hold any more.
    over: Option<Instant>,
}

/// A line to be said of an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement<Kind> {
    /// Which of the alarms.
    pub kind: Kind,
    /// Whether it begins, goes on or ends.
    pub phase: AlarmPhase,
    /// The backends: with `Spread` only the new ones, with `Ended` those that it was last about.
    pub about: BTreeSet<IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmPhase {
    Began,
    /// It is about further backends, which are said alone.
    Spread,
    /// It still stands an hour later, or is about further backends, and is said in whole.
    Lasts {
        for_so_long: Duration,
    },
    Ended,
}

impl<Kind: AlarmKind> StandingAlarms<Kind> {
    pub fn new() -> StandingAlarms<Kind> {
        StandingAlarms {
            standing: BTreeMap::new(),
        }
    }

    /// Takes in all that holds now; returns what is to be said.
    pub fn on_state(&mut self, holding: Holding<Kind>, now: Instant) -> Vec<Announcement<Kind>> {
        let mut announcements = Vec::new();
        self.standing.retain(|kind, standing| {
            if !holding.contains_key(kind) {
                return match standing.on_absent(now) {
                    Absent::NeverSaid => false,
                    Absent::NotForLong => true,
                    Absent::Over => {
                        announcements.push(standing.end(kind));
                        false
                    }
                };
            }
            true
        });
        for (kind, about) in holding {
            let standing = self.standing.entry(kind.clone());
            let standing = standing.or_insert_with(|| StandingAlarm::new(now));
            if let Some((phase, about)) = standing.on_present(about, kind.spread_line(), now) {
                announcements.push(Announcement { kind, phase, about });
            }
        }
        announcements
    }

    /// These are over at once, such as those about a check that is made no longer; returns what is to be
    /// said.
    pub fn end(&mut self, is_over: impl Fn(&Kind) -> bool) -> Vec<Announcement<Kind>> {
        let mut announcements = Vec::new();
        self.standing.retain(|kind, standing| {
            let is_over = is_over(kind);
            if is_over && standing.said.is_some() {
                announcements.push(standing.end(kind));
            }
            !is_over
        });
        announcements
    }

    /// When time alone will have something to say, if all stays as it is.
    pub fn next_due(&self) -> Option<Instant> {
        let standing = self.standing.iter();
        standing
            .map(|(kind, one)| one.due(kind.spread_line()))
            .min()
    }

    /// All that hold, said or not.
    pub fn holding(&self) -> impl Iterator<Item = &Kind> {
        let holding = self.standing.iter().filter(|(_, one)| one.over.is_none());
        holding.map(|(kind, _)| kind)
    }

    /// What has been said and holds now, since when it is so, and the backends that it is about. What is over is not
    /// among it, though the line that says so may still have to wait.
    pub fn said(&self) -> impl Iterator<Item = (&Kind, Instant, &BTreeSet<IpAddr>)> {
        let is_shown = |one: &StandingAlarm| one.said.is_some() && one.over.is_none();
        let said = self.standing.iter().filter(move |(_, one)| is_shown(one));
        said.map(|(kind, standing)| (kind, standing.since, &standing.about))
    }
}

enum Absent {
    NeverSaid,
    NotForLong,
    Over,
}

impl StandingAlarm {
    fn new(now: Instant) -> StandingAlarm {
        StandingAlarm {
            since: now,
            said: None,
            about: BTreeSet::new(),
            named: BTreeSet::new(),
            unnamed_since: None,
            over: None,
        }
    }

    fn end<Kind: Clone>(&mut self, kind: &Kind) -> Announcement<Kind> {
        Announcement {
            kind: kind.clone(),
            phase: AlarmPhase::Ended,
            about: std::mem::take(&mut self.about),
        }
    }

    fn on_absent(&mut self, now: Instant) -> Absent {
        if self.said.is_none() {
            return Absent::NeverSaid;
        }
        let over = *self.over.get_or_insert(now);
        match now >= over + ENDS_AFTER {
            true => Absent::Over,
            false => Absent::NotForLong,
        }
    }

    fn on_present(
        &mut self,
        about: BTreeSet<IpAddr>,
        spread_line: SpreadLine,
        now: Instant,
    ) -> Option<(AlarmPhase, BTreeSet<IpAddr>)> {
        self.over = None;
        self.about = about;
        let lasts = AlarmPhase::Lasts {
            for_so_long: now - self.since,
        };
        let phase = match self.said {
            None if now < self.since + BEGINS_AFTER => return None,
            None => AlarmPhase::Began,
            Some(said) if now >= said + AGAIN_AFTER => lasts,
            Some(said) => {
                let new = self.unnamed(now)?;
                if now < spread_due(spread_line, self.unnamed_since?, said) {
                    return None;
                }
                // Who leaves and joins again is not said again within the hour.
                self.named.extend(&new);
                self.unnamed_since = None;
                return Some(match spread_line {
                    SpreadLine::OnlyNew => (AlarmPhase::Spread, new),
                    SpreadLine::All => {
                        self.said = Some(now);
                        (lasts, self.about.clone())
                    }
                });
            }
        };
        self.said = Some(now);
        self.named = self.about.clone();
        self.unnamed_since = None;
        Some((phase, self.about.clone()))
    }

    /// Those that have not been named, and notes since when there are any.
    fn unnamed(&mut self, now: Instant) -> Option<BTreeSet<IpAddr>> {
        if self.about.is_subset(&self.named) {
            self.unnamed_since = None;
            return None;
        }
        self.unnamed_since.get_or_insert(now);
        Some(self.about.difference(&self.named).copied().collect())
    }

    fn due(&self, spread_line: SpreadLine) -> Instant {
        let (said, over) = match (self.said, self.over) {
            (None, _) => return self.since + BEGINS_AFTER,
            (Some(said), over) => (said, over),
        };
        match (over, self.unnamed_since) {
            (Some(over), _) => over + ENDS_AFTER,
            (None, Some(since)) => spread_due(spread_line, since, said).min(said + AGAIN_AFTER),
            (None, None) => said + AGAIN_AFTER,
        }
    }
}

/// When it is to be said that the alarm has spread, where backends have not been named since that time.
fn spread_due(spread_line: SpreadLine, unnamed_since: Instant, said: Instant) -> Instant {
    let due = unnamed_since + BEGINS_AFTER;
    match spread_line {
        SpreadLine::OnlyNew => due,
        SpreadLine::All => due.max(said + IN_WHOLE_AGAIN_AFTER),
    }
}

impl<Kind: AlarmKind> Default for StandingAlarms<Kind> {
    fn default() -> StandingAlarms<Kind> {
        StandingAlarms::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backends(numbers: &[u8]) -> BTreeSet<IpAddr> {
        let addresses = numbers.iter().map(|number| [192, 0, 2, *number].into());
        addresses.collect()
    }

    const SECOND: u64 = 10;

    impl AlarmKind for &str {
        fn spread_line(&self) -> SpreadLine {
            match *self {
                IN_WHOLE => SpreadLine::All,
                _ => SpreadLine::OnlyNew,
            }
        }
    }

    const IN_WHOLE: &str = "wrong password";

    fn check(until: u64, about: impl Fn(u64) -> Vec<u8>, expected: &[(u64, AlarmPhase, &[u8])]) {
        check_of("cut off", until, about, expected);
    }

    /// What is said in which tenth of a second, where in each of them an alarm is about these backends, or
    /// does not hold if there are none.
    fn check_of(
        kind: &'static str,
        until: u64,
        about: impl Fn(u64) -> Vec<u8>,
        expected: &[(u64, AlarmPhase, &[u8])],
    ) {
        let start = Instant::now();
        let mut alarms = StandingAlarms::new();
        let mut said = Vec::new();
        let mut before = BTreeSet::new();
        for tenth in 0..until {
            let now = start + Duration::from_millis(tenth * 100);
            let about = backends(&about(tenth));
            let due = alarms.next_due();
            let time_alone = std::mem::replace(&mut before, about.clone()) == about;
            let state = match about.is_empty() {
                true => Holding::new(),
                false => Holding::from([(kind, about)]),
            };
            let announcements = alarms.on_state(state, now);
            assert!(
                announcements.is_empty() || !time_alone || due == Some(now),
                "{tenth}: what time alone brings about was due at {due:?}"
            );
            for announcement in announcements {
                said.push((tenth, announcement.phase, announcement.about));
            }
            assert!(alarms.next_due().map_or(true, |due| due > now), "{tenth}");
        }
        let expected: Vec<_> = expected
            .iter()
            .map(|(tenth, phase, about)| (*tenth, *phase, backends(about)))
            .collect();
        assert_eq!(said, expected);
    }

    const fn lasts(hours: u64) -> AlarmPhase {
        AlarmPhase::Lasts {
            for_so_long: Duration::from_millis(hours * 3_600_000 + 500),
        }
    }

    #[test]
    fn an_alarm_begins_is_repeated_each_hour_and_ends() {
        let over = 7300 * SECOND;
        check(
            7400 * SECOND,
            |tenth| if tenth < over { vec![1, 2] } else { vec![] },
            &[
                (5, AlarmPhase::Began, &[1, 2]),
                (3600 * SECOND + 5, lasts(1), &[1, 2]),
                (7200 * SECOND + 5, lasts(2), &[1, 2]),
                (over + 10 * SECOND, AlarmPhase::Ended, &[1, 2]),
            ],
        );
    }

    #[test]
    fn what_is_over_at_once_is_never_said() {
        check(
            60 * SECOND,
            |tenth| match tenth % 6 {
                0..=4 => vec![1],
                _ => vec![],
            },
            &[],
        );
    }

    #[test]
    fn short_interruptions_do_not_end_an_alarm() {
        check(
            200 * SECOND,
            |tenth| match tenth {
                // Nine seconds of twelve it does not hold.
                0..=1000 if tenth < 100 || tenth % 120 > 90 => vec![1],
                _ => vec![],
            },
            &[
                (5, AlarmPhase::Began, &[1]),
                // It held last at 96 s.
                (106 * SECOND, AlarmPhase::Ended, &[1]),
            ],
        );
    }

    #[test]
    fn what_holds_does_so_from_its_first_moment_to_its_last_and_what_is_over_is_shown_no_more() {
        let start = Instant::now();
        let holds = || Holding::from([("cut off", backends(&[1]))]);
        let mut alarms = StandingAlarms::new();
        for (state, milliseconds, holding, said) in [
            (holds(), 0, 1, 0),
            (holds(), 500, 1, 1),
            (Holding::new(), 600, 0, 0),
            (holds(), 700, 1, 1),
        ] {
            alarms.on_state(state, start + Duration::from_millis(milliseconds));
            let counts = (alarms.holding().count(), alarms.said().count());
            assert_eq!(counts, (holding, said), "at {milliseconds} ms");
            assert!(alarms.holding().all(|kind| *kind == "cut off"));
        }
    }

    #[test]
    fn what_is_ended_by_hand_is_said_if_it_was_said() {
        let start = Instant::now();
        let later = start + BEGINS_AFTER;
        let mut alarms = StandingAlarms::new();
        let state = |kinds: &[&'static str]| -> Holding<&str> {
            kinds.iter().map(|kind| (*kind, backends(&[1]))).collect()
        };
        alarms.on_state(state(&["old", "other"]), start);
        alarms.on_state(state(&["old", "other", "young"]), later);
        let ended = alarms.end(|kind| *kind != "other");
        let ended: Vec<&str> = ended.iter().map(|announcement| announcement.kind).collect();
        assert_eq!(ended, ["old"]);
        let said: Vec<_> = alarms
            .said()
            .map(|(kind, since, _)| (*kind, since))
            .collect();
        assert_eq!(said, [("other", start)]);
        assert_eq!(alarms.holding().collect::<Vec<_>>(), [&"other"]);
    }

    #[test]
    fn backends_that_join_are_told_together_and_once_an_hour_at_most() {
        check(
            60 * SECOND,
            |tenth| match tenth {
                0..=99 => vec![1],
                100..=102 => vec![1, 2],
                103..=199 => vec![1, 2, 3],
                200..=299 => vec![1],
                _ => vec![1, 3],
            },
            &[
                (5, AlarmPhase::Began, &[1]),
                (105, AlarmPhase::Spread, &[2, 3]),
            ],
        );
    }

    #[test]
    fn an_alarm_that_spreads_is_said_in_whole_again_once_a_minute_at_most() {
        let lasts = |tenths: u64| AlarmPhase::Lasts {
            for_so_long: Duration::from_millis(tenths * 100),
        };
        let (first, second, hour) = (605, 1205, 3600 * SECOND);
        check_of(
            IN_WHOLE,
            2 * hour,
            |tenth| match tenth {
                0..=99 => vec![1],
                // They fail one after the other, and one passes again before the minute is over.
                100..=199 => vec![1, 2],
                200..=699 => vec![1, 3, 4],
                // Within the next minute.
                700..=1999 => vec![1, 2, 3, 4, 5],
                // Long after that, and one that leaves and joins again.
                2000..=2999 => vec![1, 2, 3, 4],
                3000..=3999 => vec![1, 2, 3, 4, 5],
                _ => vec![1, 2, 3, 4, 5, 6],
            },
            &[
                (5, AlarmPhase::Began, &[1]),
                (first, lasts(first), &[1, 3, 4]),
                (second, lasts(second), &[1, 2, 3, 4, 5]),
                (4005, lasts(4005), &[1, 2, 3, 4, 5, 6]),
                (4005 + hour, lasts(4005 + hour), &[1, 2, 3, 4, 5, 6]),
            ],
        );
    }
}
