//! What is wrong with a certificate or with the versions of TLS, in the words of whoever has to repair it.

use std::borrow::Cow;
use std::fmt;

use chrono::{TimeZone, Utc};
use serde::{Deserialize, Serialize};

use crate::quote::Quote;
use crate::service::Security;

/// A certificate that was refused, and what may help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadCertificate {
    /// In OpenSSL's words.
    pub reason: Quote,
    /// The name that it has to bear.
    pub expected: Quote,
    /// Those that it bears, if they could be read: a refused handshake does not show them.
    pub presented: Option<PresentedNames>,
    /// If it has expired: the last second of its validity, or of one that was sent with it and has expired in its
    /// place, since 1970. Like the names it may not be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired: Option<i64>,
    /// What the connection began with: if with plain text, it changed to TLS by STARTTLS.
    pub began: Security,
}

impl BadCertificate {
    /// Of a connection that began with TLS.
    pub fn new(reason: &str, expected: &str) -> BadCertificate {
        BadCertificate {
            reason: Quote::new(reason),
            expected: Quote::new(expected),
            presented: None,
            expired: None,
            began: Security::Tls,
        }
    }
}

impl BadCertificate {
    /// It is refused for its time alone: no setting but `-v 0` of this monitor would accept it.
    pub fn is_out_of_date(&self) -> bool {
        let reasons = ["certificate has expired", "certificate is not yet valid"];
        reasons.iter().any(|text| self.reason == Quote::new(text))
    }

    /// Its name is not what it is refused for. Not known of names with a wildcard.
    fn bears_expected_name(&self) -> bool {
        let mut names = self.presented.iter().flat_map(|names| &names.first);
        names.any(|name| *name == self.expected)
    }

    /// Without what may help.
    pub fn in_short(&self) -> String {
        let turned = match self.began {
            Security::Tls => "",
            Security::Plain => " after STARTTLS",
        };
        if self.is_out_of_date() {
            return format!("certificate{turned} refused {}", self.reason);
        }
        format!(
            "certificate{turned} refused {}: expected name {},",
            self.reason, self.expected
        )
    }
}

impl fmt::Display for BadCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BadCertificate {
            reason,
            expected,
            presented,
            expired,
            began,
        } = self;
        let (turned, without) = match began {
            Security::Tls => ("", ""),
            Security::Plain => (
                " after STARTTLS",
                ", --starttls=no does without TLS on this port",
            ),
        };
        if self.is_out_of_date() {
            write!(f, "certificate refused{turned} {reason}")?;
            if let Some(expired) = expired {
                write!(f, " (valid until {})", in_utc(*expired))?;
            }
            return write!(
                f,
                ": renew it, or its authority's, on the backend, or set the clock of this machine right (-v 0 \
                 checks no certificate{without})"
            );
        }
        if self.bears_expected_name() {
            return write!(
                f,
                "certificate refused{turned} {reason}: its name is {expected}, as expected (--ca-file names an \
                 authority to trust, -v 0 checks no certificate{without})"
            );
        }
        write!(
            f,
            "certificate refused{turned} {reason}: expected name {expected}"
        )?;
        let mut read = "";
        if let Some(names) = presented {
            write!(f, ", presented {names}")?;
            read = "these names are read at most once an hour; ";
        }
        write!(
            f,
            " ({read}--ca-file names an authority to trust, --tls-name the name to expect in place of that \
             from reverse DNS (PTR), -v 0 checks no certificate{without})"
        )
    }
}

/// A handshake that failed since the server speaks no version of TLS that this machine takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoCommonVersion {
    /// In OpenSSL's words.
    pub reason: Quote,
    /// The oldest version that this machine takes, as OpenSSL names it.
    pub minimum: Cow<'static, str>,
}

/// The names that a certificate bears.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresentedNames {
    /// The first of them.
    pub first: Vec<Quote>,
    /// How many there are besides.
    pub more: usize,
}

impl fmt::Display for PresentedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.first[..] {
            [] => f.write_str("none")?,
            [first, others @ ..] => {
                first.fmt(f)?;
                others.iter().try_for_each(|name| write!(f, ", {name}"))?;
            }
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// As a certificate has its times.
pub(crate) fn in_utc(seconds: i64) -> String {
    utc(seconds, "%Y-%m-%d %H:%M:%S UTC")
}

/// Its day alone.
pub(crate) fn day_in_utc(seconds: i64) -> String {
    utc(seconds, "%Y-%m-%d")
}

fn utc(seconds: i64, form: &str) -> String {
    match Utc.timestamp_opt(seconds, 0).single() {
        Some(time) => time.format(form).to_string(),
        None => format!("second {seconds} since 1970"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_is_out_of_date_is_not_said_to_lack_a_name_or_an_authority() {
        let mut bad = BadCertificate::new("certificate has expired", "mail.example");
        bad.began = Security::Plain;
        assert_eq!(
            bad.to_string(),
            "certificate refused after STARTTLS \"certificate has expired\": renew it, or its authority's, \
             on the backend, or set the clock of this machine right (-v 0 checks no certificate, \
             --starttls=no does without TLS on this port)"
        );
        assert_eq!(
            bad.in_short(),
            "certificate after STARTTLS refused \"certificate has expired\""
        );
        bad.expired = Some(1_800_000_000);
        let text = bad.to_string();
        let until =
            "\"certificate has expired\" (valid until 2027-01-15 08:00:00 UTC): renew it, or";
        assert!(text.contains(until), "{text}");
        assert_eq!(in_utc(i64::MAX), format!("second {} since 1970", i64::MAX));
        let other = BadCertificate::new("hostname mismatch", "mail.example");
        assert!(other.to_string().contains("expected name \"mail.example\""));
    }

    /// Who reads "expected name X, presented X" looks for a difference.
    #[test]
    fn of_a_certificate_with_the_expected_name_only_the_authority_is_in_question() {
        let mut bad = BadCertificate::new("self-signed certificate", "mail.example");
        bad.presented = Some(PresentedNames {
            first: vec![Quote::new("other.example"), Quote::new("mail.example")],
            more: 0,
        });
        assert_eq!(
            bad.to_string(),
            "certificate refused \"self-signed certificate\": its name is \"mail.example\", as expected \
             (--ca-file names an authority to trust, -v 0 checks no certificate)"
        );
        bad.expected = Quote::new("else.example");
        let names =
            "expected name \"else.example\", presented \"other.example\", \"mail.example\" (";
        assert!(bad.to_string().contains(names), "{bad}");
    }
}
