//! A text for a stream that whoever started this process reads, or does not: a pipe that is full would be waited for.
//! Before the fork no thread can do that.
//!
//! Unsafe because the types of nix's poll differ between the versions that this program is built with.

use std::io::Write;
use std::os::unix::io::AsRawFd;
use std::time::{Duration, Instant};

use nix::libc::{poll, pollfd, POLLERR, POLLHUP, POLLOUT};

/// A pipe that says it can be written takes so much at once (PIPE_BUF).
const AT_ONCE: usize = 4096;

/// Writes it as far as the stream takes it until the time is over. The rest is lost.
pub fn write(stream: &mut (impl Write + AsRawFd), text: &[u8], patience: Duration) {
    let end = Instant::now() + patience;
    for piece in text.chunks(AT_ONCE) {
        let left = end.saturating_duration_since(Instant::now());
        if !is_writable(stream, left) || stream.write_all(piece).is_err() {
            return;
        }
    }
}

#[allow(unsafe_code)]
fn is_writable(stream: &impl AsRawFd, patience: Duration) -> bool {
    let mut asked = pollfd {
        fd: stream.as_raw_fd(),
        events: POLLOUT,
        revents: 0,
    };
    let patience = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: it gets one structure, which lives until the call returns.
    let count = unsafe { poll(&mut asked, 1, patience) };
    // One that is gone or broken takes no time either.
    count > 0 && asked.revents & (POLLOUT | POLLERR | POLLHUP) != 0
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::slowness::stretched;

    #[test]
    fn who_reads_gets_all_and_who_does_not_costs_only_the_patience() {
        let (mut reader, mut writer) = UnixStream::pair().unwrap();
        let text = vec![b'x'; 3 * AT_ONCE + 1];
        let expected = text.clone();
        let reading = std::thread::spawn(move || {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).unwrap();
            assert!(read == expected);
        });
        write(&mut writer, &text, Duration::from_secs(20));
        drop(writer);
        reading.join().unwrap();

        let (_reader, mut writer) = UnixStream::pair().unwrap();
        let begun = Instant::now();
        let more_than_fits = vec![b'x'; 8 << 20];
        write(&mut writer, &more_than_fits, Duration::from_millis(50));
        assert!(begun.elapsed() < stretched(Duration::from_secs(10)));
    }
}
