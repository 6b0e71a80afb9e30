//! What is said of an alarm: what happened, to which backends, why, and what to do.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::IpAddr;

use super::alarms::Topic;
use super::backend_view::taking_users_of;
use super::lines::at_place;
use super::status::brief;
use super::Engine;
use crate::backend::{HostState, Stamp, Tag};
use crate::config::settings::Restore;
use crate::few::{by_number, Few};
use crate::monitor::policy::{Alarm, Failing};
use crate::monitor::standing_alarms::{AlarmPhase, Announcement};
use crate::outcome::{in_utc, Fault, Stage};
use crate::quote::Quote;

/// As a line names them.
fn names<'a, Item: Display + 'a>(items: impl IntoIterator<Item = &'a Item>) -> String {
    let items: Vec<&Item> = items.into_iter().collect();
    Few(&items).to_string()
}

/// Until when certificates were valid that have expired, where that could be read.
fn valid_until<'a>(faults: impl Iterator<Item = &'a Fault>) -> String {
    let ends = faults.filter_map(|fault| match fault {
        Fault::CertificateRefused(bad) => bad.expired,
        _ => None,
    });
    let ends: BTreeSet<i64> = ends.collect();
    match (ends.iter().next(), ends.len()) {
        (None, _) => String::new(),
        (Some(end), 1) => format!(" (valid until {})", in_utc(*end)),
        (Some(first), _) => format!(" (the first was valid until {})", in_utc(*first)),
    }
}

impl Engine {
    pub(super) fn announce(&mut self, announcement: &Announcement<Topic>) {
        let Announcement { kind, phase, about } = announcement;
        match phase {
            AlarmPhase::Began | AlarmPhase::Spread => self.error(self.alarm_line(kind, about)),
            AlarmPhase::Lasts { for_so_long } => {
                let line = self.alarm_line(kind, about);
                self.error(format!("{line} (for {} now)", brief(*for_so_long)));
            }
            AlarmPhase::Ended => self.always(self.alarm_end(kind)),
        }
    }

    pub(super) fn alarm_line(&self, topic: &Topic, about: &BTreeSet<IpAddr>) -> String {
        match topic {
            Topic::Policy(alarm) => self.policy_line(alarm, about),
            Topic::Unwatched => {
                let cause = self.no_thread.as_ref().map_or("", |lack| &lack.cause);
                format!(
                    "{} of {} backends are not checked and stay as they are ({}): no more threads can be \
                     started: {cause}; see the limits of processes, tasks and memory (ulimit -u, TasksMax=, \
                     ulimit -v)",
                    about.len(),
                    self.backends.members().len(),
                    names(about)
                )
            }
        }
    }

    fn policy_line(&self, alarm: &Alarm, about: &BTreeSet<IpAddr>) -> String {
        let names = names(about);
        let number = |one, several| by_number(about.len(), one, several);
        let (has, is) = (number("has", "have"), number("is", "are"));
        let (stays, them) = (number("stays", "stay"), number("it", "them"));
        match alarm {
            Alarm::NoBackend => self.settings.access().lists_none(),
            Alarm::WithoutService(tag) => self.without_service_line(tag, about),
            Alarm::NoRefuge(tag) => self.no_refuge_line(tag, about),
            Alarm::Shared { service, stage } => self.shared_line(*service, *stage, about),
            Alarm::DownDelayLimit => format!(
                "{names} {has} failed for longer than delayed_down_delay and {stays} up: with {them} more \
                 than delayed_down_limit ({}) would be down; see what they have in common, and repair one",
                self.settings.rules.down_delay_limit.unwrap_or_default()
            ),
            Alarm::MaxDown(tag) => format!(
                "{names} {has} failed{} and {stays} up: {} allows no more backends{} down ({}); repair \
                 one, or allow more",
                self.since_first_failure(about),
                self.settings.rules.brake.option(),
                self.which(tag),
                self.which_are_down(tag)
            ),
            Alarm::NotOurs => {
                let example = about.iter().next().copied();
                let how = self.settings.access().how_to_bring_up(example);
                let why = match self.settings.rules.restore {
                    Restore::Own => "--restore=own leaves that so",
                    Restore::Any => "the former vhost count is not known here",
                };
                format!(
                    "{names} {is} healthy here and {stays} down: an administrator or another monitor took \
                     {them} down{}, this monitor did not take {them} down, and {why}; to bring one up: {how}",
                    self.listed_down_since(about)
                )
            }
            Alarm::Disputed => self.disputed_line(about),
            Alarm::BroughtUp => format!(
                "{names} {has} failed and {is} brought up again and again, not by this monitor{}; this monitor takes \
                 {them} down again, after longer and longer pauses of up to 10 seconds; find out who brings {them} up: {}",
                self.since_brought_up(about),
                self.settings.access().who_brings_up()
            ),
        }
    }

    /// When somebody else first brought one of them up.
    fn since_brought_up(&self, about: &BTreeSet<IpAddr>) -> String {
        let now = self.now.instant;
        let members = about
            .iter()
            .filter_map(|address| self.backends.member(*address));
        let since = members.filter_map(|member| member.brought_up_since(now));
        match since.min() {
            Some(since) => format!(", since {}", self.moment_of(since)),
            None => String::new(),
        }
    }

    /// A backend is healthy here, and an administrator or another monitor took it down: until when it stays down.
    fn disputed_line(&self, about: &BTreeSet<IpAddr>) -> String {
        let number = |one, several| by_number(about.len(), one, several);
        let ends = about
            .iter()
            .filter_map(|address| self.holds.get(address)?.until);
        let until = match ends.max() {
            Some(until) => format!(" until {}", self.moment_of(until)),
            None => " for the time of --hold".to_owned(),
        };
        let keep = match about.iter().next() {
            Some(example) => self.settings.access().how_to_keep_down(*example),
            None => String::new(),
        };
        format!(
            "{} {} healthy here and {} taken down by an administrator or another monitor{}; {} \
             down{until} and {} then brought up; if no administrator did it, look for \"disabled\" in the \
             logs of the other monitors; to keep a backend down: {keep}",
            names(about),
            number("is", "are"),
            number("was", "were"),
            self.listed_down_since(about),
            number("stays", "stay"),
            number("is", "are"),
        )
    }

    /// Too many fail at this check for the backends to be blamed for it.
    fn shared_line(&self, service: usize, stage: Stage, about: &BTreeSet<IpAddr>) -> String {
        let members = about
            .iter()
            .filter_map(|address| self.backends.member(*address));
        let failing = members.filter_map(|member| member.evidence.failing_at(service));
        let failing: Vec<&Failing> = failing.collect();
        let faults = || failing.iter().map(|failing| &failing.failure.fault);
        let refused = faults().any(|fault| {
            matches!(
                fault,
                Fault::CredentialsRefused(_) | Fault::RefusalDelayed | Fault::LoginDelayed
            )
        });
        let bad = faults().find_map(|fault| match fault {
            Fault::CertificateRefused(bad) => Some(bad),
            _ => None,
        });
        let what = match (stage, bad, faults().next()) {
            (Stage::Login, ..) if refused => {
                format!("login{} refused", self.with_accounts(about))
            }
            (_, Some(bad), _) => {
                format!("{stage} fails: {}{}", bad.in_short(), valid_until(faults()))
            }
            (_, None, Some(fault)) if stage < Stage::Login => format!("{stage} fails: {fault}"),
            (_, None, Some(fault)) => {
                format!("{stage}{} fails: {fault}", self.with_accounts(about))
            }
            (_, None, None) => format!("{stage} fails"),
        };
        let all = self.backends.members().len();
        let which = match about.len() == all {
            true => format!("by all {all} backends ({})", names(about)),
            false => format!(
                "by {} of {all} backends ({}), and at most half of those they are compared with are known to get further",
                about.len(),
                names(about)
            ),
        };
        let since = failing.iter().map(|failing| failing.since).min();
        let since = since.map_or(String::new(), |since| {
            format!(" since {}", self.moment_of(since))
        });
        let guess = match (stage, bad) {
            (Stage::Login, _) if refused => "probably this monitor's password is wrong",
            (_, Some(bad)) if bad.is_out_of_date() => {
                "probably nobody has renewed them, or the clock of this machine is wrong"
            }
            (_, Some(_)) => "probably this monitor does not know their authority or name",
            _ => "probably a setting of this monitor",
        };
        let rest = match stage {
            Stage::Login => "logins are not checked until that is repaired, connections still are",
            _ => "later steps of the check are not made until that is repaired, earlier ones still are",
        };
        format!(
            "{} {what}{since} {which}: {guess}; no backend is taken down for that, and {rest}; check this \
             monitor's {}, then reload (SIGHUP) or restart",
            at_place(&self.settings.services, service),
            match bad {
                Some(_) => "certificate settings (--ca-file, --tls-name, -v, --starttls)",
                None => what_to_check(stage),
            }
        )
    }

    /// When the first of them began to fail.
    fn since_first_failure(&self, about: &BTreeSet<IpAddr>) -> String {
        let members = about
            .iter()
            .filter_map(|address| self.backends.member(*address));
        let since = members.filter_map(|member| member.evidence.failed_since());
        match since.min() {
            Some(since) => format!(" since {}", self.moment_of(since)),
            None => String::new(),
        }
    }

    /// " at 00:22:48", if that is listed of all; of several the first and the last.
    fn listed_down_since(&self, about: &BTreeSet<IpAddr>) -> String {
        let members = about
            .iter()
            .filter_map(|address| self.backends.member(*address));
        let stamps: BTreeSet<Stamp> = members.map(|member| self.listed_since(member)).collect();
        match (stamps.iter().next(), stamps.iter().next_back()) {
            (None | Some(Stamp(0)), _) | (_, None) => String::new(),
            (Some(first), Some(last)) if first == last => format!(" at {}", self.moment(*first)),
            (Some(first), Some(last)) => {
                format!(" from {} to {}", self.moment(*first), self.moment(*last))
            }
        }
    }

    fn alarm_end(&self, topic: &Topic) -> String {
        let alarm = match topic {
            Topic::Policy(alarm) => alarm,
            Topic::Unwatched => return "all backends are checked again".to_owned(),
        };
        match alarm {
            Alarm::NoBackend => {
                let subject = self.settings.access().words().subject;
                format!("{subject} lists a backend again")
            }
            Alarm::WithoutService(tag) if self.backends.serving(tag).next().is_none() => {
                format!("no backend {tag} is listed any more")
            }
            Alarm::WithoutService(tag) => {
                format!("a backend{} takes new users again", self.which(tag))
            }
            Alarm::NoRefuge(tag) => format!(
                "no failed backend{} is kept up any more for lack of another one that is up and passes",
                self.which(tag)
            ),
            Alarm::Shared { service, stage } => {
                let service = at_place(&self.settings.services, *service);
                format!("{service} {stage}: the fault of several backends is over, and this is checked again")
            }
            Alarm::DownDelayLimit => {
                "no failed backend is kept up any more by delayed_down_limit".to_owned()
            }
            Alarm::MaxDown(tag) => {
                let which = self.which(tag);
                format!("no failed backend{which} is kept up any more by --max-down")
            }
            Alarm::NotOurs => {
                "no healthy backend that an administrator or another monitor took down is left down any more"
                    .to_owned()
            }
            Alarm::Disputed => {
                "no healthy backend that an administrator or another monitor took down waits any more"
                    .to_owned()
            }
            Alarm::BroughtUp => {
                "no failed backend is brought up again and again any more".to_owned()
            }
        }
    }

    /// The users that the probes of these backends log in as, and the file that says so, if it is one for all.
    fn with_accounts(&self, about: &BTreeSet<IpAddr>) -> String {
        let targets = about
            .iter()
            .filter_map(|address| self.targets.target(*address));
        let accounts = targets.filter_map(|target| target.account);
        let users: BTreeSet<String> = accounts
            .map(|account| Quote::new(&account.user).to_string())
            .collect();
        let file = match &self.settings.accounts.credentials {
            Some(file) if self.targets.known() == 0 => format!(" ({})", file.display()),
            _ => String::new(),
        };
        match users.len() {
            0 => String::new(),
            1 => format!(" as {}{file}", names(&users)),
            _ => format!(" as {}", names(&users)),
        }
    }

    /// Says that these backends have failed and stay up, as their users would have nowhere to go.
    fn no_refuge_line(&self, tag: &Tag, about: &BTreeSet<IpAddr>) -> String {
        let number = |one, several| by_number(about.len(), one, several);
        let them = number("it", "them");
        let stay_up = format!(
            "{} {} failed{} and {} up",
            names(about),
            number("has", "have"),
            self.since_first_failure(about),
            number("stays", "stay")
        );
        let which = self.which(tag);
        let out = taking_users_of(tag, self.backends.out_of_rotation());
        if out.is_empty() {
            return format!(
                "{stay_up}: no other backend{which} is up and passes, so users would have nowhere to go; if other \
                 machines can log in to {them}, this monitor is cut off: see its network and firewall; if not, \
                 repair {them}"
            );
        }
        let access = self.settings.access();
        format!(
            "{stay_up}: no other backend{which} {} and passes, so users would have nowhere to go; {} {} healthy \
             here and up with {weight} 0: give one its {weight} back: {}; or repair {them}",
            access.words().takes,
            names(&out),
            by_number(out.len(), "is", "are"),
            access.how_to_give_weight(),
            weight = access.words().weight,
        )
    }

    fn without_service_line(&self, tag: &Tag, about: &BTreeSet<IpAddr>) -> String {
        let is_up = |address: &&IpAddr| {
            let member = self.backends.member(**address);
            member.map_or(false, |member| member.listed.state == HostState::Up)
        };
        let (up, down): (Vec<&IpAddr>, Vec<&IpAddr>) = about.iter().partition(is_up);
        let which = self.which(tag);
        let access = self.settings.access();
        let are = |some: &[&IpAddr]| {
            let is = by_number(some.len(), "is", "are");
            format!("{} {is}", names(some.iter().copied()))
        };
        let example = down.first().copied().copied();
        let bring_up = format!("bring one up: {}", access.how_to_bring_up(example));
        // Of what cannot be read it is not known whether it takes users.
        let is_all_read = self.lists.unread == 0;
        let which = match is_all_read {
            true => which,
            false => format!("{which} whose line in the list can be read"),
        };
        if up.is_empty() {
            let down = are(&down);
            let cannot = match is_all_read {
                true => "cannot",
                false => "may not be able to",
            };
            return format!(
                "no backend{which} is up: users {cannot} log in; see why {down} down, or {bring_up}"
            );
        }
        let words = access.words();
        let (weight, takes) = (words.weight, words.takes);
        let hence = match is_all_read {
            true => words.none_takes,
            false => "so they may not be able to log in",
        };
        let give = access.how_to_give_weight();
        let up = are(&up);
        match down.is_empty() {
            true => format!(
                "no backend{which} {takes}, {hence}: {up} up with {weight} 0; give one its {weight} back: {give}"
            ),
            false => format!(
                "no backend{which} {takes}, {hence}: {up} up with {weight} 0, {} down; give one its {weight} back: \
                 {give}; or {bring_up}",
                are(&down)
            ),
        }
    }

    fn which_are_down(&self, tag: &Tag) -> String {
        let of_tag = self.backends.members().filter(|(_, member)| {
            member.listed.tag == *tag && member.listed.state == HostState::Down
        });
        let down: BTreeSet<IpAddr> = of_tag.map(|(address, _)| address).collect();
        match down.is_empty() {
            true => "none is listed down yet".to_owned(),
            false => format!(
                "{} {} down",
                names(&down),
                by_number(down.len(), "is", "are")
            ),
        }
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
