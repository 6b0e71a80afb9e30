//! The example files, unchanged but for places, ports and accounts, at a real ring.

use std::fs;

use crate::lab::ring::{
    Ring, RingPlan, IMAP, IMAPS, LMTP, MASTER_PASSWORD, MASTER_USER, PASSWORD, POP3, POP3S,
    PROBE_USER, TLS_NAME,
};
use crate::scenes::packaging::installation::text_of;
use crate::scenes::ring::{wait_for_states, REACTION};

use super::files::Files;

/// The example with other values for some keys. Each of them is in it.
fn example_with(values: &[(&str, &str)]) -> String {
    let mut text = text_of("etc/dovemon.config.yml");
    for (key, value) in values {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{key}:")))
            .unwrap_or_else(|| panic!("{key} is in the example"))
            .to_owned();
        text = text.replace(&format!("\n{line}\n"), &format!("\n{key}: {value}\n"));
    }
    text
}

#[test]
fn the_example_files_take_a_dead_backend_down_and_bring_it_up_again() {
    let mut ring = Ring::start(RingPlan {
        directors: 2,
        backends: 3,
        ..RingPlan::default()
    });
    let socket = ring.directors[0].socket().display().to_string();
    let files = Files::new(&ring.place, &socket);
    let state = ring.place.path("dovemon.state").display().to_string();
    let status = ring.place.path("dovemon.status").display().to_string();
    files.write_bare(&example_with(&[
        ("director_admin_socket", &socket),
        ("lockfile", &files.lock.display().to_string()),
        ("state_file", &state),
        ("status_file", &status),
        ("debug", "True"),
        ("interval", "1"),
        ("imap_port", &IMAP.to_string()),
        ("imaps_port", &IMAPS.to_string()),
        ("pop3_port", &POP3.to_string()),
        ("pop3s_port", &POP3S.to_string()),
        ("lmtp_port", &LMTP.to_string()),
    ]));
    // The example's three kinds of entries with the ring's addresses and account.
    let addresses: Vec<String> = ring.backends[..3]
        .iter()
        .map(|backend| backend.address.to_string())
        .collect();
    files.write_accounts(&format!(
        "{}:\n  username: {PROBE_USER}\n  password: '{PASSWORD}'\n{}: &shared\n  username: \
         {PROBE_USER}\n  password: \"{PASSWORD}\"\n{}: *shared\n",
        addresses[0], addresses[1], addresses[2]
    ));
    let plan = files.plan(&ring.place);

    let checked = plan.run("--check-config", REACTION).success();
    let imap = format!(
        "imap:{IMAP}: greeting, STARTTLS where offered with the certificate not checked, login where \
         there is an account, LIST\n"
    );
    assert!(checked.contains(&imap), "{checked}");
    assert!(checked.contains(", 3 backends"), "{checked}");
    let healthy = plan.run("--once", REACTION).success();
    assert_eq!(healthy.matches(" healthy\n").count(), 3, "{healthy}");

    let mut monitor = plan.start();
    // The backends' authority is nobody's here, which dovemon never minded.
    monitor.wait_for_line(
        &[&format!("imap:{IMAP}: certificates are not checked")],
        REACTION,
    );
    for backend in &addresses {
        monitor.wait_for_line(&[backend, "healthy"], REACTION);
    }
    ring.backends[1].dovecot.stop();
    wait_for_states(&ring, 0, "UDU");
    wait_for_states(&ring, 1, "UDU");
    monitor.wait_for_line(&[&format!("{} disabled", addresses[1])], REACTION);
    // A real poll, a real rapid round, and nothing that the ring did not like.
    assert!(!monitor
        .lines_with(&[&addresses[1], "has failed"])
        .is_empty());
    ring.backends[1].dovecot.start();
    wait_for_states(&ring, 0, "UUU");
    wait_for_states(&ring, 1, "UUU");
    monitor.wait_for_line(&[&format!("{} enabled", addresses[1])], REACTION);
    let pid = fs::read_to_string(&files.lock).unwrap();
    assert_eq!(pid.trim(), monitor.pid().to_string());
    let (status, _) = monitor.stop(REACTION);
    assert_eq!(status.code(), Some(0));
    assert_eq!(ring.panics(), Vec::<String>::new());
}

#[test]
fn every_step_and_a_master_user_pass_on_real_backends() {
    let ring = Ring::start(RingPlan {
        directors: 1,
        backends: 2,
        ..RingPlan::default()
    });
    let socket = ring.directors[0].socket().display().to_string();
    let files = Files::new(&ring.place, &socket);
    files.write(&format!(
        "interval: 2\ntimeout: 10\nauth: sasl\nimap_ssl: yes\nimaps_port: {IMAPS}\n\
         pop3_port: {POP3}\nlmtp_port: {LMTP}\ntls_name: {TLS_NAME}\nca_file: {}\n\
         poll_imap_select: yes\npoll_imap_append: yes\npoll_imap_expunge: yes\n\
         poll_pop3: yes\npoll_pop3_stat: yes\npoll_pop3_delete: yes\n\
         poll_lmtp: yes\npoll_lmtp_deliver: yes\ndeep_probe: imap\nstarttls: require\n",
        ring.authority.file().display()
    ));
    let accounts: String = ring.backends[..2]
        .iter()
        .map(|backend| {
            format!(
                "{}:\n  username: {PROBE_USER}\n  masteruser: {MASTER_USER}\n  password: \
                 {MASTER_PASSWORD}\n",
                backend.address
            )
        })
        .collect();
    files.write_accounts(&accounts);
    let plan = files.plan(&ring.place);
    let checked = plan.run("--check-config", REACTION).success();
    for said in [
        "SELECT, APPEND, EXPUNGE of test messages",
        "STAT, DELE of test messages",
        "delivery of a test message",
        "is delivered to",
        "login by SASL PLAIN",
    ] {
        assert!(checked.contains(said), "{said}: {checked}");
    }
    let once = plan.run("--once", REACTION * 2).success();
    assert_eq!(once.matches(" healthy\n").count(), 2, "{once}");
    assert_eq!(ring.panics(), Vec::<String>::new());
}
