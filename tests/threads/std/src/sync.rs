//! Mutex and Condvar over shuttle's. A Condvar of shuttle's own never times out, so it is made anew: each
//! waiter sleeps by itself, and a thread that shuttle may run at any moment is its alarm clock.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

pub use shuttle::sync::{atomic, mpsc, Arc, LockResult, PoisonError, Weak};

use crate::choice;
use crate::time::{self, Instant};

#[derive(Debug, Default)]
pub struct Mutex<T>(shuttle::sync::Mutex<T>);

#[derive(Debug)]
pub struct MutexGuard<'a, T> {
    of: &'a Mutex<T>,
    guard: shuttle::sync::MutexGuard<'a, T>,
}

impl<T> Mutex<T> {
    pub fn new(value: T) -> Mutex<T> {
        Mutex(shuttle::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let of = self;
        match self.0.lock() {
            Ok(guard) => Ok(MutexGuard { of, guard }),
            Err(poisoned) => Err(PoisonError::new(MutexGuard {
                of,
                guard: poisoned.into_inner(),
            })),
        }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

#[derive(Debug, Default)]
pub struct Condvar {
    /// No thread of shuttle's is changed while this is held, so the system's own lock will do.
    waiters: std::sync::Mutex<VecDeque<Arc<Waiter>>>,
    /// Another thread may run before each use of the Condvar, as before each use of this.
    turn: atomic::AtomicBool,
}

#[derive(Debug, Default)]
struct Waiter {
    woken: shuttle::sync::Mutex<Option<Woken>>,
    changed: shuttle::sync::Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Woken {
    Told,
    TimeIsOver,
}

impl Condvar {
    pub fn new() -> Condvar {
        Condvar::default()
    }

    pub fn notify_one(&self) {
        self.turn.load(atomic::Ordering::SeqCst);
        loop {
            // Any of them: the system promises no order.
            let waiter = {
                let mut waiters = self.waiters.lock().unwrap();
                match waiters.len() {
                    0 => None,
                    1 => waiters.pop_front(),
                    several => waiters.remove(choice::below(several)),
                }
            };
            match waiter {
                Some(waiter) if !waiter.wake(Woken::Told) => {}
                _ => return,
            }
        }
    }

    pub fn notify_all(&self) {
        self.turn.load(atomic::Ordering::SeqCst);
        let waiters = std::mem::take(&mut *self.waiters.lock().unwrap());
        for waiter in waiters {
            waiter.wake(Woken::Told);
        }
    }

    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let of = guard.of;
        let waiter = self.enter();
        drop(guard);
        waiter.sleep();
        of.lock()
    }

    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        time: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let of = guard.of;
        let end = Instant::now() + time;
        let waiter = self.enter();
        if choice::waits_time_out() {
            let clock = waiter.clone();
            shuttle::thread::spawn(move || clock.wake(Woken::TimeIsOver));
        }
        drop(guard);
        let woken = waiter.sleep();
        if woken == Woken::TimeIsOver {
            time::advance_to(end);
            // Others run while it sleeps; a schedule by priorities might let it sleep time after time.
            shuttle::thread::yield_now();
        }
        let result = WaitTimeoutResult(woken == Woken::TimeIsOver);
        match of.lock() {
            Ok(guard) => Ok((guard, result)),
            Err(poisoned) => Err(PoisonError::new((poisoned.into_inner(), result))),
        }
    }

    fn enter(&self) -> Arc<Waiter> {
        self.turn.load(atomic::Ordering::SeqCst);
        let waiter = Arc::new(Waiter::default());
        self.waiters.lock().unwrap().push_back(waiter.clone());
        waiter
    }
}

impl Waiter {
    fn sleep(&self) -> Woken {
        let mut woken = self.woken.lock().unwrap();
        loop {
            match *woken {
                Some(woken) => return woken,
                None => woken = self.changed.wait(woken).unwrap(),
            }
        }
    }

    /// Not if somebody else was first.
    fn wake(&self, by: Woken) -> bool {
        let mut woken = self.woken.lock().unwrap();
        let is_first = woken.is_none();
        if is_first {
            *woken = Some(by);
            self.changed.notify_one();
        }
        is_first
    }
}
