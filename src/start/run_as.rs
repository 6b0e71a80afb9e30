//! `--user`: what is given to that user while the process is root's, and what that user lacks afterwards,
//! as lines for the log. So the start says what else only a reload, a rotation or a failure would show.
//!
//! How a process becomes another user is not known here.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::os::unix::io::AsRawFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc::{O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK};
use nix::unistd::{access, fchown, AccessFlags};

use crate::beside::{folder_of, writers, Beside, Writers};
use crate::config::settings::{LogTarget, Mode, Settings};
use crate::daemon::Identity;
use crate::logging;
use crate::pool::Access;
use crate::source::Source;

/// Makes the log file, if it is missing, as the user's. Nobody can have put another in its place then, whoever
/// may change its folder, as a group may that Ubuntu gives /var/log to. Where it cannot be made, its opening tells why.
pub fn make_log(identity: &Identity, settings: &Settings) {
    if let LogTarget::File(log) = &settings.files.log {
        let made = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(logging::MODE)
            .open(log);
        let _ = made.and_then(|log| change_owner(identity, &log));
    }
}

/// Gives the user what this program makes for itself, as root made it: the log file, the state file and its
/// lock, and a folder for what it writes that is not there yet. What cannot be given is told by `lacks`.
pub fn hand_over(identity: &Identity, settings: &Settings) {
    if let LogTarget::File(log) = &settings.files.log {
        give(identity, log);
    }
    for (_, path) in settings.files.published.files() {
        make_folder(identity, path, 0o755);
    }
    if let Some(recording) = &settings.files.record {
        make_folder(identity, recording, 0o700);
    }
    let state = &settings.files.state;
    if settings.mode == Mode::DryRun {
        return;
    }
    make_folder(identity, state, 0o700);
    for file in [state.clone(), Beside::Lock.of(state)] {
        give(identity, &file);
    }
}

/// If only the file's folder is missing, and nobody but root can put another in its place: elsewhere the user makes
/// it, if it may. One that is there is not ours to give.
fn make_folder(identity: &Identity, path: &Path, mode: u32) {
    let folder = folder_of(path);
    if is_roots_alone(folder_of(folder)) && DirBuilder::new().mode(mode).create(folder).is_ok() {
        let made = OpenOptions::new()
            .read(true)
            .custom_flags(O_DIRECTORY | O_NOFOLLOW)
            .open(folder);
        let _ = made.and_then(|folder| change_owner(identity, &folder));
    }
}

/// Whether nobody but root can put a file in place of another there.
fn is_roots_alone(folder: &Path) -> bool {
    fs::metadata(folder).map_or(false, |folder| {
        folder.uid() == 0 && writers(&folder) == Writers::Nobody
    })
}

/// Only a file of root's with one name, in a folder where nobody but root can have put another in its place:
/// else somebody could have any file of the system given away.
fn give(identity: &Identity, path: &Path) {
    let is_roots_folder = is_roots_alone(folder_of(path));
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(path);
    let (file, about) = match file.and_then(|file| Ok((file.metadata()?, file))) {
        Ok((about, file)) => (file, about),
        Err(_) => return,
    };
    if is_roots_folder && about.is_file() && about.uid() == 0 && about.nlink() == 1 {
        let _ = change_owner(identity, &file);
    }
}

fn change_owner(identity: &Identity, file: &File) -> io::Result<()> {
    fchown(
        file.as_raw_fd(),
        Some(identity.user()),
        Some(identity.group()),
    )
    .map_err(io::Error::from)
}

/// What the process cannot do as the user that it has become, each with what to do about it.
pub fn lacks(identity: &Identity, settings: &Settings, source: &Source) -> Vec<String> {
    let mut lines = Vec::new();
    let name = identity.name();
    let (socket, advice) = match settings.access() {
        Access::Director { socket } => (
            socket,
            "the director's socket, so no backend can be taken down or brought up: in Dovecot's service director \
             write unix_listener director-admin { group = GROUP, mode = 0660 } with a group of that user, in \
             three lines, let it enter the folders above, and doveadm reload",
        ),
        Access::HaProxy { socket, .. } => (
            socket,
            "HAProxy's socket, so no backend can be taken down or brought up: in its global section write stats socket \
             PATH mode 660 group GROUP level admin with a group of that user, let it enter the folders \
             above, and restart HAProxy",
        ),
    };
    if is_denied(&socket, AccessFlags::W_OK) {
        lines.push(format!(
            "{}: user {name} may not use {advice}",
            socket.display()
        ));
    }
    let passwords = [source.accounts(), settings.accounts.credentials.as_deref()];
    for path in passwords.into_iter().flatten() {
        if is_denied(path, AccessFlags::R_OK) {
            lines.push(format!(
                "{}: user {name} cannot read it, so a reload (HUP) will keep the accounts of this start: \
                 chown {name} {0}",
                path.display()
            ));
        }
    }
    let others = [
        source.config(),
        settings.probing.certificates.ca_file.as_deref(),
    ];
    for path in others.into_iter().flatten() {
        if is_denied(path, AccessFlags::R_OK) {
            lines.push(format!(
                "{}: user {name} cannot read it, so a reload (HUP) will keep the settings of this start: \
                 let that user, or a group of it, read it",
                path.display()
            ));
        }
    }
    if settings.mode == Mode::Live {
        let folder = settings.files.state.parent().map(PathBuf::from);
        let folder = folder.unwrap_or_else(|| PathBuf::from("/"));
        if is_denied(&folder, AccessFlags::W_OK | AccessFlags::X_OK) {
            lines.push(format!(
                "{}: user {name} cannot write here, so a restart will not know what this monitor did: chown \
                 -R {name} {0}, or --state-file in a folder of that user",
                folder.display()
            ));
        }
    }
    for (publication, path) in settings.files.published.files() {
        let folder = path.parent().unwrap_or_else(|| Path::new("/"));
        if is_denied(folder, AccessFlags::W_OK | AccessFlags::X_OK) {
            lines.push(format!(
                "{}: user {name} cannot write here, so there will be no {publication}: chown {name} {0}, or \
                 {} in a folder of that user",
                folder.display(),
                publication.option()
            ));
        }
    }
    if let Some(path) = &settings.files.record {
        let folder = path.parent().unwrap_or_else(|| Path::new("/"));
        if is_denied(folder, AccessFlags::W_OK | AccessFlags::X_OK) {
            lines.push(format!(
                "{}: user {name} cannot write here, so there will be no recording: chown {name} {0}, or \
                 --record in a folder of that user",
                folder.display()
            ));
        }
    }
    if let LogTarget::File(log) = &settings.files.log {
        if is_denied(log, AccessFlags::W_OK) {
            lines.push(format!(
                "{}: user {name} cannot open it anew, so after a rotation the log goes on in the old file: \
                 chown {name} {0}",
                log.display()
            ));
        }
    }
    lines
}

/// Whether it is there, and closed to this process.
fn is_denied(path: &Path, wanted: AccessFlags) -> bool {
    matches!(
        access(path, wanted),
        Err(Errno::EACCES | Errno::EPERM | Errno::EROFS)
    )
}
