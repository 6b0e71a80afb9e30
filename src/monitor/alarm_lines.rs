//! What is said of an alarm: what happened, to which backends, why, and what to do.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::IpAddr;

use super::alarms::Topic;
use super::lines::at_place;
use super::status::brief;
use super::Engine;
use crate::backend::{HostState, Tag};
use crate::config::settings::Brake;
use crate::few::Few;
use crate::monitor::notices::{Call, What};
use crate::monitor::policy::Alarm;
use crate::outcome::Stage;
use crate::quote::Quote;

/// As a line names them.
fn names<'a, Item: Display + 'a>(items: impl IntoIterator<Item = &'a Item>) -> String {
    let items: Vec<&Item> = items.into_iter().collect();
    Few(&items).to_string()
}

/// The word that fits one backend or several.
fn by_number<'a>(about: &BTreeSet<IpAddr>, one: &'a str, several: &'a str) -> &'a str {
    match about.len() {
        1 => one,
        _ => several,
    }
}

impl Engine {
    pub(super) fn say_call(&mut self, call: &Call<Topic>) {
        let Call { kind, what, about } = call;
        match what {
            What::Began => self.error(self.alarm_line(kind, about)),
            What::Lasts { for_so_long } => {
                let line = self.alarm_line(kind, about);
                self.error(format!("{line} (for {} now)", brief(*for_so_long)));
            }
            // Whoever has failed has a line of its own that says so.
            What::Joined if is_about_healthy(kind) => self.error(self.alarm_line(kind, about)),
            What::Joined => {}
            What::Ended => self.always(self.alarm_end(kind)),
        }
    }

    pub(super) fn alarm_line(&self, topic: &Topic, about: &BTreeSet<IpAddr>) -> String {
        match topic {
            Topic::Policy(alarm) => self.policy_line(alarm, about),
            Topic::Unwatched => {
                let cause = self.no_thread_cause.as_deref().unwrap_or_default();
                format!(
                    "{} of {} backends are not watched ({}): no more threads can be started: {cause}; \
                     see the limits of processes, tasks and memory (ulimit -u, TasksMax=, ulimit -v)",
                    about.len(),
                    self.backends.members().count(),
                    names(about)
                )
            }
        }
    }

    fn policy_line(&self, alarm: &Alarm, about: &BTreeSet<IpAddr>) -> String {
        let names = names(about);
        let number = |one, several| by_number(about, one, several);
        let (has, is) = (number("has", "have"), number("is", "are"));
        let (stays, them) = (number("stays", "stay"), number("it", "them"));
        match alarm {
            Alarm::WithoutService(tag) => format!(
                "no backend {tag} is up: its users cannot log in; see why {names} {is} down, or bring \
                 one up: {}",
                self.settings.access().how_to_bring_up(None)
            ),
            Alarm::NoRefuge(tag) => format!(
                "{names} {has} failed and {stays} up: no other backend {tag} is up and passes, so users \
                 would have nowhere to go; is this monitor cut off from them? if not, see why they fail"
            ),
            Alarm::Shared { service, stage } => {
                let service = at_place(&self.settings.services, *service);
                let with = match *stage < Stage::Login {
                    true => String::new(),
                    false => self.with_accounts(about),
                };
                format!(
                    "{service} {stage} fails{with} on {names}, and too few others get further: none is \
                     taken down for that; check this monitor's {}",
                    what_to_check(*stage)
                )
            }
            Alarm::DownDelayLimit => format!(
                "{names} {has} failed for longer than the delay and {stays} up: with {them} more would \
                 be down than delayed_down_limit ({}) allows; is something wrong that they have in \
                 common?",
                self.settings.rules.down_delay_limit.unwrap_or_default()
            ),
            Alarm::MaxDown(tag) => format!(
                "{names} {has} failed and {stays} up: {} allows no more backends {tag} down ({}); repair \
                 one, or allow more",
                max_down(self.settings.rules.brake),
                self.which_are_down(tag)
            ),
            Alarm::NotOurs => {
                let example = about.iter().next().copied();
                let how = self.settings.access().how_to_bring_up(example);
                format!(
                    "{names} {is} healthy and down, and this monitor did not take {them} down and leaves \
                     {them} so; to bring one up: {how}"
                )
            }
            Alarm::Disputed => format!(
                "{names} {} here, but another monitor or an administrator has taken {them} down; {} left \
                 so for a while: can that monitor reach all ports?",
                number("passes", "pass"),
                number("it is", "they are"),
            ),
        }
    }

    fn alarm_end(&self, topic: &Topic) -> String {
        let alarm = match topic {
            Topic::Policy(alarm) => alarm,
            Topic::Unwatched => return "all backends are watched again".to_owned(),
        };
        match alarm {
            Alarm::WithoutService(tag) => format!("a backend {tag} is up again"),
            Alarm::NoRefuge(tag) => {
                format!("no failed backend {tag} stays up any more for lack of another one")
            }
            Alarm::Shared { service, stage } => {
                let service = at_place(&self.settings.services, *service);
                format!("{service} {stage}: no backend fails there any more for what others share")
            }
            Alarm::DownDelayLimit => {
                "no failed backend is kept up any more by delayed_down_limit".to_owned()
            }
            Alarm::MaxDown(tag) => {
                format!("no failed backend {tag} is kept up any more by --max-down")
            }
            Alarm::NotOurs => {
                "no healthy backend stays down any more for being somebody else's".to_owned()
            }
            Alarm::Disputed => {
                "no backend that passes here is left down any more for others".to_owned()
            }
        }
    }

    /// The users that the probes of these backends log in as.
    fn with_accounts(&self, about: &BTreeSet<IpAddr>) -> String {
        let targets = about
            .iter()
            .filter_map(|address| self.targets.target(*address));
        let accounts = targets.filter_map(|target| target.account);
        let users: BTreeSet<String> = accounts
            .map(|account| Quote::new(&account.user).to_string())
            .collect();
        match users.len() {
            0 => String::new(),
            1 => format!(" with account {}", names(&users)),
            _ => format!(" with the same accounts ({})", names(&users)),
        }
    }

    fn which_are_down(&self, tag: &Tag) -> String {
        let of_tag = self.backends.members().filter(|(_, member)| {
            member.listed.tag == *tag && member.listed.state == HostState::Down
        });
        let down: BTreeSet<IpAddr> = of_tag.map(|(address, _)| address).collect();
        match down.is_empty() {
            true => "none is listed down yet".to_owned(),
            false => format!("{} {} down", names(&down), by_number(&down, "is", "are")),
        }
    }
}

/// Whether nothing else in the log says that something is the matter with its backends.
fn is_about_healthy(topic: &Topic) -> bool {
    match topic {
        Topic::Policy(Alarm::NotOurs | Alarm::Disputed) => true,
        Topic::Policy(
            Alarm::WithoutService(_)
            | Alarm::NoRefuge(_)
            | Alarm::Shared { .. }
            | Alarm::DownDelayLimit
            | Alarm::MaxDown(_),
        ) => false,
        Topic::Unwatched => true,
    }
}

pub(crate) fn what_to_check(stage: Stage) -> &'static str {
    match stage {
        Stage::Tls | Stage::Upgrade => "certificate settings (--ca-file, --tls-name, -v)",
        Stage::StartTls => "TLS settings (--starttls)",
        Stage::Sender | Stage::Recipient | Stage::Data => "addresses (--lmtp-from, --lmtp-to)",
        Stage::Login => "account and its password",
        Stage::List
        | Stage::Append
        | Stage::Select
        | Stage::Stat
        | Stage::Search
        | Stage::Delete => "account and its mailbox",
        Stage::Prepare
        | Stage::Connect
        | Stage::Greeting
        | Stage::Capability
        | Stage::Hello
        | Stage::Logout => {
            "settings, and what keeps others from getting further (SIGUSR1 shows it)"
        }
    }
}

fn max_down(brake: Brake) -> String {
    match brake {
        Brake::AtMost(most) => format!("--max-down={most}"),
        Brake::Percent(percent) => format!("--max-down={percent}%"),
        Brake::Refuge | Brake::Off => "--max-down".to_owned(),
    }
}
