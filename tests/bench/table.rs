//! The table that is printed, row by row as it is measured.

use std::time::Duration;

pub fn heading(text: &str) {
    println!("\n{text}");
}

pub fn row(what: &str, value: impl std::fmt::Display) {
    println!("  {what:<58} {value}");
}

pub fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
