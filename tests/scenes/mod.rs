//! The scenes. `lab_itself` proves the lab, the others the monitor.

mod lab_itself;
