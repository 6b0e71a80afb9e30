use super::*;

/// What HAProxy 2.6.12 answered.
const ANSWER: &str = include_str!("../../../../tests/data/haproxy/2.6.answer");
const OPERATOR: &str = include_str!("../../../../tests/data/haproxy/2.6-operator.answer");

fn shown(server: &Server) -> String {
    format!(
        "{} {}:{} running {} admin {} weight {} for {} s, {} sessions",
        server.name,
        server.address,
        server.port,
        server.is_running,
        server.admin.0,
        server.weight,
        server.unchanged_for.as_secs(),
        server.sessions
    )
}

#[test]
fn a_real_answer_tells_level_process_servers_and_sessions() {
    let answer = Answer::parse(ANSWER.as_bytes()).unwrap();
    assert_eq!(answer.level, "admin");
    assert_eq!(answer.check_level(), Ok(()));
    assert_eq!(answer.process.uptime, Duration::from_secs(5));
    assert!(answer.process.id > 0);
    assert_eq!(answer.malformed, Malformed::default());
    let servers: Vec<String> = answer.servers.iter().map(shown).collect();
    assert_eq!(
        servers,
        [
            "imap/mail1 127.77.0.7:143 running true admin 0 weight 1 for 6 s, 3 sessions",
            "imap/mail2 127.77.0.8:143 running false admin 1 weight 1 for 6 s, 0 sessions",
            "imap/mail3 127.77.0.9:143 running false admin 5 weight 1 for 6 s, 0 sessions",
            "imap/spare 127.77.0.10:143 running true admin 8 weight 33 for 3 s, 0 sessions",
            "imaps/mail1 127.77.0.7:993 running true admin 0 weight 1 for 6 s, 0 sessions",
            "imaps/mail2 127.77.0.8:993 running false admin 1 weight 1 for 3 s, 0 sessions",
            "imaps/v6 ::1:993 running true admin 0 weight 1 for 6 s, 0 sessions",
            "imaps/mail3 127.77.0.9:993 running false admin 5 weight 1 for 6 s, 0 sessions",
            "imaps/spare 127.77.0.10:993 running true admin 0 weight 40 for 6 s, 0 sessions",
            "web/www 127.77.0.20:80 running true admin 0 weight 1 for 6 s, 0 sessions",
        ]
    );
}

#[test]
fn a_socket_of_another_level_shows_the_same_and_is_of_no_use() {
    let answer = Answer::parse(OPERATOR.as_bytes()).unwrap();
    assert_eq!(answer.servers.len(), 10);
    let error = answer.check_level().unwrap_err();
    assert_eq!(
        error.to_string(),
        "this socket is of level \"operator\": nothing can be changed over it"
    );
}

#[test]
fn the_answer_of_ten_thousand_servers_is_not_too_long() {
    let servers = Answer::parse(ANSWER.as_bytes()).unwrap().servers.len();
    assert!(10_000 * ANSWER.len() / servers < MOST_BYTES);
}

#[test]
fn lines_behind_the_last_part_are_an_answer_that_is_not_over() {
    for rest in ["x\n", "x"] {
        let answer = format!("{ANSWER}{rest}");
        let error = Answer::parse(answer.as_bytes()).unwrap_err();
        assert_eq!(error, AnswerError::Cut);
    }
}

#[test]
fn a_number_is_made_of_digits_alone() {
    assert_eq!(number::<u32>(b"40"), Some(40));
    for text in ["", "+4", "-4", "4 ", "4.0"] {
        assert_eq!(number::<u32>(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn an_answer_that_is_cut_anywhere_is_an_error_and_never_a_shorter_list() {
    for length in 0..ANSWER.len() {
        let error = Answer::parse(&ANSWER.as_bytes()[..length]).unwrap_err();
        match length {
            0 => assert_eq!(error, AnswerError::Empty),
            // The level's word itself is cut.
            1..=4 => assert!(matches!(error, AnswerError::NotAnswered(_)), "{length}"),
            _ => assert_eq!(error, AnswerError::Cut, "{length}"),
        }
    }
}

#[test]
fn any_byte_may_be_any_other_without_a_panic() {
    for at in 0..ANSWER.len() {
        for byte in [0, b'\n', b' ', b',', b'-', b'9', b'#', 0xff] {
            let mut bent = ANSWER.as_bytes().to_vec();
            bent[at] = byte;
            if let Ok(answer) = Answer::parse(&bent) {
                assert!(answer.servers.len() <= 11);
            }
        }
    }
}

#[test]
fn what_answers_in_another_name_is_no_haproxy() {
    let other = ANSWER.replace("Name: HAProxy\n", "Name: Squid\n");
    assert_ne!(other, ANSWER);
    assert!(Answer::parse(other.as_bytes()).is_err());
}

fn parse(text: &str) -> Result<Answer, AnswerError> {
    Answer::parse(text.as_bytes())
}

#[test]
fn what_is_no_answer_of_a_stats_socket_is_said() {
    let says = |text: &str| parse(text).unwrap_err().to_string();
    assert_eq!(
        says("Unknown command\n\n"),
        "not the answer of a stats socket \"Unknown command\""
    );
    assert_eq!(
        says("VERSION\tdirector-doveadm\t1\t0\n"),
        "not the answer of a stats socket \"VERSION\\tdirector-doveadm\\t1\\t0\""
    );
    let refused = "user\n\nPermission denied\n\n1\n# be_name\n\n# pxname\n\n";
    assert_eq!(
        says(refused),
        "not the answer of a stats socket \"Permission denied\""
    );
    let columns = ANSWER.replace(" srv_admin_state ", " srv_other ");
    assert_eq!(says(&columns), "its list has no column srv_admin_state");
    let columns = ANSWER.replace(",scur,", ",sother,");
    assert_eq!(says(&columns), "its list has no column scur");
    let more = format!("{ANSWER}more\n\n");
    assert_eq!(says(&more), "not the answer of a stats socket \"more\"");
}

#[test]
fn columns_are_found_by_their_names() {
    let text = "admin\n\nName: HAProxy\nUptime_sec: 5\nPid: 7\n\n\
                1\n# srv_name be_name srv_port srv_addr srv_uweight srv_admin_state srv_op_state \
                srv_time_since_last_change\na b 143 192.0.2.1 50 0 2 9\n\
                c b 144 192.0.2.2 50 0 1 9\n\n\
                # svname,pxname,scur\na,b,4\n\n";
    let answer = parse(text).unwrap();
    assert_eq!(
        shown(&answer.servers[0]),
        "b/a 192.0.2.1:143 running true admin 0 weight 50 for 9 s, 4 sessions"
    );
    // HAProxy's state 1, on its way up, takes clients already.
    assert_eq!(
        shown(&answer.servers[1]),
        "b/c 192.0.2.2:144 running true admin 0 weight 50 for 9 s, 0 sessions"
    );
}

#[test]
fn a_line_that_cannot_be_read_is_told_and_skipped() {
    for (from, to) in [
        ("127.77.0.20 2 0", "127.77.0.20 x 0"),
        ("127.77.0.20 2 0", "127.77.0 2 0"),
        ("4 web 1 www", "4 web 1 w;ww"),
        (
            "4 web 1 www 127.77.0.20 2 0 1",
            "4 web 1 www 127.77.0.20 2 0 -1",
        ),
    ] {
        assert!(ANSWER.contains(from));
        let answer = parse(&ANSWER.replace(from, to)).unwrap();
        assert_eq!(answer.servers.len(), 9, "{to}");
        assert_eq!(answer.malformed.count, 1, "{to}");
    }
}

#[test]
fn a_server_is_ready_or_forced_by_the_bits_that_say_what_is_and_not_what_was() {
    let is = |mask| {
        let admin = Admin(mask);
        (admin.is_ready(), admin.is_forced())
    };
    for mask in [0, 4, 64, 4 | 64] {
        assert_eq!(is(mask), (true, false), "{mask}");
    }
    for mask in [1, 1 | 2, 1 | 4, 1 | 64] {
        assert_eq!(is(mask), (false, true), "{mask}");
    }
    // As a server that it tracks, drained, or without an address.
    for mask in [2, 8, 16, 32, 4 | 8, 64 | 8] {
        assert_eq!(is(mask), (false, false), "{mask}");
    }
    assert!(Admin(5).was_disabled_at_first() && !Admin(65).was_disabled_at_first());
}

#[test]
fn a_command_names_each_server_in_one_line() {
    let servers = [
        ServerName::new("imap", "mail1"),
        ServerName::new("pop3", "mail1"),
    ];
    assert_eq!(
        line(Told::Maint, &servers),
        "set server imap/mail1 state maint;set server pop3/mail1 state maint\n"
    );
    assert_eq!(
        line(Told::ShutdownSessions, &servers),
        "shutdown sessions server imap/mail1;shutdown sessions server pop3/mail1\n"
    );
    assert_eq!(
        line(Told::Ready, &servers[..1]),
        "set server imap/mail1 state ready\n"
    );
}

/// As HAProxy 2.6.12 answers.
#[test]
fn a_reply_is_one_for_each_command() {
    let refused = |text: &str| Ok(Reply::Refused(Quote::new(text)));
    let behind = |text: &str| Err(AnswerError::Behind(Quote::new(text)));
    let partly = || {
        Err(AnswerError::Partly {
            refused: 1,
            of: 2,
            said: Quote::new("No such server."),
        })
    };
    for (text, commands, expected) in [
        ("\n", 1, Ok(Reply::Ok)),
        ("\n\n", 2, Ok(Reply::Ok)),
        ("No such server.\n\n", 1, refused("No such server.")),
        ("No such backend.\n\n", 1, refused("No such backend.")),
        (
            "No such server.\n\nNo such server.\n\n",
            2,
            refused("No such server."),
        ),
        ("No such server.\n\n\n", 2, partly()),
        ("\nNo such server.\n\n", 2, partly()),
        (
            "Permission denied\n\nPermission denied\n\n",
            2,
            refused("Permission denied"),
        ),
        (
            "Unknown command:\n  help\n\n",
            1,
            refused("Unknown command:"),
        ),
        // More than the answers to so many commands.
        ("\n\n", 1, behind("\n")),
        ("\nNo such server.\n", 1, behind("No such server.\n")),
        ("\n\nNo such server.\n\n", 2, behind("No such server.\n\n")),
        (
            "\n\n\n\n\nNo such server.\n",
            1,
            behind("\n\n\n\nNo such server.\n"),
        ),
        ("No such server.\n\nx\n", 1, behind("x\n")),
        // Cut.
        ("", 1, Err(AnswerError::Empty)),
        ("\n", 2, Err(AnswerError::Cut)),
        ("No such server.\n", 1, Err(AnswerError::Cut)),
        ("No such server.", 1, Err(AnswerError::Cut)),
        ("\nNo such", 1, Err(AnswerError::Cut)),
    ] {
        assert_eq!(parse_reply(text.as_bytes(), commands), expected, "{text:?}");
    }
}

#[test]
fn a_bent_reply_is_done_only_if_it_still_says_so_for_each_command() {
    for (said, commands) in [
        ("\n", 1),
        ("\n\n", 2),
        ("No such server.\n\n", 1),
        ("No such backend.\n\n", 1),
        ("No such server.\n\nNo such server.\n\n", 2),
        ("No such server.\n\n\n", 2),
        ("Permission denied\n\nPermission denied\n\n", 2),
        ("Unknown command:\n  help\n\n", 1),
    ] {
        for bent in crate::bent::bent(said.as_bytes()) {
            let shown = Quote::new(&bent);
            match parse_reply(&bent, commands) {
                // Of a refusal whose front is missing, its empty line is all that is left.
                Ok(Reply::Ok) => assert_eq!(bent, vec![b'\n'; commands], "{shown}"),
                Ok(Reply::Refused(_)) | Err(_) => {}
                Ok(other) => panic!("{other:?}: {shown}"),
            }
            crate::pool::haproxy::fuzz::haproxy(&[commands.to_string().as_bytes(), &bent].concat());
        }
    }
}
