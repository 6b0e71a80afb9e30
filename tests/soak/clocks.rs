//! Machines and programs whose clocks are wrong: a library that is loaded before the C library and shifts the
//! wall clock, by what a file says at that moment.
//!
//! It leaves the monotonic clock alone, as a step of the machine's clock does. Of Dovecot's processes it is only the
//! director that goes by it: for three minutes after its clock has jumped back, Dovecot's master starts no process,
//! and a ring in which a director has died meanwhile would not heal in the time that is given.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::lab::command;
use crate::lab::dovecot::Dovecot;

const COMPILE_LIMIT: Duration = Duration::from_secs(60);

const VARIABLE: &str = "SOAK_CLOCK";
/// The only program that goes by it, if one is named.
const ONLY: &str = "SOAK_CLOCK_ONLY";

/// The file is mapped when the program starts: later it may have given up the right to open it. A program that
/// cannot map it ends, or it would go by the machine's clock and nobody would know.
const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static const volatile int64_t *ahead;
__attribute__((constructor)) static void map_the_file(void) {
    const char *file = getenv("SOAK_CLOCK");
    const char *only = getenv("SOAK_CLOCK_ONLY");
    if (file == NULL || (only != NULL && strcmp(program_invocation_short_name, only) != 0))
        return;
    int descriptor = open(file, O_RDONLY | O_CLOEXEC);
    void *mapped = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, descriptor, 0);
    if (mapped == MAP_FAILED)
        abort();
    close(descriptor);
    ahead = mapped;
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && ahead != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *ahead;
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
    folder: PathBuf,
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
        Clocks {
            folder: folder.to_path_buf(),
            library,
        }
    }

    /// One that is right. The name is for its file.
    pub fn clock(&self, name: &str) -> Clock {
        let path = self.folder.join(format!("{name}.clock"));
        let clock = Clock {
            library: self.library.clone(),
            file: File::create(&path).expect("the folder takes a file"),
            path,
        };
        clock.set(0);
        clock
    }
}

/// The wall clock of one or more programs.
pub struct Clock {
    library: PathBuf,
    path: PathBuf,
    file: File,
}

impl Clock {
    /// From now on it is so many seconds ahead, also for programs that run.
    pub fn set(&self, ahead: i64) {
        let bytes = ahead.to_ne_bytes();
        self.file
            .write_all_at(&bytes, 0)
            .expect("the folder takes a file");
    }

    /// The environment of a program that goes by it.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            (VARIABLE, self.path.display().to_string()),
        ]
    }

    /// This Dovecot's director goes by it from its next start on.
    pub fn give_to(&self, dovecot: &mut Dovecot) {
        dovecot.set_variable(ONLY, "director");
        for (name, value) in self.environment() {
            dovecot.set_variable(name, &value);
        }
        let first = "auth_failure_delay = 0\n";
        let imported = format!(
            "{first}import_environment = TZ CORE_OUTOFMEM CORE_ERROR LD_PRELOAD {VARIABLE} {ONLY}\n"
        );
        dovecot.replace_setting(first, &imported);
    }
}
