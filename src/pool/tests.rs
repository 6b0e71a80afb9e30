//! Each kind of pool is spoken of in its own words, and told in its own commands.

use std::num::NonZeroU32;

use super::*;
use crate::backend::HostState;
use crate::pool::haproxy::wire::Told;

fn address() -> IpAddr {
    "192.0.2.7".parse().unwrap()
}

fn director() -> Access {
    Access::Director {
        socket: PathBuf::from("/srv/admin"),
    }
}

fn haproxy() -> Access {
    Access::HaProxy {
        socket: PathBuf::from("/srv/stats"),
        watched: Watched::Ports(vec![143]),
    }
}

fn to_director(change: Change) -> (Access, Command) {
    (director(), Command::Director(change))
}

fn to_haproxy(told: Told) -> (Access, Command) {
    let change = haproxy::acts::Change {
        address: address(),
        told,
        meant: haproxy::acts::Meant::AllBut(Vec::new().into()),
    };
    (haproxy(), Command::HaProxy(change))
}

#[test]
fn of_a_director_it_is_said_what_doveadm_does() {
    let access = director();
    let words = access.words();
    assert_eq!(access.to_string(), "director /srv/admin");
    assert_eq!(words.capitalised(), "The director");
    assert_eq!(words.counted_weight(1), "1 vhost");
    assert_eq!(words.counted_weight(100), "100 vhosts");
    assert_eq!(access.drains(), Drains::AfterAnyDown);
    for (told, expected) in [
        (
            access.how_to_see_the_ring(),
            "doveadm director ring status -a /srv/admin",
        ),
        (
            access.how_to_keep_down(address()),
            "--restore=own, or doveadm director update -a /srv/admin 192.0.2.7 0",
        ),
        (
            access.how_to_move_users(address()),
            "doveadm director flush -a /srv/admin 192.0.2.7",
        ),
        (
            access.how_to_give_weight(),
            "doveadm director update -a /srv/admin ADDRESS COUNT",
        ),
        (
            access.lists_none(),
            "the director lists no backend: users cannot log in; add one: doveadm director add -a /srv/admin ADDRESS \
             (see director_mail_servers)",
        ),
        (
            access.who_brings_up().to_owned(),
            "an administrator, a script, or another monitor",
        ),
        (
            access.how_to_bring_up(None),
            "doveadm director up -a /srv/admin ADDRESS",
        ),
        (
            access.how_to_bring_up(Some(address())),
            "doveadm director up -a /srv/admin 192.0.2.7 (before dovecot 2.2.19: doveadm director add \
             -a /srv/admin 192.0.2.7 COUNT)",
        ),
    ] {
        assert_eq!(told, expected);
    }
}

#[test]
fn of_haproxy_it_is_said_what_its_stats_socket_takes() {
    let access = haproxy();
    let words = access.words();
    assert_eq!(access.to_string(), "HAProxy /srv/stats");
    assert_eq!(words.capitalised(), "HAProxy");
    assert_eq!(words.counted_weight(1), "1 weight");
    assert_eq!(access.drains(), Drains::AfterOurDowns);
    let ready = "\"set server PROXY/SERVER state ready\" on HAProxy's stats socket";
    for (told, expected) in [
        (access.how_to_see_the_ring(), "HAProxy's log"),
        (access.how_to_keep_down(address()), "--restore=own"),
        (
            access.how_to_move_users(address()),
            "\"shutdown sessions server PROXY/SERVER\" on HAProxy's stats socket",
        ),
        (
            access.how_to_give_weight(),
            "\"set weight PROXY/SERVER WEIGHT\", and \"set server PROXY/SERVER state ready\" where it is \
             held, on HAProxy's stats socket, unless HAProxy's own check has it down",
        ),
        (
            access.lists_none(),
            "HAProxy has no server at a port that is checked: users cannot log in there; add one to its \
             configuration, or name the sections that have the mail servers (--haproxy-proxies)",
        ),
        (access.how_to_bring_up(None), ready),
        (access.how_to_bring_up(Some(address())), ready),
    ] {
        assert_eq!(told, expected);
    }
}

#[test]
fn a_command_has_a_name_an_effect_and_a_time_for_the_answer() {
    let state = Effect::State;
    let ten_at_a_time = Change::HostResetUsers {
        address: address(),
        limit: NonZeroU32::new(10),
    };
    for ((_, command), name, effect, patience) in [
        (
            to_director(Change::HostDown(address())),
            "HOST-DOWN",
            state(HostState::Down),
            65,
        ),
        // Of 25 users, and a director waits 2 s after each ten.
        (
            to_director(ten_at_a_time),
            "HOST-RESET-USERS",
            Effect::UsersMoved,
            69,
        ),
        (
            to_haproxy(Told::Maint),
            "state maint",
            state(HostState::Down),
            5,
        ),
        (
            to_haproxy(Told::Ready),
            "state ready",
            state(HostState::Up),
            5,
        ),
        (
            to_haproxy(Told::ShutdownSessions),
            "shutdown sessions",
            Effect::UsersMoved,
            5,
        ),
    ] {
        assert_eq!(command.name(), name);
        assert_eq!(command.address(), address());
        assert_eq!(command.effect(), effect, "{name}");
        let patience = Duration::from_secs(patience);
        assert_eq!(command.patience(25), patience, "{name}");
    }
}

#[test]
fn no_command_goes_to_a_pool_of_another_kind() {
    let deadline = Instant::now() + Duration::from_secs(5);
    let (director, down) = to_director(Change::HostDown(address()));
    let (haproxy, maint) = to_haproxy(Told::Maint);
    for (access, command) in [(director, maint), (haproxy, down)] {
        let refused = send(&access, &command, deadline).unwrap_err();
        assert_eq!(refused.cause, "a command of another kind of pool");
        assert_eq!(refused.pool, access.to_string());
    }
}

fn order(action: Action) -> Order {
    Order {
        address: address(),
        action,
        drain: DrainMode::Move {
            limit: MoveLimit::All,
        },
        vhosts_before: None,
        owner: Owner::Us,
    }
}

#[test]
fn what_a_pool_knows_is_learnt_from_its_readings_and_answers() {
    let mut ways = Ways::new(&director());
    let name = |ways: &Ways, action| ways.command(&order(action)).unwrap().to_string();
    assert_eq!(name(&ways, Action::MarkDown), "HOST-DOWN 192.0.2.7");
    let drain = ways.command(&order(Action::Drain)).unwrap();
    let closed = director::error::DirectorError {
        socket: PathBuf::from("/srv/admin"),
        stage: director::error::DirectorStage::Reply,
        fault: director::error::DirectorFault::Closed,
    };
    ways.on_answer(&drain, &Err(closed.into()), Instant::now());
    assert_ne!(ways.command(&order(Action::Drain)), Some(drain));
    let mut reading = Reading {
        began: Instant::now(),
        members: Vec::new(),
        readiness: Readiness::Synced,
        movers_before: 0,
        place: Place {
            position: None,
            members: None,
        },
        forgotten: Forgotten::MayReturn,
        acts: Acts::WeightsOnly,
        malformed: Malformed::default(),
        particulars: Particulars::None,
    };
    ways.on_reading(1, &mut reading, Stamp(0), |_| None);
    assert_eq!(name(&ways, Action::MarkDown), "HOST-SET 192.0.2.7 0");
}
