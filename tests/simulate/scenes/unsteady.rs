//! Backends that fail again and again, and what is done for their users meanwhile.

use poolmon::backend::HostState;

use super::*;
use crate::history::By;

/// One attempt that is lost is a failure.
fn hasty(director: usize) -> Post {
    let mut habits = habits(5);
    habits.pace.plan = Plan::Retries(Retries {
        retries: 0,
        retry_delay: seconds(3),
    });
    Post {
        director,
        program: Program::Ours(habits),
    }
}

/// Of each of them one attempt of four is lost on the way, so that mostly one has failed while the other passes.
/// Eight downs within an hour are the most: the third to the seventh are followed by 1, 2, 4, 8 and 16 minutes
/// down, and 32 more are over only after the hour.
#[test]
fn two_backends_behind_a_bad_line_take_turns_less_and_less() {
    let events = [
        (60, Disturbance::Link(0, 0, Link::Lossy)),
        (60, Disturbance::Link(0, 1, Link::Lossy)),
    ];
    let alone = layout(2, vec![hasty(0)]);
    let beside_another = layout(2, vec![hasty(0), ours(1, 4)]);
    for layout in [alone, beside_another] {
        tell("bad line, 1 h", &layout, &events, 3600, |story| {
            for backend in 0..2 {
                let changes = story.world.history.changes(backend);
                assert!(!changes.is_empty(), "{story}: b{backend} was never changed");
            }
            story.check_changes_at_most(&[16, 16]);
        });
    }
}

/// It went down five times within an hour, so it is left down for four minutes.
#[test]
fn a_backend_left_down_is_brought_up_after_an_eighth_of_its_time_if_the_last_one_up_stays_dead() {
    let mut events: Vec<_> = [60, 100, 140, 240, 420]
        .into_iter()
        .flat_map(|at| [(at, dies(0)), (at + 20, recovers(0))])
        .collect();
    events.push((450, dies(1)));
    let layout = layout(2, vec![ours(0, 3)]);
    tell("the other one dies", &layout, &events, 600, |story| {
        let changes = story.world.history.changes(0);
        assert_eq!(changes.len(), 10, "{story}\n{}", story.log());
        let (at, to, by) = changes[9];
        assert_eq!((to, by), (HostState::Up, By::Watcher(0)), "{story}");
        // b1 has failed after 4.5 to 10 s, and is checked each 3 s.
        let (least, most) = (seconds(450 + 34), seconds(450 + 50));
        assert!((least..most).contains(&at), "{story}: {at:?}");
        story.check_changes(&[10, 1]);
    });
}

/// For less than that it is not brought up.
#[test]
fn a_last_backend_that_is_dead_for_a_moment_costs_nothing() {
    let mut events: Vec<_> = [60, 100, 140, 240, 420]
        .into_iter()
        .flat_map(|at| [(at, dies(0)), (at + 20, recovers(0))])
        .collect();
    for at in [450, 490, 530] {
        events.extend([(at, dies(1)), (at + 20, recovers(1))]);
    }
    let layout = layout(2, vec![ours(0, 3)]);
    tell("dead for a moment", &layout, &events, 600, |story| {
        story.check_changes(&[9, 0]);
    });
}
