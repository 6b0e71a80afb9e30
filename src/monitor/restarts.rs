//! When a worker that has ended by a defect is started again: after a pause that grows with each time.
//!
//! It knows no thread and no clock.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// One that has run for so long begins with the first pause again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);

/// The backends whose workers have ended by a defect.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    ended: BTreeMap<IpAddr, Ending>,
}

#[derive(Debug)]
struct Ending {
    at: Instant,
    pause: Duration,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Pausing,
    /// To be started as soon as there is a thread for it.
    Due,
    Probed,
}

impl Restarts {
    /// The pause before it is to be started again.
    pub(super) fn on_ended(&mut self, address: IpAddr, now: Instant) -> Duration {
        let pause = match self.ended.get(&address) {
            Some(last) if now < last.at + FORGOTTEN_AFTER => (last.pause * 2).min(LONGEST_PAUSE),
            _ => FIRST_PAUSE,
        };
        let ending = Ending {
            at: now,
            pause,
            progress: Progress::Pausing,
        };
        self.ended.insert(address, ending);
        pause
    }

    /// When the next pause ends.
    pub(super) fn due(&self) -> Option<Instant> {
        let pausing = self.ended.values().filter(|ending| ending.is_pausing());
        pausing.map(Ending::end).min()
    }

    /// Whether a pause has ended since the last call.
    pub(super) fn on_time(&mut self, now: Instant) -> bool {
        let mut ended = false;
        for ending in self.ended.values_mut() {
            if ending.is_pausing() && ending.end() <= now {
                ending.progress = Progress::Due;
                ended = true;
            }
        }
        ended
    }

    /// It is not to be started yet.
    pub(super) fn is_pausing(&self, address: IpAddr) -> bool {
        self.ended.get(&address).map_or(false, Ending::is_pausing)
    }

    /// A worker has made an attempt on this backend; whether it is the first since one had ended.
    pub(super) fn on_probed(&mut self, address: IpAddr) -> bool {
        match self.ended.get_mut(&address) {
            Some(ending) if ending.progress != Progress::Probed => {
                ending.progress = Progress::Probed;
                true
            }
            _ => false,
        }
    }

    pub(super) fn forget(&mut self, address: IpAddr) {
        self.ended.remove(&address);
    }
}

impl Ending {
    fn is_pausing(&self) -> bool {
        self.progress == Progress::Pausing
    }

    fn end(&self) -> Instant {
        self.at + self.pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    #[test]
    fn the_pause_grows_to_five_minutes_and_is_short_again_after_an_hour() {
        let mut restarts = Restarts::default();
        let mut now = Instant::now();
        let mut ended = now;
        let mut pauses = Vec::new();
        for _ in 0..11 {
            ended = now;
            let pause = restarts.on_ended(address(1), now);
            pauses.push(pause.as_secs());
            now += pause;
            assert!(restarts.on_time(now));
            assert!(restarts.on_probed(address(1)));
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        let hour = Duration::from_secs(3600);
        let almost = ended + hour - Duration::from_millis(1);
        assert_eq!(restarts.on_ended(address(1), almost), LONGEST_PAUSE);
        assert_eq!(restarts.on_ended(address(1), almost + hour), FIRST_PAUSE);
    }

    #[test]
    fn each_backend_has_a_pause_of_its_own_that_ends_once() {
        let mut restarts = Restarts::default();
        let now = Instant::now();
        assert_eq!(restarts.due(), None);
        restarts.on_ended(address(1), now);
        restarts.on_ended(address(2), now + FIRST_PAUSE / 2);
        assert_eq!(restarts.due(), Some(now + FIRST_PAUSE));
        assert!(restarts.is_pausing(address(1)) && !restarts.is_pausing(address(3)));

        assert!(!restarts.on_time(now));
        assert!(restarts.on_time(now + FIRST_PAUSE));
        assert!(!restarts.on_time(now + FIRST_PAUSE));
        assert!(!restarts.is_pausing(address(1)) && restarts.is_pausing(address(2)));
        // There is no thread for it, so that nothing but the other's pause is waited for.
        assert_eq!(restarts.due(), Some(now + FIRST_PAUSE * 3 / 2));

        assert!(restarts.on_probed(address(1)));
        assert!(!restarts.on_probed(address(1)), "only once");
        assert!(!restarts.on_probed(address(3)), "it had not ended");
        restarts.forget(address(2));
        assert_eq!(restarts.due(), None);
    }
}
