//! What a snapshot shows of backends, tags, commands, alarms, and of what comes next.

use super::*;

#[test]
fn a_snapshot_shows_each_backend_the_tags_the_commands_and_what_is_next() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    assert_eq!(bench.workers.len(), 2);
    assert_is_one_down_of_the_first(&bench.sent);
    let (number, _) = bench.sent[0];
    bench.second += 1;
    bench.lists(&[HostState::Up, HostState::Up]);
    let snapshot = bench.engine.snapshot();
    let backend = &snapshot.backends[0];
    assert_eq!((backend.drain, backend.is_ours), (DrainView::Owed, false));
    assert_eq!(backend.polls.len(), 3);
    assert_eq!(
        backend.hold.as_ref().map(|hold| hold.reason.clone()),
        Some(Reason::InFlight)
    );
    assert_eq!(snapshot.commands.len(), 1);
    assert_eq!(snapshot.commands[0].answer, None);

    bench.tell(Input::Answered {
        number,
        answer: Ok(Reply::Ok),
    });
    assert_eq!(
        bench.said.last().unwrap(),
        "192.0.2.1 disabled: up -> down by this monitor: pop3:110 connect: connection refused, 3 tries \
         since 08:00:01; 1 of 2 backends are up; no users were listed; comes up after the next \
         good check (answered in 1000.0 ms)"
    );
    bench.second += 1;
    bench.lists(&[HostState::Down, HostState::Up]);
    let snapshot = bench.engine.snapshot();
    assert_eq!(snapshot.commands[0].answer.as_deref(), Some("ok"));
    assert_eq!(snapshot.commands[0].ago, Duration::from_secs(2));
    let tag = TagView {
        tag: Tag::default(),
        all: 2,
        up: 1,
        healthy: 1,
        refuges: 1,
        vhosts_up: 100,
        vhosts: 200,
        users: 0,
    };
    assert_eq!(snapshot.tags, [tag]);
    assert_eq!(snapshot.summary.up, 1);
    assert!(snapshot.next.is_some());
}

#[test]
fn a_backend_stands_in_one_word_since_a_time_and_for_a_cause() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    let check = |bench: &mut Bench, standing, lasts, cause: &str| {
        bench.tell(Input::Time);
        assert_eq!(bench.standing(1), (standing, Some(lasts), cause.to_owned()));
    };
    bench.second = 1;
    check(&mut bench, Standing::Unknown, 1, "");
    bench.finds(1, Ok(Pass::Clean));
    bench.second = 3;
    bench.finds(1, Ok(Pass::Clean));
    check(&mut bench, Standing::Healthy, 1, "");
    assert_eq!(bench.engine.snapshot().tags[0].healthy, 1);
    let cause = "pop3:110 connect: connection refused";
    bench.falters(1, refused());
    bench.second = 6;
    check(&mut bench, Standing::Doubtful, 2, cause);
    bench.finds(1, Err(refused()));
    bench.second = 9;
    bench.finds(1, Err(refused()));
    check(&mut bench, Standing::Failed, 2, cause);
    bench.finds(1, Ok(Pass::Clean));
    bench.second = 11;
    check(&mut bench, Standing::Healthy, 1, "");
    let local = Failure::new(Stage::Connect, Fault::Forbidden);
    bench.reports(1, Err(local), None, None);
    bench.second = 12;
    check(&mut bench, Standing::Unknown, 0, "");
    assert_eq!(bench.engine.snapshot().tags[0].healthy, 0);
    let number = bench.workers[0];
    bench.finds(1, Ok(Pass::Clean));
    let worker_ended = Input::WorkerEnded {
        address: address(1),
        born_as: number,
    };
    bench.second = 15;
    bench.tell(worker_ended);
    bench.second = 17;
    check(&mut bench, Standing::Unknown, 2, "");
}

/// A director's stamps never sink: for as long as its clock was ahead once, they lie in the future.
#[test]
fn a_stamp_from_the_future_is_told_as_when_the_list_first_showed_it() {
    let since = |bench: &Bench| bench.engine.snapshot().backends[0].listed.changed;
    let lists = |bench: &mut Bench, state, changed| {
        let first = Listed {
            changed,
            ..listed(1, state)
        };
        bench.lists_of(vec![first, listed(2, HostState::Up)]);
    };
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    let began = bench.now().second.0;
    let ahead = |seconds| Stamp(began + seconds);
    // Of a change that was made before anything was read nothing is known, then.
    lists(&mut bench, HostState::Up, ahead(7200));
    assert_eq!(since(&bench), Stamp(0));
    bench.second += 10;
    lists(&mut bench, HostState::Down, ahead(7200));
    bench.second += 20;
    lists(&mut bench, HostState::Down, ahead(7200));
    assert_eq!(since(&bench), ahead(10));
    // Clocks that differ by a minute are believed, and so is what happened while no list was read.
    for (at, stamp) in [(40, 100), (200, 50)] {
        bench.second = at;
        lists(&mut bench, HostState::Up, ahead(0));
        lists(&mut bench, HostState::Down, ahead(stamp));
        assert_eq!(since(&bench), ahead(stamp));
    }
}

#[test]
fn a_change_of_the_list_has_who_made_it_and_why() {
    let mut bench = Bench::new();
    bench.take_down_the_first();
    let by = |bench: &Bench| {
        let views = bench.engine.snapshot().backends;
        views.iter().map(|view| view.by).collect::<Vec<By>>()
    };
    assert_eq!(by(&bench), [By::Us, By::Unknown]);
    bench.second = 12;
    bench.lists(&[HostState::Up, HostState::Down]);
    assert_eq!(by(&bench), [By::Other, By::Other]);
    bench.second = 14;
    bench.tell(Input::Time);
    let snapshot = bench.engine.snapshot();
    let change = |ago, to, by, reason: Option<&str>| ListChangeView {
        ago: Duration::from_secs(ago),
        to,
        by,
        reason: reason.map(std::sync::Arc::from),
    };
    assert_eq!(
        snapshot.backends[0].changes,
        [
            change(
                6,
                HostState::Down,
                By::Us,
                Some("pop3:110 connect: connection refused")
            ),
            change(2, HostState::Up, By::Other, None)
        ]
    );
    let counts: Vec<_> = snapshot
        .counters
        .changes
        .iter()
        .map(|count| (count.address, count.to, count.by, count.count))
        .collect();
    assert_eq!(
        counts,
        [
            (address(1), HostState::Down, By::Us, 1),
            (address(1), HostState::Up, By::Other, 1),
            (address(2), HostState::Down, By::Other, 1)
        ]
    );
}

/// Both backends are refused the same login, after the first was taken down for something else.
#[test]
fn what_comes_up_with_a_fault_that_others_have_too_has_that_for_its_reason() {
    let mut bench = Bench::new();
    bench.take_down_the_first();
    bench.answers_ok();
    for second in 11..15 {
        bench.second = second;
        for number in [2, 1] {
            let fault = Fault::CredentialsRefused(Quote::new("no"));
            bench.finds(number, Err(Failure::new(Stage::Login, fault)));
        }
        bench.lists(&[HostState::Down, HostState::Up]);
    }
    let (number, command) = &bench.sent[0];
    assert_eq!(command.effect(), Effect::State(HostState::Up));
    let reason = "it gets as far as the others";
    let intention = (Action::MarkUp, Some(reason.to_owned()));
    assert_eq!(bench.engine.intention(*number), Some(intention));
    bench.answers_ok();
    bench.lists(&[HostState::Up, HostState::Up]);
    let view = bench.engine.snapshot().backends[0].clone();
    let change = view.changes.last().unwrap();
    assert_eq!((change.to, change.by), (HostState::Up, By::Us));
    assert_eq!(change.reason.as_deref(), Some(reason));
}

#[test]
fn what_is_next_is_a_retry_rather_than_a_round() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    assert_eq!(bench.engine.snapshot().next, None);
    bench.finds(2, Ok(Pass::Clean));
    let next = |bench: &Bench| {
        let next = bench.engine.snapshot().next?;
        Some((next.address, next.what, next.due.as_secs()))
    };
    assert_eq!(next(&bench), Some((address(2), NextEvent::Round, 30)));
    bench.second = 29;
    bench.falters(1, refused());
    assert_eq!(next(&bench), Some((address(1), NextEvent::Retry, 3)));
    let retry = RetryView {
        service: "pop3:110".to_owned(),
        failed: 1,
        left: 4,
    };
    assert_eq!(bench.engine.snapshot().backends[0].retry, Some(retry));
}

#[test]
fn alarms_have_a_word_and_last_since_they_began() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Down, HostState::Down]);
    bench.second = 1;
    bench.tell(Input::Time);
    bench.second = 4;
    bench.tell(Input::Lists {
        connection: 1,
        reading: Err(PoolError {
            cause: "host list: timed out".to_owned(),
            advice: "does it hang?".to_owned(),
            ..lost(PoolStage::Reading)
        }),
    });
    bench.second = 6;
    let broken = Err("the settings are broken".to_owned());
    bench.tell(Input::Settings(broken));
    bench.second = 7;
    bench.tell(Input::Time);
    let snapshot = bench.engine.snapshot();
    let alarms: Vec<_> = snapshot
        .alarms
        .iter()
        .map(|alarm| (alarm.word, alarm.lasts.as_secs()))
        .collect();
    assert_eq!(alarms, [("without_service", 7), ("director_silent", 3)]);
    assert_eq!(
        snapshot.alarms[1].text,
        "failover is off: director /admin: host list: timed out; no backend is taken down or brought \
         up; does it hang?"
    );
    let error = snapshot.director.error.unwrap();
    assert_eq!(error, "director /admin: host list: timed out");
    assert_eq!(snapshot.director.place.position, Some(1));
    let reload = (Duration::from_secs(1), ReloadResult::Refused);
    assert_eq!(snapshot.monitor.reload, reload);
}

#[test]
fn what_is_explained_is_what_is_held() {
    let mut bench = Bench::new();
    bench.take_down_the_first();
    bench.finds(1, Ok(Pass::Clean));
    // Its up has been sent, and is awaited.
    bench.lists(&[HostState::Down, HostState::Up]);
    let snapshot = bench.engine.snapshot();
    let view = &snapshot.backends[0];
    let wanted = &view.wanted.as_ref().unwrap().explanation;
    assert_eq!(wanted.hold(), view.hold.as_ref());
    let not_asked = wanted
        .answers
        .iter()
        .filter(|(_, answer)| *answer == RuleAnswer::NotAsked);
    assert!(not_asked.count() > 0);
    assert_eq!(snapshot.backends[1].wanted, None);
}

/// A fault that may be this monitor's ends the time for which a backend has been healthy, too.
#[test]
fn a_backend_is_healthy_since_its_last_failure_whosever_fault_that_was() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.second = 1;
    bench.finds(1, Ok(Pass::Clean));
    bench.second = 100;
    let fault = Fault::CredentialsRefused(Quote::new("no"));
    bench.finds(1, Err(Failure::new(Stage::Login, fault)));
    bench.second = 200;
    bench.finds(1, Ok(Pass::Clean));
    bench.second = 203;
    bench.finds(1, Err(refused()));
    let last = bench.said.last().unwrap();
    assert!(last.contains("; was healthy for 3 s; "), "{last}");
}
