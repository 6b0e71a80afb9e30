//! The status file of a running monitor, read by somebody who looks: is it of our format, and does it still
//! tell the truth? Every face asks here, so that none shows old news as new. What a recording shows of a moment
//! (`replay`) is looked at as the same.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::libc::{O_NOCTTY, O_NONBLOCK};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde::Deserialize;

use crate::quote::Quote;
use crate::report::document::{Document, Time, FORMAT};
use crate::report::freshness::Freshness;

/// Where the daemon writes it unless told otherwise.
pub(crate) const USUAL_PATH: &str = "/run/poolmon/status.json";

/// 2,000 backends are about 10 MB.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Why there is nothing to show.
#[derive(Debug)]
pub(crate) enum ReadingError {
    File {
        path: PathBuf,
        cause: io::Error,
    },
    /// It is not what a monitor writes.
    Malformed {
        path: PathBuf,
        cause: serde_json::Error,
    },
    /// Another version of the program wrote it.
    Format {
        path: PathBuf,
        format: u32,
        version: Quote,
    },
    TooLong {
        path: PathBuf,
    },
}

impl fmt::Display for ReadingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadingError::File { path, cause } if cause.kind() == io::ErrorKind::NotFound => {
                write!(
                    f,
                    "{}: there is no status file: is the monitor running, and with --status-file?",
                    path.display()
                )
            }
            ReadingError::File { path, cause } => write!(f, "{}: {cause}", path.display()),
            ReadingError::Malformed { path, cause } => write!(
                f,
                "{}: not a status file: {}",
                path.display(),
                Quote::new(cause.to_string())
            ),
            ReadingError::Format {
                path,
                format,
                version,
            } => write!(
                f,
                "{}: format {format}, written by version {version}, and this program reads format \
                 {FORMAT}: use the program of the same version",
                path.display()
            ),
            ReadingError::TooLong { path } => {
                write!(f, "{}: longer than any status file", path.display())
            }
        }
    }
}

/// What every format begins with.
#[derive(Deserialize)]
struct Head {
    poolmon: HeadMonitor,
}

#[derive(Deserialize)]
struct HeadMonitor {
    format: u32,
    version: String,
}

/// What there is to show: of the running monitor, or of a moment of a recording.
pub(super) struct Looked {
    pub(super) document: Document,
    pub(super) freshness: Freshness,
    /// By the clock, or the moment.
    pub(super) now: Time,
}

impl Looked {
    pub(super) fn of_file(path: &Path) -> Result<Looked, ReadingError> {
        read(path).map(Looked::of_present)
    }

    /// What has just been read from the status file.
    pub(super) fn of_present(document: Document) -> Looked {
        let now = now();
        Looked {
            freshness: freshness(&document, now),
            document,
            now,
        }
    }

    /// What a recording says of the moment at which this document would have been written.
    pub(super) fn of_moment(document: Document) -> Looked {
        Looked {
            now: document.poolmon.written,
            freshness: Freshness::Fresh,
            document,
        }
    }
}

pub(crate) fn read(path: &Path) -> Result<Document, ReadingError> {
    parse(path, &read_text(path)?)
}

/// What stands in it, of whatever format.
pub(crate) fn read_text(path: &Path) -> Result<Vec<u8>, ReadingError> {
    let failed = |cause| ReadingError::File {
        path: path.to_path_buf(),
        cause,
    };
    let mut text = Vec::new();
    let file = open(path).map_err(failed)?;
    file.take(LONGEST + 1)
        .read_to_end(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > LONGEST {
        return Err(ReadingError::TooLong {
            path: path.to_path_buf(),
        });
    }
    Ok(text)
}

/// A FIFO would be waited for, perhaps for ever. But for one that is open already: by that a shell hands over what
/// another program writes.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let is_open_already = ["/dev/fd", "/proc/self/fd", "/dev/stdin"];
    if is_open_already.iter().any(|open| path.starts_with(open)) {
        return File::open(path);
    }
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK | O_NOCTTY)
        .open(path);
    match file {
        Ok(file) if file.metadata()?.is_file() => Ok(file),
        Ok(_) => Err(io::Error::new(io::ErrorKind::Other, "not a regular file")),
        Err(cause) => Err(cause),
    }
}

pub(crate) fn parse(path: &Path, text: &[u8]) -> Result<Document, ReadingError> {
    let malformed = |cause| ReadingError::Malformed {
        path: path.to_path_buf(),
        cause,
    };
    let head: Head = serde_json::from_slice(text).map_err(malformed)?;
    if head.poolmon.format != FORMAT {
        return Err(ReadingError::Format {
            path: path.to_path_buf(),
            format: head.poolmon.format,
            version: Quote::new(head.poolmon.version),
        });
    }
    serde_json::from_slice(text).map_err(malformed)
}

/// Seconds since 1970.
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// Whether there is a process of this number, whoever asks and whoever it belongs to.
fn is_running(pid: u32) -> bool {
    match i32::try_from(pid) {
        // Another user's process may not be signalled, and exists.
        Ok(pid) if pid > 0 => !matches!(kill(Pid::from_raw(pid), None), Err(Errno::ESRCH)),
        _ => false,
    }
}

/// Whether it still tells the truth.
pub(crate) fn freshness(document: &Document, now: Time) -> Freshness {
    Freshness::of(document, now, is_running(document.poolmon.pid))
}

#[cfg(test)]
mod tests {
    use std::os::unix::io::AsRawFd;

    use super::*;
    use crate::report::document::sample;

    #[test]
    fn it_is_looked_for_where_the_daemon_writes_it() {
        let mut options = crate::config::table::options();
        let status_file = options.find(|(_, option)| option.long == "status-file");
        let (_, option) = status_file.expect("an option");
        assert_eq!(option.default.shown(), USUAL_PATH);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let document = sample::five_troubles();
        let text = serde_json::to_vec(&document).unwrap();
        let head = format!("{{\"poolmon\":{{\"format\":{FORMAT},");
        assert!(text.starts_with(head.as_bytes()), "the format comes first");
        let read = parse(Path::new("s"), &text).unwrap();
        assert!(read == document, "the same values");
    }

    #[test]
    fn another_format_and_no_status_file_are_told_apart() {
        let mut document = sample::five_troubles();
        document.poolmon.format = FORMAT + 1;
        document.poolmon.version = "9.9.9".to_string();
        let text = serde_json::to_vec(&document).unwrap();
        let error = parse(Path::new("s"), &text).unwrap_err().to_string();
        assert_eq!(
            error,
            "s: format 2, written by version \"9.9.9\", and this program reads format 1: use the \
             program of the same version"
        );
        for text in ["", "{}", "[1]", "{\"poolmon\":{}}"] {
            let error = parse(Path::new("s"), text.as_bytes()).unwrap_err();
            assert!(matches!(error, ReadingError::Malformed { .. }), "{text}");
        }
        let error = read(Path::new("/nonexistent/status.json")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/nonexistent/status.json: there is no status file: is the monitor running, and with \
             --status-file?"
        );
    }

    #[test]
    fn a_fifo_and_a_folder_are_no_files_and_hold_nobody_up() {
        let folder = crate::scratch::Folder::new();
        let fifo = folder.path("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [fifo, folder.0.clone(), PathBuf::from("/dev/zero")] {
            let (done, is_done) = crossbeam_channel::bounded(1);
            let of_thread = path.clone();
            std::thread::spawn(move || {
                let _ = done.send(read(&of_thread));
            });
            let read = is_done.recv_timeout(std::time::Duration::from_secs(20));
            let told = read.expect("it ends").unwrap_err().to_string();
            assert_eq!(told, format!("{}: not a regular file", path.display()));
        }
    }

    /// As a shell hands over the output of another program: `<(zcat status.json.gz)`.
    #[test]
    fn a_pipe_that_is_open_already_is_read_to_its_end() {
        let mut printf = std::process::Command::new("printf");
        let printf = printf.arg("text").stdout(std::process::Stdio::piped());
        let mut printf = printf.spawn().unwrap();
        let pipe = printf.stdout.take().unwrap();
        let path = PathBuf::from(format!("/dev/fd/{}", pipe.as_raw_fd()));
        assert_eq!(read_text(&path).unwrap(), b"text");
        printf.wait().unwrap();
    }

    #[test]
    fn a_process_of_another_user_runs_and_one_that_has_ended_does_not() {
        assert!(is_running(std::process::id()));
        assert!(is_running(1));
        assert!(!is_running(0) && !is_running(u32::MAX));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert!(!is_running(child.id()));
    }
}
