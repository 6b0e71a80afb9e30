//! The checks inside a mailbox at a real Dovecot: its mail, its log and the wire show what they do.

mod deep;

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use poolmon::account::{Account, Envelope, Secret};
use poolmon::config::settings::{
    Auth, ImapSteps, LmtpSteps, PasswordOver, Pop3Steps, Probing, ProxyProtocol, StartTls, Steps,
};
use poolmon::config::trust::{Certificates, Verify};
use poolmon::outcome::{Blame, Outcome, Pass};
use poolmon::probe::protocols::token::Token;
use poolmon::probe::Prober;
use poolmon::service::{Port, Protocol, Security, Service};
use poolmon::target::Target;

use crate::lab::patience::wait_until;
use crate::lab::place::Place;
use crate::lab::ring::{
    give_to_mail, Backend, IMAP, IMAPS, LMTP, LMTPS, MASTER_PASSWORD, MASTER_USER, PASSWORD, POP3,
    POP3S, PROBE_USER,
};

/// For one attempt, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn account(master: Option<&str>) -> Account {
    let password = match master {
        Some(_) => MASTER_PASSWORD,
        None => PASSWORD,
    };
    Account {
        user: PROBE_USER.into(),
        password: Secret::new(password),
        master: master.map(|master| master.as_bytes().to_vec()),
    }
}

/// How a backend is probed.
#[derive(Clone)]
struct Plan {
    auth: Auth,
    starttls: StartTls,
    steps: Steps,
    account: Account,
}

fn plan(steps: Steps) -> Plan {
    Plan {
        auth: Auth::Login,
        starttls: StartTls::Offered,
        steps,
        account: account(None),
    }
}

impl Plan {
    fn prober(&self) -> Prober {
        let probing = Probing {
            certificates: Certificates::new(
                Verify::Off,
                None,
                None,
                StartTls::Offered,
                PasswordOver::Any,
            ),
            envelope: Envelope::default(),
            auth: self.auth,
            starttls: self.starttls,
            proxy_protocol: ProxyProtocol::No,
            steps: self.steps,
        };
        Prober::new(&probing).unwrap()
    }

    fn target(&self, backend: &Backend, service: Service) -> Target {
        Target {
            address: backend.address.into(),
            services: Arc::from(&[service][..]),
            account: Some(Arc::new(self.account.clone())),
            former_accounts: Vec::new(),
            tls_name: None,
        }
    }

    fn probe(&self, backend: &Backend, service: Service) -> Outcome {
        let target = self.target(backend, service);
        self.prober().attempt(&target, &service, PATIENCE)
    }

    #[track_caller]
    fn pass(&self, backend: &Backend, service: Service) {
        let outcome = self.probe(backend, service);
        assert_eq!(
            outcome.result,
            Ok(Pass::Clean),
            "{service}: {}",
            backend.dovecot.log()
        );
    }
}

fn port(protocol: Protocol, security: Security, number: u16) -> Port {
    Port {
        protocol,
        security,
        number,
    }
}

fn imap() -> Port {
    port(Protocol::Imap, Security::Plain, IMAP)
}

fn imaps() -> Port {
    port(Protocol::Imap, Security::Tls, IMAPS)
}

fn pop3() -> Port {
    port(Protocol::Pop3, Security::Plain, POP3)
}

fn pop3s() -> Port {
    port(Protocol::Pop3, Security::Tls, POP3S)
}

fn lmtp() -> Port {
    port(Protocol::Lmtp, Security::Plain, LMTP)
}

fn lmtps() -> Port {
    port(Protocol::Lmtp, Security::Tls, LMTPS)
}

fn imap_steps(steps: ImapSteps) -> Plan {
    plan(Steps {
        imap: steps,
        ..Steps::default()
    })
}

/// The messages in the INBOX of the probes' account, without what Dovecot adds to them.
fn messages(backend: &Backend) -> Vec<String> {
    let maildir = backend.maildir(PROBE_USER);
    let mut messages = Vec::new();
    for folder in ["cur", "new"] {
        for entry in fs::read_dir(maildir.join(folder)).into_iter().flatten() {
            let bytes = fs::read(entry.unwrap().path()).unwrap_or_default();
            messages.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    messages.sort();
    messages
}

/// Puts a file into the INBOX; `flags` as Maildir has them. The text comes back as it lies there.
fn seed(backend: &Backend, name: &str, flags: &str, text: &str) -> String {
    let maildir = backend.maildir(PROBE_USER);
    for folder in ["", "cur", "new", "tmp"] {
        fs::create_dir_all(maildir.join(folder)).unwrap();
        give_to_mail(&maildir.join(folder));
    }
    let path = maildir.join("cur").join(format!("{name}:2,{flags}"));
    fs::write(&path, text).unwrap();
    give_to_mail(&path);
    text.to_string()
}

/// All that clients have said inside their sessions, in the order of the sessions.
fn said(record: &Path) -> String {
    let mut files: Vec<PathBuf> = fs::read_dir(record)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().map_or(false, |kind| kind == "in"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned())
        .collect()
}

/// Waits for what is only written when the session's process ends.
#[track_caller]
fn wait_for_words(record: &Path, words: &str) {
    wait_until(&format!("{words} on the wire"), PATIENCE, || {
        said(record).contains(words)
    });
}

#[test]
fn each_imap_step_is_said_on_the_wire_and_no_other() {
    let place = Place::new();
    let backend = Backend::alone(&place);
    let record = backend.record(PROBE_USER);
    let all = ["LIST \"\" %", "SELECT INBOX", "APPEND INBOX", "UID EXPUNGE"];
    for (steps, words) in [
        (ImapSteps::default(), &[][..]),
        (
            ImapSteps {
                list: true,
                ..ImapSteps::default()
            },
            &all[..1],
        ),
        (
            ImapSteps {
                select: true,
                ..ImapSteps::default()
            },
            &all[1..2],
        ),
        (
            ImapSteps {
                append: true,
                ..ImapSteps::default()
            },
            &all[2..3],
        ),
        // Of the message that the step before has appended.
        (
            ImapSteps {
                expunge: true,
                ..ImapSteps::default()
            },
            &[all[1], all[3]],
        ),
        (
            ImapSteps {
                list: true,
                select: true,
                append: true,
                expunge: true,
            },
            &all,
        ),
    ] {
        for file in fs::read_dir(&record).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        imap_steps(steps).pass(&backend, Service::Port(imap()));
        wait_for_words(&record, "LOGOUT");
        let said = said(&record);
        for word in all {
            assert_eq!(
                said.contains(word),
                words.contains(&word),
                "{steps:?}: {said}"
            );
        }
        let count = usize::from(steps.append && !steps.expunge);
        assert_eq!(messages(&backend).len(), count, "{steps:?}");
    }
}

#[test]
fn an_appended_message_bears_its_time_and_our_mark() {
    let place = Place::new();
    let backend = Backend::alone(&place);
    imap_steps(ImapSteps {
        append: true,
        ..ImapSteps::default()
    })
    .pass(&backend, Service::Port(imap()));
    let fetched = backend
        .dovecot
        .doveadm(&[
            "fetch",
            "-u",
            PROBE_USER,
            "date.received.unixtime hdr.X-Poolmon-Probe",
            "mailbox",
            "INBOX",
        ])
        .success();
    let value = |name: &str| {
        let line = fetched.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} in {fetched}")).trim()
    };
    let token = Token::parse(value("hdr.x-poolmon-probe:").as_bytes()).expect(&fetched);
    assert_eq!(
        value("date.received.unixtime:"),
        token.at().as_secs().to_string()
    );
}

#[test]
fn pop3_counts_and_deletes_what_lmtp_delivered_and_nothing_else() {
    let place = Place::new();
    let backend = Backend::alone(&place);
    let record = backend.record(PROBE_USER);
    let steps = |stat, delete, deliver| {
        plan(Steps {
            pop3: Pop3Steps { stat, delete },
            lmtp: LmtpSteps { deliver },
            ..Steps::default()
        })
    };
    steps(false, false, true).pass(&backend, Service::Port(lmtp()));
    steps(false, false, true).pass(&backend, Service::Port(lmtps()));
    let foreign = seed(
        &backend,
        "plain",
        "S",
        "Subject: hello\n\nX-Poolmon-Probe: no\n",
    );
    assert_eq!(messages(&backend).len(), 3);

    steps(true, false, false).pass(&backend, Service::Port(pop3()));
    wait_for_words(&record, "QUIT");
    assert!(said(&record).contains("STAT"), "{}", said(&record));
    assert!(!said(&record).contains("DELE"), "{}", said(&record));
    assert_eq!(messages(&backend).len(), 3);

    steps(false, true, false).pass(&backend, Service::Port(pop3s()));
    assert_eq!(messages(&backend), [foreign]);
}

#[test]
fn a_master_user_reads_the_users_mail_by_sasl_and_not_otherwise() {
    let place = Place::new();
    let backend = Backend::alone(&place);
    let steps = Steps {
        imap: ImapSteps {
            select: true,
            ..ImapSteps::default()
        },
        pop3: Pop3Steps {
            stat: true,
            delete: false,
        },
        ..Steps::default()
    };
    for master in [None, Some(MASTER_USER)] {
        for security in [imap(), imaps(), pop3(), pop3s()] {
            for starttls in [StartTls::Offered, StartTls::Never, StartTls::Required] {
                let plan = Plan {
                    auth: Auth::SaslPlain,
                    starttls,
                    account: account(master),
                    ..plan(steps)
                };
                plan.pass(&backend, Service::Port(security));
            }
        }
    }
    let log = backend.dovecot.log();
    let by_master = format!("user=<{PROBE_USER}>, method=PLAIN");
    assert!(log.contains(&by_master), "{log}");

    let wrong = Plan {
        auth: Auth::SaslPlain,
        account: Account {
            password: Secret::new(PASSWORD),
            ..account(Some(MASTER_USER))
        },
        ..plan(steps)
    };
    let without_sasl = Plan {
        account: account(Some(MASTER_USER)),
        ..plan(steps)
    };
    for plan in [wrong, without_sasl] {
        for service in [imaps(), pop3s()] {
            let outcome = plan.probe(&backend, Service::Port(service));
            let failure = outcome.result.unwrap_err();
            assert_eq!(failure.fault.blame(), Blame::Shared, "{failure}");
            assert!(!failure.to_string().contains(PASSWORD), "{failure}");
        }
    }
}

#[test]
fn a_required_starttls_is_used_and_where_it_is_not_offered_no_password_is_sent() {
    let place = Place::new();
    let mut backend = Backend::alone(&place);
    let required = Plan {
        starttls: StartTls::Required,
        ..plan(Steps {
            lmtp: LmtpSteps { deliver: true },
            ..Steps::default()
        })
    };
    for service in [imap(), pop3(), lmtp()] {
        required.pass(&backend, Service::Port(service));
    }
    let log = backend.dovecot.log();
    for login in log.lines().filter(|line| line.contains("Login: user=")) {
        assert!(login.contains("TLS"), "{login}");
    }

    backend.dovecot.stop();
    let config = backend.dovecot.config();
    let without_tls = fs::read_to_string(&config).unwrap() + "ssl = no\n";
    fs::write(&config, without_tls).unwrap();
    // Not all its ports open any more.
    backend.dovecot.start();
    for port in [IMAP, POP3, LMTP] {
        wait_until("the ports to open", PATIENCE, || {
            TcpStream::connect((backend.address, port)).is_ok()
        });
    }
    for service in [imap(), pop3(), lmtp()] {
        let before = backend.dovecot.log().matches("Login: user=").count();
        let failure = required
            .probe(&backend, Service::Port(service))
            .result
            .unwrap_err();
        assert_eq!(
            failure.to_string(),
            "starttls: required, and not on offer",
            "{service:?}"
        );
        assert_eq!(failure.fault.blame(), Blame::Shared);
        let after = backend.dovecot.log().matches("Login: user=").count();
        assert_eq!(before, after);
    }
}

#[test]
fn a_full_mailbox_is_nobodys_fault() {
    let place = Place::new();
    let mut backend = Backend::alone(&place);
    backend.dovecot.stop();
    let config = backend.dovecot.config();
    let with_quota = fs::read_to_string(&config).unwrap()
        + "mail_plugins = quota\nplugin {\n quota = maildir:mail\n quota_rule = *:bytes=10\n }\n";
    fs::write(&config, with_quota).unwrap();
    backend.start();
    let append = imap_steps(ImapSteps {
        append: true,
        ..ImapSteps::default()
    });
    let deliver = plan(Steps {
        lmtp: LmtpSteps { deliver: true },
        ..Steps::default()
    });
    for (plan, service, beginning) in [
        (&append, imap(), "append: mailbox refused \"[OVERQUOTA]"),
        (&deliver, lmtp(), "data: message refused \"552 5.2.2"),
    ] {
        let failure = plan
            .probe(&backend, Service::Port(service))
            .result
            .unwrap_err();
        assert!(failure.to_string().starts_with(beginning), "{failure}");
        assert_eq!(failure.fault.blame(), Blame::Shared);
    }
}
