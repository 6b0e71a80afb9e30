//! Lines as directors write them, 2.3.19's captured from a ring of two, and lines as none should.

use std::net::Ipv6Addr;

use super::*;
use crate::backend::{HostState, Listed, Stamp, Tag};
use crate::pool::{Acts, Malformed, Place, Readiness};

fn check<P: ListParser>(answer: &[u8]) -> Result<P::List, ListError> {
    let mut parser = P::default();
    let mut lines = answer.split(|&byte| byte == b'\n');
    loop {
        let line = lines
            .next()
            .expect("the answer's empty line ends it before the text does");
        if let Some(list) = parser.on_line(line)? {
            return Ok(list);
        }
    }
}

fn hosts(answer: &str) -> HostList {
    check::<HostListParser>(answer.as_bytes()).unwrap()
}

fn ring(answer: &str) -> Ring {
    check::<RingParser>(answer.as_bytes()).unwrap()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_greeting_has_to_agree_in_name_and_major_version_only() {
    for (line, expected) in [
        (GREETING, true),
        ("VERSION\tdirector-doveadm\t1\t7", true),
        ("VERSION\tdirector-doveadm\t1\t0\tmore", true),
        ("VERSION\tdirector-doveadm\t2\t0", false),
        ("VERSION\tdirector-doveadm\t10\t0", false),
        ("VERSION\tdirector-doveadm", false),
        ("VERSION\tdirector\t1\t0", false),
        ("* OK ready", false),
        ("", false),
    ] {
        assert_eq!(is_greeting(line.as_bytes()), expected, "{line:?}");
    }
}

#[test]
fn every_byte_survives_escaping_and_none_breaks_a_line() {
    let every: Vec<u8> = (0..=255).collect();
    let field = escape(&every);
    for forbidden in *b"\0\t\n\r" {
        assert!(!field.contains(&forbidden));
    }
    assert_eq!(unescape(&field), every.as_slice());
}

#[test]
fn odd_escapes_are_read_as_dovecot_reads_them() {
    for (field, expected) in [
        ("a\x01tb", "a\tb"),
        ("a\x01\x01b", "a\x01b"),
        ("a\x01xb", "axb"),
        ("a\x01", "a"),
        ("plain", "plain"),
        ("", ""),
    ] {
        assert_eq!(unescape(field.as_bytes()), expected.as_bytes(), "{field:?}");
    }
}

#[test]
fn a_change_is_one_line_that_names_one_address() {
    let v4 = address("192.0.2.7");
    let v6 = address("2001:DB8:0::7");
    let limit = NonZeroU32::new(u32::MAX);
    for (change, expected) in [
        (Change::HostDown(v4), "HOST-DOWN\t192.0.2.7"),
        (Change::HostUp(v6), "HOST-UP\t2001:db8::7"),
        (Change::HostFlush(v4), "HOST-FLUSH\t192.0.2.7"),
        (
            Change::HostResetUsers { address: v6, limit },
            "HOST-RESET-USERS\t2001:db8::7\t4294967295",
        ),
        (
            Change::HostResetUsers {
                address: v4,
                limit: None,
            },
            "HOST-RESET-USERS\t192.0.2.7",
        ),
        (
            Change::HostSet {
                address: v6,
                vhosts: 0,
            },
            "HOST-SET\t2001:db8::7\t0",
        ),
        (
            Change::HostSet {
                address: v4,
                vhosts: u32::MAX,
            },
            "HOST-SET\t192.0.2.7\t4294967295",
        ),
    ] {
        // Another kind of change needs its lines above.
        match change {
            Change::HostDown(_)
            | Change::HostUp(_)
            | Change::HostFlush(_)
            | Change::HostResetUsers { .. }
            | Change::HostSet { .. } => {}
        }
        assert_eq!(change.to_string(), expected);
        assert_eq!(
            expected.split('\t').nth(1),
            Some(&*change.address().to_string())
        );
    }
}

#[test]
fn only_the_word_ok_alone_means_done() {
    for (line, expected) in [
        ("OK", Reply::Ok),
        ("NOTFOUND", Reply::NotFound),
        (
            "host is already being updated - try again later",
            Reply::Busy,
        ),
        ("Ring sync timed out", Reply::RingSyncTimedOut),
        ("TRYAGAIN", Reply::TryAgain),
        ("OK ", Reply::Refused(Quote::new("OK "))),
        ("ok", Reply::Refused(Quote::new("ok"))),
        ("", Reply::Refused(Quote::new(""))),
        (
            "vhost count too large",
            Reply::Refused(Quote::new("vhost count too large")),
        ),
    ] {
        assert_eq!(parse_reply(line.as_bytes()), expected);
    }
}

#[test]
fn a_bent_reply_is_a_refusal_and_no_other_known_reply() {
    for said in [
        &b"OK"[..],
        b"NOTFOUND",
        b"host is already being updated - try again later",
        b"Ring sync timed out",
        b"TRYAGAIN",
    ] {
        let known = parse_reply(said);
        assert!(!matches!(known, Reply::Refused(_)));
        for bent in crate::bent::bent(said).filter(|bent| bent != said) {
            let refusal = Reply::Refused(Quote::new(&bent));
            assert_eq!(parse_reply(&bent), refusal);
        }
    }
}

#[test]
fn the_host_list_of_a_real_director_is_read_field_by_field() {
    let list = hosts(
        "127.50.2.1\t100\t0\t\tU\t1795314605\n127.50.2.2\t0\t7\t\tD\t1795314608\n\
         fe80::1\t100\t4294967295\tsouth\x01tone\tU\t0\n\n",
    );
    assert_eq!(list.malformed, Malformed::default());
    assert_eq!(
        list.backends,
        [
            Listed {
                address: address("127.50.2.1"),
                vhosts: 100,
                users: 0,
                tag: Tag::new(""),
                state: HostState::Up,
                changed: Stamp(1795314605),
            },
            Listed {
                address: address("127.50.2.2"),
                vhosts: 0,
                users: 7,
                tag: Tag::new(""),
                state: HostState::Down,
                changed: Stamp(1795314608),
            },
            Listed {
                address: address("fe80::1"),
                vhosts: 100,
                users: 4294967295,
                tag: Tag::new("south\tone"),
                state: HostState::Up,
                changed: Stamp(0),
            },
        ]
    );
}

#[test]
fn no_backend_at_all_is_a_list_too() {
    assert_eq!(hosts("\n"), HostList::default());
}

#[test]
fn fields_of_later_versions_are_ignored() {
    let list = hosts("192.0.2.1\t100\t0\t\tU\t0\tname\tmore\n\n");
    assert_eq!(list.backends.len(), 1);
    assert_eq!(list.malformed.count, 0);
}

#[test]
fn two_lines_that_have_become_one_are_malformed_and_neither_is_missing_without_a_trace() {
    let list =
        hosts("192.0.2.1\t100\t0\t\tU\t0\t192.0.2.2\t100\t0\t\tU\t0\n192.0.2.3\t9\t0\t\tU\t0\n\n");
    assert_eq!((list.backends.len(), list.malformed.count), (1, 1));
    let ring =
        ring("192.0.2.1\t9090\tself\t0\tring synced\t0\t192.0.2.2\t9090\tright\t0\tsynced\n\n");
    assert_eq!((ring.directors.len(), ring.malformed.count), (0, 1));
}

#[test]
fn a_malformed_line_is_quoted_and_the_others_count() {
    for line in [
        "192.0.2.1\t100\t0\t\tX\t0",
        "192.0.2.1\t100\t0\t\t\t0",
        "192.0.2.1\t100\t0\t\tU",
        "192.0.2.1\t100\t0\t\tU\t",
        "192.0.2.1\t100\t0\t\tU\t-1",
        "192.0.2.1\t+100\t0\t\tU\t0",
        "192.0.2.1\t4294967296\t0\t\tU\t0",
        "192.0.2.1\t100\tmany\t\tU\t0",
        "mail1.example.org\t100\t0\t\tU\t0",
        "192.0.2.300\t100\t0\t\tU\t0",
        " 192.0.2.1\t100\t0\t\tU\t0",
        "\t100\t0\t\tU\t0",
        "192.0.2.1\t100",
        "192.0.2.1\t100\t0",
        "192.0.2.1\t100\t0\tnorth",
        "Ring sync timed out",
    ] {
        let list = hosts(&format!("192.0.2.2\t100\t0\t\tU\t0\n{line}\n\n"));
        assert_eq!(list.backends.len(), 1, "{line:?}");
        assert_eq!(list.backends[0].vhosts, 100, "the first of two stays");
        assert_eq!(list.malformed.shown, [Quote::new(line)]);
        assert_eq!(list.malformed.count, 1);
    }
}

#[test]
fn a_tag_that_is_not_utf8_is_malformed_and_never_another_tag() {
    let list = check::<HostListParser>(b"192.0.2.1\t100\t0\t\xff\tU\t0\n\n").unwrap();
    assert_eq!((list.backends.len(), list.malformed.count), (0, 1));
}

#[test]
fn only_the_first_malformed_lines_are_kept() {
    let mut answer = "junk\n".repeat(5000);
    answer.push('\n');
    let list = hosts(&answer);
    assert_eq!(list.malformed.count, 5000);
    assert_eq!(list.malformed.shown.len(), 8);
}

#[test]
fn a_list_without_states_is_of_a_director_that_knows_only_vhost_counts() {
    for answer in [
        "192.0.2.1\t100\t7\n192.0.2.2\t0\t0\n\n",
        "192.0.2.1\t100\t7\tnorth\n192.0.2.2\t0\t0\tnorth\n\n",
        "junk\n192.0.2.1\t100\t7\n192.0.2.2\t0\t0\n192.0.2.2\t9\t0\n\n",
    ] {
        let list = hosts(answer);
        assert_eq!(list.acts, Acts::WeightsOnly);
        let seen: Vec<_> = list
            .backends
            .iter()
            .map(|listed| (listed.vhosts, listed.users, listed.state, listed.changed))
            .collect();
        assert_eq!(
            seen,
            [
                (100, 7, HostState::Up, Stamp(0)),
                (0, 0, HostState::Down, Stamp(0))
            ],
            "{answer:?}"
        );
    }
}

#[test]
fn of_two_lines_with_one_address_the_first_counts_and_the_other_is_no_malformed_one() {
    let first = "192.0.2.2\t100\t0\t\tU\t0";
    for second in ["192.0.2.2\t50\t9\tother\tD\t5", first, "192.0.2.2\t100\t0"] {
        let list = hosts(&format!("{first}\n{second}\n\n"));
        assert_eq!(list.backends.len(), 1, "{second:?}");
        assert_eq!(list.backends[0].vhosts, 100);
        assert_eq!(list.repeated.shown, [Quote::new(second)]);
        assert_eq!((list.repeated.count, list.malformed.count), (1, 0));
    }
    // Of a director without states, too.
    let list = hosts("192.0.2.2\t100\t0\n192.0.2.2\t0\t0\n\n");
    assert_eq!((list.backends.len(), list.repeated.count), (1, 1));
    assert_eq!(list.backends[0].vhosts, 100);
    // A line without a state is none of a director with states, wherever it stands.
    let list = hosts(&format!("192.0.2.2\t50\t0\n{first}\n\n"));
    assert_eq!((list.backends.len(), list.repeated.count), (1, 1));
    assert_eq!(list.backends[0].vhosts, 100);
}

#[test]
fn a_line_without_a_state_among_others_is_malformed() {
    let list = hosts("192.0.2.1\t100\t0\n192.0.2.2\t100\t0\t\tU\t0\n\n");
    assert_eq!(list.acts, Acts::UpAndDown);
    assert_eq!((list.backends.len(), list.malformed.count), (1, 1));
}

#[test]
fn a_list_without_end_is_never_a_list() {
    let whole = "192.0.2.1\t100\t0\t\tU\t0\n192.0.2.2\t100\t0\t\tU\t0\n\n";
    for cut in 0..whole.len() {
        let mut parser = HostListParser::default();
        let text = &whole[..cut];
        // What follows the last line's end is no line yet.
        let lines = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        for line in lines.split('\n').filter(|line| !line.is_empty()) {
            assert_eq!(parser.on_line(line.as_bytes()), Ok(None));
        }
    }
}

#[test]
fn the_number_of_lines_is_bounded() {
    let mut parser = RingParser::default();
    for _ in 0..MOST_LINES {
        assert_eq!(parser.on_line(b"junk"), Ok(None));
    }
    assert_eq!(parser.on_line(b"junk"), Err(ListError::TooManyLines));

    let mut parser = HostListParser::default();
    let long = [b'x'; LONGEST_LINE];
    for _ in 0..MOST_TEXT / LONGEST_LINE {
        assert_eq!(parser.on_line(&long), Ok(None));
    }
    assert_eq!(parser.on_line(b"x"), Err(ListError::TooMuchText));

    let mut parser = HostListParser::default();
    for number in 0..MOST_LINES as u32 {
        let address = Ipv6Addr::from(0x2001_0db8_1111_2222_3333_4444 << 32 | u128::from(number));
        let backend = format!("{address}\t100\t1000000\tarchive\tU\t1800000000");
        assert_eq!(parser.on_line(backend.as_bytes()), Ok(None));
    }
    let list = parser.on_line(b"").unwrap().unwrap();
    assert_eq!(list.backends.len(), MOST_LINES);
}

#[test]
fn a_real_ring_of_two_is_read() {
    let ring = ring(
        "127.50.0.1\t9090\tself\t0\tring synced\t0\n\
         127.50.0.2\t9090\tright\t0\tsynced\t0\t92\t421\t0\t163\t1795314579\t1795314579\n\
         127.50.0.2\t9090\tleft\t0\tsynced\t0\t420\t92\t0\t18\t1795314579\t1795314579\n\
         127.50.0.3\t9090\t\t0\t\n\n",
    );
    assert_eq!(ring.readiness(), Readiness::Synced);
    assert_eq!(ring.malformed, Malformed::default());
    let expected = [
        ("127.50.0.1", DirectorKind::SelfHere, DirectorStatus::Synced),
        ("127.50.0.2", DirectorKind::Other, DirectorStatus::Synced),
        ("127.50.0.2", DirectorKind::Other, DirectorStatus::Synced),
        (
            "127.50.0.3",
            DirectorKind::Other,
            DirectorStatus::NotConnected,
        ),
    ]
    .map(|(text, kind, status)| RingDirector {
        address: address(text),
        port: 9090,
        kind,
        status,
    });
    assert_eq!(ring.directors, expected);
}

#[test]
fn neighbours_that_are_not_synced_show_it() {
    let frozen = ring(
        "127.50.0.1\t9090\tself\t0\tring syncing - last sync 4 secs ago\t0\n\
         127.50.0.2\t9090\tright\t0\tsyncing\t0\t274\t1287\t0\t163\t1795314607\t1795314608\n\
         127.50.0.2\t9090\tout\t0\thandshaking - 0 USERs sent\t0\t0\t126\t0\t126\t0\t1795314638\n\n",
    );
    assert_eq!(frozen.readiness(), Readiness::Unsynced);
    let seen: Vec<_> = frozen
        .directors
        .iter()
        .map(|director| (&director.kind, &director.status))
        .collect();
    assert_eq!(
        seen,
        [
            (&DirectorKind::SelfHere, &DirectorStatus::Syncing),
            (&DirectorKind::Other, &DirectorStatus::Syncing),
            (&DirectorKind::Other, &DirectorStatus::Handshaking),
        ]
    );
}

#[test]
fn the_rings_state_is_that_of_the_self_line_in_both_spellings() {
    let unknown = |text: &str| Readiness::Unknown(Quote::new(text));
    for (status, expected) in [
        ("ring synced", Readiness::Synced),
        ("synced", Readiness::Synced),
        ("ring handshaking", Readiness::Unsynced),
        ("handshaking", Readiness::Unsynced),
        ("ring syncing - last sync 35 secs ago", Readiness::Unsynced),
        ("syncing - last sync 1 secs ago", Readiness::Unsynced),
        ("ring syncing", Readiness::Unsynced),
        ("", unknown("")),
        ("ring synced - almost", unknown("ring synced - almost")),
        ("ring on fire", unknown("ring on fire")),
        ("unsynced", unknown("unsynced")),
        ("syncingly", unknown("syncingly")),
        ("syncing soon", unknown("syncing soon")),
    ] {
        let other = "192.0.2.2\t9090\tleft\t0\tsynced\n";
        let ring = ring(&format!("{other}192.0.2.1\t9090\tself\t0\t{status}\n\n"));
        assert_eq!(ring.readiness(), expected, "{status:?}");
    }
}

#[test]
fn without_a_self_line_the_rings_state_is_unknown() {
    for answer in [
        "\n",
        "192.0.2.2\t9090\tleft\t0\tsynced\n\n",
        "192.0.2.1\t9090\tremoved\t0\tring synced\n\n",
        "north\t9090\n\n",
    ] {
        assert_eq!(ring(answer).readiness(), Readiness::Unknown(Quote::new("")));
    }
}

#[test]
fn a_connection_that_has_no_name_yet_is_no_director_and_no_error() {
    for status in ["handshaking - 0 USERs received", "syncing - last", "synced"] {
        let ring = ring(&format!(
            "{status}\t0\t0\t126\t0\t126\t0\t1795314638\n\
             192.0.2.1\t9090\tself\t0\tring synced\t0\n\n"
        ));
        assert_eq!(ring.directors.len(), 1, "{status}");
        assert_eq!(ring.malformed.count, 0, "{status}");
    }
}

/// In a ring of two each is both neighbours of the other, and one that was removed is listed for a while.
#[test]
fn our_place_is_counted_from_one_among_those_who_are_there() {
    let ring = ring(
        "192.0.2.1\t9090\tleft\t0\tsynced\n192.0.2.1\t9090\tright\t0\tsynced\n\
         192.0.2.3\t9090\tself\t0\tring synced\n192.0.2.2\t9090\tremoved\t0\t\n\n",
    );
    let second = Place {
        position: Some(2),
        members: Some(2),
    };
    assert_eq!(ring.place_of_ours(), second);
    let nobody = Ring {
        directors: Vec::new(),
        ..ring
    };
    assert_eq!(nobody.place_of_ours(), Place::default());
}

#[test]
fn only_the_asked_director_and_removed_ones_are_told_apart() {
    for (kind, expected) in [
        ("self", DirectorKind::SelfHere),
        ("removed", DirectorKind::Removed),
        ("left", DirectorKind::Other),
        ("right", DirectorKind::Other),
        ("l+r", DirectorKind::Other),
        ("in", DirectorKind::Other),
        ("out", DirectorKind::Other),
        ("", DirectorKind::Other),
        ("above", DirectorKind::Other),
    ] {
        let ring = ring(&format!("2001:db8::1\t9090\t{kind}\t0\t\n\n"));
        assert_eq!(ring.directors[0].kind, expected, "{kind}");
    }
}

#[test]
fn malformed_directors_are_quoted() {
    for line in [
        "192.0.2.1",
        "192.0.2.1\t9090\tself",
        "192.0.2.1\t70000\tself\t0",
        "192.0.2.1\t70000\tself\t0\tsynced",
        "north\t9090\tself\t0\tsynced",
    ] {
        let ring = ring(&format!("{line}\n\n"));
        assert_eq!(ring.directors, []);
        assert_eq!(ring.malformed.shown, [Quote::new(line)]);
    }
}

/// Read in Dovecot's sources: four fields from 2.0.14, two before.
#[test]
fn a_ring_status_that_an_old_director_does_not_tell_is_not_told() {
    for answer in [
        "127.0.1.1\t9090\tself\t0\n\n",
        "127.0.1.1\t9090\tself\t0\n127.0.1.2\t9090\tl+r\t1400000000\n127.0.1.3\t9090\t\t0\n\n",
        "127.0.1.1\t9090\n127.0.1.2\t9090\n\n",
        "127.0.1.2\t9090\tleft\t0\n\n",
    ] {
        let ring = ring(answer);
        assert_eq!(ring.readiness(), Readiness::NotTold, "{answer:?}");
        assert_eq!(ring.malformed, Malformed::default(), "{answer:?}");
        assert_eq!(ring.directors.len(), answer.lines().count() - 1);
    }
}

#[test]
fn a_director_without_a_status_among_others_is_malformed() {
    for line in ["192.0.2.1\t9090\tself\t0", "192.0.2.1\t9090"] {
        let ring = ring(&format!("{line}\n192.0.2.2\t9090\tleft\t0\tsynced\n\n"));
        assert_eq!(ring.readiness(), Readiness::Unknown(Quote::new("")));
        assert_eq!(ring.malformed.shown, [Quote::new(line)]);
    }
}

/// How many stand before ours in this answer to DIRECTOR-LIST.
fn before(list: &str) -> usize {
    let mut parser = RingParser::default();
    let ring = list
        .lines()
        .find_map(|line| parser.on_line(line.trim().as_bytes()).unwrap());
    ring.unwrap().movers_before_ours()
}

#[test]
fn the_order_of_addresses_says_who_stands_before_ours() {
    for ours in 1..10 {
        let list: String = (1..10)
            .map(|n| match n == ours {
                true => format!("192.0.2.{n}\t9090\tself\t0\tring synced\t0\n"),
                false => format!("192.0.2.{n}\t9090\t\t0\t\t0\n"),
            })
            .collect();
        assert_eq!(before(&(list + "\n")), ours - 1);
    }
}

#[test]
fn who_is_removed_or_known_unsynced_or_listed_twice_is_not_waited_for_more_than_once() {
    let list = "192.0.2.9\t9090\tself\t0\tring synced\t0
                192.0.2.1\t9090\tremoved\t0\t\t0
                192.0.2.2\t9090\tright\t0\tsyncing\t0
                192.0.2.2\t9090\tout\t0\thandshaking - 0 USERs sent\t0
                192.0.2.3\t9090\tright\t0\tsynced\t0
                192.0.2.3\t9090\tleft\t0\tsynced\t0

                ";
    assert_eq!(before(list), 1);
}

/// Before 2.2.16 no line has a status, before 2.0.14 none says which director was asked.
#[test]
fn a_director_whose_status_is_not_told_is_waited_for() {
    let list = "192.0.2.9\t9090\tself\t0
                192.0.2.1\t9090\tright\t0
                192.0.2.2\t9090\t\t0
                192.0.2.3\t9090\tremoved\t0

                ";
    assert_eq!(before(list), 2);
    assert_eq!(before("192.0.2.9\t9090\n192.0.2.1\t9090\n\n"), 0);
}
