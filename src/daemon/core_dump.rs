//! What a broken or inspected process gives away: passwords are in its memory, so no core is written of
//! it, and processes of the same user cannot read it.
//!
//! Unsafe because nix has prctl only since 0.27, and Debian 12 has 0.26.

use std::io;
use std::os::raw::c_ulong;

use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{getrlimit, setrlimit, Resource};

/// To be called before the first password is read. It holds over a fork, and for the limit over an
/// exec as well: programs that this one starts write no core either.
///
/// An error says what could not be done; the other half has been.
pub fn forbid() -> io::Result<()> {
    let limited = limit_to_nothing();
    // A core that goes to a program by a pipe is not bound by the limit.
    not_dumpable()?;
    limited
}

fn limit_to_nothing() -> io::Result<()> {
    // Where somebody has done so already, a sandbox may forbid the call.
    if getrlimit(Resource::RLIMIT_CORE) == Ok((0, 0)) {
        return Ok(());
    }
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(io::Error::from)
}

#[allow(unsafe_code)]
fn not_dumpable() -> io::Result<()> {
    let no: c_ulong = 0;
    // SAFETY: PR_SET_DUMPABLE takes a number and changes nothing but a mark of this process.
    let result = unsafe { libc::prctl(libc::PR_SET_DUMPABLE, no, no, no, no) };
    Errno::result(result).map(drop).map_err(io::Error::from)
}
