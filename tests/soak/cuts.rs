//! Which packets are dropped: nftables in the network of this process's own.
//!
//! On loopback every packet leaves once, so all rules are about what leaves. A monitor is known by the
//! user that it runs as.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::lab::command;

const LIMIT: Duration = Duration::from_secs(20);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nobody reaches this address, and it reaches nobody.
    Address(Ipv4Addr),
    /// This director from these.
    Ring(Ipv4Addr, Vec<Ipv4Addr>),
    /// What runs as this user from these backends.
    User(u32, Vec<Ipv4Addr>),
}

pub struct Cuts {
    folder: PathBuf,
    standing: Vec<Cut>,
}

impl Cuts {
    pub fn new(folder: PathBuf) -> Cuts {
        Cuts {
            folder,
            standing: Vec::new(),
        }
    }

    pub fn begin(&mut self, cut: Cut) {
        self.standing.push(cut);
        self.apply();
    }

    pub fn end(&mut self, cut: &Cut) {
        let place = self.standing.iter().position(|standing| standing == cut);
        self.standing.remove(place.expect("it stands"));
        self.apply();
    }

    /// All rules are replaced at a stroke.
    fn apply(&self) {
        let mut rules = String::from(
            "add table ip soak\ndelete table ip soak\ntable ip soak {\n chain leaving {\n  \
             type filter hook output priority 0; policy accept;\n",
        );
        for cut in &self.standing {
            rules.push_str(&rules_of(cut));
        }
        rules.push_str(" }\n}\n");
        let file = self.folder.join("cuts.nft");
        fs::write(&file, rules).expect("the folder takes a file");
        let mut nft = Command::new("nft");
        nft.arg("-f").arg(&file);
        command::run(&mut nft, &self.folder, LIMIT).success();
    }
}

fn rules_of(cut: &Cut) -> String {
    let set = |addresses: &[Ipv4Addr]| {
        let words: Vec<String> = addresses.iter().map(Ipv4Addr::to_string).collect();
        format!("{{ {} }}", words.join(", "))
    };
    match cut {
        Cut::Address(address) => {
            format!("  ip daddr {address} drop\n  ip saddr {address} drop\n")
        }
        Cut::Ring(one, others) => {
            let others = set(others);
            format!(
                "  ip saddr {one} ip daddr {others} drop\n  ip saddr {others} ip daddr {one} drop\n"
            )
        }
        Cut::User(user, backends) => {
            format!("  meta skuid {user} ip daddr {} drop\n", set(backends))
        }
    }
}
