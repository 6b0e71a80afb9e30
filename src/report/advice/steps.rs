//! What a person can do about a backend: at most two steps, the most useful first.

use std::net::IpAddr;

use serde::Serialize;

use super::Hands;
use crate::pool::ByHand;
use crate::report::document::{
    Backend, CheckResult, Document, Drain, Restore, Ring, Service, State, Unanswered, Verdict,
};
use crate::report::words::shown;

/// How many are shown.
const MOST: usize = 2;

/// How somebody sees for themselves what a service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trial {
    /// By `poolmon check`.
    PoolmonCheck,
    /// With what every machine has: this program has no such word.
    ByHand,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Step {
    /// What it is for.
    pub(crate) purpose: String,
    /// To be typed as it is, if there is a command for it.
    pub(crate) command: Option<String>,
}

impl Step {
    fn command(purpose: &str, command: String) -> Step {
        Step {
            purpose: purpose.to_string(),
            command: Some(command),
        }
    }

    fn in_words(purpose: String) -> Step {
        Step {
            purpose,
            command: None,
        }
    }
}

/// About a backend of this document.
pub(crate) fn steps(document: &Document, backend: &Backend, trial: Trial) -> Vec<Step> {
    let hands = Hands::of(document);
    let of_pool = |purpose: &str, act: &str, about: &str, of_haproxy: &str| match hands.by {
        ByHand::Doveadm => Step::command(purpose, hands.doveadm(act, about)),
        ByHand::StatsSocket => Step::in_words(of_haproxy.to_string()),
    };
    let address = backend.address.to_string();
    let holding = backend.held_by();
    let held_by_ring = holding.map_or(false, |rule| rule.rule == "ring" && rule.advice.is_some());
    let mut steps = Vec::new();
    // What keeps every change back comes before the backend's own trouble.
    let unanswered = document.director.unanswered();
    if matches!(unanswered, Some(Unanswered::Failed(_))) && !held_by_ring {
        steps.push(of_pool(
            "see why the director does not answer",
            "status",
            "",
            "see in its log why HAProxy does not answer",
        ));
    } else if document.director.ring == Ring::Unsynced && !held_by_ring {
        let purpose = "see which director of the ring is not synced";
        steps.push(Step::command(purpose, hands.doveadm("ring status", "")));
    }
    if !steps.is_empty() && is_well(backend) {
        let purpose = "nothing for this backend, which is up and healthy; for all of them:";
        steps.insert(0, Step::in_words(purpose.to_string()));
    }
    let advice = holding.and_then(|rule| rule.advice.as_deref());
    steps.extend(advice.map(|advice| Step::in_words(shown(advice))));
    // Two commands are enough.
    if !advice.map_or(false, has_command) {
        steps.extend(repair(backend, trial));
    }
    if backend.listed == State::Down && is_left_down(document, backend) && holding.is_none() {
        steps.push(of_pool(
            "bring it up",
            "up",
            &address,
            "bring it up: set its servers to state ready on HAProxy's stats socket",
        ));
    }
    if backend.drain == Drain::Owed && backend.users > 0 {
        steps.push(of_pool(
            "see who is still on it; they are moved again until the list shows none",
            "map",
            &address,
            "you need not end its sessions: poolmon has HAProxy end them again and again until none is left",
        ));
    }
    if steps.is_empty() && matches!(backend.verdict, Verdict::Failed | Verdict::Doubtful) {
        steps.push(Step::in_words(
            "see in its own log why it fails".to_string(),
        ));
    }
    if backend.vhosts == 0 && backend.listed == State::Up {
        steps.push(of_pool(
            "end its maintenance",
            "update",
            &format!("{address} 100"),
            &format!(
                "see in which section its server is held, down by HAProxy's own check or without weight: \"show \
                 servers state\" on HAProxy's stats socket; to end that: {}",
                hands.access().how_to_give_weight()
            ),
        ));
    }
    steps.truncate(MOST);
    steps
}

/// Whether nothing is to be done about the backend itself.
fn is_well(backend: &Backend) -> bool {
    (backend.listed, backend.verdict) == (State::Up, Verdict::Healthy)
        && backend.wanted.is_none()
        && backend.vhosts > 0
}

fn has_command(advice: &str) -> bool {
    ["doveadm ", "poolmon "]
        .iter()
        .any(|program| advice.contains(program))
}

/// Whether nobody but a person brings it up.
fn is_left_down(document: &Document, backend: &Backend) -> bool {
    let is_left = document.poolmon.restore == Restore::Own && !backend.owned;
    is_left || backend.verdict == Verdict::NotChecked
}

/// What to look at, of the service that fails. Nothing where all pass.
fn repair(backend: &Backend, trial: Trial) -> Option<Step> {
    let is_failing = |service: &&Service| service.result == CheckResult::Fail;
    let failing = backend.services.iter().find(is_failing)?;
    let failure = failing
        .failure
        .as_ref()
        .and_then(|dialogue| dialogue.failure.as_ref());
    if failure.map_or(false, |failure| failure.fault == "credentials_refused") {
        let purpose =
            "on the backend, try the user of the checks; if the password is refused there, \
                       correct it in the file that this monitor reads";
        return Some(Step::command(purpose, "doveadm auth test USER".to_string()));
    }
    let purpose = format!("see for yourself what {} does", shown(&failing.service));
    if trial == Trial::PoolmonCheck {
        return Some(Step::command(
            &format!("{purpose}, with the options of this monitor"),
            format!("poolmon check {}", backend.address),
        ));
    }
    // A delivery has two ports, and nobody types one.
    let (protocol, port) = failing.service.split_once(':')?;
    let port: u16 = port.parse().ok()?;
    let address = backend.address;
    let command = match (protocol.ends_with("+tls"), address) {
        (true, IpAddr::V4(_)) => format!("openssl s_client -connect {address}:{port}"),
        (true, IpAddr::V6(_)) => format!("openssl s_client -connect [{address}]:{port}"),
        (false, _) => format!("nc {address} {port}"),
    };
    Some(Step::command(&purpose, command))
}
