//! What must hold whatever happens; each is a function over the recorded history of a day.

pub mod acting;
pub mod dispute;
pub mod drains;
pub mod healing;
pub mod ownership;
pub mod recovery;
pub mod said;
pub mod service;
pub mod terms;

use std::time::Instant;

use crate::day::Day;

/// Where a property does not hold.
pub struct Breach {
    pub at: Instant,
    pub text: String,
}

/// How often it was put to the test.
pub type Judgement = Result<usize, Breach>;

/// A property by its claim.
pub struct Property {
    pub claim: &'static str,
    pub judge: fn(&Day) -> Judgement,
}

macro_rules! properties {
    ($($place:ident :: $name:ident),* $(,)?) => {
        &[$(Property { claim: stringify!($name), judge: $place::$name }),*]
    };
}

pub const ALL: &[Property] = properties![
    acting::nothing_is_sent_into_a_ring_that_the_list_shows_unsynced,
    acting::nothing_is_sent_in_a_dry_run,
    acting::at_most_one_command_a_backend_is_in_flight,
    acting::nothing_is_sent_before_a_list_has_shown_the_last_command,
    acting::every_down_has_a_refuge,
    acting::a_monitor_acts_on_what_it_has_seen_lately,
    acting::no_down_exceeds_the_operators_limit,
    acting::a_monitor_that_reaches_nothing_changes_nothing,
    acting::nobody_is_tried_without_a_pause,
    acting::a_login_refused_wherever_it_is_used_takes_nobody_down,
    recovery::a_backend_dead_to_all_goes_down,
    recovery::a_backend_healthy_to_all_goes_up,
    recovery::a_backend_that_somebody_sees_healthy_goes_up,
    recovery::one_failure_costs_one_down_and_one_up,
    recovery::where_all_agree_all_is_quiet,
    recovery::synced_directors_agree,
    service::a_tag_with_a_healthy_backend_is_in_service,
    dispute::a_disputed_backend_changes_less_and_less,
    dispute::an_administrators_down_is_held,
    ownership::an_administrators_down_is_not_undone,
    drains::every_owed_drain_is_done,
    drains::nobody_is_left_on_a_backend_that_is_down_and_has_failed,
    healing::when_all_is_well_again_nothing_is_left_to_do_or_to_say,
    healing::when_all_is_well_again_it_is_shown_so,
    healing::whatever_was_said_to_be_amiss_is_said_to_be_over,
];

fn breach(at: Instant, text: impl Into<String>) -> Judgement {
    Err(Breach {
        at,
        text: text.into(),
    })
}
