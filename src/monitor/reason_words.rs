//! Why a rule holds an action back, in words for people: the engine's lines and the reports have them from here.

use crate::backend::Groups;
use crate::few::by_number;
use crate::monitor::policy::Reason;
use crate::pool::Words;

impl Reason {
    /// In the words for this kind of pool, with the group of backends named where there are several.
    pub fn in_words(&self, pool: &Words, groups: Groups) -> String {
        match self {
            Reason::InFlight => "a command is under way".to_owned(),
            Reason::NotListedYet => "the list is to show the last command's effect".to_owned(),
            Reason::SetBack => format!("{} did not do it; trying again later", pool.subject),
            Reason::BroughtUpAgain => {
                "somebody else brings it up again and again; taking it down again later".to_owned()
            }
            Reason::Shared { stage, .. } => {
                format!(
                    "it stops at {stage}, and at most half of those it is compared with are known to get further"
                )
            }
            Reason::PeersAwaited { stage, .. } => {
                format!("it stops at {stage}; probing whether others still get further")
            }
            Reason::Stale => {
                "too little is known of it since the last change; its next probes tell".to_owned()
            }
            Reason::Silent => format!("{} does not answer", pool.subject),
            Reason::RingUnsynced => "the ring is not synced".to_owned(),
            Reason::RefugeAwaited { candidate } => format!("waiting for {candidate} to pass first"),
            Reason::FailureAwaited { refuge } => {
                format!("{refuge} passes; it must fail once more after that")
            }
            Reason::NoRefuge(tag) => {
                format!(
                    "no other backend{} {} and passes",
                    tag.among(groups),
                    pool.takes
                )
            }
            Reason::NotOurs => "somebody else took it down".to_owned(),
            Reason::Disputed => "somebody else takes it down".to_owned(),
            Reason::Unsteady => "it went down again and again within an hour".to_owned(),
            Reason::DownDelay => "it has not been failed for long enough".to_owned(),
            Reason::DownDelayLimit => "too many are down or due to be taken down".to_owned(),
            Reason::MaxDown {
                tag,
                limit,
                down,
                backends,
            } => format!(
                "{} allows no more backends{} down, and {down} of {backends} {} down or going down",
                limit.option(),
                tag.among(groups),
                by_number(*down, "is", "are")
            ),
            Reason::DrainPause => "users are left; moving them again later".to_owned(),
            Reason::OthersDrain => {
                "whoever took it down has a few seconds to move its users".to_owned()
            }
            Reason::Turn => pool.turn.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Tag;
    use crate::config::settings::Brake;

    #[test]
    fn that_there_is_no_refuge_is_true_also_of_those_that_are_up_with_weight_0() {
        for (pool, expected) in [
            (
                Words::OF_DIRECTOR,
                "no other backend takes new users and passes",
            ),
            (
                Words::OF_HAPROXY,
                "no other backend takes new users in all its sections and passes",
            ),
        ] {
            let reason = Reason::NoRefuge(Tag::default());
            assert_eq!(reason.in_words(pool, Groups::One), expected);
        }
    }

    #[test]
    fn the_limit_is_told_with_how_many_are_down() {
        let words = |limit, down, groups| {
            let tag = Tag::default();
            let reason = Reason::MaxDown {
                tag,
                limit,
                down,
                backends: 4,
            };
            reason.in_words(Words::OF_DIRECTOR, groups)
        };
        assert_eq!(
            words(Brake::AtMost(1), 1, Groups::One),
            "--max-down=1 allows no more backends down, and 1 of 4 is down or going down"
        );
        assert_eq!(
            words(Brake::Percent(50), 2, Groups::Several),
            "--max-down=50% allows no more backends without a tag down, and 2 of 4 are down or going down"
        );
    }
}
