//! Which servers' certificates are checked: the one place that decides it, port by port.
//!
//! It knows what the operator chose and what those did whose command line and files we take: a monitor
//! must not become stricter because its program was replaced. How a certificate is checked is not known
//! here.

use std::path::PathBuf;

use super::settings::StartTls;
use crate::service::{Port, Security, Service};

/// What a port's TLS has to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The certificate has to be trusted and to bear the backend's name; else the attempt fails.
    Verified,
    /// Any certificate will do. What is said is encrypted, but nobody knows for whom.
    Unverified,
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
    pub checked: Checked,
    pub name: CertificateName,
    /// A PEM bundle to trust beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// On which ports certificates are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    Nowhere,
    /// Only on a backend that has a `tls_name` of its own.
    OnRequest,
    /// On ports with TLS from the start, and after STARTTLS on IMAP's and on those of protocols that
    /// poolmon did not know. It never used TLS on plain ports of POP3 and LMTP, so STARTTLS there is a gain
    /// without a check, too.
    AsPoolmon,
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
    /// Whoever names a certificate's name or authority, or insists on STARTTLS, wants a check.
    pub fn new(
        verify: Verify,
        name: Option<String>,
        ca_file: Option<PathBuf>,
        starttls: StartTls,
    ) -> Certificates {
        let is_wanted = name.is_some() || ca_file.is_some() || starttls == StartTls::Required;
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
        }
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
        let ports = services.iter().flat_map(|service| match service {
            Service::Port(port) => vec![port],
            Service::Delivery { deliver, read } => vec![deliver, read],
        });
        for port in ports {
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
            // Options count more than the file.
            (Some(""), "-v 1", POOLMON, ALL),
            (Some(""), "--tls-name=mail.example.org", ALL, ALL),
            (Some(""), "--ca-file=ca.pem", ALL, ALL),
            (Some(""), "--starttls=require", ALL, ALL),
            (Some("ssl_verify: True"), "-v 0", NONE, NONE),
            (Some("ssl_verify: False"), "-v 1", POOLMON, ALL),
            (Some("ca_file: /ca.pem"), "-v 0", NONE, NONE),
        ] {
            let certificates = certificates(file, options);
            let case = format!("{file:?} {options}");
            assert_eq!(shown(&certificates, None), expected, "{case}");
            let named = shown(&certificates, Some("own.example.org"));
            assert_eq!(named, with_own_name, "{case}, tls_name");
        }
    }

    #[test]
    fn what_is_not_verified_is_said_unless_it_was_turned_off() {
        let port = |protocol, security, number| {
            Service::Port(Port {
                protocol,
                security,
                number,
            })
        };
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
