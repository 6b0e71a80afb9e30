//! What an attempt tells: the time of each stage, and what was said.

use super::*;
use crate::in_time::check_in_time;
use crate::slowness::stretched;

#[test]
fn an_attempt_tells_the_time_of_each_stage_and_what_was_said() {
    let (heard, _receiver) = Heard::new();
    let server = Server::start(move |mut socket: TcpStream| {
        // Pause: its greeting takes so long.
        thread::sleep(Duration::from_millis(60));
        greet(&mut socket, "IMAP4rev1");
        talk_imap(&mut socket, "IMAP4rev1", &heard);
    });
    let rig = without_tls(PATIENCE);
    let outcome = rig.outcome(server.address.ip(), service(&server, Security::Plain));
    assert_eq!(outcome.result, Ok(Pass::Clean));
    assert_eq!(stages(&outcome), ["connect", "greeting", "logout"]);
    let took: Vec<Duration> = outcome
        .evidence
        .stages
        .iter()
        .map(|(_, took)| took)
        .collect();
    assert!(took[1] >= Duration::from_millis(60), "{took:?}");
    assert!(took[0] < stretched(Duration::from_millis(60)), "{took:?}");
    check_times(&outcome);
    let expected = [
        "S: * OK [CAPABILITY IMAP4rev1] ready",
        "C: a5 LOGOUT",
        "S: * BYE bye",
        "S: a5 OK done",
    ];
    assert_eq!(dialogue(&outcome), expected);
    assert_eq!(outcome.evidence.certificate, None);

    let silent = stage::silent();
    let rig = without_tls(TIMEOUT);
    let outcome = rig.outcome(silent.address.ip(), service(&silent, Security::Plain));
    assert_eq!(stages(&outcome), ["connect", "greeting"]);
    let (_, took) = outcome.evidence.stages.iter().last().unwrap();
    assert!(took >= TIMEOUT - Duration::from_millis(50), "{took:?}");
    check_times(&outcome);
    assert!(outcome.evidence.dialogue.is_empty());
}

/// The monitor knows all that it asked for, and the answer changes nothing.
#[test]
fn silence_at_the_good_bye_is_not_waited_out() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("DNS:mail.example", Validity::Current);
    let plain = Server::start(|mut socket: TcpStream| {
        greet(&mut socket, "IMAP4rev1");
        while !read_line(&mut socket).is_empty() {}
    });
    let encrypted = Server::start(move |socket: TcpStream| {
        if let Ok(mut stream) = acceptor.accept(socket) {
            greet(&mut stream, "IMAP4rev1");
            while !read_line(&mut stream).is_empty() {}
        }
    });
    let rig = rig_with(&authority, None, named("mail.example"));
    for (server, security) in [(plain, Security::Plain), (encrypted, Security::Tls)] {
        let service = service(&server, security);
        check_in_time(Duration::from_secs(1), |_| {
            let outcome = rig.outcome(server.address.ip(), service);
            assert_eq!(outcome.result, Ok(Pass::Clean));
            assert!(outcome.latency >= LONGEST_FAREWELL, "{outcome:?}");
            assert_eq!(stages(&outcome).last().unwrap(), "logout");
        });
    }
}

#[test]
fn a_login_after_starttls_is_told_without_the_password() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("DNS:mail.example", Validity::Current);
    let (server, _heard) = imap_with_starttls(acceptor);
    let rig = rig_with(&authority, account(), named("mail.example"));
    let outcome = rig.outcome(server.address.ip(), service(&server, Security::Plain));
    assert_eq!(outcome.result, Ok(Pass::Clean));
    let expected = [
        "connect",
        "greeting",
        "starttls",
        "tls handshake",
        "capabilities",
        "login",
        "logout",
    ];
    assert_eq!(stages(&outcome), expected);
    check_times(&outcome);
    let expected = [
        "S: * OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready",
        "C: a2 STARTTLS",
        "S: a2 OK begin TLS",
        "-- tls",
        "C: a3 CAPABILITY",
        "S: * CAPABILITY IMAP4rev1",
        "S: a3 OK done",
        "C: a4 LOGIN {5}",
        "S: + go on",
        "C: probe {<length>}",
        "S: + go on",
        "C: <password>",
        "S: a4 OK logged in",
        "C: a5 LOGOUT",
        "S: * BYE bye",
        "S: a5 OK done",
    ];
    assert_eq!(dialogue(&outcome), expected);
}

#[test]
fn what_fails_is_told_with_its_stage() {
    let rig = without_tls(TIMEOUT);
    let check = |server: &Server, security, expected| {
        check_failure(attempt(&rig, server, security), expected);
    };
    check(&stage::silent(), Security::Plain, "greeting: timed out");
    check(&stage::silent(), Security::Tls, "tls handshake: timed out");
    let closing = Server::start(drop);
    check(&closing, Security::Plain, "greeting: connection closed");
    check(&closing, Security::Tls, "tls handshake: connection closed");
    let plain = Server::start(|mut socket: TcpStream| {
        greet(&mut socket, "IMAP4rev1");
        read_line(&mut socket);
    });
    check(&plain, Security::Tls, "tls handshake: tls failed");
    let (_socket, address) = stage::unheard();
    let gone = Service::Port(Port {
        protocol: Protocol::Imap,
        security: Security::Plain,
        number: address.port(),
    });
    let result = rig.outcome(address.ip(), gone).result;
    check_failure(result, "connect: connection refused");
}

/// The server has learnt it at the login before.
#[test]
fn a_greeting_that_repeats_the_password_is_withheld_also_where_nobody_logs_in() {
    let server = Server::start(|mut socket: TcpStream| {
        let _ = socket.write_all(b"* BYE now hunter2 and more\r\n");
    });
    let rig = Rig {
        account: account(),
        ..without_tls(PATIENCE)
    };
    let outcome = rig.greeting(server.address.ip(), service(&server, Security::Plain));
    let told = format!(
        "{} {:?}",
        outcome.result.as_ref().unwrap_err(),
        dialogue(&outcome)
    );
    assert!(told.contains("withheld"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

/// The account was changed, or nobody logs in any more.
#[test]
fn the_password_before_the_last_reload_is_withheld_too() {
    let server = Server::start(|mut socket: TcpStream| {
        let _ = socket.write_all(b"* OK hunter2\r\n* BYE Hunter2\r\n");
    });
    let rig = without_tls(PATIENCE);
    let service = service(&server, Security::Plain);
    let mut target = rig.target(server.address.ip(), service);
    target.former_accounts = vec![Arc::new(account().unwrap())];
    for now in [None, Some("sesame")] {
        target.account = now.map(|password| {
            Arc::new(Account {
                password: Secret::new(password),
                ..account().unwrap()
            })
        });
        let outcome = rig.prober.attempt(&target, &service, PATIENCE);
        let failure = match (now, &outcome.result) {
            (None, Ok(_)) => String::new(),
            (_, result) => result.as_ref().unwrap_err().to_string(),
        };
        assert_eq!(failure.contains("withheld"), now.is_some(), "{failure}");
        let told = format!("{failure} {:?}", dialogue(&outcome)).to_lowercase();
        assert!(told.contains("withheld"), "{told}");
        assert!(!told.contains("hunt"), "{told}");
    }
}

#[test]
fn where_the_greeting_is_enough_nobody_logs_in_and_nothing_is_delivered() {
    let mut probing = probing(unchecked());
    probing.steps.lmtp.deliver = true;
    probing.envelope.to = Some("probe@mail.example".to_owned());
    let rig = Rig {
        prober: Prober::new(&probing).unwrap(),
        account: account(),
        timeout: PATIENCE,
    };
    for (protocol, greeting, expected) in [
        (Protocol::Lmtp, "220 ready", ["LHLO localhost", "QUIT"]),
        (
            Protocol::Submission,
            "220 ready",
            ["EHLO localhost", "QUIT"],
        ),
        (Protocol::Pop3, "+OK ready", ["QUIT", ""]),
    ] {
        let (heard, receiver) = Heard::new();
        let server = Server::start(move |mut socket: TcpStream| {
            let _ = socket.write_all(format!("{greeting}\r\n").as_bytes());
            loop {
                let line = read_line(&mut socket);
                heard.note(&line);
                let answer = match protocol {
                    Protocol::Pop3 => "+OK",
                    _ => "250 ok",
                };
                if line.is_empty()
                    || socket
                        .write_all(format!("{answer}\r\n").as_bytes())
                        .is_err()
                {
                    return;
                }
            }
        });
        let port = Port {
            protocol,
            security: Security::Plain,
            number: server.address.port(),
        };
        let outcome = rig.greeting(server.address.ip(), Service::Port(port));
        assert_eq!(outcome.result, Ok(Pass::Clean), "{protocol:?}");
        assert!(!outcome.logged_in, "{protocol:?}");
        drop(server);
        let said: Vec<String> = receiver.iter().collect();
        let expected: Vec<&str> = expected
            .into_iter()
            .filter(|line| !line.is_empty())
            .collect();
        assert_eq!(said[..expected.len()], expected[..], "{protocol:?}");
    }
}
