//! SIGHUP: the log is opened anew, the last polls are logged; configuration, accounts, credentials and
//! certificates are read again, all of them or nothing. What has been found out stays.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use log::{error, warn};

use super::Coordinator;
use crate::check;
use crate::config::roster::Roster;
use crate::config::settings::{RunMode, Settings};
use crate::hook;
use crate::logging::{always, ALWAYS};
use crate::notify::Message;
use crate::source::SourceError;
use crate::worker::Task;

impl Coordinator {
    pub(super) fn reload(&mut self) {
        self.service_manager.tell(&Message::Reloading);
        self.reopen_and_reread();
        self.service_manager.tell(&Message::Ready);
    }

    fn reopen_and_reread(&mut self) {
        self.log.reopen();
        self.log_history();
        let loaded = match self.source.load() {
            Ok(loaded) => loaded,
            Err(SourceError::Credentials(cause)) => {
                return error!("{cause}; the old credentials stay")
            }
            Err(cause) => return error!("{cause}; the old configuration stays"),
        };
        let mut settings = loaded.settings;
        let prober = match self.task.prober.renewed(&settings.probing) {
            Ok(prober) => Arc::new(prober),
            Err(cause) => return error!("{cause}; the old certificates and credentials stay"),
        };
        if let Some(Err(cause)) = settings.hook.as_ref().map(hook::check) {
            return error!("{cause}; the old configuration stays");
        }
        // Lock and state file stay the old ones, which the new files must leave alone, too.
        let mut kept = settings.clone();
        kept.files.lock = self.settings.files.lock.clone();
        kept.files.state = self.settings.files.state.clone();
        if let Err(cause) = self.source.check_files(&kept) {
            return error!("{cause}; the old configuration stays");
        }
        for remark in &loaded.remarks {
            error!("{remark}");
        }
        self.keep_what_cannot_change(&mut settings);
        self.log.switch(&settings.files.log);
        self.log.set_level(settings.log_level);
        // Again, as the log may be a new one.
        if let Some(unverified) = &loaded.unverified {
            warn!(target: ALWAYS, "{unverified}");
        }
        if settings.socket != self.settings.socket {
            self.turn_to_other_socket();
        }
        let other_services = settings.services != self.settings.services;
        self.fleet.on_rules(settings.rules);
        if other_services {
            self.end_alarms_of_checks();
            self.fleet.on_other_services();
        }
        self.task = Task {
            pace: settings.pace,
            prober,
        };
        self.settings = settings;
        let before = std::mem::replace(&mut self.roster, loaded.roster);
        self.set_workers_to_work(&before);
        self.review_all();
        self.want_lists();
        let summary = check::summary(&self.source, &self.settings, &self.roster);
        always!("reloaded: {summary}");
    }

    fn keep_what_cannot_change(&self, settings: &mut Settings) {
        let (old, new) = (&self.settings.files, &mut settings.files);
        if new.lock != old.lock {
            warn!(target: ALWAYS, "another lock file takes a restart; the old one stays");
            new.lock = old.lock.clone();
        }
        if new.state != old.state {
            warn!(target: ALWAYS, "another state file takes a restart; the old one stays");
            new.state = old.state.clone();
        }
        if settings.run != self.settings.run {
            let where_it_is = match self.settings.run {
                RunMode::Daemon => "background",
                RunMode::Foreground | RunMode::Once => "foreground",
            };
            warn!(target: ALWAYS, "debug takes a restart; the monitor and its log stay in the {where_it_is}");
            settings.run = self.settings.run;
            settings.files.log = self.settings.files.log.clone();
        }
    }

    /// Reports on the services of before are told by the worker's number from those that come.
    fn set_workers_to_work(&mut self, before: &Roster) {
        let mut left_alone: Vec<IpAddr> = Vec::new();
        for (address, worker) in &mut self.workers {
            let target = match self.roster.target(*address) {
                Some(target) => target,
                None => {
                    left_alone.push(*address);
                    continue;
                }
            };
            let services = before.target(*address).map(|target| target.services);
            let number = if services.as_ref() == Some(&target.services) {
                worker.number()
            } else {
                self.workers_started += 1;
                self.workers_started
            };
            let account = target.account.as_deref();
            let login = account.map(|account| self.logins.number(account));
            self.fleet.on_login(*address, login);
            worker.take_up(target, self.task.clone(), number);
        }
        for address in left_alone {
            self.workers.remove(&address);
            self.history.forget(address);
            self.local_faults.forget(address, Instant::now());
            self.fleet.on_left_alone(address);
            self.lift_hold(address);
        }
        self.start_workers();
    }
}
