//! Monitors whose own machine keeps them from probing: nobody changes for it, and what is still seen
//! is judged as ever.

use poolmon::backend::HostState;

use super::*;

fn prohibited(watcher: usize, backend: usize) -> Disturbance {
    Disturbance::Link(watcher, backend, Link::Prohibited)
}

fn half_prohibited(watcher: usize, backend: usize) -> Disturbance {
    Disturbance::Link(watcher, backend, Link::HalfProhibited)
}

fn with_two_services(mut layout: Layout) -> Layout {
    layout.services = 2;
    layout
}

#[test]
fn a_backend_that_this_machine_may_not_probe_is_not_taken_down() {
    let events = [(30, prohibited(0, 1)), (30, prohibited(0, 2))];
    let layout = layout(3, vec![ours(0, 2)]);
    tell("two prohibited", &layout, &events, 300, |story| {
        story.check_changes(&[0, 0, 0]);
    });
}

#[test]
fn a_dead_backend_goes_down_beside_one_that_may_not_be_probed() {
    let events = [
        (30, prohibited(0, 1)),
        (60, dies(0)),
        (160, recovers(0)),
        (200, dies(1)),
    ];
    let layout = layout(3, vec![ours(0, 2)]);
    tell("one prohibited", &layout, &events, 300, |story| {
        story.check_changes(&[2, 0, 0]);
    });
}

#[test]
fn a_backend_goes_down_and_comes_up_by_the_service_that_is_still_seen() {
    let events: Vec<_> = (0..3)
        .map(|backend| (30, half_prohibited(0, backend)))
        .chain([(60, dies(0)), (160, recovers(0))])
        .collect();
    for layout in [layout(3, vec![ours(0, 2)]), super::rapid::dovemon()] {
        let layout = with_two_services(layout);
        tell("all half prohibited", &layout, &events, 300, |story| {
            story.check_changes(&[2, 0, 0]);
        });
    }
}

#[test]
fn a_backend_that_is_half_seen_is_a_refuge() {
    let events = [(30, half_prohibited(0, 1)), (60, dies(0))];
    let layout = with_two_services(layout(2, vec![ours(0, 2)]));
    tell("the refuge is half seen", &layout, &events, 200, |story| {
        story.check_changes(&[1, 0]);
    });
}

#[test]
fn what_comes_and_goes_on_this_machine_brings_nothing_up_that_is_half_dead() {
    let mut events = vec![(30, Disturbance::Backend(0, Health::HalfFrozen))];
    for at in (100..200).step_by(7) {
        events.push((at, half_prohibited(0, 0)));
        events.push((at + 2, Disturbance::Link(0, 0, Link::Whole)));
    }
    let layout = with_two_services(layout(2, vec![ours(0, 2)]));
    tell("two seconds of seven", &layout, &events, 300, |story| {
        story.check_changes(&[1, 0]);
    });
}

/// The one that cannot be probed was healthy before, and would be the first to be brought up.
#[test]
fn one_that_may_not_be_probed_does_not_keep_the_others_of_a_tag_without_service_down() {
    let events = [
        (30, prohibited(0, 0)),
        (60, Disturbance::Admin(0, 0, HostState::Down)),
        (60, Disturbance::Admin(0, 1, HostState::Down)),
    ];
    let layout = layout(2, vec![ours(0, 2)]);
    tell("both taken down", &layout, &events, 75, |story| {
        story.check_changes(&[1, 2]);
    });
}
