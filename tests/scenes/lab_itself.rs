//! The lab proven before it proves anything: raw clients against its fakes and its real ring.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::lab::admin_socket::{self, VERSION};
use crate::lab::fake_backend::{FakeBackend, Mood, ANY_LINE, IMAP, LMTP, POP3};
use crate::lab::fake_director::{
    Answer, Command, Deed, FakeDirector, FakeHost, Greeting, ListShape, RingState,
};
use crate::lab::fake_pool::{FakePool, PASSWORD};
use crate::lab::mail_client::{Session, SessionState};
use crate::lab::patience::{wait_for, wait_until};
use crate::lab::place::Place;
use crate::lab::ring::{Ring, RingPlan};

const SOON: Duration = Duration::from_secs(40);

/// Sends raw bytes to the fake director and reads until it closes or is silent for a moment.
fn raw(director: &FakeDirector, text: &str) -> String {
    let mut stream = UnixStream::connect(director.socket()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut seen = Vec::new();
    let _ = stream.read_to_end(&mut seen);
    String::from_utf8(seen).unwrap()
}

#[test]
fn the_fake_director_speaks_the_protocol() {
    let place = Place::new();
    let mut second = FakeHost::new(place.address(2));
    second.tag = "east".to_string();
    second.users = 7;
    let hosts = vec![FakeHost::new(place.address(1)), second];
    let director = FakeDirector::start(&place.path("admin"), hosts);

    let lines = admin_socket::host_list(&director.socket()).unwrap();
    assert_eq!(lines, director.host_lines());
    assert_eq!(
        admin_socket::ring_status(&director.socket()).unwrap(),
        "ring synced"
    );

    let address = place.address(2);
    let ask = |command: &str| admin_socket::ask(&director.socket(), command).unwrap();
    assert_eq!(ask(&format!("HOST-DOWN\t{address}")), "OK");
    assert_eq!(director.states(), "UD");
    assert!(director.host(address).unwrap().stamp > 0);
    assert_eq!(
        ask(&format!("HOST-RESET-USERS\t{address}\t4294967295")),
        "OK"
    );
    assert_eq!(director.users_of(address), 0);
    assert_eq!(ask("HOST-UP\t127.0.0.1"), "NOTFOUND");
    assert_eq!(
        director.changes(),
        [
            format!("HOST-DOWN {address}"),
            format!("HOST-RESET-USERS {address} 4294967295"),
            "HOST-UP 127.0.0.1".to_string()
        ]
    );
}

#[test]
fn the_fake_director_answers_as_told_and_then_as_before() {
    let place = Place::new();
    let address = place.address(1);
    let director = FakeDirector::start(&place.path("admin"), vec![FakeHost::new(address)]);
    let down = format!("HOST-DOWN\t{address}");
    let ask = || admin_socket::ask(&director.socket(), &down);
    for (answer, text, state) in [
        (Answer::NotFound, "NOTFOUND", 'U'),
        (
            Answer::Busy,
            "host is already being updated - try again later",
            'U',
        ),
        (Answer::TryAgain, "TRYAGAIN", 'U'),
        (Answer::Lie, "OK", 'U'),
        (
            Answer::SyncTimedOut(Deed::Undone),
            "Ring sync timed out",
            'U',
        ),
        (Answer::SyncTimedOut(Deed::Done), "Ring sync timed out", 'D'),
        (Answer::Proper, "OK", 'D'),
    ] {
        director.answer_next(Command::HostDown, std::slice::from_ref(&answer));
        assert_eq!(ask().unwrap(), text, "{answer:?}");
        assert_eq!(director.state_of(address), state, "{answer:?}");
    }
    director.answer_next(Command::HostDown, &[Answer::Close(Deed::Undone)]);
    assert_eq!(ask().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(ask().unwrap(), "OK");
}

#[test]
fn the_fake_director_notes_what_no_monitor_may_do() {
    let place = Place::new();
    let address = place.address(1);
    let director = FakeDirector::start(&place.path("admin"), vec![FakeHost::new(address)]);
    for (text, violation) in [
        (format!("{VERSION}HOST-LIST\nHOST-LIST\n"), "bytes behind"),
        (
            format!("{VERSION}HOST-DOWN\t{address}\nHOST-FLUSH\t{address}\n"),
            "second changing",
        ),
        (format!("{VERSION}HOST-FLUSH\n"), "no address"),
        (format!("{VERSION}HOST-FLUSH\t\n"), "no address"),
        (format!("{VERSION}HOST-FLUSH\tmail.example\n"), "no address"),
        (format!("{VERSION}MAKE-COFFEE\n"), "unknown command"),
        ("HOST-LIST\n".to_string(), "no VERSION"),
    ] {
        raw(&director, &text);
        let violations = director.take_violations();
        assert!(
            violations.iter().any(|found| found.contains(violation)),
            "{text:?}: {violations:?}"
        );
    }
}

#[test]
fn the_fake_director_cuts_hangs_and_garbles() {
    let place = Place::new();
    let hosts = vec![
        FakeHost::new(place.address(1)),
        FakeHost::new(place.address(2)),
    ];
    let mut director = FakeDirector::start(&place.path("admin"), hosts);
    let list = format!("{VERSION}HOST-LIST\n");

    director.set_list(ListShape::CutBeforeEnd);
    assert!(!raw(&director, &list).ends_with("\n\n"));
    director.set_list(ListShape::CutInside(1));
    assert!(!raw(&director, &list).ends_with('\n'));
    director.set_list(ListShape::Junk(vec!["what\tis this".to_string()]));
    assert!(raw(&director, &list).contains("\nwhat\tis this\n127."));
    director.set_list(ListShape::Whole);

    director.set_greeting(Greeting::Never);
    assert_eq!(raw(&director, VERSION), "");
    director.set_greeting(Greeting::WrongMajor);
    assert!(raw(&director, VERSION).starts_with("VERSION\tdirector-doveadm\t2"));
    director.set_greeting(Greeting::NotAccepted);
    assert_eq!(raw(&director, VERSION), "");
    director.set_greeting(Greeting::Proper);

    director.answer_next(Command::HostList, &[Answer::Hang(Deed::Undone)]);
    assert_eq!(raw(&director, &list), VERSION);

    director.set_ring(RingState::Handshaking);
    let down = format!("{VERSION}HOST-DOWN\t{}\n", place.address(1));
    assert_eq!(raw(&director, &down), VERSION, "held back for the ring");
    assert_eq!(director.states(), "UU");
    director.set_ring(RingState::Synced);

    director.edit(place.address(1), |host| host.state = 'D');
    director.restart();
    assert_eq!(director.states(), "UU");
    assert!(admin_socket::host_list(&director.socket()).is_ok());

    director.clog_backlog();
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket2::SockAddr::unix(director.socket()).unwrap();
    let full = socket.connect(&address).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    director.listen();
    assert!(admin_socket::host_list(&director.socket()).is_ok());
}

/// Sends lines to a fake backend and returns all that it says until it closes.
fn talk(backend: &FakeBackend, port: u16, lines: &str) -> String {
    let mut stream = match TcpStream::connect((backend.address, port)) {
        Ok(stream) => stream,
        Err(error) => return format!("{:?}", error.kind()),
    };
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let mut seen = String::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let _ = reader.read_line(&mut seen);
    let _ = stream.write_all(lines.as_bytes());
    let _ = reader.read_to_string(&mut seen);
    seen
}

#[test]
fn the_fake_backend_speaks_four_protocols() {
    let pool = FakePool::start(1);
    let backend = &pool.backends[0];
    let login = format!(
        "a LOGIN {{5+}}\r\nprobe {{{}+}}\r\n{PASSWORD}\r\nb LOGOUT\r\n",
        PASSWORD.len()
    );
    assert!(talk(backend, IMAP, &login).contains("a OK logged in"));
    let login = format!("USER probe\r\nPASS {PASSWORD}\r\nQUIT\r\n");
    assert!(talk(backend, POP3, &login).contains("+OK logged in"));
    assert!(talk(backend, LMTP, "LHLO me\r\nQUIT\r\n").contains("250 "));
    assert_eq!(talk(backend, ANY_LINE, ""), "hello\r\n");
    assert_eq!(backend.connections(), 4);
}

#[test]
fn the_fake_backend_has_its_moods() {
    let pool = FakePool::start(1);
    let backend = &pool.backends[0];
    let login = format!("a LOGIN probe {PASSWORD}\r\nb LOGOUT\r\n");
    for (mood, expected) in [
        (Mood::Healthy, "a OK"),
        (Mood::Refusing, "ConnectionRefused"),
        (Mood::Healthy, "a OK"),
        (Mood::Bye, "* BYE"),
        (Mood::Repeating, PASSWORD),
        (Mood::Junk, "gibberish"),
        (Mood::RefusingLogin, "AUTHENTICATIONFAILED"),
        (Mood::Unavailable, "UNAVAILABLE"),
        (Mood::Dribbling(Duration::from_millis(1)), "a OK"),
    ] {
        backend.set(mood);
        let seen = talk(backend, IMAP, &login);
        assert!(seen.contains(expected), "{mood:?}: {seen:?}");
    }
    for mood in [Mood::Silent, Mood::Closing] {
        backend.set(mood);
        assert_eq!(talk(backend, IMAP, &login), "", "{mood:?}");
    }
    backend.set(Mood::ClosingLater);
    assert!(!talk(backend, IMAP, &login).contains("a OK"));

    backend.set(Mood::BlackHole);
    let address = std::net::SocketAddr::from((backend.address, IMAP));
    // Until its queue is full, it takes one or two.
    let mut taken = Vec::new();
    let error = wait_for("a connection that is not taken", SOON, || {
        let connection = TcpStream::connect_timeout(&address, Duration::from_millis(200));
        connection.map(|stream| taken.push(stream)).err()
    });
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);

    backend.set(Mood::Healthy);
    backend.set_password("another");
    assert!(talk(backend, IMAP, &login).contains("AUTHENTICATIONFAILED"));
}

#[test]
fn a_session_tells_alive_from_hanging() {
    let pool = FakePool::start(1);
    let server = (pool.address(0), IMAP).into();
    let mut session = Session::log_in(server, "probe", PASSWORD).unwrap();
    let moment = Duration::from_millis(200);
    assert_eq!(session.state(moment), SessionState::Alive);
    pool.backends[0].set(Mood::Silent);
    assert_eq!(session.state(moment), SessionState::Hanging);
}

#[test]
fn a_real_ring_syncs_and_its_users_meet_frozen_and_killed_backends() {
    let began = Instant::now();
    let mut ring = Ring::start(RingPlan::default());
    println!("the ring took {:?}", began.elapsed());
    assert_eq!(ring.directors[0].states(), "UUU");
    assert_eq!(ring.directors[1].states(), "UUU");

    let first = ring.backends[0].address;
    let mut sessions = ring.directors[0].log_in_on(first, 2);
    let moment = Duration::from_millis(500);
    for session in &mut sessions {
        assert_eq!(session.state(moment), SessionState::Alive);
    }
    wait_until("two users on the first backend", SOON, || {
        ring.directors[1].host(first).unwrap().users == 2
    });

    ring.backends[0].dovecot.freeze();
    assert_eq!(sessions[0].state(moment), SessionState::Hanging);
    ring.backends[0].dovecot.thaw();
    assert_eq!(sessions[1].state(SOON), SessionState::Alive);

    ring.directors[0].doveadm(&["down", &first.to_string()]);
    wait_until("the other director to hear of it", SOON, || {
        ring.directors[1].states() == "DUU"
    });
    ring.backends[0].dovecot.kill();
    assert!(sessions[1].is_kicked_within(SOON));
    ring.backends[0].dovecot.start();

    let second = ring.backends[1].address;
    let user = &ring.directors[1].users_of(second)[0];
    assert!(ring.directors[1].log_in(user).is_ok());
    ring.backends[1].set_password("changed");
    let refused = ring.directors[1].log_in(user).err().unwrap().to_string();
    assert!(refused.contains("[AUTHENTICATIONFAILED]"), "{refused}");

    ring.directors[1].restart();
    ring.wait_until_synced();
    assert_eq!(ring.directors[1].states(), "DUU");
}

#[test]
fn a_director_alone_is_a_synced_ring() {
    let ring = Ring::start(RingPlan {
        directors: 1,
        backends: 1,
        ..RingPlan::default()
    });
    assert_eq!(ring.directors[0].states(), "U");
}
