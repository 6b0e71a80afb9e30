//! The integration tests: the lab's own, and the scenes that the monitor is put through.

mod lab;
mod scenes;

/// What of the soak can be tested without one: its plan, and its judge.
#[allow(dead_code)]
mod soak {
    mod acting;
    mod agreeing;
    #[path = "../simulate/chance.rs"]
    mod chance;
    mod dates;
    mod disk;
    mod history;
    mod judge;
    mod judged;
    mod plan;
    #[path = "../simulate/properties/said.rs"]
    mod said;
    mod spans;
    mod terms;
}
