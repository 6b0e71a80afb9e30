//! One attempt on one port of a backend: name, connection, TLS, dialogue, under one deadline.
//!
//! It reports what happened. When to try and what follows is decided by `schedule` and `policy`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::account::{Account, Envelope};
use crate::config::settings::{Probing, Verify};
use crate::net::names::{Name, Names};
use crate::net::stream::{DeadlineStream, Stream};
use crate::net::tls::{Tls, TlsSetupError, TlsStream};
use crate::outcome::{Failure, Fault, Outcome, Pass, Stage};
use crate::proto::line::Lines;
use crate::proto::{self, Channel, Check, Progress};
use crate::service::{Protocol, Security, Service};

/// Why no probe can be made as configured.
pub type ProbeSetupError = TlsSetupError;

/// A time limit beyond this is none; the clock's arithmetic has an end.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Makes attempts; shared by all threads.
#[derive(Debug)]
pub struct Prober {
    timeout: Duration,
    verify: Verify,
    envelope: Envelope,
    account: Option<Account>,
    tls: Tls,
    names: Arc<Names>,
}

impl Prober {
    pub fn new(probing: &Probing, account: Option<Account>) -> Result<Prober, ProbeSetupError> {
        Prober::with_names(probing, account, Arc::new(Names::from_system()))
    }

    /// Another one for changed settings, an edited CA file or account, that keeps the names known.
    pub fn renewed(
        &self,
        probing: &Probing,
        account: Option<Account>,
    ) -> Result<Prober, ProbeSetupError> {
        Prober::with_names(probing, account, self.names.clone())
    }

    fn with_names(
        probing: &Probing,
        account: Option<Account>,
        names: Arc<Names>,
    ) -> Result<Prober, ProbeSetupError> {
        Ok(Prober {
            timeout: probing.timeout.min(LONGEST),
            verify: probing.verify.clone(),
            envelope: probing.envelope.clone(),
            account,
            tls: Tls::new(&probing.verify, probing.ca_file.as_deref())?,
            names,
        })
    }

    /// Blocks, for at most the configured time.
    pub fn attempt(&self, address: IpAddr, service: &Service) -> Outcome {
        let began = Instant::now();
        let result = self.try_service(address, service, began);
        Outcome {
            began,
            latency: began.elapsed(),
            result,
        }
    }

    fn try_service(
        &self,
        address: IpAddr,
        service: &Service,
        began: Instant,
    ) -> Result<Pass, Failure> {
        let deadline = began + self.timeout;
        let connect = || {
            DeadlineStream::connect(address, service.port, deadline)
                .map_err(|error| Failure::new(Stage::Connect, Fault::from_io(&error)))
        };
        match service.security {
            Security::Tls => {
                let subject = self
                    .subject(address, began)
                    .map_err(|fault| Failure::new(Stage::Prepare, fault))?;
                let stream = self.upgrade(connect()?, &subject)?;
                self.talk(address, service.protocol, Stream::Tls(stream))
            }
            Security::Plain => {
                if self.may_start_tls(service.protocol) {
                    // Only begins the lookup, so that the name is there once it is needed.
                    let _ = self.subject(address, began);
                }
                self.talk(address, service.protocol, Stream::Plain(connect()?))
            }
        }
    }

    fn talk(&self, address: IpAddr, protocol: Protocol, stream: Stream) -> Result<Pass, Failure> {
        let check = Check {
            account: self.account.as_ref(),
            envelope: &self.envelope,
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
                    .subject(address, Instant::now())
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
    fn may_start_tls(&self, protocol: Protocol) -> bool {
        match protocol {
            Protocol::Imap | Protocol::Pop3 => self.account.is_some(),
            Protocol::Lmtp => self.envelope.to.is_some(),
            Protocol::AnyLine => false,
        }
    }

    fn subject(&self, address: IpAddr, now: Instant) -> Result<Subject, Fault> {
        let (name, certainty) = match &self.verify {
            Verify::Off => (address.to_string(), Certainty::Known),
            Verify::Name(name) => (name.clone(), Certainty::Known),
            Verify::AddressName => match self.names.name_of(address, now) {
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
