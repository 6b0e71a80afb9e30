//! SIGHUP: the log file is opened anew, the last polls are logged, the credentials are read again; bad
//! ones change nothing.

use std::sync::Arc;

use log::{error, info};

use super::Coordinator;
use crate::config::credentials;
use crate::config::roster::Roster;
use crate::config::settings::Settings;
use crate::notify::Message;
use crate::probe::Prober;
use crate::worker::Task;

impl Coordinator {
    pub(super) fn reload(&mut self) {
        self.service_manager.tell(&Message::Reloading);
        self.reopen_and_reread();
        self.service_manager.tell(&Message::Ready);
    }

    fn reopen_and_reread(&mut self) {
        if let Err(cause) = self.log.reopen() {
            error!("{cause}; the old log stays open");
        }
        self.log_history();
        let probing = &self.settings.probing;
        let account = match credentials::account(probing) {
            Ok(account) => account,
            Err(cause) => return error!("{cause}; the old credentials stay"),
        };
        let prober = match self.task.prober.renewed(probing) {
            Ok(prober) => Arc::new(prober),
            Err(cause) => return error!("{cause}; the old certificates and credentials stay"),
        };
        let roster = Roster::uniform(&self.settings, account);
        self.take_up(self.settings.clone(), prober, roster);
        info!("reloaded");
    }

    /// Settings read whole and found good. No verdict is forgotten. What is on its way from the workers
    /// about services that are checked no longer is dropped when it comes.
    fn take_up(&mut self, settings: Settings, prober: Arc<Prober>, roster: Roster) {
        let other_services = settings.services != self.settings.services;
        self.settings = settings;
        self.roster = roster;
        self.task = Task {
            pace: self.settings.pace,
            prober,
        };
        self.fleet.on_rules(self.settings.rules);
        if other_services {
            self.fleet.on_other_services();
            self.history.on_other_services();
        }
        for (address, worker) in &mut self.workers {
            let target = self.roster.target(*address);
            let account = target.account.as_deref();
            let login = account.map(|account| self.logins.number(account));
            self.fleet.on_login(*address, login);
            let number = if other_services {
                self.workers_started += 1;
                self.workers_started
            } else {
                worker.number()
            };
            worker.take_up(target, self.task.clone(), number);
        }
    }
}
