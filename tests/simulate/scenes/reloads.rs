//! Settings that change while the monitor runs: what was only told in a dry run does not count once it is over.

use poolmon::backend::HostState;
use poolmon::monitor::policy::Action;

use super::limits::{monitor, said, sent};
use super::*;
use crate::monitor::Reload;

/// A monitor that begins with a dry run, and is told to act, or not to act any more, at these times.
fn tell_of_dry_run(
    layout: &Layout,
    (first, reloads): (Habits, &[(u64, Habits)]),
    events: &[(u64, Disturbance)],
    length: u64,
    judge: impl Fn(&Story<'_>),
) {
    let mut layout = layout.clone();
    layout.posts[0].program = Program::Ours(first);
    for seed in 0..SEEDS {
        let mut world = World::new(&layout, seed);
        for (at, disturbance) in events {
            world.disturb(seconds(*at), *disturbance);
        }
        for (at, habits) in reloads {
            world.reload(seconds(*at), 0, Reload::Habits(*habits));
        }
        world.run_to(seconds(length));
        let name = "a dry run that ends";
        judge(&Story { world, name, seed });
    }
}

fn dry() -> Habits {
    Habits {
        mode: Mode::DryRun,
        ..habits(3)
    }
}

/// That it would be down was only said, so nobody brings it up; nor is it down in a later dry run.
#[test]
fn what_a_dry_run_has_told_is_nobodys_act_when_it_ends_or_when_there_is_another() {
    let layout = layout(3, vec![ours(0, 3)]);
    let reloads = [(200, habits(3)), (400, dry()), (600, habits(3))];
    let events = [(60, dies(0)), (200, recovers(0))];
    tell_of_dry_run(&layout, (dry(), &reloads), &events, 800, |story| {
        let lines = &monitor(story).said;
        assert_eq!(said(story, "DRY-RUN: 192.0.2.0 disabled"), 1, "{story}");
        assert_eq!(said(story, "not by this monitor"), 0, "{lines:?}");
        assert_eq!(said(story, "enabled"), 0, "{lines:?}");
        story.check_changes(&[0, 0, 0]);
    });
}

/// The other one is up only as a dry run would have had it: users would have nowhere to go.
#[test]
fn a_backend_that_only_a_dry_run_has_brought_up_takes_nobodys_users() {
    let layout = layout(2, vec![ours(0, 3)]);
    let mut waits = dry();
    waits.rules.down_delay = seconds(600);
    let events = [
        (30, Disturbance::Admin(0, 1, HostState::Down)),
        (150, dies(0)),
    ];
    let reloads = [(200, habits(3))];
    tell_of_dry_run(&layout, (waits, &reloads), &events, 400, |story| {
        assert_eq!(said(story, "DRY-RUN: 192.0.2.1 enabled"), 1, "{story}");
        assert_eq!(sent(story, Action::MarkUp).len(), 1, "{story}");
        assert_eq!(sent(story, Action::MarkDown).len(), 1, "{story}");
        let without = story.longest_without_service(0, 2);
        assert_eq!(without, Duration::ZERO, "{story}\n{}", story.log());
        story.check_changes(&[1, 2]);
    });
}

/// Downs that were only told make no backend unsteady.
#[test]
fn one_that_a_dry_run_would_have_taken_down_often_comes_up_at_once() {
    let layout = layout(3, vec![ours(0, 3)]);
    let mut events = Vec::new();
    for turn in 0..4 {
        events.push((60 + 100 * turn, dies(0)));
        events.push((110 + 100 * turn, recovers(0)));
    }
    let reloads = [(350, habits(3))];
    tell_of_dry_run(&layout, (dry(), &reloads), &events, 450, |story| {
        assert_eq!(said(story, "DRY-RUN: 192.0.2.0 disabled"), 3, "{story}");
        story.check_changes(&[2, 0, 0]);
    });
}

/// What was done before a dry run is still this monitor's when it ends: it is in the state file.
#[test]
fn a_down_from_before_a_dry_run_is_undone_after_it() {
    let layout = layout(3, vec![ours(0, 3)]);
    let own = |mode| {
        let mut habits = habits(3);
        habits.rules.restore = Restore::Own;
        Habits { mode, ..habits }
    };
    let reloads = [(200, own(Mode::DryRun)), (400, own(Mode::Live))];
    let events = [(60, dies(0)), (300, recovers(0))];
    let first = own(Mode::Live);
    tell_of_dry_run(&layout, (first, &reloads), &events, 600, |story| {
        assert_eq!(said(story, "DRY-RUN: 192.0.2.0 enabled"), 1, "{story}");
        story.check_changes(&[2, 0, 0]);
        let up = sent(story, Action::MarkUp);
        assert!(seconds(400) <= up[0].0, "{story}: {up:?}");
        assert!(up[0].0 < seconds(410), "{story}: {up:?}");
    });
}

/// What it still owed then is done after it.
#[test]
fn users_that_a_dry_run_would_have_moved_are_moved_when_it_ends() {
    let layout = layout(3, vec![ours(0, 3)]);
    let reloads = [(200, dry()), (400, habits(3))];
    let events = [
        (10, Disturbance::Stubborn(0, 1000)),
        (60, dies(0)),
        (300, Disturbance::Stubborn(0, 0)),
    ];
    tell_of_dry_run(&layout, (habits(3), &reloads), &events, 500, |story| {
        assert_eq!(said(story, "DRY-RUN: 192.0.2.0 users moved"), 1, "{story}");
        let drains = sent(story, Action::Drain);
        let (last, _) = drains[drains.len() - 1];
        assert!(seconds(400) <= last, "{story}: {drains:?}");
        story.check_changes(&[1, 0, 0]);
        assert_eq!(super::limits::owed(story), 0, "{story}");
    });
}
