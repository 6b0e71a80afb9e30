//! A place of one's own for each test: a folder and a network of loopback addresses.
//!
//! It owns the claim to both, between threads and between processes, and nothing that is in them.

use std::env;
use std::fs::{self, DirBuilder, Permissions};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use nix::unistd::{access, AccessFlags};

use super::{diagnostics, passwords};

/// Whoever has bound this UDP port on a network's address 254 has claimed the network. The kernel
/// ends the claim with the process, however that ends.
const CLAIM_PORT: u16 = 4999;
/// Networks 127.64.0.0/24 to 127.191.255.0/24.
const FIRST_SECOND_OCTET: usize = 64;
const NETWORKS: usize = 128 * 256;

static PLACES: AtomicUsize = AtomicUsize::new(0);

pub struct Place {
    folder: PathBuf,
    network: [u8; 2],
    _claim: UdpSocket,
}

impl Place {
    pub fn new() -> Place {
        let number = PLACES.fetch_add(1, Ordering::Relaxed);
        // Short, because the paths of Unix sockets are limited to 107 bytes.
        let folder = root().join(format!("pm-{}-{number}", process::id()));
        let _ = fs::remove_dir_all(&folder);
        DirBuilder::new()
            .mode(0o755)
            .create(&folder)
            .expect("the test's folder can be made");
        // Dovecot's unprivileged processes have to pass through, whatever the umask.
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let (network, claim) = claim_network(number);
        Place {
            folder,
            network,
            _claim: claim,
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// 127.x.y.`last`; 254 is taken by the claim.
    pub fn address(&self, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.network[0], self.network[1], last)
    }
}

/// In memory if that is possible: on the disk of a busy machine one fsync may take ten seconds, for
/// the state file and for Dovecot. TMPDIR overrules.
fn root() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if env::var_os("TMPDIR").is_none() && access(memory, AccessFlags::W_OK).is_ok() {
        memory.to_path_buf()
    } else {
        env::temp_dir()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if thread::panicking() || env::var_os("POOLMON_LAB_KEEP").is_some() {
            eprintln!("the lab keeps {}", self.folder.display());
        } else {
            passwords::assert_none_in_folder(&self.folder);
            diagnostics::assert_all_known_in_folder(&self.folder);
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn claim_network(number: usize) -> ([u8; 2], UdpSocket) {
    // Start far apart in each process, so that parallel ones seldom meet.
    let start = (process::id() as usize).wrapping_mul(7919) + number;
    for step in 0..NETWORKS {
        let index = (start + step) % NETWORKS;
        let network = [
            (FIRST_SECOND_OCTET + index / 256) as u8,
            (index % 256) as u8,
        ];
        let seat = Ipv4Addr::new(127, network[0], network[1], 254);
        if let Ok(claim) = UdpSocket::bind((seat, CLAIM_PORT)) {
            return (network, claim);
        }
    }
    panic!("no loopback network is free");
}
