use super::*;
use crate::quote::Quote;

const ANSWER: &str = include_str!("../../../../tests/data/haproxy/2.6.answer");

fn answer() -> Answer {
    Answer::parse(ANSWER.as_bytes()).unwrap()
}

fn shown(listed: &Listed) -> String {
    format!(
        "{} {} {}, weight {}, {} users, {}",
        listed.address,
        listed.state,
        listed.changed.0,
        listed.vhosts,
        listed.users,
        listed.tag.name()
    )
}

fn read(watched: &Watched) -> Reading {
    reading(answer(), watched, Instant::now(), Stamp(1000))
}

fn members(watched: &Watched) -> Vec<String> {
    read(watched).members.iter().map(shown).collect()
}

#[test]
fn a_member_is_an_address_with_all_its_servers_in_the_watched_proxies() {
    let both = Watched::Ports(vec![143, 993]);
    assert_eq!(
        members(&both),
        [
            "127.77.0.7 up 995, weight 1, 3 users, imap,imaps",
            "127.77.0.8 down 998, weight 1, 0 users, imap,imaps",
            "127.77.0.9 down 995, weight 1, 0 users, imap,imaps",
            // Drained by an operator in one of them: nobody's users are to go there.
            "127.77.0.10 up 998, weight 0, 0 users, imap,imaps",
            "::1 up 995, weight 1, 0 users, imaps",
        ]
    );
    let imaps = Watched::Proxies(vec!["imaps".to_owned()]);
    assert_eq!(
        members(&imaps),
        [
            "127.77.0.7 up 995, weight 1, 0 users, imaps",
            "127.77.0.8 down 998, weight 1, 0 users, imaps",
            "127.77.0.9 down 995, weight 1, 0 users, imaps",
            "127.77.0.10 up 995, weight 40, 0 users, imaps",
            "::1 up 995, weight 1, 0 users, imaps",
        ]
    );
    assert_eq!(Watched::Ports(vec![993]).servers(&answer()).len(), 5);
    assert!(members(&Watched::Ports(vec![110])).is_empty());
}

#[test]
fn haproxy_is_always_ready_and_no_other_monitor_moves_first() {
    let reading = read(&Watched::Ports(vec![143]));
    assert_eq!(reading.readiness, Readiness::Synced);
    assert_eq!(reading.movers_before, 0);
    assert_eq!(reading.malformed.shown, Vec::<Quote>::new());
    let aside = match reading.particulars {
        Particulars::HaProxy(aside) => aside,
        Particulars::None => panic!("HAProxy's"),
    };
    assert_eq!(aside.began, Stamp(995));
}

#[test]
fn which_servers_of_a_member_are_in_service_out_of_it_and_disabled_is_told() {
    let reading = read(&Watched::Ports(vec![143, 993]));
    let aside = match reading.particulars {
        Particulars::HaProxy(aside) => aside,
        Particulars::None => panic!("HAProxy's"),
    };
    let joined = |names: Vec<&ServerName>| {
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        names.join(" ")
    };
    for (address, ready, out, disabled) in [
        ("127.77.0.7", "imap/mail1 imaps/mail1", "", ""),
        ("127.77.0.8", "", "imap/mail2 imaps/mail2", ""),
        (
            "127.77.0.9",
            "",
            "imap/mail3 imaps/mail3",
            "imap/mail3 imaps/mail3",
        ),
        ("127.77.0.10", "imaps/spare", "imap/spare", ""),
    ] {
        let servers = &aside.servers[&address.parse().unwrap()];
        for out in &servers.out {
            assert!(servers.has_out(&out.name));
        }
        assert!(!servers.ready.iter().any(|ready| servers.has_out(ready)));
        let all_out = servers.out.iter();
        let of_config = all_out.clone().filter(|out| out.is_disabled);
        assert_eq!(joined(servers.ready.iter().collect()), ready, "{address}");
        assert_eq!(
            joined(all_out.map(|out| &out.name).collect()),
            out,
            "{address}"
        );
        assert_eq!(
            joined(of_config.map(|out| &out.name).collect()),
            disabled,
            "{address}"
        );
    }
}

/// The process is five seconds old, and its servers' first state a second older.
#[test]
fn the_latest_change_of_a_members_servers_is_told_in_haproxys_own_seconds() {
    let reading = read(&Watched::Ports(vec![143, 993]));
    let aside = match reading.particulars {
        Particulars::HaProxy(aside) => aside,
        Particulars::None => panic!("HAProxy's"),
    };
    let changed: Vec<i64> = aside.changed.values().copied().collect();
    assert_eq!(changed, [-1, 2, -1, 2, -1], "{:?}", aside.changed);
}

#[test]
fn a_server_that_haproxys_own_check_has_down_is_up_without_weight() {
    let text = ANSWER.replace(
        "127.77.0.7 2 0 1 1 6 1 0 2 0 0 0 0 - 143",
        "127.77.0.7 0 0 1 1 6 1 0 2 0 0 0 0 - 143",
    );
    let answer = Answer::parse(text.as_bytes()).unwrap();
    let watched = Watched::Ports(vec![143, 993]);
    let reading = reading(answer, &watched, Instant::now(), Stamp(1000));
    let first = &reading.members[0];
    assert_eq!((first.state, first.vhosts), (HostState::Up, 0));
}

#[test]
fn a_proxy_that_is_not_there_is_missed() {
    let watched = |name: &str| Watched::Proxies(vec!["imap".to_owned(), name.to_owned()]);
    assert_eq!(watched("pop3").missing(&answer()), Some("pop3"));
    assert_eq!(watched("imaps").missing(&answer()), None);
    assert_eq!(Watched::Ports(vec![110]).missing(&answer()), None);
}

#[test]
fn sessions_beyond_all_counting_are_no_defect() {
    let mut answer = answer();
    for server in &mut answer.servers {
        server.sessions = u64::MAX;
    }
    let watched = Watched::Ports(vec![143, 993]);
    let reading = reading(answer, &watched, Instant::now(), Stamp(1000));
    assert!(reading.members.iter().all(|one| one.users == u64::MAX));
}
