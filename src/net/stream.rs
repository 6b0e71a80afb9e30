//! One deadline over a whole connection: connecting, TLS and talk.
//!
//! It moves bytes and keeps time. It must not know what is spoken, nor whose fault an error is.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::settings::ProxyProtocol;
use crate::net::proxy;
use crate::net::tls::TlsStream;

const EINTR: i32 = Errno::EINTR as i32;
const EINPROGRESS: i32 = Errno::EINPROGRESS as i32;
const EALREADY: i32 = Errno::EALREADY as i32;
const EISCONN: i32 = Errno::EISCONN as i32;

/// A TCP connection of which no call returns later than its deadline (by more than the kernel's tick).
///
/// Past the deadline every call gives `ErrorKind::TimedOut`; `WouldBlock` and `Interrupted` are
/// never seen. The peer's end of the stream is an error too, `ErrorKind::UnexpectedEof`: a probe
/// never expects it, and the generations of OpenSSL have different names for a bare end.
#[derive(Debug)]
pub struct DeadlineStream {
    socket: TcpStream,
    deadline: Instant,
    reading: Timer,
    writing: Timer,
}

impl DeadlineStream {
    pub fn connect(address: IpAddr, port: u16, deadline: Instant) -> io::Result<DeadlineStream> {
        let address = SocketAddr::new(address, port);
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        let mut writing = Timer::default();
        loop {
            // The timer of writes is also that of connect, which spares the switch to
            // non-blocking, a poll and the switch back.
            if let Some(limit) = writing.renew(left_until(deadline)?) {
                socket.set_write_timeout(Some(limit))?;
            }
            match socket.connect(&address.into()) {
                Ok(()) => break,
                Err(error) => match error.raw_os_error() {
                    // After a signal or the timer the kernel goes on connecting; asked again, it
                    // waits again.
                    Some(EINTR | EINPROGRESS | EALREADY) => {}
                    Some(EISCONN) => break,
                    _ => return Err(error),
                },
            }
        }
        Ok(DeadlineStream {
            socket: socket.into(),
            deadline,
            reading: Timer::default(),
            writing,
        })
    }

    /// Tells a server that expects a proxy where the connection comes from; before anything else is sent.
    pub fn introduce(&mut self, version: ProxyProtocol) -> io::Result<()> {
        if version == ProxyProtocol::No {
            return Ok(());
        }
        let (source, target) = (self.socket.local_addr()?, self.socket.peer_addr()?);
        self.write_all(&proxy::header(version, source, target))
    }

    /// Sends what follows without waiting for what went before to be acknowledged. In plain text each
    /// command waits for a reply, which acknowledges it; under TLS the first one may come right
    /// behind the handshake's last message.
    pub fn send_at_once(&self) -> io::Result<()> {
        self.socket.set_nodelay(true)
    }

    /// The deadline comes nearer: at most so long from now, and at most half of what is left.
    pub fn hasten(&mut self, most: Duration) {
        let now = Instant::now();
        let left = self.deadline.saturating_duration_since(now);
        self.deadline = now + most.min(left / 2);
    }
}

impl Read for DeadlineStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(limit) = self.reading.renew(left_until(self.deadline)?) {
                self.socket.set_read_timeout(Some(limit))?;
            }
            match self.socket.read(buffer) {
                Ok(0) if !buffer.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
                Err(error) if may_go_on(&error) => {}
                other => return other,
            }
        }
    }
}

impl Write for DeadlineStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            if let Some(limit) = self.writing.renew(left_until(self.deadline)?) {
                self.socket.set_write_timeout(Some(limit))?;
            }
            match self.socket.write(bytes) {
                Err(error) if may_go_on(&error) => {}
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether only the kernel's timer or a signal ended a wait. `ErrorKind::TimedOut` is not among
/// these: on a connection it means that TCP gave the peer up.
fn may_go_on(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Never zero, which would mean "for ever" to the kernel.
fn left_until(deadline: Instant) -> io::Result<Duration> {
    match deadline.checked_duration_since(Instant::now()) {
        Some(left) if left > Duration::ZERO => Ok(left.max(Timer::SHORTEST)),
        _ => Err(ErrorKind::TimedOut.into()),
    }
}

/// What the kernel's timer of one direction was last set to.
///
/// Setting it costs a system call, and time only runs down: so it is set somewhat shorter than what
/// is left, and all calls made within the difference share it. A wait that it ends too early
/// is taken up again with what is left then.
#[derive(Debug, Default)]
struct Timer {
    set: Option<Duration>,
}

impl Timer {
    const SHORTEST: Duration = Duration::from_millis(1);
    /// With less than this left, the timer is set to what is left.
    const EXACT: Duration = Duration::from_millis(100);

    /// The value to set now, if the one set could outlast what is left.
    fn renew(&mut self, left: Duration) -> Option<Duration> {
        if matches!(self.set, Some(set) if set <= left) {
            return None;
        }
        self.set = Some(if left < Timer::EXACT {
            left
        } else {
            left - left / 16
        });
        self.set
    }
}

/// A connection in plain text or with TLS, under one deadline.
#[derive(Debug)]
pub enum Stream {
    Plain(DeadlineStream),
    Tls(TlsStream),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::in_time::check_in_time;
    use crate::net::stage::{self, Server};

    const SHORT: Duration = Duration::from_millis(300);

    fn milliseconds(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    /// Runs `talk` on a connection with a short deadline, and holds that it ends with the deadline: not
    /// before, and not long after.
    fn check_time_out(server: &Server, talk: fn(&mut DeadlineStream) -> io::Error) {
        let (address, port) = (server.address.ip(), server.address.port());
        check_in_time(SHORT, |deadline| {
            let mut stream = DeadlineStream::connect(address, port, deadline).unwrap();
            let error = talk(&mut stream);
            assert!(Instant::now() >= deadline, "too soon");
            assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
        });
    }

    fn read_to_the_last(stream: &mut DeadlineStream) -> io::Error {
        let mut buffer = [0; 100];
        loop {
            if let Err(error) = stream.read(&mut buffer) {
                return error;
            }
        }
    }

    #[test]
    fn a_silent_server_uses_up_the_deadline_and_no_more() {
        check_time_out(&stage::silent(), read_to_the_last);
    }

    #[test]
    fn a_server_that_dribbles_does_not_stretch_the_deadline() {
        let server = Server::start(|mut socket| {
            while socket.write_all(b"x").is_ok() {
                // Pause: the pace of the dribbling.
                std::thread::sleep(milliseconds(50));
            }
        });
        check_time_out(&server, read_to_the_last);
    }

    #[test]
    fn a_server_that_does_not_read_does_not_stretch_the_deadline() {
        check_time_out(&stage::silent(), |stream| loop {
            if let Err(error) = stream.write(&[0; 100_000]) {
                return error;
            }
        });
    }

    #[test]
    fn a_connect_without_answer_ends_at_the_deadline() {
        // With the backlog full, Linux drops what would be one connection more.
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener
            .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
            .unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut held = Vec::new();
        check_in_time(SHORT, |deadline| {
            let error = loop {
                match DeadlineStream::connect(address.ip(), address.port(), deadline) {
                    Ok(stream) => held.push(stream),
                    Err(error) => break error,
                }
                assert!(held.len() < 5, "the backlog was never full");
            };
            assert!(Instant::now() >= deadline, "too soon");
            assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
        });
    }

    #[test]
    fn past_its_deadline_nothing_is_tried() {
        let server = stage::silent();
        let (address, port) = (server.address.ip(), server.address.port());
        let error = DeadlineStream::connect(address, port, Instant::now()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);

        let deadline = Instant::now() + milliseconds(100);
        let mut stream = DeadlineStream::connect(address, port, deadline).unwrap();
        // Pause: the deadline is to pass.
        std::thread::sleep(milliseconds(110));
        assert_eq!(
            stream.write(b"x").unwrap_err().kind(),
            ErrorKind::TimedOut,
            "a write that would succeed"
        );
    }

    #[test]
    fn a_refused_connection_and_an_early_end_are_told_apart() {
        let server = Server::start(drop);
        let (address, port) = (server.address.ip(), server.address.port());
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut stream = DeadlineStream::connect(address, port, deadline).unwrap();
        assert_eq!(
            read_to_the_last(&mut stream).kind(),
            ErrorKind::UnexpectedEof
        );
        let (_closed, unheard) = stage::unheard();
        let error = DeadlineStream::connect(unheard.ip(), unheard.port(), deadline).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_family_connects_or_is_told_to_be_missing_on_this_machine() {
        let deadline = Instant::now() + Duration::from_secs(5);
        for local in [
            IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::from(Ipv6Addr::LOCALHOST),
        ] {
            let missing = [Errno::EAFNOSUPPORT, Errno::EADDRNOTAVAIL];
            let is_missing = |error: &io::Error| {
                let is = |errno: &Errno| error.raw_os_error() == Some(*errno as i32);
                local.is_ipv6() && missing.iter().any(is)
            };
            match std::net::TcpListener::bind((local, 0)) {
                Ok(listener) => {
                    let port = listener.local_addr().unwrap().port();
                    DeadlineStream::connect(local, port, deadline).unwrap();
                }
                Err(error) => {
                    assert!(is_missing(&error), "{error}");
                    let error = DeadlineStream::connect(local, 143, deadline).unwrap_err();
                    assert!(is_missing(&error), "{error}");
                }
            }
        }
    }

    #[test]
    fn a_timer_is_set_rarely_and_never_outlasts_what_is_left() {
        // Milliseconds left at each call, and what is set then.
        let calls = [
            (5000, Some(4687)),
            (4999, None),
            (4700, None),
            (4600, Some(4312)),
            (50, Some(50)),
            (49, Some(49)),
        ];
        let mut timer = Timer::default();
        for (left, expected) in calls {
            let left = milliseconds(left);
            let set = timer.renew(left);
            assert_eq!(set.map(|set| set.as_millis()), expected, "{left:?}");
            assert!(timer.set.unwrap() <= left);
        }
    }
}
