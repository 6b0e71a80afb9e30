//! The cause of an error that a file could not be written, with the cure where the file system is
//! read-only to this process. It knows why that usually is so; it touches no file.

use std::fmt;
use std::io;
use std::path::Path;

use nix::errno::Errno;

use crate::quote::Quote;

// It has no stable `ErrorKind` in Rust 1.63.
const EROFS: i32 = Errno::EROFS as i32;

/// Prints the cause; the unit's sandbox (ProtectSystem=strict) makes everything read-only that
/// ReadWritePaths does not name.
#[derive(Debug)]
pub struct Cause<'a> {
    /// The file that could not be written. Its folder is named in the cure.
    pub path: &'a Path,
    /// Only EROFS has a cure here.
    pub cause: &'a io::Error,
}

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cause)?;
        if self.cause.raw_os_error() != Some(EROFS) {
            return Ok(());
        }
        let folder = self.path.parent().unwrap_or_else(|| Path::new("/"));
        write!(
            f,
            "; under systemd, write a drop-in (systemctl edit poolmon) with [Service] and \
             ReadWritePaths={} in it",
            Quote::new(folder.to_string_lossy().as_bytes())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_read_only_file_system_is_cured_by_a_drop_in() {
        let text = |errno: Errno, path: &str| {
            let cause = io::Error::from_raw_os_error(errno as i32);
            let path = Path::new(path);
            Cause {
                path,
                cause: &cause,
            }
            .to_string()
        };
        let advised = text(Errno::EROFS, "/srv/mon/poolmon.pid");
        assert!(
            advised.starts_with("Read-only file system (os error 30); "),
            "{advised}"
        );
        assert!(advised.contains("ReadWritePaths=\"/srv/mon\""), "{advised}");
        assert_eq!(
            text(Errno::EACCES, "/srv/mon/poolmon.pid"),
            "Permission denied (os error 13)"
        );
        assert!(text(Errno::EROFS, "/").contains("ReadWritePaths=\"/\""));
    }
}
