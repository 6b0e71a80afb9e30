//! SIGHUP: the log file is opened anew, the last polls are logged, the credentials are read again; bad
//! ones change nothing.

use std::sync::Arc;

use log::{error, info};

use super::Coordinator;
use crate::config::credentials;
use crate::config::roster::Roster;
use crate::notify::Message;

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
        match self.task.prober.renewed(probing) {
            Ok(prober) => self.task.prober = Arc::new(prober),
            Err(cause) => return error!("{cause}; the old certificates and credentials stay"),
        }
        self.roster = Roster::uniform(&self.settings, account);
        self.hand_over();
        info!("reloaded");
    }

    /// Task and roster of now to every worker, and to the policy who is probed as the same user.
    fn hand_over(&mut self) {
        for (address, worker) in &mut self.workers {
            let target = self.roster.target(*address);
            let account = target.account.as_deref();
            let login = account.map(|account| self.logins.number(account));
            self.fleet.on_login(*address, login);
            worker.take_up(target, self.task.clone(), worker.number());
        }
    }
}
