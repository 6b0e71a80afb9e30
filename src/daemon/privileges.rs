//! `--user` and `--group`: who the process becomes once all that needs root is open.
//!
//! Each step is checked, and at the end it is tried to become root again: that has to fail. It does not
//! know which files are to be used afterwards.
//!
//! Unsafe because nix has prctl only since 0.27, and Debian 12 has 0.26.

use std::ffi::CString;
use std::fmt;
use std::os::raw::c_ulong;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{
    getegid, geteuid, getgroups, getresgid, getresuid, initgroups, setgroups, setresgid, setresuid,
    Gid, Group, Uid, User,
};

use super::core_dump;

/// Who the process is to be, found in the system's lists of users and groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// As the operator wrote it.
    name: String,
    user: Uid,
    group: Gid,
    further_groups: FurtherGroups,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum FurtherGroups {
    /// Those that the system's list of groups has for this name.
    OfUser(CString),
    /// A number without a name: no group lists it.
    None,
}

#[derive(Debug, PartialEq, Eq)]
pub enum PrivilegeError {
    GroupWithoutUser,
    UnknownUser(String),
    UnknownGroup(String),
    /// A user's number that the system's list does not have says nothing of a group.
    NoGroup(String),
    List {
        what: &'static str,
        cause: Errno,
    },
    /// Somebody else than root cannot become another user, nor another group.
    NotRoot {
        user: String,
        is: Uid,
    },
    Step {
        user: String,
        step: &'static str,
        cause: Errno,
    },
    /// A core may be written, or the memory read; the cause.
    Readable(String),
    /// The steps went well, and the process could still become root.
    CameBack {
        user: String,
    },
}

impl fmt::Display for PrivilegeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrivilegeError::GroupWithoutUser => {
                f.write_str("--group: expected --user beside it, root keeps its own group")
            }
            PrivilegeError::UnknownUser(user) => write!(f, "--user={user}: no such user"),
            PrivilegeError::UnknownGroup(group) => write!(f, "--group={group}: no such group"),
            PrivilegeError::NoGroup(user) => write!(
                f,
                "--user={user}: the system's list of users does not have it, expected --group beside it"
            ),
            PrivilegeError::List { what, cause } => {
                write!(f, "{what} cannot be looked up: {}", cause.desc())
            }
            PrivilegeError::NotRoot { user, is } => write!(
                f,
                "--user={user}: only root can become another user or group, and this is user {is}; start \
                 it as root, or as {user} (User={user} in a systemd unit) without --user"
            ),
            PrivilegeError::Step {
                user,
                step,
                cause: Errno::EPERM,
            } => write!(
                f,
                "--user={user}: {step} cannot be set: this root may not do that; where a sandbox takes its \
                 capabilities away, as poolmon.service does, say User={user} in the unit in place of --user"
            ),
            PrivilegeError::Step { user, step, cause } => {
                write!(f, "--user={user}: {step} cannot be set: {}", cause.desc())
            }
            PrivilegeError::Readable(cause) => {
                write!(
                    f,
                    "core dumps cannot be turned off, so a core file may contain passwords: {cause}"
                )
            }
            PrivilegeError::CameBack { user } => write!(
                f,
                "--user={user}: the process could become root again, so it does not start"
            ),
        }
    }
}

impl std::error::Error for PrivilegeError {}

impl Identity {
    /// By names or numbers. None: it stays who it is.
    pub fn find(
        user: Option<&str>,
        group: Option<&str>,
    ) -> Result<Option<Identity>, PrivilegeError> {
        let name = match (user, group) {
            (Some(user), _) => user,
            (None, Some(_)) => return Err(PrivilegeError::GroupWithoutUser),
            (None, None) => return Ok(None),
        };
        let listed = listed_user(name)?;
        let chosen_group = group.map(find_group).transpose()?;
        let identity = match (listed, name.parse()) {
            (Some(listed), _) => Identity {
                name: name.to_owned(),
                user: listed.uid,
                group: chosen_group.unwrap_or(listed.gid),
                further_groups: match CString::new(listed.name) {
                    Ok(name) => FurtherGroups::OfUser(name),
                    Err(_) => FurtherGroups::None,
                },
            },
            (None, Ok(number)) => Identity {
                name: name.to_owned(),
                user: Uid::from_raw(number),
                group: chosen_group.ok_or_else(|| PrivilegeError::NoGroup(name.to_owned()))?,
                further_groups: FurtherGroups::None,
            },
            (None, Err(_)) => return Err(PrivilegeError::UnknownUser(name.to_owned())),
        };
        Ok(Some(identity))
    }

    /// As the operator wrote it.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn user(&self) -> Uid {
        self.user
    }

    pub fn group(&self) -> Gid {
        self.group
    }

    /// To be called before anything is opened, and before the first thread is started: checks that the process can
    /// become this user. From then on no program that it starts can get rights by a set-user-ID bit; the kernel notes
    /// that of each thread, and a new one has it from the one that starts it.
    pub fn prepare(&self) -> Result<(), PrivilegeError> {
        self.check()?;
        no_new_privileges().map_err(|cause| self.failed("no_new_privs", cause))
    }

    /// Whether the process could become this.
    fn check(&self) -> Result<(), PrivilegeError> {
        if geteuid().is_root() || self.is_current()? {
            return Ok(());
        }
        Err(PrivilegeError::NotRoot {
            user: self.name.clone(),
            is: geteuid(),
        })
    }

    fn is_current(&self) -> Result<bool, PrivilegeError> {
        let has_group =
            getegid() == self.group || getgroups().map_or(false, |all| all.contains(&self.group));
        Ok(geteuid() == self.user && has_group)
    }

    /// Becomes this user for good: groups, group, user, in this order, as each step needs the rights that
    /// the next one takes away. All threads of the process follow (the C library's part of setuid).
    pub fn take_on(&self) -> Result<(), PrivilegeError> {
        self.prepare()?;
        let failed = |step| move |cause| self.failed(step, cause);
        if geteuid().is_root() {
            match &self.further_groups {
                FurtherGroups::OfUser(name) => initgroups(name, self.group),
                FurtherGroups::None => setgroups(&[self.group]),
            }
            .map_err(failed("the further groups"))?;
            setresgid(self.group, self.group, self.group).map_err(failed("the group"))?;
            setresuid(self.user, self.user, self.user).map_err(failed("the user"))?;
            self.prove()?;
        }
        // The kernel forgets that this process may not be read when it becomes another user.
        core_dump::forbid().map_err(|cause| PrivilegeError::Readable(cause.to_string()))
    }

    fn failed(&self, step: &'static str, cause: Errno) -> PrivilegeError {
        let user = self.name.clone();
        PrivilegeError::Step { user, step, cause }
    }

    /// All three numbers are the user's, and the way back is closed.
    fn prove(&self) -> Result<(), PrivilegeError> {
        let users = getresuid().map(|ids| [ids.real, ids.effective, ids.saved]);
        let groups = getresgid().map(|ids| [ids.real, ids.effective, ids.saved]);
        let root = (Uid::from_raw(0), Gid::from_raw(0));
        let is_root = self.user.is_root();
        let comes_back = !is_root
            && (setresuid(root.0, root.0, root.0).is_ok()
                || (self.group != root.1 && setresgid(root.1, root.1, root.1).is_ok()));
        match users == Ok([self.user; 3]) && groups == Ok([self.group; 3]) && !comes_back {
            true => Ok(()),
            false => Err(PrivilegeError::CameBack {
                user: self.name.clone(),
            }),
        }
    }
}

fn listed_user(name: &str) -> Result<Option<User>, PrivilegeError> {
    let failed = |cause| PrivilegeError::List {
        what: "--user",
        cause,
    };
    match (User::from_name(name), name.parse()) {
        (Ok(None), Ok(number)) => User::from_uid(Uid::from_raw(number)).map_err(failed),
        (found, _) => found.map_err(failed),
    }
}

fn find_group(name: &str) -> Result<Gid, PrivilegeError> {
    let found = Group::from_name(name).map_err(|cause| PrivilegeError::List {
        what: "--group",
        cause,
    })?;
    match (found, name.parse()) {
        (Some(group), _) => Ok(group.gid),
        (None, Ok(number)) => Ok(Gid::from_raw(number)),
        (None, Err(_)) => Err(PrivilegeError::UnknownGroup(name.to_owned())),
    }
}

#[allow(unsafe_code)]
fn no_new_privileges() -> Result<(), Errno> {
    let (yes, no): (c_ulong, c_ulong) = (1, 0);
    // SAFETY: PR_SET_NO_NEW_PRIVS takes a number and changes nothing but a mark of this thread.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, yes, no, no, no) };
    Errno::result(result).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_are_found_by_name_and_by_number() {
        let find = |user, group| Identity::find(user, group);
        assert_eq!(find(None, None), Ok(None));
        assert_eq!(
            find(None, Some("daemon")),
            Err(PrivilegeError::GroupWithoutUser)
        );
        let numbers = |user, group| {
            let identity = find(Some(user), group).unwrap().unwrap();
            (identity.user.as_raw(), identity.group.as_raw())
        };
        let root = (0, 0);
        assert_eq!(numbers("root", None), root);
        assert_eq!(numbers("0", None), root);
        assert_eq!(numbers("root", Some("4711")), (0, 4711));
        assert_eq!(numbers("4711", Some("root")), (4711, 0));
        let none = "no-such-name";
        let text = |user, group| find(Some(user), group).unwrap_err().to_string();
        assert_eq!(text(none, None), "--user=no-such-name: no such user");
        assert_eq!(
            text("root", Some(none)),
            "--group=no-such-name: no such group"
        );
        assert!(text("4711", None).contains("expected --group beside it"));
    }

    #[test]
    fn a_sandbox_that_keeps_the_capabilities_is_told_what_to_do_instead() {
        let error = PrivilegeError::Step {
            user: "poolmon".to_owned(),
            step: "group",
            cause: Errno::EPERM,
        };
        assert!(error.to_string().contains("say User=poolmon in the unit"));
    }
}
