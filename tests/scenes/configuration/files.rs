//! The two files of a scene.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::lab::fake_backend::{IMAP, LMTP, POP3};
use crate::lab::fake_pool::{FakePool, PASSWORD, USER};
use crate::lab::monitor::MonitorPlan;
use crate::lab::place::Place;

pub struct Files {
    pub config: PathBuf,
    pub accounts: PathBuf,
    pub lock: PathBuf,
    /// The lines that every configuration of this scene has.
    base: String,
}

impl Files {
    /// Logs to standard output, which the lab reads.
    pub fn new(place: &Place, socket: &str) -> Files {
        let lock = place.path("dovemon.pid");
        let base = format!(
            "director_admin_socket: {socket}\ndebug: True\nlockfile: {}\nstate_file: {}\n\
             status_file: {}\n",
            lock.display(),
            place.path("dovemon.state").display(),
            place.path("dovemon.status").display(),
        );
        let files = Files {
            config: place.path("dovemon.config.yml"),
            accounts: place.path("dovemon.testaccounts.yml"),
            lock,
            base,
        };
        files.write("");
        files.write_accounts("");
        files
    }

    /// For fake backends, polled each second, each poll decisive.
    pub fn of_pool(pool: &FakePool) -> Files {
        let mut files = Files::new(&pool.place, &pool.director.socket().display().to_string());
        files.base.push_str(&format!(
            "interval: 1\nretry_count: 1\nrapid_rounds: 0\nimap_port: {IMAP}\npop3_port: {POP3}\n\
             lmtp_port: {LMTP}\n"
        ));
        files.write("");
        let accounts: String = (0..pool.backends.len())
            .map(|k| account(&pool.address(k).to_string()))
            .collect();
        files.write_accounts(&accounts);
        files
    }

    /// The configuration is what all of this scene have, and `more`.
    pub fn write(&self, more: &str) {
        self.write_bare(&format!("{}{more}", self.base));
    }

    pub fn write_bare(&self, text: &str) {
        fs::write(&self.config, text).unwrap();
    }

    pub fn write_accounts(&self, text: &str) {
        fs::write(&self.accounts, text).unwrap();
        fs::set_permissions(&self.accounts, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub fn plan(&self, place: &Place) -> MonitorPlan {
        MonitorPlan::dovemon(place, &self.config, &self.accounts)
    }
}

/// An entry of the file of accounts with the account that fake backends let in.
pub fn account(address: &str) -> String {
    format!("{address}:\n  username: {USER}\n  password: {PASSWORD}\n")
}
