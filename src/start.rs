//! From the arguments to an exit code: what to do, and in which order things are started.
//!
//! All that can fail and that the operator has to see is tried before the fork: options, files,
//! certificates, the log, the lock. Threads come after it, the log's first; the process that was started
//! exits 0 when all of them that the process in the background cannot do without run there.

mod error;
mod run_as;

use std::ffi::OsString;
use std::io::{self, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{bounded, unbounded, Receiver};
use log::{error, warn};

use self::error::{Codes, StartError};
use crate::app;
use crate::check;
use crate::cli::{self, Command, Extent, Job, Order};
use crate::config::settings::{LogTarget, Mode, RunMode, Settings};
use crate::daemon::{self, Identity, Inherited, LockFile, Signal, SignalWatch};
use crate::hook;
use crate::logging::{self, always, Log, Untaken, ALWAYS};
use crate::notify::{Message, ServiceManager};
use crate::once::{self, Health};
use crate::probe::Prober;
use crate::program::Program;
use crate::runtime::{Configuration, Runtime};
use crate::source::{Loaded, Source};
use crate::state_file::{StateFile, StateWriter};
use crate::worker::Task;

/// How long the start waits for a terminal to take a remark, and the end for it to take the last error.
const LAST_WORD: Duration = Duration::from_millis(500);

/// `--once`: not all backends are healthy, none is listed or checked, or a line of the list cannot be read.
const NOT_ALL_HEALTHY: u8 = 2;

/// The whole program; `arguments` without its name.
pub fn main(called: Program, mut arguments: Vec<OsString>) -> ExitCode {
    daemon::forget_parents_choices();
    if called == Program::CheckPoolmon {
        return app::nagios::run(app::nagios::Called::Plugin, arguments);
    }
    let first = arguments.first().filter(|_| called == Program::Poolmon);
    if let Some(word) = first.and_then(|first| app::word(first)) {
        arguments.remove(0);
        return (word.run)(arguments);
    }
    if let Some(cause) = first.and_then(|first| app::unknown(first)) {
        complain(called, &format!("{cause}\n{}", cli::hint(called)));
        return ExitCode::FAILURE;
    }
    let mut is_to_watch = false;
    let (result, codes) = match cli::parse(arguments) {
        Ok(Command::Help(extent)) => (show(&help(called, extent)), Codes::Poolmons),
        Ok(Command::Version) => (show(&cli::version()), Codes::Poolmons),
        Ok(Command::Run(order)) => {
            is_to_watch = order.job == Job::Watch;
            (obey(called, &order), Codes::to_follow(called, &order))
        }
        Err(cause) => {
            complain(called, &format!("{cause}\n{}", cli::hint(called)));
            return ExitCode::FAILURE;
        }
    };
    result.unwrap_or_else(|cause| {
        if is_to_watch {
            tell_manager(&cause);
        }
        complain_at_the_end(called, cause.to_string());
        ExitCode::from(codes.code(&cause))
    })
}

/// Called as dovemon, the program has no words.
fn help(called: Program, extent: Extent) -> String {
    let words = match called {
        Program::Poolmon => app::help(),
        _ => String::new(),
    };
    cli::help(called, extent, &words)
}

/// `systemctl status` shows it then.
fn tell_manager(cause: &StartError) {
    if let Ok(manager) = ServiceManager::from_environment(Instant::now()) {
        manager.tell(&Message::Failed {
            cause: &cause.to_string(),
            errno: cause.errno(),
        });
    }
}

/// The log may have said it already, and a terminal or pipe that hangs must not keep the end away.
fn complain_at_the_end(called: Program, text: String) {
    let (done, is_done) = bounded::<()>(0);
    let for_thread = text.clone();
    let said = thread::Builder::new()
        .name("last word".to_owned())
        .spawn(move || {
            complain(called, &for_thread);
            drop(done);
        });
    match said {
        Ok(_) => {
            let _ = is_done.recv_timeout(LAST_WORD);
        }
        Err(_) => complain(called, &text),
    }
}

fn obey(called: Program, order: &Order) -> Result<ExitCode, StartError> {
    // Before any password is read.
    if let Err(cause) = daemon::core_dump::forbid() {
        complain(
            called,
            &format!(
                "core dumps cannot be turned off, so a core file may contain passwords: {cause}"
            ),
        );
    }
    let folder = std::env::current_dir().map_err(StartError::Folder)?;
    let (mut source, written) = Source::find(called, order, &folder).map_err(StartError::Source)?;
    if let Some(path) = &written {
        complain(
            called,
            &format!("{}: written with the defaults", path.display()),
        );
    }
    let loaded = source.load().map_err(StartError::Source)?;
    match order.job {
        Job::CheckConfig => check_config(called, &source, &loaded),
        Job::Once => run_once(called, &loaded),
        Job::Watch => watch(called, source, loaded),
    }
}

fn show(text: &str) -> Result<ExitCode, StartError> {
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(StartError::Output)?;
    Ok(ExitCode::SUCCESS)
}

/// The last resort: a terminal that is gone, or a pipe that nobody empties, cannot be told anything either.
fn complain(called: Program, text: &str) {
    let line = format!("{called}: {text}\n");
    daemon::patient_write::write(&mut io::stderr(), line.as_bytes(), LAST_WORD);
}

fn check_config(called: Program, source: &Source, loaded: &Loaded) -> Result<ExitCode, StartError> {
    for remark in &loaded.remarks {
        complain(called, remark);
    }
    Prober::new(&loaded.settings.probing).map_err(StartError::Probe)?;
    if let Some(hook) = &loaded.settings.hook {
        hook::check(hook).map_err(StartError::Hook)?;
    }
    show(&check::report(source, loaded))
}

fn run_once(called: Program, loaded: &Loaded) -> Result<ExitCode, StartError> {
    let settings = &loaded.settings;
    if let Some(identity) = &loaded.identity {
        identity.prepare().map_err(StartError::Privileges)?;
    }
    let _log = start_log(called, loaded)?;
    let task = task(settings)?;
    if let Some(identity) = &loaded.identity {
        identity.take_on().map_err(StartError::Privileges)?;
    }
    let look = once::run(settings, &task, &loaded.targets, &mut io::stdout());
    let look = look.map_err(StartError::Once)?;
    for remark in look.remarks() {
        complain(called, &remark);
    }
    match look.health {
        Health::AllHealthy => Ok(ExitCode::SUCCESS),
        Health::NotAll => Ok(ExitCode::from(NOT_ALL_HEALTHY)),
    }
}

/// A panic of this thread, which has been logged, ends the program at once: lock file, state file and
/// the director's list stay as they are for the next start.
fn watch(called: Program, source: Source, loaded: Loaded) -> Result<ExitCode, StartError> {
    daemon::arenas::limit();
    let inherited = Inherited::keep_from_others();
    // Before a thread is started, and a log file made that another user could not open.
    if let Some(identity) = &loaded.identity {
        identity.prepare().map_err(StartError::Privileges)?;
        run_as::make_log(identity, &loaded.settings);
    }
    let mut log = start_log(called, &loaded)?;
    let watching = AssertUnwindSafe(|| watch_with(&mut log, &inherited, called, source, loaded));
    catch_unwind(watching).unwrap_or_else(|_| {
        error!("{called} ends by the defect logged before; all backends stay as they are, and nobody watches them until {called} is started again");
        Err(StartError::Defect)
    })
}

fn watch_with(
    log: &mut Log,
    inherited: &Inherited,
    called: Program,
    source: Source,
    loaded: Loaded,
) -> Result<ExitCode, StartError> {
    let Loaded {
        settings,
        targets,
        unverified,
        identity,
        ..
    } = loaded;
    let task = task(&settings)?;
    if let Some(hook) = &settings.hook {
        hook::check(hook).map_err(StartError::Hook)?;
    }
    if source.config().is_some() {
        daemon::lock::make_folder(&settings.files.lock);
    }
    let mut lock = LockFile::take(&settings.files.lock).map_err(StartError::Lock)?;
    let user = identity.as_ref().map(Identity::user);
    let on_folder = daemon::lock::remark_on_folder(&settings.files.lock, user);
    for remark in on_folder.into_iter().chain(lock.remark()) {
        error!("{remark}");
    }
    let (signals, state_writer) = match settings.run {
        RunMode::Daemon => {
            log.write_out();
            let started = match daemon::daemonize(inherited) {
                Ok(started) => started,
                Err(cause) => {
                    // Of no process in the background, or of one that has ended.
                    if cause.leaves_nobody() {
                        let _ = lock.release();
                    }
                    return Err(StartError::Fork(cause));
                }
            };
            match settle_in(log, &mut lock, &settings, &source, identity.as_ref()) {
                Ok(settled) => {
                    started.tell();
                    settled
                }
                Err(cause) => {
                    // Gone before the foreground process says that there is no daemon.
                    let _ = lock.release();
                    started.tell_failure(&cause.to_string());
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        RunMode::Foreground | RunMode::Once => {
            match settle_in(log, &mut lock, &settings, &source, identity.as_ref()) {
                Ok(settled) => settled,
                Err(cause) => {
                    let _ = lock.release();
                    return Err(cause);
                }
            }
        }
    };
    always!(
        "{called} {} starts: {}",
        env!("CARGO_PKG_VERSION"),
        check::summary(&source, &settings, &targets)
    );
    if let Some(unverified) = unverified {
        warn!(target: ALWAYS, "{unverified}");
    }
    let manager = service_manager();
    let configuration = Configuration {
        source,
        settings,
        task,
        targets,
    };
    Runtime::new(
        configuration,
        state_writer,
        log.handle(),
        signals.inbox,
        manager,
    )
    .run();
    drop(signals.watch);
    always!("{called} stops");
    if let Err(cause) = lock.release() {
        error!("the PID file cannot be removed: {cause}; it is not locked any more, and the next start uses it again");
    }
    Ok(ExitCode::SUCCESS)
}

struct Signals {
    watch: SignalWatch,
    inbox: Receiver<Signal>,
}

/// What the process that stays does first: it becomes another user, if it has to, before it starts a thread
/// that it can start later. Whoever reads the PID file may send a signal at once, so
/// signals are handled before the PID is written.
fn settle_in(
    log: &mut Log,
    lock: &mut LockFile,
    settings: &Settings,
    source: &Source,
    identity: Option<&Identity>,
) -> Result<(Signals, StateWriter), StartError> {
    if let Some(identity) = identity {
        run_as::hand_over(identity, settings);
        identity.take_on().map_err(StartError::Privileges)?;
        // Once more: it is run as that user.
        if let Some(hook) = &settings.hook {
            hook::check(hook).map_err(StartError::Hook)?;
        }
        for line in run_as::lacks(identity, settings, source) {
            error!("{line}");
        }
    }
    log.take_standard_streams().map_err(StartError::Log)?;
    log.start_writer().map_err(StartError::Log)?;
    let (sender, inbox) = unbounded();
    let watch = daemon::watch(move |signal| {
        // Without the main thread there is nobody left to tell.
        let _ = sender.send(signal);
    })
    .map_err(StartError::Signals)?;
    lock.record().map_err(StartError::Lock)?;
    Ok((Signals { watch, inbox }, start_state_writer(settings)?))
}

/// One that cannot be told anything will end this process by itself; that is worth a line.
fn service_manager() -> ServiceManager {
    ServiceManager::from_environment(Instant::now()).unwrap_or_else(|cause| {
        error!("the service manager (NOTIFY_SOCKET) cannot be reached: {cause}; it may take this program for hung and end it");
        ServiceManager::none()
    })
}

/// To be called with the lock held: who has it writes the state file.
fn start_state_writer(settings: &Settings) -> Result<StateWriter, StartError> {
    StateWriter::start(open_state_file(settings)).map_err(StartError::StateWriter)
}

/// A state file that cannot be read or locked is an error line, never a stop. A dry run leaves the file alone.
fn open_state_file(settings: &Settings) -> StateFile {
    if settings.mode == Mode::DryRun {
        return StateFile::in_memory();
    }
    let (state_file, warnings) = StateFile::open_alone(&settings.files.state);
    for warning in warnings {
        error!("{warning}");
    }
    state_file
}

/// What the workers need.
fn task(settings: &Settings) -> Result<Task, StartError> {
    let prober = Prober::new(&settings.probing).map_err(StartError::Probe)?;
    Ok(Task {
        pace: settings.pace,
        prober: Arc::new(prober),
    })
}

/// What is odd about the files is for the log and, where that is elsewhere, for the terminal.
///
/// In the foreground nothing waits for the terminal from here on; before a fork there can be no
/// thread that does.
fn start_log(called: Program, loaded: &Loaded) -> Result<Log, StartError> {
    let settings = &loaded.settings;
    let stays_here = settings.run != RunMode::Daemon;
    let untaken = match stays_here {
        true => Untaken::ToStandardError,
        false => Untaken::Lost,
    };
    let mut log =
        logging::open(&settings.files.log, settings.log_level, untaken).map_err(StartError::Log)?;
    if stays_here {
        log.start_writer().map_err(StartError::Log)?;
    }
    let handle = log.handle();
    let tell_terminal = |text: &str| match stays_here {
        true => handle.say_on_standard_error(&format!("{called}: {text}")),
        false => complain(called, text),
    };
    if let Some(warning) = log.warning() {
        tell_terminal(warning);
    }
    for remark in &loaded.remarks {
        error!("{remark}");
        if settings.files.log != LogTarget::Terminal {
            tell_terminal(remark);
        }
    }
    Ok(log)
}
