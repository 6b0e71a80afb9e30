//! How many arenas glibc allocates memory from. By itself it takes eight a processor for a program of as
//! many threads, and each keeps what its threads have freed: on a large machine every backend's thread
//! would have one of its own. What holds the memory is not known here.
//!
//! Unsafe because no library has `mallopt` for Rust.

/// All threads share two. They hardly ever allocate at the same time, and each further arena would only keep more
/// freed memory.
///
/// To be called before the first thread starts. Another C library than glibc has no arenas.
#[allow(unsafe_code)]
pub fn limit() {
    #[cfg(target_env = "gnu")]
    {
        use nix::libc::{mallopt, M_ARENA_MAX};
        // SAFETY: mallopt takes two numbers and locks what it changes. Where it fails, nothing has changed.
        let _ = unsafe { mallopt(M_ARENA_MAX, 2) };
    }
}
