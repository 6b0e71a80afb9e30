//! What a world has put the engine to: which inputs, outputs, reasons, alarms, notices and replies came up.

use std::collections::BTreeMap;

use poolmon::monitor::policy::{Alarm, Reason};
use poolmon::monitor::{Input, Notice, Output, Topic};
use poolmon::pool::Reply;

/// How often each came up, by its name.
#[derive(Clone, Debug, Default)]
pub struct Reached(BTreeMap<&'static str, usize>);

impl Reached {
    pub fn count(&mut self, name: &'static str) {
        *self.0.entry(name).or_default() += 1;
    }

    pub fn add(&mut self, other: &Reached) {
        for (name, times) in &other.0 {
            *self.0.entry(name).or_default() += times;
        }
    }

    pub fn times(&self, name: &str) -> usize {
        self.0.get(name).copied().unwrap_or_default()
    }
}

/// A name for each variant, so that none can be added without one.
macro_rules! names {
    ($function:ident, $list:ident, $type:ty, $($pattern:pat => $name:literal),* $(,)?) => {
        pub fn $function(value: &$type) -> &'static str {
            match value {
                $($pattern => $name),*
            }
        }

        const $list: &[&str] = &[$($name),*];
    };
}

names!(input, INPUTS, Input,
    Input::Found(_) => "input: found",
    Input::WorkerNotStarted { .. } => "input: worker not started",
    Input::WorkerEnded { .. } => "input: worker ended",
    Input::Lists { reading: Ok(_), .. } => "input: lists",
    Input::Lists { reading: Err(_), .. } => "input: no lists",
    Input::ListsNotOpened { .. } => "input: lists not opened",
    Input::ListsEnded { .. } => "input: lists ended",
    Input::Answered { .. } => "input: answered",
    Input::CommandNotStarted { .. } => "input: command not started",
    Input::StateWritten { result: Ok(()), .. } => "input: state written",
    Input::StateWritten { result: Err(_), .. } => "input: state not written",
    Input::Published { .. } => "input: published",
    Input::ScriptNotStarted { .. } => "input: script not started",
    Input::Asked(poolmon::monitor::Request::Reload) => "input: reload",
    Input::Asked(poolmon::monitor::Request::Status) => "input: status",
    Input::Asked(poolmon::monitor::Request::Stop) => "input: stop",
    Input::Settings(Ok(_)) => "input: settings",
    Input::Settings(Err(_)) => "input: no settings",
    Input::Time => "input: time",
);

names!(output, OUTPUTS, Output,
    Output::StartWorker { .. } => "output: start worker",
    Output::InstructWorker { .. } => "output: instruct worker",
    Output::StopWorker(_) => "output: stop worker",
    Output::ProbeNow(_) => "output: probe now",
    Output::OpenLists { .. } => "output: open lists",
    Output::ReadLists => "output: read lists",
    Output::CloseLists => "output: close lists",
    Output::Send { .. } => "output: send",
    Output::WriteState { .. } => "output: write state",
    Output::RunScript { .. } => "output: run script",
    Output::Say(_) => "output: say",
    Output::Publish { .. } => "output: publish",
    Output::ShowStatus(_) => "output: show status",
    Output::ShowHistory(_) => "output: show history",
    Output::TellManager(_) => "output: tell manager",
    Output::ReopenLog => "output: reopen log",
    Output::ReadSettings { .. } => "output: read settings",
    Output::UseSettings(_) => "output: use settings",
    Output::End => "output: end",
);

names!(reason, REASONS, Reason,
    Reason::InFlight => "reason: in flight",
    Reason::NotListedYet => "reason: not listed yet",
    Reason::SetBack => "reason: set back",
    Reason::BroughtUpAgain => "reason: brought up again",
    Reason::Shared { .. } => "reason: shared",
    Reason::PeersAwaited { .. } => "reason: peers awaited",
    Reason::Stale => "reason: stale",
    Reason::Silent => "reason: silent",
    Reason::RingUnsynced => "reason: ring unsynced",
    Reason::NotOurs => "reason: not ours",
    Reason::Disputed => "reason: disputed",
    Reason::Unsteady => "reason: unsteady",
    Reason::RefugeAwaited { .. } => "reason: refuge awaited",
    Reason::FailureAwaited { .. } => "reason: failure awaited",
    Reason::NoRefuge(_) => "reason: no refuge",
    Reason::DownDelay => "reason: down delay",
    Reason::DownDelayLimit => "reason: down delay limit",
    Reason::MaxDown { .. } => "reason: max down",
    Reason::DrainPause => "reason: drain pause",
    Reason::OthersDrain => "reason: others drain",
    Reason::Turn => "reason: turn",
);

names!(alarm, ALARMS, Topic,
    Topic::Policy(Alarm::NoBackend) => "alarm: no backend",
    Topic::Policy(Alarm::WithoutService(_)) => "alarm: without service",
    Topic::Policy(Alarm::NoRefuge(_)) => "alarm: no refuge",
    Topic::Policy(Alarm::Shared { .. }) => "alarm: shared",
    Topic::Policy(Alarm::DownDelayLimit) => "alarm: down delay limit",
    Topic::Policy(Alarm::MaxDown(_)) => "alarm: max down",
    Topic::Policy(Alarm::NotOurs) => "alarm: not ours",
    Topic::Policy(Alarm::Disputed) => "alarm: disputed",
    Topic::Policy(Alarm::BroughtUp) => "alarm: brought up",
    Topic::Unwatched => "alarm: unwatched",
);

names!(notice, NOTICES, Notice,
    Notice::DirectorSilent => "notice: director silent",
    Notice::RingUnsynced => "notice: ring unsynced",
    Notice::RingStatusUnknown => "notice: ring status unknown",
    Notice::MalformedLines => "notice: malformed lines",
    Notice::RepeatedLines => "notice: repeated lines",
    Notice::MalformedRing => "notice: malformed ring",
    Notice::StateFileUnwritable => "notice: state file unwritable",
    Notice::StateFileSlow => "notice: state file slow",
    Notice::NoThread => "notice: no thread",
    Notice::NoThreadToSend => "notice: no thread to send",
    Notice::FewDescriptors => "notice: few descriptors",
    Notice::SettingsUnread => "notice: settings unread",
    Notice::Unpublished(_) => "notice: unpublished",
);

names!(reply, REPLIES, Reply,
    Reply::Ok => "reply: ok",
    Reply::NotFound => "reply: not found",
    Reply::Busy => "reply: busy",
    Reply::RingSyncTimedOut => "reply: ring sync timed out",
    Reply::TryAgain => "reply: try again",
    Reply::Refused(_) => "reply: refused",
);

/// A fault of this machine that was said.
pub const LOCAL_FAULT: &str = "alarm: local fault";
pub const NO_REPLY: &str = "reply: none in time";
pub const NOT_SENT: &str = "reply: not sent";
pub const CLOSED: &str = "reply: closed";
/// A hold was compared with what is explained of it.
pub const EXPLAINED: &str = "looking: a hold explained";

pub fn all() -> impl Iterator<Item = &'static str> {
    let lists = [INPUTS, OUTPUTS, REASONS, ALARMS, NOTICES, REPLIES];
    let names = lists.into_iter().flatten().copied();
    names.chain([LOCAL_FAULT, NO_REPLY, NOT_SENT, CLOSED, EXPLAINED])
}
