//! A director that does what the script says, on a socket in a folder of its own.

mod matrix;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};

use nix::errno::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use super::DirectorFault::*;
use super::*;
use crate::in_time::check_in_time;
use crate::pool::{Loss, PoolError, Readiness};
use crate::scratch::Folder;

const GREETED: &str = "VERSION\tdirector-doveadm\t1\t0\n";
const HOSTS: &str = "192.0.2.1\t100\t3\tnorth\tU\t0\n192.0.2.2\t100\t0\t\tD\t17\n\n";
const RING: &str = "192.0.2.9\t9090\tself\t0\tring synced\t0\n\n";

impl Folder {
    fn socket(&self) -> PathBuf {
        self.0.join("director-admin")
    }
}

/// One step of the fake director.
#[derive(Clone)]
enum Step {
    Say(String),
    /// Byte by byte, each in a write of its own.
    Dribble(String),
    /// Waits for exactly this line.
    Hear(&'static str),
    /// Waits until the test has come here, too.
    Meet(Arc<Barrier>),
    /// Says nothing until the client leaves.
    Hang,
}

use Step::*;

fn say(text: &str) -> Step {
    Say(text.to_owned())
}

/// A director for as many connections as scripts. Each ends where its script does; what the client
/// said beyond the script comes back from `join`.
fn director(folder: &Folder, scripts: Vec<Vec<Step>>) -> JoinHandle<Vec<String>> {
    let listener = UnixListener::bind(folder.socket()).unwrap();
    thread::spawn(move || {
        let mut rest = Vec::new();
        for script in scripts {
            let (stream, _) = listener.accept().unwrap();
            let mut writer = stream.try_clone().unwrap();
            let mut reader = BufReader::new(stream);
            for step in script {
                let mut line = String::new();
                match step {
                    // The client may have left already; what it makes of that is the test.
                    Say(text) => drop(writer.write_all(text.as_bytes())),
                    Dribble(text) => {
                        for byte in text.into_bytes() {
                            writer.write_all(&[byte]).unwrap();
                        }
                    }
                    Hear(expected) => {
                        reader.read_line(&mut line).unwrap();
                        assert_eq!(line, format!("{expected}\n"));
                    }
                    Meet(test) => drop(test.wait()),
                    Hang => loop {
                        line.clear();
                        match reader.read_line(&mut line) {
                            Ok(0) | Err(_) => break,
                            Ok(_) => rest.push(line.trim_end().to_owned()),
                        }
                    },
                }
            }
        }
        rest
    })
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

/// For what takes the whole time.
const SHORT: Duration = Duration::from_millis(300);

fn too_soon() -> Instant {
    Instant::now() + Duration::from_millis(60)
}

fn down() -> Change {
    Change::HostDown("192.0.2.7".parse().unwrap())
}

fn greeting() -> Vec<Step> {
    vec![say(GREETED), Hear(wire::GREETING)]
}

fn then(mut script: Vec<Step>, steps: &[Step]) -> Vec<Step> {
    script.extend_from_slice(steps);
    script
}

/// Sends one change to a director that follows the script.
fn check_change(script: Vec<Step>, deadline: Instant) -> Result<Reply, DirectorError> {
    let folder = Folder::new();
    let director = director(&folder, vec![script]);
    let reply = change(&folder.socket(), &down(), deadline);
    let rest = director.join().unwrap();
    assert_eq!(rest, [""; 0], "nothing follows the one command");
    reply
}

/// Reads the lists once from a director that follows the script after its greeting.
fn check_lists(steps: &[Step], deadline: Instant) -> Result<Lists, DirectorError> {
    let folder = Folder::new();
    let director = director(&folder, vec![then(greeting(), steps)]);
    let lists =
        Standing::open(&folder.socket(), deadline).and_then(|mut standing| standing.read(deadline));
    director.join().unwrap();
    lists
}

/// The error's stage and text, without the socket's path.
fn told(error: DirectorError) -> (DirectorStage, String) {
    let stage = error.stage;
    let start = format!("director {}: {stage}: ", error.socket.display());
    let text = PoolError::from(error).to_string();
    let cause = text.strip_prefix(&start).expect("where, stage, cause");
    (stage, cause.to_owned())
}

#[test]
fn every_reply_comes_back_as_what_it_means() {
    for (line, expected) in [
        ("OK", Reply::Ok),
        ("NOTFOUND", Reply::NotFound),
        (
            "host is already being updated - try again later",
            Reply::Busy,
        ),
        ("Ring sync timed out", Reply::RingSyncTimedOut),
        ("TRYAGAIN", Reply::TryAgain),
        ("no", Reply::Refused(Quote::new("no"))),
    ] {
        let answer = [Hear("HOST-DOWN\t192.0.2.7"), Say(format!("{line}\n")), Hang];
        let reply = check_change(then(greeting(), &answer), soon());
        assert_eq!(reply.unwrap(), expected);
    }
}

#[test]
fn a_reply_may_come_byte_by_byte() {
    let script = vec![
        Dribble(GREETED.to_owned()),
        Hear(wire::GREETING),
        Hear("HOST-DOWN\t192.0.2.7"),
        Dribble("OK\n".to_owned()),
        Hang,
    ];
    assert_eq!(check_change(script, soon()).unwrap(), Reply::Ok);
}

#[test]
fn every_change_has_a_connection_of_its_own() {
    let folder = Folder::new();
    let script = then(
        greeting(),
        &[Hear("HOST-DOWN\t192.0.2.7"), say("OK\n"), Hang],
    );
    let director = director(&folder, vec![script.clone(), script]);
    for _ in 0..2 {
        assert_eq!(
            change(&folder.socket(), &down(), soon()).unwrap(),
            Reply::Ok
        );
    }
    assert_eq!(director.join().unwrap(), [""; 0]);
}

#[test]
fn no_command_is_sent_before_the_directors_greeting() {
    let script = vec![Hear(wire::GREETING), Hang];
    let error = PoolError::from(check_change(script, too_soon()).unwrap_err());
    assert!(!error.leaves_doubt());
    assert_eq!(error.cause, "greeting: timed out");
}

#[test]
fn what_goes_wrong_with_a_change_is_told_by_stage_and_cause() {
    let heard = then(greeting(), &[Hear("HOST-DOWN\t192.0.2.7")]);
    let greeted_with = |text: &str| vec![say(text), Hear(wire::GREETING), Hang];
    let long = "x".repeat(wire::LONGEST_LINE + 1);
    for (script, stage, cause) in [
        (vec![], DirectorStage::Greeting, "connection closed"),
        (
            vec![Hear(wire::GREETING), say("VERSION\tdirector-")],
            DirectorStage::Greeting,
            "connection closed",
        ),
        (
            greeted_with("VERSION\tdirector-doveadm\t2\t0\n"),
            DirectorStage::Greeting,
            r#"not a director's greeting "VERSION\tdirector-doveadm\t2\t0""#,
        ),
        (
            greeted_with("* OK ready\r\n"),
            DirectorStage::Greeting,
            r#"not a director's greeting "* OK ready\r""#,
        ),
        (
            greeted_with(&long),
            DirectorStage::Greeting,
            r#"line too long "xxx"#,
        ),
        (
            greeted_with(&format!("{GREETED}OK\n")),
            DirectorStage::Greeting,
            r#"text behind the end of the answer "OK\n""#,
        ),
        (heard.clone(), DirectorStage::Reply, "connection closed"),
        (
            then(heard.clone(), &[say("O")]),
            DirectorStage::Reply,
            "connection closed",
        ),
        (
            then(heard.clone(), &[Say(long), Hang]),
            DirectorStage::Reply,
            r#"line too long "xxx"#,
        ),
    ] {
        let error = check_change(script, soon()).unwrap_err();
        let told_stage = error.stage;
        let error = PoolError::from(error);
        assert_eq!(error.leaves_doubt(), stage == DirectorStage::Reply);
        let told_cause = error.cause;
        assert_eq!(told_stage, stage, "{told_cause}");
        assert!(told_cause.contains(cause), "{told_cause}");
    }
}

#[test]
fn a_director_that_does_not_reply_costs_the_deadline_and_no_more() {
    check_in_time(SHORT, |deadline| {
        let script = then(greeting(), &[Hear("HOST-DOWN\t192.0.2.7"), Hang]);
        let error = PoolError::from(check_change(script, deadline).unwrap_err());
        assert!(Instant::now() >= deadline, "too soon");
        assert!(error.leaves_doubt());
        assert_eq!(error.cause, "reply: timed out");
    });
}

#[test]
fn a_dribbling_director_does_not_stretch_the_deadline() {
    let folder = Folder::new();
    let listener = UnixListener::bind(folder.socket()).unwrap();
    check_in_time(SHORT, |deadline| {
        let error = thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                // Ends with the client's connection.
                while stream.write_all(b"V").is_ok() {
                    // Pause: the pace of the dribbling.
                    thread::sleep(Duration::from_millis(5));
                }
            });
            change(&folder.socket(), &down(), deadline).unwrap_err()
        });
        assert_eq!(
            told(error),
            (DirectorStage::Greeting, "timed out".to_owned())
        );
    });
}

#[test]
fn a_full_backlog_costs_the_deadline_and_no_more() {
    let folder = Folder::new();
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    let address = SockAddr::unix(folder.socket()).unwrap();
    listener.bind(&address).unwrap();
    listener.listen(0).unwrap();
    // Linux lets one more wait than asked for.
    let _waiting = UnixStream::connect(folder.socket()).unwrap();
    check_in_time(SHORT, |deadline| {
        let error = change(&folder.socket(), &down(), deadline).unwrap_err();
        // A tick of the kernel's, of 10 ms at most, may be taken for a whole one when it has begun.
        assert!(
            Instant::now() + Duration::from_millis(10) >= deadline,
            "too soon"
        );
        assert_eq!(
            told(error),
            (DirectorStage::Connect, "timed out".to_owned())
        );
    });
}

#[test]
fn a_place_in_the_backlog_that_comes_free_is_taken() {
    let folder = Folder::new();
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    let address = SockAddr::unix(folder.socket()).unwrap();
    listener.bind(&address).unwrap();
    listener.listen(0).unwrap();
    let waiting = UnixStream::connect(folder.socket()).unwrap();
    let director = thread::spawn(move || {
        // Pause: the client is to be waiting by then.
        thread::sleep(Duration::from_millis(30));
        drop(listener.accept().unwrap());
        drop(waiting);
        let (stream, _) = listener.accept().unwrap();
        let mut stream = UnixStream::from(stream);
        stream.write_all(GREETED.as_bytes()).unwrap();
        // Until the client leaves.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert!(Standing::open(&folder.socket(), soon()).is_ok());
    director.join().unwrap();
}

#[test]
fn a_socket_that_cannot_be_connected_to_says_why() {
    let folder = Folder::new();
    let gone = folder.0.join("gone");
    let left_over = folder.0.join("left-over");
    drop(UnixListener::bind(&left_over).unwrap());
    let under_a_file = left_over.join("admin");
    let file = folder.0.join("file");
    fs::write(&file, "").unwrap();
    let datagrams = folder.0.join("datagrams");
    let _datagrams = UnixDatagram::bind(&datagrams).unwrap();
    let too_long = folder.0.join("x".repeat(200));
    for (path, cause, advice) in [
        (&gone, "the socket is missing", "is Dovecot running"),
        (
            &left_over,
            "nobody listens at the socket",
            "is Dovecot running",
        ),
        (&under_a_file, "the socket is missing", "is Dovecot running"),
        (&file, "not a socket", "does -S "),
        (&folder.0, "not a socket", "does -S "),
        (&datagrams, "not a stream socket", "does -S "),
        (&too_long, "path must be", "is this the path that -S "),
    ] {
        let error = change(path, &down(), soon()).unwrap_err();
        let is_local = matches!(error.fault, Connect(Unconnected::Io(_)));
        let error = PoolError::from(error);
        assert!(!error.leaves_doubt());
        assert_eq!(error.loss == Loss::Local, is_local);
        assert!(error.advice.starts_with(advice), "{}", error.advice);
        let told = error.cause.strip_prefix("connect: ").expect(&error.cause);
        assert!(told.starts_with(cause), "{told}");
    }
}

#[test]
fn who_may_not_connect_is_told_as_whom_it_tried() {
    let denied = io::Error::from_raw_os_error(Errno::EACCES as i32);
    let path = Path::new("/run/dovecot/director-admin");
    let error = PoolError::from(DirectorError {
        socket: path.to_owned(),
        stage: DirectorStage::Connect,
        fault: Connect(Unconnected::of(path, denied)),
    });
    assert_eq!(
        error.to_string(),
        "director /run/dovecot/director-admin: connect: permission denied"
    );
    let user = nix::unistd::geteuid();
    assert!(error.advice.starts_with(&format!("may user {user} ")));
}

#[test]
fn a_deadline_that_has_passed_is_not_tried() {
    let folder = Folder::new();
    let _listener = UnixListener::bind(folder.socket()).unwrap();
    let error = change(&folder.socket(), &down(), Instant::now()).unwrap_err();
    assert_eq!(
        told(error),
        (DirectorStage::Connect, "timed out".to_owned())
    );
}

#[test]
fn both_lists_are_read_one_after_the_other_again_and_again() {
    let folder = Folder::new();
    let round = [
        Hear(wire::HOST_LIST),
        Dribble(HOSTS.to_owned()),
        Hear(wire::DIRECTOR_LIST),
        say(RING),
    ];
    let script = then(then(then(greeting(), &round), &round), &[Hang]);
    let director = director(&folder, vec![script]);
    let opened = Instant::now();
    let mut standing = Standing::open(&folder.socket(), soon()).unwrap();
    let first = standing.read(soon()).unwrap();
    let second = standing.read(soon()).unwrap();
    assert!(opened <= first.began && first.began < second.began);
    assert_eq!(first.hosts, second.hosts);
    assert_eq!(first.ring.readiness(), Readiness::Synced);
    let addresses: Vec<String> = first
        .hosts
        .backends
        .iter()
        .map(|listed| listed.address.to_string())
        .collect();
    assert_eq!(addresses, ["192.0.2.1", "192.0.2.2"]);
    drop(standing);
    assert_eq!(director.join().unwrap(), [""; 0]);
}

#[test]
fn director_list_waits_for_the_end_of_the_host_list() {
    let unended = HOSTS.strip_suffix('\n').unwrap();
    let folder = Folder::new();
    let steps = [Hear(wire::HOST_LIST), say(unended), Hang];
    let director = director(&folder, vec![then(greeting(), &steps)]);
    let mut standing = Standing::open(&folder.socket(), soon()).unwrap();
    let error = standing.read(too_soon()).unwrap_err();
    assert_eq!(
        told(error),
        (DirectorStage::HostList, "timed out".to_owned())
    );
    drop(standing);
    assert_eq!(director.join().unwrap(), [""; 0]);
}

#[test]
fn lists_of_any_size_pass_through_the_buffer_whole() {
    let mut answer = String::new();
    for number in 0..10_000_u32 {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + number);
        answer.push_str(&format!("{address}\t100\t{number}\ttag\tU\t0\n"));
    }
    answer.push('\n');
    assert!(answer.len() > 4 * Connection::BUFFER);
    let steps = [
        Hear(wire::HOST_LIST),
        Say(answer),
        Hear(wire::DIRECTOR_LIST),
        say(RING),
    ];
    let lists = check_lists(&steps, soon()).unwrap();
    assert_eq!(lists.hosts.malformed.count, 0);
    for (number, listed) in lists.hosts.backends.iter().enumerate() {
        assert_eq!(listed.users, number as u64);
    }
    assert_eq!(lists.hosts.backends.len(), 10_000);
}

#[test]
fn a_line_as_long_as_allowed_is_read() {
    let fixed = "192.0.2.1\t100\t0\t\tU\t0";
    let tag = "x".repeat(wire::LONGEST_LINE - fixed.len());
    let steps = [
        Hear(wire::HOST_LIST),
        Say(format!("192.0.2.1\t100\t0\t{tag}\tU\t0\n\n")),
        Hear(wire::DIRECTOR_LIST),
        say(RING),
    ];
    let lists = check_lists(&steps, soon()).unwrap();
    assert_eq!(lists.hosts.backends[0].tag.name(), tag);
}

#[test]
fn a_list_cut_at_any_byte_is_an_error() {
    for cut in 0..HOSTS.len() {
        let expected = if cut == 0 {
            "connection closed"
        } else {
            "connection closed within the list"
        };
        let error = check_lists(&[Hear(wire::HOST_LIST), say(&HOSTS[..cut])], soon()).unwrap_err();
        assert_eq!(told(error), (DirectorStage::HostList, expected.to_owned()));
    }
    for cut in 0..RING.len() {
        let steps = [
            Hear(wire::HOST_LIST),
            say(HOSTS),
            Hear(wire::DIRECTOR_LIST),
            say(&RING[..cut]),
        ];
        let error = check_lists(&steps, soon()).unwrap_err();
        assert!(matches!(error.fault, CutList | Closed));
        assert_eq!(error.stage, DirectorStage::DirectorList);
    }
}

#[test]
fn what_is_no_list_is_told_by_stage_and_cause() {
    let asked = |answer: &str| vec![Hear(wire::HOST_LIST), say(answer), Hang];
    for (steps, cause) in [
        (
            asked(&"junk\n".repeat(wire::MOST_LINES + 1)),
            "more than 100000 lines",
        ),
        (
            asked(&"x".repeat(wire::LONGEST_LINE + 1)),
            r#"line too long "xxx"#,
        ),
    ] {
        let (stage, told_cause) = told(check_lists(&steps, soon()).unwrap_err());
        assert_eq!(stage, DirectorStage::HostList);
        assert!(told_cause.starts_with(cause), "{told_cause}");
    }
}

#[test]
fn text_behind_a_list_is_not_taken_for_the_next_answer() {
    let steps = [Hear(wire::HOST_LIST), Say(format!("{HOSTS}{RING}")), Hang];
    let error = check_lists(&steps, soon()).unwrap_err();
    assert!(matches!(error.fault, Unasked(_)), "{error:?}");
    assert_eq!(error.stage, DirectorStage::DirectorList);
}

/// What a director says when nobody has asked it anything: each would be an answer to HOST-LIST.
const UNASKED: [&str; 4] = ["\n", "192.0.2.2\t100\t1\t\tU\t0\n\n", "192.0.2", "OK\n"];

#[test]
fn text_that_comes_between_two_readings_is_no_list() {
    for text in UNASKED {
        let folder = Folder::new();
        let meeting = Arc::new(Barrier::new(2));
        let meet = || Meet(meeting.clone());
        let unasked = [meet(), say(text), meet(), Hang];
        let script = then(then(greeting(), &both_lists()), &unasked);
        let director = director(&folder, vec![script]);
        let (mut standing, _) = read_once(&folder);
        meeting.wait();
        meeting.wait();
        let error = standing.read(soon()).unwrap_err();
        assert!(matches!(error.fault, Unasked(_)), "{text:?}: {error:?}");
        assert_eq!(error.stage, DirectorStage::HostList);
        assert!(matches!(standing.read(soon()).unwrap_err().fault, Closed));
        assert_eq!(director.join().unwrap(), [""; 0], "nothing is asked");
    }
}

#[test]
fn no_command_is_sent_behind_text_that_nobody_asked_for() {
    for text in UNASKED {
        let folder = Folder::new();
        let meeting = Arc::new(Barrier::new(2));
        let meet = || Meet(meeting.clone());
        let unasked = [meet(), say(text), meet(), Hang];
        let director = director(&folder, vec![then(greeting(), &unasked)]);
        let mut connection = Connection::open(&folder.socket(), soon()).unwrap();
        meeting.wait();
        meeting.wait();
        let stage = DirectorStage::Greeting;
        let told = told(connection.check_unasked(stage).unwrap_err());
        let cause = format!("text behind the end of the answer {}", Quote::new(text));
        assert_eq!(told, (stage, cause));
        drop(connection);
        assert_eq!(director.join().unwrap(), [""; 0]);
    }
}

#[test]
fn a_late_answer_is_not_taken_for_the_next_one() {
    let folder = Folder::new();
    let director = director(
        &folder,
        vec![then(greeting(), &[Hear(wire::HOST_LIST), Hang])],
    );
    let mut standing = Standing::open(&folder.socket(), soon()).unwrap();
    assert!(matches!(
        standing.read(too_soon()).unwrap_err().fault,
        TimedOut
    ));
    for _ in 0..2 {
        assert!(matches!(standing.read(soon()).unwrap_err().fault, Closed));
    }
    assert_eq!(director.join().unwrap(), [""; 0]);
}

#[test]
fn a_director_that_goes_between_two_readings_is_closed() {
    let folder = Folder::new();
    let director = director(&folder, vec![greeting()]);
    let mut standing = Standing::open(&folder.socket(), soon()).unwrap();
    director.join().unwrap();
    let error = standing.read(soon()).unwrap_err();
    assert_eq!(
        told(error),
        (DirectorStage::HostList, "connection closed".to_owned())
    );
}

/// The standing connection once the script's first two answers, both lists, have been read.
fn read_once(folder: &Folder) -> (Standing, Lists) {
    let mut standing = Standing::open(&folder.socket(), soon()).unwrap();
    let lists = standing.read(soon()).unwrap();
    (standing, lists)
}

fn both_lists() -> Vec<Step> {
    vec![
        Hear(wire::HOST_LIST),
        say(HOSTS),
        Hear(wire::DIRECTOR_LIST),
        say(RING),
    ]
}

/// What comes of the next reading after this was done to the socket's file.
fn check_after(happens: impl Fn(&Path), expected: Option<&str>) {
    let folder = Folder::new();
    let next = match expected {
        Some(_) => vec![Hang],
        None => both_lists(),
    };
    let script = then(then(greeting(), &both_lists()), &next);
    let director = director(&folder, vec![script]);
    let (mut standing, _) = read_once(&folder);
    happens(&folder.socket());
    let told = standing.read(soon()).err().map(told);
    let expected = expected.map(|cause| (DirectorStage::SocketFile, cause.to_owned()));
    assert_eq!(told, expected);
    drop(standing);
    assert_eq!(director.join().unwrap(), [""; 0], "nothing is sent");
}

#[test]
fn a_path_that_leads_elsewhere_is_an_error_while_the_connection_stands() {
    let gone = Some("the socket is missing since the connection was opened");
    let changed = Some("the socket is another one since the connection was opened");
    check_after(|_| {}, None);
    check_after(|socket| fs::remove_file(socket).unwrap(), gone);
    check_after(
        |socket| {
            fs::remove_file(socket).unwrap();
            drop(UnixListener::bind(socket).unwrap());
        },
        changed,
    );
    check_after(
        |socket| fs::set_permissions(socket, fs::Permissions::from_mode(0o600)).unwrap(),
        changed,
    );
}

/// It has not even read our greeting.
#[test]
fn no_command_is_sent_over_a_connection_that_was_reset() {
    let folder = Folder::new();
    let meeting = Arc::new(Barrier::new(2));
    let director = director(&folder, vec![vec![say(GREETED), Meet(meeting.clone())]]);
    let mut connection = Connection::open(&folder.socket(), soon()).unwrap();
    meeting.wait();
    assert_eq!(director.join().unwrap(), [""; 0]);
    let stage = DirectorStage::Greeting;
    let told = told(connection.check_unasked(stage).unwrap_err());
    assert_eq!(told, (stage, "connection closed".to_owned()));
}
