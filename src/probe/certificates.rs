//! The certificates that were read, accepted and refused ones: what they say, and when they are read again.
//!
//! It knows no clock and no connection: time is passed in, and whoever is told to read a certificate
//! does so.

use std::collections::hash_map::RandomState;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::net::tls::ServerCertificate;
use crate::outcome::Certificate;
use crate::probe::protocols::Repeats;
use crate::quote::Quote;

/// From one reading at a port of a backend to the next: each is one connection more.
pub(super) const PAUSE: Duration = Duration::from_secs(3600);
/// Two ports on each of as many backends as are expected at most. Those beyond are not read.
const MOST: usize = 4096;

/// In place of a name.
const WITHHELD: &str = "(name withheld, it repeats a part of the password)";

/// A port of a backend.
pub(super) type Place = (IpAddr, u16);

/// Why a certificate was refused. What was read for one reason is not shown for another, since it is
/// likely that there is another certificate then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: Quote,
    pub(super) expected: Quote,
}

#[derive(Debug, Default)]
pub(super) struct CertificateTable {
    accepted: BTreeMap<Place, Accepted>,
    keys: RandomState,
    /// Of refused ones.
    readings: BTreeMap<Place, Reading>,
}

/// A certificate that a handshake has shown, by the digest of its bytes.
#[derive(Debug)]
struct Accepted {
    digest: u64,
    certificate: Arc<Certificate>,
}

#[derive(Debug)]
struct Reading {
    began: Instant,
    refusal: Refusal,
    /// Nothing while the reading goes on, and if it failed.
    certificate: Option<Arc<Certificate>>,
}

/// What to do about a refused certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Advice {
    /// Read it, and tell what came of it. Nobody else is told so for this port within the hour, whatever
    /// comes of it.
    Read,
    Known(Arc<Certificate>),
    /// It could not be read, or another one was.
    Unknown,
}

impl CertificateTable {
    /// What an accepted certificate says. It is read if it is another one than before, and once an hour: to
    /// parse one takes OpenSSL 3 as long as an eighth of a TLS probe.
    pub(super) fn on_accepted(
        &mut self,
        place: Place,
        der: &[u8],
        now: Instant,
        read: impl FnOnce(&[u8]) -> Option<ServerCertificate>,
    ) -> Option<Arc<Certificate>> {
        let mut hasher = self.keys.build_hasher();
        hasher.write(der);
        let digest = hasher.finish();
        let is_recent =
            |known: &Accepted| now.saturating_duration_since(known.certificate.read) < PAUSE;
        match self.accepted.get(&place) {
            Some(known) if known.digest == digest && is_recent(known) => {
                return Some(known.certificate.clone());
            }
            None if self.accepted.len() >= MOST => {
                self.accepted.retain(|_, known| is_recent(known));
            }
            _ => {}
        }
        let certificate = Arc::new(shown(read(der)?, now, true));
        if self.accepted.len() < MOST || self.accepted.contains_key(&place) {
            let known = Accepted {
                digest,
                certificate: certificate.clone(),
            };
            self.accepted.insert(place, known);
        }
        Some(certificate)
    }

    pub(super) fn on_refusal(&mut self, place: Place, refusal: &Refusal, now: Instant) -> Advice {
        let is_recent = |reading: &Reading| now.saturating_duration_since(reading.began) < PAUSE;
        match self.readings.get(&place) {
            Some(reading) if is_recent(reading) => {
                return match &reading.certificate {
                    Some(certificate) if reading.refusal == *refusal => {
                        Advice::Known(certificate.clone())
                    }
                    _ => Advice::Unknown,
                };
            }
            Some(_) => {}
            None if self.readings.len() < MOST => {}
            None => {
                self.readings.retain(|_, reading| is_recent(reading));
                if self.readings.len() >= MOST {
                    return Advice::Unknown;
                }
            }
        }
        let reading = Reading {
            began: now,
            refusal: refusal.clone(),
            certificate: None,
        };
        self.readings.insert(place, reading);
        Advice::Read
    }

    /// What came of a reading, as it is to be shown from now on.
    pub(super) fn on_reading(
        &mut self,
        place: Place,
        certificate: Option<ServerCertificate>,
    ) -> Option<Arc<Certificate>> {
        let reading = self.readings.get_mut(&place)?;
        let began = reading.began;
        reading.certificate =
            certificate.map(|certificate| Arc::new(shown(certificate, began, false)));
        reading.certificate.clone()
    }
}

/// What may be shown of a certificate of a server that may have learnt this password. The name that was asked for is
/// not the server's to choose, so it tells nothing. The table keeps all names: other accounts have other passwords.
pub(super) fn without_password(
    mut certificate: Arc<Certificate>,
    repeats: &Repeats,
    expected: Option<&Quote>,
) -> Arc<Certificate> {
    let are_in = |name: &Quote| Some(name) != expected && repeats.are_in(&name.unescaped());
    if certificate.names.first.iter().any(are_in) {
        let names = &mut Arc::make_mut(&mut certificate).names;
        for name in names.first.iter_mut().filter(|name| are_in(name)) {
            *name = Quote::new(WITHHELD);
        }
    }
    certificate
}

fn shown(certificate: ServerCertificate, read: Instant, accepted: bool) -> Certificate {
    let ServerCertificate {
        names,
        not_after,
        chain_not_after,
    } = certificate;
    Certificate {
        read,
        not_after,
        chain_not_after,
        names,
        accepted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::PresentedNames;

    fn certificate(name: &str) -> ServerCertificate {
        let names = PresentedNames {
            first: vec![Quote::new(name)],
            more: 0,
        };
        ServerCertificate {
            names,
            not_after: 1,
            chain_not_after: 1,
        }
    }

    fn refusal(reason: &str) -> Refusal {
        Refusal {
            reason: Quote::new(reason),
            expected: Quote::new("mail.example"),
        }
    }

    fn place(number: u32) -> Place {
        (IpAddr::V4(number.into()), 993)
    }

    #[test]
    fn an_accepted_certificate_is_read_when_it_changes_and_once_an_hour() {
        let mut table = CertificateTable::default();
        let start = Instant::now();
        let mut readings = 0;
        let mut accepted = |place, der: &[u8], now| {
            let known = table.on_accepted(place, der, now, |_| {
                readings += 1;
                Some(certificate("a"))
            });
            (readings, known.unwrap().read)
        };
        let almost = start + PAUSE - Duration::from_nanos(1);
        let hour = start + PAUSE;
        assert_eq!(accepted(place(1), b"one", start), (1, start));
        assert_eq!(accepted(place(1), b"one", almost), (1, start));
        assert_eq!(accepted(place(2), b"one", almost), (2, almost));
        assert_eq!(accepted(place(1), b"two", almost), (3, almost), "renewed");
        assert_eq!(accepted(place(2), b"one", hour), (3, almost));
        let later = almost + PAUSE;
        assert_eq!(accepted(place(1), b"two", later), (4, later));
        let nothing = table.on_accepted(place(1), b"three", later, |_| None);
        assert_eq!(nothing, None, "it cannot be read");
    }

    #[test]
    fn of_too_many_ports_accepted_certificates_are_not_kept() {
        let mut table = CertificateTable::default();
        let start = Instant::now();
        for number in 0..=MOST as u32 {
            let read = |_: &[u8]| Some(certificate("a"));
            assert!(table
                .on_accepted(place(number), b"a", start, read)
                .is_some());
        }
        assert_eq!(table.accepted.len(), MOST);
    }

    #[test]
    fn a_certificate_is_read_once_an_hour_at_each_port_of_each_backend() {
        let mut table = CertificateTable::default();
        let start = Instant::now();
        let expired = refusal("has expired");
        let other_port = (place(1).0, 143);
        for place in [place(1), place(2), other_port] {
            assert_eq!(table.on_refusal(place, &expired, start), Advice::Read);
        }
        // Under way, or failed.
        assert_eq!(table.on_refusal(place(1), &expired, start), Advice::Unknown);
        table.on_reading(place(1), None);
        assert_eq!(table.on_refusal(place(1), &expired, start), Advice::Unknown);

        table.on_reading(place(2), Some(certificate("a")));
        let almost = start + PAUSE - Duration::from_nanos(1);
        let known = Advice::Known(Arc::new(shown(certificate("a"), start, false)));
        assert_eq!(table.on_refusal(place(2), &expired, almost), known);
        let mismatch = refusal("hostname mismatch");
        let advice = table.on_refusal(place(2), &mismatch, almost);
        assert_eq!(advice, Advice::Unknown, "for another reason");

        for place in [place(1), place(2), other_port] {
            let advice = table.on_refusal(place, &mismatch, start + PAUSE);
            assert_eq!(advice, Advice::Read);
        }
        let advice = table.on_refusal(place(2), &mismatch, start + PAUSE);
        assert_eq!(advice, Advice::Unknown, "what was read before is old");
    }

    #[test]
    fn a_full_table_has_room_again_after_an_hour() {
        let mut table = CertificateTable::default();
        let start = Instant::now();
        let expired = refusal("has expired");
        for number in 0..MOST as u32 {
            let advice = table.on_refusal(place(number), &expired, start);
            assert_eq!(advice, Advice::Read);
        }
        let more = place(MOST as u32);
        assert_eq!(table.on_refusal(more, &expired, start), Advice::Unknown);
        assert_eq!(table.readings.len(), MOST);
        let later = start + PAUSE;
        assert_eq!(table.on_refusal(more, &expired, later), Advice::Read);
        assert_eq!(table.readings.len(), 1);
    }
}
