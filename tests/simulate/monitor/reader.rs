//! The connection over which a monitor in virtual time reads the lists: each second, and when it is asked to.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use poolmon::monitor::Input;
use poolmon::pool::director::error::{DirectorError, DirectorFault, DirectorStage};
use poolmon::pool::director::reading::Lists;
use poolmon::pool::{PoolError, Unconnected};

use super::{Heard, Monitor, Order};

const READING_INTERVAL: Duration = Duration::from_secs(1);

/// `src/pool/watch.rs`, without its thread.
pub(super) struct Reader {
    pub(super) connection: u64,
    /// Whether it has read before.
    pub(super) stands: bool,
    pub(super) reading: bool,
    pub(super) asked: bool,
    pub(super) pauses: u64,
}

impl Monitor {
    pub fn on_reader_wakes(&mut self, connection: u64, pause: u64) {
        let is_due = |reader: &Reader| {
            reader.connection == connection && reader.pauses == pause && !reader.reading
        };
        if self.reader.as_ref().map_or(false, is_due) {
            self.read();
        }
    }

    pub(super) fn read(&mut self) {
        if let Some(reader) = &mut self.reader {
            reader.reading = true;
            reader.asked = false;
            self.orders.push(Order::ReadLists {
                connection: reader.connection,
            });
        }
    }

    /// Whether this connection is still open.
    pub fn reads_over(&self, connection: u64) -> bool {
        let reader = self.reader.as_ref();
        reader.map_or(false, |reader| reader.connection == connection)
    }

    /// What its reading over this connection came to, which began then.
    pub fn on_heard(&mut self, connection: u64, heard: Heard, began: Instant, now: Instant) {
        let reader = match &mut self.reader {
            Some(reader) if reader.connection == connection => reader,
            _ => return,
        };
        reader.reading = false;
        let stands = std::mem::replace(&mut reader.stands, true);
        let stage = match stands {
            true => DirectorStage::HostList,
            false => DirectorStage::Connect,
        };
        let reading = match heard {
            Heard::Lists(hosts, ring) => Ok(Lists { began, hosts, ring }.into()),
            Heard::HaProxy(reading) => Ok(*reading),
            Heard::TimedOut => Err(error(stage, DirectorFault::TimedOut)),
            Heard::Gone => Err(match stands {
                true => error(stage, DirectorFault::Closed),
                false => error(stage, DirectorFault::Connect(Unconnected::Refused)),
            }),
        };
        self.has_read |= reading.is_ok();
        if reading.is_ok() {
            reader.pauses += 1;
            let pause = reader.pauses;
            match reader.asked {
                true => self.read(),
                false => self.orders.push(Order::WakeReader {
                    connection,
                    pause,
                    at: now.max(began + READING_INTERVAL),
                }),
            }
        }
        let input = Input::Lists {
            connection,
            reading,
        };
        self.tell(input, now);
    }
}

pub(super) fn error(stage: DirectorStage, fault: DirectorFault) -> PoolError {
    let error = DirectorError {
        socket: PathBuf::from("/admin"),
        stage,
        fault,
    };
    error.into()
}
