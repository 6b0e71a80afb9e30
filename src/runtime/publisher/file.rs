//! How a file gets to its place, whole or not at all, for readers who come at any moment.
//!
//! Its folder may belong to another user: no link there is followed, and nothing is replaced that is no
//! file. A crash of the machine may lose it: it is written anew at the next start.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::libc::{O_DIRECTORY, O_NOFOLLOW};

use crate::beside::{create, Beside};
use crate::monitor::NOT_A_FILE;
use crate::read_only::Cause;

/// Anybody may read it: nothing in it is secret.
const MODE: u32 = 0o644;

/// How much of a file is in memory while it is written.
const BUFFER: usize = 64 * 1024;

/// Of a folder that is made for it.
const FOLDER_MODE: u32 = 0o755;

/// Writes a new file beside the old one and puts it in its place; `tell` writes what stands in it, bit by bit.
/// The folder is made if only that is missing. The error says what went wrong, and where.
pub(super) fn write(
    path: &Path,
    tell: &dyn Fn(&mut dyn Write) -> io::Result<()>,
) -> Result<(), String> {
    let kind = fs::symlink_metadata(path).map(|found| found.file_type());
    // A rename would put a file in place of `/dev/null`, or of a link that leads somewhere.
    if kind.map_or(false, |kind| !kind.is_file()) {
        return Err(NOT_A_FILE.to_owned());
    }
    let new = Beside::New.of(path);
    let failed = |cause: io::Error| {
        let path = &new;
        format!(
            "{}: {}",
            path.display(),
            Cause {
                path,
                cause: &cause
            }
        )
    };
    let file = create(&new, MODE).or_else(|cause| match cause.kind() {
        io::ErrorKind::NotFound => {
            make_folder(path)?;
            create(&new, MODE)
        }
        _ => Err(cause),
    });
    let file = file.map_err(failed)?;
    let moved = fill(file, tell).and_then(|()| fs::rename(&new, path));
    moved.map_err(|cause| {
        let _ = fs::remove_file(&new);
        failed(cause)
    })
}

/// It is not wanted any more; somebody may have removed it already.
pub(super) fn remove(path: &Path) {
    let is_file = fs::symlink_metadata(path).map_or(false, |found| found.is_file());
    if is_file {
        let _ = fs::remove_file(path);
    }
}

fn fill(file: File, tell: &dyn Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut buffered = BufWriter::with_capacity(BUFFER, &file);
    tell(&mut buffered)?;
    buffered.flush()?;
    // Whatever the umask is.
    file.set_permissions(Permissions::from_mode(MODE))
}

fn make_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    DirBuilder::new().mode(FOLDER_MODE).create(folder)?;
    // Whatever the umask is, and whatever somebody has put in its place since.
    let made = OpenOptions::new()
        .read(true)
        .custom_flags(O_DIRECTORY | O_NOFOLLOW)
        .open(folder)?;
    made.set_permissions(Permissions::from_mode(FOLDER_MODE))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use nix::errno::Errno;

    use super::*;
    use crate::scratch::Folder;

    fn text(text: &'static str) -> impl Fn(&mut dyn Write) -> io::Result<()> {
        move |file| file.write_all(text.as_bytes())
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_file_is_replaced_whole_and_its_folder_is_made() {
        let folder = Folder::new();
        let path = folder.path("run/status.json");
        write(&path, &text("one")).unwrap();
        let mut first = File::open(&path).unwrap();
        write(&path, &text("two")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        let mut text = String::new();
        first.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one", "as it was opened");
        assert_eq!((mode(&path), mode(&folder.path("run"))), (0o644, 0o755));
        assert_eq!(folder.names(), ["run"]);
    }

    #[test]
    fn a_folder_is_not_made_below_one_that_is_missing() {
        let folder = Folder::new();
        let path = folder.path("a/b/status.json");
        assert_eq!(
            write(&path, &text("x")).unwrap_err(),
            format!(
                "{}.new: No such file or directory (os error 2)",
                path.display()
            )
        );
        assert_eq!(folder.names(), [""; 0]);
    }

    #[test]
    fn nothing_but_a_file_is_replaced_or_removed() {
        let folder = Folder::new();
        fs::write(folder.path("target"), "mine").unwrap();
        symlink(folder.path("target"), folder.path("link")).unwrap();
        symlink(folder.path("nothing"), folder.path("broken")).unwrap();
        fs::create_dir(folder.path("folder")).unwrap();
        let there = folder.names();
        for name in ["link", "broken", "folder"] {
            let path = folder.path(name);
            assert_eq!(
                write(&path, &text("x")).unwrap_err(),
                "something other than a file has this name"
            );
            remove(&path);
        }
        assert_eq!(folder.names(), there);
        assert_eq!(fs::read(folder.path("target")).unwrap(), b"mine");
    }

    #[test]
    fn what_lies_at_the_new_file_s_name_is_not_followed() {
        let folder = Folder::new();
        fs::write(folder.path("target"), "mine").unwrap();
        let path = folder.path("status.json");
        symlink(folder.path("target"), folder.path("status.json.new")).unwrap();
        write(&path, &text("x")).unwrap();
        assert_eq!(fs::read(folder.path("target")).unwrap(), b"mine");
        assert_eq!(folder.names(), ["status.json", "target"]);
    }

    #[test]
    fn a_full_disk_leaves_the_old_file_and_no_new_one() {
        let folder = Folder::new();
        let path = folder.path("status.json");
        write(&path, &text("old")).unwrap();
        let error = fill(
            OpenOptions::new().write(true).open("/dev/full").unwrap(),
            &text("x"),
        );
        assert_eq!(
            error.unwrap_err().raw_os_error(),
            Some(Errno::ENOSPC as i32)
        );
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }

    #[test]
    fn a_file_that_is_not_wanted_any_more_goes() {
        let folder = Folder::new();
        let path = folder.path("status.json");
        write(&path, &text("x")).unwrap();
        remove(&path);
        remove(&path);
        assert_eq!(folder.names(), [""; 0]);
    }
}
