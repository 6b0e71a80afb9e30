//! One attempt on a service of a backend: connection, name, TLS, dialogue, under one deadline.
//!
//! It reports what happened. When to try and what follows is decided by `schedule` and `policy`.

use std::cell::{Cell, RefCell};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::unistd::gethostname;

use crate::config::settings::{Probing, ProxyProtocol, StartTls, Steps};
use crate::config::trust::{CertificateName, PasswordNeeds, Trust};
use crate::net::family;
use crate::net::forbidden::is_forbidden_here;
use crate::net::names::{Name, Names};
use crate::net::stream::{DeadlineStream, Stream};
use crate::net::tls::{Peer, Tls, TlsSetupError, TlsStream};
use crate::outcome::{Failure, Fault, Outcome, Pass, Stage};
use crate::service::{Port, Protocol, Security, Service};
use crate::target::Target;

mod certificates;
pub mod protocols;
mod reading;
mod recorder;
mod transcript;

use certificates::CertificateTable;
use protocols::line::{Budget, Duplex, Lines, Observer};
use protocols::token::{Purpose, Token};
use protocols::{Channel, Check, Milestone, Progress, Repeats, Work};
use recorder::Recorder;

/// Why no probe can be made as configured.
pub type ProbeSetupError = TlsSetupError;

/// A time limit beyond this is none; the clock's arithmetic has an end.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Between two looks for a delivered message, doubled from look to look. LMTP says that it has one
/// only when it lies in the mailbox (RFC 2033 5), so the first look usually finds it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A server that does not answer the good-bye has done all that it was asked for. More is not waited for, and not more
/// than half of what is left: a deep probe has another server to go to.
const LONGEST_FAREWELL: Duration = Duration::from_secs(1);

/// Makes attempts; shared by all threads.
#[derive(Debug)]
pub struct Prober {
    probing: Probing,
    /// This machine's name, for the marks of test messages.
    host: String,
    tls: Tls,
    names: Arc<Names>,
    table: Arc<Mutex<CertificateTable>>,
}

impl Prober {
    /// Prepares TLS once for all attempts: reads the CA file, if one is named. An error says what of it cannot be
    /// used.
    pub fn new(probing: &Probing) -> Result<Prober, ProbeSetupError> {
        Prober::with_names(probing, Arc::new(Names::from_system()))
    }

    /// Another one for changed settings or an edited CA file, that keeps the names known, and the
    /// certificates read.
    pub fn renewed(&self, probing: &Probing) -> Result<Prober, ProbeSetupError> {
        let table = self.table.clone();
        let renewed = Prober::with_names(probing, self.names.clone())?;
        Ok(Prober { table, ..renewed })
    }

    fn with_names(probing: &Probing, names: Arc<Names>) -> Result<Prober, ProbeSetupError> {
        Ok(Prober {
            probing: probing.clone(),
            host: host_name(),
            tls: Tls::new(&probing.certificates)?,
            names,
            table: Arc::default(),
        })
    }

    /// Blocks, for at most the time given, and as long again where a certificate was refused and has not
    /// been read within the last hour. The latency is that of the attempt alone.
    pub fn attempt(&self, target: &Target, service: &Service, timeout: Duration) -> Outcome {
        self.attempt_with(target, service, timeout, Work::Steps(self.probing.steps))
    }

    /// As far as the greeting: nobody logs in, and nothing is delivered.
    pub fn greet(&self, target: &Target, service: &Service, timeout: Duration) -> Outcome {
        self.attempt_with(target, service, timeout, Work::Greeting)
    }

    /// A delivery has a work of its own, unless the greeting is enough.
    fn attempt_with(
        &self,
        target: &Target,
        service: &Service,
        timeout: Duration,
        work: Work,
    ) -> Outcome {
        let began = Instant::now();
        let deadline = began + timeout.min(LONGEST);
        let repeats = Repeats::of(target.accounts());
        let attempt = self.begin(target, service, &repeats, (began, deadline));
        let mut result = match service {
            Service::Port(port) => attempt.talk(port, work),
            Service::Delivery { deliver, read } => match (work, &target.account) {
                (Work::Greeting, _) => attempt.greet_both(deliver, read, work),
                (_, None) => attempt.greet_both(deliver, read, Work::Steps(Steps::default())),
                (_, Some(_)) => attempt.deliver_and_read(deliver, read),
            },
        };
        let latency = began.elapsed();
        let delivery = attempt.delivery();
        let mut evidence = attempt.recorder.borrow_mut().finish();
        if let Err(failure) = &mut result {
            let refused = self.read_refused(failure, target, service, timeout, &repeats);
            evidence.certificate = refused.or(evidence.certificate);
        }
        Outcome {
            began,
            latency,
            delivery,
            logged_in: target.account.is_some()
                && work != Work::Greeting
                && has_logged_in(service, &result),
            result,
            evidence,
        }
    }

    /// On the heap: what is on the stack of every thread is memory for each backend, and so is made apart, too.
    #[inline(never)]
    fn begin<'a>(
        &'a self,
        target: &'a Target,
        service: &Service,
        repeats: &'a Repeats,
        (began, deadline): (Instant, Instant),
    ) -> Box<Attempt<'a>> {
        Box::new(Attempt {
            prober: self,
            target,
            token: self.token(service),
            deadline,
            delivered: Cell::new(None),
            found: Cell::new(None),
            repeats,
            recorder: RefCell::new(Recorder::new(repeats, began)),
        })
    }

    /// With the header that the backend's ports expect, if they do.
    fn connect(
        &self,
        address: IpAddr,
        port: &Port,
        deadline: Instant,
    ) -> io::Result<DeadlineStream> {
        let mut stream = DeadlineStream::connect(address, port.number, deadline)?;
        stream.introduce(self.probing.proxy_protocol)?;
        Ok(stream)
    }

    /// The mark of one attempt's messages, unlike any other's.
    fn token(&self, service: &Service) -> Token {
        let purpose = match service {
            Service::Port(_) => Purpose::Step,
            Service::Delivery { .. } => Purpose::Deep,
        };
        // Before 1970 no clock is right, and nothing is old enough to be cleaned.
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        // std's hasher keys are random for each process and differ from call to call.
        let number = RandomState::new().build_hasher().finish();
        Token::new(purpose, now.unwrap_or_default(), number, &self.host)
    }

    fn upgrade(
        &self,
        stream: DeadlineStream,
        subject: &Subject,
        stage: Stage,
    ) -> Result<TlsStream, Failure> {
        self.tls.upgrade(stream, subject.peer()).map_err(|fault| {
            let fault = match (fault, subject) {
                (Fault::CertificateRefused(_), Subject::Guessed(_)) => Fault::NameUnknown,
                (Fault::CertificateRefused(mut bad), _) => {
                    bad.began = match stage {
                        Stage::Upgrade => Security::Plain,
                        _ => Security::Tls,
                    };
                    Fault::CertificateRefused(bad)
                }
                (fault, _) => fault,
            };
            Failure::new(stage, fault)
        })
    }

    /// STARTTLS is used only to hide something.
    fn may_start_tls(&self, target: &Target, protocol: Protocol, work: Work) -> bool {
        let account = target.account.as_deref();
        self.probing.starttls != StartTls::Never
            && protocol.has_to_hide(account, &self.probing.envelope, work)
    }

    fn subject(&self, target: &Target, port: &Port) -> Result<Subject, Fault> {
        let address = target.address;
        let own_name = target.tls_name.as_deref();
        let certificates = &self.probing.certificates;
        if certificates.trust(port, own_name) == Trust::Unverified {
            return Ok(Subject::Anybody);
        }
        match (own_name, &certificates.name) {
            (Some(name), _) => Ok(Subject::Known(name.to_owned())),
            (None, CertificateName::Given(name)) => Ok(Subject::Known(name.clone())),
            (None, CertificateName::OfAddress) => {
                match self.names.name_of(address, Instant::now()) {
                    Name::Pending => Err(Fault::NamePending),
                    Name::Known(name) => Ok(Subject::Known(name)),
                    Name::Nameless => Ok(Subject::Known(address.to_string())),
                    Name::Unknown => Ok(Subject::Guessed(address.to_string())),
                }
            }
        }
    }
}

/// Whether the server has accepted the login of an attempt with an account.
fn has_logged_in(service: &Service, result: &Result<Pass, Failure>) -> bool {
    service.can_log_in()
        && match (service, result) {
            (_, Ok(pass)) => *pass == Pass::Clean,
            (Service::Port(_), Err(failure)) => failure.stage > Stage::Login,
            // Of LMTP's stages, too.
            (Service::Delivery { .. }, Err(_)) => false,
        }
}

/// One attempt while it lasts.
struct Attempt<'a> {
    prober: &'a Prober,
    target: &'a Target,
    token: Token,
    deadline: Instant,
    /// When the server said that it has the message.
    delivered: Cell<Option<Instant>>,
    /// When the message was read.
    found: Cell<Option<Instant>>,
    repeats: &'a Repeats,
    recorder: RefCell<Recorder<'a>>,
}

impl Attempt<'_> {
    /// Without an account there is neither a recipient nor a mailbox: then both ports have to greet.
    fn greet_both(&self, deliver: &Port, read: &Port, work: Work) -> Result<Pass, Failure> {
        let greeted = self.talk_at(deliver, work)?;
        match self.talk_at(read, work)? {
            Pass::Clean => Ok(greeted),
            remark => Ok(remark),
        }
    }

    /// Not inlined, as `go_on_with_tls`: else what it keeps on the stack would be stack, and memory, of
    /// every thread that only makes a simple probe.
    #[inline(never)]
    fn deliver_and_read(&self, deliver: &Port, read: &Port) -> Result<Pass, Failure> {
        self.talk_at(deliver, Work::Deliver)?;
        // Of many looks only the last one is worth telling.
        let delivered = self.recorder.borrow().moment();
        let mut pause = FIRST_PAUSE;
        let mut waiting = None;
        loop {
            match (self.talk_at(read, Work::Collect), waiting) {
                (Err(failure), _) if may_pass(&failure.fault) => {
                    let left = self.deadline.saturating_duration_since(Instant::now());
                    if left <= pause {
                        return Err(failure);
                    }
                    thread::sleep(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    waiting = Some(failure);
                    self.recorder.borrow_mut().go_back(&delivered);
                }
                // The last look did not come to its end; what the one before saw is the reason.
                (Err(failure), Some(before)) if failure.fault == Fault::TimedOut => {
                    return Err(before);
                }
                // Only a message that was read proves anything, whatever else has passed.
                (Ok(_), _) if self.found.get().is_none() => {
                    return Err(Failure::new(Stage::Search, Fault::MessageMissing).at(*read));
                }
                (result, _) => return result,
            }
        }
    }

    fn delivery(&self) -> Option<Duration> {
        let (delivered, found) = (self.delivered.get()?, self.found.get()?);
        Some(found.saturating_duration_since(delivered))
    }

    fn note(&self, milestone: Milestone) {
        let place = match milestone {
            Milestone::Delivered => &self.delivered,
            Milestone::Found => &self.found,
        };
        place.set(Some(Instant::now()));
    }

    fn connect(&self, port: &Port) -> Result<DeadlineStream, Failure> {
        let address = self.target.address;
        let stream = self.prober.connect(address, port, self.deadline);
        let stream = stream.map_err(|error| {
            let fault = Fault::from_io(&error);
            let is_forbidden_here = || is_forbidden_here(address, port.number);
            let fault = match address.is_ipv6() {
                true => on_way_of_ipv6(fault, is_forbidden_here, family::is_without_ipv6),
                false => fault,
            };
            Failure::new(Stage::Connect, fault)
        })?;
        let mut recorder = self.recorder.borrow_mut();
        recorder.on_stage(Stage::Connect);
        match self.prober.probing.proxy_protocol {
            ProxyProtocol::No => {}
            ProxyProtocol::V1 => recorder.remark("proxy header, version 1"),
            ProxyProtocol::V2 => recorder.remark("proxy header, version 2"),
        }
        Ok(stream)
    }

    /// One of two connections; what fails there says at which.
    fn talk_at(&self, port: &Port, work: Work) -> Result<Pass, Failure> {
        self.recorder.borrow_mut().remark(&port.to_string());
        self.talk(port, work).map_err(|failure| failure.at(*port))
    }

    /// One connection.
    fn talk(&self, port: &Port, work: Work) -> Result<Pass, Failure> {
        let result = self.try_to_talk(port, work);
        if let Err(failure) = &result {
            self.recorder.borrow_mut().on_failure(failure.stage);
        }
        result
    }

    fn try_to_talk(&self, port: &Port, work: Work) -> Result<Pass, Failure> {
        let (prober, target) = (self.prober, self.target);
        match port.security {
            Security::Tls => {
                // Connected first: a backend that refuses has failed whatever its name is.
                self.begin_lookup(port);
                let stream = self.connect(port)?;
                let stream = self.shake_hands(stream, port, Stage::Tls)?;
                self.talk_over(port, work, Stream::Tls(stream))
            }
            Security::Plain => {
                if prober.may_start_tls(target, port.protocol, work) {
                    self.begin_lookup(port);
                }
                self.talk_over(port, work, Stream::Plain(self.connect(port)?))
            }
        }
    }

    /// So that the name is there once it is needed. It waits for nothing.
    fn begin_lookup(&self, port: &Port) {
        let _ = self.prober.subject(self.target, port);
    }

    fn shake_hands(
        &self,
        stream: DeadlineStream,
        port: &Port,
        stage: Stage,
    ) -> Result<TlsStream, Failure> {
        let subject = self
            .prober
            .subject(self.target, port)
            .map_err(|fault| Failure::new(stage, fault))?;
        let stream = self.prober.upgrade(stream, &subject, stage)?;
        let mut recorder = self.recorder.borrow_mut();
        recorder.on_stage(stage);
        recorder.remark("tls");
        let certificate = self
            .prober
            .read_accepted(&stream, self.target.address, port);
        recorder.on_certificate(certificate, subject.name());
        Ok(stream)
    }

    fn talk_over(&self, port: &Port, work: Work, mut stream: Stream) -> Result<Pass, Failure> {
        let probing = &self.prober.probing;
        let check = Check {
            account: self.target.account.as_deref(),
            repeats: self.repeats,
            auth: probing.auth,
            envelope: &probing.envelope,
            starttls: probing.starttls,
            password_needs: self.password_needs(port, work),
            work,
            token: &self.token,
            milestone: &|milestone| self.note(milestone),
            channel: match stream {
                Stream::Plain(_) => Channel::Clear,
                Stream::Tls(_) => Channel::Encrypted,
            },
        };
        let mut recorder = self.recorder.borrow_mut();
        let mut lines = Lines::new(&mut stream).observed_by(&mut *recorder);
        match protocols::begin(port.protocol, &mut lines, &check)? {
            Progress::Done(pass) => Ok(pass),
            Progress::StartTls => {
                let budget = lines
                    .end_clear_text()
                    .map_err(|fault| Failure::new(Stage::StartTls, fault))?;
                drop(recorder);
                self.go_on_with_tls(port, stream, budget, &check)
            }
        }
    }

    fn password_needs(&self, port: &Port, work: Work) -> PasswordNeeds {
        let target = self.target;
        if target.account.is_none() || work == Work::Greeting {
            return PasswordNeeds::Nothing;
        }
        let certificates = &self.prober.probing.certificates;
        certificates.password_needs(port, target.tls_name.as_deref())
    }

    /// The server waits for the handshake. A function of its own, and not inlined: else the buffers of
    /// its lines would be stack, and memory, of every thread that never comes here.
    #[inline(never)]
    fn go_on_with_tls(
        &self,
        port: &Port,
        stream: Stream,
        budget: Budget,
        check: &Check<'_>,
    ) -> Result<Pass, Failure> {
        let mut stream = match stream {
            Stream::Plain(stream) => Stream::Tls(self.shake_hands(stream, port, Stage::Upgrade)?),
            // A dialogue on an encrypted channel never asks for TLS.
            Stream::Tls(stream) => Stream::Tls(stream),
        };
        let mut recorder = self.recorder.borrow_mut();
        let mut lines = Lines::resume(&mut stream, budget).observed_by(&mut *recorder);
        protocols::resume(port.protocol, &mut lines, check)
    }
}

/// What an error means that ended a connection with IPv6: of this the error alone does not tell.
fn on_way_of_ipv6(
    fault: Fault,
    is_forbidden_here: impl FnOnce() -> bool,
    is_without_ipv6: impl FnOnce() -> bool,
) -> Fault {
    let fault = match fault {
        Fault::Forbidden if !is_forbidden_here() => Fault::Unreachable,
        fault => fault,
    };
    match fault {
        // An administrator of a network without IPv6 never meant to reach this one from here.
        Fault::Unreachable if is_without_ipv6() => Fault::NoFamily,
        fault => fault,
    }
}

impl Duplex for DeadlineStream {
    fn on_farewell(&mut self) {
        self.hasten(LONGEST_FAREWELL);
    }
}

impl Duplex for Stream {
    fn on_farewell(&mut self) {
        match self {
            Stream::Plain(stream) => stream.on_farewell(),
            Stream::Tls(stream) => stream.get_mut().on_farewell(),
        }
    }
}

/// A machine without a name is as good: the number in a token is unlike any other.
fn host_name() -> String {
    let name = gethostname().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Whether the next look into the mailbox may find what this one did not.
fn may_pass(fault: &Fault) -> bool {
    matches!(fault, Fault::MessageMissing | Fault::MaildropInUse(_))
}

/// Whom the certificate must be for.
enum Subject {
    /// It is not looked at.
    Anybody,
    Known(String),
    /// The address, tried because DNS did not answer. If the certificate is refused, that may be
    /// why, and the backend is not to blame.
    Guessed(String),
}

impl Subject {
    fn name(&self) -> Option<&str> {
        match self {
            Subject::Anybody => None,
            Subject::Known(name) | Subject::Guessed(name) => Some(name),
        }
    }

    fn peer(&self) -> Peer<'_> {
        self.name().map_or(Peer::Anybody, Peer::Named)
    }
}

#[cfg(test)]
mod tests;
