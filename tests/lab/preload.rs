//! Libraries in C that are loaded before the program's own (LD_PRELOAD): what an operating system does seldom is
//! done by them at will.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::command;
use super::monitor::MonitorPlan;
use super::place::Place;

const LIMIT: Duration = Duration::from_secs(60);

/// The library of this text.
#[track_caller]
pub fn library(place: &Place, name: &str, text: &str) -> PathBuf {
    let (source, library) = (
        place.path(&format!("{name}.c")),
        place.path(&format!("{name}.so")),
    );
    fs::write(&source, text).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source);
    command::run(cc.arg("-ldl"), place.folder(), LIMIT).success();
    library
}

/// An open of one file that does not come back while another file is there.
const HANGING_OPEN: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int open_by(const char *name, const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    while (strcmp(path, getenv("HANGING_FILE")) == 0 && access(getenv("HANGS_WHILE"), F_OK) == 0) {
        // The disk does not answer.
        usleep(10000);
    }
    return real(path, flags, mode);
}
static mode_t mode_of(int flags, va_list rest) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}
int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = mode_of(flags, rest);
    va_end(rest);
    return open_by("open", path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = mode_of(flags, rest);
    va_end(rest);
    return open_by("open64", path, flags, mode);
}
"#;

/// The monitor's disk does not answer when `file` is opened, for as long as `hangs` is there.
#[track_caller]
pub fn hanging_file(plan: MonitorPlan, place: &Place, file: &Path, hangs: &Path) -> MonitorPlan {
    let library = library(place, "open", HANGING_OPEN);
    plan.variable("LD_PRELOAD", library)
        .variable("HANGING_FILE", file)
        .variable("HANGS_WHILE", hangs)
}
