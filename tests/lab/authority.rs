//! A certificate authority of the test's own, made by the openssl command.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::command::run;

const LIMIT: Duration = Duration::from_secs(30);

pub struct Authority {
    folder: PathBuf,
    name: String,
}

/// Files in PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    /// `name` tells several authorities in one folder apart.
    pub fn make(folder: &Path, name: &str) -> Authority {
        let authority = Authority {
            folder: folder.to_path_buf(),
            name: name.to_string(),
        };
        authority.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
             -subj /CN={name} -keyout {name}.key -out {name}.pem"
        ));
        authority
    }

    /// The bundle to trust.
    pub fn file(&self) -> PathBuf {
        self.folder.join(format!("{}.pem", self.name))
    }

    /// A certificate for a host name and addresses.
    pub fn issue(&self, host: &str, addresses: &[Ipv4Addr]) -> Certificate {
        self.issue_for_days(30, host, addresses)
    }

    /// The same, valid for so many days from now; with -1 it expired yesterday.
    pub fn issue_for_days(&self, days: i32, host: &str, addresses: &[Ipv4Addr]) -> Certificate {
        let ca = &self.name;
        let mut names = format!("subjectAltName=DNS:{host}");
        for address in addresses {
            names.push_str(&format!(",IP:{address}"));
        }
        let leaf = format!("{ca}-{host}");
        std::fs::write(self.folder.join(format!("{leaf}.ext")), names).unwrap();
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
             -subj /CN={host} -keyout {leaf}.key -out {leaf}.csr"
        ));
        self.openssl(&format!(
            "x509 -req -days {days} -in {leaf}.csr -CA {ca}.pem -CAkey {ca}.key -CAcreateserial \
             -extfile {leaf}.ext -out {leaf}.pem"
        ));
        Certificate {
            certificate: self.folder.join(format!("{leaf}.pem")),
            key: self.folder.join(format!("{leaf}.key")),
        }
    }

    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command.args(arguments.split_whitespace());
        run(&mut command, &self.folder, LIMIT).success();
    }
}
