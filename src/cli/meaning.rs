//! What each option's value means: from options as given to choices of a `Draft`.
//!
//! Bounds are checked here and nowhere else: what comes out needs no further look.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use super::grammar::Given;
use super::help::declared;
use super::options::OPTIONS;
use super::{CliError, Command, Deed, Order, WhereFrom};
use crate::config::draft::{Draft, LogChoice, PlanKind};
use crate::config::trust::Verify;
use crate::config::values;
use crate::quote::Quote;
use crate::service::{Port, Protocol, Security, Service};

const LONGEST_SECONDS: i64 = values::LONGEST_SECONDS as i64;
const MOST_RETRIES: i64 = values::MOST_RETRIES as i64;
const MOST_ROUNDS: i64 = values::MOST_ROUNDS as i64;

pub fn command(options: Vec<Given>) -> Result<Command, CliError> {
    let chosen = Chosen::new(options);
    if chosen.has("help") {
        return Ok(Command::Help);
    }
    if chosen.has("version") {
        return Ok(Command::Version);
    }
    let order = Order {
        deed: match (chosen.has("check-config"), chosen.has("once")) {
            (true, _) => Deed::CheckConfig,
            (false, true) => Deed::Once,
            (false, false) => Deed::Watch,
        },
        files: WhereFrom {
            config: chosen.optional_path("config")?,
            accounts: chosen.optional_path("accounts")?,
            write_missing: chosen.has("write-missing-config"),
        },
        choices: Choices(chosen),
    };
    // Whether a value is good depends on no other.
    order.choices.0.apply(&mut Draft::poolmon())?;
    Ok(Command::Run(Box::new(order)))
}

/// What the command line says of the settings, found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choices(Chosen);

impl Choices {
    /// Writes what was given over the draft, and nothing else.
    pub fn apply(&self, draft: &mut Draft) {
        let applied = self.0.apply(draft);
        applied.expect("every value was found good when the command line was read");
    }
}

/// The options by name: getopts keeps and counts them.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        debug_assert!(OPTIONS.iter().any(|row| row.long == option));
        self.all(option).pop()
    }

    fn apply(&self, draft: &mut Draft) -> Result<(), CliError> {
        self.apply_checks(draft)?;
        self.apply_pace(draft)?;
        self.apply_rules(draft)?;
        set(&mut draft.socket, self.optional_path("socket")?);
        set(&mut draft.lock, self.optional_path("lockfile")?);
        set(&mut draft.state, self.optional_path("state-file")?);
        if let Some(path) = self.optional_path("logfile")? {
            draft.log = match path.as_os_str() == "syslog" {
                true => LogChoice::Syslog,
                false => LogChoice::File(path),
            };
        }
        if self.has("debug") {
            draft.log_level = LevelFilter::Debug;
        }
        draft.hook = self
            .optional_path("on-change")?
            .or_else(|| draft.hook.take());
        draft.dry_run |= self.has("dry-run");
        draft.once |= self.has("once");
        draft.foreground |= self.has("foreground");
        Ok(())
    }

    fn apply_checks(&self, draft: &mut Draft) -> Result<(), CliError> {
        if let Some(ports) = self.ports()? {
            draft.ports = Some(ports);
        }
        if let Some(value) = self.last("ssl-verify") {
            // Any other number is on, also one too large for us.
            draft.verify = Verify::said(value != "0");
        }
        let tls_name = self.word("tls-name", values::HOST_NAME, values::host_name)?;
        draft.tls_name = tls_name.or_else(|| draft.tls_name.take());
        let ca_file = self.optional_path("ca-file")?;
        draft.ca_file = ca_file.or_else(|| draft.ca_file.take());
        let credentials = self.optional_path("credfile")?;
        draft.credentials = credentials.or_else(|| draft.credentials.take());
        let starttls = self.word("starttls", values::STARTTLS, values::starttls)?;
        set(&mut draft.starttls, starttls);
        let from = self.word("lmtp-from", values::ADDRESS, values::address)?;
        set(&mut draft.envelope.from, from);
        if let Some(to) = self.word("lmtp-to", values::ADDRESS, values::address)? {
            draft.envelope.to = Some(to).filter(|to| !to.is_empty());
        }
        Ok(())
    }

    fn apply_pace(&self, draft: &mut Draft) -> Result<(), CliError> {
        set(&mut draft.interval, self.seconds("interval")?);
        set(&mut draft.timeout, self.seconds("timeout")?);
        // poolmon's plan is not dovemon's: who asks for the one does not want the other.
        if self.has("retries") || self.has("retry-delay") {
            draft.plan = PlanKind::Retries;
        }
        let retries = self.count("retries", "a number", 0, MOST_RETRIES)?;
        set(&mut draft.retries.retries, retries);
        let delay = self.decimal_seconds("retry-delay")?;
        set(&mut draft.retries.retry_delay, delay);
        let rounds = |option| self.count(option, "a number of rounds", 1, MOST_ROUNDS);
        set(&mut draft.rise, rounds("rise")?);
        set(&mut draft.fall, rounds("fall")?);
        Ok(())
    }

    fn apply_rules(&self, draft: &mut Draft) -> Result<(), CliError> {
        let restore = self.word("restore", values::RESTORE, values::restore)?;
        set(&mut draft.restore, restore);
        let brake = self.word("max-down", values::BRAKE, values::brake)?;
        set(&mut draft.brake, brake);
        let flush = self.word("flush", values::FLUSH, values::flush)?;
        draft.flush = flush.or(draft.flush);
        if let Some(most) = self.count("max-moves", "a number", 1, i64::from(u32::MAX))? {
            draft.max_moves = NonZeroU32::new(most);
        }
        if let Some(delay) = self.decimal_seconds("down-delay")? {
            // A limit belongs to the delay of the file that has it.
            if !draft.delayed_down {
                draft.down_delay_limit = None;
            }
            draft.delayed_down = true;
            draft.down_delay = delay;
        }
        draft.hold = self.seconds("hold")?.or(draft.hold);
        Ok(())
    }

    /// Plain ports, then TLS ports, each once; none if none is given.
    fn ports(&self) -> Result<Option<Vec<Service>>, CliError> {
        let mut services = Vec::new();
        for (option, security) in [("port", Security::Plain), ("ssl", Security::Tls)] {
            for value in self.all(option) {
                let service = service(security, &value).ok_or_else(|| {
                    refusal(
                        option,
                        &value,
                        format!(
                            "PORT or PROTO:PORT, where PORT is 1 to 65535 and PROTO is {}",
                            Protocol::names()
                        ),
                    )
                })?;
                if !services.contains(&service) {
                    services.push(service);
                }
            }
        }
        Ok(Some(services).filter(|services| !services.is_empty()))
    }

    /// A value that one of `values` understands.
    fn word<T>(
        &self,
        option: &'static str,
        expected: &str,
        meaning: fn(&str) -> Option<T>,
    ) -> Result<Option<T>, CliError> {
        self.last(option)
            .map(|value| {
                let meant = value.to_str().and_then(meaning);
                meant.ok_or_else(|| refusal(option, &value, expected))
            })
            .transpose()
    }

    fn optional_path(&self, option: &'static str) -> Result<Option<PathBuf>, CliError> {
        match self.last(option) {
            Some(value) if value.is_empty() => Err(refusal(option, &value, "a path")),
            value => Ok(value.map(PathBuf::from)),
        }
    }

    fn seconds(&self, option: &'static str) -> Result<Option<Duration>, CliError> {
        let seconds = self.count(option, "seconds", 1, LONGEST_SECONDS)?;
        Ok(seconds.map(|seconds| Duration::from_secs(seconds.into())))
    }

    fn decimal_seconds(&self, option: &'static str) -> Result<Option<Duration>, CliError> {
        let longest = Duration::from_secs(values::LONGEST_SECONDS.into());
        let value = match self.last(option) {
            None => return Ok(None),
            Some(value) => value,
        };
        let seconds = value.to_str().and_then(values::decimal_seconds);
        match seconds.filter(|seconds| *seconds <= longest) {
            Some(seconds) => Ok(Some(seconds)),
            None => {
                let expected =
                    format!("seconds such as 3 or 0.5, at least 0, at most {LONGEST_SECONDS}");
                Err(refusal(option, &value, expected))
            }
        }
    }

    /// The bounds are those of a u32 or narrower.
    fn count(
        &self,
        option: &'static str,
        what: &str,
        least: i64,
        most: i64,
    ) -> Result<Option<u32>, CliError> {
        let value = match self.last(option) {
            None => return Ok(None),
            Some(value) => value,
        };
        let text = value.to_str().unwrap_or_default();
        match text.parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => {
                Ok(Some(u32::try_from(number).expect("within the bounds")))
            }
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

/// Only what was given.
fn set<T>(choice: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *choice = given;
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
    let protocol = match protocol {
        None => Protocol::implied_by(number),
        Some(name) => Protocol::named(name)?,
    };
    Some(Service::Port(Port {
        protocol,
        security,
        number,
    }))
}

#[cfg(test)]
mod tests;
