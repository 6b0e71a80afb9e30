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

/// Something is done before and after each open, by what stands before this.
const OPEN: &str = r#"
static int open_by(const char *name, const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    before(path);
    int opened = real(path, flags, mode);
    after(path);
    return opened;
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

const HEADERS: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
"#;

/// An open of one file does not come back while another file is there.
const HANGING: &str = r#"
static void before(const char *path) {
    while (strcmp(path, getenv("HANGING_FILE")) == 0 && access(getenv("HANGS_WHILE"), F_OK) == 0) {
        // The disk does not answer.
        usleep(10000);
    }
}
static void after(const char *path) {}
"#;

/// Another file is in the place of one while that is opened; each time is a byte in a third.
const SWAPPING: &str = r#"
static void swap(const char *path) {
    const char *file = getenv("SWAPPED_FILE");
    if (strcmp(path, file) == 0) {
        // RENAME_EXCHANGE: at no time is no file there.
        syscall(SYS_renameat2, AT_FDCWD, file, AT_FDCWD, getenv("SWAPPED_FOR"), 2);
    }
}
static void before(const char *path) {
    swap(path);
}
static void after(const char *path) {
    int why = errno;
    swap(path);
    if (strcmp(path, getenv("SWAPPED_FILE")) == 0) {
        int opens = syscall(SYS_openat, AT_FDCWD, getenv("OPENS"), O_WRONLY | O_CREAT | O_APPEND, 0600);
        syscall(SYS_write, opens, "x", 1);
        close(opens);
    }
    errno = why;
}
"#;

#[track_caller]
fn open_library(place: &Place, deeds: &str) -> PathBuf {
    library(place, "open", &format!("{HEADERS}{deeds}{OPEN}"))
}

/// The monitor's disk does not answer when `file` is opened, for as long as `hangs` is there.
#[track_caller]
pub fn hanging_file(plan: MonitorPlan, place: &Place, file: &Path, hangs: &Path) -> MonitorPlan {
    plan.variable("LD_PRELOAD", open_library(place, HANGING))
        .variable("HANGING_FILE", file)
        .variable("HANGS_WHILE", hangs)
}

/// While the monitor opens `file`, and at no other time, `other` is in its place. `opens` grows by a byte each time.
#[track_caller]
pub fn swapped_while_opened(
    plan: MonitorPlan,
    place: &Place,
    file: &Path,
    other: &Path,
    opens: &Path,
) -> MonitorPlan {
    plan.variable("LD_PRELOAD", open_library(place, SWAPPING))
        .variable("SWAPPED_FILE", file)
        .variable("SWAPPED_FOR", other)
        .variable("OPENS", opens)
}

/// Memory that is freed keeps what is in it, and is given to nobody else.
const KEEPING: &str = r#"
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
void free(void *memory) {}
void *realloc(void *memory, size_t size) {
    void *other = malloc(size);
    if (memory != NULL && other != NULL) {
        size_t had = malloc_usable_size(memory);
        memcpy(other, memory, had < size ? had : size);
    }
    return other;
}
"#;

/// Whatever the monitor has put into memory and not wiped stays in it.
#[track_caller]
pub fn keeping_freed_memory(plan: MonitorPlan, place: &Place) -> MonitorPlan {
    plan.variable("LD_PRELOAD", library(place, "free", KEEPING))
}
