//! Deep probes: a message is delivered by one port and looked for at another.

use super::*;

/// The LMTP side of a deep probe: takes the message and passes on the mark in it.
pub(super) fn lmtp_that_takes_all() -> (Server, mpsc::Receiver<String>) {
    let (sender, receiver) = mpsc::channel();
    let sender = Mutex::new(sender);
    let server = Server::start(move |mut socket: TcpStream| {
        let _ = socket.write_all(b"220 ready\r\n");
        let mut in_message = false;
        loop {
            let line = read_line(&mut socket);
            let answer = match line.split(' ').next().unwrap_or_default() {
                "." => {
                    in_message = false;
                    "250 saved"
                }
                "X-Poolmon-Probe:" => {
                    let token = line.split(' ').nth(1).unwrap_or_default();
                    let _ = sender.lock().unwrap().send(token.to_owned());
                    continue;
                }
                // The client has left, or this is a line of the message.
                _ if in_message && !matches!(socket.peek(&mut [0]), Ok(1)) => return,
                _ if in_message => continue,
                "DATA" => {
                    in_message = true;
                    "354 go ahead"
                }
                "QUIT" | "" => return,
                _ => "250 ok",
            };
            let _ = socket.write_all(format!("{answer}\r\n").as_bytes());
        }
    });
    (server, receiver)
}

/// What a look into the mailbox finds.
#[derive(Clone, Copy)]
enum Look {
    Nothing,
    Message,
    /// Nothing is answered.
    Silence,
}

/// The IMAP side: in each session the next of the looks, and the last for ever.
fn imap_with_mail(looks: &'static [Look], marks: mpsc::Receiver<String>) -> Server {
    let next = Mutex::new((0, String::new(), marks));
    Server::start(move |mut socket: TcpStream| {
        let (look, mark) = {
            let mut next = next.lock().unwrap();
            if let Ok(mark) = next.2.try_recv() {
                next.1 = mark;
            }
            let look = looks[next.0.min(looks.len() - 1)];
            next.0 += 1;
            (look, next.1.clone())
        };
        greet(&mut socket, "IMAP4rev1");
        loop {
            let line = read_line(&mut socket);
            let (tag, command) = line.split_once(' ').unwrap_or_default();
            let untagged = match (command.split(' ').next().unwrap_or_default(), look) {
                ("", _) => return,
                ("LOGIN", _) => {
                    for _ in 0..2 {
                        let _ = socket.write_all(b"+ go on\r\n");
                        read_line(&mut socket);
                    }
                    "* CAPABILITY IMAP4rev1 UIDPLUS\r\n".to_owned()
                }
                ("SELECT", _) => "* 1 EXISTS\r\n".to_owned(),
                ("UID", Look::Silence) => {
                    // Pause: its silence, longer than anybody waits for it.
                    thread::sleep(PATIENCE);
                    return;
                }
                ("UID", Look::Message) if command.starts_with("UID SEARCH") => {
                    "* SEARCH 5\r\n".to_owned()
                }
                ("UID", Look::Message) if command.starts_with("UID FETCH") => {
                    let fields = format!("X-Poolmon-Probe: {mark}\r\n\r\n");
                    let name = "BODY[HEADER.FIELDS (X-POOLMON-PROBE)]<0>";
                    format!(
                        "* 1 FETCH (UID 5 {name} {{{}}}\r\n{fields})\r\n",
                        fields.len()
                    )
                }
                _ => String::new(),
            };
            let _ = socket.write_all(format!("{untagged}{tag} OK done\r\n").as_bytes());
        }
    })
}

/// The POP3 side: in the first session another has the maildrop, and in each later one the message
/// is in it.
fn pop3_in_use_at_first(marks: mpsc::Receiver<String>) -> Server {
    let state = Mutex::new((true, marks));
    Server::start(move |mut socket: TcpStream| {
        let (is_in_use, mark) = {
            let mut state = state.lock().unwrap();
            match state.0 {
                true => (std::mem::take(&mut state.0), String::new()),
                false => (false, state.1.recv().unwrap_or_default()),
            }
        };
        let _ = socket.write_all(b"+OK ready\r\n");
        loop {
            let line = read_line(&mut socket);
            let answer = match line.split(' ').next().unwrap_or_default() {
                "" => return,
                "CAPA" => "+OK\r\nUSER\r\n.".to_owned(),
                "PASS" if is_in_use => {
                    "-ERR [IN-USE] Mailbox is locked by another POP3 session".to_owned()
                }
                "STAT" | "LIST" => "+OK 1 100".to_owned(),
                "TOP" => format!("+OK\r\nX-Poolmon-Probe: {mark}\r\n\r\n."),
                _ => "+OK".to_owned(),
            };
            let _ = socket.write_all(format!("{answer}\r\n").as_bytes());
        }
    })
}

fn deep_probe(rig: &Rig, deliver: &Server, read: &Server) -> Outcome {
    deep_probe_at(rig, deliver, port_of(read, Protocol::Imap))
}

fn deep_probe_at(rig: &Rig, deliver: &Server, read: Port) -> Outcome {
    let deliver_at = port_of(deliver, Protocol::Lmtp);
    let service = Service::Delivery {
        deliver: deliver_at,
        read,
    };
    rig.outcome(deliver.address.ip(), service)
}

fn with_account(timeout: Duration) -> Rig {
    Rig {
        account: account(),
        ..without_tls(timeout)
    }
}

#[test]
fn a_delivered_message_is_looked_for_until_it_is_there() {
    let (lmtp, marks) = lmtp_that_takes_all();
    let imap = imap_with_mail(&[Look::Nothing, Look::Nothing, Look::Message], marks);
    let outcome = deep_probe(&with_account(PATIENCE), &lmtp, &imap);
    assert_eq!(outcome.result, Ok(Pass::Clean));
    let delivery = outcome.delivery.unwrap();
    assert!(delivery >= FIRST_PAUSE * 3, "{delivery:?}");
    assert!(delivery <= outcome.latency);
    // Of the three looks the last one.
    let expected = [
        "connect",
        "greeting",
        "lhlo",
        "mail from",
        "rcpt to",
        "data",
        "logout",
        "connect",
        "greeting",
        "login",
        "select",
        "search",
        "delete",
        "logout",
    ];
    assert_eq!(stages(&outcome), expected);
    check_times(&outcome);
    let dialogue = dialogue(&outcome);
    let is_port = |line: &&&str| line.starts_with("-- ") && !line.starts_with("-- (");
    let remarks = dialogue.iter().filter(is_port);
    let ports: Vec<&str> = remarks.copied().collect();
    let port = |server: &Server, name| format!("-- {name}:{}", server.address.port());
    assert_eq!(ports, [port(&lmtp, "lmtp"), port(&imap, "imap")]);
    let message = dialogue
        .iter()
        .position(|line| line.starts_with("C: From: <poolmon@"));
    let message = message.expect("the message's beginning");
    assert_eq!(dialogue[message + 1], "C: (10 more lines)");
}

#[test]
fn a_message_that_does_not_come_in_time_is_missing() {
    const CASES: [&[Look]; 2] = [
        &[Look::Nothing],
        // The time ends in the second look, and the first one has seen why.
        &[Look::Nothing, Look::Silence],
    ];
    for looks in CASES {
        let (lmtp, marks) = lmtp_that_takes_all();
        let imap = imap_with_mail(looks, marks);
        // Room for what comes before the first look, also on a busy machine.
        let outcome = deep_probe(&with_account(Duration::from_secs(4)), &lmtp, &imap);
        let port = port_of(&imap, Protocol::Imap);
        check_failure(
            outcome.result,
            &format!("at {port} search: the delivered message is not there"),
        );
        assert_eq!(outcome.delivery, None);
        assert!(outcome.latency < PATIENCE, "{:?}", outcome.latency);
    }
}

#[test]
fn a_maildrop_that_another_session_has_is_looked_into_again() {
    let (lmtp, marks) = lmtp_that_takes_all();
    let pop3 = pop3_in_use_at_first(marks);
    let read = port_of(&pop3, Protocol::Pop3);
    let outcome = deep_probe_at(&with_account(PATIENCE), &lmtp, read);
    assert_eq!(outcome.result, Ok(Pass::Clean));
    let delivery = outcome.delivery.unwrap();
    assert!(delivery >= FIRST_PAUSE, "{delivery:?}");
}

#[test]
fn what_is_not_delivered_is_not_looked_for() {
    let lmtp = Server::start(|mut socket: TcpStream| {
        let _ = socket.write_all(b"220 ready\r\n");
        read_line(&mut socket);
        let _ = socket.write_all(b"451 later\r\n");
        read_line(&mut socket);
    });
    let (heard, connections) = Heard::new();
    let imap = Server::start(move |_| heard.note("connected"));
    let outcome = deep_probe(&with_account(PATIENCE), &lmtp, &imap);
    let port = port_of(&lmtp, Protocol::Lmtp);
    check_failure(
        outcome.result,
        &format!("at {port} lhlo: server cannot serve \"451 later\""),
    );
    drop(imap);
    assert_eq!(connections.iter().count(), 0);
}

#[test]
fn a_deep_probe_without_an_account_is_content_with_two_greetings() {
    let (lmtp, marks) = lmtp_that_takes_all();
    let imap = Server::start(|mut socket: TcpStream| {
        greet(&mut socket, "IMAP4rev1");
        read_line(&mut socket);
    });
    let outcome = deep_probe(&without_tls(PATIENCE), &lmtp, &imap);
    assert_eq!((outcome.result, outcome.delivery), (Ok(Pass::Clean), None));
    let closed = Server::start(drop);
    let outcome = deep_probe(&without_tls(PATIENCE), &lmtp, &closed);
    let port = port_of(&closed, Protocol::Imap);
    check_failure(
        outcome.result,
        &format!("at {port} greeting: connection closed"),
    );
    drop(lmtp);
    assert_eq!(marks.iter().count(), 0, "no message is delivered");
}

#[test]
fn a_deep_probe_tells_the_names_of_the_port_whose_certificate_was_refused() {
    let authority = Authority::new();
    let acceptor = authority.self_signed("DNS:other.example");
    let lmtp = Server::start(move |socket| drop(acceptor.accept(socket)));
    let rig = rig_with(&authority, account(), named("mail.example"));
    let deliver = Port {
        security: Security::Tls,
        ..port_of(&lmtp, Protocol::Lmtp)
    };
    let read = port_of(&lmtp, Protocol::Imap);
    let service = Service::Delivery { deliver, read };
    let outcome = rig.outcome(lmtp.address.ip(), service);
    let shown = outcome.result.unwrap_err().to_string();
    let expected = format!("at {deliver} tls handshake: certificate refused");
    assert!(shown.starts_with(&expected), "{shown}");
    assert!(shown.contains("presented \"other.example\""), "{shown}");
}
