//! A refused certificate is read by one further connection, so that the failure can say which names
//! it bears: native-tls does not show a certificate that it has refused.
//!
//! The connection goes the same way as a probe's, up to the handshake. It verifies nothing, so it must
//! never have anything to say that is worth hiding.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::certificates::{Advice, Refusal};
use super::{Prober, Subject, LONGEST};
use crate::account::{Account, Envelope, Secret};
use crate::config::settings::{Auth, StartTls};
use crate::net::stream::DeadlineStream;
use crate::net::tls::ServerCertificate;
use crate::outcome::{BadCertificate, Failure, Fault};
use crate::probe::protocols::line::Lines;
use crate::probe::protocols::token::Token;
use crate::probe::protocols::{self, Channel, Check, Progress, Work};
use crate::service::{Port, Security, Service};
use crate::target::Target;

impl Prober {
    /// The failure, where a certificate was refused with the names that it bears, if they can be read.
    /// That may take as long as an attempt, at most once an hour for a port of a backend. Not inlined: else
    /// its stack would be memory of every thread, also where no certificate is refused.
    #[inline(never)]
    pub(super) fn with_names_presented(
        &self,
        mut failure: Failure,
        target: &Target,
        service: &Service,
        timeout: Duration,
    ) -> Failure {
        let port = match (failure.port, service) {
            (Some(port), _) => port,
            (None, Service::Port(port)) => *port,
            (None, Service::Delivery { .. }) => return failure,
        };
        if let Fault::CertificateRefused(bad) = &mut failure.fault {
            let certificate = self.refused_certificate(bad, target, &port, timeout);
            bad.presented = certificate.map(|certificate| certificate.names);
        }
        failure
    }

    fn refused_certificate(
        &self,
        bad: &BadCertificate,
        target: &Target,
        port: &Port,
        timeout: Duration,
    ) -> Option<ServerCertificate> {
        let place = (target.address, port.number);
        let refusal = Refusal {
            reason: bad.reason.clone(),
            expected: bad.expected.clone(),
        };
        let table = || self.table.lock().unwrap_or_else(PoisonError::into_inner);
        // The table is not locked while somebody reads.
        let advice = table().on_refusal(place, &refusal, Instant::now());
        match advice {
            Advice::Read => {
                let certificate = self.read_certificate(target, port, timeout);
                table().on_reading(place, certificate.clone());
                certificate
            }
            Advice::Known(certificate) => Some(certificate),
            Advice::Unknown => None,
        }
    }

    /// The server chooses its certificate by the name it is asked for, so it is asked for the same.
    fn read_certificate(
        &self,
        target: &Target,
        port: &Port,
        timeout: Duration,
    ) -> Option<ServerCertificate> {
        let name = match self.subject(target, port).ok()? {
            Subject::Known(name) | Subject::Guessed(name) => name,
            Subject::Anybody => return None,
        };
        let deadline = Instant::now() + timeout.min(LONGEST);
        let stream = DeadlineStream::connect(target.address, port.number, deadline).ok()?;
        let stream = match port.security {
            Security::Tls => stream,
            Security::Plain => ask_for_tls(stream, port, &self.token(&Service::Port(*port)))?,
        };
        self.tls.read_certificate(stream, &name)
    }
}

/// The dialogue up to the handshake. Nobody's account, and TLS required: so that it has no password to
/// say, and ends where TLS is no longer on offer.
fn ask_for_tls(mut stream: DeadlineStream, port: &Port, token: &Token) -> Option<DeadlineStream> {
    let nobody = Account {
        user: Vec::new(),
        password: Secret::new(Vec::new()),
        master: None,
    };
    let check = Check {
        account: Some(&nobody),
        auth: Auth::Login,
        envelope: &Envelope::default(),
        starttls: StartTls::Required,
        // LMTP turns to TLS for a recipient.
        work: Work::Deliver,
        token,
        milestone: &|_| {},
        channel: Channel::Clear,
    };
    let mut lines = Lines::new(&mut stream);
    match protocols::begin(port.protocol, &mut lines, &check).ok()? {
        Progress::StartTls => lines.end_clear_text().ok().map(|_| stream),
        Progress::Done(_) => None,
    }
}
