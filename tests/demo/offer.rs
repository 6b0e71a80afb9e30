//! Whether this machine can show real Dovecot servers.

use std::process::{Command, Stdio};

use nix::unistd::Uid;

/// What this machine has to offer.
pub enum Offer {
    Real { version: String },
    Embedded { reason: String },
}

impl Offer {
    /// Dovecot 2.4 has no director and is configured otherwise, and only root can run Dovecot with users of its own.
    pub fn of_this_machine() -> Offer {
        if !Uid::effective().is_root() {
            return Offer::Embedded {
                reason: "it would have to be started by root".to_string(),
            };
        }
        let asked = Command::new("dovecot")
            .arg("--version")
            .stdin(Stdio::null())
            .output();
        let answer = match &asked {
            Ok(output) => String::from_utf8_lossy(&output.stdout),
            Err(_) => "".into(),
        };
        match answer.split_whitespace().next() {
            Some(version) if version.starts_with("2.2.") || version.starts_with("2.3.") => {
                Offer::Real {
                    version: version.to_string(),
                }
            }
            Some(version) => Offer::Embedded {
                reason: format!(
                    "this machine has Dovecot {version}, which has no director and is configured otherwise"
                ),
            },
            None => Offer::Embedded {
                reason: "no Dovecot is installed on this machine".to_string(),
            },
        }
    }
}
