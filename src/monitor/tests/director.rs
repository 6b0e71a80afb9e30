//! A director that is silent, hangs, has an unsynced ring, or does not do what it says.

use super::*;

fn lost(stage: PoolStage) -> PoolError {
    PoolError {
        pool: "director /admin".to_owned(),
        stage,
        loss: Loss::Other,
        cause: "lost".to_owned(),
        advice: "is it there?".to_owned(),
    }
}

impl Bench {
    fn loses_lists(&mut self) {
        let connection = *self.opened.last().unwrap();
        let reading = Err(lost(PoolStage::Reading));
        self.tell(Input::Lists {
            connection,
            reading,
        });
    }
}

const BOTH_UP: [HostState; 2] = [HostState::Up; 2];

#[test]
fn a_reader_that_hangs_is_an_alarm_after_its_deadline() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.lists(&BOTH_UP);
    for second in 1..22 {
        bench.second = second;
        bench.tell(Input::Time);
        assert_eq!(bench.notices(), [], "at {second} s");
    }
    bench.second = 22;
    bench.tell(Input::Time);
    assert_eq!(bench.notices(), [Notice::DirectorSilent]);
}

#[test]
fn failover_is_on_again_once_the_director_has_answered_for_ten_seconds() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.loses_lists();
    for second in 1..11 {
        bench.second = second;
        bench.tell(Input::Time);
        bench.lists(&BOTH_UP);
        assert_eq!(bench.notices(), [Notice::DirectorSilent], "at {second} s");
    }
    bench.second = 11;
    bench.lists(&BOTH_UP);
    assert_eq!(bench.notices(), []);
}

#[test]
fn what_a_director_never_saw_is_sent_as_soon_as_it_is_back() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    // The second time the pause would be two seconds.
    for sent in 1..3 {
        let (number, _) = *bench.sent.last().unwrap();
        let answer = Err(lost(PoolStage::Connection));
        bench.tell(Input::Answered { number, answer });
        bench.loses_lists();
        assert_eq!(bench.sent.len(), sent);
        bench.second += 1;
        bench.tell(Input::Time);
        bench.lists(&BOTH_UP);
        assert_eq!(bench.sent.len(), sent + 1);
    }
}

#[test]
fn an_ok_without_effect_is_an_error_line() {
    let mut bench = Bench::new();
    bench.fails_until_decided_on();
    let (number, _) = bench.sent[0];
    let answer = Ok(Reply::Ok);
    bench.tell(Input::Answered { number, answer });
    bench.second += 1;
    bench.lists(&BOTH_UP);
    let line =
        "192.0.2.1: the director said OK to the last command, but the list shows another state";
    let lines = bench.said.iter().filter(|said| said.starts_with(line));
    assert_eq!(lines.count(), 1, "{:?}", bench.said);
}

#[test]
fn a_ring_that_is_unsynced_for_a_minute_is_an_alarm_until_it_is_synced() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    bench.readiness = Readiness::Unsynced;
    for (second, expected) in [(0, 0), (59, 0), (60, 1), (61, 1)] {
        bench.second = second;
        bench.lists(&BOTH_UP);
        assert_eq!(bench.notices().len(), expected, "at {second} s");
    }
    assert_eq!(bench.notices(), [Notice::RingUnsynced]);
    bench.readiness = Readiness::Synced;
    bench.lists(&BOTH_UP);
    assert_eq!(bench.notices(), []);
    assert_eq!(bench.said.last().unwrap(), "the ring is synced again");
}
