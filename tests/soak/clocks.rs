//! Machines whose clocks differ: a library that is loaded before the C library and shifts the wall clock.
//!
//! It leaves the monotonic clock alone. A director and its monitor are on one machine, so they get the
//! same shift.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::lab::command;
use crate::lab::dovecot::Dovecot;

const COMPILE_LIMIT: Duration = Duration::from_secs(60);

const VARIABLE: &str = "SOAK_CLOCK_SHIFT";

const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long shift(void) {
    const char *text = getenv("SOAK_CLOCK_SHIFT");
    return text == NULL ? 0 : atol(text);
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += shift();
    return result;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &exact) != 0)
        return -1;
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *where) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (where != NULL)
        *where = exact.tv_sec;
    return exact.tv_sec;
}
"#;

pub struct Clocks {
    library: PathBuf,
}

impl Clocks {
    /// Compiles the library into this folder.
    pub fn build(folder: &Path) -> Clocks {
        let source = folder.join("clock.c");
        let library = folder.join("clock.so");
        fs::write(&source, SOURCE).expect("the folder takes a file");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]);
        compiler.arg(&library).arg(&source);
        command::run(&mut compiler, folder, COMPILE_LIMIT).success();
        Clocks { library }
    }

    /// The environment of a program whose clock is so many seconds ahead.
    pub fn environment(&self, shift: i64) -> [(&'static str, String); 2] {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            (VARIABLE, shift.to_string()),
        ]
    }

    /// From its next start on.
    pub fn shift(&self, dovecot: &mut Dovecot, shift: i64) {
        for (name, value) in self.environment(shift) {
            dovecot.set_variable(name, &value);
        }
        let first = "auth_failure_delay = 0\n";
        let imported = format!(
            "{first}import_environment = TZ CORE_OUTOFMEM CORE_ERROR LD_PRELOAD {VARIABLE}\n"
        );
        dovecot.replace_setting(first, &imported);
    }
}
