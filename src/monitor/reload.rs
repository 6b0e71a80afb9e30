//! SIGHUP: the log is opened anew, the last polls are shown; the settings are read again, all of them or
//! nothing. What has been found out stays.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::notices::AGAIN_AFTER;
use super::snapshot::ReloadResult;
use super::{status, Engine, Level, Notice, Output, Terms, Told};
use crate::config::settings::{Mode, RunMode, Settings};
use crate::config::targets::Targets;

/// How long the settings may take to be read before that is said. Files take milliseconds, and HAProxy is asked for
/// 3 s at most.
pub(super) const READING_PATIENCE: Duration = Duration::from_secs(5);

/// Reading the settings again: one reading at a time.
pub(super) struct Reloading {
    /// When the settings were last read to the end, and what came of it.
    last: (Instant, ReloadResult),
    under_way: Option<UnderWay>,
    /// It was asked for another one since: files that are read already may have changed.
    is_wanted_again: bool,
}

/// A reading that is not over.
#[derive(Clone, Copy)]
struct UnderWay {
    began: Instant,
    /// When the log is to say, or to say again, that it is not over.
    due: Instant,
}

impl Reloading {
    pub(super) fn new(now: Instant) -> Reloading {
        Reloading {
            last: (now, ReloadResult::Good),
            under_way: None,
            is_wanted_again: false,
        }
    }

    pub(super) fn last(&self) -> (Instant, ReloadResult) {
        self.last
    }
}

impl Engine {
    pub(super) fn on_reload_wanted(&mut self) {
        self.put(Output::TellManager(Told::Reloading));
        self.put(Output::ReopenLog);
        self.show_history();
        match self.reloading.under_way {
            None => self.read_settings(),
            Some(_) => self.reloading.is_wanted_again = true,
        }
    }

    fn read_settings(&mut self) {
        let now = self.now.instant;
        self.reloading.under_way = Some(UnderWay {
            began: now,
            due: now + READING_PATIENCE,
        });
        let in_use = Box::new(self.settings.clone());
        self.put(Output::ReadSettings { in_use });
    }

    /// The settings, or why the old ones stay.
    pub(super) fn on_settings(&mut self, terms: Result<Box<Terms>, String>) {
        let began = self.reloading.under_way.take().map(|reading| reading.began);
        if self.notices.lower(&Notice::SettingsUnread) {
            let now = self.now.instant;
            let took = began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
            self.always(format!(
                "the reload waits no longer, after {} s",
                took.as_secs()
            ));
        }
        let result = match terms {
            Ok(terms) => {
                self.take_up(*terms);
                ReloadResult::Good
            }
            Err(cause) => {
                self.error(cause);
                ReloadResult::Refused
            }
        };
        self.reloading.last = (self.now.instant, result);
        match std::mem::take(&mut self.reloading.is_wanted_again) {
            true => self.read_settings(),
            false => self.put(Output::TellManager(Told::Ready)),
        }
    }

    /// When it is to be said, or said again, that the settings have not been read yet.
    pub(super) fn settings_due(&self) -> Option<Instant> {
        self.reloading.under_way.map(|reading| reading.due)
    }

    pub(super) fn tell_of_unread_settings(&mut self) {
        let now = self.now.instant;
        let began = match &mut self.reloading.under_way {
            Some(reading) if reading.due <= now => {
                reading.due = now + AGAIN_AFTER;
                reading.began
            }
            _ => return,
        };
        let line = format!(
            "a reload has waited for a file since {}; until it is read the former settings are in use; see the \
             disks of configuration, accounts, credentials and certificates",
            self.moment_of(began)
        );
        self.raise(Notice::SettingsUnread, line);
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
        for warning in keep_what_takes_a_restart(&mut settings, &self.settings) {
            self.say(Level::Warning, warning);
        }
        self.put(Output::UseSettings(Box::new(settings.clone())));
        // Again, as the log may be a new one.
        if let Some(unverified) = unverified {
            self.say(Level::Warning, unverified);
        }
        let other_services = settings.services != self.settings.services;
        self.backends.on_rules(settings.rules);
        let other_access = settings.access() != self.settings.access();
        let was_dry_run = self.settings.mode == Mode::DryRun;
        if was_dry_run && (settings.mode == Mode::Live || other_access) {
            self.end_dry_run();
        }
        if other_access {
            self.turn_to_other_socket();
        }
        if other_services {
            self.end_alarms_of_checks();
            self.backends.on_other_services();
        }
        self.records.keep(status::keeping(&settings));
        self.on_files_to_publish(&settings.files.published);
        let begins_dry_run = !was_dry_run && settings.mode == Mode::DryRun;
        self.settings = settings;
        if begins_dry_run {
            let members = self.backends.members();
            let listed = members.map(|(_, member)| member.listed.clone());
            self.dry_run.begin(listed.collect());
        }
        if other_access {
            self.give_up_commands();
        }
        let before = std::mem::replace(&mut self.targets, targets);
        self.targets.take_over(&before);
        self.set_workers_to_work(&before);
        self.review_all();
        self.want_lists();
        self.always(format!("reloaded: {summary}"));
    }

    /// The director has been told nothing. So each backend is again what the list and the state file say, as after
    /// a start; what the probes have found out stays.
    fn end_dry_run(&mut self) {
        let read = self.dry_run.end();
        let addresses: Vec<IpAddr> = read.iter().map(|listed| listed.address).collect();
        self.backends.on_dry_run_ended(read, self.now.instant);
        for address in addresses {
            self.records.on_dry_run_ended(address);
            self.recall(address);
        }
    }

    /// A worker that is to check other services, by another name or with another account gets a new number, by which
    /// reports on the former ones are recognised.
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
            let former = before.target(address);
            let is_checked_alike = former
                .as_ref()
                .map_or(false, |it| it.is_checked_like(&target));
            let account = former.as_ref().map(|former| &former.account);
            let is_other = !is_checked_alike || account != Some(&target.account);
            if !is_checked_alike {
                self.backends.on_other_target(address);
            }
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

/// Puts back to what is in use what only a restart can change, and gives a line for each such change that was
/// wanted.
pub(crate) fn keep_what_takes_a_restart(settings: &mut Settings, in_use: &Settings) -> Vec<String> {
    let mut lines = Vec::new();
    let (old, new) = (&in_use.files, &mut settings.files);
    if new.lock != old.lock {
        lines
            .push("reload: another lock file takes a restart; the old one stays in use".to_owned());
        new.lock = old.lock.clone();
    }
    if new.state != old.state {
        lines.push(
            "reload: another state file takes a restart; the old one stays in use".to_owned(),
        );
        new.state = old.state.clone();
    }
    if new.record != old.record {
        let line =
            "reload: another recording takes a restart; the old one goes on, if there is one";
        lines.push(line.to_owned());
        new.record = old.record.clone();
    }
    if settings.run != in_use.run {
        let where_it_is = match in_use.run {
            RunMode::Daemon => "background",
            RunMode::Foreground | RunMode::Once => "foreground",
        };
        lines.push(format!(
            "reload: debug takes a restart; the monitor and its log stay in the {where_it_is}"
        ));
        settings.run = in_use.run;
        settings.files.log = in_use.files.log.clone();
    }
    if settings.run_as != in_use.run_as {
        lines.push("reload: another user or group takes a restart; the old one stays".to_owned());
        settings.run_as = in_use.run_as.clone();
    }
    lines
}
