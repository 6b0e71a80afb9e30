//! What a server's certificate says: an accepted one is read from its handshake. A refused one is read by one
//! further connection, so that the failure can say which names it bears, and its expiry stays visible:
//! native-tls does not show a certificate that it has refused.
//!
//! That connection goes the same way as a probe's, up to the handshake. It verifies nothing, so it must
//! never have anything to say that is worth hiding.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::certificates::{without_password, Advice, Refusal};
use super::{Prober, Subject, LONGEST};
use crate::account::{Account, Envelope, Secret};
use crate::config::settings::{Auth, StartTls};
use crate::config::trust::PasswordNeeds;
use crate::net::stream::DeadlineStream;
use crate::net::tls::{ServerCertificate, Tls, TlsStream};
use crate::outcome::{BadCertificate, Certificate, Failure, Fault};
use crate::probe::protocols::line::Lines;
use crate::probe::protocols::token::Token;
use crate::probe::protocols::{self, Channel, Check, Progress, Repeats, Work};
use crate::service::{Port, Security, Service};
use crate::target::Target;

impl Prober {
    /// Where a certificate was refused, reads it, and adds to the failure which names it bears and when it expired.
    /// That may take as long as an attempt, at most once an hour for a port of a backend. Not inlined: else its stack
    /// would be memory of every thread, also where no certificate is refused.
    #[inline(never)]
    pub(super) fn read_refused(
        &self,
        failure: &mut Failure,
        target: &Target,
        service: &Service,
        timeout: Duration,
        repeats: &Repeats,
    ) -> Option<Arc<Certificate>> {
        let port = match (failure.port, service) {
            (Some(port), _) => port,
            (None, Service::Port(port)) => *port,
            (None, Service::Delivery { .. }) => return None,
        };
        match &mut failure.fault {
            Fault::CertificateRefused(bad) => {
                let certificate = self.refused_certificate(bad, target, &port, timeout);
                let certificate =
                    certificate.map(|read| without_password(read, repeats, Some(&bad.expected)));
                bad.presented = certificate.as_ref().map(|read| read.names.clone());
                if bad.is_out_of_date() {
                    let now = chrono::Utc::now().timestamp();
                    bad.expired = certificate.as_ref().and_then(|read| read.expired_by(now));
                }
                certificate
            }
            _ => None,
        }
    }

    /// What the certificate of a handshake says that went well.
    pub(super) fn read_accepted(
        &self,
        stream: &TlsStream,
        address: IpAddr,
        port: &Port,
    ) -> Option<Arc<Certificate>> {
        let der = stream.peer_certificate().ok()??.to_der().ok()?;
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (address, port.number);
        table.on_accepted(place, &der, Instant::now(), ServerCertificate::from_der)
    }

    fn refused_certificate(
        &self,
        bad: &BadCertificate,
        target: &Target,
        port: &Port,
        timeout: Duration,
    ) -> Option<Arc<Certificate>> {
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
                table().on_reading(place, certificate)
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
        let stream = self.connect(target.address, port, deadline).ok()?;
        let stream = match port.security {
            Security::Tls => stream,
            Security::Plain => ask_for_tls(stream, port, &self.token(&Service::Port(*port)))?,
        };
        Tls::read_certificate(stream, &name)
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
        repeats: &Repeats::default(),
        auth: Auth::Login,
        envelope: &Envelope::default(),
        starttls: StartTls::Required,
        // Nobody logs in.
        password_needs: PasswordNeeds::Nothing,
        // LMTP changes to TLS before it sends a recipient.
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
