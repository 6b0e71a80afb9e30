//! What each option's value means: from options as given to `Settings`.
//!
//! Bounds are checked here and nowhere else: what comes out needs no further look.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use super::grammar::Given;
use super::help::declared;
use super::options::OPTIONS;
use super::{CliError, Command};
use crate::account::Envelope;
use crate::config::settings::{
    Auth, Brake, Deeds, DrainMode, Files, Hook, LogTarget, MoveLimit, Pace, Plan, Probing, Restore,
    Retries, Rules, RunMode, Settings, StartTls, Steps, Verify,
};
use crate::quote::Quote;
use crate::service::{Port, Protocol, Security, Service};

/// A year. Beyond it nobody means it, and clocks may overflow.
const LONGEST_SECONDS: i64 = 365 * 24 * 60 * 60;
const MOST_RETRIES: i64 = 1000;
const MOST_ROUNDS: i64 = 1000;

pub fn command(options: Vec<Given>) -> Result<Command, CliError> {
    let chosen = Chosen::new(options);
    if chosen.has("help") {
        return Ok(Command::Help);
    }
    if chosen.has("version") {
        return Ok(Command::Version);
    }
    chosen.settings().map(Box::new).map(Command::Run)
}

/// The options by name: getopts keeps and counts them.
struct Chosen(getopts::Matches);

impl Chosen {
    fn new(options: Vec<Given>) -> Chosen {
        let words = options
            .into_iter()
            .map(|Given { option, value }| match value {
                None => format!("--{}", option.long),
                Some(value) => format!("--{}={}", option.long, carried(value)),
            });
        Chosen(
            declared()
                .parse(words)
                .expect("the words are made from the table that getopts is made from"),
        )
    }

    fn has(&self, option: &str) -> bool {
        self.0.opt_present(option)
    }

    fn all(&self, option: &str) -> Vec<OsString> {
        let values = self.0.opt_strs(option).into_iter();
        values.map(restored).collect()
    }

    /// The last one wins.
    fn last(&self, option: &str) -> Option<OsString> {
        self.all(option).pop()
    }

    fn last_or_default(&self, option: &str) -> OsString {
        self.last(option).unwrap_or_else(|| {
            let row = OPTIONS.iter().find(|row| row.long == option);
            row.expect("only options of the table are asked for")
                .default
                .into()
        })
    }

    fn settings(&self) -> Result<Settings, CliError> {
        let run = match (self.has("once"), self.has("foreground")) {
            (true, _) => RunMode::Once,
            (false, true) => RunMode::Foreground,
            (false, false) => RunMode::Daemon,
        };
        Ok(Settings {
            socket: self.path("socket")?,
            services: self.services()?,
            pace: Pace {
                interval: self.seconds("interval")?,
                timeout: self.seconds("timeout")?,
                plan: Plan::Retries(Retries {
                    retries: self.retries()?,
                    retry_delay: self.decimal_seconds("retry-delay")?,
                }),
                rise: self.rounds("rise")?,
                fall: self.rounds("fall")?,
            },
            probing: Probing {
                verify: self.verify()?,
                ca_file: self.optional_path("ca-file")?,
                credentials_file: self.optional_path("credfile")?,
                envelope: self.envelope()?,
                auth: Auth::Login,
                starttls: self.starttls()?,
                steps: Steps::default(),
            },
            rules: self.rules()?,
            deeds: if self.has("dry-run") || run == RunMode::Once {
                Deeds::Told
            } else {
                Deeds::Done
            },
            hook: self
                .optional_path("on-change")?
                .map(|script| Hook { script }),
            files: Files {
                lock: self.path("lockfile")?,
                state: self.path("state-file")?,
                log: self.log(run)?,
            },
            run,
            debug: self.has("debug"),
        })
    }

    /// Plain ports, then TLS ports, each once.
    fn services(&self) -> Result<Vec<Service>, CliError> {
        let mut services = Vec::new();
        for (option, security) in [("port", Security::Plain), ("ssl", Security::Tls)] {
            for value in self.all(option) {
                let service = service(security, &value).ok_or_else(|| {
                    refusal(
                        option,
                        &value,
                        "PORT or PROTO:PORT, where PORT is 1 to 65535 and PROTO is IMAP, POP3 or LMTP",
                    )
                })?;
                if !services.contains(&service) {
                    services.push(service);
                }
            }
        }
        if services.is_empty() {
            for port in [110, 143] {
                services.push(Service::Port(Port {
                    protocol: usual_protocol(port),
                    security: Security::Plain,
                    number: port,
                }));
            }
        }
        Ok(services)
    }

    fn verify(&self) -> Result<Verify, CliError> {
        // Any other number is on, also one too large for us.
        if self.last_or_default("ssl-verify") == "0" {
            return Ok(Verify::Off);
        }
        match self.last("tls-name") {
            None => Ok(Verify::AddressName),
            Some(name) => match name.to_str() {
                Some(name) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic()) => {
                    Ok(Verify::Name(name.to_string()))
                }
                _ => Err(refusal("tls-name", &name, "a host name")),
            },
        }
    }

    fn starttls(&self) -> Result<StartTls, CliError> {
        let value = self.last_or_default("starttls");
        match value.to_str() {
            Some("auto") => Ok(StartTls::Offered),
            Some("require") => Ok(StartTls::Required),
            Some("no") => Ok(StartTls::Never),
            _ => Err(refusal("starttls", &value, "auto, require or no")),
        }
    }

    fn envelope(&self) -> Result<Envelope, CliError> {
        let to = self.address("lmtp-to")?;
        Ok(Envelope {
            from: self.address("lmtp-from")?,
            to: Some(to).filter(|to| !to.is_empty()),
        })
    }

    /// It is sent between `<` and `>`; nothing in it may end that or the line.
    fn address(&self, option: &'static str) -> Result<String, CliError> {
        let value = self.last(option).unwrap_or_default();
        let harmful = |c: char| c.is_control() || c.is_whitespace() || c == '<' || c == '>';
        match value.to_str() {
            Some(address) if !address.contains(harmful) => Ok(address.to_string()),
            _ => Err(refusal(
                option,
                &value,
                "an address without spaces, control characters, < and >",
            )),
        }
    }

    fn rules(&self) -> Result<Rules, CliError> {
        Ok(Rules {
            drain: self.drain()?,
            restore: self.restore()?,
            brake: self.brake()?,
            down_delay: self.decimal_seconds("down-delay")?,
            down_delay_limit: None,
            hold: match self.last("hold") {
                None => Rules::usual_hold(self.seconds("interval")?),
                Some(_) => self.seconds("hold")?,
            },
        })
    }

    fn restore(&self) -> Result<Restore, CliError> {
        let value = self.last_or_default("restore");
        match value.to_str() {
            Some("any") => Ok(Restore::Any),
            Some("own") => Ok(Restore::Own),
            _ => Err(refusal("restore", &value, "any or own")),
        }
    }

    fn brake(&self) -> Result<Brake, CliError> {
        let value = match self.last("max-down") {
            None => return Ok(Brake::Refuge),
            Some(value) => value,
        };
        let text = value.to_str().unwrap_or_default();
        let brake = match text.strip_suffix('%') {
            _ if text == "all" => Some(Brake::Off),
            Some(percent) => percent
                .parse()
                .ok()
                .filter(|percent| *percent <= 100)
                .map(Brake::Percent),
            None => text.parse().ok().map(Brake::AtMost),
        };
        brake.ok_or_else(|| {
            refusal(
                "max-down",
                &value,
                "a number of backends, a percentage such as 50%, or all",
            )
        })
    }

    fn drain(&self) -> Result<DrainMode, CliError> {
        let limit = match self.last("max-moves") {
            None => MoveLimit::All,
            Some(_) => {
                let most = self.integer("max-moves", "a number", 1, i64::from(u32::MAX))?;
                u32::try_from(most)
                    .ok()
                    .and_then(NonZeroU32::new)
                    .map_or(MoveLimit::All, MoveLimit::AtMost)
            }
        };
        let mode = self.last_or_default("flush");
        match mode.to_str() {
            Some("move") => Ok(DrainMode::Move { limit }),
            Some("drop") => Ok(DrainMode::Drop),
            Some("none") => Ok(DrainMode::Leave),
            _ => Err(refusal("flush", &mode, "move, drop or none")),
        }
    }

    fn log(&self, run: RunMode) -> Result<LogTarget, CliError> {
        let path = self.path("logfile")?;
        Ok(match run {
            _ if path.as_os_str() == "syslog" => LogTarget::Syslog,
            RunMode::Daemon => LogTarget::File(path),
            RunMode::Foreground | RunMode::Once => LogTarget::Terminal,
        })
    }

    fn path(&self, option: &'static str) -> Result<PathBuf, CliError> {
        let value = self.last_or_default(option);
        if value.is_empty() {
            return Err(refusal(option, &value, "a path"));
        }
        Ok(PathBuf::from(value))
    }

    fn optional_path(&self, option: &'static str) -> Result<Option<PathBuf>, CliError> {
        match self.last(option) {
            None => Ok(None),
            Some(_) => self.path(option).map(Some),
        }
    }

    fn retries(&self) -> Result<u32, CliError> {
        let retries = self.integer("retries", "a number", 0, MOST_RETRIES)?;
        Ok(u32::try_from(retries).expect("the bounds are those of a u32"))
    }

    fn rounds(&self, option: &'static str) -> Result<u32, CliError> {
        let rounds = self.integer(option, "a number of rounds", 1, MOST_ROUNDS)?;
        Ok(u32::try_from(rounds).expect("the bounds are those of a u32"))
    }

    fn seconds(&self, option: &'static str) -> Result<Duration, CliError> {
        let seconds = self.integer(option, "seconds", 1, LONGEST_SECONDS)?;
        let seconds = u64::try_from(seconds).expect("at least one");
        Ok(Duration::from_secs(seconds))
    }

    fn decimal_seconds(&self, option: &'static str) -> Result<Duration, CliError> {
        let value = self.last_or_default(option);
        let longest = Duration::from_secs(LONGEST_SECONDS.unsigned_abs());
        value
            .to_str()
            .and_then(decimal)
            .filter(|seconds| *seconds <= longest)
            .ok_or_else(|| {
                let expected =
                    format!("seconds such as 3 or 0.5, at least 0, at most {LONGEST_SECONDS}");
                refusal(option, &value, expected)
            })
    }

    fn integer(
        &self,
        option: &'static str,
        what: &str,
        least: i64,
        most: i64,
    ) -> Result<i64, CliError> {
        let value = self.last_or_default(option);
        let text = value.to_str().unwrap_or_default();
        match text.parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            Ok(number) if number < least => {
                Err(refusal(option, &value, format!("{what}, at least {least}")))
            }
            Err(_) if text.starts_with('-') => {
                Err(refusal(option, &value, format!("{what}, at least {least}")))
            }
            _ => Err(refusal(option, &value, format!("{what}, at most {most}"))),
        }
    }
}

fn refusal(option: &'static str, value: &OsString, expected: impl Into<String>) -> CliError {
    CliError::Value {
        option,
        value: Quote::new(value.as_bytes()),
        expected: expected.into(),
    }
}

/// getopts takes only UTF-8, paths need not be: each byte crosses it as the character of its number.
fn carried(value: OsString) -> String {
    value.into_vec().into_iter().map(char::from).collect()
}

fn restored(value: String) -> OsString {
    let bytes = value.chars().map(|c| {
        u8::try_from(u32::from(c)).expect("every character was made from one byte by `carried`")
    });
    OsString::from_vec(bytes.collect())
}

/// PORT or PROTO:PORT.
fn service(security: Security, value: &OsString) -> Option<Service> {
    let text = value.to_str()?;
    let (protocol, port) = match text.split_once(':') {
        Some((protocol, port)) => (Some(protocol), port),
        None => (None, text),
    };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = port.parse::<u16>().ok().filter(|number| *number > 0)?;
    let protocol = match protocol.map(str::to_ascii_lowercase).as_deref() {
        None => usual_protocol(number),
        Some("imap") => Protocol::Imap,
        Some("pop3") => Protocol::Pop3,
        Some("lmtp") => Protocol::Lmtp,
        Some(_) => return None,
    };
    Some(Service::Port(Port {
        protocol,
        security,
        number,
    }))
}

fn usual_protocol(port: u16) -> Protocol {
    match port {
        143 | 993 => Protocol::Imap,
        110 | 995 => Protocol::Pop3,
        24 => Protocol::Lmtp,
        _ => Protocol::AnyLine,
    }
}

/// Digits, or digits with a point in or before them, to the nanosecond.
fn decimal(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = whole.bytes().chain(fraction.bytes());
    if text.len() > 20 || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    if !digits.into_iter().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let nanos = format!("{fraction:0<9.9}").parse().ok()?;
    Some(Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests;
