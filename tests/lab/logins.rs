//! Users who log in all the time, to the same door, and what became of each login.
//!
//! A login counts as failed if the server refused it, closed the connection, or gave no answer in time.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::haproxy::HaProxy;
use super::mail_client::Session;
use super::passwords::marked;

/// From the beginning of a login to that of the next.
pub const PAUSE: Duration = Duration::from_millis(100);
/// How long a user waits for an answer.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// A login and its end.
#[derive(Clone, Copy, Debug)]
struct Noted {
    began: Instant,
    ended: Instant,
    succeeded: bool,
}

/// Logins of the same time, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub tried: usize,
    pub failed: usize,
}

pub struct Logins {
    is_over: Arc<AtomicBool>,
    noted: Arc<Mutex<Vec<Noted>>>,
    pacer: Option<JoinHandle<()>>,
}

impl Logins {
    /// One login every tenth of a second, each on a thread of its own, so that none waits for another.
    pub fn start(door: SocketAddr, user: &str, password: &str) -> Logins {
        let is_over = Arc::new(AtomicBool::new(false));
        let noted = Arc::new(Mutex::new(Vec::new()));
        let (user, password) = (user.to_owned(), marked(password));
        let (over, notes) = (Arc::clone(&is_over), Arc::clone(&noted));
        let pacer = thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let (user, password, notes) = (user.clone(), password.clone(), Arc::clone(&notes));
                thread::spawn(move || {
                    let began = Instant::now();
                    let login = Session::log_in_within(PATIENCE, door, &user, &password);
                    let succeeded = login.is_ok() && began.elapsed() <= PATIENCE;
                    let ended = Instant::now();
                    notes.lock().unwrap().push(Noted {
                        began,
                        ended,
                        succeeded,
                    });
                });
                // Pause: users come at this pace.
                thread::sleep(PAUSE);
            }
        });
        Logins {
            is_over,
            noted,
            pacer: Some(pacer),
        }
    }

    /// Those that began since then and have ended.
    pub fn since(&self, moment: Instant) -> Count {
        self.between(moment, Instant::now())
    }

    /// Those that began within this time and have ended.
    pub fn between(&self, from: Instant, to: Instant) -> Count {
        let noted = self.noted.lock().unwrap();
        let mut count = Count::default();
        for login in noted
            .iter()
            .filter(|login| from <= login.began && login.began < to)
        {
            count.tried += 1;
            count.failed += usize::from(!login.succeeded);
        }
        count
    }

    /// The latest end of a failed login that began since then.
    pub fn last_failure(&self, from: Instant) -> Option<Instant> {
        let noted = self.noted.lock().unwrap();
        let failed = noted
            .iter()
            .filter(|login| from <= login.began && !login.succeeded);
        failed.map(|login| login.ended).max()
    }
}

impl Drop for Logins {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(pacer) = self.pacer.take() {
            let _ = pacer.join();
        }
    }
}

/// What a failure came to, for the users.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// After how long HAProxy sent nobody there any more; none if it did so for the whole time.
    pub noticed: Option<Duration>,
    /// Logins that began within the time watched.
    pub logins: Count,
    /// Of these, those that began a second or more after it was noticed.
    pub afterwards: Count,
}

/// Causes the failure and watches for so long; `glance` is called all the while.
pub fn measure(
    haproxy: &HaProxy,
    server: &str,
    logins: &Logins,
    watched: Duration,
    cause: impl FnOnce(),
    mut glance: impl FnMut(),
) -> Measured {
    cause();
    let failed_at = Instant::now();
    let end = failed_at + watched;
    let mut noticed = None;
    while Instant::now() < end {
        let line = haproxy.server(server);
        if noticed.is_none() && line.map_or(false, |line| !line.takes_users()) {
            noticed = Some(failed_at.elapsed());
        }
        glance();
        // Pause: HAProxy tells of no change by itself: it is asked again and again.
        thread::sleep(Duration::from_millis(20));
    }
    // The last of them may take their whole patience.
    let all_ended = end + PATIENCE + Duration::from_millis(200);
    while Instant::now() < all_ended {
        glance();
        // Pause: HAProxy is asked again and again, as above.
        thread::sleep(Duration::from_millis(50));
    }
    let afterwards = match noticed {
        Some(noticed) => logins.between(failed_at + noticed + Duration::from_secs(1), end),
        None => Count::default(),
    };
    Measured {
        noticed,
        logins: logins.between(failed_at, end),
        afterwards,
    }
}
