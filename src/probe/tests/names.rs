//! Which name a certificate has to bear, and what happens while DNS is asked for it.

use super::*;

#[test]
fn the_certificate_is_checked_against_the_addresss_name_or_the_address() {
    let authority = Authority::new();
    let by_name = imaps(authority.acceptor("DNS:mail.example", Validity::Current));
    let by_address = imaps(authority.acceptor("IP:127.0.0.1", Validity::Current));
    let refused = "tls handshake: certificate refused \"";
    let unknown = "tls handshake: reverse DNS (PTR) did not give the address's name";
    let cases = [
        (named("mail.example"), Ok(()), Err(refused)),
        (named("other.example"), Err(refused), Err(refused)),
        (Answer::Nameless, Err(refused), Ok(())),
        (Answer::Failed, Err(unknown), Ok(())),
    ];
    for (answer, expected_by_name, expected_by_address) in cases {
        let rig = rig_with(&authority, account(), answer);
        for (server, expected) in [
            (&by_name, expected_by_name),
            (&by_address, expected_by_address),
        ] {
            let result = attempt(&rig, server, Security::Tls);
            match expected {
                Ok(()) => assert_eq!(result, Ok(Pass::Clean)),
                Err(expected) => check_failure(result, expected),
            }
        }
    }
}

#[test]
fn a_configured_name_needs_no_dns_and_no_check_needs_no_name() {
    let authority = Authority::new();
    let server = imaps(authority.acceptor("DNS:mail.example", Validity::Current));
    let (asked, lookups) = Heard::new();
    let names = Arc::new(Names::new(move |_| {
        asked.note("a lookup");
        Answer::Failed
    }));
    let named = |name| checked(Some(name), authority.certificate());
    for (certificates, expected) in [
        (named("mail.example"), Ok(Pass::Clean)),
        (named("other.example"), Err(())),
        (unchecked(), Ok(Pass::Clean)),
    ] {
        let probing = probing(certificates);
        let rig = Rig {
            prober: Prober::with_names(&probing, names.clone()).unwrap(),
            account: account(),
            timeout: PATIENCE,
        };
        let result = attempt(&rig, &server, Security::Tls);
        assert_eq!(result.map_err(drop), expected);
    }
    // No thread is left that could still look up.
    drop(names);
    assert_eq!(lookups.iter().count(), 0);
}

/// SECURITY.md says so.
#[test]
fn whoever_answers_for_dns_chooses_the_name_unless_one_is_configured() {
    let authority = Authority::new();
    let impostor = imaps(authority.acceptor("DNS:impostor.example", Validity::Current));
    let real = imaps(authority.acceptor("IP:127.0.0.1", Validity::Current));
    let forged = rig_with(&authority, account(), named("impostor.example"));
    assert_eq!(attempt(&forged, &impostor, Security::Tls), Ok(Pass::Clean));
    // The address alone is asked for where DNS has no name: a forged one stands in the way.
    let refused = attempt(&forged, &real, Security::Tls).unwrap_err();
    assert_eq!(refused.stage, crate::outcome::Stage::Tls, "{refused}");
    let shown = refused.to_string();
    assert!(shown.contains("impostor.example"), "{shown}");
    for (name, real_one_passes) in [("mail.example", false), ("127.0.0.1", true)] {
        let probing = probing(checked(Some(name), authority.certificate()));
        let names = Arc::new(Names::new(|_| named("impostor.example")));
        let rig = Rig {
            prober: Prober::with_names(&probing, names).unwrap(),
            account: account(),
            timeout: PATIENCE,
        };
        let refused = "tls handshake: certificate refused \"";
        check_failure(attempt(&rig, &impostor, Security::Tls), refused);
        assert_eq!(attempt(&rig, &real, Security::Tls).is_ok(), real_one_passes);
    }
}

#[test]
fn while_the_name_is_pending_the_connection_is_judged_and_no_handshake_begins() {
    let (_hold, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let names = Arc::new(Names::new(move |_| {
        let _ = held.lock().unwrap().recv();
        Answer::Failed
    }));
    let authority = Authority::new();
    let rig = rig_with_names(&authority, account(), names);

    let (heard, bytes) = Heard::new();
    let server = Server::start(move |mut socket: TcpStream| {
        let said = socket.read(&mut [0]).unwrap();
        heard.note(&format!("{said} bytes"));
    });
    let result = attempt(&rig, &server, Security::Tls);
    check_failure(
        result,
        "tls handshake: waiting for the address's name from reverse DNS (PTR)",
    );
    let said = bytes.recv_timeout(PATIENCE).unwrap();
    assert_eq!(said, "0 bytes", "no handshake was begun");
    let (_socket, unheard) = stage::unheard();
    let service = Service::Port(Port {
        protocol: Protocol::Imap,
        security: Security::Tls,
        number: unheard.port(),
    });
    let result = rig.outcome(unheard.ip(), service).result;
    check_failure(result, "connect: connection refused");

    let acceptor = authority.acceptor("DNS:mail.example", Validity::Current);
    let (server, _heard) = imap_with_starttls(acceptor);
    let result = attempt(&rig, &server, Security::Plain);
    check_failure(
        result,
        "tls handshake: waiting for the address's name from reverse DNS (PTR)",
    );
}
