//! What an engine begins with, as it stands in a recording: settings as far as they are its business, which
//! backend is probed where, what the state file held. No account, no password.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::account::{Account, Secret};
use crate::config::chosen::Chosen;
use crate::config::settings::{Hook, Mode, Pace, Plan, Published, Rules, Settings};
use crate::config::table::DefaultsOf;
use crate::config::targets::{NumberedTargets, Targets};
use crate::monitor::{Remembered, Terms};
use crate::program::Program;
use crate::service::Service;

/// Ten years.
const LONGEST_SETTING: Duration = Duration::from_secs(10 * 365 * 86_400);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Start {
    /// When the engine began: nanoseconds since the recording began, and the wall clock's second.
    pub(super) t: i64,
    pub(super) s: u64,
    pub(super) terms: RecordedTerms,
    pub(super) remembered: Remembered,
    pub(super) most_at_once: usize,
}

/// What the operator wants.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RecordedTerms {
    socket: String,
    services: Vec<Service>,
    pace: Pace,
    rules: Rules,
    mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    script: Option<String>,
    targets: NumberedTargets,
}

/// Tells accounts apart by numbers that hold for a whole recording.
#[derive(Default)]
pub(super) struct Accounts(Vec<Arc<Account>>);

impl Accounts {
    fn number(&mut self, account: &Arc<Account>) -> usize {
        match self.0.iter().position(|known| known == account) {
            Some(place) => place,
            None => {
                self.0.push(Arc::clone(account));
                self.0.len() - 1
            }
        }
    }
}

impl RecordedTerms {
    pub(super) fn new(settings: &Settings, targets: &Targets, accounts: &mut Accounts) -> Self {
        let hook = settings.hook.as_ref();
        RecordedTerms {
            socket: settings.socket.to_string_lossy().into_owned(),
            services: settings.services.clone(),
            pace: settings.pace,
            rules: settings.rules,
            mode: settings.mode,
            script: hook.map(|hook| hook.script.to_string_lossy().into_owned()),
            targets: targets.numbered(&mut |account| accounts.number(account)),
        }
    }

    /// Whether they can be a monitor's: no command line takes longer times.
    pub(super) fn is_sound(&self) -> bool {
        let plan = match self.pace.plan {
            Plan::Retries(retries) => retries.retry_delay,
            Plan::Rapid(rapid) => rapid.rapid_timeout,
        };
        let times = [
            self.pace.interval,
            self.pace.login_interval,
            self.pace.timeout,
            plan,
            self.rules.down_delay,
            self.rules.hold,
        ];
        !self.services.is_empty()
            && self.pace.interval > Duration::ZERO
            && times.iter().all(|time| *time <= LONGEST_SETTING)
    }

    /// How many.
    pub(super) fn services(&self) -> usize {
        self.services.len()
    }

    pub(super) fn is_dry_run(&self) -> bool {
        self.mode == Mode::DryRun
    }

    /// For an engine that is told them again. Nobody logs in with its accounts, and nothing is written.
    pub(super) fn terms(&self) -> Terms {
        let settings = Chosen::default().build(DefaultsOf::Poolmon, Program::Poolmon);
        let mut settings = settings.expect("poolmon's defaults check something");
        settings.socket = PathBuf::from(&self.socket);
        settings.services = self.services.clone();
        settings.pace = self.pace;
        settings.rules = self.rules;
        settings.mode = self.mode;
        settings.hook = self.script.as_ref().map(|script| Hook {
            script: script.into(),
        });
        settings.files.published = Published::default();
        let mut accounts: BTreeMap<usize, Arc<Account>> = BTreeMap::new();
        let targets = Targets::from_numbered(&self.targets, &mut |number| {
            let made = accounts.entry(number).or_insert_with(|| {
                Arc::new(Account {
                    user: format!("account {number}").into_bytes(),
                    password: Secret::new(""),
                    master: None,
                })
            });
            Arc::clone(made)
        });
        Terms {
            settings,
            targets,
            remarks: Vec::new(),
            unverified: None,
            summary: "as recorded".to_owned(),
        }
    }
}

/// What the state file holds from now on.
pub(super) fn remember(remembered: &mut Remembered, entries: &[(IpAddr, crate::monitor::Memory)]) {
    for (address, memory) in entries {
        if *memory == crate::monitor::Memory::default() {
            remembered.remove(address);
        } else {
            remembered.insert(*address, *memory);
        }
    }
}
