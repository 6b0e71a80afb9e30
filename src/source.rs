//! Where the settings come from: the configuration file, the file of accounts, the command line over
//! both. It reads them at the start and again at each reload, all of them or nothing.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::account::Account;
use crate::cli::Order;
use crate::config::accounts::{self, Backends};
use crate::config::build::NothingToCheck;
use crate::config::chosen::Chosen;
use crate::config::chosen::Said;
use crate::config::credentials::{self, CredentialsError};
use crate::config::distinct::{self, SameFile};
use crate::config::dovemon;
use crate::config::error::{Complaint, ConfigError};
use crate::config::file::{Owners, Stranger};
use crate::config::settings::{Auth, Pool, Restore, RunAs, Settings, StartTls, Unknown, Watch};
use crate::config::table::DefaultsOf;
use crate::config::targets::Targets;
use crate::daemon::{Identity, PrivilegeError};
use crate::pool::haproxy::ports;
use crate::probe::protocols::Work;
use crate::program::Program;
use crate::quote::Quote;
use crate::service::{Port, Service};

/// HAProxy answers within a millisecond.
const ASKING_PATIENCE: Duration = Duration::from_secs(3);

/// What to read, with absolute paths: a daemon's folder is not the one it was started in.
#[derive(Clone, Debug)]
pub struct Source {
    called: Program,
    folder: PathBuf,
    /// The command line's.
    choices: Chosen,
    config: Option<PathBuf>,
    accounts: Option<PathBuf>,
    /// Where to look for the file of accounts until there is one.
    account_places: Vec<PathBuf>,
    /// Who the program becomes, looked up once: the system's list of users may be far away, and a reload
    /// must not wait for it.
    identity: Option<(RunAs, Option<Identity>)>,
}

/// What was read.
pub struct Loaded {
    /// Checked, with absolute paths.
    pub settings: Settings,
    /// With the accounts, which the settings do not have.
    pub targets: Targets,
    /// The keys that have a value in the configuration.
    pub keys: Vec<&'static str>,
    /// Who the program becomes once all that needs root is open.
    pub identity: Option<Identity>,
    /// What is odd about the files, each a line of its own.
    pub remarks: Vec<String>,
    /// What TLS does not prove, though nobody turned that off, or where no password can be sent because of
    /// what was: a line for the log.
    pub unverified: Option<String>,
}

#[derive(Debug)]
pub enum SourceError {
    /// There is no configuration, and none was to be written.
    NoConfig {
        looked_at: Vec<PathBuf>,
    },
    /// A configuration is to be written, and nobody says where.
    NoPlace,
    /// The default configuration cannot be written.
    Write {
        path: PathBuf,
        cause: io::Error,
    },
    /// The configuration or the file of accounts cannot be used.
    Config(ConfigError),
    Nothing(PathBuf, NothingToCheck),
    /// Unknown backends are left alone, and none is known.
    NobodyKnown,
    Credentials(CredentialsError),
    SameFile(SameFile),
    RunAs(PrivilegeError),
    /// What an operator has put into maintenance would be set ready.
    RestoreAny,
    /// A recording has no form for what only HAProxy's lists tell.
    RecordOfHaProxy,
    /// A director has none of HAProxy's sections.
    ProxiesOfDirector,
    /// HAProxy does not say which ports are to be checked.
    Ports(String),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceError::NoConfig { looked_at } => {
                f.write_str("no configuration:")?;
                for path in looked_at {
                    write!(f, " {}", shown(path))?;
                }
                f.write_str(" not found; --write-missing-config writes the defaults")
            }
            SourceError::NoPlace => {
                f.write_str("--write-missing-config: expected --config beside it, which says where")
            }
            SourceError::Write { path, cause } => write!(
                f,
                "default configuration {}: cannot be written: {cause}",
                shown(path)
            ),
            SourceError::Config(cause) => cause.fmt(f),
            SourceError::Nothing(path, cause) => write!(f, "{}: {cause}", path.display()),
            SourceError::NobodyKnown => f.write_str(
                "no backend would be polled: poll_unknown_backends is False, and the file of \
                 accounts names none or is missing",
            ),
            SourceError::Credentials(cause) => cause.fmt(f),
            SourceError::SameFile(cause) => cause.fmt(f),
            SourceError::RunAs(cause) => cause.fmt(f),
            SourceError::RestoreAny => f.write_str(
                "restore: any is not for HAProxy: what an operator puts into maintenance there stays so",
            ),
            SourceError::RecordOfHaProxy => f.write_str(
                "record: only a director's pool can be recorded, and this pool is HAProxy: leave out \
                 --record, or record: no",
            ),
            SourceError::ProxiesOfDirector => f.write_str(
                "haproxy_proxies: only HAProxy has proxies, and this pool is a director: say --pool=haproxy, or pool: \
                 haproxy, or leave out --haproxy-proxies, or haproxy_proxies",
            ),
            SourceError::Ports(cause) => write!(
                f,
                "which ports to check is not known: {cause}; name them with -p and -s"
            ),
        }
    }
}

impl std::error::Error for SourceError {}

fn shown(path: &Path) -> Quote {
    Quote::new(path.to_string_lossy().as_bytes())
}

impl Source {
    /// Looks for the files that the order does not name, and writes the configuration if it is
    /// missing and that was asked for. Says so by returning the path written.
    pub fn find(
        called: Program,
        order: &Order,
        folder: &Path,
    ) -> Result<(Source, Option<PathBuf>), SourceError> {
        let choices = order.choices.clone();
        let named = |path: &Said<PathBuf>| path.clone().said().map(|path| folder.join(path));
        let config = named(&choices.config).map(|path| vec![path]);
        let places = config.unwrap_or_else(|| paths(called.configurations()));
        let write_missing = choices.write_missing_config.value;
        let there = places.iter().find(|path| is_there(path)).cloned();
        let (config, written) = match (there, places.first()) {
            (Some(path), _) => (Some(path), None),
            (None, None) if write_missing => return Err(SourceError::NoPlace),
            (None, None) => (None, None),
            (None, Some(path)) if write_missing => {
                write_defaults(path).map_err(|cause| SourceError::Write {
                    path: path.clone(),
                    cause,
                })?;
                (Some(path.clone()), Some(path.clone()))
            }
            (None, Some(_)) => return Err(SourceError::NoConfig { looked_at: places }),
        };
        let source = Source {
            called,
            folder: folder.to_owned(),
            accounts: named(&choices.accounts),
            choices,
            config,
            account_places: paths(called.accounts()),
            identity: None,
        };
        Ok((source, written))
    }

    /// Whether there is a configuration file, which makes this a dovemon by any name.
    pub fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// The file of accounts that was read.
    pub fn accounts(&self) -> Option<&Path> {
        self.accounts.as_deref()
    }

    /// Everything, anew. A file of accounts that was not named may have appeared in the meantime; one
    /// that has been read once must not vanish.
    pub fn load(&mut self) -> Result<Loaded, SourceError> {
        let accounts = self.accounts.clone();
        let loaded = self.load_all();
        if loaded.is_err() {
            self.accounts = accounts;
        }
        loaded
    }

    fn load_all(&mut self) -> Result<Loaded, SourceError> {
        if self.accounts.is_none() {
            let mut places = self.account_places.iter();
            self.accounts = places.find(|path| is_there(path)).cloned();
        }
        let mut remarks = Vec::new();
        let mut keys = Vec::new();
        let (of_file, defaults) = match &self.config {
            None => (Chosen::default(), DefaultsOf::Poolmon),
            Some(path) => {
                let written = dovemon::read(path).map_err(SourceError::Config)?;
                remarks.extend(about(path, &written.remarks));
                keys = written.keys;
                (written.choices, DefaultsOf::Dovemon)
            }
        };
        let choices = self.choices.clone().over(of_file);
        let mut settings = choices
            .clone()
            .build(defaults, self.called)
            .map_err(|cause| {
                let path = self.config.clone().unwrap_or_default();
                SourceError::Nothing(path, cause)
            })?;
        settings.anchor(&self.folder);
        if settings.pool == Pool::Director && !choices.haproxy_proxies.value.is_empty() {
            return Err(SourceError::ProxiesOfDirector);
        }
        if let (Pool::HaProxy { .. }, Restore::Any) = (&settings.pool, settings.rules.restore) {
            return Err(SourceError::RestoreAny);
        }
        if let (Pool::HaProxy { .. }, Some(_)) = (&settings.pool, &settings.files.record) {
            return Err(SourceError::RecordOfHaProxy);
        }
        remarks.extend(self.delivery_left_out(&choices, &settings));
        if settings.services.is_empty() {
            let remark = checks_of_haproxy(&mut settings).map_err(SourceError::Ports)?;
            remarks.extend(remark);
        }
        self.check_files(&settings)?;
        let identity = self.identity(&settings.run_as)?;
        let owners = Owners {
            runs_as: identity.as_ref().map(Identity::user),
        };
        let known = self.known(&settings, owners, &mut remarks)?;
        let account = self.everybody(&settings, owners, &mut remarks)?;
        let unverified = unverified(&settings, account.as_ref(), &known);
        let targets = Targets::new(&settings, account, known);
        if settings.accounts.unknown == Unknown::LeftAlone && targets.known() == 0 {
            return Err(SourceError::NobodyKnown);
        }
        Ok(Loaded {
            settings,
            targets,
            keys,
            identity,
            remarks,
            unverified,
        })
    }

    fn delivery_left_out(&self, choices: &Chosen, settings: &Settings) -> Option<String> {
        let delivers = |service: &Service| matches!(service, Service::Delivery { .. });
        let config = self.config.as_ref()?;
        let is_left_out = choices.deep_probe.value.is_some()
            && !settings.services.is_empty()
            && !settings.services.iter().any(delivers);
        let name = config.display();
        is_left_out.then(|| {
            format!("{name}: deep_probe: left out, as -p and -s replace all that is checked")
        })
    }

    fn identity(&mut self, run_as: &RunAs) -> Result<Option<Identity>, SourceError> {
        match &self.identity {
            Some((known, identity)) if known == run_as => Ok(identity.clone()),
            _ => {
                let (user, group) = (run_as.user.as_deref(), run_as.group.as_deref());
                let identity = Identity::find(user, group).map_err(SourceError::RunAs)?;
                self.identity = Some((run_as.clone(), identity.clone()));
                Ok(identity)
            }
        }
    }

    /// Whether no file of these settings, or that they were read from, is written over by another.
    pub fn check_files(&self, settings: &Settings) -> Result<(), SourceError> {
        distinct::check(settings, self.config(), self.accounts()).map_err(SourceError::SameFile)
    }

    fn known(
        &self,
        settings: &Settings,
        owners: Owners,
        remarks: &mut Vec<String>,
    ) -> Result<Backends, SourceError> {
        let path = match &self.accounts {
            Some(path) => path,
            None => {
                let nobody = settings.accounts.credentials.is_none();
                if let (Some(place), true) = (self.account_places.first(), nobody) {
                    let text = "no file of accounts is there, probes do not log in";
                    remarks.push(format!("{}: {text}", place.display()));
                }
                return Ok(Backends::new());
            }
        };
        let (written, stranger) = accounts::read(path, owners).map_err(SourceError::Config)?;
        remarks.extend(about(path, &written.remarks));
        remarks.extend(about_owner(path, stranger));
        let has_account = written
            .backends
            .values()
            .any(|known| known.account.is_some());
        if !has_account && settings.accounts.credentials.is_none() {
            let what = match written.backends.is_empty() {
                true => "empty",
                false => "no account in it",
            };
            remarks.push(format!("{}: {what}, probes do not log in", path.display()));
        }
        let has_master = |account: &Account| account.master.is_some();
        let mut accounts = written.backends.values().flat_map(|known| &known.account);
        if settings.probing.auth != Auth::SaslPlain && accounts.any(|account| has_master(account)) {
            remarks.push(format!(
                "{}: a masteruser needs auth: sasl in the configuration; without it no login is made for the \
                 backends that have one, and they count as refusing it",
                path.display()
            ));
        }
        Ok(written.backends)
    }

    /// The account of those that have none of their own.
    fn everybody(
        &self,
        settings: &Settings,
        owners: Owners,
        remarks: &mut Vec<String>,
    ) -> Result<Option<Account>, SourceError> {
        let written = credentials::account(&settings.accounts, owners);
        let written = written.map_err(SourceError::Credentials)?;
        if let Some(path) = &settings.accounts.credentials {
            if written.account.is_none() {
                remarks.push(format!("{}: empty, probes do not log in", path.display()));
            }
            remarks.extend(about_owner(path, written.stranger));
        }
        Ok(written.account)
    }
}

/// Where the operator names no ports, those of HAProxy's servers are checked of which the protocol is known by
/// the port, and which every mail server has. Gives a remark on the others.
fn checks_of_haproxy(settings: &mut Settings) -> Result<Option<String>, String> {
    let proxies = match &settings.pool {
        Pool::HaProxy {
            watch: Watch::Proxies(names),
        } => Some(names.as_slice()),
        Pool::HaProxy { .. } | Pool::Director => None,
    };
    let deadline = Instant::now() + ASKING_PATIENCE;
    let found = ports::found(&settings.socket, proxies, deadline)?;
    settings.services = found.services;
    if let Pool::HaProxy { watch } = &mut settings.pool {
        if *watch == Watch::CheckedPorts {
            *watch = Watch::UsualPorts(found.ports);
        }
    }
    Ok(found.remark)
}

fn unverified(settings: &Settings, account: Option<&Account>, known: &Backends) -> Option<String> {
    let probing = &settings.probing;
    let mut accounts = known
        .values()
        .flat_map(|backend| backend.account.as_deref());
    let any_account = account.or_else(|| accounts.next());
    let certificates = &probing.certificates;
    let contradiction = certificates.contradiction(&settings.services, probing.starttls);
    if any_account.is_some() && contradiction.is_some() {
        return contradiction;
    }
    certificates.remark(&settings.services, |port| {
        may_start_tls(settings, any_account, port)
    })
}

/// STARTTLS is used only to hide something: whether anything worth hiding is ever sent to this port, with any
/// of the accounts. For LMTP that counts as a delivery.
pub fn may_start_tls(settings: &Settings, any_account: Option<&Account>, port: &Port) -> bool {
    let probing = &settings.probing;
    let hides = port
        .protocol
        .has_to_hide(any_account, &probing.envelope, Work::Deliver);
    hides && probing.starttls != StartTls::Never
}

fn about<'a>(path: &'a Path, remarks: &'a [Complaint]) -> impl Iterator<Item = String> + 'a {
    remarks.iter().map(move |remark| remark.about(path))
}

fn about_owner(path: &Path, stranger: Option<Stranger>) -> Option<String> {
    stranger.map(|stranger| format!("{}: {stranger}", path.display()))
}

fn paths(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(PathBuf::from).collect()
}

/// One that cannot be looked at is there, so that reading it says why.
fn is_there(path: &Path) -> bool {
    match path.symlink_metadata() {
        Ok(_) => true,
        // Below a file there is nothing either; that has no stable `ErrorKind` in Rust 1.63.
        Err(error) => {
            error.kind() != ErrorKind::NotFound
                && error.raw_os_error() != Some(Errno::ENOTDIR as i32)
        }
    }
}

/// Makes the file, but no folder; one that has appeared in the meantime is left alone.
fn write_defaults(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let written = file.write_all(dovemon::EXAMPLE.as_bytes());
    if written.is_err() {
        // The front part would be taken for a configuration the next time.
        let _ = fs::remove_file(path);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::cli::{self, Command};

    /// What is loaded where poolmon is called with these arguments.
    fn loaded(arguments: &[&str]) -> Result<Loaded, SourceError> {
        let arguments = arguments.iter().map(|argument| argument.into()).collect();
        let order = match cli::parse(arguments) {
            Ok(Command::Run(order)) => order,
            other => panic!("{other:?}"),
        };
        let (mut source, _) =
            Source::find(Program::Poolmon, &order, &std::env::temp_dir()).unwrap();
        source.load()
    }

    /// They are for HAProxy, so whoever names them thinks that HAProxy is watched.
    #[test]
    fn names_of_proxies_are_refused_where_the_pool_is_a_director() {
        let load = |arguments: &[&str]| {
            let loaded = loaded(arguments);
            loaded.map(|_| ()).map_err(|cause| cause.to_string())
        };
        assert_eq!(
            load(&["-p143", "--haproxy-proxies=imap"]),
            Err(
                "haproxy_proxies: only HAProxy has proxies, and this pool is a director: say --pool=haproxy, or \
                 pool: haproxy, or leave out --haproxy-proxies, or haproxy_proxies"
                    .to_owned()
            )
        );
        for good in [
            &["-p143", "--haproxy-proxies=imap", "--pool=haproxy"][..],
            &["-p143"],
        ] {
            assert_eq!(load(good), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn a_recording_of_haproxy_is_refused_and_one_of_a_director_is_not() {
        let load =
            |arguments: &[&str]| loaded(arguments).map(|loaded| loaded.settings.files.record);
        let record = "--record=/var/lib/poolmon/recording";
        assert_eq!(
            load(&["-p143", record]).unwrap(),
            Some(PathBuf::from("/var/lib/poolmon/recording"))
        );
        assert_eq!(
            load(&["-p143", "--pool=haproxy", record])
                .unwrap_err()
                .to_string(),
            "record: only a director's pool can be recorded, and this pool is HAProxy: leave out --record, \
             or record: no"
        );
        assert_eq!(load(&["-p143", "--pool=haproxy"]).unwrap(), None);
    }

    #[test]
    fn a_file_of_accounts_without_an_account_is_told_unless_everybody_has_one() {
        let folder = crate::scratch::Folder::new();
        let write = |name: &str, text: &str| {
            let path = folder.path(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            path.display().to_string()
        };
        let login = |accounts: &str, credentials: Option<&str>| {
            let accounts = format!("--accounts={accounts}");
            let credentials = credentials.map(|path| format!("--credfile={path}"));
            let arguments = ["-p143".to_owned(), accounts]
                .into_iter()
                .chain(credentials);
            let order = match cli::parse(arguments.map(Into::into).collect()) {
                Ok(Command::Run(order)) => order,
                other => panic!("{other:?}"),
            };
            let (mut source, _) = Source::find(Program::Poolmon, &order, &folder.0).unwrap();
            let loaded = source.load().unwrap();
            let summary = crate::check::summary(&source, &loaded.settings, &loaded.targets);
            let login = summary.split("; ").find(|part| part.contains("login"));
            (loaded.remarks, login.unwrap().to_owned())
        };
        let credentials = write("credentials", "probe\nsecret\n");
        for text in [
            "",
            "# nobody\n",
            "192.0.2.1: {tls_name: mail.example.com}\n",
        ] {
            let accounts = write("accounts", text);
            let what = match text.contains("192") {
                true => "no account in it",
                false => "empty",
            };
            assert_eq!(
                login(&accounts, None),
                (
                    vec![format!("{accounts}: {what}, probes do not log in")],
                    format!("no login: {accounts} has no account")
                )
            );
            let login_of_all = format!("login by {credentials}");
            assert_eq!(login(&accounts, Some(&credentials)), (vec![], login_of_all));
        }
        let empty = write("empty", "");
        let accounts = write(
            "accounts",
            "192.0.2.1: {username: probe, password: secret}\n",
        );
        let (remarks, login) = login(&accounts, Some(&empty));
        assert_eq!(login, format!("login by {accounts}"));
        assert_eq!(remarks, [format!("{empty}: empty, probes do not log in")]);
    }

    #[test]
    fn accounts_that_appear_are_read_and_must_not_vanish_again() {
        let folder = std::env::temp_dir().join(format!("poolmon-source-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let order = match cli::parse(Vec::new()) {
            Ok(Command::Run(order)) => order,
            other => panic!("{other:?}"),
        };
        let (source, written) = Source::find(Program::Poolmon, &order, &folder).unwrap();
        assert_eq!(written, None);
        let places = vec![folder.join("newer"), folder.join("older")];
        let mut source = Source {
            account_places: places.clone(),
            ..source
        };
        let known = |source: &mut Source| source.load().map(|loaded| loaded.targets.known());
        assert_eq!(known(&mut source).unwrap(), 0);
        assert_eq!(source.load().unwrap().remarks.len(), 1);
        // One that was refused has not been read.
        fs::write(&places[0], "").unwrap();
        fs::set_permissions(&places[0], fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(known(&mut source), Err(SourceError::Config(_))));
        fs::remove_file(&places[0]).unwrap();
        assert_eq!(known(&mut source).unwrap(), 0);
        for (place, text) in [(1, "192.0.2.1: {lmtp_port: 1}\n"), (0, "")] {
            fs::write(&places[place], text).unwrap();
            fs::set_permissions(&places[place], fs::Permissions::from_mode(0o600)).unwrap();
        }
        // The newer one comes first, and stays the one.
        assert_eq!(known(&mut source).unwrap(), 0);
        assert_eq!(source.accounts(), Some(&*places[0]));
        fs::remove_file(&places[0]).unwrap();
        assert!(matches!(known(&mut source), Err(SourceError::Config(_))));
        fs::remove_dir_all(&folder).unwrap();
    }
}
