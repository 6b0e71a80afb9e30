//! The refused certificates that were read: what they say, and when the next may be read.
//!
//! It knows no clock and no connection: time is passed in, and whoever is told to read a certificate
//! does so.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::net::tls::ServerCertificate;
use crate::quote::Quote;

/// From one reading at a port of a backend to the next: each is one connection more.
pub(super) const PAUSE: Duration = Duration::from_secs(3600);
/// Two ports on each of as many backends as are expected at most. Those beyond are not read.
const MOST: usize = 4096;

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
    readings: BTreeMap<Place, Reading>,
}

#[derive(Debug)]
struct Reading {
    began: Instant,
    refusal: Refusal,
    /// Nothing while the reading goes on, and if it failed.
    certificate: Option<ServerCertificate>,
}

/// What to do about a refused certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Advice {
    /// Read it, and tell what came of it. Nobody else is told so for this port within the hour, whatever
    /// comes of it.
    Read,
    Known(ServerCertificate),
    /// It could not be read, or another one was.
    Unknown,
}

impl CertificateTable {
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

    pub(super) fn on_reading(&mut self, place: Place, certificate: Option<ServerCertificate>) {
        if let Some(reading) = self.readings.get_mut(&place) {
            reading.certificate = certificate;
        }
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
        ServerCertificate { names }
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
        let known = Advice::Known(certificate("a"));
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
