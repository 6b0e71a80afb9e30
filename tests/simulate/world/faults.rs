//! What can go wrong in the world, and what a probe finds then.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use poolmon::backend::HostState;
use poolmon::monitor::policy::Login;
use poolmon::outcome::{BadCertificate, Blame, Failure, Fault, Outcome, Pass, Stage};
use poolmon::quote::Quote;
use poolmon::schedule::Depth;

use super::{Mind, World};
use crate::history::{Sight, What};
use crate::monitor::Disk;
use crate::ring::{Condition, Speech};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    Backend(usize, Health),
    Link(usize, usize, Link),
    /// The watcher's account is refused everywhere, or no longer.
    Account(usize, Account),
    /// This backend refuses this watcher something that backends have in common, at this stage: its
    /// certificate is of another authority, its mailbox or test address is not there.
    Shared(usize, usize, Option<Stage>),
    Director(usize, Condition),
    Watcher(usize, Life),
    /// The watcher is killed at this moment of its next command, and started again 5 s later.
    KillAt(usize, Moment),
    /// It is killed so, and stays away until something else starts it: its host is gone.
    LoseAt(usize, Moment),
    /// An administrator tells this director about this backend.
    Admin(usize, usize, HostState),
    /// So many drains will leave users.
    Stubborn(usize, u32),
    UserMoved(usize),
    /// The disk of the watcher's state file.
    Disk(usize, Disk),
    /// The watcher can probe so many backends, for want of threads.
    Threads(usize, usize),
    /// The watcher can start a thread for a command or a connection, or cannot.
    Spare(usize, bool),
    /// The same for a script.
    SpareForScripts(usize, bool),
    /// From its next start on the watcher has descriptors to probe so many backends at once.
    Descriptors(usize, usize),
    /// This befalls the watcher's next command.
    Befalls(usize, Mishap),
    /// The mishap has befallen a command, and befalls no further one.
    Befell(usize, Mishap),
    /// What the director says of its lists.
    Speaks(usize, Speech),
    /// The watcher's thread for this backend ends by a defect.
    WorkerDies(usize, usize),
    /// Its thread that reads the lists ends so.
    ReaderDies(usize),
    /// The watcher's main thread does nothing for so long; for no time: it has gone on.
    Still(usize, Duration),
    /// An administrator takes the backend off all lists, or puts it there anew.
    Listed(usize, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Healthy,
    Refusing,
    /// Accepts and never answers.
    Frozen,
    /// The last service hangs, the others answer.
    HalfFrozen,
    /// Two servers behind one address have their turns: one is dead, the other refuses the login.
    Split,
}

/// The way from one watcher to one backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Whole,
    Refused,
    Lost,
    /// One attempt of four is lost.
    Lossy,
    /// The watcher's own machine lets no attempt go out.
    Prohibited,
    /// None to the last service.
    HalfProhibited,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    Accepted,
    Refused,
    /// On all backends that are probed as this one.
    RefusedAs(Login),
}

/// In the life of a changing command of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Written in the state file, not sent.
    Recorded,
    Sent,
    Answered,
}

/// What can befall a changing command on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The director says to try again.
    TryAgain,
    /// It says something that we do not know.
    Refused,
    /// An administrator takes the backend off the lists, and puts it there anew a minute later.
    BackendLeaves,
    /// The director dies, and starts again after 20 s.
    DirectorDies,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Crash,
    /// It is told to end, and does.
    Stop,
    /// Also of one that runs, which is then a restart.
    Start,
    StartWithoutStateFile,
    /// Starts where it does not run.
    Resume,
}

impl Life {
    pub fn runs(self) -> bool {
        !matches!(self, Life::Crash | Life::Stop)
    }
}

impl World {
    pub(super) fn note_views(&mut self) {
        for watcher in 0..self.watchers.len() {
            for backend in 0..self.backends.len() {
                let sight = match self.watchers[watcher].mind {
                    _ if !self.ring.is_listed(backend) => Sight::Wavers,
                    Mind::Ours { .. } => self.sight(watcher, backend),
                    Mind::Perl(_) => self.sight_of_poolmon(watcher, backend),
                };
                if self.sees[watcher][backend] != sight {
                    self.sees[watcher][backend] = sight;
                    self.note(What::Sees {
                        watcher,
                        backend,
                        sight,
                    });
                }
            }
        }
    }

    fn services_of(&self, watcher: usize) -> Range<usize> {
        self.watchers[watcher].services.clone()
    }

    /// poolmon compares nobody with anybody.
    fn sight_of_poolmon(&self, watcher: usize, backend: usize) -> Sight {
        let mut faults = self
            .services_of(watcher)
            .filter_map(|s| self.fault(watcher, backend, s));
        match (self.watchers[watcher].links[backend], faults.next()) {
            (_, Some(_)) => Sight::Fails,
            (Link::Lossy, None) => Sight::Wavers,
            (_, None) => Sight::Passes,
        }
    }

    /// What is true of a backend by the bar: whether it gets as far as the others. Where that depends on
    /// attempts that are lost now and then, or on what a login came to before, it wavers.
    fn sight(&self, watcher: usize, backend: usize) -> Sight {
        let mut sight = match self.watchers[watcher].links[backend] {
            Link::Lossy => Sight::Wavers,
            _ => Sight::Passes,
        };
        let mut unchecked = 0;
        for service in self.services_of(watcher) {
            let (stage, fault) = match self.fault(watcher, backend, service) {
                Some(found) => found,
                None => continue,
            };
            if fault.blame() == Blame::Local {
                unchecked += 1;
                continue;
            }
            // A time-out at the login is the backend's, or a refusal's other face, or nobody's.
            let hangs_at_login = stage == Stage::Login && fault == Fault::TimedOut;
            if fault.blame() == Blame::Service && !hangs_at_login {
                return Sight::Fails;
            }
            let of_the_account = stage >= Stage::Login && !hangs_at_login;
            let others: Vec<usize> = (0..self.backends.len())
                .filter(|other| {
                    *other != backend
                        && self.ring.is_listed(*other)
                        && (!of_the_account || self.logins[*other] == self.logins[backend])
                })
                .collect();
            let entries = self.ring.entries();
            let of_tag = |other: &usize| entries[*other].tag == entries[backend].tag;
            let of_tag: Vec<usize> = others.iter().copied().filter(of_tag).collect();
            // Of all of them, and of those of the tag.
            let most = |gets_further: &dyn Fn(usize) -> bool| {
                [&others, &of_tag].iter().all(|group| {
                    let further = group.iter().filter(|other| gets_further(**other));
                    further.count() * 2 > group.len()
                })
            };
            let further = |other| self.gets_further(watcher, other, service, stage);
            let refused_too = hangs_at_login && self.may_refuse_login(watcher, backend);
            if most(&|other| further(other).0) && !refused_too {
                return Sight::Fails;
            }
            if most(&|other| further(other).1) || hangs_at_login {
                sight = Sight::Wavers;
            }
        }
        match unchecked == self.services_of(watcher).len()
            || (self.backends[backend] == Health::Split && sight == Sight::Passes)
        {
            true => Sight::Wavers,
            false => sight,
        }
    }

    /// Whether it may be that the login is refused, and late: by what is so now, or by what the watcher met last.
    fn may_refuse_login(&self, watcher: usize, backend: usize) -> bool {
        let here = &self.watchers[watcher];
        let was_split = |met: &(usize, usize, usize)| (met.0, met.1) == (watcher, backend);
        here.account != Account::Accepted
            || here.shared[backend] == Some(Stage::Login)
            || self.turns.keys().any(was_split)
    }

    /// Whether a backend gets further than this stage surely, and whether perhaps.
    fn gets_further(
        &self,
        watcher: usize,
        backend: usize,
        service: usize,
        stage: Stage,
    ) -> (bool, bool) {
        let faults = || {
            let services = self.services_of(watcher);
            services.filter_map(|s| self.fault(watcher, backend, s))
        };
        let further = match self.fault(watcher, backend, service) {
            Some((_, fault)) if fault.blame() == Blame::Local => return (false, true),
            Some((reached, _)) => reached > stage,
            None => true,
        };
        let lossy = self.watchers[watcher].links[backend] == Link::Lossy;
        let ill = self.backends[backend] == Health::Split
            || faults().any(|(_, fault)| fault.blame() == Blame::Service);
        (further && !lossy && !ill, further)
    }

    /// What keeps a watcher from passing a service of a backend.
    pub(super) fn fault(
        &self,
        watcher: usize,
        backend: usize,
        service: usize,
    ) -> Option<(Stage, Fault)> {
        let here = &self.watchers[watcher];
        match here.links[backend] {
            Link::Refused => return Some((Stage::Connect, Fault::Refused)),
            Link::Lost => return Some((Stage::Connect, Fault::TimedOut)),
            Link::Prohibited => return Some((Stage::Connect, Fault::Forbidden)),
            Link::HalfProhibited if service + 1 == self.services => {
                return Some((Stage::Connect, Fault::Forbidden))
            }
            Link::Whole | Link::Lossy | Link::HalfProhibited => {}
        }
        match self.backends[backend] {
            Health::Refusing => return Some((Stage::Connect, Fault::Refused)),
            Health::Frozen => return Some((Stage::Greeting, Fault::TimedOut)),
            Health::HalfFrozen if service + 1 == self.services => {
                return Some((Stage::Login, Fault::TimedOut))
            }
            Health::HalfFrozen | Health::Healthy | Health::Split => {}
        }
        let shared = here.shared[backend];
        if let Some(stage) = shared.filter(|stage| *stage < Stage::Login) {
            return Some((stage, shared_fault(stage)));
        }
        let is_split = self.backends[backend] == Health::Split;
        let refused = match here.account {
            _ if is_split => Some(login_refused()),
            Account::RefusedAs(login) if self.logins[backend] != Some(login) => None,
            Account::Accepted => None,
            Account::Refused | Account::RefusedAs(_) => Some(login_refused()),
        };
        refused.or_else(|| shared.map(|stage| (stage, shared_fault(stage))))
    }

    /// What the dead one of a split backend says, if it is its turn.
    fn takes_turn(
        &mut self,
        watcher: usize,
        backend: usize,
        service: usize,
    ) -> Option<(Stage, Fault)> {
        if self.backends[backend] != Health::Split {
            return None;
        }
        let turns = self.turns.entry((watcher, backend, service)).or_default();
        *turns += 1;
        (*turns % 2 == 0).then_some((Stage::Connect, Fault::Refused))
    }

    fn note_pace(&mut self, watcher: usize, backend: usize) {
        if self.pace.is_too_much(self.now, (watcher, backend)) {
            self.note(What::Hurried { watcher, backend });
        }
    }

    pub(super) fn attempt(
        &mut self,
        watcher: usize,
        backend: usize,
        service: usize,
        (timeout, depth): (Duration, Depth),
    ) -> Outcome {
        self.note_pace(watcher, backend);
        let short = self.chance.milliseconds(1, 40);
        let is_lossy = self.watchers[watcher].links[backend] == Link::Lossy;
        let lost = (is_lossy && self.chance.one_in(4)).then_some((Stage::Connect, Fault::TimedOut));
        let dead_in_turn = self.takes_turn(watcher, backend, service);
        let fault = || {
            let fault = self.fault(watcher, backend, service);
            let fault = match (dead_in_turn, fault) {
                (Some(dead), Some((Stage::Login, _))) => Some(dead),
                (_, fault) => fault,
            };
            // Whoever does not log in does not see it.
            fault.filter(|(stage, _)| depth == Depth::Whole || *stage < Stage::Login)
        };
        let (latency, result) = match lost.or_else(fault) {
            None => (short, Ok(Pass::Clean)),
            Some((stage, Fault::TimedOut)) => (timeout, Err(Failure::new(stage, Fault::TimedOut))),
            Some((stage, fault)) => (short, Err(Failure::new(stage, fault))),
        };
        Outcome {
            logged_in: match &result {
                Ok(_) => depth == Depth::Whole,
                Err(failure) => failure.stage > Stage::Login,
            },
            ..Outcome::new(self.now, latency, result)
        }
    }
}

fn login_refused() -> (Stage, Fault) {
    (Stage::Login, Fault::CredentialsRefused(Quote::new("no")))
}

fn shared_fault(stage: Stage) -> Fault {
    let text = Quote::new("no");
    match stage {
        Stage::Upgrade => {
            Fault::CertificateRefused(Box::new(BadCertificate::new("no", "mail.example")))
        }
        Stage::Login => Fault::CredentialsRefused(text),
        _ => Fault::MailboxRefused(text),
    }
}

/// How many attempts each watcher makes on each backend.
#[derive(Default)]
pub(super) struct Pace(BTreeMap<(usize, usize), (Instant, u32)>);

impl Pace {
    const SPAN: Duration = Duration::from_secs(10);

    /// Eighteen rounds, eight of them at once, with a rapid round of ten each and the other services. Without a pause it
    /// is twice as many.
    const MOST: u32 = 250;

    /// Another attempt. Whether it is just one more than there is a reason for.
    fn is_too_much(&mut self, now: Instant, of: (usize, usize)) -> bool {
        let (since, attempts) = self.0.entry(of).or_insert((now, 0));
        if now >= *since + Pace::SPAN {
            (*since, *attempts) = (now, 0);
        }
        *attempts += 1;
        *attempts == Pace::MOST + 1
    }
}
