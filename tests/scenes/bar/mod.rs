//! The bar: a fault that all backends share (a certificate that is not trusted, a wrong password) takes
//! nobody down, and keeps no dead backend up.

mod fake;
mod real;

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::ring::REACTION;
use crate::lab::monitor::{Monitor, MonitorPlan};
use crate::lab::passwords::marked;
use crate::lab::patience::wait_until;
use crate::lab::place::Place;
use crate::lab::ring::{IMAP, IMAPS};

const A_WHILE: Duration = Duration::from_secs(4);

/// Of all monitors here.
const INTERVAL: Duration = Duration::from_secs(1);

/// The alarm lines about a check that too many fail, for example `imap:143 login`.
fn alarms(monitor: &Monitor, check: &str) -> Vec<String> {
    monitor.lines_with(&[" ERR ", check, "check this monitor"])
}

#[track_caller]
fn wait_for_alarm(monitor: &Monitor, check: &str) {
    wait_until(&format!("an alarm about {check}"), REACTION, || {
        !alarms(monitor, check).is_empty()
    });
}

/// dovemon's two files, and the program called by its name.
fn dovemon(place: &Place, name: &str, socket: &Path, keys: &str, accounts: &str) -> MonitorPlan {
    let file = |suffix: &str| place.path(&format!("{name}.{suffix}"));
    let config = format!(
        "director_admin_socket: {}\ndebug: True\nlockfile: {}\nstate_file: {}\n\
         status_file: {}\nimap_port: {IMAP}\nimaps_port: {IMAPS}\n{keys}",
        socket.display(),
        file("pid").display(),
        file("state").display(),
        file("status").display(),
    );
    fs::write(file("config.yml"), config).unwrap();
    fs::write(file("accounts.yml"), accounts).unwrap();
    fs::set_permissions(file("accounts.yml"), fs::Permissions::from_mode(0o600)).unwrap();
    MonitorPlan::dovemon(place, &file("config.yml"), &file("accounts.yml"))
}

fn account(address: Ipv4Addr, user: &str, password: &str) -> String {
    let password = marked(password);
    format!("{address}:\n  username: {user}\n  password: {password}\n")
}
