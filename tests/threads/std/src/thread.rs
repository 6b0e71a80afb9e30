//! Threads of shuttle's. Where the check wants it, some cannot be started.

use std::io;

pub use shuttle::thread::*;

use crate::choice;

pub struct Builder(shuttle::thread::Builder);

impl Builder {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Builder {
        Builder(shuttle::thread::Builder::new())
    }

    pub fn name(self, name: String) -> Builder {
        Builder(self.0.name(name))
    }

    /// What shuttle needs for a thread is its own business.
    pub fn stack_size(self, _: usize) -> Builder {
        self
    }

    pub fn spawn<F, T>(self, work: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match choice::is_thread_refused() {
            true => Err(io::ErrorKind::WouldBlock.into()),
            false => self.0.spawn(work),
        }
    }
}
