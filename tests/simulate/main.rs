//! A world in virtual time around the real engine and schedule: days of rings, backends, monitors
//! and poolmons pass in milliseconds. Nothing here sleeps, and nothing is said to anybody.

mod chance;
mod day;
mod evidence;
mod fuzzed;
mod haproxy;
mod history;
mod monitor;
mod perl;
mod properties;
mod random_days;
mod reached;
mod ring;
mod scenes;
mod world;
