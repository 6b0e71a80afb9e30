//! Messages as a syslogd on a socket of the test's own sees them.

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixListener;

use super::*;

/// A socket path in the temporary folder.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let file = format!("poolmon-syslog-{name}-{}", process::id());
        let place = Place(std::env::temp_dir().join(file));
        let _ = fs::remove_file(&place.0);
        place
    }

    fn syslogd(&self) -> Syslogd {
        let _ = fs::remove_file(&self.0);
        let socket = UnixDatagram::bind(&self.0).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        Syslogd(socket)
    }

    fn syslog(&self) -> Syslog {
        let sockets = vec![PathBuf::from("/nonexistent/log"), self.0.clone()];
        Syslog::at(sockets, Facility::USER, Program::Poolmon)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

struct Syslogd(UnixDatagram);

impl Syslogd {
    /// The next message: priority, and what stands behind the time.
    fn next(&self) -> (String, String) {
        let mut bytes = [0; 4096];
        let length = self.0.recv(&mut bytes).unwrap();
        let message = std::str::from_utf8(&bytes[..length]).unwrap();
        let (priority, rest) = message.split_at(message.find('>').unwrap() + 1);
        let (time, rest) = rest.split_at("Nov 22 00:34:13 ".len());
        assert_eq!(time.matches(':').count(), 2, "{message}");
        (priority.to_string(), rest.to_string())
    }
}

fn line(text: &str) -> Line {
    Line::now(Level::Info, text)
}

fn from_us(text: &str) -> String {
    format!("poolmon[{}]: {text}", process::id())
}

#[test]
fn a_message_bears_facility_severity_ident_and_pid() {
    let place = Place::new("form");
    let syslogd = place.syslogd();
    let mut syslog = place.syslog();
    assert_eq!(syslog.trouble(), None);
    for (level, priority) in [
        (Level::Error, "<11>"),
        (Level::Warn, "<12>"),
        (Level::Info, "<14>"),
        (Level::Debug, "<15>"),
    ] {
        syslog.write(&Line::now(level, "192.0.2.1 disabled"));
        let expected = (priority.to_string(), from_us("192.0.2.1 disabled"));
        assert_eq!(syslogd.next(), expected);
    }
}

#[test]
fn after_a_restart_of_syslogd_no_message_is_lost() {
    let place = Place::new("restart");
    let syslogd = place.syslogd();
    let mut syslog = place.syslog();
    syslog.write(&line("one"));
    assert_eq!(syslogd.next().1, from_us("one"));
    drop(syslogd);
    let syslogd = place.syslogd();
    syslog.write(&line("two"));
    assert_eq!(syslogd.next().1, from_us("two"));
}

#[test]
fn messages_without_a_syslogd_are_counted_and_told_when_it_is_there() {
    let place = Place::new("late");
    let mut syslog = place.syslog();
    let trouble = syslog.trouble().unwrap();
    assert!(trouble.starts_with("syslog: "), "{trouble}");
    for _ in 0..3 {
        syslog.write(&line("lost"));
    }
    let syslogd = place.syslogd();
    syslog.write(&line("found"));
    let (priority, notice) = syslogd.next();
    assert_eq!(priority, "<11>");
    assert!(
        notice.starts_with(&from_us("3 log lines lost: ")),
        "{notice}"
    );
    assert_eq!(syslogd.next().1, from_us("found"));
}

#[test]
fn a_syslogd_that_hangs_costs_one_short_wait() {
    let place = Place::new("hang");
    let syslogd = place.syslogd();
    let mut syslog = place.syslog();
    let began = Instant::now();
    for _ in 0..20_000 {
        syslog.write(&line(&"x".repeat(2000)));
        if syslog.lost > 0 {
            break;
        }
    }
    assert_eq!(syslog.lost, 1, "the socket's buffer is full");
    for _ in 0..1000 {
        syslog.write(&line("text"));
    }
    assert_eq!(syslog.lost, 1001);
    assert!(began.elapsed() < REST, "{:?}", began.elapsed());
    drop(syslogd);
}

#[test]
fn after_a_fork_the_pid_is_the_new_one() {
    let place = Place::new("fork");
    let syslogd = place.syslogd();
    let mut syslog = place.syslog();
    syslog.write(&line("one"));
    syslogd.next();
    // As it is in the child: the connection is there, the PID in it is that of the parent.
    let connection = syslog.connection.as_mut().unwrap();
    connection.pid += 1;
    connection.logger.formatter.pid += 1;
    syslog.write(&line("two"));
    assert_eq!(syslogd.next().1, from_us("two"));
}

#[test]
fn a_stream_socket_is_served_too() {
    let place = Place::new("stream");
    let listener = UnixListener::bind(&place.0).unwrap();
    let mut syslog = place.syslog();
    syslog.write(&line("one"));
    drop(syslog);
    let mut text = String::new();
    let (mut stream, _) = listener.accept().unwrap();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("<14>"), "{text}");
    assert!(text.ends_with(&format!("{}\0", from_us("one"))), "{text}");
}
