//! Commands under way, what waits for the disk, and what the state file holds afterwards.

use std::collections::BTreeSet;

use super::*;
use crate::config::settings::{Hook, Mode};

#[test]
fn a_command_for_a_backend_that_has_left_is_under_way_no_longer() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    let (first, _) = bench.sent[0];
    assert!(bench.engine.intention(first).is_some());
    bench.second += 1;
    bench.lists_those(&[(2, HostState::Up)]);
    assert!(bench.engine.intention(first).is_none());
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.said.clear();
    let answer = Ok(Reply::Ok);
    bench.tell(Input::Answered {
        number: first,
        answer,
    });
    assert_eq!(bench.said, [""; 0]);
    let back = bench.engine.backends().member(address(1)).unwrap();
    assert!(back.is_settled());
}

#[test]
fn what_waits_for_the_disk_is_judged_again_by_what_was_sent_just_before() {
    let mut terms = terms(Chosen::default());
    terms.settings.rules.brake = Brake::AtMost(1);
    let mut bench = Bench::of(terms, Remembered::new());
    bench.disk = Disk::Slow;
    let all_up = [HostState::Up; 3];
    bench.tell(Input::Time);
    bench.lists(&all_up);
    for second in 0..3 {
        bench.second = second;
        bench.finds(1, Err(refused()));
        bench.finds(2, Err(refused()));
        bench.finds(3, Ok(Pass::Clean));
        bench.lists(&all_up);
    }
    let unwritten = bench.unwritten.iter().flat_map(|(_, entries)| entries);
    let decided: BTreeSet<IpAddr> = unwritten.map(|(address, _)| *address).collect();
    assert_eq!((decided.len(), bench.sent.len()), (2, 0));
    bench.disk = Disk::Good;
    bench.disk_answers();
    assert_is_one_down_of_the_first(&bench.sent);
    let reason = &bench.engine.holds()[&address(2)].reason;
    assert!(
        matches!(reason, Reason::MaxDown { down: 1, .. }),
        "{reason:?}"
    );
    assert_eq!(bench.state_file[&address(2)], Memory::default());
}

#[test]
fn an_up_that_waits_for_the_disk_is_not_sent_once_somebody_else_has_brought_it_up() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Down, HostState::Up]);
    bench.disk = Disk::Slow;
    for second in 0..70 {
        bench.second = second;
        bench.finds(1, Ok(Pass::Clean));
        bench.finds(2, Ok(Pass::Clean));
        bench.lists(&[HostState::Down, HostState::Up]);
        if !bench.unwritten.is_empty() {
            break;
        }
    }
    assert_eq!((bench.unwritten.len(), bench.sent.len()), (1, 0));
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.disk = Disk::Good;
    bench.disk_answers();
    assert_eq!(bench.sent, []);
}

/// The director moves users in batches, which may take minutes.
#[test]
fn an_up_is_sent_while_a_drain_is_under_way_whose_answer_then_changes_nothing() {
    let mut bench = Bench::new();
    bench.users = 10;
    bench.fails_until_decided_on();
    bench.answers_ok();
    bench.second += 1;
    bench.lists(&[HostState::Down, HostState::Up]);
    let (drain, _) = bench.sent.pop().unwrap();
    bench.second += 1;
    bench.finds(1, Ok(Pass::Clean));
    bench.lists(&[HostState::Down, HostState::Up]);
    let (up, command) = bench.sent.pop().unwrap();
    assert_eq!(command.name(), "HOST-UP");
    bench.said.clear();
    let answer = Ok(Reply::TryAgain);
    bench.tell(Input::Answered {
        number: drain,
        answer,
    });
    assert_eq!((&bench.said[..], bench.sent.len()), (&[][..], 0));
    let answer = Ok(Reply::Ok);
    bench.tell(Input::Answered { number: up, answer });
    assert_eq!(bench.times_said("192.0.2.1 enabled"), 1);
    let commands = bench.engine.snapshot().commands;
    let answers: Vec<_> = commands.iter().map(|one| one.answer.as_deref()).collect();
    let overtaken = Some("no longer awaited: up was sent");
    assert_eq!(answers, [Some("ok"), overtaken, Some("ok")]);
}

/// More than a snapshot shows.
#[test]
fn of_many_commands_at_once_each_counts_with_the_time_that_it_took() {
    let mut bench = Bench::new();
    let all_up = [HostState::Up; 30];
    bench.tell(Input::Time);
    bench.lists(&all_up);
    for second in 0..3 {
        bench.second = second;
        for number in 1..30 {
            bench.finds(number, Err(refused()));
        }
        bench.finds(30, Ok(Pass::Clean));
        bench.lists(&all_up);
    }
    assert_eq!(bench.sent.len(), 29);
    bench.second = 5;
    bench.answers_ok();
    let snapshot = bench.engine.snapshot();
    let shown: Vec<IpAddr> = snapshot.commands.iter().map(|one| one.address).collect();
    let last: Vec<IpAddr> = (10..30).map(address).collect();
    assert_eq!(shown, last);
    let downs = &snapshot.counters.commands[0];
    assert_eq!((downs.action, downs.count), (Action::MarkDown, 29));
    assert_eq!(downs.duration.sum, Duration::from_secs(29 * 3));
}

#[test]
fn what_changes_while_the_disk_hangs_is_in_the_state_file_once_it_answers() {
    let mut bench = Bench::new();
    bench.disk = Disk::Slow;
    bench.fails_until_decided_on();
    bench.second += 1;
    bench.tell(Input::Time);
    let (number, _) = bench.sent[0];
    let answer = Ok(Reply::Ok);
    bench.tell(Input::Answered { number, answer });
    bench.second += 1;
    bench.lists(&[HostState::Down, HostState::Up]);
    bench.disk = Disk::Good;
    bench.disk_answers();
    let member = bench.engine.backends().member(address(1)).unwrap();
    let remembered = member.memory();
    assert!(remembered.down.unwrap().stamp.is_some());
    assert_eq!(bench.state_file[&address(1)], remembered);
    let over = "the disk of the state file answers again";
    assert_eq!(bench.said.iter().filter(|line| *line == over).count(), 1);
}

#[test]
fn the_state_file_is_asked_whenever_a_backend_is_listed() {
    let owes = Memory {
        drain: Drain::Owed,
        ..Memory::default()
    };
    let remembered = Remembered::from([(address(1), owes)]);
    let mut bench = Bench::of(terms(Chosen::default()), remembered);
    bench.tell(Input::Time);
    for _ in 0..2 {
        bench.lists_those(&[(1, HostState::Down), (2, HostState::Up)]);
        let member = bench.engine.backends().member(address(1)).unwrap();
        assert!(member.pending_drain.is_some());
        bench.lists_those(&[(2, HostState::Up)]);
    }
}

#[test]
fn the_engine_wants_to_be_told_when_a_command_has_waited_for_the_disk_for_long_enough() {
    let mut bench = Bench::without_files();
    bench.disk = Disk::Slow;
    bench.fails_until_decided_on();
    let due = bench.now().instant + DISK_PATIENCE;
    // What is held for another reason has been looked at by then.
    bench.beyond = Duration::from_millis(1);
    bench.tell(Input::Time);
    assert_eq!(bench.engine.next_timeout(), Some(due));
    bench.beyond = DISK_PATIENCE;
    bench.tell(Input::Time);
    assert_is_one_down_of_the_first(&bench.sent);
}

/// Each of them may take a minute and more.
#[test]
fn a_hundred_drains_keep_no_down_waiting() {
    let owes = Memory {
        drain: Drain::Owed,
        ..Memory::default()
    };
    let remembered = (1..=101).map(|number| (address(number), owes)).collect();
    let mut bench = Bench::of(terms(Chosen::default()), remembered);
    bench.tell(Input::Time);
    let down = (1..=101).map(|number| (number, HostState::Down));
    let up = [(102, HostState::Up), (103, HostState::Up)];
    let list: Vec<(u8, HostState)> = down.chain(up).collect();
    bench.lists_those(&list);
    let numbers: BTreeSet<u64> = bench.sent.iter().map(|(number, _)| *number).collect();
    assert_eq!((bench.sent.len(), numbers.len()), (100, 100));
    for second in 0..2 {
        bench.second = second;
        bench.finds(102, Err(refused()));
        bench.finds(103, Ok(Pass::Clean));
    }
    bench.second = 2;
    bench.finds(102, Err(refused()));
    bench.lists_those(&list);
    let (_, last) = bench.sent.last().unwrap();
    assert_eq!(last.address(), address(102));
    assert_eq!(last.effect(), Effect::State(HostState::Down));
    assert_eq!(bench.sent.len(), 101);
}

#[test]
fn the_lists_are_read_at_once_to_see_what_a_command_came_to() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    let readings = |bench: &Bench| {
        let wanted = |output: &&Output| matches!(output, Output::ReadLists);
        bench.others.iter().filter(wanted).count()
    };
    bench.others.clear();
    bench.answers_ok();
    assert_eq!(readings(&bench), 1);
}

/// The scripts that are run where the first backend is taken down and brought up again.
fn scripts_run(mode: Mode) -> Vec<(IpAddr, HostState)> {
    let mut terms = terms(Chosen::default());
    terms.settings.mode = mode;
    let script = PathBuf::from("/usr/local/bin/changed");
    terms.settings.hook = Some(Hook { script });
    let mut bench = Bench::of(terms, Remembered::new());
    bench.fails_until_decided_on();
    for state in [HostState::Down, HostState::Up] {
        let listed = match mode {
            Mode::Live => state,
            Mode::DryRun => HostState::Up,
        };
        for _ in 0..3 {
            bench.second += 1;
            bench.answers_ok();
            bench.lists(&[listed, HostState::Up]);
            let first = &bench.engine.snapshot().backends[0];
            assert_eq!(first.listed.state, state);
        }
        bench.finds(1, Ok(Pass::Clean));
    }
    let runs: Vec<_> = bench
        .others
        .iter()
        .filter_map(|output| match output {
            Output::RunScript { address, to, .. } => Some((*address, *to)),
            _ => None,
        })
        .collect();
    let counted = bench.engine.snapshot().counters.scripts;
    assert_eq!(counted, u64::try_from(runs.len()).unwrap());
    runs
}

#[test]
fn the_operators_script_is_run_once_the_list_shows_a_change_of_ours_and_never_in_a_dry_run() {
    let (down, up) = (HostState::Down, HostState::Up);
    assert_eq!(
        scripts_run(Mode::Live),
        [(address(1), down), (address(1), up)]
    );
    assert_eq!(scripts_run(Mode::DryRun), []);
}

#[test]
fn what_waits_for_a_disk_that_hangs_is_sent_at_the_time_for_which_the_engine_asked() {
    let mut bench = Bench::without_files();
    bench.disk = Disk::Slow;
    bench.fails_until_decided_on();
    let end = bench.now().instant + DISK_PATIENCE;
    bench.beyond = DISK_PATIENCE - Duration::from_millis(1);
    bench.tell(Input::Time);
    assert_eq!(bench.sent, []);
    assert_eq!(bench.engine.next_timeout(), Some(end));
    bench.beyond = DISK_PATIENCE;
    bench.tell(Input::Time);
    assert_is_one_down_of_the_first(&bench.sent);
}

/// The first one is not listed at present.
#[test]
fn what_the_state_file_holds_already_is_not_written_again() {
    let contested = Memory {
        disputes: 1,
        ..Memory::default()
    };
    let remembered = (1..=3).map(|number| (address(number), contested));
    let mut bench = Bench::of(terms(Chosen::default()), remembered.collect());
    bench.tell(Input::Time);
    for second in 0..3 {
        bench.second = second;
        bench.lists_those(&[(2, HostState::Up), (3, HostState::Up)]);
    }
    let member = bench.engine.backends().member(address(2)).unwrap();
    assert_eq!(member.memory(), contested);
    assert_eq!(bench.state_file, Remembered::new());
}

/// So that a hundred of them are under way, and one waits; and who is listed.
fn owes_more_drains_than_it_may_make() -> (Bench, Vec<(u8, HostState)>) {
    let owes = Memory {
        drain: Drain::Owed,
        ..Memory::default()
    };
    let remembered = (1..=101).map(|number| (address(number), owes)).collect();
    let mut bench = Bench::of(terms(Chosen::default()), remembered);
    bench.tell(Input::Time);
    let down = (1..=101).map(|number| (number, HostState::Down));
    let list: Vec<(u8, HostState)> = down.chain([(102, HostState::Up)]).collect();
    bench.lists_those(&list);
    (bench, list)
}

/// Their threads still wait for answers of the former director.
#[test]
fn drains_at_the_former_socket_leave_no_room_for_more_until_they_are_answered() {
    let (mut bench, list) = owes_more_drains_than_it_may_make();
    assert_eq!(bench.sent.len(), 100);
    let mut terms = terms(Chosen::default());
    terms.settings.socket = "/other".into();
    bench.tell(Input::Settings(Ok(Box::new(terms))));
    for _ in 0..3 {
        bench.second += 1;
        bench.lists_those(&list);
    }
    assert_eq!(bench.sent.len(), 100);
    let (number, _) = bench.sent[0];
    let answer = Ok(Reply::Ok);
    bench.tell(Input::Answered { number, answer });
    bench.second += 1;
    bench.lists_those(&list);
    assert_eq!(bench.sent.len(), 101);
}

#[test]
fn what_a_backend_was_sent_is_forgotten_when_it_leaves() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    assert!(bench.engine.commands.was_sent(address(1)));
    bench.lists_those(&[(2, HostState::Up)]);
    assert!(!bench.engine.commands.was_sent(address(1)));
}

/// A time that has passed would be waited for without end.
#[test]
fn a_command_that_is_not_wanted_any_more_waits_for_no_disk() {
    let leaves = |bench: &mut Bench| bench.lists_those(&[(2, HostState::Up)]);
    let recovers = |bench: &mut Bench| bench.finds(1, Ok(Pass::Clean));
    for is_over in [leaves as fn(&mut Bench), recovers] {
        let mut bench = Bench::without_files();
        bench.disk = Disk::Slow;
        bench.fails_until_decided_on();
        let end = bench.now().instant + DISK_PATIENCE;
        bench.beyond = DISK_PATIENCE / 2;
        is_over(&mut bench);
        assert!(bench.engine.next_timeout().unwrap() > end);
        bench.beyond = DISK_PATIENCE;
        bench.tell(Input::Time);
        assert_eq!(bench.notices(), []);
        assert_eq!(bench.sent, []);
    }
}

/// The probe's thread is as quick as the timer.
#[test]
fn a_disk_for_which_nothing_waits_any_more_is_not_said_to_hang() {
    let mut bench = Bench::without_files();
    bench.disk = Disk::Slow;
    bench.fails_until_decided_on();
    bench.beyond = DISK_PATIENCE;
    bench.finds(1, Ok(Pass::Clean));
    assert_eq!(bench.notices(), []);
    assert_eq!(bench.sent, []);
}

#[test]
fn an_up_takes_the_place_of_a_drain_that_waits_for_the_disk() {
    let mut bench = Bench::without_files();
    bench.users = 10;
    bench.fails_until_decided_on();
    bench.answers_ok();
    bench.disk = Disk::Slow;
    bench.second += 1;
    let both = [HostState::Down, HostState::Up];
    bench.lists(&both);
    assert_eq!((bench.unwritten.len(), bench.sent.len()), (1, 0));
    // It passes in the moment of that list, so nothing holds the up.
    bench.finds(1, Ok(Pass::Clean));
    assert_eq!(bench.times_debugged("up held by rule"), 0);
    let dropped = "192.0.2.1: drain is not wanted any more; it was not sent";
    assert_eq!(bench.times_debugged(dropped), 1, "{:?}", bench.debugged);
    bench.disk = Disk::Good;
    bench.disk_answers();
    let (_, command) = bench.sent.pop().unwrap();
    assert_eq!(command.effect(), Effect::State(HostState::Up));
    assert_eq!(bench.sent, []);
}

/// Its thread still waits for the answer.
#[test]
fn a_drain_that_an_up_has_overtaken_leaves_no_room_for_another_until_it_is_answered() {
    let (mut bench, list) = owes_more_drains_than_it_may_make();
    let (drain, _) = bench.sent[0];
    let drains = |bench: &Bench| {
        let effects = bench.sent.iter().map(|(_, command)| command.effect());
        effects.filter(|it| *it == Effect::UsersMoved).count()
    };
    let count = |bench: &Bench| (drains(bench), bench.sent.len() - drains(bench));
    while count(&bench).1 == 0 {
        bench.second += 1;
        bench.finds(1, Ok(Pass::Clean));
        bench.lists_those(&list);
        assert!(bench.second < 600, "no up");
    }
    bench.second += 1;
    bench.lists_those(&list);
    assert_eq!(count(&bench), (100, 1));
    let answer = Ok(Reply::Ok);
    bench.tell(Input::Answered {
        number: drain,
        answer,
    });
    bench.second += 1;
    bench.lists_those(&list);
    assert_eq!(count(&bench), (101, 1));
}

#[test]
fn each_command_is_a_debug_line_and_a_dry_run_says_what_it_is() {
    for (mode, line) in [
        (Mode::Live, "command 1: HOST-DOWN 192.0.2.1"),
        (Mode::DryRun, "DRY-RUN: command 1: HOST-DOWN 192.0.2.1"),
    ] {
        let mut terms = terms(Chosen::default());
        terms.settings.mode = mode;
        let mut bench = Bench::of(terms, Remembered::new());
        bench.fails_until_decided_on();
        let is_it = |debugged: &&String| *debugged == line;
        let times = bench.debugged.iter().filter(is_it).count();
        assert_eq!(times, 1, "{:?}", bench.debugged);
    }
}

#[test]
fn of_several_commands_under_way_each_has_its_own_intention() {
    let mut bench = Bench::new();
    let closed = || Failure::new(Stage::Greeting, Fault::Closed);
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up; 3]);
    for second in 0..3 {
        bench.second = second;
        bench.finds(1, Err(refused()));
        bench.finds(2, Err(closed()));
        bench.finds(3, Ok(Pass::Clean));
        bench.lists(&[HostState::Up; 3]);
    }
    let intentions = bench.sent.iter().map(|(number, command)| {
        let (_, why) = bench.engine.intention(*number).unwrap();
        (command.address(), why.unwrap())
    });
    let intentions: Vec<(IpAddr, String)> = intentions.collect();
    let expected = [
        (address(1), format!("pop3:110 {}", refused())),
        (address(2), format!("pop3:110 {}", closed())),
    ];
    assert_eq!(intentions, expected);
}

/// Dovecot before 2.2.26 closes the connection where the limit is named.
#[test]
fn a_drain_is_said_in_another_form_where_the_director_does_not_know_the_first() {
    let mut bench = Bench::new();
    bench.users = 10;
    bench.fails_until_decided_on();
    bench.answers_ok();
    let mut forms = Vec::new();
    while bench.second < 300 {
        bench.second += 1;
        bench.lists(&[HostState::Down, HostState::Up]);
        for (number, command) in std::mem::take(&mut bench.sent) {
            forms.push(command.to_string().replace('\t', " "));
            let answer = Err(PoolError {
                loss: Loss::Closed,
                ..lost(PoolStage::Reply)
            });
            bench.tell(Input::Answered { number, answer });
        }
    }
    let expected = [
        "HOST-RESET-USERS 192.0.2.1 4294967295",
        "HOST-RESET-USERS 192.0.2.1",
        "HOST-FLUSH 192.0.2.1",
    ];
    assert_eq!(forms[..3], expected);
}
#[test]
fn a_state_file_that_cannot_be_written_is_an_error_line_and_that_it_can_be_again_is_one_too() {
    let mut bench = Bench::new();
    bench.disk = Disk::Slow;
    bench.fails_until_decided_on();
    let (number, _) = bench.unwritten[0];
    let errors = bench.errors;
    let cause = "/var/lib/state: no space left";
    let result = Err(cause.to_owned());
    bench.tell(Input::StateWritten { number, result });
    assert_eq!(bench.notices(), [Notice::StateFileUnwritable]);
    let line = format!("{cause}; the monitor goes on, but after a restart it would not know");
    assert_eq!((bench.times_said(&line), bench.errors), (1, errors + 1));
    // It acts all the same.
    assert_is_one_down_of_the_first(&bench.sent);
    for _ in 0..2 {
        let result = Ok(());
        bench.tell(Input::StateWritten { number, result });
        assert_eq!(bench.notices(), []);
        assert_eq!(bench.times_said("the state file can be written again"), 1);
    }
}
