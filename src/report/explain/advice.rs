//! What a person can do about a backend: at most two steps, the most useful first.

use std::net::IpAddr;

use serde::Serialize;

use super::{Trial, View};
use crate::report::document::{
    Backend, CheckResult, Document, Restore, Ring, Service, State, Verdict,
};
use crate::report::words::shown;

/// How many are shown.
const MOST: usize = 2;

/// Where doveadm looks for the socket by itself.
const USUAL_SOCKETS: [&str; 2] = [
    "/run/dovecot/director-admin",
    "/var/run/dovecot/director-admin",
];

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
}

pub(super) fn steps(view: &View<'_>) -> Vec<Step> {
    let (document, backend) = (view.document, view.backend);
    let holding = backend.held_by();
    let held_by_ring = holding.map_or(false, |rule| rule.rule == "ring" && rule.advice.is_some());
    let mut steps = Vec::new();
    // What keeps every change back comes before the backend's own trouble.
    if !document.director.up && !held_by_ring {
        let purpose = "see why the director does not answer";
        steps.push(Step::command(purpose, doveadm(document, "status", None)));
    } else if document.director.ring == Ring::Unsynced && !held_by_ring {
        let purpose = "see which director of the ring is not synced";
        steps.push(Step::command(
            purpose,
            doveadm(document, "ring status", None),
        ));
    }
    let advice = holding.and_then(|rule| rule.advice.as_deref());
    steps.extend(advice.map(|advice| Step {
        purpose: shown(advice),
        command: None,
    }));
    // Two commands are enough.
    if !advice.map_or(false, has_command) {
        steps.extend(repair(view));
    }
    if backend.listed == State::Down && is_left_down(document, backend) && holding.is_none() {
        let purpose = "bring it up";
        let up = doveadm(document, "up", Some(backend.address));
        steps.push(Step::command(purpose, up));
    }
    if steps.is_empty() && matches!(backend.verdict, Verdict::Failed | Verdict::Doubtful) {
        steps.push(Step {
            purpose: "see in its own log why it fails".to_string(),
            command: None,
        });
    }
    if backend.vhosts == 0 && backend.listed == State::Up {
        let purpose = "end its maintenance";
        let update = doveadm(document, "update", Some(backend.address)) + " 100";
        steps.push(Step::command(purpose, update));
    }
    steps.truncate(MOST);
    steps
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
fn repair(view: &View<'_>) -> Option<Step> {
    let backend = view.backend;
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
    if view.trial == Trial::PoolmonCheck {
        return Some(Step::command(
            &purpose,
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

fn doveadm(document: &Document, act: &str, address: Option<IpAddr>) -> String {
    let socket = &document.director.socket;
    let mut command = format!("doveadm director {act}");
    if !USUAL_SOCKETS.contains(&&**socket) {
        command.push_str(&format!(" -a {}", for_shell(socket)));
    }
    if let Some(address) = address {
        command.push_str(&format!(" {address}"));
    }
    command
}

/// As one word of a shell's command line.
fn for_shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,@".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_string(),
        false => format!("'{}'", shown(word).replace('\'', "'\\''")),
    }
}
