//! SIGHUP: the log is opened anew, the last polls are shown; the settings are read again, all of them or
//! nothing. What has been found out stays.

use std::net::IpAddr;

use super::snapshot::ReloadResult;
use super::{status, Engine, Level, Output, Terms, Told};
use crate::config::settings::{Pool, RunMode, Settings};
use crate::config::targets::Targets;

impl Engine {
    pub(super) fn on_reload_wanted(&mut self) {
        self.put(Output::TellManager(Told::Reloading));
        self.put(Output::ReopenLog);
        self.show_history();
        self.put(Output::ReadSettings);
    }

    /// The settings, or why the old ones stay.
    pub(super) fn on_settings(&mut self, terms: Result<Box<Terms>, String>) {
        match terms {
            Ok(terms) => {
                self.take_up(*terms);
                self.reload = (self.now.instant, ReloadResult::Good);
            }
            Err(cause) => {
                self.error(cause);
                self.reload = (self.now.instant, ReloadResult::Refused);
            }
        }
        self.put(Output::TellManager(Told::Ready));
    }

    fn take_up(&mut self, terms: Terms) {
        let Terms {
            mut settings,
            targets,
            remarks,
            unverified,
            summary,
        } = terms;
        for remark in remarks {
            self.error(remark);
        }
        self.keep_what_cannot_change(&mut settings);
        self.put(Output::UseSettings(Box::new(settings.clone())));
        // Again, as the log may be a new one.
        if let Some(unverified) = unverified {
            self.say(Level::Warning, unverified);
        }
        if settings.access() != self.settings.access() {
            self.turn_to_other_socket();
        }
        let other_services = settings.services != self.settings.services;
        self.backends.on_rules(settings.rules);
        if other_services {
            self.end_alarms_of_checks();
            self.backends.on_other_services();
        }
        self.records.keep(status::keeping(&settings));
        self.on_files_to_publish(&settings.files.published);
        self.settings = settings;
        let before = std::mem::replace(&mut self.targets, targets);
        self.set_workers_to_work(&before);
        self.review_all();
        self.want_lists();
        self.always(format!("reloaded: {summary}"));
    }

    fn keep_what_cannot_change(&mut self, settings: &mut Settings) {
        let mut warnings = Vec::new();
        let (old, new) = (&self.settings.files, &mut settings.files);
        if new.lock != old.lock {
            warnings.push(
                "reload: another lock file takes a restart; the old one stays in use".to_owned(),
            );
            new.lock = old.lock.clone();
        }
        if new.state != old.state {
            warnings.push(
                "reload: another state file takes a restart; the old one stays in use".to_owned(),
            );
            new.state = old.state.clone();
        }
        if new.record != old.record {
            let line =
                "reload: another recording takes a restart; the old one goes on, if there is one";
            warnings.push(line.to_owned());
            new.record = old.record.clone();
        }
        let kind = std::mem::discriminant::<Pool>;
        if kind(&settings.pool) != kind(&self.settings.pool) {
            warnings.push(
                "reload: another kind of pool takes a restart; the old one stays in use".to_owned(),
            );
            settings.pool = self.settings.pool.clone();
            settings.socket = self.settings.socket.clone();
        }
        if settings.run != self.settings.run {
            let where_it_is = match self.settings.run {
                RunMode::Daemon => "background",
                RunMode::Foreground | RunMode::Once => "foreground",
            };
            warnings.push(format!(
                "reload: debug takes a restart; the monitor and its log stay in the {where_it_is}"
            ));
            settings.run = self.settings.run;
            settings.files.log = self.settings.files.log.clone();
        }
        if settings.run_as != self.settings.run_as {
            warnings.push(
                "reload: another user or group takes a restart; the old one stays".to_owned(),
            );
            settings.run_as = self.settings.run_as.clone();
        }
        for warning in warnings {
            self.say(Level::Warning, warning);
        }
    }

    /// A worker whose services change gets a new number, by which reports on the former ones are recognised.
    fn set_workers_to_work(&mut self, before: &Targets) {
        let addresses: Vec<IpAddr> = self.workers.keys().copied().collect();
        for address in addresses {
            let target = match self.targets.target(address) {
                Some(target) => target,
                None => {
                    self.stop_worker(address);
                    self.backends.on_left_alone(address);
                    self.note_standing(address, self.now.instant);
                    continue;
                }
            };
            let services = before.target(address).map(|target| target.services);
            let is_other = services.as_ref() != Some(&target.services);
            self.workers_started += u64::from(is_other);
            if let Some(worker) = self.workers.get_mut(&address) {
                if is_other {
                    worker.number = self.workers_started;
                }
                let number = worker.number;
                self.on_login(&target);
                self.note_standing(address, self.now.instant);
                self.put(Output::InstructWorker { target, number });
            }
        }
        self.start_workers();
    }
}
