use super::*;
use crate::backend::Tag;
use crate::pool::haproxy::reading::Out;
use crate::pool::MoveLimit;

const ANSWER: &str = include_str!("../../../../tests/data/haproxy/2.6.answer");

fn address() -> IpAddr {
    "192.0.2.7".parse().unwrap()
}

fn listed(state: HostState, changed: u64) -> Listed {
    Listed {
        address: address(),
        vhosts: 1,
        users: 0,
        tag: Tag::new("imap"),
        state,
        changed: Stamp(changed),
    }
}

fn names(names: &[&str]) -> Arc<[ServerName]> {
    let names = names.iter().map(|name| ServerName::new("imap", name));
    names.collect()
}

/// The servers of the one mail server.
const ALL: &[&str] = &["a", "b", "c"];

/// A HAProxy that is read again and again, and began at second 100.
struct Played {
    ways: Ways,
    /// Second 0.
    origin: Instant,
    /// Those that the configuration disables, and somebody has enabled unless they are held.
    disabled: &'static [&'static str],
    /// Those that were last changed in another second than the rest, by the wall clock.
    apart: &'static [(&'static str, u64)],
    began: Option<u64>,
    /// So long HAProxy stood still, or the wall clock was set forward: nothing of it is in its own time.
    lost: u64,
    remembered: Option<u64>,
    /// What was said at the last reading.
    said: Option<&'static str>,
}

impl Default for Played {
    fn default() -> Played {
        Played {
            ways: Ways::default(),
            origin: Instant::now(),
            disabled: &[],
            apart: &[],
            began: None,
            lost: 0,
            remembered: None,
            said: None,
        }
    }
}

impl Played {
    /// By this run, at second 1001.
    fn taken_down() -> Played {
        let mut haproxy = Played::default();
        haproxy.reads(1000, Up, 101, &[]);
        haproxy.takes_down(1001);
        haproxy.reads(1001, Down, 1001, &[]);
        haproxy
    }

    fn at(&self, second: u64) -> Instant {
        self.origin + Duration::from_secs(second)
    }

    /// The down is answered in this second.
    fn takes_down(&mut self, second: u64) {
        self.is_told_to_take_down(second, &Ok(Reply::Ok));
    }

    fn is_told_to_take_down(&mut self, second: u64, answer: &Result<Reply, PoolError>) {
        let down = self.change(Action::MarkDown, Owner::Other).unwrap();
        let now = self.at(second);
        self.ways.on_answer(&down, answer, now);
    }

    /// Which of the servers an up is for.
    fn up_is_for(&self) -> Meant {
        self.change(Action::MarkUp, Owner::Us).unwrap().meant
    }

    /// What the stamp is for a reading in this second that shows the state, last changed at `changed`, both by the
    /// wall clock as it is where nothing is lost. Of an address that is up, these are held.
    fn reads(&mut self, second: u64, state: HostState, changed: u64, held: &[&str]) -> u64 {
        let began = self.began.unwrap_or(100);
        let mut members = [listed(state, changed + self.lost)];
        let out = if state == HostState::Up { held } else { ALL };
        let those = |is: &dyn Fn(&&str) -> bool| {
            let those = ALL.iter().copied().filter(|name| is(name));
            names(&those.collect::<Vec<_>>())
        };
        let own = |second: u64| second as i64 - began as i64;
        let out = out.iter().map(|name| {
            let apart = self.apart.iter().find(|(of, _)| of == name);
            Out {
                name: ServerName::new("imap", name),
                changed: own(apart.map_or(changed, |(_, second)| *second)),
                is_disabled: self.disabled.contains(name),
            }
        });
        let servers = Servers {
            out: out.collect(),
            ready: those(&|name| state == Up && !held.contains(name)).to_vec(),
        };
        let aside = Aside {
            process: Process {
                id: 7,
                uptime: Duration::from_secs(second - began),
            },
            began: Stamp(began + self.lost),
            changed: BTreeMap::from([(address(), own(changed))]),
            servers: BTreeMap::from([(address(), servers)]),
        };
        let asked = self.at(second);
        let second = second + self.lost;
        let remembered = self.remembered.map(Stamp);
        self.said = self
            .ways
            .on_reading(&mut members, &aside, asked, Stamp(second), |_| remembered);
        members[0].changed.0
    }

    fn change(&self, action: Action, owner: Owner) -> Option<Change> {
        let drain = DrainMode::Move {
            limit: MoveLimit::All,
        };
        self.ordered(action, owner, drain)
    }

    fn ordered(&self, action: Action, owner: Owner, drain: DrainMode) -> Option<Change> {
        self.ways.change(&Order {
            address: address(),
            action,
            drain,
            vhosts_before: None,
            owner,
        })
    }
}

use HostState::{Down, Up};

#[test]
fn a_down_is_stamped_when_it_is_seen_even_if_haproxys_check_had_the_server_down_before() {
    let mut haproxy = Played::default();
    assert_eq!(haproxy.reads(1000, Up, 101, &[]), 101);
    // HAProxy's own check: nobody's act.
    assert_eq!(haproxy.reads(1010, Up, 1009, &[]), 101);
    assert_eq!(haproxy.reads(1020, Down, 1009, &[]), 1020);
    // The second of the same change blurs.
    for changed in [1008, 1009, 1021, 1022] {
        assert_eq!(haproxy.reads(1030, Down, changed, &[]), 1020);
    }
    assert_eq!(haproxy.reads(1040, Up, 1038, &[]), 1040);
    assert_eq!(haproxy.reads(1041, Up, 1041, &[]), 1040);
}

#[test]
fn a_down_that_was_undone_and_made_again_between_two_readings_is_another_one() {
    let mut haproxy = Played::default();
    haproxy.reads(1000, Up, 101, &[]);
    assert_eq!(haproxy.reads(1020, Down, 1019, &[]), 1020);
    // However often the down was read before.
    assert_eq!(haproxy.reads(1025, Down, 1019, &[]), 1020);
    assert_eq!(haproxy.reads(1030, Down, 1026, &[]), 1026);
    // The second of the other change blurs as that of the first one did.
    for changed in [1025, 1027, 1028] {
        assert_eq!(haproxy.reads(1040, Down, changed, &[]), 1026);
    }
}

#[test]
fn a_haproxy_that_stood_still_and_a_clock_that_was_set_have_changed_nothing() {
    for lost in [3, 7, 3600] {
        let mut haproxy = Played::default();
        haproxy.reads(1000, Up, 101, &[]);
        assert_eq!(haproxy.reads(1020, Down, 1019, &[]), 1020);
        haproxy.lost = lost;
        assert_eq!(haproxy.reads(1030, Down, 1019, &[]), 1020, "{lost}");
        assert_eq!(haproxy.reads(1040, Down, 1020, &[]), 1020, "{lost}");
        // Somebody else's act afterwards is one.
        let other = 1045 + lost;
        assert_eq!(haproxy.reads(1050, Down, 1045, &[]), other, "{lost}");
        assert_eq!(haproxy.reads(1060, Down, 1045, &[]), other, "{lost}");
    }
    // What an earlier run has written down is known by the wall clock alone.
    for (lost, is_ours) in [(20, true), (31, true), (32, false), (60, false)] {
        let mut haproxy = Played {
            remembered: Some(1020),
            lost,
            ..Played::default()
        };
        let stamp = haproxy.reads(1100, Down, 1019, &[]);
        assert_eq!(stamp == 1020, is_ours, "{lost}");
        assert_eq!(haproxy.reads(1110, Down, 1019, &[]), stamp, "{lost}");
    }
}

#[test]
fn a_stamp_is_never_older_than_the_one_before() {
    let mut haproxy = Played::default();
    haproxy.reads(1000, Down, 999, &[]);
    // The wall clock was set back.
    haproxy.began = Some(50);
    assert_eq!(haproxy.reads(950, Up, 949, &[]), 999);
}

#[test]
fn what_the_state_file_remembers_is_ours_as_long_as_nothing_has_changed_since() {
    let run = |remembered, changed| {
        let mut haproxy = Played {
            remembered: Some(remembered),
            ..Played::default()
        };
        haproxy.reads(2000, Down, changed, &[])
    };
    // HAProxy's check had it down long before our down; the down itself; somebody's since.
    assert_eq!(run(1020, 300), 1020);
    assert_eq!(run(1020, 1021), 1020);
    assert_eq!(run(1020, 1500), 1500);
}

#[test]
fn what_a_new_process_shows_up_is_nobodys_act() {
    let mut haproxy = Played::default();
    haproxy.reads(1000, Up, 101, &[]);
    haproxy.reads(1020, Down, 1019, &[]);
    haproxy.began = Some(1029);
    assert_eq!(haproxy.reads(1030, Up, 1029, &[]), 0);
    assert_eq!(haproxy.reads(1040, Up, 1035, &[]), 0);
    assert_eq!(haproxy.reads(1041, Down, 1035, &[]), 1041);
    // Also for a monitor that was started meanwhile.
    let mut later = Played {
        began: Some(1500),
        remembered: Some(1041),
        ..Played::default()
    };
    assert_eq!(later.reads(1600, Up, 1501, &[]), 0);
    let mut same_process = Played {
        remembered: Some(1041),
        ..Played::default()
    };
    assert_eq!(same_process.reads(1600, Up, 1300, &[]), 1600);
}

#[test]
fn what_was_disabled_by_a_reload_is_not_ours() {
    let mut haproxy = Played::default();
    haproxy.reads(1000, Up, 101, &[]);
    haproxy.reads(1020, Down, 1019, &[]);
    haproxy.began = Some(1029);
    assert_eq!(haproxy.reads(1030, Down, 1029, &[]), 1029);
}

/// It is at once as it was, so what counts from then on is the time of the new process.
#[test]
fn a_down_that_was_undone_and_made_again_after_a_reload_is_another_one() {
    let mut haproxy = Played::default();
    haproxy.reads(1000, Up, 101, &[]);
    haproxy.reads(1020, Down, 1019, &[]);
    haproxy.began = Some(1021);
    assert_eq!(haproxy.reads(1022, Down, 1021, &[]), 1020);
    assert_eq!(haproxy.reads(1050, Down, 1049, &[]), 1049);
}

#[test]
fn users_and_servers_that_somebody_else_took_out_are_left_alone() {
    let mut haproxy = Played::default();
    assert_eq!(haproxy.change(Action::MarkDown, Owner::Other), None);
    haproxy.reads(1000, Down, 101, &[]);
    assert_eq!(haproxy.change(Action::MarkUp, Owner::Other), None);
    assert_eq!(haproxy.change(Action::Drain, Owner::Other), None);
    let told = |action| haproxy.change(action, Owner::Us).unwrap().told;
    assert_eq!(told(Action::MarkDown), Told::Maint);
    assert_eq!(told(Action::Drain), Told::ShutdownSessions);
    assert_eq!(told(Action::MarkUp), Told::Ready);
    // There is nothing to forget: HAProxy has no users, only sessions.
    for drain in [DrainMode::Leave, DrainMode::Drop] {
        assert_eq!(haproxy.ordered(Action::Drain, Owner::Us, drain), None);
    }
}

fn these(those: &[&str]) -> Meant {
    Meant::These(names(those))
}

#[test]
fn what_somebody_held_before_our_down_stays_so_after_our_up() {
    let mut haproxy = Played::default();
    haproxy.reads(1000, Up, 101, &["a"]);
    haproxy.takes_down(1001);
    // A reading in the midst of it shows servers of ours beside it.
    haproxy.reads(1001, Up, 1001, &["a", "b"]);
    haproxy.takes_down(1002);
    haproxy.reads(1002, Down, 1001, &[]);
    assert_eq!(haproxy.up_is_for(), these(&["b", "c"]));
    // It is up again, and the operator sets ready what was held.
    haproxy.reads(1010, Up, 1010, &["a"]);
    haproxy.reads(1020, Up, 1020, &[]);
    haproxy.takes_down(1021);
    assert_eq!(haproxy.up_is_for(), these(&["a", "b", "c"]));
}

fn told(address: &str, told: Told, held: &[ServerName]) -> String {
    told_of(ANSWER, address, told, Meant::AllBut(held.into()))
}

fn told_of(answer: &str, address: &str, told: Told, meant: Meant) -> String {
    let change = Change {
        address: address.parse().unwrap(),
        told,
        meant,
    };
    let answer = Answer::parse(answer.as_bytes()).unwrap();
    let servers = change.servers(&answer, &Watched::Ports(vec![143, 993]));
    let servers: Vec<String> = servers.iter().map(ServerName::to_string).collect();
    servers.join(" ")
}

#[test]
fn a_change_concerns_those_servers_that_it_can_do_no_harm_to() {
    assert_eq!(
        told("127.77.0.7", Told::Maint, &[]),
        "imap/mail1 imaps/mail1"
    );
    assert_eq!(told("127.77.0.7", Told::Ready, &[]), "");
    // An operator drains one of them.
    assert_eq!(told("127.77.0.10", Told::Maint, &[]), "imaps/spare");
    assert_eq!(told("127.77.0.10", Told::Ready, &[]), "");
    assert_eq!(
        told("127.77.0.10", Told::ShutdownSessions, &[]),
        "imap/spare"
    );
    assert_eq!(
        told("127.77.0.8", Told::Ready, &[]),
        "imap/mail2 imaps/mail2"
    );
    let held = [ServerName::new("imap", "mail2")];
    assert_eq!(told("127.77.0.8", Told::Ready, &held), "imaps/mail2");
    let ours = Meant::These(held.as_slice().into());
    let of_ours = told_of(ANSWER, "127.77.0.8", Told::Ready, ours);
    assert_eq!(of_ours, "imap/mail2");
    assert_eq!(
        told("127.77.0.8", Told::ShutdownSessions, &held),
        "imap/mail2 imaps/mail2"
    );
    // The configuration has it disabled.
    assert_eq!(told("127.77.0.9", Told::Ready, &[]), "");
    assert_eq!(told("127.77.0.9", Told::Maint, &[]), "");
    assert_eq!(told("192.0.2.1", Told::Maint, &[]), "");
}

/// HAProxy never takes back that the configuration had a server disabled, nor that its address came by another name.
#[test]
fn a_server_in_service_is_taken_out_and_back_whatever_it_once_was() {
    let mail1 = "127.77.0.7";
    let both = "imap/mail1 imaps/mail1";
    let shown = |admin: &str| {
        let answer = ANSWER.replace(
            "mail1 127.77.0.7 2 0 ",
            &format!("mail1 127.77.0.7 2 {admin} "),
        );
        assert_eq!(answer != ANSWER, admin != "0");
        answer
    };
    let ours: Vec<ServerName> = ["imap", "imaps"]
        .map(|proxy| ServerName::new(proxy, "mail1"))
        .into();
    let ours = Meant::These(ours.into());
    let of_earlier = Meant::AllBut(Arc::from([]));
    let told =
        |admin: &str, told, meant: &Meant| told_of(&shown(admin), mail1, told, meant.clone());
    for (before, after) in [("0", "1"), ("64", "65"), ("4", "5"), ("68", "69")] {
        assert_eq!(told(before, Told::Maint, &ours), both, "{before}");
        assert_eq!(told(before, Told::ShutdownSessions, &ours), "");
        assert_eq!(told(after, Told::Maint, &ours), "");
        assert_eq!(told(after, Told::ShutdownSessions, &ours), both);
        assert_eq!(told(after, Told::Ready, &ours), both, "{after}");
        // Of an earlier run it is not known whether the server was in service.
        let is_known = !["5", "69"].contains(&after);
        let expected = if is_known { both } else { "" };
        assert_eq!(told(after, Told::Ready, &of_earlier), expected, "{after}");
    }
    for drained in ["8", "16", "2", "32", "12", "72"] {
        assert_eq!(told(drained, Told::Maint, &ours), "", "{drained}");
        assert_eq!(told(drained, Told::Ready, &ours), "", "{drained}");
    }
}

#[test]
fn which_servers_were_in_service_is_known_of_a_down_of_this_run_alone() {
    let mut haproxy = Played::taken_down();
    assert_eq!(haproxy.up_is_for(), these(&["a", "b", "c"]));
    // Another process that has not forgotten them.
    haproxy.began = Some(1009);
    haproxy.reads(1010, Down, 1002, &[]);
    assert_eq!(haproxy.up_is_for(), these(&["a", "b", "c"]));

    let mut haproxy = Played {
        remembered: Some(900),
        ..Played::default()
    };
    haproxy.reads(1000, Down, 900, &[]);
    let all = Meant::AllBut(names(&[]));
    assert_eq!(haproxy.up_is_for(), all);
    // The same down is made again, which tells no more of who was in service.
    haproxy.takes_down(1001);
    assert_eq!(haproxy.up_is_for(), all);
}

/// As where its answer comes while a reading is under way.
#[test]
fn a_reading_from_before_a_down_does_not_end_it() {
    let mut haproxy = Played::default();
    haproxy.reads(1000, Up, 101, &[]);
    haproxy.takes_down(1002);
    haproxy.reads(1001, Up, 101, &[]);
    haproxy.reads(1003, Down, 1002, &[]);
    assert_eq!(haproxy.up_is_for(), these(&["a", "b", "c"]));
}

#[test]
fn another_process_is_said_once_and_the_first_one_is_not() {
    let mut haproxy = Played::default();
    haproxy.reads(200, HostState::Up, 100, &[]);
    assert_eq!(haproxy.said, None);
    haproxy.began = Some(210);
    haproxy.reads(211, HostState::Up, 210, &[]);
    let said = haproxy.said.unwrap();
    assert!(
        said.starts_with("HAProxy was reloaded or started again"),
        "{said}"
    );
    haproxy.reads(212, HostState::Up, 210, &[]);
    assert_eq!(haproxy.said, None);
}

/// A state file of HAProxy's (load-server-state-from-file) gives the new process what the old one was told.
#[test]
fn that_haproxy_has_forgotten_what_it_was_told_is_said_only_where_it_has() {
    const FORGOTTEN: &str = "has forgotten what it was told";
    const KEPT: &str =
        "HAProxy was reloaded or started again, and nothing that was down or held is up by that";
    for (state, held, after, held_after, forgets) in [
        (Up, &[][..], Up, &[][..], false),
        (Down, &[], Down, &[], false),
        (Down, &[], Up, &[], true),
        (Up, &["a"], Up, &["a"], false),
        (Up, &["a"], Up, &[], true),
    ] {
        let mut haproxy = Played::default();
        haproxy.reads(1000, Up, 101, held);
        haproxy.reads(1020, state, 1019, held);
        haproxy.began = Some(1029);
        haproxy.reads(1030, after, 1029, held_after);
        let said = haproxy.said.unwrap();
        assert_eq!(said.contains(FORGOTTEN), forgets, "{said}");
        assert_eq!(said.starts_with(KEPT), !forgets, "{said}");
    }
}

#[test]
fn a_change_is_said_in_haproxys_words_and_waited_for_as_long_as_any_other() {
    for (told, said) in [
        (Told::Maint, "state maint 192.0.2.7"),
        (Told::ShutdownSessions, "shutdown sessions 192.0.2.7"),
        (Told::Ready, "state ready 192.0.2.7"),
    ] {
        let change = Change {
            address: "192.0.2.7".parse().unwrap(),
            told,
            meant: these(&[]),
        };
        assert_eq!(change.to_string(), said);
        assert_eq!(change.patience(), Duration::from_secs(5));
    }
}

/// The operator had enabled what the configuration has disabled, and HAProxy forgot that at its reload.
#[test]
fn what_the_configuration_disables_in_another_process_is_not_of_a_down_in_the_one_before() {
    for state in [Up, Down] {
        let mut haproxy = Played::taken_down();
        haproxy.disabled = &["a"];
        haproxy.apart = &[("b", 1002), ("c", 1002)];
        haproxy.began = Some(1009);
        haproxy.reads(1010, state, 1009, &["a"]);
        haproxy.takes_down(1011);
        haproxy.reads(1011, Down, 1011, &[]);
        assert_eq!(haproxy.up_is_for(), these(&["b", "c"]), "{state:?}");
    }
}

/// A server-state-file brings back what was told, and the new configuration has one more section.
#[test]
fn what_we_took_out_in_the_process_before_comes_back_though_another_server_is_in_service() {
    let mut haproxy = Played::taken_down();
    haproxy.began = Some(1009);
    haproxy.apart = &[("a", 1001), ("b", 1001)];
    haproxy.reads(1010, Up, 1009, &["a", "b"]);
    haproxy.takes_down(1011);
    haproxy.reads(1012, Down, 1011, &[]);
    assert_eq!(haproxy.up_is_for(), these(&["a", "b", "c"]));
    haproxy.reads(1020, Up, 1020, &[]);
    haproxy.reads(1030, Up, 1020, &["a"]);
    // From then on it is the operator's.
    haproxy.takes_down(1031);
    assert_eq!(haproxy.up_is_for(), these(&["b", "c"]));
}

/// He drains it, which is later than our down, and puts it into maint again.
#[test]
fn what_an_operator_has_taken_over_is_not_ours_any_more() {
    let mut haproxy = Played::taken_down();
    assert_eq!(haproxy.reads(1020, Down, 1019, &[]), 1019);
    haproxy.reads(1030, Up, 1030, &["a", "b"]);
    haproxy.takes_down(1040);
    haproxy.reads(1041, Down, 1041, &[]);
    assert_eq!(haproxy.up_is_for(), these(&["c"]));
}

#[test]
fn a_down_is_ours_though_somebody_changes_another_server_of_the_address_or_one_of_ours() {
    let mut haproxy = Played::taken_down();
    haproxy.apart = &[("a", 1001), ("b", 1001)];
    assert_eq!(haproxy.reads(1020, Down, 1019, &[]), 1001);
    assert_eq!(haproxy.up_is_for(), these(&["a", "b"]));
    assert_eq!(haproxy.reads(1021, Down, 1019, &[]), 1001);
}

/// HAProxy says of it how long ago it was when the file was saved.
#[test]
fn what_a_file_brings_back_that_was_saved_long_before_the_reload_is_ours() {
    let mut haproxy = Played::taken_down();
    haproxy.reads(1020, Down, 1001, &[]);
    haproxy.began = Some(1021);
    assert_eq!(haproxy.reads(1022, Down, 1006, &[]), 1001);
    assert_eq!(haproxy.up_is_for(), these(&["a", "b", "c"]));
    // Also if nobody read it for long.
    let mut haproxy = Played::taken_down();
    haproxy.began = Some(1901);
    assert_eq!(haproxy.reads(1902, Down, 1000, &[]), 1001);
    // Meanwhile somebody may have changed it.
    let mut haproxy = Played::taken_down();
    haproxy.began = Some(1061);
    assert_eq!(haproxy.reads(1062, Down, 1006, &[]), 1006);
    // Who was in service before the down of an earlier run is not known.
    for (apart, is_ours) in [(1006, true), (1019, false)] {
        let mut haproxy = Played {
            remembered: Some(900),
            apart: match is_ours {
                true => &[("a", 1006)],
                false => &[("a", 1019)],
            },
            ..Played::default()
        };
        haproxy.reads(1000, Down, 900, &[]);
        haproxy.reads(1020, Down, 900, &[]);
        haproxy.began = Some(1021);
        let stamp = haproxy.reads(1022, Down, 910, &[]);
        assert_eq!(stamp == 900, is_ours, "{apart}: {stamp}");
    }
}

#[test]
fn a_down_that_was_not_done_teaches_nothing() {
    let mut haproxy = Played::default();
    haproxy.reads(1000, Up, 101, &[]);
    haproxy.is_told_to_take_down(1001, &Ok(Reply::NotFound));
    haproxy.reads(1002, Down, 1002, &[]);
    assert_eq!(haproxy.up_is_for(), Meant::AllBut(names(&[])));
    // It is the operator's, who sets one of them ready.
    haproxy.reads(1010, Up, 1010, &["a", "b"]);
    haproxy.takes_down(1011);
    haproxy.reads(1012, Down, 1011, &[]);
    assert_eq!(haproxy.up_is_for(), these(&["c"]));
}

#[test]
fn what_we_took_out_is_set_ready_where_it_is_watched_no_longer() {
    let both = ["imap", "imaps"].map(|proxy| ServerName::new(proxy, "mail2"));
    let up = Change {
        address: "127.77.0.8".parse().unwrap(),
        told: Told::Ready,
        meant: Meant::These(both.to_vec().into()),
    };
    let answer = Answer::parse(ANSWER.as_bytes()).unwrap();
    assert_eq!(up.servers(&answer, &Watched::Ports(vec![143])), both);
}

/// The further ones are an operator's, and the new configuration's.
#[test]
fn of_what_a_file_brings_back_only_ours_tells_that_the_down_is_ours() {
    let mut haproxy = Played::default();
    haproxy.reads(1000, Up, 101, &["a", "b"]);
    haproxy.takes_down(1001);
    haproxy.reads(1001, Down, 1001, &[]);
    haproxy.reads(1020, Down, 1001, &[]);
    haproxy.began = Some(1021);
    haproxy.apart = &[("c", 1006)];
    assert_eq!(haproxy.reads(1022, Down, 1021, &[]), 1001);
    assert_eq!(haproxy.up_is_for(), these(&["c"]));
}

#[test]
fn what_an_operator_takes_over_while_others_are_in_service_is_not_ours_any_more() {
    let mut haproxy = Played::taken_down();
    haproxy.apart = &[("a", 1001), ("b", 1001)];
    haproxy.reads(1020, Up, 1020, &["a", "b"]);
    haproxy.apart = &[("a", 1001)];
    // Of b: drain, then maint.
    haproxy.reads(1030, Up, 1029, &["a", "b"]);
    haproxy.takes_down(1040);
    haproxy.apart = &[("a", 1001), ("b", 1029)];
    haproxy.reads(1041, Down, 1041, &[]);
    assert_eq!(haproxy.up_is_for(), these(&["a", "c"]));
}

#[test]
fn an_up_of_no_server_is_no_command() {
    let mut haproxy = Played::taken_down();
    haproxy.disabled = ALL;
    haproxy.began = Some(1002);
    assert_eq!(haproxy.reads(1003, Down, 1001, &[]), 1001);
    assert_eq!(haproxy.change(Action::MarkUp, Owner::Us), None);
}
