//! One attempt on one port of a backend: name, connection, TLS, dialogue, under one deadline.
//!
//! It reports what happened. When to try and what follows is decided by `schedule` and `policy`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::account::Envelope;
use crate::config::settings::{Probing, StartTls, Verify};
use crate::net::names::{Name, Names};
use crate::net::stream::{DeadlineStream, Stream};
use crate::net::tls::{Tls, TlsSetupError, TlsStream};
use crate::outcome::{Failure, Fault, Outcome, Pass, Stage};
use crate::proto::line::Lines;
use crate::proto::{self, Channel, Check, Progress};
use crate::service::{Port, Protocol, Security, Service};
use crate::target::Target;

/// Why no probe can be made as configured.
pub type ProbeSetupError = TlsSetupError;

/// A time limit beyond this is none; the clock's arithmetic has an end.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Makes attempts; shared by all threads.
#[derive(Debug)]
pub struct Prober {
    verify: Verify,
    envelope: Envelope,
    starttls: StartTls,
    tls: Tls,
    names: Arc<Names>,
}

impl Prober {
    pub fn new(probing: &Probing) -> Result<Prober, ProbeSetupError> {
        Prober::with_names(probing, Arc::new(Names::from_system()))
    }

    /// Another one for changed settings or an edited CA file, that keeps the names known.
    pub fn renewed(&self, probing: &Probing) -> Result<Prober, ProbeSetupError> {
        Prober::with_names(probing, self.names.clone())
    }

    fn with_names(probing: &Probing, names: Arc<Names>) -> Result<Prober, ProbeSetupError> {
        Ok(Prober {
            verify: probing.verify.clone(),
            envelope: probing.envelope.clone(),
            starttls: probing.starttls,
            tls: Tls::new(&probing.verify, probing.ca_file.as_deref())?,
            names,
        })
    }

    /// Blocks, for at most the time given.
    pub fn attempt(&self, target: &Target, service: &Service, timeout: Duration) -> Outcome {
        let began = Instant::now();
        let deadline = began + timeout.min(LONGEST);
        let result = self.try_service(target, service, deadline);
        Outcome {
            began,
            latency: began.elapsed(),
            delivery: None,
            result,
        }
    }

    fn try_service(
        &self,
        target: &Target,
        service: &Service,
        deadline: Instant,
    ) -> Result<Pass, Failure> {
        match service {
            Service::Port(port) => self.try_port(target, port, deadline),
            Service::Delivery { deliver, read } => {
                self.try_port(target, deliver, deadline)?;
                self.try_port(target, read, deadline)
            }
        }
    }

    fn try_port(&self, target: &Target, port: &Port, deadline: Instant) -> Result<Pass, Failure> {
        let connect = || {
            DeadlineStream::connect(target.address, port.number, deadline)
                .map_err(|error| Failure::new(Stage::Connect, Fault::from_io(&error)))
        };
        match port.security {
            Security::Tls => {
                let subject = self
                    .subject(target)
                    .map_err(|fault| Failure::new(Stage::Prepare, fault))?;
                let stream = self.upgrade(connect()?, &subject)?;
                self.talk(target, port.protocol, Stream::Tls(stream))
            }
            Security::Plain => {
                if self.may_start_tls(target, port.protocol) {
                    // Only begins the lookup, so that the name is there once it is needed.
                    let _ = self.subject(target);
                }
                self.talk(target, port.protocol, Stream::Plain(connect()?))
            }
        }
    }

    fn talk(&self, target: &Target, protocol: Protocol, stream: Stream) -> Result<Pass, Failure> {
        let check = Check {
            account: target.account.as_deref(),
            envelope: &self.envelope,
            starttls: self.starttls,
            channel: match stream {
                Stream::Plain(_) => Channel::Clear,
                Stream::Tls(_) => Channel::Encrypted,
            },
        };
        let mut lines = Lines::new(stream);
        match proto::begin(protocol, &mut lines, &check)? {
            Progress::Done(pass) => return Ok(pass),
            Progress::StartTls => {}
        }
        let (stream, budget) = lines
            .into_stream()
            .map_err(|fault| Failure::new(Stage::StartTls, fault))?;
        let stream = match stream {
            Stream::Plain(stream) => {
                let subject = self
                    .subject(target)
                    .map_err(|fault| Failure::new(Stage::Tls, fault))?;
                Stream::Tls(self.upgrade(stream, &subject)?)
            }
            // A dialogue on an encrypted channel never asks for TLS.
            Stream::Tls(stream) => Stream::Tls(stream),
        };
        proto::resume(protocol, &mut Lines::resume(stream, budget), &check)
    }

    fn upgrade(&self, stream: DeadlineStream, subject: &Subject) -> Result<TlsStream, Failure> {
        self.tls.upgrade(stream, &subject.name).map_err(|fault| {
            let fault = match (fault, subject.certainty) {
                (Fault::CertificateRefused(_), Certainty::Guessed) => Fault::NameUnknown,
                (fault, _) => fault,
            };
            Failure::new(Stage::Tls, fault)
        })
    }

    /// Dialogues turn to TLS only for something worth hiding.
    fn may_start_tls(&self, target: &Target, protocol: Protocol) -> bool {
        if self.starttls == StartTls::Never {
            return false;
        }
        match protocol {
            Protocol::Imap | Protocol::Pop3 => target.account.is_some(),
            Protocol::Lmtp => self.envelope.to.is_some(),
            Protocol::AnyLine => false,
        }
    }

    fn subject(&self, target: &Target) -> Result<Subject, Fault> {
        let address = target.address;
        let (name, certainty) = match (&self.verify, &target.tls_name) {
            (Verify::Off, _) => (address.to_string(), Certainty::Known),
            (_, Some(name)) => (name.to_string(), Certainty::Known),
            (Verify::Name(name), None) => (name.clone(), Certainty::Known),
            (Verify::AddressName, None) => match self.names.name_of(address, Instant::now()) {
                Name::Pending => return Err(Fault::NamePending),
                Name::Known(name) => (name, Certainty::Known),
                Name::Nameless => (address.to_string(), Certainty::Known),
                Name::Unknown => (address.to_string(), Certainty::Guessed),
            },
        };
        Ok(Subject { name, certainty })
    }
}

/// Whom the certificate must be for.
struct Subject {
    name: String,
    certainty: Certainty,
}

#[derive(Clone, Copy)]
enum Certainty {
    Known,
    /// The address, tried because DNS did not answer. If the certificate is refused, that may be
    /// why, and the backend is not to blame.
    Guessed,
}

#[cfg(test)]
mod tests;
