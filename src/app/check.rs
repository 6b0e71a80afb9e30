//! `poolmon check [ADDRESS...]`: each service of each backend is tried once, now, as the daemon would, and
//! every step is told. It changes nothing, writes no file, and needs no director where addresses are given.

use std::ffi::OsString;
use std::io;
use std::net::IpAddr;
use std::os::unix::io::AsRawFd;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{unbounded, Receiver, RecvTimeoutError, Sender};
use nix::unistd::isatty;

use super::Word;
use crate::cli::{self, Command, Order};
use crate::config::settings::Settings;
use crate::daemon;
use crate::once::{self, WithoutLogin};
use crate::outcome::{Fault, Outcome};
use crate::probe::Prober;
use crate::program::Program;
use crate::quote::Quote;
use crate::schedule::Depth;
use crate::service::Service;
use crate::source::{Loaded, Source};
use crate::target::Target;
use crate::worker;

mod advice;
mod rendering;

use rendering::{Attempts, Checked, Verdict};

pub(super) const WORD: Word = Word {
    name: "check",
    help: "try each backend once, now, and show every step; changes nothing",
    run,
};

const HELP: &str = "\
Usage: poolmon check [options] [ADDRESS...]

Tries each service of each backend once, now, as the daemon would, and tells every step with its time.
Of what fails it tells the cause, what to look at, and the dialogue. It changes nothing.

The options are the daemon's (poolmon --help); those of its log, its lock and its decisions have no
effect. With addresses only these are checked, and no director is asked; HAProxy is asked for its ports
if neither -p nor -s nor a configuration file is given. Without addresses those are checked that the director lists.

Exit status:
  0  all passed
  1  something needs a look that is not a backend's fault: a refused login, a certificate that is
     refused or expires within 14 days, a fault of this machine
  2  a backend failed
  3  it could not be checked: bad options, an unreadable file, no director, a director
     that lists no backend, or a line that cannot be read
";

/// Bad options, a file, the director, which may also list no backend, or a line that cannot be read.
const COULD_NOT_CHECK: u8 = 3;

/// How many backends are tried at once.
const AT_ONCE: usize = 64;

/// OpenSSL's handshake is the deepest call, as in a worker.
const STACK: usize = 256 * 1024;

/// After this time, and then again each time it has passed, the terminal shows what is waited for.
const PROGRESS: Duration = Duration::from_millis(400);

/// Between two looks whether DNS has said a name.
const NAME_PAUSE: Duration = Duration::from_millis(20);

fn run(arguments: Vec<OsString>) -> ExitCode {
    match check(arguments) {
        Ok(code) => code,
        Err(text) => {
            WORD.complain(&text);
            ExitCode::from(COULD_NOT_CHECK)
        }
    }
}

fn check(arguments: Vec<OsString>) -> Result<ExitCode, String> {
    let told = |cause: &dyn std::fmt::Display| format!("{cause}\ntry poolmon check --help");
    let (command, operands) = cli::parse_with_operands(arguments).map_err(|cause| told(&cause))?;
    let order = match command {
        Command::Help(_) => return show(HELP),
        Command::Version => return show(&cli::version()),
        Command::Run(order) => order,
    };
    let addresses = operands.iter().map(address);
    let addresses: Vec<IpAddr> = addresses.collect::<Result<_, _>>().map_err(|c| told(&c))?;
    // Before any password is read.
    if let Err(cause) = daemon::core_dump::forbid() {
        WORD.complain(&format!(
            "core dumps cannot be turned off, so a core file may contain passwords: {cause}"
        ));
    }
    let loaded = load(*order)?;
    for remark in &loaded.remarks {
        WORD.complain(remark);
    }
    let settings = &loaded.settings;
    let prober = Prober::new(&settings.probing).map_err(|cause| cause.to_string())?;
    let (addresses, list_trouble) = match addresses.is_empty() {
        false => (addresses, None),
        true => listed(settings)?,
    };
    let targets: Vec<(IpAddr, Option<Target>)> = addresses
        .into_iter()
        .map(|address| (address, loaded.targets.target(address)))
        .collect();
    let mut verdicts = check_all(&prober, settings, &targets).map_err(|cause| cause.to_string())?;
    if let Some(list_trouble) = list_trouble {
        WORD.complain(&list_trouble);
        verdicts.push(Verdict::Unchecked);
    }
    let mut without_login = WithoutLogin::default();
    for target in targets.iter().filter_map(|(_, target)| target.as_ref()) {
        without_login.add(target);
    }
    for remark in without_login.remarks() {
        WORD.complain(&remark);
    }
    Ok(ExitCode::from(code(&verdicts)))
}

fn show(text: &str) -> Result<ExitCode, String> {
    put(text).map_err(|cause| cause.to_string())?;
    Ok(ExitCode::SUCCESS)
}

fn put(text: &str) -> io::Result<()> {
    super::put(text.as_bytes())
}

fn address(operand: &OsString) -> Result<IpAddr, String> {
    let text = operand.to_string_lossy();
    text.parse().map_err(|_| {
        let operand = Quote::new(text.as_bytes());
        format!("{operand}: expected the address of a backend")
    })
}

/// Reads the configuration files as the daemon does. It writes none, also with --write-missing-config.
fn load(mut order: Order) -> Result<Loaded, String> {
    order.choices.write_missing_config = Default::default();
    let folder = std::env::current_dir()
        .map_err(|cause| format!("the working folder cannot be found: {cause}"))?;
    let source = Source::find(Program::Poolmon, &order, &folder);
    let loaded = source.and_then(|(mut source, _)| source.load());
    loaded.map_err(|cause| cause.to_string())
}

/// The backends that the pool lists, and what is wrong with the list.
fn listed(settings: &Settings) -> Result<(Vec<IpAddr>, Option<String>), String> {
    let access = settings.access();
    let listed = once::read_list(&access).map_err(|cause| {
        format!(
            "{cause}; {}; with the addresses of backends no director is needed",
            cause.advice
        )
    })?;
    let trouble = once::list_trouble(&access, &listed);
    if let (true, Some(trouble)) = (listed.members.is_empty(), &trouble) {
        return Err(trouble.clone());
    }
    let addresses = listed.members.iter().map(|backend| backend.address);
    Ok((addresses.collect(), trouble))
}

fn code(verdicts: &[Verdict]) -> u8 {
    match verdicts.iter().max() {
        None | Some(Verdict::Passed) => 0,
        Some(Verdict::LookAt) => 1,
        Some(Verdict::Failed) => 2,
        Some(Verdict::Unchecked) => COULD_NOT_CHECK,
    }
}

/// Prints each backend as soon as it and all before it have been checked.
fn check_all(
    prober: &Prober,
    settings: &Settings,
    targets: &[(IpAddr, Option<Target>)],
) -> io::Result<Vec<Verdict>> {
    let next = AtomicUsize::new(0);
    let threads = targets.len().min(AT_ONCE);
    thread::scope(|scope| {
        let (done, results) = unbounded();
        for _ in 0..threads {
            let done = done.clone();
            thread::Builder::new()
                .name("check".to_owned())
                .stack_size(STACK)
                .spawn_scoped(scope, || check_some(prober, settings, targets, &next, done))?;
        }
        drop(done);
        tell(targets, &results)
    })
}

/// What one of the threads does: whatever is next, until nothing is left or nobody listens.
fn check_some(
    prober: &Prober,
    settings: &Settings,
    targets: &[(IpAddr, Option<Target>)],
    next: &AtomicUsize,
    done: Sender<(usize, Checked)>,
) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let (address, target) = match targets.get(number) {
            Some(target) => target,
            None => return,
        };
        let attempts = match target {
            None => Attempts::NotNamed,
            Some(target) => {
                let services = target.services.iter();
                let attempts = services.map(|service| {
                    let outcome = attempt(prober, target, service, settings.pace.timeout);
                    (*service, outcome)
                });
                Attempts::Made(attempts.collect())
            }
        };
        let checked = Checked {
            address: *address,
            attempts,
            proxy_protocol: settings.probing.proxy_protocol,
        };
        if done.send((number, checked)).is_err() {
            return;
        }
    }
}

/// The name that DNS is asked for is waited for, as long as one attempt may take.
fn attempt(prober: &Prober, target: &Target, service: &Service, timeout: Duration) -> Outcome {
    let patience = Instant::now() + timeout;
    loop {
        let outcome = worker::attempt(prober, target, service, timeout, Depth::Whole);
        let is_pending =
            matches!(&outcome.result, Err(failure) if failure.fault == Fault::NamePending);
        if !is_pending || Instant::now() >= patience {
            return outcome;
        }
        thread::sleep(NAME_PAUSE);
    }
}

fn tell(
    targets: &[(IpAddr, Option<Target>)],
    results: &Receiver<(usize, Checked)>,
) -> io::Result<Vec<Verdict>> {
    let began = Instant::now();
    let mut progress = Progress::new();
    let mut waiting: Vec<Option<Checked>> = targets.iter().map(|_| None).collect();
    let mut left = targets.len();
    let mut verdicts = Vec::with_capacity(targets.len());
    while verdicts.len() < targets.len() {
        match results.recv_timeout(PROGRESS) {
            Ok((number, checked)) => {
                waiting[number] = Some(checked);
                left -= 1;
            }
            Err(RecvTimeoutError::Timeout) => {
                let (next, _) = &targets[verdicts.len()];
                progress.show(&rendering::progress(*next, left, began.elapsed()));
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
        while let Some(checked) = waiting.get_mut(verdicts.len()).and_then(Option::take) {
            let now = now();
            verdicts.push(checked.verdict(now));
            progress.erase();
            put(&checked.text(now))?;
        }
    }
    put(&rendering::summary(&verdicts))?;
    Ok(verdicts)
}

/// Seconds since 1970; before that no certificate is right.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(now.unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}

/// A line that is written over, on a terminal alone.
struct Progress {
    is_terminal: bool,
    is_shown: bool,
}

impl Progress {
    fn new() -> Progress {
        Progress {
            is_terminal: isatty(io::stdout().as_raw_fd()) == Ok(true),
            is_shown: false,
        }
    }

    fn show(&mut self, text: &str) {
        if self.is_terminal {
            self.is_shown = true;
            let _ = put(&format!("\r\x1b[K{text}"));
        }
    }

    fn erase(&mut self) {
        if self.is_shown {
            self.is_shown = false;
            let _ = put("\r\x1b[K");
        }
    }
}
