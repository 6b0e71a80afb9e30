//! Explores the few places where threads of the program meet: each check runs the program's own file, read
//! by its path, under thousands of schedules that shuttle draws.
//!
//! `extern crate shuttled_std as std` is what makes that possible: in these files `std::sync`, `std::thread`
//! and `Instant` are shuttle's, and not a letter of them is changed. What a check holds stands above it.
//! A schedule that breaks a check is printed, and the exit code is not 0. `THREADS_RUNS=n` for more or
//! fewer schedules a check.

extern crate shuttled_std as std;

mod explore;
#[path = "../../../src/few.rs"]
#[allow(dead_code)]
mod few;
mod log_writer;
#[path = "../../../src/mailbox.rs"]
#[allow(dead_code)]
mod mailbox;
mod mailboxes;
#[path = "../../../src/net/names.rs"]
#[allow(dead_code)]
mod names;
mod names_of_addresses;
mod probe_limits;
mod state_files;

/// Types that the program's files only hand on.
mod config {
    pub mod settings {
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(dead_code)]
        pub enum LogTarget {
            Terminal,
        }
    }

    /// Whether a name can be one of a host. The checks make up none that cannot.
    pub mod values {
        #[allow(dead_code)]
        pub fn host_name(text: &str) -> Option<String> {
            Some(text.to_owned())
        }
    }
}

/// Types that the writer of the state file only hands on.
mod monitor {
    pub type Remembered = std::collections::BTreeMap<std::net::IpAddr, Memory>;

    /// What is remembered of a backend: here a number.
    pub type Memory = u64;
}

fn main() {
    let checks: &[(&str, fn())] = &[
        (
            "mailbox: orders come once, in order",
            mailboxes::orders_come_once_and_in_order,
        ),
        (
            "mailbox: the end wakes the sleeper",
            mailboxes::the_end_wakes_the_sleeper,
        ),
        (
            "mailbox: nothing comes no sooner than the time is over",
            mailboxes::a_wait_lasts_its_time,
        ),
        (
            "probe limit: never more inside, and all get in",
            probe_limits::never_more_and_all_get_in,
        ),
        (
            "state writer: the last state is on disk",
            state_files::the_last_state_is_on_disk,
        ),
        (
            "state writer: what is told as written is on disk",
            state_files::what_is_told_is_on_disk,
        ),
        (
            "state writer: what failed is tried again",
            state_files::what_failed_is_tried_again,
        ),
        (
            "state writer: the end waits no longer than it may",
            state_files::the_end_is_bounded,
        ),
        (
            "log: all lines once, in order",
            log_writer::all_lines_once_and_in_order,
        ),
        (
            "log: lines counted are the lines lost",
            log_writer::lines_counted_are_the_lines_lost,
        ),
        (
            "log: the end waits for the last line",
            log_writer::the_end_waits_for_the_last_line,
        ),
        (
            "log: the end waits no longer than it may",
            log_writer::the_end_is_bounded,
        ),
        (
            "names: each address is looked up once",
            names_of_addresses::each_is_looked_up_once,
        ),
        (
            "names: without threads nothing waits for ever",
            names_of_addresses::without_threads,
        ),
    ];
    for (claim, check) in checks {
        explore::explore(claim, *check);
    }
}
