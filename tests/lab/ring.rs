//! A real ring: Dovecot directors that know each other and Dovecot backends behind them.
//!
//! Everything has an address of its own, so ports are the same everywhere. A ring starts in about
//! a second if all masters listen before the first director process starts, which a first
//! connection to its admin socket does; if one calls and the other does not listen yet, it takes ten.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread::{self, sleep};
use std::time::Duration;

use nix::unistd::{chown, User};

use super::admin_socket::{self, HostLine};
use super::authority::{Authority, Certificate};
use super::dovecot::{Door, Dovecot};
use super::mail_client::Session;
use super::monitor::MonitorPlan;
use super::passwords::marked;
use super::patience::wait_until;
use super::place::Place;

pub const IMAP: u16 = 1143;
pub const IMAPS: u16 = 1993;
pub const POP3: u16 = 1110;
pub const POP3S: u16 = 1995;
pub const LMTP: u16 = 1024;
pub const LMTPS: u16 = 1026;
/// ManageSieve.
pub const SIEVE: u16 = 4190;
pub const SUBMISSION: u16 = 1587;
pub const SUBMISSIONS: u16 = 1465;
/// Where nobody listens.
const NOBODYS: u16 = 1025;
const RING_PORT: u16 = 9090;

/// The name in every backend's certificate.
pub const TLS_NAME: &str = "backend.lab.test";
/// The account of the monitor's probes.
pub const PROBE_USER: &str = "probe";
pub const PASSWORD: &str = "Zq7Xv9pW-open-sesame";
/// May log in as any account, with a password of its own.
pub const MASTER_USER: &str = "keeper";
pub const MASTER_PASSWORD: &str = "Zq7Xv9pW-all-keys";
/// Accounts `user1` to `user40` have the same password: enough for several on each backend.
const USERS: usize = 40;

const NO_PENALTY: &str =
    "service anvil {\n unix_listener anvil-auth-penalty {\n mode = 0\n }\n }\n";

/// One login process for all connections, as large sites have it: a new one for each took a third of the
/// processors' time of all that Dovecot did here.
const REUSED: &str = "service_count = 0\n";

/// A ring of two needs up to 10 s; a restarted one that waits for an absent peer 21 s.
const SYNC_LIMIT: Duration = Duration::from_secs(25);

/// Whether backends take passwords in clear text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plaintext {
    Allowed,
    Disabled,
}

/// What backends serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// IMAP, POP3 and LMTP.
    Mail,
    /// ManageSieve and submission, too. The server that submission relays to is away.
    SieveAndSubmission,
}

#[derive(Clone, Copy, Debug)]
pub struct RingPlan {
    pub directors: u8,
    pub backends: u8,
    pub plaintext: Plaintext,
    pub serves: Serves,
}

impl Default for RingPlan {
    fn default() -> RingPlan {
        RingPlan {
            directors: 2,
            backends: 3,
            plaintext: Plaintext::Allowed,
            serves: Serves::Mail,
        }
    }
}

pub struct Ring {
    pub directors: Vec<Director>,
    pub backends: Vec<Backend>,
    pub authority: Authority,
    // Last, because the folder goes after what lives in it.
    pub place: Place,
}

impl Ring {
    /// Starts everything and waits until all directors say that the ring is synced.
    #[track_caller]
    pub fn start(plan: RingPlan) -> Ring {
        let place = Place::new();
        let authority = Authority::make(place.folder(), "lab-ca");
        let members: Vec<Ipv4Addr> = (0..plan.directors)
            .map(|k| place.address(101 + k))
            .collect();
        let pool: Vec<Ipv4Addr> = (0..plan.backends).map(|k| place.address(1 + k)).collect();
        // One more than runs, so that a test can start a backend later.
        let named: Vec<Ipv4Addr> = (0..=plan.backends).map(|k| place.address(1 + k)).collect();
        let certificate = authority.issue(TLS_NAME, &named);
        let tls = format!(
            "ssl = yes\nssl_cert = <{}\nssl_key = <{}\n",
            certificate.certificate.display(),
            certificate.key.display()
        );
        let mut ring = Ring {
            directors: members
                .iter()
                .enumerate()
                .map(|(k, &address)| {
                    let folder = place.path(&format!("director{}", k + 1));
                    Director::write(folder, address, &members, &pool)
                })
                .collect(),
            backends: named
                .iter()
                .enumerate()
                .map(|(k, &address)| {
                    let folder = place.path(&format!("backend{}", k + 1));
                    Backend::write(folder, address, plan.plaintext, plan.serves, &tls)
                })
                .collect(),
            authority,
            place,
        };
        let running = usize::from(plan.backends);
        ring.directors
            .iter_mut()
            .map(|director| &mut director.dovecot)
            .chain(
                ring.backends[..running]
                    .iter_mut()
                    .map(|backend| &mut backend.dovecot),
            )
            .for_each(Dovecot::launch);
        for director in &mut ring.directors {
            director.dovecot.wait_until_open();
        }
        for backend in &mut ring.backends[..running] {
            backend.dovecot.wait_until_open();
        }
        ring.wait_until_synced();
        ring
    }

    /// Waits until every running director says so.
    #[track_caller]
    pub fn wait_until_synced(&self) {
        wait_until("all directors to be synced", SYNC_LIMIT, || {
            // All are asked each time: the first question starts a director's process.
            let statuses: Vec<bool> = self
                .directors
                .iter()
                .filter(|director| director.dovecot.is_running())
                .map(|director| matches!(director.ring_status(), Ok(status) if status == "ring synced"))
                .collect();
            statuses.iter().all(|&synced| synced)
        });
    }

    /// A monitor that speaks to this director and checks IMAP, POP3 and LMTP with a login.
    pub fn monitor(&self, director: usize) -> MonitorPlan {
        MonitorPlan::new(&self.place, &self.directors[director].socket())
    }

    /// What directors and backends logged of being broken.
    pub fn panics(&self) -> Vec<String> {
        let directors = self.directors.iter().map(|director| &director.dovecot);
        let backends = self.backends.iter().map(|backend| &backend.dovecot);
        directors
            .chain(backends)
            .flat_map(Dovecot::panics)
            .collect()
    }
}

impl Drop for Ring {
    /// No test may break a Dovecot, whatever it is about.
    fn drop(&mut self) {
        if !thread::panicking() {
            let panics = self.panics();
            assert!(panics.is_empty(), "{panics:#?}");
        }
    }
}

pub struct Director {
    pub address: Ipv4Addr,
    pub dovecot: Dovecot,
}

impl Director {
    fn write(
        folder: PathBuf,
        address: Ipv4Addr,
        members: &[Ipv4Addr],
        pool: &[Ipv4Addr],
    ) -> Director {
        let words = |addresses: &[Ipv4Addr]| {
            let words: Vec<String> = addresses.iter().map(Ipv4Addr::to_string).collect();
            words.join(" ")
        };
        let settings = format!(
            "listen = {address}\n\
             protocols = imap\n\
             ssl = no\n\
             disable_plaintext_auth = no\n\
             auth_failure_delay = 0\n\
             director_servers = {members}\n\
             director_mail_servers = {pool}\n\
             director_user_expire = 60 s\n\
             service director {{\n\
               unix_listener login/director {{\n mode = 0666\n }}\n\
               unix_listener director-userdb {{\n mode = 0600\n }}\n\
               unix_listener director-admin {{\n mode = 0600\n }}\n\
               fifo_listener login/proxy-notify {{\n mode = 0666\n }}\n\
               inet_listener {{\n address = {address}\n port = {RING_PORT}\n }}\n\
             }}\n\
             service imap-login {{\n\
               executable = imap-login director\n\
               inet_listener imap {{\n port = {IMAP}\n }}\n\
               inet_listener imaps {{\n port = 0\n }}\n\
             }}\n\
             service ipc {{\n unix_listener ipc {{\n user = dovecot\n }}\n }}\n\
             service anvil {{\n unix_listener anvil-auth-penalty {{\n mode = 0\n }}\n }}\n\
             passdb {{\n driver = static\n args = proxy=y nopassword=y port={IMAP}\n }}\n",
            members = words(members),
            pool = words(pool),
        );
        // Not the admin socket or the login port: those would start the director's process, and
        // its peers may not listen yet.
        let door = Door::Socket(folder.join("run/dns-client"));
        Director {
            address,
            dovecot: Dovecot::write(folder, &settings, door),
        }
    }

    /// Crashes, starts again and waits until the admin socket answers.
    #[track_caller]
    pub fn restart(&mut self) {
        self.dovecot.kill();
        self.dovecot.start();
        wait_until("the admin socket's answer", SYNC_LIMIT, || {
            self.ring_status().is_ok()
        });
    }

    pub fn socket(&self) -> PathBuf {
        self.dovecot.run_path("director-admin")
    }

    /// As the director's users see it.
    pub fn imap(&self) -> SocketAddr {
        SocketAddr::from((self.address, IMAP))
    }

    pub fn ring_status(&self) -> io::Result<String> {
        admin_socket::ring_status(&self.socket())
    }

    #[track_caller]
    pub fn host_list(&self) -> Vec<HostLine> {
        admin_socket::host_list(&self.socket()).expect("the director answers HOST-LIST")
    }

    /// A backend's line, if it is listed.
    #[track_caller]
    pub fn host(&self, backend: Ipv4Addr) -> Option<HostLine> {
        self.host_list()
            .into_iter()
            .find(|line| line.address == IpAddr::V4(backend))
    }

    /// `U` or `D`; `-` if the backend is not listed.
    #[track_caller]
    pub fn state_of(&self, backend: Ipv4Addr) -> char {
        self.host(backend).map_or('-', |line| line.state)
    }

    /// The states in the list's order, for example `UDU`.
    #[track_caller]
    pub fn states(&self) -> String {
        self.host_list().iter().map(|line| line.state).collect()
    }

    /// `doveadm director WORDS`.
    #[track_caller]
    pub fn doveadm(&self, words: &[&str]) -> String {
        let mut arguments = vec!["director"];
        arguments.extend_from_slice(words);
        self.dovecot.doveadm(&arguments).success()
    }

    /// The accounts that this director sends, or would send, to the backend at present.
    ///
    /// Tests choose users by where they go; a user moved by command would wait two seconds at the
    /// next login, as director_user_kick_delay has it.
    pub fn users_of(&self, backend: Ipv4Addr) -> Vec<String> {
        let goes_there = |user: &String| {
            let answer = admin_socket::ask(&self.socket(), &format!("USER-LOOKUP\t{user}"))
                .expect("the director answers USER-LOOKUP");
            // Where the user is, when that ends, where the user would be hashed to.
            let fields: Vec<&str> = answer.split('\t').collect();
            let host = if fields[0].is_empty() {
                fields[2]
            } else {
                fields[0]
            };
            host == backend.to_string()
        };
        accounts().filter(goes_there).collect()
    }

    /// Logs a user in through this director.
    pub fn log_in(&self, user: &str) -> io::Result<Session> {
        Session::log_in(self.imap(), user, PASSWORD)
    }

    /// Logs so many users in who all go to this backend.
    #[track_caller]
    pub fn log_in_on(&self, backend: Ipv4Addr, count: usize) -> Vec<Session> {
        let users = self.users_of(backend);
        assert!(users.len() >= count, "only {users:?} go to {backend}");
        users[..count]
            .iter()
            .map(|user| {
                self.log_in(user)
                    .unwrap_or_else(|error| panic!("{user}: {error}"))
            })
            .collect()
    }
}

pub struct Backend {
    pub address: Ipv4Addr,
    pub dovecot: Dovecot,
}

impl Backend {
    /// One without a ring, started.
    #[track_caller]
    pub fn alone(place: &Place) -> Backend {
        let (_, mut backends) = Backend::without_ring(place, 1);
        backends.remove(0)
    }

    /// One without a ring that serves everything, and expects a header of the PROXY protocol at each port. It listens
    /// at ::1, too, so it takes a network of its own.
    #[track_caller]
    pub fn behind_a_proxy(place: &Place) -> Backend {
        let (_, mut backends) = Backend::written(place, 1, Serves::SieveAndSubmission);
        let mut backend = backends.remove(0);
        let replace = |old: &str, new: &str| backend.dovecot.replace_setting(old, new);
        for port in [
            IMAP,
            IMAPS,
            POP3,
            POP3S,
            LMTP,
            LMTPS,
            SIEVE,
            SUBMISSION,
            SUBMISSIONS,
        ] {
            let listener = format!(" port = {port}\n");
            replace(&listener, &format!("{listener} haproxy = yes\n"));
        }
        let proxies = "haproxy_trusted_networks = 127.0.0.0/8 ::1\nhaproxy_timeout = 1 s\n";
        let listen = format!("listen = {}", backend.address);
        replace(&listen, &format!("{proxies}{listen} ::1"));
        backend.start();
        backend
    }

    /// So many without a ring, started, and the authority of their certificates.
    #[track_caller]
    pub fn without_ring(place: &Place, count: u8) -> (Authority, Vec<Backend>) {
        let (authority, mut backends) = Backend::written(place, count, Serves::Mail);
        backends.iter_mut().for_each(Backend::start);
        (authority, backends)
    }

    fn written(place: &Place, count: u8, serves: Serves) -> (Authority, Vec<Backend>) {
        let authority = Authority::make(place.folder(), "lab-ca");
        let addresses: Vec<Ipv4Addr> = (1..=count).map(|last| place.address(last)).collect();
        let certificate = authority.issue(TLS_NAME, &addresses);
        let tls = format!(
            "ssl = yes\nssl_cert = <{}\nssl_key = <{}\n",
            certificate.certificate.display(),
            certificate.key.display()
        );
        let backends = addresses.iter().enumerate().map(|(k, &address)| {
            let folder = place.path(&format!("backend{}", k + 1));
            Backend::write(folder, address, Plaintext::Allowed, serves, &tls)
        });
        let backends = backends.collect();
        (authority, backends)
    }

    /// Starts it and waits until it listens everywhere.
    #[track_caller]
    pub fn start(&mut self) {
        self.dovecot.start();
        for port in [IMAP, IMAPS, POP3, POP3S, LMTP, LMTPS] {
            wait_until(&format!("port {port} to open"), SYNC_LIMIT, || {
                TcpStream::connect((self.address, port)).is_ok()
            });
        }
    }

    /// Where the mail of this account lies: a maildir, once there is any.
    pub fn maildir(&self, user: &str) -> PathBuf {
        self.dovecot.folder().join("mail").join(user)
    }

    /// A folder that takes what is said on the wire inside a session of this account: a file of each
    /// direction.
    pub fn record(&self, user: &str) -> PathBuf {
        let folder = self.maildir(user).join("dovecot.rawlog");
        fs::create_dir_all(&folder).unwrap();
        give_to_mail(&self.maildir(user));
        give_to_mail(&folder);
        folder
    }

    fn write(
        folder: PathBuf,
        address: Ipv4Addr,
        plaintext: Plaintext,
        serves: Serves,
        tls: &str,
    ) -> Backend {
        let mail = folder.join("mail");
        fs::create_dir_all(&mail).unwrap();
        give_to_mail(&mail);
        let disable = match plaintext {
            Plaintext::Allowed => "no",
            Plaintext::Disabled => "yes",
        };
        let (more_protocols, more_services) = match serves {
            Serves::Mail => ("", String::new()),
            Serves::SieveAndSubmission => (
                "sieve submission",
                format!(
                    "submission_relay_host = {address}\n\
                     submission_relay_port = {NOBODYS}\n\
                     service managesieve-login {{\n\
                       {REUSED}\
                       inet_listener sieve {{\n port = {SIEVE}\n }}\n\
                     }}\n\
                     service submission-login {{\n\
                       {REUSED}\
                       inet_listener submission {{\n port = {SUBMISSION}\n }}\n\
                       inet_listener submissions {{\n port = {SUBMISSIONS}\n ssl = yes\n }}\n\
                     }}\n"
                ),
            ),
        };
        let settings = format!(
            "listen = {address}\n\
             protocols = imap pop3 lmtp {more_protocols}\n\
             {more_services}\
             disable_plaintext_auth = {disable}\n\
             auth_failure_delay = 0\n\
             mail_max_userip_connections = 0\n\
             mail_location = maildir:{mail}/%u\n\
             rawlog_dir = {mail}/%u/dovecot.rawlog\n\
             first_valid_uid = 1\n\
             first_valid_gid = 1\n\
             {tls}\
             service imap-login {{\n\
               {REUSED}\
               inet_listener imap {{\n port = {IMAP}\n }}\n\
               inet_listener imaps {{\n port = {IMAPS}\n }}\n\
             }}\n\
             service pop3-login {{\n\
               {REUSED}\
               inet_listener pop3 {{\n port = {POP3}\n }}\n\
               inet_listener pop3s {{\n port = {POP3S}\n }}\n\
             }}\n\
             service lmtp {{\n\
               inet_listener lmtp {{\n port = {LMTP}\n }}\n\
               inet_listener lmtps {{\n port = {LMTPS}\n ssl = yes\n }}\n\
             }}\n\
             {NO_PENALTY}\
             passdb {{\n driver = passwd-file\n args = {folder}/masters\n master = yes\n \
               result_success = continue\n }}\n\
             passdb {{\n driver = passwd-file\n args = {folder}/users\n }}\n\
             userdb {{\n driver = static\n args = uid=mail gid=mail home={mail}/%u\n }}\n",
            mail = mail.display(),
            folder = folder.display(),
        );
        let door = Door::Port(SocketAddr::from((address, LMTP)));
        let backend = Backend {
            address,
            dovecot: Dovecot::write(folder, &settings, door),
        };
        backend.write_accounts(PASSWORD);
        let masters = format!("{MASTER_USER}:{{PLAIN}}{MASTER_PASSWORD}\n");
        fs::write(backend.dovecot.folder().join("masters"), masters).unwrap();
        backend
    }

    /// Shows this certificate from now on.
    #[track_caller]
    pub fn set_certificate(&self, certificate: &Certificate) {
        let settings = fs::read_to_string(self.dovecot.config()).unwrap();
        for (key, file) in [
            ("ssl_cert = <", &certificate.certificate),
            ("ssl_key = <", &certificate.key),
        ] {
            let mut lines = settings.lines();
            let old = lines.find(|line| line.starts_with(key)).expect("a setting");
            let new = format!("{key}{}", file.display());
            self.dovecot.replace_setting(old, &new);
        }
        self.dovecot.doveadm(&["reload"]).success();
    }

    /// Starts it anew with a stock Dovecot's delays of refused logins: 2 s each, and a penalty that grows
    /// with every other password that an address tries.
    #[track_caller]
    pub fn delay_refusals(&mut self) {
        self.dovecot.stop();
        self.dovecot.replace_setting("auth_failure_delay = 0\n", "");
        self.dovecot.replace_setting(NO_PENALTY, "");
        self.start();
    }

    /// Gives all accounts of this backend another password; returns when that counts.
    pub fn set_password(&self, password: &str) {
        self.write_accounts(password);
        // Pause: Dovecot looks at the file's time and size, and at most once a second.
        sleep(Duration::from_millis(1100));
    }

    /// Dovecot may not read its accounts any more: it greets, and answers each login with a failure of its own.
    /// Without the file it would go on with what it has read before.
    pub fn hide_accounts(&self) {
        let folder = self.dovecot.folder();
        let hidden = folder.join("users.hidden");
        fs::write(&hidden, "").unwrap();
        fs::set_permissions(&hidden, fs::Permissions::from_mode(0o0)).unwrap();
        fs::rename(hidden, folder.join("users")).unwrap();
    }

    /// It may read them again.
    pub fn restore_accounts(&self) {
        self.write_accounts(PASSWORD);
    }

    fn write_accounts(&self, password: &str) {
        let password = marked(password);
        let mut lines = format!("{PROBE_USER}:{{PLAIN}}{password}\n");
        for user in accounts() {
            lines.push_str(&format!("{user}:{{PLAIN}}{password}\n"));
        }
        let folder = self.dovecot.folder();
        fs::write(folder.join("users.new"), lines).unwrap();
        fs::rename(folder.join("users.new"), folder.join("users")).unwrap();
    }
}

/// The backends' processes read and write mail as this user.
pub fn give_to_mail(path: &Path) {
    let owner = User::from_name("mail")
        .unwrap()
        .expect("the system has a user mail");
    chown(path, Some(owner.uid), Some(owner.gid)).expect("the lab runs as root");
}

fn accounts() -> impl Iterator<Item = String> {
    (1..=USERS).map(|number| format!("user{number}"))
}
