//! Each rule's answer to what is wanted of a backend, for people: by the walk that decides.

use std::net::IpAddr;
use std::time::Instant;

use super::{first_hold, question, Action, Compared, Hold, Rule, RULES};

/// What is wanted of a backend, and what the rules say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What the verdict wants in place of what is listed.
    pub action: Action,
    /// All rules, in the order asked.
    pub answers: Vec<(Rule, RuleAnswer)>,
}

/// What one rule says of the wanted action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleAnswer {
    /// As far as this rule goes, the action may be done.
    Passes,
    /// This rule holds the action; none behind it is asked.
    Holds(Hold),
    /// A rule before it holds.
    NotAsked,
}

impl Explanation {
    /// What holds the action; it is about to be done without.
    pub fn hold(&self) -> Option<&Hold> {
        self.answers.iter().find_map(|(_, answer)| match answer {
            RuleAnswer::Holds(hold) => Some(hold),
            RuleAnswer::Passes | RuleAnswer::NotAsked => None,
        })
    }
}

/// None where nothing is wanted of this backend.
pub fn explain(backends: &Compared<'_>, address: IpAddr, now: Instant) -> Option<Explanation> {
    let question = question(backends, address, now)?;
    let hold = first_hold(&question);
    let rules = RULES.iter().flat_map(|(rules, _)| *rules);
    let mut answers: Vec<(Rule, RuleAnswer)> =
        rules.map(|rule| (*rule, RuleAnswer::Passes)).collect();
    if let Some(hold) = hold {
        let held_by = hold.reason.rule();
        let mut from_there = answers.iter_mut().skip_while(|(rule, _)| *rule != held_by);
        if let Some((_, answer)) = from_there.next() {
            *answer = RuleAnswer::Holds(hold);
        }
        from_there.for_each(|(_, answer)| *answer = RuleAnswer::NotAsked);
    }
    Some(Explanation {
        action: question.action,
        answers,
    })
}
