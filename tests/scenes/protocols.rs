//! ManageSieve and submission, at real Dovecot backends and at fake ones that fail as told.

use nix::sys::signal::Signal;

use crate::lab::authority::Authority;
use crate::lab::fake_backend::{Mood, SIEVE as FAKE_SIEVE, SUBMISSION as FAKE_SUBMISSION};
use crate::lab::fake_pool::{self, FakePool, USER};
use crate::lab::monitor::MonitorPlan;
use crate::lab::patience::{hold_for, wait_until};
use crate::lab::ring::{
    Plaintext, Ring, RingPlan, Serves, PASSWORD, PROBE_USER, SIEVE, SUBMISSION, SUBMISSIONS,
    TLS_NAME,
};
use crate::scenes::configuration::files::Files;
use crate::scenes::faults::{assert_no_more_changes, A_WHILE};
use crate::scenes::ring::{trust, wait_for_states, REACTION};

fn ring(backends: u8, plaintext: Plaintext) -> Ring {
    Ring::start(RingPlan {
        directors: 1,
        backends,
        plaintext,
        serves: Serves::SieveAndSubmission,
    })
}

/// Each way to check one of them.
fn checks() -> [String; 3] {
    [
        format!("-p SIEVE:{SIEVE}"),
        format!("-p submission:{SUBMISSION}"),
        format!("-s SUBMISSION:{SUBMISSIONS}"),
    ]
}

#[test]
fn each_protocol_and_tls_mode_is_seen_as_it_is() {
    for plaintext in [Plaintext::Allowed, Plaintext::Disabled] {
        let ring = ring(2, plaintext);
        let other = Authority::make(ring.place.folder(), "other-ca");
        let distrusted = format!("--tls-name {TLS_NAME} --ca-file {}", other.file().display());
        let misnamed = format!(
            "--tls-name wrong.lab.test --ca-file {}",
            ring.authority.file().display()
        );
        let plan = ring.monitor(0).flags("-t 5 --retries=0");
        let once = |plan: &MonitorPlan, words: &str, code: i32| {
            let ended = plan.run(&format!("--once {words}"), REACTION);
            let text = ended.text;
            assert_eq!(
                ended.status.code(),
                Some(code),
                "{plaintext:?} {words}: {text}"
            );
            assert!(!text.contains(PASSWORD), "{text}");
            text
        };
        let with = plan.clone().credentials(PROBE_USER, PASSWORD);
        let another = ring.monitor(0).flags("-t 5 --retries=0");
        let wrong = another.credentials(PROBE_USER, "wrong");
        for check in checks() {
            once(&plan, &format!("{check} {}", trust(&ring)), 0);
            once(&with, &format!("{check} {}", trust(&ring)), 0);
            once(
                &with,
                &format!("{check} --starttls=require {}", trust(&ring)),
                0,
            );
            // The password is not sent to whoever cannot prove the name, also by default.
            let text = once(&with, &format!("{check} {distrusted}"), 2);
            assert!(text.contains("certificate"), "{text}");
            once(&with, &check, 2);
            // The names are read by one further connection.
            let text = once(&with, &format!("{check} {misnamed}"), 2);
            assert!(text.contains(TLS_NAME), "{text}");
            once(&with, &format!("-v 0 {check}"), 0);
            let text = once(&wrong, &format!("{check} {}", trust(&ring)), 2);
            assert!(text.contains("login refused"), "{text}");
        }
        // Without TLS nobody is asked for a password where the server takes none in clear.
        for check in &checks()[..2] {
            once(&with, &format!("--starttls=no {check}"), 0);
        }
        for backend in &ring.backends[..2] {
            let log = backend.dovecot.log();
            assert!(!log.contains("plaintext auth"), "{log}");
        }
        // No TLS on that port.
        once(&with, &format!("-s SIEVE:{SIEVE} {}", trust(&ring)), 2);
        assert_eq!(ring.directors[0].states(), "UU");
    }
}

#[test]
fn a_dead_backend_goes_down_and_comes_up_by_each_protocol() {
    let mut ring = ring(3, Plaintext::Disabled);
    for check in checks() {
        let monitor = ring
            .monitor(0)
            .flags("-i 1 -t 3 --retries=1 --retry-delay=0.3")
            .flags(&format!("{check} {}", trust(&ring)))
            .credentials(PROBE_USER, PASSWORD)
            .start();
        for backend in &ring.backends[..3] {
            monitor.wait_for_line(&[&backend.address.to_string(), "healthy"], REACTION);
        }
        ring.backends[1].dovecot.stop();
        wait_for_states(&ring, 0, "UDU");
        ring.backends[1].dovecot.start();
        wait_for_states(&ring, 0, "UUU");
        let address = ring.backends[1].address.to_string();
        monitor.wait_for_line(&[&address, "enabled"], REACTION);
    }
}

#[test]
fn a_frozen_backend_goes_down_and_comes_up_by_dovemons_file() {
    let ring = ring(2, Plaintext::Disabled);
    let files = Files::new(
        &ring.place,
        &ring.directors[0].socket().display().to_string(),
    );
    files.write(&format!(
        "interval: 1\ntimeout: 2\nretry_count: 1\nrapid_rounds: 0\npoll_imap: no\npoll_sieve: yes\n\
         sieve_port: {SIEVE}\npoll_submission: yes\nsubmission_ssl: yes\nsubmissions_port: 1\n"
    ));
    let accounts: String = ring.backends[..2]
        .iter()
        .map(|backend| {
            format!(
                "{}:\n  username: {PROBE_USER}\n  password: {PASSWORD}\n  submissions_port: \
                 {SUBMISSIONS}\n",
                backend.address
            )
        })
        .collect();
    files.write_accounts(&accounts);
    let plan = files.plan(&ring.place);
    let checked = plan.run("--check-config", REACTION).success();
    for said in [
        format!(
            "sieve:{SIEVE}: greeting, STARTTLS where offered with the certificate not checked, login by \
             SASL PLAIN where there is an account\n"
        ),
        "submission+tls:1: TLS with the certificate not checked, greeting, EHLO, login by SASL PLAIN \
         where there is an account\n"
            .to_owned(),
    ] {
        assert!(checked.contains(&said), "{said}: {checked}");
    }
    let monitor = plan.start();
    for backend in &ring.backends[..2] {
        monitor.wait_for_line(&[&backend.address.to_string(), "healthy"], REACTION);
    }
    ring.backends[1].dovecot.freeze();
    wait_for_states(&ring, 0, "UD");
    // From then on by submission alone, without TLS at first.
    files.write(&format!(
        "interval: 1\ntimeout: 2\nretry_count: 1\nrapid_rounds: 0\npoll_imap: no\n\
         poll_submission: yes\nsubmission_port: {SUBMISSION}\n"
    ));
    monitor.signal(Signal::SIGHUP);
    let service = format!("submission:{SUBMISSION}");
    let address = |backend: usize| ring.backends[backend].address.to_string();
    monitor.wait_for_line(&[&address(0), &service, "healthy"], REACTION);
    monitor.wait_for_line(&[&address(1), &service, "timed out"], REACTION);
    ring.backends[1].dovecot.thaw();
    wait_for_states(&ring, 0, "UU");
    monitor.wait_for_line(&[&address(1), &service, "healthy"], REACTION);
    let logins = ring.backends[1].dovecot.log();
    let is_encrypted = |line: &&str| line.contains("submission-login") && line.contains(", TLS,");
    assert!(logins.lines().any(|line| is_encrypted(&line)), "{logins}");
}

/// Three backends with these two ports, and a monitor of one of them with a login.
fn fakes() -> FakePool {
    let mut pool = FakePool::start(3);
    for backend in &mut pool.backends {
        backend.open(FAKE_SIEVE, fake_pool::PASSWORD);
        backend.open(FAKE_SUBMISSION, fake_pool::PASSWORD);
    }
    pool
}

fn fake_checks() -> [(u16, String); 2] {
    [
        (FAKE_SIEVE, format!("-p SIEVE:{FAKE_SIEVE}")),
        (FAKE_SUBMISSION, format!("-p SUBMISSION:{FAKE_SUBMISSION}")),
    ]
}

#[test]
fn a_temporary_failure_is_the_servers() {
    for (port, check) in fake_checks() {
        let pool = fakes();
        let monitor = pool
            .bare_monitor()
            .flags(&format!("-i 1 -t 1 --retries=0 {check}"))
            .credentials(USER, fake_pool::PASSWORD)
            .start();
        monitor.wait_for_line(&[&pool.address(1).to_string(), "healthy"], REACTION);
        // Two of them: a third down within an hour is held.
        for (mood, cause) in [
            (Mood::Unavailable, "Temporary authentication failure"),
            (Mood::Bye, "says good-bye"),
        ] {
            pool.backends[1].set_port(port, mood);
            pool.wait_for_state(1, 'D');
            monitor.wait_for_line(&[&pool.address(1).to_string(), cause], REACTION);
            pool.backends[1].set_port(port, Mood::Healthy);
            pool.wait_for_state(1, 'U');
        }
        assert_eq!((pool.state_of(0), pool.state_of(2)), ('U', 'U'));
    }
}

#[test]
fn a_refused_login_is_shared_and_a_dead_backend_goes_down_all_the_same() {
    for (port, check) in fake_checks() {
        let pool = fakes();
        let monitor = pool
            .bare_monitor()
            .flags(&format!("-i 1 -t 1 --retries=0 {check}"))
            .credentials(USER, "forgotten")
            .start();
        monitor.wait_for_line(&[" ERR ", "no backend is taken down for that"], REACTION);
        assert_no_more_changes(&pool, A_WHILE);
        assert!(pool.changes().is_empty());
        pool.backends[0].set_port(port, Mood::Refusing);
        pool.wait_for_state(0, 'D');
        pool.backends[0].set_port(port, Mood::Healthy);
        pool.wait_for_state(0, 'U');
        hold_for("the others to stay up", A_WHILE, || {
            pool.director.states() == "UUU"
        });
        let sent = |backend: usize| {
            let visits = pool.backends[backend].visits();
            visits
                .iter()
                .filter(|visit| visit.port == port && visit.line.is_some())
                .count()
        };
        wait_until("further logins", REACTION, || sent(1) > 2);
    }
}
