//! Which servers' certificates are checked: the one place that decides it, port by port.
//!
//! It knows what the operator chose and what those did whose command line and files we take: a monitor
//! must not become stricter because its program was replaced. How a certificate is checked is not known
//! here.

use std::path::PathBuf;

use super::settings::{PasswordOver, StartTls};
use crate::probe::protocols::table::Hides;
use crate::service::{Port, Security, Service};

/// What a port's TLS has to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The certificate has to be trusted and to bear the backend's name; else the attempt fails.
    Verified,
    /// Any certificate will do. What is said is encrypted, but nobody knows for whom.
    Unverified,
}

/// What has to be true before a check sends a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordNeeds {
    /// Nothing beyond what `--starttls` says.
    Nothing,
    /// TLS, whose certificate this port's check verifies.
    Tls,
    /// Verified TLS, and the certificate is not checked on this port: no password is sent.
    VerifiedTlsThatIsOff,
}

/// `-v` and `ssl_verify`, as given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// Nowhere, whatever else is said.
    Off,
    /// poolmon's default: where poolmon checked.
    On,
    /// Neither: dovemon's default. It knew no check, so nothing is checked that nobody asks for.
    Unsaid,
}

/// What is asked of servers' certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates {
    /// What `-v`, `ssl_verify` and all that asks for a check come to.
    pub checked: Checked,
    /// `--tls-name`; a backend's own `tls_name` counts more.
    pub name: CertificateName,
    /// A PEM bundle to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// What `--require-tls` asks for.
    pub password_over: PasswordOver,
}

/// On which ports certificates are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// `-v 0`, `ssl_verify: False`: each certificate is taken, whatever else is said.
    Nowhere,
    /// Only on a backend that has a `tls_name` of its own.
    OnRequest,
    /// On ports with TLS from the start, and after STARTTLS on IMAP's and on those of protocols that
    /// poolmon did not know. It never used TLS on plain ports of POP3 and LMTP, so STARTTLS there is a gain
    /// without a check, too.
    AsPoolmon,
    /// After TLS from the start and after STARTTLS, of each protocol.
    Everywhere,
}

/// The name that a certificate has to bear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateName {
    /// That of the address's PTR record, or the address if it has none.
    OfAddress,
    /// This one, for every backend.
    Given(String),
}

impl Certificates {
    /// Whoever names a certificate's name or authority, or insists on STARTTLS or on TLS for passwords,
    /// wants a check.
    pub fn new(
        verify: Verify,
        name: Option<String>,
        ca_file: Option<PathBuf>,
        starttls: StartTls,
        password_over: PasswordOver,
    ) -> Certificates {
        let is_wanted = name.is_some()
            || ca_file.is_some()
            || starttls == StartTls::Required
            || password_over == PasswordOver::VerifiedTls;
        Certificates {
            checked: match (verify, is_wanted) {
                (Verify::Off, _) => Checked::Nowhere,
                (_, true) => Checked::Everywhere,
                (Verify::On, false) => Checked::AsPoolmon,
                (Verify::Unsaid, false) => Checked::OnRequest,
            },
            name: match name {
                Some(name) => CertificateName::Given(name),
                None => CertificateName::OfAddress,
            },
            ca_file,
            password_over,
        }
    }

    /// What a check with an account needs before it sends the password to this port. A recipient's
    /// address is no password: LMTP goes by `--starttls` alone.
    pub fn password_needs(&self, port: &Port, own_name: Option<&str>) -> PasswordNeeds {
        match (self.password_over, port.protocol.row().starttls.hides) {
            (PasswordOver::Any, _) | (_, Hides::Nothing | Hides::Recipient) => {
                PasswordNeeds::Nothing
            }
            (PasswordOver::VerifiedTls, Hides::Password) => match self.trust(port, own_name) {
                Trust::Verified => PasswordNeeds::Tls,
                Trust::Unverified => PasswordNeeds::VerifiedTlsThatIsOff,
            },
        }
    }

    /// When STARTTLS is used on a port that begins in plain text, as far as the settings decide it.
    pub fn starttls(&self, port: &Port, chosen: StartTls) -> StartTls {
        match (self.password_needs(port, None), chosen) {
            (PasswordNeeds::Tls, StartTls::Offered) => StartTls::Required,
            _ => chosen,
        }
    }

    /// Which ports never get a password, because other choices contradict `--require-tls`: a line for the
    /// log. Without an account there is no password.
    pub fn contradiction(&self, services: &[Service], chosen: StartTls) -> Option<String> {
        let contradicts = |port: &&Port| match self.password_needs(port, None) {
            PasswordNeeds::Nothing => false,
            PasswordNeeds::VerifiedTlsThatIsOff => true,
            PasswordNeeds::Tls => port.security == Security::Plain && chosen == StartTls::Never,
        };
        let mut ports: Vec<String> = Vec::new();
        for port in ports_of(services).filter(contradicts) {
            let shown = port.to_string();
            if !ports.contains(&shown) {
                ports.push(shown);
            }
        }
        if ports.is_empty() {
            return None;
        }
        let cause = match self.checked {
            Checked::Nowhere => "-v 0 (ssl_verify: False) turns off the check of certificates",
            _ => "--starttls=no keeps these ports without TLS",
        };
        Some(format!(
            "{}: no login is possible: --require-tls sends a password only over TLS with a verified \
             certificate, and {cause}",
            ports.join(", ")
        ))
    }

    /// `own_name` is the `tls_name` that the file of accounts has for the backend.
    pub fn trust(&self, port: &Port, own_name: Option<&str>) -> Trust {
        let is_as_poolmon = match (port.security, port.protocol) {
            (Security::Tls, _) => true,
            (Security::Plain, protocol) => protocol.row().starttls.is_checked_by_default,
        };
        match (self.checked, own_name) {
            (Checked::Nowhere, _) | (Checked::OnRequest, None) => Trust::Unverified,
            (Checked::AsPoolmon, None) if !is_as_poolmon => Trust::Unverified,
            _ => Trust::Verified,
        }
    }

    /// What an operator may not expect, once for the log: which TLS is not verified although nobody
    /// turned that off. `may_start_tls` says whether a plain port ever has something worth hiding.
    pub fn remark(
        &self,
        services: &[Service],
        may_start_tls: impl Fn(&Port) -> bool,
    ) -> Option<String> {
        let mut unverified: Vec<String> = Vec::new();
        for port in ports_of(services) {
            let has_tls = port.security == Security::Tls || may_start_tls(port);
            let shown = port.to_string();
            if has_tls
                && self.trust(port, None) == Trust::Unverified
                && !unverified.contains(&shown)
            {
                unverified.push(shown);
            }
        }
        let ports = unverified.join(", ");
        match self.checked {
            _ if ports.is_empty() => None,
            Checked::Nowhere | Checked::Everywhere => None,
            Checked::OnRequest => Some(format!(
                "{ports}: certificates are not checked, as dovemon never did; ssl_verify: True, tls_name \
                 or ca_file checks them"
            )),
            Checked::AsPoolmon => Some(format!(
                "{ports}: STARTTLS is used where it is offered, and its certificate is not checked; \
                 --starttls=require, --tls-name or --ca-file checks it"
            )),
        }
    }
}

fn ports_of(services: &[Service]) -> impl Iterator<Item = &Port> {
    services.iter().flat_map(|service| match service {
        Service::Port(port) => vec![port],
        Service::Delivery { deliver, read } => vec![deliver, read],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{self, Command};
    use crate::config::chosen::Chosen;
    use crate::config::dovemon;
    use crate::config::table::DefaultsOf;
    use crate::program::Program;
    use crate::service::Protocol;

    /// The settings' certificates with a configuration file, if there is one, and options over it.
    fn certificates(file: Option<&str>, options: &str) -> Certificates {
        let (of_file, defaults) = match file {
            Some(text) => {
                let written = dovemon::parse(text.as_bytes()).unwrap();
                (written.choices, DefaultsOf::Dovemon)
            }
            None => (Chosen::default(), DefaultsOf::Poolmon),
        };
        let words = options.split_whitespace().map(Into::into).collect();
        let choices = match cli::parse(words) {
            Ok(Command::Run(order)) => order.choices.over(of_file),
            other => panic!("{options}: {other:?}"),
        };
        let settings = choices.build(defaults, Program::Dovemon).unwrap();
        settings.probing.certificates
    }

    const PORTS: [(Protocol, Security); 9] = [
        (Protocol::Imap, Security::Tls),
        (Protocol::Pop3, Security::Tls),
        (Protocol::Lmtp, Security::Tls),
        (Protocol::AnyLine, Security::Tls),
        (Protocol::Imap, Security::Plain),
        (Protocol::Sieve, Security::Plain),
        (Protocol::Submission, Security::Plain),
        (Protocol::Pop3, Security::Plain),
        (Protocol::Lmtp, Security::Plain),
    ];

    /// One letter for each of `PORTS`: `v` verified, `-` not.
    fn shown(certificates: &Certificates, own_name: Option<&str>) -> String {
        let letter = |(protocol, security)| {
            let port = Port {
                protocol,
                security,
                number: 1,
            };
            match certificates.trust(&port, own_name) {
                Trust::Verified => 'v',
                Trust::Unverified => '-',
            }
        };
        PORTS.into_iter().map(letter).collect()
    }

    fn port(protocol: Protocol, security: Security, number: u16) -> Service {
        Service::Port(Port {
            protocol,
            security,
            number,
        })
    }

    #[test]
    fn what_is_verified_follows_from_flags_file_protocol_and_kind_of_port() {
        const ALL: &str = "vvvvvvvvv";
        const POOLMON: &str = "vvvvvvv--";
        const NONE: &str = "---------";
        for (file, options, expected, with_own_name) in [
            // poolmon's command line.
            (None, "", POOLMON, ALL),
            (None, "-v 1", POOLMON, ALL),
            (None, "-v 1 --starttls=auto", POOLMON, ALL),
            (None, "--starttls=no", POOLMON, ALL),
            (None, "--starttls=require", ALL, ALL),
            (None, "--tls-name=mail.example.org", ALL, ALL),
            (None, "--ca-file=ca.pem", ALL, ALL),
            (None, "-v 0", NONE, NONE),
            (
                None,
                "-v 0 --tls-name=mail.example.org --ca-file=ca.pem",
                NONE,
                NONE,
            ),
            (None, "-v 0 --starttls=require", NONE, NONE),
            // dovemon's file, without a key of ours.
            (Some(""), "", NONE, ALL),
            (Some("imap_ssl: True"), "", NONE, ALL),
            (Some("poll_pop3: True\npop3_ssl: yes"), "", NONE, ALL),
            (Some("ssl_verify:"), "", NONE, ALL),
            // With keys of ours.
            (Some("ssl_verify: True"), "", POOLMON, ALL),
            (Some("ssl_verify: False"), "", NONE, NONE),
            (Some("starttls: require"), "", ALL, ALL),
            (Some("starttls: auto"), "", NONE, ALL),
            (Some("tls_name: mail.example.org"), "", ALL, ALL),
            (Some("ca_file: /ca.pem"), "", ALL, ALL),
            (Some("tls_name: ''\nca_file: ''"), "", NONE, ALL),
            (
                Some("ssl_verify: False\ntls_name: mail.example.org"),
                "",
                NONE,
                NONE,
            ),
            // Options override the file.
            (Some(""), "-v 1", POOLMON, ALL),
            (Some(""), "--tls-name=mail.example.org", ALL, ALL),
            (Some(""), "--ca-file=ca.pem", ALL, ALL),
            (Some(""), "--starttls=require", ALL, ALL),
            (Some("ssl_verify: True"), "-v 0", NONE, NONE),
            (Some("ssl_verify: False"), "-v 1", POOLMON, ALL),
            (Some("ca_file: /ca.pem"), "-v 0", NONE, NONE),
            // Whoever wants no password on unverified TLS wants a check, unless it is turned off.
            (None, "--require-tls", ALL, ALL),
            (None, "--require-tls -v 0", NONE, NONE),
            (Some("require_tls: yes"), "", ALL, ALL),
            (Some("require_tls: no"), "", NONE, ALL),
            (Some("require_tls: yes\nssl_verify: False"), "", NONE, NONE),
            (Some(""), "--require-tls", ALL, ALL),
        ] {
            let certificates = certificates(file, options);
            let case = format!("{file:?} {options}");
            assert_eq!(shown(&certificates, None), expected, "{case}");
            let named = shown(&certificates, Some("own.example.org"));
            assert_eq!(named, with_own_name, "{case}, tls_name");
        }
    }

    #[test]
    fn a_password_needs_verified_tls_where_that_is_asked_for_and_lmtp_sends_none() {
        use PasswordNeeds::{Nothing, Tls, VerifiedTlsThatIsOff};
        let needs = |options, protocol, security| {
            let port = Port {
                protocol,
                security,
                number: 1,
            };
            certificates(None, options).password_needs(&port, None)
        };
        for &protocol in Protocol::ALL {
            for security in [Security::Plain, Security::Tls] {
                let (needed, impossible) = match protocol.row().logs_in {
                    false => (Nothing, Nothing),
                    true => (Tls, VerifiedTlsThatIsOff),
                };
                assert_eq!(needs("", protocol, security), Nothing);
                assert_eq!(needs("--require-tls", protocol, security), needed);
                let off = needs("--require-tls -v 0", protocol, security);
                assert_eq!(off, impossible);
            }
        }
    }

    #[test]
    fn choices_that_leave_no_way_for_a_password_are_named_with_their_ports() {
        let services = [
            port(Protocol::Imap, Security::Plain, 143),
            port(Protocol::Lmtp, Security::Plain, 24),
            port(Protocol::Pop3, Security::Tls, 995),
        ];
        for (options, starttls, expected) in [
            ("", StartTls::Never, ""),
            ("-v 0", StartTls::Offered, ""),
            ("--require-tls", StartTls::Offered, ""),
            ("--require-tls", StartTls::Required, ""),
            ("--require-tls", StartTls::Never, "imap:143"),
            (
                "--require-tls -v 0",
                StartTls::Offered,
                "imap:143, pop3+tls:995",
            ),
        ] {
            let said = certificates(None, options).contradiction(&services, starttls);
            let said = said.unwrap_or_default();
            let ports = said.split(": ").next().unwrap_or_default();
            assert_eq!(ports, expected, "{options}: {said}");
        }
    }

    #[test]
    fn a_password_that_needs_tls_makes_starttls_required_unless_it_is_never_used() {
        let needs = certificates(None, "--require-tls");
        let free = certificates(None, "");
        for chosen in [StartTls::Never, StartTls::Offered, StartTls::Required] {
            for (of, offered) in [(&needs, StartTls::Required), (&free, StartTls::Offered)] {
                let expected = match chosen {
                    StartTls::Offered => offered,
                    StartTls::Never | StartTls::Required => chosen,
                };
                let imap = Port {
                    protocol: Protocol::Imap,
                    security: Security::Plain,
                    number: 143,
                };
                assert_eq!(of.starttls(&imap, chosen), expected);
            }
        }
    }

    #[test]
    fn what_leaves_no_way_for_a_password_is_named_by_its_flag() {
        let services = [port(Protocol::Imap, Security::Plain, 143)];
        for (options, starttls, cause) in [
            (
                "--require-tls -v 0",
                StartTls::Offered,
                "and -v 0 (ssl_verify: False) turns off",
            ),
            ("--require-tls", StartTls::Never, "and --starttls=no keeps"),
        ] {
            let said = certificates(None, options).contradiction(&services, starttls);
            assert!(said.unwrap().contains(cause), "{options}");
        }
    }

    #[test]
    fn what_is_not_verified_is_said_unless_it_was_turned_off() {
        let services = [
            port(Protocol::Imap, Security::Plain, 143),
            port(Protocol::Pop3, Security::Plain, 110),
            port(Protocol::Imap, Security::Tls, 993),
        ];
        let said = |file, options, hides: bool| {
            let remark = certificates(file, options).remark(&services, |_| hides);
            let remark = remark.unwrap_or_default();
            remark.split(": ").next().unwrap_or_default().to_owned()
        };
        assert_eq!(said(None, "", true), "pop3:110");
        assert_eq!(said(None, "", false), "");
        assert_eq!(said(None, "--starttls=require", true), "");
        assert_eq!(said(None, "-v 0", true), "");
        assert_eq!(said(Some(""), "", true), "imap:143, pop3:110, imap+tls:993");
        assert_eq!(said(Some(""), "", false), "imap+tls:993");
        assert_eq!(said(Some("ssl_verify: True"), "", true), "pop3:110");
        assert_eq!(said(Some("ssl_verify: False"), "", true), "");
    }
}
