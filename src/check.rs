//! `--check-config`: what would be checked, how and how often, in words. It checks nothing itself.

use std::fmt::Write;
use std::time::Duration;

use crate::config::settings::{
    Brake, DrainMode, LogTarget, Mode, MoveLimit, PasswordOver, Plan, Pool, ProxyProtocol, Rapid,
    Restore, Retries, Settings, StartTls, Unknown, Watch,
};
use crate::config::targets::Targets;
use crate::config::trust::{CertificateName, Checked, Trust};
use crate::few::counted;
use crate::probe::protocols::table::Hides;
use crate::service::{Port, Security, Service};
use crate::source::{self, Loaded, Source};

/// One line a subject, each with a line feed.
pub fn report(source: &Source, loaded: &Loaded) -> String {
    let settings = &loaded.settings;
    let mut lines = Lines(String::new());
    match source.config() {
        Some(path) => lines.add("configuration", path.display()),
        None => lines.add("configuration", "none, only options"),
    }
    if !loaded.keys.is_empty() {
        lines.add("keys given", loaded.keys.join(", "));
    }
    lines.add(settings.access().noun(), settings.socket.display());
    if let Some(watched) = watched(settings) {
        lines.add("proxies", watched);
    }
    for service in &settings.services {
        lines.add(&service.to_string(), steps(settings, service));
    }
    lines.add("how often", pace(settings));
    lines.add("accounts", accounts(source, loaded));
    lines.add("certificates", certificates(settings));
    if let Some(passwords) = passwords(settings) {
        lines.add("passwords", passwords);
    }
    lines.add("when one fails", when_one_fails(settings));
    lines.add("how many go down", max_down(settings));
    lines.add("left alone", left_alone(settings));
    if let Pool::HaProxy { .. } = settings.pool {
        lines.add("ring and rank", "do not apply: HAProxy has no ring");
    }
    if settings.mode == Mode::DryRun {
        lines.add("dry run", "no change is sent");
    }
    match (&settings.run_as.user, &settings.run_as.group) {
        (Some(user), Some(group)) => lines.add("runs as", format!("user {user}, group {group}")),
        (Some(user), None) => lines.add("runs as", format!("user {user}")),
        (None, Some(group)) => lines.add("runs as", format!("group {group}")),
        (None, None) => {}
    }
    lines.add("log", log(settings));
    lines.add("lock file", settings.files.lock.display());
    lines.add("state file", settings.files.state.display());
    for (publication, path) in settings.files.published.files() {
        lines.add(&publication.to_string(), path.display());
    }
    if let Some(path) = &settings.files.record {
        lines.add("recording", path.display());
    }
    lines.0
}

/// What matters of it, in one line: for the log, when the monitor starts and when it has reloaded.
pub fn summary(source: &Source, settings: &Settings, targets: &Targets) -> String {
    let mode = match settings.mode {
        Mode::Live => "",
        Mode::DryRun => "DRY RUN: no change is sent; ",
    };
    let services: Vec<String> = settings.services.iter().map(Service::to_string).collect();
    let max_down = match settings.rules.brake {
        Brake::Refuge => String::new(),
        Brake::Off => ", --max-down=all".to_owned(),
        Brake::AtMost(most) => format!(", --max-down={most}"),
        Brake::Percent(percent) => format!(", --max-down={percent}%"),
    };
    let restore = match settings.rules.restore {
        Restore::Any => "any",
        Restore::Own => "own",
    };
    let tls = match uses_tls(settings, targets) {
        true => format!("certificates {}", checked_certificates(settings)),
        false => "no TLS: nothing is sent that it would protect".to_owned(),
    };
    format!(
        "{mode}{}; checks {}; {tls}; {}; restore: {restore}{max_down}",
        settings.access(),
        services.join(", "),
        login(source, settings, targets)
    )
}

/// Whether any certificate is ever seen.
fn uses_tls(settings: &Settings, targets: &Targets) -> bool {
    let account = targets.any_account();
    ports_of(settings).any(|port| {
        port.security == Security::Tls || source::may_start_tls(settings, account, port)
    })
}

fn ports_of(settings: &Settings) -> impl Iterator<Item = &Port> {
    settings.services.iter().flat_map(|service| match service {
        Service::Port(port) => vec![port],
        Service::Delivery { deliver, read } => vec![deliver, read],
    })
}

/// Of which ports they are checked, and how: of those that may have TLS.
fn checked_certificates(settings: &Settings) -> String {
    let how = certificates(settings);
    match settings.probing.certificates.checked {
        Checked::Nowhere | Checked::OnRequest => return how,
        Checked::AsPoolmon | Checked::Everywhere => {}
    }
    let ports = ports_of(settings);
    let (checked, unchecked): (Vec<&Port>, Vec<&Port>) = ports
        .filter(|port| tls(settings, port).is_some())
        .partition(|port| settings.probing.certificates.trust(port, None) == Trust::Verified);
    if checked.is_empty() {
        return "are not checked on any of these ports".to_owned();
    }
    if unchecked.is_empty() {
        return format!("are checked {how}");
    }
    let checked: Vec<String> = checked.iter().map(|port| port.to_string()).collect();
    format!("are checked on {} alone, {how}", checked.join(", "))
}

fn login(source: &Source, settings: &Settings, targets: &Targets) -> String {
    if !settings.services.iter().any(Service::can_log_in) {
        return "no login: nothing that is checked has one".to_owned();
    }
    let (accounts, credentials) = (source.accounts(), &settings.accounts.credentials);
    let of_all = credentials
        .as_deref()
        .filter(|_| targets.has_account_of_all());
    let own = accounts.filter(|_| targets.has_own_account());
    let files: Vec<String> = [own, of_all]
        .into_iter()
        .flatten()
        .map(|file| file.display().to_string())
        .collect();
    match (files.is_empty(), credentials, accounts) {
        (false, ..) => format!("login by {}", files.join(" and ")),
        (true, Some(file), _) => format!("no login: {} is empty", file.display()),
        (true, None, Some(file)) => format!("no login: {} has no account", file.display()),
        (true, None, None) => "no login: there are no credentials (-c)".to_owned(),
    }
}

struct Lines(String);

impl Lines {
    fn add(&mut self, subject: &str, text: impl std::fmt::Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{subject}: {text}");
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

fn steps(settings: &Settings, service: &Service) -> String {
    let port = match service {
        Service::Port(port) => port,
        Service::Delivery { deliver, read } => {
            let by = |port| match tls(settings, port) {
                Some(tls) => format!("{port} ({tls})"),
                None => port.to_string(),
            };
            let (deliver, read) = (by(deliver), by(read));
            return format!("a message is delivered to {deliver}, found by {read} and deleted");
        }
    };
    let mut said = (port.protocol.row().steps)(&settings.probing);
    let place = match port.security {
        Security::Tls => 0,
        Security::Plain => 1,
    };
    said.splice(place..place, tls(settings, port));
    match settings.probing.proxy_protocol {
        ProxyProtocol::No => {}
        ProxyProtocol::V1 => said.insert(0, "PROXY header of version 1".to_owned()),
        ProxyProtocol::V2 => said.insert(0, "PROXY header of version 2".to_owned()),
    }
    said.join(", ")
}

/// Whether and how the port uses STARTTLS, and whether the certificate is checked.
fn tls(settings: &Settings, port: &Port) -> Option<String> {
    let hides = port.protocol.row().starttls.hides;
    let probing = &settings.probing;
    let starttls = probing.certificates.starttls(port, probing.starttls);
    let how = match (port.security, hides, starttls) {
        (Security::Tls, ..) => "TLS",
        (_, Hides::Nothing, _) | (.., StartTls::Never) => return None,
        (.., StartTls::Offered) => "STARTTLS where offered",
        (.., StartTls::Required) => "STARTTLS",
    };
    let checked = match settings.probing.certificates.trust(port, None) {
        Trust::Verified => "checked",
        Trust::Unverified => "not checked",
    };
    Some(format!("{how} with the certificate {checked}"))
}

fn pace(settings: &Settings) -> String {
    let pace = &settings.pace;
    let (interval, timeout) = (seconds(pace.interval), seconds(pace.timeout));
    let logins = match pace.login_interval {
        Duration::ZERO => String::new(),
        interval => format!(
            "; a login each {} while all is well, and the greeting alone in between",
            seconds(interval)
        ),
    };
    let plan = match pace.plan {
        Plan::Retries(Retries {
            retries,
            retry_delay,
        }) => format!(
            "{interval} from the end of a round to the next, each attempt at most {timeout}, \
             {}, the first after {}",
            counted(retries, "retry"),
            seconds(retry_delay)
        ),
        Plan::Rapid(rapid) => format!(
            "{interval} from the start of a poll to the next, each at most {timeout} and as much \
             more after each failure; {}",
            rapid_round(&rapid)
        ),
    };
    format!("{plan}; rise {}, fall {}{logins}", pace.rise, pace.fall)
}

fn rapid_round(rapid: &Rapid) -> String {
    let Rapid {
        retry_count,
        rapid_rounds,
        rapid_fails_needed,
        rapid_timeout,
    } = *rapid;
    if retry_count == 0 {
        return "failed at the first failed poll".to_owned();
    }
    if rapid_rounds == 0 {
        return format!("failed after {retry_count} in a row");
    }
    format!(
        "failures in a row before a rapid round: {retry_count}; polls of it: {rapid_rounds}, of at most {}; \
         failed by {rapid_fails_needed} of them, or by one time-out",
        seconds(rapid_timeout)
    )
}

fn accounts(source: &Source, loaded: &Loaded) -> String {
    let others = match &loaded.settings.accounts.credentials {
        Some(path) if loaded.targets.has_account_of_all() => {
            format!("logged in to by {}", path.display())
        }
        Some(path) => format!("checked without login, as {} is empty", path.display()),
        None => "checked without login".to_owned(),
    };
    let (which, others) = match (source.accounts(), loaded.settings.accounts.unknown) {
        (Some(_), Unknown::Probed) => ("other", others),
        (None, Unknown::Probed) => ("all", others),
        (_, Unknown::LeftAlone) => ("other", "left alone".to_owned()),
    };
    match source.accounts() {
        Some(path) => format!(
            "{}, {}; {which} backends are {others}",
            path.display(),
            counted(loaded.targets.known(), "backend")
        ),
        None => format!("no file of accounts; {which} backends are {others}"),
    }
}

/// What `--require-tls` comes to.
fn passwords(settings: &Settings) -> Option<String> {
    let probing = &settings.probing;
    match probing.certificates.password_over {
        PasswordOver::Any => None,
        PasswordOver::VerifiedTls => {
            let certificates = &probing.certificates;
            let contradiction = certificates.contradiction(&settings.services, probing.starttls);
            Some(contradiction.unwrap_or_else(|| {
                "sent only over TLS with a verified certificate, or else not at all".to_owned()
            }))
        }
    }
}

fn certificates(settings: &Settings) -> String {
    let certificates = &settings.probing.certificates;
    match certificates.checked {
        Checked::Nowhere => return "not checked".to_owned(),
        Checked::OnRequest => {
            return "not checked, but on backends with a tls_name in the file of accounts"
                .to_owned()
        }
        Checked::AsPoolmon | Checked::Everywhere => {}
    }
    let name = match &certificates.name {
        CertificateName::OfAddress => {
            "the name that reverse DNS (PTR) gives for the address".to_owned()
        }
        CertificateName::Given(name) => name.clone(),
    };
    match &certificates.ca_file {
        Some(path) => format!(
            "for {name}, by the system's authorities and {}",
            path.display()
        ),
        None => format!("for {name}, by the system's authorities"),
    }
}

fn when_one_fails(settings: &Settings) -> String {
    let rules = &settings.rules;
    let users = match rules.drain {
        DrainMode::Move { .. } if settings.pool != Pool::Director => {
            "its sessions are ended".to_owned()
        }
        DrainMode::Move { limit } => match limit {
            MoveLimit::All => "its users are moved".to_owned(),
            MoveLimit::AtMost(most) => format!("its users are moved, {most} at a time"),
        },
        DrainMode::Drop => "its users are forgotten (HOST-FLUSH)".to_owned(),
        DrainMode::Leave => "its users are left".to_owned(),
    };
    let delay = match rules.down_delay {
        Duration::ZERO => String::new(),
        delay => format!(" after {}", seconds(delay)),
    };
    let limit = match rules.down_delay_limit {
        None => String::new(),
        Some(limit) => format!(", unless more than {limit} are or wait"),
    };
    let delay = format!("it is taken down{delay}{limit}");
    let restore = match rules.restore {
        Restore::Any => "whatever is healthy comes up again",
        Restore::Own => "only what this monitor took down comes up again",
    };
    let script = match &settings.hook {
        Some(hook) => format!("; {} is run at each change", hook.script.display()),
        None => String::new(),
    };
    format!("{delay}, {users}, {restore}{script}")
}

/// Which of HAProxy's proxies.
fn watched(settings: &Settings) -> Option<String> {
    let watch = match &settings.pool {
        Pool::Director => return None,
        Pool::HaProxy { watch } => watch,
    };
    let listed = |ports: &[u16]| {
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        format!("all with a server at port {}", ports.join(" or "))
    };
    Some(match watch {
        Watch::Proxies(names) => names.join(", "),
        Watch::CheckedPorts => "all with a server at a checked port".to_owned(),
        Watch::UsualPorts(ports) => listed(ports),
    })
}

fn max_down(settings: &Settings) -> String {
    if let Pool::HaProxy { .. } = settings.pool {
        return match settings.rules.brake {
            Brake::Refuge => "all but one that serves their proxies and passes".to_owned(),
            Brake::AtMost(most) => {
                format!("{most} with the same proxies at most, and never the last that passes")
            }
            Brake::Percent(percent) => format!(
                "{percent}% of the weight with the same proxies at most, and never the last that \
                 passes"
            ),
            Brake::Off => "all, the last one too".to_owned(),
        };
    }
    match settings.rules.brake {
        Brake::Refuge => "all of a tag but one that passes".to_owned(),
        Brake::AtMost(most) => format!("{most} of a tag at most, and never the last that passes"),
        Brake::Percent(percent) => {
            format!("{percent}% of a tag's vhost count at most, and never the last that passes")
        }
        Brake::Off => "all of a tag, the last one too".to_owned(),
    }
}

fn left_alone(settings: &Settings) -> String {
    match settings.rules.restore {
        Restore::Any => format!(
            "a backend that is healthy here and that somebody else takes down, for {} at first",
            seconds(settings.rules.hold)
        ),
        Restore::Own if settings.pool != Pool::Director => {
            "servers that somebody else puts into maint or drain, or that the configuration disables"
                .to_owned()
        }
        Restore::Own => "a backend that somebody else takes down".to_owned(),
    }
}

fn log(settings: &Settings) -> String {
    let target = match &settings.files.log {
        LogTarget::File(path) => path.display().to_string(),
        LogTarget::Terminal => "standard output".to_owned(),
        LogTarget::Syslog(how) => match &how.socket {
            Some(socket) => format!("syslog by {}, facility {}", socket.display(), how.facility),
            None => format!("syslog, facility {}", how.facility),
        },
    };
    format!(
        "{target}, {} and above, and all changes",
        settings.log_level.as_str().to_lowercase()
    )
}

#[cfg(test)]
mod tests;
