//! From the arguments to an exit code: what to do, and in which order things are started.
//!
//! All that can fail and that the operator has to see is tried before the fork: options, files,
//! certificates, the log, the lock. Threads come after it.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{unbounded, Receiver};
use log::{error, info};

use crate::cli::{self, Command};
use crate::config::credentials::{self, CredentialsError};
use crate::config::roster::Roster;
use crate::config::settings::{Deeds, RunMode, Settings};
use crate::coordinator::Coordinator;
use crate::daemon::{self, ForkError, LockError, LockFile, Signal, SignalWatch};
use crate::hook::{self, HookError};
use crate::ledger::{Clerk, Ledger};
use crate::logging::{self, LogError, LogHandle};
use crate::notify::ServiceManager;
use crate::once::{self, Health, OnceError};
use crate::probe::{ProbeSetupError, Prober};
use crate::worker::Task;

/// `--once`: not all backends are healthy.
const NOT_ALL_HEALTHY: u8 = 2;

/// The whole program; `arguments` without its name.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let result = match cli::parse(arguments) {
        Ok(Command::Help) => show(&cli::help()),
        Ok(Command::Version) => show(&cli::version()),
        Ok(Command::Run(settings)) if settings.run == RunMode::Once => run_once(&settings),
        Ok(Command::Run(settings)) => watch(*settings),
        Err(cause) => {
            complain(&format!("{cause}\n{}", cli::HINT));
            return ExitCode::FAILURE;
        }
    };
    result.unwrap_or_else(|cause| {
        complain(&cause.to_string());
        ExitCode::FAILURE
    })
}

/// Why the program does not start.
#[derive(Debug)]
enum StartError {
    Credentials(CredentialsError),
    Probe(ProbeSetupError),
    Hook(HookError),
    Log(LogError),
    Lock(LockError),
    Fork(ForkError),
    /// The working folder.
    Folder(io::Error),
    Signals(io::Error),
    Clerk(io::Error),
    Once(OnceError),
    Output(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Credentials(cause) => cause.fmt(f),
            StartError::Probe(cause) => cause.fmt(f),
            StartError::Hook(cause) => cause.fmt(f),
            StartError::Log(cause) => cause.fmt(f),
            StartError::Lock(cause) => cause.fmt(f),
            StartError::Fork(cause) => cause.fmt(f),
            StartError::Folder(cause) => write!(f, "working folder: {cause}"),
            StartError::Signals(cause) => write!(f, "signals cannot be watched: {cause}"),
            StartError::Clerk(cause) => write!(f, "no thread to write the ledger: {cause}"),
            StartError::Once(cause) => cause.fmt(f),
            StartError::Output(cause) => write!(f, "standard output: {cause}"),
        }
    }
}

fn show(text: &str) -> Result<ExitCode, StartError> {
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(StartError::Output)?;
    Ok(ExitCode::SUCCESS)
}

/// The last resort: a terminal that is gone cannot be told anything either.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "poolmon: {text}");
}

fn run_once(settings: &Settings) -> Result<ExitCode, StartError> {
    start_log(settings)?;
    let (task, roster) = preparations(settings)?;
    match once::run(settings, &task, &roster, &mut io::stdout()).map_err(StartError::Once)? {
        Health::AllHealthy => Ok(ExitCode::SUCCESS),
        Health::NotAll => Ok(ExitCode::from(NOT_ALL_HEALTHY)),
    }
}

fn watch(mut settings: Settings) -> Result<ExitCode, StartError> {
    let folder = std::env::current_dir().map_err(StartError::Folder)?;
    settings.anchor(&folder);
    let log = start_log(&settings)?;
    let (task, roster) = preparations(&settings)?;
    if let Some(hook) = &settings.hook {
        hook::check(hook).map_err(StartError::Hook)?;
    }
    let take_lock = || LockFile::take(&settings.files.lock).map_err(StartError::Lock);
    let (lock, signals) = match settings.run {
        RunMode::Daemon => {
            let mut lock = take_lock()?;
            let started = daemon::daemonize(&mut lock).map_err(StartError::Fork)?;
            match settle_in(&log) {
                Ok(signals) => {
                    started.tell();
                    (lock, signals)
                }
                Err(cause) => {
                    started.tell_failure(&cause.to_string());
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        // Whoever reads the PID file may send a signal at once.
        RunMode::Foreground | RunMode::Once => {
            let signals = settle_in(&log)?;
            (take_lock()?, signals)
        }
    };
    info!("poolmon {} starts", env!("CARGO_PKG_VERSION"));
    let clerk = Clerk::start(open_ledger(&settings)).map_err(StartError::Clerk)?;
    let manager = service_manager();
    Coordinator::new(settings, task, roster, clerk, log, signals.inbox, manager).run();
    drop(signals.watch);
    info!("poolmon stops");
    if let Err(cause) = lock.release() {
        error!("PID file cannot be removed: {cause}");
    }
    Ok(ExitCode::SUCCESS)
}

struct Signals {
    watch: SignalWatch,
    inbox: Receiver<Signal>,
}

/// What the process that stays does first.
fn settle_in(log: &LogHandle) -> Result<Signals, StartError> {
    log.take_standard_streams().map_err(StartError::Log)?;
    let (sender, inbox) = unbounded();
    let watch = daemon::watch(move |signal| {
        // Without a coordinator there is nobody left to tell.
        let _ = sender.send(signal);
    })
    .map_err(StartError::Signals)?;
    Ok(Signals { watch, inbox })
}

/// One that cannot be told anything will end this process by itself; that is worth a line.
fn service_manager() -> ServiceManager {
    ServiceManager::from_environment(Instant::now()).unwrap_or_else(|cause| {
        error!("service manager cannot be told anything: {cause}");
        ServiceManager::none()
    })
}

/// A ledger that cannot be read is one error line, never a stop. A dry run leaves the file alone.
fn open_ledger(settings: &Settings) -> Ledger {
    if settings.deeds == Deeds::Told {
        return Ledger::in_memory();
    }
    let (ledger, warning) = Ledger::open(&settings.files.state);
    if let Some(warning) = warning {
        error!("{warning}");
    }
    ledger
}

/// What the workers need, from files that can be wrong.
fn preparations(settings: &Settings) -> Result<(Task, Roster), StartError> {
    let account = credentials::account(&settings.probing).map_err(StartError::Credentials)?;
    let prober = Prober::new(&settings.probing).map_err(StartError::Probe)?;
    let task = Task {
        pace: settings.pace,
        prober: Arc::new(prober),
    };
    Ok((task, Roster::uniform(settings, account)))
}

fn start_log(settings: &Settings) -> Result<LogHandle, StartError> {
    let log = logging::start(&settings.files.log, settings.debug).map_err(StartError::Log)?;
    if let Some(warning) = log.warning() {
        complain(warning);
    }
    Ok(log)
}
