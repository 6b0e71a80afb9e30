//! What `poolmon check` prints of a backend, and what an attempt means for its exit code. Pure.

use std::fmt::Write;
use std::net::IpAddr;
use std::time::Duration;

use super::advice;
use crate::config::settings::ProxyProtocol;
use crate::few::counted;
use crate::outcome::{day_in_utc, Blame, Certificate, Failure, Outcome, Pass};
use crate::report::terminal::shown;
use crate::service::Service;

/// A certificate that expires sooner is something to look at.
const SOON: i64 = 14 * DAY;
const DAY: i64 = 24 * 3600;

/// What the round says, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Passed,
    /// There is something to look at, and it is not the backend's fault.
    LookAt,
    /// It was asked for and could not be checked.
    Unchecked,
    Failed,
}

/// One backend, checked.
pub(super) struct Checked {
    pub(super) address: IpAddr,
    pub(super) attempts: Attempts,
    pub(super) proxy_protocol: ProxyProtocol,
}

pub(super) enum Attempts {
    /// Of each service, in the order of checking.
    Made(Vec<(Service, Outcome)>),
    /// The accounts file does not name it, and others are left alone.
    NotNamed,
}

impl Checked {
    /// `now` in seconds since 1970.
    pub(super) fn verdict(&self, now: i64) -> Verdict {
        match &self.attempts {
            Attempts::NotNamed => Verdict::Unchecked,
            Attempts::Made(attempts) => {
                let verdicts = attempts.iter().map(|(_, outcome)| of_outcome(outcome, now));
                verdicts.max().unwrap_or(Verdict::Passed)
            }
        }
    }

    /// Lines, each with its line feed.
    pub(super) fn text(&self, now: i64) -> String {
        let mut text = String::new();
        match &self.attempts {
            Attempts::NotNamed => {
                let why = "not checked: the accounts file does not name it";
                let _ = writeln!(text, "{} {why}", self.address);
            }
            Attempts::Made(attempts) => {
                for (service, outcome) in attempts {
                    let _ = writeln!(text, "{} {service}", self.address);
                    add_outcome(&mut text, outcome, self.proxy_protocol, now);
                }
            }
        }
        text
    }
}

fn of_outcome(outcome: &Outcome, now: i64) -> Verdict {
    let expires = outcome
        .evidence
        .certificate
        .as_deref()
        .map_or(false, |certificate| seconds_left(certificate, now) < SOON);
    match &outcome.result {
        Err(failure) if failure.fault.blame() == Blame::Service => Verdict::Failed,
        Err(_) | Ok(Pass::PlaintextDisabled) => Verdict::LookAt,
        Ok(Pass::Clean) if expires => Verdict::LookAt,
        Ok(Pass::Clean) => Verdict::Passed,
    }
}

/// Until the first certificate of the chain expires.
fn seconds_left(certificate: &Certificate, now: i64) -> i64 {
    certificate.not_after.min(certificate.chain_not_after) - now
}

fn add_outcome(text: &mut String, outcome: &Outcome, proxy_protocol: ProxyProtocol, now: i64) {
    let failed_at = outcome.result.as_ref().err();
    let stages: Vec<_> = outcome.evidence.stages.iter().collect();
    // The farewell after a failure comes behind it.
    let place = failed_at.and_then(|failure| {
        let is_there = |(stage, _): &(_, _)| *stage == failure.stage;
        stages.iter().rposition(is_there)
    });
    for (number, (stage, took)) in stages.iter().enumerate() {
        let mark = match Some(number) == place {
            true => "  FAILED",
            false => "",
        };
        let _ = writeln!(
            text,
            "    {:<15}{:>11}{mark}",
            stage.to_string(),
            time(*took)
        );
    }
    if let Some(delivery) = outcome.delivery {
        let _ = writeln!(text, "    {:<15}{:>11}", "delivery", time(delivery));
    }
    match &outcome.result {
        Ok(pass) => {
            let _ = writeln!(text, "    {pass}, {}", time(outcome.latency));
        }
        Err(failure) => add_failure(text, failure, proxy_protocol, outcome),
    }
    if let Some(certificate) = &outcome.evidence.certificate {
        add_certificate(text, certificate, now);
    }
    if failed_at.is_some() {
        text.push_str("    dialogue:\n");
        if outcome.evidence.dialogue.is_empty() {
            text.push_str("        (nothing was said)\n");
        }
        for line in outcome.evidence.dialogue.lines() {
            let _ = writeln!(text, "        {}", shown(line));
        }
    }
}

fn add_failure(
    text: &mut String,
    failure: &Failure,
    proxy_protocol: ProxyProtocol,
    outcome: &Outcome,
) {
    let advice = advice::of(failure);
    let of_header = advice::of_proxy_header(failure, proxy_protocol);
    let whose = match failure.fault.blame() {
        Blame::Service => "this backend's",
        Blame::Shared => "perhaps this monitor's: account, certificate settings or test address; poolmon takes a backend down for \
             it only if most others pass",
        Blame::Local => "this machine's; the backend is not judged by it",
    };
    let failure = shown(&failure.to_string());
    let _ = write!(
        text,
        "    FAILED after {}: {failure}\n    \
         cause: {}\n    \
         whose fault: {whose}\n    \
         look at: {}{of_header}\n",
        time(outcome.latency),
        advice.cause,
        advice.look_at
    );
}

fn add_certificate(text: &mut String, certificate: &Certificate, now: i64) {
    let names = shown(&certificate.names.to_string());
    let left = certificate.not_after - now;
    let until = day_in_utc(certificate.not_after);
    let (warning, expiry) = match left {
        left if left < 0 => ("LOOK: ", format!("expired on {until}")),
        left => {
            let days = counted(left / DAY, "day");
            let warning = if left < SOON { "LOOK: " } else { "" };
            (warning, format!("valid until {until}, {days} from now"))
        }
    };
    let _ = writeln!(text, "    {warning}certificate for {names}: {expiry}");
    if certificate.chain_not_after < certificate.not_after {
        let earliest = day_in_utc(certificate.chain_not_after);
        let warning = match certificate.chain_not_after - now < SOON {
            true => "LOOK: ",
            false => "",
        };
        let _ = writeln!(
            text,
            "    {warning}a certificate sent with it is valid until {earliest}"
        );
    }
}

fn time(took: Duration) -> String {
    match took {
        took if took < Duration::from_secs(1) => format!("{:.1} ms", took.as_secs_f64() * 1e3),
        took => format!("{:.2} s", took.as_secs_f64()),
    }
}

/// The last line: how many are how.
pub(super) fn summary(verdicts: &[Verdict]) -> String {
    let mut parts = vec![counted(verdicts.len(), "backend")];
    for (verdict, words) in [
        (Verdict::Passed, "passed"),
        (Verdict::Failed, "failed"),
        (Verdict::LookAt, "to look at"),
        (Verdict::Unchecked, "not checked"),
    ] {
        let count = verdicts.iter().filter(|other| **other == verdict).count();
        if count > 0 {
            parts.push(format!("{count} {words}"));
        }
    }
    format!("{}\n", parts.join(", "))
}

/// While some backends have not answered: which one is printed next, and for how long.
pub(super) fn progress(next: IpAddr, waiting: usize, waited: Duration) -> String {
    let others = match waiting {
        0 | 1 => String::new(),
        more => format!(" and {} more", more - 1),
    };
    format!("waiting for {next}{others}, {} s", waited.as_secs())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::outcome::{Dialogue, Evidence, Fault, PresentedNames, Stage};
    use crate::quote::Quote;
    use crate::service::{Port, Protocol, Security};

    /// 2026-11-26 00:00:00 UTC
    const NOW: i64 = 1_795_651_200;

    fn service(security: Security, number: u16) -> Service {
        Service::Port(Port {
            protocol: Protocol::Imap,
            security,
            number,
        })
    }

    fn outcome(
        result: Result<Pass, Failure>,
        stages: &[(Stage, u64)],
        dialogue: &str,
        certificate: Option<Certificate>,
    ) -> Outcome {
        let stages = stages.iter();
        let stages = stages.map(|(stage, micros)| (*stage, Duration::from_micros(*micros)));
        Outcome {
            began: Instant::now(),
            latency: stages.clone().map(|(_, took)| took).sum(),
            delivery: None,
            logged_in: false,
            result,
            evidence: Evidence {
                stages: stages.collect(),
                dialogue: Dialogue::new(dialogue.to_owned()),
                certificate: certificate.map(Arc::new),
            },
        }
    }

    fn certificate(days: i64, chain_days: i64, accepted: bool) -> Certificate {
        Certificate {
            read: Instant::now(),
            not_after: NOW + days * DAY,
            chain_not_after: NOW + chain_days * DAY,
            names: PresentedNames {
                first: vec![Quote::new("mail7.example")],
                more: 0,
            },
            accepted,
        }
    }

    fn check(attempts: Vec<(Service, Outcome)>, verdict: Verdict, expected: &str) {
        let checked = Checked {
            address: [192, 0, 2, 7].into(),
            attempts: Attempts::Made(attempts),
            proxy_protocol: ProxyProtocol::No,
        };
        assert_eq!(checked.text(NOW), expected);
        assert_eq!(checked.verdict(NOW), verdict);
    }

    #[test]
    fn a_pass_is_told_step_by_step() {
        let plain = outcome(
            Ok(Pass::Clean),
            &[
                (Stage::Connect, 210),
                (Stage::Greeting, 1_260),
                (Stage::Logout, 400),
            ],
            "S: * OK\nC: a5 LOGOUT\n",
            None,
        );
        let tls = outcome(
            Ok(Pass::Clean),
            &[(Stage::Connect, 210), (Stage::Tls, 1_200_000)],
            "",
            Some(certificate(83, 83, true)),
        );
        check(
            vec![
                (service(Security::Plain, 143), plain),
                (service(Security::Tls, 993), tls),
            ],
            Verdict::Passed,
            "192.0.2.7 imap:143\n\
             \x20   connect             0.2 ms\n\
             \x20   greeting            1.3 ms\n\
             \x20   logout              0.4 ms\n\
             \x20   healthy, 1.9 ms\n\
             192.0.2.7 imap+tls:993\n\
             \x20   connect             0.2 ms\n\
             \x20   tls handshake       1.20 s\n\
             \x20   healthy, 1.20 s\n\
             \x20   certificate for \"mail7.example\": valid until 2027-02-17, 83 days from now\n",
        );
    }

    #[test]
    fn a_failure_is_told_with_its_stage_cause_blame_advice_and_dialogue() {
        let refused = Failure::new(
            Stage::Login,
            Fault::CredentialsRefused(Quote::new("[AUTHENTICATIONFAILED] no")),
        );
        let refused = outcome(
            Err(refused),
            &[
                (Stage::Connect, 200),
                (Stage::Login, 2_000_000),
                (Stage::Logout, 200),
            ],
            "S: * OK \u{202e}\nC: <password>\n",
            None,
        );
        check(
            vec![(service(Security::Plain, 143), refused)],
            Verdict::LookAt,
            "192.0.2.7 imap:143\n\
             \x20   connect             0.2 ms\n\
             \x20   login               2.00 s  FAILED\n\
             \x20   logout              0.2 ms\n\
             \x20   FAILED after 2.00 s: login: login refused \"[AUTHENTICATIONFAILED] no\"\n\
             \x20   cause: the backend refused the login of the checks\n\
             \x20   whose fault: perhaps this monitor's: account, certificate settings or test address; \
             poolmon takes a backend down for it only if most others pass\n\
             \x20   look at: its reply above; user name and password in the file that this monitor reads \
             (-c, --accounts), and the account on the backend (doveadm auth test USER)\n\
             \x20   dialogue:\n\
             \x20       S: * OK \\u{202e}\n\
             \x20       C: <password>\n",
        );
        let silent = Failure::new(Stage::Greeting, Fault::TimedOut);
        let silent = outcome(
            Err(silent),
            &[(Stage::Connect, 200), (Stage::Greeting, 5_000_000)],
            "",
            None,
        );
        check(
            vec![(service(Security::Plain, 143), silent)],
            Verdict::Failed,
            "192.0.2.7 imap:143\n\
             \x20   connect             0.2 ms\n\
             \x20   greeting            5.00 s  FAILED\n\
             \x20   FAILED after 5.00 s: greeting: timed out\n\
             \x20   cause: the connection stands, and the server says nothing: its service hangs or is \
             overloaded, or it waits for this monitor to begin\n\
             \x20   whose fault: this backend's\n\
             \x20   look at: on the backend: Dovecot's log (is process_limit or client_limit reached?), \
             doveadm who, and the machine's load; does the port begin with TLS (-s), or expect the PROXY \
             protocol (--proxy-protocol)?\n\
             \x20   dialogue:\n\
             \x20       (nothing was said)\n",
        );
    }

    #[test]
    fn where_a_proxy_header_was_sent_the_advice_asks_whether_the_port_expects_it() {
        let early = || Fault::Malformed(Quote::new("an answer that came before the command"));
        for (stage, fault, asks) in [
            (Stage::Login, early(), true),
            (Stage::Capability, Fault::TimedOut, true),
            (Stage::Greeting, Fault::Closed, true),
            (Stage::Greeting, Fault::Bye(Quote::new("bye")), true),
            (
                Stage::Tls,
                Fault::TlsFailed(Quote::new("wrong version number")),
                true,
            ),
            // The port has not seen it.
            (Stage::Connect, Fault::TimedOut, false),
            (Stage::Connect, Fault::Refused, false),
            (
                Stage::Login,
                Fault::CredentialsRefused(Quote::new("no")),
                true,
            ),
            (Stage::StartTls, Fault::StartTlsMissing, true),
            // The port has understood what came behind it.
            (Stage::Login, Fault::MaildropInUse(Quote::new("no")), false),
            (Stage::Search, Fault::MessageMissing, false),
        ] {
            for proxy_protocol in [ProxyProtocol::No, ProxyProtocol::V1, ProxyProtocol::V2] {
                let failure = Failure::new(stage, fault.clone());
                let failed = outcome(Err(failure), &[], "", None);
                let checked = Checked {
                    address: [192, 0, 2, 7].into(),
                    attempts: Attempts::Made(vec![(service(Security::Plain, 143), failed)]),
                    proxy_protocol,
                };
                let text = checked.text(NOW);
                let hint =
                    "; --proxy-protocol: does this port expect a header of the PROXY protocol?";
                let is_sent = proxy_protocol != ProxyProtocol::No;
                assert_eq!(text.contains(hint), asks && is_sent, "{text}");
            }
        }
    }

    #[test]
    fn a_certificate_that_expires_within_14_days_needs_a_look() {
        let lines = |days, chain_days, accepted| {
            let outcome = outcome(
                Ok(Pass::Clean),
                &[],
                "",
                Some(certificate(days, chain_days, accepted)),
            );
            let mut text = String::new();
            add_certificate(
                &mut text,
                outcome.evidence.certificate.as_deref().unwrap(),
                NOW,
            );
            (of_outcome(&outcome, NOW), text)
        };
        let name = "certificate for \"mail7.example\"";
        for (days, chain_days, verdict, expected) in [
            (
                14,
                14,
                Verdict::Passed,
                format!("    {name}: valid until 2026-12-10, 14 days from now\n"),
            ),
            (
                13,
                13,
                Verdict::LookAt,
                format!("    LOOK: {name}: valid until 2026-12-09, 13 days from now\n"),
            ),
            (
                1,
                1,
                Verdict::LookAt,
                format!("    LOOK: {name}: valid until 2026-11-27, 1 day from now\n"),
            ),
            (
                -2,
                -2,
                Verdict::LookAt,
                format!("    LOOK: {name}: expired on 2026-11-24\n"),
            ),
            (
                83,
                2,
                Verdict::LookAt,
                format!(
                    "    {name}: valid until 2027-02-17, 83 days from now\n    \
                     LOOK: a certificate sent with it is valid until 2026-11-28\n"
                ),
            ),
        ] {
            assert_eq!(lines(days, chain_days, true), (verdict, expected));
        }
    }

    #[test]
    fn the_worst_of_a_backends_services_counts_and_the_last_line_counts_all() {
        let of = |fault| outcome(Err(Failure::new(Stage::Connect, fault)), &[], "", None);
        let clean = || outcome(Ok(Pass::Clean), &[], "", None);
        let remark = outcome(Ok(Pass::PlaintextDisabled), &[], "", None);
        assert_eq!(of_outcome(&remark, NOW), Verdict::LookAt);
        for (outcomes, expected) in [
            (vec![clean(), clean()], Verdict::Passed),
            (vec![of(Fault::NoAddress), clean()], Verdict::LookAt),
            (
                vec![of(Fault::NoAddress), of(Fault::Refused), clean()],
                Verdict::Failed,
            ),
        ] {
            let service = service(Security::Plain, 143);
            let attempts = outcomes.into_iter().map(|outcome| (service, outcome));
            let checked = Checked {
                address: [192, 0, 2, 7].into(),
                attempts: Attempts::Made(attempts.collect()),
                proxy_protocol: ProxyProtocol::No,
            };
            assert_eq!(checked.verdict(NOW), expected);
        }
        let all = [
            Verdict::Passed,
            Verdict::Failed,
            Verdict::Passed,
            Verdict::Unchecked,
            Verdict::LookAt,
        ];
        assert_eq!(summary(&all[..1]), "1 backend, 1 passed\n");
        assert_eq!(
            summary(&all),
            "5 backends, 2 passed, 1 failed, 1 to look at, \
             1 not checked\n"
        );
    }

    #[test]
    fn who_waits_is_told_for_whom() {
        let next = [192, 0, 2, 7].into();
        let waited = Duration::from_millis(3_400);
        assert_eq!(progress(next, 1, waited), "waiting for 192.0.2.7, 3 s");
        assert_eq!(
            progress(next, 3, waited),
            "waiting for 192.0.2.7 and 2 more, 3 s"
        );
    }
}
