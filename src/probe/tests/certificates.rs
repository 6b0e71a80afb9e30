//! Which certificates fail a probe, and what is read of one that was refused.

use super::*;

/// POP3 that offers STLS, or LMTP that offers STARTTLS.
fn plain_with_tls(acceptor: SslAcceptor, protocol: Protocol) -> Server {
    let (heard, _) = Heard::new();
    Server::start(move |socket| serve_plain(socket, protocol, Some(&acceptor), &heard))
}

/// Takes whatever it is told. Without an acceptor it does not offer TLS.
fn serve_plain(
    mut socket: TcpStream,
    protocol: Protocol,
    acceptor: Option<&SslAcceptor>,
    heard: &Heard,
) {
    let (greeting, ok) = match (protocol, acceptor) {
        (Protocol::Imap, _) => ("* OK ready", "OK"),
        (Protocol::Lmtp | Protocol::Submission, _) => ("220 ready", "220 ok"),
        (Protocol::Sieve, Some(_)) => ("\"SASL\" \"PLAIN\"\r\n\"STARTTLS\"\r\nOK", "OK"),
        (Protocol::Sieve, None) => ("\"SASL\" \"PLAIN\"\r\nOK", "OK"),
        _ => ("+OK ready", "+OK"),
    };
    let offer = match (protocol, acceptor) {
        (Protocol::Imap, Some(_)) => "* CAPABILITY IMAP4rev1 STARTTLS",
        (Protocol::Imap, None) => "* CAPABILITY IMAP4rev1",
        (Protocol::Lmtp, Some(_)) => "250-here\r\n250 STARTTLS",
        (Protocol::Lmtp, None) => "250 here",
        (Protocol::Submission, Some(_)) => "250-here\r\n250-AUTH PLAIN\r\n250 STARTTLS",
        (Protocol::Submission, None) => "250-here\r\n250 AUTH PLAIN",
        (_, Some(_)) => "+OK\r\nSTLS\r\n.",
        (_, None) => "+OK\r\nUSER\r\n.",
    };
    let talk = |mut stream: &mut dyn ReadWrite| loop {
        let line = read_line(&mut stream);
        heard.note(&line);
        let words: Vec<&str> = line.split(' ').collect();
        let (tag, command) = match (protocol, &words[..]) {
            (Protocol::Imap, [tag, command, ..]) => (format!("{tag} "), *command),
            (_, [command, ..]) => (String::new(), *command),
            _ => (String::new(), ""),
        };
        let answer = match command {
            "CAPA" | "LHLO" | "EHLO" => offer.to_owned(),
            "CAPABILITY" => format!("{offer}\r\n{tag}{ok}"),
            "LOGIN" => "+ go on".to_owned(),
            "" => return false,
            _ => format!("{tag}{ok}"),
        };
        let _ = stream.write_all(format!("{answer}\r\n").as_bytes());
        match command {
            "STLS" | "STARTTLS" => return true,
            "QUIT" | "LOGOUT" => return false,
            _ => {}
        }
    };
    let _ = socket.write_all(format!("{greeting}\r\n").as_bytes());
    if talk(&mut socket) {
        if let Some(Ok(mut stream)) = acceptor.map(|acceptor| acceptor.accept(socket)) {
            heard.note("(handshake)");
            talk(&mut stream);
        }
    }
}

trait ReadWrite: Read + Write {}

impl<S: Read + Write> ReadWrite for S {}

/// Whether a self-signed certificate that bears no name of use is refused, port by port.
#[test]
fn a_bad_certificate_fails_only_where_certificates_are_checked() {
    let authority = Authority::new();
    let own = || authority.self_signed("DNS:other.example");
    let (imap, _heard) = imap_with_starttls(own());
    let servers = [
        (imaps(own()), Protocol::Imap, Security::Tls),
        (imap, Protocol::Imap, Security::Plain),
        (
            plain_with_tls(own(), Protocol::Pop3),
            Protocol::Pop3,
            Security::Plain,
        ),
        (
            plain_with_tls(own(), Protocol::Lmtp),
            Protocol::Lmtp,
            Security::Plain,
        ),
    ];
    for (verify, starttls, own_name, expected) in [
        (Verify::On, StartTls::Offered, None, "xx--"),
        (Verify::On, StartTls::Required, None, "xxxx"),
        (Verify::Unsaid, StartTls::Offered, None, "----"),
        (Verify::Unsaid, StartTls::Required, None, "xxxx"),
        (
            Verify::Unsaid,
            StartTls::Offered,
            Some("mail.example"),
            "xxxx",
        ),
        (
            Verify::Off,
            StartTls::Required,
            Some("mail.example"),
            "----",
        ),
    ] {
        let probing = Probing {
            starttls,
            envelope: Envelope {
                to: Some("probe".to_owned()),
                ..Envelope::default()
            },
            ..probing(Certificates::new(
                verify,
                None,
                None,
                starttls,
                PasswordOver::Any,
            ))
        };
        let prober = Prober::with_names(&probing, settled(Answer::Nameless)).unwrap();
        let shown = servers.iter().map(|(server, protocol, security)| {
            let service = Service::Port(Port {
                protocol: *protocol,
                security: *security,
                number: server.address.port(),
            });
            let target = Target {
                address: server.address.ip(),
                services: vec![service].into(),
                account: account().map(Arc::new),
                former_accounts: Vec::new(),
                tls_name: own_name.map(Into::into),
            };
            match prober.attempt(&target, &service, PATIENCE).result {
                Ok(_) => '-',
                Err(failure) => {
                    let shown = failure.to_string();
                    let turned = shown.contains("certificate refused after STARTTLS");
                    assert_eq!(turned, *security == Security::Plain, "{shown}");
                    assert!(shown.contains("presented \"other.example\""), "{shown}");
                    'x'
                }
            }
        });
        let shown: String = shown.collect();
        assert_eq!(shown, expected, "{verify:?} {starttls:?} {own_name:?}");
    }
}

#[test]
fn where_no_certificate_is_checked_no_name_is_waited_for() {
    let (asked, lookups) = Heard::new();
    let names = Arc::new(Names::new(move |_| {
        asked.note("a lookup");
        Answer::Failed
    }));
    let authority = Authority::new();
    let acceptor = authority.self_signed("DNS:other.example");
    let server = plain_with_tls(acceptor, Protocol::Pop3);
    let certificates =
        Certificates::new(Verify::On, None, None, StartTls::Offered, PasswordOver::Any);
    let rig = Rig {
        prober: Prober::with_names(&probing(certificates), names).unwrap(),
        account: account(),
        timeout: PATIENCE,
    };
    let port = port_of(&server, Protocol::Pop3);
    let outcome = rig.outcome(server.address.ip(), Service::Port(port));
    assert_eq!(outcome.result, Ok(Pass::Clean));
    drop(rig);
    assert_eq!(lookups.iter().count(), 0);
}

/// The failure of an attempt at a port whose certificate may not be refused for any other reason than
/// that nobody here trusts it.
fn refusal(prober: &Prober, server: &Server, protocol: Protocol, security: Security) -> String {
    let service = Service::Port(Port {
        protocol,
        security,
        number: server.address.port(),
    });
    let target = Target {
        address: server.address.ip(),
        services: vec![service].into(),
        account: account().map(Arc::new),
        former_accounts: Vec::new(),
        tls_name: Some("mail.example".into()),
    };
    let outcome = prober.attempt(&target, &service, PATIENCE);
    let failure = outcome.result.unwrap_err();
    let shown = failure.to_string();
    assert!(shown.contains("certificate refused"), "{shown}");
    shown
}

/// LMTP has something to hide, too, and certificates are checked on request.
fn reading() -> Probing {
    Probing {
        envelope: Envelope {
            to: Some("probe".to_owned()),
            ..Envelope::default()
        },
        ..probing(Certificates::new(
            Verify::On,
            None,
            None,
            StartTls::Offered,
            PasswordOver::Any,
        ))
    }
}

#[test]
fn a_refused_certificate_is_read_by_one_connection_more_that_says_nothing_worth_hiding() {
    let authority = Authority::new();
    for (protocol, security, dialogue) in [
        (Protocol::Imap, Security::Tls, vec![]),
        (
            Protocol::Imap,
            Security::Plain,
            vec!["a1 CAPABILITY", "a2 STARTTLS"],
        ),
        (Protocol::Pop3, Security::Plain, vec!["CAPA", "STLS"]),
        (
            Protocol::Lmtp,
            Security::Plain,
            vec!["LHLO localhost", "STARTTLS"],
        ),
    ] {
        let acceptor = authority.self_signed("DNS:other.example");
        let (heard, lines) = Heard::new();
        let server = Server::start(move |socket| {
            heard.note("(connection)");
            match security {
                Security::Plain => serve_plain(socket, protocol, Some(&acceptor), &heard),
                Security::Tls => {
                    if let Ok(mut stream) = acceptor.accept(socket) {
                        heard.note("(handshake)");
                        heard.note(&read_line(&mut stream));
                    }
                }
            }
        });
        let prober = Prober::new(&reading()).unwrap();
        let shown = refusal(&prober, &server, protocol, security);
        let presented = "expected name \"mail.example\", presented \"other.example\" (";
        assert!(shown.contains(presented), "{shown}");

        let attempt = [&["(connection)"], &dialogue[..]].concat();
        // Nothing comes after the handshake but the end.
        let further = [&attempt[..], &["(handshake)", ""]].concat();
        let expected = [&attempt[..], &further].concat();
        let hear = |count: usize| -> Vec<String> {
            let line = |_| lines.recv_timeout(PATIENCE).unwrap();
            (0..count).map(line).collect()
        };
        assert_eq!(hear(expected.len()), expected);

        // From then on it is known, after a reload, too.
        let renewed = prober.renewed(&reading()).unwrap();
        for prober in [&prober, &renewed] {
            assert_eq!(refusal(prober, &server, protocol, security), shown);
            assert_eq!(hear(attempt.len()), attempt);
        }
        drop(server);
        assert_eq!(lines.iter().count(), 0);
    }
}

#[test]
fn an_attempt_tells_what_the_certificate_says_accepted_or_refused() {
    let authority = Authority::new();
    let names = "DNS:mail.example";
    for (validity, accepted) in [(Validity::Current, true), (Validity::Expired, false)] {
        let connections = Arc::new(AtomicUsize::new(0));
        let acceptor = authority.acceptor(names, validity);
        let count = connections.clone();
        let server = Server::start(move |socket| {
            count.fetch_add(1, Ordering::SeqCst);
            if let Ok(mut stream) = acceptor.accept(socket) {
                greet(&mut stream, "IMAP4rev1");
                read_line(&mut stream);
            }
        });
        let rig = rig_with(&authority, None, named("mail.example"));
        let began = Instant::now();
        let outcome = |rig: &Rig| rig.outcome(server.address.ip(), service(&server, Security::Tls));
        let first = outcome(&rig).evidence.certificate.unwrap();
        assert_eq!(first.accepted, accepted);
        assert_eq!(
            first.names.first,
            [crate::quote::Quote::new("mail.example")]
        );
        assert!(first.read >= began);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let in_a_month = now.as_secs() as i64 + 30 * 24 * 3600;
        match validity {
            Validity::Current => assert!((first.not_after - in_a_month).abs() < 60, "{first:?}"),
            Validity::Expired => assert_eq!(first.not_after, 1_580_515_200),
        }
        assert_eq!(first.chain_not_after, first.not_after);
        // The next attempt reads nothing anew.
        let second = outcome(&rig).evidence.certificate.unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let further = usize::from(!accepted);
        assert_eq!(connections.load(Ordering::SeqCst), 2 + further);
    }
}

fn shown_names(outcome: &Outcome) -> Vec<String> {
    let certificate = outcome.evidence.certificate.as_ref().unwrap();
    let names = certificate.names.first.iter();
    names.map(|name| name.text().to_owned()).collect()
}

/// A server that has learnt the password may have a certificate made with it.
#[test]
fn no_name_of_a_certificate_is_shown_that_repeats_a_part_of_the_password() {
    let authority = Authority::new();
    let names = "DNS:xHUNTER2x.example,DNS:other.example,DNS:hunt.example";
    let server = imaps(authority.self_signed(names));
    let expected = "DNS:hunt.example";
    let known = imaps(authority.acceptor(expected, Validity::Current));
    let withheld = "(name withheld, it repeats a part of the password)";
    let attempt = |prober: &Prober, server: &Server, account: Option<Account>| {
        let service = service(server, Security::Tls);
        let target = Target {
            address: server.address.ip(),
            services: vec![service].into(),
            account: account.map(Arc::new),
            former_accounts: Vec::new(),
            tls_name: Some("hunt.example".into()),
        };
        let outcome = prober.attempt(&target, &service, PATIENCE);
        let names = shown_names(&outcome);
        // Also where the greeting is enough.
        assert_eq!(
            shown_names(&prober.greet(&target, &service, PATIENCE)),
            names
        );
        (names, outcome.result)
    };

    let all = ["xHUNTER2x.example", "other.example", "hunt.example"];
    let refusing = checked(None, authority.certificate());
    for (certificates, last) in [(refusing, "hunt.example"), (unchecked(), withheld)] {
        let prober = Prober::new(&probing(certificates)).unwrap();
        // Nobody else's attempt is shown less, also of what was read before.
        for _ in 0..2 {
            let (names, _) = attempt(&prober, &server, None);
            assert_eq!(names, all);
            let (names, result) = attempt(&prober, &server, account());
            // The name that is asked for is not the server's to choose.
            assert_eq!(names, [withheld, "other.example", last]);
            if let Err(failure) = result {
                let Failure { fault, .. } = &failure;
                let shown = failure.to_string();
                assert!(!shown.contains("HUNTER2"), "{shown}");
                match fault {
                    Fault::CertificateRefused(bad) => {
                        let presented = bad.presented.as_ref().unwrap();
                        let shown: Vec<_> =
                            presented.first.iter().map(|name| name.text()).collect();
                        assert_eq!(shown, names);
                    }
                    fault => panic!("{fault}"),
                }
            }
        }
    }
    let prober = Prober::new(&probing(checked(None, authority.certificate()))).unwrap();
    let (names, result) = attempt(&prober, &known, account());
    assert_eq!(result, Ok(Pass::Clean));
    assert_eq!(names, ["hunt.example"]);
}

#[test]
fn whoever_reads_a_certificate_logs_in_nowhere() {
    let authority = Authority::new();
    let with_starttls = |protocol: &&Protocol| protocol.row().starttls != UseOfStartTls::NEVER;
    for &protocol in Protocol::ALL.iter().filter(with_starttls) {
        let acceptor = authority.self_signed("DNS:other.example");
        let (heard, lines) = Heard::new();
        let connections = AtomicUsize::new(0);
        // TLS is on offer the first time alone.
        let server = Server::start(move |socket| {
            let acceptor = match connections.fetch_add(1, Ordering::SeqCst) {
                0 => Some(&acceptor),
                _ => None,
            };
            serve_plain(socket, protocol, acceptor, &heard);
        });
        let prober = Prober::new(&reading()).unwrap();
        let shown = refusal(&prober, &server, protocol, Security::Plain);
        assert!(!shown.contains("presented"), "{shown}");
        drop(server);
        let said: Vec<String> = lines.iter().collect();
        let last = said.last().unwrap();
        assert!(last.contains("QUIT") || last.contains("LOGOUT"), "{said:?}");
        let commands = [
            "a1",
            "CAPABILITY",
            "a2",
            "a5",
            "LOGOUT",
            "CAPA",
            "LHLO",
            "EHLO",
        ];
        let others = ["localhost", "STLS", "STARTTLS", "QUIT", ""];
        for word in said.iter().flat_map(|line| line.split(' ')) {
            let is_expected = commands.contains(&word) || others.contains(&word);
            assert!(is_expected, "{said:?}");
        }
    }
}

#[test]
fn a_certificate_that_cannot_be_read_costs_one_time_limit_and_no_latency() {
    const LIMIT: Duration = Duration::from_secs(3);
    let authority = Authority::new();
    let acceptor = authority.self_signed("DNS:other.example");
    let connections = AtomicUsize::new(0);
    let server = Server::start(
        move |socket| match connections.fetch_add(1, Ordering::SeqCst) {
            // Pause: its silence, longer than the time limit.
            1 => thread::sleep(2 * LIMIT),
            _ => drop(acceptor.accept(socket)),
        },
    );
    let rig = Rig {
        timeout: LIMIT,
        ..rig_with(&authority, None, named("mail.example"))
    };
    let service = service(&server, Security::Tls);
    for takes_longer in [true, false] {
        let began = Instant::now();
        let outcome = rig.outcome(server.address.ip(), service);
        let beyond = began.elapsed().saturating_sub(outcome.latency);
        check_failure(outcome.result.clone(), "tls handshake: certificate refused");
        let shown = outcome.result.unwrap_err().to_string();
        assert!(!shown.contains("presented"), "{shown}");
        assert!(outcome.latency < LIMIT, "{:?}", outcome.latency);
        assert_eq!(beyond >= LIMIT, takes_longer, "{beyond:?}");
        assert!(beyond < LIMIT + Duration::from_secs(2), "{beyond:?}");
    }
}
